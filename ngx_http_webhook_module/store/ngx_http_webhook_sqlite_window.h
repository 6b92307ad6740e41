
/*
 * Copyright (C) the ngx_http_webhook_module authors
 */


/*
 * Internals of the index of lists: the rows of a window (sqlite_window.c), and
 * what is counted of them (sqlite_count.c).  All of it runs in the thread that
 * fills the index, and lives in the window's pool.
 */


#ifndef _NGX_HTTP_WEBHOOK_SQLITE_WINDOW_H_INCLUDED_
#define _NGX_HTTP_WEBHOOK_SQLITE_WINDOW_H_INCLUDED_


#include "ngx_http_webhook_sqlite.h"


/* "name_id" is 0 where the message is gone. */

typedef struct {
    ngx_http_webhook_id_t            id;
    ngx_http_webhook_id_t            company_id;
    int64_t                          name_id;
} ngx_http_webhook_window_message_t;


typedef struct {
    ngx_http_webhook_id_t            id;
    ngx_http_webhook_id_t            company_id;
    ngx_http_webhook_id_t            webhook_id;
    ngx_http_webhook_id_t            attempt_id; /* the last one */
    int64_t                          name_id;
    int64_t                          status;
} ngx_http_webhook_window_event_t;


typedef struct {
    ngx_http_webhook_id_t            company_id;
    ngx_http_webhook_id_t            webhook_id;
    int64_t                          name_id;
    int64_t                          started_at; /* ms since the epoch */
    int64_t                          status_code;
    int64_t                          outcome;    /* delivered, failed, or 0:
                                                    it is to be repeated */
    int64_t                          duration;   /* us */
} ngx_http_webhook_window_attempt_t;


typedef struct {
    ngx_http_webhook_sqlite_t       *s;
    ngx_pool_t                      *pool;
    ngx_http_webhook_id_t            from;       /* what came later, */
    ngx_http_webhook_id_t            to;         /* up to this */
    ngx_array_t                      messages;   /* by id */
    ngx_array_t                      events;     /* by id */
    ngx_array_t                      attempts;
    ngx_rbtree_t                     names;
    ngx_rbtree_node_t                names_sentinel;
} ngx_http_webhook_window_t;


/* sqlite_window.c */

/*
 * Puts what was committed after "from" and up to "to" into the index, in the
 * transaction that is open.
 */
ngx_int_t ngx_http_webhook_sqlite_window(ngx_http_webhook_sqlite_t *s,
    ngx_http_webhook_id_t from, ngx_http_webhook_id_t to);


/* sqlite_count.c */

/* Adds the rows of a window to the statistics. */
ngx_int_t ngx_http_webhook_sqlite_count(ngx_http_webhook_window_t *w);

/* The class of a duration in us: 2 * log2 of it, rounded down; 0 below 1. */
ngx_uint_t ngx_http_webhook_sqlite_latency(int64_t duration);


#endif /* _NGX_HTTP_WEBHOOK_SQLITE_WINDOW_H_INCLUDED_ */
