
/*
 * Copyright (C) the ngx_http_webhook_module authors
 */


/*
 * The admin API's router, and what its handlers share.  On the event loop.
 *
 *     request -> auth -> route -> role -> body -> handler -> store -> render
 */


#include "ngx_http_webhook_api.h"
#include "ngx_http_webhook_time.h"
#include "ngx_http_webhook_name.h"


static ngx_int_t ngx_http_webhook_api_route(ngx_http_request_t *r);
static ngx_uint_t ngx_http_webhook_api_find(ngx_http_webhook_api_t *api);
static ngx_uint_t ngx_http_webhook_api_match(const char *path,
    ngx_str_t *rest, ngx_str_t *args);
static ngx_int_t ngx_http_webhook_api_role(ngx_http_webhook_api_t *api);
static const char *ngx_http_webhook_api_params(ngx_http_webhook_api_t *api);
static ngx_int_t ngx_http_webhook_api_call(ngx_http_request_t *r,
    ngx_str_t *body);
static ngx_int_t ngx_http_webhook_api_allow(ngx_http_request_t *r,
    ngx_uint_t methods);


ngx_int_t
ngx_http_webhook_api_handler(ngx_http_request_t *r)
{
    return ngx_http_webhook_auth(r, ngx_http_webhook_api_route);
}


static ngx_int_t
ngx_http_webhook_api_route(ngx_http_request_t *r)
{
    ngx_int_t                rc;
    ngx_uint_t               methods;
    ngx_http_webhook_api_t  *api;
    ngx_http_webhook_ctx_t  *ctx;

    api = ngx_pcalloc(r->pool, sizeof(ngx_http_webhook_api_t));

    if (api == NULL
        || ngx_array_init(&api->errors, r->pool, 4,
                          sizeof(ngx_http_webhook_error_t))
           != NGX_OK)
    {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    ctx = ngx_http_get_module_ctx(r, ngx_http_webhook_module);

    ctx->api = api;
    api->request = r;
    api->principal = &ctx->principal;

    methods = ngx_http_webhook_api_find(api);

    if (methods == 0) {
        return ngx_http_webhook_refuse(r, NGX_HTTP_WEBHOOK_NOT_FOUND, NULL);
    }

    if (api->route == NULL) {
        return ngx_http_webhook_api_allow(r, methods);
    }

    if (api->route->method != NGX_HTTP_GET
        && ngx_http_webhook_audit(api) != NGX_OK)
    {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    rc = ngx_http_webhook_api_role(api);

    if (rc != NGX_DECLINED) {
        return rc;
    }

    return ngx_http_webhook_body_read(r, NGX_HTTP_WEBHOOK_API_BODY,
                                      ngx_http_webhook_api_call);
}


/* Finds the route, and the methods that the path has. */

static ngx_uint_t
ngx_http_webhook_api_find(ngx_http_webhook_api_t *api)
{
    ngx_str_t                  rest;
    ngx_uint_t                 methods;
    ngx_http_request_t        *r;
    ngx_http_webhook_route_t  *route;
    ngx_http_core_loc_conf_t  *clcf;

    r = api->request;
    clcf = ngx_http_get_module_loc_conf(r, ngx_http_core_module);

    rest.data = r->uri.data + clcf->name.len;
    rest.len = r->uri.len - ngx_min(clcf->name.len, r->uri.len);

    if (rest.len && rest.data[0] == '/') {
        rest.data++;
        rest.len--;
    }

    methods = 0;

    for (route = ngx_http_webhook_routes; route->path; route++) {

        if (!ngx_http_webhook_api_match(route->path, &rest, api->args)) {
            continue;
        }

        methods |= route->method;

        if (r->method == route->method
            || (r->method == NGX_HTTP_HEAD && route->method == NGX_HTTP_GET))
        {
            api->route = route;
            break;
        }
    }

    return methods;
}


static ngx_uint_t
ngx_http_webhook_api_match(const char *path, ngx_str_t *rest, ngx_str_t *args)
{

    u_char      *p, *last;
    ngx_uint_t   n;

    ngx_memzero(args, NGX_HTTP_WEBHOOK_API_ARGS * sizeof(ngx_str_t));

    p = rest->data;
    last = rest->data + rest->len;
    n = 0;

    for ( /* void */ ; *path; path++) {

        if (*path != '*') {
            if (p == last || *p++ != (u_char) *path) {
                return 0;
            }

            continue;
        }

        args[n].data = p;

        while (p < last && *p != '/') {
            p++;
        }

        args[n].len = p - args[n].data;

        if (args[n++].len == 0) {
            return 0;
        }
    }

    return p == last;
}


/*
 * Whether the key may use the route: NGX_DECLINED, or a problem was sent and
 * this is to be returned.  A foreign company is one that is not there.
 */

static ngx_int_t
ngx_http_webhook_api_role(ngx_http_webhook_api_t *api)
{
    u_char                        *p;
    ngx_http_request_t            *r;
    ngx_http_webhook_route_t      *route;
    ngx_http_webhook_principal_t  *principal;

    r = api->request;
    route = api->route;
    principal = api->principal;

    if (principal->role == NGX_HTTP_WEBHOOK_ADMIN
        || route->roles == NGX_HTTP_WEBHOOK_FOR_ANY_KEY)
    {
        return NGX_DECLINED;
    }

    if (principal->role != NGX_HTTP_WEBHOOK_COMPANY
        || route->roles == NGX_HTTP_WEBHOOK_FOR_ADMIN)
    {
        return ngx_http_webhook_refuse(r, NGX_HTTP_WEBHOOK_ROLE_FORBIDDEN,
                                       NULL);
    }

    if (ngx_http_webhook_api_of_company(route)) {

        if (!ngx_http_webhook_auth_own(principal, &api->args[0])) {
            return ngx_http_webhook_refuse(r,
                                           NGX_HTTP_WEBHOOK_COMPANY_NOT_FOUND,
                                           NULL);
        }

        /* a uid may be another company's when the store looks for it */

        p = ngx_pnalloc(r->pool, NGX_HTTP_WEBHOOK_ID_LEN);
        if (p == NULL) {
            return NGX_HTTP_INTERNAL_SERVER_ERROR;
        }

        api->args[0].data = p;
        api->args[0].len = ngx_http_webhook_id_write(p, "co_",
                                                     principal->company_id)
                           - p;
    }

    if (route->roles == NGX_HTTP_WEBHOOK_FOR_COMPANY && !principal->enabled) {
        return ngx_http_webhook_refuse(r, NGX_HTTP_WEBHOOK_ACCESS_NOT_ENABLED,
                                       NGX_HTTP_WEBHOOK_NO_ACCESS);
    }

    return NGX_DECLINED;
}


/* The body is there. */

static ngx_int_t
ngx_http_webhook_api_call(ngx_http_request_t *r, ngx_str_t *body)
{
    size_t                          offset;
    ngx_str_t                       none;
    const char                     *detail;
    ngx_http_webhook_api_t         *api;
    ngx_http_webhook_ctx_t         *ctx;
    ngx_http_webhook_route_t       *route;
    ngx_http_webhook_problem_e      problem;
    ngx_http_webhook_json_error_e   error;

    ctx = ngx_http_get_module_ctx(r, ngx_http_webhook_module);

    api = ctx->api;
    route = api->route;

    if (body->len && route->body) {

        if (ngx_http_webhook_body_encoded(r)) {
            return ngx_http_webhook_problem(r,
                                     NGX_HTTP_WEBHOOK_UNSUPPORTED_MEDIA_TYPE,
                                     NGX_HTTP_WEBHOOK_BODY_ENCODED);
        }

        if (!ngx_http_webhook_body_is(r, "application/json")
            && !(r->method == NGX_HTTP_PATCH
                 && ngx_http_webhook_body_is(r,
                                            "application/merge-patch+json")))
        {
            return ngx_http_webhook_problem(r,
                                     NGX_HTTP_WEBHOOK_UNSUPPORTED_MEDIA_TYPE,
                                     NULL);
        }

        error = ngx_http_webhook_json_read(r->pool, body, 8, &api->body,
                                           &offset);
        if (error) {
            problem = ngx_http_webhook_json_problem(r->pool, error, offset,
                                                    &detail);
            return ngx_http_webhook_problem(r, problem, detail);
        }

        if (api->body->type != NGX_HTTP_WEBHOOK_JSON_OBJECT) {
            ngx_str_null(&none);

            if (!ngx_http_webhook_error_add(&api->errors, &none, "wrong_type",
                                            "The body must be an object"))
            {
                return NGX_HTTP_INTERNAL_SERVER_ERROR;
            }

            return ngx_http_webhook_invalid(r, &api->errors);
        }
    }

    return route->handler(api);
}


static ngx_int_t
ngx_http_webhook_api_allow(ngx_http_request_t *r, ngx_uint_t methods)
{
    u_char           *p;
    ngx_table_elt_t  *h;

    h = ngx_list_push(&r->headers_out.headers);
    if (h == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    ngx_memzero(h, sizeof(ngx_table_elt_t));

    p = ngx_pnalloc(r->pool, sizeof("GET, HEAD, POST, PATCH, DELETE"));
    if (p == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    h->hash = 1;
    ngx_str_set(&h->key, "Allow");
    h->value.data = p;

    p = ngx_sprintf(p, "%s%s%s%s",
                    (methods & NGX_HTTP_GET) ? "GET, HEAD, " : "",
                    (methods & NGX_HTTP_POST) ? "POST, " : "",
                    (methods & NGX_HTTP_PATCH) ? "PATCH, " : "",
                    (methods & NGX_HTTP_DELETE) ? "DELETE, " : "");

    h->value.len = p - h->value.data - 2;

    return ngx_http_webhook_refuse(r, NGX_HTTP_WEBHOOK_METHOD_NOT_ALLOWED,
                                   NULL);
}


void *
ngx_http_webhook_api_op(ngx_http_webhook_op_e type, size_t size,
    ngx_http_webhook_op_pt handler)
{
    ngx_pool_t             *pool;
    ngx_http_webhook_op_t  *op;

    pool = ngx_create_pool(4096, ngx_cycle->log);
    if (pool == NULL) {
        return NULL;
    }

    op = ngx_pcalloc(pool, size);
    if (op == NULL) {
        ngx_destroy_pool(pool);
        return NULL;
    }

    op->type = type;
    op->pool = pool;
    op->handler = handler;

    return op;
}


ngx_int_t
ngx_http_webhook_api_post(ngx_http_webhook_api_t *api,
    ngx_http_webhook_op_t *op, ngx_str_t *ref)
{
    const char  *detail;

    if (ref) {
        ref->len = api->args[0].len;
        ref->data = ngx_pstrdup(op->pool, &api->args[0]);

        if (ref->data == NULL) {
            ngx_destroy_pool(op->pool);
            return NGX_HTTP_INTERNAL_SERVER_ERROR;
        }
    }

    detail = ngx_http_webhook_api_params(api);

    if (detail) {
        ngx_destroy_pool(op->pool);
        return ngx_http_webhook_problem(api->request,
                                        NGX_HTTP_WEBHOOK_INVALID_PARAMETER,
                                        detail);
    }

    if (ngx_http_webhook_wait(api->request, op) != NGX_OK) {
        ngx_destroy_pool(op->pool);
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    return NGX_AGAIN;
}


/*
 * What is wrong with the names of the query's parameters, or NULL.  Where the
 * handler asks for some, each is one of these, and there once: a filter that
 * is misspelt would widen a list.
 */

static const char *
ngx_http_webhook_api_params(ngx_http_webhook_api_t *api)
{
    size_t       len;
    u_char      *p, *end, *last, *detail;
    uint32_t     seen;
    ngx_uint_t   i;

    if (api->nparams == 0) {
        return NULL;
    }

    seen = 0;
    last = api->request->args.data + api->request->args.len;

    for (p = api->request->args.data; p < last; p = end + 1) {

        end = ngx_strlchr(p, last, '&');
        end = end ? end : last;

        if (end == p) {
            continue;
        }

        for (len = 0; p + len < end && p[len] != '='; len++) { /* void */ }

        for (i = 0; i < api->nparams; i++) {
            if (ngx_strlen(api->params[i]) == len
                && ngx_strncasecmp(p, (u_char *) api->params[i], len) == 0)
            {
                break;
            }
        }

        if (i == api->nparams) {

            len = ngx_min(len, 64);
            detail = ngx_pnalloc(api->request->pool,
                                 sizeof("\"\" is no parameter here") + len);

            if (detail == NULL) {
                return "The query has a parameter that is not known here";
            }

            ngx_sprintf(detail, "\"%*s\" is no parameter here%Z", len, p);

            return (char *) detail;
        }

        if (p + len == end) {
            return "A parameter has no value";
        }

        if (seen & ((uint32_t) 1 << i)) {
            return "A parameter is there twice";
        }

        seen |= (uint32_t) 1 << i;
    }

    return NULL;
}


void
ngx_http_webhook_api_done(ngx_http_webhook_op_t *op,
    ngx_http_webhook_api_render_pt render)
{
    ngx_int_t            rc;
    ngx_http_request_t  *r;

    r = ngx_http_webhook_waited(op);

    if (r) {
        rc = (op->status == NGX_HTTP_WEBHOOK_STORE_OK)
             ? render(r, op)
             : ngx_http_webhook_store_failed(r, op);

        ngx_http_webhook_finalize(r, rc);
    }

    ngx_destroy_pool(op->pool);
}


static ngx_int_t
ngx_http_webhook_api_render_empty(ngx_http_request_t *r,
    ngx_http_webhook_op_t *op)
{
    ngx_str_t  none = ngx_null_string;

    return ngx_http_webhook_send(r, NGX_HTTP_NO_CONTENT, &none);
}


void
ngx_http_webhook_api_done_empty(ngx_http_webhook_op_t *op)
{
    ngx_http_webhook_api_done(op, ngx_http_webhook_api_render_empty);
}


ngx_int_t
ngx_http_webhook_api_limit(ngx_http_webhook_api_t *api, ngx_uint_t *limit)
{
    ngx_int_t  n;
    ngx_str_t  value;

    *limit = NGX_HTTP_WEBHOOK_API_LIMIT;

    if (ngx_http_webhook_api_param(api, "limit", &value) == NGX_OK) {

        n = ngx_atoi(value.data, value.len);

        if (n == NGX_ERROR || n < 1 || n > NGX_HTTP_WEBHOOK_API_MOST) {
            return ngx_http_webhook_problem(api->request,
                                          NGX_HTTP_WEBHOOK_INVALID_PARAMETER,
                                          "\"limit\" must be 1 to 250");
        }

        *limit = (ngx_uint_t) n;
    }

    return NGX_DECLINED;
}


ngx_int_t
ngx_http_webhook_api_page(ngx_http_webhook_api_t *api,
    ngx_http_webhook_list_op_t *list, const char *prefix)
{
    ngx_int_t  rc;
    ngx_str_t  value;

    list->status = -1;

    rc = ngx_http_webhook_api_limit(api, &list->limit);

    if (rc != NGX_DECLINED) {
        return rc;
    }

    if (ngx_http_webhook_api_param(api, "cursor", &value) == NGX_OK) {

        list->cursor = ngx_http_webhook_id_read(&value, prefix);

        if (list->cursor == 0) {
            return ngx_http_webhook_problem(api->request,
                                          NGX_HTTP_WEBHOOK_INVALID_PARAMETER,
                                          "\"cursor\" is not one that a list "
                                          "has given");
        }
    }

    return NGX_DECLINED;
}


ngx_int_t
ngx_http_webhook_api_render_page(ngx_http_request_t *r,
    ngx_http_webhook_list_op_t *list, const char *prefix,
    ngx_http_webhook_api_row_pt row)
{
    u_char                          *p;
    ngx_uint_t                       i;
    ngx_http_webhook_json_writer_t  *w;

    w = ngx_http_webhook_json_begin(r->pool);
    if (w == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    ngx_http_webhook_json_object(w, NULL);
    ngx_http_webhook_json_array(w, "data");

    p = list->rows->elts;

    for (i = 0; i < list->rows->nelts; i++) {
        row(w, p + i * list->rows->size);
    }

    ngx_http_webhook_json_close_array(w);
    ngx_http_webhook_json_id(w, "next_cursor", prefix, list->next);
    ngx_http_webhook_json_close_object(w);

    return ngx_http_webhook_send_json(r, NGX_HTTP_OK, w);
}


ngx_int_t
ngx_http_webhook_api_param(ngx_http_webhook_api_t *api, const char *name,
    ngx_str_t *value)
{
    size_t      i;
    u_char     *src, *dst;
    ngx_str_t   arg;

    if (api->nparams < NGX_HTTP_WEBHOOK_API_PARAMS) {
        api->params[api->nparams++] = name;
    }

    if (ngx_http_arg(api->request, (u_char *) name, ngx_strlen(name), &arg)
        != NGX_OK)
    {
        return NGX_DECLINED;
    }

    dst = ngx_pnalloc(api->request->pool, arg.len + 1);
    if (dst == NULL) {
        return NGX_DECLINED;
    }

    for (i = 0; i < arg.len; i++) {
        dst[i] = (arg.data[i] == '+') ? ' ' : arg.data[i];
    }

    value->data = dst;
    src = dst;

    ngx_unescape_uri(&dst, &src, arg.len, 0);

    value->len = dst - value->data;

    return NGX_OK;
}


ngx_int_t
ngx_http_webhook_api_param_time(ngx_http_webhook_api_t *api, const char *name,
    int64_t *msec)
{
    ngx_str_t  value;

    if (ngx_http_webhook_api_param(api, name, &value) != NGX_OK) {
        return NGX_DECLINED;
    }

    /* the "+" of an offset, which not everybody escapes */

    if (value.len > 6 && value.data[value.len - 6] == ' ') {
        value.data[value.len - 6] = '+';
    }

    return ngx_http_webhook_time_read(&value, msec);
}
