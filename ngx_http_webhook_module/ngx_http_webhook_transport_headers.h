
/*
 * Copyright (C) the ngx_http_webhook_module authors
 */


/*
 * The headers of a delivery by the built-in transport: internal to it, with
 * libcurl's types.
 */


#ifndef _NGX_HTTP_WEBHOOK_TRANSPORT_HEADERS_H_INCLUDED_
#define _NGX_HTTP_WEBHOOK_TRANSPORT_HEADERS_H_INCLUDED_


#include "ngx_http_webhook_delivery.h"

#include <curl/curl.h>


/* A list of them in the delivery's pool, or NULL without memory. */
struct curl_slist *ngx_http_webhook_transport_headers(
    ngx_http_webhook_delivery_t *d);


#endif /* _NGX_HTTP_WEBHOOK_TRANSPORT_HEADERS_H_INCLUDED_ */
