
/*
 * Copyright (C) the ngx_http_webhook_module authors
 */


/*
 * /status of the admin API, on the event loop: what /metrics has, for people.
 * Where the store is unavailable, what it would tell is left out.
 */


#include "ngx_http_webhook_api.h"
#include "ngx_http_webhook_metrics.h"

#include <nginx.h>


static void ngx_http_webhook_status_done(ngx_http_webhook_op_t *op);
static ngx_int_t ngx_http_webhook_status_render(ngx_http_request_t *r,
    ngx_http_webhook_status_op_t *status);
static void ngx_http_webhook_status_store(ngx_http_webhook_json_writer_t *w,
    ngx_http_webhook_status_op_t *status, ngx_uint_t sync);
static void ngx_http_webhook_status_totals(ngx_http_webhook_json_writer_t *w,
    ngx_http_webhook_metrics_t *m);
static void ngx_http_webhook_status_histogram(
    ngx_http_webhook_json_writer_t *w, ngx_http_webhook_metrics_t *m,
    ngx_http_webhook_histogram_e histogram, const char *key);
static void ngx_http_webhook_status_workers(ngx_http_webhook_json_writer_t *w,
    ngx_http_webhook_metrics_t *m);


ngx_int_t
ngx_http_webhook_api_status(ngx_http_webhook_api_t *api)
{
    ngx_http_webhook_op_t  *op;

    op = ngx_http_webhook_api_op(NGX_HTTP_WEBHOOK_OP_STATUS,
                                 sizeof(ngx_http_webhook_status_op_t),
                                 ngx_http_webhook_status_done);
    if (op == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    return ngx_http_webhook_api_post(api, op, NULL);
}


static void
ngx_http_webhook_status_done(ngx_http_webhook_op_t *op)
{
    ngx_http_request_t  *r;

    r = ngx_http_webhook_waited(op);

    if (r) {
        ngx_http_webhook_finalize(r,
                      ngx_http_webhook_status_render(r,
                                      (ngx_http_webhook_status_op_t *) op));
    }

    ngx_destroy_pool(op->pool);
}


static ngx_int_t
ngx_http_webhook_status_render(ngx_http_request_t *r,
    ngx_http_webhook_status_op_t *status)
{
    ngx_http_webhook_metrics_t      *m;
    ngx_http_webhook_main_conf_t    *wmcf;
    ngx_http_webhook_json_writer_t  *w;

    wmcf = ngx_http_get_module_main_conf(r, ngx_http_webhook_module);

    m = ngx_http_webhook_metrics_read(wmcf, r->pool);
    w = ngx_http_webhook_json_begin(r->pool);

    if (m == NULL || w == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    ngx_http_webhook_json_object(w, NULL);
    ngx_http_webhook_json_cstring(w, "version", NGX_HTTP_WEBHOOK_VERSION);
    ngx_http_webhook_json_cstring(w, "nginx", NGINX_VERSION);
    ngx_http_webhook_json_time(w, "started_at", (int64_t) m->started * 1000);
    ngx_http_webhook_json_integer(w, "uptime_seconds",
                                  ngx_max(ngx_time() - m->started, 0));

    ngx_http_webhook_status_store(w, status, wmcf->store_sync);
    ngx_http_webhook_status_totals(w, m);
    ngx_http_webhook_status_workers(w, m);

    ngx_http_webhook_json_close_object(w);

    return ngx_http_webhook_send_json(r, NGX_HTTP_OK, w);
}


static void
ngx_http_webhook_status_store(ngx_http_webhook_json_writer_t *w,
    ngx_http_webhook_status_op_t *status, ngx_uint_t sync)
{
    ngx_uint_t  up;

    up = (status->op.status == NGX_HTTP_WEBHOOK_STORE_OK);

    ngx_http_webhook_json_object(w, "store");
    ngx_http_webhook_json_boolean(w, "available", up);
    ngx_http_webhook_json_cstring(w, "sync", sync ? "full" : "normal");

    if (!up) {
        ngx_http_webhook_json_close_object(w);
        return;
    }

    ngx_http_webhook_json_integer(w, "schema", status->schema);

    ngx_http_webhook_json_object(w, "bytes");
    ngx_http_webhook_json_integer(w, "db", status->size);
    ngx_http_webhook_json_integer(w, "wal", status->log_size);
    ngx_http_webhook_json_integer(w, "index", status->index_size);
    ngx_http_webhook_json_close_object(w);

    if (status->lag < 0) {
        ngx_http_webhook_json_null(w, "index_lag_ms");

    } else {
        ngx_http_webhook_json_integer(w, "index_lag_ms", status->lag);
    }

    ngx_http_webhook_json_close_object(w);

    ngx_http_webhook_json_object(w, "pending_events");
    ngx_http_webhook_json_integer(w, "due", status->due);
    ngx_http_webhook_json_integer(w, "scheduled",
                                  status->waiting - status->due);
    ngx_http_webhook_json_integer(w, "owned", status->owned);
    ngx_http_webhook_json_time(w, "oldest_due_at", status->oldest);
    ngx_http_webhook_json_close_object(w);

    ngx_http_webhook_json_object(w, "breakers");
    ngx_http_webhook_json_integer(w, "open", status->open);
    ngx_http_webhook_json_integer(w, "half_open", status->half_open);
    ngx_http_webhook_json_close_object(w);
}


/* Since started_at.  What never happened is left out of the maps. */

static void
ngx_http_webhook_status_totals(ngx_http_webhook_json_writer_t *w,
    ngx_http_webhook_metrics_t *m)
{
    uint64_t    *n;
    ngx_uint_t   i;

    n = m->total;

    ngx_http_webhook_json_object(w, "totals");
    ngx_http_webhook_json_integer(w, "messages",
                                  n[NGX_HTTP_WEBHOOK_COUNT_MESSAGES]);
    ngx_http_webhook_json_integer(w, "webhook_events",
                                  n[NGX_HTTP_WEBHOOK_COUNT_EVENTS]);
    ngx_http_webhook_json_integer(w, "delivered",
                                  n[NGX_HTTP_WEBHOOK_COUNT_DELIVERED]);
    ngx_http_webhook_json_integer(w, "failed",
                                  n[NGX_HTTP_WEBHOOK_COUNT_FAILED]);
    ngx_http_webhook_json_integer(w, "cancelled",
                                  n[NGX_HTTP_WEBHOOK_COUNT_CANCELLED]);
    ngx_http_webhook_json_integer(w, "store_failures",
                                  n[NGX_HTTP_WEBHOOK_COUNT_UNAVAILABLE]);

    ngx_http_webhook_json_object(w, "ingest");
    ngx_http_webhook_json_integer(w, "accepted",
                                  n[NGX_HTTP_WEBHOOK_COUNT_ACCEPTED]);
    ngx_http_webhook_json_integer(w, "repeated",
                                  n[NGX_HTTP_WEBHOOK_COUNT_REPEATED]);

    for (i = 0; i < NGX_HTTP_WEBHOOK_PROBLEMS; i++) {
        if (i < NGX_HTTP_WEBHOOK_METRICS_RESULTS
            && n[NGX_HTTP_WEBHOOK_COUNT_PROBLEMS + i])
        {
            ngx_http_webhook_json_integer(w, ngx_http_webhook_problem_code(i),
                                      n[NGX_HTTP_WEBHOOK_COUNT_PROBLEMS + i]);
        }
    }

    ngx_http_webhook_json_close_object(w);

    ngx_http_webhook_json_object(w, "attempts");
    ngx_http_webhook_json_integer(w, "success",
                                  n[NGX_HTTP_WEBHOOK_COUNT_SUCCESSES]);

    for (i = 0; i < NGX_HTTP_WEBHOOK_METRICS_ERRORS; i++) {
        if (n[NGX_HTTP_WEBHOOK_COUNT_ERRORS + i]) {
            ngx_http_webhook_json_integer(w,
                                      ngx_http_webhook_metrics_errors[i],
                                      n[NGX_HTTP_WEBHOOK_COUNT_ERRORS + i]);
        }
    }

    ngx_http_webhook_json_close_object(w);

    ngx_http_webhook_status_histogram(w, m, NGX_HTTP_WEBHOOK_LATENCY,
                                      "attempt_duration_us");
    ngx_http_webhook_status_histogram(w, m, NGX_HTTP_WEBHOOK_COMMIT_SIZE,
                                      "commit_operations");
    ngx_http_webhook_status_histogram(w, m, NGX_HTTP_WEBHOOK_COMMIT_TIME,
                                      "commit_duration_us");
    ngx_http_webhook_status_histogram(w, m, NGX_HTTP_WEBHOOK_CLAIM_TIME,
                                      "claim_duration_us");

    ngx_http_webhook_json_close_object(w);
}


/* How many were not above each bound; a bound of null is above all. */

static void
ngx_http_webhook_status_histogram(ngx_http_webhook_json_writer_t *w,
    ngx_http_webhook_metrics_t *m, ngx_http_webhook_histogram_e histogram,
    const char *key)
{
    uint64_t     n, sum;
    ngx_uint_t   i, *bounds;

    bounds = ngx_http_webhook_metrics_bounds[histogram];
    sum = m->total[ngx_http_webhook_metrics_sum(histogram)];
    n = 0;

    ngx_http_webhook_json_object(w, key);
    ngx_http_webhook_json_array(w, "buckets");

    for (i = 0; /* void */; i++) {
        n += m->total[ngx_http_webhook_metrics_place(histogram, i)];

        ngx_http_webhook_json_object(w, NULL);

        if (bounds[i]) {
            ngx_http_webhook_json_integer(w, "at_most", bounds[i]);

        } else {
            ngx_http_webhook_json_null(w, "at_most");
        }

        ngx_http_webhook_json_integer(w, "count", n);
        ngx_http_webhook_json_close_object(w);

        if (bounds[i] == 0) {
            break;
        }
    }

    ngx_http_webhook_json_close_array(w);
    ngx_http_webhook_json_integer(w, "count", n);

    if (n) {
        ngx_http_webhook_json_integer(w, "mean", sum / n);

    } else {
        ngx_http_webhook_json_null(w, "mean");
    }

    ngx_http_webhook_json_close_object(w);
}


/* A process that ends after a reload is one beside the new one. */

static void
ngx_http_webhook_status_workers(ngx_http_webhook_json_writer_t *w,
    ngx_http_webhook_metrics_t *m)
{
    uint64_t                    *n;
    ngx_uint_t                   i;
    ngx_http_webhook_process_t  *process;

    ngx_http_webhook_json_array(w, "workers");

    for (i = 0; i < m->nworkers; i++) {
        n = ngx_http_webhook_metrics_of(m, i);

        ngx_http_webhook_json_object(w, NULL);
        ngx_http_webhook_json_integer(w, "worker", i);
        ngx_http_webhook_json_integer(w, "messages",
                                      n[NGX_HTTP_WEBHOOK_COUNT_MESSAGES]);
        ngx_http_webhook_json_integer(w, "delivered",
                                      n[NGX_HTTP_WEBHOOK_COUNT_DELIVERED]);
        ngx_http_webhook_json_integer(w, "failed",
                                      n[NGX_HTTP_WEBHOOK_COUNT_FAILED]);
        ngx_http_webhook_json_integer(w, "commits",
                                      n[NGX_HTTP_WEBHOOK_COUNT_COMMITS]);
        ngx_http_webhook_json_close_object(w);
    }

    ngx_http_webhook_json_close_array(w);

    ngx_http_webhook_json_array(w, "processes");

    for (i = 0; i < m->nprocesses; i++) {
        process = &m->processes[i];

        ngx_http_webhook_json_object(w, NULL);
        ngx_http_webhook_json_integer(w, "pid", process->pid);
        ngx_http_webhook_json_integer(w, "worker", process->worker);
        ngx_http_webhook_json_time(w, "started_at",
                                   (int64_t) process->started * 1000);
        ngx_http_webhook_json_integer(w, "in_flight", process->in_flight);
        ngx_http_webhook_json_integer(w, "held_events", process->held);
        ngx_http_webhook_json_integer(w, "held_bytes", process->bytes);
        ngx_http_webhook_json_integer(w, "waiting_operations",
                                      process->waiting);
        ngx_http_webhook_json_close_object(w);
    }

    ngx_http_webhook_json_close_array(w);
}
