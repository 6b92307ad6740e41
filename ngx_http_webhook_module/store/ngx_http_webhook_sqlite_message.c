
/*
 * Copyright (C) the ngx_http_webhook_module authors
 */


/*
 * Messages as the admin API shows them: lists (sqlite_list.c), and one with
 * its webhook events.  Runs in a reading thread, in a read transaction.
 */


#include "ngx_http_webhook_sqlite.h"


#define NGX_HTTP_WEBHOOK_SQLITE_MESSAGE_EVENTS  250   /* shown with it */


static ngx_int_t ngx_http_webhook_sqlite_message_page(
    ngx_http_webhook_sqlite_t *s, ngx_http_webhook_op_t *op,
    ngx_uint_t indexed);
static ngx_int_t ngx_http_webhook_sqlite_message_listed(
    ngx_http_webhook_sqlite_t *s, ngx_http_webhook_list_op_t *list,
    ngx_http_webhook_id_t company_id, ngx_http_webhook_id_t id);
static ngx_int_t ngx_http_webhook_sqlite_message_columns(sqlite3_stmt *stmt,
    ngx_pool_t *pool, ngx_http_webhook_message_row_t *row);
static ngx_int_t ngx_http_webhook_sqlite_message_events(
    ngx_http_webhook_sqlite_t *s, ngx_http_webhook_message_op_t *mop,
    ngx_http_webhook_id_t company_id);


ngx_int_t
ngx_http_webhook_sqlite_message_list(ngx_http_webhook_sqlite_t *s,
    ngx_http_webhook_op_t *op)
{
    return ngx_http_webhook_sqlite_indexed(s, op,
                                         ngx_http_webhook_sqlite_message_page);
}


static ngx_int_t
ngx_http_webhook_sqlite_message_page(ngx_http_webhook_sqlite_t *s,
    ngx_http_webhook_op_t *op, ngx_uint_t indexed)
{
    ngx_http_webhook_list_op_t *list = (ngx_http_webhook_list_op_t *) op;

    ngx_int_t                       rc;
    ngx_http_webhook_sqlite_list_t  l;

    rc = ngx_http_webhook_sqlite_list_begin(s, list, &l, indexed,
                                       sizeof(ngx_http_webhook_message_row_t));

    if (rc != NGX_OK || l.company_id == 0) {
        return rc;
    }

    l.row = ngx_http_webhook_sqlite_message_listed;
    l.end = NGX_HTTP_WEBHOOK_SQL_MESSAGE_SLICE_END;

    if (!l.indexed) {
        l.ids = NGX_HTTP_WEBHOOK_SQL_MESSAGE_IDS_SLICE;
        l.slice = 1;

    } else if (list->event.data) {
        l.ids = NGX_HTTP_WEBHOOK_SQL_MESSAGE_IDS_NAME;

    } else {
        l.ids = NGX_HTTP_WEBHOOK_SQL_MESSAGE_IDS_COMPANY;
    }

    return ngx_http_webhook_sqlite_list_page(s, list, &l);
}


/* Adds a message to the page, if it belongs there. */

static ngx_int_t
ngx_http_webhook_sqlite_message_listed(ngx_http_webhook_sqlite_t *s,
    ngx_http_webhook_list_op_t *list, ngx_http_webhook_id_t company_id,
    ngx_http_webhook_id_t id)
{
    ngx_int_t                        rc;
    ngx_uint_t                       i;
    sqlite3_stmt                    *stmt;
    ngx_http_webhook_message_row_t  *row;

    stmt = ngx_http_webhook_sqlite_stmt(s, NGX_HTTP_WEBHOOK_SQL_MESSAGE_ROW);

    ngx_http_webhook_sqlite_int(stmt, 1, id);
    ngx_http_webhook_sqlite_int(stmt, 2, company_id);
    ngx_http_webhook_sqlite_text(stmt, 3, &list->event);
    ngx_http_webhook_sqlite_blob(stmt, 4, &list->text);

    for (i = 0; i < NGX_HTTP_WEBHOOK_FORMS; i++) {
        ngx_http_webhook_sqlite_blob(stmt, 5 + i, &list->forms[i]);
    }

    rc = ngx_http_webhook_sqlite_step(s, stmt);

    if (rc != NGX_OK) {
        return (rc == NGX_DONE) ? NGX_OK : NGX_ERROR;
    }

    row = ngx_array_push(list->rows);
    if (row == NULL) {
        return NGX_ERROR;
    }

    rc = ngx_http_webhook_sqlite_message_columns(stmt, list->op.pool, row);

    (void) sqlite3_reset(stmt);

    return rc;
}


static ngx_int_t
ngx_http_webhook_sqlite_message_columns(sqlite3_stmt *stmt, ngx_pool_t *pool,
    ngx_http_webhook_message_row_t *row)
{
    row->id = sqlite3_column_int64(stmt, 0);
    row->size = (size_t) sqlite3_column_int64(stmt, 2);

    return ngx_http_webhook_sqlite_column(stmt, 1, pool, &row->event);
}


ngx_int_t
ngx_http_webhook_sqlite_message_get(ngx_http_webhook_sqlite_t *s,
    ngx_http_webhook_op_t *op)
{
    ngx_http_webhook_message_op_t *mop = (ngx_http_webhook_message_op_t *) op;

    ngx_int_t               rc;
    sqlite3_stmt           *stmt;
    ngx_http_webhook_id_t   company_id;

    rc = ngx_http_webhook_sqlite_company_for(s, op, &mop->ref, 0, &company_id);

    if (rc != NGX_OK || company_id == 0) {
        return rc;
    }

    stmt = ngx_http_webhook_sqlite_stmt(s, NGX_HTTP_WEBHOOK_SQL_MESSAGE_GET);

    ngx_http_webhook_sqlite_int(stmt, 1, mop->message.id);
    ngx_http_webhook_sqlite_int(stmt, 2, company_id);

    rc = ngx_http_webhook_sqlite_step(s, stmt);

    if (rc == NGX_DONE) {
        op->status = NGX_HTTP_WEBHOOK_STORE_NOT_FOUND;
        return NGX_OK;
    }

    if (rc != NGX_OK
        || ngx_http_webhook_sqlite_message_columns(stmt, op->pool,
                                                   &mop->message)
           != NGX_OK
        || ngx_http_webhook_sqlite_column(stmt, 3, op->pool, &mop->payload)
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    (void) sqlite3_reset(stmt);

    return ngx_http_webhook_sqlite_message_events(s, mop, company_id);
}


/* Its webhook events, as a list of them has them. */

static ngx_int_t
ngx_http_webhook_sqlite_message_events(ngx_http_webhook_sqlite_t *s,
    ngx_http_webhook_message_op_t *mop, ngx_http_webhook_id_t company_id)
{
    ngx_int_t                    rc;
    sqlite3_stmt                *stmt;
    ngx_http_webhook_id_t        id;
    ngx_http_webhook_list_op_t   list;

    ngx_memzero(&list, sizeof(ngx_http_webhook_list_op_t));

    id = mop->message.id;

    list.op.pool = mop->op.pool;
    list.message_id = id;
    list.status = -1;
    list.rows = ngx_array_create(mop->op.pool, 4,
                                 sizeof(ngx_http_webhook_event_t));
    if (list.rows == NULL) {
        return NGX_ERROR;
    }

    stmt = ngx_http_webhook_sqlite_stmt(s,
                                        NGX_HTTP_WEBHOOK_SQL_MESSAGE_EVENTS);

    ngx_http_webhook_sqlite_int(stmt, 1, id);
    ngx_http_webhook_sqlite_int(stmt, 2,
                                ngx_http_webhook_sqlite_last_event(id));
    ngx_http_webhook_sqlite_int(stmt, 3,
                                NGX_HTTP_WEBHOOK_SQLITE_MESSAGE_EVENTS);

    while ((rc = ngx_http_webhook_sqlite_step(s, stmt)) == NGX_OK) {

        if (ngx_http_webhook_sqlite_event_listed(s, &list, company_id,
                                             sqlite3_column_int64(stmt, 0))
            != NGX_OK)
        {
            return NGX_ERROR;
        }
    }

    if (rc != NGX_DONE) {
        return NGX_ERROR;
    }

    mop->events = list.rows;

    return ngx_http_webhook_sqlite_waits(s, list.rows->elts, list.rows->nelts,
                                         mop->op.pool);
}
