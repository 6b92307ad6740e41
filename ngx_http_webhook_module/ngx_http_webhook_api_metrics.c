
/*
 * Copyright (C) the ngx_http_webhook_module authors
 */


/*
 * /metrics of the admin API, on the event loop: what the workers count and
 * what the store tells, in Prometheus' text format 0.0.4.  The labels are
 * bounded: none names a company or a webhook.  Where the store is unavailable
 * its metrics are left out, and webhook_store_up is 0.
 */


#include "ngx_http_webhook_api.h"
#include "ngx_http_webhook_metrics.h"

#include <nginx.h>


#define NGX_HTTP_WEBHOOK_METRICS_LINES  256      /* of no worker's own */
#define NGX_HTTP_WEBHOOK_METRICS_LINE   192      /* bytes */


typedef struct {
    u_char                          *pos;
    u_char                          *last;
    u_char                          *end;
} ngx_http_webhook_text_t;


typedef struct {
    const char                      *name;
    const char                      *help;
    ngx_uint_t                       counter;
} ngx_http_webhook_worker_counter_t;


typedef struct {
    const char                      *name;
    const char                      *help;
    size_t                           offset;     /* in a process */
} ngx_http_webhook_worker_gauge_t;


static ngx_http_webhook_worker_counter_t  ngx_http_webhook_worker_counters[] = {

    { "webhook_worker_messages_total",
      "Messages that a worker has stored.",
      NGX_HTTP_WEBHOOK_COUNT_MESSAGES },

    { "webhook_worker_delivered_total",
      "Webhook events that a worker has delivered.",
      NGX_HTTP_WEBHOOK_COUNT_DELIVERED },

    { "webhook_worker_failed_total",
      "Webhook events that have failed for good at a worker.",
      NGX_HTTP_WEBHOOK_COUNT_FAILED },

    { "webhook_worker_commits_total",
      "Group commits of a worker.",
      NGX_HTTP_WEBHOOK_COUNT_COMMITS },

    { NULL, NULL, 0 }
};


/* each in all and, with "_worker_", by worker */

static ngx_http_webhook_worker_gauge_t  ngx_http_webhook_worker_gauges[] = {

    { "deliveries_in_flight", "Deliveries that run.",
      offsetof(ngx_http_webhook_process_t, in_flight) },

    { "held_events", "Webhook events in the memory of workers.",
      offsetof(ngx_http_webhook_process_t, held) },

    { "held_bytes", "Bytes of their payloads.",
      offsetof(ngx_http_webhook_process_t, bytes) },

    { "waiting_operations", "Operations that wait for the store.",
      offsetof(ngx_http_webhook_process_t, waiting) },

    { NULL, NULL, 0 }
};


static void ngx_http_webhook_metrics_done(ngx_http_webhook_op_t *op);
static ngx_int_t ngx_http_webhook_metrics_render(ngx_http_request_t *r,
    ngx_http_webhook_status_op_t *status);
static void ngx_http_webhook_text(ngx_http_webhook_text_t *t, const char *fmt,
    ...);
static void ngx_http_webhook_text_head(ngx_http_webhook_text_t *t,
    const char *name, const char *type, const char *help);
static u_char *ngx_http_webhook_text_seconds(u_char *p, ngx_uint_t us);
static void ngx_http_webhook_metrics_counters(ngx_http_webhook_text_t *t,
    ngx_http_webhook_metrics_t *m);
static void ngx_http_webhook_metrics_ingest(ngx_http_webhook_text_t *t,
    ngx_http_webhook_metrics_t *m);
static void ngx_http_webhook_metrics_attempts(ngx_http_webhook_text_t *t,
    ngx_http_webhook_metrics_t *m);
static void ngx_http_webhook_metrics_histogram(ngx_http_webhook_text_t *t,
    ngx_http_webhook_metrics_t *m, ngx_http_webhook_histogram_e histogram,
    const char *name, const char *help);
static void ngx_http_webhook_metrics_store(ngx_http_webhook_text_t *t,
    ngx_http_webhook_status_op_t *status);
static void ngx_http_webhook_metrics_workers(ngx_http_webhook_text_t *t,
    ngx_http_webhook_metrics_t *m);


ngx_int_t
ngx_http_webhook_api_metrics(ngx_http_webhook_api_t *api)
{
    ngx_http_webhook_op_t  *op;

    op = ngx_http_webhook_api_op(NGX_HTTP_WEBHOOK_OP_STATUS,
                                 sizeof(ngx_http_webhook_status_op_t),
                                 ngx_http_webhook_metrics_done);
    if (op == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    return ngx_http_webhook_api_post(api, op, NULL);
}


static void
ngx_http_webhook_metrics_done(ngx_http_webhook_op_t *op)
{
    ngx_http_request_t  *r;

    r = ngx_http_webhook_waited(op);

    if (r) {
        ngx_http_webhook_finalize(r,
                      ngx_http_webhook_metrics_render(r,
                                      (ngx_http_webhook_status_op_t *) op));
    }

    ngx_destroy_pool(op->pool);
}


static ngx_int_t
ngx_http_webhook_metrics_render(ngx_http_request_t *r,
    ngx_http_webhook_status_op_t *status)
{
    size_t                         size;
    ngx_str_t                      text;
    ngx_http_webhook_text_t        t;
    ngx_http_webhook_metrics_t    *m;
    ngx_http_webhook_main_conf_t  *wmcf;

    wmcf = ngx_http_get_module_main_conf(r, ngx_http_webhook_module);

    m = ngx_http_webhook_metrics_read(wmcf, r->pool);
    if (m == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    size = (NGX_HTTP_WEBHOOK_METRICS_LINES + 8 * m->nworkers)
           * NGX_HTTP_WEBHOOK_METRICS_LINE;

    t.pos = ngx_pnalloc(r->pool, size);
    if (t.pos == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    t.last = t.pos;
    t.end = t.pos + size;

    ngx_http_webhook_text_head(&t, "webhook_build_info", "gauge",
                               "The versions of the module and of nginx.");
    ngx_http_webhook_text(&t, "webhook_build_info{version=\"%s\","
                              "nginx=\"%s\"} 1\n",
                          NGX_HTTP_WEBHOOK_VERSION, NGINX_VERSION);

    ngx_http_webhook_text_head(&t, "webhook_start_time_seconds", "gauge",
                               "When the counters began, over reloads.");
    ngx_http_webhook_text(&t, "webhook_start_time_seconds %T\n", m->started);

    ngx_http_webhook_metrics_counters(&t, m);
    ngx_http_webhook_metrics_ingest(&t, m);
    ngx_http_webhook_metrics_attempts(&t, m);
    ngx_http_webhook_metrics_store(&t, status);
    ngx_http_webhook_metrics_workers(&t, m);

    text.data = t.pos;
    text.len = t.last - t.pos;

    return ngx_http_webhook_send_typed(r, NGX_HTTP_OK,
                                       "text/plain; version=0.0.4", &text);
}


static void
ngx_http_webhook_text(ngx_http_webhook_text_t *t, const char *fmt, ...)
{
    va_list  args;

    va_start(args, fmt);
    t->last = ngx_vslprintf(t->last, t->end, fmt, args);
    va_end(args);
}


static void
ngx_http_webhook_text_head(ngx_http_webhook_text_t *t, const char *name,
    const char *type, const char *help)
{
    ngx_http_webhook_text(t, "# HELP %s %s\n# TYPE %s %s\n", name, help, name,
                          type);
}


/* Microseconds as seconds, without zeros at the end. */

static u_char *
ngx_http_webhook_text_seconds(u_char *p, ngx_uint_t us)
{
    p = ngx_sprintf(p, "%ui.%06ui", us / 1000000, us % 1000000);

    while (p[-1] == '0') {
        p--;
    }

    if (p[-1] == '.') {
        p--;
    }

    *p = '\0';

    return p;
}


static void
ngx_http_webhook_metrics_counters(ngx_http_webhook_text_t *t,
    ngx_http_webhook_metrics_t *m)
{
    ngx_http_webhook_text_head(t, "webhook_messages_total", "counter",
                               "Messages that were stored.");
    ngx_http_webhook_text(t, "webhook_messages_total %uL\n",
                          m->total[NGX_HTTP_WEBHOOK_COUNT_MESSAGES]);

    ngx_http_webhook_text_head(t, "webhook_events_total", "counter",
                               "Webhook events that were stored: a message "
                               "has one for each webhook.");
    ngx_http_webhook_text(t, "webhook_events_total %uL\n",
                          m->total[NGX_HTTP_WEBHOOK_COUNT_EVENTS]);

    ngx_http_webhook_text_head(t, "webhook_events_ended_total", "counter",
                               "Webhook events that came to an end.");
    ngx_http_webhook_text(t,
                      "webhook_events_ended_total{outcome=\"delivered\"} %uL\n"
                      "webhook_events_ended_total{outcome=\"failed\"} %uL\n"
                      "webhook_events_ended_total{outcome=\"cancelled\"} "
                      "%uL\n",
                      m->total[NGX_HTTP_WEBHOOK_COUNT_DELIVERED],
                      m->total[NGX_HTTP_WEBHOOK_COUNT_FAILED],
                      m->total[NGX_HTTP_WEBHOOK_COUNT_CANCELLED]);

    ngx_http_webhook_text_head(t, "webhook_store_failures_total", "counter",
                               "Operations that the store could not carry "
                               "out.");
    ngx_http_webhook_text(t, "webhook_store_failures_total %uL\n",
                          m->total[NGX_HTTP_WEBHOOK_COUNT_UNAVAILABLE]);

    ngx_http_webhook_metrics_histogram(t, m, NGX_HTTP_WEBHOOK_COMMIT_SIZE,
                                       "webhook_commit_operations",
                                       "Operations of a group commit.");
    ngx_http_webhook_metrics_histogram(t, m, NGX_HTTP_WEBHOOK_COMMIT_TIME,
                                       "webhook_commit_duration_seconds",
                                       "How long a group commit took, with "
                                       "the wait for other writers.");
    ngx_http_webhook_metrics_histogram(t, m, NGX_HTTP_WEBHOOK_CLAIM_TIME,
                                       "webhook_claim_duration_seconds",
                                       "How long it took to look for what is "
                                       "due and to take it, without the "
                                       "commit.");
}


/* Problems of the server are there from the start, those of clients not. */

static void
ngx_http_webhook_metrics_ingest(ngx_http_webhook_text_t *t,
    ngx_http_webhook_metrics_t *m)
{
    uint64_t    n;
    ngx_uint_t  i;

    ngx_http_webhook_text_head(t, "webhook_ingest_answers_total", "counter",
                               "Events that were posted, by what the answer "
                               "was.");
    ngx_http_webhook_text(t,
                    "webhook_ingest_answers_total{result=\"accepted\"} %uL\n"
                    "webhook_ingest_answers_total{result=\"repeated\"} %uL\n",
                    m->total[NGX_HTTP_WEBHOOK_COUNT_ACCEPTED],
                    m->total[NGX_HTTP_WEBHOOK_COUNT_REPEATED]);

    for (i = 0; i < NGX_HTTP_WEBHOOK_PROBLEMS; i++) {

        if (i == NGX_HTTP_WEBHOOK_METRICS_RESULTS) {
            return;
        }

        n = m->total[NGX_HTTP_WEBHOOK_COUNT_PROBLEMS + i];

        if (n || ngx_http_webhook_problem_status(i)
                 >= NGX_HTTP_INTERNAL_SERVER_ERROR)
        {
            ngx_http_webhook_text(t, "webhook_ingest_answers_total"
                                     "{result=\"%s\"} %uL\n",
                                  ngx_http_webhook_problem_code(i), n);
        }
    }
}


static void
ngx_http_webhook_metrics_attempts(ngx_http_webhook_text_t *t,
    ngx_http_webhook_metrics_t *m)
{
    ngx_uint_t  i;

    static const char  *classes[] = {
        "1xx", "2xx", "3xx", "4xx", "5xx", "other"
    };

    ngx_http_webhook_text_head(t, "webhook_attempts_total", "counter",
                               "Attempts to deliver, by what came of them: "
                               "success, or the error.");
    ngx_http_webhook_text(t, "webhook_attempts_total{result=\"success\"} "
                             "%uL\n",
                          m->total[NGX_HTTP_WEBHOOK_COUNT_SUCCESSES]);

    for (i = 0; i < NGX_HTTP_WEBHOOK_METRICS_ERRORS; i++) {
        ngx_http_webhook_text(t, "webhook_attempts_total{result=\"%s\"} %uL\n",
                              ngx_http_webhook_metrics_errors[i],
                              m->total[NGX_HTTP_WEBHOOK_COUNT_ERRORS + i]);
    }

    ngx_http_webhook_text_head(t, "webhook_attempt_answers_total", "counter",
                               "Answers of endpoints, by the class of their "
                               "status.");

    for (i = 0; i < sizeof(classes) / sizeof(classes[0]); i++) {
        ngx_http_webhook_text(t, "webhook_attempt_answers_total"
                                 "{status=\"%s\"} %uL\n",
                              classes[i],
                              m->total[NGX_HTTP_WEBHOOK_COUNT_ANSWERS + i]);
    }

    ngx_http_webhook_metrics_histogram(t, m, NGX_HTTP_WEBHOOK_LATENCY,
                                       "webhook_attempt_duration_seconds",
                                       "How long an attempt took, from its "
                                       "start to the end of the answer or to "
                                       "the error.");
}


static void
ngx_http_webhook_metrics_histogram(ngx_http_webhook_text_t *t,
    ngx_http_webhook_metrics_t *m, ngx_http_webhook_histogram_e histogram,
    const char *name, const char *help)
{
    u_char       le[2 * NGX_INT_T_LEN];
    uint64_t     n, sum;
    ngx_uint_t   i, seconds, *bounds;

    seconds = (histogram != NGX_HTTP_WEBHOOK_COMMIT_SIZE);
    bounds = ngx_http_webhook_metrics_bounds[histogram];

    ngx_http_webhook_text_head(t, name, "histogram", help);

    n = 0;

    for (i = 0; bounds[i]; i++) {
        n += m->total[ngx_http_webhook_metrics_place(histogram, i)];

        if (seconds) {
            (void) ngx_http_webhook_text_seconds(le, bounds[i]);

        } else {
            ngx_sprintf(le, "%ui%Z", bounds[i]);
        }

        ngx_http_webhook_text(t, "%s_bucket{le=\"%s\"} %uL\n", name, le, n);
    }

    n += m->total[ngx_http_webhook_metrics_place(histogram, i)];
    sum = m->total[ngx_http_webhook_metrics_sum(histogram)];

    if (seconds) {
        (void) ngx_http_webhook_text_seconds(le, (ngx_uint_t) sum);

    } else {
        ngx_sprintf(le, "%uL%Z", sum);
    }

    ngx_http_webhook_text(t, "%s_bucket{le=\"+Inf\"} %uL\n%s_sum %s\n"
                             "%s_count %uL\n",
                          name, n, name, le, name, n);
}


static void
ngx_http_webhook_metrics_store(ngx_http_webhook_text_t *t,
    ngx_http_webhook_status_op_t *status)
{
    int64_t      age;
    u_char       text[2 * NGX_INT_T_LEN];
    ngx_uint_t   up;
    ngx_time_t  *tp;

    up = (status->op.status == NGX_HTTP_WEBHOOK_STORE_OK);

    ngx_http_webhook_text_head(t, "webhook_store_up", "gauge",
                               "1 where the store answers.");
    ngx_http_webhook_text(t, "webhook_store_up %ui\n", up);

    if (!up) {
        return;
    }

    ngx_http_webhook_text_head(t, "webhook_pending_events", "gauge",
                               "Webhook events that are to be sent: due, for "
                               "later, or in the hands of a worker.");
    ngx_http_webhook_text(t, "webhook_pending_events{state=\"due\"} %L\n"
                             "webhook_pending_events{state=\"scheduled\"} %L\n"
                             "webhook_pending_events{state=\"owned\"} %L\n",
                          status->due, status->waiting - status->due,
                          status->owned);

    tp = ngx_timeofday();
    age = status->oldest
          ? (int64_t) tp->sec * 1000 + tp->msec - status->oldest : 0;
    age = ngx_max(age, 0);

    (void) ngx_http_webhook_text_seconds(text, (ngx_uint_t) age * 1000);

    ngx_http_webhook_text_head(t, "webhook_oldest_due_seconds", "gauge",
                               "How long the oldest due webhook event has "
                               "waited for a worker.");
    ngx_http_webhook_text(t, "webhook_oldest_due_seconds %s\n", text);

    ngx_http_webhook_text_head(t, "webhook_breakers", "gauge",
                               "Webhooks whose circuit breaker is not "
                               "closed.");
    ngx_http_webhook_text(t, "webhook_breakers{state=\"open\"} %L\n"
                             "webhook_breakers{state=\"half_open\"} %L\n",
                          status->open, status->half_open);

    ngx_http_webhook_text_head(t, "webhook_locked_webhooks", "gauge",
                               "Webhooks whose secret no encryption key "
                               "opens: their events wait.");
    ngx_http_webhook_text(t, "webhook_locked_webhooks %L\n", status->locked);

    ngx_http_webhook_text_head(t, "webhook_store_bytes", "gauge",
                               "Sizes of the store's files.");
    ngx_http_webhook_text(t, "webhook_store_bytes{file=\"db\"} %O\n"
                             "webhook_store_bytes{file=\"wal\"} %O\n"
                             "webhook_store_bytes{file=\"index\"} %O\n",
                          status->size, status->log_size, status->index_size);

    if (status->lag < 0) {
        return;
    }

    (void) ngx_http_webhook_text_seconds(text,
                                         (ngx_uint_t) status->lag * 1000);

    ngx_http_webhook_text_head(t, "webhook_index_lag_seconds", "gauge",
                               "How far the index of lists is behind the "
                               "store; missing where there is none.");
    ngx_http_webhook_text(t, "webhook_index_lag_seconds %s\n", text);
}


static ngx_uint_t
ngx_http_webhook_metrics_gauge(ngx_http_webhook_metrics_t *m, size_t offset,
    ngx_uint_t worker)
{
    u_char      *p;
    ngx_uint_t   i, n;

    n = 0;

    for (i = 0; i < m->nprocesses; i++) {
        p = (u_char *) &m->processes[i];

        if (worker == NGX_CONF_UNSET_UINT || worker == m->processes[i].worker)
        {
            n += *(ngx_atomic_t *) (p + offset);
        }
    }

    return n;
}


static void
ngx_http_webhook_metrics_workers(ngx_http_webhook_text_t *t,
    ngx_http_webhook_metrics_t *m)
{
    u_char                              name[64];
    ngx_uint_t                          i;
    ngx_http_webhook_worker_gauge_t    *g;
    ngx_http_webhook_worker_counter_t  *c;

    for (g = ngx_http_webhook_worker_gauges; g->name; g++) {

        ngx_sprintf(name, "webhook_%s%Z", g->name);
        ngx_http_webhook_text_head(t, (char *) name, "gauge", g->help);
        ngx_http_webhook_text(t, "%s %ui\n", name,
                              ngx_http_webhook_metrics_gauge(m, g->offset,
                                                        NGX_CONF_UNSET_UINT));

        ngx_sprintf(name, "webhook_worker_%s%Z", g->name);
        ngx_http_webhook_text_head(t, (char *) name, "gauge", g->help);

        for (i = 0; i < m->nworkers; i++) {
            ngx_http_webhook_text(t, "%s{worker=\"%ui\"} %ui\n", name, i,
                                  ngx_http_webhook_metrics_gauge(m, g->offset,
                                                                 i));
        }
    }

    for (c = ngx_http_webhook_worker_counters; c->name; c++) {

        ngx_http_webhook_text_head(t, c->name, "counter", c->help);

        for (i = 0; i < m->nworkers; i++) {
            ngx_http_webhook_text(t, "%s{worker=\"%ui\"} %uL\n", c->name, i,
                              ngx_http_webhook_metrics_of(m, i)[c->counter]);
        }
    }
}
