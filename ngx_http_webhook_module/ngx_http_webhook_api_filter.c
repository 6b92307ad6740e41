
/*
 * Copyright (C) the ngx_http_webhook_module authors
 */


/*
 * The filters of lists, on the event loop.  Identifiers are times: a range of
 * time is one of identifiers.
 */


#include "ngx_http_webhook_api_events.h"
#include "ngx_http_webhook_name.h"
#include "ngx_http_webhook_time.h"


#define NGX_HTTP_WEBHOOK_FILTER_TEXT  256        /* characters */


static ngx_int_t ngx_http_webhook_filter_range(ngx_http_webhook_api_t *api,
    ngx_http_webhook_list_op_t *list, const char *prefix);
static ngx_int_t ngx_http_webhook_filter_forms(
    ngx_http_webhook_list_op_t *list);
static u_char *ngx_http_webhook_filter_escape(u_char *p, ngx_str_t *text,
    ngx_uint_t others, ngx_uint_t slashes);
static ngx_int_t ngx_http_webhook_filter_copy(ngx_pool_t *pool, ngx_str_t *dst,
    ngx_str_t *src);
static ngx_int_t ngx_http_webhook_filter_wrong(ngx_http_webhook_api_t *api,
    const char *detail);


ngx_int_t
ngx_http_webhook_filter_read(ngx_http_webhook_api_t *api,
    ngx_http_webhook_list_op_t *list, const char *prefix)
{
    ngx_int_t  rc;
    ngx_str_t  value;

    rc = ngx_http_webhook_filter_range(api, list, prefix);

    if (rc == NGX_DECLINED) {
        rc = ngx_http_webhook_filter_text(api, list);
    }

    if (rc == NGX_DECLINED && list->text.len
        && ngx_http_webhook_filter_forms(list) != NGX_OK)
    {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    if (rc == NGX_DECLINED && list->text.len && list->oldest == 0) {
        return ngx_http_webhook_filter_wrong(api, "\"q\" needs \"since\": text "
                                             "is looked for in a range of "
                                             "time");
    }

    if (rc != NGX_DECLINED
        || ngx_http_webhook_api_param(api, "event", &value) != NGX_OK)
    {
        return rc;
    }

    if (!ngx_http_webhook_event_valid(&value)) {
        return ngx_http_webhook_filter_wrong(api,
                                             "\"event\" must be the name of "
                                             "an event");
    }

    return ngx_http_webhook_filter_copy(list->op.pool, &list->event, &value);
}


/* "since" is in the range, "until" is not. */

static ngx_int_t
ngx_http_webhook_filter_range(ngx_http_webhook_api_t *api,
    ngx_http_webhook_list_op_t *list, const char *prefix)
{
    int64_t                msec;
    ngx_int_t              rc;
    ngx_str_t              value;
    ngx_http_webhook_id_t  id, below;

    below = list->cursor ? list->cursor : INT64_MAX;

    rc = ngx_http_webhook_api_param_time(api, "since", &msec);

    if (rc == NGX_ERROR) {
        return ngx_http_webhook_filter_wrong(api,
                                             "\"since\" must be a time of "
                                             "RFC 3339");
    }

    if (rc == NGX_OK) {
        list->oldest = ngx_http_webhook_id_from(msec);
    }

    rc = ngx_http_webhook_api_param_time(api, "until", &msec);

    if (rc == NGX_ERROR) {
        return ngx_http_webhook_filter_wrong(api,
                                             "\"until\" must be a time of "
                                             "RFC 3339");
    }

    if (rc == NGX_OK) {
        below = ngx_min(below, ngx_http_webhook_id_from(msec));
    }

    if (ngx_http_webhook_api_param(api, "id", &value) == NGX_OK) {

        id = ngx_http_webhook_id_read(&value, prefix);

        if (id == 0) {
            return ngx_http_webhook_filter_wrong(api,
                                                 "\"id\" must be an id of what "
                                                 "is listed");
        }

        list->oldest = ngx_max(list->oldest, id);
        below = ngx_min(below, ngx_min(id, INT64_MAX - 1) + 1);
    }

    if (below != INT64_MAX) {
        list->cursor = below;
    }

    return NGX_DECLINED;
}


ngx_int_t
ngx_http_webhook_filter_text(ngx_http_webhook_api_t *api,
    ngx_http_webhook_list_op_t *list)
{
    ngx_str_t  value;

    if (ngx_http_webhook_api_param(api, "q", &value) != NGX_OK) {
        return NGX_DECLINED;
    }

    if (value.len == 0
        || ngx_utf8_length(value.data, value.len)
           > NGX_HTTP_WEBHOOK_FILTER_TEXT)
    {
        return ngx_http_webhook_filter_wrong(api, "\"q\" must be 1 to 256 "
                                             "characters");
    }

    return ngx_http_webhook_filter_copy(list->op.pool, &list->text, &value);
}


/*
 * Text may stand in JSON in other forms: what is not ASCII, slashes, or both
 * escaped, as the libraries of many languages do.
 */

static ngx_int_t
ngx_http_webhook_filter_forms(ngx_http_webhook_list_op_t *list)
{
    u_char      *p;
    ngx_str_t   *form;
    ngx_uint_t   i;

    static struct {
        ngx_uint_t  others;
        ngx_uint_t  slashes;
    } forms[] = { { 1, 0 }, { 0, 1 }, { 1, 1 } };

    for (i = 0; i < NGX_HTTP_WEBHOOK_FORMS; i++) {

        /* 6 bytes for one of 2 at the most, 2 for a slash */

        p = ngx_pnalloc(list->op.pool, 3 * list->text.len);
        if (p == NULL) {
            return NGX_ERROR;
        }

        form = &list->forms[i];
        form->data = p;
        form->len = ngx_http_webhook_filter_escape(p, &list->text,
                                                   forms[i].others,
                                                   forms[i].slashes)
                    - p;

        if (form->len == list->text.len
            || (i == 2 && (form->len == form[-1].len
                           || form->len == form[-2].len)))
        {
            ngx_str_null(form);              /* there is nothing to escape */
        }
    }

    return NGX_OK;
}


/* "\u" and four digits, twice beyond U+FFFF; what is no UTF-8 stays. */

static u_char *
ngx_http_webhook_filter_escape(u_char *p, ngx_str_t *text, ngx_uint_t others,
    ngx_uint_t slashes)
{
    u_char    *s, *next, *last;
    uint32_t   code;

    s = text->data;
    last = s + text->len;

    for ( /* void */ ; s < last; s = next) {

        if (*s < 0x80) {

            if (*s == '/' && slashes) {
                *p++ = '\\';
            }

            *p++ = *s;
            next = s + 1;
            continue;
        }

        next = s;
        code = ngx_utf8_decode(&next, last - s);

        if (!others || code > 0x10ffff) {
            next = s + 1;
            *p++ = *s;

        } else if (code > 0xffff) {
            code -= 0x10000;
            p = ngx_sprintf(p, "\\u%04xD\\u%04xD", 0xd800 + (code >> 10),
                            0xdc00 + (code & 0x3ff));

        } else {
            p = ngx_sprintf(p, "\\u%04xD", code);
        }
    }

    return p;
}


ngx_int_t
ngx_http_webhook_filter_events(ngx_http_webhook_api_t *api,
    ngx_http_webhook_list_op_t *list)
{
    ngx_str_t  value;

    if (ngx_http_webhook_api_param(api, "status", &value) == NGX_OK) {

        list->status = ngx_http_webhook_status_read(&value);

        if (list->status < 0) {
            return ngx_http_webhook_filter_wrong(api,
                                                 "\"status\" must be pending, "
                                                 "delivered, failed or "
                                                 "cancelled");
        }
    }

    if (ngx_http_webhook_api_param(api, "webhook", &value) == NGX_OK) {

        list->webhook_id = ngx_http_webhook_id_read(&value, "wh_");

        if (list->webhook_id == 0) {
            return ngx_http_webhook_filter_wrong(api,
                                                 "\"webhook\" must be the id "
                                                 "of a webhook");
        }
    }

    if (ngx_http_webhook_api_param(api, "message", &value) == NGX_OK) {

        list->message_id = ngx_http_webhook_id_read(&value, "msg_");

        if (list->message_id == 0) {
            return ngx_http_webhook_filter_wrong(api,
                                                 "\"message\" must be the id "
                                                 "of a message");
        }
    }

    return NGX_DECLINED;
}


/* Into the operation's pool, which may outlive the request. */

static ngx_int_t
ngx_http_webhook_filter_copy(ngx_pool_t *pool, ngx_str_t *dst, ngx_str_t *src)
{
    dst->len = src->len;
    dst->data = ngx_pstrdup(pool, src);

    return dst->data ? NGX_DECLINED : NGX_HTTP_INTERNAL_SERVER_ERROR;
}


static ngx_int_t
ngx_http_webhook_filter_wrong(ngx_http_webhook_api_t *api, const char *detail)
{
    return ngx_http_webhook_problem(api->request,
                                    NGX_HTTP_WEBHOOK_INVALID_PARAMETER, detail);
}
