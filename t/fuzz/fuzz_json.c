
/*
 * Copyright (C) the ngx_http_webhook_module authors
 */


/*
 * Fuzz target: reading and writing JSON.
 *
 *     1 byte     how many levels of the tree are built (its lower two bits)
 *     the rest   a text
 *
 * What is accepted gives slices of the source that lie in each other as the
 * values do, and that are the same values when they are read by themselves;
 * and what the writer makes of the tree, and of any bytes, is read as the
 * same.
 */


#include "fuzz.h"
#include "ngx_http_webhook_json.h"


static void
fuzz_equal(ngx_str_t *one, ngx_str_t *other)
{
    fuzz_check(one->len == other->len);
    fuzz_check(one->len == 0
               || ngx_memcmp(one->data, other->data, one->len) == 0);
}


static ngx_uint_t
fuzz_within(ngx_str_t *part, ngx_str_t *whole)
{
    return part->data >= whole->data
           && part->data + part->len <= whole->data + whole->len;
}


/* Two trees of the same values. */

static void
fuzz_same(ngx_http_webhook_json_t *one, ngx_http_webhook_json_t *other)
{
    fuzz_check(one->type == other->type);

    fuzz_equal(&one->text, &other->text);

    one = one->first;
    other = other->first;

    for ( /* void */ ; one && other; one = one->next, other = other->next) {
        fuzz_equal(&one->key, &other->key);
        fuzz_same(one, other);
    }

    fuzz_check(one == NULL && other == NULL);
}


static void
fuzz_value(ngx_pool_t *pool, ngx_http_webhook_json_t *json, ngx_str_t *source,
    ngx_uint_t level, ngx_uint_t tree)
{
    size_t                    offset;
    ngx_http_webhook_json_t  *child, *again;

    fuzz_check(json->raw.len > 0);
    fuzz_check(fuzz_within(&json->raw, json->parent ? &json->parent->raw
                                                    : source));

    fuzz_check(ngx_http_webhook_json_read(pool, &json->raw, tree - level,
                                          &again, &offset)
               == NGX_HTTP_WEBHOOK_JSON_OK);
    fuzz_same(json, again);
    fuzz_equal(&json->raw, &again->raw);

    fuzz_check(ngx_http_webhook_utf8_valid(json->text.data, json->text.len));
    fuzz_check(ngx_http_webhook_utf8_valid(json->key.data, json->key.len));

    for (child = json->first; child; child = child->next) {
        fuzz_check(child->parent == json);
        fuzz_check(level < tree);
        fuzz_check(json->type == NGX_HTTP_WEBHOOK_JSON_OBJECT
                   || child->key.len == 0);
        fuzz_check(child->next || child == json->last);
        fuzz_check(child->next == NULL
                   || child->raw.data + child->raw.len
                      <= child->next->raw.data);

        fuzz_value(pool, child, source, level + 1, tree);
    }
}


/* 0 where a name holds a zero, which the writer's names cannot. */

static ngx_uint_t
fuzz_write(ngx_http_webhook_json_writer_t *w, ngx_pool_t *pool,
    ngx_http_webhook_json_t *json, const char *key, ngx_uint_t levels)
{
    u_char                   *name;
    ngx_uint_t                object;
    ngx_http_webhook_json_t  *child;

    object = (json->type == NGX_HTTP_WEBHOOK_JSON_OBJECT);

    if (json->type == NGX_HTTP_WEBHOOK_JSON_STRING) {
        ngx_http_webhook_json_string(w, key, &json->text);
        return 1;
    }

    if (levels == 0
        || (!object && json->type != NGX_HTTP_WEBHOOK_JSON_ARRAY))
    {
        ngx_http_webhook_json_raw(w, key, &json->raw);
        return 1;
    }

    if (object) {
        ngx_http_webhook_json_object(w, key);

    } else {
        ngx_http_webhook_json_array(w, key);
    }

    for (child = json->first; child; child = child->next) {

        name = ngx_pnalloc(pool, child->key.len + 1);
        fuzz_check(name != NULL);

        if (child->key.len) {
            ngx_memcpy(name, child->key.data, child->key.len);
        }

        name[child->key.len] = '\0';

        if (ngx_strlen(name) != child->key.len) {
            return 0;
        }

        if (!fuzz_write(w, pool, child, object ? (char *) name : NULL,
                        levels - 1))
        {
            return 0;
        }
    }

    if (object) {
        ngx_http_webhook_json_close_object(w);

    } else {
        ngx_http_webhook_json_close_array(w);
    }

    return 1;
}


static void
fuzz_rewrite(ngx_pool_t *pool, ngx_http_webhook_json_t *root, ngx_uint_t tree)
{
    size_t                           offset;
    ngx_str_t                        text, copy;
    ngx_http_webhook_json_t         *again;
    ngx_http_webhook_json_writer_t  *w;

    w = ngx_http_webhook_json_begin(pool);
    fuzz_check(w != NULL);

    if (!fuzz_write(w, pool, root, NULL, tree)) {
        return;
    }

    fuzz_check(ngx_http_webhook_json_end(w, &text) == NGX_OK);

    copy = fuzz_copy(pool, text.data, text.len);

    fuzz_check(ngx_http_webhook_json_read(pool, &copy, tree, &again, &offset)
               == NGX_HTTP_WEBHOOK_JSON_OK);

    fuzz_same(root, again);
}


/* Any bytes as a string. */

static void
fuzz_string(ngx_pool_t *pool, ngx_str_t *value)
{
    size_t                           offset;
    ngx_str_t                        text;
    ngx_http_webhook_json_t         *root;
    ngx_http_webhook_json_writer_t  *w;

    w = ngx_http_webhook_json_begin(pool);
    fuzz_check(w != NULL);

    ngx_http_webhook_json_object(w, NULL);
    ngx_http_webhook_json_string(w, "value", value);
    ngx_http_webhook_json_integer(w, "length", (int64_t) value->len);
    ngx_http_webhook_json_close_object(w);

    fuzz_check(ngx_http_webhook_json_end(w, &text) == NGX_OK);

    fuzz_check(ngx_http_webhook_json_read(pool, &text, 1, &root, &offset)
               == NGX_HTTP_WEBHOOK_JSON_OK);

    fuzz_check(root->first && root->first->next == root->last);
    fuzz_check(ngx_atoi(root->last->text.data, root->last->text.len)
               == (ngx_int_t) value->len);

    if (ngx_http_webhook_utf8_valid(value->data, value->len)) {
        fuzz_equal(&root->first->text, value);

    } else {
        fuzz_check(root->first->text.len > 0);
    }
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    size_t                          offset;
    ngx_str_t                       text;
    ngx_uint_t                      tree;
    ngx_pool_t                     *pool;
    ngx_http_webhook_json_t        *root;
    ngx_http_webhook_json_error_e   error;

    if (size == 0) {
        return 0;
    }

    tree = data[0] & 3;

    pool = fuzz_pool();
    text = fuzz_copy(pool, data + 1, size - 1);

    error = ngx_http_webhook_json_read(pool, &text, tree, &root, &offset);

    fuzz_check(offset <= text.len);

    if (error == NGX_HTTP_WEBHOOK_JSON_OK) {
        fuzz_check(ngx_http_webhook_utf8_valid(text.data, text.len));
        fuzz_value(pool, root, &text, 0, tree);
        fuzz_rewrite(pool, root, tree);
    }

    fuzz_string(pool, &text);

    ngx_destroy_pool(pool);

    return 0;
}
