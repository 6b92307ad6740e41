
/*
 * Copyright (C) the ngx_http_webhook_module authors
 */


/*
 * How a webhook wants its deliveries, in the admin API: "concurrency",
 * "rate_limit", "retry_delays" and "ordered".  null is what the configuration
 * says.  On the event loop.
 */


#include "ngx_http_webhook_api_rules.h"


#define NGX_HTTP_WEBHOOK_MAX_CONCURRENCY  1000
#define NGX_HTTP_WEBHOOK_MAX_RATE         1000000
#define NGX_HTTP_WEBHOOK_MAX_DELAY        ((ngx_int_t) 30 * 24 * 3600 * 1000)


static struct {
    u_char      unit;
    ngx_msec_t  period;                          /* ms */
} ngx_http_webhook_rate_units[] = {
    { 's', 1000 },
    { 'm', 60 * 1000 },
    { 'h', 3600 * 1000 },
    { '\0', 0 }
};


ngx_int_t
ngx_http_webhook_rules_concurrency(ngx_http_webhook_api_t *api,
    ngx_http_webhook_json_t *json, void *data)
{
    ngx_http_webhook_webhook_op_t *wop = data;

    ngx_int_t  n;

    wop->set_concurrency = 1;

    if (json->type == NGX_HTTP_WEBHOOK_JSON_NULL) {
        return NGX_OK;
    }

    n = (json->type == NGX_HTTP_WEBHOOK_JSON_NUMBER)
        ? ngx_atoi(json->text.data, json->text.len) : NGX_ERROR;

    if (n < 1 || n > NGX_HTTP_WEBHOOK_MAX_CONCURRENCY) {
        return ngx_http_webhook_api_error(api, json, "invalid_value",
                                          "The member must be a number from 1 "
                                          "to 1000, or null");
    }

    wop->webhook.rules.concurrency = (ngx_uint_t) n;

    return NGX_OK;
}


ngx_int_t
ngx_http_webhook_rules_rate(ngx_http_webhook_api_t *api,
    ngx_http_webhook_json_t *json, void *data)
{
    ngx_http_webhook_webhook_op_t *wop = data;

    u_char      unit;
    ngx_int_t   n;
    ngx_str_t  *text;
    ngx_uint_t  i;

    wop->set_rate = 1;

    if (json->type == NGX_HTTP_WEBHOOK_JSON_NULL) {
        return NGX_OK;
    }

    text = &json->text;

    if (json->type == NGX_HTTP_WEBHOOK_JSON_STRING
        && text->len > 2 && text->data[text->len - 2] == '/')
    {
        n = ngx_atoi(text->data, text->len - 2);
        unit = text->data[text->len - 1];

        for (i = 0; ngx_http_webhook_rate_units[i].unit; i++) {

            if (unit == ngx_http_webhook_rate_units[i].unit
                && n >= 1 && n <= NGX_HTTP_WEBHOOK_MAX_RATE)
            {
                wop->webhook.rules.rate = (ngx_uint_t) n;
                wop->webhook.rules.period =
                                        ngx_http_webhook_rate_units[i].period;
                return NGX_OK;
            }
        }
    }

    return ngx_http_webhook_api_error(api, json, "invalid_value",
                                      "The member must be a rate such as "
                                      "\"10/s\", \"100/m\" or \"1000/h\", or "
                                      "null");
}


ngx_int_t
ngx_http_webhook_rules_delays(ngx_http_webhook_api_t *api,
    ngx_http_webhook_json_t *json, void *data)
{
    ngx_http_webhook_webhook_op_t *wop = data;

    ngx_int_t                 msec;
    ngx_msec_t               *delays;
    ngx_uint_t                n;
    ngx_http_webhook_json_t  *child;

    wop->set_delays = 1;

    if (json->type == NGX_HTTP_WEBHOOK_JSON_NULL) {
        return NGX_OK;
    }

    if (json->type != NGX_HTTP_WEBHOOK_JSON_ARRAY) {
        goto invalid;
    }

    delays = ngx_palloc(wop->op.pool, NGX_HTTP_WEBHOOK_MAX_ATTEMPTS
                                      * sizeof(ngx_msec_t));
    if (delays == NULL) {
        return NGX_ERROR;
    }

    n = 0;

    for (child = json->first; child; child = child->next) {

        if (child->type != NGX_HTTP_WEBHOOK_JSON_STRING
            || n == NGX_HTTP_WEBHOOK_MAX_ATTEMPTS - 1)
        {
            goto invalid;
        }

        msec = ngx_parse_time(&child->text, 0);

        if (msec == NGX_ERROR || msec < 1 || msec > NGX_HTTP_WEBHOOK_MAX_DELAY)
        {
            goto invalid;
        }

        delays[n++] = (ngx_msec_t) msec;
    }

    wop->webhook.rules.delays = delays;
    wop->webhook.rules.ndelays = n;

    return NGX_OK;

invalid:

    return ngx_http_webhook_api_error(api, json, "invalid_value",
                                      "The member must be an array of at most "
                                      "32 times such as \"30s\" or \"5m\", of "
                                      "at most 30 days, or null");
}


ngx_int_t
ngx_http_webhook_rules_ordered(ngx_http_webhook_api_t *api,
    ngx_http_webhook_json_t *json, void *data)
{
    ngx_http_webhook_webhook_op_t *wop = data;

    ngx_int_t   rc;
    ngx_uint_t  value;

    value = 0;
    wop->set_ordered = 1;

    rc = ngx_http_webhook_api_boolean(api, json, &value);

    wop->webhook.rules.ordered = value;

    return rc;
}


/* A time as nginx writes it, in the largest unit that it is whole in. */

static u_char *
ngx_http_webhook_rules_time(u_char *p, ngx_msec_t msec)
{
    ngx_uint_t  i;

    static struct {
        ngx_msec_t   msec;
        const char  *unit;
    } units[] = {
        { 24 * 3600 * 1000, "d" },
        { 3600 * 1000, "h" },
        { 60 * 1000, "m" },
        { 1000, "s" },
        { 1, "ms" }
    };

    for (i = 0; msec % units[i].msec; i++) { /* void */ }

    return ngx_sprintf(p, "%M%s", msec / units[i].msec, units[i].unit);
}


void
ngx_http_webhook_rules_write(ngx_http_webhook_json_writer_t *w,
    ngx_http_webhook_rules_t *rules)
{
    u_char      buf[NGX_INT_T_LEN + sizeof("/ms")];
    ngx_str_t   text;
    ngx_uint_t  i;

    text.data = buf;

    if (rules->concurrency) {
        ngx_http_webhook_json_integer(w, "concurrency", rules->concurrency);

    } else {
        ngx_http_webhook_json_null(w, "concurrency");
    }

    if (rules->rate) {

        for (i = 0; ngx_http_webhook_rate_units[i].period != rules->period; i++)
        {
            /* void */
        }

        text.len = ngx_sprintf(buf, "%ui/%c", rules->rate,
                               ngx_http_webhook_rate_units[i].unit)
                   - buf;
        ngx_http_webhook_json_string(w, "rate_limit", &text);

    } else {
        ngx_http_webhook_json_null(w, "rate_limit");
    }

    if (rules->delays) {
        ngx_http_webhook_json_array(w, "retry_delays");

        for (i = 0; i < rules->ndelays; i++) {
            text.len = ngx_http_webhook_rules_time(buf, rules->delays[i])
                       - buf;
            ngx_http_webhook_json_string(w, NULL, &text);
        }

        ngx_http_webhook_json_close_array(w);

    } else {
        ngx_http_webhook_json_null(w, "retry_delays");
    }

    ngx_http_webhook_json_boolean(w, "ordered", rules->ordered);
}
