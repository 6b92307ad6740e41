
/*
 * Copyright (C) the ngx_http_webhook_module authors
 */


/*
 * The keys of the API that a worker knows: who each stands for, as long as
 * that is true.
 */


#ifndef _NGX_HTTP_WEBHOOK_KNOWN_H_INCLUDED_
#define _NGX_HTTP_WEBHOOK_KNOWN_H_INCLUDED_


#include "ngx_http_webhook_store.h"


/* Who asks. */

typedef struct {
    ngx_http_webhook_role_e           role;
    ngx_http_webhook_id_t             key_id;      /* 0: the root key, or no
                                                      key was asked for */
    ngx_http_webhook_id_t             company_id;  /* 0: bound to none */
    int64_t                           expires_at;  /* ms; 0: never */
    size_t                            uid_len;     /* of the company */
    u_char                            uid[NGX_HTTP_WEBHOOK_MAX_UID];
    unsigned                          enabled:1;   /* the company has access */
    unsigned                          root:1;
} ngx_http_webhook_principal_t;


/*
 * Who waits for a key to be looked up.  It is in "queue" until its handler is
 * called; who leaves before takes it off.
 */

typedef struct ngx_http_webhook_known_wait_s  ngx_http_webhook_known_wait_t;

/*
 * NGX_OK and who the key stands for; NGX_DECLINED where the key is not known,
 * NGX_ERROR where the store is unavailable.
 */
typedef void (*ngx_http_webhook_known_pt)(ngx_http_webhook_known_wait_t *wait,
    ngx_int_t rc, ngx_http_webhook_principal_t *principal);

struct ngx_http_webhook_known_wait_s {
    ngx_queue_t                       queue;
    ngx_http_webhook_known_pt         handler;
    void                             *data;
};


/*
 * Makes what a worker knows, in its memory until it ends: nothing yet.  NULL
 * without memory.
 */
ngx_http_webhook_known_t *ngx_http_webhook_known_create(
    ngx_http_webhook_store_t *store, ngx_cycle_t *cycle);

/*
 * Finds a key by its digest: NGX_OK and a copy of who it stands for, which
 * may have expired; NGX_DECLINED where there is no such key; NGX_AGAIN where
 * only the store can tell.  On the event loop.
 */
ngx_int_t ngx_http_webhook_known_find(ngx_http_webhook_known_t *known,
    u_char *digest, ngx_http_webhook_principal_t *principal);

/*
 * Asks the store, and calls wait->handler, later and from the event loop.
 * Who waits for the same key shares an operation.  NGX_ERROR without memory.
 */
ngx_int_t ngx_http_webhook_known_look(ngx_http_webhook_known_t *known,
    u_char *digest, ngx_http_webhook_known_wait_t *wait);


#endif /* _NGX_HTTP_WEBHOOK_KNOWN_H_INCLUDED_ */
