
/*
 * Copyright (C) the ngx_http_webhook_module authors
 */


/*
 * How many webhook events a worker holds in memory, and how much room there
 * is for more: in all, of a company, of a webhook by how its endpoint does,
 * and of the slow ones together.  Counted by the store's writing thread, which
 * gives the events, and by the event loop, which has them; the counts are
 * atomic, and a bound may be passed by what both do at the same moment.
 */


#include "ngx_http_webhook_held.h"


static void ngx_http_webhook_held_count(ngx_http_webhook_store_conf_t *conf,
    ngx_http_webhook_held_t *held, ngx_atomic_int_t n);
static void ngx_http_webhook_held_count_pace(
    ngx_http_webhook_store_conf_t *conf, ngx_http_webhook_held_t *held,
    ngx_atomic_int_t n);


ngx_uint_t
ngx_http_webhook_held_take(ngx_http_webhook_store_conf_t *conf,
    ngx_http_webhook_held_t *held, ngx_http_webhook_load_t *load,
    ngx_uint_t force)
{
    if (!force
        && (!ngx_http_webhook_held_room(conf)
            || !ngx_http_webhook_held_room_for(conf, load)))
    {
        return 0;
    }

    (void) ngx_atomic_fetch_add(&load->refs, 1);

    held->load = load;
    held->pace = load->pace;

    ngx_http_webhook_held_count(conf, held, 1);

    return 1;
}


void
ngx_http_webhook_held_give(ngx_http_webhook_store_conf_t *conf,
    ngx_http_webhook_held_t *held)
{
    ngx_http_webhook_held_count(conf, held, -1);
    ngx_http_webhook_load_unref(held->load);
}


static void
ngx_http_webhook_held_count(ngx_http_webhook_store_conf_t *conf,
    ngx_http_webhook_held_t *held, ngx_atomic_int_t n)
{
    ngx_atomic_int_t          bytes;
    ngx_http_webhook_load_t  *load;

    load = held->load;
    bytes = n * (ngx_atomic_int_t) held->message->payload.len;

    (void) ngx_atomic_fetch_add(&conf->held, n);
    (void) ngx_atomic_fetch_add(&conf->bytes, bytes);
    (void) ngx_atomic_fetch_add(&load->held, n);
    (void) ngx_atomic_fetch_add(&load->bytes, bytes);
    (void) ngx_atomic_fetch_add(&load->share->held, n);
    (void) ngx_atomic_fetch_add(&load->share->bytes, bytes);

    ngx_http_webhook_held_count_pace(conf, held, n);
}


static void
ngx_http_webhook_held_count_pace(ngx_http_webhook_store_conf_t *conf,
    ngx_http_webhook_held_t *held, ngx_atomic_int_t n)
{
    ngx_atomic_int_t  bytes;

    bytes = n * (ngx_atomic_int_t) held->message->payload.len;

    if (held->pace == NGX_HTTP_WEBHOOK_SLOW) {
        (void) ngx_atomic_fetch_add(&conf->slow_held, n);
        (void) ngx_atomic_fetch_add(&conf->slow_bytes, bytes);

    } else if (held->pace == NGX_HTTP_WEBHOOK_NEW) {
        (void) ngx_atomic_fetch_add(&conf->new_held, n);
        (void) ngx_atomic_fetch_add(&conf->new_bytes, bytes);
    }
}


void
ngx_http_webhook_held_slow(ngx_http_webhook_store_conf_t *conf,
    ngx_http_webhook_held_t *held)
{
    ngx_http_webhook_held_count_pace(conf, held, -1);

    held->pace = NGX_HTTP_WEBHOOK_SLOW;

    ngx_http_webhook_held_count_pace(conf, held, 1);
}


ngx_uint_t
ngx_http_webhook_held_room(ngx_http_webhook_store_conf_t *conf)
{
    return conf->held < conf->max_held && conf->bytes < conf->max_bytes;
}


ngx_uint_t
ngx_http_webhook_held_low(ngx_http_webhook_store_conf_t *conf)
{
    return conf->held - conf->slow_held < conf->max_held / 4
           && conf->bytes - conf->slow_bytes < conf->max_bytes / 4;
}


ngx_uint_t
ngx_http_webhook_held_most(ngx_http_webhook_store_conf_t *conf,
    ngx_http_webhook_load_t *load)
{
    ngx_uint_t  most;

    switch (load->pace) {

    case NGX_HTTP_WEBHOOK_NEW:
        most = conf->max_new;
        break;

    case NGX_HTTP_WEBHOOK_SLOW:
        most = conf->max_slow;
        break;

    default:
        most = conf->max_lane;
    }

    return load->most ? ngx_min(load->most, most) : most;
}


ngx_uint_t
ngx_http_webhook_held_room_for(ngx_http_webhook_store_conf_t *conf,
    ngx_http_webhook_load_t *load)
{
    if (load->pace == NGX_HTTP_WEBHOOK_SLOW
        && (conf->slow_held >= conf->max_held / 2
            || conf->slow_bytes >= conf->max_bytes / 2))
    {
        return 0;
    }

    if (load->pace != NGX_HTTP_WEBHOOK_GOOD
        && (conf->slow_held + conf->new_held >= ngx_max(conf->max_held / 4 * 3,
                                                        1)
            || conf->slow_bytes + conf->new_bytes >= conf->max_bytes / 4 * 3))
    {
        return 0;
    }

    return load->held < ngx_http_webhook_held_most(conf, load)
           && load->bytes < conf->max_bytes / 4
           && load->share->held < conf->max_held / 2
           && load->share->bytes < conf->max_bytes / 2;
}
