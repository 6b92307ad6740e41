
/*
 * Copyright (C) the ngx_http_webhook_module authors
 */


/*
 * The configuration: what the module's table of directives refers to.
 */


#ifndef _NGX_HTTP_WEBHOOK_CONF_H_INCLUDED_
#define _NGX_HTTP_WEBHOOK_CONF_H_INCLUDED_


#include "ngx_http_webhook.h"


extern ngx_command_t  ngx_http_webhook_commands[];


void *ngx_http_webhook_create_main_conf(ngx_conf_t *cf);
char *ngx_http_webhook_init_main_conf(ngx_conf_t *cf, void *conf);
void *ngx_http_webhook_create_loc_conf(ngx_conf_t *cf);
char *ngx_http_webhook_merge_loc_conf(ngx_conf_t *cf, void *parent,
    void *child);
ngx_int_t ngx_http_webhook_postconfiguration(ngx_conf_t *cf);


/*
 * conf_set.c: handlers of directives, for the main configuration, but _url,
 * whose "post" is a scheme that is good too.
 */

char *ngx_http_webhook_set_store(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
char *ngx_http_webhook_set_deliver_via(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
char *ngx_http_webhook_set_retention(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
char *ngx_http_webhook_set_retry_delays(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
char *ngx_http_webhook_set_breaker(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
char *ngx_http_webhook_set_time_or_off(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
char *ngx_http_webhook_set_percent(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
char *ngx_http_webhook_set_addresses(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
char *ngx_http_webhook_set_resolve(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
char *ngx_http_webhook_set_url(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
char *ngx_http_webhook_set_operator(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);


#endif /* _NGX_HTTP_WEBHOOK_CONF_H_INCLUDED_ */
