
/*
 * Copyright (C) the ngx_http_webhook_module authors
 */


/*
 * What the dispatcher writes to the store: results of deliveries, and events
 * that it gives back.  A record whose commit fails is posted again until it
 * succeeds; it keeps its place among the held, so that memory is bounded by
 * them.  On the event loop.
 */


#include "ngx_http_webhook_lane.h"
#include "ngx_http_webhook_deliver.h"
#include "ngx_http_webhook_metrics.h"
#include "ngx_http_webhook_name.h"
#include "ngx_http_webhook_outcome.h"


#define NGX_HTTP_WEBHOOK_RECORD_AGAIN  1000      /* ms, a failed commit */
#define NGX_HTTP_WEBHOOK_RECORD_TRIES  10        /* of it by an exiting one */


/* A result or a release, from its post to its commit. */

typedef struct {
    union {
        ngx_http_webhook_op_t            op;
        ngx_http_webhook_result_op_t     result;
        ngx_http_webhook_release_op_t    release;
    } u;

    ngx_http_webhook_dispatch_t     *dispatch;
    ngx_http_webhook_held_t         *held;
    ngx_http_webhook_delivery_t     *delivery;   /* of a result */
    ngx_event_t                      again;
    ngx_uint_t                       tries;
} ngx_http_webhook_record_t;


static void ngx_http_webhook_record_disable(
    ngx_http_webhook_dispatch_t *dispatch,
    ngx_http_webhook_result_op_t *result, const char *reason);
static void ngx_http_webhook_record_disabled(ngx_http_webhook_op_t *op);
static void ngx_http_webhook_record_done(ngx_http_webhook_op_t *op);
static void ngx_http_webhook_record_health(
    ngx_http_webhook_dispatch_t *dispatch,
    ngx_http_webhook_result_op_t *result);
static void ngx_http_webhook_record_again(ngx_event_t *ev);
static void ngx_http_webhook_record_hint(ngx_http_webhook_dispatch_t *dispatch,
    ngx_http_webhook_id_t id);


void
ngx_http_webhook_record_result(ngx_http_webhook_dispatch_t *dispatch,
    ngx_http_webhook_lane_t *lane, ngx_http_webhook_delivery_t *d)
{
    ngx_uint_t                  gone;
    ngx_http_webhook_record_t  *record;

    ngx_http_webhook_metrics_attempt(dispatch->wmcf, d->attempt.status_code,
                                     &d->attempt.error, d->attempt.duration);

    record = ngx_pcalloc(d->pool, sizeof(ngx_http_webhook_record_t));

    if (record == NULL) {
        ngx_log_error(NGX_LOG_CRIT, dispatch->log, 0,
                      "no memory for the result of webhook event %V: it will "
                      "be sent again", &d->id);

        ngx_http_webhook_record_release(dispatch, d->held, NULL);
        ngx_http_webhook_deliver_free(d);
        return;
    }

    record->dispatch = dispatch;
    record->held = d->held;
    record->delivery = d;

    record->u.op.type = NGX_HTTP_WEBHOOK_OP_RESULT;
    record->u.op.pool = d->pool;
    record->u.op.handler = ngx_http_webhook_record_done;
    record->u.op.data = record;
    record->u.op.patient = !lane->target->rules.ordered;

    record->u.result.event_id = d->held->id;
    record->u.result.webhook_id = d->held->webhook_id;
    record->u.result.attempt = d->attempt;
    record->u.result.test =
                       ngx_http_webhook_event_test(&d->held->message->event);
    record->u.result.reserved =
                   ngx_http_webhook_event_reserved(&d->held->message->event);

    gone = ngx_http_webhook_outcome(dispatch->wmcf, lane->target, d->held,
                                    &record->u.result);

    if (d->attempt.error.data) {
        ngx_log_error(NGX_LOG_INFO, dispatch->log, 0,
                      "webhook event %V: attempt %ui failed: %V, status %ui",
                      &d->id, d->attempt.number, &d->attempt.error,
                      d->attempt.status_code);
    }

    ngx_http_webhook_store_post(dispatch->store, &record->u.op);

    if (gone) {
        ngx_http_webhook_record_disable(dispatch, &record->u.result,
                                        "endpoint_gone");
    }
}


/* The endpoint is gone: its webhook is disabled, whatever comes of that. */

static void
ngx_http_webhook_record_disable(ngx_http_webhook_dispatch_t *dispatch,
    ngx_http_webhook_result_op_t *result, const char *reason)
{
    ngx_pool_t                     *pool;
    ngx_http_webhook_webhook_op_t  *wop;

    pool = ngx_create_pool(512, dispatch->log);
    if (pool == NULL) {
        return;
    }

    wop = ngx_pcalloc(pool, sizeof(ngx_http_webhook_webhook_op_t));
    if (wop == NULL) {
        ngx_destroy_pool(pool);
        return;
    }

    wop->op.type = NGX_HTTP_WEBHOOK_OP_WEBHOOK_DISABLE;
    wop->op.pool = pool;
    wop->op.handler = ngx_http_webhook_record_disabled;

    wop->webhook.id = result->webhook_id;

    /* one that has another URL by now has done nothing wrong */

    wop->webhook.url.len = result->attempt.url.len;
    wop->webhook.url.data = ngx_pstrdup(pool, &result->attempt.url);
    if (wop->webhook.url.data == NULL) {
        ngx_destroy_pool(pool);
        return;
    }

    wop->webhook.disabled_reason.data = (u_char *) reason;
    wop->webhook.disabled_reason.len = ngx_strlen(reason);

    ngx_http_webhook_store_post(dispatch->store, &wop->op);
}


/* The next attempt tries again, where it could not be. */

static void
ngx_http_webhook_record_disabled(ngx_http_webhook_op_t *op)
{
    ngx_destroy_pool(op->pool);
}


void
ngx_http_webhook_record_release(ngx_http_webhook_dispatch_t *dispatch,
    ngx_http_webhook_held_t *held, const char *reason)
{
    ngx_http_webhook_record_t   *record;
    ngx_http_webhook_id_text_t   id;

    record = ngx_pcalloc(held->message->pool,
                         sizeof(ngx_http_webhook_record_t));
    if (record == NULL) {

        ngx_log_error(NGX_LOG_CRIT, dispatch->log, 0,
                      "no memory to give back webhook event %V: it waits for "
                      "the end of this worker",
                      ngx_http_webhook_id_text(&id, "evt_", held->id));

        ngx_http_webhook_record_drop(dispatch, held);
        return;
    }

    record->dispatch = dispatch;
    record->held = held;

    record->u.op.type = NGX_HTTP_WEBHOOK_OP_RELEASE;
    record->u.op.pool = held->message->pool;
    record->u.op.handler = ngx_http_webhook_record_done;
    record->u.op.data = record;

    record->u.release.event_id = held->id;
    record->u.release.webhook_id = held->webhook_id;

    if (reason) {
        record->u.release.reason.data = (u_char *) reason;
        record->u.release.reason.len = ngx_strlen(reason);
    }

    ngx_http_webhook_store_post(dispatch->store, &record->u.op);
}


/* A result or a release is committed, or could not be. */

static void
ngx_http_webhook_record_done(ngx_http_webhook_op_t *op)
{
    ngx_http_webhook_held_t      *held;
    ngx_http_webhook_record_t    *record;
    ngx_http_webhook_delivery_t  *d;
    ngx_http_webhook_dispatch_t  *dispatch;
    ngx_http_webhook_id_text_t    id;

    record = op->data;
    dispatch = record->dispatch;

    if (op->status != NGX_HTTP_WEBHOOK_STORE_OK) {

        if (!ngx_exiting
            || ++record->tries < NGX_HTTP_WEBHOOK_RECORD_TRIES)
        {
            record->again.handler = ngx_http_webhook_record_again;
            record->again.data = &dispatch->dummy;
            record->again.log = dispatch->log;

            ngx_add_timer(&record->again, NGX_HTTP_WEBHOOK_RECORD_AGAIN);
            return;
        }

        ngx_log_error(NGX_LOG_CRIT, dispatch->log, 0,
                      "the state of webhook event %V could not be stored "
                      "before this worker ended: it will be sent again",
                      ngx_http_webhook_id_text(&id, "evt_", record->held->id));

    } else if (op->type == NGX_HTTP_WEBHOOK_OP_RESULT
               && record->u.result.event_status == NGX_HTTP_WEBHOOK_PENDING
               && (dispatch->next == 0
                   || record->u.result.due_at < dispatch->next))
    {
        dispatch->next = record->u.result.due_at;
    }

    held = record->held;
    d = record->delivery;

    if (op->type == NGX_HTTP_WEBHOOK_OP_RESULT
        && op->status == NGX_HTTP_WEBHOOK_STORE_OK)
    {
        ngx_http_webhook_record_health(dispatch, &record->u.result);
    }

    ngx_http_webhook_record_drop(dispatch, held);

    if (d) {
        ngx_http_webhook_deliver_free(d);
    }

    ngx_post_event(&dispatch->kick, &ngx_posted_events);
}


/*
 * A webhook that is paused gets back what waits for it here, but tests; one
 * that has failed for too long is disabled.
 */

static void
ngx_http_webhook_record_health(ngx_http_webhook_dispatch_t *dispatch,
    ngx_http_webhook_result_op_t *result)
{
    ngx_http_webhook_lane_t  *lane;

    if (result->hopeless) {
        ngx_http_webhook_record_disable(dispatch, result, "failing");
    }

    lane = ngx_http_webhook_lane_find(dispatch, result->webhook_id);

    if (!result->paused || lane == NULL || lane->target->deleted) {
        return;
    }

    ngx_http_webhook_record_shed(dispatch, lane, 0);
}


void
ngx_http_webhook_record_shed(ngx_http_webhook_dispatch_t *dispatch,
    ngx_http_webhook_lane_t *lane, ngx_uint_t keep)
{
    ngx_uint_t                n;
    ngx_queue_t              *q, *next;
    ngx_http_webhook_held_t  *held;

    n = keep ? lane->in_flight : 0;

    for (q = ngx_queue_head(&lane->held);
         q != ngx_queue_sentinel(&lane->held);
         q = next)
    {
        next = ngx_queue_next(q);

        held = ngx_queue_data(q, ngx_http_webhook_held_t, queue);

        if (ngx_http_webhook_event_test(&held->message->event) || n++ < keep) {
            continue;
        }

        lane->full = 1;

        ngx_queue_remove(q);
        ngx_http_webhook_record_release(dispatch, held, NULL);
    }

    if (!lane->ready || !ngx_queue_empty(&lane->held)) {
        return;
    }

    /* its turn is another's */

    ngx_queue_remove(&lane->queue);

    if (!lane->parked) {
        ngx_http_webhook_lane_unpark(dispatch, lane);
    }

    lane->ready = 0;
    lane->parked = 0;
}


static void
ngx_http_webhook_record_again(ngx_event_t *ev)
{
    ngx_http_webhook_record_t  *record;

    record = (ngx_http_webhook_record_t *)
                 ((u_char *) ev - offsetof(ngx_http_webhook_record_t, again));

    ngx_http_webhook_store_post(record->dispatch->store, &record->u.op);
}


void
ngx_http_webhook_record_drop(ngx_http_webhook_dispatch_t *dispatch,
    ngx_http_webhook_held_t *held)
{
    ngx_http_webhook_lane_t     *lane;
    ngx_http_webhook_message_t  *message;

    lane = ngx_http_webhook_lane_find(dispatch, held->webhook_id);

    ngx_http_webhook_held_give(dispatch->conf, held);

    if (lane) {
        lane->nheld--;

        if (lane->target->rules.ordered) {
            ngx_http_webhook_record_hint(dispatch, held->webhook_id);
        }

        if (lane->full
            && lane->nheld
               <= ngx_http_webhook_held_most(dispatch->conf,
                                              lane->target->load) / 2
            && ngx_http_webhook_held_room_for(dispatch->conf,
                                               lane->target->load))
        {
            lane->full = 0;
            ngx_http_webhook_record_hint(dispatch, held->webhook_id);
        }

        if (lane->target->deleted && lane->nheld == 0) {
            ngx_http_webhook_lane_free(dispatch, lane);
        }
    }

    if (held->dropped) {
        held->dropped(held);
    }

    message = held->message;

    if (--message->refs == 0) {
        ngx_destroy_pool(message->pool);
    }

    ngx_http_webhook_store_unhold(dispatch->store);
}


/*
 * A lane has room again, or its next event may be sent: what waits for it in
 * the store is claimed at once.
 */

static void
ngx_http_webhook_record_hint(ngx_http_webhook_dispatch_t *dispatch,
    ngx_http_webhook_id_t id)
{
    if (dispatch->nhints < NGX_HTTP_WEBHOOK_HINTS) {
        dispatch->hints[dispatch->nhints++] = id;

    } else {
        dispatch->next = 1;                      /* too many: what is due */
    }

    ngx_post_event(&dispatch->kick, &ngx_posted_events);
}
