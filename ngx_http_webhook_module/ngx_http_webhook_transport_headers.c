
/*
 * Copyright (C) the ngx_http_webhook_module authors
 */


/*
 * The headers of a delivery by the built-in transport, for libcurl.  On the
 * event loop.
 */


#include "ngx_http_webhook_transport_headers.h"


static ngx_int_t
ngx_http_webhook_transport_append(struct curl_slist **list, const char *fmt,
    ...)
{
    u_char              line[2048], *p;
    va_list             args;
    struct curl_slist  *l;

    va_start(args, fmt);
    p = ngx_vslprintf(line, line + sizeof(line) - 1, fmt, args);
    va_end(args);

    *p = '\0';

    l = curl_slist_append(*list, (char *) line);
    if (l == NULL) {
        return NGX_ERROR;
    }

    *list = l;

    return NGX_OK;
}


ngx_int_t
ngx_http_webhook_transport_headers(struct curl_slist **h,
    ngx_http_webhook_delivery_t *d)
{
    ngx_uint_t                    i;
    struct curl_slist            *l;
    ngx_http_webhook_attempt_t   *a;

    a = &d->attempt;

    /* headers of libcurl's own are taken off */

    if (ngx_http_webhook_transport_append(h, "Accept:") != NGX_OK
        || ngx_http_webhook_transport_append(h, "Expect:") != NGX_OK
        || ngx_http_webhook_transport_append(h,
                                             "Content-Type: application/json")
           != NGX_OK
        || ngx_http_webhook_transport_append(h, "X-Webhook-Event-Id: %V",
                                             &d->id)
           != NGX_OK
        || ngx_http_webhook_transport_append(h, "X-Timestamp: %T",
                                             a->signed_at)
           != NGX_OK
        || ngx_http_webhook_transport_append(h, "X-Signature: %V",
                                             &a->signature)
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (a->previous.len
        && ngx_http_webhook_transport_append(h, "X-Signature-Previous: %V",
                                             &a->previous)
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (a->standard.len
        && (ngx_http_webhook_transport_append(h, "webhook-id: %V", &d->id)
                != NGX_OK
            || ngx_http_webhook_transport_append(h, "webhook-timestamp: %T",
                                                 a->signed_at)
                != NGX_OK
            || ngx_http_webhook_transport_append(h, "webhook-signature: %V",
                                                 &a->standard)
                != NGX_OK))
    {
        return NGX_ERROR;
    }

    for (i = 0; i < d->target->nheaders; i++) {

        l = curl_slist_append(*h, (char *) d->target->headers[i].name.data);
        if (l == NULL) {
            return NGX_ERROR;
        }

        *h = l;
    }

    return NGX_OK;
}
