
/*
 * Copyright (C) the ngx_http_webhook_module authors
 */


/*
 * Deliveries through a location of the operator's (webhook_deliver_via).
 */


#ifndef _NGX_HTTP_WEBHOOK_VIA_H_INCLUDED_
#define _NGX_HTTP_WEBHOOK_VIA_H_INCLUDED_


#include "ngx_http_webhook.h"
#include "ngx_http_webhook_delivery.h"


/*
 * Puts the headers of the delivery into its detached request, before there is
 * a subrequest.  Event loop.  NGX_ERROR without memory.
 */
ngx_int_t ngx_http_webhook_via_headers(ngx_http_webhook_delivery_t *d);

/*
 * Hands the subrequest, whose address is resolved, to the location.  When its
 * time is over, d->expired is called, outside of the request.  NGX_ERROR
 * without memory.
 */
ngx_int_t ngx_http_webhook_via_send(ngx_http_webhook_delivery_t *d);

/*
 * Returns 1, and makes the next address the one in use, where the outcome is
 * that the location could not connect to the address that it was given: nothing
 * was sent, and the delivery goes on with another subrequest.
 */
ngx_uint_t ngx_http_webhook_via_next(ngx_http_webhook_delivery_t *d);

/*
 * The outcome, when the subrequest ends with "rc" or its time is over
 * (NGX_AGAIN): into d->attempt.
 */
void ngx_http_webhook_via_outcome(ngx_http_webhook_delivery_t *d,
    ngx_int_t rc);

/*
 * Installs the filters that take the location's answers, and finds the
 * server{} whose location it is.  Configuration time, after the merge.
 */
char *ngx_http_webhook_via_init(ngx_conf_t *cf,
    ngx_http_webhook_main_conf_t *wmcf);


#endif /* _NGX_HTTP_WEBHOOK_VIA_H_INCLUDED_ */
