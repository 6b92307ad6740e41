
/*
 * Copyright (C) the ngx_http_webhook_module authors
 */


/*
 * Answers, problem documents, and requests that wait for the store, on the
 * event loop.
 */


#include "ngx_http_webhook_http.h"
#include "ngx_http_webhook_metrics.h"


typedef struct {
    const char  *code;
    ngx_uint_t   status;
    const char  *title;
} ngx_http_webhook_problem_t;


/* in the order of ngx_http_webhook_problem_e */

static ngx_http_webhook_problem_t  ngx_http_webhook_problems[] = {
    { "malformed_json", 400, "The body is not JSON" },
    { "invalid_utf8", 400, "The body is not UTF-8" },
    { "too_deep", 400, "The body is nested too deep" },
    { "invalid_parameter", 400, "A parameter of the query is invalid" },
    { "invalid_header", 400, "A header of the request is invalid" },
    { "unauthorized", 401, "A valid key is needed" },
    { "access_not_enabled", 403, "The company has no access to webhooks" },
    { "role_forbidden", 403, "The key's role does not allow this" },
    { "not_found", 404, "There is no such resource" },
    { "company_not_found", 404, "There is no such company" },
    { "webhook_not_found", 404, "There is no such webhook" },
    { "webhook_event_not_found", 404, "There is no such webhook event" },
    { "message_not_found", 404, "There is no such message" },
    { "key_not_found", 404, "There is no such key" },
    { "event_type_not_found", 404, "There is no such event type" },
    { "replay_not_found", 404, "There is no such replay" },
    { "method_not_allowed", 405, "The resource has no such method" },
    { "uid_taken", 409, "Another company has this uid" },
    { "access_enabled", 409, "The company has access to webhooks" },
    { "name_taken", 409, "Another event type has this name" },
    { "not_pending", 409, "The webhook event is not pending" },
    { "not_running", 409, "The replay has ended" },
    { "being_delivered", 409, "The webhook event is being delivered" },
    { "payload_erased", 409, "The payload was erased" },
    { "webhook_deleted", 409, "The webhook was deleted" },
    { "webhook_disabled", 409, "The webhook is disabled" },
    { "body_too_large", 413, "The body is too large" },
    { "payload_too_large", 413, "The payload is too large" },
    { "unsupported_media_type", 415, "The body must be application/json" },
    { "invalid", 422, "The body has invalid members" },
    { "webhook_limit", 422, "The company has too many webhooks" },
    { "key_limit", 422, "There are too many keys" },
    { "event_type_limit", 422, "There are too many event types" },
    { "unknown_event", 422, "The event is not in the catalogue" },
    { "replay_limit", 422, "The company has too many replays" },
    { "idempotency_key_reused", 422, "The key came with another event" },
    { "store_unavailable", 503, "The store is unavailable, nothing was kept" },
    { "store_busy", 503, "Too many events wait for the store" },
    { "secret_unavailable", 503, "The webhook's secret cannot be opened" },
    { "internal", 500, "The server failed" }
};


static ngx_int_t ngx_http_webhook_send_body(ngx_http_request_t *r,
    ngx_uint_t status, const char *type, const char *cache, ngx_str_t *text);
static ngx_int_t ngx_http_webhook_problem_send(ngx_http_request_t *r,
    ngx_http_webhook_problem_e problem, const char *detail,
    ngx_array_t *errors);
static void ngx_http_webhook_wait_cleanup(void *data);


ngx_int_t
ngx_http_webhook_send(ngx_http_request_t *r, ngx_uint_t status,
    ngx_str_t *text)
{
    return ngx_http_webhook_send_typed(r, status, "application/json", text);
}


ngx_int_t
ngx_http_webhook_send_json(ngx_http_request_t *r, ngx_uint_t status,
    ngx_http_webhook_json_writer_t *w)
{
    ngx_str_t  text;

    if (ngx_http_webhook_json_end(w, &text) != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    return ngx_http_webhook_send(r, status, &text);
}


ngx_int_t
ngx_http_webhook_send_typed(ngx_http_request_t *r, ngx_uint_t status,
    const char *type, ngx_str_t *text)
{
    return ngx_http_webhook_send_body(r, status, type, "no-store", text);
}


ngx_int_t
ngx_http_webhook_send_cached(ngx_http_request_t *r, ngx_str_t *text)
{
    return ngx_http_webhook_send_body(r, NGX_HTTP_OK, "application/json",
                                      "private, no-cache", text);
}


static ngx_int_t
ngx_http_webhook_send_body(ngx_http_request_t *r, ngx_uint_t status,
    const char *type, const char *cache, ngx_str_t *text)
{
    ngx_int_t     rc;
    ngx_buf_t    *b;
    ngx_chain_t   out;

    r->headers_out.status = status;
    r->headers_out.content_type.data = (u_char *) type;
    r->headers_out.content_type.len = ngx_strlen(type);
    r->headers_out.content_type_len = r->headers_out.content_type.len;
    r->headers_out.content_length_n = text->len;

    if (ngx_http_webhook_header(r, "Cache-Control", cache) == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    if (text->len == 0) {
        ngx_str_null(&r->headers_out.content_type);
        r->header_only = 1;
    }

    /* what is done is done: a precondition would change its answer alone */

    r->disable_not_modified = (r->headers_out.etag == NULL);

    rc = ngx_http_send_header(r);

    if (rc == NGX_ERROR || rc > NGX_OK || r->header_only) {
        return rc;
    }

    b = ngx_calloc_buf(r->pool);
    if (b == NULL) {
        return NGX_ERROR;
    }

    b->pos = text->data;
    b->last = text->data + text->len;
    b->memory = 1;
    b->last_buf = (r == r->main);
    b->last_in_chain = 1;

    out.buf = b;
    out.next = NULL;

    return ngx_http_output_filter(r, &out);
}


ngx_table_elt_t *
ngx_http_webhook_header(ngx_http_request_t *r, const char *name,
    const char *value)
{
    ngx_table_elt_t  *h;

    h = ngx_list_push(&r->headers_out.headers);
    if (h == NULL) {
        return NULL;
    }

    ngx_memzero(h, sizeof(ngx_table_elt_t));

    h->hash = 1;
    h->key.data = (u_char *) name;
    h->key.len = ngx_strlen(name);
    h->value.data = (u_char *) value;
    h->value.len = ngx_strlen(value);

    return h;
}


ngx_int_t
ngx_http_webhook_problem(ngx_http_request_t *r,
    ngx_http_webhook_problem_e problem, const char *detail)
{
    return ngx_http_webhook_problem_send(r, problem, detail, NULL);
}


ngx_int_t
ngx_http_webhook_invalid(ngx_http_request_t *r, ngx_array_t *errors)
{
    ngx_http_webhook_error_t  *error;

    error = errors->elts;

    return ngx_http_webhook_problem_send(r, NGX_HTTP_WEBHOOK_INVALID,
                                         error[0].detail, errors);
}


static ngx_int_t
ngx_http_webhook_problem_send(ngx_http_request_t *r,
    ngx_http_webhook_problem_e problem, const char *detail,
    ngx_array_t *errors)
{
    u_char                           type[128];
    ngx_str_t                        text;
    ngx_uint_t                       level;
    ngx_http_webhook_problem_t      *p;
    ngx_http_webhook_loc_conf_t     *wlcf;
    ngx_http_webhook_main_conf_t    *wmcf;
    ngx_http_webhook_json_writer_t  *w;

    wmcf = ngx_http_get_module_main_conf(r, ngx_http_webhook_module);
    wlcf = ngx_http_get_module_loc_conf(r, ngx_http_webhook_module);

    if (wlcf->ingest) {
        ngx_http_webhook_problem_count(r, problem);
    }

    p = &ngx_http_webhook_problems[problem];

    level = (p->status >= 500
             && !ngx_http_webhook_quiet(&wmcf->quiet, 1 + problem, NULL))
            ? NGX_LOG_ERR : NGX_LOG_INFO;

    ngx_log_error(level, r->connection->log, 0, "webhook problem: %s%s%s",
                  p->code, detail ? ": " : "", detail ? detail : "");

    w = ngx_http_webhook_json_begin(r->pool);
    if (w == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    ngx_sprintf(type, "urn:ngx-webhook:problem:%s%Z", p->code);

    ngx_http_webhook_json_object(w, NULL);
    ngx_http_webhook_json_cstring(w, "type", (char *) type);
    ngx_http_webhook_json_cstring(w, "title", p->title);
    ngx_http_webhook_problem_write(w, problem, detail, errors);
    ngx_http_webhook_json_close_object(w);

    if (ngx_http_webhook_json_end(w, &text) != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    if (p->status == NGX_HTTP_UNAUTHORIZED
        && ngx_http_webhook_header(r, "WWW-Authenticate",
                                   "Bearer realm=\"webhook\"")
           == NULL)
    {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    if (p->status == NGX_HTTP_SERVICE_UNAVAILABLE
        && ngx_http_webhook_header(r, "Retry-After", "1") == NULL)
    {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    return ngx_http_webhook_send_typed(r, p->status,
                                       "application/problem+json", &text);
}


void
ngx_http_webhook_problem_count(ngx_http_request_t *r,
    ngx_http_webhook_problem_e problem)
{
    ngx_uint_t                     i;
    ngx_http_webhook_main_conf_t  *wmcf;

    wmcf = ngx_http_get_module_main_conf(r, ngx_http_webhook_module);

    if (wmcf->counters == NULL) {
        return;                              /* there is no store */
    }

    i = ngx_min((ngx_uint_t) problem, NGX_HTTP_WEBHOOK_METRICS_RESULTS - 1);

    ngx_http_webhook_metrics_add(wmcf, NGX_HTTP_WEBHOOK_COUNT_PROBLEMS + i, 1);
}


ngx_uint_t
ngx_http_webhook_problem_status(ngx_http_webhook_problem_e problem)
{
    return ngx_http_webhook_problems[problem].status;
}


const char *
ngx_http_webhook_problem_code(ngx_http_webhook_problem_e problem)
{
    return ngx_http_webhook_problems[problem].code;
}


void
ngx_http_webhook_problem_write(ngx_http_webhook_json_writer_t *w,
    ngx_http_webhook_problem_e problem, const char *detail, ngx_array_t *errors)
{
    ngx_uint_t                   i;
    ngx_http_webhook_error_t    *error;
    ngx_http_webhook_problem_t  *p;

    p = &ngx_http_webhook_problems[problem];

    ngx_http_webhook_json_integer(w, "status", p->status);
    ngx_http_webhook_json_cstring(w, "detail", detail ? detail : p->title);
    ngx_http_webhook_json_cstring(w, "code", p->code);

    if (errors == NULL) {
        return;
    }

    ngx_http_webhook_json_array(w, "errors");

    error = errors->elts;

    for (i = 0; i < errors->nelts; i++) {
        ngx_http_webhook_json_object(w, NULL);
        ngx_http_webhook_json_string(w, "pointer", &error[i].pointer);
        ngx_http_webhook_json_cstring(w, "code", error[i].code);
        ngx_http_webhook_json_cstring(w, "detail", error[i].detail);
        ngx_http_webhook_json_close_object(w);
    }

    ngx_http_webhook_json_close_array(w);
}


ngx_http_webhook_problem_e
ngx_http_webhook_json_problem(ngx_pool_t *pool,
    ngx_http_webhook_json_error_e error, size_t offset, const char **detail)
{
    u_char  *p;

    *detail = NULL;

    switch (error) {

    case NGX_HTTP_WEBHOOK_JSON_NOT_UTF8:
        return NGX_HTTP_WEBHOOK_INVALID_UTF8;

    case NGX_HTTP_WEBHOOK_JSON_TOO_DEEP:
        *detail = "Arrays and objects may be nested 512 deep";
        return NGX_HTTP_WEBHOOK_TOO_DEEP;

    case NGX_HTTP_WEBHOOK_JSON_NO_MEMORY:
        return NGX_HTTP_WEBHOOK_INTERNAL;

    default:
        break;
    }

    p = ngx_pnalloc(pool, sizeof("The JSON is malformed at byte ")
                          + NGX_SIZE_T_LEN);
    if (p) {
        ngx_sprintf(p, "The JSON is malformed at byte %uz%Z", offset);
        *detail = (char *) p;
    }

    return NGX_HTTP_WEBHOOK_MALFORMED_JSON;
}


ngx_http_webhook_problem_e
ngx_http_webhook_store_problem(ngx_http_webhook_op_t *op, const char **detail)
{
    *detail = NULL;

    switch (op->status) {

    case NGX_HTTP_WEBHOOK_STORE_COMPANY_NOT_FOUND:
        return NGX_HTTP_WEBHOOK_COMPANY_NOT_FOUND;

    case NGX_HTTP_WEBHOOK_STORE_NO_ACCESS:
        *detail = NGX_HTTP_WEBHOOK_NO_ACCESS;
        return NGX_HTTP_WEBHOOK_ACCESS_NOT_ENABLED;

    case NGX_HTTP_WEBHOOK_STORE_NOT_FOUND:
        switch (op->type) {

        case NGX_HTTP_WEBHOOK_OP_EVENT_GET:
        case NGX_HTTP_WEBHOOK_OP_EVENT_RETRY:
        case NGX_HTTP_WEBHOOK_OP_EVENT_CANCEL:
            return NGX_HTTP_WEBHOOK_EVENT_NOT_FOUND;

        case NGX_HTTP_WEBHOOK_OP_MESSAGE_GET:
        case NGX_HTTP_WEBHOOK_OP_MESSAGE_DELETE:
            return NGX_HTTP_WEBHOOK_MESSAGE_NOT_FOUND;

        case NGX_HTTP_WEBHOOK_OP_KEY_GET:
        case NGX_HTTP_WEBHOOK_OP_KEY_DELETE:
            return NGX_HTTP_WEBHOOK_KEY_NOT_FOUND;

        case NGX_HTTP_WEBHOOK_OP_EVENT_TYPE_GET:
        case NGX_HTTP_WEBHOOK_OP_EVENT_TYPE_UPDATE:
        case NGX_HTTP_WEBHOOK_OP_EVENT_TYPE_DELETE:
            return NGX_HTTP_WEBHOOK_EVENT_TYPE_NOT_FOUND;

        case NGX_HTTP_WEBHOOK_OP_REPLAY_GET:
        case NGX_HTTP_WEBHOOK_OP_REPLAY_CANCEL:
            return NGX_HTTP_WEBHOOK_REPLAY_NOT_FOUND;

        default:
            return NGX_HTTP_WEBHOOK_WEBHOOK_NOT_FOUND;
        }

    case NGX_HTTP_WEBHOOK_STORE_UID_TAKEN:
        return NGX_HTTP_WEBHOOK_UID_TAKEN;

    case NGX_HTTP_WEBHOOK_STORE_HAS_ACCESS:
        return NGX_HTTP_WEBHOOK_ACCESS_ENABLED;

    case NGX_HTTP_WEBHOOK_STORE_NAME_TAKEN:
        return NGX_HTTP_WEBHOOK_NAME_TAKEN;

    case NGX_HTTP_WEBHOOK_STORE_ENDED:
        return (op->type == NGX_HTTP_WEBHOOK_OP_REPLAY_CANCEL)
               ? NGX_HTTP_WEBHOOK_NOT_RUNNING : NGX_HTTP_WEBHOOK_NOT_PENDING;

    case NGX_HTTP_WEBHOOK_STORE_IN_FLIGHT:
        return NGX_HTTP_WEBHOOK_BEING_DELIVERED;

    case NGX_HTTP_WEBHOOK_STORE_ERASED:
        return NGX_HTTP_WEBHOOK_PAYLOAD_ERASED;

    case NGX_HTTP_WEBHOOK_STORE_DELETED:
        return NGX_HTTP_WEBHOOK_WEBHOOK_DELETED;

    case NGX_HTTP_WEBHOOK_STORE_DISABLED:
        return NGX_HTTP_WEBHOOK_WEBHOOK_DISABLED;

    case NGX_HTTP_WEBHOOK_STORE_LIMIT:
        if (op->type == NGX_HTTP_WEBHOOK_OP_KEY_CREATE) {
            *detail = "There may be 1000 keys";
            return NGX_HTTP_WEBHOOK_KEY_LIMIT;
        }

        if (op->type == NGX_HTTP_WEBHOOK_OP_EVENT_TYPE_CREATE) {
            *detail = "There may be 1000 event types";
            return NGX_HTTP_WEBHOOK_EVENT_TYPE_LIMIT;
        }

        if (op->type == NGX_HTTP_WEBHOOK_OP_REPLAY_CREATE) {
            *detail = "A company may have 10 replays that run";
            return NGX_HTTP_WEBHOOK_REPLAY_LIMIT;
        }

        *detail = "The company has as many webhooks as it may have";
        return NGX_HTTP_WEBHOOK_WEBHOOK_LIMIT;

    case NGX_HTTP_WEBHOOK_STORE_UNKNOWN_EVENT:
        return NGX_HTTP_WEBHOOK_UNKNOWN_EVENT;

    case NGX_HTTP_WEBHOOK_STORE_INVALID:
        *detail = op->refused.detail;
        return NGX_HTTP_WEBHOOK_INVALID;

    case NGX_HTTP_WEBHOOK_STORE_SEALED:
        *detail = "It is sealed with a key that the server does not have";
        return NGX_HTTP_WEBHOOK_SECRET_SEALED;

    case NGX_HTTP_WEBHOOK_STORE_KEY_REUSED:
        *detail = "An event with other contents came with this idempotency "
                  "key before";
        return NGX_HTTP_WEBHOOK_KEY_REUSED;

    default:
        return NGX_HTTP_WEBHOOK_STORE_DOWN;
    }
}


ngx_int_t
ngx_http_webhook_store_failed(ngx_http_request_t *r, ngx_http_webhook_op_t *op)
{
    const char                  *detail;
    ngx_array_t                  errors;
    ngx_http_webhook_error_t     error;
    ngx_http_webhook_problem_e   problem;

    if (op->status == NGX_HTTP_WEBHOOK_STORE_INVALID) {

        error.pointer = op->refused.pointer;
        error.code = op->refused.code;
        error.detail = op->refused.detail;

        ngx_memzero(&errors, sizeof(ngx_array_t));

        errors.elts = &error;
        errors.nelts = 1;

        return ngx_http_webhook_invalid(r, &errors);
    }

    problem = ngx_http_webhook_store_problem(op, &detail);

    return ngx_http_webhook_problem(r, problem, detail);
}


/* A refusal before the body is read: what comes of it is thrown away. */

ngx_int_t
ngx_http_webhook_refuse(ngx_http_request_t *r,
    ngx_http_webhook_problem_e problem, const char *detail)
{
    if (ngx_http_discard_request_body(r) != NGX_OK) {
        r->keepalive = 0;
    }

    return ngx_http_webhook_problem(r, problem, detail);
}


ngx_uint_t
ngx_http_webhook_request_header(ngx_http_request_t *r, const char *name,
    ngx_str_t *value)
{
    size_t            len;
    ngx_uint_t        i, n;
    ngx_list_part_t  *part;
    ngx_table_elt_t  *header;

    ngx_str_null(value);

    n = 0;
    len = ngx_strlen(name);

    for (part = &r->headers_in.headers.part; part; part = part->next) {

        header = part->elts;

        for (i = 0; i < part->nelts; i++) {
            if (header[i].key.len == len
                && ngx_strncmp(header[i].lowcase_key, name, len) == 0
                && n++ == 0)
            {
                *value = header[i].value;
            }
        }
    }

    return n;
}


ngx_int_t
ngx_http_webhook_wait(ngx_http_request_t *r, ngx_http_webhook_op_t *op)
{
    ngx_http_cleanup_t            *cln;
    ngx_http_webhook_ctx_t        *ctx;
    ngx_http_webhook_main_conf_t  *wmcf;

    wmcf = ngx_http_get_module_main_conf(r, ngx_http_webhook_module);
    ctx = ngx_http_get_module_ctx(r, ngx_http_webhook_module);

    cln = ngx_http_cleanup_add(r, 0);
    if (cln == NULL) {
        return NGX_ERROR;
    }

    cln->handler = ngx_http_webhook_wait_cleanup;
    cln->data = op;

    op->data = r;
    ctx->waits = cln;

    ngx_http_webhook_store_post(wmcf->store, op);

    return NGX_OK;
}


static void
ngx_http_webhook_wait_cleanup(void *data)
{
    ngx_http_webhook_op_t *op = data;

    op->data = NULL;
}


ngx_http_request_t *
ngx_http_webhook_waited(ngx_http_webhook_op_t *op)
{
    ngx_http_request_t      *r;
    ngx_http_webhook_ctx_t  *ctx;

    r = op->data;

    if (r) {
        ctx = ngx_http_get_module_ctx(r, ngx_http_webhook_module);
        ctx->waits->handler = NULL;
    }

    return r;
}


void
ngx_http_webhook_finalize(ngx_http_request_t *r, ngx_int_t rc)
{
    ngx_connection_t  *c;

    c = r->connection;

    ngx_http_finalize_request(r, rc);
    ngx_http_run_posted_requests(c);
}
