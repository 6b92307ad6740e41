
/*
 * Copyright (C) the ngx_http_webhook_module authors
 */


/*
 * Webhooks as the admin API sees them.  What changes them runs in the
 * writing thread, in a transaction of its own, and raises the configuration's
 * generation; the rest in a reading thread.
 */


#include "ngx_http_webhook_sqlite.h"
#include "ngx_http_webhook_name.h"


static ngx_int_t ngx_http_webhook_sqlite_webhook_row(sqlite3_stmt *stmt,
    ngx_pool_t *pool, ngx_http_webhook_webhook_t *webhook);
static ngx_int_t ngx_http_webhook_sqlite_subscribe(
    ngx_http_webhook_sqlite_t *s, ngx_http_webhook_webhook_t *webhook);
static ngx_int_t ngx_http_webhook_sqlite_wake(ngx_http_webhook_sqlite_t *s,
    ngx_http_webhook_id_t webhook_id);


static ngx_int_t
ngx_http_webhook_sqlite_webhook_row(sqlite3_stmt *stmt, ngx_pool_t *pool,
    ngx_http_webhook_webhook_t *webhook)
{
    ngx_memzero(webhook, sizeof(ngx_http_webhook_webhook_t));

    webhook->id = sqlite3_column_int64(stmt, 0);
    webhook->company_id = sqlite3_column_int64(stmt, 1);
    webhook->enabled = (sqlite3_column_int(stmt, 4) != 0);
    webhook->previous_until = sqlite3_column_int64(stmt, 7);
    webhook->updated_at = sqlite3_column_int64(stmt, 8);
    webhook->failures = (ngx_uint_t) sqlite3_column_int64(stmt, 15);
    webhook->since = sqlite3_column_int64(stmt, 16);
    webhook->open_until = sqlite3_column_int64(stmt, 17);
    webhook->probing = (sqlite3_column_int64(stmt, 18) != 0);

    if (ngx_http_webhook_sqlite_column(stmt, 2, pool, &webhook->url)
            != NGX_OK
        || ngx_http_webhook_sqlite_column(stmt, 3, pool,
                                          &webhook->description)
            != NGX_OK
        || ngx_http_webhook_sqlite_column(stmt, 9, pool,
                                          &webhook->disabled_reason)
            != NGX_OK
        || ngx_http_webhook_sqlite_rules(stmt, 10, pool, &webhook->rules)
            != NGX_OK)
    {
        return NGX_ERROR;
    }

    return ngx_http_webhook_sqlite_header_names(stmt, 19, pool, webhook);
}


/* Five columns of a webhook from "n" on: its rules. */

ngx_int_t
ngx_http_webhook_sqlite_rules(sqlite3_stmt *stmt, int n, ngx_pool_t *pool,
    ngx_http_webhook_rules_t *rules)
{
    char  *p, *end;

    rules->concurrency = (ngx_uint_t) sqlite3_column_int64(stmt, n);
    rules->rate = (ngx_uint_t) sqlite3_column_int64(stmt, n + 1);
    rules->period = (ngx_msec_t) sqlite3_column_int64(stmt, n + 2);
    rules->ordered = (sqlite3_column_int(stmt, n + 4) != 0);
    rules->delays = NULL;
    rules->ndelays = 0;

    p = (char *) sqlite3_column_text(stmt, n + 3);
    if (p == NULL) {
        return NGX_OK;
    }

    rules->delays = ngx_palloc(pool, NGX_HTTP_WEBHOOK_MAX_ATTEMPTS
                                     * sizeof(ngx_msec_t));
    if (rules->delays == NULL) {
        return NGX_ERROR;
    }

    while (*p && rules->ndelays < NGX_HTTP_WEBHOOK_MAX_ATTEMPTS - 1) {
        rules->delays[rules->ndelays++] = (ngx_msec_t) strtoul(p, &end, 10);
        p = (*end == ' ') ? end + 1 : end;

        if (end == p && *p) {
            break;                           /* not what was written */
        }
    }

    return NGX_OK;
}


/* Binds them, from ?9 on. */

static ngx_int_t
ngx_http_webhook_sqlite_bind_rules(sqlite3_stmt *stmt, ngx_pool_t *pool,
    ngx_http_webhook_rules_t *rules)
{
    u_char      *p;
    ngx_str_t    text;
    ngx_uint_t   i;

    ngx_http_webhook_sqlite_int(stmt, 13, rules->ordered);

    if (stmt) {
        (void) sqlite3_bind_null(stmt, 9);
        (void) sqlite3_bind_null(stmt, 10);
        (void) sqlite3_bind_null(stmt, 11);
        (void) sqlite3_bind_null(stmt, 12);
    }

    if (rules->concurrency) {
        ngx_http_webhook_sqlite_int(stmt, 9, rules->concurrency);
    }

    if (rules->rate) {
        ngx_http_webhook_sqlite_int(stmt, 10, rules->rate);
        ngx_http_webhook_sqlite_int(stmt, 11, rules->period);
    }

    if (rules->delays) {
        text.data = ngx_pnalloc(pool,
                                rules->ndelays * (NGX_INT_T_LEN + 1) + 1);
        if (text.data == NULL) {
            return NGX_ERROR;
        }

        p = text.data;

        for (i = 0; i < rules->ndelays; i++) {
            p = ngx_sprintf(p, i ? " %M" : "%M", rules->delays[i]);
        }

        text.len = p - text.data;
        ngx_http_webhook_sqlite_text(stmt, 12, &text);
    }

    return NGX_OK;
}


ngx_int_t
ngx_http_webhook_sqlite_subscriptions(ngx_http_webhook_sqlite_t *s,
    ngx_http_webhook_id_t webhook_id, ngx_pool_t *pool, ngx_uint_t *n,
    ngx_str_t **subscriptions)
{
    ngx_int_t      rc;
    ngx_str_t     *event;
    ngx_array_t    events;
    sqlite3_stmt  *stmt;

    if (ngx_array_init(&events, pool, 4, sizeof(ngx_str_t)) != NGX_OK) {
        return NGX_ERROR;
    }

    stmt = ngx_http_webhook_sqlite_stmt(s,
                                       NGX_HTTP_WEBHOOK_SQL_SUBSCRIPTION_LIST);
    ngx_http_webhook_sqlite_int(stmt, 1, webhook_id);

    while ((rc = ngx_http_webhook_sqlite_step(s, stmt)) == NGX_OK) {

        event = ngx_array_push(&events);

        if (event == NULL
            || ngx_http_webhook_sqlite_column(stmt, 0, pool, event) != NGX_OK)
        {
            return NGX_ERROR;
        }
    }

    *n = events.nelts;
    *subscriptions = events.elts;

    return (rc == NGX_DONE) ? NGX_OK : NGX_ERROR;
}


ngx_int_t
ngx_http_webhook_sqlite_webhook_find(ngx_http_webhook_sqlite_t *s,
    ngx_http_webhook_webhook_op_t *wop, ngx_uint_t access, ngx_uint_t open,
    ngx_http_webhook_webhook_t *row)
{
    ngx_int_t               rc;
    sqlite3_stmt           *stmt;
    ngx_http_webhook_id_t   company_id;

    row->id = 0;

    if (ngx_http_webhook_sqlite_company_for(s, &wop->op, &wop->ref, access,
                                            &company_id)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (company_id == 0) {
        return NGX_OK;
    }

    stmt = ngx_http_webhook_sqlite_stmt(s, NGX_HTTP_WEBHOOK_SQL_WEBHOOK_GET);

    ngx_http_webhook_sqlite_int(stmt, 1, wop->webhook.id);
    ngx_http_webhook_sqlite_int(stmt, 2, company_id);

    rc = ngx_http_webhook_sqlite_step(s, stmt);

    if (rc == NGX_DONE) {
        wop->op.status = NGX_HTTP_WEBHOOK_STORE_NOT_FOUND;
        return NGX_OK;
    }

    if (rc == NGX_OK) {
        rc = ngx_http_webhook_sqlite_webhook_row(stmt, wop->op.pool, row);
    }

    if (rc == NGX_OK && open) {
        rc = ngx_http_webhook_sqlite_unseal(s, stmt, 5, 19, wop->op.pool, row);
    }

    if (rc == NGX_DECLINED) {
        ngx_http_webhook_sqlite_unseal_failed(s, stmt, 21, row->id);
    }

    (void) sqlite3_reset(stmt);

    if (rc == NGX_DECLINED) {
        wop->op.status = NGX_HTTP_WEBHOOK_STORE_SEALED;
        return NGX_OK;
    }

    if (rc == NGX_OK) {
        rc = ngx_http_webhook_sqlite_subscriptions(s, row->id, wop->op.pool,
                                                   &row->nevents,
                                                   &row->events);
    }

    return rc;
}


static ngx_int_t
ngx_http_webhook_sqlite_subscribe(ngx_http_webhook_sqlite_t *s,
    ngx_http_webhook_webhook_t *webhook)
{
    ngx_uint_t     i;
    sqlite3_stmt  *stmt;

    stmt = ngx_http_webhook_sqlite_stmt(s,
                                     NGX_HTTP_WEBHOOK_SQL_SUBSCRIPTION_DELETE);
    ngx_http_webhook_sqlite_int(stmt, 1, webhook->id);

    if (ngx_http_webhook_sqlite_exec(s, stmt) != NGX_OK) {
        return NGX_ERROR;
    }

    for (i = 0; i < webhook->nevents; i++) {
        stmt = ngx_http_webhook_sqlite_stmt(s,
                                     NGX_HTTP_WEBHOOK_SQL_SUBSCRIPTION_INSERT);

        ngx_http_webhook_sqlite_int(stmt, 1, webhook->id);
        ngx_http_webhook_sqlite_text(stmt, 2, &webhook->events[i]);

        if (ngx_http_webhook_sqlite_exec(s, stmt) != NGX_OK) {
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


ngx_int_t
ngx_http_webhook_sqlite_webhook_create(ngx_http_webhook_sqlite_t *s,
    ngx_http_webhook_op_t *op)
{
    ngx_http_webhook_webhook_op_t *wop = (ngx_http_webhook_webhook_op_t *) op;

    ngx_int_t                    count;
    sqlite3_stmt                *stmt;
    ngx_http_webhook_webhook_t  *webhook;

    webhook = &wop->webhook;

    if (ngx_http_webhook_sqlite_company_for(s, op, &wop->ref, 1,
                                            &webhook->company_id)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (webhook->company_id == 0) {
        return NGX_OK;
    }

    if (ngx_http_webhook_sqlite_subscriptions_known(s, op, webhook) != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (op->status != NGX_HTTP_WEBHOOK_STORE_OK) {
        return NGX_OK;
    }

    stmt = ngx_http_webhook_sqlite_stmt(s, NGX_HTTP_WEBHOOK_SQL_WEBHOOK_COUNT);
    ngx_http_webhook_sqlite_int(stmt, 1, webhook->company_id);

    if (ngx_http_webhook_sqlite_step(s, stmt) != NGX_OK) {
        return NGX_ERROR;
    }

    count = sqlite3_column_int(stmt, 0);

    (void) sqlite3_reset(stmt);

    if (count >= (ngx_int_t) s->conf->wmcf->max_webhooks) {
        op->status = NGX_HTTP_WEBHOOK_STORE_LIMIT;
        return NGX_OK;
    }

    webhook->id = ngx_http_webhook_sqlite_id(s);
    webhook->updated_at = s->now;

    stmt = ngx_http_webhook_sqlite_stmt(s,
                                        NGX_HTTP_WEBHOOK_SQL_WEBHOOK_INSERT);

    ngx_http_webhook_sqlite_int(stmt, 1, webhook->id);
    ngx_http_webhook_sqlite_int(stmt, 2, webhook->company_id);
    ngx_http_webhook_sqlite_text(stmt, 3, &webhook->url);
    ngx_http_webhook_sqlite_text(stmt, 4, &webhook->description);
    ngx_http_webhook_sqlite_int(stmt, 5, webhook->enabled);
    ngx_http_webhook_sqlite_int(stmt, 7, webhook->updated_at);
    ngx_http_webhook_sqlite_int(stmt, 8, ++s->generation);

    if (ngx_http_webhook_sqlite_bind_rules(stmt, op->pool, &webhook->rules)
            != NGX_OK
        || ngx_http_webhook_sqlite_exec(s, stmt) != NGX_OK
        || ngx_http_webhook_sqlite_seal(s, op->pool, webhook) != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (ngx_http_webhook_sqlite_subscribe(s, webhook) != NGX_OK) {
        return NGX_ERROR;
    }

    return ngx_http_webhook_sqlite_webhook_waits(s, webhook, op->pool);
}


static void
ngx_http_webhook_sqlite_set_rules(ngx_http_webhook_webhook_op_t *wop,
    ngx_http_webhook_rules_t *rules)
{
    ngx_http_webhook_rules_t  *new;

    new = &wop->webhook.rules;

    if (wop->set_concurrency) {
        rules->concurrency = new->concurrency;
    }

    if (wop->set_rate) {
        rules->rate = new->rate;
        rules->period = new->period;
    }

    if (wop->set_delays) {
        rules->delays = new->delays;
        rules->ndelays = new->ndelays;
    }

    if (wop->set_ordered) {
        rules->ordered = new->ordered;
    }
}


/* The row to change, with its headers merged; what is wrong is op.status. */

static ngx_int_t
ngx_http_webhook_sqlite_webhook_merge(ngx_http_webhook_sqlite_t *s,
    ngx_http_webhook_webhook_op_t *wop, ngx_http_webhook_webhook_t *row)
{
    if (ngx_http_webhook_sqlite_webhook_find(s, wop, 1, wop->set_headers, row)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (wop->op.status != NGX_HTTP_WEBHOOK_STORE_OK) {
        return NGX_OK;
    }

    if (wop->set_headers
        && ngx_http_webhook_sqlite_merge_headers(wop, row) != NGX_OK)
    {
        return NGX_ERROR;
    }

    return wop->set_events
           ? ngx_http_webhook_sqlite_subscriptions_known(s, &wop->op,
                                                         &wop->webhook)
           : NGX_OK;
}


ngx_int_t
ngx_http_webhook_sqlite_webhook_update(ngx_http_webhook_sqlite_t *s,
    ngx_http_webhook_op_t *op)
{
    ngx_http_webhook_webhook_op_t *wop = (ngx_http_webhook_webhook_op_t *) op;

    ngx_uint_t                   enabled;
    sqlite3_stmt                *stmt;
    ngx_http_webhook_webhook_t   row, *webhook;

    webhook = &wop->webhook;

    if (ngx_http_webhook_sqlite_webhook_merge(s, wop, &row) != NGX_OK) {
        return NGX_ERROR;
    }

    if (op->status != NGX_HTTP_WEBHOOK_STORE_OK) {
        return NGX_OK;
    }

    enabled = wop->set_enabled && webhook->enabled && !row.enabled;

    row.url = wop->set_url ? webhook->url : row.url;
    row.description = wop->set_description ? webhook->description
                                           : row.description;
    row.updated_at = s->now;

    if (wop->set_enabled) {
        row.enabled = webhook->enabled;
        ngx_str_null(&row.disabled_reason);
    }

    ngx_http_webhook_sqlite_set_rules(wop, &row.rules);

    if (wop->set_events) {
        row.nevents = webhook->nevents;
        row.events = webhook->events;

        if (ngx_http_webhook_sqlite_subscribe(s, &row) != NGX_OK) {
            return NGX_ERROR;
        }
    }

    stmt = ngx_http_webhook_sqlite_stmt(s,
                                        NGX_HTTP_WEBHOOK_SQL_WEBHOOK_UPDATE);

    ngx_http_webhook_sqlite_int(stmt, 1, row.id);
    ngx_http_webhook_sqlite_text(stmt, 2, &row.url);
    ngx_http_webhook_sqlite_text(stmt, 3, &row.description);
    ngx_http_webhook_sqlite_int(stmt, 4, row.enabled);
    ngx_http_webhook_sqlite_int(stmt, 5, row.updated_at);
    ngx_http_webhook_sqlite_int(stmt, 6, ++s->generation);
    ngx_http_webhook_sqlite_text(stmt, 7, &row.disabled_reason);

    if (ngx_http_webhook_sqlite_bind_rules(stmt, op->pool, &row.rules)
            != NGX_OK
        || ngx_http_webhook_sqlite_exec(s, stmt) != NGX_OK
        || (wop->set_headers
            && ngx_http_webhook_sqlite_seal(s, op->pool, &row) != NGX_OK))
    {
        return NGX_ERROR;
    }

    *webhook = row;

    if (enabled || wop->set_url) {

        if (ngx_http_webhook_sqlite_wake(s, row.id) != NGX_OK) {
            return NGX_ERROR;
        }

    } else if ((wop->set_ordered || wop->set_rate)
               && ngx_http_webhook_sqlite_queue_add(s, row.id, s->now)
                  != NGX_OK)
    {
        /* what waited for its turn, or its rate, may not have to any more */

        return NGX_ERROR;
    }

    return ngx_http_webhook_sqlite_webhook_waits(s, webhook, op->pool);
}


ngx_int_t
ngx_http_webhook_sqlite_webhook_disable(ngx_http_webhook_sqlite_t *s,
    ngx_http_webhook_op_t *op)
{
    ngx_http_webhook_webhook_op_t *wop = (ngx_http_webhook_webhook_op_t *) op;

    sqlite3_stmt                *stmt;
    ngx_http_webhook_target_t   *target;
    ngx_http_webhook_id_text_t   id;

    stmt = ngx_http_webhook_sqlite_stmt(s,
                                        NGX_HTTP_WEBHOOK_SQL_WEBHOOK_DISABLE);

    ngx_http_webhook_sqlite_int(stmt, 1, wop->webhook.id);
    ngx_http_webhook_sqlite_text(stmt, 2, &wop->webhook.disabled_reason);
    ngx_http_webhook_sqlite_int(stmt, 3, s->now);
    ngx_http_webhook_sqlite_int(stmt, 4, s->generation + 1);
    ngx_http_webhook_sqlite_text(stmt, 5, &wop->webhook.url);

    if (ngx_http_webhook_sqlite_exec(s, stmt) != NGX_OK) {
        return NGX_ERROR;
    }

    if (sqlite3_changes(s->db)) {
        s->generation++;

        target = ngx_http_webhook_sqlite_target(s, wop->webhook.id);

        if (target
            && ngx_http_webhook_sqlite_tell(s, op->pool, target,
                                            "system.webhook.disabled", 0,
                                            &wop->webhook.disabled_reason)
               != NGX_OK)
        {
            return NGX_ERROR;
        }

        ngx_log_error(NGX_LOG_NOTICE, s->log, 0,
                      "webhook %V is disabled: %V",
                      ngx_http_webhook_id_text(&id, "wh_", wop->webhook.id),
                      &wop->webhook.disabled_reason);
    }

    return NGX_OK;
}


/* Its pending events are cancelled by the claims that look at it. */

ngx_int_t
ngx_http_webhook_sqlite_webhook_delete(ngx_http_webhook_sqlite_t *s,
    ngx_http_webhook_op_t *op)
{
    ngx_http_webhook_webhook_op_t *wop = (ngx_http_webhook_webhook_op_t *) op;

    sqlite3_stmt                *stmt;
    ngx_http_webhook_webhook_t   row;

    if (ngx_http_webhook_sqlite_webhook_find(s, wop, 1, 0, &row) != NGX_OK) {
        return NGX_ERROR;
    }

    if (op->status != NGX_HTTP_WEBHOOK_STORE_OK) {
        return NGX_OK;
    }

    stmt = ngx_http_webhook_sqlite_stmt(s,
                                        NGX_HTTP_WEBHOOK_SQL_WEBHOOK_DELETE);

    ngx_http_webhook_sqlite_int(stmt, 1, row.id);
    ngx_http_webhook_sqlite_int(stmt, 2, s->now);
    ngx_http_webhook_sqlite_int(stmt, 3, ++s->generation);

    if (ngx_http_webhook_sqlite_exec(s, stmt) != NGX_OK) {
        return NGX_ERROR;
    }

    return ngx_http_webhook_sqlite_wake(s, row.id);
}


/* Makes the next claim look at a webhook, whose past is forgotten. */

static ngx_int_t
ngx_http_webhook_sqlite_wake(ngx_http_webhook_sqlite_t *s,
    ngx_http_webhook_id_t webhook_id)
{
    sqlite3_stmt  *stmt;

    if (ngx_http_webhook_sqlite_run(s, NGX_HTTP_WEBHOOK_SQL_HEALTH_DELETE, 1,
                                    webhook_id, 0, 0)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    stmt = ngx_http_webhook_sqlite_stmt(s,
                                       NGX_HTTP_WEBHOOK_SQL_WEBHOOK_QUEUE_NOW);

    ngx_http_webhook_sqlite_int(stmt, 1, webhook_id);
    ngx_http_webhook_sqlite_int(stmt, 2, s->now);

    return ngx_http_webhook_sqlite_exec(s, stmt);
}


ngx_int_t
ngx_http_webhook_sqlite_webhook_get(ngx_http_webhook_sqlite_t *s,
    ngx_http_webhook_op_t *op)
{
    ngx_http_webhook_webhook_op_t *wop = (ngx_http_webhook_webhook_op_t *) op;

    ngx_http_webhook_webhook_t  row;

    if (ngx_http_webhook_sqlite_webhook_find(s, wop, 0, wop->open, &row)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (op->status == NGX_HTTP_WEBHOOK_STORE_OK) {
        wop->webhook = row;

        return ngx_http_webhook_sqlite_webhook_waits(s, &wop->webhook,
                                                     op->pool);
    }

    return NGX_OK;
}


ngx_int_t
ngx_http_webhook_sqlite_webhook_list(ngx_http_webhook_sqlite_t *s,
    ngx_http_webhook_op_t *op)
{
    ngx_http_webhook_list_op_t *list = (ngx_http_webhook_list_op_t *) op;

    ngx_int_t                    rc;
    ngx_uint_t                   i;
    sqlite3_stmt                *stmt;
    ngx_http_webhook_id_t        company_id;
    ngx_http_webhook_webhook_t  *webhook;

    if (ngx_http_webhook_sqlite_company_for(s, op, &list->ref, 0, &company_id)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (company_id == 0) {
        return NGX_OK;
    }

    list->rows = ngx_array_create(op->pool, list->limit + 1,
                                  sizeof(ngx_http_webhook_webhook_t));
    if (list->rows == NULL) {
        return NGX_ERROR;
    }

    stmt = ngx_http_webhook_sqlite_stmt(s, NGX_HTTP_WEBHOOK_SQL_WEBHOOK_LIST);

    ngx_http_webhook_sqlite_int(stmt, 1, company_id);
    ngx_http_webhook_sqlite_int(stmt, 2,
                                list->cursor ? list->cursor : INT64_MAX);
    ngx_http_webhook_sqlite_int(stmt, 3, list->limit + 1);

    while ((rc = ngx_http_webhook_sqlite_step(s, stmt)) == NGX_OK) {

        if (list->rows->nelts == list->limit) {
            webhook = list->rows->elts;
            list->next = webhook[list->limit - 1].id;
            (void) sqlite3_reset(stmt);
            rc = NGX_DONE;
            break;
        }

        webhook = ngx_array_push(list->rows);
        if (webhook == NULL
            || ngx_http_webhook_sqlite_webhook_row(stmt, op->pool, webhook)
               != NGX_OK)
        {
            return NGX_ERROR;
        }
    }

    if (rc != NGX_DONE) {
        return NGX_ERROR;
    }

    webhook = list->rows->elts;

    for (i = 0; i < list->rows->nelts; i++) {
        if (ngx_http_webhook_sqlite_subscriptions(s, webhook[i].id, op->pool,
                                                  &webhook[i].nevents,
                                                  &webhook[i].events)
                != NGX_OK
            || ngx_http_webhook_sqlite_webhook_waits(s, &webhook[i], op->pool)
                != NGX_OK)
        {
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}
