
/*
 * Copyright (C) the ngx_http_webhook_module authors
 */


/*
 * Names are resolved by nginx's own resolver, which never blocks and keeps
 * the TTLs, for every transport alike.  Each address is checked by the
 * policy here; a host all of whose addresses are refused cannot be sent to.
 */


#include "ngx_http_webhook_resolve.h"


#define NGX_HTTP_WEBHOOK_RESOLV_CONF    "/etc/resolv.conf"
#define NGX_HTTP_WEBHOOK_RESOLVE_ADDRS  8


static ngx_int_t ngx_http_webhook_resolve_add(ngx_http_webhook_resolve_t *rs,
    struct sockaddr *sockaddr, socklen_t socklen);
static ngx_int_t ngx_http_webhook_resolve_literal(
    ngx_http_webhook_resolve_t *rs);
static void ngx_http_webhook_resolve_handler(ngx_resolver_ctx_t *ctx);


ngx_int_t
ngx_http_webhook_resolve(ngx_http_webhook_main_conf_t *wmcf,
    ngx_http_webhook_resolve_t *rs)
{
    ngx_uint_t                         i, found;
    ngx_resolver_ctx_t                *ctx;
    ngx_http_webhook_resolve_entry_t  *entry;

    rs->wmcf = wmcf;
    rs->ctx = NULL;
    rs->waits = 0;
    rs->naddrs = 0;
    rs->error = NULL;

    rs->addrs = ngx_palloc(rs->pool,
                         NGX_HTTP_WEBHOOK_RESOLVE_ADDRS * sizeof(ngx_addr_t));
    if (rs->addrs == NULL) {
        goto failed;
    }

    if (rs->url->literal) {
        return ngx_http_webhook_resolve_literal(rs);
    }

    found = 0;

    if (wmcf->resolve) {
        entry = wmcf->resolve->elts;

        for (i = 0; i < wmcf->resolve->nelts; i++) {

            if (entry[i].port != rs->url->port
                || entry[i].name.len != rs->url->host.len
                || ngx_strncmp(entry[i].name.data, rs->url->host.data,
                               rs->url->host.len)
                   != 0)
            {
                continue;
            }

            found = 1;

            if (ngx_http_webhook_resolve_add(rs, entry[i].addr.sockaddr,
                                             entry[i].addr.socklen)
                == NGX_ERROR)
            {
                goto failed;
            }
        }
    }

    if (found) {
        return NGX_OK;
    }

    ctx = ngx_resolve_start(wmcf->resolver, NULL);

    if (ctx == NULL) {
        goto failed;
    }

    if (ctx == NGX_NO_RESOLVER) {
        rs->error = "name_lookup_failed";
        rs->detail = "no resolver is configured";
        return NGX_OK;
    }

    ctx->name = rs->url->host;
    ctx->handler = ngx_http_webhook_resolve_handler;
    ctx->data = rs;
    ctx->timeout = rs->timeout;

    rs->ctx = ctx;

    if (ngx_resolve_name(ctx) != NGX_OK) {
        rs->ctx = NULL;
        goto failed;
    }

    if (rs->ctx == NULL) {
        return NGX_OK;
    }

    rs->waits = 1;

    return NGX_AGAIN;

failed:

    rs->naddrs = 0;
    rs->error = "internal";
    rs->detail = "out of memory";

    return NGX_OK;
}


void
ngx_http_webhook_resolve_cancel(ngx_http_webhook_resolve_t *rs)
{
    if (rs->ctx) {
        ngx_resolve_name_done(rs->ctx);
        rs->ctx = NULL;
    }
}


/* NGX_DECLINED where the policy refuses the address. */

static ngx_int_t
ngx_http_webhook_resolve_add(ngx_http_webhook_resolve_t *rs,
    struct sockaddr *sockaddr, socklen_t socklen)
{
    const char  *refused;
    ngx_addr_t  *addr;

    refused = ngx_http_webhook_policy_address(rs->wmcf, sockaddr);

    if (refused) {
        if (rs->naddrs == 0) {
            rs->error = "address_refused";
            rs->detail = refused;
        }

        return NGX_DECLINED;
    }

    if (rs->naddrs == NGX_HTTP_WEBHOOK_RESOLVE_ADDRS) {
        return NGX_OK;
    }

    addr = &rs->addrs[rs->naddrs];

    addr->socklen = socklen;
    addr->sockaddr = ngx_palloc(rs->pool, socklen);
    if (addr->sockaddr == NULL) {
        return NGX_ERROR;
    }

    ngx_memcpy(addr->sockaddr, sockaddr, socklen);
    ngx_inet_set_port(addr->sockaddr, rs->url->port);

    rs->naddrs++;
    rs->error = NULL;

    return NGX_OK;
}


static ngx_int_t
ngx_http_webhook_resolve_literal(ngx_http_webhook_resolve_t *rs)
{
    ngx_addr_t  addr;

    if (ngx_parse_addr(rs->pool, &addr, rs->url->host.data, rs->url->host.len)
        != NGX_OK
        || ngx_http_webhook_resolve_add(rs, addr.sockaddr, addr.socklen)
           == NGX_ERROR)
    {
        rs->error = "internal";
        rs->detail = "out of memory";
    }

    return NGX_OK;
}


static void
ngx_http_webhook_resolve_handler(ngx_resolver_ctx_t *ctx)
{
    ngx_http_webhook_resolve_t *rs = ctx->data;

    ngx_uint_t  i;

    if (ctx->state) {

        if (ctx->state == NGX_RESOLVE_NXDOMAIN) {
            rs->error = "name_not_found";

        } else if (ctx->state == NGX_RESOLVE_TIMEDOUT) {
            rs->error = "name_lookup_timeout";

        } else {
            rs->error = "name_lookup_failed";
        }

        rs->detail = ngx_resolver_strerror(ctx->state);

    } else {

        for (i = 0; i < ctx->naddrs; i++) {
            if (ngx_http_webhook_resolve_add(rs, ctx->addrs[i].sockaddr,
                                             ctx->addrs[i].socklen)
                == NGX_ERROR)
            {
                rs->naddrs = 0;
                rs->error = "internal";
                rs->detail = "out of memory";
                break;
            }
        }
    }

    ngx_resolve_name_done(ctx);
    rs->ctx = NULL;

    if (rs->waits) {
        rs->handler(rs);
    }
}


static ngx_int_t
ngx_http_webhook_resolve_nameservers(ngx_conf_t *cf, ngx_array_t *names)
{
    char        line[1024], *p;
    FILE       *file;
    size_t      len;
    ngx_str_t  *name;

    file = fopen(NGX_HTTP_WEBHOOK_RESOLV_CONF, "re");

    if (file) {
        while (fgets(line, sizeof(line), file)) {

            if (ngx_strncmp(line, "nameserver", 10) != 0
                || (line[10] != ' ' && line[10] != '\t'))
            {
                continue;
            }

            p = line + 10 + strspn(line + 10, " \t");
            len = strcspn(p, " \t\r\n#;");

            /* nginx knows no zones of link-local addresses */

            if (len == 0 || memchr(p, '%', len)) {
                continue;
            }

            name = ngx_array_push(names);
            if (name == NULL) {
                (void) fclose(file);
                return NGX_ERROR;
            }

            name->data = ngx_pnalloc(cf->pool, len + 2);
            if (name->data == NULL) {
                (void) fclose(file);
                return NGX_ERROR;
            }

            name->len = memchr(p, ':', len)
                        ? ngx_sprintf(name->data, "[%*s]", len, p) - name->data
                        : ngx_sprintf(name->data, "%*s", len, p) - name->data;
        }

        (void) fclose(file);
    }

    if (names->nelts == 0) {
        name = ngx_array_push(names);          /* as resolv.conf(5) has it */
        if (name == NULL) {
            return NGX_ERROR;
        }

        ngx_str_set(name, "127.0.0.1");
    }

    return NGX_OK;
}


char *
ngx_http_webhook_resolve_init(ngx_conf_t *cf,
    ngx_http_webhook_main_conf_t *wmcf)
{
    ngx_array_t                names;
    ngx_http_core_loc_conf_t  *clcf;

    clcf = wmcf->ctx->loc_conf[ngx_http_core_module.ctx_index];

    if (clcf->resolver && clcf->resolver->connections.nelts) {
        wmcf->resolver = clcf->resolver;
        return NGX_CONF_OK;
    }

    if (ngx_array_init(&names, cf->pool, 4, sizeof(ngx_str_t)) != NGX_OK
        || ngx_http_webhook_resolve_nameservers(cf, &names) != NGX_OK)
    {
        return NGX_CONF_ERROR;
    }

    wmcf->resolver = ngx_resolver_create(cf, names.elts, names.nelts);

    return wmcf->resolver ? NGX_CONF_OK : NGX_CONF_ERROR;
}
