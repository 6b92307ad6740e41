
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

#define NGX_HTTP_WEBHOOK_SEAL_KEYS       16      /* of a key ring */
#define NGX_HTTP_WEBHOOK_SECRET_MIN      24      /* bytes, decoded */
#define NGX_HTTP_WEBHOOK_SECRET_MAX      64
#define NGX_HTTP_WEBHOOK_SECRET_TEXT     (6 + 88)   /* base64 of 64 bytes */


/* The encryption keys: the first one seals, each of them opens. */

typedef struct {
    uint32_t     id;         /* of the key, never 0: see _key_id */
    u_char       key[NGX_HTTP_WEBHOOK_KEY_LEN];
} ngx_http_webhook_seal_key_t;

typedef struct {
    ngx_uint_t                    n;
    ngx_http_webhook_seal_key_t   keys[NGX_HTTP_WEBHOOK_SEAL_KEYS];
} ngx_http_webhook_keyring_t;


/* What is sealed: one cannot be put in the place of the other. */

typedef enum {
    NGX_HTTP_WEBHOOK_SEALED_SECRET = 0,
    NGX_HTTP_WEBHOOK_SEALED_HEADERS
} ngx_http_webhook_sealed_e;


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
 * Returns 1 where a text is a secret as Standard Webhooks 1.0 has them:
 * "whsec_" and the base64 (RFC 4648, padded) of 24 to 64 bytes.
 */
ngx_uint_t ngx_http_webhook_secret_valid(ngx_str_t *secret);

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
 * What a key is called where it must not be shown: the first four bytes of
 * its SHA-256.  Returns 0 where OpenSSL fails.
 */
uint32_t ngx_http_webhook_key_id(u_char *key);

/*
 * AES-256-GCM under the store's encryption keys.  "bound" and "what" are data
 * that the sealed text is bound to without holding it (the webhook's
 * identifier), so that no row's secret can be put into another row.  Sealing
 * takes the first key, and writes plain->len + NGX_HTTP_WEBHOOK_SEAL_OVERHEAD
 * bytes; opening gives that much less.  It tries the key of that id first, and
 * then the others.  Opening returns NGX_DECLINED where no key opens the text,
 * or it, "bound" or "what" is not the one.
 */
ngx_int_t ngx_http_webhook_seal(ngx_http_webhook_keyring_t *ring,
    ngx_http_webhook_id_t bound, ngx_http_webhook_sealed_e what,
    ngx_str_t *plain, u_char *sealed);
ngx_int_t ngx_http_webhook_unseal(ngx_http_webhook_keyring_t *ring,
    uint32_t id, ngx_http_webhook_id_t bound, ngx_http_webhook_sealed_e what,
    ngx_str_t *sealed, u_char *plain);


#endif /* _NGX_HTTP_WEBHOOK_SIGN_H_INCLUDED_ */
