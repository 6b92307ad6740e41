
/*
 * Copyright (C) the ngx_http_webhook_module authors
 */


/*
 * The members of the admin API's bodies: which there are, what is wrong with
 * them, and their values.  On the event loop.
 */


#include "ngx_http_webhook_api.h"


ngx_int_t
ngx_http_webhook_api_members(ngx_http_webhook_api_t *api,
    ngx_http_webhook_api_member_t *members, void *data, ngx_int_t *rc)
{
    ngx_http_webhook_json_t  none;

    ngx_memzero(&none, sizeof(ngx_http_webhook_json_t));

    if (ngx_http_webhook_api_object(api, api->body ? api->body : &none,
                                    members, data)
        != NGX_OK)
    {
        *rc = NGX_HTTP_INTERNAL_SERVER_ERROR;
        return NGX_DECLINED;
    }

    if (api->errors.nelts) {
        *rc = ngx_http_webhook_invalid(api->request, &api->errors);
        return NGX_DECLINED;
    }

    return NGX_OK;
}


ngx_int_t
ngx_http_webhook_api_object(ngx_http_webhook_api_t *api,
    ngx_http_webhook_json_t *object, ngx_http_webhook_api_member_t *members,
    void *data)
{
    uint32_t                        seen;
    ngx_int_t                       rc;
    ngx_uint_t                      i;
    ngx_http_webhook_json_t        *json, missing;
    ngx_http_webhook_api_member_t  *m;

    seen = 0;

    for (json = object->first; json; json = json->next) {

        for (i = 0, m = members; m->handler; m++, i++) {
            if (json->key.len == m->name.len
                && ngx_memcmp(json->key.data, m->name.data, m->name.len) == 0)
            {
                break;
            }
        }

        if (m->handler == NULL) {
            rc = ngx_http_webhook_api_error(api, json, "unknown_member",
                                            "The member is not known");

        } else if (seen & (1u << i)) {
            rc = ngx_http_webhook_api_error(api, json, "duplicate_member",
                                            "The member is there twice");

        } else {
            seen |= 1u << i;
            rc = m->handler(api, json, data);
        }

        if (rc != NGX_OK) {
            return NGX_ERROR;
        }
    }

    ngx_memzero(&missing, sizeof(ngx_http_webhook_json_t));
    missing.parent = object;

    for (i = 0, m = members; m->handler; m++, i++) {

        if (!m->required || (seen & (1u << i))) {
            continue;
        }

        missing.key = m->name;

        if (ngx_http_webhook_api_error(api, &missing, "missing_member",
                                       "The member is missing")
            != NGX_OK)
        {
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


/* A member of a member is found by both names. */

ngx_int_t
ngx_http_webhook_api_error(ngx_http_webhook_api_t *api,
    ngx_http_webhook_json_t *json, const char *code, const char *detail)
{
    u_char                    *p;
    ngx_str_t                 *pointer;
    ngx_uint_t                 n;
    ngx_http_webhook_json_t   *parent;
    ngx_http_webhook_error_t  *error;

    n = api->errors.nelts;
    parent = json->parent;

    if (!ngx_http_webhook_error_add(&api->errors, &json->key, code, detail)) {
        return NGX_ERROR;
    }

    if (api->errors.nelts == n || parent == NULL || parent->key.len == 0) {
        return NGX_OK;
    }

    error = api->errors.elts;
    pointer = &error[n].pointer;

    p = ngx_pnalloc(api->errors.pool, 1 + parent->key.len + pointer->len);
    if (p == NULL) {
        return NGX_ERROR;
    }

    pointer->len = ngx_sprintf(p, "/%V%V", &parent->key, pointer) - p;
    pointer->data = p;

    return NGX_OK;
}


/* How long it may be is told. */

static ngx_int_t
ngx_http_webhook_api_long(ngx_http_webhook_api_t *api,
    ngx_http_webhook_json_t *json, size_t max)
{
    u_char  *p;

    p = ngx_pnalloc(api->errors.pool,
                    sizeof("The member has more than  characters")
                    + NGX_SIZE_T_LEN);
    if (p == NULL) {
        return NGX_ERROR;
    }

    ngx_sprintf(p, "The member has more than %uz characters%Z", max);

    return ngx_http_webhook_api_error(api, json, "invalid_value", (char *) p);
}


ngx_int_t
ngx_http_webhook_api_string(ngx_http_webhook_api_t *api,
    ngx_http_webhook_json_t *json, size_t min, size_t max, ngx_pool_t *pool,
    ngx_str_t *value)
{
    size_t  n;

    if (json->type != NGX_HTTP_WEBHOOK_JSON_STRING) {
        return ngx_http_webhook_api_error(api, json, "wrong_type",
                                          "The member must be a string");
    }

    n = ngx_utf8_length(json->text.data, json->text.len);

    if (n < min) {
        return ngx_http_webhook_api_error(api, json, "invalid_value",
                                          "The member is too short");
    }

    if (n > max) {
        return ngx_http_webhook_api_long(api, json, max);
    }

    if (memchr(json->text.data, '\0', json->text.len)) {
        return ngx_http_webhook_api_error(api, json, "invalid_value",
                                          "The member holds a zero byte");
    }

    if (!ngx_http_webhook_json_pairs(&json->raw)) {
        return ngx_http_webhook_api_error(api, json, "invalid_value",
                                          "The member holds half of a "
                                          "surrogate pair");
    }

    value->len = json->text.len;
    value->data = ngx_pnalloc(pool, value->len + 1);

    if (value->data == NULL) {
        return NGX_ERROR;
    }

    ngx_memcpy(value->data, json->text.data, value->len);

    return NGX_OK;
}


/* Spaces of Unicode, and what else leaves nothing to be seen. */

static ngx_uint_t
ngx_http_webhook_api_blank(uint32_t code)
{
    return code == ' ' || code == 0xa0 || code == 0xad
           || code == 0x115f || code == 0x1160 || code == 0x1680
           || code == 0x180e || (code >= 0x2000 && code <= 0x200f)
           || (code >= 0x202a && code <= 0x202f)
           || (code >= 0x205f && code <= 0x206f) || code == 0x2800
           || code == 0x3000 || code == 0x3164 || code == 0xfeff
           || code == 0xffa0;
}


ngx_int_t
ngx_http_webhook_api_name(ngx_http_webhook_api_t *api,
    ngx_http_webhook_json_t *json, ngx_pool_t *pool, ngx_str_t *value)
{
    u_char      *p, *last;
    uint32_t     code;
    ngx_uint_t   seen;

    seen = (json->text.len == 0);            /* told as too short */
    p = json->text.data;
    last = p + json->text.len;

    while (p < last) {
        code = (*p < 0x80) ? *p++ : ngx_utf8_decode(&p, last - p);

        if (code < ' ' || (code >= 0x7f && code < 0xa0)
            || code == 0x2028 || code == 0x2029 || code > 0x10ffff)
        {
            return ngx_http_webhook_api_error(api, json, "invalid_value",
                                              "A name holds no control "
                                              "characters");
        }

        seen |= !ngx_http_webhook_api_blank(code);
    }

    if (!seen) {
        return ngx_http_webhook_api_error(api, json, "invalid_value",
                                          "A name is more than spaces");
    }

    return ngx_http_webhook_api_string(api, json, 1, NGX_HTTP_WEBHOOK_MAX_NAME,
                                       pool, value);
}


ngx_int_t
ngx_http_webhook_api_boolean(ngx_http_webhook_api_t *api,
    ngx_http_webhook_json_t *json, ngx_uint_t *value)
{
    if (json->type != NGX_HTTP_WEBHOOK_JSON_BOOLEAN) {
        return ngx_http_webhook_api_error(api, json, "wrong_type",
                                          "The member must be true or false");
    }

    *value = (json->text.data[0] == 't');

    return NGX_OK;
}
