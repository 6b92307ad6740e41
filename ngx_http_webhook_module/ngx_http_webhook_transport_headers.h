
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


/*
 * Adds them to a list, which the caller frees, also where NGX_ERROR is
 * returned: without memory.
 */
ngx_int_t ngx_http_webhook_transport_headers(struct curl_slist **h,
    ngx_http_webhook_delivery_t *d);


#endif /* _NGX_HTTP_WEBHOOK_TRANSPORT_HEADERS_H_INCLUDED_ */
