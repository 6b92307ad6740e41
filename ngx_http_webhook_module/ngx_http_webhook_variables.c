
/*
 * Copyright (C) the ngx_http_webhook_module authors
 */


/*
 * The variables of a delivery: $webhook_url and so on, for the location of
 * webhook_deliver_via and for the formats of logs.  Empty in other requests.
 */


#include "ngx_http_webhook_variables.h"
#include "ngx_http_webhook_delivery.h"
#include "ngx_http_webhook_name.h"


typedef enum {
    NGX_HTTP_WEBHOOK_VAR_URL = 0,
    NGX_HTTP_WEBHOOK_VAR_SCHEME,
    NGX_HTTP_WEBHOOK_VAR_HOST,
    NGX_HTTP_WEBHOOK_VAR_PORT,
    NGX_HTTP_WEBHOOK_VAR_URI,
    NGX_HTTP_WEBHOOK_VAR_ADDR,
    NGX_HTTP_WEBHOOK_VAR_ID,
    NGX_HTTP_WEBHOOK_VAR_EVENT,
    NGX_HTTP_WEBHOOK_VAR_EVENT_ID,
    NGX_HTTP_WEBHOOK_VAR_COMPANY,
    NGX_HTTP_WEBHOOK_VAR_ATTEMPT,
    NGX_HTTP_WEBHOOK_VAR_TIMESTAMP,
    NGX_HTTP_WEBHOOK_VAR_SIGNATURE
} ngx_http_webhook_var_e;


static ngx_int_t ngx_http_webhook_variable(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data);
static ngx_int_t ngx_http_webhook_variable_text(
    ngx_http_webhook_delivery_t *d, ngx_http_webhook_var_e var,
    ngx_str_t *text);


static struct {
    ngx_str_t               name;
    ngx_http_webhook_var_e  var;
} ngx_http_webhook_variables[] = {

    { ngx_string("webhook_url"), NGX_HTTP_WEBHOOK_VAR_URL },
    { ngx_string("webhook_scheme"), NGX_HTTP_WEBHOOK_VAR_SCHEME },
    { ngx_string("webhook_host"), NGX_HTTP_WEBHOOK_VAR_HOST },
    { ngx_string("webhook_port"), NGX_HTTP_WEBHOOK_VAR_PORT },
    { ngx_string("webhook_uri"), NGX_HTTP_WEBHOOK_VAR_URI },
    { ngx_string("webhook_addr"), NGX_HTTP_WEBHOOK_VAR_ADDR },
    { ngx_string("webhook_id"), NGX_HTTP_WEBHOOK_VAR_ID },
    { ngx_string("webhook_event"), NGX_HTTP_WEBHOOK_VAR_EVENT },
    { ngx_string("webhook_event_id"), NGX_HTTP_WEBHOOK_VAR_EVENT_ID },
    { ngx_string("webhook_company"), NGX_HTTP_WEBHOOK_VAR_COMPANY },
    { ngx_string("webhook_attempt"), NGX_HTTP_WEBHOOK_VAR_ATTEMPT },
    { ngx_string("webhook_timestamp"), NGX_HTTP_WEBHOOK_VAR_TIMESTAMP },
    { ngx_string("webhook_signature"), NGX_HTTP_WEBHOOK_VAR_SIGNATURE },

    { ngx_null_string, 0 }
};


ngx_int_t
ngx_http_webhook_variables_add(ngx_conf_t *cf)
{
    ngx_uint_t            i;
    ngx_http_variable_t  *v;

    for (i = 0; ngx_http_webhook_variables[i].name.len; i++) {

        v = ngx_http_add_variable(cf, &ngx_http_webhook_variables[i].name,
                                  NGX_HTTP_VAR_NOCACHEABLE);
        if (v == NULL) {
            return NGX_ERROR;
        }

        v->get_handler = ngx_http_webhook_variable;
        v->data = ngx_http_webhook_variables[i].var;
    }

    return NGX_OK;
}


/*
 * A delivery's main request has no descriptor; other requests may have a
 * context of ours that is something else.
 */

static ngx_int_t
ngx_http_webhook_variable(ngx_http_request_t *r, ngx_http_variable_value_t *v,
    uintptr_t data)
{
    ngx_str_t                     text;
    ngx_http_webhook_delivery_t  *d;

    d = NULL;

    if (r->connection->fd == (ngx_socket_t) -1) {
        d = ngx_http_get_module_ctx(r->main, ngx_http_webhook_module);
    }

    if (d == NULL || d->request != r->main) {
        v->not_found = 1;
        return NGX_OK;
    }

    if (ngx_http_webhook_variable_text(d, data, &text) != NGX_OK) {
        return NGX_ERROR;
    }

    v->valid = 1;
    v->no_cacheable = 0;
    v->not_found = 0;
    v->data = text.data;
    v->len = text.len;

    return NGX_OK;
}


static ngx_int_t
ngx_http_webhook_variable_text(ngx_http_webhook_delivery_t *d,
    ngx_http_webhook_var_e var, ngx_str_t *text)
{
    u_char                     *p, buf[NGX_SOCKADDR_STRLEN];
    ngx_addr_t                 *addr;
    ngx_http_webhook_target_t  *target;

    target = d->target;
    p = buf;

    switch (var) {

    case NGX_HTTP_WEBHOOK_VAR_URL:
        *text = d->url;
        return NGX_OK;

    case NGX_HTTP_WEBHOOK_VAR_SCHEME:
        *text = target->url.scheme;
        return NGX_OK;

    case NGX_HTTP_WEBHOOK_VAR_HOST:
        *text = target->url.host;
        return NGX_OK;

    case NGX_HTTP_WEBHOOK_VAR_URI:
        *text = target->url.uri;
        return NGX_OK;

    case NGX_HTTP_WEBHOOK_VAR_EVENT:
        *text = d->held->message->event;
        return NGX_OK;

    case NGX_HTTP_WEBHOOK_VAR_EVENT_ID:
        *text = d->id;
        return NGX_OK;

    case NGX_HTTP_WEBHOOK_VAR_SIGNATURE:
        *text = d->attempt.signature;
        return NGX_OK;

    case NGX_HTTP_WEBHOOK_VAR_ADDR:
        if (d->resolve.naddrs) {
            addr = &d->resolve.addrs[d->naddr];
            p += ngx_sock_ntop(addr->sockaddr, addr->socklen, p, sizeof(buf),
                               1);
            d->pinned = 1;
        }
        break;

    case NGX_HTTP_WEBHOOK_VAR_PORT:
        p = ngx_sprintf(p, "%d", (int) target->url.port);
        break;

    case NGX_HTTP_WEBHOOK_VAR_ID:
        p = ngx_http_webhook_id_write(p, "wh_", target->id);
        break;

    case NGX_HTTP_WEBHOOK_VAR_COMPANY:
        p = ngx_http_webhook_id_write(p, "co_", target->company_id);
        break;

    case NGX_HTTP_WEBHOOK_VAR_ATTEMPT:
        p = ngx_sprintf(p, "%ui", d->attempt.number);
        break;

    case NGX_HTTP_WEBHOOK_VAR_TIMESTAMP:
        p = ngx_sprintf(p, "%T", d->attempt.signed_at);
        break;
    }

    text->len = p - buf;
    text->data = ngx_pnalloc(d->pool, text->len);
    if (text->data == NULL) {
        return NGX_ERROR;
    }

    ngx_memcpy(text->data, buf, text->len);

    return NGX_OK;
}
