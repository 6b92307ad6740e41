
/*
 * Copyright (C) the ngx_http_webhook_module authors
 */


/*
 * The measure of the built-in transport: libcurl's multi interface on epoll,
 * and nothing else.
 *
 *     curl_loop URL IN_FLIGHT SECONDS
 *
 * Posts 500 bytes again and again, with a delivery's headers, the handles and
 * connections reused, and prints how many were answered a second.  What the
 * module does besides (who is sent what and when, the signatures, the record)
 * is left out.
 */


#include <curl/curl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <time.h>


static const char *lines[] = {
    "Accept:",
    "Expect:",
    "User-Agent: ngx-webhook/0.1.0",
    "Content-Type: application/json",
    "X-Webhook-Event-Id: evt_1m86f0fwe0000",
    "X-Timestamp: 1732386000",
    "X-Signature: "
    "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
    "webhook-id: evt_1m86f0fwe0000",
    "webhook-timestamp: 1732386000",
    "webhook-signature: v1,n4bQgYhMfWWaL+qgxVrQFaO/TxsrC4Is0V1sFbDwCgg="
};

static int    epoll;
static long   timeout = -1;
static CURLM *multi;


static double
now(void)
{
    struct timespec  ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);

    return ts.tv_sec + ts.tv_nsec / 1e9;
}


static int
on_socket(CURL *easy, curl_socket_t fd, int what, void *data, void *known)
{
    struct epoll_event  ev;

    if (what == CURL_POLL_REMOVE) {
        epoll_ctl(epoll, EPOLL_CTL_DEL, fd, NULL);
        return 0;
    }

    memset(&ev, 0, sizeof(ev));
    ev.events = ((what & CURL_POLL_IN) ? EPOLLIN : 0)
                | ((what & CURL_POLL_OUT) ? EPOLLOUT : 0);
    ev.data.fd = fd;

    if (known) {
        return epoll_ctl(epoll, EPOLL_CTL_MOD, fd, &ev);
    }

    curl_multi_assign(multi, fd, &epoll);

    return epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &ev);
}


static int
on_timer(CURLM *m, long ms, void *data)
{
    timeout = ms;
    return 0;
}


static size_t
on_data(char *p, size_t size, size_t n, void *data)
{
    return size * n;
}


static CURL *
handle(const char *url, char *body, struct curl_slist *headers)
{
    CURL  *easy;

    easy = curl_easy_init();

    if (easy == NULL
        || curl_easy_setopt(easy, CURLOPT_URL, url) != CURLE_OK
        || curl_easy_setopt(easy, CURLOPT_POST, 1L) != CURLE_OK
        || curl_easy_setopt(easy, CURLOPT_POSTFIELDS, body) != CURLE_OK
        || curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE, 500L) != CURLE_OK
        || curl_easy_setopt(easy, CURLOPT_HTTPHEADER, headers) != CURLE_OK
        || curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L) != CURLE_OK
        || curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_data) != CURLE_OK
        || curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, on_data) != CURLE_OK)
    {
        exit(1);
    }

    curl_multi_add_handle(multi, easy);

    return easy;
}


/* Answers are counted, and their handles are used again. */

static long
reap(void)
{
    int       left;
    long      n, status;
    CURLMsg  *msg;
    CURL     *easy;

    for (n = 0; (msg = curl_multi_info_read(multi, &left)) != NULL; n++) {
        easy = msg->easy_handle;

        curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);

        if (msg->data.result != CURLE_OK || status != 200) {
            fprintf(stderr, "%s, status %ld\n",
                    curl_easy_strerror(msg->data.result), status);
            exit(1);
        }

        curl_multi_remove_handle(multi, easy);
        curl_multi_add_handle(multi, easy);
    }

    return n;
}


int
main(int argc, char **argv)
{
    int                 i, n, mask, running;
    char                body[500];
    long                done;
    double              begin, end;
    struct curl_slist  *headers;
    struct epoll_event  events[256];

    if (argc != 4) {
        fprintf(stderr, "usage: curl_loop URL IN_FLIGHT SECONDS\n");
        return 1;
    }

    epoll = epoll_create1(0);
    multi = curl_multi_init();

    curl_multi_setopt(multi, CURLMOPT_SOCKETFUNCTION, on_socket);
    curl_multi_setopt(multi, CURLMOPT_TIMERFUNCTION, on_timer);
    curl_multi_setopt(multi, CURLMOPT_MAXCONNECTS, 1024L);

    headers = NULL;

    for (i = 0; i < (int) (sizeof(lines) / sizeof(lines[0])); i++) {
        headers = curl_slist_append(headers, lines[i]);
    }

    memset(body, 'x', sizeof(body));

    for (i = 0; i < atoi(argv[2]); i++) {
        handle(argv[1], body, headers);
    }

    done = 0;
    begin = now();
    end = begin + atof(argv[3]);

    while (now() < end) {
        n = epoll_wait(epoll, events, 256, timeout < 0 ? 100 : (int) timeout);

        for (i = 0; i < n; i++) {
            mask = ((events[i].events & EPOLLIN) ? CURL_CSELECT_IN : 0)
                   | ((events[i].events & EPOLLOUT) ? CURL_CSELECT_OUT : 0);
            curl_multi_socket_action(multi, events[i].data.fd, mask, &running);
            done += reap();
        }

        if (n == 0 || timeout == 0) {
            timeout = -1;
            curl_multi_socket_action(multi, CURL_SOCKET_TIMEOUT, 0, &running);
            done += reap();
        }
    }

    printf("%.0f\n", done / (now() - begin));

    return 0;
}
