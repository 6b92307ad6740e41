
/*
 * Copyright (C) the ngx_http_webhook_module authors
 */


/*
 * What the fuzz targets share: a check that ends the process, so that
 * libFuzzer keeps the input, and a pool for each of them.
 */


#ifndef _FUZZ_H_INCLUDED_
#define _FUZZ_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>


#define fuzz_check(expr)                                                      \
    if (!(expr)) {                                                            \
        fuzz_failed(#expr, __FILE__, __LINE__);                               \
    }


/* Tells what does not hold, and aborts. */
void fuzz_failed(const char *expr, const char *file, int line);

/*
 * A pool whose allocations are malloc()'s own (NGX_DEBUG_PALLOC), so that
 * AddressSanitizer sees where each of them ends.  The caller destroys it.
 */
ngx_pool_t *fuzz_pool(void);

/* The same for the input: its last byte is the last of its memory. */
ngx_str_t fuzz_copy(ngx_pool_t *pool, const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);


#endif /* _FUZZ_H_INCLUDED_ */
