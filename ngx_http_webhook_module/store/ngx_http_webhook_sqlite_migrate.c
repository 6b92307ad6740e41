
/*
 * Copyright (C) the ngx_http_webhook_module authors
 */


/*
 * Migrations: what a store is before it is used.  Runs in the writing thread,
 * when it opens its session, in the writers' turn.
 */


#define NGX_HTTP_WEBHOOK_SQL_MIGRATIONS  1

#include "ngx_http_webhook_sqlite.h"


#define NGX_HTTP_WEBHOOK_SQLITE_APP_ID  0x77686b31     /* "whk1" */


static ngx_int_t ngx_http_webhook_sqlite_backup(ngx_http_webhook_sqlite_t *s,
    int64_t version);


/*
 * Brings the schema up to this module's, each migration in a transaction of
 * its own.  "user_version" is 0 in a new file only.
 */

ngx_int_t
ngx_http_webhook_sqlite_migrate(ngx_http_webhook_sqlite_t *s)
{
    int64_t     app, version, tables;
    ngx_uint_t  i, n;

    for (n = 0; ngx_http_webhook_sql_migrations[n]; n++) { /* void */ }

    if (ngx_http_webhook_sqlite_pragma(s, "PRAGMA application_id;", &app)
            != NGX_OK
        || ngx_http_webhook_sqlite_pragma(s, "PRAGMA user_version;", &version)
            != NGX_OK
        || ngx_http_webhook_sqlite_pragma(s, "PRAGMA schema_version;",
                                          &tables)
            != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (app != NGX_HTTP_WEBHOOK_SQLITE_APP_ID && (app || version || tables)) {
        ngx_log_error(NGX_LOG_CRIT, s->log, 0,
                      "\"%V\" is a database of another program",
                      &s->conf->path);
        return NGX_ERROR;
    }

    if (version > (int64_t) n) {
        if (ngx_http_webhook_sqlite_pragma(s,
                           "SELECT min_compatible FROM store;", &tables)
            != NGX_OK)
        {
            return NGX_ERROR;
        }

        if (tables <= (int64_t) n) {
            return NGX_OK;
        }

        ngx_log_error(NGX_LOG_CRIT, s->log, 0,
                      "webhook store \"%V\" has schema %L, this module "
                      "knows %ui: use a newer module",
                      &s->conf->path, version, n);
        return NGX_ERROR;
    }

    if (version > 0 && version < (int64_t) n
        && ngx_http_webhook_sqlite_backup(s, version) != NGX_OK)
    {
        return NGX_ERROR;
    }

    for (i = (ngx_uint_t) version; i < n; i++) {

        char  end[128];

        ngx_sprintf((u_char *) end,
                    "PRAGMA application_id = %d; PRAGMA user_version = %ui; "
                    "UPDATE store SET schema = %ui; COMMIT;%Z",
                    NGX_HTTP_WEBHOOK_SQLITE_APP_ID, i + 1, i + 1);

        ngx_log_error(NGX_LOG_NOTICE, s->log, 0,
                      "webhook store \"%V\": migration %ui",
                      &s->conf->path, i + 1);

        if (ngx_http_webhook_sqlite_script(s, "BEGIN IMMEDIATE;") != NGX_OK) {
            return NGX_ERROR;
        }

        if (ngx_http_webhook_sqlite_script(s,
                                           ngx_http_webhook_sql_migrations[i])
                != NGX_OK
            || ngx_http_webhook_sqlite_script(s, end) != NGX_OK)
        {
            (void) sqlite3_exec(s->db, "ROLLBACK;", NULL, NULL, NULL);
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


/*
 * A copy of the store as it is before its schema changes, beside it, named
 * after the schema.  One that is there is of an upgrade that did not succeed.
 */

static ngx_int_t
ngx_http_webhook_sqlite_backup(ngx_http_webhook_sqlite_t *s, int64_t version)
{
    int               rc;
    char             *name, *sql;
    ngx_int_t         ok;
    ngx_file_info_t   fi;

    name = sqlite3_mprintf("%.*s.schema-%lld", (int) s->conf->path.len,
                           s->conf->path.data, (long long) version);
    sql = sqlite3_mprintf("VACUUM INTO %Q", name);

    ok = NGX_ERROR;

    if (name == NULL || sql == NULL) {
        ngx_log_error(NGX_LOG_CRIT, s->log, 0, "sqlite3_mprintf() failed");

    } else if (ngx_file_info(name, &fi) != NGX_FILE_ERROR) {
        ok = NGX_OK;

    } else {
        ngx_log_error(NGX_LOG_NOTICE, s->log, 0,
                      "webhook store \"%V\": backup to \"%s\"",
                      &s->conf->path, name);

        rc = sqlite3_exec(s->db, sql, NULL, NULL, NULL);

        if (rc == SQLITE_OK) {
            ok = (chmod(name, 0600) == 0) ? NGX_OK : NGX_ERROR;

        } else {
            ngx_http_webhook_sqlite_failed(s, rc, sql);
        }
    }

    sqlite3_free(sql);
    sqlite3_free(name);

    return ok;
}
