
/*
 * Copyright (C) the ngx_http_webhook_module authors
 */


/*
 * Why a webhook event is not sent yet: the rules by which claims
 * (sqlite_claim.c) and lanes (lane.c) keep it back, told.  Pure functions, any
 * thread.
 */


#include "ngx_http_webhook_waits.h"


ngx_http_webhook_waits_e
ngx_http_webhook_waits_event(ngx_http_webhook_waits_t *w,
    ngx_http_webhook_event_t *event, ngx_uint_t sends)
{
    ngx_uint_t  later;

    if (event->status != NGX_HTTP_WEBHOOK_PENDING || w->deleted || sends) {
        return NGX_HTTP_WEBHOOK_WAITS_NOT;
    }

    later = !event->owned && event->due_at > w->now;

    if (event->test) {
        return later ? NGX_HTTP_WEBHOOK_WAITS_SCHEDULE
                     : NGX_HTTP_WEBHOOK_WAITS_NOT;
    }

    if (!event->owned) {

        if (!w->enabled) {
            return NGX_HTTP_WEBHOOK_WAITS_DISABLED;
        }

        if (w->locked) {
            return NGX_HTTP_WEBHOOK_WAITS_SECRET;
        }

        if (w->first && w->first != event->id) {
            return NGX_HTTP_WEBHOOK_WAITS_ORDER;
        }

        /* a pause that is over lets one event through, to see */

        if (w->open_until && ngx_max(w->open_until, w->now) >= event->due_at) {
            return NGX_HTTP_WEBHOOK_WAITS_BREAKER;
        }

        if (later) {
            return NGX_HTTP_WEBHOOK_WAITS_SCHEDULE;
        }
    }

    if (w->full) {
        return NGX_HTTP_WEBHOOK_WAITS_CONCURRENCY;
    }

    return w->limited ? NGX_HTTP_WEBHOOK_WAITS_RATE
                      : NGX_HTTP_WEBHOOK_WAITS_NOT;
}


ngx_http_webhook_waits_e
ngx_http_webhook_waits_webhook(ngx_http_webhook_waits_t *w)
{
    if (w->deleted) {
        return NGX_HTTP_WEBHOOK_WAITS_NOT;
    }

    if (!w->enabled) {
        return NGX_HTTP_WEBHOOK_WAITS_DISABLED;
    }

    if (w->locked) {
        return NGX_HTTP_WEBHOOK_WAITS_SECRET;
    }

    if (w->open_until) {
        return NGX_HTTP_WEBHOOK_WAITS_BREAKER;
    }

    if (w->full) {
        return NGX_HTTP_WEBHOOK_WAITS_CONCURRENCY;
    }

    if (w->limited) {
        return NGX_HTTP_WEBHOOK_WAITS_RATE;
    }

    return w->first ? NGX_HTTP_WEBHOOK_WAITS_ORDER
                    : NGX_HTTP_WEBHOOK_WAITS_NOT;
}


const char *
ngx_http_webhook_waits_name(ngx_http_webhook_waits_e waits)
{
    static const char  *names[] = {
        NULL, "schedule", "breaker", "rate_limit", "concurrency", "order",
        "disabled", "secret"
    };

    return names[waits];
}
