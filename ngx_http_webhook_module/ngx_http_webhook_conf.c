
/*
 * Copyright (C) the ngx_http_webhook_module authors
 */


/*
 * Directives: setters, defaults, checks.  Configuration time.
 */


#include "ngx_http_webhook_conf.h"
#include "ngx_http_webhook_deliver.h"
#include "ngx_http_webhook_http.h"
#include "ngx_http_webhook_keys.h"
#include "ngx_http_webhook_resolve.h"

#include <openssl/ssl.h>


#define NGX_HTTP_WEBHOOK_MAX_TIMEOUT  (3600 * 1000)      /* ms */


static char *ngx_http_webhook_store(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
static char *ngx_http_webhook_store_path(ngx_conf_t *cf,
    ngx_http_webhook_main_conf_t *wmcf);
static ngx_int_t ngx_http_webhook_store_foreign(ngx_conf_t *cf,
    ngx_http_webhook_main_conf_t *wmcf);
static char *ngx_http_webhook_threads(ngx_conf_t *cf, const char *name,
    const char *threads, ngx_thread_pool_t **pool);
static char *ngx_http_webhook_handler(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
static char *ngx_http_webhook_retention(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
static char *ngx_http_webhook_retry_delays(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
static char *ngx_http_webhook_allow_address(ngx_conf_t *cf,
    ngx_command_t *cmd, void *conf);
static char *ngx_http_webhook_resolve_entry(ngx_conf_t *cf,
    ngx_command_t *cmd, void *conf);
static char *ngx_http_webhook_certificates(ngx_conf_t *cf,
    ngx_http_webhook_main_conf_t *wmcf);

static char *ngx_http_webhook_check_timeout(ngx_conf_t *cf, void *post,
    void *data);
static char *ngx_http_webhook_check_payload(ngx_conf_t *cf, void *post,
    void *data);
static char *ngx_http_webhook_check_batch(ngx_conf_t *cf, void *post,
    void *data);
static char *ngx_http_webhook_check_window(ngx_conf_t *cf, void *post,
    void *data);


extern ngx_module_t  ngx_thread_pool_module;


static ngx_conf_post_t  ngx_http_webhook_timeout_post = {
    ngx_http_webhook_check_timeout
};

static ngx_conf_num_bounds_t  ngx_http_webhook_concurrency_post = {
    ngx_conf_check_num_bounds, 1, 65536
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

static ngx_conf_post_t  ngx_http_webhook_window_post = {
    ngx_http_webhook_check_window
};


ngx_command_t  ngx_http_webhook_commands[] = {

    { ngx_string("webhook_store"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_TAKE12,
      ngx_http_webhook_store,
      NGX_HTTP_MAIN_CONF_OFFSET,
      0,
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

    { ngx_string("webhook_retention"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_TAKE12,
      ngx_http_webhook_retention,
      NGX_HTTP_MAIN_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("webhook_retry_delays"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_1MORE,
      ngx_http_webhook_retry_delays,
      NGX_HTTP_MAIN_CONF_OFFSET,
      0,
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
      ngx_http_webhook_allow_address,
      NGX_HTTP_MAIN_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("webhook_resolve"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_1MORE,
      ngx_http_webhook_resolve_entry,
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


static char *
ngx_http_webhook_store(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_webhook_main_conf_t *wmcf = conf;

    char       *rv;
    ngx_str_t  *value;

    if (wmcf->store_path.data) {
        return "is duplicate";
    }

    value = cf->args->elts;

    if (value[1].len == 0 || value[1].data[value[1].len - 1] == '/') {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid parameter \"%V\": \"%V\" takes the path "
                           "of a file", &value[1], &cmd->name);
        return NGX_CONF_ERROR;
    }

    wmcf->store_path = value[1];
    wmcf->store_sync = 1;

    if (cf->args->nelts == 3) {

        if (ngx_strcmp(value[2].data, "sync=normal") == 0) {
            wmcf->store_sync = 0;

        } else if (ngx_strcmp(value[2].data, "sync=full") != 0) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "invalid parameter \"%V\"", &value[2]);
            return NGX_CONF_ERROR;
        }
    }

    rv = ngx_http_webhook_store_path(cf, wmcf);
    if (rv != NGX_CONF_OK) {
        return rv;
    }

    rv = ngx_http_webhook_threads(cf, "webhook_write", "threads=1",
                                  &wmcf->write_pool);
    if (rv != NGX_CONF_OK) {
        return rv;
    }

    rv = ngx_http_webhook_threads(cf, "webhook_read", "threads=3",
                                  &wmcf->read_pool);
    if (rv != NGX_CONF_OK) {
        return rv;
    }

    return ngx_http_webhook_deliver_init(cf, wmcf);
}


/*
 * nginx makes the folder of the store, and gives it to the workers' user: so
 * it must be a folder of the store's own.  One that is there must hold nothing
 * else.
 */

static char *
ngx_http_webhook_store_path(ngx_conf_t *cf, ngx_http_webhook_main_conf_t *wmcf)
{
    size_t            len;
    ngx_path_t       *path, **slot;
    ngx_file_info_t   fi;

    if (ngx_conf_full_name(cf->cycle, &wmcf->store_path, 0) != NGX_OK) {
        return NGX_CONF_ERROR;
    }

    for (len = wmcf->store_path.len; wmcf->store_path.data[len - 1] != '/';
         len--)
    {
        /* void: the full name begins with a slash */
    }

    wmcf->store_dir.len = (len > 1) ? len - 1 : 1;
    wmcf->store_dir.data = ngx_pnalloc(cf->pool, wmcf->store_dir.len + 1);
    if (wmcf->store_dir.data == NULL) {
        return NGX_CONF_ERROR;
    }

    (void) ngx_cpystrn(wmcf->store_dir.data, wmcf->store_path.data,
                       wmcf->store_dir.len + 1);

    if (ngx_file_info(wmcf->store_dir.data, &fi) != NGX_FILE_ERROR) {

        if (!ngx_is_dir(&fi)) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "\"%V\" is not a directory",
                               &wmcf->store_dir);
            return NGX_CONF_ERROR;
        }

        if (fi.st_mode & S_IWOTH) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "the directory \"%V\" can be written by "
                               "everyone: the store needs one of its own",
                               &wmcf->store_dir);
            return NGX_CONF_ERROR;
        }

        if (ngx_http_webhook_store_foreign(cf, wmcf) != NGX_OK) {
            return NGX_CONF_ERROR;
        }

    } else if (ngx_errno != NGX_ENOENT) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, ngx_errno,
                           ngx_file_info_n " \"%V\" failed",
                           &wmcf->store_dir);
        return NGX_CONF_ERROR;
    }

    if (ngx_test_config) {
        return NGX_CONF_OK;
    }

    path = ngx_pcalloc(cf->pool, sizeof(ngx_path_t));
    if (path == NULL) {
        return NGX_CONF_ERROR;
    }

    path->name = wmcf->store_dir;
    path->conf_file = cf->conf_file->file.name.data;
    path->line = cf->conf_file->line;

    slot = &path;

    return (ngx_add_path(cf, slot) == NGX_OK) ? NGX_CONF_OK : NGX_CONF_ERROR;
}


static ngx_int_t
ngx_http_webhook_store_foreign(ngx_conf_t *cf,
    ngx_http_webhook_main_conf_t *wmcf)
{
    u_char      *name, *base;
    size_t       len;
    ngx_int_t    rc;
    ngx_dir_t    dir;

    base = wmcf->store_path.data + wmcf->store_path.len;

    while (base[-1] != '/') {
        base--;
    }

    len = ngx_strlen(base);

    if (ngx_open_dir(&wmcf->store_dir, &dir) == NGX_ERROR) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, ngx_errno,
                           ngx_open_dir_n " \"%V\" failed",
                           &wmcf->store_dir);
        return NGX_ERROR;
    }

    rc = NGX_OK;

    while (rc == NGX_OK && ngx_read_dir(&dir) == NGX_OK) {

        name = ngx_de_name(&dir);

        if (ngx_strcmp(name, ".") != 0
            && ngx_strcmp(name, "..") != 0
            && ngx_strcmp(name, "root.key") != 0
            && ngx_strcmp(name, "encryption.key") != 0
            && ngx_strncmp(name, base, len) != 0)
        {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "the directory \"%V\" holds \"%s\": the store "
                               "needs one of its own",
                               &wmcf->store_dir, name);
            rc = NGX_ERROR;
        }
    }

    if (ngx_close_dir(&dir) == NGX_ERROR) {
        ngx_conf_log_error(NGX_LOG_ALERT, cf, ngx_errno,
                           ngx_close_dir_n " \"%V\" failed",
                           &wmcf->store_dir);
    }

    return rc;
}


/*
 * A thread pool of a name and size of our own: nginx has no function for the
 * size, so its directive is called.
 */

static char *
ngx_http_webhook_threads(ngx_conf_t *cf, const char *name,
    const char *threads, ngx_thread_pool_t **pool)
{
    char           *rv;
    ngx_str_t      *value;
    ngx_array_t    *saved;
    ngx_command_t  *cmd;

    for (cmd = ngx_thread_pool_module.commands; cmd->name.len; cmd++) {
        if (ngx_strcmp(cmd->name.data, "thread_pool") == 0) {
            break;
        }
    }

    if (cmd->name.len == 0) {
        return "needs an nginx with thread pools";
    }

    saved = cf->args;

    cf->args = ngx_array_create(cf->pool, 3, sizeof(ngx_str_t));
    if (cf->args == NULL) {
        cf->args = saved;
        return NGX_CONF_ERROR;
    }

    value = ngx_array_push_n(cf->args, 3);

    value[0] = cmd->name;
    value[1].data = (u_char *) name;
    value[1].len = ngx_strlen(name);
    value[2].data = (u_char *) threads;
    value[2].len = ngx_strlen(threads);

    rv = cmd->set(cf, cmd, NULL);

    *pool = (rv == NGX_CONF_OK) ? ngx_thread_pool_add(cf, &value[1]) : NULL;

    cf->args = saved;

    return *pool ? NGX_CONF_OK : NGX_CONF_ERROR;
}


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


/* payloads=time|off logs=time|off */

static char *
ngx_http_webhook_retention(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_webhook_main_conf_t *wmcf = conf;

    ngx_int_t    msec;
    ngx_str_t   *value, time;
    ngx_uint_t   i;
    ngx_msec_t  *slot;

    if (wmcf->keep_payloads != NGX_CONF_UNSET_MSEC
        || wmcf->keep_logs != NGX_CONF_UNSET_MSEC)
    {
        return "is duplicate";
    }

    value = cf->args->elts;

    for (i = 1; i < cf->args->nelts; i++) {

        time = value[i];

        if (ngx_strncmp(time.data, "payloads=", 9) == 0) {
            slot = &wmcf->keep_payloads;
            time.data += 9;
            time.len -= 9;

        } else if (ngx_strncmp(time.data, "logs=", 5) == 0) {
            slot = &wmcf->keep_logs;
            time.data += 5;
            time.len -= 5;

        } else {
            goto invalid;
        }

        if (time.len == 3 && ngx_strncmp(time.data, "off", 3) == 0) {
            *slot = 0;
            continue;
        }

        msec = ngx_parse_time(&time, 0);
        if (msec == NGX_ERROR || msec == 0) {
            goto invalid;
        }

        *slot = (ngx_msec_t) msec;
    }

    return NGX_CONF_OK;

invalid:

    ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                       "invalid parameter \"%V\"", &value[i]);

    return NGX_CONF_ERROR;
}


static char *
ngx_http_webhook_retry_delays(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_webhook_main_conf_t *wmcf = conf;

    ngx_int_t    msec;
    ngx_str_t   *value;
    ngx_uint_t   i;
    ngx_msec_t  *delay;

    if (wmcf->retry_delays) {
        return "is duplicate";
    }

    if (cf->args->nelts > NGX_HTTP_WEBHOOK_MAX_ATTEMPTS) {
        return "takes at most 32 delays";
    }

    wmcf->retry_delays = ngx_array_create(cf->pool, cf->args->nelts,
                                          sizeof(ngx_msec_t));
    if (wmcf->retry_delays == NULL) {
        return NGX_CONF_ERROR;
    }

    value = cf->args->elts;

    if (cf->args->nelts == 2 && ngx_strcmp(value[1].data, "off") == 0) {
        return NGX_CONF_OK;
    }

    for (i = 1; i < cf->args->nelts; i++) {

        msec = ngx_parse_time(&value[i], 0);

        if (msec == NGX_ERROR || msec == 0) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "invalid parameter \"%V\"", &value[i]);
            return NGX_CONF_ERROR;
        }

        delay = ngx_array_push(wmcf->retry_delays);
        if (delay == NULL) {
            return NGX_CONF_ERROR;
        }

        *delay = (ngx_msec_t) msec;
    }

    return NGX_CONF_OK;
}


static char *
ngx_http_webhook_allow_address(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_webhook_main_conf_t *wmcf = conf;

    ngx_int_t    rc;
    ngx_str_t   *value;
    ngx_uint_t   i;
    ngx_cidr_t  *cidr;

    if (wmcf->allow_addresses == NULL) {
        wmcf->allow_addresses = ngx_array_create(cf->pool, 4,
                                                 sizeof(ngx_cidr_t));
        if (wmcf->allow_addresses == NULL) {
            return NGX_CONF_ERROR;
        }
    }

    value = cf->args->elts;

    for (i = 1; i < cf->args->nelts; i++) {

        cidr = ngx_array_push(wmcf->allow_addresses);
        if (cidr == NULL) {
            return NGX_CONF_ERROR;
        }

        rc = ngx_ptocidr(&value[i], cidr);

        if (rc == NGX_ERROR) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "invalid parameter \"%V\"", &value[i]);
            return NGX_CONF_ERROR;
        }

        if (rc == NGX_DONE) {
            ngx_conf_log_error(NGX_LOG_WARN, cf, 0,
                               "low address bits of %V are meaningless",
                               &value[i]);
        }
    }

    return NGX_CONF_OK;
}


/* name:port:address, as curl's --resolve; more than one for more addresses */

static char *
ngx_http_webhook_resolve_entry(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_webhook_main_conf_t *wmcf = conf;

    u_char                            *p, *last, *colon;
    ngx_int_t                          port;
    ngx_str_t                         *value, addr;
    ngx_uint_t                         i;
    ngx_http_webhook_resolve_entry_t  *entry;

    if (wmcf->resolve == NULL) {
        wmcf->resolve = ngx_array_create(cf->pool, 4,
                                     sizeof(ngx_http_webhook_resolve_entry_t));
        if (wmcf->resolve == NULL) {
            return NGX_CONF_ERROR;
        }
    }

    value = cf->args->elts;

    for (i = 1; i < cf->args->nelts; i++) {

        entry = ngx_array_push(wmcf->resolve);
        if (entry == NULL) {
            return NGX_CONF_ERROR;
        }

        p = value[i].data;
        last = p + value[i].len;

        colon = ngx_strlchr(p, last, ':');
        if (colon == NULL || colon == p) {
            goto invalid;
        }

        entry->name.data = p;
        entry->name.len = colon - p;
        ngx_strlow(p, p, entry->name.len);

        p = colon + 1;

        colon = ngx_strlchr(p, last, ':');
        if (colon == NULL) {
            goto invalid;
        }

        port = ngx_atoi(p, colon - p);
        if (port < 1 || port > 65535) {
            goto invalid;
        }

        entry->port = (in_port_t) port;

        addr.data = colon + 1;
        addr.len = last - addr.data;

        if (addr.len > 2 && addr.data[0] == '[' && last[-1] == ']') {
            addr.data++;
            addr.len -= 2;
        }

        if (ngx_parse_addr(cf->pool, &entry->addr, addr.data, addr.len)
            != NGX_OK)
        {
            goto invalid;
        }
    }

    return NGX_CONF_OK;

invalid:

    ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                       "invalid parameter \"%V\": it must be "
                       "\"name:port:address\"", &value[i]);

    return NGX_CONF_ERROR;
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
     *     wmcf->retry_delays = NULL;
     *     wmcf->allow_addresses = NULL;
     *     wmcf->resolve = NULL;
     *     wmcf->trusted_certificate = { 0, NULL };
     */

    wmcf->timeout = NGX_CONF_UNSET_MSEC;
    wmcf->connect_timeout = NGX_CONF_UNSET_MSEC;
    wmcf->concurrency = NGX_CONF_UNSET_UINT;
    wmcf->ingest_queue = NGX_CONF_UNSET_UINT;
    wmcf->idempotency_window = NGX_CONF_UNSET_MSEC;
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

    ngx_conf_init_msec_value(wmcf->timeout, 15000);
    ngx_conf_init_msec_value(wmcf->connect_timeout, 5000);
    ngx_conf_init_uint_value(wmcf->concurrency, 256);
    ngx_conf_init_uint_value(wmcf->ingest_queue, 8192);
    ngx_conf_init_msec_value(wmcf->idempotency_window, 24 * 3600 * 1000);
    ngx_conf_init_msec_value(wmcf->keep_payloads,
                             (ngx_msec_t) 30 * 24 * 3600 * 1000);
    ngx_conf_init_msec_value(wmcf->keep_logs,
                             (ngx_msec_t) 90 * 24 * 3600 * 1000);

    if (wmcf->keep_logs
        && (wmcf->keep_payloads == 0 || wmcf->keep_logs < wmcf->keep_payloads))
    {
        ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                      "\"webhook_retention\" must keep logs at least as long "
                      "as payloads");
        return NGX_CONF_ERROR;
    }
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
    ngx_http_webhook_main_conf_t  *wmcf;

    wmcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_webhook_module);

    if (wmcf->store_path.len == 0) {
        return NGX_OK;
    }

    /* after the merge: the resolver of http{} is inherited by then */

    return (ngx_http_webhook_resolve_init(cf, wmcf) == NGX_CONF_OK)
           ? NGX_OK : NGX_ERROR;
}
