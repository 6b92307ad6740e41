
/*
 * Copyright (C) the ngx_http_webhook_module authors
 */


/*
 * Bodies of requests, on the event loop.
 *
 * nginx's own check of client_max_body_size answers in HTML, and a body over
 * client_body_buffer_size goes to a file.  So a location of this module has
 * no such size: its bodies are read unbuffered, piece by piece, into memory
 * of at most the limit.
 */


#include "ngx_http_webhook_http.h"


static ngx_int_t ngx_http_webhook_body_too_large(ngx_http_request_t *r);
static void ngx_http_webhook_body_more(ngx_http_request_t *r);
static ngx_int_t ngx_http_webhook_body_take(ngx_http_request_t *r,
    ngx_http_webhook_ctx_t *ctx);


void
ngx_http_webhook_body_init(ngx_conf_t *cf)
{
    ngx_http_core_loc_conf_t  *clcf;

    clcf = ngx_http_conf_get_module_loc_conf(cf, ngx_http_core_module);

    clcf->client_max_body_size = 0;
}


ngx_int_t
ngx_http_webhook_body_read(ngx_http_request_t *r, size_t limit,
    ngx_http_webhook_body_pt handler)
{
    size_t                   size;
    ngx_int_t                rc;
    ngx_http_webhook_ctx_t  *ctx;

    if (r->headers_in.content_length_n > (off_t) limit) {
        return ngx_http_webhook_refuse(r, NGX_HTTP_WEBHOOK_BODY_TOO_LARGE,
                                       NULL);
    }

    size = (r->headers_in.content_length_n >= 0)
           ? (size_t) r->headers_in.content_length_n
           : ngx_min(limit, 4096);

    ctx = ngx_http_get_module_ctx(r, ngx_http_webhook_module);

    ctx->limit = limit;
    ctx->size = size;
    ctx->handler = handler;
    ctx->body.data = ngx_pnalloc(r->pool, size + 1);
    if (ctx->body.data == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    r->request_body_no_buffering = 1;

    rc = ngx_http_read_client_request_body(r, ngx_http_webhook_body_more);

    if (rc == NGX_HTTP_REQUEST_ENTITY_TOO_LARGE) {
        return ngx_http_webhook_body_too_large(r);
    }

    return (rc >= NGX_HTTP_SPECIAL_RESPONSE) ? rc : NGX_DONE;
}


/* The rest of the body is thrown away as the connection closes. */

static ngx_int_t
ngx_http_webhook_body_too_large(ngx_http_request_t *r)
{
    r->read_event_handler = ngx_http_block_reading;
    r->keepalive = 0;
    r->lingering_close = 1;

    return ngx_http_webhook_problem(r, NGX_HTTP_WEBHOOK_BODY_TOO_LARGE, NULL);
}


/* Takes what has come, until all has. */

static void
ngx_http_webhook_body_more(ngx_http_request_t *r)
{
    ngx_int_t                rc;
    ngx_http_webhook_ctx_t  *ctx;

    ctx = ngx_http_get_module_ctx(r, ngx_http_webhook_module);

    for ( ;; ) {

        rc = ngx_http_webhook_body_take(r, ctx);

        if (rc != NGX_OK) {
            break;
        }

        if (!r->reading_body) {
            r->read_event_handler = ngx_http_block_reading;

            rc = ctx->handler(r, &ctx->body);

            if (rc != NGX_AGAIN) {
                ngx_http_finalize_request(r, rc);
            }

            return;
        }

        rc = ngx_http_read_unbuffered_request_body(r);

        if (rc >= NGX_HTTP_SPECIAL_RESPONSE) {
            break;
        }

        if (rc == NGX_AGAIN && r->request_body->bufs == NULL) {
            r->read_event_handler = ngx_http_webhook_body_more;
            return;
        }
    }

    if (rc == NGX_HTTP_REQUEST_ENTITY_TOO_LARGE) {
        rc = ngx_http_webhook_body_too_large(r);
    }

    ngx_http_finalize_request(r, rc);
}


/*
 * A body that another module has read before, such as mirror, is buffered, may
 * lie in a file, and stays as it is: it is somebody else's too.
 */

static ngx_int_t
ngx_http_webhook_body_take(ngx_http_request_t *r, ngx_http_webhook_ctx_t *ctx)
{
    u_char       *p;
    size_t        n;
    ngx_buf_t    *b;
    ngx_chain_t  *cl;

    if (r->request_body == NULL) {
        return NGX_OK;
    }

    for (cl = r->request_body->bufs; cl; cl = cl->next) {

        b = cl->buf;

        n = (size_t) ngx_buf_size(b);

        if (n > ctx->limit - ctx->body.len) {
            return NGX_HTTP_REQUEST_ENTITY_TOO_LARGE;
        }

        if (n > ctx->size - ctx->body.len) {

            ctx->size = ngx_min(2 * (ctx->body.len + n), ctx->limit);

            p = ngx_pnalloc(r->pool, ctx->size + 1);
            if (p == NULL) {
                return NGX_HTTP_INTERNAL_SERVER_ERROR;
            }

            ngx_memcpy(p, ctx->body.data, ctx->body.len);
            (void) ngx_pfree(r->pool, ctx->body.data);
            ctx->body.data = p;
        }

        p = ctx->body.data + ctx->body.len;

        if (ngx_buf_in_memory(b)) {
            (void) ngx_cpymem(p, b->pos, n);

        } else if (n && ngx_read_file(b->file, p, n, b->file_pos)
                        != (ssize_t) n)
        {
            return NGX_HTTP_INTERNAL_SERVER_ERROR;
        }

        ctx->body.len += n;

        if (r->request_body_no_buffering) {
            b->pos = b->last;
        }
    }

    if (r->request_body_no_buffering) {
        r->request_body->bufs = NULL;
    }

    return NGX_OK;
}


ngx_uint_t
ngx_http_webhook_body_encoded(ngx_http_request_t *r)
{
    ngx_str_t   value;
    ngx_uint_t  n;

    n = ngx_http_webhook_request_header(r, "content-encoding", &value);

    return n > 1
           || (value.len
               && (value.len != sizeof("identity") - 1
                   || ngx_strncasecmp(value.data, (u_char *) "identity",
                                      value.len)
                      != 0));
}


ngx_uint_t
ngx_http_webhook_body_is(ngx_http_request_t *r, const char *type)
{
    size_t            len;
    ngx_table_elt_t  *h;

    h = r->headers_in.content_type;
    if (h == NULL) {
        return 0;
    }

    len = ngx_strlen(type);

    return h->value.len >= len
           && ngx_strncasecmp(h->value.data, (u_char *) type, len) == 0
           && (h->value.len == len
               || h->value.data[len] == ';' || h->value.data[len] == ' ');
}
