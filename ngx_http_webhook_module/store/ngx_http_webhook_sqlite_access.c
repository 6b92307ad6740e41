
/*
 * Copyright (C) the ngx_http_webhook_module authors
 */


/*
 * Keys of the API, sessions of the portal, and access requests.  What writes
 * runs in the writing thread, inside a transaction.  A key that is revoked
 * raises the configuration's generation, by which all workers notice; a new
 * one does not have to.
 */


#include "ngx_http_webhook_sqlite.h"
#include "ngx_http_webhook_name.h"


#define NGX_HTTP_WEBHOOK_SQLITE_TOMBSTONE  ((int64_t) 30 * 24 * 3600 * 1000)


/* Takes a row, a record that begins with its identifier. */

typedef ngx_int_t (*ngx_http_webhook_sqlite_row_pt)(sqlite3_stmt *stmt,
    ngx_pool_t *pool, void *row);


static ngx_int_t ngx_http_webhook_sqlite_api_key_count(
    ngx_http_webhook_sqlite_t *s, int64_t *n);
static ngx_int_t ngx_http_webhook_sqlite_api_key_row(sqlite3_stmt *stmt,
    ngx_pool_t *pool, void *row);
static ngx_int_t ngx_http_webhook_sqlite_access_page(
    ngx_http_webhook_sqlite_t *s, ngx_http_webhook_list_op_t *list,
    sqlite3_stmt *stmt, size_t size, ngx_http_webhook_sqlite_row_pt handler);
static ngx_int_t ngx_http_webhook_sqlite_access_row(sqlite3_stmt *stmt,
    ngx_pool_t *pool, void *row);


ngx_int_t
ngx_http_webhook_sqlite_api_key_create(ngx_http_webhook_sqlite_t *s,
    ngx_http_webhook_op_t *op)
{
    ngx_http_webhook_key_op_t *kop = (ngx_http_webhook_key_op_t *) op;

    int64_t                  n;
    ngx_int_t                rc;
    ngx_str_t                digest;
    sqlite3_stmt            *stmt;
    ngx_http_webhook_key_t  *key;

    key = &kop->key;

    if (kop->ref.data) {
        rc = ngx_http_webhook_sqlite_company_for(s, op, &kop->ref, 0,
                                                 &key->company_id);

        if (rc != NGX_OK || key->company_id == 0) {
            return rc;
        }
    }

    if (!key->session) {

        if (ngx_http_webhook_sqlite_api_key_count(s, &n) != NGX_OK) {
            return NGX_ERROR;
        }

        if (n >= NGX_HTTP_WEBHOOK_MAX_KEYS) {
            op->status = NGX_HTTP_WEBHOOK_STORE_LIMIT;
            return NGX_OK;
        }
    }

    key->id = ngx_http_webhook_sqlite_id(s);

    digest.data = kop->digest;
    digest.len = NGX_HTTP_WEBHOOK_KEY_LEN;

    stmt = ngx_http_webhook_sqlite_stmt(s,
                                        NGX_HTTP_WEBHOOK_SQL_API_KEY_INSERT);

    ngx_http_webhook_sqlite_int(stmt, 1, key->id);
    ngx_http_webhook_sqlite_int(stmt, 2, key->role);
    ngx_http_webhook_sqlite_int(stmt, 3, key->company_id);
    ngx_http_webhook_sqlite_text(stmt, 4, &key->name);
    ngx_http_webhook_sqlite_blob(stmt, 5, &digest);
    ngx_http_webhook_sqlite_int(stmt, 6, key->expires_at);
    ngx_http_webhook_sqlite_int(stmt, 7, key->session);
    ngx_http_webhook_sqlite_int(stmt, 8, key->session ? key->expires_at : 0);

    return ngx_http_webhook_sqlite_exec(s, stmt);
}


static ngx_int_t
ngx_http_webhook_sqlite_api_key_count(ngx_http_webhook_sqlite_t *s, int64_t *n)
{
    sqlite3_stmt  *stmt;

    stmt = ngx_http_webhook_sqlite_stmt(s, NGX_HTTP_WEBHOOK_SQL_API_KEY_COUNT);

    if (ngx_http_webhook_sqlite_step(s, stmt) != NGX_OK) {
        return NGX_ERROR;
    }

    *n = sqlite3_column_int64(stmt, 0);

    (void) sqlite3_reset(stmt);

    return NGX_OK;
}


ngx_int_t
ngx_http_webhook_sqlite_api_key_delete(ngx_http_webhook_sqlite_t *s,
    ngx_http_webhook_op_t *op)
{
    ngx_http_webhook_key_op_t *kop = (ngx_http_webhook_key_op_t *) op;

    if (ngx_http_webhook_sqlite_run(s, NGX_HTTP_WEBHOOK_SQL_API_KEY_REVOKE, 3,
                                    kop->key.id, s->now,
                                    s->now + NGX_HTTP_WEBHOOK_SQLITE_TOMBSTONE)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (sqlite3_changes(s->db)) {
        s->generation++;

    } else {
        op->status = NGX_HTTP_WEBHOOK_STORE_NOT_FOUND;
    }

    return NGX_OK;
}


/* The generation is that of the same transaction. */

ngx_int_t
ngx_http_webhook_sqlite_api_key_find(ngx_http_webhook_sqlite_t *s,
    ngx_http_webhook_op_t *op)
{
    ngx_http_webhook_key_op_t *kop = (ngx_http_webhook_key_op_t *) op;

    ngx_int_t                    rc;
    ngx_str_t                    digest;
    sqlite3_stmt                *stmt;
    ngx_http_webhook_id_text_t   id;

    stmt = ngx_http_webhook_sqlite_stmt(s, NGX_HTTP_WEBHOOK_SQL_STORE_GET);

    if (ngx_http_webhook_sqlite_step(s, stmt) != NGX_OK) {
        return NGX_ERROR;
    }

    kop->generation = sqlite3_column_int64(stmt, 0);
    kop->key.id = 0;

    (void) sqlite3_reset(stmt);

    digest.data = kop->digest;
    digest.len = NGX_HTTP_WEBHOOK_KEY_LEN;

    stmt = ngx_http_webhook_sqlite_stmt(s, NGX_HTTP_WEBHOOK_SQL_API_KEY_FIND);
    ngx_http_webhook_sqlite_blob(stmt, 1, &digest);

    rc = ngx_http_webhook_sqlite_step(s, stmt);

    if (rc != NGX_OK) {
        return (rc == NGX_DONE) ? NGX_OK : NGX_ERROR;
    }

    if (sqlite3_column_int64(stmt, 4)) {
        ngx_log_error(NGX_LOG_NOTICE, s->log, 0,
                      "webhook key %V was revoked, and is still used",
                      ngx_http_webhook_id_text(&id, "key_",
                                               sqlite3_column_int64(stmt, 0)));

    } else {
        kop->key.id = sqlite3_column_int64(stmt, 0);
        kop->key.role = sqlite3_column_int(stmt, 1);
        kop->key.company_id = sqlite3_column_int64(stmt, 2);
        kop->key.expires_at = sqlite3_column_int64(stmt, 3);
        kop->enabled = (sqlite3_column_int(stmt, 6) != 0);

        rc = ngx_http_webhook_sqlite_column(stmt, 5, op->pool, &kop->uid);
    }

    (void) sqlite3_reset(stmt);

    return rc;
}


static ngx_int_t
ngx_http_webhook_sqlite_api_key_row(sqlite3_stmt *stmt, ngx_pool_t *pool,
    void *row)
{
    ngx_http_webhook_key_t *key = row;

    key->id = sqlite3_column_int64(stmt, 0);
    key->role = sqlite3_column_int(stmt, 1);
    key->company_id = sqlite3_column_int64(stmt, 2);
    key->expires_at = sqlite3_column_int64(stmt, 4);
    key->session = (sqlite3_column_int(stmt, 5) != 0);

    return ngx_http_webhook_sqlite_column(stmt, 3, pool, &key->name);
}


ngx_int_t
ngx_http_webhook_sqlite_api_key_get(ngx_http_webhook_sqlite_t *s,
    ngx_http_webhook_op_t *op)
{
    ngx_http_webhook_key_op_t *kop = (ngx_http_webhook_key_op_t *) op;

    ngx_int_t      rc;
    sqlite3_stmt  *stmt;

    stmt = ngx_http_webhook_sqlite_stmt(s, NGX_HTTP_WEBHOOK_SQL_API_KEY_GET);
    ngx_http_webhook_sqlite_int(stmt, 1, kop->key.id);

    rc = ngx_http_webhook_sqlite_step(s, stmt);

    if (rc == NGX_OK) {
        rc = ngx_http_webhook_sqlite_api_key_row(stmt, op->pool, &kop->key);
        (void) sqlite3_reset(stmt);
        return rc;
    }

    op->status = NGX_HTTP_WEBHOOK_STORE_NOT_FOUND;

    return (rc == NGX_DONE) ? NGX_OK : NGX_ERROR;
}


ngx_int_t
ngx_http_webhook_sqlite_api_key_list(ngx_http_webhook_sqlite_t *s,
    ngx_http_webhook_op_t *op)
{
    sqlite3_stmt  *stmt;

    stmt = ngx_http_webhook_sqlite_stmt(s, NGX_HTTP_WEBHOOK_SQL_API_KEY_LIST);

    return ngx_http_webhook_sqlite_access_page(s,
                                          (ngx_http_webhook_list_op_t *) op,
                                          stmt, sizeof(ngx_http_webhook_key_t),
                                          ngx_http_webhook_sqlite_api_key_row);
}


/* A page by a statement that takes the cursor and a limit, in this order. */

static ngx_int_t
ngx_http_webhook_sqlite_access_page(ngx_http_webhook_sqlite_t *s,
    ngx_http_webhook_list_op_t *list, sqlite3_stmt *stmt, size_t size,
    ngx_http_webhook_sqlite_row_pt handler)
{
    void                   *row;
    ngx_int_t               rc;
    ngx_http_webhook_id_t   last;

    list->rows = ngx_array_create(list->op.pool, list->limit, size);
    if (list->rows == NULL) {
        return NGX_ERROR;
    }

    ngx_http_webhook_sqlite_int(stmt, 1,
                                list->cursor ? list->cursor : INT64_MAX);
    ngx_http_webhook_sqlite_int(stmt, 2, list->limit + 1);

    last = 0;

    while ((rc = ngx_http_webhook_sqlite_step(s, stmt)) == NGX_OK) {

        if (list->rows->nelts == list->limit) {
            list->next = last;
            (void) sqlite3_reset(stmt);
            return NGX_OK;
        }

        last = sqlite3_column_int64(stmt, 0);

        row = ngx_array_push(list->rows);
        if (row == NULL) {
            return NGX_ERROR;
        }

        ngx_memzero(row, size);

        if (handler(stmt, list->op.pool, row) != NGX_OK) {
            return NGX_ERROR;
        }
    }

    return (rc == NGX_DONE) ? NGX_OK : NGX_ERROR;
}


static ngx_int_t
ngx_http_webhook_sqlite_access_row(sqlite3_stmt *stmt, ngx_pool_t *pool,
    void *row)
{
    ngx_http_webhook_access_t *access = row;

    access->id = sqlite3_column_int64(stmt, 0);
    access->company_id = sqlite3_column_int64(stmt, 1);
    access->granted_at = sqlite3_column_int64(stmt, 3);

    if (ngx_http_webhook_sqlite_column(stmt, 2, pool, &access->message)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    return ngx_http_webhook_sqlite_column(stmt, 4, pool,
                                          &access->company_name);
}


/* A company that asks again has more to say. */

static ngx_int_t
ngx_http_webhook_sqlite_access_say(ngx_http_webhook_sqlite_t *s,
    ngx_http_webhook_access_t *access, ngx_str_t *message)
{
    sqlite3_stmt  *stmt;

    access->message = *message;

    stmt = ngx_http_webhook_sqlite_stmt(s,
                                      NGX_HTTP_WEBHOOK_SQL_ACCESS_REQUEST_SAY);

    ngx_http_webhook_sqlite_int(stmt, 1, access->id);
    ngx_http_webhook_sqlite_text(stmt, 2, message);

    return ngx_http_webhook_sqlite_exec(s, stmt);
}


ngx_int_t
ngx_http_webhook_sqlite_access_request(ngx_http_webhook_sqlite_t *s,
    ngx_http_webhook_op_t *op)
{
    ngx_http_webhook_access_op_t *aop = (ngx_http_webhook_access_op_t *) op;

    ngx_int_t                    rc;
    ngx_str_t                    message;
    ngx_uint_t                   found;
    sqlite3_stmt                *stmt;
    ngx_http_webhook_access_t   *access;
    ngx_http_webhook_company_t   company;

    access = &aop->access;
    message = access->message;
    aop->created = 0;

    if (ngx_http_webhook_sqlite_find_company(s, &aop->ref, op->pool, &company,
                                             &found)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (!found) {
        op->status = NGX_HTTP_WEBHOOK_STORE_COMPANY_NOT_FOUND;
        return NGX_OK;
    }

    if (company.enabled) {
        op->status = NGX_HTTP_WEBHOOK_STORE_HAS_ACCESS;
        return NGX_OK;
    }

    stmt = ngx_http_webhook_sqlite_stmt(s,
                                     NGX_HTTP_WEBHOOK_SQL_ACCESS_REQUEST_OPEN);
    ngx_http_webhook_sqlite_int(stmt, 1, company.id);

    rc = ngx_http_webhook_sqlite_step(s, stmt);

    if (rc == NGX_OK) {
        rc = ngx_http_webhook_sqlite_access_row(stmt, op->pool, access);
        (void) sqlite3_reset(stmt);

        return (rc == NGX_OK && message.data)
               ? ngx_http_webhook_sqlite_access_say(s, access, &message) : rc;
    }

    if (rc != NGX_DONE) {
        return NGX_ERROR;
    }

    aop->created = 1;
    access->id = ngx_http_webhook_sqlite_id(s);
    access->company_id = company.id;
    access->company_name = company.name;

    stmt = ngx_http_webhook_sqlite_stmt(s,
                                   NGX_HTTP_WEBHOOK_SQL_ACCESS_REQUEST_INSERT);

    ngx_http_webhook_sqlite_int(stmt, 1, access->id);
    ngx_http_webhook_sqlite_int(stmt, 2, access->company_id);
    ngx_http_webhook_sqlite_text(stmt, 3, &access->message);

    if (ngx_http_webhook_sqlite_exec(s, stmt) != NGX_OK) {
        return NGX_ERROR;
    }

    return ngx_http_webhook_sqlite_tell_access(s, op->pool, access);
}


ngx_int_t
ngx_http_webhook_sqlite_access_list(ngx_http_webhook_sqlite_t *s,
    ngx_http_webhook_op_t *op)
{
    ngx_http_webhook_list_op_t *list = (ngx_http_webhook_list_op_t *) op;

    ngx_int_t               rc;
    sqlite3_stmt           *stmt;
    ngx_http_webhook_id_t   company_id;

    if (list->ref.data) {
        rc = ngx_http_webhook_sqlite_company_for(s, op, &list->ref, 0,
                                                 &company_id);

        if (rc != NGX_OK || company_id == 0) {
            return rc;
        }

        stmt = ngx_http_webhook_sqlite_stmt(s,
                                       NGX_HTTP_WEBHOOK_SQL_ACCESS_REQUEST_OF);
        ngx_http_webhook_sqlite_int(stmt, 3, company_id);

    } else {
        stmt = ngx_http_webhook_sqlite_stmt(s, list->status < 0
                        ? NGX_HTTP_WEBHOOK_SQL_ACCESS_REQUEST_LIST
                        : list->status == 0
                        ? NGX_HTTP_WEBHOOK_SQL_ACCESS_REQUEST_LIST_OPEN
                        : NGX_HTTP_WEBHOOK_SQL_ACCESS_REQUEST_LIST_GRANTED);
    }

    return ngx_http_webhook_sqlite_access_page(s, list, stmt,
                                            sizeof(ngx_http_webhook_access_t),
                                            ngx_http_webhook_sqlite_access_row);
}


ngx_int_t
ngx_http_webhook_sqlite_access_purge(ngx_http_webhook_sqlite_t *s)
{
    return ngx_http_webhook_sqlite_run(s, NGX_HTTP_WEBHOOK_SQL_API_KEY_PURGE,
                                       2, s->now,
                                       NGX_HTTP_WEBHOOK_SQLITE_PURGES, 0);
}
