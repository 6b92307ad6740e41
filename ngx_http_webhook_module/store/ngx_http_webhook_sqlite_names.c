
/*
 * Copyright (C) the ngx_http_webhook_module authors
 */


/*
 * The names of events that statistics tell apart.  Runs in a reading thread.
 */


#include "ngx_http_webhook_sqlite_stats.h"


#define NGX_HTTP_WEBHOOK_NAMES_MOST  10000       /* beyond them: others */


ngx_int_t
ngx_http_webhook_sqlite_names_init(ngx_http_webhook_sqlite_stats_t *c)
{
    ngx_rbtree_init(&c->names, &c->names_sentinel,
                    ngx_str_rbtree_insert_value);
    ngx_rbtree_init(&c->ids, &c->ids_sentinel, ngx_rbtree_insert_value);

    return ngx_array_init(&c->all, c->op->op.pool, 16,
                          sizeof(ngx_http_webhook_sqlite_name_t *));
}


ngx_http_webhook_sqlite_name_t *
ngx_http_webhook_sqlite_names_find(ngx_http_webhook_sqlite_stats_t *c,
    ngx_str_t *text)
{
    uint32_t                          hash;
    ngx_str_node_t                   *node;
    ngx_http_webhook_sqlite_name_t   *name, **p;

    hash = ngx_crc32_long(text->data, text->len);

    node = ngx_str_rbtree_lookup(&c->names, text, hash);

    if (node) {
        return ngx_rbtree_data(&node->node, ngx_http_webhook_sqlite_name_t,
                               node.node);
    }

    if (c->all.nelts == NGX_HTTP_WEBHOOK_NAMES_MOST) {
        return &c->others;
    }

    name = ngx_pcalloc(c->op->op.pool, sizeof(ngx_http_webhook_sqlite_name_t));
    p = ngx_array_push(&c->all);

    if (name == NULL || p == NULL) {
        return NULL;
    }

    name->node.str.len = text->len;
    name->node.str.data = ngx_pstrdup(c->op->op.pool, text);
    if (name->node.str.data == NULL) {
        return NULL;
    }

    name->node.node.key = hash;
    ngx_rbtree_insert(&c->names, &name->node.node);

    *p = name;

    return name;
}


ngx_http_webhook_sqlite_name_t *
ngx_http_webhook_sqlite_names_id(ngx_http_webhook_sqlite_stats_t *c,
    int64_t id)
{
    ngx_str_t                           text;
    sqlite3_stmt                       *stmt;
    ngx_rbtree_node_t                  *node;
    ngx_http_webhook_sqlite_name_t     *name;
    ngx_http_webhook_sqlite_name_id_t  *ni;

    node = c->ids.root;

    while (node != &c->ids_sentinel) {

        if (node->key == (ngx_rbtree_key_t) id) {
            return ((ngx_http_webhook_sqlite_name_id_t *) node)->name;
        }

        node = ((ngx_rbtree_key_t) id < node->key) ? node->left : node->right;
    }

    stmt = ngx_http_webhook_sqlite_stmt(c->s, NGX_HTTP_WEBHOOK_SQL_STATS_NAME);
    ngx_http_webhook_sqlite_int(stmt, 1, id);

    if (ngx_http_webhook_sqlite_step(c->s, stmt) != NGX_OK) {
        return NULL;
    }

    text.data = (u_char *) sqlite3_column_text(stmt, 0);
    text.len = sqlite3_column_bytes(stmt, 0);

    name = ngx_http_webhook_sqlite_names_find(c, &text);

    (void) sqlite3_reset(stmt);

    if (name == NULL || name == &c->others) {
        return name;
    }

    ni = ngx_palloc(c->op->op.pool, sizeof(ngx_http_webhook_sqlite_name_id_t));
    if (ni == NULL) {
        return NULL;
    }

    ni->name = name;
    ni->node.key = (ngx_rbtree_key_t) id;
    ngx_rbtree_insert(&c->ids, &ni->node);

    return name;
}


static int ngx_libc_cdecl
ngx_http_webhook_sqlite_names_compare(const void *one, const void *two)
{
    uint64_t                                a, b;
    ngx_http_webhook_sqlite_name_t * const *first = one;
    ngx_http_webhook_sqlite_name_t * const *second = two;

    a = (*first)->counts.messages + (*first)->counts.events
        + (*first)->counts.attempts;
    b = (*second)->counts.messages + (*second)->counts.events
        + (*second)->counts.attempts;

    return (a < b) - (a > b);
}


ngx_int_t
ngx_http_webhook_sqlite_names_sort(ngx_http_webhook_sqlite_stats_t *c)
{
    ngx_uint_t                        i;
    ngx_http_webhook_named_t         *named;
    ngx_http_webhook_counts_t        *others;
    ngx_http_webhook_sqlite_name_t  **names;

    names = c->all.elts;
    others = &c->others.counts;

    ngx_qsort(names, c->all.nelts, sizeof(ngx_http_webhook_sqlite_name_t *),
              ngx_http_webhook_sqlite_names_compare);

    c->op->names = ngx_array_create(c->op->op.pool,
                                    NGX_HTTP_WEBHOOK_STATS_NAMES + 1,
                                    sizeof(ngx_http_webhook_named_t));
    if (c->op->names == NULL) {
        return NGX_ERROR;
    }

    for (i = 0; i < c->all.nelts; i++) {

        if (i < NGX_HTTP_WEBHOOK_STATS_NAMES) {
            named = ngx_array_push(c->op->names);
            named->name = names[i]->node.str;
            named->counts = names[i]->counts;
            continue;
        }

        others->messages += names[i]->counts.messages;
        others->events += names[i]->counts.events;
        others->attempts += names[i]->counts.attempts;
        others->delivered += names[i]->counts.delivered;
        others->failed += names[i]->counts.failed;
    }

    if (i > NGX_HTTP_WEBHOOK_STATS_NAMES) {
        named = ngx_array_push(c->op->names);
        ngx_str_null(&named->name);
        named->counts = *others;
    }

    return NGX_OK;
}
