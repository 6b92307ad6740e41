
/*
 * Copyright (C) the ngx_http_webhook_module authors
 */


/*
 * Setters of directives that take more than a value.  Configuration time.
 */


#include "ngx_http_webhook_conf.h"
#include "ngx_http_webhook_deliver.h"
#include "ngx_http_webhook_zone.h"
#include "ngx_http_webhook_keys.h"
#include "ngx_http_webhook_metrics.h"
#include "ngx_http_webhook_name.h"


static char *ngx_http_webhook_store_path(ngx_conf_t *cf,
    ngx_http_webhook_main_conf_t *wmcf);
static ngx_int_t ngx_http_webhook_store_foreign(ngx_conf_t *cf,
    ngx_http_webhook_main_conf_t *wmcf);
static char *ngx_http_webhook_threads(ngx_conf_t *cf, const char *name,
    const char *threads, ngx_thread_pool_t **pool);


extern ngx_module_t  ngx_thread_pool_module;


static char *
ngx_http_webhook_conf_invalid(ngx_conf_t *cf, ngx_command_t *cmd,
    ngx_str_t *value, const char *takes)
{
    ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                       "invalid parameter \"%V\": \"%V\" takes %s", value,
                       &cmd->name, takes);

    return NGX_CONF_ERROR;
}


char *
ngx_http_webhook_set_store(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
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
            return ngx_http_webhook_conf_invalid(cf, cmd, &value[2],
                                                 "sync=full or sync=normal");
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

    rv = ngx_http_webhook_threads(cf, "webhook_index", "threads=1",
                                  &wmcf->index_pool);
    if (rv != NGX_CONF_OK) {
        return rv;
    }

    rv = ngx_http_webhook_zone_add(cf, wmcf);
    if (rv != NGX_CONF_OK) {
        return rv;
    }

    rv = ngx_http_webhook_metrics_zone(cf, wmcf);
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
            && ngx_strncmp(name, "root.key", 8) != 0
            && ngx_strncmp(name, "encryption.key", 14) != 0
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


/* In a server{}, it is a location of that one. */

char *
ngx_http_webhook_set_deliver_via(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf)
{
    ngx_http_webhook_main_conf_t *wmcf = conf;

    ngx_str_t  *value;

    if (wmcf->deliver_via.data) {
        return "is duplicate";
    }

    value = cf->args->elts;

    if (value[1].len == 0 || value[1].data[0] != '/') {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid parameter \"%V\": it must be the path of "
                           "a location", &value[1]);
        return NGX_CONF_ERROR;
    }

    wmcf->deliver_via = value[1];

    if (cf->cmd_type == NGX_HTTP_SRV_CONF) {
        wmcf->via_ctx = cf->ctx;
    }

    return NGX_CONF_OK;
}


/* payloads=time|off logs=time|off */

char *
ngx_http_webhook_set_retention(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
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

    ngx_conf_init_msec_value(wmcf->keep_payloads,
                             NGX_HTTP_WEBHOOK_KEEP_PAYLOADS);
    ngx_conf_init_msec_value(wmcf->keep_logs, NGX_HTTP_WEBHOOK_KEEP_LOGS);

    return (wmcf->keep_logs
            && (wmcf->keep_payloads == 0
                || wmcf->keep_logs < wmcf->keep_payloads))
           ? "must keep logs at least as long as payloads, which are kept for "
             "90 and 30 days unless said" : NGX_CONF_OK;

invalid:

    return ngx_http_webhook_conf_invalid(cf, cmd, &value[i],
                                         "payloads= and logs=, times or off");
}


char *
ngx_http_webhook_set_retry_delays(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf)
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
            return ngx_http_webhook_conf_invalid(cf, cmd, &value[i],
                                                 "times, or off");
        }

        delay = ngx_array_push(wmcf->retry_delays);
        if (delay == NULL) {
            return NGX_CONF_ERROR;
        }

        *delay = (ngx_msec_t) msec;
    }

    return NGX_CONF_OK;
}


/* off, or failures=number pause=time max=time, in any order */

char *
ngx_http_webhook_set_breaker(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_webhook_main_conf_t *wmcf = conf;

    ngx_int_t    n;
    ngx_str_t   *value, text;
    ngx_uint_t   i;

    if (wmcf->breaker_failures != NGX_CONF_UNSET_UINT
        || wmcf->breaker_pause != NGX_CONF_UNSET_MSEC
        || wmcf->breaker_max != NGX_CONF_UNSET_MSEC)
    {
        return "is duplicate";
    }

    value = cf->args->elts;

    if (cf->args->nelts == 2 && ngx_strcmp(value[1].data, "off") == 0) {
        wmcf->breaker_failures = 0;
        return NGX_CONF_OK;
    }

    for (i = 1; i < cf->args->nelts; i++) {

        text = value[i];
        n = NGX_ERROR;

        if (ngx_strncmp(text.data, "failures=", 9) == 0) {
            n = ngx_atoi(text.data + 9, text.len - 9);
            wmcf->breaker_failures = (ngx_uint_t) n;

        } else if (ngx_strncmp(text.data, "pause=", 6) == 0) {
            text.data += 6;
            text.len -= 6;
            n = ngx_parse_time(&text, 0);
            wmcf->breaker_pause = (ngx_msec_t) n;

        } else if (ngx_strncmp(text.data, "max=", 4) == 0) {
            text.data += 4;
            text.len -= 4;
            n = ngx_parse_time(&text, 0);
            wmcf->breaker_max = (ngx_msec_t) n;
        }

        if (n < 1) {
            return ngx_http_webhook_conf_invalid(cf, cmd, &value[i],
                                                 "failures=, a number, pause= "
                                                 "and max=, times, or off");
        }
    }

    ngx_conf_init_msec_value(wmcf->breaker_pause,
                             NGX_HTTP_WEBHOOK_BREAKER_PAUSE);
    ngx_conf_init_msec_value(wmcf->breaker_max,
                             ngx_max(wmcf->breaker_pause,
                                     NGX_HTTP_WEBHOOK_BREAKER_MAX));

    return (wmcf->breaker_max < wmcf->breaker_pause)
           ? "must have a \"max\" that is at least its \"pause\", 30s unless "
             "said" : NGX_CONF_OK;
}


/* A time; off is 0. */

char *
ngx_http_webhook_set_time_or_off(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf)
{
    ngx_int_t    msec;
    ngx_str_t   *value;
    ngx_msec_t  *slot;

    slot = (ngx_msec_t *) ((char *) conf + cmd->offset);

    if (*slot != NGX_CONF_UNSET_MSEC) {
        return "is duplicate";
    }

    value = cf->args->elts;

    if (ngx_strcmp(value[1].data, "off") == 0) {
        *slot = 0;
        return NGX_CONF_OK;
    }

    msec = ngx_parse_time(&value[1], 0);

    if (msec == NGX_ERROR || msec == 0) {
        return ngx_http_webhook_conf_invalid(cf, cmd, &value[1],
                                             "a time, or off");
    }

    *slot = (ngx_msec_t) msec;

    return NGX_CONF_OK;
}


/* A number of percent, with or without its sign. */

char *
ngx_http_webhook_set_percent(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_int_t         n;
    ngx_str_t        *value, text;
    ngx_uint_t       *slot;
    ngx_conf_post_t  *post;

    slot = (ngx_uint_t *) ((char *) conf + cmd->offset);

    if (*slot != NGX_CONF_UNSET_UINT) {
        return "is duplicate";
    }

    value = cf->args->elts;
    text = value[1];

    if (text.len > 1 && text.data[text.len - 1] == '%') {
        text.len--;
    }

    n = ngx_atoi(text.data, text.len);

    if (n == NGX_ERROR) {
        return ngx_http_webhook_conf_invalid(cf, cmd, &value[1],
                                             "a number of percent");
    }

    *slot = (ngx_uint_t) n;
    post = cmd->post;

    return post->post_handler(cf, post, slot);
}


/* Addresses and networks, in an array of ngx_cidr_t. */

char *
ngx_http_webhook_set_addresses(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_int_t     rc;
    ngx_str_t    *value;
    ngx_uint_t    i;
    ngx_cidr_t   *cidr;
    ngx_array_t  **list;

    list = (ngx_array_t **) ((char *) conf + cmd->offset);

    if (*list == NULL) {
        *list = ngx_array_create(cf->pool, 4, sizeof(ngx_cidr_t));
        if (*list == NULL) {
            return NGX_CONF_ERROR;
        }
    }

    value = cf->args->elts;

    for (i = 1; i < cf->args->nelts; i++) {

        cidr = ngx_array_push(*list);
        if (cidr == NULL) {
            return NGX_CONF_ERROR;
        }

        rc = ngx_ptocidr(&value[i], cidr);

        if (rc == NGX_ERROR) {
            return ngx_http_webhook_conf_invalid(cf, cmd, &value[i],
                                                 "addresses, or networks such "
                                                 "as 192.0.2.0/24");
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

char *
ngx_http_webhook_set_resolve(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
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


/* A URL of http or https, or of the scheme that the directive names. */

char *
ngx_http_webhook_set_url(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    char  *p = conf;

    char       *other;
    u_char     *c;
    ngx_str_t  *value, *url;

    url = (ngx_str_t *) (p + cmd->offset);
    other = cmd->post;

    if (url->data) {
        return "is duplicate";
    }

    value = cf->args->elts;

    if (!(ngx_strncasecmp(value[1].data, (u_char *) "https://", 8) == 0
          && value[1].len > 8)
        && !(ngx_strncasecmp(value[1].data, (u_char *) "http://", 7) == 0
             && value[1].len > 7)
        && !(other
             && ngx_strncasecmp(value[1].data, (u_char *) other,
                                ngx_strlen(other))
                == 0
             && value[1].len > ngx_strlen(other)))
    {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid parameter \"%V\": it must be a URL",
                           &value[1]);
        return NGX_CONF_ERROR;
    }

    for (c = value[1].data; *c; c++) {
        if (*c <= ' ' || *c > '~' || *c == '#' || *c == '"') {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "invalid parameter \"%V\": a URL without "
                               "blanks and without a \"#\" is needed",
                               &value[1]);
            return NGX_CONF_ERROR;
        }
    }

    *url = value[1];

    return NGX_CONF_OK;
}


/* A company's id or uid. */

char *
ngx_http_webhook_set_operator(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_webhook_main_conf_t *wmcf = conf;

    ngx_str_t  *value;

    if (wmcf->operator.data) {
        return "is duplicate";
    }

    value = cf->args->elts;

    if (ngx_http_webhook_id_read(&value[1], "co_") == 0
        && !ngx_http_webhook_uid_valid(&value[1]))
    {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid parameter \"%V\": it must be the id or "
                           "the uid of a company", &value[1]);
        return NGX_CONF_ERROR;
    }

    wmcf->operator = value[1];

    return NGX_CONF_OK;
}
