
/*
 * Copyright (C) the ngx_http_webhook_module authors
 */


/*
 * What the index of lists still has and the store has no longer, because it
 * is too old or its company or webhook is gone, is swept from it: some owners
 * at a time, round after round.  Nothing depends on it but the file's size,
 * for a list looks at each event in the store.  Runs where the index does.
 */


#include "ngx_http_webhook_sqlite.h"


#define NGX_HTTP_WEBHOOK_SWEEP_OWNERS  20        /* a call */
#define NGX_HTTP_WEBHOOK_SWEEP_ROWS    5000      /* of one, a call */
#define NGX_HTTP_WEBHOOK_SWEEP_PAUSE   1000      /* ms between calls */
#define NGX_HTTP_WEBHOOK_SWEEP_BUDGET  100       /* ms for one with more */


static ngx_int_t ngx_http_webhook_sqlite_sweep_some(
    ngx_http_webhook_sqlite_t *s, ngx_http_webhook_sql_e next,
    ngx_http_webhook_sqlite_sweep_pt sweep, ngx_http_webhook_id_t *after,
    ngx_http_webhook_id_t oldest);
static ngx_int_t ngx_http_webhook_sqlite_sweep_company(
    ngx_http_webhook_sqlite_t *s, ngx_http_webhook_id_t id,
    ngx_http_webhook_id_t from, ngx_uint_t *more);
static ngx_int_t ngx_http_webhook_sqlite_sweep_webhook(
    ngx_http_webhook_sqlite_t *s, ngx_http_webhook_id_t id,
    ngx_http_webhook_id_t from, ngx_uint_t *more);


ngx_int_t
ngx_http_webhook_sqlite_sweep(ngx_http_webhook_sqlite_t *s)
{
    int64_t                now;
    sqlite3_stmt          *stmt;
    ngx_http_webhook_id_t  oldest;

    now = ngx_http_webhook_sqlite_now();

    if (now >= s->swept && now < s->sweep_at) {
        return NGX_OK;
    }

    s->swept = now;
    s->sweep_at = now + NGX_HTTP_WEBHOOK_SWEEP_PAUSE;

    if (ngx_http_webhook_sqlite_exec(s,
            ngx_http_webhook_sqlite_stmt(s, NGX_HTTP_WEBHOOK_SQL_BEGIN_READ))
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    stmt = ngx_http_webhook_sqlite_stmt(s, NGX_HTTP_WEBHOOK_SQL_LIST_OLDEST);

    if (ngx_http_webhook_sqlite_step(s, stmt) != NGX_OK) {
        return NGX_ERROR;
    }

    oldest = sqlite3_column_int64(stmt, 0);

    (void) sqlite3_reset(stmt);

    if (ngx_http_webhook_sqlite_sweep_some(s,
                                         NGX_HTTP_WEBHOOK_SQL_SWEEP_COMPANY,
                                         ngx_http_webhook_sqlite_sweep_company,
                                         &s->swept_company, oldest)
            != NGX_OK
        || ngx_http_webhook_sqlite_sweep_some(s,
                                         NGX_HTTP_WEBHOOK_SQL_SWEEP_WEBHOOK,
                                         ngx_http_webhook_sqlite_sweep_webhook,
                                         &s->swept_webhook, oldest)
            != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (s->swept_company == INT64_MAX && s->swept_webhook == INT64_MAX) {
        s->swept_company = 0;
        s->swept_webhook = 0;
    }

    return ngx_http_webhook_sqlite_exec(s,
               ngx_http_webhook_sqlite_stmt(s, NGX_HTTP_WEBHOOK_SQL_COMMIT));
}


/* The next owners "after" one, which is INT64_MAX when there are no more. */

static ngx_int_t
ngx_http_webhook_sqlite_sweep_some(ngx_http_webhook_sqlite_t *s,
    ngx_http_webhook_sql_e next, ngx_http_webhook_sqlite_sweep_pt sweep,
    ngx_http_webhook_id_t *after, ngx_http_webhook_id_t oldest)
{
    ngx_int_t               rc;
    ngx_uint_t              i, more;
    sqlite3_stmt           *stmt;
    ngx_http_webhook_id_t   id, from;

    for (i = 0; i < NGX_HTTP_WEBHOOK_SWEEP_OWNERS; i++) {

        stmt = ngx_http_webhook_sqlite_stmt(s, next);

        ngx_http_webhook_sqlite_int(stmt, 1, *after);
        ngx_http_webhook_sqlite_int(stmt, 2, oldest);

        rc = ngx_http_webhook_sqlite_step(s, stmt);

        if (rc == NGX_DONE) {
            *after = INT64_MAX;
            return NGX_OK;
        }

        if (rc != NGX_OK) {
            return NGX_ERROR;
        }

        id = sqlite3_column_int64(stmt, 0);
        from = sqlite3_column_int64(stmt, 1);

        (void) sqlite3_reset(stmt);

        do {
            more = 0;

            if (sweep(s, id, from, &more) != NGX_OK) {
                return NGX_ERROR;
            }

        } while (more
                 && ngx_http_webhook_sqlite_now() - s->swept
                    < NGX_HTTP_WEBHOOK_SWEEP_BUDGET);

        if (more) {
            return NGX_OK;                   /* it is the next one again */
        }

        *after = id;
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_webhook_sqlite_sweep_company(ngx_http_webhook_sqlite_t *s,
    ngx_http_webhook_id_t id, ngx_http_webhook_id_t from, ngx_uint_t *more)
{
    int64_t     before[3];
    ngx_uint_t  i;

    static ngx_http_webhook_sql_e  lists[] = {
        NGX_HTTP_WEBHOOK_SQL_SWEEP_BY_COMPANY,
        NGX_HTTP_WEBHOOK_SQL_SWEEP_BY_NAME,
        NGX_HTTP_WEBHOOK_SQL_SWEEP_MESSAGE_BY_COMPANY,
        NGX_HTTP_WEBHOOK_SQL_SWEEP_MESSAGE_BY_NAME
    };

    static int64_t  spans[] = {
        NGX_HTTP_WEBHOOK_INDEX_MINUTE,
        NGX_HTTP_WEBHOOK_INDEX_HOUR,
        NGX_HTTP_WEBHOOK_INDEX_DAY
    };

    for (i = 0; i < sizeof(lists) / sizeof(lists[0]); i++) {

        if (ngx_http_webhook_sqlite_run(s, lists[i], 3, id, from,
                                        NGX_HTTP_WEBHOOK_SWEEP_ROWS)
            != NGX_OK)
        {
            return NGX_ERROR;
        }

        *more |= (sqlite3_changes(s->db) == NGX_HTTP_WEBHOOK_SWEEP_ROWS);
    }

    /* buckets live as long as the log that they count, those of a minute
       less; those of a company that is gone no longer */

    if (from == INT64_MAX) {
        before[1] = INT64_MAX;

    } else {
        before[1] = s->conf->keep_logs
                    ? s->swept - (int64_t) s->conf->keep_logs : 0;
    }

    before[2] = before[1];
    before[0] = ngx_max(before[1],
                        s->swept - NGX_HTTP_WEBHOOK_STATS_MINUTES);

    for (i = 0; i < 3; i++) {

        if (ngx_http_webhook_sqlite_run(s,
                                       NGX_HTTP_WEBHOOK_SQL_SWEEP_STATISTICS,
                                       3, id, spans[i], before[i] - spans[i])
                != NGX_OK
            || ngx_http_webhook_sqlite_run(s,
                                   NGX_HTTP_WEBHOOK_SQL_SWEEP_STATISTICS_NAME,
                                   3, id, spans[i], before[i] - spans[i])
                != NGX_OK)
        {
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_webhook_sqlite_sweep_webhook(ngx_http_webhook_sqlite_t *s,
    ngx_http_webhook_id_t id, ngx_http_webhook_id_t from, ngx_uint_t *more)
{
    if (from == INT64_MAX
        && ngx_http_webhook_sqlite_run(s, NGX_HTTP_WEBHOOK_SQL_SWEEP_LAST, 1,
                                       id, 0, 0)
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (ngx_http_webhook_sqlite_run(s, NGX_HTTP_WEBHOOK_SQL_SWEEP_BY_WEBHOOK,
                                    3, id, from, NGX_HTTP_WEBHOOK_SWEEP_ROWS)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    *more |= (sqlite3_changes(s->db) == NGX_HTTP_WEBHOOK_SWEEP_ROWS);

    return NGX_OK;
}
