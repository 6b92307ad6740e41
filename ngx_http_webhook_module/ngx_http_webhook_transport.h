
/*
 * Copyright (C) the ngx_http_webhook_module authors
 */


/*
 * The built-in transport.  All of it runs on the event loop.
 */


#ifndef _NGX_HTTP_WEBHOOK_TRANSPORT_H_INCLUDED_
#define _NGX_HTTP_WEBHOOK_TRANSPORT_H_INCLUDED_


#include "ngx_http_webhook.h"
#include "ngx_http_webhook_delivery.h"


/* Makes the transport of a worker process.  NULL on errors, logged. */
ngx_http_webhook_transport_t *ngx_http_webhook_transport_create(
    ngx_http_webhook_main_conf_t *wmcf, ngx_cycle_t *cycle);

/*
 * Sends a delivery whose host is resolved.  d->answered is called when the
 * outcome is in d->attempt, or when the transport gave up and set d->aborted,
 * from the event loop and never from within this call.  NGX_ERROR without
 * memory, or in a worker whose time is over.
 */
ngx_int_t ngx_http_webhook_transport_send(
    ngx_http_webhook_transport_t *transport, ngx_http_webhook_delivery_t *d);

/* What is left of worker_connections to others, and the least there must be. */

#define NGX_HTTP_WEBHOOK_TRANSPORT_RESERVE  16

/*
 * Returns 1 while there are connections for one more delivery beside those
 * that run, whether they have a connection by now or not.
 */
ngx_uint_t ngx_http_webhook_transport_room(
    ngx_http_webhook_transport_t *transport, ngx_uint_t running);

/* Ends all transfers without a word to their deliveries. */
void ngx_http_webhook_transport_destroy(
    ngx_http_webhook_transport_t *transport);


#endif /* _NGX_HTTP_WEBHOOK_TRANSPORT_H_INCLUDED_ */
