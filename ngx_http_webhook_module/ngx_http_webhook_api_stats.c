
/*
 * Copyright (C) the ngx_http_webhook_module authors
 */


/*
 * /companies/{company}/stats of the admin API, on the event loop.
 */


#include "ngx_http_webhook_api.h"
#include "ngx_http_webhook_name.h"


#define NGX_HTTP_WEBHOOK_STATS_BUCKETS  750      /* in an answer; */
#define NGX_HTTP_WEBHOOK_STATS_EACH     100      /* of each webhook */


typedef struct {
    const char                      *name;
    int64_t                          size;       /* ms */
    int64_t                          range;      /* ms, unless one is said */
} ngx_http_webhook_bucket_t;


static ngx_http_webhook_bucket_t  ngx_http_webhook_buckets[] = {
    { "1m", 60 * 1000, 3600 * 1000 },
    { "5m", 5 * 60 * 1000, 12 * 3600 * 1000 },
    { "1h", 3600 * 1000, 24 * 3600 * 1000 },
    { "1d", 24 * 3600 * 1000, (int64_t) 30 * 24 * 3600 * 1000 },
    { NULL, 0, 0 }
};


static const char *ngx_http_webhook_stats_params(ngx_http_webhook_api_t *api,
    ngx_http_webhook_stats_op_t *stats);
static const char *ngx_http_webhook_stats_range(ngx_http_webhook_api_t *api,
    ngx_http_webhook_stats_op_t *stats, ngx_http_webhook_bucket_t *bucket);
static void ngx_http_webhook_stats_done(ngx_http_webhook_op_t *op);
static ngx_int_t ngx_http_webhook_stats_render(ngx_http_request_t *r,
    ngx_http_webhook_op_t *op);
static void ngx_http_webhook_stats_each(ngx_http_webhook_json_writer_t *w,
    ngx_http_webhook_stats_op_t *stats);
static void ngx_http_webhook_stats_whole(ngx_http_webhook_json_writer_t *w,
    ngx_http_webhook_stats_op_t *stats);
static void ngx_http_webhook_stats_by_status(
    ngx_http_webhook_json_writer_t *w, ngx_http_webhook_stats_op_t *stats);
static void ngx_http_webhook_stats_by_event(ngx_http_webhook_json_writer_t *w,
    ngx_http_webhook_stats_op_t *stats, ngx_uint_t messages);
static void ngx_http_webhook_stats_counts(ngx_http_webhook_json_writer_t *w,
    ngx_http_webhook_counts_t *counts, ngx_uint_t messages);
static void ngx_http_webhook_stats_rate(ngx_http_webhook_json_writer_t *w,
    ngx_http_webhook_counts_t *counts);
static void ngx_http_webhook_stats_latency(ngx_http_webhook_json_writer_t *w,
    ngx_http_webhook_counts_t *counts, uint64_t *latency);
static double ngx_http_webhook_stats_percentile(uint64_t *latency, uint64_t n,
    double part);


ngx_int_t
ngx_http_webhook_api_stats(ngx_http_webhook_api_t *api)
{
    ngx_int_t                     rc;
    ngx_str_t                     value;
    const char                   *wrong;
    ngx_http_webhook_list_op_t    page;
    ngx_http_webhook_stats_op_t  *stats;

    ngx_memzero(&page, sizeof(ngx_http_webhook_list_op_t));

    rc = ngx_http_webhook_api_page(api, &page, "wh_");

    if (rc != NGX_DECLINED) {
        return rc;
    }

    stats = ngx_http_webhook_api_op(NGX_HTTP_WEBHOOK_OP_STATS,
                                    sizeof(ngx_http_webhook_stats_op_t),
                                    ngx_http_webhook_stats_done);
    if (stats == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    stats->cursor = page.cursor;
    stats->limit = (ngx_http_webhook_api_param(api, "limit", &value) == NGX_OK)
                   ? page.limit : NGX_HTTP_WEBHOOK_API_MOST;

    wrong = ngx_http_webhook_stats_params(api, stats);

    if (wrong) {
        ngx_destroy_pool(stats->op.pool);
        return ngx_http_webhook_problem(api->request,
                                        NGX_HTTP_WEBHOOK_INVALID_PARAMETER,
                                        wrong);
    }

    return ngx_http_webhook_api_post(api, &stats->op, &stats->ref);
}


/* NULL, or what is wrong with the query. */

static const char *
ngx_http_webhook_stats_params(ngx_http_webhook_api_t *api,
    ngx_http_webhook_stats_op_t *stats)
{
    ngx_str_t                   value;
    ngx_http_webhook_bucket_t  *bucket;

    if (ngx_http_webhook_api_param(api, "by", &value) == NGX_OK) {

        if (value.len != sizeof("webhook") - 1
            || ngx_strncmp(value.data, "webhook", value.len) != 0)
        {
            return "\"by\" must be webhook";
        }

        stats->each = 1;
    }

    if (ngx_http_webhook_api_param(api, "webhook", &value) == NGX_OK) {

        if (stats->each) {
            return "\"webhook\" is of no use with \"by\"";
        }

        stats->webhook_id = ngx_http_webhook_id_read(&value, "wh_");

        if (stats->webhook_id == 0) {
            return "\"webhook\" must be the id of a webhook";
        }
    }

    if (ngx_http_webhook_api_param(api, "bucket", &value) != NGX_OK) {
        ngx_str_set(&value, "1h");
    }

    for (bucket = ngx_http_webhook_buckets; bucket->name; bucket++) {

        if (value.len == ngx_strlen(bucket->name)
            && ngx_strncmp(value.data, bucket->name, value.len) == 0)
        {
            return ngx_http_webhook_stats_range(api, stats, bucket);
        }
    }

    return "\"bucket\" must be 1m, 5m, 1h or 1d";
}


/* Widens the range to whole buckets. */

static const char *
ngx_http_webhook_stats_range(ngx_http_webhook_api_t *api,
    ngx_http_webhook_stats_op_t *stats, ngx_http_webhook_bucket_t *bucket)
{
    int64_t      now, size;
    ngx_time_t  *tp;

    tp = ngx_timeofday();
    now = (int64_t) tp->sec * 1000 + tp->msec;

    size = bucket->size;

    stats->bucket = size;
    stats->until = now + 1;                  /* what is counted now, too */

    if (ngx_http_webhook_api_param_time(api, "until", &stats->until)
        == NGX_ERROR)
    {
        return "\"until\" must be a time (RFC 3339)";
    }

    stats->until = (stats->until + size - 1) / size * size;
    stats->since = ngx_max(stats->until - bucket->range, 0);

    if (ngx_http_webhook_api_param_time(api, "since", &stats->since)
        == NGX_ERROR)
    {
        return "\"since\" must be a time (RFC 3339)";
    }

    stats->since = stats->since / size * size;

    if (stats->since >= stats->until) {
        return "\"since\" must be before \"until\"";
    }

    if ((stats->until - stats->since) / size
        > (stats->each ? NGX_HTTP_WEBHOOK_STATS_EACH
                       : NGX_HTTP_WEBHOOK_STATS_BUCKETS))
    {
        return stats->each ? "There are at most 100 buckets of each webhook"
                           : "There are at most 750 buckets";
    }

    if (size < 3600 * 1000
        && stats->since < now - NGX_HTTP_WEBHOOK_STATS_MINUTES)
    {
        return "Buckets of minutes are kept for 48 hours";
    }

    return NULL;
}


static void
ngx_http_webhook_stats_done(ngx_http_webhook_op_t *op)
{
    ngx_http_webhook_api_done(op, ngx_http_webhook_stats_render);
}


static ngx_int_t
ngx_http_webhook_stats_render(ngx_http_request_t *r, ngx_http_webhook_op_t *op)
{
    ngx_http_webhook_stats_op_t *stats = (ngx_http_webhook_stats_op_t *) op;

    ngx_http_webhook_bucket_t       *bucket;
    ngx_http_webhook_json_writer_t  *w;

    w = ngx_http_webhook_json_begin(r->pool);
    if (w == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    for (bucket = ngx_http_webhook_buckets;
         bucket->size != stats->bucket;
         bucket++)
    {
        /* void */
    }

    ngx_http_webhook_json_object(w, NULL);
    ngx_http_webhook_json_date(w, "since", stats->since);
    ngx_http_webhook_json_date(w, "until", stats->until);
    ngx_http_webhook_json_cstring(w, "bucket", bucket->name);
    ngx_http_webhook_json_boolean(w, "complete", stats->complete_until == 0);
    ngx_http_webhook_json_time(w, "complete_until", stats->complete_until);

    if (stats->each) {
        ngx_http_webhook_stats_each(w, stats);

    } else {
        ngx_http_webhook_stats_whole(w, stats);
    }

    ngx_http_webhook_json_close_object(w);

    return ngx_http_webhook_send_json(r, NGX_HTTP_OK, w);
}


/* A row for each webhook: what a list of them shows beside it. */

static void
ngx_http_webhook_stats_each(ngx_http_webhook_json_writer_t *w,
    ngx_http_webhook_stats_op_t *stats)
{
    int64_t                     start;
    ngx_uint_t                  i;
    ngx_http_webhook_counts_t  *counts;
    ngx_http_webhook_series_t  *series;

    ngx_http_webhook_json_array(w, "data");

    series = stats->series->elts;

    for (i = 0; i < stats->series->nelts; i++, series++) {

        ngx_http_webhook_json_object(w, NULL);
        ngx_http_webhook_json_id(w, "webhook_id", "wh_", series->webhook_id);
        ngx_http_webhook_stats_counts(w, &series->total, 0);
        ngx_http_webhook_stats_rate(w, &series->total);
        ngx_http_webhook_stats_latency(w, &series->total, series->latency);

        ngx_http_webhook_json_array(w, "buckets");

        counts = series->buckets;

        for (start = stats->since; start < stats->until;
             start += stats->bucket)
        {
            ngx_http_webhook_json_object(w, NULL);
            ngx_http_webhook_json_date(w, "start", start);
            ngx_http_webhook_stats_counts(w, counts++, 0);
            ngx_http_webhook_json_close_object(w);
        }

        ngx_http_webhook_json_close_array(w);
        ngx_http_webhook_json_close_object(w);
    }

    ngx_http_webhook_json_close_array(w);
    ngx_http_webhook_json_id(w, "next_cursor", "wh_", stats->next);
}


/* A company, or one of its webhooks. */

static void
ngx_http_webhook_stats_whole(ngx_http_webhook_json_writer_t *w,
    ngx_http_webhook_stats_op_t *stats)
{
    int64_t                     start;
    uint64_t                   *latency;
    ngx_uint_t                  messages;
    ngx_http_webhook_counts_t  *counts;
    ngx_http_webhook_series_t  *series;

    series = stats->series->elts;
    messages = (series->webhook_id == 0);

    ngx_http_webhook_json_object(w, "total");
    ngx_http_webhook_stats_counts(w, &series->total, messages);
    ngx_http_webhook_stats_rate(w, &series->total);
    ngx_http_webhook_stats_latency(w, &series->total, series->latency);
    ngx_http_webhook_json_close_object(w);

    ngx_http_webhook_stats_by_status(w, stats);
    ngx_http_webhook_stats_by_event(w, stats, messages);

    ngx_http_webhook_json_array(w, "buckets");

    counts = series->buckets;
    latency = series->latencies;

    for (start = stats->since; start < stats->until; start += stats->bucket) {

        ngx_http_webhook_json_object(w, NULL);
        ngx_http_webhook_json_date(w, "start", start);
        ngx_http_webhook_stats_counts(w, counts, messages);
        ngx_http_webhook_stats_latency(w, counts, latency);
        ngx_http_webhook_json_close_object(w);

        counts++;
        latency += NGX_HTTP_WEBHOOK_STATS_LATENCIES;
    }

    ngx_http_webhook_json_close_array(w);
}


static void
ngx_http_webhook_stats_by_status(ngx_http_webhook_json_writer_t *w,
    ngx_http_webhook_stats_op_t *stats)
{
    ngx_uint_t  i;

    ngx_http_webhook_json_array(w, "by_status");

    for (i = 0; i < NGX_HTTP_WEBHOOK_STATS_CODES; i++) {

        if (stats->codes[i] == 0) {
            continue;
        }

        ngx_http_webhook_json_object(w, NULL);

        if (i) {
            ngx_http_webhook_json_integer(w, "status_code", i);

        } else {
            ngx_http_webhook_json_null(w, "status_code");
        }

        ngx_http_webhook_json_integer(w, "attempts", stats->codes[i]);
        ngx_http_webhook_json_close_object(w);
    }

    ngx_http_webhook_json_close_array(w);
}


/* The names; those beyond the most frequent ones are one, without a name. */

static void
ngx_http_webhook_stats_by_event(ngx_http_webhook_json_writer_t *w,
    ngx_http_webhook_stats_op_t *stats, ngx_uint_t messages)
{
    ngx_uint_t                 i;
    ngx_http_webhook_named_t  *named;

    ngx_http_webhook_json_array(w, "by_event");

    named = stats->names->elts;

    for (i = 0; i < stats->names->nelts; i++) {

        ngx_http_webhook_json_object(w, NULL);

        if (named[i].name.data) {
            ngx_http_webhook_json_string(w, "event", &named[i].name);

        } else {
            ngx_http_webhook_json_null(w, "event");
        }

        ngx_http_webhook_stats_counts(w, &named[i].counts, messages);
        ngx_http_webhook_stats_rate(w, &named[i].counts);
        ngx_http_webhook_json_close_object(w);
    }

    ngx_http_webhook_json_close_array(w);
}


static void
ngx_http_webhook_stats_counts(ngx_http_webhook_json_writer_t *w,
    ngx_http_webhook_counts_t *counts, ngx_uint_t messages)
{
    if (messages) {
        ngx_http_webhook_json_integer(w, "messages", counts->messages);
    }

    ngx_http_webhook_json_integer(w, "webhook_events", counts->events);
    ngx_http_webhook_json_integer(w, "attempts", counts->attempts);
    ngx_http_webhook_json_integer(w, "delivered", counts->delivered);
    ngx_http_webhook_json_integer(w, "failed", counts->failed);
}


/* The part of the attempts that succeeded; null where there are none. */

static void
ngx_http_webhook_stats_rate(ngx_http_webhook_json_writer_t *w,
    ngx_http_webhook_counts_t *counts)
{
    u_char     buf[NGX_INT_T_LEN];
    ngx_str_t  text;

    if (counts->attempts == 0) {
        ngx_http_webhook_json_null(w, "success_rate");
        return;
    }

    /* rounded down: 1 is all of them */

    text.data = buf;
    text.len = ngx_sprintf(buf, "%uL.%04uL",
                           counts->delivered / counts->attempts,
                           counts->delivered % counts->attempts * 10000
                           / counts->attempts)
               - buf;

    ngx_http_webhook_json_raw(w, "success_rate", &text);
}


static void
ngx_http_webhook_stats_latency(ngx_http_webhook_json_writer_t *w,
    ngx_http_webhook_counts_t *counts, uint64_t *latency)
{
    u_char      buf[NGX_INT_T_LEN + 4];
    double      us[4];
    ngx_str_t   text;
    ngx_uint_t  i;

    static const char  *names[] = { "mean", "p50", "p95", "p99" };

    if (counts->attempts == 0) {
        ngx_http_webhook_json_null(w, "latency_ms");
        return;
    }

    us[0] = (double) (counts->duration / counts->attempts);
    us[1] = ngx_http_webhook_stats_percentile(latency, counts->attempts, 0.50);
    us[2] = ngx_http_webhook_stats_percentile(latency, counts->attempts, 0.95);
    us[3] = ngx_http_webhook_stats_percentile(latency, counts->attempts, 0.99);

    ngx_http_webhook_json_object(w, "latency_ms");

    for (i = 0; i < 4; i++) {
        text.data = buf;
        text.len = ngx_sprintf(buf, "%ui.%03ui", (ngx_uint_t) us[i] / 1000,
                               (ngx_uint_t) us[i] % 1000)
                   - buf;

        ngx_http_webhook_json_raw(w, names[i], &text);
    }

    ngx_http_webhook_json_close_object(w);
}


/* The bounds of the places: 2 ** (i / 2) us. */

static double
ngx_http_webhook_stats_bound(ngx_uint_t i)
{
    return (double) ((uint64_t) 1 << (i / 2))
           * ((i & 1) ? 1.4142135623730951 : 1);
}


/* In us, as if the attempts of a place were spread evenly over it. */

static double
ngx_http_webhook_stats_percentile(uint64_t *latency, uint64_t n, double part)
{
    double      rank, below, upper;
    ngx_uint_t  i;

    rank = (double) n * part;

    for (i = 0; i < NGX_HTTP_WEBHOOK_STATS_LATENCIES - 1; i++) {

        if (latency[i] && rank <= (double) latency[i]) {
            break;
        }

        rank -= (double) latency[i];
    }

    below = ngx_http_webhook_stats_bound(i);
    upper = ngx_http_webhook_stats_bound(i + 1);

    return latency[i] ? below + (upper - below) * rank / (double) latency[i]
                      : below;
}
