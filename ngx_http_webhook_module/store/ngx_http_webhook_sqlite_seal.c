
/*
 * Copyright (C) the ngx_http_webhook_module authors
 */


/*
 * What is sealed in a webhook's row: its secret, the one before, and the
 * values of its headers.  All of a row is sealed by one key, the row names it,
 * and who changes a part seals the whole anew, by the first key that there is.
 *
 * Where the first key is a new one, the rows of the other keys are sealed anew
 * in small slices, in the writing thread, twice a second: the configuration
 * does not change by that.  The error log tells when no row needs another key.
 */


#include "ngx_http_webhook_sqlite.h"
#include "ngx_http_webhook_name.h"

#include <openssl/crypto.h>


#define NGX_HTTP_WEBHOOK_SQLITE_RESEALS  100     /* webhooks a slice */
#define NGX_HTTP_WEBHOOK_SQLITE_FIRST    3000    /* ms to the first pass, */
#define NGX_HTTP_WEBHOOK_SQLITE_PASS     60000   /* and between passes */


static ngx_int_t ngx_http_webhook_sqlite_unseal_column(
    ngx_http_webhook_sqlite_t *s, sqlite3_stmt *stmt, int n, uint32_t key,
    ngx_http_webhook_id_t id, ngx_http_webhook_sealed_e what, ngx_pool_t *pool,
    ngx_str_t *plain);
static ngx_int_t ngx_http_webhook_sqlite_seal_text(
    ngx_http_webhook_sqlite_t *s, ngx_http_webhook_id_t id,
    ngx_http_webhook_sealed_e what, ngx_pool_t *pool, ngx_str_t *plain,
    ngx_str_t *sealed);
static ngx_int_t ngx_http_webhook_sqlite_reseal_slice(
    ngx_http_webhook_sqlite_t *s, ngx_pool_t *pool, uint32_t key,
    ngx_uint_t *n);
static ngx_int_t ngx_http_webhook_sqlite_reseal_done(
    ngx_http_webhook_sqlite_t *s);


/* The lines of a text, one after the other; a text without data has none. */

static ngx_uint_t
ngx_http_webhook_sqlite_line(ngx_str_t *rest, ngx_str_t *line)
{
    u_char  *end;

    if (rest->data == NULL) {
        return 0;
    }

    line->data = rest->data;

    end = memchr(rest->data, LF, rest->len);

    if (end) {
        line->len = end - rest->data;
        rest->data = end + 1;
        rest->len -= line->len + 1;

    } else {
        line->len = rest->len;
        ngx_str_null(rest);
    }

    return 1;
}


ngx_int_t
ngx_http_webhook_sqlite_header_names(sqlite3_stmt *stmt, int n,
    ngx_pool_t *pool, ngx_http_webhook_webhook_t *webhook)
{
    ngx_str_t                   text, line;
    ngx_http_webhook_header_t  *header;

    webhook->nheaders = 0;

    if (ngx_http_webhook_sqlite_column(stmt, n, pool, &text) != NGX_OK) {
        return NGX_ERROR;
    }

    if (text.data == NULL) {
        return NGX_OK;
    }

    header = ngx_pcalloc(pool, NGX_HTTP_WEBHOOK_MAX_HEADERS
                               * sizeof(ngx_http_webhook_header_t));
    if (header == NULL) {
        return NGX_ERROR;
    }

    webhook->headers = header;

    while (webhook->nheaders < NGX_HTTP_WEBHOOK_MAX_HEADERS
           && ngx_http_webhook_sqlite_line(&text, &line))
    {
        header[webhook->nheaders++].name = line;
    }

    return NGX_OK;
}


ngx_int_t
ngx_http_webhook_sqlite_unseal(ngx_http_webhook_sqlite_t *s,
    sqlite3_stmt *stmt, int n, int h, ngx_pool_t *pool,
    ngx_http_webhook_webhook_t *webhook)
{
    uint32_t    key;
    ngx_int_t   rc;
    ngx_str_t   values, line, rest;
    ngx_uint_t  i;

    key = (uint32_t) sqlite3_column_int64(stmt, h + 2);

    rc = ngx_http_webhook_sqlite_header_names(stmt, h, pool, webhook);

    if (rc == NGX_OK) {
        rc = ngx_http_webhook_sqlite_unseal_column(s, stmt, n, key,
                                               webhook->id,
                                               NGX_HTTP_WEBHOOK_SEALED_SECRET,
                                               pool, &webhook->secret);
    }

    if (rc == NGX_OK) {
        rc = ngx_http_webhook_sqlite_unseal_column(s, stmt, n + 1, key,
                                               webhook->id,
                                               NGX_HTTP_WEBHOOK_SEALED_SECRET,
                                               pool, &webhook->previous);
    }

    if (rc == NGX_OK) {
        rc = ngx_http_webhook_sqlite_unseal_column(s, stmt, h + 1, key,
                                              webhook->id,
                                              NGX_HTTP_WEBHOOK_SEALED_HEADERS,
                                              pool, &values);
    }

    if (rc != NGX_OK) {
        return rc;
    }

    rest = values;

    for (i = 0; i < webhook->nheaders; i++) {

        if (!ngx_http_webhook_sqlite_line(&rest, &line)) {
            return NGX_DECLINED;             /* not what was written */
        }

        webhook->headers[i].value = line;
    }

    return NGX_OK;
}


/* A NULL has no data. */

static ngx_int_t
ngx_http_webhook_sqlite_unseal_column(ngx_http_webhook_sqlite_t *s,
    sqlite3_stmt *stmt, int n, uint32_t key, ngx_http_webhook_id_t id,
    ngx_http_webhook_sealed_e what, ngx_pool_t *pool, ngx_str_t *plain)
{
    ngx_int_t  rc;
    ngx_str_t  sealed;

    ngx_str_null(plain);

    sealed.data = (u_char *) sqlite3_column_blob(stmt, n);
    sealed.len = sqlite3_column_bytes(stmt, n);

    if (sqlite3_column_type(stmt, n) == SQLITE_NULL) {
        return NGX_OK;
    }

    if (sealed.len < NGX_HTTP_WEBHOOK_SEAL_OVERHEAD) {
        return NGX_DECLINED;
    }

    plain->data = ngx_pnalloc(pool, sealed.len);
    if (plain->data == NULL) {
        return NGX_ERROR;
    }

    rc = ngx_http_webhook_unseal(s->conf->keyring, key, id, what, &sealed,
                                 plain->data);
    if (rc != NGX_OK) {
        ngx_str_null(plain);
        return rc;
    }

    plain->len = sealed.len - NGX_HTTP_WEBHOOK_SEAL_OVERHEAD;

    return NGX_OK;
}


ngx_uint_t
ngx_http_webhook_sqlite_has_key(ngx_http_webhook_sqlite_t *s, int64_t key)
{
    ngx_uint_t  i;

    if (key == 0) {
        return 1;                            /* any of them, perhaps */
    }

    for (i = 0; i < s->conf->keyring->n; i++) {
        if (s->conf->keyring->keys[i].id == (uint32_t) key) {
            return 1;
        }
    }

    return 0;
}


void
ngx_http_webhook_sqlite_unseal_failed(ngx_http_webhook_sqlite_t *s,
    sqlite3_stmt *stmt, int n, ngx_http_webhook_id_t id)
{
    uint32_t                     key;
    ngx_http_webhook_id_text_t   text;

    key = (uint32_t) sqlite3_column_int64(stmt, n);

    if (key) {
        ngx_log_error(NGX_LOG_CRIT, s->log, 0,
                      "webhook store \"%V\": the secret of webhook %V cannot "
                      "be opened: it is sealed with the key %08xD, \"%V\" has "
                      "%08xD", &s->conf->path,
                      ngx_http_webhook_id_text(&text, "wh_", id), key,
                      &s->conf->key_file,
                      s->conf->keyring->keys[0].id);
        return;
    }

    ngx_log_error(NGX_LOG_CRIT, s->log, 0,
                  "webhook store \"%V\": the secret of webhook %V cannot be "
                  "opened: \"%V\" does not have the key that it is sealed "
                  "with", &s->conf->path,
                  ngx_http_webhook_id_text(&text, "wh_", id),
                  &s->conf->key_file);
}


ngx_int_t
ngx_http_webhook_sqlite_seal(ngx_http_webhook_sqlite_t *s, ngx_pool_t *pool,
    ngx_http_webhook_webhook_t *webhook)
{
    u_char        *p;
    ngx_int_t      rc;
    ngx_str_t      secret, previous, names, text, values;
    ngx_uint_t     i;
    sqlite3_stmt  *stmt;

    ngx_str_null(&names);
    ngx_str_null(&text);

    if (webhook->nheaders) {

        names.data = ngx_pnalloc(pool, 2 * NGX_HTTP_WEBHOOK_HEADERS_SIZE);
        if (names.data == NULL) {
            return NGX_ERROR;
        }

        for (p = names.data, i = 0; i < webhook->nheaders; i++) {
            p = ngx_sprintf(p, i ? "\n%V" : "%V", &webhook->headers[i].name);
        }

        names.len = p - names.data;
        text.data = p;

        for (i = 0; i < webhook->nheaders; i++) {
            p = ngx_sprintf(p, i ? "\n%V" : "%V", &webhook->headers[i].value);
        }

        text.len = p - text.data;
    }

    if (ngx_http_webhook_sqlite_seal_text(s, webhook->id,
                                          NGX_HTTP_WEBHOOK_SEALED_SECRET,
                                          pool, &webhook->secret, &secret)
            != NGX_OK
        || ngx_http_webhook_sqlite_seal_text(s, webhook->id,
                                             NGX_HTTP_WEBHOOK_SEALED_SECRET,
                                             pool, &webhook->previous,
                                             &previous)
            != NGX_OK
        || ngx_http_webhook_sqlite_seal_text(s, webhook->id,
                                             NGX_HTTP_WEBHOOK_SEALED_HEADERS,
                                             pool, &text, &values)
            != NGX_OK)
    {
        return NGX_ERROR;
    }

    stmt = ngx_http_webhook_sqlite_stmt(s, NGX_HTTP_WEBHOOK_SQL_WEBHOOK_SEAL);

    ngx_http_webhook_sqlite_int(stmt, 1, webhook->id);
    ngx_http_webhook_sqlite_blob(stmt, 2, &secret);
    ngx_http_webhook_sqlite_blob(stmt, 3, &previous);
    ngx_http_webhook_sqlite_text(stmt, 4, &names);
    ngx_http_webhook_sqlite_blob(stmt, 5, &values);
    ngx_http_webhook_sqlite_int(stmt, 6, s->conf->keyring->keys[0].id);

    rc = ngx_http_webhook_sqlite_exec(s, stmt);

    OPENSSL_cleanse(text.data, text.len);

    return rc;
}


/* A text without data stays one. */

static ngx_int_t
ngx_http_webhook_sqlite_seal_text(ngx_http_webhook_sqlite_t *s,
    ngx_http_webhook_id_t id, ngx_http_webhook_sealed_e what, ngx_pool_t *pool,
    ngx_str_t *plain, ngx_str_t *sealed)
{
    ngx_str_null(sealed);

    if (plain->data == NULL) {
        return NGX_OK;
    }

    sealed->len = plain->len + NGX_HTTP_WEBHOOK_SEAL_OVERHEAD;
    sealed->data = ngx_pnalloc(pool, sealed->len);

    if (sealed->data == NULL) {
        return NGX_ERROR;
    }

    return ngx_http_webhook_seal(s->conf->keyring, id, what, plain,
                                 sealed->data);
}


ngx_int_t
ngx_http_webhook_sqlite_merge_headers(ngx_http_webhook_webhook_op_t *wop,
    ngx_http_webhook_webhook_t *row)
{
    size_t                       size;
    ngx_uint_t                   i, j, n;
    ngx_http_webhook_header_t   *headers, *patch;
    ngx_http_webhook_webhook_t  *webhook;

    webhook = &wop->webhook;

    headers = ngx_palloc(wop->op.pool, (row->nheaders + webhook->nheaders + 1)
                                       * sizeof(ngx_http_webhook_header_t));
    if (headers == NULL) {
        return NGX_ERROR;
    }

    n = wop->no_headers ? 0 : row->nheaders;

    if (n) {
        ngx_memcpy(headers, row->headers,
                   n * sizeof(ngx_http_webhook_header_t));
    }

    for (i = 0; i < webhook->nheaders; i++) {

        patch = &webhook->headers[i];

        for (j = 0; j < n; j++) {
            if (headers[j].name.len == patch->name.len
                && ngx_strncasecmp(headers[j].name.data, patch->name.data,
                                   patch->name.len)
                   == 0)
            {
                break;
            }
        }

        if (patch->value.data) {
            headers[j] = *patch;
            n += (j == n);
            continue;
        }

        if (j < n) {
            ngx_memmove(&headers[j], &headers[j + 1],
                        (--n - j) * sizeof(ngx_http_webhook_header_t));
        }
    }

    for (size = 0, i = 0; i < n; i++) {
        size += headers[i].name.len + headers[i].value.len
                + sizeof(": " CRLF) - 1;
    }

    if (n > NGX_HTTP_WEBHOOK_MAX_HEADERS
        || size > NGX_HTTP_WEBHOOK_HEADERS_SIZE)
    {
        wop->op.status = NGX_HTTP_WEBHOOK_STORE_INVALID;
        ngx_str_set(&wop->op.refused.pointer, "/headers");
        wop->op.refused.code = "invalid_value";
        wop->op.refused.detail = "A webhook may have 20 headers, of 4k in all";
    }

    row->headers = headers;
    row->nheaders = n;

    return NGX_OK;
}


/*
 * Without a time of grace, the old secret need not be opened: so a webhook
 * whose key is lost gets well.  Its headers are lost with the key.
 */

ngx_int_t
ngx_http_webhook_sqlite_webhook_rotate(ngx_http_webhook_sqlite_t *s,
    ngx_http_webhook_op_t *op)
{
    ngx_http_webhook_webhook_op_t *wop = (ngx_http_webhook_webhook_op_t *) op;

    sqlite3_stmt                *stmt;
    ngx_http_webhook_webhook_t   row;

    if (ngx_http_webhook_sqlite_webhook_find(s, wop, 1, 1, &row) != NGX_OK) {
        return NGX_ERROR;
    }

    if (op->status == NGX_HTTP_WEBHOOK_STORE_SEALED && !wop->grace) {

        op->status = NGX_HTTP_WEBHOOK_STORE_OK;

        if (ngx_http_webhook_sqlite_webhook_find(s, wop, 1, 0, &row)
            != NGX_OK)
        {
            return NGX_ERROR;
        }

        row.nheaders = 0;
    }

    if (op->status != NGX_HTTP_WEBHOOK_STORE_OK) {
        return NGX_OK;
    }

    row.previous = row.secret;
    row.previous_until = s->now + (int64_t) wop->grace;

    if (!wop->grace) {
        ngx_str_null(&row.previous);
        row.previous_until = 0;
    }

    row.secret = wop->webhook.secret;
    row.updated_at = s->now;

    stmt = ngx_http_webhook_sqlite_stmt(s,
                                        NGX_HTTP_WEBHOOK_SQL_WEBHOOK_ROTATE);

    ngx_http_webhook_sqlite_int(stmt, 1, row.id);
    ngx_http_webhook_sqlite_int(stmt, 2, row.previous_until);
    ngx_http_webhook_sqlite_int(stmt, 3, row.updated_at);
    ngx_http_webhook_sqlite_int(stmt, 4, ++s->generation);

    if (ngx_http_webhook_sqlite_exec(s, stmt) != NGX_OK
        || ngx_http_webhook_sqlite_seal(s, op->pool, &row) != NGX_OK)
    {
        return NGX_ERROR;
    }

    wop->webhook = row;

    return NGX_OK;
}


/*
 * A pass goes through the rows that name no key, and those of each other key
 * that can be opened; what cannot is left behind.  Not at once, for workers
 * that go may not have the new key, and not in a worker that exits, whose
 * first key may be another.
 */

ngx_int_t
ngx_http_webhook_sqlite_reseal(ngx_http_webhook_sqlite_t *s, ngx_uint_t *more)
{
    uint32_t                     key;
    ngx_int_t                    rc;
    ngx_uint_t                   n;
    ngx_pool_t                  *pool;
    ngx_http_webhook_keyring_t  *ring;

    ring = s->conf->keyring;

    if (s->reseal_at == 0) {
        s->reseal_at = s->now + NGX_HTTP_WEBHOOK_SQLITE_FIRST;
    }

    if (ngx_exiting || s->now < s->reseal_at) {
        return NGX_OK;
    }

    if (s->reseal_key == ring->n) {

        if (s->reseal_now == s->now) {
            return NGX_OK;                   /* of what is committed alone */
        }

        rc = ngx_http_webhook_sqlite_reseal_done(s);

        s->reseal_at = s->now + NGX_HTTP_WEBHOOK_SQLITE_PASS;
        s->reseal_key = 0;
        s->resealed = 0;
        s->resealing = 1;

        return rc;
    }

    *more = 1;

    key = s->reseal_key ? ring->keys[s->reseal_key].id : 0;

    pool = ngx_create_pool(4096, s->log);
    if (pool == NULL) {
        return NGX_ERROR;
    }

    rc = ngx_http_webhook_sqlite_reseal_slice(s, pool, key, &n);

    ngx_destroy_pool(pool);

    if (rc == NGX_OK && n < NGX_HTTP_WEBHOOK_SQLITE_RESEALS) {
        s->reseal_key++;
        s->reseal_id = 0;
    }

    return rc;
}


static ngx_int_t
ngx_http_webhook_sqlite_reseal_slice(ngx_http_webhook_sqlite_t *s,
    ngx_pool_t *pool, uint32_t key, ngx_uint_t *n)
{
    ngx_int_t                    rc;
    ngx_uint_t                   i, opened;
    sqlite3_stmt                *stmt;
    ngx_http_webhook_webhook_t  *webhook;

    webhook = ngx_pcalloc(pool, NGX_HTTP_WEBHOOK_SQLITE_RESEALS
                                * sizeof(ngx_http_webhook_webhook_t));
    if (webhook == NULL) {
        return NGX_ERROR;
    }

    stmt = ngx_http_webhook_sqlite_stmt(s,
                                       NGX_HTTP_WEBHOOK_SQL_WEBHOOK_SEALED_BY);

    ngx_http_webhook_sqlite_int(stmt, 1, key);
    ngx_http_webhook_sqlite_int(stmt, 2, s->reseal_id);
    ngx_http_webhook_sqlite_int(stmt, 3, NGX_HTTP_WEBHOOK_SQLITE_RESEALS);

    opened = 0;
    *n = 0;

    while ((rc = ngx_http_webhook_sqlite_step(s, stmt)) == NGX_OK) {

        (*n)++;

        webhook[opened].id = sqlite3_column_int64(stmt, 0);
        s->reseal_id = webhook[opened].id;

        rc = ngx_http_webhook_sqlite_unseal(s, stmt, 1, 3, pool,
                                            &webhook[opened]);
        if (rc == NGX_ERROR) {
            return NGX_ERROR;
        }

        opened += (rc == NGX_OK);
    }

    if (rc != NGX_DONE) {
        return NGX_ERROR;
    }

    for (i = 0; i < opened; i++) {

        if (ngx_http_webhook_sqlite_seal(s, pool, &webhook[i]) != NGX_OK) {
            return NGX_ERROR;
        }

        OPENSSL_cleanse(webhook[i].secret.data, webhook[i].secret.len);
        OPENSSL_cleanse(webhook[i].previous.data, webhook[i].previous.len);
    }

    s->resealed += opened;
    s->reseal_now = s->now;

    return NGX_OK;
}


/* Told by who has done something, and of several keys by each at its start. */

static ngx_int_t
ngx_http_webhook_sqlite_reseal_done(ngx_http_webhook_sqlite_t *s)
{
    int64_t        left;
    uint32_t       key;
    sqlite3_stmt  *stmt;

    if (s->resealed == 0 && (s->resealing || s->conf->keyring->n == 1)) {
        return NGX_OK;
    }

    key = s->conf->keyring->keys[0].id;

    stmt = ngx_http_webhook_sqlite_stmt(s,
                                     NGX_HTTP_WEBHOOK_SQL_WEBHOOK_SEALED_ELSE);
    ngx_http_webhook_sqlite_int(stmt, 1, key);

    if (ngx_http_webhook_sqlite_step(s, stmt) != NGX_OK) {
        return NGX_ERROR;
    }

    left = sqlite3_column_int64(stmt, 0);

    (void) sqlite3_reset(stmt);

    if (left) {
        ngx_log_error(NGX_LOG_ERR, s->log, 0,
                      "webhook store \"%V\": the secrets of %L webhooks are "
                      "sealed with keys that \"%V\" does not have",
                      &s->conf->path, left, &s->conf->key_file);
        return NGX_OK;
    }

    ngx_log_error(NGX_LOG_NOTICE, s->log, 0,
                  "webhook store \"%V\": all secrets are sealed with the key "
                  "%08xD, the first of \"%V\": no other is needed",
                  &s->conf->path, key, &s->conf->key_file);

    return NGX_OK;
}
