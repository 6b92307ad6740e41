
/*
 * Copyright (C) the ngx_http_webhook_module authors
 */


/*
 * A delivery: one attempt to send one webhook event.
 */


#ifndef _NGX_HTTP_WEBHOOK_DELIVERY_H_INCLUDED_
#define _NGX_HTTP_WEBHOOK_DELIVERY_H_INCLUDED_


#include "ngx_http_webhook.h"
#include "ngx_http_webhook_store.h"
#include "ngx_http_webhook_resolve.h"
#include "ngx_http_webhook_sign.h"


typedef struct ngx_http_webhook_delivery_s  ngx_http_webhook_delivery_t;

typedef void (*ngx_http_webhook_delivery_pt)(ngx_http_webhook_delivery_t *d);


/*
 * States, in this order and none left out:
 *
 *     started     the detached request and its subrequest exist
 *     resolving   nginx's resolver looks for the host
 *     sending     the transport, or the operator's location, has it
 *     answered    the outcome is known, the subrequest is finalized
 *     finished    the detached request is freed; the dispatcher has the
 *                 outcome and records it
 *
 * It lives in its own pool, belongs to deliver.c until it is finished and to
 * the dispatcher from then on, who destroys the pool when the result is
 * committed.
 */

struct ngx_http_webhook_delivery_s {
    ngx_queue_t                      queue;       /* of all that run */
    ngx_pool_t                      *pool;
    ngx_http_webhook_main_conf_t    *wmcf;
    ngx_http_webhook_held_t         *held;
    ngx_http_webhook_target_t       *target;      /* a reference */

    /* the request */

    ngx_str_t                        id;          /* "evt_..." */
    ngx_str_t                        url;
    ngx_str_t                        content;     /* "<id>.<time>.<body>" */
    ngx_str_t                        body;        /* its tail */
    ngx_http_webhook_resolve_t       resolve;

    /* the detached request */

    ngx_log_t                        log;
    ngx_http_log_ctx_t               log_ctx;
    ngx_http_request_t              *request;     /* main */
    ngx_http_request_t              *subrequest;
    ngx_http_post_subrequest_t       post_subrequest;
    ngx_event_t                      finish;

    /* the transport's, or the location's */

    ngx_http_webhook_delivery_pt     answered;
    ngx_http_webhook_delivery_pt     expired;
    ngx_event_t                      timer;
    ngx_uint_t                       naddr;       /* of resolve.addrs, in use */
    unsigned                         head:1;      /* a complete one came */
    unsigned                         pinned:1;    /* $webhook_addr was read */
    unsigned                         again:1;     /* with the next address */

    /* the outcome: attempt.error is null after a 2xx only */

    ngx_http_webhook_attempt_t       attempt;
    ngx_msec_t                       start_msec;
    unsigned                         aborted:1;   /* none: it is given back */
    unsigned                         limited:1;   /* the zone counts it */
    unsigned                         slow:1;      /* among the slow ones, */
    unsigned                         weak:1;      /* or the new ones */

    ngx_http_webhook_delivery_pt     handler;     /* when it is finished */
    void                            *data;
};


#endif /* _NGX_HTTP_WEBHOOK_DELIVERY_H_INCLUDED_ */
