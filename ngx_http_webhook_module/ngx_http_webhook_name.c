
/*
 * Copyright (C) the ngx_http_webhook_module authors
 */


/*
 * Names and identifiers as people write them.  Pure functions, any thread.
 */


#include "ngx_http_webhook_name.h"


static u_char  ngx_http_webhook_base32[] = "0123456789abcdefghjkmnpqrstvwxyz";


static ngx_uint_t
ngx_http_webhook_name_char(u_char ch)
{
    return (ch >= 'a' && ch <= 'z') || (ch >= 'A' && ch <= 'Z')
           || (ch >= '0' && ch <= '9') || ch == '_' || ch == '-';
}


u_char *
ngx_http_webhook_id_write(u_char *p, const char *prefix,
    ngx_http_webhook_id_t id)
{
    ngx_int_t  shift;

    while (*prefix) {
        *p++ = (u_char) *prefix++;
    }

    for (shift = 5 * (NGX_HTTP_WEBHOOK_ID_DIGITS - 1); shift >= 0; shift -= 5) {
        *p++ = ngx_http_webhook_base32[((uint64_t) id >> shift) & 0x1f];
    }

    return p;
}


ngx_str_t *
ngx_http_webhook_id_text(ngx_http_webhook_id_text_t *kept, const char *prefix,
    ngx_http_webhook_id_t id)
{
    kept->text.data = kept->data;
    kept->text.len = ngx_http_webhook_id_write(kept->data, prefix, id)
                     - kept->data;

    return &kept->text;
}


ngx_http_webhook_id_t
ngx_http_webhook_id_read(ngx_str_t *text, const char *prefix)
{
    size_t      len;
    u_char     *p, *last, *digit;
    uint64_t    id;

    len = ngx_strlen(prefix);

    if (text->len != len + NGX_HTTP_WEBHOOK_ID_DIGITS
        || ngx_strncmp(text->data, prefix, len) != 0)
    {
        return 0;
    }

    p = text->data + len;
    last = text->data + text->len;

    if (*p > '7') {
        /* 13 digits hold 65 bits, an identifier 63 */
        return 0;
    }

    for (id = 0; p < last; p++) {

        digit = *p ? (u_char *) ngx_strchr(ngx_http_webhook_base32, *p) : NULL;
        if (digit == NULL) {
            return 0;
        }

        id = (id << 5) | (uint64_t) (digit - ngx_http_webhook_base32);
    }

    return (ngx_http_webhook_id_t) id;
}


ngx_uint_t
ngx_http_webhook_event_valid(ngx_str_t *name)
{
    size_t      i;
    ngx_uint_t  empty;

    if (name->len > NGX_HTTP_WEBHOOK_MAX_EVENT) {
        return 0;
    }

    empty = 1;

    for (i = 0; i < name->len; i++) {

        if (name->data[i] == '.') {
            if (empty) {
                return 0;
            }

            empty = 1;
            continue;
        }

        if (!ngx_http_webhook_name_char(name->data[i])) {
            return 0;
        }

        empty = 0;
    }

    return !empty;
}


ngx_uint_t
ngx_http_webhook_subscription_valid(ngx_str_t *name)
{
    ngx_str_t  prefix;

    if (name->len == 1 && name->data[0] == '*') {
        return 1;
    }

    prefix = *name;

    if (prefix.len > 2
        && ngx_strncmp(prefix.data + prefix.len - 2, ".*", 2) == 0)
    {
        prefix.len -= 2;
    }

    return ngx_http_webhook_event_valid(&prefix);
}


ngx_uint_t
ngx_http_webhook_uid_valid(ngx_str_t *uid)
{
    size_t  i;

    if (uid->len == 0
        || uid->len > NGX_HTTP_WEBHOOK_MAX_UID
        || uid->data[0] == '.' || uid->data[0] == '_' || uid->data[0] == '-'
        || (uid->len >= 3 && ngx_strncmp(uid->data, "co_", 3) == 0))
    {
        return 0;
    }

    for (i = 0; i < uid->len; i++) {
        if (!ngx_http_webhook_name_char(uid->data[i]) && uid->data[i] != '.') {
            return 0;
        }
    }

    return 1;
}


ngx_uint_t
ngx_http_webhook_event_test(ngx_str_t *name)
{
    return name->len == sizeof(NGX_HTTP_WEBHOOK_TEST_EVENT) - 1
           && ngx_strncmp(name->data, NGX_HTTP_WEBHOOK_TEST_EVENT, name->len)
              == 0;
}


ngx_uint_t
ngx_http_webhook_event_reserved(ngx_str_t *name)
{
    if (ngx_http_webhook_event_test(name)) {
        return 1;
    }

    return name->len >= sizeof("system") - 1
           && ngx_strncmp(name->data, "system", 6) == 0
           && (name->len == 6 || name->data[6] == '.');
}


ngx_uint_t
ngx_http_webhook_subscription_match(ngx_str_t *subscription, ngx_str_t *event)
{
    size_t  len;

    if (subscription->len == 1 && subscription->data[0] == '*') {
        return !ngx_http_webhook_event_reserved(event);
    }

    len = subscription->len;

    if (subscription->data[len - 1] == '*') {
        len--;                               /* "a." is the prefix of "a.*" */

        return event->len > len
               && ngx_memcmp(event->data, subscription->data, len) == 0;
    }

    return event->len == len
           && ngx_memcmp(event->data, subscription->data, len) == 0;
}
