
/*
 * Copyright (C) the ngx_http_webhook_module authors
 */


/*
 * Messages that would come again with each request or transaction are written
 * once a minute.
 */


#ifndef _NGX_HTTP_WEBHOOK_QUIET_H_INCLUDED_
#define _NGX_HTTP_WEBHOOK_QUIET_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>


#define NGX_HTTP_WEBHOOK_QUIET_KINDS  16

/* A kind of the event loop's; problems are others. */

#define NGX_HTTP_WEBHOOK_QUIET_VIA    1000


/* All of it is 0 at first. */

typedef struct {
    ngx_atomic_t         lock;

    struct {
        ngx_int_t        kind;       /* 0: none */
        ngx_uint_t       said;       /* s, monotonic: the last that was written */
        ngx_uint_t       last;       /* s: the last one */
        ngx_uint_t       unsaid;     /* since the one that was written */
    } kinds[NGX_HTTP_WEBHOOK_QUIET_KINDS];
} ngx_http_webhook_quiet_t;


/*
 * Whether a message of a kind, which is not 0, is to be kept back; where it is
 * not, *unsaid (NULL where that is not told) is how many were since the last that
 * was, 0 where the last one was a minute ago.  In any thread.
 */
ngx_uint_t ngx_http_webhook_quiet(ngx_http_webhook_quiet_t *quiet,
    ngx_int_t kind, ngx_uint_t *unsaid);

/*
 * Forgets the kinds above 0.  Returns 1 where there was one, and none in the last
 * ten seconds: all is well again; else they are not forgotten.  In any thread.
 */
ngx_uint_t ngx_http_webhook_quiet_over(ngx_http_webhook_quiet_t *quiet);


#endif /* _NGX_HTTP_WEBHOOK_QUIET_H_INCLUDED_ */
