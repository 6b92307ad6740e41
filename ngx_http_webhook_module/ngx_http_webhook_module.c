
/*
 * Copyright (C) the ngx_http_webhook_module authors
 */


/*
 * The module: its tables, and what happens when processes begin and end.
 *
 *     master   init_module: the key files, what workers call each other by
 *     worker   init_process: store, transport, dispatcher, in this order;
 *              exit_process: the other way round
 */


#include "ngx_http_webhook_conf.h"
#include "ngx_http_webhook_dispatch.h"
#include "ngx_http_webhook_keys.h"
#include "ngx_http_webhook_known.h"
#include "ngx_http_webhook_metrics.h"
#include "ngx_http_webhook_store.h"
#include "ngx_http_webhook_transport.h"
#include "ngx_http_webhook_variables.h"
#include "ngx_http_webhook_wake.h"
#include "ngx_http_webhook_zone.h"


static ngx_int_t ngx_http_webhook_init_module(ngx_cycle_t *cycle);
static ngx_int_t ngx_http_webhook_init_process(ngx_cycle_t *cycle);
static void ngx_http_webhook_exit_process(ngx_cycle_t *cycle);


static ngx_http_module_t  ngx_http_webhook_module_ctx = {
    ngx_http_webhook_variables_add,        /* preconfiguration */
    ngx_http_webhook_postconfiguration,    /* postconfiguration */

    ngx_http_webhook_create_main_conf,     /* create main configuration */
    ngx_http_webhook_init_main_conf,       /* init main configuration */

    NULL,                                  /* create server configuration */
    NULL,                                  /* merge server configuration */

    ngx_http_webhook_create_loc_conf,      /* create location configuration */
    ngx_http_webhook_merge_loc_conf        /* merge location configuration */
};


ngx_module_t  ngx_http_webhook_module = {
    NGX_MODULE_V1,
    &ngx_http_webhook_module_ctx,          /* module context */
    ngx_http_webhook_commands,             /* module directives */
    NGX_HTTP_MODULE,                       /* module type */
    NULL,                                  /* init master */
    ngx_http_webhook_init_module,          /* init module */
    ngx_http_webhook_init_process,         /* init process */
    NULL,                                  /* init thread */
    NULL,                                  /* exit thread */
    ngx_http_webhook_exit_process,         /* exit process */
    NULL,                                  /* exit master */
    NGX_MODULE_V1_PADDING
};


static ngx_http_webhook_main_conf_t *
ngx_http_webhook_main_conf(ngx_cycle_t *cycle)
{
    ngx_http_webhook_main_conf_t  *wmcf;

    if (ngx_get_conf(cycle->conf_ctx, ngx_http_module) == NULL) {
        return NULL;
    }

    wmcf = ngx_http_cycle_get_module_main_conf(cycle, ngx_http_webhook_module);

    return (wmcf && wmcf->store_path.len) ? wmcf : NULL;
}


/* NULL where that configuration had no store, or not even the module. */

static ngx_http_webhook_main_conf_t *
ngx_http_webhook_old_conf(ngx_cycle_t *cycle)
{
    ngx_uint_t    i;
    ngx_cycle_t  *old;

    old = cycle->old_cycle;

    if (ngx_is_init_cycle(old)) {
        return NULL;
    }

    for (i = 0; i < old->modules_n; i++) {
        if (old->modules[i] == &ngx_http_webhook_module) {
            return ngx_http_webhook_main_conf(old);
        }
    }

    return NULL;
}


/* Told where a reload takes another store, or none: that may be a mistake. */

static void
ngx_http_webhook_moved(ngx_cycle_t *cycle, ngx_http_webhook_main_conf_t *wmcf)
{
    ngx_str_t                     *path;
    ngx_http_webhook_main_conf_t  *old;

    static ngx_str_t  none = ngx_string("off");

    old = ngx_http_webhook_old_conf(cycle);
    path = wmcf ? &wmcf->store_path : &none;

    if (old
        && (old->store_path.len != path->len
            || ngx_memcmp(old->store_path.data, path->data, path->len) != 0))
    {
        ngx_log_error(NGX_LOG_WARN, cycle->log, 0,
                      "\"webhook_store\" is \"%V\" now: what is in \"%V\" "
                      "stays there, and what is pending waits", path,
                      &old->store_path);
    }
}


/*
 * An error here ends nginx, also one that runs already and reloads its
 * configuration: so only the first start may fail.
 */

static ngx_int_t
ngx_http_webhook_init_module(ngx_cycle_t *cycle)
{
    ngx_http_webhook_main_conf_t  *wmcf;

    wmcf = ngx_http_webhook_main_conf(cycle);

    if (ngx_test_config) {
        return NGX_OK;
    }

    ngx_http_webhook_moved(cycle, wmcf);

    if (wmcf == NULL) {
        return NGX_OK;
    }

    if (ngx_http_webhook_keys_make(cycle, wmcf) != NGX_OK
        && ngx_is_init_cycle(cycle->old_cycle))
    {
        return NGX_ERROR;
    }

    ngx_http_webhook_wake_create(cycle, wmcf);

    return NGX_OK;
}


static ngx_int_t
ngx_http_webhook_init_process(ngx_cycle_t *cycle)
{
    ngx_http_webhook_main_conf_t  *wmcf;

    if (ngx_process != NGX_PROCESS_WORKER && ngx_process != NGX_PROCESS_SINGLE)
    {
        return NGX_OK;
    }

    wmcf = ngx_http_webhook_main_conf(cycle);

    if (wmcf == NULL || !wmcf->keys->ready) {
        return NGX_OK;
    }

    if (cycle->free_connection_n < 2 * NGX_HTTP_WEBHOOK_TRANSPORT_RESERVE) {
        ngx_log_error(NGX_LOG_ERR, cycle->log, 0,
                      "%ui worker_connections are too few for webhooks to be "
                      "delivered", cycle->connection_n);
    }

    ngx_http_webhook_zone_reset(wmcf);
    ngx_http_webhook_metrics_init(wmcf);

    wmcf->transport = ngx_http_webhook_transport_create(wmcf, cycle);
    if (wmcf->transport == NULL) {
        return NGX_ERROR;
    }

    wmcf->store = ngx_http_webhook_store_create(wmcf, &ngx_http_webhook_sqlite,
                                                cycle);
    if (wmcf->store == NULL) {
        return NGX_ERROR;
    }

    wmcf->known = ngx_http_webhook_known_create(wmcf->store, cycle);
    if (wmcf->known == NULL) {
        return NGX_ERROR;
    }

    wmcf->dispatch = ngx_http_webhook_dispatch_create(wmcf, cycle);
    if (wmcf->dispatch == NULL) {
        return NGX_ERROR;
    }

    return NGX_OK;
}


static void
ngx_http_webhook_exit_process(ngx_cycle_t *cycle)
{
    ngx_http_webhook_main_conf_t  *wmcf;

    wmcf = ngx_http_webhook_main_conf(cycle);

    if (wmcf == NULL || wmcf->dispatch == NULL) {
        return;
    }

    ngx_http_webhook_transport_destroy(wmcf->transport);
    ngx_http_webhook_dispatch_destroy(wmcf->dispatch);
    ngx_http_webhook_store_destroy(wmcf->store);
    ngx_http_webhook_metrics_exit(wmcf);
}
