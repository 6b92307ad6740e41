
/*
 * Copyright (C) the ngx_http_webhook_module authors
 */


/*
 * Lists of webhook events.  Runs in a reading thread, in a read transaction.
 *
 * Which events may be in a list comes from the index, from what the store has
 * had since (the index is behind it), and from what has changed since; each
 * of them is looked at in the store, so that a list is never late or wrong.
 * Where the index is missing or far behind, a slice of all events is looked
 * at instead.  Either way a page looks at so many and no more: where it does
 * not get full, its cursor goes on behind them.
 */


#include "ngx_http_webhook_sqlite.h"


#define NGX_HTTP_WEBHOOK_SQLITE_SLICE  20000     /* events a page looks at */


typedef struct {
    sqlite3_stmt                    *ids;        /* the next that may be */
    ngx_http_webhook_id_t            company_id;
    ngx_http_webhook_id_t            cursor;
    ngx_http_webhook_id_t            oldest;
    int64_t                          position;   /* of the index */
    int64_t                          change;
    unsigned                         indexed:1;
    unsigned                         slice:1;
} ngx_http_webhook_sqlite_list_t;


static ngx_int_t ngx_http_webhook_sqlite_list(ngx_http_webhook_sqlite_t *s,
    ngx_http_webhook_list_op_t *list, ngx_uint_t indexed);
static ngx_int_t ngx_http_webhook_sqlite_list_owner(
    ngx_http_webhook_sqlite_t *s, ngx_http_webhook_id_t webhook_id,
    ngx_http_webhook_id_t *owner);
static ngx_int_t ngx_http_webhook_sqlite_list_indexed(
    ngx_http_webhook_sqlite_t *s, ngx_http_webhook_sqlite_list_t *l);
static ngx_int_t ngx_http_webhook_sqlite_list_oldest(
    ngx_http_webhook_sqlite_t *s, ngx_http_webhook_sqlite_list_t *l);
static void ngx_http_webhook_sqlite_list_ids(ngx_http_webhook_sqlite_t *s,
    ngx_http_webhook_list_op_t *list, ngx_http_webhook_sqlite_list_t *l);
static ngx_int_t ngx_http_webhook_sqlite_list_page(
    ngx_http_webhook_sqlite_t *s, ngx_http_webhook_list_op_t *list,
    ngx_http_webhook_sqlite_list_t *l);
static ngx_int_t ngx_http_webhook_sqlite_list_row(ngx_http_webhook_sqlite_t *s,
    ngx_http_webhook_list_op_t *list, ngx_http_webhook_id_t company_id,
    ngx_http_webhook_id_t id);
static ngx_int_t ngx_http_webhook_sqlite_list_end(ngx_http_webhook_sqlite_t *s,
    ngx_http_webhook_list_op_t *list, ngx_http_webhook_sqlite_list_t *l);


ngx_int_t
ngx_http_webhook_sqlite_event_list(ngx_http_webhook_sqlite_t *s,
    ngx_http_webhook_op_t *op)
{
    ngx_http_webhook_list_op_t *list = (ngx_http_webhook_list_op_t *) op;

    if (s->index == 0) {
        return ngx_http_webhook_sqlite_list(s, list, 0);
    }

    s->damaged = 0;

    if (ngx_http_webhook_sqlite_list(s, list, 1) == NGX_OK) {
        return NGX_OK;
    }

    ngx_http_webhook_sqlite_rollback(s);

    if (ngx_http_webhook_sqlite_exec(s,
            ngx_http_webhook_sqlite_stmt(s, NGX_HTTP_WEBHOOK_SQL_BEGIN_READ))
            != NGX_OK
        || ngx_http_webhook_sqlite_list(s, list, 0) != NGX_OK)
    {
        return NGX_ERROR;
    }

    /* the store is well: it was the index */

    ngx_http_webhook_sqlite_index_failed(s);

    return NGX_OK;
}


static ngx_int_t
ngx_http_webhook_sqlite_list(ngx_http_webhook_sqlite_t *s,
    ngx_http_webhook_list_op_t *list, ngx_uint_t indexed)
{
    ngx_int_t                       rc;
    ngx_http_webhook_id_t           owner;
    ngx_http_webhook_sqlite_list_t  l;

    ngx_memzero(&l, sizeof(l));

    /* the state of the index before all else: the store is no older */

    if (indexed && ngx_http_webhook_sqlite_list_indexed(s, &l) != NGX_OK) {
        return NGX_ERROR;
    }

    rc = ngx_http_webhook_sqlite_company_for(s, &list->op, &list->ref, 0,
                                             &l.company_id);

    if (rc != NGX_OK || l.company_id == 0) {
        return rc;
    }

    list->rows = ngx_array_create(list->op.pool, list->limit,
                                  sizeof(ngx_http_webhook_event_t));
    if (list->rows == NULL) {
        return NGX_ERROR;
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

    l.cursor = list->cursor ? list->cursor : INT64_MAX;

    if (ngx_http_webhook_sqlite_list_oldest(s, &l) != NGX_OK) {
        return NGX_ERROR;
    }

    ngx_http_webhook_sqlite_list_ids(s, list, &l);

    return ngx_http_webhook_sqlite_list_page(s, list, &l);
}


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


/* Is there an index that is near enough to the store? */

static ngx_int_t
ngx_http_webhook_sqlite_list_indexed(ngx_http_webhook_sqlite_t *s,
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


/* No event is older than its company, or than what retention has left. */

static ngx_int_t
ngx_http_webhook_sqlite_list_oldest(ngx_http_webhook_sqlite_t *s,
    ngx_http_webhook_sqlite_list_t *l)
{
    sqlite3_stmt  *stmt;

    stmt = ngx_http_webhook_sqlite_stmt(s, NGX_HTTP_WEBHOOK_SQL_LIST_OLDEST);

    if (ngx_http_webhook_sqlite_step(s, stmt) != NGX_OK) {
        return NGX_ERROR;
    }

    l->oldest = ngx_max(l->company_id, sqlite3_column_int64(stmt, 0));

    (void) sqlite3_reset(stmt);

    return NGX_OK;
}


/*
 * The narrowest of the lists that there are.  All of their statements take
 * ?1 to ?3; what ?4 is depends on the list; those that look at the index take
 * its state as ?5 and ?6.
 */

static void
ngx_http_webhook_sqlite_list_ids(ngx_http_webhook_sqlite_t *s,
    ngx_http_webhook_list_op_t *list, ngx_http_webhook_sqlite_list_t *l)
{
    ngx_http_webhook_id_t   owner;
    ngx_http_webhook_sql_e  name;

    owner = l->company_id;

    if (list->message_id) {
        name = NGX_HTTP_WEBHOOK_SQL_IDS_RANGE;
        l->oldest = ngx_max(l->oldest, list->message_id);
        l->cursor = ngx_min(l->cursor,
                            ngx_http_webhook_sqlite_last_event(
                                                       list->message_id) + 1);

    } else if (!l->indexed) {
        name = NGX_HTTP_WEBHOOK_SQL_IDS_SLICE;
        l->slice = 1;

    } else if (list->webhook_id) {
        name = NGX_HTTP_WEBHOOK_SQL_IDS_WEBHOOK;
        owner = list->webhook_id;

    } else if (list->event.data
               && (list->status < 0
                   || list->status == NGX_HTTP_WEBHOOK_DELIVERED))
    {
        name = NGX_HTTP_WEBHOOK_SQL_IDS_NAME;

    } else {
        name = NGX_HTTP_WEBHOOK_SQL_IDS_COMPANY;
    }

    l->ids = ngx_http_webhook_sqlite_stmt(s, name);

    ngx_http_webhook_sqlite_int(l->ids, 1, owner);
    ngx_http_webhook_sqlite_int(l->ids, 2, l->cursor);
    ngx_http_webhook_sqlite_int(l->ids, 3, l->oldest);

    if (l->slice) {
        ngx_http_webhook_sqlite_int(l->ids, 4, NGX_HTTP_WEBHOOK_SQLITE_SLICE);

    } else if (name == NGX_HTTP_WEBHOOK_SQL_IDS_NAME) {
        ngx_http_webhook_sqlite_text(l->ids, 4, &list->event);

    } else {
        ngx_http_webhook_sqlite_int(l->ids, 4, list->status);
    }

    ngx_http_webhook_sqlite_int(l->ids, 5, l->position);
    ngx_http_webhook_sqlite_int(l->ids, 6, l->change);
}


static ngx_int_t
ngx_http_webhook_sqlite_list_page(ngx_http_webhook_sqlite_t *s,
    ngx_http_webhook_list_op_t *list, ngx_http_webhook_sqlite_list_t *l)
{
    ngx_int_t              rc;
    ngx_uint_t             n;
    ngx_http_webhook_id_t  id, last;

    last = 0;

    for (n = 0; /* void */; n++) {

        rc = ngx_http_webhook_sqlite_step(s, l->ids);

        if (rc == NGX_DONE) {
            return ngx_http_webhook_sqlite_list_end(s, list, l);
        }

        if (rc != NGX_OK) {
            return NGX_ERROR;
        }

        id = sqlite3_column_int64(l->ids, 0);

        if (id == last) {
            continue;                        /* from two sources */
        }

        if (n >= NGX_HTTP_WEBHOOK_SQLITE_SLICE
            || list->rows->nelts == list->limit)
        {
            list->next = last;
            (void) sqlite3_reset(l->ids);
            return NGX_OK;
        }

        last = id;

        if (ngx_http_webhook_sqlite_list_row(s, list, l->company_id, id)
            != NGX_OK)
        {
            return NGX_ERROR;
        }
    }
}


/* Adds an event to the page, if it belongs there. */

static ngx_int_t
ngx_http_webhook_sqlite_list_row(ngx_http_webhook_sqlite_t *s,
    ngx_http_webhook_list_op_t *list, ngx_http_webhook_id_t company_id,
    ngx_http_webhook_id_t id)
{
    ngx_int_t                  rc;
    sqlite3_stmt              *stmt;
    ngx_http_webhook_event_t  *event;

    stmt = ngx_http_webhook_sqlite_stmt(s, NGX_HTTP_WEBHOOK_SQL_LIST_ROW);

    ngx_http_webhook_sqlite_int(stmt, 1, id);
    ngx_http_webhook_sqlite_int(stmt, 2, company_id);
    ngx_http_webhook_sqlite_int(stmt, 3, list->webhook_id);
    ngx_http_webhook_sqlite_int(stmt, 4, list->status);
    ngx_http_webhook_sqlite_int(stmt, 5, list->message_id);
    ngx_http_webhook_sqlite_text(stmt, 6, &list->event);

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


/* A slice ends before the list does, as a rule. */

static ngx_int_t
ngx_http_webhook_sqlite_list_end(ngx_http_webhook_sqlite_t *s,
    ngx_http_webhook_list_op_t *list, ngx_http_webhook_sqlite_list_t *l)
{
    ngx_int_t      rc;
    sqlite3_stmt  *stmt;

    list->next = 0;

    if (!l->slice) {
        return NGX_OK;
    }

    stmt = ngx_http_webhook_sqlite_stmt(s, NGX_HTTP_WEBHOOK_SQL_SLICE_END);

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
