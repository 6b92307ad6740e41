
/*
 * Copyright (C) the ngx_http_webhook_module authors
 */


/*
 * Replays as the admin API sees them, and which worker carries one on.
 *
 * A replay is a row: what is to be sent again, and how far that has come.
 * Some worker has it for a few seconds, and for a few more with each step that
 * it makes (sqlite_replay_step.c); when it dies, another one goes on.  A step
 * that two make is made once, for it names the place from which it goes on.
 */


#include "ngx_http_webhook_sqlite.h"


#define NGX_HTTP_WEBHOOK_SQLITE_REPLAYS  10      /* of a company, that run */
#define NGX_HTTP_WEBHOOK_SQLITE_TAKES    8       /* looked at in a claim */


static ngx_int_t ngx_http_webhook_sqlite_replay_count_running(
    ngx_http_webhook_sqlite_t *s, ngx_http_webhook_id_t company_id,
    ngx_int_t *count);
static ngx_int_t ngx_http_webhook_sqlite_replay_insert(
    ngx_http_webhook_sqlite_t *s, ngx_http_webhook_replay_t *replay);
static ngx_int_t ngx_http_webhook_sqlite_replay_load(
    ngx_http_webhook_sqlite_t *s, ngx_http_webhook_replay_op_t *rop,
    ngx_http_webhook_id_t company_id);


ngx_int_t
ngx_http_webhook_sqlite_replay_create(ngx_http_webhook_sqlite_t *s,
    ngx_http_webhook_op_t *op)
{
    ngx_http_webhook_replay_op_t *rop = (ngx_http_webhook_replay_op_t *) op;

    ngx_int_t                   rc, count;
    ngx_http_webhook_replay_t  *replay;
    ngx_http_webhook_target_t  *target;

    replay = &rop->replay;

    rc = ngx_http_webhook_sqlite_company_for(s, op, &rop->ref, 1,
                                             &replay->company_id);

    if (rc != NGX_OK || replay->company_id == 0) {
        return rc;
    }

    target = ngx_http_webhook_sqlite_target(s, replay->webhook_id);

    if (target == NULL
        || target->deleted
        || target->company_id != replay->company_id)
    {
        op->status = NGX_HTTP_WEBHOOK_STORE_NOT_FOUND;
        return NGX_OK;
    }

    if (!target->enabled) {
        op->status = NGX_HTTP_WEBHOOK_STORE_DISABLED;
        return NGX_OK;
    }

    if (ngx_http_webhook_sqlite_replay_count_running(s, replay->company_id,
                                                     &count)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (count >= NGX_HTTP_WEBHOOK_SQLITE_REPLAYS) {
        op->status = NGX_HTTP_WEBHOOK_STORE_LIMIT;
        return NGX_OK;
    }

    /* what comes later, and what it makes itself, is none of it */

    replay->id = ngx_http_webhook_sqlite_id(s);
    replay->until_id = replay->until_id ? ngx_min(replay->until_id, replay->id)
                                        : replay->id;
    replay->cursor_id = ngx_max(replay->since_id, replay->company_id) - 1;

    return ngx_http_webhook_sqlite_replay_insert(s, replay);
}


static ngx_int_t
ngx_http_webhook_sqlite_replay_count_running(ngx_http_webhook_sqlite_t *s,
    ngx_http_webhook_id_t company_id, ngx_int_t *count)
{
    sqlite3_stmt  *stmt;

    stmt = ngx_http_webhook_sqlite_stmt(s, NGX_HTTP_WEBHOOK_SQL_REPLAY_COUNT);
    ngx_http_webhook_sqlite_int(stmt, 1, company_id);

    if (ngx_http_webhook_sqlite_step(s, stmt) != NGX_OK) {
        return NGX_ERROR;
    }

    *count = sqlite3_column_int(stmt, 0);

    (void) sqlite3_reset(stmt);

    return NGX_OK;
}


static ngx_int_t
ngx_http_webhook_sqlite_replay_insert(ngx_http_webhook_sqlite_t *s,
    ngx_http_webhook_replay_t *replay)
{
    sqlite3_stmt  *stmt;

    stmt = ngx_http_webhook_sqlite_stmt(s, NGX_HTTP_WEBHOOK_SQL_REPLAY_INSERT);

    ngx_http_webhook_sqlite_int(stmt, 1, replay->id);
    ngx_http_webhook_sqlite_int(stmt, 2, replay->company_id);
    ngx_http_webhook_sqlite_int(stmt, 3, replay->webhook_id);
    ngx_http_webhook_sqlite_int(stmt, 4, replay->messages);
    ngx_http_webhook_sqlite_int(stmt, 5, replay->event_status);
    ngx_http_webhook_sqlite_text(stmt, 6, &replay->event);
    ngx_http_webhook_sqlite_int(stmt, 7, replay->since_id);
    ngx_http_webhook_sqlite_int(stmt, 8, replay->until_id);
    ngx_http_webhook_sqlite_int(stmt, 9, replay->cursor_id);
    ngx_http_webhook_sqlite_int(stmt, 10, replay->count);
    ngx_http_webhook_sqlite_int(stmt, 11, replay->at_least);
    ngx_http_webhook_sqlite_int(stmt, 12, s->now);

    return ngx_http_webhook_sqlite_exec(s, stmt);
}


ngx_int_t
ngx_http_webhook_sqlite_replay_row(sqlite3_stmt *stmt, ngx_pool_t *pool,
    ngx_http_webhook_replay_t *replay)
{
    replay->id = sqlite3_column_int64(stmt, 0);
    replay->company_id = sqlite3_column_int64(stmt, 1);
    replay->webhook_id = sqlite3_column_int64(stmt, 2);
    replay->messages = (sqlite3_column_int(stmt, 3) != 0);
    replay->event_status = sqlite3_column_int(stmt, 4);
    replay->since_id = sqlite3_column_int64(stmt, 6);
    replay->until_id = sqlite3_column_int64(stmt, 7);
    replay->cursor_id = sqlite3_column_int64(stmt, 8);
    replay->count = sqlite3_column_int64(stmt, 9);
    replay->at_least = (sqlite3_column_int(stmt, 10) != 0);
    replay->done = sqlite3_column_int64(stmt, 11);
    replay->skipped = sqlite3_column_int64(stmt, 12);
    replay->status = sqlite3_column_int(stmt, 13);
    replay->finished_at = sqlite3_column_int64(stmt, 15);
    replay->due_at = sqlite3_column_int64(stmt, 16);

    if (ngx_http_webhook_sqlite_column(stmt, 5, pool, &replay->event)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    return ngx_http_webhook_sqlite_column(stmt, 14, pool, &replay->reason);
}


static ngx_int_t
ngx_http_webhook_sqlite_replay_load(ngx_http_webhook_sqlite_t *s,
    ngx_http_webhook_replay_op_t *rop, ngx_http_webhook_id_t company_id)
{
    ngx_int_t      rc;
    sqlite3_stmt  *stmt;

    stmt = ngx_http_webhook_sqlite_stmt(s, NGX_HTTP_WEBHOOK_SQL_REPLAY_GET);

    ngx_http_webhook_sqlite_int(stmt, 1, rop->replay.id);
    ngx_http_webhook_sqlite_int(stmt, 2, company_id);

    rc = ngx_http_webhook_sqlite_step(s, stmt);

    if (rc != NGX_OK) {
        return (rc == NGX_DONE) ? NGX_DECLINED : NGX_ERROR;
    }

    rc = ngx_http_webhook_sqlite_replay_row(stmt, rop->op.pool, &rop->replay);

    (void) sqlite3_reset(stmt);

    return rc;
}


ngx_int_t
ngx_http_webhook_sqlite_replay_get(ngx_http_webhook_sqlite_t *s,
    ngx_http_webhook_op_t *op)
{
    ngx_http_webhook_replay_op_t *rop = (ngx_http_webhook_replay_op_t *) op;

    ngx_int_t              rc;
    ngx_http_webhook_id_t  company_id;

    rc = ngx_http_webhook_sqlite_company_for(s, op, &rop->ref, 0, &company_id);

    if (rc != NGX_OK || company_id == 0) {
        return rc;
    }

    rc = ngx_http_webhook_sqlite_replay_load(s, rop, company_id);

    if (rc == NGX_DECLINED) {
        op->status = NGX_HTTP_WEBHOOK_STORE_NOT_FOUND;
        return NGX_OK;
    }

    return rc;
}


/* What it has made due is not taken back; one that is cancelled stays so. */

ngx_int_t
ngx_http_webhook_sqlite_replay_cancel(ngx_http_webhook_sqlite_t *s,
    ngx_http_webhook_op_t *op)
{
    ngx_http_webhook_replay_op_t *rop = (ngx_http_webhook_replay_op_t *) op;

    ngx_int_t  rc;

    rc = ngx_http_webhook_sqlite_replay_get(s, op);

    if (rc != NGX_OK || op->status != NGX_HTTP_WEBHOOK_STORE_OK) {
        return rc;
    }

    if (rop->replay.status == NGX_HTTP_WEBHOOK_REPLAY_DONE) {
        op->status = NGX_HTTP_WEBHOOK_STORE_ENDED;
        return NGX_OK;
    }

    if (rop->replay.status == NGX_HTTP_WEBHOOK_REPLAY_CANCELLED) {
        return NGX_OK;
    }

    if (ngx_http_webhook_sqlite_replay_end(s, rop->replay.id,
                                           NGX_HTTP_WEBHOOK_REPLAY_CANCELLED,
                                           "cancelled_by_request")
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    return ngx_http_webhook_sqlite_replay_get(s, op);
}


ngx_int_t
ngx_http_webhook_sqlite_replay_end(ngx_http_webhook_sqlite_t *s,
    ngx_http_webhook_id_t id, ngx_http_webhook_replay_status_e status,
    const char *reason)
{
    ngx_str_t      text;
    sqlite3_stmt  *stmt;

    text.data = (u_char *) reason;
    text.len = reason ? ngx_strlen(reason) : 0;

    stmt = ngx_http_webhook_sqlite_stmt(s, NGX_HTTP_WEBHOOK_SQL_REPLAY_END);

    ngx_http_webhook_sqlite_int(stmt, 1, id);
    ngx_http_webhook_sqlite_int(stmt, 2, status);
    ngx_http_webhook_sqlite_text(stmt, 3, &text);
    ngx_http_webhook_sqlite_int(stmt, 4, s->now);

    return ngx_http_webhook_sqlite_exec(s, stmt);
}


ngx_int_t
ngx_http_webhook_sqlite_replay_list(ngx_http_webhook_sqlite_t *s,
    ngx_http_webhook_op_t *op)
{
    ngx_http_webhook_list_op_t *list = (ngx_http_webhook_list_op_t *) op;

    ngx_int_t                   rc;
    sqlite3_stmt               *stmt;
    ngx_http_webhook_id_t       company_id;
    ngx_http_webhook_replay_t  *replay;

    rc = ngx_http_webhook_sqlite_company_for(s, op, &list->ref, 0,
                                             &company_id);

    if (rc != NGX_OK || company_id == 0) {
        return rc;
    }

    list->rows = ngx_array_create(op->pool, list->limit,
                                  sizeof(ngx_http_webhook_replay_t));
    if (list->rows == NULL) {
        return NGX_ERROR;
    }

    stmt = ngx_http_webhook_sqlite_stmt(s, NGX_HTTP_WEBHOOK_SQL_REPLAY_LIST);

    ngx_http_webhook_sqlite_int(stmt, 1, company_id);
    ngx_http_webhook_sqlite_int(stmt, 2,
                                list->cursor ? list->cursor : INT64_MAX);
    ngx_http_webhook_sqlite_int(stmt, 3, list->limit + 1);

    while ((rc = ngx_http_webhook_sqlite_step(s, stmt)) == NGX_OK) {

        if (list->rows->nelts == list->limit) {
            replay = list->rows->elts;
            list->next = replay[list->limit - 1].id;
            (void) sqlite3_reset(stmt);
            return NGX_OK;
        }

        replay = ngx_array_push(list->rows);

        if (replay == NULL
            || ngx_http_webhook_sqlite_replay_row(stmt, op->pool, replay)
               != NGX_OK)
        {
            return NGX_ERROR;
        }
    }

    return (rc == NGX_DONE) ? NGX_OK : NGX_ERROR;
}


ngx_int_t
ngx_http_webhook_sqlite_replay_take(ngx_http_webhook_sqlite_t *s,
    ngx_http_webhook_id_t *id)
{
    ngx_int_t                   rc;
    ngx_uint_t                  i;
    sqlite3_stmt               *stmt;
    ngx_http_webhook_id_t       webhook_id, replay_id;
    ngx_http_webhook_target_t  *target;

    for (i = 0; i < NGX_HTTP_WEBHOOK_SQLITE_TAKES; i++) {

        stmt = ngx_http_webhook_sqlite_stmt(s,
                                            NGX_HTTP_WEBHOOK_SQL_REPLAY_DUE);

        ngx_http_webhook_sqlite_int(stmt, 1, s->now);
        ngx_http_webhook_sqlite_int(stmt, 2,
                                    s->now + NGX_HTTP_WEBHOOK_REPLAY_LEASE);

        rc = ngx_http_webhook_sqlite_step(s, stmt);

        if (rc != NGX_OK) {
            return (rc == NGX_DONE) ? NGX_OK : NGX_ERROR;
        }

        replay_id = sqlite3_column_int64(stmt, 0);
        webhook_id = sqlite3_column_int64(stmt, 1);

        (void) sqlite3_reset(stmt);

        target = ngx_http_webhook_sqlite_target(s, webhook_id);

        if (target == NULL || target->deleted) {

            if (ngx_http_webhook_sqlite_replay_end(s, replay_id,
                                             NGX_HTTP_WEBHOOK_REPLAY_CANCELLED,
                                             "webhook_deleted")
                != NGX_OK)
            {
                return NGX_ERROR;
            }

            continue;
        }

        /* one of a disabled webhook is looked at again later */

        if (ngx_http_webhook_sqlite_run(s, NGX_HTTP_WEBHOOK_SQL_REPLAY_NEXT, 2,
                                        replay_id,
                                        s->now + NGX_HTTP_WEBHOOK_REPLAY_LEASE,
                                        0)
            != NGX_OK)
        {
            return NGX_ERROR;
        }

        if (target->enabled) {
            *id = replay_id;
            return NGX_OK;
        }
    }

    return NGX_OK;
}
