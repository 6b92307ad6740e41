
/*
 * Copyright (C) the ngx_http_webhook_module authors
 */


/*
 * Where deliveries may go: the rules for a webhook's URL and for the
 * addresses that are really connected to.
 */


#ifndef _NGX_HTTP_WEBHOOK_POLICY_H_INCLUDED_
#define _NGX_HTTP_WEBHOOK_POLICY_H_INCLUDED_


#include "ngx_http_webhook.h"


typedef struct {
    ngx_str_t    scheme;        /* "https" or "http" */
    ngx_str_t    host;          /* lower case, an IPv6 literal without [] */
    ngx_str_t    uri;           /* path and query, begins with '/' */
    in_port_t    port;
    unsigned     literal:1;     /* the host is an IP address */
    unsigned     ipv6:1;
} ngx_http_webhook_url_t;


/*
 * Takes a URL to pieces (by libcurl's parser, the one that will send to it)
 * and checks it.  Returns NULL, or a sentence that says which rule the URL
 * breaks.  The pieces live in the pool.  Any thread.
 */
const char *ngx_http_webhook_policy_url(ngx_http_webhook_main_conf_t *wmcf,
    ngx_pool_t *pool, ngx_str_t *url, ngx_http_webhook_url_t *parsed);

/*
 * Returns NULL where an address may be connected to, or the name of the
 * reserved range that it lies in.  Any thread.
 */
const char *ngx_http_webhook_policy_address(ngx_http_webhook_main_conf_t *wmcf,
    struct sockaddr *sockaddr);


#endif /* _NGX_HTTP_WEBHOOK_POLICY_H_INCLUDED_ */
