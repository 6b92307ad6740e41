
/*
 * Copyright (C) the ngx_http_webhook_module authors
 */


/*
 * Internals of the built-in transport: libcurl's multi interface on nginx's
 * event loop.
 */


#ifndef _NGX_HTTP_WEBHOOK_CURL_H_INCLUDED_
#define _NGX_HTTP_WEBHOOK_CURL_H_INCLUDED_


#include "ngx_http_webhook.h"

#include <curl/curl.h>


/*
 * A multi handle and its events.  The callbacks get "data" and run on the
 * event loop:
 *
 * done      a transfer has ended; it may be removed from the multi handle
 * starved   there is no nginx connection for a socket of a transfer; runs
 *           inside of libcurl, where it must not be removed
 * closing   the time of an exiting worker is over
 */

typedef struct ngx_http_webhook_watch_s  ngx_http_webhook_watch_t;


typedef struct {
    CURLM             *multi;
    ngx_cycle_t       *cycle;
    ngx_event_t        timer;
    ngx_event_t        kick;        /* a time-out of 0 */
    ngx_connection_t   dummy;
    ngx_uint_t         nwatched;    /* nginx connections in use */

    ngx_http_webhook_watch_t  **idle;       /* and not in use, by socket */
    ngx_uint_t                  idle_size;
    ngx_uint_t                  nidle;
    ngx_event_t                 rest;       /* their time */

    void             (*done)(void *data, CURL *easy, CURLcode rc);
    void             (*starved)(void *data, CURL *easy);
    void             (*closing)(void *data);
    void              *data;
} ngx_http_webhook_curl_t;


/* The callbacks are set by the caller.  NGX_ERROR is logged. */
ngx_int_t ngx_http_webhook_curl_init(ngx_http_webhook_curl_t *loop,
    ngx_cycle_t *cycle);

/*
 * Callbacks for the transfers of the multi handle (CURLOPT_CLOSESOCKETFUNCTION,
 * its data a ngx_http_webhook_curl_t), and what their CURLOPT_OPENSOCKETFUNCTION
 * has to call with a new socket.
 */
int ngx_http_webhook_curl_close(void *loop, curl_socket_t fd);
void ngx_http_webhook_curl_opened(ngx_http_webhook_curl_t *loop,
    curl_socket_t fd);

/*
 * The stable code for why a transfer has failed without the complete head of an
 * answer.  "internal": nothing of the endpoint's.
 */
const char *ngx_http_webhook_curl_error(CURL *easy, CURLcode rc);

/* All transfers have been removed. */
void ngx_http_webhook_curl_cleanup(ngx_http_webhook_curl_t *loop);


#endif /* _NGX_HTTP_WEBHOOK_CURL_H_INCLUDED_ */
