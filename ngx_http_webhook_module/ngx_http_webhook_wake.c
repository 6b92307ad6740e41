
/*
 * Copyright (C) the ngx_http_webhook_module authors
 */


/*
 * Workers call each other by eventfd(2): there is due work in the store, and
 * the one that put it there has its hands full.  The master makes one
 * descriptor for each worker, and each worker has them all.
 */


#include "ngx_http_webhook_wake.h"

#include <sys/eventfd.h>


struct ngx_http_webhook_wake_s {
    ngx_http_webhook_wake_pt     handler;
    void                        *data;
    ngx_uint_t                   n;
    int                          fds[1];
};


static void ngx_http_webhook_wake_close(void *data);
static void ngx_http_webhook_wake_handler(ngx_event_t *ev);


void
ngx_http_webhook_wake_create(ngx_cycle_t *cycle,
    ngx_http_webhook_main_conf_t *wmcf)
{
    int                        fd;
    ngx_uint_t                 n;
    ngx_core_conf_t           *ccf;
    ngx_pool_cleanup_t        *cln;
    ngx_http_webhook_wake_t   *wake;

    ccf = (ngx_core_conf_t *) ngx_get_conf(cycle->conf_ctx, ngx_core_module);
    n = (ngx_uint_t) ccf->worker_processes;

    if (n < 2) {
        return;
    }

    cln = ngx_pool_cleanup_add(cycle->pool,
                               sizeof(ngx_http_webhook_wake_t)
                               + n * sizeof(int));
    if (cln == NULL) {
        return;
    }

    wake = cln->data;
    ngx_memzero(wake, sizeof(ngx_http_webhook_wake_t));

    cln->handler = ngx_http_webhook_wake_close;

    while (wake->n < n) {
        fd = eventfd(0, EFD_NONBLOCK|EFD_CLOEXEC);

        if (fd == -1) {
            ngx_log_error(NGX_LOG_WARN, cycle->log, ngx_errno,
                          "eventfd() failed");
            return;
        }

        wake->fds[wake->n++] = fd;
    }

    wmcf->wake = wake;
}


static void
ngx_http_webhook_wake_close(void *data)
{
    ngx_http_webhook_wake_t *wake = data;

    while (wake->n) {
        (void) close(wake->fds[--wake->n]);
    }
}


void
ngx_http_webhook_wake_listen(ngx_cycle_t *cycle,
    ngx_http_webhook_main_conf_t *wmcf, ngx_http_webhook_wake_pt handler,
    void *data)
{
    ngx_connection_t         *c;
    ngx_http_webhook_wake_t  *wake;

    wake = wmcf->wake;

    if (wake == NULL || ngx_worker >= wake->n) {
        return;
    }

    c = ngx_get_connection(wake->fds[ngx_worker], cycle->log);
    if (c == NULL) {
        return;
    }

    wake->handler = handler;
    wake->data = data;

    c->data = wake;
    c->log = cycle->log;
    c->idle = 1;                          /* until the worker is to exit */

    c->read->log = cycle->log;
    c->read->handler = ngx_http_webhook_wake_handler;
    c->write->log = cycle->log;

    if (ngx_add_event(c->read, NGX_READ_EVENT, 0) != NGX_OK) {
        ngx_free_connection(c);
        c->fd = (ngx_socket_t) -1;
    }
}


static void
ngx_http_webhook_wake_handler(ngx_event_t *ev)
{
    uint64_t                  n;
    ngx_connection_t         *c;
    ngx_http_webhook_wake_t  *wake;

    c = ev->data;
    wake = c->data;

    if (c->close) {
        (void) ngx_del_event(ev, NGX_READ_EVENT, 0);

        ngx_free_connection(c);
        c->fd = (ngx_socket_t) -1;
        return;
    }

    if (read(c->fd, &n, sizeof(uint64_t)) == sizeof(uint64_t)) {
        wake->handler(wake->data);
    }
}


void
ngx_http_webhook_wake_others(ngx_http_webhook_main_conf_t *wmcf)
{
    uint64_t                  one;
    ngx_uint_t                i;
    ngx_http_webhook_wake_t  *wake;

    wake = wmcf->wake;

    for (i = 0; wake && i < wake->n; i++) {

        one = 1;

        if (i != ngx_worker
            && write(wake->fds[i], &one, sizeof(uint64_t)) == -1
            && ngx_errno != NGX_EAGAIN)
        {
            ngx_log_error(NGX_LOG_ALERT, ngx_cycle->log, ngx_errno,
                          "write() to an eventfd failed");
        }
    }
}
