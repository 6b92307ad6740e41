
/*
 * Copyright (C) the ngx_http_webhook_module authors
 */


/*
 * Counters in shared memory, a set for each number of a worker, which outlive
 * the worker and its configuration: so they never go backwards while nginx
 * runs.  They are added to atomically, without a lock, mostly by the event
 * loop, and summed up by who reads them.
 *
 * What goes up and down (deliveries in flight, events held) is a process's
 * own, for it ends with the process however that ends: each has a record, and
 * the records of processes that are gone count for nothing.
 */


#include "ngx_http_webhook_metrics.h"

#include <signal.h>


#define NGX_HTTP_WEBHOOK_METRICS_SIZE  (512 * 1024)


/* In the shared memory; a worker's counters begin a cache line. */

typedef struct {
    ngx_atomic_t                     counters
                              [NGX_HTTP_WEBHOOK_METRICS_WORKERS]
                              [ngx_align(NGX_HTTP_WEBHOOK_COUNT_N, 16)];
    ngx_http_webhook_process_t       processes
                                          [NGX_HTTP_WEBHOOK_METRICS_PROCESSES];
    ngx_atomic_t                     started;
} ngx_http_webhook_metrics_zone_t;


ngx_uint_t  ngx_http_webhook_metrics_bounds
    [NGX_HTTP_WEBHOOK_HISTOGRAMS][NGX_HTTP_WEBHOOK_METRICS_BUCKETS + 1] =
{
    { 1000, 2500, 5000, 10000, 25000, 50000, 100000, 250000, 500000, 1000000,
      2500000, 5000000, 10000000, 30000000, 60000000, 0 },

    { 1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 2048, 0 },

    { 250, 500, 1000, 2500, 5000, 10000, 25000, 50000, 100000, 250000, 500000,
      1000000, 5000000, 0 },

    { 50, 100, 250, 500, 1000, 2500, 5000, 10000, 25000, 50000, 100000, 250000,
      500000, 1000000, 0 }
};


const char  *ngx_http_webhook_metrics_errors[NGX_HTTP_WEBHOOK_METRICS_ERRORS] =
{
    "http_status",
    "timeout",
    "connect_failed",
    "connect_timeout",
    "connection_lost",
    "empty_reply",
    "bad_response",
    "tls_certificate",
    "tls_failed",
    "name_not_found",
    "name_lookup_failed",
    "name_lookup_timeout",
    "address_refused",
    "url_refused",
    "secret_unavailable",
    "location_failed",
    "internal",
    "other"
};


static ngx_int_t ngx_http_webhook_metrics_zone_init(ngx_shm_zone_t *shm_zone,
    void *data);
static ngx_uint_t ngx_http_webhook_metrics_alive(
    ngx_http_webhook_process_t *process);


char *
ngx_http_webhook_metrics_zone(ngx_conf_t *cf,
    ngx_http_webhook_main_conf_t *wmcf)
{
    ngx_str_t  name = ngx_string("webhook_metrics");

    wmcf->metrics = ngx_shared_memory_add(cf, &name,
                                          NGX_HTTP_WEBHOOK_METRICS_SIZE,
                                          &ngx_http_webhook_module);
    if (wmcf->metrics == NULL) {
        return NGX_CONF_ERROR;
    }

    wmcf->metrics->init = ngx_http_webhook_metrics_zone_init;

    return NGX_CONF_OK;
}


static ngx_int_t
ngx_http_webhook_metrics_zone_init(ngx_shm_zone_t *shm_zone, void *data)
{
    ngx_slab_pool_t                  *shpool;
    ngx_http_webhook_metrics_zone_t  *zone;

    shpool = (ngx_slab_pool_t *) shm_zone->shm.addr;

    if (data || shm_zone->shm.exists) {
        shm_zone->data = shpool->data;           /* over a reload */
        return NGX_OK;
    }

    zone = ngx_slab_calloc(shpool, sizeof(ngx_http_webhook_metrics_zone_t));
    if (zone == NULL) {
        return NGX_ERROR;
    }

    zone->started = (ngx_atomic_t) ngx_time();

    shpool->data = zone;
    shm_zone->data = zone;

    return NGX_OK;
}


void
ngx_http_webhook_metrics_init(ngx_http_webhook_main_conf_t *wmcf)
{
    ngx_uint_t                        i;
    ngx_slab_pool_t                  *shpool;
    ngx_http_webhook_process_t       *process, *mine;
    ngx_http_webhook_metrics_zone_t  *zone;

    static ngx_http_webhook_process_t  none;     /* where all are taken */

    zone = wmcf->metrics->data;
    shpool = (ngx_slab_pool_t *) wmcf->metrics->shm.addr;

    wmcf->counters = zone->counters[ngx_worker
                                    % NGX_HTTP_WEBHOOK_METRICS_WORKERS];
    mine = &none;

    ngx_shmtx_lock(&shpool->mutex);

    /* all of the dead are forgotten now, before their numbers are used anew */

    for (i = 0; i < NGX_HTTP_WEBHOOK_METRICS_PROCESSES; i++) {
        process = &zone->processes[i];

        if (process->pid && (process->pid == (ngx_atomic_t) ngx_pid
                             || !ngx_http_webhook_metrics_alive(process)))
        {
            process->pid = 0;
        }

        if (process->pid == 0 && mine == &none) {
            mine = process;
        }
    }

    ngx_memzero(mine, sizeof(ngx_http_webhook_process_t));

    mine->worker = ngx_worker % NGX_HTTP_WEBHOOK_METRICS_WORKERS;
    mine->started = (ngx_atomic_t) ngx_time();
    mine->pid = (ngx_atomic_t) ngx_pid;

    ngx_shmtx_unlock(&shpool->mutex);

    wmcf->process = mine;
}


void
ngx_http_webhook_metrics_exit(ngx_http_webhook_main_conf_t *wmcf)
{
    wmcf->process->pid = 0;
}


static ngx_uint_t
ngx_http_webhook_metrics_alive(ngx_http_webhook_process_t *process)
{
    return kill((ngx_pid_t) process->pid, 0) == 0 || ngx_errno != ESRCH;
}


void
ngx_http_webhook_metrics_observe(ngx_http_webhook_main_conf_t *wmcf,
    ngx_http_webhook_histogram_e histogram, ngx_uint_t value)
{
    ngx_uint_t  i, *bounds;

    bounds = ngx_http_webhook_metrics_bounds[histogram];

    for (i = 0; bounds[i] && value > bounds[i]; i++) { /* void */ }

    ngx_http_webhook_metrics_add(wmcf,
                                 ngx_http_webhook_metrics_place(histogram, i),
                                 1);
    ngx_http_webhook_metrics_add(wmcf, ngx_http_webhook_metrics_sum(histogram),
                                 value);
}


void
ngx_http_webhook_metrics_attempt(ngx_http_webhook_main_conf_t *wmcf,
    ngx_uint_t status, ngx_str_t *error, ngx_uint_t duration)
{
    ngx_uint_t  i;

    ngx_http_webhook_metrics_observe(wmcf, NGX_HTTP_WEBHOOK_LATENCY, duration);

    if (status) {
        i = (status < 600) ? status / 100 - 1 : 5;
        i = (status < 100) ? 5 : i;

        ngx_http_webhook_metrics_add(wmcf, NGX_HTTP_WEBHOOK_COUNT_ANSWERS + i,
                                     1);
    }

    if (error->data == NULL) {
        ngx_http_webhook_metrics_add(wmcf, NGX_HTTP_WEBHOOK_COUNT_SUCCESSES,
                                     1);
        return;
    }

    for (i = 0; i < NGX_HTTP_WEBHOOK_METRICS_ERRORS - 1; i++) {

        if (error->len == ngx_strlen(ngx_http_webhook_metrics_errors[i])
            && ngx_strncmp(error->data, ngx_http_webhook_metrics_errors[i],
                           error->len)
               == 0)
        {
            break;
        }
    }

    ngx_http_webhook_metrics_add(wmcf, NGX_HTTP_WEBHOOK_COUNT_ERRORS + i, 1);
}


ngx_http_webhook_metrics_t *
ngx_http_webhook_metrics_read(ngx_http_webhook_main_conf_t *wmcf,
    ngx_pool_t *pool)
{
    uint64_t                         *counters;
    ngx_uint_t                        i, j;
    ngx_http_webhook_metrics_t       *m;
    ngx_http_webhook_process_t       *process;
    ngx_http_webhook_metrics_zone_t  *zone;

    zone = wmcf->metrics->data;

    m = ngx_pcalloc(pool, sizeof(ngx_http_webhook_metrics_t));
    if (m == NULL) {
        return NULL;
    }

    m->started = (time_t) zone->started;

    m->workers = ngx_palloc(pool, NGX_HTTP_WEBHOOK_METRICS_WORKERS
                                  * NGX_HTTP_WEBHOOK_COUNT_N
                                  * sizeof(uint64_t));
    m->processes = ngx_palloc(pool, NGX_HTTP_WEBHOOK_METRICS_PROCESSES
                                    * sizeof(ngx_http_webhook_process_t));

    if (m->workers == NULL || m->processes == NULL) {
        return NULL;
    }

    for (i = 0; i < NGX_HTTP_WEBHOOK_METRICS_WORKERS; i++) {
        counters = ngx_http_webhook_metrics_of(m, i);

        for (j = 0; j < NGX_HTTP_WEBHOOK_COUNT_N; j++) {
            counters[j] = (uint64_t) zone->counters[i][j];
            m->total[j] += counters[j];

            if (counters[j]) {
                m->nworkers = i + 1;
            }
        }
    }

    for (i = 0; i < NGX_HTTP_WEBHOOK_METRICS_PROCESSES; i++) {
        process = &m->processes[m->nprocesses];

        *process = zone->processes[i];

        if (process->pid && ngx_http_webhook_metrics_alive(process)) {
            m->nworkers = ngx_max(m->nworkers, process->worker + 1);
            m->nprocesses++;
        }
    }

    return m;
}
