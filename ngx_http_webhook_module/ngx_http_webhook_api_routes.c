
/*
 * Copyright (C) the ngx_http_webhook_module authors
 */


/*
 * The routes of the admin API: a method, a path, in which "*" stands for an
 * identifier, whether it takes a body, who may use it beside an admin, and
 * what carries it out.  In a path that begins "companies/" the first
 * identifier is the company's.
 */


#include "ngx_http_webhook_api.h"


#define ADMIN        NGX_HTTP_WEBHOOK_FOR_ADMIN
#define COMPANY      NGX_HTTP_WEBHOOK_FOR_COMPANY
#define ANY_COMPANY  NGX_HTTP_WEBHOOK_FOR_ANY_COMPANY
#define ANY_KEY      NGX_HTTP_WEBHOOK_FOR_ANY_KEY


ngx_http_webhook_route_t  ngx_http_webhook_routes[] = {

    { NGX_HTTP_POST, "companies", 1, ADMIN,
      ngx_http_webhook_api_company_create },
    { NGX_HTTP_GET, "companies", 0, ADMIN,
      ngx_http_webhook_api_company_list },
    { NGX_HTTP_GET, "companies/*", 0, ANY_COMPANY,
      ngx_http_webhook_api_company_get },
    { NGX_HTTP_PATCH, "companies/*", 1, ADMIN,
      ngx_http_webhook_api_company_update },
    { NGX_HTTP_DELETE, "companies/*", 0, ADMIN,
      ngx_http_webhook_api_company_delete },

    { NGX_HTTP_POST, "companies/*/access-requests", 1, ANY_COMPANY,
      ngx_http_webhook_api_request_create },
    { NGX_HTTP_GET, "companies/*/access-requests", 0, ANY_COMPANY,
      ngx_http_webhook_api_request_list },
    { NGX_HTTP_GET, "access-requests", 0, ADMIN,
      ngx_http_webhook_api_request_list_all },
    { NGX_HTTP_POST, "companies/*/portal-sessions", 1, ADMIN,
      ngx_http_webhook_api_session_create },

    { NGX_HTTP_POST, "companies/*/webhooks", 1, COMPANY,
      ngx_http_webhook_api_webhook_create },
    { NGX_HTTP_GET, "companies/*/webhooks", 0, COMPANY,
      ngx_http_webhook_api_webhook_list },
    { NGX_HTTP_GET, "companies/*/webhooks/*", 0, COMPANY,
      ngx_http_webhook_api_webhook_get },
    { NGX_HTTP_PATCH, "companies/*/webhooks/*", 1, COMPANY,
      ngx_http_webhook_api_webhook_update },
    { NGX_HTTP_DELETE, "companies/*/webhooks/*", 0, COMPANY,
      ngx_http_webhook_api_webhook_delete },
    { NGX_HTTP_GET, "companies/*/webhooks/*/secret", 0, COMPANY,
      ngx_http_webhook_api_secret_get },
    { NGX_HTTP_POST, "companies/*/webhooks/*/secret/rotate", 1, COMPANY,
      ngx_http_webhook_api_secret_rotate },
    { NGX_HTTP_POST, "companies/*/webhooks/*/test", 0, COMPANY,
      ngx_http_webhook_api_webhook_test },

    { NGX_HTTP_GET, "companies/*/messages", 0, COMPANY,
      ngx_http_webhook_api_message_list },
    { NGX_HTTP_GET, "companies/*/messages/*", 0, COMPANY,
      ngx_http_webhook_api_message_get },
    { NGX_HTTP_DELETE, "companies/*/messages/*", 0, ADMIN,
      ngx_http_webhook_api_message_delete },
    { NGX_HTTP_GET, "companies/*/webhook-events", 0, COMPANY,
      ngx_http_webhook_api_event_list },
    { NGX_HTTP_GET, "companies/*/webhook-events/*", 0, COMPANY,
      ngx_http_webhook_api_event_get },
    { NGX_HTTP_POST, "companies/*/webhook-events/*/retry", 0, COMPANY,
      ngx_http_webhook_api_event_retry },
    { NGX_HTTP_POST, "companies/*/webhook-events/*/cancel", 0, COMPANY,
      ngx_http_webhook_api_event_cancel },

    { NGX_HTTP_POST, "companies/*/replays", 1, COMPANY,
      ngx_http_webhook_api_replay_create },
    { NGX_HTTP_GET, "companies/*/replays", 0, COMPANY,
      ngx_http_webhook_api_replay_list },
    { NGX_HTTP_GET, "companies/*/replays/*", 0, COMPANY,
      ngx_http_webhook_api_replay_get },
    { NGX_HTTP_POST, "companies/*/replays/*/cancel", 0, COMPANY,
      ngx_http_webhook_api_replay_cancel },

    { NGX_HTTP_POST, "keys", 1, ADMIN,
      ngx_http_webhook_api_key_create },
    { NGX_HTTP_GET, "keys", 0, ADMIN,
      ngx_http_webhook_api_key_list },
    { NGX_HTTP_GET, "keys/*", 0, ADMIN,
      ngx_http_webhook_api_key_get },
    { NGX_HTTP_DELETE, "keys/*", 0, ADMIN,
      ngx_http_webhook_api_key_delete },

    { NGX_HTTP_POST, "event-types", 1, ADMIN,
      ngx_http_webhook_api_event_type_create },
    { NGX_HTTP_GET, "event-types", 0, COMPANY,
      ngx_http_webhook_api_event_type_list },
    { NGX_HTTP_GET, "event-types/*", 0, COMPANY,
      ngx_http_webhook_api_event_type_get },
    { NGX_HTTP_PATCH, "event-types/*", 1, ADMIN,
      ngx_http_webhook_api_event_type_update },
    { NGX_HTTP_DELETE, "event-types/*", 0, ADMIN,
      ngx_http_webhook_api_event_type_delete },

    { NGX_HTTP_GET, "companies/*/stats", 0, COMPANY,
      ngx_http_webhook_api_stats },
    { NGX_HTTP_GET, "status", 0, ADMIN,
      ngx_http_webhook_api_status },
    { NGX_HTTP_GET, "metrics", 0, ADMIN,
      ngx_http_webhook_api_metrics },
    { NGX_HTTP_GET, "openapi.json", 0, ANY_KEY,
      ngx_http_webhook_api_openapi },

    { 0, NULL, 0, 0, NULL }
};
