
/*
 * Copyright (C) the ngx_http_webhook_module authors
 */


/*
 * What one ingested event, a batch of them and the test event share.
 */


#ifndef _NGX_HTTP_WEBHOOK_INGEST_H_INCLUDED_
#define _NGX_HTTP_WEBHOOK_INGEST_H_INCLUDED_


#include "ngx_http_webhook_http.h"


/* Why an event is refused. */

typedef struct {
    ngx_http_webhook_problem_e   problem;
    const char                  *detail;
    ngx_array_t                  errors;     /* of ..._error_t, for INVALID */
} ngx_http_webhook_refusal_t;


/*
 * Reads the text of an event and makes its operation, in a pool of its own.
 * "key" is the idempotency key that came beside it, or null.  Returns NULL
 * where it is refused.
 */
ngx_http_webhook_ingest_op_t *ngx_http_webhook_ingest_read(
    ngx_http_request_t *r, ngx_str_t *text, ngx_str_t *key,
    ngx_http_webhook_refusal_t *refusal);

/*
 * The event of an operation is durable, or was not stored: "render" makes the
 * answer where the client is still there, and the operation is finished.
 */
typedef ngx_int_t (*ngx_http_webhook_ingest_pt)(ngx_http_request_t *r,
    ngx_http_webhook_ingest_op_t *in);

void ngx_http_webhook_ingest_answer(ngx_http_webhook_op_t *op,
    ngx_http_webhook_ingest_pt render);

/* Counts an event that was accepted, now or before. */
void ngx_http_webhook_ingest_count(ngx_http_request_t *r,
    ngx_http_webhook_ingest_op_t *in);

/*
 * The end of an operation that ingested: its deliveries start, or, where
 * there are none, its pool is destroyed.
 */
void ngx_http_webhook_ingest_finish(ngx_http_webhook_ingest_op_t *in);

/* A body of many events, a line each (application/x-ndjson). */
ngx_int_t ngx_http_webhook_ingest_batch(ngx_http_request_t *r,
    ngx_str_t *body);


#endif /* _NGX_HTTP_WEBHOOK_INGEST_H_INCLUDED_ */
