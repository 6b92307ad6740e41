
/*
 * Copyright (C) the ngx_http_webhook_module authors
 */


/*
 * The health of webhooks.  Runs in the writing thread, inside the transaction
 * that records an attempt.
 *
 * A webhook whose attempts fail one after the other, of more than one event,
 * is paused: its breaker opens.  Meanwhile its events wait in the store, and
 * use up no attempt.  When the pause is over, one event is let through, the
 * probe: its success closes the breaker, its failure opens it for twice as
 * long.  What has done nothing but fail for webhook_disable_after is disabled.
 *
 * A webhook that is well has no row here, so that its results cost nothing.
 */


#include "ngx_http_webhook_sqlite.h"
#include "ngx_http_webhook_name.h"


typedef struct {
    ngx_uint_t               failures;
    ngx_uint_t               events;
    ngx_http_webhook_id_t    event_id;
    int64_t                  since;
    int64_t                  open_until;
    int64_t                  pause;
    ngx_http_webhook_id_t    probe_id;
} ngx_http_webhook_sqlite_health_t;


static ngx_int_t ngx_http_webhook_sqlite_health_any(
    ngx_http_webhook_sqlite_t *s, ngx_uint_t *any);
static ngx_int_t ngx_http_webhook_sqlite_health_get(
    ngx_http_webhook_sqlite_t *s, ngx_http_webhook_id_t webhook_id,
    ngx_http_webhook_sqlite_health_t *h);
static ngx_int_t ngx_http_webhook_sqlite_well(ngx_http_webhook_sqlite_t *s,
    ngx_http_webhook_result_op_t *result, ngx_http_webhook_target_t *target);
static ngx_int_t ngx_http_webhook_sqlite_unwell(ngx_http_webhook_sqlite_t *s,
    ngx_http_webhook_result_op_t *result, ngx_http_webhook_target_t *target);


ngx_int_t
ngx_http_webhook_sqlite_health(ngx_http_webhook_sqlite_t *s,
    ngx_http_webhook_result_op_t *result, ngx_http_webhook_target_t *target)
{
    if (result->test || result->attempt.internal
        || target == NULL || target->deleted)
    {
        return NGX_OK;
    }

    return result->attempt.error.data
           ? ngx_http_webhook_sqlite_unwell(s, result, target)
           : ngx_http_webhook_sqlite_well(s, result, target);
}


ngx_int_t
ngx_http_webhook_sqlite_open_until(ngx_http_webhook_sqlite_t *s,
    ngx_http_webhook_id_t webhook_id, int64_t *until)
{
    ngx_http_webhook_sqlite_health_t  h;

    if (ngx_http_webhook_sqlite_health_get(s, webhook_id, &h) != NGX_OK) {
        return NGX_ERROR;
    }

    /* the clock may have been set back */

    *until = ngx_min(h.open_until,
                     s->now + ngx_max((int64_t) s->conf->wmcf->breaker_max,
                                      (int64_t) s->conf->wmcf->timeout
                                      + 1000));
    return NGX_OK;
}


ngx_int_t
ngx_http_webhook_sqlite_probe(ngx_http_webhook_sqlite_t *s,
    ngx_http_webhook_id_t webhook_id, ngx_http_webhook_id_t event_id)
{
    /* so long a delivery takes at most, and its commit */

    return ngx_http_webhook_sqlite_run(s, NGX_HTTP_WEBHOOK_SQL_HEALTH_PROBE, 3,
                                       webhook_id, event_id,
                                       s->now
                                       + (int64_t) s->conf->wmcf->timeout
                                       + 1000);
}


static ngx_int_t
ngx_http_webhook_sqlite_health_any(ngx_http_webhook_sqlite_t *s,
    ngx_uint_t *any)
{
    sqlite3_stmt  *stmt;

    stmt = ngx_http_webhook_sqlite_stmt(s, NGX_HTTP_WEBHOOK_SQL_HEALTH_ANY);

    if (ngx_http_webhook_sqlite_step(s, stmt) != NGX_OK) {
        return NGX_ERROR;
    }

    *any = (sqlite3_column_int(stmt, 0) != 0);

    (void) sqlite3_reset(stmt);

    return NGX_OK;
}


/* Zeros for one that is well.  Looks once a transaction whether any is not. */

static ngx_int_t
ngx_http_webhook_sqlite_health_get(ngx_http_webhook_sqlite_t *s,
    ngx_http_webhook_id_t webhook_id, ngx_http_webhook_sqlite_health_t *h)
{
    ngx_int_t      rc;
    ngx_uint_t     any;
    sqlite3_stmt  *stmt;

    ngx_memzero(h, sizeof(ngx_http_webhook_sqlite_health_t));

    if (s->unwell == NGX_CONF_UNSET_UINT) {

        if (ngx_http_webhook_sqlite_health_any(s, &any) != NGX_OK) {
            return NGX_ERROR;
        }

        s->unwell = any;
    }

    if (!s->unwell) {
        return NGX_OK;
    }

    stmt = ngx_http_webhook_sqlite_stmt(s, NGX_HTTP_WEBHOOK_SQL_HEALTH_GET);
    ngx_http_webhook_sqlite_int(stmt, 1, webhook_id);

    rc = ngx_http_webhook_sqlite_step(s, stmt);

    if (rc != NGX_OK) {
        return (rc == NGX_DONE) ? NGX_OK : NGX_ERROR;
    }

    h->failures = (ngx_uint_t) sqlite3_column_int64(stmt, 0);
    h->events = (ngx_uint_t) sqlite3_column_int64(stmt, 1);
    h->event_id = sqlite3_column_int64(stmt, 2);
    h->since = sqlite3_column_int64(stmt, 3);
    h->open_until = sqlite3_column_int64(stmt, 4);
    h->pause = sqlite3_column_int64(stmt, 5);
    h->probe_id = sqlite3_column_int64(stmt, 6);

    (void) sqlite3_reset(stmt);

    return NGX_OK;
}


static ngx_int_t
ngx_http_webhook_sqlite_well(ngx_http_webhook_sqlite_t *s,
    ngx_http_webhook_result_op_t *result, ngx_http_webhook_target_t *target)
{
    ngx_http_webhook_id_text_t        id;
    ngx_http_webhook_sqlite_health_t  h;

    if (ngx_http_webhook_sqlite_health_get(s, target->id, &h) != NGX_OK) {
        return NGX_ERROR;
    }

    if (h.failures == 0) {
        return NGX_OK;
    }

    if (ngx_http_webhook_sqlite_run(s, NGX_HTTP_WEBHOOK_SQL_HEALTH_DELETE, 1,
                                    target->id, 0, 0)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (h.open_until == 0) {
        return NGX_OK;
    }

    ngx_log_error(NGX_LOG_NOTICE, s->log, 0,
                  "webhook %V has recovered",
                  ngx_http_webhook_id_text(&id, "wh_", target->id));

    if (!result->reserved
        && ngx_http_webhook_sqlite_tell(s, result->op.pool, target,
                                        "system.webhook.recovered", 0, NULL)
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    /* what has waited for it */

    return ngx_http_webhook_sqlite_queue_add(s, target->id, s->now);
}


static ngx_int_t
ngx_http_webhook_sqlite_unwell(ngx_http_webhook_sqlite_t *s,
    ngx_http_webhook_result_op_t *result, ngx_http_webhook_target_t *target)
{
    ngx_uint_t                         opens;
    sqlite3_stmt                      *stmt;
    ngx_http_webhook_id_text_t         id, company;
    ngx_http_webhook_main_conf_t      *wmcf;
    ngx_http_webhook_sqlite_health_t   h;

    wmcf = s->conf->wmcf;

    if (ngx_http_webhook_sqlite_health_get(s, target->id, &h) != NGX_OK) {
        return NGX_ERROR;
    }

    if (h.failures == 0) {
        h.since = s->now;
    }

    h.failures++;
    h.events += (h.event_id != result->event_id);
    h.event_id = result->event_id;

    opens = 0;

    if (h.open_until == 0) {
        opens = wmcf->breaker_failures && h.failures >= wmcf->breaker_failures
                && h.events > 1;

        h.pause = opens ? (int64_t) wmcf->breaker_pause : 0;
        h.open_until = opens ? s->now + h.pause : 0;

    } else if (h.probe_id == result->event_id) {
        h.pause = ngx_min(2 * h.pause, (int64_t) wmcf->breaker_max);
        h.open_until = s->now + h.pause;
        h.probe_id = 0;
    }

    stmt = ngx_http_webhook_sqlite_stmt(s, NGX_HTTP_WEBHOOK_SQL_HEALTH_SET);

    ngx_http_webhook_sqlite_int(stmt, 1, target->id);
    ngx_http_webhook_sqlite_int(stmt, 2, h.failures);
    ngx_http_webhook_sqlite_int(stmt, 3, h.events);
    ngx_http_webhook_sqlite_int(stmt, 4, h.event_id);
    ngx_http_webhook_sqlite_int(stmt, 5, h.since);
    ngx_http_webhook_sqlite_int(stmt, 6, h.open_until);
    ngx_http_webhook_sqlite_int(stmt, 7, h.pause);
    ngx_http_webhook_sqlite_int(stmt, 8, h.probe_id);

    if (ngx_http_webhook_sqlite_exec(s, stmt) != NGX_OK) {
        return NGX_ERROR;
    }

    s->unwell = 1;

    result->paused = (h.open_until != 0);
    result->hopeless = wmcf->disable_after
                       && s->now - h.since >= (int64_t) wmcf->disable_after;

    if (!opens) {
        return NGX_OK;
    }

    ngx_log_error(NGX_LOG_NOTICE, s->log, 0,
                  "webhook %V of company %V is paused: %ui attempts of %ui "
                  "events have failed",
                  ngx_http_webhook_id_text(&id, "wh_", target->id),
                  ngx_http_webhook_id_text(&company, "co_", target->company_id),
                  h.failures, h.events);

    /* operational events cause no further ones */

    return result->reserved ? NGX_OK
           : ngx_http_webhook_sqlite_tell(s, result->op.pool, target,
                                          "system.webhook.failing", 0,
                                          &result->attempt.error);
}
