
/*
 * Copyright (C) the ngx_http_webhook_module authors
 */


/*
 * Statements: prepared once in a session, bound, stepped; and what to say
 * where SQLite fails.  Runs in the store's threads.
 */


#define NGX_HTTP_WEBHOOK_SQL_STATEMENTS  1

#include "ngx_http_webhook_sqlite.h"


sqlite3_stmt *
ngx_http_webhook_sqlite_stmt(ngx_http_webhook_sqlite_t *s,
    ngx_http_webhook_sql_e name)
{
    int            rc;
    sqlite3_stmt  *stmt;

    stmt = s->stmts[name];

    if (stmt) {
        (void) sqlite3_reset(stmt);
        return stmt;
    }

    rc = sqlite3_prepare_v3(s->db, ngx_http_webhook_sql[name], -1,
                            SQLITE_PREPARE_PERSISTENT, &stmt, NULL);

    if (rc != SQLITE_OK) {
        ngx_http_webhook_sqlite_failed(s, rc, ngx_http_webhook_sql[name]);
        return NULL;
    }

    s->stmts[name] = stmt;

    return stmt;
}


ngx_int_t
ngx_http_webhook_sqlite_step(ngx_http_webhook_sqlite_t *s, sqlite3_stmt *stmt)
{
    int  rc;

    if (stmt == NULL) {
        return NGX_ERROR;
    }

    rc = sqlite3_step(stmt);

    if (rc == SQLITE_ROW) {
        return NGX_OK;
    }

    (void) sqlite3_reset(stmt);

    if (rc == SQLITE_DONE) {
        return NGX_DONE;
    }

    ngx_http_webhook_sqlite_failed(s, rc, sqlite3_sql(stmt));

    return NGX_ERROR;
}


ngx_int_t
ngx_http_webhook_sqlite_exec(ngx_http_webhook_sqlite_t *s, sqlite3_stmt *stmt)
{
    return (ngx_http_webhook_sqlite_step(s, stmt) == NGX_DONE) ? NGX_OK
                                                               : NGX_ERROR;
}


ngx_int_t
ngx_http_webhook_sqlite_run(ngx_http_webhook_sqlite_t *s,
    ngx_http_webhook_sql_e name, ngx_uint_t n, int64_t a, int64_t b, int64_t c)
{
    sqlite3_stmt  *stmt;

    stmt = ngx_http_webhook_sqlite_stmt(s, name);

    if (n > 0) {
        ngx_http_webhook_sqlite_int(stmt, 1, a);
    }

    if (n > 1) {
        ngx_http_webhook_sqlite_int(stmt, 2, b);
    }

    if (n > 2) {
        ngx_http_webhook_sqlite_int(stmt, 3, c);
    }

    return ngx_http_webhook_sqlite_exec(s, stmt);
}


void
ngx_http_webhook_sqlite_int(sqlite3_stmt *stmt, int n, int64_t value)
{
    if (stmt) {
        (void) sqlite3_bind_int64(stmt, n, value);
    }
}


void
ngx_http_webhook_sqlite_text(sqlite3_stmt *stmt, int n, ngx_str_t *value)
{
    if (stmt) {
        (void) sqlite3_bind_text64(stmt, n, (char *) value->data, value->len,
                                   SQLITE_STATIC, SQLITE_UTF8);
    }
}


void
ngx_http_webhook_sqlite_blob(sqlite3_stmt *stmt, int n, ngx_str_t *value)
{
    if (stmt) {
        (void) sqlite3_bind_blob64(stmt, n, value->data, value->len,
                                   SQLITE_STATIC);
    }
}


ngx_int_t
ngx_http_webhook_sqlite_column(sqlite3_stmt *stmt, int n, ngx_pool_t *pool,
    ngx_str_t *value)
{
    const void  *data;

    ngx_str_null(value);

    if (sqlite3_column_type(stmt, n) == SQLITE_NULL) {
        return NGX_OK;
    }

    data = sqlite3_column_blob(stmt, n);

    value->len = sqlite3_column_bytes(stmt, n);
    value->data = ngx_pnalloc(pool, value->len + 1);
    if (value->data == NULL) {
        return NGX_ERROR;
    }

    if (value->len) {
        ngx_memcpy(value->data, data, value->len);
    }

    value->data[value->len] = '\0';

    return NGX_OK;
}


ngx_http_webhook_id_t
ngx_http_webhook_sqlite_id(ngx_http_webhook_sqlite_t *s)
{
    s->last_id = ngx_max(s->last_id + 1, s->now << 20);

    return s->last_id;
}


int64_t
ngx_http_webhook_sqlite_now(void)
{
    struct timespec  ts;

    (void) clock_gettime(CLOCK_REALTIME, &ts);

    return (int64_t) ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}


ngx_int_t
ngx_http_webhook_sqlite_script(ngx_http_webhook_sqlite_t *s, const char *sql)
{
    int  rc;

    rc = sqlite3_exec(s->db, sql, NULL, NULL, NULL);

    if (rc != SQLITE_OK) {
        ngx_http_webhook_sqlite_failed(s, rc, "sqlite3_exec");
        return NGX_ERROR;
    }

    return NGX_OK;
}


ngx_int_t
ngx_http_webhook_sqlite_named(ngx_http_webhook_sqlite_t *s,
    ngx_http_webhook_sql_e name)
{
    return ngx_http_webhook_sqlite_script(s, ngx_http_webhook_sql[name]);
}


ngx_int_t
ngx_http_webhook_sqlite_pragma(ngx_http_webhook_sqlite_t *s, const char *sql,
    int64_t *value)
{
    int            rc;
    sqlite3_stmt  *stmt;

    rc = sqlite3_prepare_v2(s->db, sql, -1, &stmt, NULL);

    if (rc == SQLITE_OK) {
        rc = sqlite3_step(stmt);

        if (rc == SQLITE_ROW) {
            *value = sqlite3_column_int64(stmt, 0);
        }

        (void) sqlite3_finalize(stmt);
    }

    if (rc != SQLITE_ROW) {
        ngx_http_webhook_sqlite_failed(s, rc, sql);
        return NGX_ERROR;
    }

    return NGX_OK;
}


void
ngx_http_webhook_sqlite_rollback(ngx_http_webhook_sqlite_t *s)
{
    ngx_uint_t  i;

    for (i = 0; i < NGX_HTTP_WEBHOOK_SQL_N; i++) {
        if (s->stmts[i]) {
            (void) sqlite3_reset(s->stmts[i]);
        }
    }

    if (s->db && !sqlite3_get_autocommit(s->db)) {
        (void) ngx_http_webhook_sqlite_named(s, NGX_HTTP_WEBHOOK_SQL_ROLLBACK);
    }
}


/* An error that lies in a statement is one of this statement. */

static ngx_int_t
ngx_http_webhook_sqlite_kind(const char *what)
{
    return (ngx_int_t) (ngx_crc32_short((u_char *) what, ngx_strlen(what))
                        & 0x3ff)
           * NGX_HTTP_WEBHOOK_QUIET_STMT;
}


/*
 * Logs an error, and what to do about it where that is known.  Errors that
 * lie in one statement's values leave the batch a second try.
 */

void
ngx_http_webhook_sqlite_failed(ngx_http_webhook_sqlite_t *s, int rc,
    const char *what)
{
    ngx_err_t    err;
    ngx_int_t    kind;
    ngx_uint_t   unsaid;
    const char  *hint;

    kind = rc + s->attaching * NGX_HTTP_WEBHOOK_QUIET_INDEX;

    err = s->db ? (ngx_err_t) sqlite3_system_errno(s->db) : 0;

    switch (rc & 0xff) {

    case SQLITE_CONSTRAINT:
    case SQLITE_TOOBIG:
    case SQLITE_MISMATCH:
    case SQLITE_RANGE:
        hint = "";
        kind += ngx_http_webhook_sqlite_kind(what);
        break;

    case SQLITE_FULL:
        s->fatal = 1;
        hint = ": free some space on its disk";
        break;

    case SQLITE_CANTOPEN:
    case SQLITE_READONLY:
    case SQLITE_PERM:
        s->fatal = 1;
        hint = (err == EMFILE || err == ENFILE)
               ? ": raise worker_rlimit_nofile"
               : ": the user that nginx's workers run as must own the folder, "
                 "the file, and the -wal, -shm and .lock files beside it";
        break;

    case SQLITE_BUSY:
    case SQLITE_LOCKED:
        s->fatal = 1;
        hint = ": another program holds it";
        break;

    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
        s->fatal = 1;
        s->damaged = 1;
        hint = ": check its disk; where \"PRAGMA integrity_check\" finds it "
               "damaged, restore it from a backup";
        break;

    case SQLITE_IOERR:
        s->fatal = 1;
        hint = (err == ENOSPC || err == EDQUOT)
               ? ": free some space on its disk"
               : ": check its disk, and its quota";
        break;

    case SQLITE_ERROR:
        s->fatal = 1;
        s->damaged = 1;                      /* a table is not there */
        hint = "";
        kind += ngx_http_webhook_sqlite_kind(what);
        break;

    default:
        s->fatal = 1;
        hint = "";
        kind += ngx_http_webhook_sqlite_kind(what);
    }

    if ((rc & 0xff) != SQLITE_IOERR && (rc & 0xff) != SQLITE_CANTOPEN) {
        err = 0;                             /* another call's */
    }

    if (s->attaching && s->damaged) {
        hint = ": it is the index, which is made anew";
    }

    if (!ngx_http_webhook_quiet(&s->conf->quiet,
                                s->writes && !s->attaching ? kind : -kind,
                                &unsaid))
    {
        ngx_log_error(NGX_LOG_CRIT, s->log, err,
                      "webhook store \"%V\": %s failed (%d: %s)%s%s",
                      &s->conf->path, what, rc,
                      s->db ? sqlite3_errmsg(s->db) : sqlite3_errstr(rc), hint,
                      unsaid ? ", again and again" : "");
    }
}
