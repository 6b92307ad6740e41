
/*
 * Copyright (C) the ngx_http_webhook_module authors
 */


/*
 * Carrying out a delivery: a subrequest of a detached request.
 */


#ifndef _NGX_HTTP_WEBHOOK_DELIVER_H_INCLUDED_
#define _NGX_HTTP_WEBHOOK_DELIVER_H_INCLUDED_


#include "ngx_http_webhook.h"
#include "ngx_http_webhook_delivery.h"


/*
 * Starts an attempt to send a webhook event to its target.  "handler" gets
 * the delivery when it is finished, from the event loop and never from
 * within this call, and owns it from then on.  Returns NULL without memory.
 */
ngx_http_webhook_delivery_t *ngx_http_webhook_deliver(
    ngx_http_webhook_main_conf_t *wmcf, ngx_http_webhook_held_t *held,
    ngx_http_webhook_target_t *target, ngx_http_webhook_delivery_pt handler,
    void *data);

/* Frees a delivery that is finished. */
void ngx_http_webhook_deliver_free(ngx_http_webhook_delivery_t *d);

/* Frees one that runs, in a process that exits: its handler is not called. */
void ngx_http_webhook_deliver_abort(ngx_http_webhook_delivery_t *d);

/*
 * Makes the server{} in whose configuration detached requests run: one that
 * listens nowhere and inherits what http{} says.  Configuration time, before
 * http{} is merged.
 */
char *ngx_http_webhook_deliver_init(ngx_conf_t *cf,
    ngx_http_webhook_main_conf_t *wmcf);


#endif /* _NGX_HTTP_WEBHOOK_DELIVER_H_INCLUDED_ */
