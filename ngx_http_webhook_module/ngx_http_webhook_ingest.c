
/*
 * Copyright (C) the ngx_http_webhook_module authors
 */


/*
 * The ingest location, on the event loop.
 *
 *     POST -> body -> checked -> store (commit) -> 202 -> dispatcher
 *
 * The payload is copied once, into the operation's pool, which becomes the
 * message's: the deliveries are made from it after the request is gone.
 */


#include "ngx_http_webhook_http.h"
#include "ngx_http_webhook_dispatch.h"
#include "ngx_http_webhook_name.h"


static ngx_int_t ngx_http_webhook_ingest_event(ngx_http_request_t *r,
    ngx_str_t *body);
static ngx_int_t ngx_http_webhook_ingest_post(ngx_http_request_t *r,
    ngx_str_t *company, ngx_str_t *event, ngx_str_t *payload);
static void ngx_http_webhook_ingest_done(ngx_http_webhook_op_t *op);


ngx_int_t
ngx_http_webhook_ingest_handler(ngx_http_request_t *r)
{
    ngx_int_t                     rc;
    ngx_http_webhook_loc_conf_t  *wlcf;

    wlcf = ngx_http_get_module_loc_conf(r, ngx_http_webhook_module);

    rc = ngx_http_webhook_auth(r);

    if (rc != NGX_DECLINED) {
        return rc;
    }

    if (r->method != NGX_HTTP_POST) {
        return ngx_http_webhook_refuse(r, NGX_HTTP_WEBHOOK_METHOD_NOT_ALLOWED,
                                       "Events are ingested by POST");
    }

    if (!ngx_http_webhook_body_is(r, "application/json")) {
        return ngx_http_webhook_refuse(r,
                                     NGX_HTTP_WEBHOOK_UNSUPPORTED_MEDIA_TYPE,
                                     NULL);
    }

    return ngx_http_webhook_body_read(r, wlcf->payload_limit
                                         + NGX_HTTP_WEBHOOK_ENVELOPE,
                                      ngx_http_webhook_ingest_event);
}


/* Takes the members of an event that are there and well-typed. */

static ngx_uint_t
ngx_http_webhook_ingest_members(ngx_http_webhook_json_t *root,
    ngx_array_t *errors, ngx_http_webhook_json_t **company,
    ngx_http_webhook_json_t **event, ngx_http_webhook_json_t **payload)
{
    ngx_uint_t                 i, ok;
    ngx_http_webhook_json_t   *json, **slot;

    static ngx_str_t  names[] = {
        ngx_string("company"), ngx_string("event"), ngx_string("payload")
    };

    ngx_http_webhook_json_t  **slots[3];

    slots[0] = company;
    slots[1] = event;
    slots[2] = payload;

    ok = 1;

    for (json = root->first; json; json = json->next) {

        slot = NULL;

        for (i = 0; i < 3; i++) {
            if (json->key.len == names[i].len
                && ngx_memcmp(json->key.data, names[i].data, names[i].len)
                   == 0)
            {
                slot = slots[i];
                break;
            }
        }

        if (slot == NULL) {
            ok &= ngx_http_webhook_error_add(errors, &json->key,
                                             "unknown_member",
                                             "The member is not known");
            continue;
        }

        if (*slot) {
            ok &= ngx_http_webhook_error_add(errors, &json->key,
                                             "duplicate_member",
                                             "The member is there twice");
            continue;
        }

        *slot = json;

        if (i < 2 && json->type != NGX_HTTP_WEBHOOK_JSON_STRING) {
            ok &= ngx_http_webhook_error_add(errors, &json->key, "wrong_type",
                                             "The member must be a string");
        }
    }

    for (i = 0; i < 3; i++) {
        if (*slots[i] == NULL) {
            ok &= ngx_http_webhook_error_add(errors, &names[i],
                                             "missing_member",
                                             "The member is missing");
        }
    }

    return ok;
}


static ngx_int_t
ngx_http_webhook_ingest_event(ngx_http_request_t *r, ngx_str_t *body)
{
    size_t                          offset;
    ngx_str_t                       none;
    ngx_array_t                     errors;
    ngx_http_webhook_json_t        *root, *company, *event, *payload;
    ngx_http_webhook_loc_conf_t    *wlcf;
    ngx_http_webhook_json_error_e   error;

    if (ngx_array_init(&errors, r->pool, 4, sizeof(ngx_http_webhook_error_t))
        != NGX_OK)
    {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    error = ngx_http_webhook_json_read(r->pool, body, 1, &root, &offset);

    if (error) {
        return ngx_http_webhook_json_problem(r, error, offset);
    }

    if (root->type != NGX_HTTP_WEBHOOK_JSON_OBJECT) {
        ngx_str_null(&none);

        if (!ngx_http_webhook_error_add(&errors, &none, "wrong_type",
                                        "The body must be an object"))
        {
            return NGX_HTTP_INTERNAL_SERVER_ERROR;
        }

        return ngx_http_webhook_invalid(r, &errors);
    }

    company = NULL;
    event = NULL;
    payload = NULL;

    if (!ngx_http_webhook_ingest_members(root, &errors, &company, &event,
                                         &payload))
    {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    if (errors.nelts == 0) {

        if (!ngx_http_webhook_event_valid(&event->text)) {
            (void) ngx_http_webhook_error_add(&errors, &event->key,
                      "invalid_value", "An event's name is segments of "
                      "letters, digits, '_' and '-' with dots between, of at "
                      "most 128 bytes");

        } else if (ngx_http_webhook_event_reserved(&event->text)) {
            (void) ngx_http_webhook_error_add(&errors, &event->key,
                      "reserved_event", "The event's name is reserved");
        }
    }

    if (errors.nelts) {
        return ngx_http_webhook_invalid(r, &errors);
    }

    wlcf = ngx_http_get_module_loc_conf(r, ngx_http_webhook_module);

    if (payload->raw.len > wlcf->payload_limit) {
        return ngx_http_webhook_problem(r, NGX_HTTP_WEBHOOK_PAYLOAD_TOO_LARGE,
                                        NULL);
    }

    return ngx_http_webhook_ingest_post(r, &company->text, &event->text,
                                        &payload->raw);
}


static ngx_int_t
ngx_http_webhook_ingest_post(ngx_http_request_t *r, ngx_str_t *company,
    ngx_str_t *event, ngx_str_t *payload)
{
    ngx_pool_t                    *pool;
    ngx_http_webhook_ingest_op_t  *in;

    pool = ngx_create_pool(1024, ngx_cycle->log);
    if (pool == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    in = ngx_pcalloc(pool, sizeof(ngx_http_webhook_ingest_op_t));
    if (in == NULL) {
        goto failed;
    }

    in->op.type = NGX_HTTP_WEBHOOK_OP_INGEST;
    in->op.pool = pool;
    in->op.handler = ngx_http_webhook_ingest_done;

    ngx_queue_init(&in->held);

    in->company.len = company->len;
    in->company.data = ngx_pstrdup(pool, company);

    in->message.pool = pool;
    in->message.event.len = event->len;
    in->message.event.data = ngx_pstrdup(pool, event);
    in->message.payload.len = payload->len;
    in->message.payload.data = ngx_pstrdup(pool, payload);

    if ((company->len && in->company.data == NULL)
        || in->message.event.data == NULL
        || in->message.payload.data == NULL
        || ngx_http_webhook_wait(r, &in->op) != NGX_OK)
    {
        goto failed;
    }

    return NGX_AGAIN;

failed:

    ngx_destroy_pool(pool);

    return NGX_HTTP_INTERNAL_SERVER_ERROR;
}


static ngx_int_t
ngx_http_webhook_ingest_accepted(ngx_http_request_t *r,
    ngx_http_webhook_ingest_op_t *in)
{
    u_char     *p;
    ngx_str_t   text;

    p = ngx_pnalloc(r->pool, sizeof("{\"id\":\"\",\"webhook_event_count\":}")
                             + NGX_HTTP_WEBHOOK_ID_LEN + NGX_INT_T_LEN);
    if (p == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    text.data = p;

    p = ngx_cpymem(p, "{\"id\":\"", sizeof("{\"id\":\"") - 1);
    p = ngx_http_webhook_id_write(p, "msg_", in->message.id);
    p = ngx_sprintf(p, "\",\"webhook_event_count\":%ui}", in->count);

    text.len = p - text.data;

    return ngx_http_webhook_send(r, NGX_HTTP_ACCEPTED, &text);
}


/*
 * The event is durable, or was not stored.  Its deliveries start whether the
 * client is still there or not.
 */

static void
ngx_http_webhook_ingest_done(ngx_http_webhook_op_t *op)
{
    ngx_http_webhook_ingest_op_t *in = (ngx_http_webhook_ingest_op_t *) op;

    ngx_int_t                      rc;
    ngx_http_request_t            *r;
    ngx_http_webhook_main_conf_t  *wmcf;

    r = ngx_http_webhook_waited(op);

    if (r) {
        rc = (op->status == NGX_HTTP_WEBHOOK_STORE_OK)
             ? ngx_http_webhook_ingest_accepted(r, in)
             : ngx_http_webhook_store_problem(r, op);

        ngx_http_webhook_finalize(r, rc);
    }

    if (ngx_queue_empty(&in->held)) {
        ngx_destroy_pool(op->pool);
        return;
    }

    wmcf = ngx_http_cycle_get_module_main_conf(ngx_cycle,
                                               ngx_http_webhook_module);

    ngx_http_webhook_dispatch_add(wmcf->dispatch, &in->held);
}
