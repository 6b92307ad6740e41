
/*
 * Copyright (C) the ngx_http_webhook_module authors
 */


/*
 * Where deliveries may go.  Deny by default: HTTPS to names alone, and no
 * address out of a range that the registries reserve.  Pure functions, any
 * thread.
 */


#include "ngx_http_webhook_policy.h"

#include <curl/curl.h>


typedef struct {
    const char  *range;
    const char  *name;
} ngx_http_webhook_range_t;


/*
 * The special-purpose registries of IANA (RFC 6890) as of 2025, what clouds use
 * beside them, and all of IPv6 that is not global unicast (2000::/3), which
 * nobody on the internet has.  The first range that an address lies in names
 * it.  An IPv4-mapped IPv6 address is looked up as the IPv4 address in it.
 */

static ngx_http_webhook_range_t  ngx_http_webhook_ranges4[] = {
    { "0.0.0.0/8", "this network (RFC 791)" },
    { "10.0.0.0/8", "private (RFC 1918)" },
    { "100.64.0.0/10", "shared, carrier-grade NAT (RFC 6598)" },
    { "127.0.0.0/8", "loopback (RFC 1122)" },
    { "168.63.129.16/32", "a cloud's platform (Azure)" },
    { "169.254.0.0/16", "link-local, cloud metadata (RFC 3927)" },
    { "172.16.0.0/12", "private (RFC 1918)" },
    { "192.0.0.0/24", "IETF protocol assignments (RFC 6890)" },
    { "192.0.2.0/24", "documentation (RFC 5737)" },
    { "192.31.196.0/24", "AS112 (RFC 7535)" },
    { "192.52.193.0/24", "AMT (RFC 7450)" },
    { "192.88.99.0/24", "6to4 relay (RFC 7526)" },
    { "192.168.0.0/16", "private (RFC 1918)" },
    { "192.175.48.0/24", "AS112 (RFC 7534)" },
    { "198.18.0.0/15", "benchmarking (RFC 2544)" },
    { "198.51.100.0/24", "documentation (RFC 5737)" },
    { "203.0.113.0/24", "documentation (RFC 5737)" },
    { "224.0.0.0/4", "multicast (RFC 5771)" },
    { "240.0.0.0/4", "reserved (RFC 1112)" },
    { NULL, NULL }
};


static ngx_http_webhook_range_t  ngx_http_webhook_ranges6[] = {
    { "::/128", "unspecified (RFC 4291)" },
    { "::1/128", "loopback (RFC 4291)" },
    { "::/96", "IPv4-compatible (RFC 4291)" },
    { "::ffff:0:0:0/96", "IPv4-translated (RFC 2765)" },
    { "64:ff9b::/96", "NAT64 (RFC 6052)" },
    { "64:ff9b:1::/48", "local NAT64 (RFC 8215)" },
    { "100::/64", "discard (RFC 6666)" },
    { "100:0:0:1::/64", "dummy (RFC 9780)" },
    { "2001::/32", "Teredo (RFC 4380)" },
    { "2001:2::/48", "benchmarking (RFC 5180)" },
    { "2001:10::/28", "ORCHID (RFC 4843)" },
    { "2001:20::/28", "ORCHIDv2 (RFC 7343)" },
    { "2001::/23", "IETF protocol assignments (RFC 2928)" },
    { "2001:db8::/32", "documentation (RFC 3849)" },
    { "2002::/16", "6to4 (RFC 3056)" },
    { "2620:4f:8000::/48", "AS112 (RFC 7534)" },
    { "3fff::/20", "documentation (RFC 9637)" },
    { "5f00::/16", "segment routing (RFC 9602)" },
    { "fc00::/7", "unique local (RFC 4193)" },
    { "fe80::/10", "link-local (RFC 4291)" },
    { "fec0::/10", "site-local (RFC 3879)" },
    { "ff00::/8", "multicast (RFC 4291)" },
    { "::/3", "not global unicast (RFC 4291)" },
    { "4000::/2", "not global unicast (RFC 4291)" },
    { "8000::/1", "not global unicast (RFC 4291)" },
    { NULL, NULL }
};


static const char *ngx_http_webhook_policy_host(
    ngx_http_webhook_main_conf_t *wmcf, ngx_http_webhook_url_t *parsed);


static const char *
ngx_http_webhook_policy_range(struct sockaddr *sockaddr,
    ngx_http_webhook_range_t *range)
{
    ngx_str_t    text;
    ngx_cidr_t   cidr;
    ngx_array_t  cidrs;

    ngx_memzero(&cidrs, sizeof(ngx_array_t));
    cidrs.elts = &cidr;
    cidrs.nelts = 1;

    for ( /* void */ ; range->range; range++) {

        text.data = (u_char *) range->range;
        text.len = ngx_strlen(range->range);

        if (ngx_ptocidr(&text, &cidr) == NGX_ERROR
            || ngx_cidr_match(sockaddr, &cidrs) == NGX_OK)
        {
            return range->name;
        }
    }

    return NULL;
}


const char *
ngx_http_webhook_policy_address(ngx_http_webhook_main_conf_t *wmcf,
    struct sockaddr *sockaddr)
{
    struct sockaddr_in    sin;
    struct sockaddr_in6  *sin6;

    if (sockaddr->sa_family != AF_INET && sockaddr->sa_family != AF_INET6) {
        return "not an internet address";
    }

    if (wmcf->deny_addresses
        && ngx_cidr_match(sockaddr, wmcf->deny_addresses) == NGX_OK)
    {
        return "denied by webhook_deny_address";
    }

    if (wmcf->allow_addresses
        && ngx_cidr_match(sockaddr, wmcf->allow_addresses) == NGX_OK)
    {
        return NULL;
    }

    if (sockaddr->sa_family == AF_INET6) {

        sin6 = (struct sockaddr_in6 *) sockaddr;

        if (!IN6_IS_ADDR_V4MAPPED(&sin6->sin6_addr)) {
            return ngx_http_webhook_policy_range(sockaddr,
                                                 ngx_http_webhook_ranges6);
        }

        ngx_memzero(&sin, sizeof(struct sockaddr_in));
        sin.sin_family = AF_INET;
        ngx_memcpy(&sin.sin_addr, &sin6->sin6_addr.s6_addr[12], 4);

        sockaddr = (struct sockaddr *) &sin;
    }

    return ngx_http_webhook_policy_range(sockaddr, ngx_http_webhook_ranges4);
}


static ngx_int_t
ngx_http_webhook_policy_part(CURLU *u, CURLUPart what, unsigned int flags,
    ngx_pool_t *pool, ngx_str_t *out)
{
    char       *part;
    ngx_int_t   rc;

    ngx_str_null(out);

    if (curl_url_get(u, what, &part, flags) != CURLUE_OK) {
        return NGX_DECLINED;
    }

    rc = NGX_OK;

    out->len = ngx_strlen(part);
    out->data = ngx_pnalloc(pool, out->len + 1);

    if (out->data == NULL) {
        rc = NGX_ERROR;

    } else {
        ngx_memcpy(out->data, part, out->len + 1);
    }

    curl_free(part);

    return rc;
}


static const char *
ngx_http_webhook_policy_pieces(CURLU *u, ngx_pool_t *pool,
    ngx_http_webhook_url_t *parsed)
{
    ngx_int_t  port;
    ngx_str_t  part, query;

    if (ngx_http_webhook_policy_part(u, CURLUPART_SCHEME, 0, pool,
                                     &parsed->scheme) != NGX_OK
        || ngx_http_webhook_policy_part(u, CURLUPART_HOST, 0, pool,
                                        &parsed->host) != NGX_OK
        || ngx_http_webhook_policy_part(u, CURLUPART_PATH, 0, pool,
                                        &parsed->uri) != NGX_OK)
    {
        return "is not a URL";
    }

    if (ngx_http_webhook_policy_part(u, CURLUPART_USER, 0, pool, &part)
            != NGX_DECLINED
        || ngx_http_webhook_policy_part(u, CURLUPART_PASSWORD, 0, pool, &part)
            != NGX_DECLINED)
    {
        return "must not hold a user name or a password";
    }

    if (ngx_http_webhook_policy_part(u, CURLUPART_FRAGMENT, 0, pool, &part)
        != NGX_DECLINED)
    {
        return "must not hold a fragment";
    }

    if (ngx_http_webhook_policy_part(u, CURLUPART_ZONEID, 0, pool, &part)
        != NGX_DECLINED)
    {
        return "must not hold the zone of an address";
    }

    if (ngx_http_webhook_policy_part(u, CURLUPART_PORT, CURLU_DEFAULT_PORT,
                                     pool, &part)
        != NGX_OK)
    {
        return "is not a URL";
    }

    port = ngx_atoi(part.data, part.len);
    if (port == NGX_ERROR || port < 1 || port > 65535) {
        return "holds a port that is none";
    }

    parsed->port = (in_port_t) port;

    if (ngx_http_webhook_policy_part(u, CURLUPART_QUERY, 0, pool, &query)
        == NGX_OK)
    {
        part.len = parsed->uri.len + 1 + query.len;
        part.data = ngx_pnalloc(pool, part.len);
        if (part.data == NULL) {
            return "could not be read";
        }

        ngx_sprintf(part.data, "%V?%V", &parsed->uri, &query);
        parsed->uri = part;
    }

    return NULL;
}


/* The name of a host: letters, digits, '-', '_' and '.', and no number. */

static const char *
ngx_http_webhook_policy_host(ngx_http_webhook_main_conf_t *wmcf,
    ngx_http_webhook_url_t *parsed)
{
    size_t          i, label;
    u_char          ch, text[NGX_INET_ADDRSTRLEN];
    ngx_str_t      *host;
    ngx_uint_t      digits;
    ngx_sockaddr_t  sa;

    host = &parsed->host;

    if (host->len > 2 && host->data[0] == '[') {
        host->data++;
        host->len -= 2;
        parsed->literal = 1;
        parsed->ipv6 = 1;
    }

    if (host->len && host->data[host->len - 1] == '.') {
        host->len--;
    }

    if (host->len == 0 || host->len > 253) {
        return "has no host name";
    }

    ngx_strlow(host->data, host->data, host->len);

    ngx_memzero(&sa, sizeof(ngx_sockaddr_t));

    if (parsed->ipv6) {
        sa.sockaddr.sa_family = AF_INET6;

        if (ngx_inet6_addr(host->data, host->len,
                           sa.sockaddr_in6.sin6_addr.s6_addr)
            != NGX_OK)
        {
            return "holds an IPv6 address that is none";
        }

    } else {
        sa.sockaddr.sa_family = AF_INET;
        sa.sockaddr_in.sin_addr.s_addr = ngx_inet_addr(host->data, host->len);

        if (sa.sockaddr_in.sin_addr.s_addr != INADDR_NONE) {

            /* nginx reads "192..2.1", which is a name to libcurl */

            if (ngx_inet_ntop(AF_INET, &sa.sockaddr_in.sin_addr, text,
                              NGX_INET_ADDRSTRLEN)
                    != host->len
                || ngx_strncmp(text, host->data, host->len) != 0)
            {
                return "must name a host, not an IP address";
            }

            parsed->literal = 1;
        }
    }

    if (parsed->literal) {
        if (wmcf->allow_addresses
            && ngx_cidr_match(&sa.sockaddr, wmcf->allow_addresses) == NGX_OK)
        {
            return ngx_http_webhook_policy_address(wmcf, &sa.sockaddr)
                   ? "holds a denied address" : NULL;
        }

        return "must name a host, not an IP address";
    }

    label = 0;
    digits = 1;

    for (i = 0; i < host->len; i++) {
        ch = host->data[i];

        if (ch == '.') {
            if (label == 0) {
                return "holds an empty label in its host name";
            }

            label = 0;
            digits = 1;
            continue;
        }

        if (ch < '0' || ch > '9') {
            digits = 0;
        }

        if (!((ch >= 'a' && ch <= 'z') || (ch >= '0' && ch <= '9')
              || ch == '-' || ch == '_'))
        {
            return "holds a host name with other characters than letters, "
                   "digits, '-', '_' and '.' (write an international name in "
                   "its xn-- form)";
        }

        if (++label > 63) {
            return "holds a label of over 63 bytes in its host name";
        }
    }

    if (digits || ngx_strncmp(host->data + host->len - label, "0x", 2) == 0) {
        return "must name a host, not an IP address";
    }

    return NULL;
}


static ngx_uint_t
ngx_http_webhook_policy_localhost(ngx_str_t *host)
{
    size_t             i, len;
    static const char *names[] = {
        "localhost", "localhost.localdomain", "localhost4",
        "localhost4.localdomain4", "localhost6", "localhost6.localdomain6",
        "ip6-localhost", "ip6-loopback", "loopback", NULL
    };

    for (i = 0; names[i]; i++) {
        len = ngx_strlen(names[i]);

        if (host->len == len && ngx_strncmp(host->data, names[i], len) == 0) {
            return 1;
        }
    }

    len = sizeof(".localhost") - 1;                 /* RFC 6761, section 6.3 */

    return host->len > len
           && ngx_strncmp(host->data + host->len - len, ".localhost", len)
              == 0;
}


const char *
ngx_http_webhook_policy_url(ngx_http_webhook_main_conf_t *wmcf,
    ngx_pool_t *pool, ngx_str_t *url, ngx_http_webhook_url_t *parsed)
{
    size_t       i;
    char        *text;
    CURLU       *u;
    u_char      *host;
    const char  *why;

    ngx_memzero(parsed, sizeof(ngx_http_webhook_url_t));

    if (url->len == 0 || url->len > NGX_HTTP_WEBHOOK_MAX_URL) {
        return "must have 1 to 2048 bytes";
    }

    for (i = 0; i < url->len; i++) {
        if (url->data[i] <= ' ' || url->data[i] >= 0x7f
            || url->data[i] == '\\')
        {
            return "holds a character that a URL must not hold "
                   "(write it percent-encoded)";
        }
    }

    /* libcurl mends other numbers of slashes */

    host = ngx_strnstr(url->data, "://", url->len);

    if (host == NULL || host + 3 == url->data + url->len || host[3] == '/') {
        return "is not a URL";
    }

    text = ngx_pnalloc(pool, url->len + 1);
    u = curl_url();

    if (text == NULL || u == NULL) {
        curl_url_cleanup(u);
        return "could not be read";
    }

    ngx_memcpy(text, url->data, url->len);
    text[url->len] = '\0';

    why = (curl_url_set(u, CURLUPART_URL, text,
                        CURLU_NON_SUPPORT_SCHEME|CURLU_PATH_AS_IS)
           == CURLUE_OK)
          ? ngx_http_webhook_policy_pieces(u, pool, parsed)
          : "is not a URL";

    curl_url_cleanup(u);

    if (parsed->scheme.len
        && ngx_strcmp(parsed->scheme.data, "https") != 0
        && !(wmcf->allow_http
             && ngx_strcmp(parsed->scheme.data, "http") == 0))
    {
        return "must begin with https://";
    }

    if (why) {
        return why;
    }

    why = ngx_http_webhook_policy_host(wmcf, parsed);
    if (why) {
        return why;
    }

    if (!parsed->literal && ngx_http_webhook_policy_localhost(&parsed->host)) {
        return "must not name this machine";
    }

    if (parsed->port < 1024 && parsed->port != 443
        && !(wmcf->allow_http && parsed->port == 80))
    {
        return "must use port 443 or a port of 1024 and above";
    }

    return NULL;
}
