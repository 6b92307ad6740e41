
/*
 * Copyright (C) the ngx_http_webhook_module authors
 */


/*
 * Checkpoints beside the writers, by one worker at a time.  Each does as much
 * as readers let it; under load the log's end is never reached, and the log
 * grows, until it is begun anew.
 *
 * What they copy is put on the disk at once.  SQLite does that only where no
 * commit came meanwhile, and then a commit waits for its few pages behind all
 * those that gathered.
 */


#include "ngx_http_webhook_sqlite.h"


#define NGX_HTTP_WEBHOOK_SQLITE_RESTART       16384    /* pages of the log,
                                                          before one that makes
                                                          writers wait, */
#define NGX_HTTP_WEBHOOK_SQLITE_RESTART_LATE  65536    /* and for readers */
#define NGX_HTTP_WEBHOOK_SQLITE_RESTART_BUSY  50       /* ms */
#define NGX_HTTP_WEBHOOK_SQLITE_PASSES        2        /* before that */


static void ngx_http_webhook_sqlite_restart(ngx_http_webhook_sqlite_t *s,
    int pages);
static int ngx_http_webhook_sqlite_pass(ngx_http_webhook_sqlite_t *s);
static int ngx_http_webhook_sqlite_checkpoint(ngx_http_webhook_sqlite_t *s,
    int mode);
static ngx_int_t ngx_http_webhook_sqlite_sync(ngx_http_webhook_sqlite_t *s);


void
ngx_http_webhook_sqlite_settle(void *session, ngx_log_t *log)
{
    ngx_http_webhook_sqlite_t *s = session;

    int  pages;

    s->log = log;
    s->lock.log = log;

    if (s->lock.fd == NGX_INVALID_FILE
        && ngx_http_webhook_sqlite_lock_attach(&s->lock, &s->conf->path, log)
           != NGX_OK)
    {
        return;
    }

    if (ngx_http_webhook_sqlite_settle_take(&s->lock) != NGX_OK) {
        return;                              /* another worker does it */
    }

    pages = ngx_http_webhook_sqlite_pass(s);

    if (pages >= NGX_HTTP_WEBHOOK_SQLITE_RESTART) {
        ngx_http_webhook_sqlite_restart(s, pages);
    }

    ngx_http_webhook_sqlite_settle_free(&s->lock);
}


/*
 * Begins a log anew that has grown too long.  Nobody may write meanwhile, so
 * that nobody should be there who reads for long: while the index is filled,
 * it is put off until the next checkpoint, unless that was so for long.
 */

static void
ngx_http_webhook_sqlite_restart(ngx_http_webhook_sqlite_t *s, int pages)
{
    ngx_uint_t  i, alone;

    alone = (ngx_http_webhook_sqlite_index_take(&s->lock) == NGX_OK);

    if (!alone && pages < NGX_HTTP_WEBHOOK_SQLITE_RESTART_LATE) {
        return;
    }

    /* each leaves what has come meanwhile, which is less and less */

    for (i = 0;
         pages >= NGX_HTTP_WEBHOOK_SQLITE_RESTART
         && i < NGX_HTTP_WEBHOOK_SQLITE_PASSES;
         i++)
    {
        pages = ngx_http_webhook_sqlite_pass(s);
    }

    if (pages >= NGX_HTTP_WEBHOOK_SQLITE_RESTART
        && ngx_http_webhook_sqlite_turn_take(&s->lock) == NGX_OK)
    {
        (void) sqlite3_busy_timeout(s->db,
                                    NGX_HTTP_WEBHOOK_SQLITE_RESTART_BUSY);
        (void) ngx_http_webhook_sqlite_checkpoint(s,
                                                  SQLITE_CHECKPOINT_RESTART);

        ngx_http_webhook_sqlite_turn_free(&s->lock);
    }

    if (alone) {
        ngx_http_webhook_sqlite_index_free(&s->lock);
    }
}


/* Returns how long the log is, in pages, or -1. */

static int
ngx_http_webhook_sqlite_pass(ngx_http_webhook_sqlite_t *s)
{
    int  pages;

    pages = ngx_http_webhook_sqlite_checkpoint(s, SQLITE_CHECKPOINT_PASSIVE);

    if (pages >= 0 && ngx_http_webhook_sqlite_sync(s) != NGX_OK) {
        return -1;
    }

    return pages;
}


static int
ngx_http_webhook_sqlite_checkpoint(ngx_http_webhook_sqlite_t *s, int mode)
{
    int  rc, pages, done;

    rc = sqlite3_wal_checkpoint_v2(s->db, NULL, mode, &pages, &done);

    if (rc == SQLITE_OK) {
        return pages;
    }

    if ((rc & 0xff) != SQLITE_BUSY && (rc & 0xff) != SQLITE_LOCKED) {
        ngx_http_webhook_sqlite_failed(s, rc, "sqlite3_wal_checkpoint_v2");
    }

    return -1;
}


static ngx_int_t
ngx_http_webhook_sqlite_sync(ngx_http_webhook_sqlite_t *s)
{
    int            rc, err;
    sqlite3_file  *file;

    err = 0;

    rc = sqlite3_file_control(s->db, "main", SQLITE_FCNTL_FILE_POINTER, &file);

    if (rc == SQLITE_OK) {
        rc = file->pMethods->xSync(file, SQLITE_SYNC_NORMAL);
    }

    if (rc == SQLITE_OK) {
        return NGX_OK;
    }

    /* not by the handle, which keeps errors of its own calls */

    (void) sqlite3_file_control(s->db, "main", SQLITE_FCNTL_LAST_ERRNO, &err);

    if (!ngx_http_webhook_quiet(&s->conf->quiet, NGX_HTTP_WEBHOOK_QUIET_SYNC,
                                NULL))
    {
        ngx_log_error(NGX_LOG_CRIT, s->log, err,
                      "webhook store \"%V\": fsync of its file failed (%d: %s)"
                      ": check its disk, and its quota", &s->conf->path, rc,
                      sqlite3_errstr(rc));
    }

    return NGX_ERROR;
}
