
/*
 * Copyright (C) the ngx_http_webhook_module authors
 */


/*
 * A store that keeps nothing, to measure deliveries without one: a library to
 * preload into nginx, whose engine stands in the place of SQLite's.
 *
 * There is always something due: events of WEBHOOKS webhooks, whose URLs begin
 * with the environment variable NULL_STORE_URL, taken in turn; results are
 * forgotten.  NULL_STORE_COUNT names a file that holds how many have been
 * delivered, 8 bytes, as the writing thread counts them.
 *
 * A worker with a store has a heap that nothing shrinks; of this one deliveries
 * are nearly all, and malloc would give their memory to the system and take it
 * back for each turn of the event loop.  So it keeps it.
 */


#include "ngx_http_webhook_held.h"

#include <malloc.h>
#include <sys/mman.h>


#define WEBHOOKS  1000
#define PAYLOAD   400
#define KEPT      (4 * 1024 * 1024)


typedef struct {
    ngx_http_webhook_store_conf_t  *conf;
    ngx_http_webhook_target_t      *targets[WEBHOOKS];
    ngx_uint_t                      next;
    int64_t                         id;
    uint64_t                       *delivered;
    ngx_pool_t                     *pool;
    unsigned                        told:1;
} null_store_t;


static ngx_atomic_t  null_store_generation = 1;


static void *
null_store_open(ngx_http_webhook_store_conf_t *conf, ngx_uint_t writes,
    ngx_log_t *log)
{
    u_char                      url[256];
    ngx_fd_t                    fd;
    ngx_uint_t                  i;
    null_store_t               *s;
    ngx_http_webhook_share_t   *share;
    ngx_http_webhook_target_t   model;

    (void) mallopt(M_TRIM_THRESHOLD, KEPT);

    s = ngx_calloc(sizeof(null_store_t), log);
    if (s == NULL || !writes) {
        return s;
    }

    s->conf = conf;
    s->id = (int64_t) 1 << 60;
    s->pool = ngx_create_pool(4096, log);

    fd = open(getenv("NULL_STORE_COUNT"), O_RDWR);
    s->delivered = mmap(NULL, 8, PROT_READ|PROT_WRITE, MAP_SHARED, fd, 0);

    if (s->pool == NULL || s->delivered == MAP_FAILED) {
        return NULL;
    }

    ngx_memzero(&model, sizeof(ngx_http_webhook_target_t));

    model.url_text.data = url;
    model.enabled = 1;

    ngx_str_set(&model.secret,
                "whsec_bG9hZGxvYWRsb2FkbG9hZGxvYWRsb2FkbG9hZGw=");

    share = NULL;

    for (i = 0; i < WEBHOOKS; i++) {

        if (i % 100 == 0) {
            share = ngx_http_webhook_share_create(log);
        }

        model.id = i + 1;
        model.company_id = i / 100 + 1;

        model.url_text.len = ngx_snprintf(url, sizeof(url), "%s/%ui",
                                          getenv("NULL_STORE_URL"), i)
                             - url;
        model.refused = ngx_http_webhook_policy_url(conf->wmcf, s->pool,
                                                    &model.url_text,
                                                    &model.url);

        s->targets[i] = ngx_http_webhook_target_create(&model, NULL, share,
                                                       log);
        if (s->targets[i] == NULL) {
            return NULL;
        }
    }

    return s;
}


static ngx_int_t
null_store_claim(null_store_t *s, ngx_http_webhook_claim_op_t *claim)
{
    ngx_uint_t                   i;
    ngx_pool_t                  *pool;
    ngx_http_webhook_held_t     *held;
    ngx_http_webhook_target_t   *target;
    ngx_http_webhook_message_t  *message;

    claim->next = 1;

    for (i = 0; i < WEBHOOKS && ngx_http_webhook_held_room(s->conf); i++) {

        target = s->targets[s->next++ % WEBHOOKS];

        pool = ngx_create_pool(1024, s->conf->log);
        if (pool == NULL) {
            return NGX_ERROR;
        }

        held = ngx_pcalloc(pool, sizeof(ngx_http_webhook_held_t));
        message = ngx_pcalloc(pool, sizeof(ngx_http_webhook_message_t));

        held->id = ++s->id;
        held->webhook_id = target->id;
        held->message = message;

        message->pool = pool;
        message->id = ++s->id;
        message->company_id = target->company_id;
        ngx_str_set(&message->event, "load.event");
        message->payload.len = PAYLOAD;
        message->payload.data = ngx_pnalloc(pool, PAYLOAD);

        if (message->payload.data == NULL) {
            return NGX_ERROR;
        }

        ngx_memset(message->payload.data, 'x', PAYLOAD);
        message->payload.data[0] = '"';
        message->payload.data[PAYLOAD - 1] = '"';

        if (!ngx_http_webhook_held_take(s->conf, held, target->load, 0)) {
            ngx_destroy_pool(pool);
            continue;
        }

        ngx_queue_insert_tail(&claim->held, &held->queue);
    }

    return NGX_OK;
}


static void
null_store_write(void *session, ngx_http_webhook_batch_t *batch,
    ngx_log_t *log)
{
    null_store_t *s = session;

    ngx_uint_t                     i;
    ngx_queue_t                   *q;
    ngx_http_webhook_op_t         *op;
    ngx_http_webhook_result_op_t  *result;

    for (i = 0; i < WEBHOOKS && !s->told; i++) {
        ngx_http_webhook_target_ref(s->targets[i]);
        ngx_queue_insert_tail(&batch->targets, &s->targets[i]->link);
    }

    s->told = 1;

    for (q = ngx_queue_head(&batch->ops);
         q != ngx_queue_sentinel(&batch->ops);
         q = ngx_queue_next(q))
    {
        op = ngx_queue_data(q, ngx_http_webhook_op_t, queue);
        op->status = NGX_HTTP_WEBHOOK_STORE_OK;

        if (op->type == NGX_HTTP_WEBHOOK_OP_CLAIM) {

            if (null_store_claim(s, (ngx_http_webhook_claim_op_t *) op)
                != NGX_OK)
            {
                op->status = NGX_HTTP_WEBHOOK_STORE_UNAVAILABLE;
            }

        } else if (op->type == NGX_HTTP_WEBHOOK_OP_RESULT) {
            result = (ngx_http_webhook_result_op_t *) op;

            *s->delivered += (result->event_status
                              == NGX_HTTP_WEBHOOK_DELIVERED);
        }
    }

    batch->generation = 1;
    batch->shared = &null_store_generation;
}


static void
null_store_read(void *session, ngx_http_webhook_op_t *op, ngx_log_t *log)
{
    ngx_http_webhook_list_op_t  *list;

    op->status = NGX_HTTP_WEBHOOK_STORE_NOT_FOUND;

    if (op->type == NGX_HTTP_WEBHOOK_OP_COMPANY_LIST) {
        list = (ngx_http_webhook_list_op_t *) op;
        list->rows = ngx_array_create(op->pool, 1,
                                      sizeof(ngx_http_webhook_company_t));

        if (list->rows) {
            op->status = NGX_HTTP_WEBHOOK_STORE_OK;
        }
    }
}


static void
null_store_idle(void *session, ngx_log_t *log)
{
    /* nothing to do */
}


static void
null_store_close(void *session)
{
    /* the process ends */
}


ngx_http_webhook_engine_t  ngx_http_webhook_sqlite = {
    "null",
    null_store_open,
    null_store_write,
    null_store_read,
    null_store_idle,
    null_store_idle,
    null_store_close
};
