
/*
 * Copyright (C) the ngx_http_webhook_module authors
 */


/*
 * Webhook events, messages and their lists, as the admin API shows them: what
 * its handlers share.
 */


#ifndef _NGX_HTTP_WEBHOOK_API_EVENTS_H_INCLUDED_
#define _NGX_HTTP_WEBHOOK_API_EVENTS_H_INCLUDED_


#include "ngx_http_webhook_api.h"


/* api_events.c */

/* A webhook event as a row of a list. */
void ngx_http_webhook_event_write(ngx_http_webhook_json_writer_t *w,
    void *row);

/*
 * Sends a webhook event with its payload and its attempts: an operation's
 * "render".
 */
ngx_int_t ngx_http_webhook_event_render(ngx_http_request_t *r,
    ngx_http_webhook_op_t *op);

/* A string, null where it has no data. */
void ngx_http_webhook_event_optional(ngx_http_webhook_json_writer_t *w,
    const char *key, ngx_str_t *value);

/* The payload and "payload_erased". */
void ngx_http_webhook_event_payload(ngx_http_webhook_json_writer_t *w,
    ngx_str_t *payload);

/* The member "waiting_for". */
void ngx_http_webhook_event_waits(ngx_http_webhook_json_writer_t *w,
    ngx_http_webhook_waits_e waits);

/* The name of a status. */
ngx_str_t *ngx_http_webhook_status_name(ngx_http_webhook_status_e status);

/* The status that a name says; -1 for none. */
ngx_int_t ngx_http_webhook_status_read(ngx_str_t *name);


/* api_attempts.c */

/* The member "attempts" of a webhook event. */
void ngx_http_webhook_attempts_write(ngx_http_webhook_json_writer_t *w,
    ngx_http_webhook_event_op_t *eop);


/* api_filter.c */

/*
 * The filters of a list: since, until, q, event and id, whose prefix is given,
 * more of them for webhook events, and q alone.  NGX_DECLINED where all is well,
 * else the result of the problem that was sent.
 */
ngx_int_t ngx_http_webhook_filter_read(ngx_http_webhook_api_t *api,
    ngx_http_webhook_list_op_t *list, const char *prefix);
ngx_int_t ngx_http_webhook_filter_text(ngx_http_webhook_api_t *api,
    ngx_http_webhook_list_op_t *list);
ngx_int_t ngx_http_webhook_filter_events(ngx_http_webhook_api_t *api,
    ngx_http_webhook_list_op_t *list);


#endif /* _NGX_HTTP_WEBHOOK_API_EVENTS_H_INCLUDED_ */
