
/*
 * Copyright (C) the ngx_http_webhook_module authors
 */


/*
 * Many events in one body, application/x-ndjson: a JSON object a line.  They
 * go to the store together and share its transaction; the answer has a line
 * for each that is not empty, in order, with its number, and a bad line fails
 * alone.  On the event loop.
 *
 * The batch lives in a pool of its own, until its last operation is done: the
 * request may be gone before.
 */


#include "ngx_http_webhook_ingest.h"
#include "ngx_http_webhook_name.h"


/*
 * What came of a line: the operation's result, or, where it has no id, why it was
 * refused.
 */

typedef struct {
    ngx_uint_t                   number;
    ngx_http_webhook_id_t        id;
    ngx_uint_t                   count;
    ngx_http_webhook_refusal_t   refusal;
    ngx_str_t                    text;        /* of that, in the answer */
} ngx_http_webhook_line_t;


typedef struct {
    ngx_str_t                    rest;
    ngx_uint_t                   number;      /* of the last line that was
                                                 taken, from 1 on */
} ngx_http_webhook_lines_t;


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


static ngx_uint_t ngx_http_webhook_batch_next(ngx_http_webhook_lines_t *lines,
    ngx_str_t *line);
static void ngx_http_webhook_batch_line(ngx_http_request_t *r,
    ngx_http_webhook_batch_body_t *batch, ngx_http_webhook_line_t *line,
    ngx_str_t *text);
static void ngx_http_webhook_batch_done(ngx_http_webhook_op_t *op);
static void ngx_http_webhook_batch_cleanup(void *data);
static ngx_int_t ngx_http_webhook_batch_send(
    ngx_http_webhook_batch_body_t *batch, ngx_http_request_t *r);
static ngx_int_t ngx_http_webhook_batch_refused(ngx_http_request_t *r,
    ngx_http_webhook_line_t *line);


ngx_int_t
ngx_http_webhook_ingest_batch(ngx_http_request_t *r, ngx_str_t *body)
{
    ngx_int_t                       rc;
    ngx_str_t                       text;
    ngx_uint_t                      n;
    ngx_pool_t                     *pool;
    ngx_http_webhook_lines_t        lines;
    ngx_http_webhook_batch_body_t  *batch;

    lines.rest = *body;
    lines.number = 0;

    for (n = 0; ngx_http_webhook_batch_next(&lines, &text); n++) { /* void */ }

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

    lines.rest = *body;
    lines.number = 0;

    for (n = 0; ngx_http_webhook_batch_next(&lines, &text); n++) {
        batch->lines[n].number = lines.number;
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
ngx_http_webhook_batch_next(ngx_http_webhook_lines_t *lines, ngx_str_t *line)
{
    u_char     *end;
    ngx_str_t  *rest;

    rest = &lines->rest;

    while (rest->len) {

        lines->number++;

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
    ngx_http_webhook_ingest_op_t  *in;
    ngx_http_webhook_batch_ref_t  *ref;
    ngx_http_webhook_main_conf_t  *wmcf;

    ngx_str_null(&key);

    in = ngx_http_webhook_ingest_read(r, text, &key, &line->refusal);

    if (in == NULL) {
        ngx_http_webhook_problem_count(r, line->refusal.problem);
        return;
    }

    ref = ngx_palloc(in->op.pool, sizeof(ngx_http_webhook_batch_ref_t));
    if (ref == NULL) {
        ngx_destroy_pool(in->op.pool);
        ngx_http_webhook_problem_count(r, line->refusal.problem);
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

    ngx_http_request_t             *r;
    ngx_http_webhook_line_t        *line;
    ngx_http_webhook_batch_ref_t   *ref;
    ngx_http_webhook_batch_body_t  *batch;

    ref = op->data;
    line = ref->line;
    batch = ref->batch;
    r = batch->request;

    if (op->status == NGX_HTTP_WEBHOOK_STORE_OK) {
        line->id = in->message.id;
        line->count = in->count;

        if (r) {
            ngx_http_webhook_ingest_count(r, in);
        }

    } else {
        line->refusal.problem =
                    ngx_http_webhook_store_problem(op, &line->refusal.detail);

        if (r) {
            ngx_http_webhook_problem_count(r, line->refusal.problem);
        }
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
    size_t                    size;
    ngx_str_t                 text;
    ngx_uint_t                i;
    ngx_http_webhook_line_t  *line;

    size = 1;

    for (i = 0; i < batch->n; i++) {
        line = &batch->lines[i];

        if (line->id == 0 && ngx_http_webhook_batch_refused(r, line) != NGX_OK)
        {
            return NGX_HTTP_INTERNAL_SERVER_ERROR;
        }

        size += 128 + line->text.len;
    }

    p = ngx_pnalloc(r->pool, size);
    if (p == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    text.data = p;

    for (i = 0; i < batch->n; i++) {
        line = &batch->lines[i];

        if (line->id == 0) {
            p = ngx_sprintf(p, "%V\n", &line->text);
            continue;
        }

        p = ngx_sprintf(p, "{\"line\":%ui,\"status\":202,\"id\":\"",
                        line->number);
        p = ngx_http_webhook_id_write(p, "msg_", line->id);
        p = ngx_sprintf(p, "\",\"webhook_event_count\":%ui}\n", line->count);
    }

    text.len = p - text.data;

    return ngx_http_webhook_send_typed(r, NGX_HTTP_OK, "application/x-ndjson",
                                       &text);
}


static ngx_int_t
ngx_http_webhook_batch_refused(ngx_http_request_t *r,
    ngx_http_webhook_line_t *line)
{
    ngx_http_webhook_refusal_t      *refusal;
    ngx_http_webhook_json_writer_t  *w;

    w = ngx_http_webhook_json_begin(r->pool);
    if (w == NULL) {
        return NGX_ERROR;
    }

    refusal = &line->refusal;

    ngx_http_webhook_json_object(w, NULL);
    ngx_http_webhook_json_integer(w, "line", line->number);
    ngx_http_webhook_problem_write(w, refusal->problem, refusal->detail,
                                   refusal->problem == NGX_HTTP_WEBHOOK_INVALID
                                   ? &refusal->errors : NULL);
    ngx_http_webhook_json_close_object(w);

    return ngx_http_webhook_json_end(w, &line->text);
}
