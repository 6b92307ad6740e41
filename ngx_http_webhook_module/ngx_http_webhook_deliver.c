
/*
 * Copyright (C) the ngx_http_webhook_module authors
 */


/*
 * A delivery is a subrequest of a main request that no client has made.
 *
 * The main request's connection is memory of the delivery's own, with no
 * descriptor, so that no slot of worker_connections is taken.  The subrequest
 * is answered by the built-in transport, or by a location of the operator's
 * (via.c).  When it is finalized, the main request wakes up, and a posted event
 * frees it: not sooner, for nginx still looks at it on the way out.
 *
 *     deliver -> subrequest -> resolve -> transport -> answered
 *             -> post_subrequest -> main wakes -> finish -> handler
 *                                              -> again, to another address
 */


#include "ngx_http_webhook_deliver.h"
#include "ngx_http_webhook_content.h"
#include "ngx_http_webhook_transport.h"
#include "ngx_http_webhook_via.h"


static ngx_int_t ngx_http_webhook_deliver_request(
    ngx_http_webhook_delivery_t *d);
static ngx_connection_t *ngx_http_webhook_deliver_connection(
    ngx_http_webhook_delivery_t *d);
static ngx_int_t ngx_http_webhook_deliver_subrequest(
    ngx_http_webhook_delivery_t *d);
static void ngx_http_webhook_deliver_send(ngx_http_request_t *sr);
static void ngx_http_webhook_deliver_resolved(ngx_http_webhook_resolve_t *rs);
static void ngx_http_webhook_deliver_transfer(ngx_http_webhook_delivery_t *d);
static void ngx_http_webhook_deliver_fail(ngx_http_webhook_delivery_t *d,
    const char *error, const char *detail);
static void ngx_http_webhook_deliver_answered(ngx_http_webhook_delivery_t *d);
static ngx_int_t ngx_http_webhook_deliver_post(ngx_http_request_t *sr,
    void *data, ngx_int_t rc);
static void ngx_http_webhook_deliver_event(ngx_event_t *ev);
static void ngx_http_webhook_deliver_end(ngx_http_webhook_delivery_t *d);
static void ngx_http_webhook_deliver_wake(ngx_http_request_t *r);
static void ngx_http_webhook_deliver_finish(ngx_event_t *ev);
static void ngx_http_webhook_deliver_expired(ngx_http_webhook_delivery_t *d);
static u_char *ngx_http_webhook_deliver_log(ngx_log_t *log, u_char *buf,
    size_t len);


static ngx_str_t  ngx_http_webhook_post_method = ngx_string("POST");
static ngx_str_t  ngx_http_webhook_protocol = ngx_string("HTTP/1.1");


ngx_http_webhook_delivery_t *
ngx_http_webhook_deliver(ngx_http_webhook_main_conf_t *wmcf,
    ngx_http_webhook_held_t *held, ngx_http_webhook_target_t *target,
    ngx_http_webhook_delivery_pt handler, void *data)
{
    ngx_pool_t                   *pool;
    struct timespec               ts;
    ngx_http_webhook_delivery_t  *d;

    pool = ngx_create_pool(4096, ngx_cycle->log);
    if (pool == NULL) {
        return NULL;
    }

    d = ngx_pcalloc(pool, sizeof(ngx_http_webhook_delivery_t));
    if (d == NULL) {
        ngx_destroy_pool(pool);
        return NULL;
    }

    d->pool = pool;
    d->wmcf = wmcf;
    d->held = held;
    d->target = target;
    d->handler = handler;
    d->data = data;
    d->answered = ngx_http_webhook_deliver_answered;
    d->expired = ngx_http_webhook_deliver_expired;
    d->start_msec = ngx_current_msec;

    ngx_http_webhook_target_ref(target);

    (void) clock_gettime(CLOCK_REALTIME, &ts);

    d->attempt.number = held->retries + 1;
    d->attempt.started_at = (int64_t) ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
    d->attempt.signed_at = ts.tv_sec;
    d->attempt.url = target->url_text;

    if (target->nheaders) {
        d->attempt.header_names = target->header_names;
    }

    if (ngx_http_webhook_content_sign(d) != NGX_OK
        || ngx_http_webhook_deliver_request(d) != NGX_OK)
    {
        if (d->request) {
            ngx_http_webhook_deliver_end(d);
        }

        ngx_http_webhook_deliver_free(d);
        return NULL;
    }

    ngx_http_run_posted_requests(d->request->connection);

    return d;
}


void
ngx_http_webhook_deliver_free(ngx_http_webhook_delivery_t *d)
{
    ngx_http_webhook_target_unref(d->target);
    ngx_destroy_pool(d->pool);
}


void
ngx_http_webhook_deliver_abort(ngx_http_webhook_delivery_t *d)
{
    ngx_http_webhook_resolve_cancel(&d->resolve);

    if (d->finish.posted) {
        ngx_delete_posted_event(&d->finish);
    }

    if (d->timer.timer_set) {
        ngx_del_timer(&d->timer);
    }

    if (d->request) {
        ngx_http_webhook_deliver_end(d);
    }

    ngx_http_webhook_deliver_free(d);
}


static ngx_int_t
ngx_http_webhook_deliver_request(ngx_http_webhook_delivery_t *d)
{
    ngx_connection_t    *c;
    ngx_http_request_t  *r;

    c = ngx_http_webhook_deliver_connection(d);
    if (c == NULL) {
        return NGX_ERROR;
    }

    r = ngx_http_create_request(c);
    if (r == NULL) {
        return NGX_ERROR;
    }

    c->data = r;
    d->request = r;

    /* what is read from a client otherwise; a main request logs nothing */

    r->logged = 1;
    r->method = NGX_HTTP_POST;
    r->method_name = ngx_http_webhook_post_method;
    r->http_protocol = ngx_http_webhook_protocol;
    r->http_version = NGX_HTTP_VERSION_11;
    r->uri = d->target->url.uri;
    r->unparsed_uri = d->target->url.uri;
    r->valid_unparsed_uri = 1;
    r->write_event_handler = ngx_http_webhook_deliver_wake;

    ngx_http_set_ctx(r, d, ngx_http_webhook_module);

    if (ngx_list_init(&r->headers_in.headers, r->pool, 8,
                      sizeof(ngx_table_elt_t))
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (d->wmcf->deliver_via.len
        && ngx_http_webhook_via_headers(d) != NGX_OK)
    {
        return NGX_ERROR;
    }

    return ngx_http_webhook_deliver_subrequest(d);
}


static ngx_connection_t *
ngx_http_webhook_deliver_connection(ngx_http_webhook_delivery_t *d)
{
    ngx_event_t            *rev, *wev;
    ngx_connection_t       *c;
    ngx_http_connection_t  *hc;

    static struct sockaddr_un  nowhere = { .sun_family = AF_UNIX };

    c = ngx_pcalloc(d->pool, sizeof(ngx_connection_t));
    rev = ngx_pcalloc(d->pool, sizeof(ngx_event_t));
    wev = ngx_pcalloc(d->pool, sizeof(ngx_event_t));
    hc = ngx_pcalloc(d->pool, sizeof(ngx_http_connection_t));

    if (c == NULL || rev == NULL || wev == NULL || hc == NULL) {
        return NULL;
    }

    c->buffer = ngx_create_temp_buf(d->pool, 1);
    if (c->buffer == NULL) {
        return NULL;
    }

    hc->conf_ctx = d->wmcf->deliver_via.len ? d->wmcf->via_ctx : d->wmcf->ctx;

    d->log = *ngx_cycle->log;
    d->log.handler = ngx_http_webhook_deliver_log;
    d->log.data = &d->log_ctx;
    d->log.action = NULL;
    d->log_ctx.connection = c;

    /* "active" keeps nginx from adding a descriptor of -1 to its events */

    rev->data = c;
    rev->log = &d->log;
    rev->handler = ngx_http_webhook_deliver_event;
    rev->active = 1;

    wev->data = c;
    wev->log = &d->log;
    wev->handler = ngx_http_webhook_deliver_event;
    wev->write = 1;
    wev->active = 1;
    wev->ready = 1;

    c->fd = (ngx_socket_t) -1;
    c->data = hc;
    c->pool = d->pool;
    c->log = &d->log;
    c->read = rev;
    c->write = wev;
    c->number = ngx_atomic_fetch_add(ngx_connection_counter, 1);
    c->start_time = ngx_current_msec;
    c->tcp_nodelay = NGX_TCP_NODELAY_DISABLED;
    c->sockaddr = (struct sockaddr *) &nowhere;
    c->socklen = sizeof(struct sockaddr_un);
    c->local_sockaddr = (struct sockaddr *) &nowhere;
    c->local_socklen = sizeof(struct sockaddr_un);
    c->log_error = NGX_ERROR_ERR;

    ngx_str_set(&c->addr_text, "webhook");

    d->log.connection = c->number;

    d->finish.data = d;
    d->finish.handler = ngx_http_webhook_deliver_finish;
    d->finish.log = &d->log;

    return c;
}


static ngx_int_t
ngx_http_webhook_deliver_subrequest(ngx_http_webhook_delivery_t *d)
{
    ngx_buf_t                *b;
    ngx_http_request_t       *sr;
    ngx_http_request_body_t  *rb;

    d->post_subrequest.handler = ngx_http_webhook_deliver_post;
    d->post_subrequest.data = d;

    rb = ngx_pcalloc(d->pool, sizeof(ngx_http_request_body_t));
    b = ngx_calloc_buf(d->pool);

    if (rb == NULL || b == NULL) {
        return NGX_ERROR;
    }

    rb->bufs = ngx_alloc_chain_link(d->pool);
    if (rb->bufs == NULL) {
        return NGX_ERROR;
    }

    b->pos = d->body.data;
    b->last = d->body.data + d->body.len;
    b->start = b->pos;
    b->end = b->last;
    b->memory = 1;
    b->last_buf = 1;

    rb->bufs->buf = b;
    rb->bufs->next = NULL;
    rb->buf = b;

    if (ngx_http_subrequest(d->request, d->wmcf->deliver_via.len
                                        ? &d->wmcf->deliver_via
                                        : &d->request->uri,
                            NULL, &sr, &d->post_subrequest, 0)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    d->subrequest = sr;

    sr->method = NGX_HTTP_POST;
    sr->method_name = ngx_http_webhook_post_method;
    sr->request_body = rb;
    sr->headers_in.content_length_n = d->body.len;

    ngx_http_set_ctx(sr, d, ngx_http_webhook_module);

    /* not the phases of http{}: the location's run when there is an address */

    sr->write_event_handler = ngx_http_webhook_deliver_send;

    return NGX_OK;
}


static void
ngx_http_webhook_deliver_send(ngx_http_request_t *sr)
{
    ngx_http_webhook_delivery_t *d;

    d = ngx_http_get_module_ctx(sr, ngx_http_webhook_module);

    sr->write_event_handler = ngx_http_request_empty_handler;

    if (d->naddr) {
        ngx_http_webhook_deliver_transfer(d);     /* to the next address */
        return;
    }

    d->log.action = "resolving the host of a webhook";

    d->resolve.pool = d->pool;
    d->resolve.url = &d->target->url;
    d->resolve.timeout = ngx_min(d->wmcf->connect_timeout, d->wmcf->timeout);
    d->resolve.handler = ngx_http_webhook_deliver_resolved;
    d->resolve.data = d;

    if (d->target->refused) {
        ngx_http_webhook_deliver_fail(d, "url_refused", d->target->refused);
        return;
    }

    if (d->target->locked) {
        ngx_http_webhook_deliver_fail(d, "secret_unavailable",
                                      "its secret cannot be opened");
        return;
    }

    if (ngx_http_webhook_resolve(d->wmcf, &d->resolve) == NGX_OK) {
        ngx_http_webhook_deliver_resolved(&d->resolve);
    }
}


static void
ngx_http_webhook_deliver_resolved(ngx_http_webhook_resolve_t *rs)
{
    ngx_http_webhook_delivery_t *d = rs->data;

    ngx_msec_t  spent;

    spent = ngx_current_msec - d->start_msec;

    d->attempt.name_lookup = 1000 * spent;

    if (rs->naddrs == 0) {
        d->attempt.duration = d->attempt.name_lookup;
        ngx_http_webhook_deliver_fail(d, rs->error, rs->detail);
        return;
    }

    ngx_http_webhook_deliver_transfer(d);
}


static void
ngx_http_webhook_deliver_transfer(ngx_http_webhook_delivery_t *d)
{
    d->log.action = "sending to a webhook";

    if ((d->wmcf->deliver_via.len
         ? ngx_http_webhook_via_send(d)
         : ngx_http_webhook_transport_send(d->wmcf->transport, d))
        != NGX_OK)
    {
        ngx_http_webhook_deliver_fail(d, "internal", "out of memory");
    }
}


/* Nothing was sent: the code and the words are constants. */

static void
ngx_http_webhook_deliver_fail(ngx_http_webhook_delivery_t *d,
    const char *error, const char *detail)
{
    ngx_http_webhook_attempt_t  *a;

    a = &d->attempt;

    a->internal = (ngx_strcmp(error, "internal") == 0
                   || ngx_strcmp(error, "secret_unavailable") == 0);
    a->error.data = (u_char *) error;
    a->error.len = ngx_strlen(error);
    a->detail.data = (u_char *) detail;
    a->detail.len = ngx_strlen(detail);

    ngx_http_webhook_deliver_answered(d);
}


/*
 * The outcome is known.  Called by the transport, by the resolver, or from
 * the subrequest's own handler: in the last case nginx runs what is posted
 * itself, and running it here does no harm.
 */

static void
ngx_http_webhook_deliver_answered(ngx_http_webhook_delivery_t *d)
{
    ngx_connection_t  *c;

    c = d->request->connection;

    d->subrequest->headers_out.status = d->attempt.status_code
                                        ? d->attempt.status_code
                                        : NGX_HTTP_BAD_GATEWAY;

    ngx_http_finalize_request(d->subrequest, NGX_OK);
    ngx_http_run_posted_requests(c);
}


static ngx_int_t
ngx_http_webhook_deliver_post(ngx_http_request_t *sr, void *data, ngx_int_t rc)
{
    ngx_http_webhook_delivery_t *d = data;

    ngx_log_debug3(NGX_LOG_DEBUG_HTTP, &d->log, 0,
                   "webhook deliver: %V rc:%i status:%ui",
                   &d->id, rc, d->attempt.status_code);

    if (d->timer.timer_set) {
        ngx_http_webhook_via_outcome(d, rc);
        d->again = ngx_http_webhook_via_next(d);
    }

    sr->connection->error = 0;
    sr->connection->timedout = 0;

    return NGX_OK;
}


/* A timer that a location has set on the connection, to go on later. */

static void
ngx_http_webhook_deliver_event(ngx_event_t *ev)
{
    ngx_connection_t    *c;
    ngx_http_request_t  *r;

    c = ev->data;
    r = c->data;

    if (ev->delayed && ev->timedout) {
        ev->delayed = 0;
        ev->timedout = 0;
    }

    if (ev->write) {
        r->write_event_handler(r);

    } else {
        r->read_event_handler(r);
    }

    ngx_http_run_posted_requests(c);
}


/* Frees the detached request, and what a location has left at its events. */

static void
ngx_http_webhook_deliver_end(ngx_http_webhook_delivery_t *d)
{
    ngx_uint_t           i;
    ngx_event_t         *events[2];
    ngx_http_request_t  *r;

    r = d->request;

    events[0] = r->connection->read;
    events[1] = r->connection->write;

    for (i = 0; i < 2; i++) {

        if (events[i]->timer_set) {
            ngx_del_timer(events[i]);
        }

        if (events[i]->posted) {
            ngx_delete_posted_event(events[i]);
        }
    }

    d->request = NULL;
    d->subrequest = NULL;

    ngx_http_free_request(r, 0);
}


/* The subrequest is done: the main request is freed by a posted event. */

static void
ngx_http_webhook_deliver_wake(ngx_http_request_t *r)
{
    ngx_http_webhook_delivery_t *d;

    d = ngx_http_get_module_ctx(r, ngx_http_webhook_module);

    if (r->count == 1) {
        ngx_post_event(&d->finish, &ngx_posted_events);
    }
}


static void
ngx_http_webhook_deliver_finish(ngx_event_t *ev)
{
    ngx_http_webhook_delivery_t *d = ev->data;

    if (d->again) {
        d->again = 0;

        if (ngx_http_webhook_deliver_subrequest(d) == NGX_OK) {
            ngx_http_run_posted_requests(d->request->connection);
            return;
        }
    }

    ngx_http_webhook_deliver_end(d);

    d->handler(d);
}


/* The location still works on it: the request ends with all that it has. */

static void
ngx_http_webhook_deliver_expired(ngx_http_webhook_delivery_t *d)
{
    ngx_http_webhook_deliver_finish(&d->finish);
}


/* Ids alone: never a secret, never a payload. */

static u_char *
ngx_http_webhook_deliver_log(ngx_log_t *log, u_char *buf, size_t len)
{
    u_char                       *p;
    ngx_http_webhook_delivery_t  *d;

    d = (ngx_http_webhook_delivery_t *)
            ((u_char *) log - offsetof(ngx_http_webhook_delivery_t, log));

    p = buf;

    if (log->action) {
        p = ngx_snprintf(buf, len, " while %s", log->action);
        len -= p - buf;
        buf = p;
    }

    return ngx_snprintf(buf, len, ", webhook event: %V, host: \"%V\"",
                        &d->id, &d->target->url.host);
}


char *
ngx_http_webhook_deliver_init(ngx_conf_t *cf,
    ngx_http_webhook_main_conf_t *wmcf)
{
    void                       *conf;
    ngx_uint_t                  i, index;
    ngx_http_module_t          *module;
    ngx_http_conf_ctx_t        *ctx, *http_ctx;
    ngx_http_core_srv_conf_t   *cscf, **cscfp;
    ngx_http_core_main_conf_t  *cmcf;

    http_ctx = cf->ctx;

    ctx = ngx_pcalloc(cf->pool, sizeof(ngx_http_conf_ctx_t));
    if (ctx == NULL) {
        return NGX_CONF_ERROR;
    }

    ctx->main_conf = http_ctx->main_conf;
    ctx->srv_conf = ngx_pcalloc(cf->pool, sizeof(void *) * ngx_http_max_module);
    ctx->loc_conf = ngx_pcalloc(cf->pool, sizeof(void *) * ngx_http_max_module);

    if (ctx->srv_conf == NULL || ctx->loc_conf == NULL) {
        return NGX_CONF_ERROR;
    }

    for (i = 0; cf->cycle->modules[i]; i++) {

        if (cf->cycle->modules[i]->type != NGX_HTTP_MODULE) {
            continue;
        }

        module = cf->cycle->modules[i]->ctx;
        index = cf->cycle->modules[i]->ctx_index;

        if (module->create_srv_conf) {
            conf = module->create_srv_conf(cf);
            if (conf == NULL) {
                return NGX_CONF_ERROR;
            }

            ctx->srv_conf[index] = conf;
        }

        if (module->create_loc_conf) {
            conf = module->create_loc_conf(cf);
            if (conf == NULL) {
                return NGX_CONF_ERROR;
            }

            ctx->loc_conf[index] = conf;
        }
    }

    cscf = ctx->srv_conf[ngx_http_core_module.ctx_index];
    cscf->ctx = ctx;

    cmcf = ctx->main_conf[ngx_http_core_module.ctx_index];

    cscfp = ngx_array_push(&cmcf->servers);
    if (cscfp == NULL) {
        return NGX_CONF_ERROR;
    }

    *cscfp = cscf;

    wmcf->ctx = ctx;

    return NGX_CONF_OK;
}
