
/*
 * Copyright (C) the ngx_http_webhook_module authors
 */


/*
 * The dispatcher, on the event loop of each worker.
 *
 * Webhook events come in two ways, both owned by this worker and in its
 * memory: from an ingest that was just committed (the fast path), and from a
 * claim of what is due in the store.  They wait in the lane of their webhook
 * (lane.c), so that an endpoint that hangs delays its own events alone; what
 * comes of them is recorded (record.c).
 *
 *     held -> lane -> delivery -> result -> committed -> freed
 *
 * A claim is posted when the next event falls due, when another worker calls
 * because it has its hands full, and twice a second in any case, for what
 * others left behind.  Nothing starts while another
 * worker's change of the configuration is not known here: a refresh is posted
 * first, so that no attempt is signed with a secret that was replaced.
 */


#include "ngx_http_webhook_dispatch.h"
#include "ngx_http_webhook_deliver.h"
#include "ngx_http_webhook_lane.h"
#include "ngx_http_webhook_metrics.h"
#include "ngx_http_webhook_name.h"
#include "ngx_http_webhook_transport.h"
#include "ngx_http_webhook_wake.h"


#define NGX_HTTP_WEBHOOK_DISPATCH_POLL   500     /* ms */
#define NGX_HTTP_WEBHOOK_DISPATCH_AGAIN  1       /* ms between two claims */
#define NGX_HTTP_WEBHOOK_DISPATCH_CALL   20      /* ms between two calls */


static void ngx_http_webhook_dispatch_called(void *data);
static void ngx_http_webhook_dispatch_call(
    ngx_http_webhook_dispatch_t *dispatch);
static void ngx_http_webhook_dispatch_run(
    ngx_http_webhook_dispatch_t *dispatch);
static void ngx_http_webhook_dispatch_start(
    ngx_http_webhook_dispatch_t *dispatch, ngx_http_webhook_lane_t *lane);
static void ngx_http_webhook_dispatch_refuse(
    ngx_http_webhook_dispatch_t *dispatch, ngx_http_webhook_lane_t *lane,
    ngx_http_webhook_held_t *held, const char *reason);
static void ngx_http_webhook_dispatch_finished(ngx_http_webhook_delivery_t *d);
static void ngx_http_webhook_dispatch_refresh(
    ngx_http_webhook_dispatch_t *dispatch);
static void ngx_http_webhook_dispatch_claim(
    ngx_http_webhook_dispatch_t *dispatch);
static void ngx_http_webhook_dispatch_claimed(ngx_http_webhook_op_t *op);
static void ngx_http_webhook_dispatch_wait(
    ngx_http_webhook_dispatch_t *dispatch);
static void ngx_http_webhook_dispatch_timer_handler(ngx_event_t *ev);
static void ngx_http_webhook_dispatch_kick_handler(ngx_event_t *ev);


ngx_http_webhook_dispatch_t *
ngx_http_webhook_dispatch_create(ngx_http_webhook_main_conf_t *wmcf,
    ngx_cycle_t *cycle)
{
    ngx_http_webhook_dispatch_t  *dispatch;

    dispatch = ngx_pcalloc(cycle->pool, sizeof(ngx_http_webhook_dispatch_t));
    if (dispatch == NULL) {
        return NULL;
    }

    dispatch->wmcf = wmcf;
    dispatch->store = wmcf->store;
    dispatch->conf = ngx_http_webhook_store_conf(wmcf->store);
    dispatch->log = cycle->log;
    dispatch->max_in_flight = wmcf->concurrency;
    dispatch->max_share = (wmcf->concurrency + 1) / 2;
    dispatch->max_weak = ngx_max(wmcf->concurrency / 4 * 3,
                                 dispatch->max_share);
    dispatch->max_lane = ngx_max(wmcf->concurrency / 4, 1);
    dispatch->min_lane = ngx_min(dispatch->max_lane, 4);

    ngx_rbtree_init(&dispatch->lanes, &dispatch->sentinel,
                    ngx_rbtree_insert_value);
    ngx_queue_init(&dispatch->ready);
    ngx_queue_init(&dispatch->slow);
    ngx_queue_init(&dispatch->fresh);
    ngx_queue_init(&dispatch->running);

    dispatch->dummy.fd = (ngx_socket_t) -1;
    dispatch->dummy.data = dispatch;

    dispatch->timer.handler = ngx_http_webhook_dispatch_timer_handler;
    dispatch->timer.data = &dispatch->dummy;
    dispatch->timer.log = cycle->log;
    dispatch->timer.cancelable = 1;

    dispatch->kick.handler = ngx_http_webhook_dispatch_kick_handler;
    dispatch->kick.data = &dispatch->dummy;
    dispatch->kick.log = cycle->log;

    ngx_http_webhook_replay_init(dispatch);

    ngx_http_webhook_store_listen(wmcf->store,
                                  ngx_http_webhook_lane_targets, dispatch);

    ngx_http_webhook_wake_listen(cycle, wmcf,
                                 ngx_http_webhook_dispatch_called, dispatch);

    /* what was owned and due when the last worker ended is claimed at once */

    ngx_add_timer(&dispatch->timer, 1);

    return dispatch;
}


void
ngx_http_webhook_dispatch_add(ngx_http_webhook_dispatch_t *dispatch,
    ngx_queue_t *held)
{
    ngx_queue_t              *q;
    ngx_http_webhook_lane_t  *lane;
    ngx_http_webhook_held_t  *h;

    for (q = ngx_queue_head(held);
         q != ngx_queue_sentinel(held);
         q = ngx_queue_next(q))
    {
        h = ngx_queue_data(q, ngx_http_webhook_held_t, queue);
        h->message->refs++;
    }

    while (!ngx_queue_empty(held)) {

        q = ngx_queue_head(held);
        ngx_queue_remove(q);

        h = ngx_queue_data(q, ngx_http_webhook_held_t, queue);

        ngx_http_webhook_store_hold(dispatch->store);

        lane = ngx_http_webhook_lane_find(dispatch, h->webhook_id);

        if (lane == NULL) {
            /* its webhook could not be kept for want of memory */
            ngx_http_webhook_record_release(dispatch, h, NULL);
            continue;
        }

        if (ngx_http_webhook_event_test(&h->message->event)) {
            ngx_queue_insert_head(&lane->held, &h->queue);

        } else {
            ngx_queue_insert_tail(&lane->held, &h->queue);
        }

        lane->nheld++;

        if (!ngx_http_webhook_held_room_for(dispatch->conf, h->load)) {
            lane->full = 1;

            if (h->load->pace == NGX_HTTP_WEBHOOK_GOOD) {
                ngx_http_webhook_dispatch_call(dispatch);
            }
        }

        ngx_http_webhook_lane_ready(dispatch, lane);
    }

    /* deliveries start when all that is posted now has run: answers first */

    ngx_post_event(&dispatch->kick, &ngx_posted_events);
}


void
ngx_http_webhook_dispatch_look(ngx_http_webhook_dispatch_t *dispatch)
{
    dispatch->next = 1;
    ngx_post_event(&dispatch->kick, &ngx_posted_events);
}


/* By another worker. */

static void
ngx_http_webhook_dispatch_called(void *data)
{
    ngx_http_webhook_dispatch_t *dispatch = data;

    if (ngx_http_webhook_held_low(dispatch->conf)) {
        ngx_http_webhook_dispatch_look(dispatch);
    }
}


static void
ngx_http_webhook_dispatch_call(ngx_http_webhook_dispatch_t *dispatch)
{
    if (ngx_current_msec - dispatch->call < NGX_HTTP_WEBHOOK_DISPATCH_CALL) {
        return;
    }

    dispatch->call = ngx_current_msec;

    ngx_http_webhook_wake_others(dispatch->wmcf);
}


static void
ngx_http_webhook_dispatch_run(ngx_http_webhook_dispatch_t *dispatch)
{
    ngx_queue_t              *q;
    ngx_http_webhook_lane_t  *lane;

    ngx_http_webhook_lane_age(dispatch);

    if (ngx_exiting) {
        ngx_http_webhook_lane_resume_all(dispatch);
    }

    for ( ;; ) {

        ngx_http_webhook_lane_cancels(dispatch);

        if (ngx_queue_empty(&dispatch->ready)) {
            return;
        }

        if (!ngx_exiting) {

            if (dispatch->in_flight >= dispatch->max_in_flight
                || !ngx_http_webhook_transport_room(dispatch->wmcf->transport,
                                                    dispatch->in_flight))
            {
                return;
            }

            if (ngx_http_webhook_store_stale(dispatch->store)) {
                ngx_http_webhook_dispatch_refresh(dispatch);
                return;
            }
        }

        q = ngx_queue_head(&dispatch->ready);
        ngx_queue_remove(q);

        lane = ngx_queue_data(q, ngx_http_webhook_lane_t, queue);
        lane->ready = 0;

        ngx_http_webhook_dispatch_start(dispatch, lane);
    }
}


/* Starts the first event of a lane, or gives it back. */

static void
ngx_http_webhook_dispatch_start(ngx_http_webhook_dispatch_t *dispatch,
    ngx_http_webhook_lane_t *lane)
{
    ngx_int_t                     rc;
    ngx_uint_t                    test, limited;
    ngx_queue_t                  *q;
    ngx_http_webhook_held_t      *held;
    ngx_http_webhook_delivery_t  *d;

    q = ngx_queue_head(&lane->held);
    ngx_queue_remove(q);

    held = ngx_queue_data(q, ngx_http_webhook_held_t, queue);

    test = ngx_http_webhook_event_test(&held->message->event);

    if (lane->target->deleted) {
        ngx_http_webhook_dispatch_refuse(dispatch, lane, held,
                                         "webhook_deleted");
        return;
    }

    if (held->message->payload.len == 0) {

        /* erased for its age while another worker tried it */

        ngx_http_webhook_dispatch_refuse(dispatch, lane, held,
                                         "payload_expired");
        return;
    }

    if (ngx_exiting || (!lane->target->enabled && !test)) {
        ngx_http_webhook_dispatch_refuse(dispatch, lane, held, NULL);
        return;
    }

    if (!test && ngx_http_webhook_lane_park(dispatch, lane)) {
        ngx_queue_insert_head(&lane->held, &held->queue);
        return;
    }

    rc = ngx_http_webhook_lane_enter(dispatch, lane, held, &limited);

    if (rc == NGX_AGAIN) {
        ngx_queue_insert_head(&lane->held, &held->queue);
        ngx_http_webhook_lane_unpark(dispatch, lane);
        return;
    }

    if (rc == NGX_DECLINED) {
        ngx_http_webhook_dispatch_refuse(dispatch, lane, held, NULL);
        return;
    }

    d = ngx_http_webhook_deliver(dispatch->wmcf, held, lane->target,
                                 ngx_http_webhook_dispatch_finished, dispatch);
    if (d == NULL) {

        if (limited) {
            ngx_http_webhook_lane_leave(dispatch, lane, held);
        }

        ngx_http_webhook_dispatch_refuse(dispatch, lane, held, NULL);
        return;
    }

    d->limited = limited;

    ngx_http_webhook_lane_started(dispatch, lane, d);
    ngx_http_webhook_lane_ready(dispatch, lane);
}


/* An event that is not to be sent now, or ever, makes room for others. */

static void
ngx_http_webhook_dispatch_refuse(ngx_http_webhook_dispatch_t *dispatch,
    ngx_http_webhook_lane_t *lane, ngx_http_webhook_held_t *held,
    const char *reason)
{
    ngx_http_webhook_lane_ready(dispatch, lane);
    ngx_http_webhook_lane_unpark(dispatch, lane);
    ngx_http_webhook_record_release(dispatch, held, reason);
}


static void
ngx_http_webhook_dispatch_finished(ngx_http_webhook_delivery_t *d)
{
    ngx_http_webhook_lane_t      *lane;
    ngx_http_webhook_dispatch_t  *dispatch;

    dispatch = d->data;

    lane = ngx_http_webhook_lane_find(dispatch, d->held->webhook_id);

    if (d->limited) {
        ngx_http_webhook_lane_leave(dispatch, lane, d->held);
    }

    ngx_http_webhook_lane_finished(dispatch, lane, d);

    if (d->aborted) {
        ngx_http_webhook_record_release(dispatch, d->held, NULL);
        ngx_http_webhook_deliver_free(d);
        return;
    }

    ngx_http_webhook_record_result(dispatch, lane, d);

    ngx_post_event(&dispatch->kick, &ngx_posted_events);
}


static void
ngx_http_webhook_dispatch_refreshed(ngx_http_webhook_op_t *op)
{
    ngx_http_webhook_dispatch_t *dispatch = op->data;

    dispatch->refreshing = 0;

    /* without success the timer's claim tries again */

    if (op->status == NGX_HTTP_WEBHOOK_STORE_OK
        && dispatch->generation != dispatch->refreshed)
    {
        ngx_post_event(&dispatch->kick, &ngx_posted_events);
    }

    ngx_destroy_pool(op->pool);
}


static void
ngx_http_webhook_dispatch_refresh(ngx_http_webhook_dispatch_t *dispatch)
{
    ngx_pool_t             *pool;
    ngx_http_webhook_op_t  *op;

    if (dispatch->refreshing) {
        return;
    }

    pool = ngx_create_pool(512, dispatch->log);
    if (pool == NULL) {
        return;
    }

    op = ngx_pcalloc(pool, sizeof(ngx_http_webhook_op_t));
    if (op == NULL) {
        ngx_destroy_pool(pool);
        return;
    }

    op->type = NGX_HTTP_WEBHOOK_OP_REFRESH;
    op->pool = pool;
    op->handler = ngx_http_webhook_dispatch_refreshed;
    op->data = dispatch;

    dispatch->refreshing = 1;
    dispatch->refreshed = dispatch->generation;

    ngx_http_webhook_store_post(dispatch->store, op);
}


static void
ngx_http_webhook_dispatch_claim(ngx_http_webhook_dispatch_t *dispatch)
{
    ngx_pool_t                   *pool;
    ngx_http_webhook_claim_op_t  *claim;

    if (dispatch->claiming) {
        return;
    }

    pool = ngx_create_pool(512, dispatch->log);
    if (pool == NULL) {
        return;
    }

    claim = ngx_pcalloc(pool, sizeof(ngx_http_webhook_claim_op_t));
    if (claim == NULL) {
        ngx_destroy_pool(pool);
        return;
    }

    claim->op.type = NGX_HTTP_WEBHOOK_OP_CLAIM;
    claim->op.pool = pool;
    claim->op.handler = ngx_http_webhook_dispatch_claimed;
    claim->op.data = dispatch;

    ngx_queue_init(&claim->held);

    claim->replays = (dispatch->replay == 0);
    claim->nhints = dispatch->nhints;
    ngx_memcpy(claim->hints, dispatch->hints, sizeof(claim->hints));

    dispatch->nhints = 0;
    dispatch->claiming = 1;
    dispatch->claimed = ngx_current_msec;

    ngx_http_webhook_store_post(dispatch->store, &claim->op);
}


static void
ngx_http_webhook_dispatch_claimed(ngx_http_webhook_op_t *op)
{
    ngx_http_webhook_claim_op_t *claim = (ngx_http_webhook_claim_op_t *) op;

    ngx_http_webhook_dispatch_t  *dispatch;

    dispatch = op->data;
    dispatch->claiming = 0;

    dispatch->failed = (op->status != NGX_HTTP_WEBHOOK_STORE_OK);

    if (dispatch->failed) {

        if (dispatch->nhints == 0) {
            dispatch->nhints = claim->nhints;
            ngx_memcpy(dispatch->hints, claim->hints, sizeof(claim->hints));
        }

    } else {
        ngx_http_webhook_metrics_observe(dispatch->wmcf,
                                         NGX_HTTP_WEBHOOK_CLAIM_TIME,
                                         claim->duration);

        dispatch->next = claim->next;
        ngx_http_webhook_dispatch_add(dispatch, &claim->held);

        if (claim->replay) {
            ngx_http_webhook_replay_run(dispatch, claim->replay);
        }
    }

    ngx_destroy_pool(op->pool);

    ngx_http_webhook_dispatch_wait(dispatch);
}


/*
 * Claims when the next event falls due: where that is now, and there is room
 * for what is claimed, at once, but for a moment after the last claim.
 */

static void
ngx_http_webhook_dispatch_wait(ngx_http_webhook_dispatch_t *dispatch)
{
    int64_t      poll, due;
    ngx_time_t  *tp;

    if (dispatch->claiming || ngx_exiting) {
        return;
    }

    poll = NGX_HTTP_WEBHOOK_DISPATCH_POLL
           - (int64_t) (ngx_current_msec - dispatch->claimed);

    if (dispatch->failed) {
        /* the store does not work: it is not asked more often */

    } else if (dispatch->nhints) {
        poll = 0;

    } else if (dispatch->next
               && ngx_http_webhook_held_low(dispatch->conf))
    {
        tp = ngx_timeofday();
        due = dispatch->next - ((int64_t) tp->sec * 1000 + tp->msec);
        poll = ngx_min(poll, due);
    }

    poll = ngx_max(poll, NGX_HTTP_WEBHOOK_DISPATCH_AGAIN
                         - (int64_t) (ngx_current_msec - dispatch->claimed));

    if (poll <= 0) {
        ngx_http_webhook_dispatch_claim(dispatch);

        if (dispatch->claiming) {
            return;
        }

        poll = NGX_HTTP_WEBHOOK_DISPATCH_POLL;   /* no memory */
    }

    if (dispatch->timer.timer_set) {
        ngx_del_timer(&dispatch->timer);
    }

    ngx_add_timer(&dispatch->timer, (ngx_msec_t) poll);
}


static void
ngx_http_webhook_dispatch_timer_handler(ngx_event_t *ev)
{
    ngx_connection_t             *c;
    ngx_http_webhook_dispatch_t  *dispatch;

    c = ev->data;
    dispatch = c->data;

    if (ngx_exiting) {
        ngx_http_webhook_dispatch_run(dispatch);
        return;
    }

    ngx_http_webhook_dispatch_claim(dispatch);

    if (!dispatch->claiming) {
        ngx_http_webhook_dispatch_wait(dispatch);
    }

    /* connections, or memory, may be there again */

    ngx_http_webhook_dispatch_run(dispatch);
}


static void
ngx_http_webhook_dispatch_kick_handler(ngx_event_t *ev)
{
    ngx_connection_t             *c;
    ngx_http_webhook_dispatch_t  *dispatch;

    c = ev->data;
    dispatch = c->data;

    ngx_http_webhook_dispatch_run(dispatch);

    if (dispatch->nhints
        || (dispatch->next && ngx_http_webhook_held_low(dispatch->conf)))
    {
        ngx_http_webhook_dispatch_wait(dispatch);
    }
}


void
ngx_http_webhook_dispatch_destroy(ngx_http_webhook_dispatch_t *dispatch)
{
    ngx_queue_t                  *q;
    ngx_rbtree_node_t            *node;
    ngx_http_webhook_held_t      *held;
    ngx_http_webhook_lane_t      *lane;
    ngx_http_webhook_delivery_t  *d;

    while (!ngx_queue_empty(&dispatch->running)) {
        q = ngx_queue_head(&dispatch->running);
        ngx_queue_remove(q);

        d = ngx_queue_data(q, ngx_http_webhook_delivery_t, queue);
        held = d->held;

        held->dropped = NULL;

        ngx_http_webhook_deliver_abort(d);
        ngx_http_webhook_record_drop(dispatch, held);
    }

    while (dispatch->lanes.root != &dispatch->sentinel) {
        node = dispatch->lanes.root;
        lane = (ngx_http_webhook_lane_t *) node;

        while (!ngx_queue_empty(&lane->held)) {
            q = ngx_queue_head(&lane->held);
            ngx_queue_remove(q);

            lane->nheld++;                       /* the lane stays */
            held = ngx_queue_data(q, ngx_http_webhook_held_t, queue);
            held->dropped = NULL;

            ngx_http_webhook_record_drop(dispatch, held);
        }

        ngx_http_webhook_lane_free(dispatch, lane);
    }

    if (dispatch->timer.timer_set) {
        ngx_del_timer(&dispatch->timer);
    }

    if (dispatch->replay_timer.timer_set) {
        ngx_del_timer(&dispatch->replay_timer);
    }

    if (dispatch->kick.posted) {
        ngx_delete_posted_event(&dispatch->kick);
    }
}
