
/*
 * Copyright (C) the ngx_http_webhook_module authors
 */


/*
 * The dispatcher, on the event loop of each worker.
 *
 * Webhook events come in two ways, both owned by this worker and in its
 * memory: from an ingest that was just committed (the fast path), and from a
 * claim of what is due in the store.  They wait in the lane of their webhook;
 * lanes take turns, and none has more than its share in flight, so that an
 * endpoint that hangs delays its own events alone.  One that is at a limit of
 * its own webhook, which the workers keep together (zone.c), pauses.
 *
 *     held -> lane -> delivery -> result -> committed -> freed
 *
 * A claim is posted when the next event falls due, and twice a second in any
 * case, for what other workers left behind.  Nothing starts while another
 * worker's change of the configuration is not known here: a refresh is posted
 * first, so that no attempt is signed with a secret that was replaced.
 *
 * A result whose commit fails is posted again until it succeeds; it keeps
 * its place among the held, so that memory is bounded by them.
 */


#include "ngx_http_webhook_dispatch.h"
#include "ngx_http_webhook_deliver.h"
#include "ngx_http_webhook_name.h"
#include "ngx_http_webhook_outcome.h"
#include "ngx_http_webhook_transport.h"
#include "ngx_http_webhook_zone.h"


#define NGX_HTTP_WEBHOOK_DISPATCH_POLL   500     /* ms */
#define NGX_HTTP_WEBHOOK_DISPATCH_AGAIN  1000    /* ms, a failed commit */
#define NGX_HTTP_WEBHOOK_DISPATCH_TRIES  10      /* of it by an exiting one */


/* The events of one webhook.  Freed with the webhook, when it is empty. */

typedef struct {
    ngx_rbtree_node_t                node;       /* by webhook id */
    ngx_queue_t                      queue;      /* of the ready ones */
    ngx_http_webhook_target_t       *target;     /* the current version */
    ngx_queue_t                      held;       /* waiting */
    ngx_uint_t                       nheld;      /* waiting or in flight */
    ngx_uint_t                       in_flight;
    ngx_event_t                      pause;      /* at a limit of its own */
    unsigned                         ready:1;
    unsigned                         full:1;     /* more may be in the store */
} ngx_http_webhook_lane_t;


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


struct ngx_http_webhook_dispatch_s {
    ngx_http_webhook_main_conf_t    *wmcf;
    ngx_http_webhook_store_t        *store;
    ngx_http_webhook_store_conf_t   *conf;
    ngx_log_t                       *log;

    ngx_rbtree_t                     lanes;
    ngx_rbtree_node_t                sentinel;
    ngx_queue_t                      ready;      /* lanes that may start one */
    ngx_queue_t                      running;    /* deliveries */
    ngx_uint_t                       in_flight;
    ngx_uint_t                       max_in_flight;
    ngx_uint_t                       max_lane;

    ngx_event_t                      timer;      /* the next claim */
    ngx_event_t                      kick;       /* posted: run */
    ngx_connection_t                 dummy;
    int64_t                          next;       /* due, ms since the epoch */
    ngx_msec_t                       claimed;    /* when one was posted */
    ngx_uint_t                       nhints;     /* of the next claim */
    ngx_http_webhook_id_t            hints[NGX_HTTP_WEBHOOK_HINTS];
    int64_t                          generation; /* of the targets */
    int64_t                          refreshed;  /* when one was posted */
    unsigned                         claiming:1;
    unsigned                         refreshing:1;
};


static void ngx_http_webhook_dispatch_targets(void *data, ngx_queue_t *targets,
    int64_t generation);
static ngx_http_webhook_lane_t *ngx_http_webhook_dispatch_lane(
    ngx_http_webhook_dispatch_t *dispatch, ngx_http_webhook_id_t id);
static void ngx_http_webhook_dispatch_lane_free(
    ngx_http_webhook_dispatch_t *dispatch, ngx_http_webhook_lane_t *lane);
static void ngx_http_webhook_dispatch_ready(
    ngx_http_webhook_dispatch_t *dispatch, ngx_http_webhook_lane_t *lane);
static ngx_uint_t ngx_http_webhook_dispatch_enter(
    ngx_http_webhook_dispatch_t *dispatch, ngx_http_webhook_lane_t *lane,
    ngx_uint_t test, ngx_uint_t *limited);
static void ngx_http_webhook_dispatch_resume(ngx_event_t *ev);
static void ngx_http_webhook_dispatch_resume_all(
    ngx_http_webhook_dispatch_t *dispatch);
static void ngx_http_webhook_dispatch_run(
    ngx_http_webhook_dispatch_t *dispatch);
static ngx_uint_t ngx_http_webhook_dispatch_low(
    ngx_http_webhook_dispatch_t *dispatch);
static void ngx_http_webhook_dispatch_start(
    ngx_http_webhook_dispatch_t *dispatch, ngx_http_webhook_lane_t *lane);
static void ngx_http_webhook_dispatch_finished(ngx_http_webhook_delivery_t *d);
static void ngx_http_webhook_dispatch_disable(
    ngx_http_webhook_dispatch_t *dispatch, ngx_http_webhook_id_t id,
    const char *reason);
static void ngx_http_webhook_dispatch_disabled(ngx_http_webhook_op_t *op);
static void ngx_http_webhook_dispatch_release(
    ngx_http_webhook_dispatch_t *dispatch, ngx_http_webhook_held_t *held,
    const char *reason);
static void ngx_http_webhook_dispatch_recorded(ngx_http_webhook_op_t *op);
static void ngx_http_webhook_dispatch_again(ngx_event_t *ev);
static void ngx_http_webhook_dispatch_done(
    ngx_http_webhook_dispatch_t *dispatch, ngx_http_webhook_held_t *held);
static void ngx_http_webhook_dispatch_hint(
    ngx_http_webhook_dispatch_t *dispatch, ngx_http_webhook_id_t id);
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
    dispatch->max_lane = ngx_max(wmcf->concurrency / 4, 1);

    ngx_rbtree_init(&dispatch->lanes, &dispatch->sentinel,
                    ngx_rbtree_insert_value);
    ngx_queue_init(&dispatch->ready);
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

    ngx_http_webhook_store_listen(wmcf->store,
                                  ngx_http_webhook_dispatch_targets, dispatch);

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

        lane = ngx_http_webhook_dispatch_lane(dispatch, h->webhook_id);

        if (lane == NULL) {
            /* its webhook could not be kept for want of memory */
            ngx_http_webhook_dispatch_release(dispatch, h, NULL);
            continue;
        }

        ngx_queue_insert_tail(&lane->held, &h->queue);
        lane->nheld++;

        if (!ngx_http_webhook_store_room_for(dispatch->conf, h->load)) {
            lane->full = 1;
        }

        ngx_http_webhook_dispatch_ready(dispatch, lane);
    }

    /* deliveries start when all that is posted now has run: answers first */

    ngx_post_event(&dispatch->kick, &ngx_posted_events);
}


void
ngx_http_webhook_dispatch_look(ngx_http_webhook_dispatch_t *dispatch)
{
    dispatch->next = 1;
    ngx_http_webhook_dispatch_wait(dispatch);
}


/* New versions of webhooks, before the operations that may use them. */

static void
ngx_http_webhook_dispatch_targets(void *data, ngx_queue_t *targets,
    int64_t generation)
{
    ngx_http_webhook_dispatch_t *dispatch = data;

    ngx_queue_t                *q;
    ngx_http_webhook_lane_t    *lane;
    ngx_http_webhook_target_t  *target;

    dispatch->generation = generation;

    while (!ngx_queue_empty(targets)) {

        q = ngx_queue_head(targets);
        ngx_queue_remove(q);

        target = ngx_queue_data(q, ngx_http_webhook_target_t, link);

        lane = ngx_http_webhook_dispatch_lane(dispatch, target->id);

        if (lane == NULL) {

            if (target->deleted) {
                ngx_http_webhook_target_unref(target);
                continue;
            }

            lane = ngx_calloc(sizeof(ngx_http_webhook_lane_t), dispatch->log);
            if (lane == NULL) {
                ngx_http_webhook_target_unref(target);
                continue;
            }

            lane->pause.handler = ngx_http_webhook_dispatch_resume;
            lane->pause.data = &dispatch->dummy;
            lane->pause.log = dispatch->log;
            lane->pause.cancelable = 1;

            lane->node.key = (ngx_rbtree_key_t) target->id;
            ngx_queue_init(&lane->held);
            ngx_rbtree_insert(&dispatch->lanes, &lane->node);

        } else {
            ngx_http_webhook_target_unref(lane->target);
        }

        lane->target = target;

        if (target->deleted && lane->nheld == 0) {
            ngx_http_webhook_dispatch_lane_free(dispatch, lane);
        }
    }

    if (!ngx_queue_empty(&dispatch->ready)) {
        ngx_post_event(&dispatch->kick, &ngx_posted_events);
    }
}


static ngx_http_webhook_lane_t *
ngx_http_webhook_dispatch_lane(ngx_http_webhook_dispatch_t *dispatch,
    ngx_http_webhook_id_t id)
{
    ngx_rbtree_node_t  *node;

    node = dispatch->lanes.root;

    while (node != &dispatch->sentinel) {

        if (node->key == (ngx_rbtree_key_t) id) {
            return (ngx_http_webhook_lane_t *) node;
        }

        node = ((ngx_rbtree_key_t) id < node->key) ? node->left : node->right;
    }

    return NULL;
}


static void
ngx_http_webhook_dispatch_lane_free(ngx_http_webhook_dispatch_t *dispatch,
    ngx_http_webhook_lane_t *lane)
{
    if (lane->ready) {
        ngx_queue_remove(&lane->queue);
    }

    if (lane->pause.timer_set) {
        ngx_del_timer(&lane->pause);
    }

    ngx_rbtree_delete(&dispatch->lanes, &lane->node);
    ngx_http_webhook_target_unref(lane->target);
    ngx_free(lane);
}


/* Puts a lane in the row of those that may start a delivery, at its end. */

static void
ngx_http_webhook_dispatch_ready(ngx_http_webhook_dispatch_t *dispatch,
    ngx_http_webhook_lane_t *lane)
{
    if (lane->ready
        || lane->pause.timer_set
        || ngx_queue_empty(&lane->held)
        || lane->in_flight >= dispatch->max_lane)
    {
        return;
    }

    lane->ready = 1;
    ngx_queue_insert_tail(&dispatch->ready, &lane->queue);
}


/*
 * Returns 1 where a webhook's own limits let it start a delivery now, which
 * is counted; the lane pauses where they do not.  A test knows no limits.
 */

static ngx_uint_t
ngx_http_webhook_dispatch_enter(ngx_http_webhook_dispatch_t *dispatch,
    ngx_http_webhook_lane_t *lane, ngx_uint_t test, ngx_uint_t *limited)
{
    ngx_msec_t                 wait;
    ngx_http_webhook_rules_t  *rules;

    rules = &lane->target->rules;

    *limited = !test && (rules->concurrency || rules->rate);

    if (!*limited) {
        return 1;
    }

    wait = ngx_http_webhook_zone_enter(dispatch->wmcf, lane->target->id,
                                       rules);
    if (wait == 0) {
        return 1;
    }

    ngx_add_timer(&lane->pause, wait);

    return 0;
}


static void
ngx_http_webhook_dispatch_resume(ngx_event_t *ev)
{
    ngx_connection_t             *c;
    ngx_http_webhook_lane_t      *lane;
    ngx_http_webhook_dispatch_t  *dispatch;

    c = ev->data;
    dispatch = c->data;

    lane = (ngx_http_webhook_lane_t *)
               ((u_char *) ev - offsetof(ngx_http_webhook_lane_t, pause));

    ngx_http_webhook_dispatch_ready(dispatch, lane);
    ngx_http_webhook_dispatch_run(dispatch);
}


/* In a worker that exits, all that waits is to be given back. */

static void
ngx_http_webhook_dispatch_resume_all(ngx_http_webhook_dispatch_t *dispatch)
{
    ngx_rbtree_node_t        *node;
    ngx_http_webhook_lane_t  *lane;

    if (dispatch->lanes.root == &dispatch->sentinel) {
        return;
    }

    for (node = ngx_rbtree_min(dispatch->lanes.root, &dispatch->sentinel);
         node;
         node = ngx_rbtree_next(&dispatch->lanes, node))
    {
        lane = (ngx_http_webhook_lane_t *) node;

        if (lane->pause.timer_set) {
            ngx_del_timer(&lane->pause);
            ngx_http_webhook_dispatch_ready(dispatch, lane);
        }
    }
}


static void
ngx_http_webhook_dispatch_run(ngx_http_webhook_dispatch_t *dispatch)
{
    ngx_queue_t              *q;
    ngx_http_webhook_lane_t  *lane;

    while (!ngx_queue_empty(&dispatch->ready)) {

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

    if (dispatch->next && ngx_http_webhook_dispatch_low(dispatch)) {
        ngx_http_webhook_dispatch_wait(dispatch);
    }
}


/* Half of what this worker may hold is free: time for more. */

static ngx_uint_t
ngx_http_webhook_dispatch_low(ngx_http_webhook_dispatch_t *dispatch)
{
    return dispatch->conf->held < dispatch->conf->max_held / 2
           && dispatch->conf->bytes < dispatch->conf->max_bytes / 2;
}


/* Starts the first event of a lane, or gives it back. */

static void
ngx_http_webhook_dispatch_start(ngx_http_webhook_dispatch_t *dispatch,
    ngx_http_webhook_lane_t *lane)
{
    ngx_uint_t                    test, limited;
    ngx_queue_t                  *q;
    ngx_http_webhook_held_t      *held;
    ngx_http_webhook_delivery_t  *d;

    q = ngx_queue_head(&lane->held);
    ngx_queue_remove(q);

    held = ngx_queue_data(q, ngx_http_webhook_held_t, queue);

    test = ngx_http_webhook_event_reserved(&held->message->event);

    if (lane->target->deleted) {
        ngx_http_webhook_dispatch_ready(dispatch, lane);
        ngx_http_webhook_dispatch_release(dispatch, held, "webhook_deleted");
        return;
    }

    if (held->message->payload.len == 0) {

        /* erased for its age while another worker tried it */

        ngx_http_webhook_dispatch_ready(dispatch, lane);
        ngx_http_webhook_dispatch_release(dispatch, held, "payload_expired");
        return;
    }

    if (ngx_exiting || (!lane->target->enabled && !test)) {
        ngx_http_webhook_dispatch_ready(dispatch, lane);
        ngx_http_webhook_dispatch_release(dispatch, held, NULL);
        return;
    }

    if (!ngx_http_webhook_dispatch_enter(dispatch, lane, test, &limited)) {
        ngx_queue_insert_head(&lane->held, &held->queue);
        return;
    }

    d = ngx_http_webhook_deliver(dispatch->wmcf, held, lane->target,
                                 ngx_http_webhook_dispatch_finished, dispatch);
    if (d == NULL) {

        if (limited) {
            ngx_http_webhook_zone_leave(dispatch->wmcf, lane->target->id);
        }

        ngx_http_webhook_dispatch_ready(dispatch, lane);
        ngx_http_webhook_dispatch_release(dispatch, held, NULL);
        return;
    }

    d->limited = limited;

    ngx_queue_insert_tail(&dispatch->running, &d->queue);

    lane->in_flight++;
    dispatch->in_flight++;

    ngx_http_webhook_dispatch_ready(dispatch, lane);
}


static void
ngx_http_webhook_dispatch_finished(ngx_http_webhook_delivery_t *d)
{
    ngx_uint_t                    gone;
    ngx_http_webhook_lane_t      *lane;
    ngx_http_webhook_record_t    *record;
    ngx_http_webhook_dispatch_t  *dispatch;

    dispatch = d->data;

    ngx_queue_remove(&d->queue);

    lane = ngx_http_webhook_dispatch_lane(dispatch, d->held->webhook_id);

    lane->in_flight--;
    dispatch->in_flight--;

    if (d->limited) {
        ngx_http_webhook_zone_leave(dispatch->wmcf, d->held->webhook_id);

        if (lane->pause.timer_set && !lane->target->rules.rate) {
            ngx_del_timer(&lane->pause);         /* it waited for this */
        }
    }

    ngx_http_webhook_dispatch_ready(dispatch, lane);

    if (d->aborted) {
        ngx_http_webhook_dispatch_release(dispatch, d->held, NULL);
        ngx_http_webhook_deliver_free(d);
        return;
    }

    record = ngx_pcalloc(d->pool, sizeof(ngx_http_webhook_record_t));

    if (record == NULL) {
        ngx_log_error(NGX_LOG_CRIT, dispatch->log, 0,
                      "no memory for the result of webhook event %V: it will "
                      "be sent again", &d->id);

        ngx_http_webhook_dispatch_release(dispatch, d->held, NULL);
        ngx_http_webhook_deliver_free(d);
        return;
    }

    record->dispatch = dispatch;
    record->held = d->held;
    record->delivery = d;

    record->u.op.type = NGX_HTTP_WEBHOOK_OP_RESULT;
    record->u.op.pool = d->pool;
    record->u.op.handler = ngx_http_webhook_dispatch_recorded;
    record->u.op.data = record;

    record->u.result.event_id = d->held->id;
    record->u.result.webhook_id = d->held->webhook_id;
    record->u.result.attempt = d->attempt;

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
        ngx_http_webhook_dispatch_disable(dispatch, d->held->webhook_id,
                                          "endpoint_gone");
    }

    ngx_post_event(&dispatch->kick, &ngx_posted_events);
}


/* The endpoint is gone: its webhook is disabled, whatever comes of that. */

static void
ngx_http_webhook_dispatch_disable(ngx_http_webhook_dispatch_t *dispatch,
    ngx_http_webhook_id_t id, const char *reason)
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
    wop->op.handler = ngx_http_webhook_dispatch_disabled;

    wop->webhook.id = id;
    wop->webhook.disabled_reason.data = (u_char *) reason;
    wop->webhook.disabled_reason.len = ngx_strlen(reason);

    ngx_http_webhook_store_post(dispatch->store, &wop->op);
}


/* The next attempt tries again, where it could not be. */

static void
ngx_http_webhook_dispatch_disabled(ngx_http_webhook_op_t *op)
{
    ngx_destroy_pool(op->pool);
}


/* Gives an event back to the store or, with a reason, cancels it. */

static void
ngx_http_webhook_dispatch_release(ngx_http_webhook_dispatch_t *dispatch,
    ngx_http_webhook_held_t *held, const char *reason)
{
    ngx_http_webhook_record_t  *record;

    record = ngx_pcalloc(held->message->pool,
                         sizeof(ngx_http_webhook_record_t));
    if (record == NULL) {

        ngx_log_error(NGX_LOG_CRIT, dispatch->log, 0,
                      "no memory to give back webhook event %L: it waits for "
                      "the end of this worker", held->id);

        ngx_http_webhook_dispatch_done(dispatch, held);
        return;
    }

    record->dispatch = dispatch;
    record->held = held;

    record->u.op.type = NGX_HTTP_WEBHOOK_OP_RELEASE;
    record->u.op.pool = held->message->pool;
    record->u.op.handler = ngx_http_webhook_dispatch_recorded;
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
ngx_http_webhook_dispatch_recorded(ngx_http_webhook_op_t *op)
{
    ngx_http_webhook_held_t      *held;
    ngx_http_webhook_record_t    *record;
    ngx_http_webhook_delivery_t  *d;
    ngx_http_webhook_dispatch_t  *dispatch;

    record = op->data;
    dispatch = record->dispatch;

    if (op->status != NGX_HTTP_WEBHOOK_STORE_OK) {

        if (!ngx_exiting
            || ++record->tries < NGX_HTTP_WEBHOOK_DISPATCH_TRIES)
        {
            record->again.handler = ngx_http_webhook_dispatch_again;
            record->again.data = &dispatch->dummy;
            record->again.log = dispatch->log;

            ngx_add_timer(&record->again, NGX_HTTP_WEBHOOK_DISPATCH_AGAIN);
            return;
        }

        ngx_log_error(NGX_LOG_CRIT, dispatch->log, 0,
                      "the state of webhook event %L could not be stored "
                      "before this worker ended: it will be sent again",
                      record->held->id);

    } else if (op->type == NGX_HTTP_WEBHOOK_OP_RESULT
               && record->u.result.event_status == NGX_HTTP_WEBHOOK_PENDING
               && (dispatch->next == 0
                   || record->u.result.due_at < dispatch->next))
    {
        dispatch->next = record->u.result.due_at;
        ngx_http_webhook_dispatch_wait(dispatch);
    }

    held = record->held;
    d = record->delivery;

    ngx_http_webhook_dispatch_done(dispatch, held);

    if (d) {
        ngx_http_webhook_deliver_free(d);
    }

    ngx_post_event(&dispatch->kick, &ngx_posted_events);
}


static void
ngx_http_webhook_dispatch_again(ngx_event_t *ev)
{
    ngx_http_webhook_record_t  *record;

    record = (ngx_http_webhook_record_t *)
                 ((u_char *) ev - offsetof(ngx_http_webhook_record_t, again));

    ngx_http_webhook_store_post(record->dispatch->store, &record->u.op);
}


/* This worker has an event no longer. */

static void
ngx_http_webhook_dispatch_done(ngx_http_webhook_dispatch_t *dispatch,
    ngx_http_webhook_held_t *held)
{
    ngx_http_webhook_lane_t     *lane;
    ngx_http_webhook_message_t  *message;

    lane = ngx_http_webhook_dispatch_lane(dispatch, held->webhook_id);

    ngx_http_webhook_store_give(dispatch->conf, held);

    if (lane) {
        lane->nheld--;

        if (lane->target->rules.ordered) {
            ngx_http_webhook_dispatch_hint(dispatch, held->webhook_id);
        }

        if (lane->full
            && lane->nheld <= dispatch->conf->max_lane / 2
            && ngx_http_webhook_store_room_for(dispatch->conf,
                                               lane->target->load))
        {
            lane->full = 0;
            ngx_http_webhook_dispatch_hint(dispatch, held->webhook_id);
        }

        if (lane->target->deleted && lane->nheld == 0) {
            ngx_http_webhook_dispatch_lane_free(dispatch, lane);
        }
    }

    message = held->message;

    if (--message->refs == 0) {
        ngx_destroy_pool(message->pool);
    }

    ngx_http_webhook_store_unhold(dispatch->store);
}


/*
 * A lane that was full has room again: what waits for it in the store is
 * claimed at once.  Where there are too many of them, the others wait for
 * their time.
 */

static void
ngx_http_webhook_dispatch_hint(ngx_http_webhook_dispatch_t *dispatch,
    ngx_http_webhook_id_t id)
{
    if (dispatch->nhints < NGX_HTTP_WEBHOOK_HINTS) {
        dispatch->hints[dispatch->nhints++] = id;
        ngx_http_webhook_dispatch_wait(dispatch);
    }
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

    if (op->status == NGX_HTTP_WEBHOOK_STORE_OK) {
        dispatch->next = claim->next;
        ngx_http_webhook_dispatch_add(dispatch, &claim->held);
    }

    ngx_destroy_pool(op->pool);

    ngx_http_webhook_dispatch_wait(dispatch);
}


/*
 * Sets the timer to the next due time; at once only where there is room for
 * what is claimed.
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

    if (dispatch->nhints) {
        poll = 0;

    } else if (dispatch->next
               && ngx_http_webhook_dispatch_low(dispatch))
    {
        tp = ngx_timeofday();
        due = dispatch->next - ((int64_t) tp->sec * 1000 + tp->msec);
        poll = ngx_min(poll, due);
    }

    poll = ngx_max(poll, 1);

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
        ngx_http_webhook_dispatch_resume_all(dispatch);
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
    ngx_connection_t  *c;

    c = ev->data;

    ngx_http_webhook_dispatch_run(c->data);
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

        ngx_http_webhook_deliver_abort(d);
        ngx_http_webhook_dispatch_done(dispatch, held);
    }

    while (dispatch->lanes.root != &dispatch->sentinel) {
        node = dispatch->lanes.root;
        lane = (ngx_http_webhook_lane_t *) node;

        while (!ngx_queue_empty(&lane->held)) {
            q = ngx_queue_head(&lane->held);
            ngx_queue_remove(q);

            lane->nheld++;                       /* the lane stays */
            held = ngx_queue_data(q, ngx_http_webhook_held_t, queue);
            ngx_http_webhook_dispatch_done(dispatch, held);
        }

        ngx_http_webhook_dispatch_lane_free(dispatch, lane);
    }

    if (dispatch->timer.timer_set) {
        ngx_del_timer(&dispatch->timer);
    }

    if (dispatch->kick.posted) {
        ngx_delete_posted_event(&dispatch->kick);
    }
}
