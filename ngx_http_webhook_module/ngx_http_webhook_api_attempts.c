
/*
 * Copyright (C) the ngx_http_webhook_module authors
 */


/*
 * The attempts of a webhook event, as the admin API shows them: what was sent,
 * what came back, and how long it took.  On the event loop.
 */


#include "ngx_http_webhook_api_events.h"
#include "ngx_http_webhook_api_headers.h"


#define NGX_HTTP_WEBHOOK_ATTEMPT_FIELDS  100     /* of a head */


static void ngx_http_webhook_attempt_timings(
    ngx_http_webhook_json_writer_t *w, ngx_http_webhook_attempt_t *a);
static void ngx_http_webhook_attempt_request(
    ngx_http_webhook_json_writer_t *w, ngx_http_webhook_attempt_t *a,
    ngx_http_webhook_event_op_t *eop);
static ngx_int_t ngx_http_webhook_attempt_host(ngx_pool_t *pool,
    ngx_str_t *url, ngx_str_t *host);
static void ngx_http_webhook_attempt_response(
    ngx_http_webhook_json_writer_t *w, ngx_http_webhook_attempt_t *a,
    ngx_pool_t *pool);
static void ngx_http_webhook_attempt_headers(ngx_http_webhook_json_writer_t *w,
    ngx_str_t *head, ngx_pool_t *pool);
static ngx_int_t ngx_http_webhook_attempt_field(ngx_pool_t *pool, u_char *p,
    u_char *end, ngx_table_elt_t *h);
static ngx_int_t ngx_http_webhook_attempt_join(ngx_pool_t *pool,
    ngx_str_t *value, ngx_str_t *more);


void
ngx_http_webhook_attempts_write(ngx_http_webhook_json_writer_t *w,
    ngx_http_webhook_event_op_t *eop)
{
    ngx_uint_t                   i;
    ngx_http_webhook_attempt_t  *a;

    ngx_http_webhook_json_array(w, "attempts");

    a = eop->attempts->elts;

    for (i = 0; i < eop->attempts->nelts; i++, a++) {

        ngx_http_webhook_json_object(w, NULL);
        ngx_http_webhook_json_id(w, "id", "att_", a->id);
        ngx_http_webhook_json_integer(w, "number", a->number);
        ngx_http_webhook_json_time(w, "started_at", a->started_at);

        if (a->status_code) {
            ngx_http_webhook_json_integer(w, "status_code", a->status_code);

        } else {
            ngx_http_webhook_json_null(w, "status_code");
        }

        ngx_http_webhook_event_optional(w, "error", &a->error);
        ngx_http_webhook_event_optional(w, "error_detail", &a->detail);
        ngx_http_webhook_json_integer(w, "duration_ms", a->duration / 1000);
        ngx_http_webhook_attempt_timings(w, a);
        ngx_http_webhook_event_optional(w, "peer", &a->peer);
        ngx_http_webhook_attempt_request(w, a, eop);
        ngx_http_webhook_attempt_response(w, a, eop->op.pool);
        ngx_http_webhook_json_close_object(w);
    }

    ngx_http_webhook_json_close_array(w);
}


/* Each from the start of the attempt, in milliseconds to the microsecond. */

static void
ngx_http_webhook_attempt_timings(ngx_http_webhook_json_writer_t *w,
    ngx_http_webhook_attempt_t *a)
{
    u_char      buf[NGX_INT_T_LEN + 4];
    ngx_str_t   text;
    ngx_uint_t  i, us[5];

    static const char  *names[] = {
        "name_lookup_ms", "connect_ms", "tls_ms", "first_byte_ms", "total_ms"
    };

    us[0] = a->name_lookup;
    us[1] = a->connect;
    us[2] = a->tls;
    us[3] = a->first_byte;
    us[4] = a->duration;

    ngx_http_webhook_json_object(w, "timings");

    for (i = 0; i < 5; i++) {
        text.data = buf;
        text.len = ngx_sprintf(buf, "%ui.%03ui", us[i] / 1000, us[i] % 1000)
                   - buf;

        ngx_http_webhook_json_raw(w, names[i], &text);
    }

    ngx_http_webhook_json_close_object(w);
}


/*
 * As it was sent: from the attempt's row, and from the payload, whose length
 * is known as long as it is not erased.
 */

static void
ngx_http_webhook_attempt_request(ngx_http_webhook_json_writer_t *w,
    ngx_http_webhook_attempt_t *a, ngx_http_webhook_event_op_t *eop)
{
    u_char                 buf[NGX_TIME_T_LEN], length[NGX_SIZE_T_LEN];
    ngx_str_t              timestamp, text;
    ngx_http_webhook_id_t  id;

    id = eop->event.id;

    timestamp.data = buf;
    timestamp.len = ngx_sprintf(buf, "%T", a->signed_at) - buf;

    ngx_http_webhook_json_object(w, "request");
    ngx_http_webhook_json_cstring(w, "method", "POST");
    ngx_http_webhook_json_string(w, "url", &a->url);
    ngx_http_webhook_json_object(w, "headers");

    if (ngx_http_webhook_attempt_host(eop->op.pool, &a->url, &text)
        == NGX_OK)
    {
        ngx_http_webhook_json_string(w, "Host", &text);
    }

    ngx_http_webhook_json_cstring(w, "User-Agent",
                                  NGX_HTTP_WEBHOOK_USER_AGENT);
    ngx_http_webhook_json_cstring(w, "Content-Type", "application/json");

    if (eop->payload.len) {
        text.data = length;
        text.len = ngx_sprintf(length, "%uz",
                               sizeof("{\"event\":\"\",\"payload\":,"
                                      "\"timestamp\":}") - 1
                               + eop->event.event.len + eop->payload.len
                               + timestamp.len)
                   - length;

        ngx_http_webhook_json_string(w, "Content-Length", &text);
    }

    ngx_http_webhook_json_id(w, "X-Webhook-Event-Id", "evt_", id);
    ngx_http_webhook_json_string(w, "X-Timestamp", &timestamp);
    ngx_http_webhook_json_string(w, "X-Signature", &a->signature);

    if (a->previous.len) {
        ngx_http_webhook_json_string(w, "X-Signature-Previous", &a->previous);
    }

    if (a->standard.len) {
        ngx_http_webhook_json_id(w, "webhook-id", "evt_", id);
        ngx_http_webhook_json_string(w, "webhook-timestamp", &timestamp);
        ngx_http_webhook_json_string(w, "webhook-signature", &a->standard);
    }

    ngx_http_webhook_headers_sent(w, &a->header_names);

    ngx_http_webhook_json_close_object(w);
    ngx_http_webhook_json_close_object(w);
}


/* Host: in lower case, with a port that is not the scheme's own. */

static ngx_int_t
ngx_http_webhook_attempt_host(ngx_pool_t *pool, ngx_str_t *url,
    ngx_str_t *host)
{
    u_char     *p, *last;
    ngx_str_t   port;

    last = url->data + url->len;
    p = ngx_strlchr(url->data, last, ':');

    if (p == NULL || last - p < 3) {
        return NGX_ERROR;
    }

    if (p - url->data == sizeof("https") - 1) {
        ngx_str_set(&port, ":443");

    } else {
        ngx_str_set(&port, ":80");
    }

    host->data = p + 3;

    for (p = host->data; p < last && *p != '/' && *p != '?'; p++) {
        /* void */
    }

    host->len = p - host->data;

    if (host->len > port.len
        && ngx_strncmp(p - port.len, port.data, port.len) == 0)
    {
        host->len -= port.len;
    }

    p = ngx_pnalloc(pool, host->len);
    if (p == NULL) {
        return NGX_ERROR;
    }

    ngx_strlow(p, host->data, host->len);
    host->data = p;

    return NGX_OK;
}


static void
ngx_http_webhook_attempt_response(ngx_http_webhook_json_writer_t *w,
    ngx_http_webhook_attempt_t *a, ngx_pool_t *pool)
{
    if (a->status_code == 0) {
        ngx_http_webhook_json_null(w, "response");
        return;
    }

    ngx_http_webhook_json_object(w, "response");
    ngx_http_webhook_json_string(w, "head", &a->response_head);
    ngx_http_webhook_attempt_headers(w, &a->response_head, pool);
    ngx_http_webhook_json_string(w, "body", &a->response_body);
    ngx_http_webhook_json_boolean(w, "truncated", a->truncated);
    ngx_http_webhook_json_close_object(w);
}


/*
 * The whole lines of a head, by the names of their fields in lower case; what
 * has the same name is one, with ", " between (RFC 9110, 5.3).
 */

static void
ngx_http_webhook_attempt_headers(ngx_http_webhook_json_writer_t *w,
    ngx_str_t *head, ngx_pool_t *pool)
{
    u_char           *p, *last, *end;
    ngx_uint_t        i, n;
    ngx_table_elt_t   fields[NGX_HTTP_WEBHOOK_ATTEMPT_FIELDS];

    n = 0;
    last = head->data + head->len;

    for (p = head->data;
         n < NGX_HTTP_WEBHOOK_ATTEMPT_FIELDS
         && (end = ngx_strlchr(p, last, LF)) != NULL;
         p = end + 1)
    {
        if (ngx_http_webhook_attempt_field(pool, p, end, &fields[n])
            != NGX_OK)
        {
            continue;
        }

        for (i = 0; i < n; i++) {
            if (ngx_strcmp(fields[i].key.data, fields[n].key.data) == 0) {
                break;
            }
        }

        if (i == n) {
            n++;
            continue;
        }

        if (ngx_http_webhook_attempt_join(pool, &fields[i].value,
                                          &fields[n].value)
            != NGX_OK)
        {
            break;
        }
    }

    ngx_http_webhook_json_object(w, "headers");

    for (i = 0; i < n; i++) {
        ngx_http_webhook_json_string(w, (char *) fields[i].key.data,
                                     &fields[i].value);
    }

    ngx_http_webhook_json_close_object(w);
}


/* A line, if it is one; its name ends with a zero byte. */

static ngx_int_t
ngx_http_webhook_attempt_field(ngx_pool_t *pool, u_char *p, u_char *end,
    ngx_table_elt_t *h)
{
    u_char  *colon;

    colon = ngx_strlchr(p, end, ':');

    if (colon == NULL || colon == p
        || (end - p > 5 && ngx_strncmp(p, "HTTP/", 5) == 0))
    {
        return NGX_DECLINED;
    }

    h->key.len = colon - p;
    h->key.data = ngx_pnalloc(pool, h->key.len + 1);
    if (h->key.data == NULL) {
        return NGX_ERROR;
    }

    ngx_strlow(h->key.data, p, h->key.len);
    h->key.data[h->key.len] = '\0';

    for (p = colon + 1; p < end && (*p == ' ' || *p == '\t'); p++) {
        /* void */
    }

    while (end > p && end[-1] <= ' ') {
        end--;
    }

    h->value.data = p;
    h->value.len = end - p;

    return NGX_OK;
}


static ngx_int_t
ngx_http_webhook_attempt_join(ngx_pool_t *pool, ngx_str_t *value,
    ngx_str_t *more)
{
    u_char  *p;

    p = ngx_pnalloc(pool, value->len + 2 + more->len);
    if (p == NULL) {
        return NGX_ERROR;
    }

    more->len = ngx_sprintf(p, "%V, %V", value, more) - p;

    value->data = p;
    value->len = more->len;

    return NGX_OK;
}
