
/*
 * Copyright (C) the ngx_http_webhook_module authors
 */


/*
 * What follows from an attempt, on the event loop: a 2xx delivers the event,
 * a 410 ends the webhook, and everything else takes the schedule, the
 * webhook's own or webhook_retry_delays: the next attempt is due
 * delays[retries] after this one has ended, retries counted from 0, and later
 * where the endpoint asks for it; without a further delay, the event has
 * failed.  An attempt that is none of the schedule, but that somebody has asked
 * for, leaves the event as it was where it fails.
 */


#include "ngx_http_webhook_outcome.h"
#include "ngx_http_webhook_name.h"


#define NGX_HTTP_WEBHOOK_INTERNAL_DELAY  60000   /* ms, without retries */
#define NGX_HTTP_WEBHOOK_INTERNAL_MAX    300000


static void ngx_http_webhook_outcome_pending(
    ngx_http_webhook_main_conf_t *wmcf, ngx_http_webhook_result_op_t *result,
    ngx_msec_t delay);
static ngx_msec_t ngx_http_webhook_outcome_internal(
    ngx_http_webhook_held_t *held, ngx_http_webhook_attempt_t *a,
    ngx_msec_t *delays, ngx_uint_t n);
static void ngx_http_webhook_outcome_extra(ngx_http_webhook_main_conf_t *wmcf,
    ngx_http_webhook_held_t *held, ngx_http_webhook_result_op_t *result);
static int64_t ngx_http_webhook_outcome_asked(
    ngx_http_webhook_main_conf_t *wmcf, ngx_http_webhook_attempt_t *a,
    int64_t ended);
static int64_t ngx_http_webhook_outcome_retry_after(
    ngx_http_webhook_attempt_t *a, int64_t now);


ngx_uint_t
ngx_http_webhook_outcome(ngx_http_webhook_main_conf_t *wmcf,
    ngx_http_webhook_target_t *target, ngx_http_webhook_held_t *held,
    ngx_http_webhook_result_op_t *result)
{
    ngx_uint_t                   n, test, gone;
    ngx_msec_t                  *delays;
    ngx_http_webhook_attempt_t  *a;

    a = &result->attempt;

    if (target->rules.delays) {
        delays = target->rules.delays;
        n = target->rules.ndelays;

    } else {
        delays = wmcf->retry_delays->elts;
        n = wmcf->retry_delays->nelts;
    }

    test = ngx_http_webhook_event_test(&held->message->event);

    result->retries = held->retries;

    if (a->error.data == NULL) {
        result->event_status = NGX_HTTP_WEBHOOK_DELIVERED;
        return 0;
    }

    gone = (a->status_code == NGX_HTTP_WEBHOOK_GONE);

    if (held->extra > 1 + NGX_HTTP_WEBHOOK_PENDING
        || (held->extra && !gone && !target->deleted))
    {
        ngx_http_webhook_outcome_extra(wmcf, held, result);
        return gone && !test && !target->deleted;
    }

    result->event_status = NGX_HTTP_WEBHOOK_FAILED;

    if (target->deleted) {
        result->event_status = NGX_HTTP_WEBHOOK_CANCELLED;
        ngx_str_set(&result->reason, "webhook_deleted");
        return 0;
    }

    if (gone) {
        ngx_str_set(&result->reason, "endpoint_gone");
        return !test;
    }

    if (a->internal) {
        ngx_http_webhook_outcome_pending(wmcf, result,
                      ngx_http_webhook_outcome_internal(held, a, delays, n));
        return 0;
    }

    if (held->retries >= n) {
        ngx_str_set(&result->reason, "attempts_exhausted");
        return 0;
    }

    if (test && !target->enabled) {

        /* a test of a disabled webhook has one attempt */

        ngx_str_set(&result->reason, "webhook_disabled");
        return 0;
    }

    ngx_http_webhook_outcome_pending(wmcf, result, delays[held->retries]);
    result->retries++;

    return 0;
}


/*
 * nginx's own fault uses up none of the attempts, and may last: an event waits as
 * long as it has waited already, the first delay at least, but no longer than
 * some minutes.
 */

static ngx_msec_t
ngx_http_webhook_outcome_internal(ngx_http_webhook_held_t *held,
    ngx_http_webhook_attempt_t *a, ngx_msec_t *delays, ngx_uint_t n)
{
    int64_t  age, first;

    first = n ? (int64_t) delays[0] : NGX_HTTP_WEBHOOK_INTERNAL_DELAY;
    age = a->started_at - ngx_http_webhook_id_msec(held->id);

    return (ngx_msec_t) ngx_min(ngx_max(age, first),
                                NGX_HTTP_WEBHOOK_INTERNAL_MAX);
}


/* The event is again what it was, a pending one with its schedule. */

static void
ngx_http_webhook_outcome_extra(ngx_http_webhook_main_conf_t *wmcf,
    ngx_http_webhook_held_t *held, ngx_http_webhook_result_op_t *result)
{
    int64_t                      ended;
    ngx_http_webhook_attempt_t  *a;

    a = &result->attempt;
    ended = a->started_at + a->duration / 1000;

    result->extra = 1;
    result->event_status = held->extra - 1;
    result->due_at = ngx_max(held->resume_at, ended
                           + ngx_http_webhook_outcome_asked(wmcf, a, ended));
}


static void
ngx_http_webhook_outcome_pending(ngx_http_webhook_main_conf_t *wmcf,
    ngx_http_webhook_result_op_t *result, ngx_msec_t delay)
{
    int64_t                      ended, wait;
    ngx_http_webhook_attempt_t  *a;

    a = &result->attempt;

    ended = a->started_at + a->duration / 1000;
    wait = (int64_t) delay;

    if (wmcf->retry_jitter) {
        wait += (int64_t) ((double) wait * wmcf->retry_jitter / 100
                           * ((double) ngx_random() / RAND_MAX));
    }

    wait = ngx_max(wait, ngx_http_webhook_outcome_asked(wmcf, a, ended));

    result->event_status = NGX_HTTP_WEBHOOK_PENDING;
    result->due_at = ended + wait;
}


/* How long the endpoint may make the next attempt wait, ms. */

static int64_t
ngx_http_webhook_outcome_asked(ngx_http_webhook_main_conf_t *wmcf,
    ngx_http_webhook_attempt_t *a, int64_t ended)
{
    if (a->status_code != NGX_HTTP_TOO_MANY_REQUESTS
        && a->status_code != NGX_HTTP_SERVICE_UNAVAILABLE)
    {
        return 0;
    }

    return ngx_min(ngx_http_webhook_outcome_retry_after(a, ended),
                   (int64_t) wmcf->retry_after_max);
}


/*
 * How long the endpoint wants to be left alone, ms; 0 where it does not say.
 * Retry-After is a number of seconds or a date (RFC 9110, 10.2.3).
 */

static int64_t
ngx_http_webhook_outcome_retry_after(ngx_http_webhook_attempt_t *a,
    int64_t now)
{
    u_char     *p, *last, *end, *digit;
    time_t      date;
    ngx_int_t   seconds;

    static u_char  name[] = "\nretry-after:";

    if (a->response_head.len < sizeof(name)) {
        return 0;
    }

    p = a->response_head.data;
    last = p + a->response_head.len;

    p = ngx_strlcasestrn(p, last, name, sizeof(name) - 2);
    if (p == NULL) {
        return 0;
    }

    p += sizeof(name) - 1;

    while (p < last && (*p == ' ' || *p == '\t')) {
        p++;
    }

    for (end = p; end < last && *end != CR && *end != LF; end++) { /* void */ }

    while (end > p && (end[-1] == ' ' || end[-1] == '\t')) {
        end--;
    }

    for (digit = p; digit < end && *digit >= '0' && *digit <= '9'; digit++) {
        /* void */
    }

    if (digit == end && digit > p) {

        /* more than a number holds is as long as may be */

        seconds = ngx_atoi(p, end - p);

        return (seconds == NGX_ERROR || seconds > NGX_MAX_INT32_VALUE)
               ? INT64_MAX : (int64_t) seconds * 1000;
    }

    date = ngx_parse_http_time(p, end - p);

    return (date == (time_t) NGX_ERROR) ? 0
                                        : ngx_max((int64_t) date * 1000 - now,
                                                  0);
}
