
/*
 * Copyright (C) the ngx_http_webhook_module authors
 */


/*
 * The store as a whole: how much waits, and for how long.  Runs in a reading
 * thread, in a read transaction.
 */


#include "ngx_http_webhook_sqlite.h"


/* No more is looked at, so that a queue of any length costs little. */

#define NGX_HTTP_WEBHOOK_STATUS_WEBHOOKS  10000
#define NGX_HTTP_WEBHOOK_STATUS_EVENTS    100000


static ngx_int_t ngx_http_webhook_sqlite_status_queue(
    ngx_http_webhook_sqlite_t *s, ngx_http_webhook_status_op_t *status);
static ngx_int_t ngx_http_webhook_sqlite_status_locked(
    ngx_http_webhook_sqlite_t *s, ngx_http_webhook_status_op_t *status);
static ngx_int_t ngx_http_webhook_sqlite_status_row(
    ngx_http_webhook_sqlite_t *s, sqlite3_stmt *stmt, int64_t *a, int64_t *b);
static ngx_int_t ngx_http_webhook_sqlite_status_lag(
    ngx_http_webhook_sqlite_t *s, ngx_http_webhook_status_op_t *status);
static off_t ngx_http_webhook_sqlite_status_file(ngx_http_webhook_sqlite_t *s,
    const char *suffix);


ngx_int_t
ngx_http_webhook_sqlite_status(ngx_http_webhook_sqlite_t *s,
    ngx_http_webhook_op_t *op)
{
    ngx_http_webhook_status_op_t *status = (ngx_http_webhook_status_op_t *) op;

    ngx_uint_t  failed;

    s->damaged = 0;

    failed = (s->index
              && ngx_http_webhook_sqlite_status_lag(s, status) != NGX_OK);

    if (s->index == 0 || failed) {
        status->lag = -1;
    }

    status->size = ngx_http_webhook_sqlite_status_file(s, "");
    status->log_size = ngx_http_webhook_sqlite_status_file(s, "-wal");
    status->index_size = ngx_http_webhook_sqlite_status_file(s, ".index");

    if (ngx_http_webhook_sqlite_status_queue(s, status) != NGX_OK) {
        return NGX_ERROR;
    }

    if (failed) {
        ngx_http_webhook_sqlite_rollback(s);
        ngx_http_webhook_sqlite_index_failed(s);
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_webhook_sqlite_status_queue(ngx_http_webhook_sqlite_t *s,
    ngx_http_webhook_status_op_t *status)
{
    int64_t        schema;
    sqlite3_stmt  *stmt;

    stmt = ngx_http_webhook_sqlite_stmt(s, NGX_HTTP_WEBHOOK_SQL_STATUS_STORE);

    if (ngx_http_webhook_sqlite_status_row(s, stmt, &schema, &status->waiting)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    status->schema = (ngx_uint_t) schema;

    stmt = ngx_http_webhook_sqlite_stmt(s, NGX_HTTP_WEBHOOK_SQL_STATUS_OWNED);

    if (ngx_http_webhook_sqlite_status_row(s, stmt, &status->owned, NULL)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    /* a webhook at its limit is looked at again a moment later */

    stmt = ngx_http_webhook_sqlite_stmt(s, NGX_HTTP_WEBHOOK_SQL_STATUS_DUE);

    ngx_http_webhook_sqlite_int(stmt, 1, s->now);
    ngx_http_webhook_sqlite_int(stmt, 2, s->now + NGX_HTTP_WEBHOOK_PAUSE);
    ngx_http_webhook_sqlite_int(stmt, 3, NGX_HTTP_WEBHOOK_STATUS_WEBHOOKS);
    ngx_http_webhook_sqlite_int(stmt, 4, NGX_HTTP_WEBHOOK_STATUS_EVENTS);

    if (ngx_http_webhook_sqlite_status_row(s, stmt, &status->due, NULL)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    stmt = ngx_http_webhook_sqlite_stmt(s, NGX_HTTP_WEBHOOK_SQL_STATUS_OLDEST);

    ngx_http_webhook_sqlite_int(stmt, 1, s->now + NGX_HTTP_WEBHOOK_PAUSE);
    ngx_http_webhook_sqlite_int(stmt, 2, NGX_HTTP_WEBHOOK_STATUS_WEBHOOKS);

    if (ngx_http_webhook_sqlite_status_row(s, stmt, &status->oldest, NULL)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (status->oldest > s->now) {
        status->oldest = 0;
    }

    stmt = ngx_http_webhook_sqlite_stmt(s,
                                        NGX_HTTP_WEBHOOK_SQL_STATUS_BREAKERS);

    if (ngx_http_webhook_sqlite_status_row(s, stmt, &status->open,
                                           &status->half_open)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    return ngx_http_webhook_sqlite_status_locked(s, status);
}


static ngx_int_t
ngx_http_webhook_sqlite_status_locked(ngx_http_webhook_sqlite_t *s,
    ngx_http_webhook_status_op_t *status)
{
    int64_t        key, n;
    ngx_int_t      rc;
    sqlite3_stmt  *stmt;

    key = 0;
    status->locked = 0;

    for ( ;; ) {
        stmt = ngx_http_webhook_sqlite_stmt(s, NGX_HTTP_WEBHOOK_SQL_STATUS_KEY);
        ngx_http_webhook_sqlite_int(stmt, 1, key);

        rc = ngx_http_webhook_sqlite_step(s, stmt);

        if (rc != NGX_OK) {
            return (rc == NGX_DONE) ? NGX_OK : NGX_ERROR;
        }

        key = sqlite3_column_int64(stmt, 0);

        (void) sqlite3_reset(stmt);

        if (ngx_http_webhook_sqlite_has_key(s, key)) {
            continue;
        }

        stmt = ngx_http_webhook_sqlite_stmt(s,
                                            NGX_HTTP_WEBHOOK_SQL_STATUS_SEALED);
        ngx_http_webhook_sqlite_int(stmt, 1, key);

        if (ngx_http_webhook_sqlite_status_row(s, stmt, &n, NULL) != NGX_OK) {
            return NGX_ERROR;
        }

        status->locked += n;
    }
}


/* The first one or two columns of a row that there is; a NULL is 0. */

static ngx_int_t
ngx_http_webhook_sqlite_status_row(ngx_http_webhook_sqlite_t *s,
    sqlite3_stmt *stmt, int64_t *a, int64_t *b)
{
    if (ngx_http_webhook_sqlite_step(s, stmt) != NGX_OK) {
        return NGX_ERROR;
    }

    *a = sqlite3_column_int64(stmt, 0);

    if (b) {
        *b = sqlite3_column_int64(stmt, 1);
    }

    (void) sqlite3_reset(stmt);

    return NGX_OK;
}


/* How old the first is that the index has not: 0 where it has everything. */

static ngx_int_t
ngx_http_webhook_sqlite_status_lag(ngx_http_webhook_sqlite_t *s,
    ngx_http_webhook_status_op_t *status)
{
    int64_t        position, change, first;
    sqlite3_stmt  *stmt;

    if (ngx_http_webhook_sqlite_index_state(s, &position, &change) != NGX_OK) {
        return NGX_ERROR;
    }

    stmt = ngx_http_webhook_sqlite_stmt(s, NGX_HTTP_WEBHOOK_SQL_STATUS_BEHIND);
    ngx_http_webhook_sqlite_int(stmt, 1, position);

    if (ngx_http_webhook_sqlite_status_row(s, stmt, &first, NULL) != NGX_OK) {
        return NGX_ERROR;
    }

    status->lag = first ? s->now - ngx_http_webhook_id_msec(first) : 0;
    status->lag = ngx_max(status->lag, 0);

    return NGX_OK;
}


/* Looked at, never opened: 0 where there is none. */

static off_t
ngx_http_webhook_sqlite_status_file(ngx_http_webhook_sqlite_t *s,
    const char *suffix)
{
    char             *name;
    off_t             size;
    ngx_file_info_t   fi;

    name = sqlite3_mprintf("%.*s%s", (int) s->conf->path.len,
                           s->conf->path.data, suffix);

    size = (name && ngx_file_info(name, &fi) != NGX_FILE_ERROR)
           ? ngx_file_size(&fi) : 0;

    sqlite3_free(name);

    return size;
}
