
/*
 * Copyright (C) the ngx_http_webhook_module authors
 */


/*
 * /keys of the admin API, and the sessions of the portal, which are keys of a
 * company for some hours.  On the event loop.
 *
 * A key is made here, shown once in the answer, and known by its digest from
 * then on.
 */


#include "ngx_http_webhook_api.h"
#include "ngx_http_webhook_name.h"
#include "ngx_http_webhook_sign.h"
#include "ngx_http_webhook_time.h"

#include <openssl/crypto.h>
#include <openssl/rand.h>


#define NGX_HTTP_WEBHOOK_TOKEN_LEN  (4 + 43)  /* base64url of 32 bytes */


/* A key that is made, with what it is the only time that it is known. */

typedef struct {
    ngx_http_webhook_key_op_t    make;
    u_char                       token[NGX_HTTP_WEBHOOK_TOKEN_LEN];
} ngx_http_webhook_make_op_t;


static ngx_int_t ngx_http_webhook_key_name(ngx_http_webhook_api_t *api,
    ngx_http_webhook_json_t *json, void *data);
static ngx_int_t ngx_http_webhook_key_role(ngx_http_webhook_api_t *api,
    ngx_http_webhook_json_t *json, void *data);
static ngx_int_t ngx_http_webhook_key_company(ngx_http_webhook_api_t *api,
    ngx_http_webhook_json_t *json, void *data);
static ngx_int_t ngx_http_webhook_key_expires(ngx_http_webhook_api_t *api,
    ngx_http_webhook_json_t *json, void *data);
static ngx_int_t ngx_http_webhook_session_expires(ngx_http_webhook_api_t *api,
    ngx_http_webhook_json_t *json, void *data);
static ngx_int_t ngx_http_webhook_key_check(ngx_http_webhook_api_t *api,
    ngx_http_webhook_key_op_t *kop);
static ngx_http_webhook_make_op_t *ngx_http_webhook_key_make(
    const char *prefix, ngx_http_webhook_op_pt handler);
static void ngx_http_webhook_key_done(ngx_http_webhook_op_t *op);
static void ngx_http_webhook_key_listed(ngx_http_webhook_op_t *op);
static void ngx_http_webhook_session_made(ngx_http_webhook_op_t *op);
static ngx_int_t ngx_http_webhook_session_url(ngx_http_request_t *r,
    ngx_str_t *url);


/* in the order of ngx_http_webhook_role_e, from 1 on */

static const char  *ngx_http_webhook_roles[] = {
    "admin", "ingest", "company", NULL
};


static ngx_http_webhook_api_member_t  ngx_http_webhook_key_new[] = {
    { ngx_string("name"), ngx_http_webhook_key_name, 1 },
    { ngx_string("role"), ngx_http_webhook_key_role, 1 },
    { ngx_string("company"), ngx_http_webhook_key_company, 0 },
    { ngx_string("expires_at"), ngx_http_webhook_key_expires, 0 },
    { ngx_null_string, NULL, 0 }
};


static ngx_http_webhook_api_member_t  ngx_http_webhook_session_new[] = {
    { ngx_string("expires_in"), ngx_http_webhook_session_expires, 0 },
    { ngx_null_string, NULL, 0 }
};


static int64_t
ngx_http_webhook_key_now(void)
{
    ngx_time_t  *tp;

    tp = ngx_timeofday();

    return (int64_t) tp->sec * 1000 + tp->msec;
}


static ngx_int_t
ngx_http_webhook_key_name(ngx_http_webhook_api_t *api,
    ngx_http_webhook_json_t *json, void *data)
{
    ngx_http_webhook_key_op_t *kop = data;

    return ngx_http_webhook_api_name(api, json, kop->op.pool, &kop->key.name);
}


static ngx_int_t
ngx_http_webhook_key_role(ngx_http_webhook_api_t *api,
    ngx_http_webhook_json_t *json, void *data)
{
    ngx_http_webhook_key_op_t *kop = data;

    ngx_uint_t  i;

    if (json->type != NGX_HTTP_WEBHOOK_JSON_STRING) {
        return ngx_http_webhook_api_error(api, json, "wrong_type",
                                          "The member must be a string");
    }

    for (i = 0; ngx_http_webhook_roles[i]; i++) {

        if (json->text.len == ngx_strlen(ngx_http_webhook_roles[i])
            && ngx_memcmp(json->text.data, ngx_http_webhook_roles[i],
                          json->text.len)
               == 0)
        {
            kop->key.role = NGX_HTTP_WEBHOOK_ADMIN + i;
            return NGX_OK;
        }
    }

    return ngx_http_webhook_api_error(api, json, "invalid_value",
                                      "A role is \"admin\", \"ingest\" or "
                                      "\"company\"");
}


static ngx_int_t
ngx_http_webhook_key_company(ngx_http_webhook_api_t *api,
    ngx_http_webhook_json_t *json, void *data)
{
    ngx_http_webhook_key_op_t *kop = data;

    if (json->type == NGX_HTTP_WEBHOOK_JSON_NULL) {
        return NGX_OK;
    }

    return ngx_http_webhook_api_string(api, json, 1, NGX_HTTP_WEBHOOK_MAX_UID,
                                       kop->op.pool, &kop->ref);
}


static ngx_int_t
ngx_http_webhook_key_expires(ngx_http_webhook_api_t *api,
    ngx_http_webhook_json_t *json, void *data)
{
    ngx_http_webhook_key_op_t *kop = data;

    int64_t  at;

    if (json->type == NGX_HTTP_WEBHOOK_JSON_NULL) {
        return NGX_OK;
    }

    if (json->type != NGX_HTTP_WEBHOOK_JSON_STRING) {
        return ngx_http_webhook_api_error(api, json, "wrong_type",
                                          "The member must be a string");
    }

    if (ngx_http_webhook_time_read(&json->text, &at) != NGX_OK) {
        return ngx_http_webhook_api_error(api, json, "invalid_value",
                                          "The member must be a time of RFC "
                                          "3339, such as "
                                          "\"2030-01-31T12:00:00Z\"");
    }

    if (at <= ngx_http_webhook_key_now()) {
        return ngx_http_webhook_api_error(api, json, "invalid_value",
                                          "The member must be a time to "
                                          "come");
    }

    kop->key.expires_at = at;

    return NGX_OK;
}


static ngx_int_t
ngx_http_webhook_session_expires(ngx_http_webhook_api_t *api,
    ngx_http_webhook_json_t *json, void *data)
{
    ngx_http_webhook_key_op_t *kop = data;

    ngx_int_t  msec;

    if (json->type != NGX_HTTP_WEBHOOK_JSON_STRING) {
        return ngx_http_webhook_api_error(api, json, "wrong_type",
                                          "The member must be a string");
    }

    msec = ngx_parse_time(&json->text, 0);

    if (msec < 1000 || msec > NGX_HTTP_WEBHOOK_MAX_SESSION) {
        return ngx_http_webhook_api_error(api, json, "invalid_value",
                                          "The member must be a time of 1s to "
                                          "24h, such as \"1h\"");
    }

    kop->key.expires_at = ngx_http_webhook_key_now() + msec;

    return NGX_OK;
}


/* What no member can tell alone. */

static ngx_int_t
ngx_http_webhook_key_check(ngx_http_webhook_api_t *api,
    ngx_http_webhook_key_op_t *kop)
{
    ngx_str_t    name;
    const char  *code, *detail;

    code = NULL;
    detail = NULL;

    if (kop->key.role == NGX_HTTP_WEBHOOK_COMPANY && kop->ref.data == NULL) {
        code = "missing_member";
        detail = "A key of this role belongs to a company";

    } else if (kop->key.role == NGX_HTTP_WEBHOOK_ADMIN && kop->ref.data) {
        code = "invalid_value";
        detail = "A key of this role belongs to no company";
    }

    if (code == NULL) {
        return NGX_DECLINED;
    }

    ngx_str_set(&name, "company");

    if (!ngx_http_webhook_error_add(&api->errors, &name, code, detail)) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    return ngx_http_webhook_invalid(api->request, &api->errors);
}


/* An operation with a new key: its prefix has four characters. */

static ngx_http_webhook_make_op_t *
ngx_http_webhook_key_make(const char *prefix, ngx_http_webhook_op_pt handler)
{
    u_char                       bytes[NGX_HTTP_WEBHOOK_KEY_LEN];
    ngx_str_t                    src, dst, token;
    ngx_http_webhook_make_op_t  *mop;

    mop = ngx_http_webhook_api_op(NGX_HTTP_WEBHOOK_OP_KEY_CREATE,
                                  sizeof(ngx_http_webhook_make_op_t), handler);
    if (mop == NULL) {
        return NULL;
    }

    if (RAND_bytes(bytes, sizeof(bytes)) != 1) {
        ngx_destroy_pool(mop->make.op.pool);
        return NULL;
    }

    src.data = bytes;
    src.len = sizeof(bytes);
    dst.data = ngx_cpymem(mop->token, prefix, 4);

    ngx_encode_base64url(&dst, &src);

    OPENSSL_cleanse(bytes, sizeof(bytes));

    token.data = mop->token;
    token.len = NGX_HTTP_WEBHOOK_TOKEN_LEN;

    if (ngx_http_webhook_digest(&token, mop->make.digest) != NGX_OK) {
        ngx_destroy_pool(mop->make.op.pool);
        return NULL;
    }

    return mop;
}


static void
ngx_http_webhook_key_members(ngx_http_webhook_json_writer_t *w,
    ngx_http_webhook_key_t *key, ngx_str_t *token)
{
    ngx_http_webhook_json_object(w, NULL);
    ngx_http_webhook_json_id(w, "id", "key_", key->id);
    ngx_http_webhook_json_string(w, "name", &key->name);
    ngx_http_webhook_json_cstring(w, "role",
                                  ngx_http_webhook_roles[key->role
                                                     - NGX_HTTP_WEBHOOK_ADMIN]);
    ngx_http_webhook_json_id(w, "company_id", "co_", key->company_id);
    ngx_http_webhook_json_boolean(w, "session", key->session);
    ngx_http_webhook_json_time(w, "created_at",
                               ngx_http_webhook_id_msec(key->id));
    ngx_http_webhook_json_time(w, "expires_at", key->expires_at);

    if (token) {
        ngx_http_webhook_json_string(w, "key", token);
    }

    ngx_http_webhook_json_close_object(w);
}


static void
ngx_http_webhook_key_write(ngx_http_webhook_json_writer_t *w, void *row)
{
    ngx_http_webhook_key_members(w, row, NULL);
}


static ngx_int_t
ngx_http_webhook_key_render(ngx_http_request_t *r, ngx_http_webhook_op_t *op)
{
    ngx_http_webhook_key_op_t *kop = (ngx_http_webhook_key_op_t *) op;

    ngx_str_t                        token;
    ngx_http_webhook_make_op_t      *mop;
    ngx_http_webhook_json_writer_t  *w;

    w = ngx_http_webhook_json_begin(r->pool);
    if (w == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    if (op->type != NGX_HTTP_WEBHOOK_OP_KEY_CREATE) {
        ngx_http_webhook_key_members(w, &kop->key, NULL);
        return ngx_http_webhook_send_json(r, NGX_HTTP_OK, w);
    }

    mop = (ngx_http_webhook_make_op_t *) op;

    token.data = mop->token;
    token.len = NGX_HTTP_WEBHOOK_TOKEN_LEN;

    ngx_http_webhook_key_members(w, &kop->key, &token);
    ngx_http_webhook_audit_made(r, "key_", kop->key.id);

    return ngx_http_webhook_send_json(r, NGX_HTTP_CREATED, w);
}


static void
ngx_http_webhook_key_done(ngx_http_webhook_op_t *op)
{
    ngx_http_webhook_api_done(op, ngx_http_webhook_key_render);
}


static ngx_int_t
ngx_http_webhook_key_render_list(ngx_http_request_t *r,
    ngx_http_webhook_op_t *op)
{
    return ngx_http_webhook_api_render_page(r,
                                          (ngx_http_webhook_list_op_t *) op,
                                          "key_", ngx_http_webhook_key_write);
}


static void
ngx_http_webhook_key_listed(ngx_http_webhook_op_t *op)
{
    ngx_http_webhook_api_done(op, ngx_http_webhook_key_render_list);
}


ngx_int_t
ngx_http_webhook_api_key_create(ngx_http_webhook_api_t *api)
{
    ngx_int_t                    rc;
    ngx_http_webhook_key_op_t   *kop;
    ngx_http_webhook_make_op_t  *mop;

    mop = ngx_http_webhook_key_make("whk_", ngx_http_webhook_key_done);
    if (mop == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    kop = &mop->make;

    if (ngx_http_webhook_api_members(api, ngx_http_webhook_key_new, kop, &rc)
        == NGX_OK)
    {
        rc = ngx_http_webhook_key_check(api, kop);

        if (rc == NGX_DECLINED) {
            return ngx_http_webhook_api_post(api, &kop->op, NULL);
        }
    }

    ngx_destroy_pool(kop->op.pool);

    return rc;
}


ngx_int_t
ngx_http_webhook_api_key_list(ngx_http_webhook_api_t *api)
{
    ngx_int_t                    rc;
    ngx_http_webhook_list_op_t  *list;

    list = ngx_http_webhook_api_op(NGX_HTTP_WEBHOOK_OP_KEY_LIST,
                                   sizeof(ngx_http_webhook_list_op_t),
                                   ngx_http_webhook_key_listed);
    if (list == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    rc = ngx_http_webhook_api_page(api, list, "key_");

    if (rc != NGX_DECLINED) {
        ngx_destroy_pool(list->op.pool);
        return rc;
    }

    return ngx_http_webhook_api_post(api, &list->op, NULL);
}


/* An operation on the key that the path names. */

static ngx_int_t
ngx_http_webhook_key_simple(ngx_http_webhook_api_t *api,
    ngx_http_webhook_op_e type, ngx_http_webhook_op_pt handler)
{
    ngx_http_webhook_key_op_t  *kop;

    kop = ngx_http_webhook_api_op(type, sizeof(ngx_http_webhook_key_op_t),
                                  handler);
    if (kop == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    /* text that is no identifier gives 0, which is no key's */

    kop->key.id = ngx_http_webhook_id_read(&api->args[0], "key_");

    return ngx_http_webhook_api_post(api, &kop->op, NULL);
}


ngx_int_t
ngx_http_webhook_api_key_get(ngx_http_webhook_api_t *api)
{
    return ngx_http_webhook_key_simple(api, NGX_HTTP_WEBHOOK_OP_KEY_GET,
                                       ngx_http_webhook_key_done);
}


ngx_int_t
ngx_http_webhook_api_key_delete(ngx_http_webhook_api_t *api)
{
    return ngx_http_webhook_key_simple(api, NGX_HTTP_WEBHOOK_OP_KEY_DELETE,
                                       ngx_http_webhook_api_done_empty);
}


ngx_int_t
ngx_http_webhook_api_session_create(ngx_http_webhook_api_t *api)
{
    ngx_int_t                    rc;
    ngx_http_webhook_key_op_t   *kop;
    ngx_http_webhook_make_op_t  *mop;

    mop = ngx_http_webhook_key_make("whp_", ngx_http_webhook_session_made);
    if (mop == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    kop = &mop->make;

    ngx_str_set(&kop->key.name, "portal session");

    kop->key.role = NGX_HTTP_WEBHOOK_COMPANY;
    kop->key.session = 1;
    kop->key.expires_at = ngx_http_webhook_key_now()
                          + NGX_HTTP_WEBHOOK_SESSION;

    if (ngx_http_webhook_api_members(api, ngx_http_webhook_session_new, kop,
                                     &rc)
        != NGX_OK)
    {
        ngx_destroy_pool(kop->op.pool);
        return rc;
    }

    return ngx_http_webhook_api_post(api, &kop->op, &kop->ref);
}


/* The token is in the fragment: no server's log will have it. */

static ngx_int_t
ngx_http_webhook_session_render(ngx_http_request_t *r,
    ngx_http_webhook_op_t *op)
{
    ngx_http_webhook_make_op_t *mop = (ngx_http_webhook_make_op_t *) op;

    u_char                          *p;
    ngx_str_t                        url, token, text;
    ngx_http_webhook_key_t          *key;
    ngx_http_webhook_json_writer_t  *w;

    key = &mop->make.key;

    token.data = mop->token;
    token.len = NGX_HTTP_WEBHOOK_TOKEN_LEN;

    w = ngx_http_webhook_json_begin(r->pool);

    if (w == NULL || ngx_http_webhook_session_url(r, &url) != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    p = ngx_pnalloc(r->pool, url.len + sizeof("#token=&company=")
                             + token.len + NGX_HTTP_WEBHOOK_ID_LEN);
    if (p == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    text.data = p;
    p = ngx_sprintf(p, "%V#token=%V&company=", &url, &token);
    p = ngx_http_webhook_id_write(p, "co_", key->company_id);
    text.len = p - text.data;

    ngx_http_webhook_json_object(w, NULL);
    ngx_http_webhook_json_id(w, "id", "key_", key->id);
    ngx_http_webhook_json_string(w, "token", &token);
    ngx_http_webhook_json_string(w, "url", &text);
    ngx_http_webhook_json_time(w, "expires_at", key->expires_at);
    ngx_http_webhook_json_close_object(w);

    ngx_http_webhook_audit_made(r, "key_", key->id);

    return ngx_http_webhook_send_json(r, NGX_HTTP_CREATED, w);
}


static void
ngx_http_webhook_session_made(ngx_http_webhook_op_t *op)
{
    ngx_http_webhook_api_done(op, ngx_http_webhook_session_render);
}


/*
 * Where the portal is: as it is configured, else, of the server that was
 * asked, the location that the admin API's is in.
 */

static ngx_int_t
ngx_http_webhook_session_url(ngx_http_request_t *r, ngx_str_t *url)
{
    size_t                        len;
    ngx_str_t                     host, path;
    const char                   *scheme;
    ngx_http_core_loc_conf_t     *clcf;
    ngx_http_webhook_loc_conf_t  *wlcf;

    wlcf = ngx_http_get_module_loc_conf(r, ngx_http_webhook_module);

    if (wlcf->portal_url.len) {
        *url = wlcf->portal_url;
        return NGX_OK;
    }

    clcf = ngx_http_get_module_loc_conf(r, ngx_http_core_module);

    path = clcf->name;

    if (path.len > 1 && path.data[path.len - 1] == '/') {
        path.len--;
    }

    while (path.len > 1 && path.data[path.len - 1] != '/') {
        path.len--;
    }

    scheme = "http";

#if (NGX_HTTP_SSL)
    if (r->connection->ssl) {
        scheme = "https";
    }
#endif

    /* the header has the port too; HTTP/1.0 knows neither */

    if (r->headers_in.host) {
        host = r->headers_in.host->value;

    } else {
        host = r->headers_in.server;
    }

    len = sizeof("https://") - 1 + host.len + path.len;

    url->data = ngx_pnalloc(r->pool, len);
    if (url->data == NULL) {
        return NGX_ERROR;
    }

    url->len = ngx_sprintf(url->data, "%s://%V%V", scheme, &host, &path)
               - url->data;
    return NGX_OK;
}
