
/*
 * Copyright (C) the ngx_http_webhook_module authors
 */


/*
 * /companies/{company}/webhook-events of the admin API, on the event loop.
 */


#include "ngx_http_webhook_api_headers.h"
#include "ngx_http_webhook_name.h"


/* in the order of ngx_http_webhook_status_e */

static ngx_str_t  ngx_http_webhook_statuses[] = {
    ngx_string("pending"),
    ngx_string("delivered"),
    ngx_string("failed"),
    ngx_string("cancelled"),
    ngx_null_string
};


static ngx_int_t ngx_http_webhook_event_filters(ngx_http_webhook_api_t *api,
    ngx_http_webhook_list_op_t *list);
static void ngx_http_webhook_event_attempts(ngx_http_webhook_json_writer_t *w,
    ngx_http_webhook_event_op_t *eop);
static void ngx_http_webhook_attempt_timings(
    ngx_http_webhook_json_writer_t *w, ngx_http_webhook_attempt_t *a);
static void ngx_http_webhook_attempt_request(
    ngx_http_webhook_json_writer_t *w, ngx_http_webhook_attempt_t *a,
    ngx_http_webhook_id_t event_id);
static void ngx_http_webhook_attempt_response(
    ngx_http_webhook_json_writer_t *w, ngx_http_webhook_attempt_t *a);


static void
ngx_http_webhook_event_optional(ngx_http_webhook_json_writer_t *w,
    const char *key, ngx_str_t *value)
{
    if (value->data) {
        ngx_http_webhook_json_string(w, key, value);

    } else {
        ngx_http_webhook_json_null(w, key);
    }
}


static void
ngx_http_webhook_event_members(ngx_http_webhook_json_writer_t *w,
    ngx_http_webhook_event_t *event)
{
    ngx_uint_t  pending;

    pending = (event->status == NGX_HTTP_WEBHOOK_PENDING);

    ngx_http_webhook_json_id(w, "id", "evt_", event->id);
    ngx_http_webhook_json_id(w, "message_id", "msg_", event->message_id);
    ngx_http_webhook_json_id(w, "webhook_id", "wh_", event->webhook_id);
    ngx_http_webhook_json_string(w, "event", &event->event);
    ngx_http_webhook_json_string(w, "status",
                                 &ngx_http_webhook_statuses[event->status]);
    ngx_http_webhook_event_optional(w, "reason", &event->reason);
    ngx_http_webhook_json_integer(w, "retries", event->retries);
    ngx_http_webhook_json_time(w, "created_at",
                               ngx_http_webhook_id_msec(event->id));
    ngx_http_webhook_json_time(w, "next_attempt_at",
                               pending ? event->due_at : 0);
    ngx_http_webhook_json_time(w, "delivered_at", event->delivered_at);
}


static void
ngx_http_webhook_event_write(ngx_http_webhook_json_writer_t *w, void *row)
{
    ngx_http_webhook_json_object(w, NULL);
    ngx_http_webhook_event_members(w, row);
    ngx_http_webhook_json_close_object(w);
}


static ngx_int_t
ngx_http_webhook_event_render_list(ngx_http_request_t *r,
    ngx_http_webhook_op_t *op)
{
    return ngx_http_webhook_api_render_page(r,
                                          (ngx_http_webhook_list_op_t *) op,
                                          "evt_",
                                          ngx_http_webhook_event_write);
}


static void
ngx_http_webhook_event_listed(ngx_http_webhook_op_t *op)
{
    ngx_http_webhook_api_done(op, ngx_http_webhook_event_render_list);
}


ngx_int_t
ngx_http_webhook_api_event_list(ngx_http_webhook_api_t *api)
{
    ngx_int_t                    rc;
    ngx_http_webhook_list_op_t  *list;

    list = ngx_http_webhook_api_op(NGX_HTTP_WEBHOOK_OP_EVENT_LIST,
                                   sizeof(ngx_http_webhook_list_op_t),
                                   ngx_http_webhook_event_listed);
    if (list == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    rc = ngx_http_webhook_api_page(api, list, "evt_");

    if (rc == NGX_DECLINED) {
        rc = ngx_http_webhook_event_filters(api, list);
    }

    if (rc != NGX_DECLINED) {
        ngx_destroy_pool(list->op.pool);
        return rc;
    }

    return ngx_http_webhook_api_post(api, &list->op, &list->ref);
}


/* NGX_DECLINED where all is well, as ngx_http_webhook_api_page(). */

static ngx_int_t
ngx_http_webhook_event_filters(ngx_http_webhook_api_t *api,
    ngx_http_webhook_list_op_t *list)
{
    ngx_str_t    value;
    const char  *wrong;

    wrong = NULL;

    if (ngx_http_webhook_api_param(api, "status", &value) == NGX_OK) {

        for (list->status = 0;
             ngx_http_webhook_statuses[list->status].len;
             list->status++)
        {
            if (value.len == ngx_http_webhook_statuses[list->status].len
                && ngx_memcmp(value.data,
                              ngx_http_webhook_statuses[list->status].data,
                              value.len)
                   == 0)
            {
                break;
            }
        }

        if (ngx_http_webhook_statuses[list->status].len == 0) {
            wrong = "\"status\" must be pending, delivered, failed or "
                    "cancelled";
        }
    }

    if (ngx_http_webhook_api_param(api, "webhook", &value) == NGX_OK) {
        list->webhook_id = ngx_http_webhook_id_read(&value, "wh_");

        if (list->webhook_id == 0) {
            wrong = "\"webhook\" must be the id of a webhook";
        }
    }

    if (ngx_http_webhook_api_param(api, "message", &value) == NGX_OK) {
        list->message_id = ngx_http_webhook_id_read(&value, "msg_");

        if (list->message_id == 0) {
            wrong = "\"message\" must be the id of a message";
        }
    }

    if (ngx_http_webhook_api_param(api, "event", &value) == NGX_OK) {

        if (!ngx_http_webhook_event_valid(&value)) {
            wrong = "\"event\" must be the name of an event";
        }

        list->event.len = value.len;
        list->event.data = ngx_pstrdup(list->op.pool, &value);

        if (list->event.data == NULL) {
            return NGX_HTTP_INTERNAL_SERVER_ERROR;
        }
    }

    return wrong ? ngx_http_webhook_problem(api->request,
                                            NGX_HTTP_WEBHOOK_INVALID_PARAMETER,
                                            wrong)
                 : NGX_DECLINED;
}


static ngx_int_t
ngx_http_webhook_event_render(ngx_http_request_t *r, ngx_http_webhook_op_t *op)
{
    ngx_http_webhook_event_op_t *eop = (ngx_http_webhook_event_op_t *) op;

    ngx_http_webhook_json_writer_t  *w;

    w = ngx_http_webhook_json_begin(r->pool);
    if (w == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    ngx_http_webhook_json_object(w, NULL);
    ngx_http_webhook_event_members(w, &eop->event);

    if (eop->payload.len) {
        ngx_http_webhook_json_raw(w, "payload", &eop->payload);

    } else {
        ngx_http_webhook_json_null(w, "payload");         /* erased */
    }

    ngx_http_webhook_json_boolean(w, "payload_erased", eop->payload.len == 0);
    ngx_http_webhook_event_attempts(w, eop);
    ngx_http_webhook_json_close_object(w);

    return ngx_http_webhook_send_json(r, NGX_HTTP_OK, w);
}


static void
ngx_http_webhook_event_attempts(ngx_http_webhook_json_writer_t *w,
    ngx_http_webhook_event_op_t *eop)
{
    ngx_uint_t                   i;
    ngx_http_webhook_attempt_t  *a;

    ngx_http_webhook_json_array(w, "attempts");

    a = eop->attempts->elts;

    for (i = 0; i < eop->attempts->nelts; i++, a++) {

        ngx_http_webhook_json_object(w, NULL);
        ngx_http_webhook_json_id(w, "id", "att_", a->id);
        ngx_http_webhook_json_integer(w, "number", a->number);
        ngx_http_webhook_json_time(w, "started_at", a->started_at);

        if (a->status_code) {
            ngx_http_webhook_json_integer(w, "status_code", a->status_code);

        } else {
            ngx_http_webhook_json_null(w, "status_code");
        }

        ngx_http_webhook_event_optional(w, "error", &a->error);
        ngx_http_webhook_event_optional(w, "error_detail", &a->detail);
        ngx_http_webhook_json_integer(w, "duration_ms", a->duration / 1000);
        ngx_http_webhook_attempt_timings(w, a);
        ngx_http_webhook_event_optional(w, "peer", &a->peer);
        ngx_http_webhook_attempt_request(w, a, eop->event.id);
        ngx_http_webhook_attempt_response(w, a);
        ngx_http_webhook_json_close_object(w);
    }

    ngx_http_webhook_json_close_array(w);
}


/* Each from the start of the attempt, in milliseconds to the microsecond. */

static void
ngx_http_webhook_attempt_timings(ngx_http_webhook_json_writer_t *w,
    ngx_http_webhook_attempt_t *a)
{
    u_char      buf[NGX_INT_T_LEN + 4];
    ngx_str_t   text;
    ngx_uint_t  i, us[5];

    static const char  *names[] = {
        "name_lookup_ms", "connect_ms", "tls_ms", "first_byte_ms", "total_ms"
    };

    us[0] = a->name_lookup;
    us[1] = a->connect;
    us[2] = a->tls;
    us[3] = a->first_byte;
    us[4] = a->duration;

    ngx_http_webhook_json_object(w, "timings");

    for (i = 0; i < 5; i++) {
        text.data = buf;
        text.len = ngx_sprintf(buf, "%ui.%03ui", us[i] / 1000, us[i] % 1000)
                   - buf;

        ngx_http_webhook_json_raw(w, names[i], &text);
    }

    ngx_http_webhook_json_close_object(w);
}


static void
ngx_http_webhook_attempt_request(ngx_http_webhook_json_writer_t *w,
    ngx_http_webhook_attempt_t *a, ngx_http_webhook_id_t event_id)
{
    u_char     buf[NGX_TIME_T_LEN];
    ngx_str_t  timestamp;

    timestamp.data = buf;
    timestamp.len = ngx_sprintf(buf, "%T", a->signed_at) - buf;

    ngx_http_webhook_json_object(w, "request");
    ngx_http_webhook_json_cstring(w, "method", "POST");
    ngx_http_webhook_json_string(w, "url", &a->url);
    ngx_http_webhook_json_object(w, "headers");
    ngx_http_webhook_json_cstring(w, "Content-Type", "application/json");
    ngx_http_webhook_json_cstring(w, "User-Agent",
                                  NGX_HTTP_WEBHOOK_USER_AGENT);
    ngx_http_webhook_json_id(w, "X-Webhook-Event-Id", "evt_", event_id);
    ngx_http_webhook_json_string(w, "X-Timestamp", &timestamp);
    ngx_http_webhook_json_string(w, "X-Signature", &a->signature);

    if (a->previous.len) {
        ngx_http_webhook_json_string(w, "X-Signature-Previous", &a->previous);
    }

    if (a->standard.len) {
        ngx_http_webhook_json_id(w, "webhook-id", "evt_", event_id);
        ngx_http_webhook_json_string(w, "webhook-timestamp", &timestamp);
        ngx_http_webhook_json_string(w, "webhook-signature", &a->standard);
    }

    ngx_http_webhook_headers_sent(w, &a->header_names);

    ngx_http_webhook_json_close_object(w);
    ngx_http_webhook_json_close_object(w);
}


static void
ngx_http_webhook_attempt_response(ngx_http_webhook_json_writer_t *w,
    ngx_http_webhook_attempt_t *a)
{
    if (a->status_code == 0) {
        ngx_http_webhook_json_null(w, "response");
        return;
    }

    ngx_http_webhook_json_object(w, "response");
    ngx_http_webhook_json_string(w, "head", &a->response_head);
    ngx_http_webhook_json_string(w, "body", &a->response_body);
    ngx_http_webhook_json_boolean(w, "truncated", a->truncated);
    ngx_http_webhook_json_close_object(w);
}


static void
ngx_http_webhook_event_done(ngx_http_webhook_op_t *op)
{
    ngx_http_webhook_api_done(op, ngx_http_webhook_event_render);
}


ngx_int_t
ngx_http_webhook_api_event_get(ngx_http_webhook_api_t *api)
{
    ngx_http_webhook_event_op_t  *eop;

    eop = ngx_http_webhook_api_op(NGX_HTTP_WEBHOOK_OP_EVENT_GET,
                                  sizeof(ngx_http_webhook_event_op_t),
                                  ngx_http_webhook_event_done);
    if (eop == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    eop->event.id = ngx_http_webhook_id_read(&api->args[1], "evt_");

    return ngx_http_webhook_api_post(api, &eop->op, &eop->ref);
}


ngx_int_t
ngx_http_webhook_api_message_delete(ngx_http_webhook_api_t *api)
{
    ngx_http_webhook_event_op_t  *eop;

    eop = ngx_http_webhook_api_op(NGX_HTTP_WEBHOOK_OP_MESSAGE_DELETE,
                                  sizeof(ngx_http_webhook_event_op_t),
                                  ngx_http_webhook_api_done_empty);
    if (eop == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    eop->event.message_id = ngx_http_webhook_id_read(&api->args[1], "msg_");

    return ngx_http_webhook_api_post(api, &eop->op, &eop->ref);
}
