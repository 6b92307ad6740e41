
/*
 * Copyright (C) the ngx_http_webhook_module authors
 */


/*
 * What the workers share of the limits of webhooks.
 */


#ifndef _NGX_HTTP_WEBHOOK_ZONE_H_INCLUDED_
#define _NGX_HTTP_WEBHOOK_ZONE_H_INCLUDED_


#include "ngx_http_webhook.h"


/* Adds the shared memory.  Configuration time. */
char *ngx_http_webhook_zone_add(ngx_conf_t *cf,
    ngx_http_webhook_main_conf_t *wmcf);

/* An event that was cancelled while a worker had it. */

typedef struct {
    ngx_http_webhook_id_t   event_id;
    ngx_http_webhook_id_t   webhook_id;
} ngx_http_webhook_zone_cancel_t;

/*
 * Counts a delivery of a webhook with a concurrency or a rate of its own, and
 * returns 0; or returns the ms after which to ask again.  Event loop.
 */
ngx_msec_t ngx_http_webhook_zone_enter(ngx_http_webhook_main_conf_t *wmcf,
    ngx_http_webhook_id_t id, ngx_http_webhook_id_t event_id,
    ngx_http_webhook_rules_t *rules);

/*
 * How many ms its rate makes a webhook wait, without counting anything.  Any
 * thread.
 */
ngx_msec_t ngx_http_webhook_zone_wait(ngx_http_webhook_main_conf_t *wmcf,
    ngx_http_webhook_id_t id, ngx_http_webhook_rules_t *rules);

/* Returns 1 where a webhook is at its concurrency.  Any thread. */
ngx_uint_t ngx_http_webhook_zone_full(ngx_http_webhook_main_conf_t *wmcf,
    ngx_http_webhook_id_t id, ngx_http_webhook_rules_t *rules);

/* Returns 1 where a delivery of an event runs that is counted.  Any thread. */
ngx_uint_t ngx_http_webhook_zone_sends(ngx_http_webhook_main_conf_t *wmcf,
    ngx_http_webhook_id_t event_id);

/*
 * Tells all workers that an event was cancelled while one had it; the next
 * one that was, after the first *seen, which is counted up, or 0.  1024
 * of them are kept.  Event loop.
 */
void ngx_http_webhook_zone_cancel(ngx_http_webhook_main_conf_t *wmcf,
    ngx_http_webhook_id_t event_id, ngx_http_webhook_id_t webhook_id);
ngx_uint_t ngx_http_webhook_zone_cancelled(ngx_http_webhook_main_conf_t *wmcf,
    ngx_uint_t *seen, ngx_http_webhook_zone_cancel_t *cancel);

/* In a new worker: forgets what those that are gone have counted. */
void ngx_http_webhook_zone_reset(ngx_http_webhook_main_conf_t *wmcf);

/* Takes off one that was counted. */
void ngx_http_webhook_zone_leave(ngx_http_webhook_main_conf_t *wmcf,
    ngx_http_webhook_id_t id, ngx_http_webhook_id_t event_id);


#endif /* _NGX_HTTP_WEBHOOK_ZONE_H_INCLUDED_ */
