
/*
 * Copyright (C) the ngx_http_webhook_module authors
 */


/*
 * Lists of webhook events, and what they share with lists of messages.  Runs
 * in a reading thread, in a read transaction.
 *
 * What may be in a list comes from the index, from what the store has had
 * since (the index is behind it), and from what has changed since; each of it
 * is looked at in the store, so that a list is never late or wrong.  Where the
 * index is missing or far behind, a slice of everything is looked at instead.
 * Either way a page looks at so many, for so long, and no more: where it does
 * not get full, its cursor goes on behind them.
 */


#include "ngx_http_webhook_sqlite.h"


#define NGX_HTTP_WEBHOOK_SQLITE_CLOCK  16        /* rows between looks at it */


static ngx_int_t ngx_http_webhook_sqlite_event_page(
    ngx_http_webhook_sqlite_t *s, ngx_http_webhook_op_t *op,
    ngx_uint_t indexed);
static ngx_int_t ngx_http_webhook_sqlite_list_owner(
    ngx_http_webhook_sqlite_t *s, ngx_http_webhook_id_t webhook_id,
    ngx_http_webhook_id_t *owner);
static void ngx_http_webhook_sqlite_event_ids(ngx_http_webhook_list_op_t *list,
    ngx_http_webhook_sqlite_list_t *l);
static sqlite3_stmt *ngx_http_webhook_sqlite_list_ids(
    ngx_http_webhook_sqlite_t *s, ngx_http_webhook_list_op_t *list,
    ngx_http_webhook_sqlite_list_t *l);
static ngx_int_t ngx_http_webhook_sqlite_list_end(ngx_http_webhook_sqlite_t *s,
    ngx_http_webhook_list_op_t *list, ngx_http_webhook_sqlite_list_t *l);


ngx_int_t
ngx_http_webhook_sqlite_indexed(ngx_http_webhook_sqlite_t *s,
    ngx_http_webhook_op_t *op, ngx_http_webhook_sqlite_indexed_pt run)
{
    if (s->index == 0) {
        return run(s, op, 0);
    }

    s->damaged = 0;

    if (run(s, op, 1) == NGX_OK) {
        return NGX_OK;
    }

    ngx_http_webhook_sqlite_rollback(s);

    if (ngx_http_webhook_sqlite_exec(s,
            ngx_http_webhook_sqlite_stmt(s, NGX_HTTP_WEBHOOK_SQL_BEGIN_READ))
            != NGX_OK
        || run(s, op, 0) != NGX_OK)
    {
        return NGX_ERROR;
    }

    /* the store is well: it was the index */

    ngx_http_webhook_sqlite_index_failed(s);

    return NGX_OK;
}


ngx_int_t
ngx_http_webhook_sqlite_event_list(ngx_http_webhook_sqlite_t *s,
    ngx_http_webhook_op_t *op)
{
    return ngx_http_webhook_sqlite_indexed(s, op,
                                           ngx_http_webhook_sqlite_event_page);
}


static ngx_int_t
ngx_http_webhook_sqlite_event_page(ngx_http_webhook_sqlite_t *s,
    ngx_http_webhook_op_t *op, ngx_uint_t indexed)
{
    ngx_http_webhook_list_op_t *list = (ngx_http_webhook_list_op_t *) op;

    ngx_int_t                       rc;
    ngx_http_webhook_id_t           owner;
    ngx_http_webhook_sqlite_list_t  l;

    rc = ngx_http_webhook_sqlite_list_begin(s, list, &l, indexed,
                                            sizeof(ngx_http_webhook_event_t));

    if (rc != NGX_OK || l.company_id == 0) {
        return rc;
    }

    if (list->webhook_id) {

        if (ngx_http_webhook_sqlite_list_owner(s, list->webhook_id, &owner)
            != NGX_OK)
        {
            return NGX_ERROR;
        }

        if (owner != l.company_id) {
            return NGX_OK;
        }
    }

    ngx_http_webhook_sqlite_event_ids(list, &l);

    if (ngx_http_webhook_sqlite_list_page(s, list, &l) != NGX_OK) {
        return NGX_ERROR;
    }

    return ngx_http_webhook_sqlite_waits(s, list->rows->elts,
                                         list->rows->nelts, op->pool);
}


/* Whose a webhook is, deleted or not; 0 where there is none. */

static ngx_int_t
ngx_http_webhook_sqlite_list_owner(ngx_http_webhook_sqlite_t *s,
    ngx_http_webhook_id_t webhook_id, ngx_http_webhook_id_t *owner)
{
    ngx_int_t      rc;
    sqlite3_stmt  *stmt;

    stmt = ngx_http_webhook_sqlite_stmt(s, NGX_HTTP_WEBHOOK_SQL_LIST_OWNER);
    ngx_http_webhook_sqlite_int(stmt, 1, webhook_id);

    rc = ngx_http_webhook_sqlite_step(s, stmt);

    *owner = 0;

    if (rc == NGX_OK) {
        *owner = sqlite3_column_int64(stmt, 0);
        (void) sqlite3_reset(stmt);
    }

    return (rc == NGX_ERROR) ? NGX_ERROR : NGX_OK;
}


/* The narrowest of the lists that there are. */

static void
ngx_http_webhook_sqlite_event_ids(ngx_http_webhook_list_op_t *list,
    ngx_http_webhook_sqlite_list_t *l)
{
    l->row = ngx_http_webhook_sqlite_event_listed;
    l->end = NGX_HTTP_WEBHOOK_SQL_SLICE_END;

    if (list->message_id) {
        l->ids = NGX_HTTP_WEBHOOK_SQL_IDS_MESSAGE;

    } else if (!l->indexed) {
        l->ids = NGX_HTTP_WEBHOOK_SQL_IDS_SLICE;
        l->slice = 1;

    } else if (list->webhook_id) {
        l->ids = NGX_HTTP_WEBHOOK_SQL_IDS_WEBHOOK;

    } else if (list->event.data
               && (list->status < 0
                   || list->status == NGX_HTTP_WEBHOOK_DELIVERED))
    {
        l->ids = NGX_HTTP_WEBHOOK_SQL_IDS_NAME;

    } else {
        l->ids = NGX_HTTP_WEBHOOK_SQL_IDS_COMPANY;
    }
}


ngx_int_t
ngx_http_webhook_sqlite_event_listed(ngx_http_webhook_sqlite_t *s,
    ngx_http_webhook_list_op_t *list, ngx_http_webhook_id_t company_id,
    ngx_http_webhook_id_t id)
{
    ngx_int_t                  rc;
    ngx_uint_t                 i;
    sqlite3_stmt              *stmt;
    ngx_http_webhook_event_t  *event;

    stmt = ngx_http_webhook_sqlite_stmt(s, NGX_HTTP_WEBHOOK_SQL_LIST_ROW);

    ngx_http_webhook_sqlite_int(stmt, 1, id);
    ngx_http_webhook_sqlite_int(stmt, 2, company_id);
    ngx_http_webhook_sqlite_int(stmt, 3, list->webhook_id);
    ngx_http_webhook_sqlite_int(stmt, 4, list->status);
    ngx_http_webhook_sqlite_int(stmt, 5, list->message_id);
    ngx_http_webhook_sqlite_text(stmt, 6, &list->event);
    ngx_http_webhook_sqlite_blob(stmt, 7, &list->text);

    for (i = 0; i < NGX_HTTP_WEBHOOK_FORMS; i++) {
        ngx_http_webhook_sqlite_blob(stmt, 8 + i, &list->forms[i]);
    }

    rc = ngx_http_webhook_sqlite_step(s, stmt);

    if (rc != NGX_OK) {
        return (rc == NGX_DONE) ? NGX_OK : NGX_ERROR;
    }

    event = ngx_array_push(list->rows);
    if (event == NULL) {
        return NGX_ERROR;
    }

    rc = ngx_http_webhook_sqlite_event_row(stmt, list->op.pool, event);

    (void) sqlite3_reset(stmt);

    return rc;
}


ngx_int_t
ngx_http_webhook_sqlite_list_begin(ngx_http_webhook_sqlite_t *s,
    ngx_http_webhook_list_op_t *list, ngx_http_webhook_sqlite_list_t *l,
    ngx_uint_t indexed, size_t size)
{
    ngx_int_t      rc;
    sqlite3_stmt  *stmt;

    ngx_memzero(l, sizeof(ngx_http_webhook_sqlite_list_t));

    /* the state of the index before all else: the store is no older */

    if (indexed && ngx_http_webhook_sqlite_list_state(s, l) != NGX_OK) {
        return NGX_ERROR;
    }

    rc = ngx_http_webhook_sqlite_company_for(s, &list->op, &list->ref, 0,
                                             &l->company_id);

    if (rc != NGX_OK || l->company_id == 0) {
        return rc;
    }

    list->next = 0;
    list->rows = ngx_array_create(list->op.pool, list->limit, size);
    if (list->rows == NULL) {
        return NGX_ERROR;
    }

    /* nothing is older than its company, or than what retention has left */

    stmt = ngx_http_webhook_sqlite_stmt(s, NGX_HTTP_WEBHOOK_SQL_LIST_OLDEST);

    if (ngx_http_webhook_sqlite_step(s, stmt) != NGX_OK) {
        return NGX_ERROR;
    }

    l->oldest = ngx_max(l->company_id, sqlite3_column_int64(stmt, 0));
    l->oldest = ngx_max(l->oldest, list->oldest);
    l->cursor = list->cursor ? list->cursor : INT64_MAX;

    (void) sqlite3_reset(stmt);

    return NGX_OK;
}


ngx_int_t
ngx_http_webhook_sqlite_list_state(ngx_http_webhook_sqlite_t *s,
    ngx_http_webhook_sqlite_list_t *l)
{
    sqlite3_stmt  *stmt;

    if (ngx_http_webhook_sqlite_index_state(s, &l->position, &l->change)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    stmt = ngx_http_webhook_sqlite_stmt(s, NGX_HTTP_WEBHOOK_SQL_LIST_LAG);

    ngx_http_webhook_sqlite_int(stmt, 1, l->position);
    ngx_http_webhook_sqlite_int(stmt, 2, l->change);
    ngx_http_webhook_sqlite_int(stmt, 3, NGX_HTTP_WEBHOOK_SQLITE_SLICE);

    if (ngx_http_webhook_sqlite_step(s, stmt) != NGX_OK) {
        return NGX_ERROR;
    }

    l->indexed = (sqlite3_column_int(stmt, 0) == 0);

    (void) sqlite3_reset(stmt);

    return NGX_OK;
}


/*
 * All of the statements take ?1 to ?3; what ?4 is depends on the list; those
 * that look at the index take its state as ?5 and ?6.
 */

static sqlite3_stmt *
ngx_http_webhook_sqlite_list_ids(ngx_http_webhook_sqlite_t *s,
    ngx_http_webhook_list_op_t *list, ngx_http_webhook_sqlite_list_t *l)
{
    int64_t                 value;
    sqlite3_stmt           *stmt;
    ngx_http_webhook_id_t   owner;

    stmt = ngx_http_webhook_sqlite_stmt(s, l->ids);

    owner = l->company_id;
    value = list->status;

    if (l->slice) {
        value = NGX_HTTP_WEBHOOK_SQLITE_SLICE;

    } else if (l->ids == NGX_HTTP_WEBHOOK_SQL_IDS_MESSAGE) {
        owner = list->message_id;
        value = ngx_http_webhook_sqlite_last_event(owner);

    } else if (l->ids == NGX_HTTP_WEBHOOK_SQL_IDS_WEBHOOK) {
        owner = list->webhook_id;
    }

    ngx_http_webhook_sqlite_int(stmt, 1, owner);
    ngx_http_webhook_sqlite_int(stmt, 2, l->cursor);
    ngx_http_webhook_sqlite_int(stmt, 3, l->oldest);

    if (l->ids == NGX_HTTP_WEBHOOK_SQL_IDS_NAME
        || l->ids == NGX_HTTP_WEBHOOK_SQL_MESSAGE_IDS_NAME)
    {
        ngx_http_webhook_sqlite_text(stmt, 4, &list->event);

    } else {
        ngx_http_webhook_sqlite_int(stmt, 4, value);
    }

    ngx_http_webhook_sqlite_int(stmt, 5, l->position);
    ngx_http_webhook_sqlite_int(stmt, 6, l->change);

    return stmt;
}


ngx_int_t
ngx_http_webhook_sqlite_list_page(ngx_http_webhook_sqlite_t *s,
    ngx_http_webhook_list_op_t *list, ngx_http_webhook_sqlite_list_t *l)
{
    int64_t                 begin;
    ngx_int_t               rc;
    ngx_uint_t              n, enough;
    sqlite3_stmt           *stmt;
    ngx_http_webhook_id_t   id, last;

    stmt = ngx_http_webhook_sqlite_list_ids(s, list, l);

    begin = ngx_http_webhook_sqlite_now();
    last = 0;
    enough = 0;

    for (n = 1; /* void */; n++) {

        rc = ngx_http_webhook_sqlite_step(s, stmt);

        if (rc == NGX_DONE) {
            return ngx_http_webhook_sqlite_list_end(s, list, l);
        }

        if (rc != NGX_OK) {
            return NGX_ERROR;
        }

        id = sqlite3_column_int64(stmt, 0);

        if (id == last) {
            continue;                        /* from two sources */
        }

        if (enough || list->rows->nelts == list->limit) {
            list->next = last;
            (void) sqlite3_reset(stmt);
            return NGX_OK;
        }

        last = id;

        if (l->row(s, list, l->company_id, id) != NGX_OK) {
            return NGX_ERROR;
        }

        enough = (n >= NGX_HTTP_WEBHOOK_SQLITE_SLICE
                  || (n % NGX_HTTP_WEBHOOK_SQLITE_CLOCK == 0
                      && ngx_http_webhook_sqlite_now() - begin
                         >= NGX_HTTP_WEBHOOK_SQLITE_LOOK));
    }
}


/* A slice ends before the list does, as a rule. */

static ngx_int_t
ngx_http_webhook_sqlite_list_end(ngx_http_webhook_sqlite_t *s,
    ngx_http_webhook_list_op_t *list, ngx_http_webhook_sqlite_list_t *l)
{
    ngx_int_t      rc;
    sqlite3_stmt  *stmt;

    if (!l->slice) {
        return NGX_OK;
    }

    stmt = ngx_http_webhook_sqlite_stmt(s, l->end);

    ngx_http_webhook_sqlite_int(stmt, 2, l->cursor);
    ngx_http_webhook_sqlite_int(stmt, 3, l->oldest);
    ngx_http_webhook_sqlite_int(stmt, 4, NGX_HTTP_WEBHOOK_SQLITE_SLICE);

    rc = ngx_http_webhook_sqlite_step(s, stmt);

    if (rc == NGX_OK) {
        list->next = sqlite3_column_int64(stmt, 0);
        (void) sqlite3_reset(stmt);
    }

    return (rc == NGX_ERROR) ? NGX_ERROR : NGX_OK;
}
