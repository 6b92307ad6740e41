
/*
 * Copyright (C) the ngx_http_webhook_module authors
 */


/*
 * The key files, in the master process.
 *
 * A key is a line of text: "whk_" or "whe_" and 64 hexadecimal digits.  The
 * file of encryption keys may have more than one: the first one seals, each
 * of them opens.  Empty lines and such that begin with "#" are notes.
 *
 * The files are for the user that starts nginx alone; the workers get what
 * they need by the fork.  The store's folder is the workers', so in it no link
 * is followed, no file of another owner is read, and a file is made by O_EXCL.
 */


#include "ngx_http_webhook_keys.h"

#include <openssl/rand.h>
#include <openssl/crypto.h>


#define NGX_HTTP_WEBHOOK_KEY_PREFIX_LEN  4
#define NGX_HTTP_WEBHOOK_KEY_TEXT_LEN                                         \
    (NGX_HTTP_WEBHOOK_KEY_PREFIX_LEN + 2 * NGX_HTTP_WEBHOOK_KEY_LEN)
#define NGX_HTTP_WEBHOOK_KEY_FILE        16384   /* bytes, at most */


/* The keys of a file, as text. */

typedef struct {
    const char  *prefix;
    ngx_uint_t   max;
    ngx_uint_t   n;
    ngx_uint_t   named;          /* 1: by a directive, of whatever folder */
    u_char       text[NGX_HTTP_WEBHOOK_SEAL_KEYS]
                     [NGX_HTTP_WEBHOOK_KEY_TEXT_LEN];
} ngx_http_webhook_key_file_t;


static ngx_int_t ngx_http_webhook_keys_name(ngx_conf_t *cf,
    ngx_http_webhook_main_conf_t *wmcf, ngx_str_t *named, const char *base,
    ngx_str_t *name);
static ngx_int_t ngx_http_webhook_keys_file(ngx_log_t *log, ngx_str_t *name,
    ngx_http_webhook_key_file_t *file);
static ssize_t ngx_http_webhook_keys_load(ngx_log_t *log, ngx_str_t *name,
    ngx_http_webhook_key_file_t *file, u_char *buf, size_t size);
static ngx_int_t ngx_http_webhook_keys_parse(ngx_log_t *log, ngx_str_t *name,
    ngx_http_webhook_key_file_t *file, u_char *p, u_char *last);
static ngx_uint_t ngx_http_webhook_keys_valid(u_char *p, size_t len,
    const char *prefix);
static ngx_int_t ngx_http_webhook_keys_new(ngx_log_t *log, ngx_str_t *name,
    ngx_http_webhook_key_file_t *file);
static ngx_int_t ngx_http_webhook_keys_root(ngx_http_webhook_keys_t *keys,
    ngx_http_webhook_key_file_t *file);
static ngx_int_t ngx_http_webhook_keys_encryption(
    ngx_http_webhook_keys_t *keys, ngx_http_webhook_key_file_t *file);
static void ngx_http_webhook_keys_clear(void *data);


static void
ngx_http_webhook_keys_init(ngx_http_webhook_key_file_t *file,
    const char *prefix, ngx_uint_t max, ngx_str_t *named)
{
    file->prefix = prefix;
    file->max = max;
    file->n = 0;
    file->named = (named->data != NULL);
}


char *
ngx_http_webhook_keys_read(ngx_conf_t *cf, ngx_http_webhook_main_conf_t *wmcf)
{
    ngx_int_t                     root, encryption;
    ngx_file_info_t               fi;
    ngx_pool_cleanup_t           *cln;
    ngx_http_webhook_keys_t      *keys;
    ngx_http_webhook_key_file_t   file;

    cln = ngx_pool_cleanup_add(cf->pool, sizeof(ngx_http_webhook_keys_t));
    if (cln == NULL) {
        return NGX_CONF_ERROR;
    }

    cln->handler = ngx_http_webhook_keys_clear;

    keys = cln->data;
    ngx_memzero(keys, sizeof(ngx_http_webhook_keys_t));

    wmcf->keys = keys;

    if (ngx_http_webhook_keys_name(cf, wmcf, &wmcf->root_file, "root.key",
                                   &keys->root_file)
            != NGX_OK
        || ngx_http_webhook_keys_name(cf, wmcf, &wmcf->encryption_file,
                                      "encryption.key",
                                      &keys->encryption_file)
            != NGX_OK)
    {
        return NGX_CONF_ERROR;
    }

    ngx_http_webhook_keys_init(&file, "whk_", 1, &wmcf->root_file);

    root = ngx_http_webhook_keys_file(cf->log, &keys->root_file, &file);

    if (root == NGX_OK) {
        root = ngx_http_webhook_keys_root(keys, &file);
    }

    ngx_http_webhook_keys_init(&file, "whe_", NGX_HTTP_WEBHOOK_SEAL_KEYS,
                               &wmcf->encryption_file);

    encryption = ngx_http_webhook_keys_file(cf->log, &keys->encryption_file,
                                            &file);

    if (encryption == NGX_OK) {
        encryption = ngx_http_webhook_keys_encryption(keys, &file);
    }

    OPENSSL_cleanse(&file, sizeof(ngx_http_webhook_key_file_t));

    if (encryption == NGX_DECLINED
        && ngx_file_info(wmcf->store_path.data, &fi) != NGX_FILE_ERROR)
    {
        ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                      "\"%V\" is missing, and the secrets in webhook store "
                      "\"%V\" cannot be opened without it",
                      &keys->encryption_file, &wmcf->store_path);
        return NGX_CONF_ERROR;
    }

    if (root == NGX_ERROR || encryption == NGX_ERROR) {
        return NGX_CONF_ERROR;
    }

    keys->ready = (root == NGX_OK && encryption == NGX_OK);

    return NGX_CONF_OK;
}


/* The file that a directive names, or the one beside the store. */

static ngx_int_t
ngx_http_webhook_keys_name(ngx_conf_t *cf, ngx_http_webhook_main_conf_t *wmcf,
    ngx_str_t *named, const char *base, ngx_str_t *name)
{
    if (named->data) {
        *name = *named;
        return ngx_conf_full_name(cf->cycle, name, 1);
    }

    name->len = wmcf->store_dir.len + 1 + ngx_strlen(base);
    name->data = ngx_pnalloc(cf->pool, name->len + 1);

    if (name->data == NULL) {
        return NGX_ERROR;
    }

    ngx_sprintf(name->data, "%V/%s%Z", &wmcf->store_dir, base);

    return NGX_OK;
}


ngx_int_t
ngx_http_webhook_keys_make(ngx_cycle_t *cycle,
    ngx_http_webhook_main_conf_t *wmcf)
{
    ngx_int_t                     rc;
    ngx_http_webhook_keys_t      *keys;
    ngx_http_webhook_key_file_t   file;

    keys = wmcf->keys;

    if (keys->ready) {
        return NGX_OK;
    }

    ngx_http_webhook_keys_init(&file, "whk_", 1, &wmcf->root_file);

    rc = ngx_http_webhook_keys_new(cycle->log, &keys->root_file, &file);

    if (rc == NGX_OK) {
        rc = ngx_http_webhook_keys_root(keys, &file);
    }

    if (rc == NGX_OK) {
        ngx_http_webhook_keys_init(&file, "whe_", NGX_HTTP_WEBHOOK_SEAL_KEYS,
                                   &wmcf->encryption_file);

        rc = ngx_http_webhook_keys_new(cycle->log, &keys->encryption_file,
                                       &file);
    }

    if (rc == NGX_OK) {
        rc = ngx_http_webhook_keys_encryption(keys, &file);
    }

    OPENSSL_cleanse(&file, sizeof(ngx_http_webhook_key_file_t));

    keys->ready = (rc == NGX_OK);

    return rc;
}


/* NGX_DECLINED where there is no such file. */

static ngx_int_t
ngx_http_webhook_keys_file(ngx_log_t *log, ngx_str_t *name,
    ngx_http_webhook_key_file_t *file)
{
    u_char     buf[NGX_HTTP_WEBHOOK_KEY_FILE];
    ssize_t    n;
    ngx_int_t  rc;

    n = ngx_http_webhook_keys_load(log, name, file, buf, sizeof(buf));

    if (n < 0) {
        return (ngx_int_t) n;
    }

    rc = ngx_http_webhook_keys_parse(log, name, file, buf, buf + n);

    OPENSSL_cleanse(buf, sizeof(buf));

    return rc;
}


static ssize_t
ngx_http_webhook_keys_load(ngx_log_t *log, ngx_str_t *name,
    ngx_http_webhook_key_file_t *file, u_char *buf, size_t size)
{
    ssize_t          n;
    ngx_fd_t         fd;
    ngx_file_info_t  fi;

    fd = open((const char *) name->data,
              O_RDONLY|O_NONBLOCK|O_CLOEXEC|(file->named ? 0 : O_NOFOLLOW));

    if (fd == NGX_INVALID_FILE) {

        if (ngx_errno == NGX_ENOENT || ngx_errno == NGX_ENOTDIR) {
            return NGX_DECLINED;
        }

        ngx_log_error(NGX_LOG_EMERG, log, ngx_errno,
                      "open() \"%V\" failed", name);
        return NGX_ERROR;
    }

    n = NGX_ERROR;

    if (ngx_fd_info(fd, &fi) == NGX_FILE_ERROR || !ngx_is_file(&fi)) {
        ngx_log_error(NGX_LOG_EMERG, log, 0, "\"%V\" is not a file", name);

    } else if (fi.st_uid != geteuid() || (fi.st_mode & 077)) {
        ngx_log_error(NGX_LOG_EMERG, log, 0,
                      "\"%V\" must belong to the user that starts nginx, and "
                      "be readable by that user alone", name);

    } else {
        n = read(fd, buf, size);

        if (n == -1) {
            ngx_log_error(NGX_LOG_EMERG, log, ngx_errno,
                          "read() \"%V\" failed", name);
            n = NGX_ERROR;

        } else if ((size_t) n == size) {
            ngx_log_error(NGX_LOG_EMERG, log, 0, "\"%V\" is too large", name);
            n = NGX_ERROR;
        }
    }

    if (close(fd) == -1) {
        ngx_log_error(NGX_LOG_ALERT, log, ngx_errno,
                      "close() \"%V\" failed", name);
    }

    return n;
}


static ngx_int_t
ngx_http_webhook_keys_parse(ngx_log_t *log, ngx_str_t *name,
    ngx_http_webhook_key_file_t *file, u_char *p, u_char *last)
{
    u_char      *end;
    size_t       len;
    ngx_uint_t   i;

    for ( /* void */ ; p < last; p = end + 1) {

        end = memchr(p, LF, last - p);
        if (end == NULL) {
            end = last;
        }

        len = end - p;

        if (len && p[len - 1] == CR) {
            len--;
        }

        if (len == 0 || *p == '#') {
            continue;
        }

        if (!ngx_http_webhook_keys_valid(p, len, file->prefix)) {
            goto invalid;
        }

        if (file->n == file->max) {
            ngx_log_error(NGX_LOG_EMERG, log, 0,
                          "\"%V\" must hold at most %ui key%s",
                          name, file->max, file->max == 1 ? "" : "s");
            return NGX_ERROR;
        }

        for (i = 0; i < file->n; i++) {
            if (ngx_memcmp(file->text[i], p, len) == 0) {
                ngx_log_error(NGX_LOG_EMERG, log, 0,
                              "\"%V\" holds a key twice", name);
                return NGX_ERROR;
            }
        }

        ngx_memcpy(file->text[file->n++], p, len);
    }

    if (file->n) {
        return NGX_OK;
    }

invalid:

    ngx_log_error(NGX_LOG_EMERG, log, 0,
                  "\"%V\" must hold \"%s\" and 64 hexadecimal digits%s",
                  name, file->prefix, file->max == 1 ? "" : ", or such lines");

    return NGX_ERROR;
}


static ngx_uint_t
ngx_http_webhook_keys_valid(u_char *p, size_t len, const char *prefix)
{
    size_t  i;

    if (len != NGX_HTTP_WEBHOOK_KEY_TEXT_LEN
        || ngx_strncmp(p, prefix, NGX_HTTP_WEBHOOK_KEY_PREFIX_LEN) != 0)
    {
        return 0;
    }

    for (i = NGX_HTTP_WEBHOOK_KEY_PREFIX_LEN; i < len; i++) {
        if (!((p[i] >= '0' && p[i] <= '9') || (p[i] >= 'a' && p[i] <= 'f'))) {
            return 0;
        }
    }

    return 1;
}


/* Reads the file after all where it is there. */

static ngx_int_t
ngx_http_webhook_keys_new(ngx_log_t *log, ngx_str_t *name,
    ngx_http_webhook_key_file_t *file)
{
    u_char     key[NGX_HTTP_WEBHOOK_KEY_LEN], *p;
    ssize_t    n;
    ngx_fd_t   fd;
    ngx_int_t  rc;

    rc = ngx_http_webhook_keys_file(log, name, file);
    if (rc != NGX_DECLINED) {
        return rc;
    }

    if (RAND_bytes(key, sizeof(key)) != 1) {
        ngx_log_error(NGX_LOG_EMERG, log, 0, "RAND_bytes() failed");
        return NGX_ERROR;
    }

    file->n = 1;

    p = ngx_cpymem(file->text[0], file->prefix,
                   NGX_HTTP_WEBHOOK_KEY_PREFIX_LEN);
    ngx_hex_dump(p, key, sizeof(key));
    OPENSSL_cleanse(key, sizeof(key));

    fd = open((const char *) name->data,
              O_WRONLY|O_CREAT|O_EXCL|O_NOFOLLOW|O_CLOEXEC, 0600);

    if (fd == NGX_INVALID_FILE) {
        ngx_log_error(NGX_LOG_EMERG, log, ngx_errno,
                      "open() \"%V\" failed", name);
        return NGX_ERROR;
    }

    n = write(fd, file->text[0], NGX_HTTP_WEBHOOK_KEY_TEXT_LEN);

    if (n != NGX_HTTP_WEBHOOK_KEY_TEXT_LEN
        || write(fd, "\n", 1) != 1
        || fsync(fd) == -1)
    {
        ngx_log_error(NGX_LOG_EMERG, log, ngx_errno,
                      "write() to \"%V\" failed", name);
        (void) close(fd);
        (void) ngx_delete_file(name->data);
        return NGX_ERROR;
    }

    if (close(fd) == -1) {
        ngx_log_error(NGX_LOG_ALERT, log, ngx_errno,
                      "close() \"%V\" failed", name);
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_webhook_keys_root(ngx_http_webhook_keys_t *keys,
    ngx_http_webhook_key_file_t *file)
{
    ngx_str_t  key;

    key.data = file->text[0];
    key.len = NGX_HTTP_WEBHOOK_KEY_TEXT_LEN;

    return ngx_http_webhook_digest(&key, keys->root_digest);
}


static ngx_int_t
ngx_http_webhook_keys_encryption(ngx_http_webhook_keys_t *keys,
    ngx_http_webhook_key_file_t *file)
{
    u_char                       *text;
    ngx_uint_t                    i, n;
    ngx_http_webhook_seal_key_t  *key;

    for (n = 0; n < file->n; n++) {

        key = &keys->encryption.keys[n];
        text = file->text[n] + NGX_HTTP_WEBHOOK_KEY_PREFIX_LEN;

        for (i = 0; i < NGX_HTTP_WEBHOOK_KEY_LEN; i++) {
            key->key[i] = (u_char) ngx_hextoi(text + 2 * i, 2);
        }

        key->id = ngx_http_webhook_key_id(key->key);

        if (key->id == 0) {
            return NGX_ERROR;
        }
    }

    keys->encryption.n = file->n;

    return NGX_OK;
}


/* With the configuration that they belong to. */

static void
ngx_http_webhook_keys_clear(void *data)
{
    OPENSSL_cleanse(data, sizeof(ngx_http_webhook_keys_t));
}
