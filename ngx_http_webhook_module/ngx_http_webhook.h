
/*
 * Copyright (C) the ngx_http_webhook_module authors
 */


/*
 * What every part of the module shares: identifiers, limits and the
 * configuration.  Includes of other files point to lower ranks only, in this
 * order: webhook.h; json, name, time, sign, policy, keys, metrics; target;
 * store.h, store.c and store/; resolve, delivery.h, content, curl, transport,
 * via; deliver; outcome, zone, lane, record, dispatch; known, http, auth,
 * ingest, api, audit; variables, conf; module.
 */


#ifndef _NGX_HTTP_WEBHOOK_H_INCLUDED_
#define _NGX_HTTP_WEBHOOK_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>
#include "ngx_http_webhook_quiet.h"


#define NGX_HTTP_WEBHOOK_VERSION          "0.1.0"
#define NGX_HTTP_WEBHOOK_USER_AGENT                                          \
    "ngx-webhook/" NGX_HTTP_WEBHOOK_VERSION

#define NGX_HTTP_WEBHOOK_KEY_LEN          32    /* SHA-256, AES-256 */

#define NGX_HTTP_WEBHOOK_MAX_UID          128   /* bytes */
#define NGX_HTTP_WEBHOOK_MAX_EVENT        128
#define NGX_HTTP_WEBHOOK_MAX_NAME         256
#define NGX_HTTP_WEBHOOK_MAX_DESCRIPTION  1024
#define NGX_HTTP_WEBHOOK_MAX_URL          2048
#define NGX_HTTP_WEBHOOK_MAX_EVENTS       100   /* subscriptions a webhook */
#define NGX_HTTP_WEBHOOK_MAX_WEBHOOKS     1000  /* webhooks a company */
#define NGX_HTTP_WEBHOOK_MAX_EVENT_TYPES  1000
#define NGX_HTTP_WEBHOOK_MAX_EXAMPLE      32768 /* or a schema */
#define NGX_HTTP_WEBHOOK_MAX_HEADERS      20    /* of a webhook's own, */
#define NGX_HTTP_WEBHOOK_HEADERS_SIZE     4096  /* in all, as they are sent */
#define NGX_HTTP_WEBHOOK_MAX_ATTEMPTS     33    /* 32 delays */
#define NGX_HTTP_WEBHOOK_MAX_KEY          255   /* of idempotency */
#define NGX_HTTP_WEBHOOK_MAX_KEYS         1000  /* of the API */
#define NGX_HTTP_WEBHOOK_SESSION          (3600 * 1000)       /* ms */
#define NGX_HTTP_WEBHOOK_MAX_SESSION      (24 * 3600 * 1000)  /* ms */
#define NGX_HTTP_WEBHOOK_BREAKER_PAUSE    30000 /* ms, defaults */
#define NGX_HTTP_WEBHOOK_BREAKER_MAX      600000
#define NGX_HTTP_WEBHOOK_KEEP_PAYLOADS    ((ngx_msec_t) 30 * 24 * 3600 * 1000)
#define NGX_HTTP_WEBHOOK_KEEP_LOGS        ((ngx_msec_t) 90 * 24 * 3600 * 1000)
#define NGX_HTTP_WEBHOOK_MAX_LINES        1000  /* of a batch */

#define NGX_HTTP_WEBHOOK_ENVELOPE         4096  /* an ingest body beyond its
                                                   payload */
#define NGX_HTTP_WEBHOOK_API_BODY         65536 /* an admin API body */
#define NGX_HTTP_WEBHOOK_RESPONSE_HEAD    8192  /* kept of an answer */
#define NGX_HTTP_WEBHOOK_RESPONSE_HEADS   262144  /* read of one */

#define NGX_HTTP_WEBHOOK_TEST_EVENT       "test.webhook-event"

#define NGX_HTTP_WEBHOOK_PAUSE            1000  /* ms; what waits longer for
                                                   its webhook's rate, waits
                                                   in the store */

#define NGX_HTTP_WEBHOOK_GONE             410   /* nginx has no name for it */


/*
 * A time-ordered identifier: milliseconds since the epoch in the upper 43
 * bits, a sequence in the lower 20.  Given by the store under its writer's
 * lock; 0 is no identifier.
 */

typedef int64_t                              ngx_http_webhook_id_t;

#define ngx_http_webhook_id_msec(id)         ((id) >> 20)

/* The first identifier of a time, ms since the epoch; never 0. */

#define ngx_http_webhook_id_from(msec)                                        \
    (ngx_max(ngx_min((ngx_http_webhook_id_t) (msec), INT64_MAX >> 20), 1)     \
     << 20)

typedef struct ngx_http_webhook_store_s      ngx_http_webhook_store_t;
typedef struct ngx_http_webhook_dispatch_s   ngx_http_webhook_dispatch_t;
typedef struct ngx_http_webhook_transport_s  ngx_http_webhook_transport_t;
typedef struct ngx_http_webhook_keys_s       ngx_http_webhook_keys_t;
typedef struct ngx_http_webhook_known_s      ngx_http_webhook_known_t;
typedef struct ngx_http_webhook_wake_s       ngx_http_webhook_wake_t;
typedef struct ngx_http_webhook_process_s    ngx_http_webhook_process_t;


typedef enum {
    NGX_HTTP_WEBHOOK_PENDING = 0,
    NGX_HTTP_WEBHOOK_DELIVERED,
    NGX_HTTP_WEBHOOK_FAILED,
    NGX_HTTP_WEBHOOK_CANCELLED
} ngx_http_webhook_status_e;


/* What a pending webhook event, or a webhook, waits for. */

typedef enum {
    NGX_HTTP_WEBHOOK_WAITS_NOT = 0,
    NGX_HTTP_WEBHOOK_WAITS_SCHEDULE,
    NGX_HTTP_WEBHOOK_WAITS_BREAKER,
    NGX_HTTP_WEBHOOK_WAITS_RATE,
    NGX_HTTP_WEBHOOK_WAITS_CONCURRENCY,
    NGX_HTTP_WEBHOOK_WAITS_ORDER,
    NGX_HTTP_WEBHOOK_WAITS_DISABLED,
    NGX_HTTP_WEBHOOK_WAITS_SECRET
} ngx_http_webhook_waits_e;


/* How a webhook wants its deliveries. */

typedef struct {
    ngx_uint_t                      concurrency;  /* 0: not said */
    ngx_uint_t                      rate;         /* 0: no limit, else so many
                                                     in "period" ms */
    ngx_msec_t                      period;
    ngx_msec_t                     *delays;       /* NULL: the configured */
    ngx_uint_t                      ndelays;
    unsigned                        ordered:1;
} ngx_http_webhook_rules_t;


/* A header of a webhook's own. */

typedef struct {
    ngx_str_t                       name;
    ngx_str_t                       value;
} ngx_http_webhook_header_t;


typedef struct {
    ngx_str_t                       name;      /* host, lower case */
    in_port_t                       port;
    ngx_addr_t                      addr;
} ngx_http_webhook_resolve_entry_t;


/*
 * The configuration of http{}.  What follows "set at run time" belongs to
 * the worker process and is made in init_process.
 */

typedef struct {
    ngx_str_t                       store_path;       /* null: no store */
    ngx_str_t                       store_dir;
    ngx_uint_t                      store_sync;       /* 1: full, 0: normal */

    ngx_array_t                    *retry_delays;     /* of ngx_msec_t */
    ngx_uint_t                      retry_jitter;     /* percent */
    ngx_msec_t                      retry_after_max;
    ngx_uint_t                      breaker_failures; /* 0: none */
    ngx_msec_t                      breaker_pause;
    ngx_msec_t                      breaker_max;
    ngx_msec_t                      disable_after;    /* 0: never */
    ngx_msec_t                      timeout;
    ngx_msec_t                      connect_timeout;
    ngx_uint_t                      concurrency;
    size_t                          response_limit;
    ngx_flag_t                      http2;
    ngx_uint_t                      ingest_queue;
    ngx_msec_t                      idempotency_window;
    ngx_flag_t                      strict_events;
    ngx_uint_t                      max_webhooks;     /* of a company */
    ngx_msec_t                      keep_payloads;    /* 0: for ever */
    ngx_msec_t                      keep_logs;
    ngx_flag_t                      allow_http;
    ngx_flag_t                      standard_headers;
    ngx_array_t                    *allow_addresses;  /* of ngx_cidr_t */
    ngx_array_t                    *deny_addresses;   /* of ngx_cidr_t */
    ngx_array_t                    *resolve;          /* of ..._entry_t */
    ngx_str_t                       operator;         /* a company's id or
                                                         uid, or null */
    ngx_str_t                       trusted_certificate;
    void                           *trusted_store;    /* X509_STORE */

    ngx_str_t                       root_file;        /* null: beside the */
    ngx_str_t                       encryption_file;  /* store */
    ngx_http_webhook_keys_t        *keys;
    ngx_http_conf_ctx_t            *ctx;              /* of the deliveries, */
    ngx_str_t                       deliver_via;      /* or this location of */
    ngx_http_conf_ctx_t            *via_ctx;          /* this server{} */
    ngx_resolver_t                 *resolver;
    ngx_shm_zone_t                 *zone;             /* of limits */
    ngx_http_webhook_wake_t        *wake;             /* NULL: one worker */
    ngx_shm_zone_t                 *metrics;          /* of counters */
    ngx_thread_pool_t              *write_pool;
    ngx_thread_pool_t              *read_pool;
    ngx_thread_pool_t              *index_pool;

    /* set at run time */

    ngx_atomic_t                   *counters;         /* see metrics.h */
    ngx_http_webhook_quiet_t        quiet;            /* of the event loop */
    ngx_http_webhook_process_t     *process;
    ngx_http_webhook_store_t       *store;
    ngx_http_webhook_transport_t   *transport;
    ngx_http_webhook_dispatch_t    *dispatch;
    ngx_http_webhook_known_t       *known;            /* keys */
} ngx_http_webhook_main_conf_t;


typedef struct {
    ngx_flag_t                      auth;
    size_t                          payload_limit;
    size_t                          batch_limit;
    ngx_str_t                       support_url;
    ngx_str_t                       portal_url;
    ngx_uint_t                      ingest;           /* the location's job */
    ngx_uint_t                      admin;
} ngx_http_webhook_loc_conf_t;


extern ngx_module_t  ngx_http_webhook_module;


#endif /* _NGX_HTTP_WEBHOOK_H_INCLUDED_ */
