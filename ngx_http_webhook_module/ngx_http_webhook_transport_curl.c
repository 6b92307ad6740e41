
/*
 * Copyright (C) the ngx_http_webhook_module authors
 */


/*
 * The built-in transport: libcurl on nginx's event loop (curl.c).
 *
 *     send -> curl_multi_add_handle() -> ... -> done -> answered
 *
 * libcurl never resolves a name: each transfer gets the addresses that were
 * looked up and checked, and the address is checked again before a socket is
 * opened and before a request is sent on a connection that is used again.
 * The certificates to trust are loaded once, by the master process.
 *
 * Connections of nginx are counted before a transfer starts, two for each (an
 * address of either family), for a socket callback that fails breaks the whole
 * multi handle: where there is none after all, that transfer alone is ended,
 * by a posted event.
 *
 * When worker_shutdown_timeout is over, the running transfers are given up,
 * and their webhook events go back to the store.
 */


#include "ngx_http_webhook_transport.h"
#include "ngx_http_webhook_transport_headers.h"
#include "ngx_http_webhook_transport_urls.h"
#include "ngx_http_webhook_curl.h"

#include <openssl/ssl.h>


#define NGX_HTTP_WEBHOOK_TRANSFER_SENDS  2


typedef struct {
    ngx_queue_t                     queue;      /* of the free ones */
    ngx_http_webhook_transport_t   *transport;
    CURL                           *easy;
    struct curl_slist              *resolve;
    ngx_http_webhook_urls_entry_t  *url;
    ngx_http_webhook_delivery_t    *delivery;
    ngx_buf_t                       head;       /* what has come of it, */
    ngx_buf_t                       body;       /* in the transfer's memory */
    ngx_uint_t                      status;     /* of the head being read */
    size_t                          heads;      /* bytes, of all answers */
    ngx_uint_t                      sends;      /* of the request */
    char                            error[CURL_ERROR_SIZE];
    const char                     *refused;
    unsigned                        complete:1; /* head of a final answer */
    unsigned                        cut:1;      /* the body is over the limit */
    unsigned                        flooded:1;  /* so are its heads */
    unsigned                        starved:1;  /* no nginx connection */
} ngx_http_webhook_transfer_t;


struct ngx_http_webhook_transport_s {
    ngx_http_webhook_main_conf_t   *wmcf;
    ngx_http_webhook_curl_t         curl;
    ngx_http_webhook_urls_t         urls;
    ngx_queue_t                     free;
    ngx_queue_t                     busy;
    ngx_event_t                     end;        /* posted: of starved ones */
    unsigned                        closing:1;  /* of all of them */
};


static void ngx_http_webhook_transfer_starved(void *data, CURL *easy);
static void ngx_http_webhook_transfer_closing(void *data);
static void ngx_http_webhook_transfer_end_handler(ngx_event_t *ev);
static ngx_http_webhook_transfer_t *ngx_http_webhook_transfer_get(
    ngx_http_webhook_transport_t *transport);
static void ngx_http_webhook_transfer_free(ngx_http_webhook_transfer_t *t);
static ngx_int_t ngx_http_webhook_transfer_options(
    ngx_http_webhook_transfer_t *t);
static ngx_int_t ngx_http_webhook_transfer_addresses(
    ngx_http_webhook_transfer_t *t, ngx_http_webhook_delivery_t *d);
static void ngx_http_webhook_transfer_done(void *data, CURL *easy, CURLcode rc);
static void ngx_http_webhook_transfer_outcome(ngx_http_webhook_transfer_t *t,
    ngx_http_webhook_attempt_t *a, CURLcode rc);
static void ngx_http_webhook_transfer_detail(ngx_http_webhook_transfer_t *t,
    ngx_str_t *dst, const char *detail);
static void ngx_http_webhook_transfer_clear(ngx_http_webhook_transfer_t *t);


ngx_http_webhook_transport_t *
ngx_http_webhook_transport_create(ngx_http_webhook_main_conf_t *wmcf,
    ngx_cycle_t *cycle)
{
    ngx_http_webhook_transport_t  *transport;

    transport = ngx_pcalloc(cycle->pool, sizeof(ngx_http_webhook_transport_t));
    if (transport == NULL) {
        return NULL;
    }

    transport->wmcf = wmcf;

    ngx_queue_init(&transport->free);
    ngx_queue_init(&transport->busy);

    ngx_http_webhook_urls_init(&transport->urls, cycle->log);

    transport->end.handler = ngx_http_webhook_transfer_end_handler;
    transport->end.data = &transport->curl.dummy;
    transport->end.log = cycle->log;

    transport->curl.done = ngx_http_webhook_transfer_done;
    transport->curl.starved = ngx_http_webhook_transfer_starved;
    transport->curl.closing = ngx_http_webhook_transfer_closing;
    transport->curl.data = transport;

    if (ngx_http_webhook_curl_init(&transport->curl, cycle) != NGX_OK) {
        return NULL;
    }

    curl_multi_setopt(transport->curl.multi, CURLMOPT_MAXCONNECTS,
                      (long) wmcf->concurrency);

    return transport;
}


ngx_uint_t
ngx_http_webhook_transport_room(ngx_http_webhook_transport_t *transport,
    ngx_uint_t running)
{
    ngx_uint_t  promised;

    promised = 2 * (running + 1);
    promised -= ngx_min(promised, transport->curl.nwatched);

    return transport->curl.cycle->free_connection_n + transport->curl.nidle
           > NGX_HTTP_WEBHOOK_TRANSPORT_RESERVE + promised;
}


void
ngx_http_webhook_transport_destroy(ngx_http_webhook_transport_t *transport)
{
    ngx_queue_t                  *q;
    ngx_http_webhook_transfer_t  *t;

    while (!ngx_queue_empty(&transport->busy)) {
        q = ngx_queue_head(&transport->busy);
        t = ngx_queue_data(q, ngx_http_webhook_transfer_t, queue);

        (void) curl_multi_remove_handle(transport->curl.multi, t->easy);
        ngx_http_webhook_transfer_clear(t);
    }

    while (!ngx_queue_empty(&transport->free)) {
        q = ngx_queue_head(&transport->free);
        ngx_queue_remove(q);
        t = ngx_queue_data(q, ngx_http_webhook_transfer_t, queue);

        ngx_http_webhook_transfer_free(t);
    }

    if (transport->end.posted) {
        ngx_delete_posted_event(&transport->end);
    }

    ngx_http_webhook_curl_cleanup(&transport->curl);
    ngx_http_webhook_urls_free(&transport->urls);
}


static ngx_http_webhook_transfer_t *
ngx_http_webhook_transfer_of(CURL *easy)
{
    ngx_http_webhook_transfer_t  *t;

    curl_easy_getinfo(easy, CURLINFO_PRIVATE, (char **) &t);

    return t;
}


static void
ngx_http_webhook_transfer_starved(void *data, CURL *easy)
{
    ngx_http_webhook_transport_t *transport = data;

    ngx_http_webhook_transfer_t  *t;

    t = ngx_http_webhook_transfer_of(easy);

    if (t == NULL) {
        return;                             /* a handle of libcurl's own */
    }

    t->starved = 1;
    ngx_post_event(&transport->end, &ngx_posted_events);
}


static void
ngx_http_webhook_transfer_closing(void *data)
{
    ngx_http_webhook_transport_t *transport = data;

    transport->closing = 1;
    ngx_post_event(&transport->end, &ngx_posted_events);
}


/* Ends the transfers that cannot go on, without an outcome. */

static void
ngx_http_webhook_transfer_end_handler(ngx_event_t *ev)
{
    ngx_queue_t                   *q, *next;
    ngx_http_webhook_transfer_t   *t;
    ngx_http_webhook_delivery_t   *d;
    ngx_http_webhook_transport_t  *transport;

    transport = (ngx_http_webhook_transport_t *)
                    ((u_char *) ev
                     - offsetof(ngx_http_webhook_transport_t, end));

    for (q = ngx_queue_head(&transport->busy);
         q != ngx_queue_sentinel(&transport->busy);
         q = next)
    {
        next = ngx_queue_next(q);

        t = ngx_queue_data(q, ngx_http_webhook_transfer_t, queue);

        if (!t->starved && !transport->closing) {
            continue;
        }

        d = t->delivery;

        (void) curl_multi_remove_handle(transport->curl.multi, t->easy);
        ngx_http_webhook_transfer_clear(t);

        d->aborted = 1;
        d->answered(d);
    }
}


static size_t
ngx_http_webhook_transfer_keep(ngx_buf_t *b, char *data, size_t len)
{
    size_t  n;

    n = ngx_min(len, (size_t) (b->end - b->last));
    b->last = ngx_cpymem(b->last, data, n);

    return n;
}


/*
 * A line of a head, one call each, also of those of interim answers.  There is
 * an end to them, for libcurl keeps them all.
 */

static size_t
ngx_http_webhook_transfer_header(char *data, size_t size, size_t n, void *arg)
{
    ngx_http_webhook_transfer_t *t = arg;

    n *= size;

    t->heads += n;

    if (t->heads > NGX_HTTP_WEBHOOK_RESPONSE_HEADS) {
        t->flooded = 1;
        return 0;
    }

    if (n > 5 && ngx_strncmp(data, "HTTP/", 5) == 0) {
        long  status;

        curl_easy_getinfo(t->easy, CURLINFO_RESPONSE_CODE, &status);

        t->status = (ngx_uint_t) status;
        t->head.last = t->head.pos;
        t->complete = 0;
    }

    if (n <= 2 && (data[0] == CR || data[0] == LF)) {
        t->complete = (t->status >= 200);
        return n;
    }

    (void) ngx_http_webhook_transfer_keep(&t->head, data, n);

    return n;
}


static size_t
ngx_http_webhook_transfer_body(char *data, size_t size, size_t n, void *arg)
{
    ngx_http_webhook_transfer_t *t = arg;

    n *= size;

    if (ngx_http_webhook_transfer_keep(&t->body, data, n) < n) {
        t->cut = 1;                       /* enough: the transfer ends here */
        return 0;
    }

    return n;
}


static curl_socket_t
ngx_http_webhook_transfer_open(void *arg, curlsocktype purpose,
    struct curl_sockaddr *addr)
{
    ngx_http_webhook_transfer_t *t = arg;

    int          fd;
    const char  *refused;

    refused = ngx_http_webhook_policy_address(t->transport->wmcf, &addr->addr);

    if (refused) {
        t->refused = refused;
        return CURL_SOCKET_BAD;
    }

    fd = socket(addr->family, addr->socktype|SOCK_CLOEXEC, addr->protocol);

    if (fd == -1) {
        return CURL_SOCKET_BAD;
    }

    ngx_http_webhook_curl_opened(&t->transport->curl, fd);

    return fd;
}


/*
 * Before the request is sent: also on a connection that is used again.  Where
 * that is closed without an answer, it may have been for its age, while the
 * request was under way, and libcurl sends the request on another one, five
 * times if need be; an endpoint that closes connections gets it twice at most.
 */

static int
ngx_http_webhook_transfer_request(void *arg, char *address, char *local,
    int port, int local_port)
{
    ngx_http_webhook_transfer_t *t = arg;

    ngx_addr_t   addr;
    ngx_pool_t  *pool;

    pool = t->delivery->pool;

    if (ngx_parse_addr(pool, &addr, (u_char *) address, ngx_strlen(address))
        != NGX_OK)
    {
        return CURL_PREREQFUNC_ABORT;
    }

    t->refused = ngx_http_webhook_policy_address(t->transport->wmcf,
                                                 addr.sockaddr);

    if (t->refused || ++t->sends > NGX_HTTP_WEBHOOK_TRANSFER_SENDS) {
        return CURL_PREREQFUNC_ABORT;
    }

    return CURL_PREREQFUNC_OK;
}


static CURLcode
ngx_http_webhook_transfer_ssl(CURL *easy, void *ssl_ctx, void *arg)
{
    ngx_http_webhook_transfer_t *t = arg;

    SSL_CTX_set1_cert_store(ssl_ctx, t->transport->wmcf->trusted_store);

    return CURLE_OK;
}


static ngx_http_webhook_transfer_t *
ngx_http_webhook_transfer_get(ngx_http_webhook_transport_t *transport)
{
    ngx_queue_t                  *q;
    ngx_http_webhook_transfer_t  *t;

    if (!ngx_queue_empty(&transport->free)) {
        q = ngx_queue_last(&transport->free);
        ngx_queue_remove(q);

        return ngx_queue_data(q, ngx_http_webhook_transfer_t, queue);
    }

    t = ngx_calloc(sizeof(ngx_http_webhook_transfer_t),
                   transport->curl.cycle->log);
    if (t == NULL) {
        return NULL;
    }

    t->transport = transport;

    t->head.pos = ngx_alloc(NGX_HTTP_WEBHOOK_RESPONSE_HEAD
                            + transport->wmcf->response_limit,
                            transport->curl.cycle->log);
    if (t->head.pos == NULL) {
        ngx_free(t);
        return NULL;
    }

    t->head.end = t->head.pos + NGX_HTTP_WEBHOOK_RESPONSE_HEAD;
    t->body.pos = t->head.end;
    t->body.end = t->body.pos + transport->wmcf->response_limit;

    t->easy = curl_easy_init();

    if (t->easy == NULL || ngx_http_webhook_transfer_options(t) != NGX_OK) {
        ngx_http_webhook_transfer_free(t);
        return NULL;
    }

    return t;
}


static void
ngx_http_webhook_transfer_free(ngx_http_webhook_transfer_t *t)
{
    curl_easy_cleanup(t->easy);
    ngx_free(t->head.pos);
    ngx_free(t);
}


/* What is the same for all deliveries: the handle keeps it. */

static ngx_int_t
ngx_http_webhook_transfer_options(ngx_http_webhook_transfer_t *t)
{
    CURL                          *e;
    ngx_http_webhook_main_conf_t  *wmcf;

    e = t->easy;
    wmcf = t->transport->wmcf;

    curl_easy_setopt(e, CURLOPT_PRIVATE, t);
    curl_easy_setopt(e, CURLOPT_ERRORBUFFER, t->error);
    curl_easy_setopt(e, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(e, CURLOPT_QUICK_EXIT, 1L);
    curl_easy_setopt(e, CURLOPT_NOPROGRESS, 1L);

    curl_easy_setopt(e, CURLOPT_PROXY, "");
    curl_easy_setopt(e, CURLOPT_FOLLOWLOCATION, 0L);
    curl_easy_setopt(e, CURLOPT_PATH_AS_IS, 1L);
    curl_easy_setopt(e, CURLOPT_HTTP_VERSION, wmcf->http2
                                         ? (long) CURL_HTTP_VERSION_2TLS
                                         : (long) CURL_HTTP_VERSION_1_1);
    curl_easy_setopt(e, CURLOPT_PIPEWAIT, (long) wmcf->http2);
    curl_easy_setopt(e, CURLOPT_HTTP09_ALLOWED, 0L);
    curl_easy_setopt(e, CURLOPT_USERAGENT, NGX_HTTP_WEBHOOK_USER_AGENT);
    curl_easy_setopt(e, CURLOPT_POST, 1L);

    curl_easy_setopt(e, CURLOPT_CONNECTTIMEOUT_MS,
                     (long) wmcf->connect_timeout);
    curl_easy_setopt(e, CURLOPT_DNS_CACHE_TIMEOUT, 60L);

    curl_easy_setopt(e, CURLOPT_SSLVERSION, (long) CURL_SSLVERSION_TLSv1_2);
    curl_easy_setopt(e, CURLOPT_SSL_VERIFYPEER, 1L);
    curl_easy_setopt(e, CURLOPT_SSL_VERIFYHOST, 2L);
    curl_easy_setopt(e, CURLOPT_CAINFO, NULL);
    curl_easy_setopt(e, CURLOPT_CAPATH, NULL);
    curl_easy_setopt(e, CURLOPT_SSL_CTX_FUNCTION,
                     ngx_http_webhook_transfer_ssl);
    curl_easy_setopt(e, CURLOPT_SSL_CTX_DATA, t);

    curl_easy_setopt(e, CURLOPT_OPENSOCKETFUNCTION,
                     ngx_http_webhook_transfer_open);
    curl_easy_setopt(e, CURLOPT_OPENSOCKETDATA, t);
    curl_easy_setopt(e, CURLOPT_CLOSESOCKETFUNCTION,
                     ngx_http_webhook_curl_close);
    curl_easy_setopt(e, CURLOPT_CLOSESOCKETDATA, &t->transport->curl);
    curl_easy_setopt(e, CURLOPT_PREREQFUNCTION,
                     ngx_http_webhook_transfer_request);
    curl_easy_setopt(e, CURLOPT_PREREQDATA, t);

    curl_easy_setopt(e, CURLOPT_HEADERFUNCTION,
                     ngx_http_webhook_transfer_header);
    curl_easy_setopt(e, CURLOPT_HEADERDATA, t);
    curl_easy_setopt(e, CURLOPT_WRITEFUNCTION, ngx_http_webhook_transfer_body);
    curl_easy_setopt(e, CURLOPT_WRITEDATA, t);

    /* the one that security depends on, and that an old libcurl may lack */

    return (curl_easy_setopt(e, CURLOPT_PROTOCOLS_STR, "http,https")
            == CURLE_OK)
           ? NGX_OK : NGX_ERROR;
}


ngx_int_t
ngx_http_webhook_transport_send(ngx_http_webhook_transport_t *transport,
    ngx_http_webhook_delivery_t *d)
{
    ngx_msec_t                    spent;
    struct curl_slist            *headers;
    ngx_http_webhook_transfer_t  *t;

    if (transport->closing) {
        d->aborted = 1;
        return NGX_ERROR;
    }

    t = ngx_http_webhook_transfer_get(transport);
    if (t == NULL) {
        return NGX_ERROR;
    }

    t->delivery = d;
    t->status = 0;
    t->heads = 0;
    t->sends = 0;
    t->complete = 0;
    t->cut = 0;
    t->flooded = 0;
    t->starved = 0;
    t->refused = NULL;
    t->error[0] = '\0';

    ngx_queue_insert_tail(&transport->busy, &t->queue);

    headers = ngx_http_webhook_transport_headers(d);
    t->url = ngx_http_webhook_urls_get(&transport->urls, &d->url);

    if (headers == NULL
        || ngx_http_webhook_transfer_addresses(t, d) != NGX_OK)
    {
        ngx_http_webhook_transfer_clear(t);
        return NGX_ERROR;
    }

    t->head.last = t->head.pos;
    t->body.last = t->body.pos;

    /* the time that the look-up took is a part of the whole */

    spent = ngx_current_msec - d->start_msec;

    curl_easy_setopt(t->easy, CURLOPT_TIMEOUT_MS,
                     (long) (spent < transport->wmcf->timeout
                             ? transport->wmcf->timeout - spent : 1));

    curl_easy_setopt(t->easy, CURLOPT_URL, (char *) d->url.data);
    curl_easy_setopt(t->easy, CURLOPT_CURLU, t->url ? t->url->parsed : NULL);
    curl_easy_setopt(t->easy, CURLOPT_HTTPHEADER, headers);
    curl_easy_setopt(t->easy, CURLOPT_RESOLVE, t->resolve);
    curl_easy_setopt(t->easy, CURLOPT_POSTFIELDS, (char *) d->body.data);
    curl_easy_setopt(t->easy, CURLOPT_POSTFIELDSIZE, (long) d->body.len);

    if (curl_multi_add_handle(transport->curl.multi, t->easy) != CURLM_OK) {
        ngx_http_webhook_transfer_clear(t);
        return NGX_ERROR;
    }

    return NGX_OK;
}


/* "+host:port:address,..." makes libcurl's cache hold these addresses alone. */

static ngx_int_t
ngx_http_webhook_transfer_addresses(ngx_http_webhook_transfer_t *t,
    ngx_http_webhook_delivery_t *d)
{
    u_char                       text[NGX_SOCKADDR_STRLEN], *p, *last, *line;
    size_t                       len;
    ngx_uint_t                   i;
    ngx_http_webhook_resolve_t  *rs;

    rs = &d->resolve;

    if (rs->url->literal) {
        return NGX_OK;
    }

    len = rs->url->host.len + rs->naddrs * (NGX_SOCKADDR_STRLEN + 3) + 16;

    line = ngx_pnalloc(d->pool, len);
    if (line == NULL) {
        return NGX_ERROR;
    }

    last = line + len;
    p = ngx_slprintf(line, last, "+%V:%d:", &rs->url->host,
                     (int) rs->url->port);

    for (i = 0; i < rs->naddrs; i++) {

        len = ngx_sock_ntop(rs->addrs[i].sockaddr, rs->addrs[i].socklen, text,
                            NGX_SOCKADDR_STRLEN, 0);

        p = (rs->addrs[i].sockaddr->sa_family == AF_INET6)
            ? ngx_slprintf(p, last, "[%*s],", len, text)
            : ngx_slprintf(p, last, "%*s,", len, text);
    }

    p[-1] = '\0';

    t->resolve = curl_slist_append(NULL, (char *) line);

    return t->resolve ? NGX_OK : NGX_ERROR;
}


static void
ngx_http_webhook_transfer_done(void *data, CURL *easy, CURLcode rc)
{
    ngx_http_webhook_transfer_t  *t;
    ngx_http_webhook_delivery_t  *d;

    t = ngx_http_webhook_transfer_of(easy);
    d = t->delivery;

    ngx_http_webhook_transfer_outcome(t, &d->attempt, rc);

    (void) curl_multi_remove_handle(t->transport->curl.multi, t->easy);

    ngx_http_webhook_transfer_clear(t);

    d->answered(d);
}


/* Gives the transfer back, to be used again. */

static void
ngx_http_webhook_transfer_clear(ngx_http_webhook_transfer_t *t)
{
    curl_slist_free_all(t->resolve);

    t->resolve = NULL;

    if (t->url) {
        ngx_http_webhook_urls_put(&t->transport->urls, t->url);
        t->url = NULL;
    }

    curl_easy_setopt(t->easy, CURLOPT_CURLU, NULL);
    curl_easy_setopt(t->easy, CURLOPT_HTTPHEADER, NULL);
    curl_easy_setopt(t->easy, CURLOPT_RESOLVE, NULL);
    curl_easy_setopt(t->easy, CURLOPT_POSTFIELDS, NULL);

    t->delivery = NULL;

    ngx_queue_remove(&t->queue);
    ngx_queue_insert_tail(&t->transport->free, &t->queue);
}


/* A text of the log, which goes without it where there is no memory. */

static void
ngx_http_webhook_transfer_copy(ngx_pool_t *pool, ngx_str_t *dst,
    const char *src, size_t len)
{
    dst->data = ngx_pnalloc(pool, len + 1);

    if (dst->data) {
        ngx_memcpy(dst->data, src, len);
        dst->len = len;
    }
}


static void
ngx_http_webhook_transfer_outcome(ngx_http_webhook_transfer_t *t,
    ngx_http_webhook_attempt_t *a, CURLcode rc)
{
    char        *peer;
    const char  *error, *detail;
    curl_off_t   connect, tls, first, total;
    ngx_pool_t  *pool;

    pool = t->delivery->pool;

    curl_easy_getinfo(t->easy, CURLINFO_CONNECT_TIME_T, &connect);
    curl_easy_getinfo(t->easy, CURLINFO_APPCONNECT_TIME_T, &tls);
    curl_easy_getinfo(t->easy, CURLINFO_STARTTRANSFER_TIME_T, &first);
    curl_easy_getinfo(t->easy, CURLINFO_TOTAL_TIME_T, &total);
    curl_easy_getinfo(t->easy, CURLINFO_PRIMARY_IP, &peer);

    a->connect = connect ? a->name_lookup + connect : 0;
    a->tls = tls ? a->name_lookup + tls : 0;
    a->first_byte = first ? a->name_lookup + first : 0;
    a->duration = a->name_lookup + total;

    if (peer && *peer) {
        ngx_http_webhook_transfer_copy(pool, &a->peer, peer, ngx_strlen(peer));
    }

    ngx_http_webhook_transfer_copy(pool, &a->response_head,
                                   (char *) t->head.pos,
                                   t->head.last - t->head.pos);
    ngx_http_webhook_transfer_copy(pool, &a->response_body,
                                   (char *) t->body.pos,
                                   t->body.last - t->body.pos);
    a->truncated = t->cut;

    detail = t->error[0] ? t->error : curl_easy_strerror(rc);

    if (t->complete) {

        /* the complete head of a final answer decides, whatever came of
           its body: that is only told */

        a->status_code = t->status;
        error = (t->status <= 299) ? NULL : "http_status";

        if (rc == CURLE_OK || t->cut) {
            detail = NULL;
        }

    } else if (t->refused) {
        error = "address_refused";
        detail = t->refused;

    } else if (t->sends > NGX_HTTP_WEBHOOK_TRANSFER_SENDS) {
        error = "connection_lost";
        detail = "two connections were closed before an answer";

    } else if (t->flooded) {
        error = "bad_response";
        detail = "the head of its answer does not end";

    } else {
        error = ngx_http_webhook_curl_error(t->easy, rc);
        a->internal = (ngx_strcmp(error, "internal") == 0);

        if (rc == CURLE_OUT_OF_MEMORY && !a->internal) {
            detail = "a line of its answer does not end";
        }
    }

    if (error) {
        a->error.data = (u_char *) error;
        a->error.len = ngx_strlen(error);
    }

    ngx_http_webhook_transfer_detail(t, &a->detail, detail);
}


/* What is told beside the code; also where the endpoint got it twice. */

static void
ngx_http_webhook_transfer_detail(ngx_http_webhook_transfer_t *t,
    ngx_str_t *dst, const char *detail)
{
    u_char  text[CURL_ERROR_SIZE + 64], *last;

    last = text;

    if (t->sends > 1) {
        last = ngx_slprintf(last, text + sizeof(text), "sent twice%s",
                            detail ? ": " : "");
    }

    if (detail) {
        last = ngx_slprintf(last, text + sizeof(text), "%s", detail);
    }

    if (last != text) {
        ngx_http_webhook_transfer_copy(t->delivery->pool, dst,
                                       (const char *) text, last - text);
    }
}
