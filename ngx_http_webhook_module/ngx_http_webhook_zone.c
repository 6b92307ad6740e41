
/*
 * Copyright (C) the ngx_http_webhook_module authors
 */


/*
 * The limits of webhooks that all workers keep together, in shared memory: how
 * many deliveries run, by process, which they are, and when the next one may
 * start.  Only webhooks with a concurrency or a rate of their own have an
 * entry.  And the last events that were cancelled while a worker had them, so
 * that it does not send them.
 *
 * What a process counted ends with it: where a webhook is at its limit, the
 * counts of processes that are gone are forgotten.  Where the memory is full,
 * the entry that was idle for longest makes room.  All functions hold the
 * mutex of the memory for a moment.
 */


#include "ngx_http_webhook_zone.h"

#include <signal.h>


#define NGX_HTTP_WEBHOOK_ZONE_SIZE   (4 * 1024 * 1024)
#define NGX_HTTP_WEBHOOK_ZONE_SLOTS  16          /* processes */
#define NGX_HTTP_WEBHOOK_ZONE_POLL   20          /* ms, for others' ends */
#define NGX_HTTP_WEBHOOK_ZONE_KEPT   1024        /* cancelled events */


typedef struct {
    ngx_pid_t                        pid;
    ngx_uint_t                       n;          /* deliveries that run */
} ngx_http_webhook_zone_slot_t;


typedef struct {
    ngx_rbtree_node_t                node;       /* by id */
    ngx_queue_t                      queue;      /* by the last use */
    int64_t                          next;       /* us, the monotonic clock */
    ngx_http_webhook_zone_slot_t     slots[NGX_HTTP_WEBHOOK_ZONE_SLOTS];
} ngx_http_webhook_zone_entry_t;


/* A delivery that runs and is counted. */

typedef struct {
    ngx_rbtree_node_t                node;       /* by the event's id */
    ngx_pid_t                        pid;
} ngx_http_webhook_zone_delivery_t;


typedef struct {
    ngx_rbtree_t                     entries;
    ngx_rbtree_node_t                sentinel;
    ngx_queue_t                      used;       /* the last one first */
    ngx_rbtree_t                     deliveries;
    ngx_rbtree_node_t                deliveries_sentinel;
    ngx_atomic_t                     ncancelled; /* ever */
    ngx_http_webhook_zone_cancel_t   cancelled[NGX_HTTP_WEBHOOK_ZONE_KEPT];
} ngx_http_webhook_zone_t;


static ngx_int_t ngx_http_webhook_zone_init(ngx_shm_zone_t *shm_zone,
    void *data);
static ngx_rbtree_node_t *ngx_http_webhook_zone_lookup(ngx_rbtree_t *tree,
    ngx_http_webhook_id_t id);
static ngx_http_webhook_zone_entry_t *ngx_http_webhook_zone_find(
    ngx_http_webhook_zone_t *zone, ngx_http_webhook_id_t id);
static void ngx_http_webhook_zone_forget_deliveries(ngx_slab_pool_t *shpool);
static ngx_http_webhook_zone_entry_t *ngx_http_webhook_zone_entry(
    ngx_slab_pool_t *shpool, ngx_http_webhook_id_t id);
static ngx_uint_t ngx_http_webhook_zone_forget(ngx_slab_pool_t *shpool);
static ngx_uint_t ngx_http_webhook_zone_running(
    ngx_http_webhook_zone_entry_t *e, ngx_uint_t living);
static ngx_http_webhook_zone_slot_t *ngx_http_webhook_zone_slot(
    ngx_http_webhook_zone_entry_t *e);


char *
ngx_http_webhook_zone_add(ngx_conf_t *cf, ngx_http_webhook_main_conf_t *wmcf)
{
    ngx_str_t  name = ngx_string("webhook_limits");

    wmcf->zone = ngx_shared_memory_add(cf, &name, NGX_HTTP_WEBHOOK_ZONE_SIZE,
                                       &ngx_http_webhook_module);
    if (wmcf->zone == NULL) {
        return NGX_CONF_ERROR;
    }

    wmcf->zone->init = ngx_http_webhook_zone_init;

    return NGX_CONF_OK;
}


static ngx_int_t
ngx_http_webhook_zone_init(ngx_shm_zone_t *shm_zone, void *data)
{
    ngx_slab_pool_t          *shpool;
    ngx_http_webhook_zone_t  *zone;

    shpool = (ngx_slab_pool_t *) shm_zone->shm.addr;

    if (data || shm_zone->shm.exists) {
        shm_zone->data = shpool->data;           /* over a reload */
        return NGX_OK;
    }

    zone = ngx_slab_calloc(shpool, sizeof(ngx_http_webhook_zone_t));
    if (zone == NULL) {
        return NGX_ERROR;
    }

    ngx_rbtree_init(&zone->entries, &zone->sentinel, ngx_rbtree_insert_value);
    ngx_rbtree_init(&zone->deliveries, &zone->deliveries_sentinel,
                    ngx_rbtree_insert_value);
    ngx_queue_init(&zone->used);

    shpool->data = zone;
    shpool->log_nomem = 0;

    shm_zone->data = zone;

    return NGX_OK;
}


static int64_t
ngx_http_webhook_zone_now(void)
{
    struct timespec  ts;

    (void) clock_gettime(CLOCK_MONOTONIC, &ts);

    return (int64_t) ts.tv_sec * 1000000 + ts.tv_nsec / 1000;
}


/* From one start to the next, us. */

static int64_t
ngx_http_webhook_zone_interval(ngx_http_webhook_rules_t *rules)
{
    return rules->rate ? (int64_t) rules->period * 1000 / (int64_t) rules->rate
                       : 0;
}


ngx_msec_t
ngx_http_webhook_zone_wait(ngx_http_webhook_main_conf_t *wmcf,
    ngx_http_webhook_id_t id, ngx_http_webhook_rules_t *rules)
{
    int64_t                         wait;
    ngx_slab_pool_t                *shpool;
    ngx_http_webhook_zone_entry_t  *e;

    if (rules->rate == 0) {
        return 0;
    }

    shpool = (ngx_slab_pool_t *) wmcf->zone->shm.addr;

    ngx_shmtx_lock(&shpool->mutex);

    e = ngx_http_webhook_zone_find(shpool->data, id);
    wait = e ? ngx_min(e->next - ngx_http_webhook_zone_now(),
                       ngx_http_webhook_zone_interval(rules))
             : 0;

    ngx_shmtx_unlock(&shpool->mutex);

    return (wait > 0) ? (ngx_msec_t) (wait / 1000) : 0;
}


ngx_uint_t
ngx_http_webhook_zone_full(ngx_http_webhook_main_conf_t *wmcf,
    ngx_http_webhook_id_t id, ngx_http_webhook_rules_t *rules)
{
    ngx_uint_t                      full;
    ngx_slab_pool_t                *shpool;
    ngx_http_webhook_zone_entry_t  *e;

    if (rules->concurrency == 0) {
        return 0;
    }

    shpool = (ngx_slab_pool_t *) wmcf->zone->shm.addr;

    ngx_shmtx_lock(&shpool->mutex);

    e = ngx_http_webhook_zone_find(shpool->data, id);
    full = e && ngx_http_webhook_zone_running(e, 1) >= rules->concurrency;

    ngx_shmtx_unlock(&shpool->mutex);

    return full;
}


ngx_uint_t
ngx_http_webhook_zone_sends(ngx_http_webhook_main_conf_t *wmcf,
    ngx_http_webhook_id_t event_id)
{
    ngx_uint_t                found;
    ngx_slab_pool_t          *shpool;
    ngx_http_webhook_zone_t  *zone;

    shpool = (ngx_slab_pool_t *) wmcf->zone->shm.addr;
    zone = shpool->data;

    ngx_shmtx_lock(&shpool->mutex);

    found = (ngx_http_webhook_zone_lookup(&zone->deliveries, event_id)
             != NULL);

    ngx_shmtx_unlock(&shpool->mutex);

    return found;
}


void
ngx_http_webhook_zone_cancel(ngx_http_webhook_main_conf_t *wmcf,
    ngx_http_webhook_id_t event_id, ngx_http_webhook_id_t webhook_id)
{
    ngx_slab_pool_t                 *shpool;
    ngx_http_webhook_zone_t         *zone;
    ngx_http_webhook_zone_cancel_t  *c;

    shpool = (ngx_slab_pool_t *) wmcf->zone->shm.addr;
    zone = shpool->data;

    ngx_shmtx_lock(&shpool->mutex);

    c = &zone->cancelled[zone->ncancelled % NGX_HTTP_WEBHOOK_ZONE_KEPT];

    c->event_id = event_id;
    c->webhook_id = webhook_id;

    zone->ncancelled++;

    ngx_shmtx_unlock(&shpool->mutex);
}


ngx_uint_t
ngx_http_webhook_zone_cancelled(ngx_http_webhook_main_conf_t *wmcf,
    ngx_uint_t *seen, ngx_http_webhook_zone_cancel_t *cancel)
{
    ngx_uint_t                n;
    ngx_slab_pool_t          *shpool;
    ngx_http_webhook_zone_t  *zone;

    shpool = (ngx_slab_pool_t *) wmcf->zone->shm.addr;
    zone = shpool->data;

    if (zone->ncancelled == *seen) {
        return 0;
    }

    ngx_shmtx_lock(&shpool->mutex);

    n = zone->ncancelled;

    if (n - *seen > NGX_HTTP_WEBHOOK_ZONE_KEPT) {
        *seen = n - NGX_HTTP_WEBHOOK_ZONE_KEPT;
    }

    *cancel = zone->cancelled[(*seen)++ % NGX_HTTP_WEBHOOK_ZONE_KEPT];

    ngx_shmtx_unlock(&shpool->mutex);

    return 1;
}


void
ngx_http_webhook_zone_reset(ngx_http_webhook_main_conf_t *wmcf)
{
    ngx_uint_t                      i;
    ngx_queue_t                    *q;
    ngx_slab_pool_t                *shpool;
    ngx_http_webhook_zone_t        *zone;
    ngx_http_webhook_zone_entry_t  *e;

    shpool = (ngx_slab_pool_t *) wmcf->zone->shm.addr;
    zone = shpool->data;

    ngx_shmtx_lock(&shpool->mutex);

    for (q = ngx_queue_head(&zone->used);
         q != ngx_queue_sentinel(&zone->used);
         q = ngx_queue_next(q))
    {
        e = ngx_queue_data(q, ngx_http_webhook_zone_entry_t, queue);

        for (i = 0; i < NGX_HTTP_WEBHOOK_ZONE_SLOTS; i++) {
            if (e->slots[i].pid == ngx_pid) {
                e->slots[i].n = 0;
            }
        }
    }

    ngx_http_webhook_zone_forget_deliveries(shpool);

    ngx_shmtx_unlock(&shpool->mutex);
}


/* Those of processes that are gone. */

static void
ngx_http_webhook_zone_forget_deliveries(ngx_slab_pool_t *shpool)
{
    ngx_rbtree_node_t                 *node, *next;
    ngx_http_webhook_zone_t           *zone;
    ngx_http_webhook_zone_delivery_t  *d;

    zone = shpool->data;

    node = zone->deliveries.root;

    if (node == zone->deliveries.sentinel) {
        return;
    }

    for (node = ngx_rbtree_min(node, zone->deliveries.sentinel);
         node;
         node = next)
    {
        next = ngx_rbtree_next(&zone->deliveries, node);

        d = (ngx_http_webhook_zone_delivery_t *) node;

        if (d->pid == ngx_pid
            || (kill(d->pid, 0) == -1 && ngx_errno == ESRCH))
        {
            ngx_rbtree_delete(&zone->deliveries, node);
            ngx_slab_free_locked(shpool, d);
        }
    }
}


ngx_msec_t
ngx_http_webhook_zone_enter(ngx_http_webhook_main_conf_t *wmcf,
    ngx_http_webhook_id_t id, ngx_http_webhook_id_t event_id,
    ngx_http_webhook_rules_t *rules)
{
    int64_t                            now, interval;
    ngx_msec_t                         wait;
    ngx_slab_pool_t                   *shpool;
    ngx_http_webhook_zone_t           *zone;
    ngx_http_webhook_zone_slot_t      *slot;
    ngx_http_webhook_zone_entry_t     *e;
    ngx_http_webhook_zone_delivery_t  *d;

    shpool = (ngx_slab_pool_t *) wmcf->zone->shm.addr;
    zone = shpool->data;
    now = ngx_http_webhook_zone_now();

    ngx_shmtx_lock(&shpool->mutex);

    e = ngx_http_webhook_zone_entry(shpool, id);

    if (e == NULL) {

        /* more limited webhooks are busy than there is memory for */

        ngx_shmtx_unlock(&shpool->mutex);
        return 0;
    }

    slot = ngx_http_webhook_zone_slot(e);
    interval = ngx_http_webhook_zone_interval(rules);

    e->next = ngx_min(e->next, now + interval);  /* the rate may have changed */

    if (slot == NULL
        || (rules->concurrency
            && ngx_http_webhook_zone_running(e, 0) >= rules->concurrency
            && ngx_http_webhook_zone_running(e, 1) >= rules->concurrency))
    {
        wait = NGX_HTTP_WEBHOOK_ZONE_POLL;

    } else if (rules->rate && e->next > now) {
        wait = (ngx_msec_t) ((e->next - now) / 1000 + 1);

    } else {
        wait = 0;
        slot->n++;

        e->next = now + interval;

        d = ngx_slab_alloc_locked(shpool,
                                  sizeof(ngx_http_webhook_zone_delivery_t));
        if (d) {
            d->node.key = (ngx_rbtree_key_t) event_id;
            d->pid = ngx_pid;
            ngx_rbtree_insert(&zone->deliveries, &d->node);
        }
    }

    ngx_shmtx_unlock(&shpool->mutex);

    return wait;
}


void
ngx_http_webhook_zone_leave(ngx_http_webhook_main_conf_t *wmcf,
    ngx_http_webhook_id_t id, ngx_http_webhook_id_t event_id)
{
    ngx_slab_pool_t                *shpool;
    ngx_rbtree_node_t              *node;
    ngx_http_webhook_zone_t        *zone;
    ngx_http_webhook_zone_slot_t   *slot;
    ngx_http_webhook_zone_entry_t  *e;

    shpool = (ngx_slab_pool_t *) wmcf->zone->shm.addr;
    zone = shpool->data;

    ngx_shmtx_lock(&shpool->mutex);

    e = ngx_http_webhook_zone_find(shpool->data, id);
    slot = e ? ngx_http_webhook_zone_slot(e) : NULL;

    if (slot && slot->n) {
        slot->n--;
    }

    node = ngx_http_webhook_zone_lookup(&zone->deliveries, event_id);

    if (node) {
        ngx_rbtree_delete(&zone->deliveries, node);
        ngx_slab_free_locked(shpool, node);
    }

    ngx_shmtx_unlock(&shpool->mutex);
}


static ngx_rbtree_node_t *
ngx_http_webhook_zone_lookup(ngx_rbtree_t *tree, ngx_http_webhook_id_t id)
{
    ngx_rbtree_node_t  *node;

    node = tree->root;

    while (node != tree->sentinel) {

        if (node->key == (ngx_rbtree_key_t) id) {
            return node;
        }

        node = ((ngx_rbtree_key_t) id < node->key) ? node->left : node->right;
    }

    return NULL;
}


static ngx_http_webhook_zone_entry_t *
ngx_http_webhook_zone_find(ngx_http_webhook_zone_t *zone,
    ngx_http_webhook_id_t id)
{
    return (ngx_http_webhook_zone_entry_t *)
               ngx_http_webhook_zone_lookup(&zone->entries, id);
}


static ngx_http_webhook_zone_entry_t *
ngx_http_webhook_zone_entry(ngx_slab_pool_t *shpool, ngx_http_webhook_id_t id)
{
    ngx_http_webhook_zone_t        *zone;
    ngx_http_webhook_zone_entry_t  *e;

    zone = shpool->data;

    e = ngx_http_webhook_zone_find(zone, id);

    if (e) {
        ngx_queue_remove(&e->queue);
        ngx_queue_insert_head(&zone->used, &e->queue);
        return e;
    }

    do {
        e = ngx_slab_calloc_locked(shpool,
                                   sizeof(ngx_http_webhook_zone_entry_t));
    } while (e == NULL && ngx_http_webhook_zone_forget(shpool));

    if (e) {
        e->node.key = (ngx_rbtree_key_t) id;
        ngx_rbtree_insert(&zone->entries, &e->node);
        ngx_queue_insert_head(&zone->used, &e->queue);
    }

    return e;
}


/* Makes room: returns 0 where each entry has a delivery that runs. */

static ngx_uint_t
ngx_http_webhook_zone_forget(ngx_slab_pool_t *shpool)
{
    ngx_queue_t                    *q;
    ngx_http_webhook_zone_t        *zone;
    ngx_http_webhook_zone_entry_t  *e;

    zone = shpool->data;

    for (q = ngx_queue_last(&zone->used);
         q != ngx_queue_sentinel(&zone->used);
         q = ngx_queue_prev(q))
    {
        e = ngx_queue_data(q, ngx_http_webhook_zone_entry_t, queue);

        if (ngx_http_webhook_zone_running(e, 1) == 0) {
            ngx_queue_remove(q);
            ngx_rbtree_delete(&zone->entries, &e->node);
            ngx_slab_free_locked(shpool, e);
            return 1;
        }
    }

    return 0;
}


/* How many deliveries run; with "living" set, of processes that live. */

static ngx_uint_t
ngx_http_webhook_zone_running(ngx_http_webhook_zone_entry_t *e,
    ngx_uint_t living)
{
    ngx_uint_t                     i, n;
    ngx_http_webhook_zone_slot_t  *slot;

    n = 0;

    for (i = 0; i < NGX_HTTP_WEBHOOK_ZONE_SLOTS; i++) {
        slot = &e->slots[i];

        if (living && slot->n && slot->pid != ngx_pid
            && kill(slot->pid, 0) == -1 && ngx_errno == ESRCH)
        {
            slot->n = 0;
        }

        n += slot->n;
    }

    return n;
}


/* This process's, or one that nobody needs; NULL where there is none. */

static ngx_http_webhook_zone_slot_t *
ngx_http_webhook_zone_slot(ngx_http_webhook_zone_entry_t *e)
{
    ngx_uint_t                     i;
    ngx_http_webhook_zone_slot_t  *slot;

    for (i = 0; i < NGX_HTTP_WEBHOOK_ZONE_SLOTS; i++) {
        if (e->slots[i].pid == ngx_pid) {
            return &e->slots[i];
        }
    }

    (void) ngx_http_webhook_zone_running(e, 1);

    for (i = 0; i < NGX_HTTP_WEBHOOK_ZONE_SLOTS; i++) {
        slot = &e->slots[i];

        if (slot->n == 0) {
            slot->pid = ngx_pid;
            return slot;
        }
    }

    return NULL;
}
