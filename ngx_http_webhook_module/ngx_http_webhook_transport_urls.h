
/*
 * Copyright (C) the ngx_http_webhook_module authors
 */


/*
 * The URLs that the built-in transport has sent to, parsed: internal to it,
 * with libcurl's types.  On the event loop.
 */


#ifndef _NGX_HTTP_WEBHOOK_TRANSPORT_URLS_H_INCLUDED_
#define _NGX_HTTP_WEBHOOK_TRANSPORT_URLS_H_INCLUDED_


#include "ngx_http_webhook.h"

#include <curl/curl.h>


/* How many are kept beside those in use; most take about 450 bytes. */

#define NGX_HTTP_WEBHOOK_TRANSPORT_URLS  1024


typedef struct {
    ngx_rbtree_t        tree;
    ngx_rbtree_node_t   sentinel;
    ngx_queue_t         unused;     /* the last used first */
    ngx_uint_t          nunused;
    ngx_log_t          *log;
} ngx_http_webhook_urls_t;


typedef struct {
    ngx_str_node_t      node;
    ngx_queue_t         queue;
    ngx_uint_t          uses;
    CURLU              *parsed;
} ngx_http_webhook_urls_entry_t;


void ngx_http_webhook_urls_init(ngx_http_webhook_urls_t *urls, ngx_log_t *log);

/*
 * The entry of a URL, which is given back by urls_put().  NULL without memory,
 * or where libcurl does not take it for a URL: the transfer will tell.
 */
ngx_http_webhook_urls_entry_t *ngx_http_webhook_urls_get(
    ngx_http_webhook_urls_t *urls, ngx_str_t *url);
void ngx_http_webhook_urls_put(ngx_http_webhook_urls_t *urls,
    ngx_http_webhook_urls_entry_t *entry);

/* All have been given back. */
void ngx_http_webhook_urls_free(ngx_http_webhook_urls_t *urls);


#endif /* _NGX_HTTP_WEBHOOK_TRANSPORT_URLS_H_INCLUDED_ */
