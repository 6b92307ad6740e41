
/*
 * Copyright (C) the ngx_http_webhook_module authors
 */


/*
 * /companies of the admin API, on the event loop.
 */


#include "ngx_http_webhook_api_events.h"
#include "ngx_http_webhook_name.h"


static ngx_int_t ngx_http_webhook_company_uid(ngx_http_webhook_api_t *api,
    ngx_http_webhook_json_t *json, void *data);
static ngx_int_t ngx_http_webhook_company_name(ngx_http_webhook_api_t *api,
    ngx_http_webhook_json_t *json, void *data);
static ngx_int_t ngx_http_webhook_company_enabled(ngx_http_webhook_api_t *api,
    ngx_http_webhook_json_t *json, void *data);


static ngx_http_webhook_api_member_t  ngx_http_webhook_company_new[] = {
    { ngx_string("uid"), ngx_http_webhook_company_uid, 0 },
    { ngx_string("name"), ngx_http_webhook_company_name, 1 },
    { ngx_string("enabled"), ngx_http_webhook_company_enabled, 0 },
    { ngx_null_string, NULL, 0 }
};


static ngx_http_webhook_api_member_t  ngx_http_webhook_company_patch[] = {
    { ngx_string("uid"), ngx_http_webhook_company_uid, 0 },
    { ngx_string("name"), ngx_http_webhook_company_name, 0 },
    { ngx_string("enabled"), ngx_http_webhook_company_enabled, 0 },
    { ngx_null_string, NULL, 0 }
};


static ngx_int_t
ngx_http_webhook_company_uid(ngx_http_webhook_api_t *api,
    ngx_http_webhook_json_t *json, void *data)
{
    ngx_http_webhook_company_op_t *cop = data;

    cop->set_uid = 1;

    if (json->type == NGX_HTTP_WEBHOOK_JSON_NULL) {
        return NGX_OK;
    }

    if (json->type == NGX_HTTP_WEBHOOK_JSON_STRING
        && !ngx_http_webhook_uid_valid(&json->text))
    {
        return ngx_http_webhook_api_error(api, json, "invalid_value",
                   "A uid is 1 to 128 letters, digits, '.', '_' and '-', "
                   "begins with a letter or a digit, and not with \"co_\"");
    }

    return ngx_http_webhook_api_string(api, json, 1, NGX_HTTP_WEBHOOK_MAX_UID,
                                       cop->op.pool, &cop->company.uid);
}


static ngx_int_t
ngx_http_webhook_company_name(ngx_http_webhook_api_t *api,
    ngx_http_webhook_json_t *json, void *data)
{
    ngx_http_webhook_company_op_t *cop = data;

    cop->set_name = 1;

    return ngx_http_webhook_api_name(api, json, cop->op.pool, &cop->company.name);
}


static ngx_int_t
ngx_http_webhook_company_enabled(ngx_http_webhook_api_t *api,
    ngx_http_webhook_json_t *json, void *data)
{
    ngx_http_webhook_company_op_t *cop = data;

    ngx_int_t   rc;
    ngx_uint_t  value;

    value = 0;
    cop->set_enabled = 1;

    rc = ngx_http_webhook_api_boolean(api, json, &value);

    cop->company.enabled = value;

    return rc;
}


static void
ngx_http_webhook_company_members(ngx_http_webhook_json_writer_t *w,
    ngx_http_webhook_company_t *company)
{
    ngx_http_webhook_json_id(w, "id", "co_", company->id);

    if (company->uid.data) {
        ngx_http_webhook_json_string(w, "uid", &company->uid);

    } else {
        ngx_http_webhook_json_null(w, "uid");
    }

    ngx_http_webhook_json_string(w, "name", &company->name);
    ngx_http_webhook_json_boolean(w, "enabled", company->enabled);
    ngx_http_webhook_json_time(w, "created_at",
                               ngx_http_webhook_id_msec(company->id));
    ngx_http_webhook_json_time(w, "updated_at", company->updated_at);
}


static void
ngx_http_webhook_company_write(ngx_http_webhook_json_writer_t *w, void *row)
{
    ngx_http_webhook_json_object(w, NULL);
    ngx_http_webhook_company_members(w, row);
    ngx_http_webhook_json_close_object(w);
}


/* One alone has what its portal wants to know too. */


static ngx_int_t
ngx_http_webhook_company_render(ngx_http_request_t *r,
    ngx_http_webhook_op_t *op)
{
    ngx_http_webhook_company_op_t *cop = (ngx_http_webhook_company_op_t *) op;

    ngx_uint_t                       created;
    ngx_http_webhook_loc_conf_t     *wlcf;
    ngx_http_webhook_json_writer_t  *w;

    w = ngx_http_webhook_json_begin(r->pool);
    if (w == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    wlcf = ngx_http_get_module_loc_conf(r, ngx_http_webhook_module);

    ngx_http_webhook_json_object(w, NULL);
    ngx_http_webhook_company_members(w, &cop->company);

    if (wlcf->support_url.len) {
        ngx_http_webhook_json_string(w, "support_url", &wlcf->support_url);

    } else {
        ngx_http_webhook_json_null(w, "support_url");
    }

    ngx_http_webhook_json_close_object(w);

    created = (op->type == NGX_HTTP_WEBHOOK_OP_COMPANY_CREATE);

    if (created) {
        ngx_http_webhook_audit_made(r, "co_", cop->company.id);
    }

    return ngx_http_webhook_send_json(r, created ? NGX_HTTP_CREATED
                                                 : NGX_HTTP_OK, w);
}


static void
ngx_http_webhook_company_done(ngx_http_webhook_op_t *op)
{
    ngx_http_webhook_api_done(op, ngx_http_webhook_company_render);
}


ngx_int_t
ngx_http_webhook_api_company_create(ngx_http_webhook_api_t *api)
{
    ngx_int_t                       rc;
    ngx_http_webhook_company_op_t  *cop;

    cop = ngx_http_webhook_api_op(NGX_HTTP_WEBHOOK_OP_COMPANY_CREATE,
                                  sizeof(ngx_http_webhook_company_op_t),
                                  ngx_http_webhook_company_done);
    if (cop == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    if (ngx_http_webhook_api_members(api, ngx_http_webhook_company_new, cop,
                                     &rc)
        != NGX_OK)
    {
        ngx_destroy_pool(cop->op.pool);
        return rc;
    }

    return ngx_http_webhook_api_post(api, &cop->op, NULL);
}


ngx_int_t
ngx_http_webhook_api_company_update(ngx_http_webhook_api_t *api)
{
    ngx_int_t                       rc;
    ngx_http_webhook_company_op_t  *cop;

    cop = ngx_http_webhook_api_op(NGX_HTTP_WEBHOOK_OP_COMPANY_UPDATE,
                                  sizeof(ngx_http_webhook_company_op_t),
                                  ngx_http_webhook_company_done);
    if (cop == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    if (ngx_http_webhook_api_members(api, ngx_http_webhook_company_patch, cop,
                                     &rc)
        != NGX_OK)
    {
        ngx_destroy_pool(cop->op.pool);
        return rc;
    }

    return ngx_http_webhook_api_post(api, &cop->op, &cop->ref);
}


static ngx_int_t
ngx_http_webhook_company_simple(ngx_http_webhook_api_t *api,
    ngx_http_webhook_op_e type, ngx_http_webhook_op_pt handler)
{
    ngx_http_webhook_company_op_t  *cop;

    cop = ngx_http_webhook_api_op(type, sizeof(ngx_http_webhook_company_op_t),
                                  handler);

    return cop ? ngx_http_webhook_api_post(api, &cop->op, &cop->ref)
               : NGX_HTTP_INTERNAL_SERVER_ERROR;
}


ngx_int_t
ngx_http_webhook_api_company_get(ngx_http_webhook_api_t *api)
{
    return ngx_http_webhook_company_simple(api,
                                           NGX_HTTP_WEBHOOK_OP_COMPANY_GET,
                                           ngx_http_webhook_company_done);
}


ngx_int_t
ngx_http_webhook_api_company_delete(ngx_http_webhook_api_t *api)
{
    return ngx_http_webhook_company_simple(api,
                                           NGX_HTTP_WEBHOOK_OP_COMPANY_DELETE,
                                           ngx_http_webhook_api_done_empty);
}


static ngx_int_t
ngx_http_webhook_company_render_list(ngx_http_request_t *r,
    ngx_http_webhook_op_t *op)
{
    return ngx_http_webhook_api_render_page(r,
                                          (ngx_http_webhook_list_op_t *) op,
                                          "co_",
                                          ngx_http_webhook_company_write);
}


static void
ngx_http_webhook_company_listed(ngx_http_webhook_op_t *op)
{
    ngx_http_webhook_api_done(op, ngx_http_webhook_company_render_list);
}


ngx_int_t
ngx_http_webhook_api_company_list(ngx_http_webhook_api_t *api)
{
    ngx_int_t                    rc;
    ngx_http_webhook_list_op_t  *list;

    list = ngx_http_webhook_api_op(NGX_HTTP_WEBHOOK_OP_COMPANY_LIST,
                                   sizeof(ngx_http_webhook_list_op_t),
                                   ngx_http_webhook_company_listed);
    if (list == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    rc = ngx_http_webhook_api_page(api, list, "co_");

    if (rc == NGX_DECLINED) {
        rc = ngx_http_webhook_filter_text(api, list);
    }

    if (rc != NGX_DECLINED) {
        ngx_destroy_pool(list->op.pool);
        return rc;
    }

    return ngx_http_webhook_api_post(api, &list->op, NULL);
}
