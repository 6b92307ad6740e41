
/*
 * Copyright (C) the ngx_http_webhook_module authors
 */


/*
 * What a delivery sends: its body, made of the stored bytes, the signatures of
 * it, and the URL.  On the event loop.
 */


#include "ngx_http_webhook_content.h"
#include "ngx_http_webhook_name.h"
#include "ngx_http_webhook_sign.h"


static ngx_int_t ngx_http_webhook_content_url(ngx_http_webhook_delivery_t *d);
static ngx_int_t ngx_http_webhook_content_standard(
    ngx_http_webhook_delivery_t *d, ngx_uint_t previous);


/* The body, whose payload is the ingested bytes, and its signatures. */

ngx_int_t
ngx_http_webhook_content_sign(ngx_http_webhook_delivery_t *d)
{
    size_t                       len;
    u_char                      *p;
    ngx_uint_t                   previous;
    ngx_http_webhook_attempt_t  *a;
    ngx_http_webhook_target_t   *target;
    ngx_http_webhook_message_t  *message;

    a = &d->attempt;
    target = d->target;
    message = d->held->message;

    d->id.data = ngx_pnalloc(d->pool, NGX_HTTP_WEBHOOK_ID_LEN);
    a->signature.data = ngx_pnalloc(d->pool, NGX_HTTP_WEBHOOK_HEX_LEN);

    len = NGX_HTTP_WEBHOOK_ID_LEN + NGX_TIME_T_LEN
          + sizeof("..{\"event\":\"\",\"payload\":,\"timestamp\":}") - 1
          + message->event.len + message->payload.len + NGX_TIME_T_LEN;

    d->content.data = ngx_pnalloc(d->pool, len);

    if (d->id.data == NULL
        || a->signature.data == NULL
        || d->content.data == NULL)
    {
        return NGX_ERROR;
    }

    d->id.len = ngx_http_webhook_id_write(d->id.data, "evt_", d->held->id)
                - d->id.data;

    /* what webhook-signature signs ends with the body: one buffer for both */

    p = ngx_sprintf(d->content.data, "%V.%T.", &d->id, a->signed_at);

    d->body.data = p;

    p = ngx_sprintf(p, "{\"event\":\"%V\",\"payload\":", &message->event);
    p = ngx_cpymem(p, message->payload.data, message->payload.len);
    p = ngx_sprintf(p, ",\"timestamp\":%T}", a->signed_at);

    d->body.len = p - d->body.data;
    d->content.len = p - d->content.data;

    if (ngx_http_webhook_content_url(d) != NGX_OK) {
        return NGX_ERROR;
    }

    if (target->secret.len == 0) {
        return NGX_OK;                      /* target->locked tells it */
    }

    if (ngx_http_webhook_sign(&target->secret, &d->body, a->signature.data)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    a->signature.len = NGX_HTTP_WEBHOOK_HEX_LEN;

    previous = target->previous.len && target->previous_until > a->started_at;

    if (previous) {
        a->previous.data = ngx_pnalloc(d->pool, NGX_HTTP_WEBHOOK_HEX_LEN);

        if (a->previous.data == NULL
            || ngx_http_webhook_sign(&target->previous, &d->body,
                                     a->previous.data)
               != NGX_OK)
        {
            return NGX_ERROR;
        }

        a->previous.len = NGX_HTTP_WEBHOOK_HEX_LEN;
    }

    if (!d->wmcf->standard_headers) {
        return NGX_OK;
    }

    return ngx_http_webhook_content_standard(d, previous);
}


/* The URL as the pieces that were checked, not as it was written. */

static ngx_int_t
ngx_http_webhook_content_url(ngx_http_webhook_delivery_t *d)
{
    size_t                   len;
    u_char                  *p;
    ngx_http_webhook_url_t  *url;

    url = &d->target->url;
    len = url->scheme.len + url->host.len + url->uri.len
          + sizeof("://[]:65535") - 1;

    d->url.data = ngx_pnalloc(d->pool, len + 1);
    if (d->url.data == NULL) {
        return NGX_ERROR;
    }

    p = ngx_sprintf(d->url.data, url->ipv6 ? "%V://[%V]" : "%V://%V",
                    &url->scheme, &url->host);

    if (url->port != (url->scheme.len == 5 ? 443 : 80)) {
        p = ngx_sprintf(p, ":%d", (int) url->port);
    }

    d->url.len = ngx_sprintf(p, "%V%Z", &url->uri) - d->url.data - 1;

    return NGX_OK;
}


static ngx_int_t
ngx_http_webhook_content_standard(ngx_http_webhook_delivery_t *d,
    ngx_uint_t previous)
{
    u_char                      *p;
    ngx_http_webhook_attempt_t  *a;

    a = &d->attempt;

    p = ngx_pnalloc(d->pool, 2 * NGX_HTTP_WEBHOOK_STANDARD_LEN + 1);
    if (p == NULL) {
        return NGX_ERROR;
    }

    if (ngx_http_webhook_sign_standard(&d->target->secret, &d->content, p)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    a->standard.data = p;
    a->standard.len = NGX_HTTP_WEBHOOK_STANDARD_LEN;

    if (!previous) {
        return NGX_OK;
    }

    p += NGX_HTTP_WEBHOOK_STANDARD_LEN;
    *p++ = ' ';

    if (ngx_http_webhook_sign_standard(&d->target->previous, &d->content, p)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    a->standard.len += 1 + NGX_HTTP_WEBHOOK_STANDARD_LEN;

    return NGX_OK;
}
