
/*
 * Copyright (C) the ngx_http_webhook_module authors
 */


/*
 * What is written by the admin API leaves a line in the error log: who, by
 * the key's id, has asked for what, and what the answer was.  On the event
 * loop, when the request ends.
 */


#include "ngx_http_webhook_api.h"
#include "ngx_http_webhook_name.h"


static void ngx_http_webhook_audit_write(void *data);
static ngx_str_t *ngx_http_webhook_audit_text(ngx_str_t *text);


ngx_int_t
ngx_http_webhook_audit(ngx_http_webhook_api_t *api)
{
    ngx_http_cleanup_t  *cln;

    cln = ngx_http_cleanup_add(api->request, 0);
    if (cln == NULL) {
        return NGX_ERROR;
    }

    cln->handler = ngx_http_webhook_audit_write;
    cln->data = api;

    return NGX_OK;
}


void
ngx_http_webhook_audit_made(ngx_http_request_t *r, const char *prefix,
    ngx_http_webhook_id_t id)
{
    u_char                  *p;
    ngx_http_webhook_api_t  *api;
    ngx_http_webhook_ctx_t  *ctx;

    ctx = ngx_http_get_module_ctx(r, ngx_http_webhook_module);
    api = ctx->api;

    p = ngx_pnalloc(r->pool, NGX_HTTP_WEBHOOK_ID_LEN);
    if (p == NULL) {
        return;
    }

    api->made.data = p;
    api->made.len = ngx_http_webhook_id_write(p, prefix, id) - p;
}


void
ngx_http_webhook_audit_named(ngx_http_request_t *r, ngx_str_t *name)
{
    u_char                  *p;
    ngx_http_webhook_api_t  *api;
    ngx_http_webhook_ctx_t  *ctx;

    ctx = ngx_http_get_module_ctx(r, ngx_http_webhook_module);
    api = ctx->api;

    p = ngx_pstrdup(r->pool, name);
    if (p == NULL) {
        return;
    }

    api->made.data = p;
    api->made.len = name->len;
}


static void
ngx_http_webhook_audit_write(void *data)
{
    ngx_http_webhook_api_t *api = data;

    char                *action;
    u_char               name[NGX_HTTP_WEBHOOK_ID_LEN + 1];
    ngx_log_t           *log;
    ngx_str_t           *company, *target, none;
    ngx_uint_t           status;
    ngx_http_request_t  *r;

    r = api->request;
    log = r->connection->log;

    ngx_str_null(&none);

    if (ngx_http_webhook_api_of_company(api->route)) {
        company = &api->args[0];
        target = &api->args[1];

    } else {
        company = &none;
        target = &api->args[0];
    }

    if (api->made.len) {
        target = &api->made;
    }

    *ngx_http_webhook_auth_name(name, api->principal) = '\0';

    /* without an answer it is not known here what has become of it */

    status = r->err_status ? r->err_status : r->headers_out.status;

    action = log->action;
    log->action = NULL;                      /* "while closing request" */

    ngx_log_error(NGX_LOG_NOTICE, log, 0,
                  "webhook audit: %V /%s %ui, key \"%s\", company \"%V\", "
                  "target \"%V\"",
                  &r->method_name, api->route->path,
                  status ? status : NGX_HTTP_CLIENT_CLOSED_REQUEST, name,
                  ngx_http_webhook_audit_text(company),
                  ngx_http_webhook_audit_text(target));

    log->action = action;
}


/* What a client has written may not make lines of its own. */

static ngx_str_t *
ngx_http_webhook_audit_text(ngx_str_t *text)
{
    size_t  i;

    static ngx_str_t  no = ngx_string("-");

    if (text->len == 0 || text->len > NGX_HTTP_WEBHOOK_MAX_UID) {
        return &no;
    }

    for (i = 0; i < text->len; i++) {
        if (text->data[i] <= ' ' || text->data[i] > '~'
            || text->data[i] == '"')
        {
            return &no;
        }
    }

    return text;
}
