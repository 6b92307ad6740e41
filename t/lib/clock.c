
/*
 * Copyright (C) the ngx_http_webhook_module authors
 */


/*
 * A wall clock that is wrong, for tests: a library to preload into nginx.
 *
 * The variable CLOCK names a file with one 64-bit number, the seconds by which
 * the clock goes fast, or slow.  All processes map it, so that what is written
 * to it holds at once, whoever runs.  The monotonic clock is left alone, as the
 * kernel does.
 */


#define _GNU_SOURCE

#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>


static volatile int64_t  *clock_offset;


__attribute__((constructor))
static void
clock_init(void)
{
    int    fd;
    char  *name;
    void  *map;

    name = getenv("CLOCK");
    fd = name ? open(name, O_RDONLY) : -1;

    if (fd == -1) {
        return;
    }

    map = mmap(NULL, sizeof(int64_t), PROT_READ, MAP_SHARED, fd, 0);
    (void) close(fd);

    clock_offset = (map == MAP_FAILED) ? NULL : map;
}


int
clock_gettime(clockid_t clock, struct timespec *ts)
{
    int  rc;

    rc = syscall(SYS_clock_gettime, clock, ts);

    if (rc == 0 && clock == CLOCK_REALTIME && clock_offset) {
        ts->tv_sec += *clock_offset;
    }

    return rc;
}


int
gettimeofday(struct timeval *tv, void *tz)
{
    int              rc;
    struct timespec  ts;

    rc = clock_gettime(CLOCK_REALTIME, &ts);

    tv->tv_sec = ts.tv_sec;
    tv->tv_usec = ts.tv_nsec / 1000;

    return rc;
}


time_t
time(time_t *t)
{
    struct timespec  ts;

    (void) clock_gettime(CLOCK_REALTIME, &ts);

    if (t) {
        *t = ts.tv_sec;
    }

    return ts.tv_sec;
}
