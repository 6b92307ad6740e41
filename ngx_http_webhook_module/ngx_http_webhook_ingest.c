
/*
 * Copyright (C) the ngx_http_webhook_module authors
 */


/*
 * The ingest location, on the event loop.
 *
 *     POST -> key -> body -> checked -> store (commit) -> 202 -> dispatcher
 */


#include "ngx_http_webhook_ingest.h"
#include "ngx_http_webhook_metrics.h"
#include "ngx_http_webhook_name.h"


static ngx_int_t ngx_http_webhook_ingest_allowed(ngx_http_request_t *r);
static ngx_int_t ngx_http_webhook_ingest_body(ngx_http_request_t *r,
    ngx_str_t *body);
static ngx_int_t ngx_http_webhook_ingest_one(ngx_http_request_t *r,
    ngx_str_t *body, ngx_str_t *key);
static void ngx_http_webhook_ingest_done(ngx_http_webhook_op_t *op);
static ngx_int_t ngx_http_webhook_ingest_accepted(ngx_http_request_t *r,
    ngx_http_webhook_ingest_op_t *in);


ngx_int_t
ngx_http_webhook_ingest_handler(ngx_http_request_t *r)
{
    return ngx_http_webhook_auth(r, ngx_http_webhook_ingest_allowed);
}


static ngx_int_t
ngx_http_webhook_ingest_allowed(ngx_http_request_t *r)
{
    size_t                         limit;
    ngx_http_webhook_ctx_t        *ctx;
    ngx_http_webhook_loc_conf_t   *wlcf;
    ngx_http_webhook_main_conf_t  *wmcf;

    ctx = ngx_http_get_module_ctx(r, ngx_http_webhook_module);
    wlcf = ngx_http_get_module_loc_conf(r, ngx_http_webhook_module);
    wmcf = ngx_http_get_module_main_conf(r, ngx_http_webhook_module);

    if (ctx->principal.role == NGX_HTTP_WEBHOOK_COMPANY) {
        return ngx_http_webhook_refuse(r, NGX_HTTP_WEBHOOK_ROLE_FORBIDDEN,
                                       "A company's key does not ingest "
                                       "events");
    }

    if (r->method != NGX_HTTP_POST) {

        if (ngx_http_webhook_header(r, "Allow", "POST") == NULL) {
            return NGX_HTTP_INTERNAL_SERVER_ERROR;
        }

        return ngx_http_webhook_refuse(r, NGX_HTTP_WEBHOOK_METHOD_NOT_ALLOWED,
                                       "Events are ingested by POST");
    }

    if (ngx_http_webhook_body_encoded(r)) {
        return ngx_http_webhook_refuse(r,
                                     NGX_HTTP_WEBHOOK_UNSUPPORTED_MEDIA_TYPE,
                                     NGX_HTTP_WEBHOOK_BODY_ENCODED);
    }

    if (ngx_http_webhook_body_is(r, "application/json")) {
        limit = wlcf->payload_limit + NGX_HTTP_WEBHOOK_ENVELOPE;

    } else if (ngx_http_webhook_body_is(r, "application/x-ndjson")) {
        limit = wlcf->batch_limit;

    } else {
        return ngx_http_webhook_refuse(r,
                                     NGX_HTTP_WEBHOOK_UNSUPPORTED_MEDIA_TYPE,
                                     "The body must be application/json or "
                                     "application/x-ndjson");
    }

    /* rather an answer now than a queue that grows */

    if (ngx_http_webhook_store_waiting(wmcf->store) >= wmcf->ingest_queue) {
        return ngx_http_webhook_refuse(r, NGX_HTTP_WEBHOOK_STORE_BUSY, NULL);
    }

    return ngx_http_webhook_body_read(r, limit, ngx_http_webhook_ingest_body);
}


static ngx_int_t
ngx_http_webhook_ingest_body(ngx_http_request_t *r, ngx_str_t *body)
{
    ngx_str_t   key;
    ngx_uint_t  n;

    n = ngx_http_webhook_request_header(r, "idempotency-key", &key);

    if (n > 1) {
        return ngx_http_webhook_problem(r, NGX_HTTP_WEBHOOK_INVALID_HEADER,
                                        "There is more than one "
                                        "Idempotency-Key");
    }

    if (ngx_http_webhook_body_is(r, "application/json")) {
        return ngx_http_webhook_ingest_one(r, body, &key);
    }

    if (n) {
        return ngx_http_webhook_problem(r, NGX_HTTP_WEBHOOK_INVALID_HEADER,
                                        "The events of a batch have keys of "
                                        "their own, \"idempotency_key\"");
    }

    return ngx_http_webhook_ingest_batch(r, body);
}


static ngx_int_t
ngx_http_webhook_ingest_one(ngx_http_request_t *r, ngx_str_t *body,
    ngx_str_t *key)
{
    ngx_http_webhook_refusal_t     refusal;
    ngx_http_webhook_ingest_op_t  *in;

    in = ngx_http_webhook_ingest_read(r, body, key, &refusal);

    if (in == NULL) {
        return (refusal.problem == NGX_HTTP_WEBHOOK_INVALID)
               ? ngx_http_webhook_invalid(r, &refusal.errors)
               : ngx_http_webhook_problem(r, refusal.problem, refusal.detail);
    }

    in->op.handler = ngx_http_webhook_ingest_done;

    if (ngx_http_webhook_wait(r, &in->op) != NGX_OK) {
        ngx_destroy_pool(in->op.pool);
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    return NGX_AGAIN;
}


static void
ngx_http_webhook_ingest_done(ngx_http_webhook_op_t *op)
{
    ngx_http_webhook_ingest_answer(op, ngx_http_webhook_ingest_accepted);
}


void
ngx_http_webhook_ingest_answer(ngx_http_webhook_op_t *op,
    ngx_http_webhook_ingest_pt render)
{
    ngx_http_webhook_ingest_op_t *in = (ngx_http_webhook_ingest_op_t *) op;

    ngx_int_t            rc;
    ngx_http_request_t  *r;

    r = ngx_http_webhook_waited(op);

    if (r) {
        rc = (op->status == NGX_HTTP_WEBHOOK_STORE_OK)
             ? render(r, in)
             : ngx_http_webhook_store_failed(r, op);

        ngx_http_webhook_finalize(r, rc);
    }

    ngx_http_webhook_ingest_finish(in);
}


static ngx_int_t
ngx_http_webhook_ingest_accepted(ngx_http_request_t *r,
    ngx_http_webhook_ingest_op_t *in)
{
    u_char     *p;
    ngx_str_t   text;

    p = ngx_pnalloc(r->pool, sizeof("{\"id\":\"\",\"webhook_event_count\":}")
                             + NGX_HTTP_WEBHOOK_ID_LEN + NGX_INT_T_LEN);
    if (p == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    text.data = p;

    p = ngx_cpymem(p, "{\"id\":\"", sizeof("{\"id\":\"") - 1);
    p = ngx_http_webhook_id_write(p, "msg_", in->message.id);
    p = ngx_sprintf(p, "\",\"webhook_event_count\":%ui}", in->count);

    text.len = p - text.data;

    ngx_http_webhook_ingest_count(r, in);

    return ngx_http_webhook_send(r, NGX_HTTP_ACCEPTED, &text);
}


void
ngx_http_webhook_ingest_count(ngx_http_request_t *r,
    ngx_http_webhook_ingest_op_t *in)
{
    ngx_http_webhook_main_conf_t  *wmcf;

    wmcf = ngx_http_get_module_main_conf(r, ngx_http_webhook_module);

    ngx_http_webhook_metrics_add(wmcf, in->repeated
                                       ? NGX_HTTP_WEBHOOK_COUNT_REPEATED
                                       : NGX_HTTP_WEBHOOK_COUNT_ACCEPTED, 1);
}


