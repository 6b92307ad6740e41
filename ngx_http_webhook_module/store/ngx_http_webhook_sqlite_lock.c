
/*
 * Copyright (C) the ngx_http_webhook_module authors
 */


/*
 * The lock file.  Its first eight bytes, in a shared mapping, are the
 * generation of the configuration; behind them lie bytes that are only ever
 * locked, by open-file-description locks, which the kernel frees when the
 * process that holds them ends, however it ends:
 *
 *     next, write    a turnstile of two: a writer takes "next", then "write",
 *                    then frees "next", so that who waits is served in turn
 *     index          held by who fills the index of lists, or keeps it from
 *                    being filled
 *     settle         held by who makes a checkpoint
 *     owner + n      held by the worker process that owner number n stands
 *                    for, as long as it lives
 *
 * The file is opened by the store's thread after the fork, never before.
 */


#include "ngx_http_webhook_sqlite.h"

#include <sys/mman.h>


#define NGX_HTTP_WEBHOOK_LOCK_SIZE    4096
#define NGX_HTTP_WEBHOOK_LOCK_NEXT    4096
#define NGX_HTTP_WEBHOOK_LOCK_WRITE   4097
#define NGX_HTTP_WEBHOOK_LOCK_INDEX   4098
#define NGX_HTTP_WEBHOOK_LOCK_SETTLE  4099
#define NGX_HTTP_WEBHOOK_LOCK_OWNER   8192

#define NGX_HTTP_WEBHOOK_OWNERS       4096


static ngx_int_t
ngx_http_webhook_sqlite_byte(ngx_http_webhook_sqlite_lock_t *lock, off_t byte,
    short type, int command)
{
    struct flock  fl;

    ngx_memzero(&fl, sizeof(struct flock));
    fl.l_type = type;
    fl.l_whence = SEEK_SET;
    fl.l_start = byte;
    fl.l_len = 1;

    for ( ;; ) {

        if (fcntl(lock->fd, command, &fl) == 0) {
            return NGX_OK;
        }

        if (ngx_errno == NGX_EINTR) {
            continue;
        }

        if (ngx_errno == NGX_EAGAIN || ngx_errno == NGX_EACCES) {
            return NGX_DECLINED;
        }

        ngx_log_error(NGX_LOG_CRIT, lock->log, ngx_errno,
                      "fcntl() of the webhook store's lock file failed");

        return NGX_ERROR;
    }
}


ngx_int_t
ngx_http_webhook_sqlite_lock_attach(ngx_http_webhook_sqlite_lock_t *lock,
    ngx_str_t *path, ngx_log_t *log)
{
    u_char  *name;

    lock->log = log;
    lock->shared = NULL;
    lock->owner = 0;

    name = ngx_alloc(path->len + sizeof(".lock"), log);
    if (name == NULL) {
        return NGX_ERROR;
    }

    ngx_sprintf(name, "%V.lock%Z", path);

    lock->fd = open((const char *) name, O_RDWR|O_CREAT|O_NOFOLLOW|O_CLOEXEC,
                    0600);

    if (lock->fd == NGX_INVALID_FILE
        && !ngx_http_webhook_quiet(lock->quiet,
                                   lock->writes ? NGX_HTTP_WEBHOOK_QUIET_OPEN
                                                : -NGX_HTTP_WEBHOOK_QUIET_OPEN,
                                   NULL))
    {
        ngx_log_error(NGX_LOG_CRIT, log, ngx_errno,
                      "open() \"%s\" failed: the user that nginx's workers "
                      "run as must own it", name);
    }

    ngx_free(name);

    return (lock->fd == NGX_INVALID_FILE) ? NGX_ERROR : NGX_OK;
}


ngx_int_t
ngx_http_webhook_sqlite_lock_open(ngx_http_webhook_sqlite_lock_t *lock,
    ngx_str_t *path, ngx_log_t *log)
{
    void       *map;
    ngx_int_t   rc;
    ngx_uint_t  owner;

    if (ngx_http_webhook_sqlite_lock_attach(lock, path, log) != NGX_OK) {
        return NGX_ERROR;
    }

    if (ftruncate(lock->fd, NGX_HTTP_WEBHOOK_LOCK_SIZE) == -1) {
        ngx_log_error(NGX_LOG_CRIT, log, ngx_errno,
                      "ftruncate() of the webhook store's lock file failed");
        goto failed;
    }

    map = mmap(NULL, NGX_HTTP_WEBHOOK_LOCK_SIZE, PROT_READ|PROT_WRITE,
               MAP_SHARED, lock->fd, 0);

    if (map == MAP_FAILED) {
        ngx_log_error(NGX_LOG_CRIT, log, ngx_errno,
                      "mmap() of the webhook store's lock file failed");
        goto failed;
    }

    lock->shared = map;

    for (owner = 1; owner < NGX_HTTP_WEBHOOK_OWNERS; owner++) {

        rc = ngx_http_webhook_sqlite_byte(lock,
                                     NGX_HTTP_WEBHOOK_LOCK_OWNER + owner,
                                     F_WRLCK, F_OFD_SETLK);
        if (rc == NGX_ERROR) {
            break;
        }

        if (rc == NGX_OK) {
            lock->owner = owner;
            return NGX_OK;
        }
    }

    ngx_log_error(NGX_LOG_CRIT, log, 0,
                  "no owner number is free in the webhook store's lock file");

failed:

    ngx_http_webhook_sqlite_lock_close(lock);

    return NGX_ERROR;
}


void
ngx_http_webhook_sqlite_lock_close(ngx_http_webhook_sqlite_lock_t *lock)
{
    if (lock->shared) {
        /* the event loop has not seen it, or runs no more */
        (void) munmap((void *) lock->shared, NGX_HTTP_WEBHOOK_LOCK_SIZE);
        lock->shared = NULL;
    }

    if (lock->fd == NGX_INVALID_FILE) {
        return;
    }

    (void) close(lock->fd);
    lock->fd = NGX_INVALID_FILE;
}


ngx_uint_t
ngx_http_webhook_sqlite_lock_lost(ngx_http_webhook_sqlite_lock_t *lock)
{
    ngx_file_info_t  fi;

    return ngx_fd_info(lock->fd, &fi) == NGX_FILE_ERROR || fi.st_nlink == 0;
}


ngx_int_t
ngx_http_webhook_sqlite_turn_take(ngx_http_webhook_sqlite_lock_t *lock)
{
    if (ngx_http_webhook_sqlite_byte(lock, NGX_HTTP_WEBHOOK_LOCK_NEXT, F_WRLCK,
                                     F_OFD_SETLKW)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (ngx_http_webhook_sqlite_byte(lock, NGX_HTTP_WEBHOOK_LOCK_WRITE,
                                     F_WRLCK, F_OFD_SETLKW)
        != NGX_OK)
    {
        (void) ngx_http_webhook_sqlite_byte(lock, NGX_HTTP_WEBHOOK_LOCK_NEXT,
                                            F_UNLCK, F_OFD_SETLK);
        return NGX_ERROR;
    }

    (void) ngx_http_webhook_sqlite_byte(lock, NGX_HTTP_WEBHOOK_LOCK_NEXT,
                                        F_UNLCK, F_OFD_SETLK);
    return NGX_OK;
}


void
ngx_http_webhook_sqlite_turn_free(ngx_http_webhook_sqlite_lock_t *lock)
{
    (void) ngx_http_webhook_sqlite_byte(lock, NGX_HTTP_WEBHOOK_LOCK_WRITE,
                                        F_UNLCK, F_OFD_SETLK);
}


ngx_int_t
ngx_http_webhook_sqlite_index_take(ngx_http_webhook_sqlite_lock_t *lock)
{
    return ngx_http_webhook_sqlite_byte(lock, NGX_HTTP_WEBHOOK_LOCK_INDEX,
                                        F_WRLCK, F_OFD_SETLK);
}


void
ngx_http_webhook_sqlite_index_free(ngx_http_webhook_sqlite_lock_t *lock)
{
    (void) ngx_http_webhook_sqlite_byte(lock, NGX_HTTP_WEBHOOK_LOCK_INDEX,
                                        F_UNLCK, F_OFD_SETLK);
}


ngx_int_t
ngx_http_webhook_sqlite_settle_take(ngx_http_webhook_sqlite_lock_t *lock)
{
    return ngx_http_webhook_sqlite_byte(lock, NGX_HTTP_WEBHOOK_LOCK_SETTLE,
                                        F_WRLCK, F_OFD_SETLK);
}


void
ngx_http_webhook_sqlite_settle_free(ngx_http_webhook_sqlite_lock_t *lock)
{
    (void) ngx_http_webhook_sqlite_byte(lock, NGX_HTTP_WEBHOOK_LOCK_SETTLE,
                                        F_UNLCK, F_OFD_SETLK);
}


ngx_int_t
ngx_http_webhook_sqlite_dead_take(ngx_http_webhook_sqlite_lock_t *lock,
    ngx_uint_t owner)
{
    return ngx_http_webhook_sqlite_byte(lock,
                                        NGX_HTTP_WEBHOOK_LOCK_OWNER + owner,
                                        F_WRLCK, F_OFD_SETLK);
}


void
ngx_http_webhook_sqlite_dead_free(ngx_http_webhook_sqlite_lock_t *lock,
    ngx_uint_t owner)
{
    (void) ngx_http_webhook_sqlite_byte(lock,
                                        NGX_HTTP_WEBHOOK_LOCK_OWNER + owner,
                                        F_UNLCK, F_OFD_SETLK);
}


void
ngx_http_webhook_sqlite_publish(ngx_http_webhook_sqlite_lock_t *lock,
    int64_t generation)
{
    ngx_atomic_uint_t  old;

    do {
        old = *lock->shared;

        if ((int64_t) old >= generation) {
            return;
        }

    } while (!ngx_atomic_cmp_set(lock->shared, old,
                                 (ngx_atomic_uint_t) generation));
}
