
/*
 * Copyright (C) the ngx_http_webhook_module authors
 */


/*
 * Signatures, secrets and what keeps them at rest.  Pure functions, any
 * thread; but signing is for the event loop, which keeps OpenSSL's context
 * for the next time.
 */


#include "ngx_http_webhook_sign.h"

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/rand.h>


#define NGX_HTTP_WEBHOOK_SEAL_VERSION  1
#define NGX_HTTP_WEBHOOK_NONCE_LEN     12
#define NGX_HTTP_WEBHOOK_TAG_LEN       16
#define NGX_HTTP_WEBHOOK_MAC_LEN       32
#define NGX_HTTP_WEBHOOK_MAC_BLOCK     64
#define NGX_HTTP_WEBHOOK_BOUND_LEN     (2 * sizeof(int64_t))


static ngx_int_t ngx_http_webhook_hmac(u_char *key, size_t len,
    ngx_str_t *text, u_char *mac);
static ngx_int_t ngx_http_webhook_hash(ngx_str_t *part, ngx_uint_t n,
    u_char *hash);
static size_t ngx_http_webhook_seal_bound(u_char *buf,
    ngx_http_webhook_id_t bound, ngx_http_webhook_sealed_e what);
static ngx_int_t ngx_http_webhook_unseal_by(u_char *key, u_char *bound,
    size_t bound_len, ngx_str_t *sealed, u_char *plain);


ngx_int_t
ngx_http_webhook_secret_make(u_char *secret)
{
    u_char     random[NGX_HTTP_WEBHOOK_KEY_LEN];
    ngx_str_t  src, dst;

    if (RAND_bytes(random, sizeof(random)) != 1) {
        return NGX_ERROR;
    }

    ngx_memcpy(secret, NGX_HTTP_WEBHOOK_SECRET_PREFIX,
               sizeof(NGX_HTTP_WEBHOOK_SECRET_PREFIX) - 1);

    src.data = random;
    src.len = sizeof(random);
    dst.data = secret + sizeof(NGX_HTTP_WEBHOOK_SECRET_PREFIX) - 1;

    ngx_encode_base64(&dst, &src);

    OPENSSL_cleanse(random, sizeof(random));

    return NGX_OK;
}


ngx_uint_t
ngx_http_webhook_secret_valid(ngx_str_t *secret)
{
    u_char      key[128], text[128];
    size_t      prefix;
    ngx_str_t   src, dst, again;
    ngx_uint_t  valid;

    prefix = sizeof(NGX_HTTP_WEBHOOK_SECRET_PREFIX) - 1;

    if (secret->len <= prefix
        || ngx_strncmp(secret->data, NGX_HTTP_WEBHOOK_SECRET_PREFIX, prefix)
           != 0)
    {
        return 0;
    }

    src.data = secret->data + prefix;
    src.len = secret->len - prefix;
    dst.data = key;
    again.data = text;

    if (src.len > ngx_base64_encoded_length(NGX_HTTP_WEBHOOK_SECRET_MAX)
        || ngx_decode_base64(&dst, &src) != NGX_OK
        || dst.len < NGX_HTTP_WEBHOOK_SECRET_MIN
        || dst.len > NGX_HTTP_WEBHOOK_SECRET_MAX)
    {
        return 0;
    }

    /* one text for each key: no bits left over, the padding in its place */

    ngx_encode_base64(&again, &dst);

    valid = (again.len == src.len
             && ngx_memcmp(again.data, src.data, src.len) == 0);

    OPENSSL_cleanse(key, sizeof(key));
    OPENSSL_cleanse(text, sizeof(text));

    return valid;
}


ngx_int_t
ngx_http_webhook_sign(ngx_str_t *secret, ngx_str_t *body, u_char *hex)
{
    u_char  mac[NGX_HTTP_WEBHOOK_MAC_LEN];

    if (ngx_http_webhook_hmac(secret->data, secret->len, body, mac)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    ngx_hex_dump(hex, mac, sizeof(mac));

    return NGX_OK;
}


ngx_int_t
ngx_http_webhook_sign_standard(ngx_str_t *secret, ngx_str_t *content,
    u_char *text)
{
    size_t     prefix;
    u_char     key[128], mac[NGX_HTTP_WEBHOOK_MAC_LEN];
    ngx_int_t  rc;
    ngx_str_t  src, dst;

    prefix = sizeof(NGX_HTTP_WEBHOOK_SECRET_PREFIX) - 1;

    src.data = secret->data + prefix;
    src.len = secret->len - prefix;
    dst.data = key;

    if (secret->len < prefix
        || ngx_base64_decoded_length(src.len) > sizeof(key)
        || ngx_decode_base64(&dst, &src) != NGX_OK)
    {
        return NGX_ERROR;
    }

    rc = ngx_http_webhook_hmac(key, dst.len, content, mac);

    OPENSSL_cleanse(key, sizeof(key));

    if (rc != NGX_OK) {
        return NGX_ERROR;
    }

    src.data = mac;
    src.len = sizeof(mac);
    dst.data = ngx_cpymem(text, "v1,", 3);

    ngx_encode_base64(&dst, &src);

    return NGX_OK;
}


/*
 * HMAC-SHA256 (RFC 2104) by OpenSSL's digest, whose context is made once.  Its
 * EVP_MAC allocates five times for each, and takes twice as long for a body of
 * 500 bytes.
 */

static ngx_int_t
ngx_http_webhook_hmac(u_char *key, size_t len, ngx_str_t *text, u_char *mac)
{
    u_char      pad[NGX_HTTP_WEBHOOK_MAC_BLOCK];
    ngx_str_t   part[2];
    ngx_int_t   rc;
    ngx_uint_t  i;

    part[0].data = key;
    part[0].len = len;

    ngx_memzero(pad, sizeof(pad));

    if (len <= sizeof(pad)) {
        ngx_memcpy(pad, key, len);

    } else if (ngx_http_webhook_hash(part, 1, pad) != NGX_OK) {
        return NGX_ERROR;
    }

    for (i = 0; i < sizeof(pad); i++) {
        pad[i] ^= 0x36;
    }

    part[0].data = pad;
    part[0].len = sizeof(pad);
    part[1] = *text;

    rc = ngx_http_webhook_hash(part, 2, mac);

    for (i = 0; i < sizeof(pad); i++) {
        pad[i] ^= 0x36 ^ 0x5c;
    }

    part[1].data = mac;
    part[1].len = NGX_HTTP_WEBHOOK_MAC_LEN;

    if (rc == NGX_OK) {
        rc = ngx_http_webhook_hash(part, 2, mac);
    }

    OPENSSL_cleanse(pad, sizeof(pad));

    return rc;
}


/* SHA-256 of some parts, one after the other. */

static ngx_int_t
ngx_http_webhook_hash(ngx_str_t *part, ngx_uint_t n, u_char *hash)
{
    ngx_uint_t  i;

    static EVP_MD      *sha256;
    static EVP_MD_CTX  *ctx;

    /* the algorithm is looked for once, too: that takes as long as the hash */

    if (sha256 == NULL) {
        sha256 = EVP_MD_fetch(NULL, OSSL_DIGEST_NAME_SHA2_256, NULL);
    }

    if (ctx == NULL) {
        ctx = EVP_MD_CTX_new();
    }

    if (sha256 == NULL || ctx == NULL
        || EVP_DigestInit_ex2(ctx, sha256, NULL) != 1)
    {
        return NGX_ERROR;
    }

    for (i = 0; i < n; i++) {
        if (EVP_DigestUpdate(ctx, part[i].data, part[i].len) != 1) {
            return NGX_ERROR;
        }
    }

    return (EVP_DigestFinal_ex(ctx, hash, NULL) == 1) ? NGX_OK : NGX_ERROR;
}


ngx_int_t
ngx_http_webhook_digest(ngx_str_t *text, u_char *digest)
{
    if (EVP_Digest(text->data, text->len, digest, NULL, EVP_sha256(), NULL)
        != 1)
    {
        return NGX_ERROR;
    }

    return NGX_OK;
}


uint32_t
ngx_http_webhook_key_id(u_char *key)
{
    u_char     digest[NGX_HTTP_WEBHOOK_KEY_LEN];
    uint32_t   id;
    ngx_str_t  text;

    text.data = key;
    text.len = NGX_HTTP_WEBHOOK_KEY_LEN;

    if (ngx_http_webhook_digest(&text, digest) != NGX_OK) {
        return 0;
    }

    id = (uint32_t) digest[0] << 24 | digest[1] << 16 | digest[2] << 8
         | digest[3];

    return id ? id : 1;
}


/* Secrets are bound to their webhook alone, as they always were. */

static size_t
ngx_http_webhook_seal_bound(u_char *buf, ngx_http_webhook_id_t bound,
    ngx_http_webhook_sealed_e what)
{
    int64_t  n;

    n = what;

    ngx_memcpy(buf, &bound, sizeof(int64_t));
    ngx_memcpy(buf + sizeof(int64_t), &n, sizeof(int64_t));

    return (what == NGX_HTTP_WEBHOOK_SEALED_SECRET)
           ? sizeof(int64_t) : NGX_HTTP_WEBHOOK_BOUND_LEN;
}


ngx_int_t
ngx_http_webhook_seal(ngx_http_webhook_keyring_t *ring,
    ngx_http_webhook_id_t bound, ngx_http_webhook_sealed_e what,
    ngx_str_t *plain, u_char *sealed)
{
    int              len;
    u_char           buf[NGX_HTTP_WEBHOOK_BOUND_LEN], *nonce, *text, *tag;
    size_t           n;
    ngx_int_t        rc;
    EVP_CIPHER_CTX  *ctx;

    sealed[0] = NGX_HTTP_WEBHOOK_SEAL_VERSION;
    nonce = sealed + 1;
    text = nonce + NGX_HTTP_WEBHOOK_NONCE_LEN;
    tag = text + plain->len;

    ctx = EVP_CIPHER_CTX_new();
    if (ctx == NULL) {
        return NGX_ERROR;
    }

    rc = NGX_ERROR;
    n = ngx_http_webhook_seal_bound(buf, bound, what);

    if (RAND_bytes(nonce, NGX_HTTP_WEBHOOK_NONCE_LEN) == 1
        && EVP_EncryptInit_ex(ctx, EVP_aes_256_gcm(), NULL, ring->keys[0].key,
                              nonce) == 1
        && EVP_EncryptUpdate(ctx, NULL, &len, buf, n) == 1
        && EVP_EncryptUpdate(ctx, text, &len, plain->data, plain->len) == 1
        && EVP_EncryptFinal_ex(ctx, text + len, &len) == 1
        && EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_GCM_GET_TAG,
                               NGX_HTTP_WEBHOOK_TAG_LEN, tag) == 1)
    {
        rc = NGX_OK;
    }

    EVP_CIPHER_CTX_free(ctx);

    return rc;
}


ngx_int_t
ngx_http_webhook_unseal(ngx_http_webhook_keyring_t *ring, uint32_t id,
    ngx_http_webhook_id_t bound, ngx_http_webhook_sealed_e what,
    ngx_str_t *sealed, u_char *plain)
{
    u_char       buf[NGX_HTTP_WEBHOOK_BOUND_LEN];
    size_t       len;
    ngx_int_t    rc;
    ngx_uint_t   i, pass;

    if (sealed->len < NGX_HTTP_WEBHOOK_SEAL_OVERHEAD
        || sealed->data[0] != NGX_HTTP_WEBHOOK_SEAL_VERSION)
    {
        return NGX_DECLINED;
    }

    len = ngx_http_webhook_seal_bound(buf, bound, what);

    for (pass = 0; pass < 2; pass++) {

        for (i = 0; i < ring->n; i++) {

            if ((ring->keys[i].id == id) != (pass == 0)) {
                continue;
            }

            rc = ngx_http_webhook_unseal_by(ring->keys[i].key, buf, len,
                                            sealed, plain);

            if (rc != NGX_DECLINED) {
                return rc;
            }
        }
    }

    return NGX_DECLINED;
}


static ngx_int_t
ngx_http_webhook_unseal_by(u_char *key, u_char *bound, size_t bound_len,
    ngx_str_t *sealed, u_char *plain)
{
    int              len;
    u_char          *nonce, *text, *tag;
    size_t           n;
    ngx_int_t        rc;
    EVP_CIPHER_CTX  *ctx;

    n = sealed->len - NGX_HTTP_WEBHOOK_SEAL_OVERHEAD;
    nonce = sealed->data + 1;
    text = nonce + NGX_HTTP_WEBHOOK_NONCE_LEN;
    tag = text + n;

    ctx = EVP_CIPHER_CTX_new();
    if (ctx == NULL) {
        return NGX_ERROR;
    }

    rc = NGX_DECLINED;

    if (EVP_DecryptInit_ex(ctx, EVP_aes_256_gcm(), NULL, key, nonce) == 1
        && EVP_DecryptUpdate(ctx, NULL, &len, bound, bound_len) == 1
        && EVP_DecryptUpdate(ctx, plain, &len, text, n) == 1
        && EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_GCM_SET_TAG,
                               NGX_HTTP_WEBHOOK_TAG_LEN, tag) == 1
        && EVP_DecryptFinal_ex(ctx, plain + len, &len) == 1)
    {
        rc = NGX_OK;
    }

    EVP_CIPHER_CTX_free(ctx);

    return rc;
}
