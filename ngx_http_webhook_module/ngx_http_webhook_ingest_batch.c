
/*
 * Copyright (C) the ngx_http_webhook_module authors
 */


/*
 * Many events in one body, application/x-ndjson: a JSON object a line.  They
 * go to the store together and share its transaction; the answer has a line
 * for each, in order, and a bad line fails alone.  On the event loop.
 *
 * The batch lives in a pool of its own, until its last operation is done: the
 * request may be gone before.
 */


#include "ngx_http_webhook_ingest.h"
#include "ngx_http_webhook_name.h"


/* What came of a line: of an accepted one, the operation's result. */

typedef struct {
    ngx_uint_t                   status;
    const char                  *code;
    ngx_http_webhook_id_t        id;
    ngx_uint_t                   count;
} ngx_http_webhook_line_t;


typedef struct {
    ngx_pool_t                  *pool;
    ngx_http_request_t          *request;     /* NULL: it is gone */
    ngx_http_cleanup_t          *cleanup;
    ngx_uint_t                   waiting;     /* operations */
    ngx_uint_t                   n;
    ngx_http_webhook_line_t     *lines;
} ngx_http_webhook_batch_body_t;


/* An operation's "data". */

typedef struct {
    ngx_http_webhook_batch_body_t   *batch;
    ngx_http_webhook_line_t         *line;
} ngx_http_webhook_batch_ref_t;


static ngx_uint_t ngx_http_webhook_batch_next(ngx_str_t *rest,
    ngx_str_t *line);
static void ngx_http_webhook_batch_line(ngx_http_request_t *r,
    ngx_http_webhook_batch_body_t *batch, ngx_http_webhook_line_t *line,
    ngx_str_t *text);
static void ngx_http_webhook_batch_done(ngx_http_webhook_op_t *op);
static void ngx_http_webhook_batch_cleanup(void *data);
static ngx_int_t ngx_http_webhook_batch_send(
    ngx_http_webhook_batch_body_t *batch, ngx_http_request_t *r);


ngx_int_t
ngx_http_webhook_ingest_batch(ngx_http_request_t *r, ngx_str_t *body)
{
    ngx_int_t                       rc;
    ngx_str_t                       rest, text;
    ngx_uint_t                      n;
    ngx_pool_t                     *pool;
    ngx_http_webhook_batch_body_t  *batch;

    for (n = 0, rest = *body; ngx_http_webhook_batch_next(&rest, &text); n++) {
        /* void */
    }

    if (n > NGX_HTTP_WEBHOOK_MAX_LINES) {
        return ngx_http_webhook_problem(r, NGX_HTTP_WEBHOOK_BODY_TOO_LARGE,
                                        "A batch has at most 1000 events");
    }

    pool = ngx_create_pool(4096, ngx_cycle->log);
    if (pool == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    batch = ngx_pcalloc(pool, sizeof(ngx_http_webhook_batch_body_t));
    if (batch == NULL) {
        goto failed;
    }

    batch->pool = pool;
    batch->request = r;
    batch->n = n;

    batch->lines = ngx_pcalloc(pool, (n + 1) * sizeof(ngx_http_webhook_line_t));
    batch->cleanup = ngx_http_cleanup_add(r, 0);

    if (batch->lines == NULL || batch->cleanup == NULL) {
        goto failed;
    }

    batch->cleanup->handler = ngx_http_webhook_batch_cleanup;
    batch->cleanup->data = batch;

    for (n = 0, rest = *body; ngx_http_webhook_batch_next(&rest, &text); n++) {
        ngx_http_webhook_batch_line(r, batch, &batch->lines[n], &text);
    }

    if (batch->waiting) {
        return NGX_AGAIN;
    }

    batch->cleanup->handler = NULL;

    rc = ngx_http_webhook_batch_send(batch, r);

    ngx_destroy_pool(pool);

    return rc;

failed:

    ngx_destroy_pool(pool);

    return NGX_HTTP_INTERNAL_SERVER_ERROR;
}


/* The next line that is not empty. */

static ngx_uint_t
ngx_http_webhook_batch_next(ngx_str_t *rest, ngx_str_t *line)
{
    u_char  *end;

    while (rest->len) {

        end = memchr(rest->data, LF, rest->len);

        line->data = rest->data;
        line->len = end ? (size_t) (end - rest->data) : rest->len;

        rest->data += line->len + (end ? 1 : 0);
        rest->len -= line->len + (end ? 1 : 0);

        if (line->len && line->data[line->len - 1] == CR) {
            line->len--;
        }

        if (line->len) {
            return 1;
        }
    }

    return 0;
}


static void
ngx_http_webhook_batch_line(ngx_http_request_t *r,
    ngx_http_webhook_batch_body_t *batch, ngx_http_webhook_line_t *line,
    ngx_str_t *text)
{
    ngx_str_t                      key;
    ngx_http_webhook_refusal_t     refusal;
    ngx_http_webhook_ingest_op_t  *in;
    ngx_http_webhook_batch_ref_t  *ref;
    ngx_http_webhook_main_conf_t  *wmcf;

    ngx_str_null(&key);

    in = ngx_http_webhook_ingest_read(r, text, &key, &refusal);

    if (in == NULL) {
        line->status = ngx_http_webhook_problem_status(refusal.problem);
        line->code = ngx_http_webhook_problem_code(refusal.problem);
        ngx_http_webhook_problem_count(r, refusal.problem);
        return;
    }

    ref = ngx_palloc(in->op.pool, sizeof(ngx_http_webhook_batch_ref_t));
    if (ref == NULL) {
        ngx_destroy_pool(in->op.pool);
        line->status = NGX_HTTP_INTERNAL_SERVER_ERROR;
        line->code = ngx_http_webhook_problem_code(NGX_HTTP_WEBHOOK_INTERNAL);
        ngx_http_webhook_problem_count(r, NGX_HTTP_WEBHOOK_INTERNAL);
        return;
    }

    ref->batch = batch;
    ref->line = line;

    in->op.handler = ngx_http_webhook_batch_done;
    in->op.data = ref;

    batch->waiting++;

    wmcf = ngx_http_get_module_main_conf(r, ngx_http_webhook_module);

    ngx_http_webhook_store_post(wmcf->store, &in->op);
}


static void
ngx_http_webhook_batch_done(ngx_http_webhook_op_t *op)
{
    ngx_http_webhook_ingest_op_t *in = (ngx_http_webhook_ingest_op_t *) op;

    const char                     *detail;
    ngx_http_request_t             *r;
    ngx_http_webhook_line_t        *line;
    ngx_http_webhook_problem_e      problem;
    ngx_http_webhook_batch_ref_t   *ref;
    ngx_http_webhook_batch_body_t  *batch;

    ref = op->data;
    line = ref->line;
    batch = ref->batch;
    r = batch->request;

    if (op->status == NGX_HTTP_WEBHOOK_STORE_OK) {
        line->status = NGX_HTTP_ACCEPTED;
        line->id = in->message.id;
        line->count = in->count;

        if (r) {
            ngx_http_webhook_ingest_count(r, in);
        }

    } else {
        problem = ngx_http_webhook_store_problem(op, &detail);

        if (r) {
            ngx_http_webhook_problem_count(r, problem);
        }

        line->status = ngx_http_webhook_problem_status(problem);
        line->code = ngx_http_webhook_problem_code(problem);
    }

    ngx_http_webhook_ingest_finish(in);

    if (--batch->waiting) {
        return;
    }

    if (r) {
        batch->cleanup->handler = NULL;
        ngx_http_webhook_finalize(r, ngx_http_webhook_batch_send(batch, r));
    }

    ngx_destroy_pool(batch->pool);
}


static void
ngx_http_webhook_batch_cleanup(void *data)
{
    ngx_http_webhook_batch_body_t *batch = data;

    batch->request = NULL;
}


static ngx_int_t
ngx_http_webhook_batch_send(ngx_http_webhook_batch_body_t *batch,
    ngx_http_request_t *r)
{
    u_char                   *p;
    ngx_str_t                 text;
    ngx_uint_t                i;
    ngx_http_webhook_line_t  *line;

    p = ngx_pnalloc(r->pool, batch->n * 128 + 1);
    if (p == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    text.data = p;

    for (i = 0; i < batch->n; i++) {
        line = &batch->lines[i];

        if (line->code) {
            p = ngx_sprintf(p, "{\"status\":%ui,\"code\":\"%s\"}\n",
                            line->status, line->code);
            continue;
        }

        p = ngx_sprintf(p, "{\"status\":%ui,\"id\":\"", line->status);
        p = ngx_http_webhook_id_write(p, "msg_", line->id);
        p = ngx_sprintf(p, "\",\"webhook_event_count\":%ui}\n", line->count);
    }

    text.len = p - text.data;

    return ngx_http_webhook_send_typed(r, NGX_HTTP_OK, "application/x-ndjson",
                                       &text);
}
