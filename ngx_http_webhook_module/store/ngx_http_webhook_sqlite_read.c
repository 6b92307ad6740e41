
/*
 * Copyright (C) the ngx_http_webhook_module authors
 */


/*
 * A webhook event and its attempts as the admin API shows them.  Runs in a
 * reading thread.
 */


#include "ngx_http_webhook_sqlite.h"


static ngx_int_t ngx_http_webhook_sqlite_attempts(
    ngx_http_webhook_sqlite_t *s, ngx_http_webhook_event_op_t *eop,
    ngx_http_webhook_id_t id);
static ngx_int_t ngx_http_webhook_sqlite_attempt_row(sqlite3_stmt *stmt,
    ngx_pool_t *pool, ngx_http_webhook_attempt_t *a);


ngx_int_t
ngx_http_webhook_sqlite_event_row(sqlite3_stmt *stmt, ngx_pool_t *pool,
    ngx_http_webhook_event_t *event)
{
    event->id = sqlite3_column_int64(stmt, 0);
    event->message_id = sqlite3_column_int64(stmt, 1);
    event->webhook_id = sqlite3_column_int64(stmt, 2);
    event->status = sqlite3_column_int(stmt, 4);
    event->retries = sqlite3_column_int(stmt, 5);
    event->due_at = sqlite3_column_int64(stmt, 6);
    event->delivered_at = sqlite3_column_int64(stmt, 7);
    event->owned = (sqlite3_column_int64(stmt, 9) != 0);
    event->test = (sqlite3_column_int(stmt, 10) != 0);
    event->waits = NGX_HTTP_WEBHOOK_WAITS_NOT;

    if (ngx_http_webhook_sqlite_column(stmt, 3, pool, &event->event) != NGX_OK)
    {
        return NGX_ERROR;
    }

    return ngx_http_webhook_sqlite_column(stmt, 8, pool, &event->reason);
}


ngx_int_t
ngx_http_webhook_sqlite_event_get(ngx_http_webhook_sqlite_t *s,
    ngx_http_webhook_op_t *op)
{
    ngx_http_webhook_event_op_t *eop = (ngx_http_webhook_event_op_t *) op;

    ngx_int_t              rc;
    ngx_http_webhook_id_t  last, company_id;

    rc = ngx_http_webhook_sqlite_company_for(s, op, &eop->ref, 0, &company_id);

    if (rc != NGX_OK || company_id == 0) {
        return rc;
    }

    rc = ngx_http_webhook_sqlite_event_find(s, eop, company_id, &last);

    if (rc == NGX_DECLINED) {
        op->status = NGX_HTTP_WEBHOOK_STORE_NOT_FOUND;
        return NGX_OK;
    }

    return (rc == NGX_OK) ? ngx_http_webhook_sqlite_attempts(s, eop, last)
                          : NGX_ERROR;
}


ngx_int_t
ngx_http_webhook_sqlite_event_find(ngx_http_webhook_sqlite_t *s,
    ngx_http_webhook_event_op_t *eop, ngx_http_webhook_id_t company_id,
    ngx_http_webhook_id_t *last)
{
    ngx_int_t      rc;
    sqlite3_stmt  *stmt;

    stmt = ngx_http_webhook_sqlite_stmt(s, NGX_HTTP_WEBHOOK_SQL_EVENT_GET);

    ngx_http_webhook_sqlite_int(stmt, 1, eop->event.id);
    ngx_http_webhook_sqlite_int(stmt, 2, company_id);

    rc = ngx_http_webhook_sqlite_step(s, stmt);

    if (rc != NGX_OK) {
        return (rc == NGX_DONE) ? NGX_DECLINED : NGX_ERROR;
    }

    if (ngx_http_webhook_sqlite_event_row(stmt, eop->op.pool, &eop->event)
            != NGX_OK
        || ngx_http_webhook_sqlite_column(stmt, 12, eop->op.pool,
                                          &eop->payload)
            != NGX_OK)
    {
        return NGX_ERROR;
    }

    *last = sqlite3_column_int64(stmt, 11);

    (void) sqlite3_reset(stmt);

    return ngx_http_webhook_sqlite_waits(s, &eop->event, 1, eop->op.pool);
}


/* Follows the chain from the last attempt, and turns it round. */

static ngx_int_t
ngx_http_webhook_sqlite_attempts(ngx_http_webhook_sqlite_t *s,
    ngx_http_webhook_event_op_t *eop, ngx_http_webhook_id_t id)
{
    ngx_int_t                    rc;
    ngx_uint_t                   i, n;
    sqlite3_stmt                *stmt;
    ngx_http_webhook_attempt_t  *a, swap;

    eop->attempts = ngx_array_create(eop->op.pool, 6,
                                     sizeof(ngx_http_webhook_attempt_t));
    if (eop->attempts == NULL) {
        return NGX_ERROR;
    }

    while (id) {
        stmt = ngx_http_webhook_sqlite_stmt(s,
                                            NGX_HTTP_WEBHOOK_SQL_ATTEMPT_GET);
        ngx_http_webhook_sqlite_int(stmt, 1, id);

        rc = ngx_http_webhook_sqlite_step(s, stmt);

        if (rc == NGX_DONE) {
            break;
        }

        a = (rc == NGX_OK) ? ngx_array_push(eop->attempts) : NULL;
        if (a == NULL
            || ngx_http_webhook_sqlite_attempt_row(stmt, eop->op.pool, a)
               != NGX_OK)
        {
            return NGX_ERROR;
        }

        a->id = id;
        id = sqlite3_column_int64(stmt, 0);

        (void) sqlite3_reset(stmt);
    }

    a = eop->attempts->elts;
    n = eop->attempts->nelts;

    for (i = 0; i < n / 2; i++) {
        swap = a[i];
        a[i] = a[n - 1 - i];
        a[n - 1 - i] = swap;
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_webhook_sqlite_attempt_row(sqlite3_stmt *stmt, ngx_pool_t *pool,
    ngx_http_webhook_attempt_t *a)
{
    a->number = sqlite3_column_int(stmt, 1);
    a->started_at = sqlite3_column_int64(stmt, 2);
    a->status_code = sqlite3_column_int(stmt, 3);
    a->duration = (ngx_uint_t) sqlite3_column_int64(stmt, 6);
    a->name_lookup = (ngx_uint_t) sqlite3_column_int64(stmt, 7);
    a->connect = (ngx_uint_t) sqlite3_column_int64(stmt, 8);
    a->tls = (ngx_uint_t) sqlite3_column_int64(stmt, 9);
    a->first_byte = (ngx_uint_t) sqlite3_column_int64(stmt, 10);
    a->signed_at = (time_t) sqlite3_column_int64(stmt, 13);
    a->truncated = (sqlite3_column_int(stmt, 18) != 0);

    if (ngx_http_webhook_sqlite_column(stmt, 4, pool, &a->error) != NGX_OK
        || ngx_http_webhook_sqlite_column(stmt, 5, pool, &a->detail) != NGX_OK
        || ngx_http_webhook_sqlite_column(stmt, 11, pool, &a->peer) != NGX_OK
        || ngx_http_webhook_sqlite_column(stmt, 12, pool, &a->url) != NGX_OK
        || ngx_http_webhook_sqlite_column(stmt, 14, pool, &a->signature)
           != NGX_OK
        || ngx_http_webhook_sqlite_column(stmt, 15, pool, &a->standard)
           != NGX_OK
        || ngx_http_webhook_sqlite_column(stmt, 16, pool, &a->response_head)
           != NGX_OK
        || ngx_http_webhook_sqlite_column(stmt, 17, pool, &a->response_body)
           != NGX_OK
        || ngx_http_webhook_sqlite_column(stmt, 19, pool, &a->previous)
           != NGX_OK
        || ngx_http_webhook_sqlite_column(stmt, 20, pool, &a->header_names)
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    return NGX_OK;
}
