
/*
 * Copyright (C) the ngx_http_webhook_module authors
 */


/*
 * What the targets need of nginx beside some files of its core, which .ci/fuzz
 * names.
 */


#include "fuzz.h"

#include <stdio.h>
#include <stdlib.h>


volatile ngx_cycle_t  *ngx_cycle;

static ngx_log_t       fuzz_log;


void
ngx_log_error_core(ngx_uint_t level, ngx_log_t *log, ngx_err_t err,
    const char *fmt, ...)
{
    /* nobody reads it */
}


ngx_pool_t *
fuzz_pool(void)
{
    ngx_pool_t  *pool;

    pool = ngx_create_pool(1024, &fuzz_log);
    fuzz_check(pool != NULL);

    return pool;
}


ngx_str_t
fuzz_copy(ngx_pool_t *pool, const uint8_t *data, size_t size)
{
    ngx_str_t  text;

    text.len = size;
    text.data = ngx_pnalloc(pool, size ? size : 1);

    fuzz_check(text.data != NULL);

    ngx_memcpy(text.data, data, size);

    return text;
}


void
fuzz_failed(const char *expr, const char *file, int line)
{
    (void) fprintf(stderr, "%s:%d: does not hold: %s\n", file, line, expr);
    abort();
}
