
/*
 * Copyright (C) the ngx_http_webhook_module authors
 */


/*
 * /companies/{company}/webhook-events of the admin API, on the event loop.
 */


#include "ngx_http_webhook_api_events.h"
#include "ngx_http_webhook_dispatch.h"
#include "ngx_http_webhook_name.h"
#include "ngx_http_webhook_waits.h"
#include "ngx_http_webhook_zone.h"


/* in the order of ngx_http_webhook_status_e */

static ngx_str_t  ngx_http_webhook_statuses[] = {
    ngx_string("pending"),
    ngx_string("delivered"),
    ngx_string("failed"),
    ngx_string("cancelled"),
    ngx_null_string
};


static ngx_http_webhook_event_op_t *ngx_http_webhook_event_op(
    ngx_http_webhook_api_t *api, ngx_http_webhook_op_e type,
    ngx_http_webhook_op_pt handler);


ngx_str_t *
ngx_http_webhook_status_name(ngx_http_webhook_status_e status)
{
    return &ngx_http_webhook_statuses[status];
}


ngx_int_t
ngx_http_webhook_status_read(ngx_str_t *name)
{
    ngx_int_t   i;
    ngx_str_t  *status;

    status = ngx_http_webhook_statuses;

    for (i = 0; status[i].len; i++) {
        if (name->len == status[i].len
            && ngx_memcmp(name->data, status[i].data, name->len) == 0)
        {
            return i;
        }
    }

    return -1;
}


void
ngx_http_webhook_event_optional(ngx_http_webhook_json_writer_t *w,
    const char *key, ngx_str_t *value)
{
    if (value->data) {
        ngx_http_webhook_json_string(w, key, value);

    } else {
        ngx_http_webhook_json_null(w, key);
    }
}


void
ngx_http_webhook_event_waits(ngx_http_webhook_json_writer_t *w,
    ngx_http_webhook_waits_e waits)
{
    const char  *name;

    name = ngx_http_webhook_waits_name(waits);

    if (name) {
        ngx_http_webhook_json_cstring(w, "waiting_for", name);

    } else {
        ngx_http_webhook_json_null(w, "waiting_for");
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
                                 ngx_http_webhook_status_name(event->status));
    ngx_http_webhook_event_optional(w, "reason", &event->reason);
    ngx_http_webhook_json_integer(w, "retries", event->retries);
    ngx_http_webhook_json_time(w, "created_at",
                               ngx_http_webhook_id_msec(event->id));
    ngx_http_webhook_json_time(w, "next_attempt_at",
                               pending ? event->due_at : 0);
    ngx_http_webhook_event_waits(w, event->waits);
    ngx_http_webhook_json_time(w, "delivered_at", event->delivered_at);
}


void
ngx_http_webhook_event_write(ngx_http_webhook_json_writer_t *w, void *row)
{
    ngx_http_webhook_json_object(w, NULL);
    ngx_http_webhook_event_members(w, row);
    ngx_http_webhook_json_close_object(w);
}


void
ngx_http_webhook_event_payload(ngx_http_webhook_json_writer_t *w,
    ngx_str_t *payload)
{
    if (payload->len) {
        ngx_http_webhook_json_raw(w, "payload", payload);

    } else {
        ngx_http_webhook_json_null(w, "payload");         /* erased */
    }

    ngx_http_webhook_json_boolean(w, "payload_erased", payload->len == 0);
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
ngx_http_webhook_event_list_done(ngx_http_webhook_op_t *op)
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
                                   ngx_http_webhook_event_list_done);
    if (list == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    rc = ngx_http_webhook_api_page(api, list, "evt_");

    if (rc == NGX_DECLINED) {
        rc = ngx_http_webhook_filter_read(api, list, "evt_");
    }

    if (rc == NGX_DECLINED) {
        rc = ngx_http_webhook_filter_events(api, list);
    }

    if (rc != NGX_DECLINED) {
        ngx_destroy_pool(list->op.pool);
        return rc;
    }

    return ngx_http_webhook_api_post(api, &list->op, &list->ref);
}


ngx_int_t
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
    ngx_http_webhook_event_payload(w, &eop->payload);
    ngx_http_webhook_attempts_write(w, eop);
    ngx_http_webhook_json_close_object(w);

    return ngx_http_webhook_send_json(r, NGX_HTTP_OK, w);
}


static void
ngx_http_webhook_event_get_done(ngx_http_webhook_op_t *op)
{
    ngx_http_webhook_api_done(op, ngx_http_webhook_event_render);
}


/* The answer to what is done to an event. */

static ngx_int_t
ngx_http_webhook_event_render_row(ngx_http_request_t *r,
    ngx_http_webhook_op_t *op)
{
    ngx_http_webhook_event_op_t *eop = (ngx_http_webhook_event_op_t *) op;

    ngx_http_webhook_json_writer_t  *w;

    w = ngx_http_webhook_json_begin(r->pool);
    if (w == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    ngx_http_webhook_event_write(w, &eop->event);

    return ngx_http_webhook_send_json(r,
                                  op->type == NGX_HTTP_WEBHOOK_OP_EVENT_RETRY
                                  ? NGX_HTTP_ACCEPTED : NGX_HTTP_OK, w);
}


static void
ngx_http_webhook_event_retry_done(ngx_http_webhook_op_t *op)
{
    ngx_http_webhook_event_op_t *eop = (ngx_http_webhook_event_op_t *) op;

    ngx_http_webhook_main_conf_t  *wmcf;

    wmcf = ngx_http_cycle_get_module_main_conf(ngx_cycle,
                                               ngx_http_webhook_module);

    /* held events have pools of their own */

    if (!ngx_queue_empty(&eop->held)) {
        ngx_http_webhook_dispatch_add(wmcf->dispatch, &eop->held);

    } else if (op->status == NGX_HTTP_WEBHOOK_STORE_OK) {
        ngx_http_webhook_dispatch_look(wmcf->dispatch);
    }

    ngx_http_webhook_api_done(op, ngx_http_webhook_event_render_row);
}


static void
ngx_http_webhook_event_cancel_done(ngx_http_webhook_op_t *op)
{
    ngx_http_webhook_event_op_t *eop = (ngx_http_webhook_event_op_t *) op;

    ngx_http_webhook_main_conf_t  *wmcf;

    wmcf = ngx_http_cycle_get_module_main_conf(ngx_cycle,
                                               ngx_http_webhook_module);

    /* whoever has it is told before the answer */

    if (op->status == NGX_HTTP_WEBHOOK_STORE_OK) {

        if (eop->event.owned) {
            ngx_http_webhook_zone_cancel(wmcf, eop->event.id,
                                         eop->event.webhook_id);
        }

        ngx_http_webhook_dispatch_look(wmcf->dispatch);
    }

    ngx_http_webhook_api_done(op, ngx_http_webhook_event_render_row);
}


/* An operation on the event that the path names. */

static ngx_http_webhook_event_op_t *
ngx_http_webhook_event_op(ngx_http_webhook_api_t *api,
    ngx_http_webhook_op_e type, ngx_http_webhook_op_pt handler)
{
    ngx_http_webhook_event_op_t  *eop;

    eop = ngx_http_webhook_api_op(type, sizeof(ngx_http_webhook_event_op_t),
                                  handler);

    if (eop) {
        ngx_queue_init(&eop->held);
        eop->event.id = ngx_http_webhook_id_read(&api->args[1], "evt_");
    }

    return eop;
}


ngx_int_t
ngx_http_webhook_api_event_get(ngx_http_webhook_api_t *api)
{
    ngx_http_webhook_event_op_t  *eop;

    eop = ngx_http_webhook_event_op(api, NGX_HTTP_WEBHOOK_OP_EVENT_GET,
                                    ngx_http_webhook_event_get_done);

    return eop ? ngx_http_webhook_api_post(api, &eop->op, &eop->ref)
               : NGX_HTTP_INTERNAL_SERVER_ERROR;
}


ngx_int_t
ngx_http_webhook_api_event_retry(ngx_http_webhook_api_t *api)
{
    ngx_http_webhook_event_op_t  *eop;

    eop = ngx_http_webhook_event_op(api, NGX_HTTP_WEBHOOK_OP_EVENT_RETRY,
                                    ngx_http_webhook_event_retry_done);

    return eop ? ngx_http_webhook_api_post(api, &eop->op, &eop->ref)
               : NGX_HTTP_INTERNAL_SERVER_ERROR;
}


ngx_int_t
ngx_http_webhook_api_event_cancel(ngx_http_webhook_api_t *api)
{
    ngx_http_webhook_event_op_t  *eop;

    eop = ngx_http_webhook_event_op(api, NGX_HTTP_WEBHOOK_OP_EVENT_CANCEL,
                                    ngx_http_webhook_event_cancel_done);

    return eop ? ngx_http_webhook_api_post(api, &eop->op, &eop->ref)
               : NGX_HTTP_INTERNAL_SERVER_ERROR;
}
