
/*
 * Copyright (C) the ngx_http_webhook_module authors
 */


/*
 * Access requests of the admin API: a company without access asks for it, the
 * operator lists who has asked.  On the event loop.
 */


#include "ngx_http_webhook_api.h"
#include "ngx_http_webhook_name.h"


static ngx_int_t ngx_http_webhook_request_message(ngx_http_webhook_api_t *api,
    ngx_http_webhook_json_t *json, void *data);
static void ngx_http_webhook_request_done(ngx_http_webhook_op_t *op);
static void ngx_http_webhook_request_listed(ngx_http_webhook_op_t *op);
static ngx_int_t ngx_http_webhook_request_page(ngx_http_webhook_api_t *api,
    ngx_uint_t all);


static ngx_http_webhook_api_member_t  ngx_http_webhook_request_new[] = {
    { ngx_string("message"), ngx_http_webhook_request_message, 0 },
    { ngx_null_string, NULL, 0 }
};


static ngx_int_t
ngx_http_webhook_request_message(ngx_http_webhook_api_t *api,
    ngx_http_webhook_json_t *json, void *data)
{
    ngx_http_webhook_access_op_t *aop = data;

    if (json->type == NGX_HTTP_WEBHOOK_JSON_NULL) {
        return NGX_OK;
    }

    return ngx_http_webhook_api_string(api, json, 1,
                                       NGX_HTTP_WEBHOOK_MAX_DESCRIPTION,
                                       aop->op.pool, &aop->access.message);
}


static void
ngx_http_webhook_request_write(ngx_http_webhook_json_writer_t *w, void *row)
{
    ngx_http_webhook_access_t *access = row;

    ngx_http_webhook_json_object(w, NULL);
    ngx_http_webhook_json_id(w, "id", "req_", access->id);
    ngx_http_webhook_json_id(w, "company_id", "co_", access->company_id);
    ngx_http_webhook_json_string(w, "company_name", &access->company_name);

    if (access->message.data) {
        ngx_http_webhook_json_string(w, "message", &access->message);

    } else {
        ngx_http_webhook_json_null(w, "message");
    }

    ngx_http_webhook_json_cstring(w, "status", access->granted_at ? "granted"
                                                                  : "open");
    ngx_http_webhook_json_time(w, "created_at",
                               ngx_http_webhook_id_msec(access->id));
    ngx_http_webhook_json_time(w, "granted_at", access->granted_at);
    ngx_http_webhook_json_close_object(w);
}


static ngx_int_t
ngx_http_webhook_request_render(ngx_http_request_t *r,
    ngx_http_webhook_op_t *op)
{
    ngx_http_webhook_access_op_t *aop = (ngx_http_webhook_access_op_t *) op;

    ngx_http_webhook_json_writer_t  *w;

    w = ngx_http_webhook_json_begin(r->pool);
    if (w == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    ngx_http_webhook_request_write(w, &aop->access);
    ngx_http_webhook_audit_made(r, "req_", aop->access.id);

    return ngx_http_webhook_send_json(r, aop->created ? NGX_HTTP_CREATED
                                                      : NGX_HTTP_OK, w);
}


static void
ngx_http_webhook_request_done(ngx_http_webhook_op_t *op)
{
    ngx_http_webhook_api_done(op, ngx_http_webhook_request_render);
}


ngx_int_t
ngx_http_webhook_api_request_create(ngx_http_webhook_api_t *api)
{
    ngx_int_t                      rc;
    ngx_http_webhook_access_op_t  *aop;

    aop = ngx_http_webhook_api_op(NGX_HTTP_WEBHOOK_OP_ACCESS_REQUEST,
                                  sizeof(ngx_http_webhook_access_op_t),
                                  ngx_http_webhook_request_done);
    if (aop == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    if (ngx_http_webhook_api_members(api, ngx_http_webhook_request_new, aop,
                                     &rc)
        != NGX_OK)
    {
        ngx_destroy_pool(aop->op.pool);
        return rc;
    }

    return ngx_http_webhook_api_post(api, &aop->op, &aop->ref);
}


static ngx_int_t
ngx_http_webhook_request_render_list(ngx_http_request_t *r,
    ngx_http_webhook_op_t *op)
{
    return ngx_http_webhook_api_render_page(r,
                                          (ngx_http_webhook_list_op_t *) op,
                                          "req_",
                                          ngx_http_webhook_request_write);
}


static void
ngx_http_webhook_request_listed(ngx_http_webhook_op_t *op)
{
    ngx_http_webhook_api_done(op, ngx_http_webhook_request_render_list);
}


ngx_int_t
ngx_http_webhook_api_request_list(ngx_http_webhook_api_t *api)
{
    return ngx_http_webhook_request_page(api, 0);
}


ngx_int_t
ngx_http_webhook_api_request_list_all(ngx_http_webhook_api_t *api)
{
    return ngx_http_webhook_request_page(api, 1);
}


static ngx_int_t
ngx_http_webhook_request_page(ngx_http_webhook_api_t *api, ngx_uint_t all)
{
    ngx_int_t                    rc;
    ngx_str_t                    value;
    ngx_http_webhook_list_op_t  *list;

    list = ngx_http_webhook_api_op(NGX_HTTP_WEBHOOK_OP_ACCESS_LIST,
                                   sizeof(ngx_http_webhook_list_op_t),
                                   ngx_http_webhook_request_listed);
    if (list == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    rc = ngx_http_webhook_api_page(api, list, "req_");

    if (rc == NGX_DECLINED && all
        && ngx_http_webhook_api_param(api, "status", &value) == NGX_OK)
    {
        if (value.len == 4 && ngx_strncmp(value.data, "open", 4) == 0) {
            list->status = 0;

        } else if (value.len == 7
                   && ngx_strncmp(value.data, "granted", 7) == 0)
        {
            list->status = 1;

        } else {
            rc = ngx_http_webhook_problem(api->request,
                                          NGX_HTTP_WEBHOOK_INVALID_PARAMETER,
                                          "\"status\" must be \"open\" or "
                                          "\"granted\"");
        }
    }

    if (rc != NGX_DECLINED) {
        ngx_destroy_pool(list->op.pool);
        return rc;
    }

    return ngx_http_webhook_api_post(api, &list->op, all ? NULL : &list->ref);
}
