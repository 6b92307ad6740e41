
/*
 * Copyright (C) the ngx_http_webhook_module authors
 */


/*
 * The two key files, beside the store unless webhook_root_key and
 * webhook_encryption_key name others: root.key, the first admin key, and
 * encryption.key, under which secrets are sealed.
 */


#ifndef _NGX_HTTP_WEBHOOK_KEYS_H_INCLUDED_
#define _NGX_HTTP_WEBHOOK_KEYS_H_INCLUDED_


#include "ngx_http_webhook.h"
#include "ngx_http_webhook_sign.h"


struct ngx_http_webhook_keys_s {
    u_char                       root_digest[NGX_HTTP_WEBHOOK_KEY_LEN];
    ngx_http_webhook_keyring_t   encryption;
    ngx_str_t                    root_file;
    ngx_str_t                    encryption_file;
    unsigned                     ready:1;   /* both are known, and are in
                                               their files */
};


/*
 * Reads the key files that exist, at configuration time and so in the master
 * process, as the user that started it.  A file that exists and cannot be
 * read, or holds no key, is an error of the configuration, and so is an
 * encryption key that is missing though there is a store: its secrets could
 * not be opened.  Any other that is missing is left to _make.
 */
char *ngx_http_webhook_keys_read(ngx_conf_t *cf,
    ngx_http_webhook_main_conf_t *wmcf);

/*
 * Makes the key files that are missing, in the master process before it
 * forks, when nginx has made the folder.  Not called under "nginx -t".
 * Without them the module works and answers 503; the log says why.
 */
ngx_int_t ngx_http_webhook_keys_make(ngx_cycle_t *cycle,
    ngx_http_webhook_main_conf_t *wmcf);


#endif /* _NGX_HTTP_WEBHOOK_KEYS_H_INCLUDED_ */
