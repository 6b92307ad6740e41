
/*
 * Copyright (C) the ngx_http_webhook_module authors
 */


/*
 * /companies/{company}/webhooks of the admin API, on the event loop.
 */


#include "ngx_http_webhook_api.h"
#include "ngx_http_webhook_api_events.h"
#include "ngx_http_webhook_api_headers.h"
#include "ngx_http_webhook_api_rules.h"
#include "ngx_http_webhook_name.h"
#include "ngx_http_webhook_policy.h"
#include "ngx_http_webhook_sign.h"


#define NGX_HTTP_WEBHOOK_MAX_GRACE  (30 * 24 * 3600 * (ngx_msec_t) 1000)


static ngx_int_t ngx_http_webhook_webhook_url(ngx_http_webhook_api_t *api,
    ngx_http_webhook_json_t *json, void *data);
static ngx_int_t ngx_http_webhook_webhook_events(ngx_http_webhook_api_t *api,
    ngx_http_webhook_json_t *json, void *data);
static ngx_int_t ngx_http_webhook_webhook_description(
    ngx_http_webhook_api_t *api, ngx_http_webhook_json_t *json, void *data);
static ngx_int_t ngx_http_webhook_webhook_enabled(ngx_http_webhook_api_t *api,
    ngx_http_webhook_json_t *json, void *data);
static ngx_int_t ngx_http_webhook_webhook_secret(ngx_http_webhook_api_t *api,
    ngx_http_webhook_json_t *json, void *data);
static ngx_int_t ngx_http_webhook_webhook_grace(ngx_http_webhook_api_t *api,
    ngx_http_webhook_json_t *json, void *data);
static ngx_http_webhook_webhook_op_t *ngx_http_webhook_webhook_op(
    ngx_http_webhook_api_t *api, ngx_http_webhook_op_e type,
    ngx_http_webhook_op_pt handler);


static ngx_http_webhook_api_member_t  ngx_http_webhook_webhook_new[] = {
    { ngx_string("url"), ngx_http_webhook_webhook_url, 1 },
    { ngx_string("events"), ngx_http_webhook_webhook_events, 1 },
    { ngx_string("description"), ngx_http_webhook_webhook_description, 0 },
    { ngx_string("enabled"), ngx_http_webhook_webhook_enabled, 0 },
    { ngx_string("concurrency"), ngx_http_webhook_rules_concurrency, 0 },
    { ngx_string("rate_limit"), ngx_http_webhook_rules_rate, 0 },
    { ngx_string("retry_delays"), ngx_http_webhook_rules_delays, 0 },
    { ngx_string("ordered"), ngx_http_webhook_rules_ordered, 0 },
    { ngx_string("headers"), ngx_http_webhook_headers_new, 0 },
    { ngx_string("secret"), ngx_http_webhook_webhook_secret, 0 },
    { ngx_null_string, NULL, 0 }
};


static ngx_http_webhook_api_member_t  ngx_http_webhook_webhook_patch[] = {
    { ngx_string("url"), ngx_http_webhook_webhook_url, 0 },
    { ngx_string("events"), ngx_http_webhook_webhook_events, 0 },
    { ngx_string("description"), ngx_http_webhook_webhook_description, 0 },
    { ngx_string("enabled"), ngx_http_webhook_webhook_enabled, 0 },
    { ngx_string("concurrency"), ngx_http_webhook_rules_concurrency, 0 },
    { ngx_string("rate_limit"), ngx_http_webhook_rules_rate, 0 },
    { ngx_string("retry_delays"), ngx_http_webhook_rules_delays, 0 },
    { ngx_string("ordered"), ngx_http_webhook_rules_ordered, 0 },
    { ngx_string("headers"), ngx_http_webhook_headers_patch, 0 },
    { ngx_null_string, NULL, 0 }
};


static ngx_http_webhook_api_member_t  ngx_http_webhook_rotate_members[] = {
    { ngx_string("grace"), ngx_http_webhook_webhook_grace, 0 },
    { ngx_null_string, NULL, 0 }
};


static ngx_int_t
ngx_http_webhook_webhook_url(ngx_http_webhook_api_t *api,
    ngx_http_webhook_json_t *json, void *data)
{
    ngx_http_webhook_webhook_op_t *wop = data;

    u_char                        *p;
    ngx_int_t                      rc;
    const char                    *why;
    ngx_uint_t                     errors;
    ngx_http_webhook_url_t         parsed;
    ngx_http_webhook_main_conf_t  *wmcf;

    wop->set_url = 1;

    errors = api->errors.nelts;

    rc = ngx_http_webhook_api_string(api, json, 1, NGX_HTTP_WEBHOOK_MAX_URL,
                                     wop->op.pool, &wop->webhook.url);

    if (rc != NGX_OK || api->errors.nelts > errors) {
        return rc;
    }

    wmcf = ngx_http_get_module_main_conf(api->request,
                                         ngx_http_webhook_module);

    why = ngx_http_webhook_policy_url(wmcf, api->request->pool,
                                      &wop->webhook.url, &parsed);
    if (why == NULL) {
        return NGX_OK;
    }

    p = ngx_pnalloc(api->request->pool, sizeof("The URL ")
                                        + ngx_strlen(why));
    if (p == NULL) {
        return NGX_ERROR;
    }

    ngx_sprintf(p, "The URL %s%Z", why);

    return ngx_http_webhook_api_error(api, json, "url_refused", (char *) p);
}


static ngx_int_t
ngx_http_webhook_webhook_events(ngx_http_webhook_api_t *api,
    ngx_http_webhook_json_t *json, void *data)
{
    ngx_http_webhook_webhook_op_t *wop = data;

    ngx_str_t                *event;
    ngx_uint_t                n;
    ngx_http_webhook_json_t  *child;

    wop->set_events = 1;

    if (json->type != NGX_HTTP_WEBHOOK_JSON_ARRAY) {
        return ngx_http_webhook_api_error(api, json, "wrong_type",
                                          "The member must be an array of "
                                          "event names");
    }

    for (n = 0, child = json->first; child; child = child->next) {

        n++;

        if (child->type != NGX_HTTP_WEBHOOK_JSON_STRING
            || !ngx_http_webhook_subscription_valid(&child->text))
        {
            return ngx_http_webhook_api_error(api, json, "invalid_value",
                       "A subscription is an event's name, \"a.*\" for all "
                       "below a name, or \"*\"");
        }
    }

    if (n == 0 || n > NGX_HTTP_WEBHOOK_MAX_EVENTS) {
        return ngx_http_webhook_api_error(api, json, "invalid_value",
                                          "A webhook has 1 to 100 "
                                          "subscriptions");
    }

    event = ngx_palloc(wop->op.pool, n * sizeof(ngx_str_t));
    if (event == NULL) {
        return NGX_ERROR;
    }

    wop->webhook.events = event;
    wop->webhook.nevents = n;

    for (child = json->first; child; child = child->next, event++) {

        event->len = child->text.len;
        event->data = ngx_pstrdup(wop->op.pool, &child->text);

        if (event->data == NULL) {
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_webhook_webhook_description(ngx_http_webhook_api_t *api,
    ngx_http_webhook_json_t *json, void *data)
{
    ngx_http_webhook_webhook_op_t *wop = data;

    wop->set_description = 1;

    if (json->type == NGX_HTTP_WEBHOOK_JSON_NULL) {
        ngx_str_set(&wop->webhook.description, "");
        return NGX_OK;
    }

    return ngx_http_webhook_api_string(api, json, 0,
                                       NGX_HTTP_WEBHOOK_MAX_DESCRIPTION,
                                       wop->op.pool,
                                       &wop->webhook.description);
}


static ngx_int_t
ngx_http_webhook_webhook_enabled(ngx_http_webhook_api_t *api,
    ngx_http_webhook_json_t *json, void *data)
{
    ngx_http_webhook_webhook_op_t *wop = data;

    ngx_int_t   rc;
    ngx_uint_t  value;

    value = 0;
    wop->set_enabled = 1;

    rc = ngx_http_webhook_api_boolean(api, json, &value);

    wop->webhook.enabled = value;

    return rc;
}


/* The secret of the client's own, in the place of the one that was made. */

static ngx_int_t
ngx_http_webhook_webhook_secret(ngx_http_webhook_api_t *api,
    ngx_http_webhook_json_t *json, void *data)
{
    ngx_http_webhook_webhook_op_t *wop = data;

    if (json->type == NGX_HTTP_WEBHOOK_JSON_STRING
        && !ngx_http_webhook_secret_valid(&json->text))
    {
        return ngx_http_webhook_api_error(api, json, "invalid_value",
                                          "A secret is \"whsec_\" and the "
                                          "base64 of 24 to 64 bytes");
    }

    return ngx_http_webhook_api_string(api, json, 1,
                                       NGX_HTTP_WEBHOOK_SECRET_TEXT,
                                       wop->op.pool, &wop->webhook.secret);
}


static ngx_int_t
ngx_http_webhook_webhook_grace(ngx_http_webhook_api_t *api,
    ngx_http_webhook_json_t *json, void *data)
{
    ngx_http_webhook_webhook_op_t *wop = data;

    ngx_int_t   msec;
    ngx_str_t   text;
    ngx_uint_t  errors;

    errors = api->errors.nelts;

    if (ngx_http_webhook_api_string(api, json, 1, 16, wop->op.pool, &text)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (api->errors.nelts > errors) {
        return NGX_OK;
    }

    msec = ngx_parse_time(&text, 0);

    if (msec == NGX_ERROR || (ngx_msec_t) msec > NGX_HTTP_WEBHOOK_MAX_GRACE) {
        return ngx_http_webhook_api_error(api, json, "invalid_value",
                                          "The member must be a time of at "
                                          "most 30 days, such as \"24h\"");
    }

    wop->grace = (ngx_msec_t) msec;

    return NGX_OK;
}


static void
ngx_http_webhook_webhook_members(ngx_http_webhook_json_writer_t *w,
    ngx_http_webhook_webhook_t *webhook, ngx_uint_t secret)
{
    ngx_uint_t  i;

    ngx_http_webhook_json_object(w, NULL);
    ngx_http_webhook_json_id(w, "id", "wh_", webhook->id);
    ngx_http_webhook_json_string(w, "url", &webhook->url);

    ngx_http_webhook_json_array(w, "events");

    for (i = 0; i < webhook->nevents; i++) {
        ngx_http_webhook_json_string(w, NULL, &webhook->events[i]);
    }

    ngx_http_webhook_json_close_array(w);

    ngx_http_webhook_json_string(w, "description", &webhook->description);
    ngx_http_webhook_json_boolean(w, "enabled", webhook->enabled);

    if (webhook->disabled_reason.data) {
        ngx_http_webhook_json_string(w, "disabled_reason",
                                     &webhook->disabled_reason);
    } else {
        ngx_http_webhook_json_null(w, "disabled_reason");
    }

    ngx_http_webhook_rules_write(w, &webhook->rules);
    ngx_http_webhook_headers_write(w, webhook);

    ngx_http_webhook_event_waits(w, webhook->waits);

    ngx_http_webhook_json_object(w, "health");
    ngx_http_webhook_json_cstring(w, "breaker", webhook->open_until == 0
                                                ? "closed"
                                                : webhook->probing
                                                  ? "half_open" : "open");
    ngx_http_webhook_json_integer(w, "failures", webhook->failures);
    ngx_http_webhook_json_time(w, "failing_since", webhook->since);
    ngx_http_webhook_json_time(w, "paused_until", webhook->open_until);
    ngx_http_webhook_json_time(w, "last_success_at", webhook->success_at);
    ngx_http_webhook_json_time(w, "last_failure_at", webhook->failure_at);
    ngx_http_webhook_json_time(w, "next_attempt_at", webhook->next_at);
    ngx_http_webhook_json_close_object(w);

    ngx_http_webhook_json_time(w, "created_at",
                               ngx_http_webhook_id_msec(webhook->id));
    ngx_http_webhook_json_time(w, "updated_at", webhook->updated_at);

    if (secret) {
        ngx_http_webhook_json_string(w, "secret", &webhook->secret);
    }

    ngx_http_webhook_json_close_object(w);
}


static void
ngx_http_webhook_webhook_write(ngx_http_webhook_json_writer_t *w, void *row)
{
    ngx_http_webhook_webhook_members(w, row, 0);
}


static ngx_int_t
ngx_http_webhook_webhook_render(ngx_http_request_t *r,
    ngx_http_webhook_op_t *op)
{
    ngx_http_webhook_webhook_op_t *wop = (ngx_http_webhook_webhook_op_t *) op;

    ngx_uint_t                       created;
    ngx_http_webhook_json_writer_t  *w;

    w = ngx_http_webhook_json_begin(r->pool);
    if (w == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    created = (op->type == NGX_HTTP_WEBHOOK_OP_WEBHOOK_CREATE);

    ngx_http_webhook_webhook_members(w, &wop->webhook, created);

    if (created) {
        ngx_http_webhook_audit_made(r, "wh_", wop->webhook.id);
    }

    return ngx_http_webhook_send_json(r, created ? NGX_HTTP_CREATED
                                                 : NGX_HTTP_OK, w);
}


static void
ngx_http_webhook_webhook_done(ngx_http_webhook_op_t *op)
{
    ngx_http_webhook_api_done(op, ngx_http_webhook_webhook_render);
}


static ngx_int_t
ngx_http_webhook_secret_render(ngx_http_request_t *r,
    ngx_http_webhook_op_t *op)
{
    ngx_http_webhook_webhook_op_t *wop = (ngx_http_webhook_webhook_op_t *) op;

    ngx_http_webhook_json_writer_t  *w;

    w = ngx_http_webhook_json_begin(r->pool);
    if (w == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    ngx_http_webhook_json_object(w, NULL);
    ngx_http_webhook_json_string(w, "secret", &wop->webhook.secret);
    ngx_http_webhook_json_time(w, "previous_until",
                               wop->webhook.previous_until);
    ngx_http_webhook_json_close_object(w);

    return ngx_http_webhook_send_json(r, NGX_HTTP_OK, w);
}


static void
ngx_http_webhook_secret_done(ngx_http_webhook_op_t *op)
{
    ngx_http_webhook_api_done(op, ngx_http_webhook_secret_render);
}


static ngx_int_t
ngx_http_webhook_webhook_render_list(ngx_http_request_t *r,
    ngx_http_webhook_op_t *op)
{
    return ngx_http_webhook_api_render_page(r,
                                          (ngx_http_webhook_list_op_t *) op,
                                          "wh_",
                                          ngx_http_webhook_webhook_write);
}


static void
ngx_http_webhook_webhook_listed(ngx_http_webhook_op_t *op)
{
    ngx_http_webhook_api_done(op, ngx_http_webhook_webhook_render_list);
}


/* An operation on the webhook that the path names, if it names one. */

static ngx_http_webhook_webhook_op_t *
ngx_http_webhook_webhook_op(ngx_http_webhook_api_t *api,
    ngx_http_webhook_op_e type, ngx_http_webhook_op_pt handler)
{
    ngx_http_webhook_webhook_op_t  *wop;

    wop = ngx_http_webhook_api_op(type, sizeof(ngx_http_webhook_webhook_op_t),
                                  handler);
    if (wop == NULL) {
        return NULL;
    }

    /* text that is no identifier gives 0, which is no webhook's */

    if (api->args[1].len) {
        wop->webhook.id = ngx_http_webhook_id_read(&api->args[1], "wh_");
    }

    return wop;
}


ngx_int_t
ngx_http_webhook_api_webhook_create(ngx_http_webhook_api_t *api)
{
    ngx_int_t                       rc;
    ngx_http_webhook_webhook_op_t  *wop;

    wop = ngx_http_webhook_webhook_op(api, NGX_HTTP_WEBHOOK_OP_WEBHOOK_CREATE,
                                      ngx_http_webhook_webhook_done);
    if (wop == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    wop->webhook.enabled = 1;
    ngx_str_set(&wop->webhook.description, "");

    rc = NGX_HTTP_INTERNAL_SERVER_ERROR;

    wop->webhook.secret.len = NGX_HTTP_WEBHOOK_SECRET_LEN;
    wop->webhook.secret.data = ngx_pnalloc(wop->op.pool,
                                           NGX_HTTP_WEBHOOK_SECRET_LEN);

    if (wop->webhook.secret.data == NULL
        || ngx_http_webhook_secret_make(wop->webhook.secret.data) != NGX_OK
        || ngx_http_webhook_api_members(api, ngx_http_webhook_webhook_new,
                                        wop, &rc)
           != NGX_OK)
    {
        ngx_destroy_pool(wop->op.pool);
        return rc;
    }

    return ngx_http_webhook_api_post(api, &wop->op, &wop->ref);
}


ngx_int_t
ngx_http_webhook_api_webhook_update(ngx_http_webhook_api_t *api)
{
    ngx_int_t                       rc;
    ngx_http_webhook_webhook_op_t  *wop;

    wop = ngx_http_webhook_webhook_op(api, NGX_HTTP_WEBHOOK_OP_WEBHOOK_UPDATE,
                                      ngx_http_webhook_webhook_done);
    if (wop == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    if (ngx_http_webhook_api_members(api, ngx_http_webhook_webhook_patch, wop,
                                     &rc)
        != NGX_OK)
    {
        ngx_destroy_pool(wop->op.pool);
        return rc;
    }

    return ngx_http_webhook_api_post(api, &wop->op, &wop->ref);
}


static ngx_int_t
ngx_http_webhook_webhook_simple(ngx_http_webhook_api_t *api,
    ngx_http_webhook_op_e type, ngx_http_webhook_op_pt handler)
{
    ngx_http_webhook_webhook_op_t  *wop;

    wop = ngx_http_webhook_webhook_op(api, type, handler);

    return wop ? ngx_http_webhook_api_post(api, &wop->op, &wop->ref)
               : NGX_HTTP_INTERNAL_SERVER_ERROR;
}


ngx_int_t
ngx_http_webhook_api_webhook_get(ngx_http_webhook_api_t *api)
{
    return ngx_http_webhook_webhook_simple(api,
                                           NGX_HTTP_WEBHOOK_OP_WEBHOOK_GET,
                                           ngx_http_webhook_webhook_done);
}


ngx_int_t
ngx_http_webhook_api_webhook_delete(ngx_http_webhook_api_t *api)
{
    return ngx_http_webhook_webhook_simple(api,
                                           NGX_HTTP_WEBHOOK_OP_WEBHOOK_DELETE,
                                           ngx_http_webhook_api_done_empty);
}


ngx_int_t
ngx_http_webhook_api_secret_get(ngx_http_webhook_api_t *api)
{
    ngx_http_webhook_webhook_op_t  *wop;

    wop = ngx_http_webhook_webhook_op(api, NGX_HTTP_WEBHOOK_OP_WEBHOOK_GET,
                                      ngx_http_webhook_secret_done);
    if (wop == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    wop->open = 1;

    return ngx_http_webhook_api_post(api, &wop->op, &wop->ref);
}


ngx_int_t
ngx_http_webhook_api_secret_rotate(ngx_http_webhook_api_t *api)
{
    ngx_int_t                       rc;
    ngx_http_webhook_webhook_op_t  *wop;

    wop = ngx_http_webhook_webhook_op(api, NGX_HTTP_WEBHOOK_OP_WEBHOOK_ROTATE,
                                      ngx_http_webhook_secret_done);
    if (wop == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    rc = NGX_HTTP_INTERNAL_SERVER_ERROR;

    wop->webhook.secret.len = NGX_HTTP_WEBHOOK_SECRET_LEN;
    wop->webhook.secret.data = ngx_pnalloc(wop->op.pool,
                                           NGX_HTTP_WEBHOOK_SECRET_LEN);

    if (wop->webhook.secret.data == NULL
        || ngx_http_webhook_secret_make(wop->webhook.secret.data) != NGX_OK
        || ngx_http_webhook_api_members(api, ngx_http_webhook_rotate_members,
                                        wop, &rc)
           != NGX_OK)
    {
        ngx_destroy_pool(wop->op.pool);
        return rc;
    }

    return ngx_http_webhook_api_post(api, &wop->op, &wop->ref);
}


ngx_int_t
ngx_http_webhook_api_webhook_list(ngx_http_webhook_api_t *api)
{
    ngx_int_t                    rc;
    ngx_http_webhook_list_op_t  *list;

    list = ngx_http_webhook_api_op(NGX_HTTP_WEBHOOK_OP_WEBHOOK_LIST,
                                   sizeof(ngx_http_webhook_list_op_t),
                                   ngx_http_webhook_webhook_listed);
    if (list == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    rc = ngx_http_webhook_api_page(api, list, "wh_");

    if (rc != NGX_DECLINED) {
        ngx_destroy_pool(list->op.pool);
        return rc;
    }

    return ngx_http_webhook_api_post(api, &list->op, &list->ref);
}
