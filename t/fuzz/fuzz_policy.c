
/*
 * Copyright (C) the ngx_http_webhook_module authors
 */


/*
 * Fuzz target: the policy of URLs and addresses.
 *
 *     1 byte     what is configured: FUZZ_HTTP, FUZZ_ALLOW, FUZZ_ADDRESS
 *     the rest   a URL, or the 4 or 16 bytes of an address
 *
 * A URL that is accepted leads where its pieces say, whoever reads it: its
 * host is none that the C library takes for an address or for this machine,
 * and what is sent, which is put together from the pieces, gives the same
 * pieces again.
 */


#include "fuzz.h"
#include "ngx_http_webhook_policy.h"

#include <curl/curl.h>
#include <netdb.h>
#include <strings.h>


#define FUZZ_HTTP     1      /* webhook_allow_http on */
#define FUZZ_ALLOW    2      /* webhook_allow_address, of fuzz_allow */
#define FUZZ_ADDRESS  4      /* the input is an address */


static ngx_http_webhook_main_conf_t  fuzz_conf;
static ngx_array_t                   fuzz_allow;


static void
fuzz_init(ngx_uint_t flags)
{
    static ngx_cidr_t  cidrs[2];
    static ngx_str_t   allow[2] = { ngx_string("192.0.2.0/24"),
                                    ngx_string("2001:db8::/32") };

    fuzz_check(ngx_ptocidr(&allow[0], &cidrs[0]) == NGX_OK);
    fuzz_check(ngx_ptocidr(&allow[1], &cidrs[1]) == NGX_OK);

    fuzz_allow.elts = cidrs;
    fuzz_allow.nelts = 2;

    fuzz_conf.allow_http = (flags & FUZZ_HTTP) != 0;
    fuzz_conf.allow_addresses = (flags & FUZZ_ALLOW) ? &fuzz_allow : NULL;
}


/* Of what is not refused, as the bits say it and not the policy's table. */

static void
fuzz_address(const uint8_t *data, size_t size)
{
    const char           *refused;
    struct sockaddr_in    sin;
    struct sockaddr_in6   sin6;

    if (size == 4) {
        ngx_memzero(&sin, sizeof(struct sockaddr_in));
        sin.sin_family = AF_INET;
        ngx_memcpy(&sin.sin_addr, data, 4);

        refused = ngx_http_webhook_policy_address(&fuzz_conf,
                                                  (struct sockaddr *) &sin);

        fuzz_check(refused
                   || (data[0] != 0 && data[0] != 10 && data[0] != 127
                       && data[0] < 224
                       && !(data[0] == 100 && (data[1] & 0xc0) == 64)
                       && !(data[0] == 169 && data[1] == 254)
                       && !(data[0] == 172 && (data[1] & 0xf0) == 16)
                       && !(data[0] == 192 && data[1] == 168))
                   || fuzz_conf.allow_addresses);

        /* an IPv4-mapped address is the same one */

        ngx_memzero(&sin6, sizeof(struct sockaddr_in6));
        sin6.sin6_family = AF_INET6;
        sin6.sin6_addr.s6_addr[10] = 0xff;
        sin6.sin6_addr.s6_addr[11] = 0xff;
        ngx_memcpy(&sin6.sin6_addr.s6_addr[12], data, 4);

        fuzz_check(ngx_http_webhook_policy_address(&fuzz_conf,
                                                   (struct sockaddr *) &sin6)
                   == refused);

    } else if (size == 16) {
        ngx_memzero(&sin6, sizeof(struct sockaddr_in6));
        sin6.sin6_family = AF_INET6;
        ngx_memcpy(&sin6.sin6_addr, data, 16);

        if (IN6_IS_ADDR_V4MAPPED(&sin6.sin6_addr)) {
            fuzz_address(data + 12, 4);
            return;
        }

        refused = ngx_http_webhook_policy_address(&fuzz_conf,
                                                  (struct sockaddr *) &sin6);

        fuzz_check(refused || (data[0] & 0xe0) == 0x20);
        fuzz_check(refused || data[0] != 0x20 || data[1] != 2);
    }
}


/* A host that names one, whatever reads it. */

static void
fuzz_host(ngx_http_webhook_url_t *url)
{
    char              host[256];
    struct in_addr    in;
    struct in6_addr   in6;
    struct addrinfo   hints, *found;

    fuzz_check(url->host.len > 0 && url->host.len <= 253);

    ngx_memcpy(host, url->host.data, url->host.len);
    host[url->host.len] = '\0';

    fuzz_check(strlen(host) == url->host.len);

    if (url->literal) {

        /* only one that webhook_allow_address names */

        fuzz_check(fuzz_conf.allow_addresses);

        fuzz_check(url->ipv6
                   ? inet_pton(AF_INET6, host, &in6) == 1
                     && ngx_memcmp(&in6, "\x20\x01\x0d\xb8", 4) == 0
                   : inet_pton(AF_INET, host, &in) == 1
                     && ngx_memcmp(&in, "\xc0\x00\x02", 3) == 0);
        return;
    }

    fuzz_check(inet_aton(host, &in) == 0);
    fuzz_check(inet_pton(AF_INET, host, &in) == 0);
    fuzz_check(inet_pton(AF_INET6, host, &in6) == 0);

    ngx_memzero(&hints, sizeof(struct addrinfo));
    hints.ai_flags = AI_NUMERICHOST;

    if (getaddrinfo(host, NULL, &hints, &found) == 0) {
        freeaddrinfo(found);
        fuzz_check(!"the host is an address to getaddrinfo()");
    }

    fuzz_check(strcasecmp(host, "localhost") != 0);
    fuzz_check(url->host.len < 10
               || strcasecmp(host + url->host.len - 10, ".localhost") != 0);

    fuzz_check(strspn(host, "abcdefghijklmnopqrstuvwxyz0123456789-_.")
               == url->host.len);
}


/* Parses what is sent, as content.c writes it, and compares. */

static void
fuzz_again(ngx_pool_t *pool, ngx_http_webhook_url_t *url)
{
    char                    *host;
    size_t                   len;
    CURLU                   *u;
    u_char                  *p;
    ngx_str_t                text;
    const char              *why;
    ngx_http_webhook_url_t   again;

    len = url->scheme.len + url->host.len + url->uri.len
          + sizeof("://[]:65535");

    text.data = ngx_pnalloc(pool, len);
    fuzz_check(text.data != NULL);

    p = ngx_sprintf(text.data, url->ipv6 ? "%V://[%V]:%d%V" : "%V://%V:%d%V",
                    &url->scheme, &url->host, (int) url->port, &url->uri);
    *p = '\0';

    text.len = p - text.data;

    u = curl_url();
    fuzz_check(u != NULL);

    fuzz_check(curl_url_set(u, CURLUPART_URL, (char *) text.data,
                            CURLU_PATH_AS_IS)
               == CURLUE_OK);
    fuzz_check(curl_url_get(u, CURLUPART_HOST, &host, 0) == CURLUE_OK);

    len = strlen(host);

    fuzz_check(url->ipv6
               ? len == url->host.len + 2
                 && ngx_memcmp(host + 1, url->host.data, url->host.len) == 0
               : len == url->host.len
                 && ngx_memcmp(host, url->host.data, len) == 0);

    curl_free(host);
    curl_url_cleanup(u);

    if (text.len > NGX_HTTP_WEBHOOK_MAX_URL) {
        return;                                    /* a port was added */
    }

    why = ngx_http_webhook_policy_url(&fuzz_conf, pool, &text, &again);

    fuzz_check(why == NULL);
    fuzz_check(again.port == url->port);
    fuzz_check(again.literal == url->literal && again.ipv6 == url->ipv6);
    fuzz_check(again.uri.len == url->uri.len
               && ngx_memcmp(again.uri.data, url->uri.data, url->uri.len)
                  == 0);
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    size_t                   i;
    ngx_str_t                text;
    ngx_pool_t              *pool;
    const char              *why;
    ngx_http_webhook_url_t   url;

    if (size == 0) {
        return 0;
    }

    fuzz_init(data[0]);

    if (data[0] & FUZZ_ADDRESS) {
        fuzz_address(data + 1, size - 1);
        return 0;
    }

    pool = fuzz_pool();
    text = fuzz_copy(pool, data + 1, size - 1);

    why = ngx_http_webhook_policy_url(&fuzz_conf, pool, &text, &url);

    if (why == NULL) {
        fuzz_check((url.scheme.len == 5
                    && ngx_memcmp(url.scheme.data, "https", 5) == 0)
                   || (fuzz_conf.allow_http && url.scheme.len == 4
                       && ngx_memcmp(url.scheme.data, "http", 4) == 0));

        fuzz_check(url.port == 443 || url.port >= 1024
                   || (fuzz_conf.allow_http && url.port == 80));

        fuzz_check(url.uri.len && url.uri.data[0] == '/');

        for (i = 0; i < url.uri.len; i++) {
            fuzz_check(url.uri.data[i] > ' ' && url.uri.data[i] < 0x7f
                       && url.uri.data[i] != '#');
        }

        fuzz_host(&url);
        fuzz_again(pool, &url);
    }

    ngx_destroy_pool(pool);

    return 0;
}
