
/*
 * Copyright (C) the ngx_http_webhook_module authors
 */


/*
 * The dispatcher of a worker: which webhook event is sent when.
 */


#ifndef _NGX_HTTP_WEBHOOK_DISPATCH_H_INCLUDED_
#define _NGX_HTTP_WEBHOOK_DISPATCH_H_INCLUDED_


#include "ngx_http_webhook.h"
#include "ngx_http_webhook_store.h"


/* Makes the dispatcher of a worker process.  NULL without memory. */
ngx_http_webhook_dispatch_t *ngx_http_webhook_dispatch_create(
    ngx_http_webhook_main_conf_t *wmcf, ngx_cycle_t *cycle);

/*
 * Takes webhook events that this worker owns, and with them their message's
 * pool.  "held" is empty afterwards.
 */
void ngx_http_webhook_dispatch_add(ngx_http_webhook_dispatch_t *dispatch,
    ngx_queue_t *held);

/* There are due events in the store: claims some soon. */
void ngx_http_webhook_dispatch_look(ngx_http_webhook_dispatch_t *dispatch);

/* Ends what runs, in a process that exits: other workers take it over. */
void ngx_http_webhook_dispatch_destroy(ngx_http_webhook_dispatch_t *dispatch);


#endif /* _NGX_HTTP_WEBHOOK_DISPATCH_H_INCLUDED_ */
