
/*
 * Copyright (C) the ngx_http_webhook_module authors
 */


/*
 * libcurl parses the URL of a handle for each transfer, writes it anew from
 * its parts and forgets both; of one that is parsed already it takes a copy.
 * That is 7 % of what a request costs, and most go where others went before.
 */


#include "ngx_http_webhook_transport_urls.h"


static ngx_http_webhook_urls_entry_t *ngx_http_webhook_urls_add(
    ngx_http_webhook_urls_t *urls, ngx_str_t *url, uint32_t hash);
static void ngx_http_webhook_urls_delete(ngx_http_webhook_urls_t *urls,
    ngx_http_webhook_urls_entry_t *entry);


void
ngx_http_webhook_urls_init(ngx_http_webhook_urls_t *urls, ngx_log_t *log)
{
    ngx_rbtree_init(&urls->tree, &urls->sentinel,
                    ngx_str_rbtree_insert_value);
    ngx_queue_init(&urls->unused);

    urls->nunused = 0;
    urls->log = log;
}


ngx_http_webhook_urls_entry_t *
ngx_http_webhook_urls_get(ngx_http_webhook_urls_t *urls, ngx_str_t *url)
{
    uint32_t                        hash;
    ngx_str_node_t                 *node;
    ngx_http_webhook_urls_entry_t  *entry;

    hash = ngx_murmur_hash2(url->data, url->len);

    node = ngx_str_rbtree_lookup(&urls->tree, url, hash);

    if (node == NULL) {
        return ngx_http_webhook_urls_add(urls, url, hash);
    }

    entry = (ngx_http_webhook_urls_entry_t *)
                ((u_char *) node
                 - offsetof(ngx_http_webhook_urls_entry_t, node));

    if (entry->uses++ == 0) {
        ngx_queue_remove(&entry->queue);
        urls->nunused--;
    }

    return entry;
}


static ngx_http_webhook_urls_entry_t *
ngx_http_webhook_urls_add(ngx_http_webhook_urls_t *urls, ngx_str_t *url,
    uint32_t hash)
{
    ngx_http_webhook_urls_entry_t  *entry;

    entry = ngx_alloc(sizeof(ngx_http_webhook_urls_entry_t) + url->len + 1,
                      urls->log);
    if (entry == NULL) {
        return NULL;
    }

    entry->node.str.data = (u_char *) entry
                           + sizeof(ngx_http_webhook_urls_entry_t);
    entry->node.str.len = url->len;

    ngx_memcpy(entry->node.str.data, url->data, url->len);
    entry->node.str.data[url->len] = '\0';

    entry->parsed = curl_url();

    if (entry->parsed == NULL
        || curl_url_set(entry->parsed, CURLUPART_URL,
                        (char *) entry->node.str.data, CURLU_PATH_AS_IS)
           != CURLUE_OK)
    {
        curl_url_cleanup(entry->parsed);
        ngx_free(entry);
        return NULL;
    }

    entry->uses = 1;
    entry->node.node.key = hash;

    ngx_rbtree_insert(&urls->tree, &entry->node.node);

    return entry;
}


void
ngx_http_webhook_urls_put(ngx_http_webhook_urls_t *urls,
    ngx_http_webhook_urls_entry_t *entry)
{
    ngx_queue_t  *q;

    if (--entry->uses) {
        return;
    }

    ngx_queue_insert_head(&urls->unused, &entry->queue);

    if (urls->nunused++ < NGX_HTTP_WEBHOOK_TRANSPORT_URLS) {
        return;
    }

    q = ngx_queue_last(&urls->unused);

    ngx_http_webhook_urls_delete(urls,
                                 ngx_queue_data(q,
                                                ngx_http_webhook_urls_entry_t,
                                                queue));
}


/* One that is not used. */

static void
ngx_http_webhook_urls_delete(ngx_http_webhook_urls_t *urls,
    ngx_http_webhook_urls_entry_t *entry)
{
    ngx_queue_remove(&entry->queue);
    urls->nunused--;

    ngx_rbtree_delete(&urls->tree, &entry->node.node);

    curl_url_cleanup(entry->parsed);
    ngx_free(entry);
}


void
ngx_http_webhook_urls_free(ngx_http_webhook_urls_t *urls)
{
    ngx_queue_t  *q;

    while (!ngx_queue_empty(&urls->unused)) {
        q = ngx_queue_head(&urls->unused);

        ngx_http_webhook_urls_delete(urls,
                                     ngx_queue_data(q,
                                                ngx_http_webhook_urls_entry_t,
                                                queue));
    }
}
