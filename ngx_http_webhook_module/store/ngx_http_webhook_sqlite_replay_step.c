
/*
 * Copyright (C) the ngx_http_webhook_module authors
 */


/*
 * What a replay does, some at a time: a reading thread finds what is to be
 * sent again, by the index of lists (sqlite_list.c), and the writing thread
 * makes it due.  Neither takes long, and while a webhook has enough to do its
 * replays wait: so a replay of millions disturbs nobody, its own webhook's
 * other events least of all.
 *
 * What was sent to the webhook before gets one attempt, and is again what it
 * was where that fails.  A message that the webhook never had becomes a new
 * webhook event, with all its attempts.
 */


#include "ngx_http_webhook_sqlite.h"
#include "ngx_http_webhook_name.h"


#define NGX_HTTP_WEBHOOK_REPLAY_FINDS    100     /* of one step */
#define NGX_HTTP_WEBHOOK_REPLAY_BACKLOG  200     /* due events of a webhook
                                                    that make its replays wait;
                                                    those due within ... */
#define NGX_HTTP_WEBHOOK_REPLAY_SOON     1000    /* ms */


/* A search; "events" are the subscriptions that a message has to match. */

typedef struct {
    ngx_http_webhook_replay_op_t    *rop;
    ngx_http_webhook_sqlite_list_t   l;
    ngx_http_webhook_sql_e           ids;
    ngx_http_webhook_sql_e           end;
    ngx_uint_t                       nevents;
    ngx_str_t                       *events;
    ngx_uint_t                       most;       /* to be found */
    ngx_uint_t                       found;
} ngx_http_webhook_sqlite_search_t;


static ngx_int_t ngx_http_webhook_sqlite_replay_count_run(
    ngx_http_webhook_sqlite_t *s, ngx_http_webhook_op_t *op,
    ngx_uint_t indexed);
static ngx_int_t ngx_http_webhook_sqlite_replay_find_run(
    ngx_http_webhook_sqlite_t *s, ngx_http_webhook_op_t *op,
    ngx_uint_t indexed);
static ngx_int_t ngx_http_webhook_sqlite_replay_open(
    ngx_http_webhook_sqlite_t *s, ngx_http_webhook_replay_op_t *rop);
static ngx_int_t ngx_http_webhook_sqlite_replay_busy(
    ngx_http_webhook_sqlite_t *s, ngx_http_webhook_replay_op_t *rop);
static ngx_int_t ngx_http_webhook_sqlite_search(ngx_http_webhook_sqlite_t *s,
    ngx_http_webhook_sqlite_search_t *search);
static sqlite3_stmt *ngx_http_webhook_sqlite_search_ids(
    ngx_http_webhook_sqlite_t *s, ngx_http_webhook_sqlite_search_t *search);
static ngx_int_t ngx_http_webhook_sqlite_search_end(
    ngx_http_webhook_sqlite_t *s, ngx_http_webhook_sqlite_search_t *search);
static ngx_int_t ngx_http_webhook_sqlite_search_row(
    ngx_http_webhook_sqlite_t *s, ngx_http_webhook_sqlite_search_t *search,
    ngx_http_webhook_id_t id);
static ngx_uint_t ngx_http_webhook_sqlite_search_wanted(
    ngx_http_webhook_sqlite_search_t *search, sqlite3_stmt *stmt);
static ngx_int_t ngx_http_webhook_sqlite_replay_each(
    ngx_http_webhook_sqlite_t *s, ngx_http_webhook_replay_op_t *rop,
    ngx_http_webhook_target_t *target, int64_t *done);
static ngx_int_t ngx_http_webhook_sqlite_replay_message(
    ngx_http_webhook_sqlite_t *s, ngx_http_webhook_replay_t *replay,
    ngx_http_webhook_id_t id, int64_t due_at, ngx_uint_t *made);


ngx_int_t
ngx_http_webhook_sqlite_replay_count(ngx_http_webhook_sqlite_t *s,
    ngx_http_webhook_op_t *op)
{
    return ngx_http_webhook_sqlite_indexed(s, op,
                                     ngx_http_webhook_sqlite_replay_count_run);
}


static ngx_int_t
ngx_http_webhook_sqlite_replay_count_run(ngx_http_webhook_sqlite_t *s,
    ngx_http_webhook_op_t *op, ngx_uint_t indexed)
{
    ngx_http_webhook_replay_op_t *rop = (ngx_http_webhook_replay_op_t *) op;

    ngx_int_t                          rc;
    sqlite3_stmt                      *stmt;
    ngx_http_webhook_replay_t         *replay;
    ngx_http_webhook_sqlite_search_t   search;

    ngx_memzero(&search, sizeof(ngx_http_webhook_sqlite_search_t));

    if (indexed && ngx_http_webhook_sqlite_list_state(s, &search.l) != NGX_OK)
    {
        return NGX_ERROR;
    }

    replay = &rop->replay;

    rc = ngx_http_webhook_sqlite_company_for(s, op, &rop->ref, 0,
                                             &replay->company_id);

    if (rc != NGX_OK || replay->company_id == 0) {
        return rc;
    }

    stmt = ngx_http_webhook_sqlite_stmt(s, NGX_HTTP_WEBHOOK_SQL_REPLAY_WEBHOOK);

    ngx_http_webhook_sqlite_int(stmt, 1, replay->webhook_id);
    ngx_http_webhook_sqlite_int(stmt, 2, replay->company_id);

    rc = ngx_http_webhook_sqlite_step(s, stmt);

    if (rc == NGX_DONE) {
        op->status = NGX_HTTP_WEBHOOK_STORE_NOT_FOUND;
        return NGX_OK;
    }

    if (rc != NGX_OK) {
        return NGX_ERROR;
    }

    (void) sqlite3_reset(stmt);

    if (replay->until_id == 0) {
        replay->until_id = ngx_http_webhook_id_from(s->now + 1);
    }

    replay->cursor_id = ngx_max(replay->cursor_id,
                                ngx_max(replay->since_id, replay->company_id)
                                - 1);

    search.rop = rop;
    search.most = NGX_MAX_UINT32_VALUE;

    if (ngx_http_webhook_sqlite_search(s, &search) != NGX_OK) {
        return NGX_ERROR;
    }

    replay->count += search.found;

    return NGX_OK;
}


ngx_int_t
ngx_http_webhook_sqlite_replay_find(ngx_http_webhook_sqlite_t *s,
    ngx_http_webhook_op_t *op)
{
    return ngx_http_webhook_sqlite_indexed(s, op,
                                      ngx_http_webhook_sqlite_replay_find_run);
}


static ngx_int_t
ngx_http_webhook_sqlite_replay_find_run(ngx_http_webhook_sqlite_t *s,
    ngx_http_webhook_op_t *op, ngx_uint_t indexed)
{
    ngx_http_webhook_replay_op_t *rop = (ngx_http_webhook_replay_op_t *) op;

    ngx_http_webhook_sqlite_search_t  search;

    ngx_memzero(&search, sizeof(ngx_http_webhook_sqlite_search_t));

    if (indexed && ngx_http_webhook_sqlite_list_state(s, &search.l) != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (ngx_http_webhook_sqlite_replay_open(s, rop) != NGX_OK) {
        return NGX_ERROR;
    }

    if (op->status != NGX_HTTP_WEBHOOK_STORE_OK) {
        return NGX_OK;
    }

    if (ngx_http_webhook_sqlite_replay_busy(s, rop) != NGX_OK) {
        return NGX_ERROR;
    }

    if (rop->wait) {
        return NGX_OK;
    }

    rop->ids = ngx_array_create(op->pool, NGX_HTTP_WEBHOOK_REPLAY_FINDS,
                                sizeof(ngx_http_webhook_id_t));
    if (rop->ids == NULL) {
        return NGX_ERROR;
    }

    search.rop = rop;
    search.most = NGX_HTTP_WEBHOOK_REPLAY_FINDS;

    return ngx_http_webhook_sqlite_search(s, &search);
}


/* The replay as it is, where it runs. */

static ngx_int_t
ngx_http_webhook_sqlite_replay_open(ngx_http_webhook_sqlite_t *s,
    ngx_http_webhook_replay_op_t *rop)
{
    ngx_int_t      rc;
    sqlite3_stmt  *stmt;

    stmt = ngx_http_webhook_sqlite_stmt(s, NGX_HTTP_WEBHOOK_SQL_REPLAY_RUNNING);
    ngx_http_webhook_sqlite_int(stmt, 1, rop->replay.id);

    rc = ngx_http_webhook_sqlite_step(s, stmt);

    if (rc == NGX_DONE) {
        rop->op.status = NGX_HTTP_WEBHOOK_STORE_NOT_FOUND;
        return NGX_OK;
    }

    if (rc == NGX_OK) {
        rc = ngx_http_webhook_sqlite_replay_row(stmt, rop->op.pool,
                                                &rop->replay);
        (void) sqlite3_reset(stmt);
    }

    return rc;
}


/* Sets "wait" where the webhook has enough to do. */

static ngx_int_t
ngx_http_webhook_sqlite_replay_busy(ngx_http_webhook_sqlite_t *s,
    ngx_http_webhook_replay_op_t *rop)
{
    sqlite3_stmt  *stmt;

    stmt = ngx_http_webhook_sqlite_stmt(s, NGX_HTTP_WEBHOOK_SQL_REPLAY_BACKLOG);

    ngx_http_webhook_sqlite_int(stmt, 1, rop->replay.webhook_id);
    ngx_http_webhook_sqlite_int(stmt, 2,
                                s->now + NGX_HTTP_WEBHOOK_REPLAY_SOON);
    ngx_http_webhook_sqlite_int(stmt, 3, NGX_HTTP_WEBHOOK_REPLAY_BACKLOG);

    if (ngx_http_webhook_sqlite_step(s, stmt) != NGX_OK) {
        return NGX_ERROR;
    }

    rop->wait = (sqlite3_column_int(stmt, 0)
                 >= NGX_HTTP_WEBHOOK_REPLAY_BACKLOG);

    (void) sqlite3_reset(stmt);

    return NGX_OK;
}


/* Looks at so many, for so long, and no more: rop->next says how far. */

static ngx_int_t
ngx_http_webhook_sqlite_search(ngx_http_webhook_sqlite_t *s,
    ngx_http_webhook_sqlite_search_t *search)
{
    int64_t                        begin;
    ngx_int_t                      rc;
    ngx_uint_t                     n;
    sqlite3_stmt                  *stmt;
    ngx_http_webhook_id_t          id;
    ngx_http_webhook_replay_op_t  *rop;

    rop = search->rop;

    if (rop->replay.messages
        && ngx_http_webhook_sqlite_subscriptions(s, rop->replay.webhook_id,
                                                 rop->op.pool,
                                                 &search->nevents,
                                                 &search->events)
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    stmt = ngx_http_webhook_sqlite_search_ids(s, search);

    begin = ngx_http_webhook_sqlite_now();

    rop->next = rop->replay.cursor_id;
    rop->end = 0;

    for (n = 1; /* void */; n++) {

        rc = ngx_http_webhook_sqlite_step(s, stmt);

        if (rc == NGX_DONE) {
            return ngx_http_webhook_sqlite_search_end(s, search);
        }

        if (rc != NGX_OK) {
            return NGX_ERROR;
        }

        id = sqlite3_column_int64(stmt, 0);

        if (id == rop->next) {
            continue;                        /* from two sources */
        }

        rop->next = id;

        if (ngx_http_webhook_sqlite_search_row(s, search, id) != NGX_OK) {
            return NGX_ERROR;
        }

        if (search->found >= search->most
            || n >= NGX_HTTP_WEBHOOK_SQLITE_SLICE
            || ngx_http_webhook_sqlite_now() - begin
               >= NGX_HTTP_WEBHOOK_SQLITE_LOOK)
        {
            (void) sqlite3_reset(stmt);
            return NGX_OK;
        }
    }
}


static sqlite3_stmt *
ngx_http_webhook_sqlite_search_ids(ngx_http_webhook_sqlite_t *s,
    ngx_http_webhook_sqlite_search_t *search)
{
    ngx_uint_t                  slice;
    sqlite3_stmt               *stmt;
    ngx_http_webhook_replay_t  *replay;

    replay = &search->rop->replay;
    slice = !search->l.indexed;

    if (!replay->messages) {
        search->ids = slice ? NGX_HTTP_WEBHOOK_SQL_REPLAY_EVENTS_SLICE
                            : NGX_HTTP_WEBHOOK_SQL_REPLAY_EVENTS;
        search->end = NGX_HTTP_WEBHOOK_SQL_REPLAY_EVENTS_END;

    } else {
        search->ids = slice ? NGX_HTTP_WEBHOOK_SQL_REPLAY_MESSAGES_SLICE
                      : replay->event.data
                        ? NGX_HTTP_WEBHOOK_SQL_REPLAY_MESSAGES_NAME
                        : NGX_HTTP_WEBHOOK_SQL_REPLAY_MESSAGES;
        search->end = NGX_HTTP_WEBHOOK_SQL_REPLAY_MESSAGES_END;
    }

    stmt = ngx_http_webhook_sqlite_stmt(s, search->ids);

    ngx_http_webhook_sqlite_int(stmt, 1, replay->messages
                                         ? replay->company_id
                                         : replay->webhook_id);
    ngx_http_webhook_sqlite_int(stmt, 2, replay->cursor_id);
    ngx_http_webhook_sqlite_int(stmt, 3, replay->until_id);

    if (slice) {
        ngx_http_webhook_sqlite_int(stmt, 4, NGX_HTTP_WEBHOOK_SQLITE_SLICE);

    } else if (search->ids == NGX_HTTP_WEBHOOK_SQL_REPLAY_MESSAGES_NAME) {
        ngx_http_webhook_sqlite_text(stmt, 4, &replay->event);

    } else {
        ngx_http_webhook_sqlite_int(stmt, 4, replay->event_status);
    }

    ngx_http_webhook_sqlite_int(stmt, 5, search->l.position);
    ngx_http_webhook_sqlite_int(stmt, 6, search->l.change);

    return stmt;
}


/* There are no more, unless a slice ends here. */

static ngx_int_t
ngx_http_webhook_sqlite_search_end(ngx_http_webhook_sqlite_t *s,
    ngx_http_webhook_sqlite_search_t *search)
{
    ngx_int_t                      rc;
    sqlite3_stmt                  *stmt;
    ngx_http_webhook_replay_op_t  *rop;

    rop = search->rop;
    rop->end = 1;

    if (search->l.indexed) {
        return NGX_OK;
    }

    stmt = ngx_http_webhook_sqlite_stmt(s, search->end);

    ngx_http_webhook_sqlite_int(stmt, 2, rop->replay.cursor_id);
    ngx_http_webhook_sqlite_int(stmt, 3, rop->replay.until_id);
    ngx_http_webhook_sqlite_int(stmt, 4, NGX_HTTP_WEBHOOK_SQLITE_SLICE);

    rc = ngx_http_webhook_sqlite_step(s, stmt);

    if (rc == NGX_OK) {
        rop->next = sqlite3_column_int64(stmt, 0);
        rop->end = 0;

        (void) sqlite3_reset(stmt);
    }

    return (rc == NGX_ERROR) ? NGX_ERROR : NGX_OK;
}


static ngx_int_t
ngx_http_webhook_sqlite_search_row(ngx_http_webhook_sqlite_t *s,
    ngx_http_webhook_sqlite_search_t *search, ngx_http_webhook_id_t id)
{
    ngx_int_t                   rc;
    ngx_uint_t                  wanted;
    sqlite3_stmt               *stmt;
    ngx_http_webhook_id_t      *found;
    ngx_http_webhook_replay_t  *replay;

    replay = &search->rop->replay;

    stmt = ngx_http_webhook_sqlite_stmt(s, replay->messages
                                        ? NGX_HTTP_WEBHOOK_SQL_REPLAY_MESSAGE
                                        : NGX_HTTP_WEBHOOK_SQL_REPLAY_EVENT);

    ngx_http_webhook_sqlite_int(stmt, 1, id);
    ngx_http_webhook_sqlite_int(stmt, 2, replay->messages
                                         ? replay->company_id
                                         : replay->webhook_id);
    ngx_http_webhook_sqlite_text(stmt, 3, &replay->event);
    ngx_http_webhook_sqlite_int(stmt, 4, replay->event_status);

    rc = ngx_http_webhook_sqlite_step(s, stmt);

    if (rc != NGX_OK) {
        return (rc == NGX_DONE) ? NGX_OK : NGX_ERROR;
    }

    wanted = !replay->messages
             || ngx_http_webhook_sqlite_search_wanted(search, stmt);

    (void) sqlite3_reset(stmt);

    if (!wanted) {
        return NGX_OK;
    }

    search->found++;

    if (search->rop->ids) {
        found = ngx_array_push(search->rop->ids);
        if (found == NULL) {
            return NGX_ERROR;
        }

        *found = id;
    }

    return NGX_OK;
}


/* Does the webhook want a message, whose name the row has? */

static ngx_uint_t
ngx_http_webhook_sqlite_search_wanted(ngx_http_webhook_sqlite_search_t *search,
    sqlite3_stmt *stmt)
{
    ngx_str_t   event;
    ngx_uint_t  i;

    event.data = (u_char *) sqlite3_column_text(stmt, 0);
    event.len = sqlite3_column_bytes(stmt, 0);

    if (ngx_http_webhook_event_reserved(&event)) {
        return 0;
    }

    for (i = 0; i < search->nevents; i++) {
        if (ngx_http_webhook_subscription_match(&search->events[i], &event)) {
            return 1;
        }
    }

    return 0;
}


ngx_int_t
ngx_http_webhook_sqlite_replay_step(ngx_http_webhook_sqlite_t *s,
    ngx_http_webhook_op_t *op)
{
    ngx_http_webhook_replay_op_t *rop = (ngx_http_webhook_replay_op_t *) op;

    int64_t                      done;
    sqlite3_stmt                *stmt;
    ngx_http_webhook_id_t        from;
    ngx_http_webhook_target_t   *target;

    from = rop->replay.cursor_id;

    if (ngx_http_webhook_sqlite_replay_open(s, rop) != NGX_OK) {
        return NGX_ERROR;
    }

    if (op->status != NGX_HTTP_WEBHOOK_STORE_OK) {
        return NGX_OK;
    }

    target = ngx_http_webhook_sqlite_target(s, rop->replay.webhook_id);

    if (rop->replay.cursor_id != from || target == NULL || !target->enabled) {

        /* another worker's by now, or to be looked at again when it can go
           on */

        op->status = NGX_HTTP_WEBHOOK_STORE_ENDED;
        return NGX_OK;
    }

    if (ngx_http_webhook_sqlite_replay_each(s, rop, target, &done) != NGX_OK
        || (done
            && ngx_http_webhook_sqlite_queue_add(s, target->id, s->now)
               != NGX_OK))
    {
        return NGX_ERROR;
    }

    stmt = ngx_http_webhook_sqlite_stmt(s, NGX_HTTP_WEBHOOK_SQL_REPLAY_STEP);

    ngx_http_webhook_sqlite_int(stmt, 1, rop->replay.id);
    ngx_http_webhook_sqlite_int(stmt, 2, rop->next);
    ngx_http_webhook_sqlite_int(stmt, 3, done);
    ngx_http_webhook_sqlite_int(stmt, 4, (int64_t) rop->ids->nelts - done);
    ngx_http_webhook_sqlite_int(stmt, 5, rop->replay.due_at);
    ngx_http_webhook_sqlite_int(stmt, 6,
                                s->now + NGX_HTTP_WEBHOOK_REPLAY_LEASE);

    if (ngx_http_webhook_sqlite_exec(s, stmt) != NGX_OK) {
        return NGX_ERROR;
    }

    return rop->end
           ? ngx_http_webhook_sqlite_replay_end(s, rop->replay.id,
                                                NGX_HTTP_WEBHOOK_REPLAY_DONE,
                                                NULL)
           : NGX_OK;
}


/*
 * Those of an ordered webhook stand in line in the order of what is replayed,
 * behind all that waits already.
 */

static ngx_int_t
ngx_http_webhook_sqlite_replay_each(ngx_http_webhook_sqlite_t *s,
    ngx_http_webhook_replay_op_t *rop, ngx_http_webhook_target_t *target,
    int64_t *done)
{
    int64_t                     due_at;
    ngx_uint_t                  i, made;
    ngx_http_webhook_id_t      *id;
    ngx_http_webhook_replay_t  *replay;

    replay = &rop->replay;
    id = rop->ids->elts;
    *done = 0;

    for (i = 0; i < rop->ids->nelts; i++) {

        due_at = ngx_http_webhook_sqlite_again_due(s, target);

        if (target->rules.ordered) {
            due_at = ngx_max(due_at, replay->due_at + 1);
        }

        made = 0;

        if (replay->messages) {

            if (ngx_http_webhook_sqlite_replay_message(s, replay, id[i],
                                                       due_at, &made)
                != NGX_OK)
            {
                return NGX_ERROR;
            }

        } else {

            if (ngx_http_webhook_sqlite_run(s,
                                            NGX_HTTP_WEBHOOK_SQL_REPLAY_AGAIN,
                                            3, id[i], target->id, due_at)
                != NGX_OK)
            {
                return NGX_ERROR;
            }

            made = (sqlite3_changes(s->db) != 0);
        }

        if (made) {
            replay->due_at = due_at;
            (*done)++;
        }
    }

    return NGX_OK;
}


/* A message: the event of it that the webhook had, or a new one. */

static ngx_int_t
ngx_http_webhook_sqlite_replay_message(ngx_http_webhook_sqlite_t *s,
    ngx_http_webhook_replay_t *replay, ngx_http_webhook_id_t id,
    int64_t due_at, ngx_uint_t *made)
{
    ngx_int_t               rc;
    sqlite3_stmt           *stmt;
    ngx_http_webhook_id_t   event_id;

    stmt = ngx_http_webhook_sqlite_stmt(s, NGX_HTTP_WEBHOOK_SQL_REPLAY_HAD);

    ngx_http_webhook_sqlite_int(stmt, 1, id);
    ngx_http_webhook_sqlite_int(stmt, 2,
                                ngx_http_webhook_sqlite_last_event(id));
    ngx_http_webhook_sqlite_int(stmt, 3, replay->webhook_id);

    rc = ngx_http_webhook_sqlite_step(s, stmt);

    if (rc == NGX_ERROR) {
        return NGX_ERROR;
    }

    if (rc == NGX_OK) {
        event_id = sqlite3_column_int64(stmt, 0);

        (void) sqlite3_reset(stmt);

        if (ngx_http_webhook_sqlite_run(s, NGX_HTTP_WEBHOOK_SQL_REPLAY_AGAIN,
                                        3, event_id, replay->webhook_id,
                                        due_at)
            != NGX_OK)
        {
            return NGX_ERROR;
        }

        *made = (sqlite3_changes(s->db) != 0);

        return NGX_OK;
    }

    event_id = ngx_http_webhook_sqlite_id(s);

    stmt = ngx_http_webhook_sqlite_stmt(s, NGX_HTTP_WEBHOOK_SQL_REPLAY_NEW);

    ngx_http_webhook_sqlite_int(stmt, 1, event_id);
    ngx_http_webhook_sqlite_int(stmt, 2, id);
    ngx_http_webhook_sqlite_int(stmt, 3, replay->webhook_id);
    ngx_http_webhook_sqlite_int(stmt, 4, due_at);
    ngx_http_webhook_sqlite_int(stmt, 5, replay->company_id);

    if (ngx_http_webhook_sqlite_exec(s, stmt) != NGX_OK) {
        return NGX_ERROR;
    }

    *made = (sqlite3_changes(s->db) != 0);
    s->tally.events += *made;

    return *made ? ngx_http_webhook_sqlite_run(s,
                                               NGX_HTTP_WEBHOOK_SQL_REPLAY_MADE,
                                               3, id, replay->webhook_id,
                                               event_id)
                 : NGX_OK;
}
