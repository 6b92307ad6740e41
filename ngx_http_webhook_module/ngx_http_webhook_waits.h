
/*
 * Copyright (C) the ngx_http_webhook_module authors
 */


/*
 * Why a webhook event is not sent yet.
 */


#ifndef _NGX_HTTP_WEBHOOK_WAITS_H_INCLUDED_
#define _NGX_HTTP_WEBHOOK_WAITS_H_INCLUDED_


#include "ngx_http_webhook.h"
#include "ngx_http_webhook_store.h"


/* What there is to know of a webhook; all times in ms since the epoch. */

typedef struct {
    ngx_http_webhook_id_t   webhook_id;
    int64_t                 now;
    int64_t                 open_until;   /* of its breaker; 0: closed */
    ngx_http_webhook_id_t   first;        /* of an ordered one: what the others
                                             wait for, or 0 */
    unsigned                enabled:1;    /* and its company too */
    unsigned                deleted:1;
    unsigned                locked:1;     /* no key opens its secret */
    unsigned                full:1;       /* at its concurrency */
    unsigned                limited:1;    /* at its rate */
} ngx_http_webhook_waits_t;


/*
 * What an event waits for; "sends" where a delivery of it is known to run.
 * Not at all where it is not pending, or about to be sent.  Any thread.
 */
ngx_http_webhook_waits_e ngx_http_webhook_waits_event(
    ngx_http_webhook_waits_t *w, ngx_http_webhook_event_t *event,
    ngx_uint_t sends);

/* What an event that was due now would wait for.  Any thread. */
ngx_http_webhook_waits_e ngx_http_webhook_waits_webhook(
    ngx_http_webhook_waits_t *w);

/* As people read it; NULL where it does not wait. */
const char *ngx_http_webhook_waits_name(ngx_http_webhook_waits_e waits);


#endif /* _NGX_HTTP_WEBHOOK_WAITS_H_INCLUDED_ */
