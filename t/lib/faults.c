
/*
 * Copyright (C) the ngx_http_webhook_module authors
 */


/*
 * Faults of the disk, for tests: a library to preload into nginx, which fails
 * the calls by which SQLite and the module reach the files of the store.
 *
 * The variable FAULTS names the file that tells which.  All processes map it,
 * so that what is written to it holds at once, whoever runs:
 *
 *     64 bytes    "CALL ERROR FILE", or zeros
 *     4 bytes     how many calls were made to fail
 *
 *     CALL     open, read, write, sync or truncate
 *     ERROR    an errno's name; or "short": half is read or written, the
 *              half of the rest the next time, until there is none: ENOSPC;
 *              or "slow": it takes 2 ms longer, and succeeds
 *     FILE     db, or the end of its companion's name: wal, shm, lock
 *
 * The calls are those of SQLite 3.40 on glibc; what does not fail goes to the
 * kernel at once.
 */


#define _GNU_SOURCE

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>


#define FAULTS_STORE   "/store.db"
#define FAULTS_ERRORS  134      /* behind the last errno */


static struct {
    char      order[64];
    unsigned  taken;
}  *faults;


__attribute__((constructor))
static void
faults_init(void)
{
    int    fd;
    char  *name;
    void  *map;

    name = getenv("FAULTS");
    fd = name ? syscall(SYS_openat, AT_FDCWD, name, O_RDWR) : -1;

    if (fd == -1) {
        return;
    }

    map = mmap(NULL, sizeof(*faults), PROT_READ|PROT_WRITE, MAP_SHARED, fd, 0);
    (void) close(fd);

    faults = (map == MAP_FAILED) ? NULL : map;
}


/*
 * Whether a call fails, with errno set.  The file is given by its path, or by
 * its descriptor; a short call gets its size halved.
 */

static int
faults_strike(const char *call, const char *path, int fd, size_t *size)
{
    int          n;
    char         order[65], name[16], error[16], file[16], link[32];
    char         target[PATH_MAX + 1];
    ssize_t      len;
    const char  *code;

    if (faults == NULL || faults->order[0] == '\0') {
        return 0;
    }

    memcpy(order, faults->order, 64);
    order[64] = '\0';

    if (sscanf(order, "%15s %15s %15s", name, error, file) != 3
        || strcmp(name, call) != 0)
    {
        return 0;
    }

    if (path == NULL) {
        (void) sprintf(link, "/proc/self/fd/%d", fd);

        len = readlink(link, target, PATH_MAX);
        target[len > 0 ? len : 0] = '\0';
        path = target;
    }

    path = strstr(path, FAULTS_STORE);

    if (path == NULL
        || strcmp(path[sizeof(FAULTS_STORE) - 1]
                  ? path + sizeof(FAULTS_STORE) : "db", file) != 0)
    {
        return 0;
    }

    for (n = 1; n < FAULTS_ERRORS; n++) {
        code = strerrorname_np(n);
        if (code && strcmp(code, error) == 0) {
            break;
        }
    }

    if (n == FAULTS_ERRORS && strcmp(error, "slow") == 0) {
        (void) usleep(2000);
        n = 0;

    } else if (n == FAULTS_ERRORS) {

        if (size == NULL || strcmp(error, "short") != 0) {
            return 0;
        }

        n = (*size > 1) ? 0 : ENOSPC;
        *size /= 2;
    }

    (void) __atomic_add_fetch(&faults->taken, 1, __ATOMIC_SEQ_CST);

    errno = n;

    return n != 0;
}


int
open64(const char *path, int flags, ...)
{
    mode_t   mode;
    va_list  args;

    va_start(args, flags);
    mode = (flags & O_CREAT) ? va_arg(args, mode_t) : 0;
    va_end(args);

    return faults_strike("open", path, -1, NULL)
           ? -1 : syscall(SYS_openat, AT_FDCWD, path, flags, mode);
}


ssize_t
pread64(int fd, void *buf, size_t size, off64_t offset)
{
    return faults_strike("read", NULL, fd, &size)
           ? -1 : syscall(SYS_pread64, fd, buf, size, offset);
}


ssize_t
pwrite64(int fd, const void *buf, size_t size, off64_t offset)
{
    return faults_strike("write", NULL, fd, &size)
           ? -1 : syscall(SYS_pwrite64, fd, buf, size, offset);
}


int
fdatasync(int fd)
{
    return faults_strike("sync", NULL, fd, NULL)
           ? -1 : syscall(SYS_fdatasync, fd);
}


int
ftruncate64(int fd, off64_t size)
{
    return faults_strike("truncate", NULL, fd, NULL)
           ? -1 : syscall(SYS_ftruncate, fd, size);
}
