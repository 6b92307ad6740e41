
/*
 * Copyright (C) the ngx_http_webhook_module authors
 */


/*
 * How many webhook events a worker holds in memory, and of whom.
 */


#ifndef _NGX_HTTP_WEBHOOK_HELD_H_INCLUDED_
#define _NGX_HTTP_WEBHOOK_HELD_H_INCLUDED_


#include "ngx_http_webhook_store.h"


/*
 * Counts a webhook event that the worker will hold, or, where "force" is not
 * set and there is no room for it, returns 0; _give takes it off again.  Any
 * thread.
 */
ngx_uint_t ngx_http_webhook_held_take(ngx_http_webhook_store_conf_t *conf,
    ngx_http_webhook_held_t *held, ngx_http_webhook_load_t *load,
    ngx_uint_t force);
void ngx_http_webhook_held_give(ngx_http_webhook_store_conf_t *conf,
    ngx_http_webhook_held_t *held);

/* An event that is held counts among the slow ones from now on.  Any thread. */
void ngx_http_webhook_held_slow(ngx_http_webhook_store_conf_t *conf,
    ngx_http_webhook_held_t *held);

/*
 * Returns 1 where the worker may hold more: of whatever webhook; of this one,
 * whose company has at most half of all, as the slow ones together have, and
 * these and the new ones three quarters.  _most: how many of this webhook, as
 * it does at present.  _low: a quarter of all, and no more, is held of others
 * than slow ones: time for more.  Any thread.
 */
ngx_uint_t ngx_http_webhook_held_room(ngx_http_webhook_store_conf_t *conf);
ngx_uint_t ngx_http_webhook_held_room_for(
    ngx_http_webhook_store_conf_t *conf, ngx_http_webhook_load_t *load);
ngx_uint_t ngx_http_webhook_held_most(ngx_http_webhook_store_conf_t *conf,
    ngx_http_webhook_load_t *load);
ngx_uint_t ngx_http_webhook_held_low(ngx_http_webhook_store_conf_t *conf);


#endif /* _NGX_HTTP_WEBHOOK_HELD_H_INCLUDED_ */
