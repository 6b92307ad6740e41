
/*
 * Copyright (C) the ngx_http_webhook_module authors
 */


/*
 * A window of the index of lists: each row of the store is read once, and each
 * list gets its rows sorted, so that a page of it is touched once.  A statement
 * for each list would look for the message and the name of each row anew.
 */


#include "ngx_http_webhook_sqlite_window.h"


#define NGX_HTTP_WEBHOOK_WINDOW_POOL  65536
#define NGX_HTTP_WEBHOOK_WINDOW_ROWS  8         /* of a statement */


/* A name of events, and its number in the index. */

typedef struct {
    ngx_str_node_t                   node;
    int64_t                          id;
} ngx_http_webhook_window_name_t;


/* A row of a list. */

typedef struct {
    int64_t                          key[3];
} ngx_http_webhook_window_key_t;


static ngx_int_t ngx_http_webhook_window_init(ngx_http_webhook_window_t *w);
static ngx_int_t ngx_http_webhook_window_fill(ngx_http_webhook_window_t *w);
static sqlite3_stmt *ngx_http_webhook_window_rows(ngx_http_webhook_window_t *w,
    ngx_http_webhook_sql_e name);
static ngx_int_t ngx_http_webhook_window_messages(
    ngx_http_webhook_window_t *w);
static ngx_int_t ngx_http_webhook_window_events(ngx_http_webhook_window_t *w);
static ngx_int_t ngx_http_webhook_window_message_name(
    ngx_http_webhook_window_t *w, ngx_http_webhook_id_t id, int64_t *name_id);
static ngx_int_t ngx_http_webhook_window_attempts(
    ngx_http_webhook_window_t *w);
static ngx_int_t ngx_http_webhook_window_event(ngx_http_webhook_window_t *w,
    ngx_http_webhook_id_t id, ngx_http_webhook_window_event_t *event);
static void *ngx_http_webhook_window_find(ngx_array_t *rows,
    ngx_http_webhook_id_t id);
static ngx_int_t ngx_http_webhook_window_name(ngx_http_webhook_window_t *w,
    sqlite3_stmt *stmt, int column, int64_t *id);
static ngx_int_t ngx_http_webhook_window_name_id(ngx_http_webhook_window_t *w,
    ngx_str_t *text, int64_t *id);
static ngx_int_t ngx_http_webhook_window_message_lists(
    ngx_http_webhook_window_t *w);
static ngx_int_t ngx_http_webhook_window_event_lists(
    ngx_http_webhook_window_t *w);
static ngx_int_t ngx_http_webhook_window_last(ngx_http_webhook_window_t *w);
static ngx_int_t ngx_http_webhook_window_list(ngx_http_webhook_window_t *w,
    ngx_http_webhook_sql_e name, ngx_uint_t columns,
    ngx_http_webhook_window_key_t *rows, ngx_uint_t n);
static int ngx_libc_cdecl ngx_http_webhook_window_compare(const void *one,
    const void *two);


ngx_int_t
ngx_http_webhook_sqlite_window(ngx_http_webhook_sqlite_t *s,
    ngx_http_webhook_id_t from, ngx_http_webhook_id_t to)
{
    ngx_int_t                  rc;
    ngx_http_webhook_window_t  w;

    ngx_memzero(&w, sizeof(w));

    w.s = s;
    w.from = from;
    w.to = to;

    w.pool = ngx_create_pool(NGX_HTTP_WEBHOOK_WINDOW_POOL, s->log);
    if (w.pool == NULL) {
        return NGX_ERROR;
    }

    rc = ngx_http_webhook_window_init(&w);

    if (rc == NGX_OK) {
        rc = ngx_http_webhook_window_fill(&w);
    }

    ngx_destroy_pool(w.pool);

    return rc;
}


static ngx_int_t
ngx_http_webhook_window_init(ngx_http_webhook_window_t *w)
{
    ngx_rbtree_init(&w->names, &w->names_sentinel,
                    ngx_str_rbtree_insert_value);

    /* memory that is not used is none */

    if (ngx_array_init(&w->messages, w->pool, NGX_HTTP_WEBHOOK_INDEX_WINDOW,
                       sizeof(ngx_http_webhook_window_message_t))
            != NGX_OK
        || ngx_array_init(&w->events, w->pool, NGX_HTTP_WEBHOOK_INDEX_WINDOW,
                          sizeof(ngx_http_webhook_window_event_t))
            != NGX_OK)
    {
        return NGX_ERROR;
    }

    return ngx_array_init(&w->attempts, w->pool, NGX_HTTP_WEBHOOK_INDEX_WINDOW,
                          sizeof(ngx_http_webhook_window_attempt_t));
}


/* Events need messages, and attempts need events. */

static ngx_int_t
ngx_http_webhook_window_fill(ngx_http_webhook_window_t *w)
{
    if (ngx_http_webhook_window_messages(w) != NGX_OK
        || ngx_http_webhook_window_events(w) != NGX_OK
        || ngx_http_webhook_window_attempts(w) != NGX_OK
        || ngx_http_webhook_window_message_lists(w) != NGX_OK
        || ngx_http_webhook_window_event_lists(w) != NGX_OK
        || ngx_http_webhook_window_last(w) != NGX_OK)
    {
        return NGX_ERROR;
    }

    return ngx_http_webhook_sqlite_count(w);
}


static sqlite3_stmt *
ngx_http_webhook_window_rows(ngx_http_webhook_window_t *w,
    ngx_http_webhook_sql_e name)
{
    sqlite3_stmt  *stmt;

    stmt = ngx_http_webhook_sqlite_stmt(w->s, name);

    ngx_http_webhook_sqlite_int(stmt, 1, w->from);
    ngx_http_webhook_sqlite_int(stmt, 2, w->to);

    return stmt;
}


static ngx_int_t
ngx_http_webhook_window_messages(ngx_http_webhook_window_t *w)
{
    ngx_int_t                           rc;
    sqlite3_stmt                       *stmt;
    ngx_http_webhook_window_message_t  *message;

    stmt = ngx_http_webhook_window_rows(w,
                                        NGX_HTTP_WEBHOOK_SQL_INDEX_MESSAGES);

    while ((rc = ngx_http_webhook_sqlite_step(w->s, stmt)) == NGX_OK) {

        message = ngx_array_push(&w->messages);
        if (message == NULL) {
            return NGX_ERROR;
        }

        message->id = sqlite3_column_int64(stmt, 0);
        message->company_id = sqlite3_column_int64(stmt, 1);

        if (ngx_http_webhook_window_name(w, stmt, 2, &message->name_id)
            != NGX_OK)
        {
            return NGX_ERROR;
        }
    }

    return (rc == NGX_DONE) ? NGX_OK : NGX_ERROR;
}


static ngx_int_t
ngx_http_webhook_window_events(ngx_http_webhook_window_t *w)
{
    ngx_int_t                         rc;
    sqlite3_stmt                     *stmt;
    ngx_http_webhook_window_event_t  *event;

    stmt = ngx_http_webhook_window_rows(w, NGX_HTTP_WEBHOOK_SQL_INDEX_EVENTS);

    while ((rc = ngx_http_webhook_sqlite_step(w->s, stmt)) == NGX_OK) {

        event = ngx_array_push(&w->events);
        if (event == NULL) {
            return NGX_ERROR;
        }

        event->id = sqlite3_column_int64(stmt, 0);
        event->company_id = sqlite3_column_int64(stmt, 1);
        event->webhook_id = sqlite3_column_int64(stmt, 2);
        event->attempt_id = sqlite3_column_int64(stmt, 3);
        event->status = sqlite3_column_int64(stmt, 4);

        if (ngx_http_webhook_window_message_name(w,
                                                sqlite3_column_int64(stmt, 5),
                                                &event->name_id)
            != NGX_OK)
        {
            return NGX_ERROR;
        }
    }

    return (rc == NGX_DONE) ? NGX_OK : NGX_ERROR;
}


/* A replay's message, and one at the end of the last window, are older. */

static ngx_int_t
ngx_http_webhook_window_message_name(ngx_http_webhook_window_t *w,
    ngx_http_webhook_id_t id, int64_t *name_id)
{
    ngx_int_t                           rc;
    sqlite3_stmt                       *stmt;
    ngx_http_webhook_window_message_t  *message;

    message = ngx_http_webhook_window_find(&w->messages, id);

    if (message) {
        *name_id = message->name_id;
        return NGX_OK;
    }

    *name_id = 0;

    stmt = ngx_http_webhook_sqlite_stmt(w->s,
                                        NGX_HTTP_WEBHOOK_SQL_INDEX_MESSAGE);
    ngx_http_webhook_sqlite_int(stmt, 1, id);

    rc = ngx_http_webhook_sqlite_step(w->s, stmt);

    if (rc == NGX_OK) {
        rc = ngx_http_webhook_window_name(w, stmt, 0, name_id);
        (void) sqlite3_reset(stmt);
    }

    return (rc == NGX_ERROR) ? NGX_ERROR : NGX_OK;
}


static ngx_int_t
ngx_http_webhook_window_attempts(ngx_http_webhook_window_t *w)
{
    ngx_int_t                           rc;
    sqlite3_stmt                       *stmt;
    ngx_http_webhook_window_event_t     event;
    ngx_http_webhook_window_attempt_t  *attempt;

    stmt = ngx_http_webhook_window_rows(w,
                                        NGX_HTTP_WEBHOOK_SQL_INDEX_ATTEMPTS);

    while ((rc = ngx_http_webhook_sqlite_step(w->s, stmt)) == NGX_OK) {

        rc = ngx_http_webhook_window_event(w, sqlite3_column_int64(stmt, 1),
                                           &event);

        if (rc == NGX_DECLINED) {
            continue;
        }

        attempt = (rc == NGX_OK) ? ngx_array_push(&w->attempts) : NULL;
        if (attempt == NULL) {
            return NGX_ERROR;
        }

        attempt->company_id = event.company_id;
        attempt->webhook_id = event.webhook_id;
        attempt->name_id = event.name_id;
        attempt->started_at = sqlite3_column_int64(stmt, 2);
        attempt->status_code = sqlite3_column_int64(stmt, 3);
        attempt->duration = sqlite3_column_int64(stmt, 5);

        attempt->outcome = NGX_HTTP_WEBHOOK_PENDING;

        if (sqlite3_column_int(stmt, 4)) {
            attempt->outcome = NGX_HTTP_WEBHOOK_DELIVERED;

        } else if (event.status == NGX_HTTP_WEBHOOK_FAILED
                   && event.attempt_id == sqlite3_column_int64(stmt, 0))
        {
            attempt->outcome = NGX_HTTP_WEBHOOK_FAILED;
        }
    }

    return (rc == NGX_DONE) ? NGX_OK : NGX_ERROR;
}


/* An attempt's event; NGX_DECLINED where it is gone. */

static ngx_int_t
ngx_http_webhook_window_event(ngx_http_webhook_window_t *w,
    ngx_http_webhook_id_t id, ngx_http_webhook_window_event_t *event)
{
    ngx_int_t                         rc;
    sqlite3_stmt                     *stmt;
    ngx_http_webhook_window_event_t  *found;

    found = ngx_http_webhook_window_find(&w->events, id);

    if (found) {
        *event = *found;
        return NGX_OK;
    }

    stmt = ngx_http_webhook_sqlite_stmt(w->s,
                                        NGX_HTTP_WEBHOOK_SQL_INDEX_EVENT);
    ngx_http_webhook_sqlite_int(stmt, 1, id);

    rc = ngx_http_webhook_sqlite_step(w->s, stmt);

    if (rc != NGX_OK) {
        return (rc == NGX_DONE) ? NGX_DECLINED : NGX_ERROR;
    }

    event->id = id;
    event->company_id = sqlite3_column_int64(stmt, 0);
    event->webhook_id = sqlite3_column_int64(stmt, 1);
    event->attempt_id = sqlite3_column_int64(stmt, 2);
    event->status = sqlite3_column_int64(stmt, 3);

    rc = ngx_http_webhook_window_name(w, stmt, 4, &event->name_id);

    (void) sqlite3_reset(stmt);

    return rc;
}


/* A row, which begins with its identifier. */

static void *
ngx_http_webhook_window_find(ngx_array_t *rows, ngx_http_webhook_id_t id)
{
    u_char                 *row;
    ngx_uint_t              i, first, end;
    ngx_http_webhook_id_t   found;

    first = 0;
    end = rows->nelts;

    while (first < end) {

        i = (first + end) / 2;
        row = (u_char *) rows->elts + i * rows->size;
        found = *(ngx_http_webhook_id_t *) row;

        if (found == id) {
            return row;
        }

        if (found < id) {
            first = i + 1;

        } else {
            end = i;
        }
    }

    return NULL;
}


/* The number of the name in a column; 0 of a NULL. */

static ngx_int_t
ngx_http_webhook_window_name(ngx_http_webhook_window_t *w, sqlite3_stmt *stmt,
    int column, int64_t *id)
{
    uint32_t                         hash;
    ngx_str_t                        text;
    ngx_str_node_t                  *node;
    ngx_http_webhook_window_name_t  *name;

    *id = 0;

    text.data = (u_char *) sqlite3_column_text(stmt, column);
    text.len = sqlite3_column_bytes(stmt, column);

    if (text.data == NULL) {
        return (sqlite3_column_type(stmt, column) == SQLITE_NULL) ? NGX_OK
                                                                  : NGX_ERROR;
    }

    hash = ngx_murmur_hash2(text.data, text.len);

    node = ngx_str_rbtree_lookup(&w->names, &text, hash);

    if (node) {
        name = ngx_rbtree_data(&node->node, ngx_http_webhook_window_name_t,
                               node.node);
        *id = name->id;

        return NGX_OK;
    }

    name = ngx_palloc(w->pool, sizeof(ngx_http_webhook_window_name_t));
    if (name == NULL) {
        return NGX_ERROR;
    }

    name->node.str.len = text.len;
    name->node.str.data = ngx_pstrdup(w->pool, &text);

    if (name->node.str.data == NULL
        || ngx_http_webhook_window_name_id(w, &name->node.str, &name->id)
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    name->node.node.key = hash;
    ngx_rbtree_insert(&w->names, &name->node.node);

    *id = name->id;

    return NGX_OK;
}


static ngx_int_t
ngx_http_webhook_window_name_id(ngx_http_webhook_window_t *w, ngx_str_t *text,
    int64_t *id)
{
    sqlite3_stmt  *stmt;

    stmt = ngx_http_webhook_sqlite_stmt(w->s, NGX_HTTP_WEBHOOK_SQL_INDEX_NAME);
    ngx_http_webhook_sqlite_text(stmt, 1, text);

    if (ngx_http_webhook_sqlite_exec(w->s, stmt) != NGX_OK) {
        return NGX_ERROR;
    }

    stmt = ngx_http_webhook_sqlite_stmt(w->s,
                                        NGX_HTTP_WEBHOOK_SQL_INDEX_NAME_ID);
    ngx_http_webhook_sqlite_text(stmt, 1, text);

    if (ngx_http_webhook_sqlite_step(w->s, stmt) != NGX_OK) {
        return NGX_ERROR;
    }

    *id = sqlite3_column_int64(stmt, 0);

    (void) sqlite3_reset(stmt);

    return NGX_OK;
}


static ngx_int_t
ngx_http_webhook_window_message_lists(ngx_http_webhook_window_t *w)
{
    ngx_uint_t                          i, n;
    ngx_http_webhook_window_key_t      *rows;
    ngx_http_webhook_window_message_t  *message;

    n = w->messages.nelts;
    message = w->messages.elts;

    rows = ngx_palloc(w->pool, n * sizeof(ngx_http_webhook_window_key_t));
    if (rows == NULL) {
        return NGX_ERROR;
    }

    for (i = 0; i < n; i++) {
        rows[i].key[0] = message[i].company_id;
        rows[i].key[1] = message[i].id;
        rows[i].key[2] = 0;
    }

    if (ngx_http_webhook_window_list(w,
                                 NGX_HTTP_WEBHOOK_SQL_INDEX_MESSAGE_BY_COMPANY,
                                 2, rows, n)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    for (i = 0; i < n; i++) {
        rows[i].key[0] = message[i].company_id;
        rows[i].key[1] = message[i].name_id;
        rows[i].key[2] = message[i].id;
    }

    return ngx_http_webhook_window_list(w,
                                    NGX_HTTP_WEBHOOK_SQL_INDEX_MESSAGE_BY_NAME,
                                    3, rows, n);
}


static ngx_int_t
ngx_http_webhook_window_event_lists(ngx_http_webhook_window_t *w)
{
    ngx_uint_t                        i, n, named;
    ngx_http_webhook_window_key_t    *rows;
    ngx_http_webhook_window_event_t  *event;

    n = w->events.nelts;
    event = w->events.elts;

    rows = ngx_palloc(w->pool, n * sizeof(ngx_http_webhook_window_key_t));
    if (rows == NULL) {
        return NGX_ERROR;
    }

    for (i = 0; i < n; i++) {
        rows[i].key[0] = event[i].company_id;
        rows[i].key[1] = event[i].status;
        rows[i].key[2] = event[i].id;
    }

    if (ngx_http_webhook_window_list(w, NGX_HTTP_WEBHOOK_SQL_INDEX_BY_COMPANY,
                                     3, rows, n)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    for (i = 0; i < n; i++) {
        rows[i].key[0] = event[i].webhook_id;
        rows[i].key[1] = event[i].status;
        rows[i].key[2] = event[i].id;
    }

    if (ngx_http_webhook_window_list(w, NGX_HTTP_WEBHOOK_SQL_INDEX_BY_WEBHOOK,
                                     3, rows, n)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    named = 0;

    for (i = 0; i < n; i++) {

        if (event[i].name_id) {
            rows[named].key[0] = event[i].company_id;
            rows[named].key[1] = event[i].name_id;
            rows[named].key[2] = event[i].id;
            named++;
        }
    }

    return ngx_http_webhook_window_list(w, NGX_HTTP_WEBHOOK_SQL_INDEX_BY_NAME,
                                        3, rows, named);
}


/* When the last attempts of each webhook began. */

static ngx_int_t
ngx_http_webhook_window_last(ngx_http_webhook_window_t *w)
{
    ngx_uint_t                          i, n, last, success;
    ngx_http_webhook_window_key_t      *rows;
    ngx_http_webhook_window_attempt_t  *attempt;

    n = w->attempts.nelts;
    attempt = w->attempts.elts;

    rows = ngx_palloc(w->pool, n * sizeof(ngx_http_webhook_window_key_t));
    if (rows == NULL) {
        return NGX_ERROR;
    }

    for (i = 0; i < n; i++) {
        success = (attempt[i].outcome == NGX_HTTP_WEBHOOK_DELIVERED);

        rows[i].key[0] = attempt[i].webhook_id;
        rows[i].key[1] = success ? attempt[i].started_at : 0;
        rows[i].key[2] = success ? 0 : attempt[i].started_at;
    }

    ngx_qsort(rows, n, sizeof(ngx_http_webhook_window_key_t),
              ngx_http_webhook_window_compare);

    if (n == 0) {
        return NGX_OK;
    }

    for (i = 1, last = 0; i < n; i++) {

        if (rows[i].key[0] != rows[last].key[0]) {
            rows[++last] = rows[i];
            continue;
        }

        rows[last].key[1] = ngx_max(rows[last].key[1], rows[i].key[1]);
        rows[last].key[2] = ngx_max(rows[last].key[2], rows[i].key[2]);
    }

    return ngx_http_webhook_window_list(w, NGX_HTTP_WEBHOOK_SQL_INDEX_LAST, 3,
                                        rows, last + 1);
}


/*
 * Writes the rows of a list, sorted, the first "columns" of each key.  To write
 * a row twice is no harm: so the last one fills up what a statement takes.
 */

static ngx_int_t
ngx_http_webhook_window_list(ngx_http_webhook_window_t *w,
    ngx_http_webhook_sql_e name, ngx_uint_t columns,
    ngx_http_webhook_window_key_t *rows, ngx_uint_t n)
{
    ngx_uint_t                      i, k, column;
    sqlite3_stmt                   *stmt;
    ngx_http_webhook_window_key_t  *row;

    ngx_qsort(rows, n, sizeof(ngx_http_webhook_window_key_t),
              ngx_http_webhook_window_compare);

    for (i = 0; i < n; i += NGX_HTTP_WEBHOOK_WINDOW_ROWS) {

        stmt = ngx_http_webhook_sqlite_stmt(w->s, name);

        for (k = 0; k < NGX_HTTP_WEBHOOK_WINDOW_ROWS; k++) {
            row = &rows[ngx_min(i + k, n - 1)];

            for (column = 0; column < columns; column++) {
                ngx_http_webhook_sqlite_int(stmt, k * columns + column + 1,
                                            row->key[column]);
            }
        }

        if (ngx_http_webhook_sqlite_exec(w->s, stmt) != NGX_OK) {
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


static int ngx_libc_cdecl
ngx_http_webhook_window_compare(const void *one, const void *two)
{
    ngx_uint_t                            i;
    const ngx_http_webhook_window_key_t  *first, *second;

    first = one;
    second = two;

    for (i = 0; i < 3; i++) {
        if (first->key[i] != second->key[i]) {
            return (first->key[i] < second->key[i]) ? -1 : 1;
        }
    }

    return 0;
}
