
/*
 * Copyright (C) the ngx_http_webhook_module authors
 */


/*
 * Who may ask: "Authorization: Bearer <key>" (RFC 6750), on the event loop.
 * A key is known by its SHA-256 alone, and compared in constant time.
 */


#include "ngx_http_webhook_http.h"
#include "ngx_http_webhook_keys.h"
#include "ngx_http_webhook_sign.h"

#include <openssl/crypto.h>


ngx_int_t
ngx_http_webhook_auth(ngx_http_request_t *r)
{
    u_char                         digest[NGX_HTTP_WEBHOOK_KEY_LEN];
    ngx_str_t                      key;
    ngx_table_elt_t               *h;
    ngx_http_webhook_loc_conf_t   *wlcf;
    ngx_http_webhook_main_conf_t  *wmcf;

    wlcf = ngx_http_get_module_loc_conf(r, ngx_http_webhook_module);
    wmcf = ngx_http_get_module_main_conf(r, ngx_http_webhook_module);

    if (wmcf->store == NULL || !wmcf->keys->ready) {
        return ngx_http_webhook_refuse(r, NGX_HTTP_WEBHOOK_STORE_DOWN, NULL);
    }

    if (!wlcf->auth) {
        return NGX_DECLINED;
    }

    h = r->headers_in.authorization;

    if (h == NULL) {
        return ngx_http_webhook_refuse(r, NGX_HTTP_WEBHOOK_UNAUTHORIZED,
                                       "The request has no Authorization "
                                       "header");
    }

    key = h->value;

    if (key.len < sizeof("Bearer ") - 1
        || ngx_strncasecmp(key.data, (u_char *) "Bearer ", 7) != 0)
    {
        return ngx_http_webhook_refuse(r, NGX_HTTP_WEBHOOK_UNAUTHORIZED,
                                       "The Authorization header is not "
                                       "\"Bearer <key>\"");
    }

    for (key.data += 7, key.len -= 7;
         key.len && key.data[0] == ' ';
         key.data++, key.len--)
    {
        /* void */
    }

    if (ngx_http_webhook_digest(&key, digest) != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    if (CRYPTO_memcmp(digest, wmcf->keys->root_digest, sizeof(digest)) != 0) {
        return ngx_http_webhook_refuse(r, NGX_HTTP_WEBHOOK_UNAUTHORIZED,
                                       "The key is not known");
    }

    return NGX_DECLINED;
}
