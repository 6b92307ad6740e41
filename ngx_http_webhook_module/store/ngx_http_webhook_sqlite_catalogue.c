
/*
 * Copyright (C) the ngx_http_webhook_module authors
 */


/*
 * The catalogue of event types.  Who changes its names raises the
 * configuration's generation, in the writing thread, in a transaction of its
 * own: so each worker's next transaction knows them.  The names are few, and
 * loaded as a whole.  Shown by the reading threads.
 */


#include "ngx_http_webhook_sqlite.h"
#include "ngx_http_webhook_json.h"
#include "ngx_http_webhook_name.h"


#define NGX_HTTP_WEBHOOK_SQLITE_PAGE  (1024 * 1024)  /* bytes, about */


static ngx_int_t ngx_http_webhook_sqlite_catalogue_names(
    ngx_http_webhook_sqlite_t *s);
static ngx_int_t ngx_http_webhook_sqlite_catalogue_changed(
    ngx_http_webhook_sqlite_t *s);
static ngx_int_t ngx_http_webhook_sqlite_event_type_find(
    ngx_http_webhook_sqlite_t *s, ngx_http_webhook_event_type_op_t *top,
    ngx_http_webhook_event_type_t *row);
static ngx_int_t ngx_http_webhook_sqlite_event_type_row(sqlite3_stmt *stmt,
    ngx_pool_t *pool, ngx_http_webhook_event_type_t *row);
static ngx_int_t ngx_http_webhook_sqlite_event_type_merge(
    ngx_http_webhook_op_t *op, const char *pointer, ngx_str_t *old,
    ngx_str_t *patch);


void
ngx_http_webhook_sqlite_catalogue_init(ngx_http_webhook_sqlite_t *s)
{
    ngx_rbtree_init(&s->names, &s->names_sentinel,
                    ngx_str_rbtree_insert_value);
    s->nnames = 0;
}


void
ngx_http_webhook_sqlite_catalogue_free(ngx_http_webhook_sqlite_t *s)
{
    if (s->names_pool) {
        ngx_destroy_pool(s->names_pool);
        s->names_pool = NULL;
    }

    ngx_http_webhook_sqlite_catalogue_init(s);
}


ngx_int_t
ngx_http_webhook_sqlite_catalogue_load(ngx_http_webhook_sqlite_t *s)
{
    int64_t        changed;
    sqlite3_stmt  *stmt;

    stmt = ngx_http_webhook_sqlite_stmt(s, NGX_HTTP_WEBHOOK_SQL_CATALOGUE_GET);

    if (ngx_http_webhook_sqlite_step(s, stmt) != NGX_OK) {
        return NGX_ERROR;
    }

    changed = sqlite3_column_int64(stmt, 0);

    (void) sqlite3_reset(stmt);

    if (changed <= s->snapshot) {
        return NGX_OK;
    }

    ngx_http_webhook_sqlite_catalogue_free(s);

    s->names_pool = ngx_create_pool(4096, s->conf->log);

    return s->names_pool ? ngx_http_webhook_sqlite_catalogue_names(s)
                         : NGX_ERROR;
}


static ngx_int_t
ngx_http_webhook_sqlite_catalogue_names(ngx_http_webhook_sqlite_t *s)
{
    ngx_int_t        rc;
    sqlite3_stmt    *stmt;
    ngx_str_node_t  *sn;

    stmt = ngx_http_webhook_sqlite_stmt(s,
                                        NGX_HTTP_WEBHOOK_SQL_EVENT_TYPE_NAMES);

    while ((rc = ngx_http_webhook_sqlite_step(s, stmt)) == NGX_OK) {

        sn = ngx_pcalloc(s->names_pool, sizeof(ngx_str_node_t));

        if (sn == NULL
            || ngx_http_webhook_sqlite_column(stmt, 0, s->names_pool, &sn->str)
               != NGX_OK)
        {
            return NGX_ERROR;
        }

        sn->node.key = ngx_crc32_short(sn->str.data, sn->str.len);
        ngx_rbtree_insert(&s->names, &sn->node);
        s->nnames++;
    }

    return (rc == NGX_DONE) ? NGX_OK : NGX_ERROR;
}


ngx_uint_t
ngx_http_webhook_sqlite_event_known(ngx_http_webhook_sqlite_t *s,
    ngx_str_t *event)
{
    return !s->conf->strict
           || ngx_str_rbtree_lookup(&s->names, event,
                                    ngx_crc32_short(event->data, event->len))
              != NULL;
}


/* NGX_DECLINED where a subscription takes no event that may come in. */

static ngx_int_t
ngx_http_webhook_sqlite_subscription_known(ngx_http_webhook_sqlite_t *s,
    ngx_str_t *event)
{
    u_char         text[NGX_HTTP_WEBHOOK_MAX_EVENT + 2];
    ngx_int_t      rc;
    ngx_str_t      from, to;
    sqlite3_stmt  *stmt;

    if (event->data[event->len - 1] != '*') {
        return (ngx_http_webhook_event_reserved(event)
                || ngx_http_webhook_sqlite_event_known(s, event))
               ? NGX_OK : NGX_DECLINED;
    }

    if (event->len == 1 || ngx_http_webhook_event_reserved(event)) {
        return NGX_OK;                       /* all, or the module's own */
    }

    /* "a.*": a name between "a." and "a/", the next byte */

    from.data = event->data;
    from.len = event->len - 1;

    to.data = text;
    to.len = from.len;
    ngx_memcpy(text, from.data, from.len);
    text[to.len - 1]++;

    stmt = ngx_http_webhook_sqlite_stmt(s,
                                        NGX_HTTP_WEBHOOK_SQL_EVENT_TYPE_BELOW);

    ngx_http_webhook_sqlite_text(stmt, 1, &from);
    ngx_http_webhook_sqlite_text(stmt, 2, &to);

    rc = ngx_http_webhook_sqlite_step(s, stmt);

    if (rc == NGX_OK) {
        (void) sqlite3_reset(stmt);
    }

    return (rc == NGX_DONE) ? NGX_DECLINED : rc;
}


ngx_int_t
ngx_http_webhook_sqlite_subscriptions_known(ngx_http_webhook_sqlite_t *s,
    ngx_http_webhook_op_t *op, ngx_http_webhook_webhook_t *webhook)
{
    u_char      *p;
    ngx_int_t    rc;
    ngx_uint_t   i;

    for (i = 0; s->conf->strict && i < webhook->nevents; i++) {

        rc = ngx_http_webhook_sqlite_subscription_known(s,
                                                        &webhook->events[i]);
        if (rc == NGX_OK) {
            continue;
        }

        p = ngx_pnalloc(op->pool, sizeof("/events/") + NGX_INT_T_LEN);

        if (rc == NGX_ERROR || p == NULL) {
            return NGX_ERROR;
        }

        op->status = NGX_HTTP_WEBHOOK_STORE_INVALID;
        op->refused.pointer.data = p;
        op->refused.pointer.len = ngx_sprintf(p, "/events/%ui", i) - p;
        op->refused.code = "unknown_event";
        op->refused.detail = "The subscription takes no event of the "
                             "catalogue";

        return NGX_OK;
    }

    return NGX_OK;
}


/* Its names did: this transaction is the first that sees it. */

static ngx_int_t
ngx_http_webhook_sqlite_catalogue_changed(ngx_http_webhook_sqlite_t *s)
{
    return ngx_http_webhook_sqlite_run(s, NGX_HTTP_WEBHOOK_SQL_CATALOGUE_SET,
                                       1, ++s->generation, 0, 0);
}


ngx_int_t
ngx_http_webhook_sqlite_event_type_create(ngx_http_webhook_sqlite_t *s,
    ngx_http_webhook_op_t *op)
{
    ngx_http_webhook_event_type_op_t *top =
                                       (ngx_http_webhook_event_type_op_t *) op;

    sqlite3_stmt                   *stmt;
    ngx_http_webhook_event_type_t  *type;

    type = &top->type;

    if (s->nnames >= NGX_HTTP_WEBHOOK_MAX_EVENT_TYPES) {
        op->status = NGX_HTTP_WEBHOOK_STORE_LIMIT;
        return NGX_OK;
    }

    type->created_at = s->now;
    type->updated_at = s->now;

    stmt = ngx_http_webhook_sqlite_stmt(s,
                                       NGX_HTTP_WEBHOOK_SQL_EVENT_TYPE_INSERT);

    ngx_http_webhook_sqlite_text(stmt, 1, &type->name);
    ngx_http_webhook_sqlite_text(stmt, 2, &type->description);
    ngx_http_webhook_sqlite_blob(stmt, 3, &type->example);
    ngx_http_webhook_sqlite_blob(stmt, 4, &type->schema);
    ngx_http_webhook_sqlite_int(stmt, 5, s->now);

    if (ngx_http_webhook_sqlite_exec(s, stmt) != NGX_OK) {
        return NGX_ERROR;
    }

    if (sqlite3_changes(s->db) == 0) {
        op->status = NGX_HTTP_WEBHOOK_STORE_NAME_TAKEN;
        return NGX_OK;
    }

    return ngx_http_webhook_sqlite_catalogue_changed(s);
}


/* row->name is null where there is no such type: op->status is set. */

static ngx_int_t
ngx_http_webhook_sqlite_event_type_find(ngx_http_webhook_sqlite_t *s,
    ngx_http_webhook_event_type_op_t *top, ngx_http_webhook_event_type_t *row)
{
    ngx_int_t      rc;
    sqlite3_stmt  *stmt;

    ngx_str_null(&row->name);

    stmt = ngx_http_webhook_sqlite_stmt(s,
                                        NGX_HTTP_WEBHOOK_SQL_EVENT_TYPE_GET);
    ngx_http_webhook_sqlite_text(stmt, 1, &top->type.name);

    rc = ngx_http_webhook_sqlite_step(s, stmt);

    if (rc == NGX_DONE) {
        top->op.status = NGX_HTTP_WEBHOOK_STORE_NOT_FOUND;
        return NGX_OK;
    }

    if (rc == NGX_OK) {
        rc = ngx_http_webhook_sqlite_event_type_row(stmt, top->op.pool, row);
        (void) sqlite3_reset(stmt);
    }

    return rc;
}


static ngx_int_t
ngx_http_webhook_sqlite_event_type_row(sqlite3_stmt *stmt, ngx_pool_t *pool,
    ngx_http_webhook_event_type_t *row)
{
    if (ngx_http_webhook_sqlite_column(stmt, 0, pool, &row->name) != NGX_OK
        || ngx_http_webhook_sqlite_column(stmt, 1, pool, &row->description)
           != NGX_OK
        || ngx_http_webhook_sqlite_column(stmt, 2, pool, &row->example)
           != NGX_OK
        || ngx_http_webhook_sqlite_column(stmt, 3, pool, &row->schema)
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    row->created_at = sqlite3_column_int64(stmt, 4);
    row->updated_at = sqlite3_column_int64(stmt, 5);

    return NGX_OK;
}


ngx_int_t
ngx_http_webhook_sqlite_event_type_update(ngx_http_webhook_sqlite_t *s,
    ngx_http_webhook_op_t *op)
{
    ngx_http_webhook_event_type_op_t *top =
                                       (ngx_http_webhook_event_type_op_t *) op;

    sqlite3_stmt                   *stmt;
    ngx_http_webhook_event_type_t   row;

    if (ngx_http_webhook_sqlite_event_type_find(s, top, &row) != NGX_OK) {
        return NGX_ERROR;
    }

    if (row.name.data == NULL) {
        return NGX_OK;
    }

    if (top->set_description) {
        row.description = top->type.description;
    }

    if ((top->set_example
         && ngx_http_webhook_sqlite_event_type_merge(op, "/example",
                                                     &row.example,
                                                     &top->type.example)
            != NGX_OK)
        || (top->set_schema
            && ngx_http_webhook_sqlite_event_type_merge(op, "/schema",
                                                        &row.schema,
                                                        &top->type.schema)
               != NGX_OK))
    {
        return NGX_ERROR;
    }

    if (op->status != NGX_HTTP_WEBHOOK_STORE_OK) {
        return NGX_OK;
    }

    row.updated_at = s->now;

    stmt = ngx_http_webhook_sqlite_stmt(s,
                                       NGX_HTTP_WEBHOOK_SQL_EVENT_TYPE_UPDATE);

    ngx_http_webhook_sqlite_text(stmt, 1, &row.name);
    ngx_http_webhook_sqlite_text(stmt, 2, &row.description);
    ngx_http_webhook_sqlite_blob(stmt, 3, &row.example);
    ngx_http_webhook_sqlite_blob(stmt, 4, &row.schema);
    ngx_http_webhook_sqlite_int(stmt, 5, row.updated_at);

    top->type = row;

    return ngx_http_webhook_sqlite_exec(s, stmt);
}


static ngx_int_t
ngx_http_webhook_sqlite_event_type_merge(ngx_http_webhook_op_t *op,
    const char *pointer, ngx_str_t *old, ngx_str_t *patch)
{
    ngx_int_t   rc;
    ngx_str_t   merged;

    if (patch->data == NULL) {
        ngx_str_null(old);
        return NGX_OK;
    }

    rc = ngx_http_webhook_json_merge(op->pool, old, patch, &merged);

    if (rc == NGX_OK && merged.len <= NGX_HTTP_WEBHOOK_MAX_EXAMPLE) {
        *old = merged;
        return NGX_OK;
    }

    if (rc == NGX_ERROR) {
        return NGX_ERROR;
    }

    op->status = NGX_HTTP_WEBHOOK_STORE_INVALID;
    op->refused.pointer.data = (u_char *) pointer;
    op->refused.pointer.len = ngx_strlen(pointer);
    op->refused.code = "invalid_value";
    op->refused.detail = (rc == NGX_OK)
                         ? "The member would be over 32k with what is there"
                         : "The member is nested too deep to be merged";

    return NGX_OK;
}


ngx_int_t
ngx_http_webhook_sqlite_event_type_delete(ngx_http_webhook_sqlite_t *s,
    ngx_http_webhook_op_t *op)
{
    ngx_http_webhook_event_type_op_t *top =
                                       (ngx_http_webhook_event_type_op_t *) op;

    sqlite3_stmt  *stmt;

    stmt = ngx_http_webhook_sqlite_stmt(s,
                                       NGX_HTTP_WEBHOOK_SQL_EVENT_TYPE_DELETE);
    ngx_http_webhook_sqlite_text(stmt, 1, &top->type.name);

    if (ngx_http_webhook_sqlite_exec(s, stmt) != NGX_OK) {
        return NGX_ERROR;
    }

    if (sqlite3_changes(s->db) == 0) {
        op->status = NGX_HTTP_WEBHOOK_STORE_NOT_FOUND;
        return NGX_OK;
    }

    return ngx_http_webhook_sqlite_catalogue_changed(s);
}


ngx_int_t
ngx_http_webhook_sqlite_event_type_get(ngx_http_webhook_sqlite_t *s,
    ngx_http_webhook_op_t *op)
{
    ngx_http_webhook_event_type_op_t *top =
                                       (ngx_http_webhook_event_type_op_t *) op;

    ngx_http_webhook_event_type_t  row;

    if (ngx_http_webhook_sqlite_event_type_find(s, top, &row) != NGX_OK) {
        return NGX_ERROR;
    }

    if (row.name.data) {
        top->type = row;
    }

    return NGX_OK;
}


/* A page ends before its limit where it has grown large. */

ngx_int_t
ngx_http_webhook_sqlite_event_type_list(ngx_http_webhook_sqlite_t *s,
    ngx_http_webhook_op_t *op)
{
    ngx_http_webhook_event_type_list_op_t *list =
                                  (ngx_http_webhook_event_type_list_op_t *) op;

    size_t                          size;
    ngx_int_t                       rc;
    sqlite3_stmt                   *stmt;
    ngx_http_webhook_event_type_t  *row;

    list->rows = ngx_array_create(op->pool, list->limit,
                                  sizeof(ngx_http_webhook_event_type_t));
    if (list->rows == NULL) {
        return NGX_ERROR;
    }

    stmt = ngx_http_webhook_sqlite_stmt(s,
                                        NGX_HTTP_WEBHOOK_SQL_EVENT_TYPE_LIST);

    ngx_http_webhook_sqlite_text(stmt, 1, &list->cursor);
    ngx_http_webhook_sqlite_int(stmt, 2, list->limit + 1);

    size = 0;
    row = NULL;

    while ((rc = ngx_http_webhook_sqlite_step(s, stmt)) == NGX_OK) {

        if (list->rows->nelts == list->limit
            || size > NGX_HTTP_WEBHOOK_SQLITE_PAGE)
        {
            list->next = row->name;
            (void) sqlite3_reset(stmt);
            return NGX_OK;
        }

        row = ngx_array_push(list->rows);

        if (row == NULL
            || ngx_http_webhook_sqlite_event_type_row(stmt, op->pool, row)
               != NGX_OK)
        {
            return NGX_ERROR;
        }

        size += row->example.len + row->schema.len;
    }

    return (rc == NGX_DONE) ? NGX_OK : NGX_ERROR;
}
