
/*
 * Copyright (C) the ngx_http_webhook_module authors
 */


/*
 * Replays, carried on by one worker each, on the event loop:
 *
 *     claim -> find (reads) -> step (writes) -> a pause -> find ...
 *
 * The worker has a replay for some seconds from its last step on, then any
 * worker's claim may take it.  Where the webhook has enough to do, it is asked
 * again until then.  A worker that exits begins no step.
 */


#include "ngx_http_webhook_lane.h"
#include "ngx_http_webhook_dispatch.h"


#define NGX_HTTP_WEBHOOK_REPLAY_PAUSE  20        /* ms between steps */
#define NGX_HTTP_WEBHOOK_REPLAY_WAIT   100       /* ms, with enough to do */


static void ngx_http_webhook_replay_find(
    ngx_http_webhook_dispatch_t *dispatch);
static void ngx_http_webhook_replay_found(ngx_http_webhook_op_t *op);
static void ngx_http_webhook_replay_stepped(ngx_http_webhook_op_t *op);
static void ngx_http_webhook_replay_pause(
    ngx_http_webhook_dispatch_t *dispatch, ngx_msec_t msec);
static void ngx_http_webhook_replay_handler(ngx_event_t *ev);


void
ngx_http_webhook_replay_init(ngx_http_webhook_dispatch_t *dispatch)
{
    dispatch->replay_timer.handler = ngx_http_webhook_replay_handler;
    dispatch->replay_timer.data = &dispatch->dummy;
    dispatch->replay_timer.log = dispatch->log;
    dispatch->replay_timer.cancelable = 1;
}


void
ngx_http_webhook_replay_run(ngx_http_webhook_dispatch_t *dispatch,
    ngx_http_webhook_id_t id)
{
    dispatch->replay = id;
    dispatch->replay_end = ngx_current_msec + NGX_HTTP_WEBHOOK_REPLAY_LEASE;

    ngx_http_webhook_replay_find(dispatch);
}


static void
ngx_http_webhook_replay_find(ngx_http_webhook_dispatch_t *dispatch)
{
    ngx_pool_t                    *pool;
    ngx_http_webhook_replay_op_t  *rop;

    /* without memory, or in the end, another worker takes it */

    pool = ngx_exiting ? NULL : ngx_create_pool(2048, dispatch->log);
    if (pool == NULL) {
        dispatch->replay = 0;
        return;
    }

    rop = ngx_pcalloc(pool, sizeof(ngx_http_webhook_replay_op_t));
    if (rop == NULL) {
        ngx_destroy_pool(pool);
        dispatch->replay = 0;
        return;
    }

    rop->op.type = NGX_HTTP_WEBHOOK_OP_REPLAY_FIND;
    rop->op.pool = pool;
    rop->op.handler = ngx_http_webhook_replay_found;
    rop->op.data = dispatch;
    rop->replay.id = dispatch->replay;

    ngx_http_webhook_store_post(dispatch->store, &rop->op);
}


static void
ngx_http_webhook_replay_found(ngx_http_webhook_op_t *op)
{
    ngx_http_webhook_replay_op_t *rop = (ngx_http_webhook_replay_op_t *) op;

    ngx_http_webhook_dispatch_t  *dispatch;

    dispatch = op->data;

    if (op->status == NGX_HTTP_WEBHOOK_STORE_OK && !ngx_exiting
        && !rop->wait)
    {
        op->type = NGX_HTTP_WEBHOOK_OP_REPLAY_STEP;
        op->handler = ngx_http_webhook_replay_stepped;

        ngx_http_webhook_store_post(dispatch->store, op);
        return;
    }

    if (op->status == NGX_HTTP_WEBHOOK_STORE_OK
        && (ngx_msec_int_t) (dispatch->replay_end - ngx_current_msec)
           > NGX_HTTP_WEBHOOK_REPLAY_WAIT)
    {
        ngx_http_webhook_replay_pause(dispatch, NGX_HTTP_WEBHOOK_REPLAY_WAIT);

    } else {
        dispatch->replay = 0;
    }

    ngx_destroy_pool(op->pool);
}


static void
ngx_http_webhook_replay_stepped(ngx_http_webhook_op_t *op)
{
    ngx_http_webhook_replay_op_t *rop = (ngx_http_webhook_replay_op_t *) op;

    ngx_http_webhook_dispatch_t  *dispatch;

    dispatch = op->data;

    if (op->status == NGX_HTTP_WEBHOOK_STORE_OK) {

        if (rop->ids->nelts) {
            ngx_http_webhook_dispatch_look(dispatch);
        }

        dispatch->replay_end = ngx_current_msec
                               + NGX_HTTP_WEBHOOK_REPLAY_LEASE;
    }

    if (op->status == NGX_HTTP_WEBHOOK_STORE_OK && !rop->end) {
        ngx_http_webhook_replay_pause(dispatch, NGX_HTTP_WEBHOOK_REPLAY_PAUSE);

    } else {
        dispatch->replay = 0;
    }

    ngx_destroy_pool(op->pool);
}


static void
ngx_http_webhook_replay_pause(ngx_http_webhook_dispatch_t *dispatch,
    ngx_msec_t msec)
{
    if (ngx_exiting) {
        dispatch->replay = 0;
        return;
    }

    ngx_add_timer(&dispatch->replay_timer, msec);
}


static void
ngx_http_webhook_replay_handler(ngx_event_t *ev)
{
    ngx_connection_t  *c;

    c = ev->data;

    ngx_http_webhook_replay_find(c->data);
}
