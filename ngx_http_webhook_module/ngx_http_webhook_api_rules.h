
/*
 * Copyright (C) the ngx_http_webhook_module authors
 */


/*
 * The members of a webhook that say how it wants its deliveries.
 */


#ifndef _NGX_HTTP_WEBHOOK_API_RULES_H_INCLUDED_
#define _NGX_HTTP_WEBHOOK_API_RULES_H_INCLUDED_


#include "ngx_http_webhook_api.h"


/* Readers of members; "data" is a webhook operation. */
ngx_int_t ngx_http_webhook_rules_concurrency(ngx_http_webhook_api_t *api,
    ngx_http_webhook_json_t *json, void *data);
ngx_int_t ngx_http_webhook_rules_rate(ngx_http_webhook_api_t *api,
    ngx_http_webhook_json_t *json, void *data);
ngx_int_t ngx_http_webhook_rules_delays(ngx_http_webhook_api_t *api,
    ngx_http_webhook_json_t *json, void *data);
ngx_int_t ngx_http_webhook_rules_ordered(ngx_http_webhook_api_t *api,
    ngx_http_webhook_json_t *json, void *data);

/* Writes them. */
void ngx_http_webhook_rules_write(ngx_http_webhook_json_writer_t *w,
    ngx_http_webhook_rules_t *rules);


#endif /* _NGX_HTTP_WEBHOOK_API_RULES_H_INCLUDED_ */
