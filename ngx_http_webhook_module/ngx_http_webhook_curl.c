
/*
 * Copyright (C) the ngx_http_webhook_module authors
 */


/*
 * libcurl's multi interface on nginx's event loop.
 *
 *     curl's socket callback -> nginx connections, level-triggered events
 *     curl's timer callback  -> an nginx timer, or a posted event
 *     event or timer         -> curl_multi_socket_action() -> done
 *
 * An nginx connection stands for a socket that libcurl watches; the socket
 * itself is libcurl's, who sometimes closes it (one that never was connected)
 * before it says that it watches it no more, and without its callback.
 *
 * A socket on which an answer came is watched again by the next request, where
 * there is much to send within the millisecond.  So it stays where it is in
 * epoll, idle, for a second at most, and only while nginx has connections enough:
 * others may take those of idle ones at any time.
 */


#include "ngx_http_webhook_curl.h"


#define NGX_HTTP_WEBHOOK_CURL_REST  1000        /* ms */


/* A socket that libcurl watches. */

struct ngx_http_webhook_watch_s {
    ngx_http_webhook_curl_t        *loop;
    ngx_connection_t               *connection;
    ngx_file_uniq_t                 socket;
    unsigned                        idle:1;
};


static int ngx_http_webhook_curl_socket(CURL *easy, curl_socket_t fd, int what,
    void *data, void *assigned);
static ngx_http_webhook_watch_t *ngx_http_webhook_curl_watch(
    ngx_http_webhook_curl_t *loop, curl_socket_t fd);
static ngx_int_t ngx_http_webhook_curl_rest(ngx_http_webhook_watch_t *watch,
    CURL *easy);
static ngx_http_webhook_watch_t *ngx_http_webhook_curl_wake(
    ngx_http_webhook_curl_t *loop, curl_socket_t fd);
static ngx_uint_t ngx_http_webhook_curl_short(ngx_http_webhook_curl_t *loop);
static ngx_int_t ngx_http_webhook_curl_idle_room(ngx_http_webhook_curl_t *loop,
    curl_socket_t fd);
static void ngx_http_webhook_curl_reusable(ngx_connection_t *c,
    ngx_uint_t reusable);
static void ngx_http_webhook_curl_forget(ngx_http_webhook_curl_t *loop,
    curl_socket_t fd);
static void ngx_http_webhook_curl_rest_handler(ngx_event_t *ev);
static void ngx_http_webhook_curl_unwatch(ngx_http_webhook_watch_t *watch);
static int ngx_http_webhook_curl_timeout(CURLM *multi, long msec, void *data);
static void ngx_http_webhook_curl_read_handler(ngx_event_t *ev);
static void ngx_http_webhook_curl_write_handler(ngx_event_t *ev);
static void ngx_http_webhook_curl_timer_handler(ngx_event_t *ev);
static void ngx_http_webhook_curl_action(ngx_http_webhook_curl_t *loop,
    curl_socket_t fd, int mask);


ngx_int_t
ngx_http_webhook_curl_init(ngx_http_webhook_curl_t *loop, ngx_cycle_t *cycle)
{
    loop->cycle = cycle;
    loop->dummy.fd = (ngx_socket_t) -1;
    loop->dummy.data = loop;

    loop->timer.handler = ngx_http_webhook_curl_timer_handler;
    loop->timer.data = &loop->dummy;
    loop->timer.log = cycle->log;
    loop->timer.cancelable = 1;

    loop->kick.handler = ngx_http_webhook_curl_timer_handler;
    loop->kick.data = &loop->dummy;
    loop->kick.log = cycle->log;

    loop->rest.handler = ngx_http_webhook_curl_rest_handler;
    loop->rest.data = &loop->dummy;
    loop->rest.log = cycle->log;
    loop->rest.cancelable = 1;

    if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) {
        ngx_log_error(NGX_LOG_EMERG, cycle->log, 0,
                      "curl_global_init() failed");
        return NGX_ERROR;
    }

    loop->multi = curl_multi_init();
    if (loop->multi == NULL) {
        ngx_log_error(NGX_LOG_EMERG, cycle->log, 0,
                      "curl_multi_init() failed");
        return NGX_ERROR;
    }

    curl_multi_setopt(loop->multi, CURLMOPT_SOCKETFUNCTION,
                      ngx_http_webhook_curl_socket);
    curl_multi_setopt(loop->multi, CURLMOPT_SOCKETDATA, loop);
    curl_multi_setopt(loop->multi, CURLMOPT_TIMERFUNCTION,
                      ngx_http_webhook_curl_timeout);
    curl_multi_setopt(loop->multi, CURLMOPT_TIMERDATA, loop);

    return NGX_OK;
}


void
ngx_http_webhook_curl_cleanup(ngx_http_webhook_curl_t *loop)
{
    (void) curl_multi_cleanup(loop->multi);

    ngx_http_webhook_curl_rest_handler(&loop->rest);

    if (loop->rest.timer_set) {
        ngx_del_timer(&loop->rest);
    }

    if (loop->idle) {
        ngx_free(loop->idle);
    }

    if (loop->timer.timer_set) {
        ngx_del_timer(&loop->timer);
    }

    if (loop->kick.posted) {
        ngx_delete_posted_event(&loop->kick);
    }

    curl_global_cleanup();
}


/* libcurl says what it wants to know of a socket. */

static int
ngx_http_webhook_curl_socket(CURL *easy, curl_socket_t fd, int what,
    void *data, void *assigned)
{
    ngx_http_webhook_curl_t  *loop = data;
    ngx_http_webhook_watch_t *watch = assigned;

    ngx_uint_t         in, out;
    ngx_connection_t  *c;

    if (what == CURL_POLL_REMOVE) {
        if (watch && ngx_http_webhook_curl_rest(watch, easy) != NGX_OK) {
            ngx_http_webhook_curl_unwatch(watch);
        }

        return 0;
    }

    if (watch == NULL) {
        watch = ngx_http_webhook_curl_wake(loop, fd);

        if (watch == NULL) {
            watch = ngx_http_webhook_curl_watch(loop, fd);
        }

        if (watch == NULL) {
            goto starved;
        }

        (void) curl_multi_assign(loop->multi, fd, watch);
    }

    c = watch->connection;

    in = (what == CURL_POLL_IN || what == CURL_POLL_INOUT);
    out = (what == CURL_POLL_OUT || what == CURL_POLL_INOUT);

    if (!in && c->read->active) {
        (void) ngx_del_event(c->read, NGX_READ_EVENT, 0);
    }

    if (!out && c->write->active) {
        (void) ngx_del_event(c->write, NGX_WRITE_EVENT, 0);
    }

    if (in && !c->read->active
        && ngx_add_event(c->read, NGX_READ_EVENT, NGX_LEVEL_EVENT) != NGX_OK)
    {
        goto starved;
    }

    if (out && !c->write->active
        && ngx_add_event(c->write, NGX_WRITE_EVENT, NGX_LEVEL_EVENT) != NGX_OK)
    {
        goto starved;
    }

    return 0;

starved:

    loop->starved(loop->data, easy);

    return 0;
}


static ngx_http_webhook_watch_t *
ngx_http_webhook_curl_watch(ngx_http_webhook_curl_t *loop, curl_socket_t fd)
{
    ngx_file_info_t            fi;
    ngx_connection_t          *c;
    ngx_http_webhook_watch_t  *watch;

    if (ngx_http_webhook_curl_short(loop)) {
        ngx_http_webhook_curl_rest_handler(&loop->rest);
    }

    watch = ngx_alloc(sizeof(ngx_http_webhook_watch_t), loop->cycle->log);
    if (watch == NULL) {
        return NULL;
    }

    c = ngx_get_connection(fd, loop->cycle->log);

    if (c == NULL) {
        ngx_free(watch);
        return NULL;
    }

    watch->loop = loop;
    watch->connection = c;
    watch->socket = (ngx_fd_info(fd, &fi) == NGX_FILE_ERROR)
                    ? 0 : ngx_file_uniq(&fi);

    c->data = watch;
    c->log = loop->cycle->log;
    c->read->log = c->log;
    c->write->log = c->log;
    c->read->handler = ngx_http_webhook_curl_read_handler;
    c->write->handler = ngx_http_webhook_curl_write_handler;

    watch->idle = 0;
    loop->nwatched++;

    return watch;
}


/*
 * Leaves a socket where it is, for the next request.  NGX_DECLINED where it may
 * be closed by now, for no answer came on it, or where others may soon need its
 * connection.
 */

static ngx_int_t
ngx_http_webhook_curl_rest(ngx_http_webhook_watch_t *watch, CURL *easy)
{
    long                      status;
    ngx_connection_t         *c;
    ngx_http_webhook_curl_t  *loop;

    c = watch->connection;
    loop = watch->loop;

    if (curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status) != CURLE_OK
        || status < 200
        || !c->read->active
        || ngx_http_webhook_curl_short(loop)
        || ngx_http_webhook_curl_idle_room(loop, c->fd) != NGX_OK)
    {
        return NGX_DECLINED;
    }

    if (c->write->active) {
        (void) ngx_del_event(c->write, NGX_WRITE_EVENT, 0);
    }

    loop->idle[c->fd] = watch;
    loop->nidle++;
    loop->nwatched--;

    watch->idle = 1;
    ngx_http_webhook_curl_reusable(c, 1);

    if (!loop->rest.timer_set) {
        ngx_add_timer(&loop->rest, NGX_HTTP_WEBHOOK_CURL_REST);
    }

    return NGX_OK;
}


/* NULL where the socket is not an idle one. */

static ngx_http_webhook_watch_t *
ngx_http_webhook_curl_wake(ngx_http_webhook_curl_t *loop, curl_socket_t fd)
{
    ngx_http_webhook_watch_t  *watch;

    watch = ((ngx_uint_t) fd < loop->idle_size) ? loop->idle[fd] : NULL;

    if (watch) {
        loop->idle[fd] = NULL;
        loop->nidle--;
        loop->nwatched++;

        watch->idle = 0;
        ngx_http_webhook_curl_reusable(watch->connection, 0);
    }

    return watch;
}


/* Whether there are so few connections that idle ones are given up. */

static ngx_uint_t
ngx_http_webhook_curl_short(ngx_http_webhook_curl_t *loop)
{
    return loop->cycle->free_connection_n < loop->cycle->connection_n / 8;
}


/* Lets nginx take it where it has none left; it is no client that waits. */

static void
ngx_http_webhook_curl_reusable(ngx_connection_t *c, ngx_uint_t reusable)
{
    ngx_reusable_connection(c, reusable);

#if (NGX_STAT_STUB)
    (void) ngx_atomic_fetch_add(ngx_stat_waiting, reusable ? -1 : 1);
#endif
}


static ngx_int_t
ngx_http_webhook_curl_idle_room(ngx_http_webhook_curl_t *loop,
    curl_socket_t fd)
{
    ngx_uint_t                  size;
    ngx_http_webhook_watch_t  **idle;

    if ((ngx_uint_t) fd < loop->idle_size) {
        return NGX_OK;
    }

    size = ngx_max(2 * loop->idle_size, (ngx_uint_t) fd + 1);

    idle = ngx_calloc(size * sizeof(ngx_http_webhook_watch_t *),
                      loop->cycle->log);
    if (idle == NULL) {
        return NGX_ERROR;
    }

    if (loop->idle) {
        ngx_memcpy(idle, loop->idle,
                   loop->idle_size * sizeof(ngx_http_webhook_watch_t *));
        ngx_free(loop->idle);
    }

    loop->idle = idle;
    loop->idle_size = size;

    return NGX_OK;
}


static void
ngx_http_webhook_curl_forget(ngx_http_webhook_curl_t *loop, curl_socket_t fd)
{
    ngx_http_webhook_watch_t  *watch;

    watch = ngx_http_webhook_curl_wake(loop, fd);

    if (watch) {
        ngx_http_webhook_curl_unwatch(watch);
    }
}


static void
ngx_http_webhook_curl_rest_handler(ngx_event_t *ev)
{
    ngx_uint_t                i;
    ngx_connection_t         *c;
    ngx_http_webhook_curl_t  *loop;

    c = ev->data;
    loop = c->data;

    for (i = 0; loop->nidle && i < loop->idle_size; i++) {
        ngx_http_webhook_curl_forget(loop, (curl_socket_t) i);
    }
}


int
ngx_http_webhook_curl_close(void *loop, curl_socket_t fd)
{
    ngx_http_webhook_curl_forget(loop, fd);

    return close(fd);
}


/* One that is idle still was of a socket that was closed without a word. */

void
ngx_http_webhook_curl_opened(ngx_http_webhook_curl_t *loop, curl_socket_t fd)
{
    ngx_http_webhook_curl_forget(loop, fd);
}


static void
ngx_http_webhook_curl_unwatch(ngx_http_webhook_watch_t *watch)
{
    ngx_uint_t         flags;
    ngx_file_info_t    fi;
    ngx_connection_t  *c;

    c = watch->connection;

    /* a socket that is closed has left epoll; its number may be another's */

    flags = (ngx_fd_info(c->fd, &fi) == NGX_FILE_ERROR
             || ngx_file_uniq(&fi) != watch->socket)
            ? NGX_CLOSE_EVENT : 0;

    if (c->read->active) {
        (void) ngx_del_event(c->read, NGX_READ_EVENT, flags);
    }

    if (c->write->active) {
        (void) ngx_del_event(c->write, NGX_WRITE_EVENT, flags);
    }

    /* with accept_mutex events are queued before they are handled */

    if (c->read->posted) {
        ngx_delete_posted_event(c->read);
    }

    if (c->write->posted) {
        ngx_delete_posted_event(c->write);
    }

    watch->loop->nwatched--;

    ngx_free_connection(c);
    c->fd = (ngx_socket_t) -1;

    ngx_free(watch);
}


static int
ngx_http_webhook_curl_timeout(CURLM *multi, long msec, void *data)
{
    ngx_http_webhook_curl_t *loop = data;

    /* nginx takes a change of less than 300 ms for none: delete first */

    if (loop->timer.timer_set) {
        ngx_del_timer(&loop->timer);
    }

    if (msec == 0) {
        ngx_post_event(&loop->kick, &ngx_posted_events);

    } else if (msec > 0) {
        ngx_add_timer(&loop->timer, (ngx_msec_t) msec);
    }

    return 0;
}


static void
ngx_http_webhook_curl_read_handler(ngx_event_t *ev)
{
    ngx_connection_t          *c;
    ngx_http_webhook_watch_t  *watch;

    c = ev->data;
    watch = c->data;

    if (watch->idle) {
        ngx_http_webhook_curl_forget(watch->loop, c->fd);
        return;
    }

    if (c->close) {
        watch->loop->closing(watch->loop->data);
        return;
    }

    ngx_http_webhook_curl_action(watch->loop, c->fd, CURL_CSELECT_IN);
}


static void
ngx_http_webhook_curl_write_handler(ngx_event_t *ev)
{
    ngx_connection_t          *c;
    ngx_http_webhook_watch_t  *watch;

    c = ev->data;
    watch = c->data;

    ngx_http_webhook_curl_action(watch->loop, c->fd, CURL_CSELECT_OUT);
}


static void
ngx_http_webhook_curl_timer_handler(ngx_event_t *ev)
{
    ngx_connection_t  *c;

    c = ev->data;

    ngx_http_webhook_curl_action(c->data, CURL_SOCKET_TIMEOUT, 0);
}


static void
ngx_http_webhook_curl_action(ngx_http_webhook_curl_t *loop, curl_socket_t fd,
    int mask)
{
    int         n;
    CURLMsg    *msg;
    CURLMcode   rc;

    rc = curl_multi_socket_action(loop->multi, fd, mask, &n);

    if (rc != CURLM_OK) {
        ngx_log_error(NGX_LOG_ALERT, loop->cycle->log, 0,
                      "curl_multi_socket_action() failed: %s",
                      curl_multi_strerror(rc));
    }

    while ((msg = curl_multi_info_read(loop->multi, &n)) != NULL) {

        if (msg->msg == CURLMSG_DONE) {
            loop->done(loop->data, msg->easy_handle, msg->data.result);
        }
    }
}


const char *
ngx_http_webhook_curl_error(CURL *easy, CURLcode rc)
{
    curl_off_t  sent, answered;

    switch (rc) {

    case CURLE_OPERATION_TIMEDOUT:

        /* a connection that is used again has no time of its own */

        curl_easy_getinfo(easy, CURLINFO_PRETRANSFER_TIME_T, &sent);
        return sent ? "timeout" : "connect_timeout";

    case CURLE_COULDNT_CONNECT:
    case CURLE_INTERFACE_FAILED:
        return "connect_failed";

    case CURLE_COULDNT_RESOLVE_HOST:
        return "name_lookup_failed";

    case CURLE_PEER_FAILED_VERIFICATION:
        return "tls_certificate";

    case CURLE_SSL_CONNECT_ERROR:
    case CURLE_SSL_CIPHER:
    case CURLE_SSL_ENGINE_NOTFOUND:
    case CURLE_SSL_ENGINE_SETFAILED:
    case CURLE_SSL_CERTPROBLEM:
    case CURLE_SSL_ISSUER_ERROR:
        return "tls_failed";

    case CURLE_GOT_NOTHING:
        return "empty_reply";

    case CURLE_SEND_ERROR:
    case CURLE_RECV_ERROR:
    case CURLE_PARTIAL_FILE:
    case CURLE_HTTP2:
    case CURLE_HTTP2_STREAM:
        return "connection_lost";

    case CURLE_OUT_OF_MEMORY:

        /* so libcurl also calls a line that is too long for it */

        curl_easy_getinfo(easy, CURLINFO_STARTTRANSFER_TIME_T, &answered);
        return answered ? "bad_response" : "internal";

    case CURLE_FAILED_INIT:
        return "internal";

    default:
        return "bad_response";
    }
}
