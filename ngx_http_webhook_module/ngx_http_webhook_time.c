
/*
 * Copyright (C) the ngx_http_webhook_module authors
 */


/*
 * Times as people write them, RFC 3339.  Pure functions, any thread.
 */


#include "ngx_http_webhook_time.h"


static ngx_int_t ngx_http_webhook_time_digits(u_char **p, u_char *last,
    ngx_uint_t n, u_char end);
static ngx_int_t ngx_http_webhook_time_fraction(u_char **p, u_char *last);
static ngx_int_t ngx_http_webhook_time_offset(u_char **p, u_char *last,
    int64_t *minutes);
static ngx_int_t ngx_http_webhook_time_days(ngx_int_t year, ngx_int_t month,
    ngx_int_t day, int64_t *days);


ngx_int_t
ngx_http_webhook_time_read(ngx_str_t *text, int64_t *msec)
{
    u_char     *p, *last;
    int64_t     days, offset;
    ngx_int_t   year, month, day, hour, minute, second, fraction;

    p = text->data;
    last = text->data + text->len;

    year = ngx_http_webhook_time_digits(&p, last, 4, '-');
    month = ngx_http_webhook_time_digits(&p, last, 2, '-');
    day = ngx_http_webhook_time_digits(&p, last, 2, 'T');
    hour = ngx_http_webhook_time_digits(&p, last, 2, ':');
    minute = ngx_http_webhook_time_digits(&p, last, 2, ':');
    second = ngx_http_webhook_time_digits(&p, last, 2, '\0');
    fraction = ngx_http_webhook_time_fraction(&p, last);

    if (year == NGX_ERROR || month == NGX_ERROR || day == NGX_ERROR
        || hour == NGX_ERROR || minute == NGX_ERROR || second == NGX_ERROR
        || fraction == NGX_ERROR
        || hour > 23 || minute > 59 || second > 60         /* a leap second */
        || ngx_http_webhook_time_offset(&p, last, &offset) != NGX_OK
        || p != last
        || ngx_http_webhook_time_days(year, month, day, &days) != NGX_OK)
    {
        return NGX_ERROR;
    }

    *msec = ((days * 24 + hour) * 60 + minute - offset) * 60000
            + second * 1000 + fraction;

    return (*msec < 0 || *msec > ngx_http_webhook_id_msec(INT64_MAX))
           ? NGX_ERROR : NGX_OK;
}


/* "n" digits, and the character behind them, if there is to be one. */

static ngx_int_t
ngx_http_webhook_time_digits(u_char **p, u_char *last, ngx_uint_t n,
    u_char end)
{
    ngx_int_t  value;

    if ((size_t) (last - *p) < n + (end ? 1 : 0)) {
        *p = last;
        return NGX_ERROR;
    }

    value = ngx_atoi(*p, n);

    *p += n;

    if (end) {
        if (ngx_toupper(**p) != end) {
            return NGX_ERROR;
        }

        (*p)++;
    }

    return value;
}


/* The milliseconds of a fraction, if there is one. */

static ngx_int_t
ngx_http_webhook_time_fraction(u_char **p, u_char *last)
{
    ngx_int_t  msec, unit;

    if (*p == last || **p != '.') {
        return 0;
    }

    msec = 0;
    unit = 100;

    for ((*p)++; *p < last && **p >= '0' && **p <= '9'; (*p)++) {
        msec += (**p - '0') * unit;
        unit /= 10;
    }

    return (unit == 100) ? NGX_ERROR : msec;
}


static ngx_int_t
ngx_http_webhook_time_offset(u_char **p, u_char *last, int64_t *minutes)
{
    u_char     sign;
    ngx_int_t  hour, minute;

    if (*p == last) {
        return NGX_ERROR;
    }

    sign = *(*p)++;

    if (sign == 'Z' || sign == 'z') {
        *minutes = 0;
        return NGX_OK;
    }

    if (sign != '+' && sign != '-') {
        return NGX_ERROR;
    }

    hour = ngx_http_webhook_time_digits(p, last, 2, ':');
    minute = ngx_http_webhook_time_digits(p, last, 2, '\0');

    if (hour == NGX_ERROR || minute == NGX_ERROR || hour > 23 || minute > 59) {
        return NGX_ERROR;
    }

    *minutes = hour * 60 + minute;

    if (sign == '-') {
        *minutes = -*minutes;
    }

    return NGX_OK;
}


/* Days since the epoch, in the Gregorian calendar. */

static ngx_int_t
ngx_http_webhook_time_days(ngx_int_t year, ngx_int_t month, ngx_int_t day,
    int64_t *days)
{
    ngx_int_t  leap;

    static ngx_int_t  lengths[] = {
        31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31
    };

    if (month < 1 || month > 12) {
        return NGX_ERROR;
    }

    leap = (year % 4 == 0 && (year % 100 != 0 || year % 400 == 0));

    if (day < 1 || day > lengths[month - 1] + (month == 2 ? leap : 0)) {
        return NGX_ERROR;
    }

    /* a year that begins in March ends with the day that may be missing */

    if (month < 3) {
        month += 12;
        year--;
    }

    *days = (int64_t) 365 * year + year / 4 - year / 100 + year / 400
            + (153 * (month - 3) + 2) / 5 + day - 1 - 719468;

    return NGX_OK;
}
