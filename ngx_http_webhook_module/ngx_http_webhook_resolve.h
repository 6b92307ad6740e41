
/*
 * Copyright (C) the ngx_http_webhook_module authors
 */


/*
 * From a host's name to the addresses that may be connected to.
 */


#ifndef _NGX_HTTP_WEBHOOK_RESOLVE_H_INCLUDED_
#define _NGX_HTTP_WEBHOOK_RESOLVE_H_INCLUDED_


#include "ngx_http_webhook.h"
#include "ngx_http_webhook_policy.h"


typedef struct ngx_http_webhook_resolve_s  ngx_http_webhook_resolve_t;

typedef void (*ngx_http_webhook_resolve_pt)(ngx_http_webhook_resolve_t *rs);

struct ngx_http_webhook_resolve_s {
    ngx_pool_t                     *pool;
    ngx_http_webhook_url_t         *url;
    ngx_msec_t                      timeout;
    ngx_http_webhook_resolve_pt     handler;
    void                           *data;

    /* out: the addresses, or a stable code and words */

    ngx_uint_t                      naddrs;
    ngx_addr_t                     *addrs;     /* with the URL's port */
    const char                     *error;
    const char                     *detail;

    ngx_http_webhook_main_conf_t   *wmcf;
    ngx_resolver_ctx_t             *ctx;
    unsigned                        waits:1;
};


/*
 * Looks a host up: in webhook_resolve, as an address, or by the resolver.
 * Returns NGX_OK where the result is there already, NGX_AGAIN where the
 * handler will be called.  Event loop.
 */
ngx_int_t ngx_http_webhook_resolve(ngx_http_webhook_main_conf_t *wmcf,
    ngx_http_webhook_resolve_t *rs);

/* Ends a look-up that still waits; its handler will not be called. */
void ngx_http_webhook_resolve_cancel(ngx_http_webhook_resolve_t *rs);

/*
 * Makes the resolver: the one that the configuration names, or one of the
 * nameservers of /etc/resolv.conf.  Configuration time.
 */
char *ngx_http_webhook_resolve_init(ngx_conf_t *cf,
    ngx_http_webhook_main_conf_t *wmcf);


#endif /* _NGX_HTTP_WEBHOOK_RESOLVE_H_INCLUDED_ */
