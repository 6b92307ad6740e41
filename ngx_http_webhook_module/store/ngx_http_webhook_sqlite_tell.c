
/*
 * Copyright (C) the ngx_http_webhook_module authors
 */


/*
 * Operational events: what becomes of a webhook and its events, and that a
 * company asks for access, is told to the company's webhooks that subscribe to
 * system.*, and to those of the operator's company, in the transaction in
 * which it happens.  They wait in the store, to be claimed, and cause no
 * further ones.  Runs in the writing thread.
 */


#include "ngx_http_webhook_sqlite.h"
#include "ngx_http_webhook_json.h"
#include "ngx_http_webhook_name.h"


/*
 * What is told: of a webhook, or of an access request.  The payload is made
 * when somebody listens.
 */

typedef struct {
    ngx_pool_t                          *pool;
    ngx_str_t                            event;
    ngx_str_t                            payload;
    ngx_http_webhook_target_t           *target;
    ngx_http_webhook_id_t                event_id;   /* of a webhook event */
    ngx_str_t                           *reason;     /* or NULL */
    ngx_http_webhook_access_t           *access;
} ngx_http_webhook_sqlite_tale_t;


static ngx_int_t ngx_http_webhook_sqlite_tell_all(
    ngx_http_webhook_sqlite_t *s, ngx_http_webhook_id_t company_id,
    ngx_http_webhook_sqlite_tale_t *tale);
static ngx_int_t ngx_http_webhook_sqlite_tell_company(
    ngx_http_webhook_sqlite_t *s, ngx_http_webhook_sqlite_company_t *company,
    ngx_http_webhook_sqlite_tale_t *tale);
static ngx_uint_t ngx_http_webhook_sqlite_listens(
    ngx_http_webhook_target_t *target, ngx_str_t *event);
static ngx_int_t ngx_http_webhook_sqlite_tell_message(
    ngx_http_webhook_sqlite_t *s, ngx_http_webhook_id_t company_id,
    ngx_http_webhook_sqlite_tale_t *tale, ngx_http_webhook_id_t *id);
static ngx_int_t ngx_http_webhook_sqlite_tell_payload(
    ngx_http_webhook_sqlite_tale_t *tale);


ngx_int_t
ngx_http_webhook_sqlite_tell(ngx_http_webhook_sqlite_t *s, ngx_pool_t *pool,
    ngx_http_webhook_target_t *target, const char *name,
    ngx_http_webhook_id_t event_id, ngx_str_t *reason)
{
    ngx_http_webhook_sqlite_tale_t  tale;

    ngx_memzero(&tale, sizeof(ngx_http_webhook_sqlite_tale_t));

    tale.pool = pool;
    tale.event.data = (u_char *) name;
    tale.event.len = ngx_strlen(name);
    tale.target = target;
    tale.event_id = event_id;
    tale.reason = reason;

    return ngx_http_webhook_sqlite_tell_all(s, target->company_id, &tale);
}


ngx_int_t
ngx_http_webhook_sqlite_tell_access(ngx_http_webhook_sqlite_t *s,
    ngx_pool_t *pool, ngx_http_webhook_access_t *access)
{
    ngx_http_webhook_sqlite_tale_t  tale;

    ngx_memzero(&tale, sizeof(ngx_http_webhook_sqlite_tale_t));

    tale.pool = pool;
    ngx_str_set(&tale.event, "system.access.requested");
    tale.access = access;

    return ngx_http_webhook_sqlite_tell_all(s, access->company_id, &tale);
}


/* The company that it is about, and the operator's where that is another. */

static ngx_int_t
ngx_http_webhook_sqlite_tell_all(ngx_http_webhook_sqlite_t *s,
    ngx_http_webhook_id_t company_id, ngx_http_webhook_sqlite_tale_t *tale)
{
    ngx_http_webhook_sqlite_company_t  *company, *operator;

    company = ngx_http_webhook_sqlite_company_of(s, company_id);

    if (ngx_http_webhook_sqlite_tell_company(s, company, tale) != NGX_OK) {
        return NGX_ERROR;
    }

    if (s->conf->operator.len == 0) {
        return NGX_OK;
    }

    operator = ngx_http_webhook_sqlite_company(s, &s->conf->operator);

    if (operator == NULL) {
        ngx_log_error(NGX_LOG_WARN, s->log, 0,
                      "there is no company \"%V\" to be told of \"%V\": see "
                      "\"webhook_operator\"",
                      &s->conf->operator, &tale->event);
        return NGX_OK;
    }

    return (operator == company)
           ? NGX_OK : ngx_http_webhook_sqlite_tell_company(s, operator, tale);
}


static ngx_int_t
ngx_http_webhook_sqlite_tell_company(ngx_http_webhook_sqlite_t *s,
    ngx_http_webhook_sqlite_company_t *company,
    ngx_http_webhook_sqlite_tale_t *tale)
{
    ngx_uint_t                   i;
    ngx_http_webhook_id_t        id, event_id;
    ngx_http_webhook_target_t  **targets;

    if (company == NULL || !company->enabled) {
        return NGX_OK;
    }

    targets = company->webhooks.elts;
    id = 0;

    for (i = 0; i < company->webhooks.nelts; i++) {

        if ((tale->target && targets[i]->id == tale->target->id)
            || !targets[i]->enabled
            || !ngx_http_webhook_sqlite_listens(targets[i], &tale->event))
        {
            continue;
        }

        if (id == 0
            && ngx_http_webhook_sqlite_tell_message(s, company->id, tale, &id)
               != NGX_OK)
        {
            return NGX_ERROR;
        }

        event_id = ngx_http_webhook_sqlite_id(s);

        if (ngx_http_webhook_sqlite_event_insert(s, targets[i], event_id, id,
                                                 0, 0)
                != NGX_OK
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
ngx_http_webhook_sqlite_tell_message(ngx_http_webhook_sqlite_t *s,
    ngx_http_webhook_id_t company_id, ngx_http_webhook_sqlite_tale_t *tale,
    ngx_http_webhook_id_t *id)
{
    sqlite3_stmt  *stmt;

    if (tale->payload.data == NULL
        && ngx_http_webhook_sqlite_tell_payload(tale) != NGX_OK)
    {
        return NGX_ERROR;
    }

    *id = ngx_http_webhook_sqlite_id(s);
    s->tally.messages++;

    stmt = ngx_http_webhook_sqlite_stmt(s,
                                        NGX_HTTP_WEBHOOK_SQL_MESSAGE_INSERT);

    ngx_http_webhook_sqlite_int(stmt, 1, *id);
    ngx_http_webhook_sqlite_int(stmt, 2, company_id);
    ngx_http_webhook_sqlite_text(stmt, 3, &tale->event);
    ngx_http_webhook_sqlite_blob(stmt, 4, &tale->payload);

    return ngx_http_webhook_sqlite_exec(s, stmt);
}


static ngx_int_t
ngx_http_webhook_sqlite_tell_payload(ngx_http_webhook_sqlite_tale_t *tale)
{
    ngx_http_webhook_target_t       *target;
    ngx_http_webhook_access_t       *access;
    ngx_http_webhook_json_writer_t  *w;

    target = tale->target;
    access = tale->access;

    w = ngx_http_webhook_json_begin(tale->pool);
    if (w == NULL) {
        return NGX_ERROR;
    }

    ngx_http_webhook_json_object(w, NULL);

    if (access) {
        ngx_http_webhook_json_id(w, "company_id", "co_", access->company_id);
        ngx_http_webhook_json_string(w, "company_name",
                                     &access->company_name);
        ngx_http_webhook_json_id(w, "access_request_id", "req_", access->id);

        if (access->message.data) {
            ngx_http_webhook_json_string(w, "message", &access->message);
        }

    } else {
        ngx_http_webhook_json_id(w, "company_id", "co_", target->company_id);
        ngx_http_webhook_json_id(w, "webhook_id", "wh_", target->id);
        ngx_http_webhook_json_string(w, "url", &target->url_text);

        if (tale->event_id) {
            ngx_http_webhook_json_id(w, "webhook_event_id", "evt_",
                                     tale->event_id);
        }

        if (tale->reason && tale->reason->data) {
            ngx_http_webhook_json_string(w, "reason", tale->reason);
        }
    }

    ngx_http_webhook_json_close_object(w);

    return ngx_http_webhook_json_end(w, &tale->payload);
}
