
/*
 * Copyright (C) the ngx_http_webhook_module authors
 */


/*
 * Internals of the SQLite engine.  Everything here runs in a store thread
 * that has the session to itself.
 */


#ifndef _NGX_HTTP_WEBHOOK_SQLITE_H_INCLUDED_
#define _NGX_HTTP_WEBHOOK_SQLITE_H_INCLUDED_


#include "ngx_http_webhook_held.h"
#include "ngx_http_webhook_store.h"
#include "ngx_http_webhook_sql.h"

#include <sqlite3.h>


#define NGX_HTTP_WEBHOOK_SQLITE_CANCELS    500   /* rows a claim */
#define NGX_HTTP_WEBHOOK_SQLITE_PURGES     500   /* keys a look */
#define NGX_HTTP_WEBHOOK_SQLITE_LOCKED     10000 /* ms to the next look at a
                                                    webhook whose secret no
                                                    key opens */
#define NGX_HTTP_WEBHOOK_SQLITE_LOOKS      64    /* webhooks a claim */
#define NGX_HTTP_WEBHOOK_SQLITE_TAKEOVER   400   /* ms; claims come every 500 */
#define NGX_HTTP_WEBHOOK_SQLITE_SETTLE     2048  /* pages of the log from one
                                                    checkpoint to the next */
#define NGX_HTTP_WEBHOOK_SQLITE_INDEX      1000  /* ms between windows */
#define NGX_HTTP_WEBHOOK_SQLITE_SLICE      20000 /* rows a page looks at */
#define NGX_HTTP_WEBHOOK_SQLITE_LOOK       25    /* ms, and so long */

#define NGX_HTTP_WEBHOOK_INDEX_WINDOW      16000 /* rows of a kind */
#define NGX_HTTP_WEBHOOK_INDEX_MINUTE      60000 /* ms, a bucket */
#define NGX_HTTP_WEBHOOK_INDEX_HOUR        3600000
#define NGX_HTTP_WEBHOOK_INDEX_DAY         86400000

/* A message's webhook events have the identifiers that follow its own. */

#define ngx_http_webhook_sqlite_last_event(message_id)                        \
    (ngx_min(message_id, INT64_MAX - NGX_HTTP_WEBHOOK_MAX_WEBHOOKS - 1)       \
     + NGX_HTTP_WEBHOOK_MAX_WEBHOOKS)


/*
 * The lock file "<store>.lock", shared by all processes that use the store,
 * also those of another nginx: the writers' turn, the owners' bytes, and the
 * generation of the configuration in a shared mapping.
 */

typedef struct {
    ngx_fd_t                         fd;
    ngx_uint_t                       owner;
    ngx_atomic_t                    *shared;
    ngx_http_webhook_quiet_t        *quiet;      /* the configuration's */
    ngx_uint_t                       writes;     /* it is the writer's */
    ngx_log_t                       *log;
} ngx_http_webhook_sqlite_lock_t;


/* A company as the snapshot knows it. */

typedef struct {
    ngx_rbtree_node_t                node;       /* by id */
    ngx_str_node_t                   uid;        /* by uid, if there is one */
    ngx_http_webhook_id_t            id;
    ngx_array_t                      webhooks;   /* of ..._target_t * */
    ngx_http_webhook_share_t        *share;
    unsigned                         enabled:1;
    unsigned                         deleted:1;
    unsigned                         indexed:1;  /* uid is in its tree */
} ngx_http_webhook_sqlite_company_t;


typedef struct {
    ngx_http_webhook_store_conf_t   *conf;
    sqlite3                         *db;
    sqlite3_stmt                    *stmts[NGX_HTTP_WEBHOOK_SQL_N];
    ngx_log_t                       *log;        /* of the running call */
    ngx_uint_t                       writes;

    /* of the writer */

    ngx_http_webhook_sqlite_lock_t   lock;
    ngx_pool_t                      *pool;       /* of the snapshot */
    ngx_rbtree_t                     companies;
    ngx_rbtree_node_t                companies_sentinel;
    ngx_rbtree_t                     uids;
    ngx_rbtree_node_t                uids_sentinel;
    ngx_rbtree_t                     targets;
    ngx_rbtree_node_t                targets_sentinel;
    ngx_pool_t                      *names_pool; /* of the catalogue's */
    ngx_rbtree_t                     names;
    ngx_rbtree_node_t                names_sentinel;
    ngx_uint_t                       nnames;
    ngx_uint_t                       nlocked;    /* loaded, and no key opens
                                                    their secrets */
    int64_t                          snapshot;   /* its generation */
    ngx_queue_t                      changed;    /* targets for the loop */

    int64_t                          generation; /* of the transaction */
    ngx_http_webhook_id_t            last_id;
    ngx_http_webhook_id_t            begun_id;   /* last_id at its begin */
    int64_t                          begun_generation;
    ngx_http_webhook_tally_t         tally;      /* of the transaction */
    sqlite3_int64                    changes;    /* rows changed before it */
    int64_t                          now;        /* ms, of the transaction */
    int64_t                          looked;     /* for dead owners, ms */
    int                              pages;      /* of the write-ahead log */
    int                              settled;    /* at the last checkpoint */
    int64_t                          indexed;    /* when it was asked for */
    int64_t                          reseal_at;  /* ms, the next pass */
    ngx_uint_t                       reseal_key; /* where it is: which key's,
                                                    and the webhook */
    ngx_http_webhook_id_t            reseal_id;
    int64_t                          reseal_now; /* the last slice, ms */
    ngx_uint_t                       resealed;   /* by this pass, */
    ngx_uint_t                       resealing;  /* and 0 in the first one */
    ngx_uint_t                       unwell;     /* 1 where webhooks fail, 0,
                                                    or not looked yet */
    unsigned                         fatal:1;    /* the whole batch failed */
    unsigned                         damaged:1;  /* a database file is */
    unsigned                         attaching:1;    /* the index */

    /* of who reads or fills the index of lists */

    ino_t                            index;      /* what is attached, or 0 */
    int64_t                          failed_at;  /* ms, to fill it */
    int64_t                          removed_at; /* ms, for it was damaged */
    int64_t                          swept;      /* ms, the last time */
    int64_t                          sweep_at;
    ngx_http_webhook_id_t            swept_company;   /* up to these */
    ngx_http_webhook_id_t            swept_webhook;
} ngx_http_webhook_sqlite_t;


/*
 * Messages for ngx_http_webhook_quiet(): codes of SQLite, and these.  Those above 0
 * are the writer's, who is well again when a transaction succeeds.
 */

#define NGX_HTTP_WEBHOOK_QUIET_LOCK     0x10000
#define NGX_HTTP_WEBHOOK_QUIET_OPEN     0x10001     /* below 0 for others */
#define NGX_HTTP_WEBHOOK_QUIET_SYNC     -0x10002
#define NGX_HTTP_WEBHOOK_QUIET_DAMAGED  -0x10003
#define NGX_HTTP_WEBHOOK_QUIET_INDEX    0x20000     /* added for the index, */
#define NGX_HTTP_WEBHOOK_QUIET_STMT     0x100000    /* times a statement's */


/* sqlite_stmt.c */

/*
 * Returns a statement, ready to be bound, or NULL: what went wrong is logged,
 * and NULL given to the functions below is an error again, so that one check
 * at the end suffices.
 */
sqlite3_stmt *ngx_http_webhook_sqlite_stmt(ngx_http_webhook_sqlite_t *s,
    ngx_http_webhook_sql_e name);

/*
 * Steps: NGX_OK where there is a row, NGX_DONE where there is none (any more;
 * the statement is reset), NGX_ERROR.
 */
ngx_int_t ngx_http_webhook_sqlite_step(ngx_http_webhook_sqlite_t *s,
    sqlite3_stmt *stmt);

/* Steps a statement that gives no rows. */
ngx_int_t ngx_http_webhook_sqlite_exec(ngx_http_webhook_sqlite_t *s,
    sqlite3_stmt *stmt);

/* Binds the first "n" of three integers and executes. */
ngx_int_t ngx_http_webhook_sqlite_run(ngx_http_webhook_sqlite_t *s,
    ngx_http_webhook_sql_e name, ngx_uint_t n, int64_t a, int64_t b, int64_t c);

/* Binding; an ngx_str_t without data is NULL. */
void ngx_http_webhook_sqlite_int(sqlite3_stmt *stmt, int n, int64_t value);
void ngx_http_webhook_sqlite_text(sqlite3_stmt *stmt, int n, ngx_str_t *value);
void ngx_http_webhook_sqlite_blob(sqlite3_stmt *stmt, int n, ngx_str_t *value);

/* A column's bytes, copied to the pool; a NULL has no data. */
ngx_int_t ngx_http_webhook_sqlite_column(sqlite3_stmt *stmt, int n,
    ngx_pool_t *pool, ngx_str_t *value);

/* The next identifier; rises with each call and each commit. */
ngx_http_webhook_id_t ngx_http_webhook_sqlite_id(ngx_http_webhook_sqlite_t *s);

int64_t ngx_http_webhook_sqlite_now(void);

/* Statements without parameters; the first row's first column. */
ngx_int_t ngx_http_webhook_sqlite_script(ngx_http_webhook_sqlite_t *s,
    const char *sql);
ngx_int_t ngx_http_webhook_sqlite_named(ngx_http_webhook_sqlite_t *s,
    ngx_http_webhook_sql_e name);
ngx_int_t ngx_http_webhook_sqlite_pragma(ngx_http_webhook_sqlite_t *s,
    const char *sql, int64_t *value);

/* Ends whatever the session is about. */
void ngx_http_webhook_sqlite_rollback(ngx_http_webhook_sqlite_t *s);

/*
 * Logs an error, and what to do about it where that is known.  Errors that
 * lie in one statement's values leave the batch a second try.
 */
void ngx_http_webhook_sqlite_failed(ngx_http_webhook_sqlite_t *s, int rc,
    const char *what);


/* sqlite_migrate.c */

/* Makes a new store, brings an old one up to date, refuses one too new. */
ngx_int_t ngx_http_webhook_sqlite_migrate(ngx_http_webhook_sqlite_t *s);


/* sqlite_settle.c */

/* A checkpoint, in a thread of its own; what fails is logged. */
void ngx_http_webhook_sqlite_settle(void *session, ngx_log_t *log);


/* sqlite_lock.c */

ngx_int_t ngx_http_webhook_sqlite_lock_open(
    ngx_http_webhook_sqlite_lock_t *lock, ngx_str_t *path, ngx_log_t *log);
void ngx_http_webhook_sqlite_lock_close(ngx_http_webhook_sqlite_lock_t *lock);

/* Opens the file for turns alone, with no owner's number. */
ngx_int_t ngx_http_webhook_sqlite_lock_attach(
    ngx_http_webhook_sqlite_lock_t *lock, ngx_str_t *path, ngx_log_t *log);

/* Waits for this writer's turn, in the order of arrival. */
ngx_int_t ngx_http_webhook_sqlite_turn_take(
    ngx_http_webhook_sqlite_lock_t *lock);
void ngx_http_webhook_sqlite_turn_free(ngx_http_webhook_sqlite_lock_t *lock);

/*
 * Takes the byte of an owner that died, so that nobody else does the same:
 * NGX_DECLINED where the owner lives.  Give it back with _dead_free.
 */
ngx_int_t ngx_http_webhook_sqlite_dead_take(
    ngx_http_webhook_sqlite_lock_t *lock, ngx_uint_t owner);
void ngx_http_webhook_sqlite_dead_free(ngx_http_webhook_sqlite_lock_t *lock,
    ngx_uint_t owner);

/*
 * The right to fill the index, and that to make checkpoints: NGX_DECLINED
 * where another has it.
 */
ngx_int_t ngx_http_webhook_sqlite_index_take(
    ngx_http_webhook_sqlite_lock_t *lock);
void ngx_http_webhook_sqlite_index_free(ngx_http_webhook_sqlite_lock_t *lock);
ngx_int_t ngx_http_webhook_sqlite_settle_take(
    ngx_http_webhook_sqlite_lock_t *lock);
void ngx_http_webhook_sqlite_settle_free(
    ngx_http_webhook_sqlite_lock_t *lock);

/* Returns 1 where somebody has removed the file: nobody else has its locks. */
ngx_uint_t ngx_http_webhook_sqlite_lock_lost(
    ngx_http_webhook_sqlite_lock_t *lock);

/* Tells all processes that the configuration has reached a generation. */
void ngx_http_webhook_sqlite_publish(ngx_http_webhook_sqlite_lock_t *lock,
    int64_t generation);


/* sqlite_snapshot.c */

ngx_int_t ngx_http_webhook_sqlite_snapshot_init(ngx_http_webhook_sqlite_t *s);
void ngx_http_webhook_sqlite_snapshot_free(ngx_http_webhook_sqlite_t *s);

/*
 * Brings the snapshot to the generation of the open transaction, which must
 * not have changed the configuration itself.  What it loads may be newer
 * than that, which does no harm: it is loaded again.
 */
ngx_int_t ngx_http_webhook_sqlite_snapshot(ngx_http_webhook_sqlite_t *s);

ngx_http_webhook_sqlite_company_t *ngx_http_webhook_sqlite_company(
    ngx_http_webhook_sqlite_t *s, ngx_str_t *ref);
ngx_http_webhook_sqlite_company_t *ngx_http_webhook_sqlite_company_of(
    ngx_http_webhook_sqlite_t *s, ngx_http_webhook_id_t id);
ngx_http_webhook_target_t *ngx_http_webhook_sqlite_target(
    ngx_http_webhook_sqlite_t *s, ngx_http_webhook_id_t id);


/*
 * The operations.  Each sets op->status and returns NGX_OK, or returns
 * NGX_ERROR where the database failed: then nothing of the transaction holds.
 */

typedef ngx_int_t (*ngx_http_webhook_sqlite_op_pt)(
    ngx_http_webhook_sqlite_t *s, ngx_http_webhook_op_t *op);

/* sqlite_event.c */

ngx_int_t ngx_http_webhook_sqlite_ingest(ngx_http_webhook_sqlite_t *s,
    ngx_http_webhook_op_t *op);
ngx_int_t ngx_http_webhook_sqlite_result(ngx_http_webhook_sqlite_t *s,
    ngx_http_webhook_op_t *op);
ngx_int_t ngx_http_webhook_sqlite_release(ngx_http_webhook_sqlite_t *s,
    ngx_http_webhook_op_t *op);

/*
 * Inserts a new webhook event, which is due now.  Those of an ordered webhook
 * are claimed in the order of their due times, which therefore rise with their
 * identifiers, also when the clock is set back; tests know no order.
 */
ngx_int_t ngx_http_webhook_sqlite_event_insert(ngx_http_webhook_sqlite_t *s,
    ngx_http_webhook_target_t *target, ngx_http_webhook_id_t id,
    ngx_http_webhook_id_t message_id, ngx_uint_t owner, ngx_uint_t test);

/* When one that is to be tried again is due: behind all that waits. */
int64_t ngx_http_webhook_sqlite_again_due(ngx_http_webhook_sqlite_t *s,
    ngx_http_webhook_target_t *target);

/* Makes sure that a webhook is looked at by then. */
ngx_int_t ngx_http_webhook_sqlite_queue_add(ngx_http_webhook_sqlite_t *s,
    ngx_http_webhook_id_t webhook_id, int64_t due_at);

/* sqlite_claim.c */

ngx_int_t ngx_http_webhook_sqlite_claim(ngx_http_webhook_sqlite_t *s,
    ngx_http_webhook_op_t *op);

/* Takes one event that is due, where this worker has room for it. */
ngx_int_t ngx_http_webhook_sqlite_claim_one(ngx_http_webhook_sqlite_t *s,
    ngx_queue_t *queue, ngx_http_webhook_target_t *target,
    ngx_http_webhook_id_t event_id);

ngx_int_t ngx_http_webhook_sqlite_takeover(ngx_http_webhook_sqlite_t *s,
    ngx_uint_t owner);

/* sqlite_health.c */

/*
 * Counts the attempt of a result, and sets "paused" and "hopeless" in it.  The
 * target may be NULL.
 */
ngx_int_t ngx_http_webhook_sqlite_health(ngx_http_webhook_sqlite_t *s,
    ngx_http_webhook_result_op_t *result, ngx_http_webhook_target_t *target);

/* Until when a webhook is paused; 0 where it is not.  Over, a probe is due. */
ngx_int_t ngx_http_webhook_sqlite_open_until(ngx_http_webhook_sqlite_t *s,
    ngx_http_webhook_id_t webhook_id, int64_t *until);

/* Makes an event that was claimed the probe. */
ngx_int_t ngx_http_webhook_sqlite_probe(ngx_http_webhook_sqlite_t *s,
    ngx_http_webhook_id_t webhook_id, ngx_http_webhook_id_t event_id);

/* sqlite_tell.c */

/*
 * Tells the webhooks of a company, and of the operator's, that listen for it
 * what happened to one of them, "target", which is not told itself.  An
 * event's id and a reason may be left out.
 */
ngx_int_t ngx_http_webhook_sqlite_tell(ngx_http_webhook_sqlite_t *s,
    ngx_pool_t *pool, ngx_http_webhook_target_t *target, const char *name,
    ngx_http_webhook_id_t event_id, ngx_str_t *reason);

/* Tells that a company asks for access. */
ngx_int_t ngx_http_webhook_sqlite_tell_access(ngx_http_webhook_sqlite_t *s,
    ngx_pool_t *pool, ngx_http_webhook_access_t *access);

/* sqlite_company.c */

ngx_int_t ngx_http_webhook_sqlite_company_create(ngx_http_webhook_sqlite_t *s,
    ngx_http_webhook_op_t *op);
ngx_int_t ngx_http_webhook_sqlite_company_update(ngx_http_webhook_sqlite_t *s,
    ngx_http_webhook_op_t *op);
ngx_int_t ngx_http_webhook_sqlite_company_get(ngx_http_webhook_sqlite_t *s,
    ngx_http_webhook_op_t *op);
ngx_int_t ngx_http_webhook_sqlite_company_list(ngx_http_webhook_sqlite_t *s,
    ngx_http_webhook_op_t *op);

/*
 * Finds the company that a request names; *found is 0 where there is none.
 * The row's strings are copied to the pool.
 */
ngx_int_t ngx_http_webhook_sqlite_find_company(ngx_http_webhook_sqlite_t *s,
    ngx_str_t *ref, ngx_pool_t *pool, ngx_http_webhook_company_t *company,
    ngx_uint_t *found);

/*
 * The identifier of the company that an operation is about, which must have
 * access where "access" is set.  0 where there is none: op->status is set.
 */
ngx_int_t ngx_http_webhook_sqlite_company_for(ngx_http_webhook_sqlite_t *s,
    ngx_http_webhook_op_t *op, ngx_str_t *ref, ngx_uint_t access,
    ngx_http_webhook_id_t *id);

/* sqlite_access.c */

ngx_int_t ngx_http_webhook_sqlite_api_key_create(ngx_http_webhook_sqlite_t *s,
    ngx_http_webhook_op_t *op);
ngx_int_t ngx_http_webhook_sqlite_api_key_delete(ngx_http_webhook_sqlite_t *s,
    ngx_http_webhook_op_t *op);
ngx_int_t ngx_http_webhook_sqlite_api_key_find(ngx_http_webhook_sqlite_t *s,
    ngx_http_webhook_op_t *op);
ngx_int_t ngx_http_webhook_sqlite_api_key_get(ngx_http_webhook_sqlite_t *s,
    ngx_http_webhook_op_t *op);
ngx_int_t ngx_http_webhook_sqlite_api_key_list(ngx_http_webhook_sqlite_t *s,
    ngx_http_webhook_op_t *op);
ngx_int_t ngx_http_webhook_sqlite_access_request(ngx_http_webhook_sqlite_t *s,
    ngx_http_webhook_op_t *op);
ngx_int_t ngx_http_webhook_sqlite_access_list(ngx_http_webhook_sqlite_t *s,
    ngx_http_webhook_op_t *op);

/* Forgets sessions that are over, and keys that were revoked long ago. */
ngx_int_t ngx_http_webhook_sqlite_access_purge(ngx_http_webhook_sqlite_t *s);

/* sqlite_webhook.c */

ngx_int_t ngx_http_webhook_sqlite_webhook_create(ngx_http_webhook_sqlite_t *s,
    ngx_http_webhook_op_t *op);
ngx_int_t ngx_http_webhook_sqlite_webhook_update(ngx_http_webhook_sqlite_t *s,
    ngx_http_webhook_op_t *op);
ngx_int_t ngx_http_webhook_sqlite_webhook_delete(ngx_http_webhook_sqlite_t *s,
    ngx_http_webhook_op_t *op);
ngx_int_t ngx_http_webhook_sqlite_webhook_disable(ngx_http_webhook_sqlite_t *s,
    ngx_http_webhook_op_t *op);
ngx_int_t ngx_http_webhook_sqlite_webhook_get(ngx_http_webhook_sqlite_t *s,
    ngx_http_webhook_op_t *op);
ngx_int_t ngx_http_webhook_sqlite_webhook_list(ngx_http_webhook_sqlite_t *s,
    ngx_http_webhook_op_t *op);

/* The subscriptions of a webhook. */
ngx_int_t ngx_http_webhook_sqlite_subscriptions(ngx_http_webhook_sqlite_t *s,
    ngx_http_webhook_id_t webhook_id, ngx_pool_t *pool, ngx_uint_t *n,
    ngx_str_t **subscriptions);

/* Five columns of a webhook from "n" on: its rules, in the pool. */
ngx_int_t ngx_http_webhook_sqlite_rules(sqlite3_stmt *stmt, int n,
    ngx_pool_t *pool, ngx_http_webhook_rules_t *rules);

/*
 * The webhook that an operation names, with what is sealed where "open" is
 * set.  Where there is none, or it cannot be opened, op.status is set.
 */
ngx_int_t ngx_http_webhook_sqlite_webhook_find(ngx_http_webhook_sqlite_t *s,
    ngx_http_webhook_webhook_op_t *wop, ngx_uint_t access, ngx_uint_t open,
    ngx_http_webhook_webhook_t *row);

/* sqlite_seal.c: what is sealed in a webhook's row is sealed by one key */

ngx_int_t ngx_http_webhook_sqlite_webhook_rotate(ngx_http_webhook_sqlite_t *s,
    ngx_http_webhook_op_t *op);

/* The names of a webhook's headers, from a column, in the pool. */
ngx_int_t ngx_http_webhook_sqlite_header_names(sqlite3_stmt *stmt, int n,
    ngx_pool_t *pool, ngx_http_webhook_webhook_t *webhook);

/*
 * Two columns from "n" on, the secrets, and three from "h" on, the headers'
 * names and values and the key, into the webhook, whose id is set.
 * NGX_DECLINED where no key opens them; _failed logs that.
 */
ngx_int_t ngx_http_webhook_sqlite_unseal(ngx_http_webhook_sqlite_t *s,
    sqlite3_stmt *stmt, int n, int h, ngx_pool_t *pool,
    ngx_http_webhook_webhook_t *webhook);
void ngx_http_webhook_sqlite_unseal_failed(ngx_http_webhook_sqlite_t *s,
    sqlite3_stmt *stmt, int n, ngx_http_webhook_id_t id);

/* Whether there is the key of a number, as a row has it.  Any thread. */
ngx_uint_t ngx_http_webhook_sqlite_has_key(ngx_http_webhook_sqlite_t *s,
    int64_t key);

/* Stores a webhook's secrets and headers, sealed by the first key. */
ngx_int_t ngx_http_webhook_sqlite_seal(ngx_http_webhook_sqlite_t *s,
    ngx_pool_t *pool, ngx_http_webhook_webhook_t *webhook);

/*
 * Merges an operation's headers into those of the row; where these are too
 * many or too long, op.status is INVALID.
 */
ngx_int_t ngx_http_webhook_sqlite_merge_headers(
    ngx_http_webhook_webhook_op_t *wop, ngx_http_webhook_webhook_t *row);

/* Seals some of what other keys have sealed by the first one. */
ngx_int_t ngx_http_webhook_sqlite_reseal(ngx_http_webhook_sqlite_t *s,
    ngx_uint_t *more);

/* sqlite_catalogue.c */

ngx_int_t ngx_http_webhook_sqlite_event_type_create(
    ngx_http_webhook_sqlite_t *s, ngx_http_webhook_op_t *op);
ngx_int_t ngx_http_webhook_sqlite_event_type_update(
    ngx_http_webhook_sqlite_t *s, ngx_http_webhook_op_t *op);
ngx_int_t ngx_http_webhook_sqlite_event_type_delete(
    ngx_http_webhook_sqlite_t *s, ngx_http_webhook_op_t *op);
ngx_int_t ngx_http_webhook_sqlite_event_type_get(ngx_http_webhook_sqlite_t *s,
    ngx_http_webhook_op_t *op);
ngx_int_t ngx_http_webhook_sqlite_event_type_list(
    ngx_http_webhook_sqlite_t *s, ngx_http_webhook_op_t *op);

/* The names of the catalogue, a part of the snapshot. */
void ngx_http_webhook_sqlite_catalogue_init(ngx_http_webhook_sqlite_t *s);
void ngx_http_webhook_sqlite_catalogue_free(ngx_http_webhook_sqlite_t *s);

/* Loads them again where they changed after the snapshot's generation. */
ngx_int_t ngx_http_webhook_sqlite_catalogue_load(ngx_http_webhook_sqlite_t *s);

/* Returns 1 where an event may come in: all may, unless only known ones. */
ngx_uint_t ngx_http_webhook_sqlite_event_known(ngx_http_webhook_sqlite_t *s,
    ngx_str_t *event);

/*
 * Checks the subscriptions of a webhook: where one takes no event that may
 * come in, op->status is INVALID, and op->refused tells which.
 */
ngx_int_t ngx_http_webhook_sqlite_subscriptions_known(
    ngx_http_webhook_sqlite_t *s, ngx_http_webhook_op_t *op,
    ngx_http_webhook_webhook_t *webhook);

/* sqlite_erase.c */

ngx_int_t ngx_http_webhook_sqlite_message_delete(ngx_http_webhook_sqlite_t *s,
    ngx_http_webhook_op_t *op);
ngx_int_t ngx_http_webhook_sqlite_company_delete(ngx_http_webhook_sqlite_t *s,
    ngx_http_webhook_op_t *op);

/* Does some of the erasing that is to be done; twice a second. */
ngx_int_t ngx_http_webhook_sqlite_housekeep(ngx_http_webhook_sqlite_t *s);

/* sqlite_retry.c */

ngx_int_t ngx_http_webhook_sqlite_event_retry(ngx_http_webhook_sqlite_t *s,
    ngx_http_webhook_op_t *op);
ngx_int_t ngx_http_webhook_sqlite_event_cancel(ngx_http_webhook_sqlite_t *s,
    ngx_http_webhook_op_t *op);

/* sqlite_replay.c */

ngx_int_t ngx_http_webhook_sqlite_replay_create(ngx_http_webhook_sqlite_t *s,
    ngx_http_webhook_op_t *op);
ngx_int_t ngx_http_webhook_sqlite_replay_cancel(ngx_http_webhook_sqlite_t *s,
    ngx_http_webhook_op_t *op);
ngx_int_t ngx_http_webhook_sqlite_replay_list(ngx_http_webhook_sqlite_t *s,
    ngx_http_webhook_op_t *op);
ngx_int_t ngx_http_webhook_sqlite_replay_get(ngx_http_webhook_sqlite_t *s,
    ngx_http_webhook_op_t *op);

/* A row of replay_*; the strings are copied to the pool. */
ngx_int_t ngx_http_webhook_sqlite_replay_row(sqlite3_stmt *stmt,
    ngx_pool_t *pool, ngx_http_webhook_replay_t *replay);

/*
 * Gives this worker a replay that no other has, for a while: 0 where there is
 * none that can go on.
 */
ngx_int_t ngx_http_webhook_sqlite_replay_take(ngx_http_webhook_sqlite_t *s,
    ngx_http_webhook_id_t *id);

/* Ends one. */
ngx_int_t ngx_http_webhook_sqlite_replay_end(ngx_http_webhook_sqlite_t *s,
    ngx_http_webhook_id_t id, ngx_http_webhook_replay_status_e status,
    const char *reason);

/* sqlite_replay_step.c */

ngx_int_t ngx_http_webhook_sqlite_replay_count(ngx_http_webhook_sqlite_t *s,
    ngx_http_webhook_op_t *op);
ngx_int_t ngx_http_webhook_sqlite_replay_find(ngx_http_webhook_sqlite_t *s,
    ngx_http_webhook_op_t *op);
ngx_int_t ngx_http_webhook_sqlite_replay_step(ngx_http_webhook_sqlite_t *s,
    ngx_http_webhook_op_t *op);

/* sqlite_waits.c */

/* What the pending ones of some webhook events of a company wait for. */
ngx_int_t ngx_http_webhook_sqlite_waits(ngx_http_webhook_sqlite_t *s,
    ngx_http_webhook_event_t *event, ngx_uint_t n, ngx_pool_t *pool);

/* What a webhook waits for. */
ngx_int_t ngx_http_webhook_sqlite_webhook_waits(ngx_http_webhook_sqlite_t *s,
    ngx_http_webhook_webhook_t *webhook, ngx_pool_t *pool);

/* sqlite_read.c */

/*
 * The webhook event and the payload of an operation, of a company; *last is
 * its last attempt.  NGX_DECLINED where there is none.
 */
ngx_int_t ngx_http_webhook_sqlite_event_find(ngx_http_webhook_sqlite_t *s,
    ngx_http_webhook_event_op_t *eop, ngx_http_webhook_id_t company_id,
    ngx_http_webhook_id_t *last);

/* A row of list_row or event_get; the strings are copied to the pool. */
ngx_int_t ngx_http_webhook_sqlite_event_row(sqlite3_stmt *stmt,
    ngx_pool_t *pool, ngx_http_webhook_event_t *event);

ngx_int_t ngx_http_webhook_sqlite_event_get(ngx_http_webhook_sqlite_t *s,
    ngx_http_webhook_op_t *op);

/* sqlite_status.c */

ngx_int_t ngx_http_webhook_sqlite_status(ngx_http_webhook_sqlite_t *s,
    ngx_http_webhook_op_t *op);

/* sqlite_stats.c */

ngx_int_t ngx_http_webhook_sqlite_stats(ngx_http_webhook_sqlite_t *s,
    ngx_http_webhook_op_t *op);

/* sqlite_list.c */

/*
 * A list: which may be in it comes from "ids", newest first, each is then
 * looked at by "row", which adds it to the page where it belongs there.
 * "end" tells where a slice ends, which is looked at in the place of an index.
 */

typedef ngx_int_t (*ngx_http_webhook_sqlite_listed_pt)(
    ngx_http_webhook_sqlite_t *s, ngx_http_webhook_list_op_t *list,
    ngx_http_webhook_id_t company_id, ngx_http_webhook_id_t id);

typedef struct {
    ngx_http_webhook_sql_e           ids;
    ngx_http_webhook_sql_e           end;
    ngx_http_webhook_sqlite_listed_pt   row;
    ngx_http_webhook_id_t            company_id;
    ngx_http_webhook_id_t            cursor;
    ngx_http_webhook_id_t            oldest;
    int64_t                          position;   /* of the index */
    int64_t                          change;
    unsigned                         indexed:1;
    unsigned                         slice:1;
} ngx_http_webhook_sqlite_list_t;

/*
 * Runs something that reads the index, and again without it where it fails:
 * "indexed" says which.
 */

typedef ngx_int_t (*ngx_http_webhook_sqlite_indexed_pt)(
    ngx_http_webhook_sqlite_t *s, ngx_http_webhook_op_t *op,
    ngx_uint_t indexed);

ngx_int_t ngx_http_webhook_sqlite_indexed(ngx_http_webhook_sqlite_t *s,
    ngx_http_webhook_op_t *op, ngx_http_webhook_sqlite_indexed_pt run);

/*
 * Where the index is, before all else of a transaction; "indexed" is set where
 * it is near enough to the store.
 */
ngx_int_t ngx_http_webhook_sqlite_list_state(ngx_http_webhook_sqlite_t *s,
    ngx_http_webhook_sqlite_list_t *l);

/*
 * Begins a list of a company, whose id is 0 where op->status is set; the rows
 * have "size" bytes.
 */
ngx_int_t ngx_http_webhook_sqlite_list_begin(ngx_http_webhook_sqlite_t *s,
    ngx_http_webhook_list_op_t *list, ngx_http_webhook_sqlite_list_t *l,
    ngx_uint_t indexed, size_t size);

/* Fills the page. */
ngx_int_t ngx_http_webhook_sqlite_list_page(ngx_http_webhook_sqlite_t *s,
    ngx_http_webhook_list_op_t *list, ngx_http_webhook_sqlite_list_t *l);

/* A list's "row": adds a webhook event to it, if it belongs there. */
ngx_int_t ngx_http_webhook_sqlite_event_listed(ngx_http_webhook_sqlite_t *s,
    ngx_http_webhook_list_op_t *list, ngx_http_webhook_id_t company_id,
    ngx_http_webhook_id_t id);

ngx_int_t ngx_http_webhook_sqlite_event_list(ngx_http_webhook_sqlite_t *s,
    ngx_http_webhook_op_t *op);

/* sqlite_message.c */

ngx_int_t ngx_http_webhook_sqlite_message_list(ngx_http_webhook_sqlite_t *s,
    ngx_http_webhook_op_t *op);
ngx_int_t ngx_http_webhook_sqlite_message_get(ngx_http_webhook_sqlite_t *s,
    ngx_http_webhook_op_t *op);

/* sqlite_index.c */

/* The engine's "index". */
void ngx_http_webhook_sqlite_index(void *session, ngx_log_t *log);

/*
 * Attaches the index that is there now as "lists", outside a transaction:
 * s->index is 0 where there is none, or it is of another version, or failed
 * not long ago.
 */
ngx_int_t ngx_http_webhook_sqlite_index_attach(ngx_http_webhook_sqlite_t *s,
    ngx_uint_t create);

/* How far it is. */
ngx_int_t ngx_http_webhook_sqlite_index_state(ngx_http_webhook_sqlite_t *s,
    int64_t *position, int64_t *change);

/*
 * The index has failed a reader, who does without it for a while.  A damaged
 * one is removed, where nobody fills it: who has it attached finds the next.
 */
void ngx_http_webhook_sqlite_index_failed(ngx_http_webhook_sqlite_t *s);

/* The same where the store is older than the index; in the writers' turn. */
void ngx_http_webhook_sqlite_index_check(ngx_http_webhook_sqlite_t *s);

/* sqlite_sweep.c */

typedef ngx_int_t (*ngx_http_webhook_sqlite_sweep_pt)(
    ngx_http_webhook_sqlite_t *s, ngx_http_webhook_id_t id,
    ngx_http_webhook_id_t from, ngx_uint_t *more);

/* Takes some of what is of no use any more out of the index. */
ngx_int_t ngx_http_webhook_sqlite_sweep(ngx_http_webhook_sqlite_t *s);


#endif /* _NGX_HTTP_WEBHOOK_SQLITE_H_INCLUDED_ */
