
/*
 * Copyright (C) the ngx_http_webhook_module authors
 */


/*
 * Erasure: of a message, of a company with all that is its, and of what is
 * older than it may be.  Runs in the writing thread, inside a transaction.
 *
 * What takes long is done in slices, twice a second, for a few milliseconds:
 * ingest does not notice.  SQLite's secure_delete overwrites what is deleted.
 */


#include "ngx_http_webhook_sqlite.h"


#define NGX_HTTP_WEBHOOK_SQLITE_ERASES  500     /* rows a slice */
#define NGX_HTTP_WEBHOOK_SQLITE_BUDGET  10      /* ms a look */

#define NGX_HTTP_WEBHOOK_SQLITE_GONE    ((int64_t) 24 * 3600 * 1000)


static ngx_int_t ngx_http_webhook_sqlite_erase(ngx_http_webhook_sqlite_t *s,
    ngx_http_webhook_id_t message_id);
static ngx_int_t ngx_http_webhook_sqlite_erase_companies(
    ngx_http_webhook_sqlite_t *s, ngx_uint_t *more);
static ngx_int_t ngx_http_webhook_sqlite_erase_slice(
    ngx_http_webhook_sqlite_t *s, ngx_http_webhook_id_t company_id,
    ngx_http_webhook_id_t *after, ngx_uint_t *n);
static ngx_int_t ngx_http_webhook_sqlite_erase_rest(
    ngx_http_webhook_sqlite_t *s, ngx_http_webhook_id_t company_id);
static ngx_int_t ngx_http_webhook_sqlite_expire_payloads(
    ngx_http_webhook_sqlite_t *s, ngx_uint_t *more);
static ngx_int_t ngx_http_webhook_sqlite_expire_logs(
    ngx_http_webhook_sqlite_t *s, ngx_uint_t *more);


ngx_int_t
ngx_http_webhook_sqlite_message_delete(ngx_http_webhook_sqlite_t *s,
    ngx_http_webhook_op_t *op)
{
    ngx_http_webhook_event_op_t *eop = (ngx_http_webhook_event_op_t *) op;

    ngx_int_t               rc;
    sqlite3_stmt           *stmt;
    ngx_http_webhook_id_t   owner, company_id;

    rc = ngx_http_webhook_sqlite_company_for(s, op, &eop->ref, 0, &company_id);

    if (rc != NGX_OK || company_id == 0) {
        return rc;
    }

    stmt = ngx_http_webhook_sqlite_stmt(s,
                                        NGX_HTTP_WEBHOOK_SQL_MESSAGE_COMPANY);
    ngx_http_webhook_sqlite_int(stmt, 1, eop->event.message_id);

    rc = ngx_http_webhook_sqlite_step(s, stmt);

    if (rc == NGX_ERROR) {
        return NGX_ERROR;
    }

    owner = (rc == NGX_OK) ? sqlite3_column_int64(stmt, 0) : 0;

    (void) sqlite3_reset(stmt);

    if (owner != company_id) {
        op->status = NGX_HTTP_WEBHOOK_STORE_NOT_FOUND;
        return NGX_OK;
    }

    return ngx_http_webhook_sqlite_erase(s, eop->event.message_id);
}


/*
 * What a worker holds of it is delivered to the end; the result then finds no
 * row, and leaves none.
 */

static ngx_int_t
ngx_http_webhook_sqlite_erase(ngx_http_webhook_sqlite_t *s,
    ngx_http_webhook_id_t message_id)
{
    int64_t  last;

    last = ngx_http_webhook_sqlite_last_event(message_id);

    if (ngx_http_webhook_sqlite_run(s, NGX_HTTP_WEBHOOK_SQL_ERASE_WAKES, 3,
                                    message_id, last, s->now)
            != NGX_OK
        || ngx_http_webhook_sqlite_run(s, NGX_HTTP_WEBHOOK_SQL_ERASE_ATTEMPTS,
                                       2, message_id, last, 0)
            != NGX_OK
        || ngx_http_webhook_sqlite_run(s, NGX_HTTP_WEBHOOK_SQL_ERASE_EVENTS, 2,
                                       message_id, last, 0)
            != NGX_OK
        || ngx_http_webhook_sqlite_run(s,
                                    NGX_HTTP_WEBHOOK_SQL_ERASE_REPLAYED_EVENTS,
                                    1, message_id, 0, 0)
            != NGX_OK
        || ngx_http_webhook_sqlite_run(s, NGX_HTTP_WEBHOOK_SQL_ERASE_REPLAYED,
                                       1, message_id, 0, 0)
            != NGX_OK)
    {
        return NGX_ERROR;
    }

    return ngx_http_webhook_sqlite_run(s, NGX_HTTP_WEBHOOK_SQL_ERASE_MESSAGE,
                                       1, message_id, 0, 0);
}


ngx_int_t
ngx_http_webhook_sqlite_company_delete(ngx_http_webhook_sqlite_t *s,
    ngx_http_webhook_op_t *op)
{
    ngx_http_webhook_company_op_t *cop = (ngx_http_webhook_company_op_t *) op;

    ngx_int_t              rc;
    ngx_http_webhook_id_t  id;

    rc = ngx_http_webhook_sqlite_company_for(s, op, &cop->ref, 0, &id);

    if (rc != NGX_OK || id == 0) {
        return rc;
    }

    s->generation++;

    if (ngx_http_webhook_sqlite_run(s, NGX_HTTP_WEBHOOK_SQL_COMPANY_DELETE, 3,
                                    id, s->now, s->generation)
            != NGX_OK
        || ngx_http_webhook_sqlite_run(s,
                                  NGX_HTTP_WEBHOOK_SQL_COMPANY_WEBHOOKS_DELETE,
                                  3, id, s->now, s->generation)
            != NGX_OK
        || ngx_http_webhook_sqlite_run(s, NGX_HTTP_WEBHOOK_SQL_ERASE_API_KEYS,
                                       1, id, 0, 0)
            != NGX_OK
        || ngx_http_webhook_sqlite_run(s,
                                   NGX_HTTP_WEBHOOK_SQL_ERASE_ACCESS_REQUESTS,
                                   1, id, 0, 0)
            != NGX_OK)
    {
        return NGX_ERROR;
    }

    return ngx_http_webhook_sqlite_run(s, NGX_HTTP_WEBHOOK_SQL_ERASE_KEYS, 1,
                                       id, 0, 0);
}


ngx_int_t
ngx_http_webhook_sqlite_housekeep(ngx_http_webhook_sqlite_t *s)
{
    int64_t     begin;
    ngx_uint_t  more;

    begin = ngx_http_webhook_sqlite_now();

    do {
        more = 0;

        if (ngx_http_webhook_sqlite_erase_companies(s, &more) != NGX_OK
            || ngx_http_webhook_sqlite_reseal(s, &more) != NGX_OK
            || ngx_http_webhook_sqlite_expire_payloads(s, &more) != NGX_OK
            || ngx_http_webhook_sqlite_expire_logs(s, &more) != NGX_OK)
        {
            return NGX_ERROR;
        }

    } while (more
             && ngx_http_webhook_sqlite_now() - begin
                < NGX_HTTP_WEBHOOK_SQLITE_BUDGET);

    return NGX_OK;
}


/*
 * A worker that was busy or stopped all the time learns from the company's row
 * alone that it was deleted: so the row stays for a day.
 */

static ngx_int_t
ngx_http_webhook_sqlite_erase_companies(ngx_http_webhook_sqlite_t *s,
    ngx_uint_t *more)
{
    ngx_int_t               rc;
    ngx_uint_t              n;
    sqlite3_stmt           *stmt;
    ngx_http_webhook_id_t   id, after;

    stmt = ngx_http_webhook_sqlite_stmt(s,
                                        NGX_HTTP_WEBHOOK_SQL_COMPANY_ERASING);

    rc = ngx_http_webhook_sqlite_step(s, stmt);

    if (rc == NGX_DONE) {
        return ngx_http_webhook_sqlite_run(s,
                                           NGX_HTTP_WEBHOOK_SQL_COMPANY_FORGET,
                                           1, NGX_HTTP_WEBHOOK_SQLITE_GONE
                                              - s->now, 0, 0);
    }

    if (rc != NGX_OK) {
        return NGX_ERROR;
    }

    id = sqlite3_column_int64(stmt, 0);
    after = sqlite3_column_int64(stmt, 1);

    (void) sqlite3_reset(stmt);

    *more = 1;

    if (ngx_http_webhook_sqlite_erase_slice(s, id, &after, &n) != NGX_OK) {
        return NGX_ERROR;
    }

    if (n) {
        return ngx_http_webhook_sqlite_run(s,
                                           NGX_HTTP_WEBHOOK_SQL_COMPANY_ERASED,
                                           2, id, after, 0);
    }

    return ngx_http_webhook_sqlite_erase_rest(s, id);
}


/* Erases a company's among some messages: no index tells which they are. */

static ngx_int_t
ngx_http_webhook_sqlite_erase_slice(ngx_http_webhook_sqlite_t *s,
    ngx_http_webhook_id_t company_id, ngx_http_webhook_id_t *after,
    ngx_uint_t *n)
{
    ngx_int_t               rc;
    ngx_uint_t              i, mine;
    sqlite3_stmt           *stmt;
    ngx_http_webhook_id_t   ids[NGX_HTTP_WEBHOOK_SQLITE_ERASES];

    stmt = ngx_http_webhook_sqlite_stmt(s, NGX_HTTP_WEBHOOK_SQL_MESSAGES_SLICE);

    ngx_http_webhook_sqlite_int(stmt, 1, *after);
    ngx_http_webhook_sqlite_int(stmt, 2, NGX_HTTP_WEBHOOK_SQLITE_ERASES);

    *n = 0;
    mine = 0;

    while ((rc = ngx_http_webhook_sqlite_step(s, stmt)) == NGX_OK) {

        (*n)++;
        *after = sqlite3_column_int64(stmt, 0);

        if (sqlite3_column_int64(stmt, 1) == company_id) {
            ids[mine++] = *after;
        }
    }

    if (rc != NGX_DONE) {
        return NGX_ERROR;
    }

    for (i = 0; i < mine; i++) {
        if (ngx_http_webhook_sqlite_erase(s, ids[i]) != NGX_OK) {
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_webhook_sqlite_erase_rest(ngx_http_webhook_sqlite_t *s,
    ngx_http_webhook_id_t company_id)
{
    ngx_uint_t  i;

    static ngx_http_webhook_sql_e  names[] = {
        NGX_HTTP_WEBHOOK_SQL_ERASE_SUBSCRIPTIONS,
        NGX_HTTP_WEBHOOK_SQL_ERASE_QUEUE,
        NGX_HTTP_WEBHOOK_SQL_ERASE_HEALTH,
        NGX_HTTP_WEBHOOK_SQL_ERASE_REPLAYS,
        NGX_HTTP_WEBHOOK_SQL_ERASE_WEBHOOKS,
        NGX_HTTP_WEBHOOK_SQL_ERASE_COMPANY
    };

    for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (ngx_http_webhook_sqlite_run(s, names[i], 1, company_id, 0, 0)
            != NGX_OK)
        {
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


/* The identifier of a time: what is older is below it. */

static int64_t
ngx_http_webhook_sqlite_cutoff(ngx_http_webhook_sqlite_t *s, ngx_msec_t age)
{
    return (s->now - (int64_t) age) << 20;
}


static ngx_int_t
ngx_http_webhook_sqlite_expire_payloads(ngx_http_webhook_sqlite_t *s,
    ngx_uint_t *more)
{
    int64_t        from, end, cutoff;
    ngx_int_t      rc;
    sqlite3_stmt  *stmt;

    if (s->conf->keep_payloads == 0) {
        return NGX_OK;
    }

    cutoff = ngx_http_webhook_sqlite_cutoff(s, s->conf->keep_payloads);

    stmt = ngx_http_webhook_sqlite_stmt(s, NGX_HTTP_WEBHOOK_SQL_RETENTION_GET);

    if (ngx_http_webhook_sqlite_step(s, stmt) != NGX_OK) {
        return NGX_ERROR;
    }

    from = sqlite3_column_int64(stmt, 0);

    (void) sqlite3_reset(stmt);

    /* whole slices, and what is left once a minute */

    stmt = ngx_http_webhook_sqlite_stmt(s, NGX_HTTP_WEBHOOK_SQL_PAYLOADS_END);

    ngx_http_webhook_sqlite_int(stmt, 1, from);
    ngx_http_webhook_sqlite_int(stmt, 2, cutoff);
    ngx_http_webhook_sqlite_int(stmt, 3, NGX_HTTP_WEBHOOK_SQLITE_ERASES - 1);

    rc = ngx_http_webhook_sqlite_step(s, stmt);

    if (rc == NGX_ERROR) {
        return NGX_ERROR;
    }

    if (rc == NGX_OK) {
        end = sqlite3_column_int64(stmt, 0);
        (void) sqlite3_reset(stmt);
        *more = 1;

    } else if (ngx_http_webhook_id_msec(cutoff - from)
               >= ngx_min(60000, (int64_t) s->conf->keep_payloads))
    {
        end = cutoff - 1;

    } else {
        return NGX_OK;
    }

    if (ngx_http_webhook_sqlite_run(s, NGX_HTTP_WEBHOOK_SQL_PAYLOADS_ERASE, 2,
                                    from, end, 0)
            != NGX_OK
        || ngx_http_webhook_sqlite_run(s, NGX_HTTP_WEBHOOK_SQL_PAYLOADS_CANCEL,
                                       2, from, end, 0)
            != NGX_OK)
    {
        return NGX_ERROR;
    }

    s->tally.cancelled += sqlite3_changes(s->db);

    if (ngx_http_webhook_sqlite_run(s,
                                 NGX_HTTP_WEBHOOK_SQL_PAYLOADS_CANCEL_REPLAYED,
                                 2, from, end, 0)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    s->tally.cancelled += sqlite3_changes(s->db);

    return ngx_http_webhook_sqlite_run(s, NGX_HTTP_WEBHOOK_SQL_RETENTION_SET,
                                       1, end, 0, 0);
}


static ngx_int_t
ngx_http_webhook_sqlite_expire_logs(ngx_http_webhook_sqlite_t *s,
    ngx_uint_t *more)
{
    int64_t     cutoff;
    ngx_uint_t  i;

    static struct {
        ngx_http_webhook_sql_e   name;
        ngx_uint_t               cancels;
    } steps[] = {
        { NGX_HTTP_WEBHOOK_SQL_EXPIRE_CANCEL, 1 },
        { NGX_HTTP_WEBHOOK_SQL_EXPIRE_CANCEL_REPLAYED, 1 },
        { NGX_HTTP_WEBHOOK_SQL_EXPIRE_ATTEMPTS, 0 },
        { NGX_HTTP_WEBHOOK_SQL_EXPIRE_EVENTS, 0 },
        { NGX_HTTP_WEBHOOK_SQL_EXPIRE_REPLAYED_EVENTS, 0 },
        { NGX_HTTP_WEBHOOK_SQL_EXPIRE_REPLAYED, 0 },
        { NGX_HTTP_WEBHOOK_SQL_EXPIRE_REPLAYS, 0 },
        { NGX_HTTP_WEBHOOK_SQL_EXPIRE_MESSAGES, 0 },
        { NGX_HTTP_WEBHOOK_SQL_EXPIRE_CHANGES, 0 }
    };

    if (s->conf->keep_logs == 0) {
        return NGX_OK;
    }

    cutoff = ngx_http_webhook_sqlite_cutoff(s, s->conf->keep_logs);

    for (i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {

        if (ngx_http_webhook_sqlite_run(s, steps[i].name, 2, cutoff,
                                        NGX_HTTP_WEBHOOK_SQLITE_ERASES, 0)
            != NGX_OK)
        {
            return NGX_ERROR;
        }

        if (steps[i].cancels) {
            s->tally.cancelled += sqlite3_changes(s->db);
        }

        if (sqlite3_changes(s->db) == NGX_HTTP_WEBHOOK_SQLITE_ERASES) {
            *more = 1;
        }
    }

    return NGX_OK;
}
