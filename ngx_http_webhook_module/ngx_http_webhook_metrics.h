
/*
 * Copyright (C) the ngx_http_webhook_module authors
 */


/*
 * What the workers count, in shared memory, for /metrics and /status.
 */


#ifndef _NGX_HTTP_WEBHOOK_METRICS_H_INCLUDED_
#define _NGX_HTTP_WEBHOOK_METRICS_H_INCLUDED_


#include "ngx_http_webhook.h"


#define NGX_HTTP_WEBHOOK_METRICS_WORKERS    64   /* with counters of their own;
                                                    more share them */
#define NGX_HTTP_WEBHOOK_METRICS_PROCESSES  256  /* new and old ones */
#define NGX_HTTP_WEBHOOK_METRICS_RESULTS    64   /* of ingest */
#define NGX_HTTP_WEBHOOK_METRICS_BUCKETS    16   /* of a histogram, at most */


/* Errors of attempts, as ngx_http_webhook_metrics_errors names them. */

#define NGX_HTTP_WEBHOOK_METRICS_ERRORS     18


typedef enum {
    NGX_HTTP_WEBHOOK_LATENCY = 0,                /* of attempts, us */
    NGX_HTTP_WEBHOOK_COMMIT_SIZE,                /* operations */
    NGX_HTTP_WEBHOOK_COMMIT_TIME,                /* us */
    NGX_HTTP_WEBHOOK_CLAIM_TIME,                 /* us */
    NGX_HTTP_WEBHOOK_HISTOGRAMS
} ngx_http_webhook_histogram_e;


/*
 * Counters.  What begins a range has as many places as its comment says; a
 * histogram has a place for each bucket, one for what is above, and its sum.
 */

typedef enum {
    NGX_HTTP_WEBHOOK_COUNT_MESSAGES = 0,         /* all of them committed */
    NGX_HTTP_WEBHOOK_COUNT_EVENTS,
    NGX_HTTP_WEBHOOK_COUNT_DELIVERED,
    NGX_HTTP_WEBHOOK_COUNT_FAILED,
    NGX_HTTP_WEBHOOK_COUNT_CANCELLED,
    NGX_HTTP_WEBHOOK_COUNT_COMMITS,              /* batches that wrote */
    NGX_HTTP_WEBHOOK_COUNT_UNAVAILABLE,          /* operations without luck */
    NGX_HTTP_WEBHOOK_COUNT_SUCCESSES,            /* attempts, */
    NGX_HTTP_WEBHOOK_COUNT_ERRORS,               /* and their errors */
    NGX_HTTP_WEBHOOK_COUNT_ANSWERS =             /* 1xx to 5xx, others */
        NGX_HTTP_WEBHOOK_COUNT_ERRORS + NGX_HTTP_WEBHOOK_METRICS_ERRORS,
    NGX_HTTP_WEBHOOK_COUNT_ACCEPTED =            /* answers of ingest: 202, */
        NGX_HTTP_WEBHOOK_COUNT_ANSWERS + 6,
    NGX_HTTP_WEBHOOK_COUNT_REPEATED,             /* the same for a key */
    NGX_HTTP_WEBHOOK_COUNT_PROBLEMS,             /* that came before, others */
    NGX_HTTP_WEBHOOK_COUNT_HISTOGRAMS =
        NGX_HTTP_WEBHOOK_COUNT_PROBLEMS + NGX_HTTP_WEBHOOK_METRICS_RESULTS,
    NGX_HTTP_WEBHOOK_COUNT_N =
        NGX_HTTP_WEBHOOK_COUNT_HISTOGRAMS
        + NGX_HTTP_WEBHOOK_HISTOGRAMS * (NGX_HTTP_WEBHOOK_METRICS_BUCKETS + 2)
} ngx_http_webhook_count_e;


/*
 * A worker process.  It alone writes to its record; others read it, so that
 * each member is a word.
 */

struct ngx_http_webhook_process_s {
    ngx_atomic_t                     pid;        /* 0: nobody's */
    ngx_atomic_t                     worker;
    ngx_atomic_t                     started;    /* s since the epoch */
    ngx_atomic_t                     in_flight;  /* deliveries */
    ngx_atomic_t                     held;       /* webhook events */
    ngx_atomic_t                     bytes;      /* of their payloads */
    ngx_atomic_t                     waiting;    /* operations of the store */
};


/* A copy of it all, taken at one time. */

typedef struct {
    time_t                           started;    /* of the memory */
    ngx_uint_t                       nworkers;   /* that ever counted */
    ngx_uint_t                       nprocesses; /* that live */
    uint64_t                         total[NGX_HTTP_WEBHOOK_COUNT_N];
    uint64_t                        *workers;    /* nworkers times as many */
    ngx_http_webhook_process_t      *processes;
} ngx_http_webhook_metrics_t;

#define ngx_http_webhook_metrics_of(m, worker)                                \
    ((m)->workers + (worker) * NGX_HTTP_WEBHOOK_COUNT_N)


/*
 * The upper bounds of a histogram's buckets, in its unit, 0 behind the last;
 * and of its place "i" the counter.
 */
extern ngx_uint_t  ngx_http_webhook_metrics_bounds
    [NGX_HTTP_WEBHOOK_HISTOGRAMS][NGX_HTTP_WEBHOOK_METRICS_BUCKETS + 1];

#define ngx_http_webhook_metrics_place(histogram, i)                          \
    (NGX_HTTP_WEBHOOK_COUNT_HISTOGRAMS                                        \
     + (histogram) * (NGX_HTTP_WEBHOOK_METRICS_BUCKETS + 2) + (i))

#define ngx_http_webhook_metrics_sum(histogram)                               \
    ngx_http_webhook_metrics_place(histogram,                                 \
                                   NGX_HTTP_WEBHOOK_METRICS_BUCKETS + 1)

/* The stable codes of attempts' errors; the last one stands for any other. */
extern const char
    *ngx_http_webhook_metrics_errors[NGX_HTTP_WEBHOOK_METRICS_ERRORS];


/* Adds the shared memory.  Configuration time. */
char *ngx_http_webhook_metrics_zone(ngx_conf_t *cf,
    ngx_http_webhook_main_conf_t *wmcf);

/*
 * The begin and the end of a worker process: from the one on wmcf->counters
 * and wmcf->process are there; after the other nobody counts its gauges.
 */
void ngx_http_webhook_metrics_init(ngx_http_webhook_main_conf_t *wmcf);
void ngx_http_webhook_metrics_exit(ngx_http_webhook_main_conf_t *wmcf);

/*
 * Counts; any thread of a worker.  Workers of the same number, of a new and an
 * old configuration, share their counters, which are never set back.
 */
#define ngx_http_webhook_metrics_add(wmcf, name, n)                           \
    (void) ngx_atomic_fetch_add(&(wmcf)->counters[name], n)

void ngx_http_webhook_metrics_observe(ngx_http_webhook_main_conf_t *wmcf,
    ngx_http_webhook_histogram_e histogram, ngx_uint_t value);

/* Counts an attempt: its answer's status (0: none), error (or null), us. */
void ngx_http_webhook_metrics_attempt(ngx_http_webhook_main_conf_t *wmcf,
    ngx_uint_t status, ngx_str_t *error, ngx_uint_t duration);

/* Reads everything, into the pool.  NULL without memory. */
ngx_http_webhook_metrics_t *ngx_http_webhook_metrics_read(
    ngx_http_webhook_main_conf_t *wmcf, ngx_pool_t *pool);


#endif /* _NGX_HTTP_WEBHOOK_METRICS_H_INCLUDED_ */
