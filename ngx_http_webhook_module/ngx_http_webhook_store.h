
/*
 * Copyright (C) the ngx_http_webhook_module authors
 */


/*
 * The store: typed operations that are posted on the event loop, carried out
 * in a thread and answered on the event loop, and the table that an engine
 * (SQLite) fills in.
 */


#ifndef _NGX_HTTP_WEBHOOK_STORE_H_INCLUDED_
#define _NGX_HTTP_WEBHOOK_STORE_H_INCLUDED_


#include "ngx_http_webhook.h"
#include "ngx_http_webhook_sign.h"
#include "ngx_http_webhook_target.h"


typedef enum {
    /* written, in the next group commit */
    NGX_HTTP_WEBHOOK_OP_INGEST = 0,
    NGX_HTTP_WEBHOOK_OP_TEST,
    NGX_HTTP_WEBHOOK_OP_RESULT,
    NGX_HTTP_WEBHOOK_OP_RELEASE,
    NGX_HTTP_WEBHOOK_OP_CLAIM,
    NGX_HTTP_WEBHOOK_OP_REFRESH,
    NGX_HTTP_WEBHOOK_OP_MESSAGE_DELETE,
    NGX_HTTP_WEBHOOK_OP_KEY_CREATE,
    NGX_HTTP_WEBHOOK_OP_ACCESS_REQUEST,
    NGX_HTTP_WEBHOOK_OP_EVENT_TYPE_UPDATE,
    NGX_HTTP_WEBHOOK_OP_EVENT_RETRY,
    NGX_HTTP_WEBHOOK_OP_EVENT_CANCEL,
    NGX_HTTP_WEBHOOK_OP_REPLAY_CREATE,
    NGX_HTTP_WEBHOOK_OP_REPLAY_CANCEL,
    NGX_HTTP_WEBHOOK_OP_REPLAY_STEP,
    /* written, each in a transaction of its own: they change the snapshot */
    NGX_HTTP_WEBHOOK_OP_COMPANY_CREATE,
    NGX_HTTP_WEBHOOK_OP_COMPANY_UPDATE,
    NGX_HTTP_WEBHOOK_OP_COMPANY_DELETE,
    NGX_HTTP_WEBHOOK_OP_KEY_DELETE,
    NGX_HTTP_WEBHOOK_OP_WEBHOOK_CREATE,
    NGX_HTTP_WEBHOOK_OP_WEBHOOK_UPDATE,
    NGX_HTTP_WEBHOOK_OP_WEBHOOK_DELETE,
    NGX_HTTP_WEBHOOK_OP_WEBHOOK_ROTATE,
    NGX_HTTP_WEBHOOK_OP_WEBHOOK_DISABLE,
    NGX_HTTP_WEBHOOK_OP_EVENT_TYPE_CREATE,
    NGX_HTTP_WEBHOOK_OP_EVENT_TYPE_DELETE,
    /* read, beside the writer */
    NGX_HTTP_WEBHOOK_OP_COMPANY_GET,
    NGX_HTTP_WEBHOOK_OP_COMPANY_LIST,
    NGX_HTTP_WEBHOOK_OP_KEY_FIND,
    NGX_HTTP_WEBHOOK_OP_KEY_GET,
    NGX_HTTP_WEBHOOK_OP_KEY_LIST,
    NGX_HTTP_WEBHOOK_OP_ACCESS_LIST,
    NGX_HTTP_WEBHOOK_OP_WEBHOOK_GET,
    NGX_HTTP_WEBHOOK_OP_WEBHOOK_LIST,
    NGX_HTTP_WEBHOOK_OP_EVENT_LIST,
    NGX_HTTP_WEBHOOK_OP_EVENT_GET,
    NGX_HTTP_WEBHOOK_OP_EVENT_TYPE_GET,
    NGX_HTTP_WEBHOOK_OP_EVENT_TYPE_LIST,
    NGX_HTTP_WEBHOOK_OP_STATUS,
    NGX_HTTP_WEBHOOK_OP_STATS,
    NGX_HTTP_WEBHOOK_OP_MESSAGE_LIST,
    NGX_HTTP_WEBHOOK_OP_MESSAGE_GET,
    NGX_HTTP_WEBHOOK_OP_REPLAY_COUNT,
    NGX_HTTP_WEBHOOK_OP_REPLAY_FIND,
    NGX_HTTP_WEBHOOK_OP_REPLAY_LIST,
    NGX_HTTP_WEBHOOK_OP_REPLAY_GET,
    NGX_HTTP_WEBHOOK_OP_N
} ngx_http_webhook_op_e;

#define ngx_http_webhook_op_configures(type)                                  \
    ((type) >= NGX_HTTP_WEBHOOK_OP_COMPANY_CREATE                             \
     && (type) <= NGX_HTTP_WEBHOOK_OP_EVENT_TYPE_DELETE)

#define ngx_http_webhook_op_reads(type)                                       \
    ((type) >= NGX_HTTP_WEBHOOK_OP_COMPANY_GET)


typedef enum {
    NGX_HTTP_WEBHOOK_STORE_OK = 0,
    NGX_HTTP_WEBHOOK_STORE_UNAVAILABLE,        /* nothing was stored */
    NGX_HTTP_WEBHOOK_STORE_COMPANY_NOT_FOUND,
    NGX_HTTP_WEBHOOK_STORE_NO_ACCESS,
    NGX_HTTP_WEBHOOK_STORE_NOT_FOUND,
    NGX_HTTP_WEBHOOK_STORE_UID_TAKEN,
    NGX_HTTP_WEBHOOK_STORE_LIMIT,
    NGX_HTTP_WEBHOOK_STORE_HAS_ACCESS,         /* already */
    NGX_HTTP_WEBHOOK_STORE_KEY_REUSED,         /* for another event */
    NGX_HTTP_WEBHOOK_STORE_INVALID,            /* "refused" tells */
    NGX_HTTP_WEBHOOK_STORE_NAME_TAKEN,
    NGX_HTTP_WEBHOOK_STORE_UNKNOWN_EVENT,      /* not in the catalogue */
    NGX_HTTP_WEBHOOK_STORE_SEALED,             /* no key opens a secret */
    NGX_HTTP_WEBHOOK_STORE_ENDED,              /* it is past that */
    NGX_HTTP_WEBHOOK_STORE_IN_FLIGHT,
    NGX_HTTP_WEBHOOK_STORE_ERASED,             /* the payload */
    NGX_HTTP_WEBHOOK_STORE_DELETED,            /* the webhook */
    NGX_HTTP_WEBHOOK_STORE_DISABLED            /* the webhook */
} ngx_http_webhook_store_status_e;


/* What is wrong with a member, where only the store can tell. */

typedef struct {
    ngx_str_t                        pointer;     /* RFC 6901 */
    const char                      *code;
    const char                      *detail;
} ngx_http_webhook_refused_t;


/*
 * An operation.  Its poster makes it in a pool of the operation's own and
 * fills in what the type takes.  From post to handler it belongs to the
 * store, and a thread writes to it and to its pool; in the handler, which
 * runs on the event loop, it is the poster's again, who destroys the pool.
 * "data" is the poster's: NULL once nobody waits for the answer.
 */

typedef struct ngx_http_webhook_op_s  ngx_http_webhook_op_t;

typedef void (*ngx_http_webhook_op_pt)(ngx_http_webhook_op_t *op);

struct ngx_http_webhook_op_s {
    ngx_queue_t                      queue;
    ngx_http_webhook_op_e            type;
    ngx_http_webhook_store_status_e  status;
    ngx_http_webhook_refused_t       refused;
    ngx_pool_t                      *pool;
    ngx_http_webhook_op_pt           handler;
    void                            *data;
    unsigned                         patient:1;  /* nobody waits for it: it may
                                                    wait for others, to share
                                                    their transaction */
};


/* An ingested occurrence in memory; the last of its events frees the pool. */

typedef struct {
    ngx_pool_t                      *pool;
    ngx_uint_t                       refs;
    ngx_http_webhook_id_t            id;
    ngx_http_webhook_id_t            company_id;
    ngx_str_t                        event;
    ngx_str_t                        payload;
} ngx_http_webhook_message_t;


/*
 * A webhook event that this worker owns and holds in memory.  "extra" is 0, or
 * 1 + the status that it has again where the attempt fails, for that is not
 * one of its schedule; a pending one then waits until "resume_at", ms since
 * the epoch.  "dropped" is called on the event loop when the worker has it no
 * longer, and what it did with it is committed.
 */

typedef struct ngx_http_webhook_held_s  ngx_http_webhook_held_t;

typedef void (*ngx_http_webhook_held_pt)(ngx_http_webhook_held_t *held);

struct ngx_http_webhook_held_s {
    ngx_queue_t                      queue;
    ngx_http_webhook_id_t            id;
    ngx_http_webhook_id_t            webhook_id;
    ngx_uint_t                       retries;
    ngx_uint_t                       extra;
    int64_t                          resume_at;
    ngx_http_webhook_message_t      *message;
    ngx_http_webhook_load_t         *load;     /* counts it, */
    ngx_http_webhook_pace_e          pace;     /* among those of this pace */
    ngx_http_webhook_held_pt         dropped;  /* or NULL */
    void                            *data;
};


/*
 * INGEST: a message for each webhook that wants it.  TEST: a message for one
 * webhook, "webhook_id", of the company "company".  Both give the webhook
 * events that the worker is to deliver from memory.  With a key, an event that
 * came with it before gives what it gave then, and nothing is stored.
 */

typedef struct {
    ngx_http_webhook_op_t            op;
    ngx_str_t                        company;     /* id or uid */
    ngx_str_t                        key;         /* or null */
    ngx_http_webhook_id_t            webhook_id;
    ngx_http_webhook_message_t       message;     /* event, payload; id out */
    ngx_uint_t                       count;       /* out: webhook events */
    ngx_uint_t                       repeated;    /* out: 1 where it came with
                                                     its key before */
    ngx_http_webhook_id_t            event_id;    /* out: the last of them */
    ngx_queue_t                      held;        /* out */
    ngx_uint_t                       ordered;     /* out: 1 where there are
                                                     events to be claimed */
} ngx_http_webhook_ingest_op_t;


typedef struct {
    ngx_http_webhook_id_t            id;
    ngx_uint_t                       number;
    int64_t                          started_at;  /* ms since the epoch */
    ngx_uint_t                       status_code; /* 0: none came */
    ngx_str_t                        error;       /* stable code, or null */
    ngx_str_t                        detail;      /* in words */
    ngx_uint_t                       duration;    /* all in us, each from */
    ngx_uint_t                       name_lookup; /* the start */
    ngx_uint_t                       connect;
    ngx_uint_t                       tls;
    ngx_uint_t                       first_byte;
    ngx_str_t                        peer;
    ngx_str_t                        url;
    time_t                           signed_at;
    ngx_str_t                        signature;
    ngx_str_t                        previous;    /* X-Signature-Previous */
    ngx_str_t                        standard;
    ngx_str_t                        header_names;   /* a line each */
    ngx_str_t                        response_head;
    ngx_str_t                        response_body;
    unsigned                         truncated:1;
    unsigned                         internal:1;  /* the error is nginx's */
} ngx_http_webhook_attempt_t;


/* RESULT: what came of an attempt, and what the webhook event is now. */

typedef struct {
    ngx_http_webhook_op_t            op;
    ngx_http_webhook_id_t            event_id;
    ngx_http_webhook_id_t            webhook_id;
    ngx_http_webhook_status_e        event_status;
    ngx_uint_t                       retries;
    int64_t                          due_at;      /* ms since the epoch */
    ngx_str_t                        reason;
    ngx_http_webhook_attempt_t       attempt;
    unsigned                         extra:1;     /* it is what it was */
    unsigned                         test:1;
    unsigned                         reserved:1;  /* a test, or system.* */
    unsigned                         paused:1;    /* out: the webhook is */
    unsigned                         hopeless:1;  /* out: to be disabled */
} ngx_http_webhook_result_op_t;


/*
 * RELEASE: gives a held webhook event back to the store, to be claimed by any
 * worker; with a reason, it is cancelled instead.
 */

typedef struct {
    ngx_http_webhook_op_t            op;
    ngx_http_webhook_id_t            event_id;
    ngx_http_webhook_id_t            webhook_id;
    ngx_str_t                        reason;
} ngx_http_webhook_release_op_t;


/*
 * CLAIM: takes due webhook events that nobody owns, and what dead workers
 * owned, into "held", which is to be initialised.  Each event's memory is its
 * message's pool.  "hints" are webhooks that have room again, to be looked at
 * whenever their time is.  With "replays" set, the worker may carry on a
 * replay, too.  REFRESH: brings the snapshot up to date.
 */

#define NGX_HTTP_WEBHOOK_HINTS  16

typedef struct {
    ngx_http_webhook_op_t            op;
    ngx_uint_t                       nhints;      /* webhooks to look at */
    ngx_http_webhook_id_t            hints[NGX_HTTP_WEBHOOK_HINTS];
    ngx_uint_t                       replays;
    ngx_queue_t                      held;        /* out */
    int64_t                          next;        /* out: ms since the epoch
                                                     of the next due, or 0 */
    ngx_http_webhook_id_t            replay;      /* out: or 0 */
    ngx_uint_t                       duration;    /* out: us, in the thread */
} ngx_http_webhook_claim_op_t;


typedef struct {
    ngx_http_webhook_id_t            id;
    ngx_str_t                        uid;
    ngx_str_t                        name;
    int64_t                          updated_at;
    unsigned                         enabled:1;
} ngx_http_webhook_company_t;


/*
 * COMPANY_CREATE, COMPANY_UPDATE (what set_* names), COMPANY_DELETE (all that
 * is its is erased, in the background), COMPANY_GET.
 */

typedef struct {
    ngx_http_webhook_op_t            op;
    ngx_str_t                        ref;         /* id or uid */
    ngx_http_webhook_company_t       company;
    unsigned                         set_uid:1;
    unsigned                         set_name:1;
    unsigned                         set_enabled:1;
} ngx_http_webhook_company_op_t;


/* Who a key stands for.  The values are the store's. */

typedef enum {
    NGX_HTTP_WEBHOOK_ADMIN = 1,
    NGX_HTTP_WEBHOOK_INGEST,
    NGX_HTTP_WEBHOOK_COMPANY
} ngx_http_webhook_role_e;

typedef struct {
    ngx_http_webhook_id_t            id;
    ngx_http_webhook_role_e          role;
    ngx_http_webhook_id_t            company_id;  /* 0: bound to none */
    ngx_str_t                        name;
    int64_t                          expires_at;  /* ms; 0: never */
    unsigned                         session:1;   /* of the portal */
} ngx_http_webhook_key_t;


/*
 * KEY_CREATE: of the company "ref", if there is one, with the digest.
 * KEY_DELETE (the key is good no longer, and remembered for a while), KEY_GET.
 * KEY_FIND: by the digest; key.id is 0 where there is none that may be used.
 */

typedef struct {
    ngx_http_webhook_op_t            op;
    ngx_str_t                        ref;
    ngx_http_webhook_key_t           key;
    u_char                           digest[NGX_HTTP_WEBHOOK_KEY_LEN];

    /* out, of KEY_FIND */

    int64_t                          generation;  /* in which this is true */
    ngx_str_t                        uid;         /* the company's, or null */
    unsigned                         enabled:1;   /* the company has access */
} ngx_http_webhook_key_op_t;


typedef struct {
    ngx_http_webhook_id_t            id;
    ngx_http_webhook_id_t            company_id;
    ngx_str_t                        company_name;
    ngx_str_t                        message;     /* or null */
    int64_t                          granted_at;  /* ms; 0: it is open */
} ngx_http_webhook_access_t;


/*
 * ACCESS_REQUEST: the company "ref" asks for access; where it has asked before,
 * this gives the open request, and "created" is 0.  The operator is told.
 */

typedef struct {
    ngx_http_webhook_op_t            op;
    ngx_str_t                        ref;
    ngx_http_webhook_access_t        access;
    unsigned                         created:1;   /* out */
} ngx_http_webhook_access_op_t;


typedef struct {
    ngx_http_webhook_id_t            id;
    ngx_http_webhook_id_t            company_id;
    ngx_str_t                        url;
    ngx_str_t                        description;
    ngx_str_t                        disabled_reason;  /* or null */
    ngx_str_t                        secret;
    ngx_str_t                        previous;
    int64_t                          previous_until;
    int64_t                          updated_at;
    ngx_uint_t                       nevents;
    ngx_str_t                       *events;
    ngx_uint_t                       nheaders;
    ngx_http_webhook_header_t       *headers;     /* values: if opened */
    ngx_http_webhook_rules_t         rules;
    ngx_http_webhook_waits_e         waits;
    ngx_uint_t                       failures;    /* one after the other */
    int64_t                          since;       /* the first of them, ms */
    int64_t                          open_until;  /* the breaker; 0: closed */
    int64_t                          success_at;  /* attempts: the last ones */
    int64_t                          failure_at;  /* as far as is known, ms, */
    int64_t                          next_at;     /* and the next; 0: none */
    unsigned                         enabled:1;
    unsigned                         probing:1;   /* half open */
} ngx_http_webhook_webhook_t;


/*
 * WEBHOOK_CREATE, _UPDATE (what set_* names), _DELETE, _ROTATE (the new
 * secret; the old one is good for "grace" ms more), _GET: of the company
 * "ref", which must have access unless the operation only reads; what is
 * sealed is only opened by _ROTATE, _UPDATE with "set_headers", and _GET with
 * "open".  Headers are merged: one without a value goes, and before, with
 * "no_headers", all that are there.  _DISABLE: of whatever company, for
 * "disabled_reason".
 */

typedef struct {
    ngx_http_webhook_op_t            op;
    ngx_str_t                        ref;
    ngx_http_webhook_webhook_t       webhook;
    ngx_msec_t                       grace;
    unsigned                         open:1;
    unsigned                         set_headers:1;
    unsigned                         no_headers:1;
    unsigned                         set_url:1;
    unsigned                         set_description:1;
    unsigned                         set_events:1;
    unsigned                         set_enabled:1;
    unsigned                         set_concurrency:1;
    unsigned                         set_rate:1;
    unsigned                         set_delays:1;
    unsigned                         set_ordered:1;
} ngx_http_webhook_webhook_op_t;


typedef struct {
    ngx_http_webhook_id_t            id;
    ngx_http_webhook_id_t            message_id;
    ngx_http_webhook_id_t            webhook_id;
    ngx_str_t                        event;
    ngx_http_webhook_status_e        status;
    ngx_uint_t                       retries;
    int64_t                          due_at;
    int64_t                          delivered_at;
    ngx_str_t                        reason;
    ngx_http_webhook_waits_e         waits;
    unsigned                         test:1;
    unsigned                         owned:1;     /* in a worker's hands */
} ngx_http_webhook_event_t;


typedef struct {
    ngx_http_webhook_id_t            id;
    ngx_str_t                        event;
    size_t                           size;        /* of its payload; 0: that
                                                     is erased */
} ngx_http_webhook_message_row_t;


/*
 * COMPANY_LIST, WEBHOOK_LIST, EVENT_LIST, MESSAGE_LIST, REPLAY_LIST, KEY_LIST,
 * ACCESS_LIST (of a company, or of all where "ref" is null; status 0: open, 1:
 * granted): a page of at most "limit" rows with an identifier below "cursor"
 * (0: from the newest on) and not below "oldest", in "rows", an array of the
 * record's type; "next" is the cursor of the next page, 0 at the end.
 */

#define NGX_HTTP_WEBHOOK_FORMS  3

typedef struct {
    ngx_http_webhook_op_t            op;
    ngx_str_t                        ref;
    ngx_http_webhook_id_t            cursor;
    ngx_http_webhook_id_t            oldest;
    ngx_uint_t                       limit;
    ngx_http_webhook_id_t            webhook_id;  /* filters: 0 for any */
    ngx_http_webhook_id_t            message_id;
    ngx_int_t                        status;      /* -1 for any */
    ngx_str_t                        event;       /* null for any */
    ngx_str_t                        text;        /* in the payload, or the
                                                     company's names; or null */
    ngx_str_t                        forms[NGX_HTTP_WEBHOOK_FORMS];
                                                  /* other ones of it, or null */
    ngx_array_t                     *rows;
    ngx_http_webhook_id_t            next;
} ngx_http_webhook_list_op_t;


/*
 * EVENT_GET: a webhook event, its payload and its attempts, oldest first.
 * EVENT_RETRY: an attempt now; "held", to be initialised, has the event where
 * this worker makes it.  EVENT_CANCEL: no further attempt.  MESSAGE_DELETE: the
 * message event.message_id is erased.
 */

typedef struct {
    ngx_http_webhook_op_t            op;
    ngx_str_t                        ref;
    ngx_http_webhook_event_t         event;
    ngx_str_t                        payload;
    ngx_array_t                     *attempts;    /* of ..._attempt_t */
    ngx_queue_t                      held;        /* out */
} ngx_http_webhook_event_op_t;


typedef struct {
    ngx_str_t                        name;
    ngx_str_t                        description;
    ngx_str_t                        example;     /* JSON, or null */
    ngx_str_t                        schema;      /* JSON, or null */
    int64_t                          created_at;
    int64_t                          updated_at;
} ngx_http_webhook_event_type_t;


/*
 * EVENT_TYPE_CREATE, _UPDATE (what set_* names; an object is merged into an
 * object that is there, RFC 7396), _DELETE, _GET.
 */

typedef struct {
    ngx_http_webhook_op_t            op;
    ngx_http_webhook_event_type_t    type;
    unsigned                         set_description:1;
    unsigned                         set_example:1;
    unsigned                         set_schema:1;
} ngx_http_webhook_event_type_op_t;


/*
 * EVENT_TYPE_LIST: by name, a page of at most "limit" after the name "cursor";
 * "next" is the cursor of the next page, null at the end.
 */

typedef struct {
    ngx_http_webhook_op_t            op;
    ngx_str_t                        cursor;
    ngx_uint_t                       limit;
    ngx_array_t                     *rows;        /* of ..._event_type_t */
    ngx_str_t                        next;
} ngx_http_webhook_event_type_list_op_t;


/* MESSAGE_GET: a message, its payload and the newest of its webhook events. */

typedef struct {
    ngx_http_webhook_op_t            op;
    ngx_str_t                        ref;
    ngx_http_webhook_message_row_t   message;
    ngx_str_t                        payload;
    ngx_array_t                     *events;      /* of ..._event_t */
} ngx_http_webhook_message_op_t;


typedef enum {
    NGX_HTTP_WEBHOOK_REPLAY_RUNNING = 0,
    NGX_HTTP_WEBHOOK_REPLAY_DONE,
    NGX_HTTP_WEBHOOK_REPLAY_CANCELLED
} ngx_http_webhook_replay_status_e;


typedef struct {
    ngx_http_webhook_id_t            id;
    ngx_http_webhook_id_t            company_id;
    ngx_http_webhook_id_t            webhook_id;
    ngx_uint_t                       messages;    /* or webhook events */
    ngx_int_t                        event_status;  /* -1 for any */
    ngx_str_t                        event;       /* null for any */
    ngx_http_webhook_id_t            since_id;    /* 0 for any */
    ngx_http_webhook_id_t            until_id;    /* not of it; 0: not said */
    ngx_http_webhook_id_t            cursor_id;   /* done up to this */
    int64_t                          count;
    ngx_uint_t                       at_least;    /* and more */
    int64_t                          done;
    int64_t                          skipped;
    ngx_http_webhook_replay_status_e status;
    ngx_str_t                        reason;
    int64_t                          finished_at; /* ms since the epoch */
    int64_t                          due_at;      /* of the last event */
} ngx_http_webhook_replay_t;


/*
 * REPLAY_COUNT counts, from behind replay.cursor_id on: so many and no more,
 * then "next" says how far, and "end" whether that is all.  It is posted again
 * until it is, or enough.  REPLAY_CREATE, REPLAY_GET, REPLAY_CANCEL: of the
 * company "ref".
 *
 * REPLAY_FIND: "ids", some that are to be replayed next by replay.id; "wait"
 * is set where the webhook has enough to do.  REPLAY_STEP: replays them, where
 * nobody did meanwhile.  NOT_FOUND and ENDED say that it does not run any more.
 */

typedef struct {
    ngx_http_webhook_op_t            op;
    ngx_str_t                        ref;
    ngx_http_webhook_replay_t        replay;
    ngx_array_t                     *ids;         /* of ..._id_t */
    ngx_http_webhook_id_t            next;
    unsigned                         end:1;
    unsigned                         wait:1;
} ngx_http_webhook_replay_op_t;

#define NGX_HTTP_WEBHOOK_REPLAY_LEASE  5000      /* ms; so long a worker has a
                                                    replay after a step */


/*
 * STATUS: the store as a whole.  A webhook event that is pending is in the
 * hands of a worker (owned), or waits in the store; of those that wait, "due"
 * ones may be sent now, as far as it is counted.
 */

typedef struct {
    ngx_http_webhook_op_t            op;
    ngx_uint_t                       schema;
    int64_t                          owned;
    int64_t                          waiting;
    int64_t                          due;
    int64_t                          oldest;      /* due since, ms; 0: none */
    int64_t                          open;        /* breakers */
    int64_t                          half_open;
    int64_t                          locked;      /* webhooks whose secret no
                                                     key opens */
    off_t                            size;        /* of the files, bytes */
    off_t                            log_size;
    off_t                            index_size;
    int64_t                          lag;         /* of the index, ms; -1 where
                                                     there is none */
} ngx_http_webhook_status_op_t;


/*
 * STATS: what happened from "since" to "until" (ms since the epoch), both
 * whole buckets of "bucket" ms, which is a minute, five, an hour or a day: of
 * a company, of one of its webhooks ("webhook_id"), or of each of its webhooks
 * ("each": a series for each that there is, newest first, at most "limit" below
 * "cursor", and "next" for the next page).  "complete_until" is 0 where nothing
 * is missing, else what came later than that may be.
 */

#define NGX_HTTP_WEBHOOK_STATS_MINUTES   ((int64_t) 48 * 3600 * 1000)
                                                 /* ms for which they are
                                                    kept by the minute */
#define NGX_HTTP_WEBHOOK_STATS_LATENCIES 64      /* 2 * log2(us) */
#define NGX_HTTP_WEBHOOK_STATS_NAMES     100     /* of events, at most */
#define NGX_HTTP_WEBHOOK_STATS_CODES     1000    /* of answers; 0: none */


typedef struct {
    uint64_t                         messages;   /* 0 of a webhook */
    uint64_t                         events;
    uint64_t                         attempts;
    uint64_t                         delivered;
    uint64_t                         failed;     /* for good */
    uint64_t                         duration;   /* of all attempts, us */
} ngx_http_webhook_counts_t;


typedef struct {
    ngx_http_webhook_id_t            webhook_id; /* 0: of the company */
    ngx_http_webhook_counts_t        total;
    ngx_http_webhook_counts_t       *buckets;
    uint64_t                         latency[NGX_HTTP_WEBHOOK_STATS_LATENCIES];
    uint64_t                        *latencies;  /* of each bucket as many;
                                                    NULL for each webhook */
} ngx_http_webhook_series_t;


typedef struct {
    ngx_str_t                        name;       /* null: all the others */
    ngx_http_webhook_counts_t        counts;     /* without a duration */
} ngx_http_webhook_named_t;


typedef struct {
    ngx_http_webhook_op_t            op;
    ngx_str_t                        ref;
    ngx_http_webhook_id_t            webhook_id;
    int64_t                          since;
    int64_t                          until;
    int64_t                          bucket;
    ngx_array_t                     *series;     /* out: of ..._series_t */
    ngx_array_t                     *names;      /* out: of ..._named_t, the
                                                    most frequent first */
    uint64_t                        *codes;      /* out: attempts by status */
    int64_t                          complete_until;
    ngx_http_webhook_id_t            cursor;     /* 0: from the newest on */
    ngx_uint_t                       limit;
    ngx_http_webhook_id_t            next;       /* out: 0 at the end */
    unsigned                         each:1;
} ngx_http_webhook_stats_op_t;


/* What was committed: of webhook events, how many came to which end. */

typedef struct {
    ngx_uint_t                       commits;     /* that wrote something */
    ngx_uint_t                       messages;
    ngx_uint_t                       events;
    ngx_uint_t                       delivered;
    ngx_uint_t                       failed;
    ngx_uint_t                       cancelled;
} ngx_http_webhook_tally_t;


/*
 * What the writing thread carries out at a time: all operations that were
 * waiting when it became free.
 */

typedef struct {
    ngx_queue_t                      ops;
    ngx_queue_t                      targets;     /* out: changed webhooks,
                                                     a reference each */
    int64_t                          generation;  /* out: of the snapshot */
    ngx_atomic_t                    *shared;      /* out: the generation that
                                                     all workers see */
    ngx_uint_t                       backlog;     /* out: 1 where what was
                                                     committed should be put
                                                     in its place */
    ngx_uint_t                       unindexed;   /* out: 1 where it is time
                                                     for "index" */
    ngx_http_webhook_tally_t         tally;       /* out */
} ngx_http_webhook_batch_t;


/*
 * The configuration that an engine works by, which outlives the threads, and
 * how much this worker holds in memory: counted up by the thread that gives
 * it an event, so that no batch can give it too many.
 */

typedef struct {
    ngx_http_webhook_main_conf_t    *wmcf;
    ngx_str_t                        path;
    ngx_uint_t                       sync;
    ngx_http_webhook_keyring_t      *keyring;
    ngx_str_t                        key_file;    /* where it is from */
    ngx_msec_t                       window;      /* of idempotency keys */
    ngx_uint_t                       strict;      /* 1: events have types */
    ngx_msec_t                       keep_payloads;   /* 0: for ever */
    ngx_msec_t                       keep_logs;
    ngx_str_t                        operator;    /* its company, or null */
    ngx_uint_t                       max_held;    /* webhook events */
    ngx_uint_t                       max_lane;    /* of one webhook, */
    ngx_uint_t                       max_slow;    /* of one that is slow, */
    ngx_uint_t                       max_new;     /* that has not answered */
    size_t                           max_bytes;   /* of payloads */
    ngx_atomic_t                     held;
    ngx_atomic_t                     bytes;
    ngx_atomic_t                     slow_held;   /* of those, slow ones', */
    ngx_atomic_t                     slow_bytes;
    ngx_atomic_t                     new_held;    /* new ones' */
    ngx_atomic_t                     new_bytes;
    ngx_http_webhook_quiet_t         quiet;       /* the engine's messages */
    ngx_log_t                       *log;
} ngx_http_webhook_store_conf_t;


/*
 * An engine.  All functions run in a store thread, each session in one thread
 * at a time, except "close", which runs when the threads have ended.
 *
 * open    makes a session, for writing (one in each worker) or for reading;
 *         NULL on errors, which it has logged
 * write   carries out a batch: sets the status of each operation; those that
 *         are not UNAVAILABLE are durable when it returns
 * read    carries out an operation that reads
 * settle  puts what was committed in its place (a checkpoint); a session for
 *         reading
 * index   brings what lists and statistics are made from up to date; a
 *         session for reading
 * close   ends a session
 */

typedef struct {
    const char  *name;
    void       *(*open)(ngx_http_webhook_store_conf_t *conf,
                    ngx_uint_t writes, ngx_log_t *log);
    void        (*write)(void *session, ngx_http_webhook_batch_t *batch,
                    ngx_log_t *log);
    void        (*read)(void *session, ngx_http_webhook_op_t *op,
                    ngx_log_t *log);
    void        (*settle)(void *session, ngx_log_t *log);
    void        (*index)(void *session, ngx_log_t *log);
    void        (*close)(void *session);
} ngx_http_webhook_engine_t;


/*
 * The front.  All of it runs on the event loop.
 */

typedef void (*ngx_http_webhook_store_targets_pt)(void *data,
    ngx_queue_t *targets, int64_t generation);


ngx_http_webhook_store_conf_t *ngx_http_webhook_store_conf(
    ngx_http_webhook_store_t *store);


/* Makes the store of a worker process.  NULL without memory. */
ngx_http_webhook_store_t *ngx_http_webhook_store_create(
    ngx_http_webhook_main_conf_t *wmcf, ngx_http_webhook_engine_t *engine,
    ngx_cycle_t *cycle);

/* Who is told of changed webhooks, before the handlers of the batch run. */
void ngx_http_webhook_store_listen(ngx_http_webhook_store_t *store,
    ngx_http_webhook_store_targets_pt handler, void *data);

/*
 * Posts an operation.  Its handler always runs, later and from the event
 * loop, unless the process ends before.  What is posted in one turn of the
 * event loop is carried out in one transaction, as far as a batch reaches.
 */
void ngx_http_webhook_store_post(ngx_http_webhook_store_t *store,
    ngx_http_webhook_op_t *op);

/*
 * Returns 1 where a worker has changed the configuration and this one does
 * not know it yet.
 */
ngx_uint_t ngx_http_webhook_store_stale(ngx_http_webhook_store_t *store);

/*
 * The generation of the configuration that all workers see; 0 while the store
 * is not open.  What was read in a generation is true as long as this is not
 * greater.
 */
int64_t ngx_http_webhook_store_generation(ngx_http_webhook_store_t *store);

/* How many operations were posted and not answered. */
ngx_uint_t ngx_http_webhook_store_waiting(ngx_http_webhook_store_t *store);

/*
 * Keeps a worker that exits alive: the event loop runs as long as there is a
 * hold.
 */
void ngx_http_webhook_store_hold(ngx_http_webhook_store_t *store);
void ngx_http_webhook_store_unhold(ngx_http_webhook_store_t *store);

/* The monotonic clock, us.  Any thread. */
ngx_uint_t ngx_http_webhook_store_now(void);

/* Closes the sessions; the threads have ended. */
void ngx_http_webhook_store_destroy(ngx_http_webhook_store_t *store);


extern ngx_http_webhook_engine_t  ngx_http_webhook_sqlite;


#endif /* _NGX_HTTP_WEBHOOK_STORE_H_INCLUDED_ */
