
/*
 * Copyright (C) the ngx_http_webhook_module authors
 */


/*
 * What people do to one webhook event: an attempt now, or no further one.
 * Runs in the writing thread, inside a transaction.
 *
 * An attempt that somebody has asked for is none of the schedule: where it
 * fails, the event is again what it was.  It is made by the worker that was
 * asked, where it has room; else it is due, and any worker claims it.
 */


#include "ngx_http_webhook_sqlite.h"


static ngx_int_t ngx_http_webhook_sqlite_retry_find(
    ngx_http_webhook_sqlite_t *s, ngx_http_webhook_op_t *op,
    ngx_uint_t access, ngx_http_webhook_id_t *company_id);
static ngx_http_webhook_store_status_e ngx_http_webhook_sqlite_retry_check(
    ngx_http_webhook_event_op_t *eop, ngx_http_webhook_target_t *target);
static ngx_int_t ngx_http_webhook_sqlite_event_again(
    ngx_http_webhook_sqlite_t *s, ngx_http_webhook_event_op_t *eop,
    ngx_http_webhook_id_t company_id);


ngx_int_t
ngx_http_webhook_sqlite_event_retry(ngx_http_webhook_sqlite_t *s,
    ngx_http_webhook_op_t *op)
{
    ngx_http_webhook_event_op_t *eop = (ngx_http_webhook_event_op_t *) op;

    int64_t                     due_at;
    ngx_int_t                   rc;
    ngx_http_webhook_id_t       company_id;
    ngx_http_webhook_target_t  *target;

    rc = ngx_http_webhook_sqlite_retry_find(s, op, 1, &company_id);

    if (rc != NGX_OK || company_id == 0) {
        return rc;
    }

    target = ngx_http_webhook_sqlite_target(s, eop->event.webhook_id);

    op->status = ngx_http_webhook_sqlite_retry_check(eop, target);

    if (op->status != NGX_HTTP_WEBHOOK_STORE_OK) {
        return NGX_OK;
    }

    /* one that is due already keeps its place, and so does one of an ordered
       webhook that the others wait for */

    due_at = (eop->event.status == NGX_HTTP_WEBHOOK_PENDING)
             ? s->now : ngx_http_webhook_sqlite_again_due(s, target);

    if ((eop->event.status != NGX_HTTP_WEBHOOK_PENDING
         || eop->event.due_at > s->now)
        && ngx_http_webhook_sqlite_run(s, NGX_HTTP_WEBHOOK_SQL_EVENT_RETRY, 2,
                                       eop->event.id, due_at, 0)
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    /* an ordered webhook's is claimed when it is its turn */

    if ((!target->rules.ordered || eop->event.test)
        && ngx_http_webhook_sqlite_claim_one(s, &eop->held, target,
                                             eop->event.id)
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (ngx_queue_empty(&eop->held)
        && ngx_http_webhook_sqlite_queue_add(s, target->id, s->now) != NGX_OK)
    {
        return NGX_ERROR;
    }

    return ngx_http_webhook_sqlite_event_again(s, eop, company_id);
}


/* Why it cannot be. */

static ngx_http_webhook_store_status_e
ngx_http_webhook_sqlite_retry_check(ngx_http_webhook_event_op_t *eop,
    ngx_http_webhook_target_t *target)
{
    if (target == NULL || target->deleted) {
        return NGX_HTTP_WEBHOOK_STORE_DELETED;
    }

    if (eop->event.owned) {
        return NGX_HTTP_WEBHOOK_STORE_IN_FLIGHT;
    }

    if (eop->payload.len == 0) {
        return NGX_HTTP_WEBHOOK_STORE_ERASED;
    }

    if (!target->enabled && !eop->event.test) {
        return NGX_HTTP_WEBHOOK_STORE_DISABLED;
    }

    return NGX_HTTP_WEBHOOK_STORE_OK;
}


/*
 * What a worker has of it ends with its attempt, which is recorded: the row
 * stays owned until then.
 */

ngx_int_t
ngx_http_webhook_sqlite_event_cancel(ngx_http_webhook_sqlite_t *s,
    ngx_http_webhook_op_t *op)
{
    ngx_http_webhook_event_op_t *eop = (ngx_http_webhook_event_op_t *) op;

    ngx_int_t               rc;
    ngx_str_t               reason = ngx_string("cancelled_by_request");
    sqlite3_stmt           *stmt;
    ngx_http_webhook_id_t   company_id;

    rc = ngx_http_webhook_sqlite_retry_find(s, op, 0, &company_id);

    if (rc != NGX_OK || company_id == 0) {
        return rc;
    }

    if (eop->event.status == NGX_HTTP_WEBHOOK_CANCELLED) {
        return NGX_OK;
    }

    if (eop->event.status != NGX_HTTP_WEBHOOK_PENDING) {
        op->status = NGX_HTTP_WEBHOOK_STORE_ENDED;
        return NGX_OK;
    }

    stmt = ngx_http_webhook_sqlite_stmt(s, NGX_HTTP_WEBHOOK_SQL_EVENT_CANCEL);

    ngx_http_webhook_sqlite_int(stmt, 1, eop->event.id);
    ngx_http_webhook_sqlite_text(stmt, 2, &reason);

    if (ngx_http_webhook_sqlite_exec(s, stmt) != NGX_OK) {
        return NGX_ERROR;
    }

    s->tally.cancelled++;

    /* others may have waited for it */

    if (ngx_http_webhook_sqlite_queue_add(s, eop->event.webhook_id, s->now)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    return ngx_http_webhook_sqlite_event_again(s, eop, company_id);
}


static ngx_int_t
ngx_http_webhook_sqlite_retry_find(ngx_http_webhook_sqlite_t *s,
    ngx_http_webhook_op_t *op, ngx_uint_t access,
    ngx_http_webhook_id_t *company_id)
{
    ngx_http_webhook_event_op_t *eop = (ngx_http_webhook_event_op_t *) op;

    ngx_int_t              rc;
    ngx_http_webhook_id_t  last;

    rc = ngx_http_webhook_sqlite_company_for(s, op, &eop->ref, access,
                                             company_id);

    if (rc != NGX_OK || *company_id == 0) {
        return rc;
    }

    rc = ngx_http_webhook_sqlite_event_find(s, eop, *company_id, &last);

    if (rc == NGX_DECLINED) {
        op->status = NGX_HTTP_WEBHOOK_STORE_NOT_FOUND;
        *company_id = 0;
        return NGX_OK;
    }

    return rc;
}


/* The event as it is now, for the answer. */

static ngx_int_t
ngx_http_webhook_sqlite_event_again(ngx_http_webhook_sqlite_t *s,
    ngx_http_webhook_event_op_t *eop, ngx_http_webhook_id_t company_id)
{
    ngx_http_webhook_id_t  last;

    return (ngx_http_webhook_sqlite_event_find(s, eop, company_id, &last)
            == NGX_OK) ? NGX_OK : NGX_ERROR;
}
