
/*
 * Copyright (C) the ngx_http_webhook_module authors
 */


/*
 * webhook_deliver_via: a delivery's subrequest runs in a location of the
 * operator's, in his server{}, with all that nginx has: proxy_pass, upstreams
 * that keep connections, client certificates, source addresses, access logs.
 *
 * The location answers as it would answer a client, but there is none: two
 * filters take the head and the first of the body, for the log, and let
 * nothing pass on.  That the head is the endpoint's, and not nginx's own 502 or
 * 504, is told by r->upstream_states: there, a head has a time.
 *
 *     resolved -> send -> location ... -> head filter -> body filter
 *              -> finalized -> outcome
 *
 * A location that cannot connect to $webhook_addr runs again with the next
 * address of the name, in a subrequest of its own.
 *
 * The location has its own time-outs; webhook_timeout is the bound of all.
 */


#include "ngx_http_webhook_via.h"


/*
 * Early hints (103) have no bound in nginx, which knows them since 1.29.0, nor
 * has the memory that they take: so often, in ms, are they looked at.
 */

#define NGX_HTTP_WEBHOOK_VIA_LOOK  100


static ngx_int_t ngx_http_webhook_via_header(ngx_http_webhook_delivery_t *d,
    const char *name, ngx_str_t *value);
static ngx_int_t ngx_http_webhook_via_own_header(
    ngx_http_webhook_delivery_t *d, ngx_http_webhook_header_t *header);
static ngx_msec_t ngx_http_webhook_via_wait(ngx_http_webhook_delivery_t *d);
static ngx_uint_t ngx_http_webhook_via_flooded(
    ngx_http_webhook_delivery_t *d);
static void ngx_http_webhook_via_expired(ngx_event_t *ev);
static ngx_int_t ngx_http_webhook_via_head_filter(ngx_http_request_t *r);
static ngx_int_t ngx_http_webhook_via_body_filter(ngx_http_request_t *r,
    ngx_chain_t *in);
static ngx_int_t ngx_http_webhook_via_redirected(ngx_http_request_t *r);
static void ngx_http_webhook_via_head(ngx_http_webhook_delivery_t *d,
    ngx_http_request_t *r);
static void ngx_http_webhook_via_failed(ngx_http_webhook_delivery_t *d,
    ngx_int_t rc, const char *detail);
static ngx_uint_t ngx_http_webhook_via_broken(ngx_http_webhook_delivery_t *d,
    ngx_int_t rc);
static const char *ngx_http_webhook_via_error(ngx_http_request_t *r,
    ngx_int_t rc, const char **detail);
static ngx_uint_t ngx_http_webhook_via_unread(ngx_http_upstream_t *u);


static ngx_http_output_header_filter_pt  ngx_http_next_header_filter;
static ngx_http_output_body_filter_pt    ngx_http_next_body_filter;


ngx_int_t
ngx_http_webhook_via_headers(ngx_http_webhook_delivery_t *d)
{
    u_char                      *p;
    ngx_str_t                    time, agent, type;
    ngx_uint_t                   i;
    ngx_http_request_t          *r;
    ngx_http_webhook_attempt_t  *a;

    a = &d->attempt;
    r = d->request;

    ngx_str_set(&type, "application/json");
    ngx_str_set(&agent, NGX_HTTP_WEBHOOK_USER_AGENT);

    p = ngx_pnalloc(d->pool, NGX_TIME_T_LEN);
    if (p == NULL) {
        return NGX_ERROR;
    }

    time.data = p;
    time.len = ngx_sprintf(p, "%T", a->signed_at) - p;

    r->headers_in.server = d->target->url.host;

    if (ngx_http_webhook_via_header(d, "Host", &d->target->url.host) != NGX_OK
        || ngx_http_webhook_via_header(d, "User-Agent", &agent) != NGX_OK
        || ngx_http_webhook_via_header(d, "Content-Type", &type) != NGX_OK
        || ngx_http_webhook_via_header(d, "X-Webhook-Event-Id", &d->id)
           != NGX_OK
        || ngx_http_webhook_via_header(d, "X-Timestamp", &time) != NGX_OK
        || ngx_http_webhook_via_header(d, "X-Signature", &a->signature)
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (a->previous.len
        && ngx_http_webhook_via_header(d, "X-Signature-Previous", &a->previous)
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (a->standard.len
        && (ngx_http_webhook_via_header(d, "webhook-id", &d->id) != NGX_OK
            || ngx_http_webhook_via_header(d, "webhook-timestamp", &time)
               != NGX_OK
            || ngx_http_webhook_via_header(d, "webhook-signature",
                                           &a->standard)
               != NGX_OK))
    {
        return NGX_ERROR;
    }

    for (i = 0; i < d->target->nheaders; i++) {
        if (ngx_http_webhook_via_own_header(d, &d->target->headers[i])
            != NGX_OK)
        {
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_webhook_via_header(ngx_http_webhook_delivery_t *d, const char *name,
    ngx_str_t *value)
{
    ngx_http_webhook_header_t  header;

    header.name.len = ngx_strlen(name);
    header.name.data = (u_char *) name;
    header.value = *value;

    return ngx_http_webhook_via_own_header(d, &header);
}


static ngx_int_t
ngx_http_webhook_via_own_header(ngx_http_webhook_delivery_t *d,
    ngx_http_webhook_header_t *header)
{
    ngx_table_elt_t  *h;

    h = ngx_list_push(&d->request->headers_in.headers);
    if (h == NULL) {
        return NGX_ERROR;
    }

    ngx_memzero(h, sizeof(ngx_table_elt_t));

    h->key = header->name;
    h->value = header->value;

    h->lowcase_key = ngx_pnalloc(d->pool, h->key.len);
    if (h->lowcase_key == NULL) {
        return NGX_ERROR;
    }

    h->hash = ngx_hash_strlow(h->lowcase_key, h->key.data, h->key.len);

    return NGX_OK;
}


ngx_int_t
ngx_http_webhook_via_send(ngx_http_webhook_delivery_t *d)
{
    ngx_str_t           *peer;
    ngx_addr_t          *addr;
    ngx_connection_t    *c;
    ngx_http_request_t  *sr;

    sr = d->subrequest;
    c = sr->connection;
    addr = &d->resolve.addrs[d->naddr];

    ngx_str_null(&d->attempt.error);
    ngx_str_null(&d->attempt.detail);
    d->pinned = 0;

    peer = &d->attempt.peer;

    peer->data = ngx_pnalloc(d->pool, NGX_SOCKADDR_STRLEN);
    if (peer->data == NULL) {
        return NGX_ERROR;
    }

    peer->len = ngx_sock_ntop(addr->sockaddr, addr->socklen, peer->data,
                              NGX_SOCKADDR_STRLEN, 0);

    d->timer.handler = ngx_http_webhook_via_expired;
    d->timer.data = c;
    d->timer.log = &d->log;

    ngx_add_timer(&d->timer, ngx_http_webhook_via_wait(d));

    ngx_http_handler(sr);
    ngx_http_run_posted_requests(c);

    return NGX_OK;
}


/* When to look at a delivery again, ms: at the end of its time, or sooner. */

static ngx_msec_t
ngx_http_webhook_via_wait(ngx_http_webhook_delivery_t *d)
{
    ngx_msec_t  spent, wait;

    spent = ngx_current_msec - d->start_msec;
    wait = (spent < d->wmcf->timeout) ? d->wmcf->timeout - spent : 1;

#if (nginx_version >= 1029000)

    if (!d->head) {
        wait = ngx_min(wait, NGX_HTTP_WEBHOOK_VIA_LOOK);
    }

#endif

    return wait;
}


/* Whether more has come than any head is. */

static ngx_uint_t
ngx_http_webhook_via_flooded(ngx_http_webhook_delivery_t *d)
{
    ngx_array_t                *states;
    ngx_http_upstream_state_t  *state;

    states = d->subrequest->upstream_states;

    if (d->head || states == NULL || states->nelts == 0) {
        return 0;
    }

    state = states->elts;
    state += states->nelts - 1;

    return state->bytes_received > NGX_HTTP_WEBHOOK_RESPONSE_HEADS;
}


static void
ngx_http_webhook_via_expired(ngx_event_t *ev)
{
    ngx_http_webhook_delivery_t  *d;

    d = (ngx_http_webhook_delivery_t *)
            ((u_char *) ev - offsetof(ngx_http_webhook_delivery_t, timer));

    if (d->request->blocked) {
        ngx_add_timer(&d->timer, 50);            /* a thread works for it */
        return;
    }

    if (ngx_current_msec - d->start_msec < d->wmcf->timeout
        && !ngx_http_webhook_via_flooded(d))
    {
        ngx_add_timer(&d->timer, ngx_http_webhook_via_wait(d));
        return;
    }

    ngx_http_webhook_via_outcome(d, NGX_AGAIN);

    d->expired(d);
}


/* The delivery that a request is a part of, or NULL. */

static ngx_http_webhook_delivery_t *
ngx_http_webhook_via_delivery(ngx_http_request_t *r)
{
    ngx_http_webhook_delivery_t  *d;

    if (r->connection->fd != (ngx_socket_t) -1) {
        return NULL;
    }

    d = ngx_http_get_module_ctx(r->main, ngx_http_webhook_module);

    return (d && d->request == r->main && !r->subrequest_in_memory) ? d : NULL;
}


static ngx_int_t
ngx_http_webhook_via_head_filter(ngx_http_request_t *r)
{
    ngx_http_webhook_delivery_t  *d;

    d = ngx_http_webhook_via_delivery(r);

    if (d == NULL) {
        return ngx_http_next_header_filter(r);
    }

    if (r == d->subrequest) {
        ngx_http_webhook_via_head(d, r);
    }

    r->header_sent = 1;

    return NGX_OK;
}


/*
 * An endpoint's X-Accel-Redirect would lead into locations of the operator's
 * that are internal: its answer ends here.
 */

static ngx_int_t
ngx_http_webhook_via_redirected(ngx_http_request_t *r)
{
    ngx_http_webhook_delivery_t  *d;

    d = ngx_http_webhook_via_delivery(r);

    if (d && r->upstream && r->upstream->headers_in.x_accel_redirect) {
        return NGX_HTTP_BAD_GATEWAY;
    }

    return NGX_DECLINED;
}


/* What the endpoint said, or, without an upstream, the location itself. */

static void
ngx_http_webhook_via_head(ngx_http_webhook_delivery_t *d,
    ngx_http_request_t *r)
{
    size_t             len;
    u_char            *p, *last;
    ngx_list_t        *list;
    ngx_uint_t         i;
    ngx_list_part_t   *part;
    ngx_table_elt_t   *h;

    d->attempt.status_code = r->headers_out.status;
    list = &r->headers_out.headers;

    if (r->upstream) {

        if (r->upstream->headers_in.status_n == 0) {
            return;                          /* nginx's own, or no HTTP */
        }

        d->attempt.status_code = r->upstream->headers_in.status_n;
        list = &r->upstream->headers_in.headers;
    }

    d->head = 1;
    d->attempt.first_byte = 1000 * (ngx_current_msec - d->start_msec);

    p = ngx_pnalloc(d->pool, NGX_HTTP_WEBHOOK_RESPONSE_HEAD);
    if (p == NULL) {
        return;                              /* the log goes without it */
    }

    d->attempt.response_head.data = p;
    last = p + NGX_HTTP_WEBHOOK_RESPONSE_HEAD;

    p = ngx_slprintf(p, last, "HTTP/1.1 %ui" CRLF, d->attempt.status_code);

    part = &list->part;
    h = part->elts;

    for (i = 0; /* void */; i++) {

        if (i >= part->nelts) {
            if (part->next == NULL) {
                break;
            }

            part = part->next;
            h = part->elts;
            i = 0;
        }

        len = h[i].key.len + h[i].value.len + sizeof(": " CRLF) - 1;

        if (h[i].hash && len <= (size_t) (last - p)) {
            p = ngx_sprintf(p, "%V: %V" CRLF, &h[i].key, &h[i].value);
        }
    }

    d->attempt.response_head.len = p - d->attempt.response_head.data;
}


/* Takes what comes; where it is more than is kept, the answer ends here. */

static ngx_int_t
ngx_http_webhook_via_body_filter(ngx_http_request_t *r, ngx_chain_t *in)
{
    size_t                        n, limit;
    ngx_str_t                    *body;
    ngx_buf_t                    *b;
    ngx_chain_t                  *cl;
    ngx_http_webhook_delivery_t  *d;

    d = ngx_http_webhook_via_delivery(r);

    if (d == NULL) {
        return ngx_http_next_body_filter(r, in);
    }

    body = &d->attempt.response_body;
    limit = d->wmcf->response_limit;

    if (r != d->subrequest) {
        for (cl = in; cl; cl = cl->next) {
            cl->buf->pos = cl->buf->last;
            cl->buf->file_pos = cl->buf->file_last;
        }

        return NGX_OK;
    }

    if (body->data == NULL) {
        body->data = ngx_pnalloc(d->pool, limit + 1);
        if (body->data == NULL) {
            return NGX_ERROR;
        }
    }

    for (cl = in; cl; cl = cl->next) {
        b = cl->buf;

        if (ngx_buf_in_memory(b)) {
            n = ngx_min((size_t) (b->last - b->pos), limit - body->len);

            ngx_memcpy(body->data + body->len, b->pos, n);
            body->len += n;

            if (n < (size_t) (b->last - b->pos)) {
                d->attempt.truncated = 1;
            }

            b->pos = b->last;
        }

        b->file_pos = b->file_last;
    }

    return d->attempt.truncated ? NGX_ERROR : NGX_OK;
}


void
ngx_http_webhook_via_outcome(ngx_http_webhook_delivery_t *d, ngx_int_t rc)
{
    const char                  *error, *detail;
    ngx_http_upstream_t         *u;
    ngx_http_upstream_state_t   *state;
    ngx_http_webhook_attempt_t  *a;

    a = &d->attempt;

    if (d->timer.timer_set) {
        ngx_del_timer(&d->timer);
    }

    a->duration = 1000 * (ngx_current_msec - d->start_msec);

    state = NULL;

    if (d->subrequest->upstream_states
        && d->subrequest->upstream_states->nelts)
    {
        state = d->subrequest->upstream_states->elts;
        state += d->subrequest->upstream_states->nelts - 1;

        if (state->connect_time != (ngx_msec_t) -1) {
            a->connect = a->name_lookup + 1000 * state->connect_time;
        }
    }

    u = d->subrequest->upstream;

    if (!d->head && u && u->headers_in.status_n
        && state && state->header_time != (ngx_msec_t) -1)
    {
        /* an error_page of the location's has hidden it */

        d->head = 1;
        a->status_code = u->headers_in.status_n;
    }

    if (d->head && a->status_code < NGX_HTTP_OK) {
        d->head = 0;                         /* interim, not an answer */
    }

    detail = NULL;

    if (d->head) {
        error = (a->status_code >= 200 && a->status_code <= 299)
                ? NULL : "http_status";

        if (rc == NGX_AGAIN) {
            detail = "its body did not end in time";

        } else if (ngx_http_webhook_via_broken(d, rc)) {
            detail = "its body is broken: see nginx's error log";
        }

    } else {
        a->status_code = 0;

        if (ngx_http_webhook_via_flooded(d)) {
            error = "bad_response";
            detail = "the head of its answer does not end";

        } else {
            error = ngx_http_webhook_via_error(d->subrequest, rc, &detail);
        }

        /* the operator's fault is none of the endpoint's */

        if (ngx_strcmp(error, "location_failed") == 0) {
            a->internal = 1;
            ngx_http_webhook_via_failed(d, rc, detail);
        }
    }

    if (error) {
        a->error.data = (u_char *) error;
        a->error.len = ngx_strlen(error);
    }

    if (detail) {
        a->detail.data = (u_char *) detail;
        a->detail.len = ngx_strlen(detail);
    }
}


static void
ngx_http_webhook_via_failed(ngx_http_webhook_delivery_t *d, ngx_int_t rc,
    const char *detail)
{
    ngx_uint_t  unsaid;

    if (!ngx_http_webhook_quiet(&d->wmcf->quiet, NGX_HTTP_WEBHOOK_QUIET_VIA,
                                &unsaid))
    {
        ngx_log_error(NGX_LOG_ERR, &d->log, 0,
                      "\"webhook_deliver_via\": \"%V\" gave no answer of an "
                      "endpoint (%i: %s)%s: deliveries wait",
                      &d->wmcf->deliver_via, rc, detail,
                      unsaid ? ", again and again" : "");
    }
}


/* Whether a body ended otherwise than its head said. */

static ngx_uint_t
ngx_http_webhook_via_broken(ngx_http_webhook_delivery_t *d, ngx_int_t rc)
{
    ngx_event_pipe_t     *p;
    ngx_http_upstream_t  *u;

    u = d->subrequest->upstream;

    if (u == NULL || d->attempt.truncated) {
        return 0;                            /* the end is this side's */
    }

    p = u->pipe;

    return rc == NGX_ERROR
           || (p && (p->upstream_error
                     || (p->upstream_eof && !p->upstream_done
                         && p->length > 0)));
}


ngx_uint_t
ngx_http_webhook_via_next(ngx_http_webhook_delivery_t *d)
{
    ngx_uint_t                  i;
    ngx_array_t                *states;
    ngx_http_upstream_state_t  *state;

    states = d->subrequest->upstream_states;

    if (!d->pinned
        || d->naddr + 1 >= d->resolve.naddrs
        || states == NULL || states->nelts == 0
        || d->attempt.error.len == 0
        || ngx_strncmp(d->attempt.error.data, "connect_", 8) != 0
        || ngx_current_msec - d->start_msec >= d->wmcf->timeout)
    {
        return 0;
    }

    state = states->elts;

    for (i = 0; i < states->nelts; i++) {
        if (state[i].connect_time != (ngx_msec_t) -1) {
            return 0;
        }
    }

    ngx_log_error(NGX_LOG_INFO, &d->log, 0,
                  "\"%V\" could not be connected to, the next address is tried",
                  &d->attempt.peer);

    d->naddr++;

    return 1;
}


/* A code for what nginx answers by itself; its error log has the words. */

static const char *
ngx_http_webhook_via_error(ngx_http_request_t *r, ngx_int_t rc,
    const char **detail)
{
    ngx_uint_t                  connected, answered;
    ngx_http_upstream_state_t  *state;

    connected = 0;
    answered = 0;

    if (r->upstream_states && r->upstream_states->nelts) {
        state = r->upstream_states->elts;
        state += r->upstream_states->nelts - 1;
        connected = (state->connect_time != (ngx_msec_t) -1);
        answered = (state->header_time != (ngx_msec_t) -1);
    }

    if (answered) {
        *detail = (r->upstream
                   && r->upstream->headers_in.status_n >= NGX_HTTP_CONTINUE
                   && r->upstream->headers_in.status_n < NGX_HTTP_OK)
                  ? "nginx took an interim answer for the last one"
                  : "what it answered is no HTTP";
        return "bad_response";
    }

    if (rc == NGX_HTTP_BAD_GATEWAY && connected
        && ngx_http_webhook_via_unread(r->upstream))
    {
        *detail = "its head is not valid, or too long: see nginx's error log";
        return "bad_response";
    }

    switch (rc) {

    case NGX_AGAIN:
    case NGX_HTTP_GATEWAY_TIME_OUT:
        *detail = (rc == NGX_AGAIN) ? "webhook_timeout is over"
                                    : "the location answered 504";
        return connected ? "timeout" : "connect_timeout";

    case NGX_HTTP_BAD_GATEWAY:
        *detail = "the location answered 502: see nginx's error log";
        return connected ? "connection_lost" : "connect_failed";

    case NGX_HTTP_NOT_FOUND:
        *detail = "there is no such location, or it has no answer";
        return "location_failed";

    default:
        *detail = "the location failed: see nginx's error log";
        return "location_failed";
    }
}


/*
 * Whether nginx gave a head up for what is in it: there is more than it has
 * read, or no room for more.  Of one that the endpoint cut short all is read.
 */

static ngx_uint_t
ngx_http_webhook_via_unread(ngx_http_upstream_t *u)
{
    ngx_buf_t  *b;

    if (u == NULL || u->buffer.start == NULL) {
        return 0;
    }

    b = &u->buffer;

    return b->pos != b->last || b->last == b->end;
}


char *
ngx_http_webhook_via_init(ngx_conf_t *cf, ngx_http_webhook_main_conf_t *wmcf)
{
    ngx_uint_t                   i;
    ngx_http_handler_pt         *h;
    ngx_http_core_srv_conf_t   **cscfp;
    ngx_http_core_main_conf_t   *cmcf;

    if (wmcf->deliver_via.len == 0) {
        return NGX_CONF_OK;
    }

    cmcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_core_module);
    cscfp = cmcf->servers.elts;

    /* said in http{}, it is a location of the first server{} */

    for (i = 0; wmcf->via_ctx == NULL && i < cmcf->servers.nelts; i++) {
        if (cscfp[i]->ctx != wmcf->ctx) {
            wmcf->via_ctx = cscfp[i]->ctx;
        }
    }

    if (wmcf->via_ctx == NULL) {
        return "needs a server{}";
    }

    /* the first phases after a redirect, to a path or to a named location */

    h = ngx_array_push(&cmcf->phases[NGX_HTTP_SERVER_REWRITE_PHASE].handlers);
    if (h == NULL) {
        return "has no memory";
    }

    *h = ngx_http_webhook_via_redirected;

    h = ngx_array_push(&cmcf->phases[NGX_HTTP_REWRITE_PHASE].handlers);
    if (h == NULL) {
        return "has no memory";
    }

    *h = ngx_http_webhook_via_redirected;

    ngx_http_next_header_filter = ngx_http_top_header_filter;
    ngx_http_top_header_filter = ngx_http_webhook_via_head_filter;

    ngx_http_next_body_filter = ngx_http_top_body_filter;
    ngx_http_top_body_filter = ngx_http_webhook_via_body_filter;

    return NGX_CONF_OK;
}
