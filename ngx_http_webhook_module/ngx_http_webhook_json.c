
/*
 * Copyright (C) the ngx_http_webhook_module authors
 */


/*
 * Reading and writing JSON by libyajl.  Pure functions, any thread.
 *
 * What libyajl 2.1 takes and RFC 8259 does not is closed before it sees the
 * text: form feed and vertical tab as white space (no JSON text holds these
 * bytes raw), and UTF-8 with overlong forms, surrogates or values over
 * U+10FFFF.
 */


#include "ngx_http_webhook_json.h"
#include "ngx_http_webhook_name.h"

#include <yajl/yajl_parse.h>
#include <yajl/yajl_gen.h>


typedef struct {
    ngx_pool_t                     *pool;
    yajl_handle                     handle;
    u_char                         *source;
    size_t                          end;        /* of the last token */
    size_t                          whole;      /* not 0: all is read */
    ngx_uint_t                      depth;      /* of the value to come */
    ngx_uint_t                      tree;
    ngx_str_t                       key;
    ngx_http_webhook_json_t        *root;
    ngx_http_webhook_json_t        *parent;
    ngx_http_webhook_json_error_e   error;
} ngx_http_webhook_json_reader_t;


struct ngx_http_webhook_json_writer_s {
    yajl_gen                        gen;
    ngx_pool_t                     *pool;
    yajl_gen_status                 status;
};


static size_t ngx_http_webhook_json_position(
    ngx_http_webhook_json_reader_t *rd);
static ngx_http_webhook_json_t *ngx_http_webhook_json_add(
    ngx_http_webhook_json_reader_t *rd, ngx_http_webhook_json_e type);
static int ngx_http_webhook_json_copy(ngx_http_webhook_json_reader_t *rd,
    ngx_str_t *dst, const u_char *data, size_t len);
static int ngx_http_webhook_json_scalar(ngx_http_webhook_json_reader_t *rd,
    ngx_http_webhook_json_e type, const u_char *data, size_t len);
static int ngx_http_webhook_json_open(ngx_http_webhook_json_reader_t *rd,
    ngx_http_webhook_json_e type);
static int ngx_http_webhook_json_shut(ngx_http_webhook_json_reader_t *rd);
static ngx_int_t ngx_http_webhook_json_mend(ngx_pool_t *pool,
    ngx_str_t *value, ngx_str_t *out);


/*
 * The end of the token that a callback is for.  A number that is the whole
 * text ends with it: libyajl finds that out by a space of its own, and counts
 * that one alone.
 */

static size_t
ngx_http_webhook_json_position(ngx_http_webhook_json_reader_t *rd)
{
    return rd->whole ? rd->whole : yajl_get_bytes_consumed(rd->handle);
}


/*
 * An element of the tree, unless it lies too deep for it.  The start of a
 * value is found from the end of the token before: between the two there are
 * white space and one separator at most.
 */

static ngx_http_webhook_json_t *
ngx_http_webhook_json_add(ngx_http_webhook_json_reader_t *rd,
    ngx_http_webhook_json_e type)
{
    u_char                   *p, *last;
    ngx_http_webhook_json_t  *json, *parent;

    json = ngx_pcalloc(rd->pool, sizeof(ngx_http_webhook_json_t));
    if (json == NULL) {
        rd->error = NGX_HTTP_WEBHOOK_JSON_NO_MEMORY;
        return NULL;
    }

    p = rd->source + rd->end;
    last = rd->source + ngx_http_webhook_json_position(rd);

    while (p < last
           && (*p == ' ' || *p == '\t' || *p == CR || *p == LF
               || *p == ',' || *p == ':'))
    {
        p++;
    }

    json->type = type;
    json->key = rd->key;
    json->raw.data = p;
    json->raw.len = last - p;

    ngx_str_null(&rd->key);

    parent = rd->parent;
    json->parent = parent;

    if (parent == NULL) {
        rd->root = json;

    } else if (parent->last) {
        parent->last->next = json;
        parent->last = json;

    } else {
        parent->first = json;
        parent->last = json;
    }

    return json;
}


/*
 * What libyajl made of a string.  The source is UTF-8, but an escaped half of
 * a surrogate pair is none: it becomes U+FFFD here, and stays what it is in
 * the raw form.
 */

static int
ngx_http_webhook_json_copy(ngx_http_webhook_json_reader_t *rd, ngx_str_t *dst,
    const u_char *data, size_t len)
{
    ngx_str_t  text;

    if (!ngx_http_webhook_utf8_valid((u_char *) data, len)) {

        text.data = (u_char *) data;
        text.len = len;

        if (ngx_http_webhook_json_mend(rd->pool, &text, dst) != NGX_OK) {
            rd->error = NGX_HTTP_WEBHOOK_JSON_NO_MEMORY;
            return 0;
        }

        return 1;
    }

    dst->len = len;
    dst->data = ngx_pnalloc(rd->pool, len + 1);
    if (dst->data == NULL) {
        rd->error = NGX_HTTP_WEBHOOK_JSON_NO_MEMORY;
        return 0;
    }

    ngx_memcpy(dst->data, data, len);

    return 1;
}


static int
ngx_http_webhook_json_scalar(ngx_http_webhook_json_reader_t *rd,
    ngx_http_webhook_json_e type, const u_char *data, size_t len)
{
    ngx_http_webhook_json_t  *json;

    if (rd->depth <= rd->tree) {

        json = ngx_http_webhook_json_add(rd, type);
        if (json == NULL) {
            return 0;
        }

        if (!ngx_http_webhook_json_copy(rd, &json->text, data, len)) {
            return 0;
        }
    }

    rd->end = ngx_http_webhook_json_position(rd);

    return 1;
}


static int
ngx_http_webhook_json_on_null(void *ctx)
{
    return ngx_http_webhook_json_scalar(ctx, NGX_HTTP_WEBHOOK_JSON_NULL,
                                        (u_char *) "null", 4);
}


static int
ngx_http_webhook_json_on_boolean(void *ctx, int value)
{
    return ngx_http_webhook_json_scalar(ctx, NGX_HTTP_WEBHOOK_JSON_BOOLEAN,
                                        (u_char *) (value ? "true" : "false"),
                                        value ? 4 : 5);
}


static int
ngx_http_webhook_json_on_number(void *ctx, const char *data, size_t len)
{
    return ngx_http_webhook_json_scalar(ctx, NGX_HTTP_WEBHOOK_JSON_NUMBER,
                                        (const u_char *) data, len);
}


static int
ngx_http_webhook_json_on_string(void *ctx, const unsigned char *data,
    size_t len)
{
    return ngx_http_webhook_json_scalar(ctx, NGX_HTTP_WEBHOOK_JSON_STRING,
                                        data, len);
}


static int
ngx_http_webhook_json_on_key(void *ctx, const unsigned char *data, size_t len)
{
    ngx_http_webhook_json_reader_t *rd = ctx;

    if (rd->depth <= rd->tree
        && !ngx_http_webhook_json_copy(rd, &rd->key, data, len))
    {
        return 0;
    }

    rd->end = ngx_http_webhook_json_position(rd);

    return 1;
}


static int
ngx_http_webhook_json_open(ngx_http_webhook_json_reader_t *rd,
    ngx_http_webhook_json_e type)
{
    if (rd->depth == NGX_HTTP_WEBHOOK_JSON_DEPTH) {
        rd->error = NGX_HTTP_WEBHOOK_JSON_TOO_DEEP;
        return 0;
    }

    if (rd->depth <= rd->tree) {
        rd->parent = ngx_http_webhook_json_add(rd, type);
        if (rd->parent == NULL) {
            return 0;
        }
    }

    rd->depth++;
    rd->end = ngx_http_webhook_json_position(rd);

    return 1;
}


static int
ngx_http_webhook_json_shut(ngx_http_webhook_json_reader_t *rd)
{
    ngx_http_webhook_json_t  *json;

    rd->depth--;
    rd->end = ngx_http_webhook_json_position(rd);

    if (rd->depth <= rd->tree) {
        json = rd->parent;
        json->raw.len = rd->source + rd->end - json->raw.data;
        rd->parent = json->parent;
    }

    return 1;
}


static int
ngx_http_webhook_json_on_map(void *ctx)
{
    return ngx_http_webhook_json_open(ctx, NGX_HTTP_WEBHOOK_JSON_OBJECT);
}


static int
ngx_http_webhook_json_on_array(void *ctx)
{
    return ngx_http_webhook_json_open(ctx, NGX_HTTP_WEBHOOK_JSON_ARRAY);
}


static int
ngx_http_webhook_json_on_end(void *ctx)
{
    return ngx_http_webhook_json_shut(ctx);
}


static yajl_callbacks  ngx_http_webhook_json_callbacks = {
    ngx_http_webhook_json_on_null,
    ngx_http_webhook_json_on_boolean,
    NULL,                                  /* numbers stay text: no number */
    NULL,                                  /* is too large or too precise */
    ngx_http_webhook_json_on_number,
    ngx_http_webhook_json_on_string,
    ngx_http_webhook_json_on_map,
    ngx_http_webhook_json_on_key,
    ngx_http_webhook_json_on_end,
    ngx_http_webhook_json_on_array,
    ngx_http_webhook_json_on_end
};


ngx_http_webhook_json_error_e
ngx_http_webhook_json_read(ngx_pool_t *pool, ngx_str_t *source,
    ngx_uint_t tree, ngx_http_webhook_json_t **root, size_t *offset)
{
    u_char                          *p;
    yajl_status                      status;
    ngx_http_webhook_json_reader_t   rd;

    *offset = 0;

    if (!ngx_http_webhook_utf8_valid(source->data, source->len)) {
        return NGX_HTTP_WEBHOOK_JSON_NOT_UTF8;
    }

    p = memchr(source->data, '\f', source->len);
    if (p == NULL) {
        p = memchr(source->data, '\v', source->len);
    }

    if (p) {
        *offset = p - source->data;
        return NGX_HTTP_WEBHOOK_JSON_MALFORMED;
    }

    ngx_memzero(&rd, sizeof(ngx_http_webhook_json_reader_t));

    rd.pool = pool;
    rd.source = source->data;
    rd.tree = tree;

    rd.handle = yajl_alloc(&ngx_http_webhook_json_callbacks, NULL, &rd);
    if (rd.handle == NULL) {
        return NGX_HTTP_WEBHOOK_JSON_NO_MEMORY;
    }

    yajl_config(rd.handle, yajl_dont_validate_strings, 1);

    status = yajl_parse(rd.handle, source->data, source->len);

    *offset = yajl_get_bytes_consumed(rd.handle);

    if (status == yajl_status_ok) {
        rd.whole = source->len;
        status = yajl_complete_parse(rd.handle);
    }

    yajl_free(rd.handle);

    if (rd.error) {
        return rd.error;
    }

    if (status != yajl_status_ok || rd.root == NULL) {
        return NGX_HTTP_WEBHOOK_JSON_MALFORMED;
    }

    *root = rd.root;

    return NGX_HTTP_WEBHOOK_JSON_OK;
}


ngx_uint_t
ngx_http_webhook_json_pairs(ngx_str_t *raw)
{
    u_char     *p, *last;
    ngx_int_t   code;
    ngx_uint_t  high;

    high = 0;
    p = raw->data;
    last = p + raw->len;

    while (p < last) {
        code = 0;

        if (*p++ == '\\') {

            if (*p++ == 'u') {
                code = ngx_hextoi(p, 4);
                p += 4;
            }
        }

        if (high != (code >= 0xdc00 && code <= 0xdfff)) {
            return 0;
        }

        high = (code >= 0xd800 && code <= 0xdbff);
    }

    return !high;
}


/*
 * Returns the length of the UTF-8 sequence at p, or 0 where it is not
 * well-formed: the table of RFC 3629, section 4.
 */

static ngx_uint_t
ngx_http_webhook_utf8_sequence(u_char *p, u_char *last)
{
    u_char      low, high;
    ngx_uint_t  i, n;

    low = 0x80;
    high = 0xbf;

    if (*p < 0x80) {
        return 1;

    } else if (*p >= 0xc2 && *p <= 0xdf) {
        n = 2;

    } else if (*p >= 0xe0 && *p <= 0xef) {
        n = 3;
        low = (*p == 0xe0) ? 0xa0 : 0x80;
        high = (*p == 0xed) ? 0x9f : 0xbf;

    } else if (*p >= 0xf0 && *p <= 0xf4) {
        n = 4;
        low = (*p == 0xf0) ? 0x90 : 0x80;
        high = (*p == 0xf4) ? 0x8f : 0xbf;

    } else {
        return 0;
    }

    if ((size_t) (last - p) < n || p[1] < low || p[1] > high) {
        return 0;
    }

    for (i = 2; i < n; i++) {
        if ((p[i] & 0xc0) != 0x80) {
            return 0;
        }
    }

    return n;
}


ngx_uint_t
ngx_http_webhook_utf8_valid(u_char *p, size_t len)
{
    u_char      *last;
    uint64_t     word;
    ngx_uint_t   n;

    if (len == 0) {
        return 1;                            /* where p may be NULL */
    }

    last = p + len;

    while (p < last) {

        if (last - p >= 8) {
            ngx_memcpy(&word, p, 8);

            if ((word & 0x8080808080808080ULL) == 0) {
                p += 8;
                continue;
            }
        }

        n = ngx_http_webhook_utf8_sequence(p, last);
        if (n == 0) {
            return 0;
        }

        p += n;
    }

    return 1;
}


static void
ngx_http_webhook_json_free(void *data)
{
    yajl_gen_free((yajl_gen) data);
}


ngx_http_webhook_json_writer_t *
ngx_http_webhook_json_begin(ngx_pool_t *pool)
{
    ngx_pool_cleanup_t              *cln;
    ngx_http_webhook_json_writer_t  *w;

    w = ngx_pcalloc(pool, sizeof(ngx_http_webhook_json_writer_t));
    if (w == NULL) {
        return NULL;
    }

    cln = ngx_pool_cleanup_add(pool, 0);
    if (cln == NULL) {
        return NULL;
    }

    w->gen = yajl_gen_alloc(NULL);
    if (w->gen == NULL) {
        return NULL;
    }

    cln->handler = ngx_http_webhook_json_free;
    cln->data = w->gen;

    w->pool = pool;

    return w;
}


static void
ngx_http_webhook_json_key(ngx_http_webhook_json_writer_t *w, const char *key)
{
    if (key && w->status == yajl_gen_status_ok) {
        w->status = yajl_gen_string(w->gen, (const u_char *) key,
                                    ngx_strlen(key));
    }
}


#define ngx_http_webhook_json_gen(w, key, call)                               \
                                                                              \
    ngx_http_webhook_json_key(w, key);                                        \
                                                                              \
    if ((w)->status == yajl_gen_status_ok) {                                  \
        (w)->status = call;                                                   \
    }


void
ngx_http_webhook_json_object(ngx_http_webhook_json_writer_t *w,
    const char *key)
{
    ngx_http_webhook_json_gen(w, key, yajl_gen_map_open(w->gen));
}


void
ngx_http_webhook_json_array(ngx_http_webhook_json_writer_t *w,
    const char *key)
{
    ngx_http_webhook_json_gen(w, key, yajl_gen_array_open(w->gen));
}


void
ngx_http_webhook_json_close_object(ngx_http_webhook_json_writer_t *w)
{
    ngx_http_webhook_json_gen(w, NULL, yajl_gen_map_close(w->gen));
}


void
ngx_http_webhook_json_close_array(ngx_http_webhook_json_writer_t *w)
{
    ngx_http_webhook_json_gen(w, NULL, yajl_gen_array_close(w->gen));
}


/* Returns a copy of the string in which each bad byte became U+FFFD. */

static ngx_int_t
ngx_http_webhook_json_mend(ngx_pool_t *pool, ngx_str_t *value, ngx_str_t *out)
{
    u_char      *p, *last, *dst;
    ngx_uint_t   n;

    dst = ngx_pnalloc(pool, value->len * 3);
    if (dst == NULL) {
        return NGX_ERROR;
    }

    out->data = dst;

    p = value->data;
    last = p + value->len;

    while (p < last) {
        n = ngx_http_webhook_utf8_sequence(p, last);

        if (n == 0) {
            dst = ngx_cpymem(dst, "\xef\xbf\xbd", 3);
            p++;
            continue;
        }

        dst = ngx_cpymem(dst, p, n);
        p += n;
    }

    out->len = dst - out->data;

    return NGX_OK;
}


void
ngx_http_webhook_json_string(ngx_http_webhook_json_writer_t *w,
    const char *key, ngx_str_t *value)
{
    ngx_str_t  text;

    text = *value;

    if (!ngx_http_webhook_utf8_valid(text.data, text.len)
        && ngx_http_webhook_json_mend(w->pool, value, &text) != NGX_OK)
    {
        w->status = yajl_gen_in_error_state;
        return;
    }

    ngx_http_webhook_json_gen(w, key,
                              yajl_gen_string(w->gen, text.data, text.len));
}


void
ngx_http_webhook_json_cstring(ngx_http_webhook_json_writer_t *w,
    const char *key, const char *value)
{
    ngx_str_t  text;

    text.data = (u_char *) value;
    text.len = ngx_strlen(value);

    ngx_http_webhook_json_string(w, key, &text);
}


void
ngx_http_webhook_json_integer(ngx_http_webhook_json_writer_t *w,
    const char *key, int64_t value)
{
    ngx_http_webhook_json_gen(w, key, yajl_gen_integer(w->gen, value));
}


void
ngx_http_webhook_json_boolean(ngx_http_webhook_json_writer_t *w,
    const char *key, ngx_uint_t value)
{
    ngx_http_webhook_json_gen(w, key, yajl_gen_bool(w->gen, value != 0));
}


void
ngx_http_webhook_json_null(ngx_http_webhook_json_writer_t *w, const char *key)
{
    ngx_http_webhook_json_gen(w, key, yajl_gen_null(w->gen));
}


void
ngx_http_webhook_json_raw(ngx_http_webhook_json_writer_t *w, const char *key,
    ngx_str_t *value)
{
    /* yajl_gen_number() puts its text into the output as it is */

    ngx_http_webhook_json_gen(w, key,
                              yajl_gen_number(w->gen, (char *) value->data,
                                              value->len));
}


void
ngx_http_webhook_json_id(ngx_http_webhook_json_writer_t *w, const char *key,
    const char *prefix, ngx_http_webhook_id_t id)
{
    u_char     buf[NGX_HTTP_WEBHOOK_ID_LEN];
    ngx_str_t  text;

    if (id == 0) {
        ngx_http_webhook_json_null(w, key);
        return;
    }

    text.data = buf;
    text.len = ngx_http_webhook_id_write(buf, prefix, id) - buf;

    ngx_http_webhook_json_string(w, key, &text);
}


void
ngx_http_webhook_json_time(ngx_http_webhook_json_writer_t *w, const char *key,
    int64_t msec)
{
    if (msec) {
        ngx_http_webhook_json_date(w, key, msec);

    } else {
        ngx_http_webhook_json_null(w, key);
    }
}


void
ngx_http_webhook_json_date(ngx_http_webhook_json_writer_t *w, const char *key,
    int64_t msec)
{
    u_char     buf[sizeof("1970-01-01T00:00:00.000Z") + NGX_INT_T_LEN];
    ngx_tm_t   tm;
    ngx_str_t  text;

    ngx_gmtime((time_t) (msec / 1000), &tm);

    text.data = buf;
    text.len = ngx_sprintf(buf, "%04d-%02d-%02dT%02d:%02d:%02d.%03dZ",
                           tm.ngx_tm_year, tm.ngx_tm_mon, tm.ngx_tm_mday,
                           tm.ngx_tm_hour, tm.ngx_tm_min, tm.ngx_tm_sec,
                           (int) (msec % 1000))
               - buf;

    ngx_http_webhook_json_string(w, key, &text);
}


ngx_int_t
ngx_http_webhook_json_end(ngx_http_webhook_json_writer_t *w, ngx_str_t *text)
{
    const unsigned char  *data;

    if (w->status != yajl_gen_status_ok
        && w->status != yajl_gen_generation_complete)
    {
        return NGX_ERROR;
    }

    if (yajl_gen_get_buf(w->gen, &data, &text->len) != yajl_gen_status_ok) {
        return NGX_ERROR;
    }

    text->data = (u_char *) data;

    return NGX_OK;
}
