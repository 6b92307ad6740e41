
/*
 * Copyright (C) the ngx_http_webhook_module authors
 */


/*
 * Directives: their table, defaults and checks.  Configuration time.
 */


#include "ngx_http_webhook_conf.h"
#include "ngx_http_webhook_http.h"
#include "ngx_http_webhook_keys.h"
#include "ngx_http_webhook_resolve.h"
#include "ngx_http_webhook_via.h"

#include <openssl/ssl.h>


#define NGX_HTTP_WEBHOOK_MAX_TIMEOUT  (3600 * 1000)      /* ms */


static char *ngx_http_webhook_handler(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
static char *ngx_http_webhook_certificates(ngx_conf_t *cf,
    ngx_http_webhook_main_conf_t *wmcf);

static char *ngx_http_webhook_check_timeout(ngx_conf_t *cf, void *post,
    void *data);
static char *ngx_http_webhook_check_response(ngx_conf_t *cf, void *post,
    void *data);
static char *ngx_http_webhook_check_payload(ngx_conf_t *cf, void *post,
    void *data);
static char *ngx_http_webhook_check_batch(ngx_conf_t *cf, void *post,
    void *data);
static char *ngx_http_webhook_check_window(ngx_conf_t *cf, void *post,
    void *data);


static ngx_conf_post_t  ngx_http_webhook_timeout_post = {
    ngx_http_webhook_check_timeout
};

static ngx_conf_num_bounds_t  ngx_http_webhook_concurrency_post = {
    ngx_conf_check_num_bounds, 1, 65536
};

static ngx_conf_num_bounds_t  ngx_http_webhook_jitter_post = {
    ngx_conf_check_num_bounds, 0, 100
};

static ngx_conf_post_t  ngx_http_webhook_response_post = {
    ngx_http_webhook_check_response
};

static ngx_conf_post_t  ngx_http_webhook_payload_post = {
    ngx_http_webhook_check_payload
};

static ngx_conf_num_bounds_t  ngx_http_webhook_queue_post = {
    ngx_conf_check_num_bounds, 1, 1000000
};

static ngx_conf_post_t  ngx_http_webhook_batch_post = {
    ngx_http_webhook_check_batch
};

static ngx_conf_num_bounds_t  ngx_http_webhook_webhooks_post = {
    ngx_conf_check_num_bounds, 1, NGX_HTTP_WEBHOOK_MAX_WEBHOOKS
};

static ngx_conf_post_t  ngx_http_webhook_window_post = {
    ngx_http_webhook_check_window
};


ngx_command_t  ngx_http_webhook_commands[] = {

    { ngx_string("webhook_store"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_TAKE12,
      ngx_http_webhook_set_store,
      NGX_HTTP_MAIN_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("webhook_root_key"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_TAKE1,
      ngx_conf_set_str_slot,
      NGX_HTTP_MAIN_CONF_OFFSET,
      offsetof(ngx_http_webhook_main_conf_t, root_file),
      NULL },

    { ngx_string("webhook_encryption_key"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_TAKE1,
      ngx_conf_set_str_slot,
      NGX_HTTP_MAIN_CONF_OFFSET,
      offsetof(ngx_http_webhook_main_conf_t, encryption_file),
      NULL },

    { ngx_string("webhook_ingest"),
      NGX_HTTP_LOC_CONF|NGX_CONF_NOARGS,
      ngx_http_webhook_handler,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_webhook_loc_conf_t, ingest),
      ngx_http_webhook_ingest_handler },

    { ngx_string("webhook_admin"),
      NGX_HTTP_LOC_CONF|NGX_CONF_NOARGS,
      ngx_http_webhook_handler,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_webhook_loc_conf_t, admin),
      ngx_http_webhook_api_handler },

    { ngx_string("webhook_auth"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_FLAG,
      ngx_conf_set_flag_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_webhook_loc_conf_t, auth),
      NULL },

    { ngx_string("webhook_support_url"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_TAKE1,
      ngx_http_webhook_set_url,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_webhook_loc_conf_t, support_url),
      "mailto:" },

    { ngx_string("webhook_portal_url"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_TAKE1,
      ngx_http_webhook_set_url,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_webhook_loc_conf_t, portal_url),
      NULL },

    { ngx_string("webhook_operator"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_TAKE1,
      ngx_http_webhook_set_operator,
      NGX_HTTP_MAIN_CONF_OFFSET,
      offsetof(ngx_http_webhook_main_conf_t, operator),
      NULL },

    { ngx_string("webhook_payload_limit"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_TAKE1,
      ngx_conf_set_size_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_webhook_loc_conf_t, payload_limit),
      &ngx_http_webhook_payload_post },

    { ngx_string("webhook_batch_limit"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_TAKE1,
      ngx_conf_set_size_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_http_webhook_loc_conf_t, batch_limit),
      &ngx_http_webhook_batch_post },

    { ngx_string("webhook_ingest_queue"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_TAKE1,
      ngx_conf_set_num_slot,
      NGX_HTTP_MAIN_CONF_OFFSET,
      offsetof(ngx_http_webhook_main_conf_t, ingest_queue),
      &ngx_http_webhook_queue_post },

    { ngx_string("webhook_idempotency_window"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_TAKE1,
      ngx_conf_set_msec_slot,
      NGX_HTTP_MAIN_CONF_OFFSET,
      offsetof(ngx_http_webhook_main_conf_t, idempotency_window),
      &ngx_http_webhook_window_post },

    { ngx_string("webhook_strict_events"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_FLAG,
      ngx_conf_set_flag_slot,
      NGX_HTTP_MAIN_CONF_OFFSET,
      offsetof(ngx_http_webhook_main_conf_t, strict_events),
      NULL },

    { ngx_string("webhook_max_webhooks"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_TAKE1,
      ngx_conf_set_num_slot,
      NGX_HTTP_MAIN_CONF_OFFSET,
      offsetof(ngx_http_webhook_main_conf_t, max_webhooks),
      &ngx_http_webhook_webhooks_post },

    { ngx_string("webhook_retention"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_TAKE12,
      ngx_http_webhook_set_retention,
      NGX_HTTP_MAIN_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("webhook_deliver_via"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_CONF_TAKE1,
      ngx_http_webhook_set_deliver_via,
      NGX_HTTP_MAIN_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("webhook_retry_delays"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_1MORE,
      ngx_http_webhook_set_retry_delays,
      NGX_HTTP_MAIN_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("webhook_retry_jitter"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_TAKE1,
      ngx_http_webhook_set_percent,
      NGX_HTTP_MAIN_CONF_OFFSET,
      offsetof(ngx_http_webhook_main_conf_t, retry_jitter),
      &ngx_http_webhook_jitter_post },

    { ngx_string("webhook_retry_after_max"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_TAKE1,
      ngx_conf_set_msec_slot,
      NGX_HTTP_MAIN_CONF_OFFSET,
      offsetof(ngx_http_webhook_main_conf_t, retry_after_max),
      NULL },

    { ngx_string("webhook_breaker"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_TAKE123,
      ngx_http_webhook_set_breaker,
      NGX_HTTP_MAIN_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("webhook_disable_after"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_TAKE1,
      ngx_http_webhook_set_time_or_off,
      NGX_HTTP_MAIN_CONF_OFFSET,
      offsetof(ngx_http_webhook_main_conf_t, disable_after),
      NULL },

    { ngx_string("webhook_timeout"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_TAKE1,
      ngx_conf_set_msec_slot,
      NGX_HTTP_MAIN_CONF_OFFSET,
      offsetof(ngx_http_webhook_main_conf_t, timeout),
      &ngx_http_webhook_timeout_post },

    { ngx_string("webhook_connect_timeout"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_TAKE1,
      ngx_conf_set_msec_slot,
      NGX_HTTP_MAIN_CONF_OFFSET,
      offsetof(ngx_http_webhook_main_conf_t, connect_timeout),
      &ngx_http_webhook_timeout_post },

    { ngx_string("webhook_concurrency"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_TAKE1,
      ngx_conf_set_num_slot,
      NGX_HTTP_MAIN_CONF_OFFSET,
      offsetof(ngx_http_webhook_main_conf_t, concurrency),
      &ngx_http_webhook_concurrency_post },

    { ngx_string("webhook_response_limit"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_TAKE1,
      ngx_conf_set_size_slot,
      NGX_HTTP_MAIN_CONF_OFFSET,
      offsetof(ngx_http_webhook_main_conf_t, response_limit),
      &ngx_http_webhook_response_post },

    { ngx_string("webhook_http2"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_FLAG,
      ngx_conf_set_flag_slot,
      NGX_HTTP_MAIN_CONF_OFFSET,
      offsetof(ngx_http_webhook_main_conf_t, http2),
      NULL },

    { ngx_string("webhook_standard_headers"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_FLAG,
      ngx_conf_set_flag_slot,
      NGX_HTTP_MAIN_CONF_OFFSET,
      offsetof(ngx_http_webhook_main_conf_t, standard_headers),
      NULL },

    { ngx_string("webhook_allow_http"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_FLAG,
      ngx_conf_set_flag_slot,
      NGX_HTTP_MAIN_CONF_OFFSET,
      offsetof(ngx_http_webhook_main_conf_t, allow_http),
      NULL },

    { ngx_string("webhook_allow_address"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_1MORE,
      ngx_http_webhook_set_addresses,
      NGX_HTTP_MAIN_CONF_OFFSET,
      offsetof(ngx_http_webhook_main_conf_t, allow_addresses),
      NULL },

    { ngx_string("webhook_deny_address"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_1MORE,
      ngx_http_webhook_set_addresses,
      NGX_HTTP_MAIN_CONF_OFFSET,
      offsetof(ngx_http_webhook_main_conf_t, deny_addresses),
      NULL },

    { ngx_string("webhook_resolve"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_1MORE,
      ngx_http_webhook_set_resolve,
      NGX_HTTP_MAIN_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("webhook_trusted_certificate"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_TAKE1,
      ngx_conf_set_str_slot,
      NGX_HTTP_MAIN_CONF_OFFSET,
      offsetof(ngx_http_webhook_main_conf_t, trusted_certificate),
      NULL },

      ngx_null_command
};


/* webhook_ingest and webhook_admin: the location's content handler. */

static char *
ngx_http_webhook_handler(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_uint_t                *flag;
    ngx_http_core_loc_conf_t  *clcf;

    flag = (ngx_uint_t *) ((char *) conf + cmd->offset);

    if (*flag) {
        return "is duplicate";
    }

    clcf = ngx_http_conf_get_module_loc_conf(cf, ngx_http_core_module);

    if (clcf->handler) {
        return "conflicts with another handler of the location";
    }

#if (NGX_PCRE)
    if (clcf->regex) {
        return "cannot be used in a location given by a regular expression";
    }
#endif

    if (clcf->named) {
        return "cannot be used in a named location";
    }

    *flag = 1;
    clcf->handler = (ngx_http_handler_pt) cmd->post;

    return NGX_CONF_OK;
}


static char *
ngx_http_webhook_check_timeout(ngx_conf_t *cf, void *post, void *data)
{
    ngx_msec_t *msec = data;

    if (*msec == 0 || *msec > NGX_HTTP_WEBHOOK_MAX_TIMEOUT) {
        return "must be between 1ms and 1h";
    }

    return NGX_CONF_OK;
}


static char *
ngx_http_webhook_check_batch(ngx_conf_t *cf, void *post, void *data)
{
    size_t *size = data;

    if (*size < 1024 || *size > 256 * 1024 * 1024) {
        return "must be between 1k and 256m";
    }

    return NGX_CONF_OK;
}


static char *
ngx_http_webhook_check_window(ngx_conf_t *cf, void *post, void *data)
{
    ngx_msec_t *msec = data;

    if (*msec < 1000 || *msec > (ngx_msec_t) 30 * 24 * 3600 * 1000) {
        return "must be between 1s and 30d";
    }

    return NGX_CONF_OK;
}


static char *
ngx_http_webhook_check_response(ngx_conf_t *cf, void *post, void *data)
{
    size_t *size = data;

    if (*size > 1024 * 1024) {
        return "must be at most 1m";
    }

    return NGX_CONF_OK;
}


static char *
ngx_http_webhook_check_payload(ngx_conf_t *cf, void *post, void *data)
{
    size_t *size = data;

    if (*size < 1024 || *size > 16 * 1024 * 1024) {
        return "must be between 1k and 16m";
    }

    return NGX_CONF_OK;
}


void *
ngx_http_webhook_create_main_conf(ngx_conf_t *cf)
{
    ngx_http_webhook_main_conf_t  *wmcf;

    wmcf = ngx_pcalloc(cf->pool, sizeof(ngx_http_webhook_main_conf_t));
    if (wmcf == NULL) {
        return NULL;
    }

    /*
     * set by ngx_pcalloc():
     *
     *     wmcf->store_path = { 0, NULL };
     *     wmcf->store_dir = { 0, NULL };
     *     wmcf->store_sync = 0;
     *     wmcf->root_file = { 0, NULL };
     *     wmcf->encryption_file = { 0, NULL };
     *     wmcf->retry_delays = NULL;
     *     wmcf->deliver_via = { 0, NULL };
     *     wmcf->allow_addresses = NULL;
     *     wmcf->deny_addresses = NULL;
     *     wmcf->resolve = NULL;
     *     wmcf->operator = { 0, NULL };
     *     wmcf->trusted_certificate = { 0, NULL };
     */

    wmcf->breaker_failures = NGX_CONF_UNSET_UINT;
    wmcf->breaker_pause = NGX_CONF_UNSET_MSEC;
    wmcf->breaker_max = NGX_CONF_UNSET_MSEC;
    wmcf->disable_after = NGX_CONF_UNSET_MSEC;
    wmcf->retry_jitter = NGX_CONF_UNSET_UINT;
    wmcf->retry_after_max = NGX_CONF_UNSET_MSEC;
    wmcf->timeout = NGX_CONF_UNSET_MSEC;
    wmcf->connect_timeout = NGX_CONF_UNSET_MSEC;
    wmcf->concurrency = NGX_CONF_UNSET_UINT;
    wmcf->response_limit = NGX_CONF_UNSET_SIZE;
    wmcf->http2 = NGX_CONF_UNSET;
    wmcf->ingest_queue = NGX_CONF_UNSET_UINT;
    wmcf->idempotency_window = NGX_CONF_UNSET_MSEC;
    wmcf->strict_events = NGX_CONF_UNSET;
    wmcf->max_webhooks = NGX_CONF_UNSET_UINT;
    wmcf->keep_payloads = NGX_CONF_UNSET_MSEC;
    wmcf->keep_logs = NGX_CONF_UNSET_MSEC;
    wmcf->allow_http = NGX_CONF_UNSET;
    wmcf->standard_headers = NGX_CONF_UNSET;

    return wmcf;
}


char *
ngx_http_webhook_init_main_conf(ngx_conf_t *cf, void *conf)
{
    ngx_http_webhook_main_conf_t *wmcf = conf;

    char        *rv;
    ngx_uint_t   i;
    ngx_msec_t  *delay;

    ngx_conf_init_uint_value(wmcf->breaker_failures, 10);
    ngx_conf_init_msec_value(wmcf->breaker_pause,
                             NGX_HTTP_WEBHOOK_BREAKER_PAUSE);
    ngx_conf_init_msec_value(wmcf->breaker_max, NGX_HTTP_WEBHOOK_BREAKER_MAX);
    ngx_conf_init_msec_value(wmcf->disable_after,
                             (ngx_msec_t) 5 * 24 * 3600 * 1000);
    ngx_conf_init_uint_value(wmcf->retry_jitter, 0);
    ngx_conf_init_msec_value(wmcf->retry_after_max, 24 * 3600 * 1000);
    ngx_conf_init_msec_value(wmcf->timeout, 15000);
    ngx_conf_init_msec_value(wmcf->connect_timeout, 5000);
    ngx_conf_init_uint_value(wmcf->concurrency, 256);
    ngx_conf_init_size_value(wmcf->response_limit, 16384);
    ngx_conf_init_value(wmcf->http2, 0);
    ngx_conf_init_uint_value(wmcf->ingest_queue, 8192);
    ngx_conf_init_msec_value(wmcf->idempotency_window, 24 * 3600 * 1000);
    ngx_conf_init_value(wmcf->strict_events, 0);
    ngx_conf_init_uint_value(wmcf->max_webhooks, 100);
    ngx_conf_init_msec_value(wmcf->keep_payloads,
                             NGX_HTTP_WEBHOOK_KEEP_PAYLOADS);
    ngx_conf_init_msec_value(wmcf->keep_logs, NGX_HTTP_WEBHOOK_KEEP_LOGS);

    ngx_conf_init_value(wmcf->allow_http, 0);
    ngx_conf_init_value(wmcf->standard_headers, 1);

    if (wmcf->retry_delays == NULL) {

        wmcf->retry_delays = ngx_array_create(cf->pool, 5, sizeof(ngx_msec_t));
        if (wmcf->retry_delays == NULL) {
            return NGX_CONF_ERROR;
        }

        for (i = 0; i < 5; i++) {                     /* 2 ** i minutes */
            delay = ngx_array_push(wmcf->retry_delays);
            if (delay == NULL) {
                return NGX_CONF_ERROR;
            }

            *delay = (ngx_msec_t) (1 << i) * 60 * 1000;
        }
    }

    if (wmcf->store_path.len == 0) {
        return NGX_CONF_OK;
    }

    rv = ngx_http_webhook_certificates(cf, wmcf);
    if (rv != NGX_CONF_OK) {
        return rv;
    }

    return ngx_http_webhook_keys_read(cf, wmcf);
}


static void
ngx_http_webhook_certificates_free(void *data)
{
    X509_STORE_free(data);
}


/* The certificates to trust, loaded once: workers get them by the fork. */

static char *
ngx_http_webhook_certificates(ngx_conf_t *cf,
    ngx_http_webhook_main_conf_t *wmcf)
{
    X509_STORE          *store;
    ngx_str_t           *file;
    ngx_pool_cleanup_t  *cln;

    cln = ngx_pool_cleanup_add(cf->pool, 0);
    if (cln == NULL) {
        return NGX_CONF_ERROR;
    }

    store = X509_STORE_new();
    if (store == NULL) {
        return NGX_CONF_ERROR;
    }

    cln->handler = ngx_http_webhook_certificates_free;
    cln->data = store;

    wmcf->trusted_store = store;

    file = &wmcf->trusted_certificate;

    if (file->len == 0) {

        if (X509_STORE_set_default_paths(store) != 1) {
            ngx_ssl_error(NGX_LOG_EMERG, cf->log, 0,
                          "X509_STORE_set_default_paths() failed");
            return NGX_CONF_ERROR;
        }

        return NGX_CONF_OK;
    }

    if (ngx_conf_full_name(cf->cycle, file, 1) != NGX_OK) {
        return NGX_CONF_ERROR;
    }

    if (X509_STORE_load_locations(store, (char *) file->data, NULL) != 1) {
        ngx_ssl_error(NGX_LOG_EMERG, cf->log, 0,
                      "cannot load certificates of "
                      "\"webhook_trusted_certificate\" \"%V\"", file);
        return NGX_CONF_ERROR;
    }

    return NGX_CONF_OK;
}


void *
ngx_http_webhook_create_loc_conf(ngx_conf_t *cf)
{
    ngx_http_webhook_loc_conf_t  *wlcf;

    wlcf = ngx_pcalloc(cf->pool, sizeof(ngx_http_webhook_loc_conf_t));
    if (wlcf == NULL) {
        return NULL;
    }

    /*
     * set by ngx_pcalloc():
     *
     *     wlcf->support_url = { 0, NULL };
     *     wlcf->portal_url = { 0, NULL };
     *     wlcf->ingest = 0;
     *     wlcf->admin = 0;
     */

    wlcf->auth = NGX_CONF_UNSET;
    wlcf->payload_limit = NGX_CONF_UNSET_SIZE;
    wlcf->batch_limit = NGX_CONF_UNSET_SIZE;

    return wlcf;
}


char *
ngx_http_webhook_merge_loc_conf(ngx_conf_t *cf, void *parent, void *child)
{
    ngx_http_webhook_loc_conf_t *prev = parent;
    ngx_http_webhook_loc_conf_t *wlcf = child;

    ngx_http_core_loc_conf_t      *clcf;
    ngx_http_webhook_main_conf_t  *wmcf;

    ngx_conf_merge_value(wlcf->auth, prev->auth, 1);
    ngx_conf_merge_size_value(wlcf->payload_limit, prev->payload_limit,
                              256 * 1024);
    ngx_conf_merge_size_value(wlcf->batch_limit, prev->batch_limit,
                              4 * 1024 * 1024);
    ngx_conf_merge_str_value(wlcf->support_url, prev->support_url, "");
    ngx_conf_merge_str_value(wlcf->portal_url, prev->portal_url, "");

    clcf = ngx_http_conf_get_module_loc_conf(cf, ngx_http_core_module);

    if (clcf->noname) {
        /* "if" and "limit_except" have the handler of their location */

        wlcf->ingest |= prev->ingest;
        wlcf->admin |= prev->admin;
    }

    if (!wlcf->ingest && !wlcf->admin) {
        return NGX_CONF_OK;
    }

    wmcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_webhook_module);

    if (wmcf->store_path.len == 0) {
        ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                      "\"%s\" needs a \"webhook_store\" in http{}",
                      wlcf->ingest ? "webhook_ingest" : "webhook_admin");
        return NGX_CONF_ERROR;
    }

    if (clcf->lmt_excpt && clcf->handler == NULL) {
        clcf->handler = wlcf->ingest ? ngx_http_webhook_ingest_handler
                                     : ngx_http_webhook_api_handler;
    }

    ngx_http_webhook_body_init(cf);

    return NGX_CONF_OK;
}


ngx_int_t
ngx_http_webhook_postconfiguration(ngx_conf_t *cf)
{
    char                          *rv;
    ngx_http_webhook_main_conf_t  *wmcf;

    wmcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_webhook_module);

    if (wmcf->store_path.len == 0) {
        return NGX_OK;
    }

    rv = ngx_http_webhook_via_init(cf, wmcf);

    if (rv != NGX_CONF_OK) {
        ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                      "\"webhook_deliver_via\" %s", rv);
        return NGX_ERROR;
    }

    /* after the merge: the resolver of http{} is inherited by then */

    return (ngx_http_webhook_resolve_init(cf, wmcf) == NGX_CONF_OK)
           ? NGX_OK : NGX_ERROR;
}
