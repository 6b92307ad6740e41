
/*
 * Copyright (C) the ngx_http_webhook_module authors
 */


/*
 * What a delivery sends.
 */


#ifndef _NGX_HTTP_WEBHOOK_CONTENT_H_INCLUDED_
#define _NGX_HTTP_WEBHOOK_CONTENT_H_INCLUDED_


#include "ngx_http_webhook.h"
#include "ngx_http_webhook_delivery.h"


/*
 * Sets the identifier, the body, its signatures and the URL of a delivery whose
 * attempt has its time.  All of it lives in the delivery's pool.  Event loop.
 * NGX_ERROR without memory.
 */
ngx_int_t ngx_http_webhook_content_sign(ngx_http_webhook_delivery_t *d);


#endif /* _NGX_HTTP_WEBHOOK_CONTENT_H_INCLUDED_ */
