
/*
 * Copyright (C) the ngx_http_webhook_module authors
 */


/*
 * The life of a webhook event in the store: ingested, the result of an
 * attempt, given back.  Runs in the writing thread, inside a transaction.
 */


#include "ngx_http_webhook_sqlite.h"
#include "ngx_http_webhook_name.h"
#include "ngx_http_webhook_sign.h"
#include "ngx_http_webhook_zone.h"


static ngx_int_t ngx_http_webhook_sqlite_key_find(
    ngx_http_webhook_sqlite_t *s, ngx_http_webhook_ingest_op_t *in);
static ngx_int_t ngx_http_webhook_sqlite_key_insert(
    ngx_http_webhook_sqlite_t *s, ngx_http_webhook_ingest_op_t *in);
static ngx_int_t ngx_http_webhook_sqlite_message(ngx_http_webhook_sqlite_t *s,
    ngx_http_webhook_ingest_op_t *in);
static ngx_int_t ngx_http_webhook_sqlite_event(ngx_http_webhook_sqlite_t *s,
    ngx_http_webhook_ingest_op_t *in, ngx_http_webhook_target_t *target);
static ngx_int_t ngx_http_webhook_sqlite_result_set(
    ngx_http_webhook_sqlite_t *s, ngx_http_webhook_result_op_t *result,
    ngx_uint_t *late);
static ngx_int_t ngx_http_webhook_sqlite_attempt(ngx_http_webhook_sqlite_t *s,
    ngx_http_webhook_result_op_t *result);
static ngx_int_t ngx_http_webhook_sqlite_attempt_supersede(
    ngx_http_webhook_sqlite_t *s, ngx_http_webhook_attempt_t *a,
    int64_t *previous, ngx_uint_t *number);
static ngx_int_t ngx_http_webhook_sqlite_attempt_before(
    ngx_http_webhook_sqlite_t *s, ngx_http_webhook_id_t event_id,
    int64_t *previous, ngx_uint_t *number);
static ngx_int_t ngx_http_webhook_sqlite_value(ngx_http_webhook_sqlite_t *s,
    ngx_http_webhook_sql_e name, int64_t id, int64_t *value);
static void ngx_http_webhook_sqlite_ended(ngx_http_webhook_sqlite_t *s,
    ngx_http_webhook_status_e status);


ngx_int_t
ngx_http_webhook_sqlite_ingest(ngx_http_webhook_sqlite_t *s,
    ngx_http_webhook_op_t *op)
{
    ngx_http_webhook_ingest_op_t *in = (ngx_http_webhook_ingest_op_t *) op;

    ngx_int_t                            rc;
    ngx_uint_t                           i, j;
    ngx_http_webhook_target_t          **targets, *target;
    ngx_http_webhook_sqlite_company_t   *company;

    in->count = 0;
    in->repeated = 0;

    company = ngx_http_webhook_sqlite_company(s, &in->company);

    if (company == NULL) {
        op->status = NGX_HTTP_WEBHOOK_STORE_COMPANY_NOT_FOUND;
        return NGX_OK;
    }

    if (!company->enabled) {
        op->status = NGX_HTTP_WEBHOOK_STORE_NO_ACCESS;
        return NGX_OK;
    }

    in->message.company_id = company->id;

    if (in->key.data) {
        rc = ngx_http_webhook_sqlite_key_find(s, in);

        if (rc != NGX_DECLINED) {
            return rc;
        }
    }

    if (op->type == NGX_HTTP_WEBHOOK_OP_INGEST
        && !ngx_http_webhook_sqlite_event_known(s, &in->message.event))
    {
        op->status = NGX_HTTP_WEBHOOK_STORE_UNKNOWN_EVENT;
        return NGX_OK;
    }

    if (op->type == NGX_HTTP_WEBHOOK_OP_TEST) {

        target = ngx_http_webhook_sqlite_target(s, in->webhook_id);

        if (target == NULL
            || target->deleted
            || target->company_id != company->id)
        {
            op->status = NGX_HTTP_WEBHOOK_STORE_NOT_FOUND;
            return NGX_OK;
        }

        if (ngx_http_webhook_sqlite_message(s, in) != NGX_OK) {
            return NGX_ERROR;
        }

        return ngx_http_webhook_sqlite_event(s, in, target);
    }

    if (ngx_http_webhook_sqlite_message(s, in) != NGX_OK) {
        return NGX_ERROR;
    }

    targets = company->webhooks.elts;

    for (i = 0; i < company->webhooks.nelts; i++) {

        target = targets[i];

        /* the company has access: "not enabled" is the webhook's own */

        if (!target->enabled) {
            continue;
        }

        for (j = 0; j < target->nevents; j++) {
            if (ngx_http_webhook_subscription_match(&target->events[j],
                                                    &in->message.event))
            {
                if (ngx_http_webhook_sqlite_event(s, in, target) != NGX_OK) {
                    return NGX_ERROR;
                }

                break;
            }
        }
    }

    return in->key.data ? ngx_http_webhook_sqlite_key_insert(s, in) : NGX_OK;
}


/* What is the same where two events are. */

static ngx_int_t
ngx_http_webhook_sqlite_key_digest(ngx_http_webhook_ingest_op_t *in,
    u_char *digest)
{
    u_char     *p;
    ngx_str_t   text;

    text.len = in->message.event.len + 1 + in->message.payload.len;
    text.data = ngx_pnalloc(in->op.pool, text.len);
    if (text.data == NULL) {
        return NGX_ERROR;
    }

    p = ngx_cpymem(text.data, in->message.event.data, in->message.event.len);
    *p++ = '\0';
    ngx_memcpy(p, in->message.payload.data, in->message.payload.len);

    return ngx_http_webhook_digest(&text, digest);
}


/* NGX_DECLINED where the key is new, or its window is over. */

static ngx_int_t
ngx_http_webhook_sqlite_key_find(ngx_http_webhook_sqlite_t *s,
    ngx_http_webhook_ingest_op_t *in)
{
    u_char                  digest[NGX_HTTP_WEBHOOK_KEY_LEN];
    ngx_int_t               rc;
    sqlite3_stmt           *stmt;
    ngx_http_webhook_id_t   id;

    stmt = ngx_http_webhook_sqlite_stmt(s, NGX_HTTP_WEBHOOK_SQL_KEY_FIND);

    ngx_http_webhook_sqlite_int(stmt, 1, in->message.company_id);
    ngx_http_webhook_sqlite_text(stmt, 2, &in->key);

    rc = ngx_http_webhook_sqlite_step(s, stmt);

    if (rc != NGX_OK) {
        return (rc == NGX_DONE) ? NGX_DECLINED : NGX_ERROR;
    }

    id = sqlite3_column_int64(stmt, 0);

    if (ngx_http_webhook_id_msec(id) + (int64_t) s->conf->window < s->now) {
        rc = NGX_DECLINED;

    } else if (ngx_http_webhook_sqlite_key_digest(in, digest) != NGX_OK) {
        rc = NGX_ERROR;

    } else if (sqlite3_column_bytes(stmt, 2) != sizeof(digest)
               || ngx_memcmp(sqlite3_column_blob(stmt, 2), digest,
                             sizeof(digest))
                  != 0)
    {
        in->op.status = NGX_HTTP_WEBHOOK_STORE_KEY_REUSED;

    } else {
        in->message.id = id;
        in->count = (ngx_uint_t) sqlite3_column_int64(stmt, 1);
        in->repeated = 1;
    }

    (void) sqlite3_reset(stmt);

    return rc;
}


static ngx_int_t
ngx_http_webhook_sqlite_key_insert(ngx_http_webhook_sqlite_t *s,
    ngx_http_webhook_ingest_op_t *in)
{
    u_char         digest[NGX_HTTP_WEBHOOK_KEY_LEN];
    ngx_str_t      text;
    sqlite3_stmt  *stmt;

    if (ngx_http_webhook_sqlite_key_digest(in, digest) != NGX_OK) {
        return NGX_ERROR;
    }

    text.data = digest;
    text.len = sizeof(digest);

    stmt = ngx_http_webhook_sqlite_stmt(s, NGX_HTTP_WEBHOOK_SQL_KEY_INSERT);

    ngx_http_webhook_sqlite_int(stmt, 1, in->message.company_id);
    ngx_http_webhook_sqlite_text(stmt, 2, &in->key);
    ngx_http_webhook_sqlite_int(stmt, 3, in->message.id);
    ngx_http_webhook_sqlite_int(stmt, 4, in->count);
    ngx_http_webhook_sqlite_blob(stmt, 5, &text);

    return ngx_http_webhook_sqlite_exec(s, stmt);
}


static ngx_int_t
ngx_http_webhook_sqlite_message(ngx_http_webhook_sqlite_t *s,
    ngx_http_webhook_ingest_op_t *in)
{
    sqlite3_stmt  *stmt;

    in->message.id = ngx_http_webhook_sqlite_id(s);
    s->tally.messages++;

    stmt = ngx_http_webhook_sqlite_stmt(s,
                                        NGX_HTTP_WEBHOOK_SQL_MESSAGE_INSERT);

    ngx_http_webhook_sqlite_int(stmt, 1, in->message.id);
    ngx_http_webhook_sqlite_int(stmt, 2, in->message.company_id);
    ngx_http_webhook_sqlite_text(stmt, 3, &in->message.event);
    ngx_http_webhook_sqlite_blob(stmt, 4, &in->message.payload);

    return ngx_http_webhook_sqlite_exec(s, stmt);
}


/*
 * A webhook event: this worker's own, delivered from its memory, as long as
 * it has room for it; the store's otherwise.
 */

static ngx_int_t
ngx_http_webhook_sqlite_event(ngx_http_webhook_sqlite_t *s,
    ngx_http_webhook_ingest_op_t *in, ngx_http_webhook_target_t *target)
{
    int64_t                   until;
    ngx_msec_t                wait;
    ngx_uint_t                owner, test;
    ngx_http_webhook_held_t  *held;

    in->event_id = ngx_http_webhook_sqlite_id(s);
    in->count++;

    held = ngx_pcalloc(in->op.pool, sizeof(ngx_http_webhook_held_t));
    if (held == NULL) {
        return NGX_ERROR;
    }

    held->id = in->event_id;
    held->webhook_id = target->id;
    held->message = &in->message;

    owner = 0;
    test = (in->op.type == NGX_HTTP_WEBHOOK_OP_TEST);

    if (ngx_http_webhook_sqlite_open_until(s, target->id, &until) != NGX_OK) {
        return NGX_ERROR;
    }

    wait = ngx_http_webhook_zone_wait(s->conf->wmcf, target->id,
                                      &target->rules);

    if (wait > NGX_HTTP_WEBHOOK_PAUSE) {
        until = ngx_max(until, s->now + (int64_t) wait);
    }

    if (target->locked) {
        until = ngx_max(until, s->now + NGX_HTTP_WEBHOOK_SQLITE_LOCKED);
    }

    if (target->rules.ordered && !test) {
        in->ordered = 1;                     /* claimed, one by one */

    } else if (until && !test) {
        /* paused, by its breaker or its rate: it waits in the store */

    } else if (ngx_http_webhook_held_take(s->conf, held, target->load, test))
    {
        owner = s->lock.owner;
        ngx_queue_insert_tail(&in->held, &held->queue);
    }

    if (ngx_http_webhook_sqlite_event_insert(s, target, held->id,
                                             in->message.id, owner, test)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    return owner ? NGX_OK
                 : ngx_http_webhook_sqlite_queue_add(s, target->id,
                                                     ngx_max(until, s->now));
}


ngx_int_t
ngx_http_webhook_sqlite_event_insert(ngx_http_webhook_sqlite_t *s,
    ngx_http_webhook_target_t *target, ngx_http_webhook_id_t id,
    ngx_http_webhook_id_t message_id, ngx_uint_t owner, ngx_uint_t test)
{
    int64_t        due;
    sqlite3_stmt  *stmt;

    s->tally.events++;

    due = (target->rules.ordered && !test) ? ngx_http_webhook_id_msec(id)
                                           : s->now;

    stmt = ngx_http_webhook_sqlite_stmt(s, NGX_HTTP_WEBHOOK_SQL_EVENT_INSERT);

    ngx_http_webhook_sqlite_int(stmt, 1, id);
    ngx_http_webhook_sqlite_int(stmt, 2, message_id);
    ngx_http_webhook_sqlite_int(stmt, 3, target->id);
    ngx_http_webhook_sqlite_int(stmt, 4, target->company_id);
    ngx_http_webhook_sqlite_int(stmt, 5, owner);
    ngx_http_webhook_sqlite_int(stmt, 6, due);
    ngx_http_webhook_sqlite_int(stmt, 7, test);

    return ngx_http_webhook_sqlite_exec(s, stmt);
}


int64_t
ngx_http_webhook_sqlite_again_due(ngx_http_webhook_sqlite_t *s,
    ngx_http_webhook_target_t *target)
{
    return target->rules.ordered
           ? ngx_max(s->now, ngx_http_webhook_id_msec(s->last_id) + 1)
           : s->now;
}


ngx_int_t
ngx_http_webhook_sqlite_result(ngx_http_webhook_sqlite_t *s,
    ngx_http_webhook_op_t *op)
{
    ngx_http_webhook_result_op_t *result = (ngx_http_webhook_result_op_t *) op;

    int64_t                     until;
    ngx_uint_t                  late;
    ngx_http_webhook_target_t  *target;

    if (ngx_http_webhook_sqlite_attempt(s, result) != NGX_OK
        || ngx_http_webhook_sqlite_result_set(s, result, &late) != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (result->event_status == NGX_HTTP_WEBHOOK_DELIVERED
        || (!late && !result->extra))
    {
        ngx_http_webhook_sqlite_ended(s, result->event_status);
    }

    target = ngx_http_webhook_sqlite_target(s, result->webhook_id);

    if (ngx_http_webhook_sqlite_health(s, result, target) != NGX_OK) {
        return NGX_ERROR;
    }

    /* the next probe, whatever became of this one */

    if (result->paused
        && (ngx_http_webhook_sqlite_open_until(s, result->webhook_id, &until)
                != NGX_OK
            || ngx_http_webhook_sqlite_queue_add(s, result->webhook_id, until)
                != NGX_OK))
    {
        return NGX_ERROR;
    }

    if (result->event_status == NGX_HTTP_WEBHOOK_PENDING && !late) {
        return ngx_http_webhook_sqlite_queue_add(s, result->webhook_id,
                                                 result->due_at);
    }

    if (result->event_status == NGX_HTTP_WEBHOOK_FAILED
        && target && !result->reserved && !result->extra && !late
        && ngx_http_webhook_sqlite_tell(s, op->pool, target,
                                        "system.event.failed",
                                        result->event_id, &result->reason)
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    return (target && target->rules.ordered)
           ? ngx_http_webhook_sqlite_queue_add(s, result->webhook_id, s->now)
           : NGX_OK;
}


/* Counts what has become of an event. */

static void
ngx_http_webhook_sqlite_ended(ngx_http_webhook_sqlite_t *s,
    ngx_http_webhook_status_e status)
{
    switch (status) {

    case NGX_HTTP_WEBHOOK_DELIVERED:
        s->tally.delivered++;
        break;

    case NGX_HTTP_WEBHOOK_FAILED:
        s->tally.failed++;
        break;

    case NGX_HTTP_WEBHOOK_CANCELLED:
        s->tally.cancelled++;
        break;

    case NGX_HTTP_WEBHOOK_PENDING:
        break;
    }
}


/* "late" is set where the event was cancelled or erased meanwhile. */

static ngx_int_t
ngx_http_webhook_sqlite_result_set(ngx_http_webhook_sqlite_t *s,
    ngx_http_webhook_result_op_t *result, ngx_uint_t *late)
{
    int64_t        delivered_at;
    sqlite3_stmt  *stmt;

    delivered_at = (result->event_status == NGX_HTTP_WEBHOOK_DELIVERED
                    && result->attempt.error.data == NULL) ? s->now : 0;

    if (result->extra) {
        stmt = ngx_http_webhook_sqlite_stmt(s,
                                      NGX_HTTP_WEBHOOK_SQL_EVENT_RESULT_EXTRA);

        ngx_http_webhook_sqlite_int(stmt, 1, result->event_id);
        ngx_http_webhook_sqlite_int(stmt, 2, result->due_at);
        ngx_http_webhook_sqlite_int(stmt, 3, result->attempt.id);

    } else {
        stmt = ngx_http_webhook_sqlite_stmt(s,
                                            NGX_HTTP_WEBHOOK_SQL_EVENT_RESULT);

        ngx_http_webhook_sqlite_int(stmt, 1, result->event_id);
        ngx_http_webhook_sqlite_int(stmt, 2, result->event_status);
        ngx_http_webhook_sqlite_int(stmt, 3, result->retries);
        ngx_http_webhook_sqlite_int(stmt, 4, result->due_at);
        ngx_http_webhook_sqlite_int(stmt, 5, delivered_at);
        ngx_http_webhook_sqlite_int(stmt, 6, result->attempt.id);
        ngx_http_webhook_sqlite_text(stmt, 7, &result->reason);
    }

    if (ngx_http_webhook_sqlite_exec(s, stmt) != NGX_OK) {
        return NGX_ERROR;
    }

    *late = (sqlite3_changes(s->db) == 0);

    if (!*late) {
        return NGX_OK;
    }

    stmt = ngx_http_webhook_sqlite_stmt(s,
                                       NGX_HTTP_WEBHOOK_SQL_EVENT_RESULT_LATE);

    ngx_http_webhook_sqlite_int(stmt, 1, result->event_id);
    ngx_http_webhook_sqlite_int(stmt, 2, result->attempt.id);
    ngx_http_webhook_sqlite_int(stmt, 3, delivered_at);
    ngx_http_webhook_sqlite_int(stmt, 4,
                                result->extra || result->attempt.internal
                                ? -1 : (int64_t) result->attempt.number - 1);

    return ngx_http_webhook_sqlite_exec(s, stmt);
}


/*
 * The log of an attempt, numbered after the one before; none where the
 * webhook event was erased meanwhile.
 */

static ngx_int_t
ngx_http_webhook_sqlite_attempt(ngx_http_webhook_sqlite_t *s,
    ngx_http_webhook_result_op_t *result)
{
    int64_t                      previous;
    ngx_int_t                    rc;
    ngx_uint_t                   number;
    sqlite3_stmt                *stmt;
    ngx_http_webhook_attempt_t  *a;

    a = &result->attempt;
    a->id = ngx_http_webhook_sqlite_id(s);

    rc = ngx_http_webhook_sqlite_attempt_before(s, result->event_id, &previous,
                                                &number);

    if (rc != NGX_OK) {
        return (rc == NGX_DECLINED) ? NGX_OK : NGX_ERROR;
    }

    number = ngx_max(a->number, number + 1);

    if (a->internal && previous
        && ngx_http_webhook_sqlite_attempt_supersede(s, a, &previous, &number)
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    stmt = ngx_http_webhook_sqlite_stmt(s,
                                        NGX_HTTP_WEBHOOK_SQL_ATTEMPT_INSERT);

    ngx_http_webhook_sqlite_int(stmt, 1, a->id);
    ngx_http_webhook_sqlite_int(stmt, 2, result->event_id);
    ngx_http_webhook_sqlite_int(stmt, 3, number);
    ngx_http_webhook_sqlite_int(stmt, 4, a->started_at);
    ngx_http_webhook_sqlite_int(stmt, 5, a->status_code);
    ngx_http_webhook_sqlite_text(stmt, 6, &a->error);
    ngx_http_webhook_sqlite_text(stmt, 7, &a->detail);
    ngx_http_webhook_sqlite_int(stmt, 8, a->duration);
    ngx_http_webhook_sqlite_int(stmt, 9, a->name_lookup);
    ngx_http_webhook_sqlite_int(stmt, 10, a->connect);
    ngx_http_webhook_sqlite_int(stmt, 11, a->tls);
    ngx_http_webhook_sqlite_int(stmt, 12, a->first_byte);
    ngx_http_webhook_sqlite_text(stmt, 13, &a->peer);
    ngx_http_webhook_sqlite_text(stmt, 14, &a->url);
    ngx_http_webhook_sqlite_int(stmt, 15, a->signed_at);
    ngx_http_webhook_sqlite_text(stmt, 16, &a->signature);
    ngx_http_webhook_sqlite_text(stmt, 17, &a->standard);
    ngx_http_webhook_sqlite_blob(stmt, 18, &a->response_head);
    ngx_http_webhook_sqlite_blob(stmt, 19, &a->response_body);
    ngx_http_webhook_sqlite_int(stmt, 20, a->truncated);
    ngx_http_webhook_sqlite_text(stmt, 21, &a->previous);
    ngx_http_webhook_sqlite_text(stmt, 22, &a->header_names);
    ngx_http_webhook_sqlite_int(stmt, 23, previous);

    return ngx_http_webhook_sqlite_exec(s, stmt);
}


/*
 * nginx's own fault, which uses up no attempt, may last for days: of those that
 * follow each other the last one is kept, with the number of the first.
 */

static ngx_int_t
ngx_http_webhook_sqlite_attempt_supersede(ngx_http_webhook_sqlite_t *s,
    ngx_http_webhook_attempt_t *a, int64_t *previous, ngx_uint_t *number)
{
    ngx_int_t      rc;
    sqlite3_stmt  *stmt;

    stmt = ngx_http_webhook_sqlite_stmt(s,
                                     NGX_HTTP_WEBHOOK_SQL_ATTEMPT_SUPERSEDE);

    ngx_http_webhook_sqlite_int(stmt, 1, *previous);
    ngx_http_webhook_sqlite_text(stmt, 2, &a->error);

    rc = ngx_http_webhook_sqlite_step(s, stmt);

    if (rc == NGX_OK) {
        *previous = sqlite3_column_int64(stmt, 0);
        *number = (ngx_uint_t) sqlite3_column_int64(stmt, 1);

        return ngx_http_webhook_sqlite_exec(s, stmt);    /* to its end */
    }

    return (rc == NGX_DONE) ? NGX_OK : NGX_ERROR;
}


/*
 * The last attempt of a webhook event and its number, both 0 where there was
 * none; NGX_DECLINED where there is no such event.
 */

static ngx_int_t
ngx_http_webhook_sqlite_attempt_before(ngx_http_webhook_sqlite_t *s,
    ngx_http_webhook_id_t event_id, int64_t *previous, ngx_uint_t *number)
{
    ngx_int_t  rc;
    int64_t    value;

    *number = 0;

    rc = ngx_http_webhook_sqlite_value(s,
                                       NGX_HTTP_WEBHOOK_SQL_ATTEMPT_PREVIOUS,
                                       event_id, previous);

    if (rc != NGX_OK || *previous == 0) {
        return rc;
    }

    rc = ngx_http_webhook_sqlite_value(s, NGX_HTTP_WEBHOOK_SQL_ATTEMPT_NUMBER,
                                       *previous, &value);

    if (rc == NGX_OK) {
        *number = (ngx_uint_t) value;
    }

    return (rc == NGX_ERROR) ? NGX_ERROR : NGX_OK;
}


/* A number that a statement finds; NGX_DECLINED where it finds no row. */

static ngx_int_t
ngx_http_webhook_sqlite_value(ngx_http_webhook_sqlite_t *s,
    ngx_http_webhook_sql_e name, int64_t id, int64_t *value)
{
    ngx_int_t      rc;
    sqlite3_stmt  *stmt;

    stmt = ngx_http_webhook_sqlite_stmt(s, name);
    ngx_http_webhook_sqlite_int(stmt, 1, id);

    rc = ngx_http_webhook_sqlite_step(s, stmt);

    if (rc != NGX_OK) {
        return (rc == NGX_DONE) ? NGX_DECLINED : NGX_ERROR;
    }

    *value = sqlite3_column_int64(stmt, 0);
    (void) sqlite3_reset(stmt);

    return NGX_OK;
}


ngx_int_t
ngx_http_webhook_sqlite_release(ngx_http_webhook_sqlite_t *s,
    ngx_http_webhook_op_t *op)
{
    ngx_http_webhook_release_op_t *rel = (ngx_http_webhook_release_op_t *) op;

    sqlite3_stmt  *stmt;

    if (rel->reason.data) {
        stmt = ngx_http_webhook_sqlite_stmt(s,
                                            NGX_HTTP_WEBHOOK_SQL_EVENT_CANCEL);
        ngx_http_webhook_sqlite_int(stmt, 1, rel->event_id);
        ngx_http_webhook_sqlite_text(stmt, 2, &rel->reason);

        if (ngx_http_webhook_sqlite_exec(s, stmt) != NGX_OK) {
            return NGX_ERROR;
        }

        s->tally.cancelled += sqlite3_changes(s->db);
    }

    stmt = ngx_http_webhook_sqlite_stmt(s, NGX_HTTP_WEBHOOK_SQL_EVENT_RELEASE);
    ngx_http_webhook_sqlite_int(stmt, 1, rel->event_id);

    if (ngx_http_webhook_sqlite_exec(s, stmt) != NGX_OK) {
        return NGX_ERROR;
    }

    return ngx_http_webhook_sqlite_queue_add(s, rel->webhook_id, s->now);
}


ngx_int_t
ngx_http_webhook_sqlite_queue_add(ngx_http_webhook_sqlite_t *s,
    ngx_http_webhook_id_t webhook_id, int64_t due_at)
{
    sqlite3_stmt  *stmt;

    stmt = ngx_http_webhook_sqlite_stmt(s, NGX_HTTP_WEBHOOK_SQL_QUEUE_ADD);

    ngx_http_webhook_sqlite_int(stmt, 1, webhook_id);
    ngx_http_webhook_sqlite_int(stmt, 2, due_at);

    return ngx_http_webhook_sqlite_exec(s, stmt);
}
