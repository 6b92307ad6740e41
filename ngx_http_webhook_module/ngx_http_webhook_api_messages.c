
/*
 * Copyright (C) the ngx_http_webhook_module authors
 */


/*
 * /companies/{company}/messages of the admin API, on the event loop.
 */


#include "ngx_http_webhook_api_events.h"
#include "ngx_http_webhook_name.h"


static void
ngx_http_webhook_message_members(ngx_http_webhook_json_writer_t *w,
    ngx_http_webhook_message_row_t *message)
{
    ngx_http_webhook_json_id(w, "id", "msg_", message->id);
    ngx_http_webhook_json_string(w, "event", &message->event);
    ngx_http_webhook_json_time(w, "created_at",
                               ngx_http_webhook_id_msec(message->id));
    ngx_http_webhook_json_integer(w, "payload_size", message->size);
}


static void
ngx_http_webhook_message_write(ngx_http_webhook_json_writer_t *w, void *row)
{
    ngx_http_webhook_message_row_t *message = row;

    ngx_http_webhook_json_object(w, NULL);
    ngx_http_webhook_message_members(w, message);
    ngx_http_webhook_json_boolean(w, "payload_erased", message->size == 0);
    ngx_http_webhook_json_close_object(w);
}


static ngx_int_t
ngx_http_webhook_message_render_list(ngx_http_request_t *r,
    ngx_http_webhook_op_t *op)
{
    return ngx_http_webhook_api_render_page(r,
                                          (ngx_http_webhook_list_op_t *) op,
                                          "msg_",
                                          ngx_http_webhook_message_write);
}


static void
ngx_http_webhook_message_listed(ngx_http_webhook_op_t *op)
{
    ngx_http_webhook_api_done(op, ngx_http_webhook_message_render_list);
}


ngx_int_t
ngx_http_webhook_api_message_list(ngx_http_webhook_api_t *api)
{
    ngx_int_t                    rc;
    ngx_http_webhook_list_op_t  *list;

    list = ngx_http_webhook_api_op(NGX_HTTP_WEBHOOK_OP_MESSAGE_LIST,
                                   sizeof(ngx_http_webhook_list_op_t),
                                   ngx_http_webhook_message_listed);
    if (list == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    rc = ngx_http_webhook_api_page(api, list, "msg_");

    if (rc == NGX_DECLINED) {
        rc = ngx_http_webhook_filter_read(api, list, "msg_");
    }

    if (rc != NGX_DECLINED) {
        ngx_destroy_pool(list->op.pool);
        return rc;
    }

    return ngx_http_webhook_api_post(api, &list->op, &list->ref);
}


static ngx_int_t
ngx_http_webhook_message_render(ngx_http_request_t *r,
    ngx_http_webhook_op_t *op)
{
    ngx_http_webhook_message_op_t *mop = (ngx_http_webhook_message_op_t *) op;

    ngx_uint_t                       i;
    ngx_http_webhook_event_t        *event;
    ngx_http_webhook_json_writer_t  *w;

    w = ngx_http_webhook_json_begin(r->pool);
    if (w == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    ngx_http_webhook_json_object(w, NULL);
    ngx_http_webhook_message_members(w, &mop->message);
    ngx_http_webhook_event_payload(w, &mop->payload);

    ngx_http_webhook_json_array(w, "webhook_events");

    event = mop->events->elts;

    for (i = 0; i < mop->events->nelts; i++) {
        ngx_http_webhook_event_write(w, &event[i]);
    }

    ngx_http_webhook_json_close_array(w);
    ngx_http_webhook_json_close_object(w);

    return ngx_http_webhook_send_json(r, NGX_HTTP_OK, w);
}


static void
ngx_http_webhook_message_done(ngx_http_webhook_op_t *op)
{
    ngx_http_webhook_api_done(op, ngx_http_webhook_message_render);
}


ngx_int_t
ngx_http_webhook_api_message_get(ngx_http_webhook_api_t *api)
{
    ngx_http_webhook_message_op_t  *mop;

    mop = ngx_http_webhook_api_op(NGX_HTTP_WEBHOOK_OP_MESSAGE_GET,
                                  sizeof(ngx_http_webhook_message_op_t),
                                  ngx_http_webhook_message_done);
    if (mop == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    mop->message.id = ngx_http_webhook_id_read(&api->args[1], "msg_");

    return ngx_http_webhook_api_post(api, &mop->op, &mop->ref);
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
