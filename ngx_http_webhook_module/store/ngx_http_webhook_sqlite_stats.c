
/*
 * Copyright (C) the ngx_http_webhook_module authors
 */


/*
 * Statistics.  Runs in a reading thread, in a read transaction.
 *
 * What the index of lists has counted by the minute, the hour and the day is
 * summed up in the buckets that were asked for; what came later than the
 * index is, is counted row by row: so the answer is never late.  Where the
 * index is missing or far behind, so many rows are counted and no more, and
 * the answer says up to when it is complete.
 */


#include "ngx_http_webhook_sqlite_stats.h"
#include "ngx_http_webhook_sqlite_window.h"


#define NGX_HTTP_WEBHOOK_STATS_TAIL    20000     /* rows of a kind */


static ngx_int_t ngx_http_webhook_sqlite_stats_run(
    ngx_http_webhook_sqlite_t *s, ngx_http_webhook_stats_op_t *stats,
    ngx_uint_t indexed);
static ngx_int_t ngx_http_webhook_sqlite_stats_init(
    ngx_http_webhook_sqlite_stats_t *c);
static ngx_int_t ngx_http_webhook_sqlite_stats_page(
    ngx_http_webhook_sqlite_stats_t *c);
static ngx_int_t ngx_http_webhook_sqlite_stats_series(
    ngx_http_webhook_sqlite_stats_t *c, ngx_http_webhook_id_t webhook_id);
static ngx_int_t ngx_http_webhook_sqlite_stats_owned(
    ngx_http_webhook_sqlite_stats_t *c);
static ngx_int_t ngx_http_webhook_sqlite_stats_indexed(
    ngx_http_webhook_sqlite_stats_t *c);
static sqlite3_stmt *ngx_http_webhook_sqlite_stats_counted(
    ngx_http_webhook_sqlite_stats_t *c, ngx_http_webhook_sql_e name);
static ngx_int_t ngx_http_webhook_sqlite_stats_names(
    ngx_http_webhook_sqlite_stats_t *c);
static ngx_int_t ngx_http_webhook_sqlite_stats_tail(
    ngx_http_webhook_sqlite_stats_t *c);
static sqlite3_stmt *ngx_http_webhook_sqlite_stats_later(
    ngx_http_webhook_sqlite_stats_t *c, ngx_http_webhook_sql_e name);
static ngx_int_t ngx_http_webhook_sqlite_stats_tail_attempts(
    ngx_http_webhook_sqlite_stats_t *c);
static ngx_int_t ngx_http_webhook_sqlite_stats_tail_events(
    ngx_http_webhook_sqlite_stats_t *c);
static ngx_int_t ngx_http_webhook_sqlite_stats_tail_messages(
    ngx_http_webhook_sqlite_stats_t *c);
static ngx_http_webhook_series_t *ngx_http_webhook_sqlite_stats_find(
    ngx_http_webhook_sqlite_stats_t *c, ngx_http_webhook_id_t webhook_id);
static ngx_http_webhook_counts_t *ngx_http_webhook_sqlite_stats_bucket(
    ngx_http_webhook_sqlite_stats_t *c, int64_t start);
static void ngx_http_webhook_sqlite_stats_attempt(
    ngx_http_webhook_sqlite_stats_t *c, int64_t start, ngx_uint_t code,
    ngx_uint_t outcome, ngx_uint_t latency, uint64_t n, uint64_t duration);


ngx_int_t
ngx_http_webhook_sqlite_stats(ngx_http_webhook_sqlite_t *s,
    ngx_http_webhook_op_t *op)
{
    ngx_http_webhook_stats_op_t *stats = (ngx_http_webhook_stats_op_t *) op;

    if (s->index == 0) {
        return ngx_http_webhook_sqlite_stats_run(s, stats, 0);
    }

    s->damaged = 0;

    if (ngx_http_webhook_sqlite_stats_run(s, stats, 1) == NGX_OK) {
        return NGX_OK;
    }

    ngx_http_webhook_sqlite_rollback(s);

    if (ngx_http_webhook_sqlite_exec(s,
            ngx_http_webhook_sqlite_stmt(s, NGX_HTTP_WEBHOOK_SQL_BEGIN_READ))
            != NGX_OK
        || ngx_http_webhook_sqlite_stats_run(s, stats, 0) != NGX_OK)
    {
        return NGX_ERROR;
    }

    /* the store is well: it was the index */

    ngx_http_webhook_sqlite_index_failed(s);

    return NGX_OK;
}


static ngx_int_t
ngx_http_webhook_sqlite_stats_run(ngx_http_webhook_sqlite_t *s,
    ngx_http_webhook_stats_op_t *stats, ngx_uint_t indexed)
{
    int64_t                           change;
    ngx_int_t                         rc;
    ngx_http_webhook_sqlite_stats_t   c;

    ngx_memzero(&c, sizeof(c));

    c.s = s;
    c.op = stats;

    /* the state of the index before all else: the store is no older */

    if (indexed
        && ngx_http_webhook_sqlite_index_state(s, &c.from, &change) != NGX_OK)
    {
        return NGX_ERROR;
    }

    rc = ngx_http_webhook_sqlite_company_for(s, &stats->op, &stats->ref, 0,
                                             &c.company_id);

    if (rc != NGX_OK || c.company_id == 0) {
        return rc;
    }

    rc = ngx_http_webhook_sqlite_stats_init(&c);

    if (rc != NGX_OK) {
        return (rc == NGX_DECLINED) ? NGX_OK : NGX_ERROR;
    }

    if (indexed
        && (ngx_http_webhook_sqlite_stats_indexed(&c) != NGX_OK
            || ngx_http_webhook_sqlite_stats_names(&c) != NGX_OK))
    {
        return NGX_ERROR;
    }

    if (ngx_http_webhook_sqlite_stats_tail(&c) != NGX_OK) {
        return NGX_ERROR;
    }

    return stats->each ? NGX_OK : ngx_http_webhook_sqlite_names_sort(&c);
}


/* Room for what is counted.  NGX_DECLINED where the webhook is another's. */

static ngx_int_t
ngx_http_webhook_sqlite_stats_init(ngx_http_webhook_sqlite_stats_t *c)
{
    ngx_int_t                     rc;
    ngx_pool_t                   *pool;
    ngx_http_webhook_stats_op_t  *stats;

    stats = c->op;
    pool = stats->op.pool;

    c->n = (ngx_uint_t) ((stats->until - stats->since) / stats->bucket);

    stats->series = ngx_array_create(pool, stats->each
                                           ? stats->limit : 1,
                                     sizeof(ngx_http_webhook_series_t));
    stats->codes = ngx_pcalloc(pool, NGX_HTTP_WEBHOOK_STATS_CODES
                                     * sizeof(uint64_t));

    if (stats->series == NULL || stats->codes == NULL
        || ngx_http_webhook_sqlite_names_init(c) != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (stats->each) {
        return ngx_http_webhook_sqlite_stats_page(c);
    }

    if (stats->webhook_id) {
        rc = ngx_http_webhook_sqlite_stats_owned(c);

        if (rc != NGX_OK) {
            return rc;
        }
    }

    return ngx_http_webhook_sqlite_stats_series(c, stats->webhook_id);
}


/* A page of the company's webhooks. */

static ngx_int_t
ngx_http_webhook_sqlite_stats_page(ngx_http_webhook_sqlite_stats_t *c)
{
    ngx_int_t                     rc;
    sqlite3_stmt                 *stmt;
    ngx_http_webhook_id_t         id, last;
    ngx_http_webhook_stats_op_t  *stats;

    stats = c->op;
    stats->next = 0;
    last = 0;

    stmt = ngx_http_webhook_sqlite_stmt(c->s,
                                        NGX_HTTP_WEBHOOK_SQL_STATS_WEBHOOKS);

    ngx_http_webhook_sqlite_int(stmt, 1, c->company_id);
    ngx_http_webhook_sqlite_int(stmt, 2, stats->cursor ? stats->cursor
                                                       : INT64_MAX);
    ngx_http_webhook_sqlite_int(stmt, 3, (int64_t) stats->limit + 1);

    while ((rc = ngx_http_webhook_sqlite_step(c->s, stmt)) == NGX_OK) {

        if (stats->series->nelts == stats->limit) {
            stats->next = last;
            (void) sqlite3_reset(stmt);
            return NGX_OK;
        }

        id = sqlite3_column_int64(stmt, 0);

        if (ngx_http_webhook_sqlite_stats_series(c, id) != NGX_OK) {
            return NGX_ERROR;
        }

        last = id;
    }

    return (rc == NGX_DONE) ? NGX_OK : NGX_ERROR;
}


static ngx_int_t
ngx_http_webhook_sqlite_stats_series(ngx_http_webhook_sqlite_stats_t *c,
    ngx_http_webhook_id_t webhook_id)
{
    ngx_http_webhook_series_t  *series;

    series = ngx_array_push(c->op->series);
    if (series == NULL) {
        return NGX_ERROR;
    }

    ngx_memzero(series, sizeof(ngx_http_webhook_series_t));

    series->webhook_id = webhook_id;
    series->buckets = ngx_pcalloc(c->op->op.pool,
                                  c->n * sizeof(ngx_http_webhook_counts_t));
    if (series->buckets == NULL) {
        return NGX_ERROR;
    }

    if (c->op->each) {
        return NGX_OK;
    }

    series->latencies = ngx_pcalloc(c->op->op.pool,
                                    c->n * NGX_HTTP_WEBHOOK_STATS_LATENCIES
                                    * sizeof(uint64_t));

    return series->latencies ? NGX_OK : NGX_ERROR;
}


static ngx_int_t
ngx_http_webhook_sqlite_stats_owned(ngx_http_webhook_sqlite_stats_t *c)
{
    ngx_int_t               rc;
    sqlite3_stmt           *stmt;
    ngx_http_webhook_id_t   owner;

    stmt = ngx_http_webhook_sqlite_stmt(c->s, NGX_HTTP_WEBHOOK_SQL_LIST_OWNER);
    ngx_http_webhook_sqlite_int(stmt, 1, c->op->webhook_id);

    rc = ngx_http_webhook_sqlite_step(c->s, stmt);

    if (rc == NGX_ERROR) {
        return NGX_ERROR;
    }

    owner = 0;

    if (rc == NGX_OK) {
        owner = sqlite3_column_int64(stmt, 0);
        (void) sqlite3_reset(stmt);
    }

    if (owner == c->company_id) {
        return NGX_OK;
    }

    c->op->op.status = NGX_HTTP_WEBHOOK_STORE_NOT_FOUND;

    return NGX_DECLINED;
}


/* The attempts that the index has. */

static ngx_int_t
ngx_http_webhook_sqlite_stats_indexed(ngx_http_webhook_sqlite_stats_t *c)
{
    ngx_int_t      rc;
    sqlite3_stmt  *stmt;

    stmt = ngx_http_webhook_sqlite_stats_counted(c,
                                    c->op->each
                                    ? NGX_HTTP_WEBHOOK_SQL_STATS_ATTEMPTS_EACH
                                    : NGX_HTTP_WEBHOOK_SQL_STATS_ATTEMPTS);

    while ((rc = ngx_http_webhook_sqlite_step(c->s, stmt)) == NGX_OK) {

        c->series = ngx_http_webhook_sqlite_stats_find(c,
                                               sqlite3_column_int64(stmt, 0));
        if (c->series == NULL) {
            continue;
        }

        ngx_http_webhook_sqlite_stats_attempt(c,
                          sqlite3_column_int64(stmt, 1),
                          (ngx_uint_t) sqlite3_column_int64(stmt, 2),
                          (ngx_uint_t) sqlite3_column_int64(stmt, 3),
                          (ngx_uint_t) sqlite3_column_int64(stmt, 4),
                          (uint64_t) sqlite3_column_int64(stmt, 5),
                          (uint64_t) sqlite3_column_int64(stmt, 6));
    }

    return (rc == NGX_DONE) ? NGX_OK : NGX_ERROR;
}


/* A statement of the index, which has no buckets of five minutes. */

static sqlite3_stmt *
ngx_http_webhook_sqlite_stats_counted(ngx_http_webhook_sqlite_stats_t *c,
    ngx_http_webhook_sql_e name)
{
    int64_t        span;
    sqlite3_stmt  *stmt;

    span = c->op->bucket;

    if (span < NGX_HTTP_WEBHOOK_INDEX_HOUR) {
        span = NGX_HTTP_WEBHOOK_INDEX_MINUTE;
    }

    stmt = ngx_http_webhook_sqlite_stmt(c->s, name);

    ngx_http_webhook_sqlite_int(stmt, 1, c->company_id);
    ngx_http_webhook_sqlite_int(stmt, 2, span);
    ngx_http_webhook_sqlite_int(stmt, 3, c->op->since);
    ngx_http_webhook_sqlite_int(stmt, 4, c->op->until);

    if (!c->op->each) {
        ngx_http_webhook_sqlite_int(stmt, 5, c->op->webhook_id);
    }

    return stmt;
}


/* Its messages and webhook events, and what the names of events share. */

static ngx_int_t
ngx_http_webhook_sqlite_stats_names(ngx_http_webhook_sqlite_stats_t *c)
{
    uint64_t                         messages, events;
    ngx_int_t                        rc;
    sqlite3_stmt                    *stmt;
    ngx_http_webhook_counts_t       *bucket;
    ngx_http_webhook_sqlite_name_t  *name;

    stmt = ngx_http_webhook_sqlite_stats_counted(c,
                                       c->op->each
                                       ? NGX_HTTP_WEBHOOK_SQL_STATS_NAMES_EACH
                                       : NGX_HTTP_WEBHOOK_SQL_STATS_NAMES);

    while ((rc = ngx_http_webhook_sqlite_step(c->s, stmt)) == NGX_OK) {

        c->series = ngx_http_webhook_sqlite_stats_find(c,
                                               sqlite3_column_int64(stmt, 0));
        if (c->series == NULL) {
            continue;
        }

        messages = (uint64_t) sqlite3_column_int64(stmt, 2);
        events = (uint64_t) sqlite3_column_int64(stmt, 3);

        bucket = ngx_http_webhook_sqlite_stats_bucket(c,
                                               sqlite3_column_int64(stmt, 1));

        bucket->messages += messages;
        bucket->events += events;
        c->series->total.messages += messages;
        c->series->total.events += events;

        if (c->op->each) {
            continue;
        }

        name = ngx_http_webhook_sqlite_names_id(c,
                                               sqlite3_column_int64(stmt, 4));
        if (name == NULL) {
            return NGX_ERROR;
        }

        name->counts.messages += messages;
        name->counts.events += events;
        name->counts.attempts += (uint64_t) sqlite3_column_int64(stmt, 5);
        name->counts.delivered += (uint64_t) sqlite3_column_int64(stmt, 6);
        name->counts.failed += (uint64_t) sqlite3_column_int64(stmt, 7);
    }

    return (rc == NGX_DONE) ? NGX_OK : NGX_ERROR;
}


/*
 * What the index has not.  Nothing that was committed before "since" is of
 * interest: where the index is missing, as much as may be is counted of what
 * is.
 */

static ngx_int_t
ngx_http_webhook_sqlite_stats_tail(ngx_http_webhook_sqlite_stats_t *c)
{
    int64_t        last;
    sqlite3_stmt  *stmt;

    c->from = ngx_max(c->from, (c->op->since << 20) - 1);

    stmt = ngx_http_webhook_sqlite_stmt(c->s, NGX_HTTP_WEBHOOK_SQL_STATS_TAIL);

    ngx_http_webhook_sqlite_int(stmt, 1, c->from);
    ngx_http_webhook_sqlite_int(stmt, 2, NGX_HTTP_WEBHOOK_STATS_TAIL - 1);

    if (ngx_http_webhook_sqlite_step(c->s, stmt) != NGX_OK) {
        return NGX_ERROR;
    }

    c->to = sqlite3_column_int64(stmt, 0);
    last = sqlite3_column_int64(stmt, 1);

    (void) sqlite3_reset(stmt);

    c->op->complete_until = (c->to < last) ? ngx_http_webhook_id_msec(c->to)
                                           : 0;

    if (ngx_http_webhook_sqlite_stats_tail_attempts(c) != NGX_OK
        || ngx_http_webhook_sqlite_stats_tail_events(c) != NGX_OK)
    {
        return NGX_ERROR;
    }

    return (c->op->each || c->op->webhook_id)
           ? NGX_OK : ngx_http_webhook_sqlite_stats_tail_messages(c);
}


static sqlite3_stmt *
ngx_http_webhook_sqlite_stats_later(ngx_http_webhook_sqlite_stats_t *c,
    ngx_http_webhook_sql_e name)
{
    sqlite3_stmt  *stmt;

    stmt = ngx_http_webhook_sqlite_stmt(c->s, name);

    ngx_http_webhook_sqlite_int(stmt, 1, c->company_id);
    ngx_http_webhook_sqlite_int(stmt, 2, c->from);
    ngx_http_webhook_sqlite_int(stmt, 3, c->to);

    return stmt;
}


static ngx_int_t
ngx_http_webhook_sqlite_stats_tail_attempts(
    ngx_http_webhook_sqlite_stats_t *c)
{
    ngx_int_t                        rc;
    ngx_str_t                        text;
    int64_t                          duration;
    ngx_uint_t                       outcome;
    sqlite3_stmt                    *stmt;
    ngx_http_webhook_sqlite_name_t  *name;

    stmt = ngx_http_webhook_sqlite_stats_later(c,
                                     NGX_HTTP_WEBHOOK_SQL_STATS_TAIL_ATTEMPTS);

    ngx_http_webhook_sqlite_int(stmt, 4, c->op->since);
    ngx_http_webhook_sqlite_int(stmt, 5, c->op->until);

    while ((rc = ngx_http_webhook_sqlite_step(c->s, stmt)) == NGX_OK) {

        c->series = ngx_http_webhook_sqlite_stats_find(c,
                                               sqlite3_column_int64(stmt, 0));
        if (c->series == NULL) {
            continue;
        }

        outcome = (ngx_uint_t) sqlite3_column_int64(stmt, 4);
        duration = sqlite3_column_int64(stmt, 5);

        ngx_http_webhook_sqlite_stats_attempt(c,
                          sqlite3_column_int64(stmt, 1),
                          (ngx_uint_t) sqlite3_column_int64(stmt, 3), outcome,
                          ngx_http_webhook_sqlite_latency(duration), 1,
                          (uint64_t) duration);

        if (c->op->each) {
            continue;
        }

        text.data = (u_char *) sqlite3_column_text(stmt, 2);
        text.len = sqlite3_column_bytes(stmt, 2);

        name = ngx_http_webhook_sqlite_names_find(c, &text);
        if (name == NULL) {
            return NGX_ERROR;
        }

        name->counts.attempts++;
        name->counts.delivered += (outcome == NGX_HTTP_WEBHOOK_DELIVERED);
        name->counts.failed += (outcome == NGX_HTTP_WEBHOOK_FAILED);
    }

    return (rc == NGX_DONE) ? NGX_OK : NGX_ERROR;
}


static ngx_int_t
ngx_http_webhook_sqlite_stats_tail_events(ngx_http_webhook_sqlite_stats_t *c)
{
    ngx_int_t                        rc;
    ngx_str_t                        text;
    sqlite3_stmt                    *stmt;
    ngx_http_webhook_counts_t       *bucket;
    ngx_http_webhook_sqlite_name_t  *name;

    stmt = ngx_http_webhook_sqlite_stats_later(c,
                                       NGX_HTTP_WEBHOOK_SQL_STATS_TAIL_EVENTS);

    while ((rc = ngx_http_webhook_sqlite_step(c->s, stmt)) == NGX_OK) {

        c->series = ngx_http_webhook_sqlite_stats_find(c,
                                               sqlite3_column_int64(stmt, 0));

        bucket = ngx_http_webhook_sqlite_stats_bucket(c,
                  ngx_http_webhook_id_msec(sqlite3_column_int64(stmt, 1)));

        if (c->series == NULL || bucket == NULL) {
            continue;
        }

        bucket->events++;
        c->series->total.events++;

        if (c->op->each) {
            continue;
        }

        text.data = (u_char *) sqlite3_column_text(stmt, 2);
        text.len = sqlite3_column_bytes(stmt, 2);

        name = ngx_http_webhook_sqlite_names_find(c, &text);
        if (name == NULL) {
            return NGX_ERROR;
        }

        name->counts.events++;
    }

    return (rc == NGX_DONE) ? NGX_OK : NGX_ERROR;
}


static ngx_int_t
ngx_http_webhook_sqlite_stats_tail_messages(
    ngx_http_webhook_sqlite_stats_t *c)
{
    ngx_int_t                        rc;
    ngx_str_t                        text;
    sqlite3_stmt                    *stmt;
    ngx_http_webhook_counts_t       *bucket;
    ngx_http_webhook_sqlite_name_t  *name;

    stmt = ngx_http_webhook_sqlite_stats_later(c,
                                     NGX_HTTP_WEBHOOK_SQL_STATS_TAIL_MESSAGES);

    c->series = c->op->series->elts;

    while ((rc = ngx_http_webhook_sqlite_step(c->s, stmt)) == NGX_OK) {

        bucket = ngx_http_webhook_sqlite_stats_bucket(c,
                  ngx_http_webhook_id_msec(sqlite3_column_int64(stmt, 0)));

        if (bucket == NULL) {
            continue;
        }

        text.data = (u_char *) sqlite3_column_text(stmt, 1);
        text.len = sqlite3_column_bytes(stmt, 1);

        name = ngx_http_webhook_sqlite_names_find(c, &text);
        if (name == NULL) {
            return NGX_ERROR;
        }

        bucket->messages++;
        name->counts.messages++;
        c->series->total.messages++;
    }

    return (rc == NGX_DONE) ? NGX_OK : NGX_ERROR;
}


/* The series that a webhook belongs to, or NULL. */

static ngx_http_webhook_series_t *
ngx_http_webhook_sqlite_stats_find(ngx_http_webhook_sqlite_stats_t *c,
    ngx_http_webhook_id_t webhook_id)
{
    ngx_uint_t                  i, first, end;
    ngx_http_webhook_series_t  *series;

    series = c->op->series->elts;

    if (!c->op->each) {
        return (series->webhook_id == webhook_id || series->webhook_id == 0)
               ? series : NULL;
    }

    first = 0;
    end = c->op->series->nelts;

    while (first < end) {

        i = (first + end) / 2;

        if (series[i].webhook_id == webhook_id) {
            return &series[i];
        }

        if (series[i].webhook_id > webhook_id) {
            first = i + 1;

        } else {
            end = i;
        }
    }

    return NULL;
}


/* The bucket of a time, or NULL. */

static ngx_http_webhook_counts_t *
ngx_http_webhook_sqlite_stats_bucket(ngx_http_webhook_sqlite_stats_t *c,
    int64_t start)
{
    if (c->series == NULL || start < c->op->since || start >= c->op->until) {
        return NULL;
    }

    return &c->series->buckets[(start - c->op->since) / c->op->bucket];
}


static void
ngx_http_webhook_sqlite_stats_attempt(ngx_http_webhook_sqlite_stats_t *c,
    int64_t start, ngx_uint_t code, ngx_uint_t outcome, ngx_uint_t latency,
    uint64_t n, uint64_t duration)
{
    ngx_uint_t                  i;
    ngx_http_webhook_counts_t  *counts[2];

    latency = ngx_min(latency, NGX_HTTP_WEBHOOK_STATS_LATENCIES - 1);
    code = ngx_min(code, NGX_HTTP_WEBHOOK_STATS_CODES - 1);

    counts[0] = &c->series->total;
    counts[1] = ngx_http_webhook_sqlite_stats_bucket(c, start);

    for (i = 0; i < 2; i++) {
        counts[i]->attempts += n;
        counts[i]->duration += duration;

        if (outcome == NGX_HTTP_WEBHOOK_DELIVERED) {
            counts[i]->delivered += n;

        } else if (outcome == NGX_HTTP_WEBHOOK_FAILED) {
            counts[i]->failed += n;
        }
    }

    c->op->codes[code] += n;
    c->series->latency[latency] += n;

    if (c->series->latencies) {
        i = counts[1] - c->series->buckets;

        c->series->latencies[i * NGX_HTTP_WEBHOOK_STATS_LATENCIES + latency]
            += n;
    }
}
