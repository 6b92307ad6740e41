
/*
 * Copyright (C) the ngx_http_webhook_module authors
 */


/*
 * /event-types of the admin API, the catalogue: on the event loop.  Examples
 * and schemas are kept as the bytes that came.
 */


#include "ngx_http_webhook_api.h"
#include "ngx_http_webhook_name.h"


static ngx_int_t ngx_http_webhook_type_name(ngx_http_webhook_api_t *api,
    ngx_http_webhook_json_t *json, void *data);
static ngx_int_t ngx_http_webhook_type_description(
    ngx_http_webhook_api_t *api, ngx_http_webhook_json_t *json, void *data);
static ngx_int_t ngx_http_webhook_type_example(ngx_http_webhook_api_t *api,
    ngx_http_webhook_json_t *json, void *data);
static ngx_int_t ngx_http_webhook_type_schema(ngx_http_webhook_api_t *api,
    ngx_http_webhook_json_t *json, void *data);
static ngx_int_t ngx_http_webhook_type_body(ngx_http_webhook_api_t *api,
    ngx_http_webhook_op_e type, ngx_http_webhook_api_member_t *members);
static ngx_int_t ngx_http_webhook_type_simple(ngx_http_webhook_api_t *api,
    ngx_http_webhook_op_e type, ngx_http_webhook_op_pt handler);


static ngx_http_webhook_api_member_t  ngx_http_webhook_type_new[] = {
    { ngx_string("name"), ngx_http_webhook_type_name, 1 },
    { ngx_string("description"), ngx_http_webhook_type_description, 0 },
    { ngx_string("example"), ngx_http_webhook_type_example, 0 },
    { ngx_string("schema"), ngx_http_webhook_type_schema, 0 },
    { ngx_null_string, NULL, 0 }
};


static ngx_http_webhook_api_member_t  ngx_http_webhook_type_patch[] = {
    { ngx_string("description"), ngx_http_webhook_type_description, 0 },
    { ngx_string("example"), ngx_http_webhook_type_example, 0 },
    { ngx_string("schema"), ngx_http_webhook_type_schema, 0 },
    { ngx_null_string, NULL, 0 }
};


static ngx_int_t
ngx_http_webhook_type_name(ngx_http_webhook_api_t *api,
    ngx_http_webhook_json_t *json, void *data)
{
    ngx_http_webhook_event_type_op_t *top = data;

    if (json->type == NGX_HTTP_WEBHOOK_JSON_STRING) {

        if (!ngx_http_webhook_event_valid(&json->text)) {
            return ngx_http_webhook_api_error(api, json, "invalid_value",
                       "An event's name is segments of letters, digits, '_' "
                       "and '-' with dots between, of at most 128 bytes");
        }

        if (ngx_http_webhook_event_reserved(&json->text)) {
            return ngx_http_webhook_api_error(api, json, "reserved_event",
                                              "The event's name is reserved");
        }
    }

    return ngx_http_webhook_api_string(api, json, 1,
                                       NGX_HTTP_WEBHOOK_MAX_EVENT,
                                       top->op.pool, &top->type.name);
}


static ngx_int_t
ngx_http_webhook_type_description(ngx_http_webhook_api_t *api,
    ngx_http_webhook_json_t *json, void *data)
{
    ngx_http_webhook_event_type_op_t *top = data;

    top->set_description = 1;

    if (json->type == NGX_HTTP_WEBHOOK_JSON_NULL) {
        ngx_str_set(&top->type.description, "");
        return NGX_OK;
    }

    return ngx_http_webhook_api_string(api, json, 0,
                                       NGX_HTTP_WEBHOOK_MAX_DESCRIPTION,
                                       top->op.pool, &top->type.description);
}


/* A JSON value as it came; null is none. */

static ngx_int_t
ngx_http_webhook_type_json(ngx_http_webhook_api_t *api,
    ngx_http_webhook_json_t *json, ngx_pool_t *pool, ngx_str_t *value)
{
    if (json->type == NGX_HTTP_WEBHOOK_JSON_NULL) {
        return NGX_OK;
    }

    if (json->raw.len > NGX_HTTP_WEBHOOK_MAX_EXAMPLE) {
        return ngx_http_webhook_api_error(api, json, "invalid_value",
                                          "The member may have 32k");
    }

    value->len = json->raw.len;
    value->data = ngx_pstrdup(pool, &json->raw);

    return value->data ? NGX_OK : NGX_ERROR;
}


static ngx_int_t
ngx_http_webhook_type_example(ngx_http_webhook_api_t *api,
    ngx_http_webhook_json_t *json, void *data)
{
    ngx_http_webhook_event_type_op_t *top = data;

    top->set_example = 1;

    return ngx_http_webhook_type_json(api, json, top->op.pool,
                                      &top->type.example);
}


/* A JSON Schema is an object or a boolean; no more of it is looked at. */

static ngx_int_t
ngx_http_webhook_type_schema(ngx_http_webhook_api_t *api,
    ngx_http_webhook_json_t *json, void *data)
{
    ngx_http_webhook_event_type_op_t *top = data;

    top->set_schema = 1;

    if (json->type != NGX_HTTP_WEBHOOK_JSON_OBJECT
        && json->type != NGX_HTTP_WEBHOOK_JSON_BOOLEAN
        && json->type != NGX_HTTP_WEBHOOK_JSON_NULL)
    {
        return ngx_http_webhook_api_error(api, json, "wrong_type",
                                          "The member must be a JSON Schema: "
                                          "an object, or true or false");
    }

    return ngx_http_webhook_type_json(api, json, top->op.pool,
                                      &top->type.schema);
}


static void
ngx_http_webhook_type_write(ngx_http_webhook_json_writer_t *w,
    ngx_http_webhook_event_type_t *type)
{
    ngx_http_webhook_json_object(w, NULL);
    ngx_http_webhook_json_string(w, "name", &type->name);
    ngx_http_webhook_json_string(w, "description", &type->description);

    if (type->example.data) {
        ngx_http_webhook_json_raw(w, "example", &type->example);

    } else {
        ngx_http_webhook_json_null(w, "example");
    }

    if (type->schema.data) {
        ngx_http_webhook_json_raw(w, "schema", &type->schema);

    } else {
        ngx_http_webhook_json_null(w, "schema");
    }

    ngx_http_webhook_json_time(w, "created_at", type->created_at);
    ngx_http_webhook_json_time(w, "updated_at", type->updated_at);
    ngx_http_webhook_json_close_object(w);
}


static ngx_int_t
ngx_http_webhook_type_render(ngx_http_request_t *r, ngx_http_webhook_op_t *op)
{
    ngx_http_webhook_event_type_op_t *top =
                                       (ngx_http_webhook_event_type_op_t *) op;

    ngx_uint_t                       created;
    ngx_http_webhook_json_writer_t  *w;

    w = ngx_http_webhook_json_begin(r->pool);
    if (w == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    created = (op->type == NGX_HTTP_WEBHOOK_OP_EVENT_TYPE_CREATE);

    if (created) {
        ngx_http_webhook_audit_named(r, &top->type.name);
    }

    ngx_http_webhook_type_write(w, &top->type);

    return ngx_http_webhook_send_json(r, created ? NGX_HTTP_CREATED
                                                 : NGX_HTTP_OK, w);
}


static void
ngx_http_webhook_type_done(ngx_http_webhook_op_t *op)
{
    ngx_http_webhook_api_done(op, ngx_http_webhook_type_render);
}


static ngx_int_t
ngx_http_webhook_type_render_list(ngx_http_request_t *r,
    ngx_http_webhook_op_t *op)
{
    ngx_http_webhook_event_type_list_op_t *list =
                                  (ngx_http_webhook_event_type_list_op_t *) op;

    ngx_uint_t                       i;
    ngx_http_webhook_event_type_t   *type;
    ngx_http_webhook_json_writer_t  *w;

    w = ngx_http_webhook_json_begin(r->pool);
    if (w == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    ngx_http_webhook_json_object(w, NULL);
    ngx_http_webhook_json_array(w, "data");

    type = list->rows->elts;

    for (i = 0; i < list->rows->nelts; i++) {
        ngx_http_webhook_type_write(w, &type[i]);
    }

    ngx_http_webhook_json_close_array(w);

    if (list->next.data) {
        ngx_http_webhook_json_string(w, "next_cursor", &list->next);

    } else {
        ngx_http_webhook_json_null(w, "next_cursor");
    }

    ngx_http_webhook_json_close_object(w);

    return ngx_http_webhook_send_json(r, NGX_HTTP_OK, w);
}


static void
ngx_http_webhook_type_listed(ngx_http_webhook_op_t *op)
{
    ngx_http_webhook_api_done(op, ngx_http_webhook_type_render_list);
}


/* An operation on the type that the path names, if it names one. */

static ngx_http_webhook_event_type_op_t *
ngx_http_webhook_type_op(ngx_http_webhook_api_t *api,
    ngx_http_webhook_op_e type, ngx_http_webhook_op_pt handler)
{
    ngx_http_webhook_event_type_op_t  *top;

    top = ngx_http_webhook_api_op(type,
                                  sizeof(ngx_http_webhook_event_type_op_t),
                                  handler);
    if (top == NULL) {
        return NULL;
    }

    ngx_str_set(&top->type.description, "");

    if (api->args[0].len) {
        top->type.name.len = api->args[0].len;
        top->type.name.data = ngx_pstrdup(top->op.pool, &api->args[0]);

        if (top->type.name.data == NULL) {
            ngx_destroy_pool(top->op.pool);
            return NULL;
        }
    }

    return top;
}


static ngx_int_t
ngx_http_webhook_type_body(ngx_http_webhook_api_t *api,
    ngx_http_webhook_op_e type, ngx_http_webhook_api_member_t *members)
{
    ngx_int_t                          rc;
    ngx_http_webhook_event_type_op_t  *top;

    top = ngx_http_webhook_type_op(api, type, ngx_http_webhook_type_done);
    if (top == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    if (ngx_http_webhook_api_members(api, members, top, &rc) != NGX_OK) {
        ngx_destroy_pool(top->op.pool);
        return rc;
    }

    return ngx_http_webhook_api_post(api, &top->op, NULL);
}


static ngx_int_t
ngx_http_webhook_type_simple(ngx_http_webhook_api_t *api,
    ngx_http_webhook_op_e type, ngx_http_webhook_op_pt handler)
{
    ngx_http_webhook_event_type_op_t  *top;

    top = ngx_http_webhook_type_op(api, type, handler);

    return top ? ngx_http_webhook_api_post(api, &top->op, NULL)
               : NGX_HTTP_INTERNAL_SERVER_ERROR;
}


ngx_int_t
ngx_http_webhook_api_event_type_create(ngx_http_webhook_api_t *api)
{
    return ngx_http_webhook_type_body(api,
                                      NGX_HTTP_WEBHOOK_OP_EVENT_TYPE_CREATE,
                                      ngx_http_webhook_type_new);
}


ngx_int_t
ngx_http_webhook_api_event_type_update(ngx_http_webhook_api_t *api)
{
    return ngx_http_webhook_type_body(api,
                                      NGX_HTTP_WEBHOOK_OP_EVENT_TYPE_UPDATE,
                                      ngx_http_webhook_type_patch);
}


ngx_int_t
ngx_http_webhook_api_event_type_get(ngx_http_webhook_api_t *api)
{
    return ngx_http_webhook_type_simple(api,
                                        NGX_HTTP_WEBHOOK_OP_EVENT_TYPE_GET,
                                        ngx_http_webhook_type_done);
}


ngx_int_t
ngx_http_webhook_api_event_type_delete(ngx_http_webhook_api_t *api)
{
    return ngx_http_webhook_type_simple(api,
                                        NGX_HTTP_WEBHOOK_OP_EVENT_TYPE_DELETE,
                                        ngx_http_webhook_api_done_empty);
}


ngx_int_t
ngx_http_webhook_api_event_type_list(ngx_http_webhook_api_t *api)
{
    ngx_int_t                               rc;
    ngx_str_t                               value;
    ngx_http_webhook_event_type_list_op_t  *list;

    list = ngx_http_webhook_api_op(NGX_HTTP_WEBHOOK_OP_EVENT_TYPE_LIST,
                                sizeof(ngx_http_webhook_event_type_list_op_t),
                                ngx_http_webhook_type_listed);
    if (list == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    ngx_str_set(&list->cursor, "");

    rc = ngx_http_webhook_api_limit(api, &list->limit);

    if (rc == NGX_DECLINED
        && ngx_http_webhook_api_param(api, "cursor", &value) == NGX_OK)
    {
        if (!ngx_http_webhook_event_valid(&value)) {
            rc = ngx_http_webhook_problem(api->request,
                                          NGX_HTTP_WEBHOOK_INVALID_PARAMETER,
                                          "\"cursor\" is not one that a list "
                                          "has given");
        } else {
            list->cursor.len = value.len;
            list->cursor.data = ngx_pstrdup(list->op.pool, &value);

            if (list->cursor.data == NULL) {
                rc = NGX_HTTP_INTERNAL_SERVER_ERROR;
            }
        }
    }

    if (rc != NGX_DECLINED) {
        ngx_destroy_pool(list->op.pool);
        return rc;
    }

    return ngx_http_webhook_api_post(api, &list->op, NULL);
}
