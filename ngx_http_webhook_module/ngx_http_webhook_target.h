
/*
 * Copyright (C) the ngx_http_webhook_module authors
 */


/*
 * What a delivery needs to know of a webhook, compiled.
 */


#ifndef _NGX_HTTP_WEBHOOK_TARGET_H_INCLUDED_
#define _NGX_HTTP_WEBHOOK_TARGET_H_INCLUDED_


#include "ngx_http_webhook.h"
#include "ngx_http_webhook_policy.h"


/*
 * What a worker has of a company's events: in memory, counted by the store's
 * writing thread and the event loop, and in flight, which is the loop's alone.
 */

typedef struct {
    ngx_atomic_t                 refs;
    ngx_atomic_t                 held;
    ngx_atomic_t                 bytes;    /* of their payloads */
    ngx_uint_t                   in_flight;
    ngx_queue_t                  waiting;  /* lanes, while these are enough */
} ngx_http_webhook_share_t;


/*
 * How an endpoint does: it has not answered yet, since this worker began; it
 * answers soon, whatever it says; or it hangs, takes long, or had failed
 * before.
 */

typedef enum {
    NGX_HTTP_WEBHOOK_NEW = 0,
    NGX_HTTP_WEBHOOK_GOOD,
    NGX_HTTP_WEBHOOK_SLOW
} ngx_http_webhook_pace_e;


/*
 * How many of a webhook's events a worker holds in memory.  Each version of
 * the target has a reference to it, and each event that is held: a webhook
 * may be deleted while events of it are on their way to the event loop, which
 * alone sets the pace.
 */

typedef struct {
    ngx_atomic_t                 refs;
    ngx_atomic_t                 held;
    ngx_atomic_t                 bytes;    /* of their payloads */
    ngx_atomic_t                 most;     /* to be held; 0: not said */
    ngx_atomic_t                 pace;
    ngx_http_webhook_share_t    *share;    /* a reference */
} ngx_http_webhook_load_t;


/*
 * One version of a webhook: never changed once it is made, replaced as a
 * whole when the webhook changes.  References are counted atomically, for
 * the store's writing thread and the event loop hold the same one; who drops
 * the last reference frees it.
 */

typedef struct {
    ngx_queue_t                  link;     /* from the store to the loop */
    ngx_atomic_t                 refs;
    ngx_http_webhook_load_t     *load;

    ngx_http_webhook_id_t        id;
    ngx_http_webhook_id_t        company_id;

    ngx_str_t                    url_text;
    ngx_http_webhook_url_t       url;
    const char                  *refused;  /* why the URL may not be used */

    ngx_str_t                    secret;
    ngx_str_t                    previous;
    int64_t                      previous_until;   /* ms */

    ngx_uint_t                   nevents;
    ngx_str_t                   *events;

    ngx_uint_t                   nheaders; /* each with a line, "name: value"
                                              and a zero, from name.data on */
    ngx_http_webhook_header_t   *headers;
    ngx_str_t                    header_names;     /* a line each */

    ngx_http_webhook_rules_t     rules;

    unsigned                     enabled:1;        /* and its company too */
    unsigned                     deleted:1;
    unsigned                     failing:1;        /* when it was loaded */
    unsigned                     locked:1;         /* no key opens its secret */
} ngx_http_webhook_target_t;


/*
 * Makes a target with one reference out of a model whose strings may live
 * anywhere.  With a load of NULL it gets one of its own, in the company's
 * share.  Returns NULL without memory.  Any thread.
 */
ngx_http_webhook_target_t *ngx_http_webhook_target_create(
    ngx_http_webhook_target_t *model, ngx_http_webhook_load_t *load,
    ngx_http_webhook_share_t *share, ngx_log_t *log);

/* Any thread. */
#define ngx_http_webhook_target_ref(target)                                   \
    (void) ngx_atomic_fetch_add(&(target)->refs, 1)

void ngx_http_webhook_target_unref(ngx_http_webhook_target_t *target);
void ngx_http_webhook_load_unref(ngx_http_webhook_load_t *load);

/* A company's share, with one reference.  NULL without memory.  Any thread. */
ngx_http_webhook_share_t *ngx_http_webhook_share_create(ngx_log_t *log);
void ngx_http_webhook_share_unref(ngx_http_webhook_share_t *share);


#endif /* _NGX_HTTP_WEBHOOK_TARGET_H_INCLUDED_ */
