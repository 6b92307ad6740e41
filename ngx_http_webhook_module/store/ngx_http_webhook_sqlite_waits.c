
/*
 * Copyright (C) the ngx_http_webhook_module authors
 */


/*
 * What pending webhook events, and webhooks, wait for, as the admin API tells
 * it: from what the store has of a webhook, and from the limits that the
 * workers keep in shared memory.  Runs in any thread, in a transaction.
 */


#include "ngx_http_webhook_sqlite.h"
#include "ngx_http_webhook_waits.h"
#include "ngx_http_webhook_zone.h"


static ngx_http_webhook_waits_t *ngx_http_webhook_sqlite_waits_find(
    ngx_http_webhook_sqlite_t *s, ngx_array_t *webhooks,
    ngx_http_webhook_id_t id);
static ngx_int_t ngx_http_webhook_sqlite_webhook_times(
    ngx_http_webhook_sqlite_t *s, ngx_http_webhook_webhook_t *webhook);
static ngx_int_t ngx_http_webhook_sqlite_waits_load(
    ngx_http_webhook_sqlite_t *s, ngx_http_webhook_id_t id, ngx_pool_t *pool,
    ngx_http_webhook_waits_t *w);


ngx_int_t
ngx_http_webhook_sqlite_waits(ngx_http_webhook_sqlite_t *s,
    ngx_http_webhook_event_t *event, ngx_uint_t n, ngx_pool_t *pool)
{
    ngx_uint_t                 i, sends;
    ngx_array_t                webhooks;
    ngx_http_webhook_waits_t  *w;

    if (ngx_array_init(&webhooks, pool, 4, sizeof(ngx_http_webhook_waits_t))
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    for (i = 0; i < n; i++, event++) {

        if (event->status != NGX_HTTP_WEBHOOK_PENDING) {
            continue;
        }

        w = ngx_http_webhook_sqlite_waits_find(s, &webhooks,
                                               event->webhook_id);
        if (w == NULL) {
            return NGX_ERROR;
        }

        sends = event->owned
                && ngx_http_webhook_zone_sends(s->conf->wmcf, event->id);

        event->waits = ngx_http_webhook_waits_event(w, event, sends);
    }

    return NGX_OK;
}


/* Each webhook of a page is looked at once; a company has not many. */

static ngx_http_webhook_waits_t *
ngx_http_webhook_sqlite_waits_find(ngx_http_webhook_sqlite_t *s,
    ngx_array_t *webhooks, ngx_http_webhook_id_t id)
{
    ngx_uint_t                 i;
    ngx_http_webhook_waits_t  *w;

    w = webhooks->elts;

    for (i = 0; i < webhooks->nelts; i++) {
        if (w[i].webhook_id == id) {
            return &w[i];
        }
    }

    w = ngx_array_push(webhooks);

    if (w == NULL
        || ngx_http_webhook_sqlite_waits_load(s, id, webhooks->pool, w)
           != NGX_OK)
    {
        return NULL;
    }

    return w;
}


ngx_int_t
ngx_http_webhook_sqlite_webhook_waits(ngx_http_webhook_sqlite_t *s,
    ngx_http_webhook_webhook_t *webhook, ngx_pool_t *pool)
{
    ngx_http_webhook_waits_t  w;

    if (ngx_http_webhook_sqlite_waits_load(s, webhook->id, pool, &w)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    webhook->waits = ngx_http_webhook_waits_webhook(&w);

    return ngx_http_webhook_sqlite_webhook_times(s, webhook);
}


/* The last attempts, where there is an index to ask, and the next one. */

static ngx_int_t
ngx_http_webhook_sqlite_webhook_times(ngx_http_webhook_sqlite_t *s,
    ngx_http_webhook_webhook_t *webhook)
{
    int64_t        next;
    sqlite3_stmt  *stmt;

    stmt = ngx_http_webhook_sqlite_stmt(s, NGX_HTTP_WEBHOOK_SQL_CLAIM_NEXT);
    ngx_http_webhook_sqlite_int(stmt, 1, webhook->id);

    if (ngx_http_webhook_sqlite_step(s, stmt) != NGX_OK) {
        return NGX_ERROR;
    }

    next = sqlite3_column_int64(stmt, 0);

    (void) sqlite3_reset(stmt);

    webhook->next_at = next ? ngx_max(next, webhook->open_until) : 0;

    if (s->index == 0) {
        return NGX_OK;
    }

    stmt = ngx_http_webhook_sqlite_stmt(s, NGX_HTTP_WEBHOOK_SQL_LAST_GET);
    ngx_http_webhook_sqlite_int(stmt, 1, webhook->id);

    /* an index that is damaged is found by what cannot do without it */

    if (ngx_http_webhook_sqlite_step(s, stmt) == NGX_OK) {
        webhook->success_at = sqlite3_column_int64(stmt, 0);
        webhook->failure_at = sqlite3_column_int64(stmt, 1);

        (void) sqlite3_reset(stmt);
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_webhook_sqlite_waits_load(ngx_http_webhook_sqlite_t *s,
    ngx_http_webhook_id_t id, ngx_pool_t *pool, ngx_http_webhook_waits_t *w)
{
    ngx_int_t                  rc;
    sqlite3_stmt              *stmt;
    ngx_http_webhook_rules_t   rules;

    ngx_memzero(w, sizeof(ngx_http_webhook_waits_t));

    w->webhook_id = id;
    w->now = s->now;
    w->deleted = 1;

    stmt = ngx_http_webhook_sqlite_stmt(s, NGX_HTTP_WEBHOOK_SQL_WAITS_WEBHOOK);
    ngx_http_webhook_sqlite_int(stmt, 1, id);

    rc = ngx_http_webhook_sqlite_step(s, stmt);

    if (rc != NGX_OK) {
        return (rc == NGX_DONE) ? NGX_OK : NGX_ERROR;
    }

    w->enabled = (sqlite3_column_int(stmt, 0) != 0);
    w->deleted = (sqlite3_column_int64(stmt, 1) != 0);
    w->open_until = sqlite3_column_int64(stmt, 7);
    w->first = sqlite3_column_int64(stmt, 8);
    w->locked = !ngx_http_webhook_sqlite_has_key(s,
                                              sqlite3_column_int64(stmt, 9));

    rc = ngx_http_webhook_sqlite_rules(stmt, 2, pool, &rules);

    (void) sqlite3_reset(stmt);

    if (rc != NGX_OK) {
        return NGX_ERROR;
    }

    w->full = (ngx_http_webhook_zone_full(s->conf->wmcf, id, &rules) != 0);
    w->limited = (ngx_http_webhook_zone_wait(s->conf->wmcf, id, &rules) != 0);

    return NGX_OK;
}
