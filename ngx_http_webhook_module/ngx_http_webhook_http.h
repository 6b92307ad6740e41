
/*
 * Copyright (C) the ngx_http_webhook_module authors
 */


/*
 * What the module's HTTP interfaces have in common: who asks, bodies, answers,
 * problem documents (RFC 9457), and waiting for the store.
 */


#ifndef _NGX_HTTP_WEBHOOK_HTTP_H_INCLUDED_
#define _NGX_HTTP_WEBHOOK_HTTP_H_INCLUDED_


#include "ngx_http_webhook.h"
#include "ngx_http_webhook_json.h"
#include "ngx_http_webhook_known.h"
#include "ngx_http_webhook_store.h"


typedef enum {
    NGX_HTTP_WEBHOOK_MALFORMED_JSON = 0,
    NGX_HTTP_WEBHOOK_INVALID_UTF8,
    NGX_HTTP_WEBHOOK_TOO_DEEP,
    NGX_HTTP_WEBHOOK_INVALID_PARAMETER,
    NGX_HTTP_WEBHOOK_INVALID_HEADER,
    NGX_HTTP_WEBHOOK_UNAUTHORIZED,
    NGX_HTTP_WEBHOOK_ACCESS_NOT_ENABLED,
    NGX_HTTP_WEBHOOK_ROLE_FORBIDDEN,
    NGX_HTTP_WEBHOOK_NOT_FOUND,
    NGX_HTTP_WEBHOOK_COMPANY_NOT_FOUND,
    NGX_HTTP_WEBHOOK_WEBHOOK_NOT_FOUND,
    NGX_HTTP_WEBHOOK_EVENT_NOT_FOUND,
    NGX_HTTP_WEBHOOK_MESSAGE_NOT_FOUND,
    NGX_HTTP_WEBHOOK_KEY_NOT_FOUND,
    NGX_HTTP_WEBHOOK_EVENT_TYPE_NOT_FOUND,
    NGX_HTTP_WEBHOOK_REPLAY_NOT_FOUND,
    NGX_HTTP_WEBHOOK_METHOD_NOT_ALLOWED,
    NGX_HTTP_WEBHOOK_UID_TAKEN,
    NGX_HTTP_WEBHOOK_ACCESS_ENABLED,
    NGX_HTTP_WEBHOOK_NAME_TAKEN,
    NGX_HTTP_WEBHOOK_NOT_PENDING,
    NGX_HTTP_WEBHOOK_NOT_RUNNING,
    NGX_HTTP_WEBHOOK_BEING_DELIVERED,
    NGX_HTTP_WEBHOOK_PAYLOAD_ERASED,
    NGX_HTTP_WEBHOOK_WEBHOOK_DELETED,
    NGX_HTTP_WEBHOOK_WEBHOOK_DISABLED,
    NGX_HTTP_WEBHOOK_BODY_TOO_LARGE,
    NGX_HTTP_WEBHOOK_PAYLOAD_TOO_LARGE,
    NGX_HTTP_WEBHOOK_UNSUPPORTED_MEDIA_TYPE,
    NGX_HTTP_WEBHOOK_INVALID,
    NGX_HTTP_WEBHOOK_WEBHOOK_LIMIT,
    NGX_HTTP_WEBHOOK_KEY_LIMIT,
    NGX_HTTP_WEBHOOK_EVENT_TYPE_LIMIT,
    NGX_HTTP_WEBHOOK_UNKNOWN_EVENT,
    NGX_HTTP_WEBHOOK_REPLAY_LIMIT,
    NGX_HTTP_WEBHOOK_KEY_REUSED,
    NGX_HTTP_WEBHOOK_STORE_DOWN,
    NGX_HTTP_WEBHOOK_STORE_BUSY,
    NGX_HTTP_WEBHOOK_SECRET_SEALED,
    NGX_HTTP_WEBHOOK_INTERNAL,
    NGX_HTTP_WEBHOOK_PROBLEMS
} ngx_http_webhook_problem_e;


/* What ACCESS_NOT_ENABLED says. */

#define NGX_HTTP_WEBHOOK_NO_ACCESS                                            \
    "Webhooks are off for this company until an operator enables them"


/* What is wrong with a member, for the list of a 422. */

typedef struct {
    ngx_str_t     pointer;       /* RFC 6901 */
    const char   *code;
    const char   *detail;
} ngx_http_webhook_error_t;


/*
 * Each of these sends a whole answer and returns what is to be returned, or
 * given to ngx_http_finalize_request().  The text must live as long as the
 * request.
 */
ngx_int_t ngx_http_webhook_send(ngx_http_request_t *r, ngx_uint_t status,
    ngx_str_t *text);
ngx_int_t ngx_http_webhook_send_typed(ngx_http_request_t *r,
    ngx_uint_t status, const char *type, ngx_str_t *text);
ngx_int_t ngx_http_webhook_send_json(ngx_http_request_t *r, ngx_uint_t status,
    ngx_http_webhook_json_writer_t *w);
ngx_int_t ngx_http_webhook_problem(ngx_http_request_t *r,
    ngx_http_webhook_problem_e problem, const char *detail);

/* JSON that a client may keep, and asks about by the ETag that was set. */
ngx_int_t ngx_http_webhook_send_cached(ngx_http_request_t *r, ngx_str_t *text);

/* Adds a header to the answer; the texts must live as long.  NULL: no memory. */
ngx_table_elt_t *ngx_http_webhook_header(ngx_http_request_t *r,
    const char *name, const char *value);

/* INVALID with the list of what is wrong, an array of ..._error_t. */
ngx_int_t ngx_http_webhook_invalid(ngx_http_request_t *r, ngx_array_t *errors);

/*
 * Adds to such a list, at "/<member>" or "/<member>/<child>", 32 at the most;
 * 0 without memory.
 */
ngx_uint_t ngx_http_webhook_error_add(ngx_array_t *errors, ngx_str_t *member,
    const char *code, const char *detail);
ngx_uint_t ngx_http_webhook_error_below(ngx_array_t *errors,
    ngx_str_t *member, ngx_str_t *child, const char *code, const char *detail);

/* The status and the code of a problem. */
ngx_uint_t ngx_http_webhook_problem_status(ngx_http_webhook_problem_e problem);
const char *ngx_http_webhook_problem_code(ngx_http_webhook_problem_e problem);

/*
 * Writes a problem's members "status", "detail", which may be NULL for its title,
 * "code", and "errors", which may be NULL: for an answer of many parts.
 */
void ngx_http_webhook_problem_write(ngx_http_webhook_json_writer_t *w,
    ngx_http_webhook_problem_e problem, const char *detail,
    ngx_array_t *errors);

/*
 * Counts an answer of ingest, which is a problem; problems that are sent to
 * its locations as answers of their own are counted.
 */
void ngx_http_webhook_problem_count(ngx_http_request_t *r,
    ngx_http_webhook_problem_e problem);

/*
 * What went wrong, in a problem's terms: with text that is no JSON, and with
 * an operation that the store did not carry out.  The detail may be NULL.
 */
ngx_http_webhook_problem_e ngx_http_webhook_json_problem(ngx_pool_t *pool,
    ngx_http_webhook_json_error_e error, size_t offset, const char **detail);
ngx_http_webhook_problem_e ngx_http_webhook_store_problem(
    ngx_http_webhook_op_t *op, const char **detail);

/* Sends the latter. */
ngx_int_t ngx_http_webhook_store_failed(ngx_http_request_t *r,
    ngx_http_webhook_op_t *op);

typedef ngx_int_t (*ngx_http_webhook_body_pt)(ngx_http_request_t *r,
    ngx_str_t *body);


/*
 * A request to the module, in the request's pool; made when it is asked who
 * it comes from.
 */

typedef struct {
    ngx_http_webhook_principal_t     principal;
    ngx_http_webhook_known_wait_t    wait;       /* for its key */
    ngx_http_cleanup_t              *asks;
    ngx_http_handler_pt              allowed;
    void                            *api;        /* the admin API's */

    size_t                           limit;      /* of the body */
    size_t                           size;       /* allocated for it */
    ngx_str_t                        body;
    ngx_http_webhook_body_pt         handler;
    ngx_http_cleanup_t              *waits;      /* for an operation */
} ngx_http_webhook_ctx_t;


/*
 * Reads the body, of at most "limit" bytes, and calls the handler with it in
 * one piece.  The handler returns NGX_AGAIN where the request waits for the
 * store, else what it is to be finalized with.  Returns what the content
 * handler is to return.
 */
ngx_int_t ngx_http_webhook_body_read(ngx_http_request_t *r, size_t limit,
    ngx_http_webhook_body_pt handler);

/* A problem, before the body is read. */
ngx_int_t ngx_http_webhook_refuse(ngx_http_request_t *r,
    ngx_http_webhook_problem_e problem, const char *detail);

/*
 * A header of the request, by its name in lower case; null without it.  Returns
 * how often it is there: the value is the first one's.
 */
ngx_uint_t ngx_http_webhook_request_header(ngx_http_request_t *r,
    const char *name, ngx_str_t *value);

/*
 * Returns 1 where the request says that its body is of a type; and where it says
 * that it is compressed, which no body may be.
 */
ngx_uint_t ngx_http_webhook_body_is(ngx_http_request_t *r, const char *type);
ngx_uint_t ngx_http_webhook_body_encoded(ngx_http_request_t *r);

#define NGX_HTTP_WEBHOOK_BODY_ENCODED                                         \
    "The body must be sent as it is, without a Content-Encoding"

/*
 * Posts an operation for a request, which waits for it.  The operation's
 * handler asks for the request, which is NULL where it has ended before.
 */
ngx_int_t ngx_http_webhook_wait(ngx_http_request_t *r,
    ngx_http_webhook_op_t *op);
ngx_http_request_t *ngx_http_webhook_waited(ngx_http_webhook_op_t *op);

/* Ends a request from an operation's handler. */
void ngx_http_webhook_finalize(ngx_http_request_t *r, ngx_int_t rc);

/*
 * Finds who asks, the context's principal, and goes on with the handler, at
 * once or when the store has told; a problem where nobody may be meant.  Both
 * return what a content handler returns.
 */
ngx_int_t ngx_http_webhook_auth(ngx_http_request_t *r,
    ngx_http_handler_pt handler);

/* Returns 1 where the id or uid is that of the company who asks. */
ngx_uint_t ngx_http_webhook_auth_own(ngx_http_webhook_principal_t *principal,
    ngx_str_t *ref);

/*
 * Writes what the log calls who asks: the key's id, "root", or "off" where no
 * key was asked for.  Returns the end, NGX_HTTP_WEBHOOK_ID_LEN bytes away at
 * most.
 */
u_char *ngx_http_webhook_auth_name(u_char *p,
    ngx_http_webhook_principal_t *principal);

/*
 * Prepares a location whose handler reads its body itself.  Configuration
 * time, in merge_loc_conf.
 */
void ngx_http_webhook_body_init(ngx_conf_t *cf);


/* The content handlers. */

ngx_int_t ngx_http_webhook_ingest_handler(ngx_http_request_t *r);
ngx_int_t ngx_http_webhook_api_handler(ngx_http_request_t *r);


#endif /* _NGX_HTTP_WEBHOOK_HTTP_H_INCLUDED_ */
