
/*
 * Copyright (C) the ngx_http_webhook_module authors
 */


/*
 * From the text of an event to its operation, on the event loop.
 *
 * The payload is copied once, into the operation's pool, which becomes the
 * message's: the deliveries are made from it after the request is gone.
 */


#include "ngx_http_webhook_ingest.h"
#include "ngx_http_webhook_dispatch.h"
#include "ngx_http_webhook_name.h"


#define NGX_HTTP_WEBHOOK_INGEST_MEMBERS  4


/* The members of an event, in the order of ngx_http_webhook_members. */

typedef struct {
    ngx_http_webhook_json_t    *company;
    ngx_http_webhook_json_t    *event;
    ngx_http_webhook_json_t    *payload;
    ngx_http_webhook_json_t    *key;
} ngx_http_webhook_members_t;


typedef struct {
    ngx_str_t                   name;
    ngx_uint_t                  offset;
    ngx_uint_t                  required;
    ngx_uint_t                  string;
} ngx_http_webhook_member_t;


static ngx_int_t ngx_http_webhook_ingest_members(ngx_http_webhook_json_t *root,
    ngx_http_webhook_members_t *members, ngx_array_t *errors);
static ngx_int_t ngx_http_webhook_ingest_check(
    ngx_http_webhook_members_t *members, ngx_str_t *key, ngx_array_t *errors);
static ngx_int_t ngx_http_webhook_ingest_bound(
    ngx_http_webhook_principal_t *principal, ngx_http_webhook_json_t *company,
    ngx_pool_t *pool);
static ngx_http_webhook_ingest_op_t *ngx_http_webhook_ingest_op(
    ngx_http_webhook_members_t *members, ngx_str_t *key);


static ngx_http_webhook_member_t  ngx_http_webhook_members[] = {
    { ngx_string("company"),
      offsetof(ngx_http_webhook_members_t, company), 1, 1 },
    { ngx_string("event"),
      offsetof(ngx_http_webhook_members_t, event), 1, 1 },
    { ngx_string("payload"),
      offsetof(ngx_http_webhook_members_t, payload), 1, 0 },
    { ngx_string("idempotency_key"),
      offsetof(ngx_http_webhook_members_t, key), 0, 1 }
};


ngx_http_webhook_ingest_op_t *
ngx_http_webhook_ingest_read(ngx_http_request_t *r, ngx_str_t *text,
    ngx_str_t *key, ngx_http_webhook_refusal_t *refusal)
{
    size_t                          offset;
    ngx_int_t                       rc;
    ngx_http_webhook_ctx_t         *ctx;
    ngx_http_webhook_json_t        *root;
    ngx_http_webhook_members_t      members;
    ngx_http_webhook_loc_conf_t    *wlcf;
    ngx_http_webhook_json_error_e   error;

    refusal->problem = NGX_HTTP_WEBHOOK_INTERNAL;
    refusal->detail = NULL;

    error = ngx_http_webhook_json_read(r->pool, text, 1, &root, &offset);

    if (error) {
        refusal->problem = ngx_http_webhook_json_problem(r->pool, error,
                                                         offset,
                                                         &refusal->detail);
        return NULL;
    }

    ngx_memzero(&members, sizeof(ngx_http_webhook_members_t));

    if (ngx_array_init(&refusal->errors, r->pool, 1,
                       sizeof(ngx_http_webhook_error_t))
            != NGX_OK
        || ngx_http_webhook_ingest_members(root, &members, &refusal->errors)
            != NGX_OK)
    {
        return NULL;
    }

    if (refusal->errors.nelts == 0
        && ngx_http_webhook_ingest_check(&members, key, &refusal->errors)
           != NGX_OK)
    {
        return NULL;
    }

    if (refusal->errors.nelts) {
        refusal->problem = NGX_HTTP_WEBHOOK_INVALID;
        return NULL;
    }

    wlcf = ngx_http_get_module_loc_conf(r, ngx_http_webhook_module);

    if (members.payload->raw.len > wlcf->payload_limit) {
        refusal->problem = NGX_HTTP_WEBHOOK_PAYLOAD_TOO_LARGE;
        return NULL;
    }

    ctx = ngx_http_get_module_ctx(r, ngx_http_webhook_module);

    rc = ngx_http_webhook_ingest_bound(&ctx->principal, members.company,
                                       r->pool);

    if (rc == NGX_DECLINED) {
        refusal->problem = NGX_HTTP_WEBHOOK_COMPANY_NOT_FOUND;
    }

    return (rc == NGX_OK) ? ngx_http_webhook_ingest_op(&members, key) : NULL;
}


/*
 * A key that is bound to a company is for events of that one, whose id takes
 * the place of a uid: that may be another company's when the event is stored.
 */

static ngx_int_t
ngx_http_webhook_ingest_bound(ngx_http_webhook_principal_t *principal,
    ngx_http_webhook_json_t *company, ngx_pool_t *pool)
{
    u_char  *p;

    if (principal->company_id == 0) {
        return NGX_OK;
    }

    if (!ngx_http_webhook_auth_own(principal, &company->text)) {
        return NGX_DECLINED;
    }

    p = ngx_pnalloc(pool, NGX_HTTP_WEBHOOK_ID_LEN);
    if (p == NULL) {
        return NGX_ERROR;
    }

    company->text.data = p;
    company->text.len = ngx_http_webhook_id_write(p, "co_",
                                                  principal->company_id)
                        - p;
    return NGX_OK;
}


/* Takes the members that are there, and tells what is wrong with them. */

static ngx_int_t
ngx_http_webhook_ingest_members(ngx_http_webhook_json_t *root,
    ngx_http_webhook_members_t *members, ngx_array_t *errors)
{
    const char                  *code;
    ngx_str_t                    none;
    ngx_uint_t                   i, ok;
    ngx_http_webhook_json_t     *json, **slot;
    ngx_http_webhook_member_t   *m;

    if (root->type != NGX_HTTP_WEBHOOK_JSON_OBJECT) {
        ngx_str_null(&none);

        return ngx_http_webhook_error_add(errors, &none, "wrong_type",
                                          "The body must be an object")
               ? NGX_OK : NGX_ERROR;
    }

    ok = 1;

    for (json = root->first; json; json = json->next) {

        slot = NULL;
        m = ngx_http_webhook_members;

        for (i = 0; i < NGX_HTTP_WEBHOOK_INGEST_MEMBERS; i++, m++) {
            if (json->key.len == m->name.len
                && ngx_memcmp(json->key.data, m->name.data, m->name.len) == 0)
            {
                slot = (ngx_http_webhook_json_t **)
                           ((u_char *) members + m->offset);
                break;
            }
        }

        if (slot == NULL) {
            ok &= ngx_http_webhook_error_add(errors, &json->key,
                                             "unknown_member",
                                             "The member is not known");
            continue;
        }

        code = *slot ? "duplicate_member" : NULL;

        if (code == NULL && m->string
            && json->type != NGX_HTTP_WEBHOOK_JSON_STRING)
        {
            code = "wrong_type";
        }

        if (code) {
            ok &= ngx_http_webhook_error_add(errors, &json->key, code,
                                             *slot ? "The member is there twice"
                                             : "The member must be a string");
        }

        *slot = json;
    }

    m = ngx_http_webhook_members;

    for (i = 0; i < NGX_HTTP_WEBHOOK_INGEST_MEMBERS; i++, m++) {

        slot = (ngx_http_webhook_json_t **) ((u_char *) members + m->offset);

        if (*slot == NULL && m->required) {
            ok &= ngx_http_webhook_error_add(errors, &m->name,
                                             "missing_member",
                                             "The member is missing");
        }
    }

    return ok ? NGX_OK : NGX_ERROR;
}


/* Checks the members' values; *key becomes the idempotency key, if any. */

static ngx_int_t
ngx_http_webhook_ingest_check(ngx_http_webhook_members_t *members,
    ngx_str_t *key, ngx_array_t *errors)
{
    size_t      i;
    ngx_str_t   name;
    ngx_uint_t  ok;

    ok = 1;

    if (!ngx_http_webhook_event_valid(&members->event->text)) {
        ok = ngx_http_webhook_error_add(errors, &members->event->key,
                  "invalid_value", "An event's name is segments of letters, "
                  "digits, '_' and '-' with dots between, of at most 128 "
                  "bytes");

    } else if (ngx_http_webhook_event_reserved(&members->event->text)) {
        ok = ngx_http_webhook_error_add(errors, &members->event->key,
                  "reserved_event", "The event's name is reserved");
    }

    ngx_str_set(&name, "idempotency_key");

    if (members->key) {

        if (key->data
            && (key->len != members->key->text.len
                || ngx_memcmp(key->data, members->key->text.data, key->len)
                   != 0))
        {
            ok &= ngx_http_webhook_error_add(errors, &name, "invalid_value",
                      "The member is not what the Idempotency-Key header "
                      "says");
        }

        *key = members->key->text;
    }

    if (key->data == NULL) {
        return ok ? NGX_OK : NGX_ERROR;
    }

    for (i = 0; i < key->len; i++) {
        if (key->data[i] < ' ' || key->data[i] > '~') {
            break;
        }
    }

    if (key->len == 0 || key->len > NGX_HTTP_WEBHOOK_MAX_KEY || i < key->len) {
        ok &= ngx_http_webhook_error_add(errors, &name, "invalid_value",
                  "An idempotency key is 1 to 255 printable ASCII characters");
    }

    return ok ? NGX_OK : NGX_ERROR;
}


static ngx_int_t
ngx_http_webhook_ingest_copy(ngx_pool_t *pool, ngx_str_t *dst, ngx_str_t *src)
{
    dst->len = src->len;
    dst->data = ngx_pnalloc(pool, src->len + 1);
    if (dst->data == NULL) {
        return NGX_ERROR;
    }

    ngx_memcpy(dst->data, src->data, src->len);

    return NGX_OK;
}


static ngx_http_webhook_ingest_op_t *
ngx_http_webhook_ingest_op(ngx_http_webhook_members_t *members, ngx_str_t *key)
{
    size_t                         size;
    ngx_pool_t                    *pool;
    ngx_http_webhook_ingest_op_t  *in;

    /* nginx allocates beyond the end of a pool whose size is not aligned */

    size = ngx_align(1024 + members->payload->raw.len, NGX_POOL_ALIGNMENT);

    pool = ngx_create_pool(size, ngx_cycle->log);
    if (pool == NULL) {
        return NULL;
    }

    in = ngx_pcalloc(pool, sizeof(ngx_http_webhook_ingest_op_t));
    if (in == NULL) {
        ngx_destroy_pool(pool);
        return NULL;
    }

    in->op.type = NGX_HTTP_WEBHOOK_OP_INGEST;
    in->op.pool = pool;
    in->message.pool = pool;

    ngx_queue_init(&in->held);

    if (ngx_http_webhook_ingest_copy(pool, &in->company,
                                     &members->company->text) != NGX_OK
        || ngx_http_webhook_ingest_copy(pool, &in->message.event,
                                        &members->event->text) != NGX_OK
        || ngx_http_webhook_ingest_copy(pool, &in->message.payload,
                                        &members->payload->raw) != NGX_OK
        || (key->data
            && ngx_http_webhook_ingest_copy(pool, &in->key, key) != NGX_OK))
    {
        ngx_destroy_pool(pool);
        return NULL;
    }

    return in;
}


void
ngx_http_webhook_ingest_finish(ngx_http_webhook_ingest_op_t *in)
{
    ngx_http_webhook_main_conf_t  *wmcf;

    wmcf = ngx_http_cycle_get_module_main_conf(ngx_cycle,
                                               ngx_http_webhook_module);

    if (in->ordered) {
        ngx_http_webhook_dispatch_look(wmcf->dispatch);
    }

    if (ngx_queue_empty(&in->held)) {
        ngx_destroy_pool(in->op.pool);
        return;
    }

    ngx_http_webhook_dispatch_add(wmcf->dispatch, &in->held);
}
