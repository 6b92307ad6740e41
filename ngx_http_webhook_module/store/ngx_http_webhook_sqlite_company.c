
/*
 * Copyright (C) the ngx_http_webhook_module authors
 */


/*
 * Companies as the admin API sees them.  What changes them runs in the
 * writing thread, in a transaction of its own, and raises the configuration's
 * generation; the rest in a reading thread.
 */


#include "ngx_http_webhook_sqlite.h"
#include "ngx_http_webhook_name.h"

static ngx_int_t ngx_http_webhook_sqlite_company_row(sqlite3_stmt *stmt,
    ngx_pool_t *pool, ngx_http_webhook_company_t *company);


ngx_int_t
ngx_http_webhook_sqlite_find_company(ngx_http_webhook_sqlite_t *s,
    ngx_str_t *ref, ngx_pool_t *pool, ngx_http_webhook_company_t *company,
    ngx_uint_t *found)
{
    ngx_int_t               rc;
    sqlite3_stmt           *stmt;
    ngx_http_webhook_id_t   id;

    id = ngx_http_webhook_id_read(ref, "co_");

    if (id) {
        stmt = ngx_http_webhook_sqlite_stmt(s,
                                          NGX_HTTP_WEBHOOK_SQL_COMPANY_BY_ID);
        ngx_http_webhook_sqlite_int(stmt, 1, id);

    } else {
        stmt = ngx_http_webhook_sqlite_stmt(s,
                                          NGX_HTTP_WEBHOOK_SQL_COMPANY_BY_UID);
        ngx_http_webhook_sqlite_text(stmt, 1, ref);
    }

    rc = ngx_http_webhook_sqlite_step(s, stmt);

    *found = (rc == NGX_OK);

    if (rc == NGX_OK) {
        rc = ngx_http_webhook_sqlite_company_row(stmt, pool, company);
        (void) sqlite3_reset(stmt);
        return rc;
    }

    return (rc == NGX_DONE) ? NGX_OK : NGX_ERROR;
}


static ngx_int_t
ngx_http_webhook_sqlite_company_row(sqlite3_stmt *stmt, ngx_pool_t *pool,
    ngx_http_webhook_company_t *company)
{
    company->id = sqlite3_column_int64(stmt, 0);
    company->enabled = (sqlite3_column_int(stmt, 3) != 0);
    company->updated_at = sqlite3_column_int64(stmt, 4);

    if (ngx_http_webhook_sqlite_column(stmt, 1, pool, &company->uid) != NGX_OK)
    {
        return NGX_ERROR;
    }

    return ngx_http_webhook_sqlite_column(stmt, 2, pool, &company->name);
}


ngx_int_t
ngx_http_webhook_sqlite_company_for(ngx_http_webhook_sqlite_t *s,
    ngx_http_webhook_op_t *op, ngx_str_t *ref, ngx_uint_t access,
    ngx_http_webhook_id_t *id)
{
    ngx_uint_t                  found;
    ngx_http_webhook_company_t  company;

    *id = 0;

    if (ngx_http_webhook_sqlite_find_company(s, ref, op->pool, &company,
                                             &found)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (!found) {
        op->status = NGX_HTTP_WEBHOOK_STORE_COMPANY_NOT_FOUND;

    } else if (access && !company.enabled) {
        op->status = NGX_HTTP_WEBHOOK_STORE_NO_ACCESS;

    } else {
        *id = company.id;
    }

    return NGX_OK;
}


ngx_int_t
ngx_http_webhook_sqlite_company_create(ngx_http_webhook_sqlite_t *s,
    ngx_http_webhook_op_t *op)
{
    ngx_http_webhook_company_op_t *cop = (ngx_http_webhook_company_op_t *) op;

    ngx_uint_t                   found;
    sqlite3_stmt                *stmt;
    ngx_http_webhook_company_t  *company, other;

    company = &cop->company;

    if (company->uid.data) {
        if (ngx_http_webhook_sqlite_find_company(s, &company->uid, op->pool,
                                                 &other, &found)
            != NGX_OK)
        {
            return NGX_ERROR;
        }

        if (found) {
            op->status = NGX_HTTP_WEBHOOK_STORE_UID_TAKEN;
            return NGX_OK;
        }
    }

    company->id = ngx_http_webhook_sqlite_id(s);
    company->updated_at = s->now;

    stmt = ngx_http_webhook_sqlite_stmt(s,
                                        NGX_HTTP_WEBHOOK_SQL_COMPANY_INSERT);

    ngx_http_webhook_sqlite_int(stmt, 1, company->id);
    ngx_http_webhook_sqlite_text(stmt, 2, &company->uid);
    ngx_http_webhook_sqlite_text(stmt, 3, &company->name);
    ngx_http_webhook_sqlite_int(stmt, 4, company->enabled);
    ngx_http_webhook_sqlite_int(stmt, 5, company->updated_at);
    ngx_http_webhook_sqlite_int(stmt, 6, ++s->generation);

    return ngx_http_webhook_sqlite_exec(s, stmt);
}


ngx_int_t
ngx_http_webhook_sqlite_company_update(ngx_http_webhook_sqlite_t *s,
    ngx_http_webhook_op_t *op)
{
    ngx_http_webhook_company_op_t *cop = (ngx_http_webhook_company_op_t *) op;

    ngx_uint_t                   found, opened;
    sqlite3_stmt                *stmt;
    ngx_http_webhook_company_t   row, other, *company;

    company = &cop->company;

    if (ngx_http_webhook_sqlite_find_company(s, &cop->ref, op->pool, &row,
                                             &found)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (!found) {
        op->status = NGX_HTTP_WEBHOOK_STORE_COMPANY_NOT_FOUND;
        return NGX_OK;
    }

    if (cop->set_uid && company->uid.data) {
        if (ngx_http_webhook_sqlite_find_company(s, &company->uid, op->pool,
                                                 &other, &found)
            != NGX_OK)
        {
            return NGX_ERROR;
        }

        if (found && other.id != row.id) {
            op->status = NGX_HTTP_WEBHOOK_STORE_UID_TAKEN;
            return NGX_OK;
        }
    }

    opened = cop->set_enabled && company->enabled && !row.enabled;

    row.uid = cop->set_uid ? company->uid : row.uid;
    row.name = cop->set_name ? company->name : row.name;
    row.enabled = cop->set_enabled ? company->enabled : row.enabled;
    row.updated_at = s->now;

    stmt = ngx_http_webhook_sqlite_stmt(s,
                                        NGX_HTTP_WEBHOOK_SQL_COMPANY_UPDATE);

    ngx_http_webhook_sqlite_int(stmt, 1, row.id);
    ngx_http_webhook_sqlite_text(stmt, 2, &row.uid);
    ngx_http_webhook_sqlite_text(stmt, 3, &row.name);
    ngx_http_webhook_sqlite_int(stmt, 4, row.enabled);
    ngx_http_webhook_sqlite_int(stmt, 5, row.updated_at);
    ngx_http_webhook_sqlite_int(stmt, 6, ++s->generation);

    if (ngx_http_webhook_sqlite_exec(s, stmt) != NGX_OK) {
        return NGX_ERROR;
    }

    *company = row;

    if (!opened) {
        return NGX_OK;
    }

    if (ngx_http_webhook_sqlite_run(s,
                                    NGX_HTTP_WEBHOOK_SQL_ACCESS_REQUEST_GRANT,
                                    2, row.id, s->now, 0)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    stmt = ngx_http_webhook_sqlite_stmt(s, NGX_HTTP_WEBHOOK_SQL_COMPANY_QUEUE);

    ngx_http_webhook_sqlite_int(stmt, 1, row.id);
    ngx_http_webhook_sqlite_int(stmt, 2, s->now);

    return ngx_http_webhook_sqlite_exec(s, stmt);
}


ngx_int_t
ngx_http_webhook_sqlite_company_get(ngx_http_webhook_sqlite_t *s,
    ngx_http_webhook_op_t *op)
{
    ngx_http_webhook_company_op_t *cop = (ngx_http_webhook_company_op_t *) op;

    ngx_uint_t  found;

    if (ngx_http_webhook_sqlite_find_company(s, &cop->ref, op->pool,
                                             &cop->company, &found)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (!found) {
        op->status = NGX_HTTP_WEBHOOK_STORE_COMPANY_NOT_FOUND;
    }

    return NGX_OK;
}


ngx_int_t
ngx_http_webhook_sqlite_company_list(ngx_http_webhook_sqlite_t *s,
    ngx_http_webhook_op_t *op)
{
    ngx_http_webhook_list_op_t *list = (ngx_http_webhook_list_op_t *) op;

    ngx_int_t                    rc;
    sqlite3_stmt                *stmt;
    ngx_http_webhook_company_t  *company;

    list->rows = ngx_array_create(op->pool, list->limit + 1,
                                  sizeof(ngx_http_webhook_company_t));
    if (list->rows == NULL) {
        return NGX_ERROR;
    }

    stmt = ngx_http_webhook_sqlite_stmt(s, NGX_HTTP_WEBHOOK_SQL_COMPANY_LIST);

    ngx_http_webhook_sqlite_int(stmt, 1,
                                list->cursor ? list->cursor : INT64_MAX);
    ngx_http_webhook_sqlite_int(stmt, 2, list->limit + 1);
    ngx_http_webhook_sqlite_text(stmt, 3, &list->text);

    while ((rc = ngx_http_webhook_sqlite_step(s, stmt)) == NGX_OK) {

        if (list->rows->nelts == list->limit) {
            company = list->rows->elts;
            list->next = company[list->limit - 1].id;
            (void) sqlite3_reset(stmt);
            return NGX_OK;
        }

        company = ngx_array_push(list->rows);
        if (company == NULL
            || ngx_http_webhook_sqlite_company_row(stmt, op->pool, company)
               != NGX_OK)
        {
            return NGX_ERROR;
        }
    }

    return (rc == NGX_DONE) ? NGX_OK : NGX_ERROR;
}
