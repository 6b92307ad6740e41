
/*
 * Copyright (C) the ngx_http_webhook_module authors
 */


/*
 * /openapi.json of the admin API: its description, docs/openapi.yaml, which
 * was made into a string when the module was built.  On the event loop.
 *
 * It is the same until another module is loaded: clients may keep it, and ask
 * whether it still holds.
 */


#include "ngx_http_webhook_api.h"
#include "ngx_http_webhook_openapi.h"


static ngx_int_t ngx_http_webhook_openapi_text(ngx_http_request_t *r,
    ngx_str_t *text);


ngx_int_t
ngx_http_webhook_api_openapi(ngx_http_webhook_api_t *api)
{
    ngx_str_t            text;
    ngx_http_request_t  *r;

    r = api->request;

    r->headers_out.etag = ngx_http_webhook_header(r, "ETag",
                                                NGX_HTTP_WEBHOOK_OPENAPI_ETAG);

    if (r->headers_out.etag == NULL
        || ngx_http_webhook_openapi_text(r, &text) != NGX_OK)
    {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    return ngx_http_webhook_send_cached(r, &text);
}


/* With the prefix of the location, less its slash, for the server's URL. */

static ngx_int_t
ngx_http_webhook_openapi_text(ngx_http_request_t *r, ngx_str_t *text)
{
    u_char                    *p;
    size_t                     len, head, tail;
    ngx_str_t                  prefix;
    ngx_http_core_loc_conf_t  *clcf;

    clcf = ngx_http_get_module_loc_conf(r, ngx_http_core_module);

    prefix = clcf->name;

    if (prefix.len > 1 && prefix.data[prefix.len - 1] == '/') {
        prefix.len--;
    }

    head = sizeof(ngx_http_webhook_openapi_head) - 1;
    tail = sizeof(ngx_http_webhook_openapi_tail) - 1;
    len = prefix.len + ngx_escape_json(NULL, prefix.data, prefix.len);

    p = ngx_pnalloc(r->pool, head + len + tail);
    if (p == NULL) {
        return NGX_ERROR;
    }

    text->data = p;

    p = ngx_cpymem(p, ngx_http_webhook_openapi_head, head);
    p = (u_char *) ngx_escape_json(p, prefix.data, prefix.len);
    p = ngx_cpymem(p, ngx_http_webhook_openapi_tail, tail);

    text->len = p - text->data;

    return NGX_OK;
}
