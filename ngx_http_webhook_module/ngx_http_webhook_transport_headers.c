
/*
 * Copyright (C) the ngx_http_webhook_module authors
 */


/*
 * The headers of a delivery by the built-in transport, for libcurl, which
 * reads a list of them and keeps none.  On the event loop.
 */


#include "ngx_http_webhook_transport_headers.h"


#define NGX_HTTP_WEBHOOK_TRANSPORT_HEADERS  10   /* but the webhook's own */


/* A list in the making: its nodes and lines are the delivery's. */

typedef struct {
    struct curl_slist       *nodes;
    ngx_uint_t               n;
    u_char                  *p;
    u_char                  *last;
} ngx_http_webhook_transport_list_t;


static void ngx_http_webhook_transport_add(
    ngx_http_webhook_transport_list_t *list, char *line);
static void ngx_http_webhook_transport_line(
    ngx_http_webhook_transport_list_t *list, const char *fmt, ...);


struct curl_slist *
ngx_http_webhook_transport_headers(ngx_http_webhook_delivery_t *d)
{
    size_t                              size;
    ngx_uint_t                          i;
    ngx_http_webhook_attempt_t         *a;
    ngx_http_webhook_transport_list_t   list;

    a = &d->attempt;

    size = sizeof("X-Webhook-Event-Id: X-Timestamp: X-Signature: "
                  "X-Signature-Previous: webhook-id: webhook-timestamp: "
                  "webhook-signature: ")
           + 2 * (d->id.len + NGX_TIME_T_LEN) + a->signature.len
           + a->previous.len + a->standard.len
           + NGX_HTTP_WEBHOOK_TRANSPORT_HEADERS;

    list.n = 0;
    list.p = ngx_pnalloc(d->pool, size);
    list.nodes = ngx_palloc(d->pool, (NGX_HTTP_WEBHOOK_TRANSPORT_HEADERS
                                      + d->target->nheaders)
                                     * sizeof(struct curl_slist));

    if (list.p == NULL || list.nodes == NULL) {
        return NULL;
    }

    list.last = list.p + size;

    /* headers of libcurl's own are taken off */

    ngx_http_webhook_transport_add(&list, "Accept:");
    ngx_http_webhook_transport_add(&list, "Expect:");
    ngx_http_webhook_transport_add(&list, "Content-Type: application/json");

    ngx_http_webhook_transport_line(&list, "X-Webhook-Event-Id: %V%Z", &d->id);
    ngx_http_webhook_transport_line(&list, "X-Timestamp: %T%Z", a->signed_at);
    ngx_http_webhook_transport_line(&list, "X-Signature: %V%Z",
                                    &a->signature);

    if (a->previous.len) {
        ngx_http_webhook_transport_line(&list, "X-Signature-Previous: %V%Z",
                                        &a->previous);
    }

    if (a->standard.len) {
        ngx_http_webhook_transport_line(&list, "webhook-id: %V%Z", &d->id);
        ngx_http_webhook_transport_line(&list, "webhook-timestamp: %T%Z",
                                        a->signed_at);
        ngx_http_webhook_transport_line(&list, "webhook-signature: %V%Z",
                                        &a->standard);
    }

    for (i = 0; i < d->target->nheaders; i++) {
        ngx_http_webhook_transport_add(&list,
                               (char *) d->target->headers[i].name.data);
    }

    return list.nodes;
}


static void
ngx_http_webhook_transport_add(ngx_http_webhook_transport_list_t *list,
    char *line)
{
    struct curl_slist  *node;

    node = &list->nodes[list->n++];

    node->data = line;
    node->next = NULL;

    if (list->n > 1) {
        node[-1].next = node;
    }
}


static void
ngx_http_webhook_transport_line(ngx_http_webhook_transport_list_t *list,
    const char *fmt, ...)
{
    u_char   *line;
    va_list   args;

    line = list->p;

    va_start(args, fmt);
    list->p = ngx_vslprintf(line, list->last, fmt, args);
    va_end(args);

    ngx_http_webhook_transport_add(list, (char *) line);
}
