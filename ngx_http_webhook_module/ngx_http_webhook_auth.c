
/*
 * Copyright (C) the ngx_http_webhook_module authors
 */


/*
 * Who asks: "Authorization: Bearer <key>" (RFC 6750), on the event loop.
 *
 *     key -> SHA-256 -> the root key's?  known to this worker?  else the store
 *
 * A key is known by its digest alone, and compared in constant time.  A
 * request whose key is known goes on at once; another waits for the store,
 * and its body is not read before.
 */


#include "ngx_http_webhook_http.h"
#include "ngx_http_webhook_keys.h"
#include "ngx_http_webhook_name.h"
#include "ngx_http_webhook_sign.h"

#include <openssl/crypto.h>


static ngx_int_t ngx_http_webhook_auth_key(ngx_http_request_t *r,
    ngx_str_t *key, const char **detail);
static ngx_int_t ngx_http_webhook_auth_look(ngx_http_request_t *r,
    ngx_http_webhook_ctx_t *ctx, u_char *digest);
static void ngx_http_webhook_auth_cleanup(void *data);
static void ngx_http_webhook_auth_found(ngx_http_webhook_known_wait_t *wait,
    ngx_int_t rc, ngx_http_webhook_principal_t *principal);
static ngx_int_t ngx_http_webhook_auth_end(ngx_http_request_t *r,
    ngx_http_webhook_ctx_t *ctx, ngx_int_t rc);


ngx_int_t
ngx_http_webhook_auth(ngx_http_request_t *r, ngx_http_handler_pt handler)
{
    u_char                         digest[NGX_HTTP_WEBHOOK_KEY_LEN];
    ngx_int_t                      rc;
    ngx_str_t                      key;
    const char                    *detail;
    ngx_http_webhook_ctx_t        *ctx;
    ngx_http_webhook_loc_conf_t   *wlcf;
    ngx_http_webhook_main_conf_t  *wmcf;

    wlcf = ngx_http_get_module_loc_conf(r, ngx_http_webhook_module);
    wmcf = ngx_http_get_module_main_conf(r, ngx_http_webhook_module);

    if (wmcf->store == NULL || !wmcf->keys->ready) {
        return ngx_http_webhook_refuse(r, NGX_HTTP_WEBHOOK_STORE_DOWN, NULL);
    }

    ctx = ngx_pcalloc(r->pool, sizeof(ngx_http_webhook_ctx_t));
    if (ctx == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    ctx->allowed = handler;

    ngx_http_set_ctx(r, ctx, ngx_http_webhook_module);

    if (!wlcf->auth) {
        ctx->principal.role = NGX_HTTP_WEBHOOK_ADMIN;
        return handler(r);
    }

    if (ngx_http_webhook_auth_key(r, &key, &detail) != NGX_OK) {
        return ngx_http_webhook_refuse(r, NGX_HTTP_WEBHOOK_UNAUTHORIZED,
                                       detail);
    }

    if (ngx_http_webhook_digest(&key, digest) != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    if (CRYPTO_memcmp(digest, wmcf->keys->root_digest, sizeof(digest)) == 0) {
        ctx->principal.role = NGX_HTTP_WEBHOOK_ADMIN;
        ctx->principal.root = 1;
        return handler(r);
    }

    rc = ngx_http_webhook_known_find(wmcf->known, digest, &ctx->principal);

    if (rc != NGX_AGAIN) {
        return ngx_http_webhook_auth_end(r, ctx, rc);
    }

    if (ngx_http_webhook_store_waiting(wmcf->store) >= wmcf->ingest_queue) {
        return ngx_http_webhook_refuse(r, NGX_HTTP_WEBHOOK_STORE_BUSY, NULL);
    }

    return ngx_http_webhook_auth_look(r, ctx, digest);
}


static ngx_int_t
ngx_http_webhook_auth_key(ngx_http_request_t *r, ngx_str_t *key,
    const char **detail)
{
    ngx_table_elt_t  *h;

    h = r->headers_in.authorization;

    if (h == NULL) {
        *detail = "The request has no Authorization header";
        return NGX_DECLINED;
    }

    *key = h->value;

    if (key->len < sizeof("Bearer ") - 1
        || ngx_strncasecmp(key->data, (u_char *) "Bearer ", 7) != 0)
    {
        *detail = "The Authorization header is not \"Bearer <key>\"";
        return NGX_DECLINED;
    }

    for (key->data += 7, key->len -= 7;
         key->len && key->data[0] == ' ';
         key->data++, key->len--)
    {
        /* void */
    }

    return NGX_OK;
}


/* The request is held meanwhile, as one that reads its body is. */

static ngx_int_t
ngx_http_webhook_auth_look(ngx_http_request_t *r, ngx_http_webhook_ctx_t *ctx,
    u_char *digest)
{
    ngx_http_webhook_main_conf_t  *wmcf;

    wmcf = ngx_http_get_module_main_conf(r, ngx_http_webhook_module);

    ctx->asks = ngx_http_cleanup_add(r, 0);
    if (ctx->asks == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    ctx->wait.handler = ngx_http_webhook_auth_found;
    ctx->wait.data = r;

    if (ngx_http_webhook_known_look(wmcf->known, digest, &ctx->wait) != NGX_OK)
    {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    ctx->asks->handler = ngx_http_webhook_auth_cleanup;
    ctx->asks->data = ctx;

    r->main->count++;

    return NGX_DONE;
}


/* The request ends before its key was looked up. */

static void
ngx_http_webhook_auth_cleanup(void *data)
{
    ngx_http_webhook_ctx_t *ctx = data;

    ngx_queue_remove(&ctx->wait.queue);
}


static void
ngx_http_webhook_auth_found(ngx_http_webhook_known_wait_t *wait, ngx_int_t rc,
    ngx_http_webhook_principal_t *principal)
{
    ngx_http_request_t      *r;
    ngx_http_webhook_ctx_t  *ctx;

    r = wait->data;
    ctx = ngx_http_get_module_ctx(r, ngx_http_webhook_module);

    ctx->asks->handler = NULL;
    ctx->principal = *principal;

    ngx_http_webhook_finalize(r, ngx_http_webhook_auth_end(r, ctx, rc));
}


static ngx_int_t
ngx_http_webhook_auth_end(ngx_http_request_t *r, ngx_http_webhook_ctx_t *ctx,
    ngx_int_t rc)
{
    int64_t      now;
    ngx_time_t  *tp;

    if (rc == NGX_ERROR) {
        return ngx_http_webhook_refuse(r, NGX_HTTP_WEBHOOK_STORE_DOWN, NULL);
    }

    if (rc == NGX_DECLINED) {
        return ngx_http_webhook_refuse(r, NGX_HTTP_WEBHOOK_UNAUTHORIZED,
                                       "The key is not known");
    }

    if (ctx->principal.expires_at) {

        tp = ngx_timeofday();
        now = (int64_t) tp->sec * 1000 + tp->msec;

        if (now >= ctx->principal.expires_at) {
            return ngx_http_webhook_refuse(r, NGX_HTTP_WEBHOOK_UNAUTHORIZED,
                                           "The key has expired");
        }
    }

    return ctx->allowed(r);
}


ngx_uint_t
ngx_http_webhook_auth_own(ngx_http_webhook_principal_t *principal,
    ngx_str_t *ref)
{
    ngx_http_webhook_id_t  id;

    id = ngx_http_webhook_id_read(ref, "co_");

    if (id) {
        return id == principal->company_id;
    }

    return ref->len
           && ref->len == principal->uid_len
           && ngx_memcmp(ref->data, principal->uid, ref->len) == 0;
}


u_char *
ngx_http_webhook_auth_name(u_char *p, ngx_http_webhook_principal_t *principal)
{
    if (principal->key_id) {
        return ngx_http_webhook_id_write(p, "key_", principal->key_id);
    }

    return ngx_cpymem(p, principal->root ? "root" : "off",
                      principal->root ? 4 : 3);
}
