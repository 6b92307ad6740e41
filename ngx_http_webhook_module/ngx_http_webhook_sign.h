
/*
 * Copyright (C) the ngx_http_webhook_module authors
 */


/*
 * Signatures, secrets and what keeps them at rest, by OpenSSL.
 */


#ifndef _NGX_HTTP_WEBHOOK_SIGN_H_INCLUDED_
#define _NGX_HTTP_WEBHOOK_SIGN_H_INCLUDED_


#include "ngx_http_webhook.h"


#define NGX_HTTP_WEBHOOK_SECRET_PREFIX   "whsec_"
#define NGX_HTTP_WEBHOOK_SECRET_LEN      (6 + 44)   /* base64 of 32 bytes */

#define NGX_HTTP_WEBHOOK_HEX_LEN         64         /* of an HMAC-SHA256 */
#define NGX_HTTP_WEBHOOK_STANDARD_LEN    (3 + 44)   /* "v1," and base64 */

#define NGX_HTTP_WEBHOOK_SEAL_OVERHEAD   (1 + 12 + 16)  /* version, nonce,
                                                           tag */

/*
 * All but _sign and _sign_standard, which are the event loop's, may run in any
 * thread; all return NGX_ERROR where OpenSSL fails.
 */

/*
 * Makes a secret, "whsec_" and the base64 of 32 random bytes, into a buffer
 * of NGX_HTTP_WEBHOOK_SECRET_LEN.
 */
ngx_int_t ngx_http_webhook_secret_make(u_char *secret);

/*
 * X-Signature: HMAC-SHA256 of the body with the whole secret string as the
 * key, in NGX_HTTP_WEBHOOK_HEX_LEN lower-case hexadecimal digits.
 */
ngx_int_t ngx_http_webhook_sign(ngx_str_t *secret, ngx_str_t *body,
    u_char *hex);

/*
 * One signature of webhook-signature (Standard Webhooks 1.0): "v1," and the
 * base64 of the HMAC-SHA256 of the content, "<id>.<timestamp>.<body>", with
 * the decoded bytes of the secret as the key, in
 * NGX_HTTP_WEBHOOK_STANDARD_LEN bytes.
 */
ngx_int_t ngx_http_webhook_sign_standard(ngx_str_t *secret,
    ngx_str_t *content, u_char *text);

/* The SHA-256 of a key, as which it is compared and stored. */
ngx_int_t ngx_http_webhook_digest(ngx_str_t *text, u_char *digest);

/*
 * AES-256-GCM under the store's encryption key.  "bound" is data that the
 * sealed text is bound to without holding it (the webhook's identifier), so
 * that no row's secret can be put into another row.  Sealing writes
 * plain->len + NGX_HTTP_WEBHOOK_SEAL_OVERHEAD bytes, opening that much less.
 * Opening returns NGX_DECLINED where key, text or "bound" is not the one.
 */
ngx_int_t ngx_http_webhook_seal(u_char *key, ngx_http_webhook_id_t bound,
    ngx_str_t *plain, u_char *sealed);
ngx_int_t ngx_http_webhook_unseal(u_char *key, ngx_http_webhook_id_t bound,
    ngx_str_t *sealed, u_char *plain);


#endif /* _NGX_HTTP_WEBHOOK_SIGN_H_INCLUDED_ */
