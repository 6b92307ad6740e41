
/*
 * Copyright (C) the ngx_http_webhook_module authors
 */


/*
 * Reading and writing JSON (RFC 8259) by libyajl, with bounded depth.
 */


#ifndef _NGX_HTTP_WEBHOOK_JSON_H_INCLUDED_
#define _NGX_HTTP_WEBHOOK_JSON_H_INCLUDED_


#include "ngx_http_webhook.h"


#define NGX_HTTP_WEBHOOK_JSON_DEPTH  512     /* of arrays and objects */


typedef enum {
    NGX_HTTP_WEBHOOK_JSON_NULL = 1,
    NGX_HTTP_WEBHOOK_JSON_BOOLEAN,
    NGX_HTTP_WEBHOOK_JSON_NUMBER,
    NGX_HTTP_WEBHOOK_JSON_STRING,
    NGX_HTTP_WEBHOOK_JSON_ARRAY,
    NGX_HTTP_WEBHOOK_JSON_OBJECT
} ngx_http_webhook_json_e;


typedef enum {
    NGX_HTTP_WEBHOOK_JSON_OK = 0,
    NGX_HTTP_WEBHOOK_JSON_MALFORMED,
    NGX_HTTP_WEBHOOK_JSON_NOT_UTF8,
    NGX_HTTP_WEBHOOK_JSON_TOO_DEEP,
    NGX_HTTP_WEBHOOK_JSON_NO_MEMORY
} ngx_http_webhook_json_error_e;


/*
 * A value.  "text" is a string with its escapes undone, or the characters of
 * a number or a boolean; "raw" is the value as it stands in the source, to
 * the byte.
 */

typedef struct ngx_http_webhook_json_s  ngx_http_webhook_json_t;

struct ngx_http_webhook_json_s {
    ngx_http_webhook_json_e         type;
    ngx_str_t                       key;        /* a member's name */
    ngx_str_t                       text;
    ngx_str_t                       raw;
    ngx_http_webhook_json_t        *parent;
    ngx_http_webhook_json_t        *next;       /* of the same parent */
    ngx_http_webhook_json_t        *first;      /* child */
    ngx_http_webhook_json_t        *last;
};


/*
 * Reads a text.  Values nested deeper than "tree" levels are checked but not
 * built: of them only the raw form of the value around them is there.  The
 * tree lives in the pool and refers to the source.  Returns an error and, in
 * *offset, the byte at which it was found.
 */
ngx_http_webhook_json_error_e ngx_http_webhook_json_read(ngx_pool_t *pool,
    ngx_str_t *source, ngx_uint_t tree, ngx_http_webhook_json_t **root,
    size_t *offset);

/*
 * Returns 1 where each escaped half of a surrogate pair in a string, as it
 * stands in the source, has the other half (RFC 8259, section 8.2).
 */
ngx_uint_t ngx_http_webhook_json_pairs(ngx_str_t *raw);

/* Returns 1 where the bytes are well-formed UTF-8 (RFC 3629). */
ngx_uint_t ngx_http_webhook_utf8_valid(u_char *p, size_t len);


/*
 * Writing.  The writer keeps its first error and says it in _end(), so that
 * the calls between need no check.  A key of NULL adds an element of an
 * array.  Strings that are not UTF-8 are written with U+FFFD in the place of
 * each byte that does not fit.
 */

typedef struct ngx_http_webhook_json_writer_s  ngx_http_webhook_json_writer_t;

/* Its memory ends with the pool.  Returns NULL without memory. */
ngx_http_webhook_json_writer_t *ngx_http_webhook_json_begin(ngx_pool_t *pool);

void ngx_http_webhook_json_object(ngx_http_webhook_json_writer_t *w,
    const char *key);
void ngx_http_webhook_json_array(ngx_http_webhook_json_writer_t *w,
    const char *key);
void ngx_http_webhook_json_close_object(ngx_http_webhook_json_writer_t *w);
void ngx_http_webhook_json_close_array(ngx_http_webhook_json_writer_t *w);
void ngx_http_webhook_json_string(ngx_http_webhook_json_writer_t *w,
    const char *key, ngx_str_t *value);
void ngx_http_webhook_json_cstring(ngx_http_webhook_json_writer_t *w,
    const char *key, const char *value);
void ngx_http_webhook_json_integer(ngx_http_webhook_json_writer_t *w,
    const char *key, int64_t value);
void ngx_http_webhook_json_boolean(ngx_http_webhook_json_writer_t *w,
    const char *key, ngx_uint_t value);
void ngx_http_webhook_json_null(ngx_http_webhook_json_writer_t *w,
    const char *key);

/* A value that is JSON already. */
void ngx_http_webhook_json_raw(ngx_http_webhook_json_writer_t *w,
    const char *key, ngx_str_t *value);

/* An identifier, null where it is 0. */
void ngx_http_webhook_json_id(ngx_http_webhook_json_writer_t *w,
    const char *key, const char *prefix, ngx_http_webhook_id_t id);

/* Milliseconds since the epoch as an RFC 3339 time, null where 0 ... */
void ngx_http_webhook_json_time(ngx_http_webhook_json_writer_t *w,
    const char *key, int64_t msec);

/* ... or where that is a time, too. */
void ngx_http_webhook_json_date(ngx_http_webhook_json_writer_t *w,
    const char *key, int64_t msec);

/* Gives the text, which lives in the writer.  NGX_ERROR without memory. */
ngx_int_t ngx_http_webhook_json_end(ngx_http_webhook_json_writer_t *w,
    ngx_str_t *text);


/*
 * json_merge.c: a merge patch (RFC 7396).  Gives the target, a JSON text or
 * null, with the patch, a JSON text, applied; memory of the pool or the
 * patch's own.  Members that the patch does not name are kept to the byte.
 * NGX_DECLINED where the two are objects nested deeper than 64, NGX_ERROR
 * without memory.  Any thread.
 */
ngx_int_t ngx_http_webhook_json_merge(ngx_pool_t *pool, ngx_str_t *target,
    ngx_str_t *patch, ngx_str_t *result);


#endif /* _NGX_HTTP_WEBHOOK_JSON_H_INCLUDED_ */
