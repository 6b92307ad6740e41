
/*
 * Copyright (C) the ngx_http_webhook_module authors
 */


/*
 * The admin API: what the handlers of its resources share.
 */


#ifndef _NGX_HTTP_WEBHOOK_API_H_INCLUDED_
#define _NGX_HTTP_WEBHOOK_API_H_INCLUDED_


#include "ngx_http_webhook_http.h"


#define NGX_HTTP_WEBHOOK_API_ARGS   2        /* identifiers in a path */
#define NGX_HTTP_WEBHOOK_API_PARAMS 16       /* of a query */
#define NGX_HTTP_WEBHOOK_API_LIMIT  50
#define NGX_HTTP_WEBHOOK_API_MOST   250


typedef struct ngx_http_webhook_api_s  ngx_http_webhook_api_t;

/*
 * The handler of a route.  Returns NGX_AGAIN where it waits for the store,
 * else what the request is to be finalized with.
 */
typedef ngx_int_t (*ngx_http_webhook_api_pt)(ngx_http_webhook_api_t *api);


/*
 * The routes, which end with one without a path.  Beside an admin, for whom
 * all are, a route may be for the company that its path names, where it has
 * access, or whether it has access or not, or for whoever has a key.
 */

typedef enum {
    NGX_HTTP_WEBHOOK_FOR_ADMIN = 0,
    NGX_HTTP_WEBHOOK_FOR_COMPANY,
    NGX_HTTP_WEBHOOK_FOR_ANY_COMPANY,
    NGX_HTTP_WEBHOOK_FOR_ANY_KEY
} ngx_http_webhook_roles_e;

typedef struct {
    ngx_uint_t                  method;
    const char                 *path;        /* "*" stands for an identifier */
    ngx_uint_t                  body;        /* it takes one */
    ngx_http_webhook_roles_e    roles;
    ngx_http_webhook_api_pt     handler;
} ngx_http_webhook_route_t;

extern ngx_http_webhook_route_t  ngx_http_webhook_routes[];

#define ngx_http_webhook_api_of_company(route)                                \
    (ngx_strncmp((route)->path, "companies/", sizeof("companies/") - 1) == 0)


/* A request to the API, in the request's pool. */

struct ngx_http_webhook_api_s {
    ngx_http_request_t             *request;
    ngx_http_webhook_route_t       *route;
    ngx_http_webhook_principal_t   *principal;
    ngx_str_t                       args[NGX_HTTP_WEBHOOK_API_ARGS];
    ngx_http_webhook_json_t        *body;        /* an object, or NULL */
    ngx_array_t                     errors;      /* of ..._error_t */
    const char                     *params[NGX_HTTP_WEBHOOK_API_PARAMS];
    ngx_uint_t                      nparams;     /* that were asked for */
    ngx_str_t                       made;        /* what it has made: an id */
};

/*
 * Writes a line to the log when the request ends: who has asked for what, and
 * what the answer was.  NGX_ERROR without memory.
 */
ngx_int_t ngx_http_webhook_audit(ngx_http_webhook_api_t *api);

/* Says what a request has made, for that line. */
void ngx_http_webhook_audit_made(ngx_http_request_t *r, const char *prefix,
    ngx_http_webhook_id_t id);
void ngx_http_webhook_audit_named(ngx_http_request_t *r, ngx_str_t *name);


/* Reads the members of a body: each takes what its type allows. */

typedef ngx_int_t (*ngx_http_webhook_api_member_pt)(
    ngx_http_webhook_api_t *api, ngx_http_webhook_json_t *json, void *data);

typedef struct {
    ngx_str_t                        name;
    ngx_http_webhook_api_member_pt   handler;
    ngx_uint_t                       required;
} ngx_http_webhook_api_member_t;

/*
 * Calls the handler of each member; unknown, missing and double ones are
 * errors.  NGX_OK where all is well; NGX_DECLINED where a problem was sent or
 * is the result in *rc.
 */
ngx_int_t ngx_http_webhook_api_members(ngx_http_webhook_api_t *api,
    ngx_http_webhook_api_member_t *members, void *data, ngx_int_t *rc);

/*
 * The same for an object that is a member, whose name needs no escapes: errors
 * are only added.  Returns NGX_OK, or NGX_ERROR without memory.
 */
ngx_int_t ngx_http_webhook_api_object(ngx_http_webhook_api_t *api,
    ngx_http_webhook_json_t *object, ngx_http_webhook_api_member_t *members,
    void *data);

/* Adds an error of a member's value.  Returns NGX_OK, or NGX_ERROR. */
ngx_int_t ngx_http_webhook_api_error(ngx_http_webhook_api_t *api,
    ngx_http_webhook_json_t *json, const char *code, const char *detail);

/*
 * Copies a string member of "min" to "max" characters to a pool, the operation's,
 * which may outlive the request.  Anything else is an error of the member.  A
 * name is one line, and seen.
 */
ngx_int_t ngx_http_webhook_api_string(ngx_http_webhook_api_t *api,
    ngx_http_webhook_json_t *json, size_t min, size_t max, ngx_pool_t *pool,
    ngx_str_t *value);
ngx_int_t ngx_http_webhook_api_name(ngx_http_webhook_api_t *api,
    ngx_http_webhook_json_t *json, ngx_pool_t *pool, ngx_str_t *value);

/* The same for a boolean, given as 0 or 1. */
ngx_int_t ngx_http_webhook_api_boolean(ngx_http_webhook_api_t *api,
    ngx_http_webhook_json_t *json, ngx_uint_t *value);

/*
 * Makes an operation of "size" bytes in a pool of its own, which the handler
 * is to destroy.  NULL without memory.
 */
void *ngx_http_webhook_api_op(ngx_http_webhook_op_e type, size_t size,
    ngx_http_webhook_op_pt handler);

/*
 * Posts it and returns NGX_AGAIN.  The company that the path names is copied
 * to *ref, unless that is NULL.  Where the query has parameters that the
 * handler has not asked for by now, a problem is sent instead.
 */
ngx_int_t ngx_http_webhook_api_post(ngx_http_webhook_api_t *api,
    ngx_http_webhook_op_t *op, ngx_str_t *ref);

/*
 * The end of an operation's handler: "render" makes the answer where the
 * store succeeded and the request is still there; the pool is destroyed.
 */
typedef ngx_int_t (*ngx_http_webhook_api_render_pt)(ngx_http_request_t *r,
    ngx_http_webhook_op_t *op);

void ngx_http_webhook_api_done(ngx_http_webhook_op_t *op,
    ngx_http_webhook_api_render_pt render);

/* An operation's handler whose answer is 204. */
void ngx_http_webhook_api_done_empty(ngx_http_webhook_op_t *op);

/*
 * A page: its parameters (NGX_DECLINED where all is well, else the result of
 * the problem that was sent), "limit" alone or with a cursor, and its rows in
 * an answer.
 */

typedef void (*ngx_http_webhook_api_row_pt)(ngx_http_webhook_json_writer_t *w,
    void *row);

ngx_int_t ngx_http_webhook_api_limit(ngx_http_webhook_api_t *api,
    ngx_uint_t *limit);
ngx_int_t ngx_http_webhook_api_page(ngx_http_webhook_api_t *api,
    ngx_http_webhook_list_op_t *list, const char *prefix);
ngx_int_t ngx_http_webhook_api_render_page(ngx_http_request_t *r,
    ngx_http_webhook_list_op_t *list, const char *prefix,
    ngx_http_webhook_api_row_pt row);

/*
 * A parameter of the query, unescaped (a "+" is a space, as in forms), in the
 * request's pool; and one that is a time, in ms.  NGX_DECLINED where it is not
 * there, NGX_ERROR where it is no time.
 */
ngx_int_t ngx_http_webhook_api_param(ngx_http_webhook_api_t *api,
    const char *name, ngx_str_t *value);
ngx_int_t ngx_http_webhook_api_param_time(ngx_http_webhook_api_t *api,
    const char *name, int64_t *msec);


/* The routes' handlers. */

ngx_int_t ngx_http_webhook_api_company_create(ngx_http_webhook_api_t *api);
ngx_int_t ngx_http_webhook_api_company_list(ngx_http_webhook_api_t *api);
ngx_int_t ngx_http_webhook_api_company_get(ngx_http_webhook_api_t *api);
ngx_int_t ngx_http_webhook_api_company_update(ngx_http_webhook_api_t *api);
ngx_int_t ngx_http_webhook_api_company_delete(ngx_http_webhook_api_t *api);

ngx_int_t ngx_http_webhook_api_webhook_create(ngx_http_webhook_api_t *api);
ngx_int_t ngx_http_webhook_api_webhook_list(ngx_http_webhook_api_t *api);
ngx_int_t ngx_http_webhook_api_webhook_get(ngx_http_webhook_api_t *api);
ngx_int_t ngx_http_webhook_api_webhook_update(ngx_http_webhook_api_t *api);
ngx_int_t ngx_http_webhook_api_webhook_delete(ngx_http_webhook_api_t *api);
ngx_int_t ngx_http_webhook_api_secret_get(ngx_http_webhook_api_t *api);
ngx_int_t ngx_http_webhook_api_secret_rotate(ngx_http_webhook_api_t *api);
ngx_int_t ngx_http_webhook_api_webhook_test(ngx_http_webhook_api_t *api);

ngx_int_t ngx_http_webhook_api_message_list(ngx_http_webhook_api_t *api);
ngx_int_t ngx_http_webhook_api_message_get(ngx_http_webhook_api_t *api);
ngx_int_t ngx_http_webhook_api_message_delete(ngx_http_webhook_api_t *api);

ngx_int_t ngx_http_webhook_api_event_list(ngx_http_webhook_api_t *api);
ngx_int_t ngx_http_webhook_api_event_get(ngx_http_webhook_api_t *api);
ngx_int_t ngx_http_webhook_api_event_retry(ngx_http_webhook_api_t *api);
ngx_int_t ngx_http_webhook_api_event_cancel(ngx_http_webhook_api_t *api);

ngx_int_t ngx_http_webhook_api_replay_create(ngx_http_webhook_api_t *api);
ngx_int_t ngx_http_webhook_api_replay_list(ngx_http_webhook_api_t *api);
ngx_int_t ngx_http_webhook_api_replay_get(ngx_http_webhook_api_t *api);
ngx_int_t ngx_http_webhook_api_replay_cancel(ngx_http_webhook_api_t *api);

ngx_int_t ngx_http_webhook_api_key_create(ngx_http_webhook_api_t *api);
ngx_int_t ngx_http_webhook_api_key_list(ngx_http_webhook_api_t *api);
ngx_int_t ngx_http_webhook_api_key_get(ngx_http_webhook_api_t *api);
ngx_int_t ngx_http_webhook_api_key_delete(ngx_http_webhook_api_t *api);
ngx_int_t ngx_http_webhook_api_session_create(ngx_http_webhook_api_t *api);

ngx_int_t ngx_http_webhook_api_request_create(ngx_http_webhook_api_t *api);
ngx_int_t ngx_http_webhook_api_request_list(ngx_http_webhook_api_t *api);
ngx_int_t ngx_http_webhook_api_request_list_all(ngx_http_webhook_api_t *api);

ngx_int_t ngx_http_webhook_api_event_type_create(ngx_http_webhook_api_t *api);
ngx_int_t ngx_http_webhook_api_event_type_list(ngx_http_webhook_api_t *api);
ngx_int_t ngx_http_webhook_api_event_type_get(ngx_http_webhook_api_t *api);
ngx_int_t ngx_http_webhook_api_event_type_update(ngx_http_webhook_api_t *api);
ngx_int_t ngx_http_webhook_api_event_type_delete(ngx_http_webhook_api_t *api);

ngx_int_t ngx_http_webhook_api_stats(ngx_http_webhook_api_t *api);
ngx_int_t ngx_http_webhook_api_status(ngx_http_webhook_api_t *api);
ngx_int_t ngx_http_webhook_api_metrics(ngx_http_webhook_api_t *api);
ngx_int_t ngx_http_webhook_api_openapi(ngx_http_webhook_api_t *api);


#endif /* _NGX_HTTP_WEBHOOK_API_H_INCLUDED_ */
