
/*
 * Copyright (C) the ngx_http_webhook_module authors
 */


/*
 * The list of what is wrong with the members of a body.  On the event loop.
 */


#include "ngx_http_webhook_http.h"


#define NGX_HTTP_WEBHOOK_MAX_ERRORS  32


/* A step of a pointer (RFC 6901). */

static u_char *
ngx_http_webhook_error_step(u_char *p, ngx_str_t *name)
{
    size_t  i;

    if (name->data) {
        *p++ = '/';
    }

    for (i = 0; i < name->len; i++) {

        if (name->data[i] == '~' || name->data[i] == '/') {
            *p++ = '~';
            *p++ = (name->data[i] == '~') ? '0' : '1';
            continue;
        }

        *p++ = name->data[i];
    }

    return p;
}


ngx_uint_t
ngx_http_webhook_error_add(ngx_array_t *errors, ngx_str_t *member,
    const char *code, const char *detail)
{
    ngx_str_t  none = ngx_null_string;

    return ngx_http_webhook_error_below(errors, member, &none, code, detail);
}


ngx_uint_t
ngx_http_webhook_error_below(ngx_array_t *errors, ngx_str_t *member,
    ngx_str_t *child, const char *code, const char *detail)
{
    u_char                    *p;
    ngx_http_webhook_error_t  *error;

    if (errors->nelts == NGX_HTTP_WEBHOOK_MAX_ERRORS) {
        return 1;
    }

    error = ngx_array_push(errors);
    if (error == NULL) {
        return 0;
    }

    p = ngx_pnalloc(errors->pool, 2 + 2 * (member->len + child->len));
    if (p == NULL) {
        errors->nelts--;
        return 0;
    }

    error->code = code;
    error->detail = detail;
    error->pointer.data = p;

    p = ngx_http_webhook_error_step(p, member);
    p = ngx_http_webhook_error_step(p, child);

    error->pointer.len = p - error->pointer.data;

    return 1;
}
