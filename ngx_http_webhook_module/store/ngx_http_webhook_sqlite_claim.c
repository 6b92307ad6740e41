
/*
 * Copyright (C) the ngx_http_webhook_module authors
 */


/*
 * Claims: which of the store's due webhook events a worker takes.  Runs in
 * the writing thread, inside a transaction.
 *
 * webhook_queue has one row for each webhook that has work, with the time at
 * which to look at it.  A claim looks at some webhooks and takes few events
 * of each; one that may not be sent to now moves its row on, or loses it
 * until it is enabled again, so that 100,000 events behind it cost as much
 * as one.
 */


#include "ngx_http_webhook_sqlite.h"
#include "ngx_http_webhook_name.h"
#include "ngx_http_webhook_zone.h"


/*
 * A webhook of which the worker holds as much as it may is looked at when the
 * dispatcher has room for it again (a hint); in any case after this time, ms,
 * by any worker.
 */

#define NGX_HTTP_WEBHOOK_SQLITE_PAUSE  500


static ngx_int_t ngx_http_webhook_sqlite_due(ngx_http_webhook_sqlite_t *s,
    ngx_http_webhook_claim_op_t *claim, ngx_http_webhook_id_t *ids,
    ngx_uint_t *n);
static ngx_int_t ngx_http_webhook_sqlite_look(ngx_http_webhook_sqlite_t *s,
    ngx_http_webhook_claim_op_t *claim, ngx_http_webhook_id_t webhook_id,
    ngx_uint_t share);
static ngx_int_t ngx_http_webhook_sqlite_look_rows(
    ngx_http_webhook_sqlite_t *s, ngx_http_webhook_claim_op_t *claim,
    ngx_http_webhook_target_t *target, ngx_http_webhook_sql_e rows,
    ngx_uint_t share);
static ngx_int_t ngx_http_webhook_sqlite_look_paused(
    ngx_http_webhook_sqlite_t *s, ngx_http_webhook_claim_op_t *claim,
    ngx_http_webhook_target_t *target);
static ngx_int_t ngx_http_webhook_sqlite_look_ordered(
    ngx_http_webhook_sqlite_t *s, ngx_http_webhook_claim_op_t *claim,
    ngx_http_webhook_target_t *target);
static ngx_int_t ngx_http_webhook_sqlite_take(ngx_http_webhook_sqlite_t *s,
    ngx_queue_t *queue, ngx_http_webhook_target_t *target,
    ngx_http_webhook_sql_e rows, int64_t limit);
static ngx_http_webhook_held_t *ngx_http_webhook_sqlite_hold(
    ngx_http_webhook_sqlite_t *s, sqlite3_stmt *stmt,
    ngx_http_webhook_target_t *target);
static ngx_int_t ngx_http_webhook_sqlite_cancel(ngx_http_webhook_sqlite_t *s,
    ngx_http_webhook_id_t webhook_id);
static ngx_int_t ngx_http_webhook_sqlite_requeue(ngx_http_webhook_sqlite_t *s,
    ngx_http_webhook_id_t webhook_id);
static ngx_int_t ngx_http_webhook_sqlite_look_owners(
    ngx_http_webhook_sqlite_t *s);
static ngx_int_t ngx_http_webhook_sqlite_purge_keys(
    ngx_http_webhook_sqlite_t *s);


ngx_int_t
ngx_http_webhook_sqlite_claim(ngx_http_webhook_sqlite_t *s,
    ngx_http_webhook_op_t *op)
{
    ngx_http_webhook_claim_op_t *claim = (ngx_http_webhook_claim_op_t *) op;

    ngx_int_t               rc;
    ngx_uint_t              i, n, share, begin;
    sqlite3_stmt           *stmt;
    ngx_http_webhook_id_t   ids[NGX_HTTP_WEBHOOK_SQLITE_LOOKS];

    begin = ngx_http_webhook_store_now();

    claim->next = 0;
    claim->replay = 0;

    if (s->now - s->looked >= NGX_HTTP_WEBHOOK_SQLITE_TAKEOVER
        || s->now < s->looked)
    {
        if (ngx_http_webhook_sqlite_look_owners(s) != NGX_OK
            || ngx_http_webhook_sqlite_purge_keys(s) != NGX_OK
            || ngx_http_webhook_sqlite_access_purge(s) != NGX_OK
            || ngx_http_webhook_sqlite_housekeep(s) != NGX_OK
            || (claim->replays
                && ngx_http_webhook_sqlite_replay_take(s, &claim->replay)
                   != NGX_OK))
        {
            return NGX_ERROR;
        }

        s->looked = s->now;
    }

    if (ngx_http_webhook_sqlite_due(s, claim, ids, &n) != NGX_OK) {
        return NGX_ERROR;
    }

    share = (s->conf->held < s->conf->max_held)
            ? s->conf->max_held - s->conf->held : 0;
    share = n ? ngx_max(share / n, 1) : 0;

    /* what is left when the worker has no room stays due */

    for (i = 0; i < n && ngx_http_webhook_held_room(s->conf); i++) {
        if (ngx_http_webhook_sqlite_look(s, claim, ids[i], share) != NGX_OK) {
            return NGX_ERROR;
        }
    }

    stmt = ngx_http_webhook_sqlite_stmt(s, NGX_HTTP_WEBHOOK_SQL_QUEUE_NEXT);

    rc = ngx_http_webhook_sqlite_step(s, stmt);

    if (rc == NGX_ERROR) {
        return NGX_ERROR;
    }

    if (rc == NGX_OK) {
        claim->next = sqlite3_column_int64(stmt, 0);
        (void) sqlite3_reset(stmt);
    }

    claim->duration = ngx_http_webhook_store_now() - begin;

    return NGX_OK;
}


/* The hints, and the webhooks whose time has come: some may be in both. */

static ngx_int_t
ngx_http_webhook_sqlite_due(ngx_http_webhook_sqlite_t *s,
    ngx_http_webhook_claim_op_t *claim, ngx_http_webhook_id_t *ids,
    ngx_uint_t *n)
{
    ngx_int_t      rc;
    sqlite3_stmt  *stmt;

    for (*n = 0; *n < claim->nhints; (*n)++) {
        ids[*n] = claim->hints[*n];
    }

    stmt = ngx_http_webhook_sqlite_stmt(s, NGX_HTTP_WEBHOOK_SQL_QUEUE_DUE);

    ngx_http_webhook_sqlite_int(stmt, 1, s->now);
    ngx_http_webhook_sqlite_int(stmt, 2, NGX_HTTP_WEBHOOK_SQLITE_LOOKS - *n);

    while ((rc = ngx_http_webhook_sqlite_step(s, stmt)) == NGX_OK) {
        ids[(*n)++] = sqlite3_column_int64(stmt, 0);
    }

    return (rc == NGX_DONE) ? NGX_OK : NGX_ERROR;
}


static ngx_int_t
ngx_http_webhook_sqlite_look(ngx_http_webhook_sqlite_t *s,
    ngx_http_webhook_claim_op_t *claim, ngx_http_webhook_id_t webhook_id,
    ngx_uint_t share)
{
    int64_t                     until;
    ngx_msec_t                  wait;
    ngx_http_webhook_target_t  *target;

    target = ngx_http_webhook_sqlite_target(s, webhook_id);

    if (target == NULL || target->deleted) {
        return ngx_http_webhook_sqlite_cancel(s, webhook_id);
    }

    if (!target->enabled) {

        if (ngx_http_webhook_sqlite_take(s, &claim->held, target,
                                         NGX_HTTP_WEBHOOK_SQL_CLAIM_TESTS,
                                         share)
            != NGX_OK)
        {
            return NGX_ERROR;
        }

        /* an ordered one keeps its row, which knows what comes first */

        if (target->rules.ordered) {
            return ngx_http_webhook_sqlite_run(s,
                                              NGX_HTTP_WEBHOOK_SQL_QUEUE_MOVE,
                                              2, webhook_id, INT64_MAX, 0);
        }

        return ngx_http_webhook_sqlite_run(s,
                                           NGX_HTTP_WEBHOOK_SQL_QUEUE_DELETE,
                                           1, webhook_id, 0, 0);
    }

    if (ngx_http_webhook_sqlite_open_until(s, webhook_id, &until) != NGX_OK) {
        return NGX_ERROR;
    }

    wait = ngx_http_webhook_zone_wait(s->conf->wmcf, webhook_id,
                                      &target->rules);

    if (wait > NGX_HTTP_WEBHOOK_PAUSE) {
        until = ngx_max(until, s->now + (int64_t) wait);
    }

    if (target->locked) {
        until = ngx_max(until, s->now + NGX_HTTP_WEBHOOK_SQLITE_LOCKED);
    }

    if (until > s->now) {

        if (ngx_http_webhook_sqlite_take(s, &claim->held, target,
                                         NGX_HTTP_WEBHOOK_SQL_CLAIM_TESTS,
                                         share)
            != NGX_OK)
        {
            return NGX_ERROR;
        }

        return ngx_http_webhook_sqlite_run(s, NGX_HTTP_WEBHOOK_SQL_QUEUE_MOVE,
                                           2, webhook_id, until, 0);
    }

    if (until) {
        return ngx_http_webhook_sqlite_look_paused(s, claim, target);
    }

    return target->rules.ordered
           ? ngx_http_webhook_sqlite_look_ordered(s, claim, target)
           : ngx_http_webhook_sqlite_look_rows(s, claim, target,
                                               NGX_HTTP_WEBHOOK_SQL_CLAIM_ROWS,
                                               share);
}


static ngx_int_t
ngx_http_webhook_sqlite_look_rows(ngx_http_webhook_sqlite_t *s,
    ngx_http_webhook_claim_op_t *claim, ngx_http_webhook_target_t *target,
    ngx_http_webhook_sql_e rows, ngx_uint_t share)
{
    if (!ngx_http_webhook_held_room_for(s->conf, target->load)) {
        return ngx_http_webhook_sqlite_run(s, NGX_HTTP_WEBHOOK_SQL_QUEUE_MOVE,
                                           2, target->id,
                                           s->now
                                           + NGX_HTTP_WEBHOOK_SQLITE_PAUSE, 0);
    }

    if (ngx_http_webhook_sqlite_take(s, &claim->held, target, rows, share)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    return ngx_http_webhook_sqlite_requeue(s, target->id);
}


/* The pause of a webhook is over: one event is let through, to see. */

static ngx_int_t
ngx_http_webhook_sqlite_look_paused(ngx_http_webhook_sqlite_t *s,
    ngx_http_webhook_claim_op_t *claim, ngx_http_webhook_target_t *target)
{
    int64_t                   until;
    ngx_int_t                 rc;
    ngx_queue_t              *last;
    ngx_http_webhook_held_t  *held;

    if (ngx_http_webhook_sqlite_take(s, &claim->held, target,
                                     NGX_HTTP_WEBHOOK_SQL_CLAIM_TESTS, 1)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    last = ngx_queue_last(&claim->held);

    rc = target->rules.ordered
         ? ngx_http_webhook_sqlite_look_ordered(s, claim, target)
         : ngx_http_webhook_sqlite_look_rows(s, claim, target,
                                             NGX_HTTP_WEBHOOK_SQL_CLAIM_FIRST,
                                             1);

    if (rc != NGX_OK || ngx_queue_last(&claim->held) == last) {
        return rc;
    }

    held = ngx_queue_data(ngx_queue_last(&claim->held),
                          ngx_http_webhook_held_t, queue);

    if (ngx_http_webhook_event_test(&held->message->event)) {
        return NGX_OK;
    }

    if (ngx_http_webhook_sqlite_probe(s, target->id, held->id) != NGX_OK
        || ngx_http_webhook_sqlite_open_until(s, target->id, &until) != NGX_OK)
    {
        return NGX_ERROR;
    }

    return ngx_http_webhook_sqlite_run(s, NGX_HTTP_WEBHOOK_SQL_QUEUE_MOVE, 2,
                                       target->id, until, 0);
}


/*
 * One event of an ordered webhook at a time, whoever sends it: its queue's
 * row names it, the head, until it is delivered or has failed.  The next one is
 * the first of those that were accepted, for they were given their due times in
 * the order of their identifiers.
 */

static ngx_int_t
ngx_http_webhook_sqlite_look_ordered(ngx_http_webhook_sqlite_t *s,
    ngx_http_webhook_claim_op_t *claim, ngx_http_webhook_target_t *target)
{
    int64_t                   due;
    ngx_int_t                 rc;
    ngx_uint_t                head, owned;
    ngx_queue_t              *last;
    sqlite3_stmt             *stmt;
    ngx_http_webhook_held_t  *held;

    stmt = ngx_http_webhook_sqlite_stmt(s, NGX_HTTP_WEBHOOK_SQL_QUEUE_HEAD);
    ngx_http_webhook_sqlite_int(stmt, 1, target->id);

    rc = ngx_http_webhook_sqlite_step(s, stmt);

    if (rc == NGX_ERROR) {
        return NGX_ERROR;
    }

    head = (rc == NGX_OK);

    if (head) {
        owned = (sqlite3_column_int64(stmt, 1) != 0);
        due = sqlite3_column_int64(stmt, 2);

        (void) sqlite3_reset(stmt);

        if (owned || due > s->now) {
            return ngx_http_webhook_sqlite_run(s,
                                              NGX_HTTP_WEBHOOK_SQL_QUEUE_MOVE,
                                              2, target->id,
                                              owned ? s->now
                                               + NGX_HTTP_WEBHOOK_SQLITE_PAUSE
                                                    : due, 0);
        }
    }

    if (ngx_http_webhook_sqlite_take(s, &claim->held, target,
                                     NGX_HTTP_WEBHOOK_SQL_CLAIM_TESTS, 1)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    last = ngx_queue_last(&claim->held);

    if (ngx_http_webhook_sqlite_take(s, &claim->held, target,
                                     head ? NGX_HTTP_WEBHOOK_SQL_CLAIM_HEAD
                                          : NGX_HTTP_WEBHOOK_SQL_CLAIM_ORDERED,
                                     1)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (ngx_queue_last(&claim->held) == last) {
        return (ngx_http_webhook_held_room(s->conf)
                && ngx_http_webhook_held_room_for(s->conf, target->load))
               ? ngx_http_webhook_sqlite_requeue(s, target->id)
               : ngx_http_webhook_sqlite_run(s,
                                         NGX_HTTP_WEBHOOK_SQL_QUEUE_MOVE, 2,
                                         target->id,
                                         s->now
                                         + NGX_HTTP_WEBHOOK_SQLITE_PAUSE, 0);
    }

    held = ngx_queue_data(ngx_queue_last(&claim->held),
                          ngx_http_webhook_held_t, queue);

    /* a hint may have come for one that has no row */

    if (ngx_http_webhook_sqlite_queue_add(s, target->id, s->now) != NGX_OK
        || ngx_http_webhook_sqlite_run(s, NGX_HTTP_WEBHOOK_SQL_QUEUE_SET_HEAD,
                                       2, target->id, held->id, 0)
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    return ngx_http_webhook_sqlite_run(s, NGX_HTTP_WEBHOOK_SQL_QUEUE_MOVE, 2,
                                       target->id,
                                       s->now + NGX_HTTP_WEBHOOK_SQLITE_PAUSE,
                                       0);
}


ngx_int_t
ngx_http_webhook_sqlite_claim_one(ngx_http_webhook_sqlite_t *s,
    ngx_queue_t *queue, ngx_http_webhook_target_t *target,
    ngx_http_webhook_id_t event_id)
{
    return ngx_http_webhook_sqlite_take(s, queue, target,
                                        NGX_HTTP_WEBHOOK_SQL_CLAIM_ONE,
                                        event_id);
}


/* What ?3 is depends on the statement: how many, or which one. */

static ngx_int_t
ngx_http_webhook_sqlite_take(ngx_http_webhook_sqlite_t *s,
    ngx_queue_t *queue, ngx_http_webhook_target_t *target,
    ngx_http_webhook_sql_e rows, int64_t limit)
{
    ngx_int_t                 rc;
    ngx_uint_t                tests;
    ngx_queue_t              *q, taken;
    sqlite3_stmt             *stmt;
    ngx_http_webhook_held_t  *held;

    /* there is always room for some tests */

    tests = (rows == NGX_HTTP_WEBHOOK_SQL_CLAIM_TESTS);

    stmt = ngx_http_webhook_sqlite_stmt(s, rows);

    ngx_http_webhook_sqlite_int(stmt, 1, target->id);
    ngx_http_webhook_sqlite_int(stmt, 2, s->now);
    ngx_http_webhook_sqlite_int(stmt, 3, tests ? ngx_max(limit,
                                               NGX_HTTP_WEBHOOK_SQLITE_LOOKS)
                                               : limit);

    ngx_queue_init(&taken);

    while ((rc = ngx_http_webhook_sqlite_step(s, stmt)) == NGX_OK) {

        held = ngx_http_webhook_sqlite_hold(s, stmt, target);
        if (held == NULL) {
            rc = NGX_ERROR;
            break;
        }

        if (!ngx_http_webhook_held_take(s->conf, held, target->load, tests)) {
            ngx_destroy_pool(held->message->pool);
            (void) sqlite3_reset(stmt);
            rc = NGX_DONE;
            break;
        }

        ngx_queue_insert_tail(&taken, &held->queue);
    }

    /* the rows are owned when they are all read: the index is being walked */

    for (q = ngx_queue_head(&taken);
         rc == NGX_DONE && q != ngx_queue_sentinel(&taken);
         q = ngx_queue_next(q))
    {
        held = ngx_queue_data(q, ngx_http_webhook_held_t, queue);

        stmt = ngx_http_webhook_sqlite_stmt(s, NGX_HTTP_WEBHOOK_SQL_CLAIM_OWN);

        ngx_http_webhook_sqlite_int(stmt, 1, held->id);
        ngx_http_webhook_sqlite_int(stmt, 2, s->lock.owner);

        if (ngx_http_webhook_sqlite_exec(s, stmt) != NGX_OK) {
            rc = NGX_ERROR;
        }
    }

    if (!ngx_queue_empty(&taken)) {
        ngx_queue_add(queue, &taken);
    }

    return (rc == NGX_DONE) ? NGX_OK : NGX_ERROR;
}


/* A webhook event in memory of its own. */

static ngx_http_webhook_held_t *
ngx_http_webhook_sqlite_hold(ngx_http_webhook_sqlite_t *s, sqlite3_stmt *stmt,
    ngx_http_webhook_target_t *target)
{
    ngx_pool_t                  *pool;
    ngx_http_webhook_held_t     *held;
    ngx_http_webhook_message_t  *message;

    pool = ngx_create_pool(1024, s->conf->log);
    if (pool == NULL) {
        return NULL;
    }

    held = ngx_pcalloc(pool, sizeof(ngx_http_webhook_held_t));
    message = ngx_pcalloc(pool, sizeof(ngx_http_webhook_message_t));

    if (held == NULL || message == NULL) {
        ngx_destroy_pool(pool);
        return NULL;
    }

    held->id = sqlite3_column_int64(stmt, 0);
    held->webhook_id = target->id;
    held->retries = (ngx_uint_t) sqlite3_column_int64(stmt, 1);
    held->extra = (ngx_uint_t) sqlite3_column_int64(stmt, 6);
    held->resume_at = sqlite3_column_int64(stmt, 7);
    held->message = message;

    message->pool = pool;
    message->company_id = sqlite3_column_int64(stmt, 2);
    message->id = sqlite3_column_int64(stmt, 3);

    if (ngx_http_webhook_sqlite_column(stmt, 4, pool, &message->event)
            != NGX_OK
        || ngx_http_webhook_sqlite_column(stmt, 5, pool, &message->payload)
            != NGX_OK)
    {
        ngx_destroy_pool(pool);
        return NULL;
    }

    return held;
}


/* Ends pending events of a webhook that is gone, some at a time. */

static ngx_int_t
ngx_http_webhook_sqlite_cancel(ngx_http_webhook_sqlite_t *s,
    ngx_http_webhook_id_t webhook_id)
{
    sqlite3_stmt  *stmt;

    stmt = ngx_http_webhook_sqlite_stmt(s,
                                      NGX_HTTP_WEBHOOK_SQL_EVENT_CANCEL_SLICE);

    ngx_http_webhook_sqlite_int(stmt, 1, webhook_id);
    ngx_http_webhook_sqlite_int(stmt, 2, NGX_HTTP_WEBHOOK_SQLITE_CANCELS);

    if (ngx_http_webhook_sqlite_exec(s, stmt) != NGX_OK) {
        return NGX_ERROR;
    }

    s->tally.cancelled += sqlite3_changes(s->db);

    if (sqlite3_changes(s->db) < NGX_HTTP_WEBHOOK_SQLITE_CANCELS) {
        return ngx_http_webhook_sqlite_requeue(s, webhook_id);
    }

    stmt = ngx_http_webhook_sqlite_stmt(s, NGX_HTTP_WEBHOOK_SQL_QUEUE_MOVE);

    ngx_http_webhook_sqlite_int(stmt, 1, webhook_id);
    ngx_http_webhook_sqlite_int(stmt, 2, s->now);

    return ngx_http_webhook_sqlite_exec(s, stmt);
}


/* Moves a webhook's row to its next due event, or removes it. */

static ngx_int_t
ngx_http_webhook_sqlite_requeue(ngx_http_webhook_sqlite_t *s,
    ngx_http_webhook_id_t webhook_id)
{
    int64_t        next;
    ngx_uint_t     none;
    sqlite3_stmt  *stmt;

    stmt = ngx_http_webhook_sqlite_stmt(s, NGX_HTTP_WEBHOOK_SQL_CLAIM_NEXT);
    ngx_http_webhook_sqlite_int(stmt, 1, webhook_id);

    if (ngx_http_webhook_sqlite_step(s, stmt) != NGX_OK) {
        return NGX_ERROR;
    }

    none = (sqlite3_column_type(stmt, 0) == SQLITE_NULL);
    next = sqlite3_column_int64(stmt, 0);

    (void) sqlite3_reset(stmt);

    stmt = ngx_http_webhook_sqlite_stmt(s, none
                                        ? NGX_HTTP_WEBHOOK_SQL_QUEUE_DELETE
                                        : NGX_HTTP_WEBHOOK_SQL_QUEUE_MOVE);

    ngx_http_webhook_sqlite_int(stmt, 1, webhook_id);

    if (!none) {
        ngx_http_webhook_sqlite_int(stmt, 2, next);
    }

    return ngx_http_webhook_sqlite_exec(s, stmt);
}


/* Looks for owners whose byte in the lock file is free: they are dead. */

static ngx_int_t
ngx_http_webhook_sqlite_look_owners(ngx_http_webhook_sqlite_t *s)
{
    ngx_int_t      rc;
    ngx_uint_t     owner;
    sqlite3_stmt  *stmt;

    owner = 0;

    for ( ;; ) {
        stmt = ngx_http_webhook_sqlite_stmt(s,
                                            NGX_HTTP_WEBHOOK_SQL_OWNER_NEXT);
        ngx_http_webhook_sqlite_int(stmt, 1, owner);

        if (ngx_http_webhook_sqlite_step(s, stmt) != NGX_OK) {
            return NGX_ERROR;
        }

        owner = (ngx_uint_t) sqlite3_column_int64(stmt, 0);

        (void) sqlite3_reset(stmt);

        if (owner == 0) {
            return NGX_OK;
        }

        if (owner == s->lock.owner) {
            continue;
        }

        rc = ngx_http_webhook_sqlite_dead_take(&s->lock, owner);

        if (rc == NGX_DECLINED) {
            continue;
        }

        if (rc == NGX_ERROR) {
            return NGX_ERROR;
        }

        rc = ngx_http_webhook_sqlite_takeover(s, owner);

        ngx_http_webhook_sqlite_dead_free(&s->lock, owner);

        if (rc != NGX_OK) {
            return NGX_ERROR;
        }

        ngx_log_error(NGX_LOG_NOTICE, s->log, 0,
                      "webhook events of dead worker %ui are taken over",
                      owner);
    }
}


/* Forgets idempotency keys whose window is over, some at a time. */

static ngx_int_t
ngx_http_webhook_sqlite_purge_keys(ngx_http_webhook_sqlite_t *s)
{
    sqlite3_stmt  *stmt;

    stmt = ngx_http_webhook_sqlite_stmt(s, NGX_HTTP_WEBHOOK_SQL_KEY_PURGE);

    ngx_http_webhook_sqlite_int(stmt, 1,
                              (s->now - (int64_t) s->conf->window) << 20);
    ngx_http_webhook_sqlite_int(stmt, 2, NGX_HTTP_WEBHOOK_SQLITE_PURGES);

    return ngx_http_webhook_sqlite_exec(s, stmt);
}


ngx_int_t
ngx_http_webhook_sqlite_takeover(ngx_http_webhook_sqlite_t *s,
    ngx_uint_t owner)
{
    sqlite3_stmt  *stmt;

    stmt = ngx_http_webhook_sqlite_stmt(s, NGX_HTTP_WEBHOOK_SQL_OWNER_QUEUE);
    ngx_http_webhook_sqlite_int(stmt, 1, owner);

    if (ngx_http_webhook_sqlite_exec(s, stmt) != NGX_OK) {
        return NGX_ERROR;
    }

    stmt = ngx_http_webhook_sqlite_stmt(s, NGX_HTTP_WEBHOOK_SQL_OWNER_RELEASE);
    ngx_http_webhook_sqlite_int(stmt, 1, owner);

    return ngx_http_webhook_sqlite_exec(s, stmt);
}
