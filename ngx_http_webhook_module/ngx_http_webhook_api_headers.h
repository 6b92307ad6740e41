
/*
 * Copyright (C) the ngx_http_webhook_module authors
 */


/*
 * A webhook's own headers in the admin API.
 */


#ifndef _NGX_HTTP_WEBHOOK_API_HEADERS_H_INCLUDED_
#define _NGX_HTTP_WEBHOOK_API_HEADERS_H_INCLUDED_


#include "ngx_http_webhook_api.h"


/*
 * "headers" of a body, an object, into the ..._webhook_op_t that "data" is:
 * of a new webhook, of a change (where null takes a header away).
 */
ngx_int_t ngx_http_webhook_headers_new(ngx_http_webhook_api_t *api,
    ngx_http_webhook_json_t *json, void *data);
ngx_int_t ngx_http_webhook_headers_patch(ngx_http_webhook_api_t *api,
    ngx_http_webhook_json_t *json, void *data);

/* The member "headers" of an answer: names, and what hides the values. */
void ngx_http_webhook_headers_write(ngx_http_webhook_json_writer_t *w,
    ngx_http_webhook_webhook_t *webhook);

/* Members for the names of a text, a line each, in an object that is open. */
void ngx_http_webhook_headers_sent(ngx_http_webhook_json_writer_t *w,
    ngx_str_t *names);


#endif /* _NGX_HTTP_WEBHOOK_API_HEADERS_H_INCLUDED_ */
