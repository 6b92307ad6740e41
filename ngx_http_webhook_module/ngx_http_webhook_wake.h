
/*
 * Copyright (C) the ngx_http_webhook_module authors
 */


/*
 * How a worker calls the others.
 */


#ifndef _NGX_HTTP_WEBHOOK_WAKE_H_INCLUDED_
#define _NGX_HTTP_WEBHOOK_WAKE_H_INCLUDED_


#include "ngx_http_webhook.h"


typedef void (*ngx_http_webhook_wake_pt)(void *data);


/*
 * Makes the descriptors, in the master process before it forks; the cycle's
 * pool closes them.  Without them, which the log says, workers find what
 * others have left for them when they look, twice a second.
 */
void ngx_http_webhook_wake_create(ngx_cycle_t *cycle,
    ngx_http_webhook_main_conf_t *wmcf);

/*
 * In a worker: calls the handler from the event loop when another worker
 * calls, once for calls that come together.  Takes one of
 * worker_connections until the worker is to exit.
 */
void ngx_http_webhook_wake_listen(ngx_cycle_t *cycle,
    ngx_http_webhook_main_conf_t *wmcf, ngx_http_webhook_wake_pt handler,
    void *data);

/* Calls the other workers of this cycle.  Event loop. */
void ngx_http_webhook_wake_others(ngx_http_webhook_main_conf_t *wmcf);


#endif /* _NGX_HTTP_WEBHOOK_WAKE_H_INCLUDED_ */
