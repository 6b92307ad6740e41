
/*
 * Copyright (C) the ngx_http_webhook_module authors
 */


/*
 * Merge patches (RFC 7396) of JSON texts.  Pure functions, any thread.
 *
 * Members keep their order; those of the patch alone follow.  Of members of
 * the patch with the same name the last one counts.
 */


#include "ngx_http_webhook_json.h"


#define NGX_HTTP_WEBHOOK_MERGE_DEPTH  64       /* libyajl writes 128 */


/* A member of a patch, by its name. */

typedef struct {
    ngx_str_node_t                   sn;
    ngx_http_webhook_json_t         *json;
    ngx_uint_t                       used;
} ngx_http_webhook_merge_member_t;


typedef struct {
    ngx_pool_t                      *pool;
    ngx_http_webhook_json_writer_t  *w;
} ngx_http_webhook_merge_t;


static ngx_int_t ngx_http_webhook_merge_object(ngx_http_webhook_merge_t *m,
    ngx_http_webhook_json_t *target, ngx_http_webhook_json_t *patch,
    ngx_uint_t depth);


static ngx_int_t
ngx_http_webhook_merge_index(ngx_http_webhook_merge_t *m,
    ngx_http_webhook_json_t *patch, ngx_rbtree_t *tree)
{
    uint32_t                          hash;
    ngx_str_node_t                   *sn;
    ngx_http_webhook_json_t          *json;
    ngx_http_webhook_merge_member_t  *member;

    for (json = patch->first; json; json = json->next) {

        hash = ngx_crc32_short(json->key.data, json->key.len);

        sn = ngx_str_rbtree_lookup(tree, &json->key, hash);

        if (sn) {
            ((ngx_http_webhook_merge_member_t *) sn)->json = json;
            continue;
        }

        member = ngx_pcalloc(m->pool, sizeof(ngx_http_webhook_merge_member_t));
        if (member == NULL) {
            return NGX_ERROR;
        }

        member->sn.node.key = hash;
        member->sn.str = json->key;
        member->json = json;

        ngx_rbtree_insert(tree, &member->sn.node);
    }

    return NGX_OK;
}


/* A member of the result, from the patch. */

static ngx_int_t
ngx_http_webhook_merge_member(ngx_http_webhook_merge_t *m,
    ngx_http_webhook_json_t *target, ngx_http_webhook_json_t *patch,
    ngx_uint_t depth)
{
    if (patch->type == NGX_HTTP_WEBHOOK_JSON_NULL) {
        return NGX_OK;
    }

    ngx_http_webhook_json_string(m->w, NULL, &patch->key);

    if (patch->type == NGX_HTTP_WEBHOOK_JSON_OBJECT) {
        return ngx_http_webhook_merge_object(m, target, patch, depth + 1);
    }

    ngx_http_webhook_json_raw(m->w, NULL, &patch->raw);

    return NGX_OK;
}


static ngx_int_t
ngx_http_webhook_merge_object(ngx_http_webhook_merge_t *m,
    ngx_http_webhook_json_t *target, ngx_http_webhook_json_t *patch,
    ngx_uint_t depth)
{
    uint32_t                          hash;
    ngx_int_t                         rc;
    ngx_rbtree_t                      tree;
    ngx_rbtree_node_t                 sentinel;
    ngx_http_webhook_json_t          *json;
    ngx_http_webhook_merge_member_t  *member;

    if (depth > NGX_HTTP_WEBHOOK_MERGE_DEPTH) {
        return NGX_DECLINED;
    }

    ngx_rbtree_init(&tree, &sentinel, ngx_str_rbtree_insert_value);

    if (ngx_http_webhook_merge_index(m, patch, &tree) != NGX_OK) {
        return NGX_ERROR;
    }

    ngx_http_webhook_json_object(m->w, NULL);

    json = (target && target->type == NGX_HTTP_WEBHOOK_JSON_OBJECT)
           ? target->first : NULL;

    for ( /* void */ ; json; json = json->next) {

        hash = ngx_crc32_short(json->key.data, json->key.len);

        member = (ngx_http_webhook_merge_member_t *)
                     ngx_str_rbtree_lookup(&tree, &json->key, hash);

        if (member == NULL) {
            ngx_http_webhook_json_string(m->w, NULL, &json->key);
            ngx_http_webhook_json_raw(m->w, NULL, &json->raw);
            continue;
        }

        if (member->used) {
            continue;                        /* twice in the target */
        }

        member->used = 1;

        rc = ngx_http_webhook_merge_member(m, json, member->json, depth);
        if (rc != NGX_OK) {
            return rc;
        }
    }

    for (json = patch->first; json; json = json->next) {

        hash = ngx_crc32_short(json->key.data, json->key.len);

        member = (ngx_http_webhook_merge_member_t *)
                     ngx_str_rbtree_lookup(&tree, &json->key, hash);

        if (member->used) {
            continue;
        }

        member->used = 1;

        rc = ngx_http_webhook_merge_member(m, NULL, member->json, depth);
        if (rc != NGX_OK) {
            return rc;
        }
    }

    ngx_http_webhook_json_close_object(m->w);

    return NGX_OK;
}


ngx_int_t
ngx_http_webhook_json_merge(ngx_pool_t *pool, ngx_str_t *target,
    ngx_str_t *patch, ngx_str_t *result)
{
    size_t                     offset;
    ngx_int_t                  rc;
    ngx_http_webhook_merge_t   m;
    ngx_http_webhook_json_t   *old, *new;

    old = NULL;

    if (ngx_http_webhook_json_read(pool, patch, NGX_HTTP_WEBHOOK_JSON_DEPTH,
                                   &new, &offset)
            != NGX_HTTP_WEBHOOK_JSON_OK
        || (target->len
            && ngx_http_webhook_json_read(pool, target,
                                          NGX_HTTP_WEBHOOK_JSON_DEPTH, &old,
                                          &offset)
               != NGX_HTTP_WEBHOOK_JSON_OK))
    {
        return NGX_ERROR;                    /* both were read before */
    }

    if (new->type != NGX_HTTP_WEBHOOK_JSON_OBJECT) {
        *result = *patch;
        return NGX_OK;
    }

    m.pool = pool;
    m.w = ngx_http_webhook_json_begin(pool);
    if (m.w == NULL) {
        return NGX_ERROR;
    }

    rc = ngx_http_webhook_merge_object(&m, old, new, 1);

    return (rc == NGX_OK) ? ngx_http_webhook_json_end(m.w, result) : rc;
}
