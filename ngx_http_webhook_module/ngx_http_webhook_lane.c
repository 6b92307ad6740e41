
/*
 * Copyright (C) the ngx_http_webhook_module authors
 */


/*
 * Lanes: the events of one webhook each, that wait in this worker's memory or
 * are in flight.  Lanes take turns.  One that is at a limit of its webhook's
 * own pauses until it may go on, or is told that others have ended.
 *
 * How many of a lane are in flight grows with its successes: one, until its
 * endpoint has answered, then one more for each, up to a quarter of all.  An
 * endpoint that has not answered for a second is slow, until it answers soon:
 * together such have at most half of all in flight, with those that
 * have not answered yet three quarters, and each company has half.  So an
 * endpoint that hangs, or a hundred of them, leave room for the others.  On
 * the event loop.
 */


#include "ngx_http_webhook_lane.h"
#include "ngx_http_webhook_metrics.h"
#include "ngx_http_webhook_name.h"
#include "ngx_http_webhook_zone.h"


#define NGX_HTTP_WEBHOOK_LANE_SLOW  1000         /* ms, to an answer */
#define NGX_HTTP_WEBHOOK_LANE_AGE   200          /* ms, between two looks */


static void ngx_http_webhook_lane_turn(ngx_http_webhook_dispatch_t *dispatch,
    ngx_queue_t *parked);
static void ngx_http_webhook_lane_learn(ngx_http_webhook_dispatch_t *dispatch,
    ngx_http_webhook_lane_t *lane, ngx_http_webhook_attempt_t *attempt);
static void ngx_http_webhook_lane_slow(ngx_http_webhook_dispatch_t *dispatch,
    ngx_http_webhook_lane_t *lane, ngx_http_webhook_delivery_t *d);
static void ngx_http_webhook_lane_good(ngx_http_webhook_lane_t *lane);
static void ngx_http_webhook_lane_resume(ngx_event_t *ev);


void
ngx_http_webhook_lane_targets(void *data, ngx_queue_t *targets,
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

        lane = ngx_http_webhook_lane_find(dispatch, target->id);

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

            lane->pause.handler = ngx_http_webhook_lane_resume;
            lane->pause.data = &dispatch->dummy;
            lane->pause.log = dispatch->log;
            lane->pause.cancelable = 1;

            lane->window = 1;
            lane->node.key = (ngx_rbtree_key_t) target->id;
            ngx_queue_init(&lane->held);
            ngx_rbtree_insert(&dispatch->lanes, &lane->node);

        } else {

            /* what it paused or was parked for may be no more */

            if (lane->pause.timer_set) {
                ngx_del_timer(&lane->pause);
            }

            if (lane->parked) {
                ngx_queue_remove(&lane->queue);
                lane->parked = 0;
                lane->ready = 0;
            }

            ngx_http_webhook_target_unref(lane->target);
        }

        lane->target = target;

        if (target->deleted && lane->nheld == 0) {
            ngx_http_webhook_lane_free(dispatch, lane);
            continue;
        }

        ngx_http_webhook_lane_ready(dispatch, lane);
    }

    if (!ngx_queue_empty(&dispatch->ready)) {
        ngx_post_event(&dispatch->kick, &ngx_posted_events);
    }
}


ngx_http_webhook_lane_t *
ngx_http_webhook_lane_find(ngx_http_webhook_dispatch_t *dispatch,
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


void
ngx_http_webhook_lane_free(ngx_http_webhook_dispatch_t *dispatch,
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


/* A test event, which knows no limits, is always the first. */

static ngx_uint_t
ngx_http_webhook_lane_test(ngx_http_webhook_lane_t *lane)
{
    ngx_http_webhook_held_t  *held;

    held = ngx_queue_data(ngx_queue_head(&lane->held),
                          ngx_http_webhook_held_t, queue);

    return ngx_http_webhook_event_test(&held->message->event);
}


void
ngx_http_webhook_lane_ready(ngx_http_webhook_dispatch_t *dispatch,
    ngx_http_webhook_lane_t *lane)
{
    if (ngx_queue_empty(&lane->held) || (lane->ready && !lane->parked)) {
        return;
    }

    /* what is not to be sent is given back at once */

    if ((lane->parked
         || lane->pause.timer_set
         || lane->in_flight >= lane->window)
        && lane->target->enabled
        && !ngx_http_webhook_lane_test(lane))
    {
        return;
    }

    if (lane->parked) {
        ngx_queue_remove(&lane->queue);
    }

    lane->ready = 1;
    lane->parked = 0;
    ngx_queue_insert_tail(&dispatch->ready, &lane->queue);
}


ngx_uint_t
ngx_http_webhook_lane_park(ngx_http_webhook_dispatch_t *dispatch,
    ngx_http_webhook_lane_t *lane)
{
    ngx_queue_t              *row;
    ngx_http_webhook_load_t  *load;

    load = lane->target->load;

    if (load->share->in_flight >= dispatch->max_share) {
        row = &load->share->waiting;

    } else if (load->pace == NGX_HTTP_WEBHOOK_SLOW
               && (dispatch->slow_in_flight >= dispatch->max_share
                   || dispatch->weak_in_flight >= dispatch->max_weak))
    {
        row = &dispatch->slow;

    } else if (load->pace == NGX_HTTP_WEBHOOK_NEW
               && dispatch->weak_in_flight >= dispatch->max_weak)
    {
        row = &dispatch->fresh;

    } else {
        return 0;
    }

    /* another one may take what this one was called for */

    ngx_http_webhook_lane_unpark(dispatch, lane);

    lane->ready = 1;
    lane->parked = 1;
    ngx_queue_insert_tail(row, &lane->queue);

    return 1;
}


void
ngx_http_webhook_lane_unpark(ngx_http_webhook_dispatch_t *dispatch,
    ngx_http_webhook_lane_t *lane)
{
    ngx_http_webhook_share_t  *share;

    share = lane->target->load->share;

    if (share->in_flight < dispatch->max_share) {
        ngx_http_webhook_lane_turn(dispatch, &share->waiting);
    }

    if (dispatch->weak_in_flight >= dispatch->max_weak) {
        return;
    }

    ngx_http_webhook_lane_turn(dispatch, &dispatch->fresh);

    if (dispatch->slow_in_flight < dispatch->max_share) {
        ngx_http_webhook_lane_turn(dispatch, &dispatch->slow);
    }
}


/* The first of the parked ones goes on. */

static void
ngx_http_webhook_lane_turn(ngx_http_webhook_dispatch_t *dispatch,
    ngx_queue_t *parked)
{
    ngx_queue_t              *q;
    ngx_http_webhook_lane_t  *lane;

    if (ngx_queue_empty(parked)) {
        return;
    }

    q = ngx_queue_head(parked);
    ngx_queue_remove(q);

    lane = ngx_queue_data(q, ngx_http_webhook_lane_t, queue);
    lane->parked = 0;

    ngx_queue_insert_tail(&dispatch->ready, &lane->queue);
}


void
ngx_http_webhook_lane_started(ngx_http_webhook_dispatch_t *dispatch,
    ngx_http_webhook_lane_t *lane, ngx_http_webhook_delivery_t *d)
{
    ngx_http_webhook_pace_e  pace;

    ngx_queue_insert_tail(&dispatch->running, &d->queue);

    dispatch->in_flight++;
    dispatch->wmcf->process->in_flight = dispatch->in_flight;
    lane->in_flight++;
    d->target->load->share->in_flight++;

    pace = lane->target->load->pace;

    d->slow = (pace == NGX_HTTP_WEBHOOK_SLOW);
    d->weak = (pace != NGX_HTTP_WEBHOOK_GOOD);

    dispatch->slow_in_flight += d->slow;
    dispatch->weak_in_flight += d->weak;
}


void
ngx_http_webhook_lane_finished(ngx_http_webhook_dispatch_t *dispatch,
    ngx_http_webhook_lane_t *lane, ngx_http_webhook_delivery_t *d)
{
    ngx_queue_remove(&d->queue);

    dispatch->in_flight--;
    dispatch->wmcf->process->in_flight = dispatch->in_flight;
    lane->in_flight--;
    d->target->load->share->in_flight--;

    dispatch->slow_in_flight -= d->slow;
    dispatch->weak_in_flight -= d->weak;

    if (!d->aborted && !d->attempt.internal) {
        ngx_http_webhook_lane_learn(dispatch, lane, &d->attempt);
    }

    ngx_http_webhook_lane_unpark(dispatch, lane);
    ngx_http_webhook_lane_ready(dispatch, lane);
}


/* What an attempt tells of the endpoint. */

static void
ngx_http_webhook_lane_learn(ngx_http_webhook_dispatch_t *dispatch,
    ngx_http_webhook_lane_t *lane, ngx_http_webhook_attempt_t *attempt)
{
    if (attempt->error.data == NULL) {
        lane->window = ngx_min(lane->window + 1, dispatch->max_lane);

    } else if (lane->window > dispatch->min_lane) {
        lane->window = ngx_max(lane->window / 2, dispatch->min_lane);
    }

    if (attempt->duration >= NGX_HTTP_WEBHOOK_LANE_SLOW * 1000) {
        ngx_http_webhook_lane_slow(dispatch, lane, NULL);

    } else if (attempt->status_code) {
        ngx_http_webhook_lane_good(lane);
    }
}


void
ngx_http_webhook_lane_age(ngx_http_webhook_dispatch_t *dispatch)
{
    ngx_queue_t                  *q;
    ngx_http_webhook_lane_t      *lane;
    ngx_http_webhook_delivery_t  *d;

    if (ngx_current_msec - dispatch->aged < NGX_HTTP_WEBHOOK_LANE_AGE) {
        return;
    }

    dispatch->aged = ngx_current_msec;

    for (q = ngx_queue_head(&dispatch->running);
         q != ngx_queue_sentinel(&dispatch->running);
         q = ngx_queue_next(q))
    {
        d = ngx_queue_data(q, ngx_http_webhook_delivery_t, queue);

        if (ngx_current_msec - d->start_msec < NGX_HTTP_WEBHOOK_LANE_SLOW) {
            return;
        }

        if (d->slow) {
            continue;
        }

        lane = ngx_http_webhook_lane_find(dispatch, d->held->webhook_id);

        ngx_http_webhook_lane_slow(dispatch, lane, d);
    }
}


/* By a delivery that runs for long, or one that took long. */

static void
ngx_http_webhook_lane_slow(ngx_http_webhook_dispatch_t *dispatch,
    ngx_http_webhook_lane_t *lane, ngx_http_webhook_delivery_t *d)
{
    ngx_queue_t              *q;
    ngx_http_webhook_load_t  *load;

    load = lane->target->load;

    if (d) {
        dispatch->slow_in_flight += !d->slow;
        dispatch->weak_in_flight += !d->weak;

        d->slow = 1;
        d->weak = 1;

        ngx_http_webhook_held_slow(dispatch->conf, d->held);
    }

    if (load->pace == NGX_HTTP_WEBHOOK_SLOW) {
        return;
    }

    load->pace = NGX_HTTP_WEBHOOK_SLOW;

    if (lane->target->deleted) {
        return;
    }

    ngx_http_webhook_record_shed(dispatch, lane,
                                 ngx_http_webhook_held_most(dispatch->conf,
                                                             load));

    for (q = ngx_queue_head(&lane->held);
         q != ngx_queue_sentinel(&lane->held);
         q = ngx_queue_next(q))
    {
        ngx_http_webhook_held_slow(dispatch->conf,
                                    ngx_queue_data(q, ngx_http_webhook_held_t,
                                                   queue));
    }
}


/* It need not wait any more for slow ones to end. */

static void
ngx_http_webhook_lane_good(ngx_http_webhook_lane_t *lane)
{
    ngx_http_webhook_load_t  *load;

    load = lane->target->load;

    if (load->pace == NGX_HTTP_WEBHOOK_GOOD) {
        return;
    }

    load->pace = NGX_HTTP_WEBHOOK_GOOD;

    if (lane->parked) {
        ngx_queue_remove(&lane->queue);
        lane->parked = 0;
        lane->ready = 0;
    }
}


ngx_int_t
ngx_http_webhook_lane_enter(ngx_http_webhook_dispatch_t *dispatch,
    ngx_http_webhook_lane_t *lane, ngx_http_webhook_held_t *held,
    ngx_uint_t *limited)
{
    ngx_msec_t                 wait;
    ngx_http_webhook_rules_t  *rules;

    rules = &lane->target->rules;

    *limited = (rules->concurrency || rules->rate)
               && !ngx_http_webhook_event_test(&held->message->event);

    if (!*limited) {
        return NGX_OK;
    }

    wait = ngx_http_webhook_zone_enter(dispatch->wmcf, lane->target->id,
                                       held->id, rules);
    if (wait == 0) {
        return NGX_OK;
    }

    *limited = 0;

    if (wait > NGX_HTTP_WEBHOOK_PAUSE) {
        return NGX_DECLINED;
    }

    ngx_add_timer(&lane->pause, wait);

    return NGX_AGAIN;
}


void
ngx_http_webhook_lane_leave(ngx_http_webhook_dispatch_t *dispatch,
    ngx_http_webhook_lane_t *lane, ngx_http_webhook_held_t *held)
{
    ngx_http_webhook_zone_leave(dispatch->wmcf, lane->target->id, held->id);

    if (lane->pause.timer_set && lane->target->rules.rate == 0) {
        ngx_del_timer(&lane->pause);             /* it waited for this */
    }
}


static void
ngx_http_webhook_lane_resume(ngx_event_t *ev)
{
    ngx_connection_t             *c;
    ngx_http_webhook_lane_t      *lane;
    ngx_http_webhook_dispatch_t  *dispatch;

    c = ev->data;
    dispatch = c->data;

    lane = (ngx_http_webhook_lane_t *)
               ((u_char *) ev - offsetof(ngx_http_webhook_lane_t, pause));

    ngx_http_webhook_lane_ready(dispatch, lane);
    ngx_post_event(&dispatch->kick, &ngx_posted_events);
}


void
ngx_http_webhook_lane_cancels(ngx_http_webhook_dispatch_t *dispatch)
{
    ngx_queue_t                     *q;
    ngx_http_webhook_held_t         *held;
    ngx_http_webhook_lane_t         *lane;
    ngx_http_webhook_zone_cancel_t   cancel;

    while (ngx_http_webhook_zone_cancelled(dispatch->wmcf,
                                           &dispatch->cancelled, &cancel))
    {
        lane = ngx_http_webhook_lane_find(dispatch, cancel.webhook_id);

        if (lane == NULL) {
            continue;
        }

        for (q = ngx_queue_head(&lane->held);
             q != ngx_queue_sentinel(&lane->held);
             q = ngx_queue_next(q))
        {
            held = ngx_queue_data(q, ngx_http_webhook_held_t, queue);

            if (held->id == cancel.event_id) {
                ngx_queue_remove(q);
                ngx_http_webhook_record_release(dispatch, held, NULL);
                break;
            }
        }

        if (lane->ready && ngx_queue_empty(&lane->held)) {
            ngx_queue_remove(&lane->queue);
            lane->ready = 0;
            lane->parked = 0;
        }
    }
}


void
ngx_http_webhook_lane_resume_all(ngx_http_webhook_dispatch_t *dispatch)
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
        }

        if (lane->parked) {
            ngx_queue_remove(&lane->queue);
            lane->parked = 0;
            lane->ready = 0;
        }

        lane->window = NGX_MAX_INT_T_VALUE;      /* nothing starts any more */

        ngx_http_webhook_lane_ready(dispatch, lane);
    }
}
