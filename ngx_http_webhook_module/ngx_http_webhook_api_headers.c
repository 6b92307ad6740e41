
/*
 * Copyright (C) the ngx_http_webhook_module authors
 */


/*
 * A webhook's own headers in the admin API, on the event loop: what they may
 * be, and how they are shown, which is without their values.
 */


#include "ngx_http_webhook_api_headers.h"


#define NGX_HTTP_WEBHOOK_HEADERS_MASK  "********"

#define NGX_HTTP_WEBHOOK_HEADERS_PATCH                                        \
    (2 * NGX_HTTP_WEBHOOK_MAX_HEADERS)           /* all go, as many come */


static ngx_int_t ngx_http_webhook_headers_read(ngx_http_webhook_api_t *api,
    ngx_http_webhook_json_t *json, ngx_http_webhook_webhook_op_t *wop,
    ngx_uint_t most);
static ngx_int_t ngx_http_webhook_headers_add(ngx_http_webhook_api_t *api,
    ngx_http_webhook_json_t *json, ngx_http_webhook_json_t *child,
    ngx_http_webhook_webhook_op_t *wop);
static const char *ngx_http_webhook_headers_name(ngx_str_t *name);
static ngx_uint_t ngx_http_webhook_headers_value(ngx_str_t *value);


/*
 * Headers that are the module's, libcurl's or a connection's; with a "*" at
 * the end, all that begin so.  In lower case.
 */

static const char  *ngx_http_webhook_headers_refused[] = {
    "host",
    "user-agent",
    "content-*",
    "expect",
    "connection",
    "keep-alive",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "http2-settings",
    "proxy-*",
    "x-signature*",
    "x-timestamp",
    "x-webhook-*",
    "webhook-*",
    NULL
};


ngx_int_t
ngx_http_webhook_headers_new(ngx_http_webhook_api_t *api,
    ngx_http_webhook_json_t *json, void *data)
{
    size_t                          size;
    ngx_int_t                       rc;
    ngx_uint_t                      i, errors;
    ngx_http_webhook_header_t      *header;
    ngx_http_webhook_webhook_op_t  *wop;

    wop = data;

    if (json->type == NGX_HTTP_WEBHOOK_JSON_NULL) {
        return NGX_OK;
    }

    errors = api->errors.nelts;

    rc = ngx_http_webhook_headers_read(api, json, wop,
                                       NGX_HTTP_WEBHOOK_MAX_HEADERS);

    if (rc != NGX_OK || api->errors.nelts > errors) {
        return rc;
    }

    header = wop->webhook.headers;

    for (size = 0, i = 0; i < wop->webhook.nheaders; i++) {

        if (header[i].value.data == NULL) {
            return ngx_http_webhook_error_below(&api->errors, &json->key,
                                                &header[i].name, "wrong_type",
                                                "The member must be a string")
                   ? NGX_OK : NGX_ERROR;
        }

        size += header[i].name.len + header[i].value.len
                + sizeof(": " CRLF) - 1;
    }

    if (size > NGX_HTTP_WEBHOOK_HEADERS_SIZE) {
        return ngx_http_webhook_api_error(api, json, "invalid_value",
                                          "A webhook may have 20 headers, of "
                                          "4k in all");
    }

    return NGX_OK;
}


ngx_int_t
ngx_http_webhook_headers_patch(ngx_http_webhook_api_t *api,
    ngx_http_webhook_json_t *json, void *data)
{
    ngx_http_webhook_webhook_op_t *wop = data;

    wop->set_headers = 1;

    if (json->type == NGX_HTTP_WEBHOOK_JSON_NULL) {
        wop->no_headers = 1;
        return NGX_OK;
    }

    return ngx_http_webhook_headers_read(api, json, wop,
                                         NGX_HTTP_WEBHOOK_HEADERS_PATCH);
}


static ngx_int_t
ngx_http_webhook_headers_read(ngx_http_webhook_api_t *api,
    ngx_http_webhook_json_t *json, ngx_http_webhook_webhook_op_t *wop,
    ngx_uint_t most)
{
    ngx_uint_t                n;
    ngx_http_webhook_json_t  *child;

    if (json->type != NGX_HTTP_WEBHOOK_JSON_OBJECT) {
        return ngx_http_webhook_api_error(api, json, "wrong_type",
                                          "The member must be an object of "
                                          "headers");
    }

    for (n = 0, child = json->first; child; child = child->next) {
        n++;
    }

    if (n > most) {
        return ngx_http_webhook_api_error(api, json, "invalid_value",
                                          "A webhook may have 20 headers, of "
                                          "4k in all");
    }

    wop->webhook.headers = ngx_pcalloc(wop->op.pool, (n + 1)
                                       * sizeof(ngx_http_webhook_header_t));
    if (wop->webhook.headers == NULL) {
        return NGX_ERROR;
    }

    for (child = json->first; child; child = child->next) {
        if (ngx_http_webhook_headers_add(api, json, child, wop)
            != NGX_OK)
        {
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_webhook_headers_add(ngx_http_webhook_api_t *api,
    ngx_http_webhook_json_t *json, ngx_http_webhook_json_t *child,
    ngx_http_webhook_webhook_op_t *wop)
{
    ngx_uint_t                  i;
    const char                 *code, *why;
    ngx_http_webhook_header_t  *header;

    header = wop->webhook.headers;

    code = "invalid_value";
    why = ngx_http_webhook_headers_name(&child->key);

    for (i = 0; why == NULL && i < wop->webhook.nheaders; i++) {
        if (header[i].name.len == child->key.len
            && ngx_strncasecmp(header[i].name.data, child->key.data,
                               child->key.len)
               == 0)
        {
            code = "duplicate_member";
            why = "The header is there twice";
        }
    }

    if (why == NULL && child->type != NGX_HTTP_WEBHOOK_JSON_NULL) {

        if (child->type != NGX_HTTP_WEBHOOK_JSON_STRING) {
            code = "wrong_type";
            why = "The member must be a string";

        } else if (!ngx_http_webhook_headers_value(&child->text)) {
            why = "A header's value is not empty, has no control characters, "
                  "and no space at its ends";

        } else if (child->text.len == sizeof(NGX_HTTP_WEBHOOK_HEADERS_MASK) - 1
                   && ngx_strncmp(child->text.data,
                                  NGX_HTTP_WEBHOOK_HEADERS_MASK,
                                  child->text.len)
                      == 0)
        {
            why = "This is shown in the place of the value: leave the header "
                  "out to keep it";
        }
    }

    if (why) {
        return ngx_http_webhook_error_below(&api->errors, &json->key,
                                            &child->key, code, why)
               ? NGX_OK : NGX_ERROR;
    }

    header += wop->webhook.nheaders++;

    header->name.len = child->key.len;
    header->name.data = ngx_pstrdup(wop->op.pool, &child->key);

    if (header->name.data == NULL) {
        return NGX_ERROR;
    }

    if (child->type == NGX_HTTP_WEBHOOK_JSON_NULL) {
        return NGX_OK;
    }

    header->value.len = child->text.len;
    header->value.data = ngx_pstrdup(wop->op.pool, &child->text);

    return header->value.data ? NGX_OK : NGX_ERROR;
}


/* Why a name may not be, or NULL: a token (RFC 9110, 5.6.2). */

static const char *
ngx_http_webhook_headers_name(ngx_str_t *name)
{
    u_char       ch;
    size_t       i, len;
    const char  *text;
    ngx_uint_t   n;

    for (i = 0; i < name->len; i++) {

        ch = name->data[i];

        if (!((ch >= 'a' && ch <= 'z') || (ch >= 'A' && ch <= 'Z')
              || (ch >= '0' && ch <= '9')
              || (ch && ngx_strchr("!#$%&'*+-.^_`|~", ch))))
        {
            break;
        }
    }

    if (name->len == 0 || i < name->len) {
        return "A header's name is letters, digits and !#$%&'*+-.^_`|~";
    }

    for (n = 0; ngx_http_webhook_headers_refused[n]; n++) {

        text = ngx_http_webhook_headers_refused[n];
        len = ngx_strlen(text);

        if (text[len - 1] == '*') {
            len--;

        } else if (name->len != len) {
            continue;
        }

        if (name->len >= len
            && ngx_strncasecmp(name->data, (u_char *) text, len) == 0)
        {
            return "The header is not for webhooks to set";
        }
    }

    return NULL;
}


/* Field content (RFC 9110, 5.5): nothing that ends a line, or the field. */

static ngx_uint_t
ngx_http_webhook_headers_value(ngx_str_t *value)
{
    size_t  i;

    if (value->len == 0
        || value->data[0] == ' ' || value->data[0] == '\t'
        || value->data[value->len - 1] == ' '
        || value->data[value->len - 1] == '\t')
    {
        return 0;
    }

    for (i = 0; i < value->len; i++) {
        if ((value->data[i] < ' ' && value->data[i] != '\t')
            || value->data[i] == 0x7f)
        {
            return 0;
        }
    }

    return 1;
}


static void
ngx_http_webhook_headers_mask(ngx_http_webhook_json_writer_t *w,
    ngx_str_t *name)
{
    /* in an object, the first of two strings is a member's name */

    ngx_http_webhook_json_string(w, NULL, name);
    ngx_http_webhook_json_cstring(w, NULL, NGX_HTTP_WEBHOOK_HEADERS_MASK);
}


void
ngx_http_webhook_headers_write(ngx_http_webhook_json_writer_t *w,
    ngx_http_webhook_webhook_t *webhook)
{
    ngx_uint_t  i;

    ngx_http_webhook_json_object(w, "headers");

    for (i = 0; i < webhook->nheaders; i++) {
        ngx_http_webhook_headers_mask(w, &webhook->headers[i].name);
    }

    ngx_http_webhook_json_close_object(w);
}


void
ngx_http_webhook_headers_sent(ngx_http_webhook_json_writer_t *w,
    ngx_str_t *names)
{
    u_char     *end;
    ngx_str_t   rest, name;

    rest = *names;

    while (rest.len) {

        end = memchr(rest.data, LF, rest.len);

        name.data = rest.data;
        name.len = end ? (size_t) (end - rest.data) : rest.len;

        rest.data += name.len + (end ? 1 : 0);
        rest.len -= name.len + (end ? 1 : 0);

        ngx_http_webhook_headers_mask(w, &name);
    }
}
