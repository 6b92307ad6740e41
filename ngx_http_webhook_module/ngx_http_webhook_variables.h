
/*
 * Copyright (C) the ngx_http_webhook_module authors
 */


/*
 * The variables of a delivery.
 */


#ifndef _NGX_HTTP_WEBHOOK_VARIABLES_H_INCLUDED_
#define _NGX_HTTP_WEBHOOK_VARIABLES_H_INCLUDED_


#include "ngx_http_webhook.h"


/* Adds them to the configuration; before it is read. */
ngx_int_t ngx_http_webhook_variables_add(ngx_conf_t *cf);


#endif /* _NGX_HTTP_WEBHOOK_VARIABLES_H_INCLUDED_ */
