
/*
 * Copyright (C) the ngx_http_webhook_module authors
 */


/*
 * The asynchronous front of the store, on the event loop.
 *
 * What writes waits in one queue: while the writing thread carries out a
 * batch, everything that is posted forms the next one (group commit).  The
 * thread is handed the next batch before the handlers of the last one run, so
 * that it works while they do.
 *
 *     post -> waiting -> batch (thread: write) -> done -> handlers
 *
 * What reads goes to other threads, a session for each: a slow list never
 * delays a commit.  So do checkpoints, and the index that lists are made from,
 * after the batches that ask for them: the writing thread goes on meanwhile.
 *
 * A session is opened by the first operation that needs one, in its thread,
 * the writer's first; while that fails, operations end as unavailable, and it
 * is tried again once a second.
 */


#include "ngx_http_webhook_store.h"
#include "ngx_http_webhook_keys.h"
#include "ngx_http_webhook_metrics.h"

#include <sys/resource.h>


#define NGX_HTTP_WEBHOOK_STORE_READERS  2
#define NGX_HTTP_WEBHOOK_STORE_RETRY    1000    /* ms between opens */
#define NGX_HTTP_WEBHOOK_STORE_BATCH    2048    /* operations */
#define NGX_HTTP_WEBHOOK_STORE_BYTES    (16 * 1024 * 1024)
#define NGX_HTTP_WEBHOOK_STORE_PATIENCE 1       /* ms */
#define NGX_HTTP_WEBHOOK_STORE_PATIENT  16      /* operations that have it */
#define NGX_HTTP_WEBHOOK_STORE_NICE     5


/* A session and its thread's task: "busy" while the thread has them. */

typedef enum {
    NGX_HTTP_WEBHOOK_WRITES = 0,
    NGX_HTTP_WEBHOOK_READS,
    NGX_HTTP_WEBHOOK_SETTLES,
    NGX_HTTP_WEBHOOK_INDEXES
} ngx_http_webhook_store_agent_e;


typedef struct {
    ngx_http_webhook_store_t           *store;
    ngx_thread_task_t                  *task;
    void                               *session;
    ngx_msec_t                          tried;
    ngx_http_webhook_batch_t            batch;      /* the writer's */
    ngx_uint_t                          size;       /* operations of it */
    ngx_uint_t                          duration;   /* us */
    ngx_http_webhook_store_agent_e      kind;
    unsigned                            busy:1;
} ngx_http_webhook_store_agent_t;


struct ngx_http_webhook_store_s {
    ngx_http_webhook_store_conf_t       conf;
    ngx_http_webhook_engine_t          *engine;
    ngx_thread_pool_t                  *write_pool;
    ngx_thread_pool_t                  *read_pool;
    ngx_thread_pool_t                  *index_pool;
    ngx_log_t                          *log;

    ngx_queue_t                         writes;     /* waiting */
    ngx_queue_t                         reads;
    ngx_uint_t                          waiting;
    ngx_uint_t                          patient;    /* of the writes */

    ngx_http_webhook_store_agent_t      writer;
    ngx_http_webhook_store_agent_t      readers[NGX_HTTP_WEBHOOK_STORE_READERS];
    ngx_http_webhook_store_agent_t      settler;
    ngx_http_webhook_store_agent_t      indexer;

    ngx_http_webhook_store_targets_pt   targets_handler;
    void                               *targets_data;
    int64_t                             generation;
    ngx_atomic_t                       *shared;
    ngx_uint_t                          opened;

    ngx_uint_t                          holds;
    ngx_event_t                         hold;
    ngx_event_t                         gather;
    ngx_event_t                         patience;
    ngx_connection_t                    dummy;
};


static ngx_int_t ngx_http_webhook_store_agent(ngx_http_webhook_store_t *store,
    ngx_http_webhook_store_agent_t *agent,
    ngx_http_webhook_store_agent_e kind, ngx_pool_t *pool);
static void ngx_http_webhook_store_gather(ngx_event_t *ev);
static void ngx_http_webhook_store_start(ngx_http_webhook_store_t *store);
static void ngx_http_webhook_store_run(ngx_http_webhook_store_agent_t *agent,
    ngx_thread_pool_t *pool);
static void ngx_http_webhook_store_thread(void *data, ngx_log_t *log);
static void ngx_http_webhook_store_done(ngx_event_t *ev);
static void ngx_http_webhook_store_count(ngx_http_webhook_store_t *store);
static void ngx_http_webhook_store_complete(ngx_http_webhook_store_t *store,
    ngx_queue_t *ops);
static void ngx_http_webhook_store_hold_handler(ngx_event_t *ev);


ngx_http_webhook_store_t *
ngx_http_webhook_store_create(ngx_http_webhook_main_conf_t *wmcf,
    ngx_http_webhook_engine_t *engine, ngx_cycle_t *cycle)
{
    ngx_uint_t                 i;
    ngx_http_webhook_store_t  *store;

    store = ngx_pcalloc(cycle->pool, sizeof(ngx_http_webhook_store_t));
    if (store == NULL) {
        return NULL;
    }

    store->engine = engine;
    store->log = cycle->log;
    store->write_pool = wmcf->write_pool;
    store->read_pool = wmcf->read_pool;
    store->index_pool = wmcf->index_pool;

    store->conf.wmcf = wmcf;
    store->conf.path = wmcf->store_path;
    store->conf.sync = wmcf->store_sync;
    store->conf.keyring = &wmcf->keys->encryption;
    store->conf.key_file = wmcf->keys->encryption_file;
    store->conf.log = cycle->log;
    store->conf.window = wmcf->idempotency_window;
    store->conf.strict = wmcf->strict_events;
    store->conf.keep_payloads = wmcf->keep_payloads;
    store->conf.keep_logs = wmcf->keep_logs;
    store->conf.operator = wmcf->operator;
    store->conf.max_held = 4 * wmcf->concurrency;
    store->conf.max_lane = ngx_max(wmcf->concurrency / 2, 1);
    store->conf.max_slow = ngx_max(wmcf->concurrency / 16, 1);
    store->conf.max_new = ngx_max(wmcf->concurrency / 64, 1);
    store->conf.max_bytes = NGX_HTTP_WEBHOOK_STORE_BYTES;

    ngx_queue_init(&store->writes);
    ngx_queue_init(&store->reads);

    store->hold.handler = ngx_http_webhook_store_hold_handler;
    store->hold.data = &store->dummy;
    store->hold.log = cycle->log;
    store->dummy.fd = (ngx_socket_t) -1;
    store->dummy.data = store;

    store->gather.handler = ngx_http_webhook_store_gather;
    store->gather.data = &store->dummy;
    store->gather.log = cycle->log;

    store->patience.handler = ngx_http_webhook_store_gather;
    store->patience.data = &store->dummy;
    store->patience.log = cycle->log;

    if (ngx_http_webhook_store_agent(store, &store->writer,
                                     NGX_HTTP_WEBHOOK_WRITES, cycle->pool)
            != NGX_OK
        || ngx_http_webhook_store_agent(store, &store->settler,
                                        NGX_HTTP_WEBHOOK_SETTLES, cycle->pool)
            != NGX_OK
        || ngx_http_webhook_store_agent(store, &store->indexer,
                                        NGX_HTTP_WEBHOOK_INDEXES, cycle->pool)
            != NGX_OK)
    {
        return NULL;
    }

    for (i = 0; i < NGX_HTTP_WEBHOOK_STORE_READERS; i++) {
        if (ngx_http_webhook_store_agent(store, &store->readers[i],
                                         NGX_HTTP_WEBHOOK_READS, cycle->pool)
            != NGX_OK)
        {
            return NULL;
        }
    }

    return store;
}


static ngx_int_t
ngx_http_webhook_store_agent(ngx_http_webhook_store_t *store,
    ngx_http_webhook_store_agent_t *agent,
    ngx_http_webhook_store_agent_e kind, ngx_pool_t *pool)
{
    agent->store = store;
    agent->kind = kind;

    ngx_queue_init(&agent->batch.ops);
    ngx_queue_init(&agent->batch.targets);

    agent->task = ngx_thread_task_alloc(pool, 0);
    if (agent->task == NULL) {
        return NGX_ERROR;
    }

    agent->task->ctx = agent;
    agent->task->handler = ngx_http_webhook_store_thread;
    agent->task->event.data = agent;
    agent->task->event.handler = ngx_http_webhook_store_done;
    agent->task->event.log = store->log;

    return NGX_OK;
}


void
ngx_http_webhook_store_listen(ngx_http_webhook_store_t *store,
    ngx_http_webhook_store_targets_pt handler, void *data)
{
    store->targets_handler = handler;
    store->targets_data = data;
}


void
ngx_http_webhook_store_post(ngx_http_webhook_store_t *store,
    ngx_http_webhook_op_t *op)
{
    ngx_log_debug2(NGX_LOG_DEBUG_HTTP, store->log, 0,
                   "webhook store: post %d, waiting %ui",
                   (int) op->type, store->waiting);

    op->status = NGX_HTTP_WEBHOOK_STORE_UNAVAILABLE;

    ngx_queue_insert_tail(ngx_http_webhook_op_reads(op->type) ? &store->reads
                                                              : &store->writes,
                          &op->queue);
    store->waiting++;
    store->conf.wmcf->process->waiting = store->waiting;
    ngx_http_webhook_store_hold(store);

    if (op->patient
        && ++store->patient < NGX_HTTP_WEBHOOK_STORE_PATIENT
        && !ngx_exiting)
    {
        if (!store->writer.busy && !store->patience.timer_set) {
            ngx_add_timer(&store->patience, NGX_HTTP_WEBHOOK_STORE_PATIENCE);
        }

        return;
    }

    /* when this turn of the event loop is over: what it brings belongs
       together */

    ngx_post_event(&store->gather, &ngx_posted_events);
}


static void
ngx_http_webhook_store_gather(ngx_event_t *ev)
{
    ngx_connection_t  *c;

    c = ev->data;

    ngx_http_webhook_store_start(c->data);
}


/* Hands what waits to the threads that are free. */

static void
ngx_http_webhook_store_start(ngx_http_webhook_store_t *store)
{
    ngx_uint_t                       i;
    ngx_queue_t                     *q;
    ngx_http_webhook_store_agent_t  *agent;

    agent = &store->writer;

    if (!agent->busy && !ngx_queue_empty(&store->writes)) {

        for (i = 0;
             i < NGX_HTTP_WEBHOOK_STORE_BATCH
             && !ngx_queue_empty(&store->writes);
             i++)
        {
            q = ngx_queue_head(&store->writes);
            ngx_queue_remove(q);
            ngx_queue_insert_tail(&agent->batch.ops, q);
        }

        agent->size = i;
        store->patient = 0;

        if (store->patience.timer_set) {
            ngx_del_timer(&store->patience);
        }

        ngx_http_webhook_store_run(agent, store->write_pool);
    }

    /* the writer makes the store: who reads waits for it */

    for (i = 0; store->opened && i < NGX_HTTP_WEBHOOK_STORE_READERS; i++) {
        agent = &store->readers[i];

        if (agent->busy || ngx_queue_empty(&store->reads)) {
            continue;
        }

        q = ngx_queue_head(&store->reads);
        ngx_queue_remove(q);
        ngx_queue_insert_tail(&agent->batch.ops, q);

        ngx_http_webhook_store_run(agent, store->read_pool);
    }
}


static void
ngx_http_webhook_store_run(ngx_http_webhook_store_agent_t *agent,
    ngx_thread_pool_t *pool)
{
    agent->busy = 1;

    if (ngx_thread_task_post(pool, agent->task) != NGX_OK) {
        ngx_post_event(&agent->task->event, &ngx_posted_events);
    }
}


/* In a thread: the agent is the thread's alone until the task is done. */

static void
ngx_http_webhook_store_thread(void *data, ngx_log_t *log)
{
    ngx_http_webhook_store_agent_t *agent = data;

    ngx_msec_t                  now;
    ngx_uint_t                  begin;
    ngx_http_webhook_store_t   *store;
    ngx_http_webhook_op_t      *op;

    store = agent->store;

    if (agent->session == NULL) {

        now = ngx_http_webhook_store_now() / 1000;

        if (agent->tried
            && now - agent->tried < NGX_HTTP_WEBHOOK_STORE_RETRY)
        {
            return;
        }

        agent->tried = now;
        agent->session = store->engine->open(&store->conf,
                                     agent->kind == NGX_HTTP_WEBHOOK_WRITES,
                                     log);

        if (agent->session == NULL) {
            return;
        }

        if (agent->kind == NGX_HTTP_WEBHOOK_INDEXES) {

            /* on Linux, of this thread alone, which nobody else uses: whoever
               is waited for goes first */

            (void) setpriority(PRIO_PROCESS, 0,
                               getpriority(PRIO_PROCESS, 0)
                               + NGX_HTTP_WEBHOOK_STORE_NICE);
        }
    }

    if (agent->kind == NGX_HTTP_WEBHOOK_WRITES) {
        begin = ngx_http_webhook_store_now();

        store->engine->write(agent->session, &agent->batch, log);

        agent->duration = ngx_http_webhook_store_now() - begin;
        return;
    }

    if (agent->kind == NGX_HTTP_WEBHOOK_SETTLES) {
        store->engine->settle(agent->session, log);
        return;
    }

    if (agent->kind == NGX_HTTP_WEBHOOK_INDEXES) {
        store->engine->index(agent->session, log);
        return;
    }

    op = ngx_queue_data(ngx_queue_head(&agent->batch.ops),
                        ngx_http_webhook_op_t, queue);

    store->engine->read(agent->session, op, log);
}


ngx_uint_t
ngx_http_webhook_store_now(void)
{
    struct timespec  ts;

    (void) clock_gettime(CLOCK_MONOTONIC, &ts);

    return (ngx_uint_t) ts.tv_sec * 1000000 + ts.tv_nsec / 1000;
}


static void
ngx_http_webhook_store_done(ngx_event_t *ev)
{
    ngx_queue_t                      ops, targets;
    ngx_http_webhook_store_t        *store;
    ngx_http_webhook_store_agent_t  *agent;

    agent = ev->data;
    store = agent->store;

    agent->busy = 0;

    if (agent->kind == NGX_HTTP_WEBHOOK_SETTLES
        || agent->kind == NGX_HTTP_WEBHOOK_INDEXES)
    {
        return;
    }

    ngx_queue_init(&ops);
    ngx_queue_init(&targets);

    ngx_queue_add(&ops, &agent->batch.ops);
    ngx_queue_init(&agent->batch.ops);

    if (agent->kind == NGX_HTTP_WEBHOOK_WRITES) {
        ngx_queue_add(&targets, &agent->batch.targets);
        ngx_queue_init(&agent->batch.targets);

        if (agent->session) {
            ngx_http_webhook_store_count(store);

            store->opened = 1;
            store->generation = agent->batch.generation;
            store->shared = agent->batch.shared;

            if (agent->batch.backlog && !store->settler.busy) {
                ngx_http_webhook_store_run(&store->settler, store->read_pool);
            }

            if (agent->batch.unindexed && !store->indexer.busy) {
                ngx_http_webhook_store_run(&store->indexer, store->index_pool);
            }

        } else {
            ngx_queue_add(&ops, &store->reads);
            ngx_queue_init(&store->reads);
        }
    }

    ngx_http_webhook_store_start(store);

    if (agent->kind == NGX_HTTP_WEBHOOK_WRITES) {
        store->targets_handler(store->targets_data, &targets,
                               store->generation);
    }

    ngx_http_webhook_store_complete(store, &ops);
}


/* A batch, as the writing thread has told of it. */

static void
ngx_http_webhook_store_count(ngx_http_webhook_store_t *store)
{
    ngx_http_webhook_tally_t      *tally;
    ngx_http_webhook_main_conf_t  *wmcf;

    wmcf = store->conf.wmcf;
    tally = &store->writer.batch.tally;

    if (tally->commits == 0) {
        return;                              /* nothing was written */
    }

    ngx_http_webhook_metrics_add(wmcf, NGX_HTTP_WEBHOOK_COUNT_COMMITS, 1);
    ngx_http_webhook_metrics_observe(wmcf, NGX_HTTP_WEBHOOK_COMMIT_SIZE,
                                     store->writer.size);
    ngx_http_webhook_metrics_observe(wmcf, NGX_HTTP_WEBHOOK_COMMIT_TIME,
                                     store->writer.duration);

    ngx_http_webhook_metrics_add(wmcf, NGX_HTTP_WEBHOOK_COUNT_MESSAGES,
                                 tally->messages);
    ngx_http_webhook_metrics_add(wmcf, NGX_HTTP_WEBHOOK_COUNT_EVENTS,
                                 tally->events);
    ngx_http_webhook_metrics_add(wmcf, NGX_HTTP_WEBHOOK_COUNT_DELIVERED,
                                 tally->delivered);
    ngx_http_webhook_metrics_add(wmcf, NGX_HTTP_WEBHOOK_COUNT_FAILED,
                                 tally->failed);
    ngx_http_webhook_metrics_add(wmcf, NGX_HTTP_WEBHOOK_COUNT_CANCELLED,
                                 tally->cancelled);
}


static void
ngx_http_webhook_store_complete(ngx_http_webhook_store_t *store,
    ngx_queue_t *ops)
{
    ngx_queue_t                 *q;
    ngx_http_webhook_op_t       *op;
    ngx_http_webhook_process_t  *process;

    process = store->conf.wmcf->process;

    while (!ngx_queue_empty(ops)) {

        q = ngx_queue_head(ops);
        ngx_queue_remove(q);

        op = ngx_queue_data(q, ngx_http_webhook_op_t, queue);

        store->waiting--;
        process->waiting = store->waiting;

        if (op->status == NGX_HTTP_WEBHOOK_STORE_UNAVAILABLE) {
            ngx_http_webhook_metrics_add(store->conf.wmcf,
                                         NGX_HTTP_WEBHOOK_COUNT_UNAVAILABLE,
                                         1);
        }

        op->handler(op);

        /* after the handler: it may have taken a hold for what comes next */

        ngx_http_webhook_store_unhold(store);
    }

    process->held = store->conf.held;
    process->bytes = store->conf.bytes;
}


ngx_http_webhook_store_conf_t *
ngx_http_webhook_store_conf(ngx_http_webhook_store_t *store)
{
    return &store->conf;
}


ngx_uint_t
ngx_http_webhook_store_stale(ngx_http_webhook_store_t *store)
{
    return store->shared == NULL
           || (int64_t) *store->shared != store->generation;
}


int64_t
ngx_http_webhook_store_generation(ngx_http_webhook_store_t *store)
{
    return store->shared ? (int64_t) *store->shared : 0;
}


ngx_uint_t
ngx_http_webhook_store_waiting(ngx_http_webhook_store_t *store)
{
    return store->waiting;
}


void
ngx_http_webhook_store_hold(ngx_http_webhook_store_t *store)
{
    if (store->holds++ == 0) {
        ngx_add_timer(&store->hold, 24 * 3600 * 1000);
    }
}


void
ngx_http_webhook_store_unhold(ngx_http_webhook_store_t *store)
{
    if (--store->holds == 0) {
        ngx_del_timer(&store->hold);
    }
}


static void
ngx_http_webhook_store_hold_handler(ngx_event_t *ev)
{
    ngx_add_timer(ev, 24 * 3600 * 1000);
}


void
ngx_http_webhook_store_destroy(ngx_http_webhook_store_t *store)
{
    ngx_uint_t  i;

    if (store->writer.session) {
        store->engine->close(store->writer.session);
    }

    for (i = 0; i < NGX_HTTP_WEBHOOK_STORE_READERS; i++) {
        if (store->readers[i].session) {
            store->engine->close(store->readers[i].session);
        }
    }

    if (store->settler.session) {
        store->engine->close(store->settler.session);
    }

    if (store->indexer.session) {
        store->engine->close(store->indexer.session);
    }
}
