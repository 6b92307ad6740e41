
/*
 * Copyright (C) the ngx_http_webhook_module authors
 */


/*
 * Statistics of a window of the index of lists: what its rows add to the
 * buckets of a minute, an hour and a day, of each webhook and of all of a
 * company's.
 *
 * Cells are made row by row, and those with the same key become one: so few
 * of them are left, sorted, when they are written.
 */


#include "ngx_http_webhook_sqlite_window.h"


#define NGX_HTTP_WEBHOOK_CELL_KEYS    6
#define NGX_HTTP_WEBHOOK_CELL_COUNTS  5


/*
 * Keys are the company, the begin of the bucket and the webhook, 0 for all of
 * them; then the status code, the outcome and the latency, of which "n" are
 * the attempts and their duration; or the name, of which they are messages,
 * webhook events, attempts, delivered and failed ones.
 */

typedef struct {
    int64_t                          key[NGX_HTTP_WEBHOOK_CELL_KEYS];
    int64_t                          n[NGX_HTTP_WEBHOOK_CELL_COUNTS];
} ngx_http_webhook_cell_t;


typedef ngx_int_t (*ngx_http_webhook_count_pt)(ngx_http_webhook_window_t *w,
    ngx_array_t *cells);


static ngx_int_t ngx_http_webhook_count_cells(ngx_http_webhook_window_t *w,
    ngx_uint_t most, ngx_http_webhook_count_pt make,
    ngx_http_webhook_sql_e name, ngx_uint_t keys, ngx_uint_t counts);
static ngx_int_t ngx_http_webhook_count_attempts(ngx_http_webhook_window_t *w,
    ngx_array_t *buckets);
static ngx_int_t ngx_http_webhook_count_volumes(ngx_http_webhook_window_t *w,
    ngx_array_t *volumes);
static ngx_http_webhook_cell_t *ngx_http_webhook_count_cell(ngx_array_t *cells,
    ngx_http_webhook_id_t company_id, int64_t msec,
    ngx_http_webhook_id_t webhook_id);
static ngx_int_t ngx_http_webhook_count_all(ngx_array_t *cells);
static void ngx_http_webhook_count_fold(ngx_array_t *cells);
static int ngx_libc_cdecl ngx_http_webhook_count_compare(const void *one,
    const void *two);
static ngx_int_t ngx_http_webhook_count_write(ngx_http_webhook_window_t *w,
    ngx_array_t *cells, ngx_http_webhook_sql_e name, ngx_uint_t keys,
    ngx_uint_t counts);
static ngx_int_t ngx_http_webhook_count_row(ngx_http_webhook_window_t *w,
    ngx_http_webhook_sql_e name, int64_t span, ngx_http_webhook_cell_t *cell,
    ngx_uint_t keys, ngx_uint_t counts);


ngx_int_t
ngx_http_webhook_sqlite_count(ngx_http_webhook_window_t *w)
{
    ngx_uint_t  attempts, volumes;

    /* at most so many, with those of all webhooks of a company */

    attempts = 2 * w->attempts.nelts;
    volumes = attempts + 2 * w->events.nelts + w->messages.nelts;

    if (ngx_http_webhook_count_cells(w, attempts,
                                     ngx_http_webhook_count_attempts,
                                     NGX_HTTP_WEBHOOK_SQL_INDEX_STATISTICS,
                                     6, 2)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    return ngx_http_webhook_count_cells(w, volumes,
                                    ngx_http_webhook_count_volumes,
                                    NGX_HTTP_WEBHOOK_SQL_INDEX_STATISTICS_NAME,
                                    4, 5);
}


/* Makes cells and writes them; their memory is given back. */

static ngx_int_t
ngx_http_webhook_count_cells(ngx_http_webhook_window_t *w, ngx_uint_t most,
    ngx_http_webhook_count_pt make, ngx_http_webhook_sql_e name,
    ngx_uint_t keys, ngx_uint_t counts)
{
    ngx_int_t    rc;
    ngx_pool_t  *pool;
    ngx_array_t  cells;

    if (most == 0) {
        return NGX_OK;
    }

    pool = ngx_create_pool(512, w->s->log);
    if (pool == NULL) {
        return NGX_ERROR;
    }

    rc = ngx_array_init(&cells, pool, most, sizeof(ngx_http_webhook_cell_t));

    if (rc == NGX_OK) {
        rc = make(w, &cells);
    }

    if (rc == NGX_OK) {
        rc = ngx_http_webhook_count_write(w, &cells, name, keys, counts);
    }

    ngx_destroy_pool(pool);

    return rc;
}


static ngx_int_t
ngx_http_webhook_count_attempts(ngx_http_webhook_window_t *w,
    ngx_array_t *buckets)
{
    ngx_uint_t                          i;
    ngx_http_webhook_cell_t            *cell;
    ngx_http_webhook_window_attempt_t  *attempt;

    attempt = w->attempts.elts;

    for (i = 0; i < w->attempts.nelts; i++) {

        if (attempt[i].name_id == 0) {
            continue;
        }

        cell = ngx_http_webhook_count_cell(buckets, attempt[i].company_id,
                                           attempt[i].started_at,
                                           attempt[i].webhook_id);
        if (cell == NULL) {
            return NGX_ERROR;
        }

        cell->key[3] = attempt[i].status_code;
        cell->key[4] = attempt[i].outcome;
        cell->key[5] = ngx_http_webhook_sqlite_latency(attempt[i].duration);

        cell->n[0] = 1;
        cell->n[1] = attempt[i].duration;
    }

    return ngx_http_webhook_count_all(buckets);
}


/* Messages are a company's: those that no webhook wanted are counted, too. */

static ngx_int_t
ngx_http_webhook_count_volumes(ngx_http_webhook_window_t *w,
    ngx_array_t *volumes)
{
    ngx_uint_t                          i;
    ngx_http_webhook_cell_t            *cell;
    ngx_http_webhook_window_event_t    *event;
    ngx_http_webhook_window_attempt_t  *attempt;
    ngx_http_webhook_window_message_t  *message;

    event = w->events.elts;

    for (i = 0; i < w->events.nelts; i++) {

        if (event[i].name_id == 0) {
            continue;
        }

        cell = ngx_http_webhook_count_cell(volumes, event[i].company_id,
                                        ngx_http_webhook_id_msec(event[i].id),
                                        event[i].webhook_id);
        if (cell == NULL) {
            return NGX_ERROR;
        }

        cell->key[3] = event[i].name_id;
        cell->n[1] = 1;
    }

    ngx_http_webhook_count_fold(volumes);

    attempt = w->attempts.elts;

    for (i = 0; i < w->attempts.nelts; i++) {

        if (attempt[i].name_id == 0) {
            continue;
        }

        cell = ngx_http_webhook_count_cell(volumes, attempt[i].company_id,
                                           attempt[i].started_at,
                                           attempt[i].webhook_id);
        if (cell == NULL) {
            return NGX_ERROR;
        }

        cell->key[3] = attempt[i].name_id;
        cell->n[2] = 1;
        cell->n[3] = (attempt[i].outcome == NGX_HTTP_WEBHOOK_DELIVERED);
        cell->n[4] = (attempt[i].outcome == NGX_HTTP_WEBHOOK_FAILED);
    }

    if (ngx_http_webhook_count_all(volumes) != NGX_OK) {
        return NGX_ERROR;
    }

    message = w->messages.elts;

    for (i = 0; i < w->messages.nelts; i++) {

        cell = ngx_http_webhook_count_cell(volumes, message[i].company_id,
                                      ngx_http_webhook_id_msec(message[i].id),
                                      0);
        if (cell == NULL) {
            return NGX_ERROR;
        }

        cell->key[3] = message[i].name_id;
        cell->n[0] = 1;
    }

    ngx_http_webhook_count_fold(volumes);

    return NGX_OK;
}


/* A new cell, in the bucket of a minute. */

static ngx_http_webhook_cell_t *
ngx_http_webhook_count_cell(ngx_array_t *cells,
    ngx_http_webhook_id_t company_id, int64_t msec,
    ngx_http_webhook_id_t webhook_id)
{
    ngx_http_webhook_cell_t  *cell;

    cell = ngx_array_push(cells);
    if (cell == NULL) {
        return NULL;
    }

    ngx_memzero(cell, sizeof(ngx_http_webhook_cell_t));

    cell->key[0] = company_id;
    cell->key[1] = msec - msec % NGX_HTTP_WEBHOOK_INDEX_MINUTE;
    cell->key[2] = webhook_id;

    return cell;
}


/* Adds what all webhooks of a company have together. */

static ngx_int_t
ngx_http_webhook_count_all(ngx_array_t *cells)
{
    ngx_uint_t                i, n;
    ngx_http_webhook_cell_t  *cell;

    ngx_http_webhook_count_fold(cells);

    n = cells->nelts;

    if (n == 0) {
        return NGX_OK;
    }

    cell = ngx_array_push_n(cells, n);
    if (cell == NULL) {
        return NGX_ERROR;
    }

    ngx_memcpy(cell, cells->elts, n * sizeof(ngx_http_webhook_cell_t));

    for (i = 0; i < n; i++) {
        cell[i].key[2] = 0;
    }

    ngx_http_webhook_count_fold(cells);

    return NGX_OK;
}


/* Sorts the cells, and adds those up that have the same key. */

static void
ngx_http_webhook_count_fold(ngx_array_t *cells)
{
    ngx_uint_t                i, k;
    ngx_http_webhook_cell_t  *cell, *last;

    cell = cells->elts;
    last = cell;

    ngx_qsort(cell, cells->nelts, sizeof(ngx_http_webhook_cell_t),
              ngx_http_webhook_count_compare);

    for (i = 1; i < cells->nelts; i++) {

        if (ngx_http_webhook_count_compare(last, &cell[i]) != 0) {
            *++last = cell[i];
            continue;
        }

        for (k = 0; k < NGX_HTTP_WEBHOOK_CELL_COUNTS; k++) {
            last->n[k] += cell[i].n[k];
        }
    }

    if (cells->nelts) {
        cells->nelts = last + 1 - cell;
    }
}


static int ngx_libc_cdecl
ngx_http_webhook_count_compare(const void *one, const void *two)
{
    ngx_uint_t                      i;
    const ngx_http_webhook_cell_t  *first, *second;

    first = one;
    second = two;

    for (i = 0; i < NGX_HTTP_WEBHOOK_CELL_KEYS; i++) {
        if (first->key[i] != second->key[i]) {
            return (first->key[i] < second->key[i]) ? -1 : 1;
        }
    }

    return 0;
}


/* Writes the cells of minutes, then of hours, then of days. */

static ngx_int_t
ngx_http_webhook_count_write(ngx_http_webhook_window_t *w, ngx_array_t *cells,
    ngx_http_webhook_sql_e name, ngx_uint_t keys, ngx_uint_t counts)
{
    int64_t                   oldest;
    ngx_uint_t                i, k;
    ngx_http_webhook_cell_t  *cell;

    static int64_t  spans[] = {
        NGX_HTTP_WEBHOOK_INDEX_MINUTE,
        NGX_HTTP_WEBHOOK_INDEX_HOUR,
        NGX_HTTP_WEBHOOK_INDEX_DAY
    };

    /* minutes are kept for so long */

    oldest = ngx_http_webhook_sqlite_now() - NGX_HTTP_WEBHOOK_STATS_MINUTES
             - NGX_HTTP_WEBHOOK_INDEX_MINUTE;

    for (i = 0; i < sizeof(spans) / sizeof(spans[0]); i++) {
        cell = cells->elts;

        for (k = 0; k < cells->nelts; k++) {
            cell[k].key[1] -= cell[k].key[1] % spans[i];
        }

        ngx_http_webhook_count_fold(cells);

        for (k = 0; k < cells->nelts; k++) {

            if (i == 0 && cell[k].key[1] < oldest) {
                continue;
            }

            if (ngx_http_webhook_count_row(w, name, spans[i], &cell[k], keys,
                                           counts)
                != NGX_OK)
            {
                return NGX_ERROR;
            }
        }
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_webhook_count_row(ngx_http_webhook_window_t *w,
    ngx_http_webhook_sql_e name, int64_t span, ngx_http_webhook_cell_t *cell,
    ngx_uint_t keys, ngx_uint_t counts)
{
    int            n;
    ngx_uint_t     i;
    sqlite3_stmt  *stmt;

    stmt = ngx_http_webhook_sqlite_stmt(w->s, name);

    n = 1;
    ngx_http_webhook_sqlite_int(stmt, n++, span);

    for (i = 0; i < keys; i++) {
        ngx_http_webhook_sqlite_int(stmt, n++, cell->key[i]);
    }

    for (i = 0; i < counts; i++) {
        ngx_http_webhook_sqlite_int(stmt, n++, cell->n[i]);
    }

    return ngx_http_webhook_sqlite_exec(w->s, stmt);
}


ngx_uint_t
ngx_http_webhook_sqlite_latency(int64_t duration)
{
    uint64_t    us;
    ngx_uint_t  log2;

    if (duration < 1) {
        return 0;
    }

    us = ngx_min(duration, (int64_t) UINT32_MAX);
    log2 = 63 - __builtin_clzll(us);

    /* above the square root of 2, the next half begins */

    return 2 * log2 + (us * us >= (uint64_t) 2 << (2 * log2));
}
