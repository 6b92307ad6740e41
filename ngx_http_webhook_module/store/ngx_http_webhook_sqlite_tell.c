
/*
 * Copyright (C) the ngx_http_webhook_module authors
 */


/*
 * Operational events: what becomes of a webhook and its events is told to the
 * company's webhooks that subscribe to system.*, in the transaction in which
 * it happens.  They wait in the store, to be claimed, and cause no further
 * ones.  Runs in the writing thread.
 */


#include "ngx_http_webhook_sqlite.h"
#include "ngx_http_webhook_json.h"
#include "ngx_http_webhook_name.h"


static ngx_uint_t ngx_http_webhook_sqlite_listens(
    ngx_http_webhook_target_t *target, ngx_str_t *event);
static ngx_int_t ngx_http_webhook_sqlite_tell_payload(ngx_pool_t *pool,
    ngx_http_webhook_target_t *target, ngx_http_webhook_id_t event_id,
    ngx_str_t *reason, ngx_str_t *payload);
static ngx_int_t ngx_http_webhook_sqlite_tell_message(
    ngx_http_webhook_sqlite_t *s, ngx_http_webhook_target_t *target,
    ngx_str_t *event, ngx_str_t *payload, ngx_http_webhook_id_t *id);


ngx_int_t
ngx_http_webhook_sqlite_tell(ngx_http_webhook_sqlite_t *s, ngx_pool_t *pool,
    ngx_http_webhook_target_t *target, const char *name,
    ngx_http_webhook_id_t event_id, ngx_str_t *reason)
{
    ngx_str_t                            event, payload;
    ngx_uint_t                           i;
    sqlite3_stmt                        *stmt;
    ngx_http_webhook_id_t                id;
    ngx_http_webhook_target_t          **targets;
    ngx_http_webhook_sqlite_company_t   *company;

    event.data = (u_char *) name;
    event.len = ngx_strlen(name);

    company = ngx_http_webhook_sqlite_company_of(s, target->company_id);

    if (company == NULL || !company->enabled) {
        return NGX_OK;
    }

    targets = company->webhooks.elts;
    id = 0;

    for (i = 0; i < company->webhooks.nelts; i++) {

        if (targets[i]->id == target->id
            || !targets[i]->enabled
            || !ngx_http_webhook_sqlite_listens(targets[i], &event))
        {
            continue;
        }

        if (id == 0
            && (ngx_http_webhook_sqlite_tell_payload(pool, target, event_id,
                                                     reason, &payload)
                    != NGX_OK
                || ngx_http_webhook_sqlite_tell_message(s, target, &event,
                                                        &payload, &id)
                    != NGX_OK))
        {
            return NGX_ERROR;
        }

        stmt = ngx_http_webhook_sqlite_stmt(s,
                                            NGX_HTTP_WEBHOOK_SQL_EVENT_INSERT);

        ngx_http_webhook_sqlite_int(stmt, 1, ngx_http_webhook_sqlite_id(s));
        ngx_http_webhook_sqlite_int(stmt, 2, id);
        ngx_http_webhook_sqlite_int(stmt, 3, targets[i]->id);
        ngx_http_webhook_sqlite_int(stmt, 4, company->id);
        ngx_http_webhook_sqlite_int(stmt, 5, 0);
        ngx_http_webhook_sqlite_int(stmt, 6, s->now);
        ngx_http_webhook_sqlite_int(stmt, 7, 0);

        if (ngx_http_webhook_sqlite_exec(s, stmt) != NGX_OK
            || ngx_http_webhook_sqlite_queue_add(s, targets[i]->id, s->now)
               != NGX_OK)
        {
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


static ngx_uint_t
ngx_http_webhook_sqlite_listens(ngx_http_webhook_target_t *target,
    ngx_str_t *event)
{
    ngx_uint_t  i;

    for (i = 0; i < target->nevents; i++) {
        if (ngx_http_webhook_subscription_match(&target->events[i], event)) {
            return 1;
        }
    }

    return 0;
}


static ngx_int_t
ngx_http_webhook_sqlite_tell_payload(ngx_pool_t *pool,
    ngx_http_webhook_target_t *target, ngx_http_webhook_id_t event_id,
    ngx_str_t *reason, ngx_str_t *payload)
{
    ngx_http_webhook_json_writer_t  *w;

    w = ngx_http_webhook_json_begin(pool);
    if (w == NULL) {
        return NGX_ERROR;
    }

    ngx_http_webhook_json_object(w, NULL);
    ngx_http_webhook_json_id(w, "webhook_id", "wh_", target->id);
    ngx_http_webhook_json_string(w, "url", &target->url_text);

    if (event_id) {
        ngx_http_webhook_json_id(w, "webhook_event_id", "evt_", event_id);
    }

    if (reason && reason->data) {
        ngx_http_webhook_json_string(w, "reason", reason);
    }

    ngx_http_webhook_json_close_object(w);

    return ngx_http_webhook_json_end(w, payload);
}


static ngx_int_t
ngx_http_webhook_sqlite_tell_message(ngx_http_webhook_sqlite_t *s,
    ngx_http_webhook_target_t *target, ngx_str_t *event, ngx_str_t *payload,
    ngx_http_webhook_id_t *id)
{
    sqlite3_stmt  *stmt;

    *id = ngx_http_webhook_sqlite_id(s);

    stmt = ngx_http_webhook_sqlite_stmt(s,
                                        NGX_HTTP_WEBHOOK_SQL_MESSAGE_INSERT);

    ngx_http_webhook_sqlite_int(stmt, 1, *id);
    ngx_http_webhook_sqlite_int(stmt, 2, target->company_id);
    ngx_http_webhook_sqlite_text(stmt, 3, event);
    ngx_http_webhook_sqlite_blob(stmt, 4, payload);

    return ngx_http_webhook_sqlite_exec(s, stmt);
}
