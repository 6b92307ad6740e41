
/*
 * Copyright (C) the ngx_http_webhook_module authors
 */


#include "ngx_http_webhook_quiet.h"


#define NGX_HTTP_WEBHOOK_QUIET_TIME  60         /* s */
#define NGX_HTTP_WEBHOOK_QUIET_OVER  10


static ngx_uint_t
ngx_http_webhook_quiet_now(void)
{
    struct timespec  ts;

    (void) clock_gettime(CLOCK_MONOTONIC, &ts);

    return (ngx_uint_t) ts.tv_sec;
}


ngx_uint_t
ngx_http_webhook_quiet(ngx_http_webhook_quiet_t *quiet, ngx_int_t kind,
    ngx_uint_t *unsaid)
{
    ngx_uint_t  i, k, now, kept;

    now = ngx_http_webhook_quiet_now();

    ngx_spinlock(&quiet->lock, 1, 64);

    k = 0;

    for (i = 0; i < NGX_HTTP_WEBHOOK_QUIET_KINDS; i++) {

        if (quiet->kinds[i].kind == kind) {
            k = i;
            break;
        }

        if (quiet->kinds[i].last < quiet->kinds[k].last) {
            k = i;                           /* the oldest makes room */
        }
    }

    kept = (quiet->kinds[k].kind == kind
            && now - quiet->kinds[k].said < NGX_HTTP_WEBHOOK_QUIET_TIME);

    if (kept) {
        quiet->kinds[k].unsaid++;

    } else {
        if (unsaid) {
            *unsaid = (quiet->kinds[k].kind == kind
                       && now - quiet->kinds[k].last
                          < NGX_HTTP_WEBHOOK_QUIET_TIME)
                      ? quiet->kinds[k].unsaid : 0;
        }

        quiet->kinds[k].kind = kind;
        quiet->kinds[k].said = now;
        quiet->kinds[k].unsaid = 0;
    }

    quiet->kinds[k].last = now;

    ngx_unlock(&quiet->lock);

    return kept;
}


ngx_uint_t
ngx_http_webhook_quiet_over(ngx_http_webhook_quiet_t *quiet)
{
    ngx_uint_t  i, now, some, recent;

    some = 0;
    recent = 0;

    now = ngx_http_webhook_quiet_now();

    ngx_spinlock(&quiet->lock, 1, 64);

    for (i = 0; i < NGX_HTTP_WEBHOOK_QUIET_KINDS; i++) {

        if (quiet->kinds[i].kind > 0) {
            some = 1;
            recent |= (now - quiet->kinds[i].last
                       < NGX_HTTP_WEBHOOK_QUIET_OVER);
        }
    }

    for (i = 0; some && !recent && i < NGX_HTTP_WEBHOOK_QUIET_KINDS; i++) {

        if (quiet->kinds[i].kind > 0) {
            ngx_memzero(&quiet->kinds[i], sizeof(quiet->kinds[i]));
        }
    }

    ngx_unlock(&quiet->lock);

    return some && !recent;
}
