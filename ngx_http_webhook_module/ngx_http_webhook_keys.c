
/*
 * Copyright (C) the ngx_http_webhook_module authors
 */


/*
 * The key files, in the master process.
 *
 * A key file is one line of text: "whk_" or "whe_" and 64 hexadecimal digits.
 * The files are 0600 and belong to the user that starts nginx; the workers
 * get what they need by the fork.  The folder is the workers', so no link is
 * followed, no file of another owner is read, and a file is made by O_EXCL.
 */


#include "ngx_http_webhook_keys.h"
#include "ngx_http_webhook_sign.h"

#include <openssl/rand.h>
#include <openssl/crypto.h>


#define NGX_HTTP_WEBHOOK_KEY_PREFIX_LEN  4
#define NGX_HTTP_WEBHOOK_KEY_TEXT_LEN                                         \
    (NGX_HTTP_WEBHOOK_KEY_PREFIX_LEN + 2 * NGX_HTTP_WEBHOOK_KEY_LEN)


static ngx_int_t ngx_http_webhook_keys_file(ngx_log_t *log, ngx_str_t *file,
    const char *prefix, u_char *text);
static ngx_int_t ngx_http_webhook_keys_new(ngx_log_t *log, ngx_str_t *file,
    const char *prefix, u_char *text);
static ngx_int_t ngx_http_webhook_keys_root(ngx_http_webhook_keys_t *keys,
    u_char *text);
static void ngx_http_webhook_keys_encryption(ngx_http_webhook_keys_t *keys,
    u_char *text);


char *
ngx_http_webhook_keys_read(ngx_conf_t *cf, ngx_http_webhook_main_conf_t *wmcf)
{
    u_char                    text[NGX_HTTP_WEBHOOK_KEY_TEXT_LEN];
    ngx_int_t                 root, encryption;
    ngx_http_webhook_keys_t  *keys;

    keys = ngx_pcalloc(cf->pool, sizeof(ngx_http_webhook_keys_t));
    if (keys == NULL) {
        return NGX_CONF_ERROR;
    }

    wmcf->keys = keys;

    keys->root_file.len = wmcf->store_dir.len + sizeof("/root.key") - 1;
    keys->root_file.data = ngx_pnalloc(cf->pool, keys->root_file.len + 1);

    keys->encryption_file.len = wmcf->store_dir.len
                                + sizeof("/encryption.key") - 1;
    keys->encryption_file.data = ngx_pnalloc(cf->pool,
                                             keys->encryption_file.len + 1);

    if (keys->root_file.data == NULL || keys->encryption_file.data == NULL) {
        return NGX_CONF_ERROR;
    }

    ngx_sprintf(keys->root_file.data, "%V/root.key%Z", &wmcf->store_dir);
    ngx_sprintf(keys->encryption_file.data, "%V/encryption.key%Z",
                &wmcf->store_dir);

    root = ngx_http_webhook_keys_file(cf->log, &keys->root_file, "whk_", text);

    if (root == NGX_OK
        && ngx_http_webhook_keys_root(keys, text) != NGX_OK)
    {
        return NGX_CONF_ERROR;
    }

    encryption = ngx_http_webhook_keys_file(cf->log, &keys->encryption_file,
                                            "whe_", text);

    if (encryption == NGX_OK) {
        ngx_http_webhook_keys_encryption(keys, text);
    }

    OPENSSL_cleanse(text, sizeof(text));

    if (root == NGX_ERROR || encryption == NGX_ERROR) {
        return NGX_CONF_ERROR;
    }

    keys->ready = (root == NGX_OK && encryption == NGX_OK);

    return NGX_CONF_OK;
}


ngx_int_t
ngx_http_webhook_keys_make(ngx_cycle_t *cycle,
    ngx_http_webhook_main_conf_t *wmcf)
{
    u_char                    text[NGX_HTTP_WEBHOOK_KEY_TEXT_LEN];
    ngx_int_t                 rc;
    ngx_http_webhook_keys_t  *keys;

    keys = wmcf->keys;

    if (keys->ready) {
        return NGX_OK;
    }

    rc = ngx_http_webhook_keys_new(cycle->log, &keys->root_file, "whk_", text);

    if (rc == NGX_OK) {
        rc = ngx_http_webhook_keys_root(keys, text);
    }

    if (rc == NGX_OK) {
        rc = ngx_http_webhook_keys_new(cycle->log, &keys->encryption_file,
                                       "whe_", text);
    }

    if (rc == NGX_OK) {
        ngx_http_webhook_keys_encryption(keys, text);
        keys->ready = 1;
    }

    OPENSSL_cleanse(text, sizeof(text));

    return rc;
}


/* NGX_DECLINED where there is no such file. */

static ngx_int_t
ngx_http_webhook_keys_file(ngx_log_t *log, ngx_str_t *file,
    const char *prefix, u_char *text)
{
    size_t           i;
    u_char           buf[NGX_HTTP_WEBHOOK_KEY_TEXT_LEN + 2];
    ssize_t          n;
    ngx_fd_t         fd;
    ngx_file_info_t  fi;

    fd = open((const char *) file->data,
              O_RDONLY|O_NOFOLLOW|O_NONBLOCK|O_CLOEXEC);

    if (fd == NGX_INVALID_FILE) {

        if (ngx_errno == NGX_ENOENT || ngx_errno == NGX_ENOTDIR) {
            return NGX_DECLINED;
        }

        ngx_log_error(NGX_LOG_EMERG, log, ngx_errno,
                      "open() \"%V\" failed", file);
        return NGX_ERROR;
    }

    n = -1;

    if (ngx_fd_info(fd, &fi) == NGX_FILE_ERROR || !ngx_is_file(&fi)) {
        ngx_log_error(NGX_LOG_EMERG, log, 0, "\"%V\" is not a file", file);

    } else if (fi.st_uid != geteuid() || (fi.st_mode & 077)) {
        ngx_log_error(NGX_LOG_EMERG, log, 0,
                      "\"%V\" must belong to the user that starts nginx, and "
                      "be readable by that user alone", file);

    } else {
        n = read(fd, buf, sizeof(buf));
    }

    if (close(fd) == -1) {
        ngx_log_error(NGX_LOG_ALERT, log, ngx_errno,
                      "close() \"%V\" failed", file);
    }

    if (n == -1) {
        return NGX_ERROR;
    }

    if (n == NGX_HTTP_WEBHOOK_KEY_TEXT_LEN + 1 && buf[n - 1] == LF) {
        n--;
    }

    if (n != NGX_HTTP_WEBHOOK_KEY_TEXT_LEN
        || ngx_strncmp(buf, prefix, NGX_HTTP_WEBHOOK_KEY_PREFIX_LEN) != 0)
    {
        goto invalid;
    }

    for (i = NGX_HTTP_WEBHOOK_KEY_PREFIX_LEN; i < (size_t) n; i++) {
        if (!((buf[i] >= '0' && buf[i] <= '9')
              || (buf[i] >= 'a' && buf[i] <= 'f')))
        {
            goto invalid;
        }
    }

    ngx_memcpy(text, buf, n);
    OPENSSL_cleanse(buf, sizeof(buf));

    return NGX_OK;

invalid:

    OPENSSL_cleanse(buf, sizeof(buf));

    ngx_log_error(NGX_LOG_EMERG, log, 0,
                  "\"%V\" must hold \"%s\" and 64 hexadecimal digits",
                  file, prefix);

    return NGX_ERROR;
}


/* Reads the file after all where it is there. */

static ngx_int_t
ngx_http_webhook_keys_new(ngx_log_t *log, ngx_str_t *file,
    const char *prefix, u_char *text)
{
    u_char     key[NGX_HTTP_WEBHOOK_KEY_LEN], *p;
    ssize_t    n;
    ngx_fd_t   fd;
    ngx_int_t  rc;

    rc = ngx_http_webhook_keys_file(log, file, prefix, text);
    if (rc != NGX_DECLINED) {
        return rc;
    }

    if (RAND_bytes(key, sizeof(key)) != 1) {
        ngx_log_error(NGX_LOG_EMERG, log, 0, "RAND_bytes() failed");
        return NGX_ERROR;
    }

    p = ngx_cpymem(text, prefix, NGX_HTTP_WEBHOOK_KEY_PREFIX_LEN);
    ngx_hex_dump(p, key, sizeof(key));
    OPENSSL_cleanse(key, sizeof(key));

    fd = open((const char *) file->data,
              O_WRONLY|O_CREAT|O_EXCL|O_NOFOLLOW|O_CLOEXEC, 0600);

    if (fd == NGX_INVALID_FILE) {
        ngx_log_error(NGX_LOG_EMERG, log, ngx_errno,
                      "open() \"%V\" failed", file);
        return NGX_ERROR;
    }

    n = write(fd, text, NGX_HTTP_WEBHOOK_KEY_TEXT_LEN);

    if (n != NGX_HTTP_WEBHOOK_KEY_TEXT_LEN
        || write(fd, "\n", 1) != 1
        || fsync(fd) == -1)
    {
        ngx_log_error(NGX_LOG_EMERG, log, ngx_errno,
                      "write() to \"%V\" failed", file);
        (void) close(fd);
        (void) ngx_delete_file(file->data);
        return NGX_ERROR;
    }

    if (close(fd) == -1) {
        ngx_log_error(NGX_LOG_ALERT, log, ngx_errno,
                      "close() \"%V\" failed", file);
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_webhook_keys_root(ngx_http_webhook_keys_t *keys, u_char *text)
{
    ngx_str_t  key;

    key.data = text;
    key.len = NGX_HTTP_WEBHOOK_KEY_TEXT_LEN;

    return ngx_http_webhook_digest(&key, keys->root_digest);
}


static void
ngx_http_webhook_keys_encryption(ngx_http_webhook_keys_t *keys, u_char *text)
{
    ngx_int_t  n;
    ngx_uint_t i;

    text += NGX_HTTP_WEBHOOK_KEY_PREFIX_LEN;

    for (i = 0; i < NGX_HTTP_WEBHOOK_KEY_LEN; i++) {
        n = ngx_hextoi(text + 2 * i, 2);
        keys->encryption[i] = (u_char) n;
    }
}
