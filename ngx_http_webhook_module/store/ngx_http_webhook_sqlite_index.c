
/*
 * Copyright (C) the ngx_http_webhook_module authors
 */


/*
 * The index of lists, and the statistics: a second file, "<store>.index",
 * that is derived from the store.  One row of the store would be several
 * random pages here, so they are not written by the transactions that
 * acknowledge events, but behind them, in windows that are sorted first.
 *
 * Identifiers rise in the order of commits, so one of them, the position,
 * tells how far the index is; who reads adds what came later (sqlite_list.c).
 * All workers may bring it forward, one at a time: the lock file has a byte
 * for that.  The file may be removed at any time, and is made anew.
 *
 * Runs in a thread of its own with a session of its own, which writes to no
 * table of the store.
 */


#include "ngx_http_webhook_sqlite_window.h"


#define NGX_HTTP_WEBHOOK_INDEX_VERSION  4
#define NGX_HTTP_WEBHOOK_INDEX_BUDGET   500     /* ms a call */
#define NGX_HTTP_WEBHOOK_INDEX_RETRY    10000   /* ms, after a failure */
#define NGX_HTTP_WEBHOOK_INDEX_YIELD    1000    /* SQLite's instructions, some
                                                   30 rows and 100 us */


static ngx_int_t ngx_http_webhook_sqlite_index_turn(
    ngx_http_webhook_sqlite_t *s);
static ino_t ngx_http_webhook_sqlite_index_inode(ngx_http_webhook_sqlite_t *s);
static void ngx_http_webhook_sqlite_index_create(ngx_http_webhook_sqlite_t *s);
static void ngx_http_webhook_sqlite_index_unlink(ngx_http_webhook_sqlite_t *s,
    const char *suffix);
static ngx_int_t ngx_http_webhook_sqlite_index_close(
    ngx_http_webhook_sqlite_t *s);
static void ngx_http_webhook_sqlite_index_remove(ngx_http_webhook_sqlite_t *s);
static ngx_int_t ngx_http_webhook_sqlite_index_run(
    ngx_http_webhook_sqlite_t *s);
static ngx_int_t ngx_http_webhook_sqlite_index_open(
    ngx_http_webhook_sqlite_t *s, ngx_uint_t create);
static ngx_int_t ngx_http_webhook_sqlite_index_make(
    ngx_http_webhook_sqlite_t *s);
static int ngx_http_webhook_sqlite_index_yield(void *data);
static ngx_int_t ngx_http_webhook_sqlite_index_window(
    ngx_http_webhook_sqlite_t *s, ngx_uint_t *more);
static ngx_int_t ngx_http_webhook_sqlite_index_move(
    ngx_http_webhook_sqlite_t *s, int64_t from, int64_t to, int64_t change,
    int64_t last_change);


void
ngx_http_webhook_sqlite_index(void *session, ngx_log_t *log)
{
    ngx_http_webhook_sqlite_t *s = session;

    int64_t  now;

    s->log = log;
    s->lock.log = log;

    now = ngx_http_webhook_sqlite_now();

    if (now >= s->failed_at
        && now - s->failed_at < NGX_HTTP_WEBHOOK_INDEX_RETRY)
    {
        return;
    }

    s->failed_at = 0;

    if (ngx_http_webhook_sqlite_index_turn(s) != NGX_OK) {
        return;                              /* another worker does it */
    }

    if (ngx_http_webhook_sqlite_index_run(s) != NGX_OK) {

        ngx_http_webhook_sqlite_rollback(s);
        s->failed_at = now;

        if (s->damaged) {
            ngx_http_webhook_sqlite_index_remove(s);

            /* at once, unless that was of no use the last time */

            if (now - s->removed_at >= NGX_HTTP_WEBHOOK_INDEX_RETRY) {
                s->failed_at = 0;
            }

            s->removed_at = now;
        }
    }

    ngx_http_webhook_sqlite_index_free(&s->lock);
}


/* The right to fill the index, or to remove it. */

static ngx_int_t
ngx_http_webhook_sqlite_index_turn(ngx_http_webhook_sqlite_t *s)
{
    if (s->lock.fd == NGX_INVALID_FILE
        && ngx_http_webhook_sqlite_lock_attach(&s->lock, &s->conf->path,
                                               s->log)
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    return ngx_http_webhook_sqlite_index_take(&s->lock);
}


static ngx_int_t
ngx_http_webhook_sqlite_index_run(ngx_http_webhook_sqlite_t *s)
{
    int64_t     begin;
    ngx_uint_t  more;

    s->damaged = 0;

    if (ngx_http_webhook_sqlite_index_attach(s, 1) != NGX_OK) {
        return NGX_ERROR;
    }

    begin = ngx_http_webhook_sqlite_now();

    do {
        if (ngx_http_webhook_sqlite_index_window(s, &more) != NGX_OK) {
            return NGX_ERROR;
        }

        if (ngx_quit || ngx_exiting || ngx_terminate) {
            return NGX_OK;
        }

    } while (more
             && ngx_http_webhook_sqlite_now() - begin
                < NGX_HTTP_WEBHOOK_INDEX_BUDGET);

    return more ? NGX_OK : ngx_http_webhook_sqlite_sweep(s);
}


/*
 * The file may have been made anew under its name since it was attached: then
 * the one that has the name counts.
 */

ngx_int_t
ngx_http_webhook_sqlite_index_attach(ngx_http_webhook_sqlite_t *s,
    ngx_uint_t create)
{
    ino_t      inode;
    int64_t    now;
    ngx_int_t  rc;

    now = ngx_http_webhook_sqlite_now();

    inode = ngx_http_webhook_sqlite_index_inode(s);

    if (inode == 0 && create) {
        ngx_http_webhook_sqlite_index_create(s);
        inode = ngx_http_webhook_sqlite_index_inode(s);
    }

    if (inode && inode == s->index) {
        return NGX_OK;
    }

    if (s->index
        && ngx_http_webhook_sqlite_index_close(s) != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (inode == 0) {
        return NGX_DECLINED;
    }

    if (!create && now >= s->failed_at
        && now - s->failed_at < NGX_HTTP_WEBHOOK_INDEX_RETRY)
    {
        return NGX_DECLINED;
    }

    s->attaching = 1;

    rc = ngx_http_webhook_sqlite_index_open(s, create);

    s->attaching = 0;

    if (rc == NGX_OK) {
        s->index = inode;

    } else if (rc == NGX_ERROR) {
        s->failed_at = now;
    }

    return rc;
}


/* The file that has the name; 0 where there is none. */

static ino_t
ngx_http_webhook_sqlite_index_inode(ngx_http_webhook_sqlite_t *s)
{
    char             *name;
    ino_t             inode;
    ngx_file_info_t   fi;

    name = sqlite3_mprintf("%.*s.index", (int) s->conf->path.len,
                           s->conf->path.data);

    inode = (name && ngx_file_info(name, &fi) != NGX_FILE_ERROR)
            ? fi.st_ino : 0;

    sqlite3_free(name);

    return inode;
}


/*
 * A new file, without the companions of one that was removed alone: sessions
 * that have that one open keep them.
 */

static void
ngx_http_webhook_sqlite_index_create(ngx_http_webhook_sqlite_t *s)
{
    int    fd;
    char  *name;

    ngx_http_webhook_sqlite_index_unlink(s, "-wal");
    ngx_http_webhook_sqlite_index_unlink(s, "-shm");

    name = sqlite3_mprintf("%.*s.index", (int) s->conf->path.len,
                           s->conf->path.data);

    fd = name ? open(name, O_CREAT|O_EXCL|O_RDWR|O_NOFOLLOW|O_CLOEXEC, 0600)
              : -1;
    if (fd != -1) {
        (void) close(fd);
    }

    sqlite3_free(name);
}


static void
ngx_http_webhook_sqlite_index_unlink(ngx_http_webhook_sqlite_t *s,
    const char *suffix)
{
    char  *name;

    name = sqlite3_mprintf("%.*s.index%s", (int) s->conf->path.len,
                           s->conf->path.data, suffix);

    if (name && ngx_delete_file(name) == NGX_FILE_ERROR
        && ngx_errno != NGX_ENOENT)
    {
        ngx_log_error(NGX_LOG_CRIT, s->log, ngx_errno,
                      ngx_delete_file_n " \"%s\" failed", name);
    }

    sqlite3_free(name);
}


static ngx_int_t
ngx_http_webhook_sqlite_index_close(ngx_http_webhook_sqlite_t *s)
{
    if (ngx_http_webhook_sqlite_exec(s,
            ngx_http_webhook_sqlite_stmt(s, NGX_HTTP_WEBHOOK_SQL_INDEX_DETACH))
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    s->index = 0;

    return NGX_OK;
}


static ngx_int_t
ngx_http_webhook_sqlite_index_open(ngx_http_webhook_sqlite_t *s,
    ngx_uint_t create)
{
    int            on;
    u_char        *p;
    int64_t        version;
    ngx_int_t      rc;
    ngx_str_t      name;
    sqlite3_stmt  *stmt;

    name.len = s->conf->path.len + sizeof(".index") - 1;
    name.data = ngx_alloc(name.len, s->log);
    if (name.data == NULL) {
        return NGX_ERROR;
    }

    p = ngx_cpymem(name.data, s->conf->path.data, s->conf->path.len);
    ngx_memcpy(p, ".index", sizeof(".index") - 1);

    stmt = ngx_http_webhook_sqlite_stmt(s, NGX_HTTP_WEBHOOK_SQL_INDEX_ATTACH);
    ngx_http_webhook_sqlite_text(stmt, 1, &name);

    rc = ngx_http_webhook_sqlite_exec(s, stmt);

    ngx_http_webhook_sqlite_text(stmt, 1, &(ngx_str_t) ngx_null_string);
    ngx_free(name.data);

    if (rc != NGX_OK) {
        return NGX_ERROR;
    }

    /* who has the file open under a name that another has now leaves its log
       alone when it closes it */

    on = 1;
    (void) sqlite3_file_control(s->db, "lists", SQLITE_FCNTL_PERSIST_WAL, &on);

    stmt = ngx_http_webhook_sqlite_stmt(s, NGX_HTTP_WEBHOOK_SQL_INDEX_VERSION);

    rc = ngx_http_webhook_sqlite_step(s, stmt);

    if (rc == NGX_OK) {
        version = sqlite3_column_int64(stmt, 0);
        (void) sqlite3_reset(stmt);

        if (version == NGX_HTTP_WEBHOOK_INDEX_VERSION) {
            rc = create ? ngx_http_webhook_sqlite_index_make(s) : NGX_OK;

        } else if (!create) {
            rc = NGX_DECLINED;

        } else if (version == 0) {
            rc = ngx_http_webhook_sqlite_index_make(s);

            if (rc == NGX_OK) {
                rc = ngx_http_webhook_sqlite_named(s,
                                            NGX_HTTP_WEBHOOK_SQL_INDEX_SCHEMA);
            }

        } else if (version < NGX_HTTP_WEBHOOK_INDEX_VERSION) {
            s->damaged = 1;
            rc = NGX_ERROR;

        } else {
            rc = NGX_DECLINED;               /* a newer module's */
        }
    }

    if (rc != NGX_OK) {
        ngx_http_webhook_sqlite_rollback(s);
        (void) ngx_http_webhook_sqlite_exec(s,
                  ngx_http_webhook_sqlite_stmt(s,
                                            NGX_HTTP_WEBHOOK_SQL_INDEX_DETACH));
    }

    return rc;
}


/* What a session needs that writes to the index. */

static ngx_int_t
ngx_http_webhook_sqlite_index_make(ngx_http_webhook_sqlite_t *s)
{
    if (ngx_http_webhook_sqlite_script(s,
                                       "PRAGMA query_only = 0;"
                                       "PRAGMA temp_store = MEMORY;"
                                       "PRAGMA cache_size = -1024;"
                                       "PRAGMA lists.cache_size = -2048;"
                                       "PRAGMA lists.journal_mode = WAL;"
                                       "PRAGMA lists.synchronous = NORMAL;")
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    sqlite3_progress_handler(s->db, NGX_HTTP_WEBHOOK_INDEX_YIELD,
                             ngx_http_webhook_sqlite_index_yield, NULL);

    return ngx_http_webhook_sqlite_named(s,
                                       NGX_HTTP_WEBHOOK_SQL_INDEX_MOVED_TABLE);
}


/*
 * Whoever is waited for would else wait for the end of this thread's time
 * slice, some ms, where there is no other processor for it.
 */

static int
ngx_http_webhook_sqlite_index_yield(void *data)
{
    ngx_sched_yield();

    return 0;                                /* go on */
}


/* With the right to do so. */

static void
ngx_http_webhook_sqlite_index_remove(ngx_http_webhook_sqlite_t *s)
{
    ngx_uint_t  unsaid;

    if (!ngx_http_webhook_quiet(&s->conf->quiet,
                                NGX_HTTP_WEBHOOK_QUIET_DAMAGED, &unsaid))
    {
        ngx_log_error(NGX_LOG_ERR, s->log, 0,
                      "the index of webhook store \"%V\" is damaged, or not of "
                      "this store or version: it is made anew%s",
                      &s->conf->path,
                      unsaid ? ", again and again: the store itself may be "
                               "damaged, see webhook-audit" : "");
    }

    ngx_http_webhook_sqlite_index_unlink(s, "");
    ngx_http_webhook_sqlite_index_unlink(s, "-wal");
    ngx_http_webhook_sqlite_index_unlink(s, "-shm");
}


void
ngx_http_webhook_sqlite_index_failed(ngx_http_webhook_sqlite_t *s)
{
    s->failed_at = ngx_http_webhook_sqlite_now();

    if (s->damaged && ngx_http_webhook_sqlite_index_turn(s) == NGX_OK) {

        if (ngx_http_webhook_sqlite_index_inode(s) == s->index) {
            ngx_http_webhook_sqlite_index_remove(s);
        }

        ngx_http_webhook_sqlite_index_free(&s->lock);
    }
}


void
ngx_http_webhook_sqlite_index_check(ngx_http_webhook_sqlite_t *s)
{
    ngx_uint_t     ahead;
    sqlite3_stmt  *stmt;

    if (ngx_http_webhook_sqlite_index_take(&s->lock) != NGX_OK) {
        return;                              /* who opened it has looked */
    }

    if (ngx_http_webhook_sqlite_index_attach(s, 0) == NGX_OK) {

        stmt = ngx_http_webhook_sqlite_stmt(s,
                                            NGX_HTTP_WEBHOOK_SQL_INDEX_AHEAD);

        ahead = (ngx_http_webhook_sqlite_step(s, stmt) == NGX_OK
                 && sqlite3_column_int(stmt, 0));

        ngx_http_webhook_sqlite_rollback(s);

        if (ahead) {
            ngx_http_webhook_sqlite_index_remove(s);
        }

        (void) ngx_http_webhook_sqlite_index_close(s);
    }

    ngx_http_webhook_sqlite_index_free(&s->lock);
}


/* Brings the index one window forward, in a transaction. */

static ngx_int_t
ngx_http_webhook_sqlite_index_window(ngx_http_webhook_sqlite_t *s,
    ngx_uint_t *more)
{
    int64_t        from, to, change, last_change, last, changes;
    sqlite3_stmt  *stmt;

    *more = 0;

    if (ngx_http_webhook_sqlite_exec(s,
            ngx_http_webhook_sqlite_stmt(s, NGX_HTTP_WEBHOOK_SQL_BEGIN_READ))
            != NGX_OK
        || ngx_http_webhook_sqlite_index_state(s, &from, &change) != NGX_OK)
    {
        return NGX_ERROR;
    }

    stmt = ngx_http_webhook_sqlite_stmt(s, NGX_HTTP_WEBHOOK_SQL_INDEX_WINDOW);

    ngx_http_webhook_sqlite_int(stmt, 1, from);
    ngx_http_webhook_sqlite_int(stmt, 2, NGX_HTTP_WEBHOOK_INDEX_WINDOW - 1);
    ngx_http_webhook_sqlite_int(stmt, 3, change);

    if (ngx_http_webhook_sqlite_step(s, stmt) != NGX_OK) {
        return NGX_ERROR;
    }

    to = sqlite3_column_int64(stmt, 0);
    last_change = sqlite3_column_int64(stmt, 1);
    last = sqlite3_column_int64(stmt, 2);
    changes = sqlite3_column_int64(stmt, 3);

    (void) sqlite3_reset(stmt);

    if (to < from || changes < change) {
        s->damaged = 1;                      /* of another store */
        return NGX_ERROR;
    }

    if (to != from || last_change != change) {

        if (ngx_http_webhook_sqlite_window(s, from, to) != NGX_OK
            || ngx_http_webhook_sqlite_index_move(s, from, to, change,
                                                  last_change)
               != NGX_OK
            || ngx_http_webhook_sqlite_run(s,
                                          NGX_HTTP_WEBHOOK_SQL_INDEX_STATE_SET,
                                          2, to, last_change, 0)
               != NGX_OK)
        {
            return NGX_ERROR;
        }

        *more = (to != last || last_change != changes);
    }

    return ngx_http_webhook_sqlite_exec(s,
               ngx_http_webhook_sqlite_stmt(s, NGX_HTTP_WEBHOOK_SQL_COMMIT));
}


ngx_int_t
ngx_http_webhook_sqlite_index_state(ngx_http_webhook_sqlite_t *s,
    int64_t *position, int64_t *change)
{
    sqlite3_stmt  *stmt;

    stmt = ngx_http_webhook_sqlite_stmt(s, NGX_HTTP_WEBHOOK_SQL_INDEX_STATE);

    if (ngx_http_webhook_sqlite_step(s, stmt) != NGX_OK) {
        s->damaged = 1;
        return NGX_ERROR;
    }

    *position = sqlite3_column_int64(stmt, 0);
    *change = sqlite3_column_int64(stmt, 1);

    (void) sqlite3_reset(stmt);

    return NGX_OK;
}


/* Older events whose status may be another one now. */

static ngx_int_t
ngx_http_webhook_sqlite_index_move(ngx_http_webhook_sqlite_t *s, int64_t from,
    int64_t to, int64_t change, int64_t last_change)
{
    ngx_uint_t     i;
    sqlite3_stmt  *stmt;

    static ngx_http_webhook_sql_e  names[] = {
        NGX_HTTP_WEBHOOK_SQL_INDEX_MOVE_COMPANY,
        NGX_HTTP_WEBHOOK_SQL_INDEX_MOVE_WEBHOOK,
        NGX_HTTP_WEBHOOK_SQL_INDEX_MOVED_COMPANY,
        NGX_HTTP_WEBHOOK_SQL_INDEX_MOVED_WEBHOOK
    };

    if (ngx_http_webhook_sqlite_run(s, NGX_HTTP_WEBHOOK_SQL_INDEX_MOVED_CLEAR,
                                    0, 0, 0, 0)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    stmt = ngx_http_webhook_sqlite_stmt(s, NGX_HTTP_WEBHOOK_SQL_INDEX_MOVED);

    ngx_http_webhook_sqlite_int(stmt, 1, from);
    ngx_http_webhook_sqlite_int(stmt, 2, to);
    ngx_http_webhook_sqlite_int(stmt, 3, change);
    ngx_http_webhook_sqlite_int(stmt, 4, last_change);

    if (ngx_http_webhook_sqlite_exec(s, stmt) != NGX_OK) {
        return NGX_ERROR;
    }

    for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (ngx_http_webhook_sqlite_run(s, names[i], 0, 0, 0, 0) != NGX_OK) {
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}
