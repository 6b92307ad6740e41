
/*
 * Copyright (C) the ngx_http_webhook_module authors
 */


/*
 * Internals of statistics: what is being counted (sqlite_stats.c), and the
 * names of events (sqlite_names.c).  All of it runs in a reading thread and
 * lives in the operation's pool.
 */


#ifndef _NGX_HTTP_WEBHOOK_SQLITE_STATS_H_INCLUDED_
#define _NGX_HTTP_WEBHOOK_SQLITE_STATS_H_INCLUDED_


#include "ngx_http_webhook_sqlite.h"


/* A name of events, found by itself and by its number in the index. */

typedef struct {
    ngx_str_node_t                   node;
    ngx_http_webhook_counts_t        counts;
} ngx_http_webhook_sqlite_name_t;


typedef struct {
    ngx_rbtree_node_t                node;
    ngx_http_webhook_sqlite_name_t  *name;
} ngx_http_webhook_sqlite_name_id_t;


typedef struct {
    ngx_http_webhook_sqlite_t       *s;
    ngx_http_webhook_stats_op_t     *op;
    ngx_http_webhook_id_t            company_id;
    ngx_http_webhook_id_t            from;       /* what came later, */
    ngx_http_webhook_id_t            to;         /* and is counted */
    ngx_uint_t                       n;          /* buckets */
    ngx_http_webhook_series_t       *series;     /* of the next rows */
    ngx_rbtree_t                     names;
    ngx_rbtree_t                     ids;
    ngx_rbtree_node_t                names_sentinel;
    ngx_rbtree_node_t                ids_sentinel;
    ngx_array_t                      all;        /* of ..._name_t * */
    ngx_http_webhook_sqlite_name_t   others;
} ngx_http_webhook_sqlite_stats_t;


/* sqlite_names.c */

ngx_int_t ngx_http_webhook_sqlite_names_init(
    ngx_http_webhook_sqlite_stats_t *c);

/*
 * Finds or adds a name, by its text, which is copied, or by its number in the
 * index; beyond so many it is one of the others.  NULL on errors.
 */
ngx_http_webhook_sqlite_name_t *ngx_http_webhook_sqlite_names_find(
    ngx_http_webhook_sqlite_stats_t *c, ngx_str_t *text);
ngx_http_webhook_sqlite_name_t *ngx_http_webhook_sqlite_names_id(
    ngx_http_webhook_sqlite_stats_t *c, int64_t id);

/* Gives the most frequent ones, and behind them all the others as one. */
ngx_int_t ngx_http_webhook_sqlite_names_sort(
    ngx_http_webhook_sqlite_stats_t *c);


#endif /* _NGX_HTTP_WEBHOOK_SQLITE_STATS_H_INCLUDED_ */
