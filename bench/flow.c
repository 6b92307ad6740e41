
/*
 * Copyright (C) the ngx_http_webhook_module authors
 */


/*
 * Events in, deliveries out: one program posts events and is the endpoint that
 * they are delivered to, so that one clock measures both.
 *
 *     flow -p PORT [-u PATH] [-l PORT [-t CERT -k KEY]] [-r RATE | -w WINDOW]
 *          [-s SECONDS] [-i SECONDS] [-d SECONDS] [-c CONNECTIONS] [-f FANOUT]
 *          [-b BYTES] [-C COMPANIES] [-E EVENTS]
 *
 *     -p, -u   where events are posted to
 *     -l       where deliveries are awaited; with a certificate: by TLS.  The
 *              server listens before anything is posted
 *     -r       an open loop of RATE events a second: the clock of an event
 *              starts when it was due, whether it could be posted then or not
 *     -w       a closed loop: as fast as connections allow, with at most WINDOW
 *              events on the way, so that no backlog grows
 *     -s       how long it posts; -i: of that, at first, what is not counted
 *     -d       how long it waits for the last deliveries
 *     -f       how many deliveries an event becomes
 *     -b       of a text in the payload
 *     -C, -E   events are "event-0" ... of companies "c0" ..., in turn
 *
 * Prints a JSON object.  Times are in microseconds: how long an event took to
 * its answer, and to each of its arrivals.
 */


#define _GNU_SOURCE

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <openssl/ssl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>


#define BUFFER   65536
#define EVENTS   256
#define NONE     UINT32_MAX


typedef enum {
    TIMER = 0,
    LISTENING,
    POSTING,
    RECEIVING
} kind_t;


typedef struct conn_s  conn_t;

struct conn_s {
    kind_t     kind;
    int        fd;
    SSL       *ssl;
    uint32_t   n;                   /* the event that is being posted */
    size_t     in;
    size_t     out, sent;
    conn_t    *next;                /* of those that are free */
    char       buf[BUFFER];
    char       send[BUFFER];
};


typedef struct {
    uint32_t  *v;
    size_t     n, size;
} times_t;


static int          port, sink, seconds = 5, ignore, drain = 30;
static int          connections = 64, fanout = 1, bytes = 400;
static int          companies = 1, types = 1;
static long         rate, window = 1000;
static const char  *path = "/events", *cert, *key;

static int          ep, timer;
static SSL_CTX     *tls;
static conn_t      *idle;
static char        *text;

static uint64_t     begin;
static uint64_t    *due;            /* of each event */
static uint32_t     posted, answered, refused, broken, size;
static uint64_t     arrived, again, counted;
static uint16_t    *arrivals;
static times_t      answers, deliveries;


static void
fail(const char *what)
{
    perror(what);
    exit(1);
}


static uint64_t
now(void)
{
    struct timespec  ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);

    return (uint64_t) ts.tv_sec * 1000000 + ts.tv_nsec / 1000;
}


static void
add(times_t *t, uint64_t us)
{
    if (t->n == t->size) {
        t->size = t->size ? 2 * t->size : 65536;
        t->v = realloc(t->v, t->size * sizeof(uint32_t));
        if (t->v == NULL) {
            fail("realloc()");
        }
    }

    t->v[t->n++] = us > UINT32_MAX ? UINT32_MAX : us;
}


static int
compare(const void *one, const void *two)
{
    uint32_t  a = *(const uint32_t *) one, b = *(const uint32_t *) two;

    return (a > b) - (a < b);
}


static void
print(const char *name, times_t *t)
{
    size_t  i;

    static const struct { const char *name; double part; } parts[] = {
        { "p50", 0.5 }, { "p99", 0.99 }, { "p999", 0.999 }, { "most", 1 }
    };

    qsort(t->v, t->n, sizeof(uint32_t), compare);

    printf(",\"%s\":{", name);

    for (i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
        printf("%s\"%s\":%u", i ? "," : "", parts[i].name,
               t->n ? t->v[(size_t) (parts[i].part * (t->n - 1))] : 0);
    }

    printf("}");
}


static void
watch(conn_t *c, uint32_t events, int op)
{
    struct epoll_event  ee;

    ee.events = events;
    ee.data.ptr = c;

    if (epoll_ctl(ep, op, c->fd, &ee) == -1) {
        fail("epoll_ctl()");
    }
}


static conn_t *
create(kind_t kind, int fd)
{
    int      on = 1;
    conn_t  *c;

    c = malloc(sizeof(conn_t));
    if (c == NULL) {
        fail("malloc()");
    }

    c->kind = kind;
    c->fd = fd;
    c->ssl = NULL;
    c->n = NONE;
    c->in = c->out = c->sent = 0;

    (void) fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);

    if (kind == POSTING || kind == RECEIVING) {
        (void) setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    }

    watch(c, EPOLLIN, EPOLL_CTL_ADD);

    return c;
}


static void
destroy(conn_t *c)
{
    conn_t  **p;

    for (p = &idle; *p; p = &(*p)->next) {
        if (*p == c) {
            *p = c->next;
            break;
        }
    }

    if (c->ssl) {
        SSL_free(c->ssl);
    }

    close(c->fd);
    free(c);
}


static void
address(struct sockaddr_in *sin, int number)
{
    memset(sin, 0, sizeof(struct sockaddr_in));
    sin->sin_family = AF_INET;
    sin->sin_port = htons(number);
    sin->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
}


static void
dial(void)
{
    int                 fd;
    conn_t             *c;
    struct sockaddr_in  sin;

    address(&sin, port);

    fd = socket(AF_INET, SOCK_STREAM, 0);

    if (fd == -1
        || connect(fd, (struct sockaddr *) &sin, sizeof(sin)) == -1)
    {
        fail("connect()");
    }

    c = create(POSTING, fd);
    c->next = idle;
    idle = c;
}


/* What is left goes out when the socket takes it.  -1: it is broken. */

static int
flush(conn_t *c)
{
    int      n, rc;
    ssize_t  sent;

    while (c->sent < c->out) {

        if (c->ssl) {
            n = SSL_write(c->ssl, c->send + c->sent, c->out - c->sent);
            rc = SSL_get_error(c->ssl, n);
            sent = (n > 0) ? n : -1;
            errno = (rc == SSL_ERROR_WANT_WRITE || rc == SSL_ERROR_WANT_READ)
                    ? EAGAIN : EIO;
        } else {
            sent = write(c->fd, c->send + c->sent, c->out - c->sent);
        }

        if (sent <= 0) {
            if (errno != EAGAIN) {
                return -1;
            }

            watch(c, EPOLLIN|EPOLLOUT, EPOLL_CTL_MOD);
            return 0;
        }

        c->sent += sent;
    }

    c->sent = c->out = 0;

    return 0;
}


static ssize_t
fill(conn_t *c)
{
    int  n, rc;

    if (c->ssl == NULL) {
        return read(c->fd, c->buf + c->in, BUFFER - 1 - c->in);
    }

    n = SSL_read(c->ssl, c->buf + c->in, BUFFER - 1 - c->in);

    if (n > 0) {
        return n;
    }

    rc = SSL_get_error(c->ssl, n);

    if (rc == SSL_ERROR_WANT_READ || rc == SSL_ERROR_WANT_WRITE) {
        errno = EAGAIN;
        return -1;
    }

    return 0;
}


static void
post(conn_t *c, uint32_t n, uint64_t when)
{
    int   len;
    char  body[BUFFER - 512];

    len = snprintf(body, sizeof(body),
                   "{\"company\":\"c%d\",\"event\":\"event-%d\","
                   "\"payload\":{\"n\":%u,\"text\":\"%s\"}}",
                   n % companies, n / companies % types, n, text);

    c->out = snprintf(c->send, BUFFER, "POST %s HTTP/1.1\r\nHost: a\r\n"
                      "Content-Type: application/json\r\n"
                      "Content-Length: %d\r\n\r\n%s", path, len, body);
    c->n = n;
    due[n] = when;

    if (flush(c) == -1) {
        broken++;
        destroy(c);
        dial();
    }
}


/* Where the message that begins a buffer ends; 0: not here yet. */

static size_t
message(conn_t *c, char **body)
{
    char    *head, *field;
    size_t   len;

    c->buf[c->in] = '\0';

    head = strstr(c->buf, "\r\n\r\n");
    if (head == NULL) {
        return 0;
    }

    *head = '\0';
    field = strcasestr(c->buf, "\r\ncontent-length:");
    len = field ? strtoul(field + 17, NULL, 10) : 0;
    *head = '\r';

    *body = head + 4;
    len += *body - c->buf;

    return len <= c->in ? len : 0;
}


static void
answer(conn_t *c)
{
    uint32_t  n;

    n = c->n;
    c->n = NONE;
    answered++;

    if (c->buf[9] != '2') {
        refused++;

    } else if (due[n] >= begin + ignore * 1000000ull) {
        add(&answers, now() - due[n]);
    }

    c->next = idle;
    idle = c;
}


static void
arrival(char *body)
{
    char      *p;
    uint32_t   n;
    uint64_t   at;

    p = strstr(body, "\"n\":");
    n = p ? strtoul(p + 4, NULL, 10) : NONE;

    if (n >= posted) {
        fprintf(stderr, "an event that was not posted\n");
        exit(1);
    }

    if (arrivals[n] == fanout) {
        again++;
        return;
    }

    arrivals[n]++;
    arrived++;
    at = now();

    if (due[n] >= begin + ignore * 1000000ull) {
        add(&deliveries, at - due[n]);
    }

    if (at >= begin + ignore * 1000000ull
        && at < begin + seconds * 1000000ull)
    {
        counted++;
    }
}


static void
readable(conn_t *c)
{
    char     *body;
    size_t    len;
    ssize_t   n;

    static const char  ok[] = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";

    for ( ;; ) {

        n = fill(c);

        if (n == -1 && errno == EAGAIN) {
            return;
        }

        if (n <= 0) {
            if (c->kind == POSTING) {
                broken += (c->n != NONE);
                destroy(c);
                dial();
            } else {
                destroy(c);
            }

            return;
        }

        c->in += n;

        while (c->in && (len = message(c, &body)) != 0) {

            if (c->kind == POSTING) {
                if (c->n != NONE) {
                    answer(c);
                }

            } else {
                arrival(body);
                memcpy(c->send + c->out, ok, sizeof(ok) - 1);
                c->out += sizeof(ok) - 1;
            }

            memmove(c->buf, c->buf + len, c->in - len);
            c->in -= len;
        }

        if (c->in == BUFFER - 1) {
            fprintf(stderr, "a message is too long\n");
            exit(1);
        }

        if (c->out && flush(c) == -1) {
            destroy(c);
            return;
        }

        if (c->ssl == NULL) {
            return;
        }
    }
}


static void
take(conn_t *listening)
{
    int      fd;
    conn_t  *c;

    while ((fd = accept4(listening->fd, NULL, NULL, SOCK_NONBLOCK)) != -1) {

        c = create(RECEIVING, fd);

        if (tls) {
            c->ssl = SSL_new(tls);
            SSL_set_fd(c->ssl, fd);
            SSL_set_accept_state(c->ssl);
        }
    }
}


static void
open_sink(void)
{
    int                 fd, on = 1;
    struct sockaddr_in  sin;

    if (cert) {
        tls = SSL_CTX_new(TLS_server_method());

        if (tls == NULL
            || SSL_CTX_use_certificate_chain_file(tls, cert) != 1
            || SSL_CTX_use_PrivateKey_file(tls, key, SSL_FILETYPE_PEM) != 1)
        {
            fprintf(stderr, "the certificate cannot be used\n");
            exit(1);
        }

        SSL_CTX_set_mode(tls, SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER
                              |SSL_MODE_ENABLE_PARTIAL_WRITE);
    }

    address(&sin, sink);
    fd = socket(AF_INET, SOCK_STREAM, 0);
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));

    if (bind(fd, (struct sockaddr *) &sin, sizeof(sin)) == -1
        || listen(fd, 4096) == -1)
    {
        fail("listen()");
    }

    (void) create(LISTENING, fd);
}


/* Posts what is due, as far as connections are free; when the next one is. */

static uint64_t
send_due(uint64_t at)
{
    conn_t    *c;
    uint64_t   when, end;

    end = begin + seconds * 1000000ull;

    for ( ;; ) {

        when = rate ? begin + (uint64_t) posted * 1000000 / rate : at;

        if (when >= end || posted == size) {
            return UINT64_MAX;
        }

        if (when > at) {
            return when;
        }

        if (idle == NULL
            || (!rate && sink
                && (uint64_t) posted * fanout
                   >= arrived + (uint64_t) (refused + window) * fanout))
        {
            return UINT64_MAX - 1;               /* an event will tell */
        }

        c = idle;
        idle = c->next;
        post(c, posted++, when);
    }
}


static int
done(uint64_t at)
{
    if (at < begin + seconds * 1000000ull) {
        return 0;
    }

    if (at > begin + (seconds + drain) * 1000000ull) {
        return 1;
    }

    return answered + broken >= posted
           && (!rate || posted == size
               || begin + (uint64_t) posted * 1000000 / rate
                  >= begin + seconds * 1000000ull)
           && (!sink || arrived >= (uint64_t) (posted - refused) * fanout);
}


static void
loop(void)
{
    int                  i, n, wait;
    conn_t              *c;
    uint64_t             at, next, ticks;
    struct itimerspec    its;
    struct epoll_event   events[EVENTS];

    memset(&its, 0, sizeof(its));

    while (!done(at = now())) {

        next = send_due(at);
        wait = 100;

        if (next < UINT64_MAX - 1) {
            its.it_value.tv_sec = next / 1000000;
            its.it_value.tv_nsec = next % 1000000 * 1000;
            timerfd_settime(timer, TFD_TIMER_ABSTIME, &its, NULL);
        }

        n = epoll_wait(ep, events, EVENTS, wait);

        for (i = 0; i < n; i++) {
            c = events[i].data.ptr;

            switch (c->kind) {

            case TIMER:
                (void) !read(timer, &ticks, sizeof(ticks));
                break;

            case LISTENING:
                take(c);
                break;

            default:
                if (events[i].events & EPOLLOUT) {
                    watch(c, EPOLLIN, EPOLL_CTL_MOD);
                    if (flush(c) == -1) {
                        break;                   /* it is readable, too */
                    }
                }

                if (events[i].events & ~EPOLLOUT) {
                    readable(c);
                }
            }
        }
    }
}


int
main(int argc, char **argv)
{
    int  i, option;

    while ((option = getopt(argc, argv, "p:u:l:t:k:r:w:s:i:d:c:f:b:C:E:"))
           != -1)
    {
        switch (option) {
        case 'p': port = atoi(optarg); break;
        case 'u': path = optarg; break;
        case 'l': sink = atoi(optarg); break;
        case 't': cert = optarg; break;
        case 'k': key = optarg; break;
        case 'r': rate = atol(optarg); break;
        case 'w': window = atol(optarg); break;
        case 's': seconds = atoi(optarg); break;
        case 'i': ignore = atoi(optarg); break;
        case 'd': drain = atoi(optarg); break;
        case 'c': connections = atoi(optarg); break;
        case 'f': fanout = atoi(optarg); break;
        case 'b': bytes = atoi(optarg); break;
        case 'C': companies = atoi(optarg); break;
        case 'E': types = atoi(optarg); break;
        default: return 2;
        }
    }

    if (port == 0 || bytes > BUFFER / 2 || seconds <= ignore
        || companies < 1 || types < 1 || (cert && !key))
    {
        fprintf(stderr, "usage: see the comment in flow.c\n");
        return 2;
    }

    size = rate ? rate * seconds + 1 : 400000u * seconds;
    due = calloc(size, sizeof(uint64_t));
    arrivals = calloc(size, sizeof(uint16_t));
    text = malloc(bytes + 1);
    ep = epoll_create1(0);
    timer = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK);

    if (due == NULL || arrivals == NULL || text == NULL || ep == -1
        || timer == -1)
    {
        fail("start");
    }

    memset(text, 'x', bytes);
    text[bytes] = '\0';

    (void) create(TIMER, timer);

    if (sink) {
        open_sink();
    }

    for (i = 0; i < connections; i++) {
        dial();
    }

    begin = now();
    loop();

    printf("{\"posted\":%u,\"refused\":%u,\"broken\":%u,\"answered\":%.0f,"
           "\"arrived\":%llu,\"again\":%llu,\"missing\":%lld,"
           "\"delivered\":%.0f", posted, refused, broken,
           (double) answers.n / (seconds - ignore),
           (unsigned long long) arrived, (unsigned long long) again,
           sink ? (long long) ((uint64_t) (posted - refused - broken) * fanout
                               - arrived) : 0,
           (double) counted / (seconds - ignore));
    print("answer", &answers);
    print("arrival", &deliveries);
    printf("}\n");

    return 0;
}
