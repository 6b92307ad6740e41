
/*
 * Copyright (C) the ngx_http_webhook_module authors
 */


/*
 * /companies/{company}/replays of the admin API, on the event loop.
 *
 *     body -> count (reads, some at a time) -> "dry_run": 200
 *                                           -> create (writes) -> 202
 */


#include "ngx_http_webhook_api_events.h"
#include "ngx_http_webhook_dispatch.h"
#include "ngx_http_webhook_name.h"
#include "ngx_http_webhook_time.h"


#define NGX_HTTP_WEBHOOK_REPLAY_COUNT  2000      /* ms; then it is "at least" */


/* A replay that is to be made, or only counted. */

typedef struct {
    ngx_http_webhook_replay_op_t     rop;
    ngx_http_webhook_id_t            until_id;   /* as it was asked for */
    ngx_msec_t                       deadline;
    unsigned                         dry_run:1;
} ngx_http_webhook_replay_new_t;


static ngx_int_t ngx_http_webhook_replay_webhook(ngx_http_webhook_api_t *api,
    ngx_http_webhook_json_t *json, void *data);
static ngx_int_t ngx_http_webhook_replay_source(ngx_http_webhook_api_t *api,
    ngx_http_webhook_json_t *json, void *data);
static ngx_int_t ngx_http_webhook_replay_filter(ngx_http_webhook_api_t *api,
    ngx_http_webhook_json_t *json, void *data);
static ngx_int_t ngx_http_webhook_replay_dry_run(ngx_http_webhook_api_t *api,
    ngx_http_webhook_json_t *json, void *data);
static ngx_int_t ngx_http_webhook_replay_since(ngx_http_webhook_api_t *api,
    ngx_http_webhook_json_t *json, void *data);
static ngx_int_t ngx_http_webhook_replay_until(ngx_http_webhook_api_t *api,
    ngx_http_webhook_json_t *json, void *data);
static ngx_int_t ngx_http_webhook_replay_time(ngx_http_webhook_api_t *api,
    ngx_http_webhook_json_t *json, ngx_http_webhook_id_t *id);
static ngx_int_t ngx_http_webhook_replay_status(ngx_http_webhook_api_t *api,
    ngx_http_webhook_json_t *json, void *data);
static ngx_int_t ngx_http_webhook_replay_event(ngx_http_webhook_api_t *api,
    ngx_http_webhook_json_t *json, void *data);
static void ngx_http_webhook_replay_counted(ngx_http_webhook_op_t *op);
static ngx_int_t ngx_http_webhook_replay_render_count(ngx_http_request_t *r,
    ngx_http_webhook_op_t *op);
static void ngx_http_webhook_replay_created(ngx_http_webhook_op_t *op);


static ngx_http_webhook_api_member_t  ngx_http_webhook_replay_members[] = {
    { ngx_string("webhook_id"), ngx_http_webhook_replay_webhook, 1 },
    { ngx_string("source"), ngx_http_webhook_replay_source, 1 },
    { ngx_string("filter"), ngx_http_webhook_replay_filter, 0 },
    { ngx_string("dry_run"), ngx_http_webhook_replay_dry_run, 0 },
    { ngx_null_string, NULL, 0 }
};


static ngx_http_webhook_api_member_t  ngx_http_webhook_replay_filters[] = {
    { ngx_string("since"), ngx_http_webhook_replay_since, 0 },
    { ngx_string("until"), ngx_http_webhook_replay_until, 0 },
    { ngx_string("status"), ngx_http_webhook_replay_status, 0 },
    { ngx_string("event"), ngx_http_webhook_replay_event, 0 },
    { ngx_null_string, NULL, 0 }
};


static ngx_str_t  ngx_http_webhook_replay_sources[] = {
    ngx_string("webhook_events"),
    ngx_string("messages")
};


static ngx_int_t
ngx_http_webhook_replay_webhook(ngx_http_webhook_api_t *api,
    ngx_http_webhook_json_t *json, void *data)
{
    ngx_http_webhook_replay_new_t *new = data;

    if (json->type != NGX_HTTP_WEBHOOK_JSON_STRING) {
        return ngx_http_webhook_api_error(api, json, "wrong_type",
                                          "The member must be a string");
    }

    /* text that is no identifier gives 0, which is no webhook's */

    new->rop.replay.webhook_id = ngx_http_webhook_id_read(&json->text, "wh_");

    return NGX_OK;
}


static ngx_int_t
ngx_http_webhook_replay_source(ngx_http_webhook_api_t *api,
    ngx_http_webhook_json_t *json, void *data)
{
    ngx_http_webhook_replay_new_t *new = data;

    ngx_str_t   *source;
    ngx_uint_t   i;

    source = ngx_http_webhook_replay_sources;

    for (i = 0; i < 2 && json->type == NGX_HTTP_WEBHOOK_JSON_STRING; i++) {
        if (json->text.len == source[i].len
            && ngx_memcmp(json->text.data, source[i].data, source[i].len) == 0)
        {
            new->rop.replay.messages = i;
            return NGX_OK;
        }
    }

    return ngx_http_webhook_api_error(api, json,
                                      i ? "invalid_value" : "wrong_type",
                                      "The member must be \"webhook_events\" "
                                      "or \"messages\"");
}


static ngx_int_t
ngx_http_webhook_replay_filter(ngx_http_webhook_api_t *api,
    ngx_http_webhook_json_t *json, void *data)
{
    if (json->type == NGX_HTTP_WEBHOOK_JSON_NULL) {
        return NGX_OK;
    }

    if (json->type != NGX_HTTP_WEBHOOK_JSON_OBJECT) {
        return ngx_http_webhook_api_error(api, json, "wrong_type",
                                          "The member must be an object");
    }

    return ngx_http_webhook_api_object(api, json,
                                       ngx_http_webhook_replay_filters, data);
}


static ngx_int_t
ngx_http_webhook_replay_dry_run(ngx_http_webhook_api_t *api,
    ngx_http_webhook_json_t *json, void *data)
{
    ngx_http_webhook_replay_new_t *new = data;

    ngx_int_t   rc;
    ngx_uint_t  value;

    value = 0;

    rc = ngx_http_webhook_api_boolean(api, json, &value);

    new->dry_run = value;

    return rc;
}


static ngx_int_t
ngx_http_webhook_replay_since(ngx_http_webhook_api_t *api,
    ngx_http_webhook_json_t *json, void *data)
{
    ngx_http_webhook_replay_new_t *new = data;

    return ngx_http_webhook_replay_time(api, json, &new->rop.replay.since_id);
}


static ngx_int_t
ngx_http_webhook_replay_until(ngx_http_webhook_api_t *api,
    ngx_http_webhook_json_t *json, void *data)
{
    ngx_http_webhook_replay_new_t *new = data;

    return ngx_http_webhook_replay_time(api, json, &new->until_id);
}


static ngx_int_t
ngx_http_webhook_replay_time(ngx_http_webhook_api_t *api,
    ngx_http_webhook_json_t *json, ngx_http_webhook_id_t *id)
{
    int64_t  msec;

    if (json->type == NGX_HTTP_WEBHOOK_JSON_NULL) {
        return NGX_OK;
    }

    if (json->type != NGX_HTTP_WEBHOOK_JSON_STRING) {
        return ngx_http_webhook_api_error(api, json, "wrong_type",
                                          "The member must be a string");
    }

    if (ngx_http_webhook_time_read(&json->text, &msec) != NGX_OK) {
        return ngx_http_webhook_api_error(api, json, "invalid_value",
                                          "The member must be a time of RFC "
                                          "3339");
    }

    *id = ngx_http_webhook_id_from(msec);

    return NGX_OK;
}


static ngx_int_t
ngx_http_webhook_replay_status(ngx_http_webhook_api_t *api,
    ngx_http_webhook_json_t *json, void *data)
{
    ngx_http_webhook_replay_new_t *new = data;

    ngx_int_t  status;

    if (json->type == NGX_HTTP_WEBHOOK_JSON_NULL) {
        return NGX_OK;
    }

    if (json->type != NGX_HTTP_WEBHOOK_JSON_STRING) {
        return ngx_http_webhook_api_error(api, json, "wrong_type",
                                          "The member must be a string");
    }

    status = ngx_http_webhook_status_read(&json->text);

    if (status <= NGX_HTTP_WEBHOOK_PENDING) {
        return ngx_http_webhook_api_error(api, json, "invalid_value",
                                          "The member must be \"delivered\", "
                                          "\"failed\" or \"cancelled\"");
    }

    new->rop.replay.event_status = status;

    return NGX_OK;
}


static ngx_int_t
ngx_http_webhook_replay_event(ngx_http_webhook_api_t *api,
    ngx_http_webhook_json_t *json, void *data)
{
    ngx_http_webhook_replay_new_t *new = data;

    if (json->type == NGX_HTTP_WEBHOOK_JSON_NULL) {
        return NGX_OK;
    }

    if (json->type == NGX_HTTP_WEBHOOK_JSON_STRING
        && !ngx_http_webhook_event_valid(&json->text))
    {
        return ngx_http_webhook_api_error(api, json, "invalid_value",
                                          "The member must be the name of an "
                                          "event");
    }

    return ngx_http_webhook_api_string(api, json, 1,
                                       NGX_HTTP_WEBHOOK_MAX_EVENT,
                                       new->rop.op.pool,
                                       &new->rop.replay.event);
}


static void
ngx_http_webhook_replay_write(ngx_http_webhook_json_writer_t *w, void *row)
{
    ngx_http_webhook_replay_t *replay = row;

    static const char  *statuses[] = { "running", "done", "cancelled" };

    ngx_http_webhook_json_object(w, NULL);
    ngx_http_webhook_json_id(w, "id", "rpl_", replay->id);
    ngx_http_webhook_json_id(w, "webhook_id", "wh_", replay->webhook_id);
    ngx_http_webhook_json_string(w, "source",
                         &ngx_http_webhook_replay_sources[replay->messages]);

    ngx_http_webhook_json_object(w, "filter");
    ngx_http_webhook_json_time(w, "since",
                               ngx_http_webhook_id_msec(replay->since_id));

    /* what was not said is the beginning of the replay */

    ngx_http_webhook_json_time(w, "until", replay->until_id == replay->id
                               ? 0
                               : ngx_http_webhook_id_msec(replay->until_id));

    if (replay->event_status < 0) {
        ngx_http_webhook_json_null(w, "status");

    } else {
        ngx_http_webhook_json_string(w, "status",
                         ngx_http_webhook_status_name(replay->event_status));
    }

    ngx_http_webhook_event_optional(w, "event", &replay->event);
    ngx_http_webhook_json_close_object(w);

    ngx_http_webhook_json_cstring(w, "status", statuses[replay->status]);
    ngx_http_webhook_event_optional(w, "reason", &replay->reason);
    ngx_http_webhook_json_integer(w, "count", replay->count);
    ngx_http_webhook_json_boolean(w, "at_least", replay->at_least);
    ngx_http_webhook_json_integer(w, "done", replay->done);
    ngx_http_webhook_json_integer(w, "skipped", replay->skipped);
    ngx_http_webhook_json_time(w, "created_at",
                               ngx_http_webhook_id_msec(replay->id));
    ngx_http_webhook_json_time(w, "finished_at", replay->finished_at);
    ngx_http_webhook_json_close_object(w);
}


static ngx_int_t
ngx_http_webhook_replay_render(ngx_http_request_t *r,
    ngx_http_webhook_op_t *op)
{
    ngx_http_webhook_replay_op_t *rop = (ngx_http_webhook_replay_op_t *) op;

    ngx_uint_t                       created;
    ngx_http_webhook_json_writer_t  *w;

    w = ngx_http_webhook_json_begin(r->pool);
    if (w == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    created = (op->type == NGX_HTTP_WEBHOOK_OP_REPLAY_CREATE);

    if (created) {
        ngx_http_webhook_audit_made(r, "rpl_", rop->replay.id);
    }

    ngx_http_webhook_replay_write(w, &rop->replay);

    return ngx_http_webhook_send_json(r, created ? NGX_HTTP_ACCEPTED
                                                 : NGX_HTTP_OK, w);
}


static void
ngx_http_webhook_replay_done(ngx_http_webhook_op_t *op)
{
    ngx_http_webhook_api_done(op, ngx_http_webhook_replay_render);
}


ngx_int_t
ngx_http_webhook_api_replay_create(ngx_http_webhook_api_t *api)
{
    ngx_int_t                       rc;
    ngx_http_webhook_json_t         filter, status;
    ngx_http_webhook_replay_new_t  *new;

    new = ngx_http_webhook_api_op(NGX_HTTP_WEBHOOK_OP_REPLAY_COUNT,
                                  sizeof(ngx_http_webhook_replay_new_t),
                                  ngx_http_webhook_replay_counted);
    if (new == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    new->rop.replay.event_status = -1;
    new->deadline = ngx_current_msec + NGX_HTTP_WEBHOOK_REPLAY_COUNT;

    rc = NGX_HTTP_INTERNAL_SERVER_ERROR;

    if (ngx_http_webhook_api_members(api, ngx_http_webhook_replay_members, new,
                                     &rc)
        != NGX_OK)
    {
        ngx_destroy_pool(new->rop.op.pool);
        return rc;
    }

    if (new->rop.replay.messages && new->rop.replay.event_status >= 0) {

        ngx_memzero(&filter, sizeof(ngx_http_webhook_json_t));
        ngx_memzero(&status, sizeof(ngx_http_webhook_json_t));

        ngx_str_set(&filter.key, "filter");
        ngx_str_set(&status.key, "status");
        status.parent = &filter;

        rc = ngx_http_webhook_api_error(api, &status, "invalid_value",
                                        "Messages have no status")
             == NGX_OK ? ngx_http_webhook_invalid(api->request, &api->errors)
                       : NGX_HTTP_INTERNAL_SERVER_ERROR;

        ngx_destroy_pool(new->rop.op.pool);
        return rc;
    }

    new->rop.replay.until_id = new->until_id;

    return ngx_http_webhook_api_post(api, &new->rop.op, &new->rop.ref);
}


/* Counts on, for a while; each time is short, and others read between. */

static void
ngx_http_webhook_replay_counted(ngx_http_webhook_op_t *op)
{
    ngx_http_webhook_replay_new_t *new = (ngx_http_webhook_replay_new_t *) op;

    ngx_http_request_t            *r;
    ngx_http_webhook_replay_op_t  *rop;

    rop = &new->rop;

    if (op->data == NULL || op->status != NGX_HTTP_WEBHOOK_STORE_OK) {
        ngx_http_webhook_api_done(op, ngx_http_webhook_replay_render);
        return;
    }

    if (!rop->end
        && (ngx_msec_int_t) (new->deadline - ngx_current_msec) > 0)
    {
        rop->replay.cursor_id = rop->next;

    } else {
        rop->replay.at_least = !rop->end;

        if (new->dry_run) {
            ngx_http_webhook_api_done(op,
                                      ngx_http_webhook_replay_render_count);
            return;
        }

        rop->replay.until_id = new->until_id;

        op->type = NGX_HTTP_WEBHOOK_OP_REPLAY_CREATE;
        op->handler = ngx_http_webhook_replay_created;
    }

    r = ngx_http_webhook_waited(op);

    if (ngx_http_webhook_wait(r, op) != NGX_OK) {
        ngx_http_webhook_finalize(r, NGX_HTTP_INTERNAL_SERVER_ERROR);
        ngx_destroy_pool(op->pool);
    }
}


static ngx_int_t
ngx_http_webhook_replay_render_count(ngx_http_request_t *r,
    ngx_http_webhook_op_t *op)
{
    ngx_http_webhook_replay_op_t *rop = (ngx_http_webhook_replay_op_t *) op;

    ngx_http_webhook_json_writer_t  *w;

    w = ngx_http_webhook_json_begin(r->pool);
    if (w == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    ngx_http_webhook_json_object(w, NULL);
    ngx_http_webhook_json_integer(w, "count", rop->replay.count);
    ngx_http_webhook_json_boolean(w, "at_least", rop->replay.at_least);
    ngx_http_webhook_json_close_object(w);

    return ngx_http_webhook_send_json(r, NGX_HTTP_OK, w);
}


static void
ngx_http_webhook_replay_created(ngx_http_webhook_op_t *op)
{
    ngx_http_webhook_main_conf_t  *wmcf;

    wmcf = ngx_http_cycle_get_module_main_conf(ngx_cycle,
                                               ngx_http_webhook_module);

    if (op->status == NGX_HTTP_WEBHOOK_STORE_OK) {
        ngx_http_webhook_dispatch_look(wmcf->dispatch);
    }

    ngx_http_webhook_api_done(op, ngx_http_webhook_replay_render);
}


ngx_int_t
ngx_http_webhook_api_replay_get(ngx_http_webhook_api_t *api)
{
    ngx_http_webhook_replay_op_t  *rop;

    rop = ngx_http_webhook_api_op(NGX_HTTP_WEBHOOK_OP_REPLAY_GET,
                                  sizeof(ngx_http_webhook_replay_op_t),
                                  ngx_http_webhook_replay_done);
    if (rop == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    rop->replay.id = ngx_http_webhook_id_read(&api->args[1], "rpl_");

    return ngx_http_webhook_api_post(api, &rop->op, &rop->ref);
}


ngx_int_t
ngx_http_webhook_api_replay_cancel(ngx_http_webhook_api_t *api)
{
    ngx_http_webhook_replay_op_t  *rop;

    rop = ngx_http_webhook_api_op(NGX_HTTP_WEBHOOK_OP_REPLAY_CANCEL,
                                  sizeof(ngx_http_webhook_replay_op_t),
                                  ngx_http_webhook_replay_done);
    if (rop == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    rop->replay.id = ngx_http_webhook_id_read(&api->args[1], "rpl_");

    return ngx_http_webhook_api_post(api, &rop->op, &rop->ref);
}


static ngx_int_t
ngx_http_webhook_replay_render_list(ngx_http_request_t *r,
    ngx_http_webhook_op_t *op)
{
    return ngx_http_webhook_api_render_page(r,
                                          (ngx_http_webhook_list_op_t *) op,
                                          "rpl_",
                                          ngx_http_webhook_replay_write);
}


static void
ngx_http_webhook_replay_listed(ngx_http_webhook_op_t *op)
{
    ngx_http_webhook_api_done(op, ngx_http_webhook_replay_render_list);
}


ngx_int_t
ngx_http_webhook_api_replay_list(ngx_http_webhook_api_t *api)
{
    ngx_int_t                    rc;
    ngx_http_webhook_list_op_t  *list;

    list = ngx_http_webhook_api_op(NGX_HTTP_WEBHOOK_OP_REPLAY_LIST,
                                   sizeof(ngx_http_webhook_list_op_t),
                                   ngx_http_webhook_replay_listed);
    if (list == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    rc = ngx_http_webhook_api_page(api, list, "rpl_");

    if (rc != NGX_DECLINED) {
        ngx_destroy_pool(list->op.pool);
        return rc;
    }

    return ngx_http_webhook_api_post(api, &list->op, &list->ref);
}
