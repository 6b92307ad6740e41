
/*
 * Copyright (C) the ngx_http_webhook_module authors
 */


/*
 * The keys that this worker knows, on the event loop.
 *
 * What is known was read from the store in a generation of the configuration,
 * and is true as long as all workers are told of no later one: so a key that
 * was revoked is good nowhere any more when that is answered.  A new key needs
 * no generation, for nobody has had it before.
 *
 * The memory is a fixed one.  A key has the choice of few places, by its
 * digest; where they are taken, the one that was used least lately gives way.
 * Keys that there are not have places of their own, fewer: who tries keys at
 * random pushes out nothing but their like.
 */


#include "ngx_http_webhook_known.h"
#include "ngx_http_webhook_name.h"

#include <openssl/crypto.h>


#define NGX_HTTP_WEBHOOK_KNOWN_SETS  512      /* powers of two */
#define NGX_HTTP_WEBHOOK_KNOWN_WAYS  4
#define NGX_HTTP_WEBHOOK_KNOWN_NONE  256


typedef struct {
    u_char                           digest[NGX_HTTP_WEBHOOK_KEY_LEN];
    int64_t                          generation;    /* 0: it is free */
    uint64_t                         used;
    ngx_http_webhook_principal_t     principal;
} ngx_http_webhook_known_key_t;


typedef struct {
    u_char                           digest[NGX_HTTP_WEBHOOK_KEY_LEN];
    int64_t                          generation;
} ngx_http_webhook_known_none_t;


struct ngx_http_webhook_known_s {
    ngx_http_webhook_store_t        *store;
    ngx_log_t                       *log;
    uint64_t                         uses;
    ngx_rbtree_t                     lookups;       /* by digest */
    ngx_rbtree_node_t                sentinel;
    ngx_http_webhook_known_key_t     keys[NGX_HTTP_WEBHOOK_KNOWN_SETS]
                                         [NGX_HTTP_WEBHOOK_KNOWN_WAYS];
    ngx_http_webhook_known_none_t    none[NGX_HTTP_WEBHOOK_KNOWN_NONE];
};


/* A key that the store is asked for, in the operation's pool. */

typedef struct {
    ngx_http_webhook_key_op_t        find;
    ngx_str_node_t                   node;
    ngx_queue_t                      waits;
    ngx_http_webhook_known_t        *known;
} ngx_http_webhook_known_lookup_t;


static void ngx_http_webhook_known_done(ngx_http_webhook_op_t *op);
static void ngx_http_webhook_known_keep(ngx_http_webhook_known_t *known,
    ngx_http_webhook_key_op_t *find, ngx_http_webhook_principal_t *principal);
static void ngx_http_webhook_known_keep_none(ngx_http_webhook_known_t *known,
    ngx_http_webhook_key_op_t *find);


/* A digest is as random as a hash can be: any of its bytes will do. */

#define ngx_http_webhook_known_hash(digest)                                   \
    ((uint32_t) (digest)[0] | (uint32_t) (digest)[1] << 8                     \
     | (uint32_t) (digest)[2] << 16 | (uint32_t) (digest)[3] << 24)

#define ngx_http_webhook_known_set(known, digest)                             \
    (known)->keys[ngx_http_webhook_known_hash(digest)                         \
                  & (NGX_HTTP_WEBHOOK_KNOWN_SETS - 1)]

#define ngx_http_webhook_known_no(known, digest)                              \
    &(known)->none[ngx_http_webhook_known_hash(digest)                        \
                   & (NGX_HTTP_WEBHOOK_KNOWN_NONE - 1)]


ngx_http_webhook_known_t *
ngx_http_webhook_known_create(ngx_http_webhook_store_t *store,
    ngx_cycle_t *cycle)
{
    ngx_http_webhook_known_t  *known;

    known = ngx_pcalloc(cycle->pool, sizeof(ngx_http_webhook_known_t));
    if (known == NULL) {
        return NULL;
    }

    known->store = store;
    known->log = cycle->log;

    ngx_rbtree_init(&known->lookups, &known->sentinel,
                    ngx_str_rbtree_insert_value);

    return known;
}


ngx_int_t
ngx_http_webhook_known_find(ngx_http_webhook_known_t *known, u_char *digest,
    ngx_http_webhook_principal_t *principal)
{
    int64_t                         generation;
    ngx_uint_t                      i;
    ngx_http_webhook_known_key_t   *key;
    ngx_http_webhook_known_none_t  *none;

    generation = ngx_http_webhook_store_generation(known->store);

    if (generation == 0) {
        return NGX_AGAIN;
    }

    key = ngx_http_webhook_known_set(known, digest);

    for (i = 0; i < NGX_HTTP_WEBHOOK_KNOWN_WAYS; i++, key++) {

        if (key->generation >= generation
            && CRYPTO_memcmp(key->digest, digest, NGX_HTTP_WEBHOOK_KEY_LEN)
               == 0)
        {
            key->used = ++known->uses;
            *principal = key->principal;
            return NGX_OK;
        }
    }

    none = ngx_http_webhook_known_no(known, digest);

    if (none->generation >= generation
        && CRYPTO_memcmp(none->digest, digest, NGX_HTTP_WEBHOOK_KEY_LEN) == 0)
    {
        return NGX_DECLINED;
    }

    return NGX_AGAIN;
}


ngx_int_t
ngx_http_webhook_known_look(ngx_http_webhook_known_t *known, u_char *digest,
    ngx_http_webhook_known_wait_t *wait)
{
    uint32_t                          hash;
    ngx_str_t                         text;
    ngx_pool_t                       *pool;
    ngx_str_node_t                   *sn;
    ngx_http_webhook_known_lookup_t  *lookup;

    text.data = digest;
    text.len = NGX_HTTP_WEBHOOK_KEY_LEN;

    hash = ngx_http_webhook_known_hash(digest);

    sn = ngx_str_rbtree_lookup(&known->lookups, &text, hash);

    if (sn) {
        lookup = (ngx_http_webhook_known_lookup_t *)
                     ((u_char *) sn
                      - offsetof(ngx_http_webhook_known_lookup_t, node));

        ngx_queue_insert_tail(&lookup->waits, &wait->queue);
        return NGX_OK;
    }

    pool = ngx_create_pool(1024, known->log);
    if (pool == NULL) {
        return NGX_ERROR;
    }

    lookup = ngx_pcalloc(pool, sizeof(ngx_http_webhook_known_lookup_t));
    if (lookup == NULL) {
        ngx_destroy_pool(pool);
        return NGX_ERROR;
    }

    lookup->known = known;
    lookup->find.op.type = NGX_HTTP_WEBHOOK_OP_KEY_FIND;
    lookup->find.op.pool = pool;
    lookup->find.op.handler = ngx_http_webhook_known_done;

    ngx_memcpy(lookup->find.digest, digest, NGX_HTTP_WEBHOOK_KEY_LEN);

    lookup->node.str.data = lookup->find.digest;
    lookup->node.str.len = NGX_HTTP_WEBHOOK_KEY_LEN;
    lookup->node.node.key = hash;

    ngx_rbtree_insert(&known->lookups, &lookup->node.node);

    ngx_queue_init(&lookup->waits);
    ngx_queue_insert_tail(&lookup->waits, &wait->queue);

    ngx_http_webhook_store_post(known->store, &lookup->find.op);

    return NGX_OK;
}


static void
ngx_http_webhook_known_done(ngx_http_webhook_op_t *op)
{
    ngx_http_webhook_known_lookup_t *lookup;

    ngx_int_t                       rc;
    ngx_queue_t                    *q;
    ngx_http_webhook_known_t       *known;
    ngx_http_webhook_key_op_t      *find;
    ngx_http_webhook_principal_t    principal;
    ngx_http_webhook_known_wait_t  *wait;

    lookup = (ngx_http_webhook_known_lookup_t *) op;
    known = lookup->known;
    find = &lookup->find;

    if (op->status == NGX_HTTP_WEBHOOK_STORE_OK
        && find->generation < ngx_http_webhook_store_generation(known->store))
    {
        /* not true any more: some who wait came after what has changed */

        ngx_http_webhook_store_post(known->store, op);
        return;
    }

    ngx_rbtree_delete(&known->lookups, &lookup->node.node);

    ngx_memzero(&principal, sizeof(ngx_http_webhook_principal_t));

    if (op->status != NGX_HTTP_WEBHOOK_STORE_OK) {
        rc = NGX_ERROR;

    } else if (find->key.id == 0) {
        rc = NGX_DECLINED;
        ngx_http_webhook_known_keep_none(known, find);

    } else {
        rc = NGX_OK;
        ngx_http_webhook_known_keep(known, find, &principal);
    }

    while (!ngx_queue_empty(&lookup->waits)) {
        q = ngx_queue_head(&lookup->waits);
        ngx_queue_remove(q);

        wait = ngx_queue_data(q, ngx_http_webhook_known_wait_t, queue);
        wait->handler(wait, rc, &principal);
    }

    ngx_destroy_pool(op->pool);
}


static void
ngx_http_webhook_known_keep(ngx_http_webhook_known_t *known,
    ngx_http_webhook_key_op_t *find, ngx_http_webhook_principal_t *principal)
{
    int64_t                        generation;
    ngx_uint_t                     i;
    ngx_http_webhook_known_key_t  *key, *place;

    principal->role = find->key.role;
    principal->key_id = find->key.id;
    principal->company_id = find->key.company_id;
    principal->expires_at = find->key.expires_at;
    principal->enabled = find->enabled;
    principal->uid_len = ngx_min(find->uid.len, NGX_HTTP_WEBHOOK_MAX_UID);

    if (principal->uid_len) {
        ngx_memcpy(principal->uid, find->uid.data, principal->uid_len);
    }

    generation = ngx_http_webhook_store_generation(known->store);

    /* its own place, one that is free, or the one used least lately */

    key = ngx_http_webhook_known_set(known, find->digest);
    place = key;

    for (i = 0; i < NGX_HTTP_WEBHOOK_KNOWN_WAYS; i++, key++) {

        if (ngx_memcmp(key->digest, find->digest, NGX_HTTP_WEBHOOK_KEY_LEN)
            == 0)
        {
            place = key;
            break;
        }

        if (key->generation < generation) {
            key->used = 0;                           /* not true any more */
        }

        if (key->used < place->used) {
            place = key;
        }
    }

    ngx_memcpy(place->digest, find->digest, NGX_HTTP_WEBHOOK_KEY_LEN);

    place->generation = find->generation;
    place->used = ++known->uses;
    place->principal = *principal;
}


static void
ngx_http_webhook_known_keep_none(ngx_http_webhook_known_t *known,
    ngx_http_webhook_key_op_t *find)
{
    ngx_http_webhook_known_none_t  *none;

    none = ngx_http_webhook_known_no(known, find->digest);

    ngx_memcpy(none->digest, find->digest, NGX_HTTP_WEBHOOK_KEY_LEN);
    none->generation = find->generation;
}
