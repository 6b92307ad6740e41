
/*
 * Copyright (C) the ngx_http_webhook_module authors
 */


/*
 * Names and identifiers as people write them.
 */


#ifndef _NGX_HTTP_WEBHOOK_NAME_H_INCLUDED_
#define _NGX_HTTP_WEBHOOK_NAME_H_INCLUDED_


#include "ngx_http_webhook.h"


#define NGX_HTTP_WEBHOOK_ID_DIGITS  13
#define NGX_HTTP_WEBHOOK_ID_LEN     (4 + NGX_HTTP_WEBHOOK_ID_DIGITS)


/*
 * Writes the text form of an identifier, prefix and 13 digits of a base32
 * that sorts as the number does, and returns the end of it.  A prefix has at
 * most 4 bytes ("co_", "wh_", "msg_", "evt_", "att_", "rpl_"), so that
 * NGX_HTTP_WEBHOOK_ID_LEN bytes always suffice.
 */
u_char *ngx_http_webhook_id_write(u_char *p, const char *prefix,
    ngx_http_webhook_id_t id);

/* The same for "%V" in a line of the log: the text lives where it is kept. */

typedef struct {
    ngx_str_t   text;
    u_char      data[NGX_HTTP_WEBHOOK_ID_LEN];
} ngx_http_webhook_id_text_t;

ngx_str_t *ngx_http_webhook_id_text(ngx_http_webhook_id_text_t *kept,
    const char *prefix, ngx_http_webhook_id_t id);

/*
 * Reads the text form.  Returns 0 where the text is not an identifier with
 * this prefix.
 */
ngx_http_webhook_id_t ngx_http_webhook_id_read(ngx_str_t *text,
    const char *prefix);

/*
 * Each returns 1 where the text is a name of its kind: an event name; a
 * subscription (an event name, "a.*" or "*"); a company's uid.
 */
ngx_uint_t ngx_http_webhook_event_valid(ngx_str_t *name);
ngx_uint_t ngx_http_webhook_subscription_valid(ngx_str_t *name);
ngx_uint_t ngx_http_webhook_uid_valid(ngx_str_t *uid);

/* Returns 1 for the test event. */
ngx_uint_t ngx_http_webhook_event_test(ngx_str_t *name);

/*
 * Returns 1 where an event name is one that only the module itself uses:
 * "test.webhook-event" and "system.*".
 */
ngx_uint_t ngx_http_webhook_event_reserved(ngx_str_t *name);

/*
 * Returns 1 where a subscription takes an event: the same name, "a.*" for
 * each name with further segments behind "a", "*" for each that is not
 * reserved.  Any thread.
 */
ngx_uint_t ngx_http_webhook_subscription_match(ngx_str_t *subscription,
    ngx_str_t *event);


#endif /* _NGX_HTTP_WEBHOOK_NAME_H_INCLUDED_ */
