
/*
 * Copyright (C) the ngx_http_webhook_module authors
 */


/*
 * Targets: one block of memory each, so that 100,000 of them cost little.
 * Any thread.
 */


#include "ngx_http_webhook_target.h"

#include <openssl/crypto.h>


static u_char *
ngx_http_webhook_target_str(u_char *p, ngx_str_t *dst, ngx_str_t *src)
{
    dst->len = src->len;
    dst->data = p;

    return src->len ? ngx_cpymem(p, src->data, src->len) : p;
}


static size_t
ngx_http_webhook_target_headers_size(ngx_http_webhook_target_t *model)
{
    size_t      size;
    ngx_uint_t  i;

    size = model->nheaders * sizeof(ngx_http_webhook_header_t)
           + model->header_names.len;

    for (i = 0; i < model->nheaders; i++) {
        size += model->headers[i].name.len + model->headers[i].value.len
                + sizeof(": ");
    }

    return size;
}


static void
ngx_http_webhook_target_headers(u_char *p, ngx_http_webhook_target_t *target,
    ngx_http_webhook_target_t *model)
{
    ngx_uint_t  i;

    p = ngx_http_webhook_target_str(p, &target->header_names,
                                    &model->header_names);

    for (i = 0; i < model->nheaders; i++) {
        p = ngx_http_webhook_target_str(p, &target->headers[i].name,
                                        &model->headers[i].name);
        *p++ = ':';
        *p++ = ' ';
        p = ngx_http_webhook_target_str(p, &target->headers[i].value,
                                        &model->headers[i].value);
        *p++ = '\0';
    }
}


/*
 * A worker holds no more of a webhook with limits of its own than these let it
 * send within a second or so: what waits, waits in the store.
 */

static ngx_uint_t
ngx_http_webhook_target_most(ngx_http_webhook_rules_t *rules)
{
    ngx_uint_t  most, rate;

    most = 2 * rules->concurrency;

    if (rules->rate) {
        rate = ngx_max(rules->rate * 1000 / rules->period, 1);
        most = most ? ngx_min(most, rate) : rate;
    }

    return most;
}


ngx_http_webhook_target_t *
ngx_http_webhook_target_create(ngx_http_webhook_target_t *model,
    ngx_http_webhook_load_t *load, ngx_http_webhook_share_t *share,
    ngx_log_t *log)
{
    size_t                      size;
    u_char                     *p;
    ngx_uint_t                  i;
    ngx_http_webhook_target_t  *target;

    size = sizeof(ngx_http_webhook_target_t)
           + model->nevents * sizeof(ngx_str_t)
           + model->rules.ndelays * sizeof(ngx_msec_t)
           + model->url_text.len + model->url.scheme.len + model->url.host.len
           + model->url.uri.len + model->secret.len + model->previous.len;

    for (i = 0; i < model->nevents; i++) {
        size += model->events[i].len;
    }

    size += ngx_http_webhook_target_headers_size(model);

    target = ngx_alloc(size, log);
    if (target == NULL) {
        return NULL;
    }

    if (load == NULL) {
        load = ngx_calloc(sizeof(ngx_http_webhook_load_t), log);
        if (load == NULL) {
            ngx_free(target);
            return NULL;
        }

        load->share = share;
        load->pace = model->failing ? NGX_HTTP_WEBHOOK_SLOW
                                    : NGX_HTTP_WEBHOOK_NEW;
        (void) ngx_atomic_fetch_add(&share->refs, 1);
    }

    (void) ngx_atomic_fetch_add(&load->refs, 1);
    load->most = ngx_http_webhook_target_most(&model->rules);

    *target = *model;

    target->refs = 1;
    target->load = load;
    target->events = (ngx_str_t *) (target + 1);
    target->headers = (ngx_http_webhook_header_t *)
                          (target->events + model->nevents);

    p = (u_char *) (target->headers + model->nheaders);

    if (model->rules.delays) {
        target->rules.delays = (ngx_msec_t *) p;
        p = ngx_cpymem(p, model->rules.delays,
                       model->rules.ndelays * sizeof(ngx_msec_t));
    }

    p = ngx_http_webhook_target_str(p, &target->url_text, &model->url_text);
    p = ngx_http_webhook_target_str(p, &target->url.scheme,
                                    &model->url.scheme);
    p = ngx_http_webhook_target_str(p, &target->url.host, &model->url.host);
    p = ngx_http_webhook_target_str(p, &target->url.uri, &model->url.uri);
    p = ngx_http_webhook_target_str(p, &target->secret, &model->secret);
    p = ngx_http_webhook_target_str(p, &target->previous, &model->previous);

    for (i = 0; i < model->nevents; i++) {
        p = ngx_http_webhook_target_str(p, &target->events[i],
                                        &model->events[i]);
    }

    ngx_http_webhook_target_headers(p, target, model);

    return target;
}


void
ngx_http_webhook_target_unref(ngx_http_webhook_target_t *target)
{
    ngx_uint_t  i;

    if (ngx_atomic_fetch_add(&target->refs, -1) != 1) {
        return;
    }

    ngx_http_webhook_load_unref(target->load);

    OPENSSL_cleanse(target->secret.data, target->secret.len);
    OPENSSL_cleanse(target->previous.data, target->previous.len);

    for (i = 0; i < target->nheaders; i++) {
        OPENSSL_cleanse(target->headers[i].value.data,
                        target->headers[i].value.len);
    }

    ngx_free(target);
}


void
ngx_http_webhook_load_unref(ngx_http_webhook_load_t *load)
{
    if (ngx_atomic_fetch_add(&load->refs, -1) == 1) {
        ngx_http_webhook_share_unref(load->share);
        ngx_free(load);
    }
}


ngx_http_webhook_share_t *
ngx_http_webhook_share_create(ngx_log_t *log)
{
    ngx_http_webhook_share_t  *share;

    share = ngx_calloc(sizeof(ngx_http_webhook_share_t), log);

    if (share) {
        share->refs = 1;
        ngx_queue_init(&share->waiting);
    }

    return share;
}


void
ngx_http_webhook_share_unref(ngx_http_webhook_share_t *share)
{
    if (ngx_atomic_fetch_add(&share->refs, -1) == 1) {
        ngx_free(share);
    }
}
