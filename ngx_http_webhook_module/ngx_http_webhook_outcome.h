
/*
 * Copyright (C) the ngx_http_webhook_module authors
 */


/*
 * What follows from an attempt.
 */


#ifndef _NGX_HTTP_WEBHOOK_OUTCOME_H_INCLUDED_
#define _NGX_HTTP_WEBHOOK_OUTCOME_H_INCLUDED_


#include "ngx_http_webhook.h"
#include "ngx_http_webhook_store.h"


/*
 * Sets the webhook event's status, retries, next attempt and reason in
 * "result", whose attempt is done.  Returns 1 where the endpoint wants no more
 * events at all (410), else 0.  Event loop.
 */
ngx_uint_t ngx_http_webhook_outcome(ngx_http_webhook_main_conf_t *wmcf,
    ngx_http_webhook_target_t *target, ngx_http_webhook_held_t *held,
    ngx_http_webhook_result_op_t *result);


#endif /* _NGX_HTTP_WEBHOOK_OUTCOME_H_INCLUDED_ */
