
/*
 * Copyright (C) the ngx_http_webhook_module authors
 */


/*
 * The SQLite engine: sessions, and the transactions that carry out a batch.
 * Runs in the store's threads.
 *
 * A batch is one transaction, except that an operation which changes the
 * configuration gets one of its own, for the snapshot is only ever compiled
 * from what is committed.  Where the database fails, the whole transaction is
 * undone and its operations end as unavailable.  Where one operation cannot
 * be carried out though the database is well (a value that it refuses), the
 * transaction is tried again with each operation alone, so that one cannot
 * take the others down.
 */


#include "ngx_http_webhook_sqlite.h"


#define NGX_HTTP_WEBHOOK_SQLITE_BUSY       5000        /* ms */
#define NGX_HTTP_WEBHOOK_SQLITE_READ_BUSY  200         /* not the writer */


static void *ngx_http_webhook_sqlite_open(ngx_http_webhook_store_conf_t *conf,
    ngx_uint_t writes, ngx_log_t *log);
static ngx_int_t ngx_http_webhook_sqlite_open_db(ngx_http_webhook_sqlite_t *s);
static ngx_int_t ngx_http_webhook_sqlite_open_writer(
    ngx_http_webhook_sqlite_t *s);
static ngx_int_t ngx_http_webhook_sqlite_synchronous(
    ngx_http_webhook_sqlite_t *s);
static ngx_int_t ngx_http_webhook_sqlite_adopt(ngx_http_webhook_sqlite_t *s);
static void ngx_http_webhook_sqlite_write(void *session,
    ngx_http_webhook_batch_t *batch, ngx_log_t *log);
static ngx_uint_t ngx_http_webhook_sqlite_transaction(
    ngx_http_webhook_sqlite_t *s, ngx_http_webhook_batch_t *batch,
    ngx_queue_t *first, ngx_queue_t *end);
static void ngx_http_webhook_sqlite_tally(ngx_http_webhook_sqlite_t *s,
    ngx_http_webhook_tally_t *tally);
static void ngx_http_webhook_sqlite_undo(ngx_http_webhook_sqlite_t *s,
    ngx_http_webhook_op_t *op);
static ngx_int_t ngx_http_webhook_sqlite_begin(ngx_http_webhook_sqlite_t *s);
static ngx_int_t ngx_http_webhook_sqlite_commit(ngx_http_webhook_sqlite_t *s);
static void ngx_http_webhook_sqlite_bury(ngx_http_webhook_sqlite_t *s);
static void ngx_http_webhook_sqlite_read(void *session,
    ngx_http_webhook_op_t *op, ngx_log_t *log);
static int ngx_http_webhook_sqlite_logged(void *data, sqlite3 *db,
    const char *name, int pages);
static void ngx_http_webhook_sqlite_close(void *session);
static ngx_int_t ngx_http_webhook_sqlite_refresh(ngx_http_webhook_sqlite_t *s,
    ngx_http_webhook_op_t *op);


ngx_http_webhook_engine_t  ngx_http_webhook_sqlite = {
    "sqlite",
    ngx_http_webhook_sqlite_open,
    ngx_http_webhook_sqlite_write,
    ngx_http_webhook_sqlite_read,
    ngx_http_webhook_sqlite_settle,
    ngx_http_webhook_sqlite_index,
    ngx_http_webhook_sqlite_close
};


/* in the order of ngx_http_webhook_op_e */

static ngx_http_webhook_sqlite_op_pt  ngx_http_webhook_sqlite_ops[] = {
    ngx_http_webhook_sqlite_ingest,
    ngx_http_webhook_sqlite_ingest,              /* the test event */
    ngx_http_webhook_sqlite_result,
    ngx_http_webhook_sqlite_release,
    ngx_http_webhook_sqlite_claim,
    ngx_http_webhook_sqlite_refresh,
    ngx_http_webhook_sqlite_message_delete,
    ngx_http_webhook_sqlite_api_key_create,
    ngx_http_webhook_sqlite_access_request,
    ngx_http_webhook_sqlite_event_type_update,
    ngx_http_webhook_sqlite_event_retry,
    ngx_http_webhook_sqlite_event_cancel,
    ngx_http_webhook_sqlite_replay_create,
    ngx_http_webhook_sqlite_replay_cancel,
    ngx_http_webhook_sqlite_replay_step,
    ngx_http_webhook_sqlite_company_create,
    ngx_http_webhook_sqlite_company_update,
    ngx_http_webhook_sqlite_company_delete,
    ngx_http_webhook_sqlite_api_key_delete,
    ngx_http_webhook_sqlite_webhook_create,
    ngx_http_webhook_sqlite_webhook_update,
    ngx_http_webhook_sqlite_webhook_delete,
    ngx_http_webhook_sqlite_webhook_rotate,
    ngx_http_webhook_sqlite_webhook_disable,
    ngx_http_webhook_sqlite_event_type_create,
    ngx_http_webhook_sqlite_event_type_delete,
    ngx_http_webhook_sqlite_company_get,
    ngx_http_webhook_sqlite_company_list,
    ngx_http_webhook_sqlite_api_key_find,
    ngx_http_webhook_sqlite_api_key_get,
    ngx_http_webhook_sqlite_api_key_list,
    ngx_http_webhook_sqlite_access_list,
    ngx_http_webhook_sqlite_webhook_get,
    ngx_http_webhook_sqlite_webhook_list,
    ngx_http_webhook_sqlite_event_list,
    ngx_http_webhook_sqlite_event_get,
    ngx_http_webhook_sqlite_event_type_get,
    ngx_http_webhook_sqlite_event_type_list,
    ngx_http_webhook_sqlite_status,
    ngx_http_webhook_sqlite_stats,
    ngx_http_webhook_sqlite_message_list,
    ngx_http_webhook_sqlite_message_get,
    ngx_http_webhook_sqlite_replay_count,
    ngx_http_webhook_sqlite_replay_find,
    ngx_http_webhook_sqlite_replay_list,
    ngx_http_webhook_sqlite_replay_get
};


static void *
ngx_http_webhook_sqlite_open(ngx_http_webhook_store_conf_t *conf,
    ngx_uint_t writes, ngx_log_t *log)
{
    ngx_http_webhook_sqlite_t  *s;

    /*
     * To count what is allocated takes a lock that all threads share.  SQLite
     * refuses it once it is in use; the writer is the first to open.
     */

    if (writes) {
        (void) sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
    }

    s = ngx_calloc(sizeof(ngx_http_webhook_sqlite_t), log);
    if (s == NULL) {
        return NULL;
    }

    s->conf = conf;
    s->log = log;
    s->writes = writes;
    s->lock.fd = NGX_INVALID_FILE;
    s->lock.quiet = &conf->quiet;
    s->lock.writes = writes;

    ngx_queue_init(&s->changed);

    if (ngx_http_webhook_sqlite_open_db(s) != NGX_OK
        || (writes && ngx_http_webhook_sqlite_open_writer(s) != NGX_OK))
    {
        ngx_http_webhook_sqlite_close(s);
        return NULL;
    }

    return s;
}


static ngx_int_t
ngx_http_webhook_sqlite_open_db(ngx_http_webhook_sqlite_t *s)
{
    int         rc, flags, fd;
    char       *name;
    ngx_str_t  *path;

    path = &s->conf->path;

    name = ngx_alloc(path->len + 1, s->log);
    if (name == NULL) {
        return NGX_ERROR;
    }

    ngx_memcpy(name, path->data, path->len);
    name[path->len] = '\0';

    /*
     * The writer makes the file, for its user alone, which its companions
     * inherit.  It is never opened here where it exists: to close it would
     * drop the locks that SQLite has on it.
     */

    if (s->writes) {
        fd = open(name, O_CREAT|O_EXCL|O_RDWR|O_CLOEXEC, 0600);
        if (fd != -1) {
            (void) close(fd);
        }
    }

    flags = SQLITE_OPEN_READWRITE|SQLITE_OPEN_NOMUTEX;

    rc = sqlite3_open_v2(name, &s->db, flags, NULL);

    ngx_free(name);

    if (rc != SQLITE_OK) {
        ngx_http_webhook_sqlite_failed(s, rc, "sqlite3_open_v2");
        return NGX_ERROR;
    }

    (void) sqlite3_extended_result_codes(s->db, 1);
    (void) sqlite3_busy_timeout(s->db, s->writes
                                       ? NGX_HTTP_WEBHOOK_SQLITE_BUSY
                                       : NGX_HTTP_WEBHOOK_SQLITE_READ_BUSY);
    (void) sqlite3_db_config(s->db, SQLITE_DBCONFIG_DQS_DML, 0, NULL);
    (void) sqlite3_db_config(s->db, SQLITE_DBCONFIG_DQS_DDL, 0, NULL);
    (void) sqlite3_db_config(s->db, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);

    return ngx_http_webhook_sqlite_script(s, s->writes
                              ? "PRAGMA cache_size = -16384;"
                              : "PRAGMA cache_size = -8192;"
                                "PRAGMA query_only = 1;");
}


static ngx_int_t
ngx_http_webhook_sqlite_open_writer(ngx_http_webhook_sqlite_t *s)
{
    ngx_int_t  rc;

    if (ngx_http_webhook_sqlite_lock_open(&s->lock, &s->conf->path, s->log)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (ngx_http_webhook_sqlite_snapshot_init(s) != NGX_OK) {
        return NGX_ERROR;
    }

    if (ngx_http_webhook_sqlite_turn_take(&s->lock) != NGX_OK) {
        return NGX_ERROR;
    }

    if (ngx_http_webhook_sqlite_script(s, "PRAGMA secure_delete = ON;")
        != NGX_OK)
    {
        ngx_http_webhook_sqlite_turn_free(&s->lock);
        return NGX_ERROR;
    }

    (void) sqlite3_wal_hook(s->db, ngx_http_webhook_sqlite_logged, s);

    rc = ngx_http_webhook_sqlite_script(s, "PRAGMA journal_mode = WAL;");

    if (rc == NGX_OK) {
        rc = ngx_http_webhook_sqlite_synchronous(s);
    }

    if (rc == NGX_OK) {
        rc = ngx_http_webhook_sqlite_migrate(s);
    }

    if (rc == NGX_OK) {
        rc = ngx_http_webhook_sqlite_adopt(s);
    }

    ngx_http_webhook_sqlite_turn_free(&s->lock);

    return rc;
}


static ngx_int_t
ngx_http_webhook_sqlite_synchronous(ngx_http_webhook_sqlite_t *s)
{
    return ngx_http_webhook_sqlite_script(s, s->conf->sync
                                          ? "PRAGMA synchronous = FULL;"
                                          : "PRAGMA synchronous = NORMAL;");
}


/*
 * Takes over what a dead worker with the same number owned, and makes a
 * store that was restored from a backup no older than what the workers were
 * told already.
 */

static ngx_int_t
ngx_http_webhook_sqlite_adopt(ngx_http_webhook_sqlite_t *s)
{
    ngx_http_webhook_sqlite_index_check(s);

    if (ngx_http_webhook_sqlite_begin(s) == NGX_OK) {

        if (s->generation < (int64_t) *s->lock.shared) {
            s->generation = (int64_t) *s->lock.shared;
        }

        if (ngx_http_webhook_sqlite_takeover(s, s->lock.owner) == NGX_OK
            && ngx_http_webhook_sqlite_commit(s) == NGX_OK)
        {
            ngx_http_webhook_sqlite_publish(&s->lock, s->generation);
            return NGX_OK;
        }
    }

    ngx_http_webhook_sqlite_rollback(s);

    return NGX_ERROR;
}


static void
ngx_http_webhook_sqlite_write(void *session, ngx_http_webhook_batch_t *batch,
    ngx_log_t *log)
{
    ngx_http_webhook_sqlite_t *s = session;

    ngx_queue_t            *q, *first, *next;
    ngx_http_webhook_op_t  *op;

    s->log = log;
    s->lock.log = log;

    ngx_memzero(&batch->tally, sizeof(ngx_http_webhook_tally_t));

    /* a run of operations up to one that gets a transaction of its own */

    for (first = ngx_queue_head(&batch->ops);
         first != ngx_queue_sentinel(&batch->ops);
         first = next)
    {
        for (next = first;
             next != ngx_queue_sentinel(&batch->ops);
             next = ngx_queue_next(next))
        {
            op = ngx_queue_data(next, ngx_http_webhook_op_t, queue);

            if (ngx_http_webhook_op_configures(op->type)) {
                break;
            }
        }

        if (next == first) {
            next = ngx_queue_next(first);
        }

        if (ngx_http_webhook_sqlite_transaction(s, batch, first, next) == 0
            || ngx_queue_next(first) == next)
        {
            continue;
        }

        for (q = first; q != next; q = ngx_queue_next(q)) {
            (void) ngx_http_webhook_sqlite_transaction(s, batch, q,
                                                       ngx_queue_next(q));
        }
    }

    ngx_queue_add(&batch->targets, &s->changed);
    ngx_queue_init(&s->changed);

    batch->generation = s->snapshot;
    batch->shared = s->lock.shared;

    if (s->pages < s->settled) {
        s->settled = 0;                      /* the log was begun anew */
    }

    batch->backlog = (s->pages - s->settled >= NGX_HTTP_WEBHOOK_SQLITE_SETTLE);

    if (batch->backlog) {
        s->settled = s->pages;
    }

    batch->unindexed = (s->now - s->indexed >= NGX_HTTP_WEBHOOK_SQLITE_INDEX
                        || s->now < s->indexed);

    if (batch->unindexed) {
        s->indexed = s->now;
    }
}


/*
 * Carries out the operations from "first" up to "end" in a transaction.
 * Returns 1 where it failed for a reason that lies in one of them, 0 where
 * it succeeded or trying again is of no use.
 */

static ngx_uint_t
ngx_http_webhook_sqlite_transaction(ngx_http_webhook_sqlite_t *s,
    ngx_http_webhook_batch_t *batch, ngx_queue_t *first, ngx_queue_t *end)
{
    int64_t                 generation;
    ngx_queue_t            *q;
    ngx_http_webhook_op_t  *op;

    s->fatal = 0;

    if (ngx_http_webhook_sqlite_lock_lost(&s->lock)) {

        if (!ngx_http_webhook_quiet(&s->conf->quiet,
                                    NGX_HTTP_WEBHOOK_QUIET_LOCK, NULL))
        {
            ngx_log_error(NGX_LOG_CRIT, s->log, 0,
                          "the lock file of webhook store \"%V\" was removed: "
                          "restart nginx", &s->conf->path);
        }

        return 0;
    }

    if (ngx_http_webhook_sqlite_turn_take(&s->lock) != NGX_OK) {
        return 0;
    }

    if (ngx_http_webhook_sqlite_begin(s) != NGX_OK
        || ngx_http_webhook_sqlite_snapshot(s) != NGX_OK)
    {
        goto failed;
    }

    generation = s->generation;

    for (q = first; q != end; q = ngx_queue_next(q)) {
        op = ngx_queue_data(q, ngx_http_webhook_op_t, queue);

        op->status = NGX_HTTP_WEBHOOK_STORE_OK;

        if (ngx_http_webhook_sqlite_ops[op->type](s, op) != NGX_OK) {
            goto failed;
        }
    }

    if (ngx_http_webhook_sqlite_commit(s) != NGX_OK) {
        goto failed;
    }

    ngx_http_webhook_sqlite_turn_free(&s->lock);
    ngx_http_webhook_sqlite_tally(s, &batch->tally);

    if (s->tally.commits && ngx_http_webhook_quiet_over(&s->conf->quiet)) {
        ngx_log_error(NGX_LOG_WARN, s->log, 0,
                      "webhook store \"%V\" works again", &s->conf->path);
    }

    if (s->generation != generation) {

        /* told before anyone is answered; the snapshot follows in a read
           transaction, or in the next batch */

        ngx_http_webhook_sqlite_publish(&s->lock, s->generation);

        if (ngx_http_webhook_sqlite_exec(s,
                ngx_http_webhook_sqlite_stmt(s,
                                         NGX_HTTP_WEBHOOK_SQL_BEGIN_READ))
            == NGX_OK)
        {
            (void) ngx_http_webhook_sqlite_snapshot(s);
        }

        ngx_http_webhook_sqlite_rollback(s);
    }

    return 0;

failed:

    ngx_http_webhook_sqlite_rollback(s);
    ngx_http_webhook_sqlite_turn_free(&s->lock);

    for (q = first; q != end; q = ngx_queue_next(q)) {
        op = ngx_queue_data(q, ngx_http_webhook_op_t, queue);
        op->status = NGX_HTTP_WEBHOOK_STORE_UNAVAILABLE;
        ngx_http_webhook_sqlite_undo(s, op);
    }

    return !s->fatal;
}


/* Adds what a transaction has committed. */

static void
ngx_http_webhook_sqlite_tally(ngx_http_webhook_sqlite_t *s,
    ngx_http_webhook_tally_t *tally)
{
    tally->commits += s->tally.commits;
    tally->messages += s->tally.messages;
    tally->events += s->tally.events;
    tally->delivered += s->tally.delivered;
    tally->failed += s->tally.failed;
    tally->cancelled += s->tally.cancelled;
}


/* Takes back the webhook events that a failed transaction gave. */

static void
ngx_http_webhook_sqlite_undo(ngx_http_webhook_sqlite_t *s,
    ngx_http_webhook_op_t *op)
{
    ngx_queue_t              *q, *held;
    ngx_http_webhook_held_t  *h;

    switch (op->type) {

    case NGX_HTTP_WEBHOOK_OP_INGEST:
    case NGX_HTTP_WEBHOOK_OP_TEST:
        held = &((ngx_http_webhook_ingest_op_t *) op)->held;
        break;

    case NGX_HTTP_WEBHOOK_OP_CLAIM:
        held = &((ngx_http_webhook_claim_op_t *) op)->held;
        break;

    case NGX_HTTP_WEBHOOK_OP_EVENT_RETRY:
        held = &((ngx_http_webhook_event_op_t *) op)->held;
        break;

    default:
        return;
    }

    while (!ngx_queue_empty(held)) {
        q = ngx_queue_head(held);
        ngx_queue_remove(q);

        h = ngx_queue_data(q, ngx_http_webhook_held_t, queue);
        ngx_http_webhook_held_give(s->conf, h);

        if (h->message->pool != op->pool) {
            ngx_destroy_pool(h->message->pool);
        }
    }
}


static ngx_int_t
ngx_http_webhook_sqlite_begin(ngx_http_webhook_sqlite_t *s)
{
    sqlite3_stmt  *stmt;

    s->now = ngx_http_webhook_sqlite_now();
    s->unwell = NGX_CONF_UNSET_UINT;

    ngx_memzero(&s->tally, sizeof(ngx_http_webhook_tally_t));

    if (ngx_http_webhook_sqlite_exec(s,
             ngx_http_webhook_sqlite_stmt(s, NGX_HTTP_WEBHOOK_SQL_BEGIN))
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    stmt = ngx_http_webhook_sqlite_stmt(s, NGX_HTTP_WEBHOOK_SQL_STORE_GET);

    if (ngx_http_webhook_sqlite_step(s, stmt) != NGX_OK) {
        return NGX_ERROR;
    }

    s->generation = sqlite3_column_int64(stmt, 0);
    s->last_id = sqlite3_column_int64(stmt, 1);
    s->begun_id = s->last_id;
    s->begun_generation = s->generation;
    s->changes = sqlite3_total_changes64(s->db);

    (void) sqlite3_reset(stmt);

    return NGX_OK;
}


static ngx_int_t
ngx_http_webhook_sqlite_commit(ngx_http_webhook_sqlite_t *s)
{
    sqlite3_stmt  *stmt;

    if (sqlite3_total_changes64(s->db) == s->changes
        && s->last_id == s->begun_id
        && s->generation == s->begun_generation)
    {
        /* nothing to write: no page is touched, nothing is synced */

        return ngx_http_webhook_sqlite_exec(s,
                   ngx_http_webhook_sqlite_stmt(s,
                                                NGX_HTTP_WEBHOOK_SQL_COMMIT));
    }

    stmt = ngx_http_webhook_sqlite_stmt(s, NGX_HTTP_WEBHOOK_SQL_STORE_SET);

    ngx_http_webhook_sqlite_int(stmt, 1, s->generation);
    ngx_http_webhook_sqlite_int(stmt, 2, s->last_id);

    if (ngx_http_webhook_sqlite_exec(s, stmt) != NGX_OK) {
        return NGX_ERROR;
    }

    if (ngx_http_webhook_sqlite_exec(s,
            ngx_http_webhook_sqlite_stmt(s, NGX_HTTP_WEBHOOK_SQL_COMMIT))
        != NGX_OK)
    {
        ngx_http_webhook_sqlite_bury(s);
        return NGX_ERROR;
    }

    s->tally.commits = 1;

    return NGX_OK;
}


/*
 * A commit whose sync failed has left whole frames in the write-ahead log,
 * which would be replayed if nginx were killed now, though everyone is told
 * that nothing was kept.  The next commit overwrites them: so one follows at
 * once, without a sync, as good as that can be on a disk that fails.
 */

static void
ngx_http_webhook_sqlite_bury(ngx_http_webhook_sqlite_t *s)
{
    ngx_http_webhook_sqlite_rollback(s);

    (void) ngx_http_webhook_sqlite_named(s, NGX_HTTP_WEBHOOK_SQL_BURY);

    ngx_http_webhook_sqlite_rollback(s);

    (void) ngx_http_webhook_sqlite_synchronous(s);
}


static void
ngx_http_webhook_sqlite_read(void *session, ngx_http_webhook_op_t *op,
    ngx_log_t *log)
{
    ngx_http_webhook_sqlite_t *s = session;

    s->log = log;
    s->now = ngx_http_webhook_sqlite_now();

    if (op->type == NGX_HTTP_WEBHOOK_OP_EVENT_LIST
        || op->type == NGX_HTTP_WEBHOOK_OP_WEBHOOK_LIST
        || op->type == NGX_HTTP_WEBHOOK_OP_WEBHOOK_GET
        || op->type == NGX_HTTP_WEBHOOK_OP_STATUS
        || op->type == NGX_HTTP_WEBHOOK_OP_STATS
        || op->type == NGX_HTTP_WEBHOOK_OP_MESSAGE_LIST
        || op->type == NGX_HTTP_WEBHOOK_OP_REPLAY_COUNT
        || op->type == NGX_HTTP_WEBHOOK_OP_REPLAY_FIND)
    {
        /* without the index, lists are slower */

        (void) ngx_http_webhook_sqlite_index_attach(s, 0);
    }

    if (ngx_http_webhook_sqlite_exec(s,
            ngx_http_webhook_sqlite_stmt(s, NGX_HTTP_WEBHOOK_SQL_BEGIN_READ))
        != NGX_OK)
    {
        return;
    }

    op->status = NGX_HTTP_WEBHOOK_STORE_OK;

    if (ngx_http_webhook_sqlite_ops[op->type](s, op) != NGX_OK) {
        op->status = NGX_HTTP_WEBHOOK_STORE_UNAVAILABLE;
    }

    ngx_http_webhook_sqlite_rollback(s);
}


/* After each commit: how long the write-ahead log is. */

static int
ngx_http_webhook_sqlite_logged(void *data, sqlite3 *db, const char *name,
    int pages)
{
    ngx_http_webhook_sqlite_t *s = data;

    s->pages = pages;

    return SQLITE_OK;
}


static void
ngx_http_webhook_sqlite_close(void *session)
{
    ngx_http_webhook_sqlite_t *s = session;

    ngx_uint_t  i;

    for (i = 0; i < NGX_HTTP_WEBHOOK_SQL_N; i++) {
        (void) sqlite3_finalize(s->stmts[i]);
    }

    (void) sqlite3_close(s->db);

    ngx_http_webhook_sqlite_snapshot_free(s);
    ngx_http_webhook_sqlite_lock_close(&s->lock);

    ngx_free(s);
}


/* Each transaction brings the snapshot up to date: that is all. */

static ngx_int_t
ngx_http_webhook_sqlite_refresh(ngx_http_webhook_sqlite_t *s,
    ngx_http_webhook_op_t *op)
{
    return NGX_OK;
}


