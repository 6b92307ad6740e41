
/*
 * Copyright (C) the ngx_http_webhook_module authors
 */


/*
 * Times as people write them.
 */


#ifndef _NGX_HTTP_WEBHOOK_TIME_H_INCLUDED_
#define _NGX_HTTP_WEBHOOK_TIME_H_INCLUDED_


#include "ngx_http_webhook.h"


/*
 * Reads a time of RFC 3339, "2026-01-31T12:00:00.5+01:00", as milliseconds
 * since the epoch; what is finer is cut off.  NGX_ERROR where it is none, or
 * before the epoch, or after what an identifier can hold.  Any thread.
 */
ngx_int_t ngx_http_webhook_time_read(ngx_str_t *text, int64_t *msec);


#endif /* _NGX_HTTP_WEBHOOK_TIME_H_INCLUDED_ */
