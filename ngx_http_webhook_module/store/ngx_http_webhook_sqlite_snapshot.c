
/*
 * Copyright (C) the ngx_http_webhook_module authors
 */


/*
 * The compiled configuration: which companies there are, who of them has
 * access, which webhooks want what, and which events there are.  It belongs to the writing thread.
 * It is brought up to date from the rows that changed after its generation,
 * so that a change of one among 100,000 webhooks costs one.  Each new version
 * of a webhook also goes to the event loop, by the "changed" queue.
 */


#include "ngx_http_webhook_sqlite.h"
#include "ngx_http_webhook_name.h"

#include <openssl/crypto.h>


typedef struct {
    ngx_rbtree_node_t            node;
    ngx_http_webhook_target_t   *target;
    ngx_uint_t                   wanted;     /* enabled, company aside */
} ngx_http_webhook_sqlite_target_t;


static ngx_int_t ngx_http_webhook_sqlite_load_companies(
    ngx_http_webhook_sqlite_t *s);
static ngx_int_t ngx_http_webhook_sqlite_load_company(
    ngx_http_webhook_sqlite_t *s, ngx_http_webhook_id_t id, ngx_str_t *uid,
    ngx_uint_t enabled, ngx_uint_t deleted);
static ngx_int_t ngx_http_webhook_sqlite_load_webhooks(
    ngx_http_webhook_sqlite_t *s);
static ngx_int_t ngx_http_webhook_sqlite_load_webhook(
    ngx_http_webhook_sqlite_t *s, sqlite3_stmt *stmt, ngx_pool_t *pool);
static ngx_int_t ngx_http_webhook_sqlite_load_sealed(
    ngx_http_webhook_sqlite_t *s, sqlite3_stmt *stmt, ngx_pool_t *pool,
    ngx_http_webhook_target_t *model);
static ngx_int_t ngx_http_webhook_sqlite_replace(ngx_http_webhook_sqlite_t *s,
    ngx_http_webhook_target_t *model, ngx_uint_t wanted);
static void ngx_http_webhook_sqlite_detach(ngx_http_webhook_sqlite_t *s,
    ngx_http_webhook_target_t *target);


#if (NGX_PTR_SIZE == 4)
#error ngx_http_webhook_module needs a 64-bit platform
#endif


/* Trees by identifier: a node's key is the identifier itself. */

static ngx_rbtree_node_t *
ngx_http_webhook_sqlite_find(ngx_rbtree_t *tree, ngx_http_webhook_id_t id)
{
    ngx_rbtree_node_t  *node;

    node = tree->root;

    while (node != tree->sentinel) {

        if (node->key == (ngx_rbtree_key_t) id) {
            return node;
        }

        node = ((ngx_rbtree_key_t) id < node->key) ? node->left : node->right;
    }

    return NULL;
}


ngx_int_t
ngx_http_webhook_sqlite_snapshot_init(ngx_http_webhook_sqlite_t *s)
{
    /* companies live as long as the session: there are few changes of uid */

    s->pool = ngx_create_pool(4096, s->log);
    if (s->pool == NULL) {
        return NGX_ERROR;
    }

    s->pool->log = s->conf->log;

    ngx_rbtree_init(&s->companies, &s->companies_sentinel,
                    ngx_rbtree_insert_value);
    ngx_rbtree_init(&s->uids, &s->uids_sentinel, ngx_str_rbtree_insert_value);
    ngx_rbtree_init(&s->targets, &s->targets_sentinel,
                    ngx_rbtree_insert_value);

    ngx_http_webhook_sqlite_catalogue_init(s);

    s->snapshot = 0;

    return NGX_OK;
}


void
ngx_http_webhook_sqlite_snapshot_free(ngx_http_webhook_sqlite_t *s)
{
    ngx_queue_t                        *q;
    ngx_rbtree_node_t                  *node;
    ngx_http_webhook_target_t          *target;
    ngx_http_webhook_sqlite_target_t   *entry;
    ngx_http_webhook_sqlite_company_t  *company;

    if (s->pool == NULL) {
        return;
    }

    while (!ngx_queue_empty(&s->changed)) {
        q = ngx_queue_head(&s->changed);
        ngx_queue_remove(q);

        target = ngx_queue_data(q, ngx_http_webhook_target_t, link);
        ngx_http_webhook_target_unref(target);
    }

    if (s->targets.root) {
        while (s->targets.root != s->targets.sentinel) {
            node = s->targets.root;
            entry = (ngx_http_webhook_sqlite_target_t *) node;

            ngx_rbtree_delete(&s->targets, node);
            ngx_http_webhook_target_unref(entry->target);
            ngx_free(entry);
        }
    }

    while (s->companies.root != s->companies.sentinel) {
        company = (ngx_http_webhook_sqlite_company_t *) s->companies.root;

        ngx_rbtree_delete(&s->companies, &company->node);
        ngx_http_webhook_share_unref(company->share);
    }

    ngx_http_webhook_sqlite_catalogue_free(s);

    ngx_destroy_pool(s->pool);
    s->pool = NULL;
}


ngx_int_t
ngx_http_webhook_sqlite_snapshot(ngx_http_webhook_sqlite_t *s)
{
    if (s->snapshot == s->generation) {
        return NGX_OK;
    }

    if (ngx_http_webhook_sqlite_load_companies(s) != NGX_OK
        || ngx_http_webhook_sqlite_load_webhooks(s) != NGX_OK
        || ngx_http_webhook_sqlite_catalogue_load(s) != NGX_OK)
    {
        /* what was loaded is right, and will be loaded again */
        return NGX_ERROR;
    }

    s->snapshot = s->generation;

    return NGX_OK;
}


ngx_http_webhook_sqlite_company_t *
ngx_http_webhook_sqlite_company(ngx_http_webhook_sqlite_t *s, ngx_str_t *ref)
{
    uint32_t                             hash;
    ngx_str_node_t                      *sn;
    ngx_http_webhook_id_t                id;
    ngx_http_webhook_sqlite_company_t   *company;

    id = ngx_http_webhook_id_read(ref, "co_");

    if (id) {
        company = (ngx_http_webhook_sqlite_company_t *)
                      ngx_http_webhook_sqlite_find(&s->companies, id);

        return (company && company->deleted) ? NULL : company;
    }

    hash = ngx_crc32_short(ref->data, ref->len);

    sn = ngx_str_rbtree_lookup(&s->uids, ref, hash);
    if (sn == NULL) {
        return NULL;
    }

    return (ngx_http_webhook_sqlite_company_t *)
               ((u_char *) sn
                - offsetof(ngx_http_webhook_sqlite_company_t, uid));
}


ngx_http_webhook_sqlite_company_t *
ngx_http_webhook_sqlite_company_of(ngx_http_webhook_sqlite_t *s,
    ngx_http_webhook_id_t id)
{
    return (ngx_http_webhook_sqlite_company_t *)
               ngx_http_webhook_sqlite_find(&s->companies, id);
}


ngx_http_webhook_target_t *
ngx_http_webhook_sqlite_target(ngx_http_webhook_sqlite_t *s,
    ngx_http_webhook_id_t id)
{
    ngx_rbtree_node_t  *node;

    node = ngx_http_webhook_sqlite_find(&s->targets, id);

    return node ? ((ngx_http_webhook_sqlite_target_t *) node)->target : NULL;
}


static ngx_int_t
ngx_http_webhook_sqlite_load_companies(ngx_http_webhook_sqlite_t *s)
{
    ngx_int_t      rc;
    ngx_str_t      uid;
    sqlite3_stmt  *stmt;

    stmt = ngx_http_webhook_sqlite_stmt(s,
                                        NGX_HTTP_WEBHOOK_SQL_COMPANY_CHANGED);
    ngx_http_webhook_sqlite_int(stmt, 1, s->snapshot);

    for ( ;; ) {
        rc = ngx_http_webhook_sqlite_step(s, stmt);

        if (rc != NGX_OK) {
            return (rc == NGX_DONE) ? NGX_OK : NGX_ERROR;
        }

        uid.data = (u_char *) sqlite3_column_text(stmt, 1);
        uid.len = uid.data ? sqlite3_column_bytes(stmt, 1) : 0;

        if (ngx_http_webhook_sqlite_load_company(s,
                sqlite3_column_int64(stmt, 0), &uid,
                sqlite3_column_int(stmt, 2), sqlite3_column_int64(stmt, 3) != 0)
            != NGX_OK)
        {
            return NGX_ERROR;
        }
    }
}


static ngx_int_t
ngx_http_webhook_sqlite_load_company(ngx_http_webhook_sqlite_t *s,
    ngx_http_webhook_id_t id, ngx_str_t *uid, ngx_uint_t enabled,
    ngx_uint_t deleted)
{
    ngx_uint_t                           i;
    ngx_rbtree_node_t                   *node;
    ngx_http_webhook_target_t          **targets, model;
    ngx_http_webhook_sqlite_company_t   *company;
    ngx_http_webhook_sqlite_target_t    *entry;

    company = (ngx_http_webhook_sqlite_company_t *)
                  ngx_http_webhook_sqlite_find(&s->companies, id);

    if (company == NULL) {
        company = ngx_pcalloc(s->pool,
                              sizeof(ngx_http_webhook_sqlite_company_t));
        if (company == NULL
            || ngx_array_init(&company->webhooks, s->pool, 4, sizeof(void *))
               != NGX_OK)
        {
            return NGX_ERROR;
        }

        company->share = ngx_http_webhook_share_create(s->log);
        if (company->share == NULL) {
            return NGX_ERROR;
        }

        company->id = id;
        company->enabled = (enabled != 0);
        company->node.key = (ngx_rbtree_key_t) id;
        ngx_rbtree_insert(&s->companies, &company->node);
    }

    company->deleted = (deleted != 0);

    if (company->indexed
        && (company->uid.str.len != uid->len
            || ngx_memcmp(company->uid.str.data, uid->data, uid->len) != 0))
    {
        ngx_rbtree_delete(&s->uids, &company->uid.node);
        company->indexed = 0;
    }

    if (!company->indexed && uid->data) {
        company->uid.str.len = uid->len;
        company->uid.str.data = ngx_pstrdup(s->pool, uid);
        if (company->uid.str.data == NULL) {
            return NGX_ERROR;
        }

        company->uid.node.key = ngx_crc32_short(uid->data, uid->len);
        ngx_rbtree_insert(&s->uids, &company->uid.node);
        company->indexed = 1;
    }

    if (company->enabled == (enabled != 0)) {
        return NGX_OK;
    }

    company->enabled = (enabled != 0);

    /* its webhooks may deliver now, or may not any more */

    targets = company->webhooks.elts;

    for (i = 0; i < company->webhooks.nelts; i++) {

        node = ngx_http_webhook_sqlite_find(&s->targets, targets[i]->id);
        if (node == NULL) {
            continue;
        }

        entry = (ngx_http_webhook_sqlite_target_t *) node;

        model = *targets[i];
        model.enabled = entry->wanted && company->enabled;

        if (ngx_http_webhook_sqlite_replace(s, &model, entry->wanted)
            != NGX_OK)
        {
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_webhook_sqlite_load_webhooks(ngx_http_webhook_sqlite_t *s)
{
    ngx_int_t      rc;
    ngx_pool_t    *pool;
    sqlite3_stmt  *stmt;

    stmt = ngx_http_webhook_sqlite_stmt(s,
                                        NGX_HTTP_WEBHOOK_SQL_WEBHOOK_CHANGED);
    ngx_http_webhook_sqlite_int(stmt, 1, s->snapshot);

    s->nlocked = 0;

    for ( ;; ) {
        rc = ngx_http_webhook_sqlite_step(s, stmt);

        if (rc != NGX_OK) {
            break;
        }

        pool = ngx_create_pool(4096, s->log);
        if (pool == NULL) {
            return NGX_ERROR;
        }

        rc = ngx_http_webhook_sqlite_load_webhook(s, stmt, pool);

        ngx_destroy_pool(pool);

        if (rc != NGX_OK) {
            return NGX_ERROR;
        }
    }

    if (s->nlocked) {
        ngx_log_error(NGX_LOG_CRIT, s->log, 0,
                      "webhook store \"%V\": the secrets of %ui webhooks "
                      "cannot be opened with \"%V\": their events wait",
                      &s->conf->path, s->nlocked, &s->conf->key_file);
    }

    return (rc == NGX_DONE) ? NGX_OK : NGX_ERROR;
}


static ngx_int_t
ngx_http_webhook_sqlite_load_webhook(ngx_http_webhook_sqlite_t *s,
    sqlite3_stmt *stmt, ngx_pool_t *pool)
{
    ngx_int_t                           rc;
    ngx_uint_t                          wanted;
    ngx_http_webhook_target_t           model;
    ngx_http_webhook_sqlite_company_t  *company;

    ngx_memzero(&model, sizeof(ngx_http_webhook_target_t));

    model.id = sqlite3_column_int64(stmt, 0);
    model.company_id = sqlite3_column_int64(stmt, 1);
    model.previous_until = sqlite3_column_int64(stmt, 6);
    model.deleted = (sqlite3_column_int64(stmt, 7) != 0);
    model.failing = sqlite3_column_int(stmt, 16);

    company = (ngx_http_webhook_sqlite_company_t *)
                  ngx_http_webhook_sqlite_find(&s->companies,
                                               model.company_id);
    if (company == NULL) {
        return NGX_OK;
    }

    wanted = sqlite3_column_int(stmt, 3) && !model.deleted;
    model.enabled = wanted && company->enabled;

    if (ngx_http_webhook_sqlite_column(stmt, 2, pool, &model.url_text)
            != NGX_OK
        || ngx_http_webhook_sqlite_rules(stmt, 8, pool, &model.rules)
            != NGX_OK)
    {
        return NGX_ERROR;
    }

    model.refused = ngx_http_webhook_policy_url(s->conf->wmcf, pool,
                                                &model.url_text, &model.url);

    if (!model.deleted
        && ngx_http_webhook_sqlite_load_sealed(s, stmt, pool, &model)
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (ngx_http_webhook_sqlite_subscriptions(s, model.id, pool,
                                              &model.nevents, &model.events)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    rc = ngx_http_webhook_sqlite_replace(s, &model, wanted);

    OPENSSL_cleanse(model.secret.data, model.secret.len);
    OPENSSL_cleanse(model.previous.data, model.previous.len);

    return rc;
}


/* What no key opens waits until one does: nothing can be signed. */

static ngx_int_t
ngx_http_webhook_sqlite_load_sealed(ngx_http_webhook_sqlite_t *s,
    sqlite3_stmt *stmt, ngx_pool_t *pool, ngx_http_webhook_target_t *model)
{
    ngx_int_t                    rc;
    ngx_http_webhook_webhook_t   webhook;

    ngx_memzero(&webhook, sizeof(ngx_http_webhook_webhook_t));

    webhook.id = model->id;

    rc = ngx_http_webhook_sqlite_unseal(s, stmt, 4, 13, pool, &webhook);

    if (rc == NGX_ERROR) {
        return NGX_ERROR;
    }

    if (rc == NGX_DECLINED) {

        if (s->nlocked++ == 0) {
            ngx_http_webhook_sqlite_unseal_failed(s, stmt, 15, model->id);
        }

        model->locked = 1;
        return NGX_OK;
    }

    model->secret = webhook.secret;
    model->previous = webhook.previous;
    model->nheaders = webhook.nheaders;
    model->headers = webhook.headers;

    return ngx_http_webhook_sqlite_column(stmt, 13, pool,
                                          &model->header_names);
}


/* Puts a new version in the place of the old one, and tells the loop. */

static ngx_int_t
ngx_http_webhook_sqlite_replace(ngx_http_webhook_sqlite_t *s,
    ngx_http_webhook_target_t *model, ngx_uint_t wanted)
{
    ngx_uint_t                           i;
    ngx_rbtree_node_t                   *node;
    ngx_http_webhook_target_t           *target, *old, **slot;
    ngx_http_webhook_sqlite_target_t    *entry;
    ngx_http_webhook_sqlite_company_t   *company;

    node = ngx_http_webhook_sqlite_find(&s->targets, model->id);
    entry = (ngx_http_webhook_sqlite_target_t *) node;
    old = entry ? entry->target : NULL;

    if (old == NULL && model->deleted) {
        return NGX_OK;
    }

    company = (ngx_http_webhook_sqlite_company_t *)
                  ngx_http_webhook_sqlite_find(&s->companies,
                                               model->company_id);

    target = ngx_http_webhook_target_create(model, old ? old->load : NULL,
                                            company->share, s->log);
    if (target == NULL) {
        return NGX_ERROR;
    }

    if (entry == NULL) {
        entry = ngx_alloc(sizeof(ngx_http_webhook_sqlite_target_t), s->log);
        if (entry == NULL) {
            ngx_http_webhook_target_unref(target);
            return NGX_ERROR;
        }

        entry->node.key = (ngx_rbtree_key_t) target->id;
        ngx_rbtree_insert(&s->targets, &entry->node);
    }

    entry->target = target;
    entry->wanted = wanted;

    slot = NULL;

    if (old) {
        slot = company->webhooks.elts;

        for (i = 0; i < company->webhooks.nelts && slot[i] != old; i++) {
            /* void */
        }

        slot = (i < company->webhooks.nelts) ? &slot[i] : NULL;
    }

    if (slot) {
        *slot = target;

    } else if (!target->deleted) {
        slot = ngx_array_push(&company->webhooks);
        if (slot == NULL) {
            ngx_rbtree_delete(&s->targets, &entry->node);
            ngx_free(entry);
            ngx_http_webhook_target_unref(target);
            return NGX_ERROR;
        }

        *slot = target;
    }

    ngx_http_webhook_target_ref(target);
    ngx_queue_insert_tail(&s->changed, &target->link);

    if (old) {
        ngx_http_webhook_target_unref(old);
    }

    if (target->deleted) {
        ngx_http_webhook_sqlite_detach(s, target);
        ngx_rbtree_delete(&s->targets, &entry->node);
        ngx_http_webhook_target_unref(target);
        ngx_free(entry);
    }

    return NGX_OK;
}


/* Takes a webhook that is gone off its company's list. */

static void
ngx_http_webhook_sqlite_detach(ngx_http_webhook_sqlite_t *s,
    ngx_http_webhook_target_t *target)
{
    ngx_uint_t                           i;
    ngx_http_webhook_target_t          **targets;
    ngx_http_webhook_sqlite_company_t   *company;

    company = (ngx_http_webhook_sqlite_company_t *)
                  ngx_http_webhook_sqlite_find(&s->companies,
                                               target->company_id);

    targets = company->webhooks.elts;

    for (i = 0; i < company->webhooks.nelts; i++) {
        if (targets[i] == target) {
            targets[i] = targets[--company->webhooks.nelts];
            return;
        }
    }
}
