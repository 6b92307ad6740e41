
/*
 * Copyright (C) the ngx_http_webhook_module authors
 */


/*
 * /companies/{company}/webhooks/{webhook}/test of the admin API, on the event
 * loop.
 *
 *     company's name -> test event -> 202
 *                                  -> waits until the worker has it no longer
 *                                     -> the event -> 200
 *
 * A test event is delivered by the worker that took it in, so that who waits
 * for its outcome is called when it is recorded.  Where the worker exits
 * before it was sent, another one sends it: then it is looked at until there
 * is an outcome.  The wait's timer keeps a worker that exits; a client that
 * goes away ends the wait with its request.
 */


#include "ngx_http_webhook_api_events.h"
#include "ngx_http_webhook_ingest.h"
#include "ngx_http_webhook_name.h"


#define NGX_HTTP_WEBHOOK_TEST_WAIT  30000        /* ms, at most */
#define NGX_HTTP_WEBHOOK_TEST_LOOK  200          /* ms between looks */


/* A test: the company's name is read first, for the payload. */

typedef struct {
    ngx_http_webhook_company_op_t    company;
    ngx_http_webhook_ingest_op_t    *in;
} ngx_http_webhook_test_op_t;


/*
 * A request that waits, in its pool.  "held" is the event while this worker
 * has it; the event refers to the wait as long as that is there.
 */

typedef struct {
    ngx_http_request_t              *request;
    ngx_http_webhook_held_t         *held;
    ngx_http_webhook_id_t            message_id;
    ngx_http_webhook_id_t            event_id;
    ngx_str_t                        company;
    ngx_msec_t                       deadline;
    ngx_event_t                      timer;
} ngx_http_webhook_test_wait_t;


typedef struct {
    ngx_http_webhook_ingest_op_t     in;
    ngx_http_webhook_test_wait_t    *wait;       /* or NULL; of the request */
} ngx_http_webhook_test_ingest_t;


typedef struct {
    ngx_http_webhook_event_op_t      event;
    ngx_http_webhook_test_wait_t    *wait;       /* of the request */
} ngx_http_webhook_test_look_t;


static ngx_int_t ngx_http_webhook_test_wait(ngx_http_webhook_api_t *api,
    ngx_http_webhook_test_wait_t **wait);
static void ngx_http_webhook_test_named(ngx_http_webhook_op_t *op);
static ngx_int_t ngx_http_webhook_test_payload(
    ngx_http_webhook_ingest_op_t *in, ngx_str_t *name);
static void ngx_http_webhook_test_done(ngx_http_webhook_op_t *op);
static ngx_int_t ngx_http_webhook_test_render(ngx_http_request_t *r,
    ngx_http_webhook_ingest_op_t *in);
static ngx_int_t ngx_http_webhook_test_accepted(ngx_http_request_t *r,
    ngx_http_webhook_id_t message_id, ngx_http_webhook_id_t event_id);
static void ngx_http_webhook_test_dropped(ngx_http_webhook_held_t *held);
static void ngx_http_webhook_test_timer(ngx_event_t *ev);
static void ngx_http_webhook_test_look(ngx_http_webhook_test_wait_t *wait);
static void ngx_http_webhook_test_looked(ngx_http_webhook_op_t *op);
static void ngx_http_webhook_test_end(void *data);


ngx_int_t
ngx_http_webhook_api_webhook_test(ngx_http_webhook_api_t *api)
{
    ngx_int_t                        rc;
    ngx_http_webhook_test_op_t      *test;
    ngx_http_webhook_test_wait_t    *wait;
    ngx_http_webhook_ingest_op_t    *in;
    ngx_http_webhook_test_ingest_t  *ingest;

    rc = ngx_http_webhook_test_wait(api, &wait);

    if (rc != NGX_DECLINED) {
        return rc;
    }

    test = ngx_http_webhook_api_op(NGX_HTTP_WEBHOOK_OP_COMPANY_GET,
                                   sizeof(ngx_http_webhook_test_op_t),
                                   ngx_http_webhook_test_named);
    if (test == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    ingest = ngx_http_webhook_api_op(NGX_HTTP_WEBHOOK_OP_TEST,
                                     sizeof(ngx_http_webhook_test_ingest_t),
                                     ngx_http_webhook_test_done);
    if (ingest == NULL) {
        ngx_destroy_pool(test->company.op.pool);
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    ingest->wait = wait;
    in = &ingest->in;

    ngx_queue_init(&in->held);

    in->webhook_id = ngx_http_webhook_id_read(&api->args[1], "wh_");
    in->message.pool = in->op.pool;
    ngx_str_set(&in->message.event, NGX_HTTP_WEBHOOK_TEST_EVENT);

    in->company.len = api->args[0].len;
    in->company.data = ngx_pstrdup(in->op.pool, &api->args[0]);

    if (in->company.data == NULL) {
        ngx_destroy_pool(in->op.pool);
        ngx_destroy_pool(test->company.op.pool);
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    test->in = in;

    return ngx_http_webhook_api_post(api, &test->company.op,
                                     &test->company.ref);
}


/*
 * *wait is NULL where the answer is not to wait.  NGX_DECLINED where all is
 * well, else the result of the problem that was sent.
 */

static ngx_int_t
ngx_http_webhook_test_wait(ngx_http_webhook_api_t *api,
    ngx_http_webhook_test_wait_t **wait)
{
    ngx_int_t                      msec;
    ngx_str_t                      value;
    ngx_http_request_t            *r;
    ngx_http_cleanup_t            *cln;
    ngx_http_webhook_test_wait_t  *w;

    *wait = NULL;
    r = api->request;

    if (ngx_http_webhook_api_param(api, "wait", &value) != NGX_OK) {
        return NGX_DECLINED;
    }

    msec = ngx_parse_time(&value, 0);

    if (msec == NGX_ERROR || msec > NGX_HTTP_WEBHOOK_TEST_WAIT) {
        return ngx_http_webhook_problem(r, NGX_HTTP_WEBHOOK_INVALID_PARAMETER,
                                        "\"wait\" must be a time of at most "
                                        "30s");
    }

    if (msec == 0) {
        return NGX_DECLINED;
    }

    w = ngx_pcalloc(r->pool, sizeof(ngx_http_webhook_test_wait_t));
    cln = ngx_http_cleanup_add(r, 0);

    if (w == NULL || cln == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    cln->handler = ngx_http_webhook_test_end;
    cln->data = w;

    w->request = r;
    w->deadline = ngx_current_msec + (ngx_msec_t) msec;
    w->company = api->args[0];

    w->timer.handler = ngx_http_webhook_test_timer;
    w->timer.data = r->connection;
    w->timer.log = r->connection->log;

    *wait = w;

    return NGX_DECLINED;
}


static void
ngx_http_webhook_test_named(ngx_http_webhook_op_t *op)
{
    ngx_http_webhook_test_op_t *test = (ngx_http_webhook_test_op_t *) op;

    ngx_int_t                      rc;
    ngx_http_request_t            *r;
    ngx_http_webhook_ingest_op_t  *in;

    in = test->in;
    r = ngx_http_webhook_waited(op);

    rc = NGX_HTTP_INTERNAL_SERVER_ERROR;

    if (r && op->status != NGX_HTTP_WEBHOOK_STORE_OK) {
        rc = ngx_http_webhook_store_failed(r, op);

    } else if (r
               && ngx_http_webhook_test_payload(in,
                                                &test->company.company.name)
                  == NGX_OK
               && ngx_http_webhook_wait(r, &in->op) == NGX_OK)
    {
        ngx_destroy_pool(op->pool);
        return;
    }

    if (r) {
        ngx_http_webhook_finalize(r, rc);
    }

    ngx_destroy_pool(in->op.pool);
    ngx_destroy_pool(op->pool);
}


static ngx_int_t
ngx_http_webhook_test_payload(ngx_http_webhook_ingest_op_t *in,
    ngx_str_t *name)
{
    ngx_http_webhook_json_writer_t  *w;

    w = ngx_http_webhook_json_begin(in->op.pool);
    if (w == NULL) {
        return NGX_ERROR;
    }

    ngx_http_webhook_json_object(w, NULL);
    ngx_http_webhook_json_string(w, "company", name);
    ngx_http_webhook_json_close_object(w);

    return ngx_http_webhook_json_end(w, &in->message.payload);
}


static void
ngx_http_webhook_test_done(ngx_http_webhook_op_t *op)
{
    ngx_http_webhook_ingest_op_t *in = (ngx_http_webhook_ingest_op_t *) op;
    ngx_http_webhook_test_ingest_t *test =
                                       (ngx_http_webhook_test_ingest_t *) op;

    ngx_http_request_t            *r;
    ngx_http_webhook_test_wait_t  *wait;

    if (op->data == NULL || test->wait == NULL
        || op->status != NGX_HTTP_WEBHOOK_STORE_OK
        || ngx_queue_empty(&in->held))
    {
        ngx_http_webhook_ingest_answer(op, ngx_http_webhook_test_render);
        return;
    }

    r = ngx_http_webhook_waited(op);

    wait = test->wait;

    wait->message_id = in->message.id;
    wait->event_id = in->event_id;
    wait->held = ngx_queue_data(ngx_queue_head(&in->held),
                                ngx_http_webhook_held_t, queue);

    wait->held->dropped = ngx_http_webhook_test_dropped;
    wait->held->data = wait;

    ngx_add_timer(&wait->timer,
                  (ngx_msec_t) ngx_max((ngx_msec_int_t)
                                       (wait->deadline - ngx_current_msec),
                                       1));

    /* a client that goes away is noticed */

    r->read_event_handler = ngx_http_test_reading;

    ngx_http_webhook_ingest_finish(in);
}


static ngx_int_t
ngx_http_webhook_test_render(ngx_http_request_t *r,
    ngx_http_webhook_ingest_op_t *in)
{
    return ngx_http_webhook_test_accepted(r, in->message.id, in->event_id);
}


static ngx_int_t
ngx_http_webhook_test_accepted(ngx_http_request_t *r,
    ngx_http_webhook_id_t message_id, ngx_http_webhook_id_t event_id)
{
    ngx_http_webhook_json_writer_t  *w;

    w = ngx_http_webhook_json_begin(r->pool);
    if (w == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    ngx_http_webhook_json_object(w, NULL);
    ngx_http_webhook_json_id(w, "id", "msg_", message_id);
    ngx_http_webhook_json_id(w, "webhook_event_id", "evt_", event_id);
    ngx_http_webhook_json_close_object(w);

    return ngx_http_webhook_send_json(r, NGX_HTTP_ACCEPTED, w);
}


static void
ngx_http_webhook_test_dropped(ngx_http_webhook_held_t *held)
{
    ngx_http_webhook_test_wait_t *wait = held->data;

    wait->held = NULL;

    ngx_http_webhook_test_look(wait);
}


static void
ngx_http_webhook_test_timer(ngx_event_t *ev)
{
    ngx_int_t                      rc;
    ngx_http_request_t            *r;
    ngx_http_webhook_test_wait_t  *wait;

    wait = (ngx_http_webhook_test_wait_t *)
               ((u_char *) ev - offsetof(ngx_http_webhook_test_wait_t, timer));

    if (wait->held == NULL) {
        ngx_http_webhook_test_look(wait);
        return;
    }

    /* no outcome in time */

    r = wait->request;

    ngx_http_webhook_test_end(wait);

    rc = ngx_http_webhook_test_accepted(r, wait->message_id, wait->event_id);

    ngx_http_webhook_finalize(r, rc);
}


static void
ngx_http_webhook_test_look(ngx_http_webhook_test_wait_t *wait)
{
    ngx_http_request_t            *r;
    ngx_http_webhook_test_look_t  *look;

    r = wait->request;

    if (wait->timer.timer_set) {
        ngx_del_timer(&wait->timer);
    }

    look = ngx_http_webhook_api_op(NGX_HTTP_WEBHOOK_OP_EVENT_GET,
                                   sizeof(ngx_http_webhook_test_look_t),
                                   ngx_http_webhook_test_looked);
    if (look == NULL) {
        ngx_http_webhook_finalize(r, NGX_HTTP_INTERNAL_SERVER_ERROR);
        return;
    }

    look->wait = wait;
    look->event.event.id = wait->event_id;
    look->event.ref.len = wait->company.len;
    look->event.ref.data = ngx_pstrdup(look->event.op.pool, &wait->company);

    if (look->event.ref.data == NULL
        || ngx_http_webhook_wait(r, &look->event.op) != NGX_OK)
    {
        ngx_destroy_pool(look->event.op.pool);
        ngx_http_webhook_finalize(r, NGX_HTTP_INTERNAL_SERVER_ERROR);
    }
}


static void
ngx_http_webhook_test_looked(ngx_http_webhook_op_t *op)
{
    ngx_http_webhook_test_look_t *look = (ngx_http_webhook_test_look_t *) op;

    ngx_int_t                      rc;
    ngx_msec_int_t                 left;
    ngx_http_request_t            *r;
    ngx_http_webhook_test_wait_t  *wait;

    r = ngx_http_webhook_waited(op);

    if (r == NULL) {
        ngx_destroy_pool(op->pool);
        return;
    }

    wait = look->wait;
    left = (ngx_msec_int_t) (wait->deadline - ngx_current_msec);

    if (op->status != NGX_HTTP_WEBHOOK_STORE_OK) {
        rc = ngx_http_webhook_store_failed(r, op);

    } else if (look->event.event.status != NGX_HTTP_WEBHOOK_PENDING
               || look->event.attempts->nelts)
    {
        rc = ngx_http_webhook_event_render(r, op);

    } else if (left > 0) {

        /* another worker sends it */

        ngx_add_timer(&wait->timer,
                      ngx_min((ngx_msec_t) left, NGX_HTTP_WEBHOOK_TEST_LOOK));

        ngx_destroy_pool(op->pool);
        return;

    } else {
        rc = ngx_http_webhook_test_accepted(r, wait->message_id,
                                            wait->event_id);
    }

    ngx_http_webhook_finalize(r, rc);

    ngx_destroy_pool(op->pool);
}


/* The wait is over, or its request. */

static void
ngx_http_webhook_test_end(void *data)
{
    ngx_http_webhook_test_wait_t *wait = data;

    if (wait->timer.timer_set) {
        ngx_del_timer(&wait->timer);
    }

    if (wait->held) {
        wait->held->dropped = NULL;
        wait->held = NULL;
    }
}
