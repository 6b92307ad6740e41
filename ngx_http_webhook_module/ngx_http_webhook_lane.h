
/*
 * Copyright (C) the ngx_http_webhook_module authors
 */


/*
 * Internals of the dispatcher: its state, the lanes (lane.c), what it records
 * in the store (record.c), and replays (replay.c).  All of it runs on the event
 * loop.
 */


#ifndef _NGX_HTTP_WEBHOOK_LANE_H_INCLUDED_
#define _NGX_HTTP_WEBHOOK_LANE_H_INCLUDED_


#include "ngx_http_webhook.h"
#include "ngx_http_webhook_delivery.h"
#include "ngx_http_webhook_held.h"
#include "ngx_http_webhook_store.h"


/*
 * The events of one webhook.  Freed with the webhook, when it is empty.
 *
 * A lane that may start a delivery is in a row: of the ready ones, or, parked,
 * of those that wait for another slow one, or for another of their company,
 * to end.
 */

typedef struct {
    ngx_rbtree_node_t                node;       /* by webhook id */
    ngx_queue_t                      queue;      /* of its row */
    ngx_http_webhook_target_t       *target;     /* the current version */
    ngx_queue_t                      held;       /* waiting */
    ngx_uint_t                       nheld;      /* waiting or in flight */
    ngx_uint_t                       in_flight;
    ngx_uint_t                       window;     /* so many may be */
    ngx_event_t                      pause;      /* at a limit of its own */
    unsigned                         ready:1;    /* it is in a row */
    unsigned                         parked:1;
    unsigned                         full:1;     /* more may be in the store */
} ngx_http_webhook_lane_t;


/*
 * The dispatcher of a worker.  Whoever changes what may start, or when to
 * claim, posts "kick": then dispatch.c looks at both.
 */

struct ngx_http_webhook_dispatch_s {
    ngx_http_webhook_main_conf_t    *wmcf;
    ngx_http_webhook_store_t        *store;
    ngx_http_webhook_store_conf_t   *conf;
    ngx_log_t                       *log;

    ngx_rbtree_t                     lanes;
    ngx_rbtree_node_t                sentinel;
    ngx_queue_t                      ready;      /* lanes that may start one */
    ngx_queue_t                      slow;       /* parked ones, */
    ngx_queue_t                      fresh;      /* new ones of them */
    ngx_queue_t                      running;    /* deliveries, by start */
    ngx_uint_t                       in_flight;
    ngx_uint_t                       slow_in_flight;
    ngx_uint_t                       weak_in_flight; /* slow ones and new ones */
    ngx_uint_t                       max_in_flight;
    ngx_uint_t                       max_share;  /* of a company, of the slow */
    ngx_uint_t                       max_weak;
    ngx_uint_t                       max_lane;
    ngx_uint_t                       min_lane;   /* after failures */

    ngx_event_t                      timer;      /* the next claim */
    ngx_event_t                      kick;       /* posted: look */
    ngx_connection_t                 dummy;
    int64_t                          next;       /* due, ms since the epoch */
    ngx_msec_t                       claimed;    /* when one was posted */
    ngx_msec_t                       call;       /* of the other workers */
    ngx_msec_t                       aged;       /* when it was looked for */
    ngx_uint_t                       nhints;     /* of the next claim */
    ngx_http_webhook_id_t            hints[NGX_HTTP_WEBHOOK_HINTS];
    int64_t                          generation; /* of the targets */
    int64_t                          refreshed;  /* when one was posted */
    ngx_uint_t                       cancelled;  /* events, seen in the zone */
    ngx_http_webhook_id_t            replay;     /* carried on here, or 0 */
    ngx_msec_t                       replay_end; /* of having it */
    ngx_event_t                      replay_timer;
    unsigned                         claiming:1;
    unsigned                         failed:1;   /* the last claim */
    unsigned                         refreshing:1;
};


/* lane.c */

/* New versions of webhooks, before the operations that may use them. */
void ngx_http_webhook_lane_targets(void *data, ngx_queue_t *targets,
    int64_t generation);

/* The lane of a webhook, or NULL. */
ngx_http_webhook_lane_t *ngx_http_webhook_lane_find(
    ngx_http_webhook_dispatch_t *dispatch, ngx_http_webhook_id_t id);

void ngx_http_webhook_lane_free(ngx_http_webhook_dispatch_t *dispatch,
    ngx_http_webhook_lane_t *lane);

/*
 * Puts a lane in the row of those that may start a delivery, at its end, if it
 * may.
 */
void ngx_http_webhook_lane_ready(ngx_http_webhook_dispatch_t *dispatch,
    ngx_http_webhook_lane_t *lane);

/*
 * Parks a lane, where its company, the slow ones or, with them, the new ones
 * have as much in flight as they may, and returns 1.
 */
ngx_uint_t ngx_http_webhook_lane_park(ngx_http_webhook_dispatch_t *dispatch,
    ngx_http_webhook_lane_t *lane);

/* Lets those go on that were parked for want of what is free by now. */
void ngx_http_webhook_lane_unpark(ngx_http_webhook_dispatch_t *dispatch,
    ngx_http_webhook_lane_t *lane);

/* A delivery starts, or is over, with what came of it. */
void ngx_http_webhook_lane_started(ngx_http_webhook_dispatch_t *dispatch,
    ngx_http_webhook_lane_t *lane, ngx_http_webhook_delivery_t *d);
void ngx_http_webhook_lane_finished(ngx_http_webhook_dispatch_t *dispatch,
    ngx_http_webhook_lane_t *lane, ngx_http_webhook_delivery_t *d);

/*
 * Looks, a few times a second, for deliveries that have been running for long:
 * theirs are slow.
 */
void ngx_http_webhook_lane_age(ngx_http_webhook_dispatch_t *dispatch);

/*
 * Returns NGX_OK where a webhook's own limits let it start a delivery now;
 * where "limited" is set, it is counted (zone.c).  NGX_AGAIN: the lane pauses.
 * NGX_DECLINED: the wait is so long that the event waits in the store.  A test
 * knows no limits.
 */
ngx_int_t ngx_http_webhook_lane_enter(ngx_http_webhook_dispatch_t *dispatch,
    ngx_http_webhook_lane_t *lane, ngx_http_webhook_held_t *held,
    ngx_uint_t *limited);

/* The end of a delivery that was counted. */
void ngx_http_webhook_lane_leave(ngx_http_webhook_dispatch_t *dispatch,
    ngx_http_webhook_lane_t *lane, ngx_http_webhook_held_t *held);

/*
 * Gives back what was cancelled while it waited here, before anything starts;
 * what was made pending again since is claimed again.
 */
void ngx_http_webhook_lane_cancels(ngx_http_webhook_dispatch_t *dispatch);

/* In a worker that exits, all that waits is to be given back. */
void ngx_http_webhook_lane_resume_all(ngx_http_webhook_dispatch_t *dispatch);

/* record.c */

/* Records what came of a delivery, whose owner it is from now on. */
void ngx_http_webhook_record_result(ngx_http_webhook_dispatch_t *dispatch,
    ngx_http_webhook_lane_t *lane, ngx_http_webhook_delivery_t *d);

/* Gives an event back to the store or, with a reason, cancels it. */
void ngx_http_webhook_record_release(ngx_http_webhook_dispatch_t *dispatch,
    ngx_http_webhook_held_t *held, const char *reason);

/*
 * Gives back what waits in a lane, but tests, and "keep" others or what runs
 * in their place.
 */
void ngx_http_webhook_record_shed(ngx_http_webhook_dispatch_t *dispatch,
    ngx_http_webhook_lane_t *lane, ngx_uint_t keep);

/* This worker has an event no longer. */
void ngx_http_webhook_record_drop(ngx_http_webhook_dispatch_t *dispatch,
    ngx_http_webhook_held_t *held);


/* replay.c */

void ngx_http_webhook_replay_init(ngx_http_webhook_dispatch_t *dispatch);

/* Carries on a replay that a claim has given to this worker. */
void ngx_http_webhook_replay_run(ngx_http_webhook_dispatch_t *dispatch,
    ngx_http_webhook_id_t id);


#endif /* _NGX_HTTP_WEBHOOK_LANE_H_INCLUDED_ */
