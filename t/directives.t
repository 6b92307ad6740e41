# The directives: what "nginx -t" says of each misuse.

BEGIN { push @INC, 't/lib' }

use Test::Nginx::Socket;

repeat_each(1);
no_shuffle();

add_block_preprocessor(sub {
    my $block = shift;

    $block->set_value('config', 'location /t { return 204; }')
        unless defined $block->config;
});

plan tests => 2 * blocks();

run_tests();

__DATA__

=== TEST 1: the store twice
--- http_config
webhook_store webhook_temp/a.db;
webhook_store webhook_temp/b.db;
--- must_die
--- error_log
"webhook_store" directive is duplicate



=== TEST 2: a store that is a folder
--- http_config
webhook_store webhook_temp/;
--- must_die
--- error_log
"webhook_store" takes the path of a file



=== TEST 3: an unknown sync
--- http_config
webhook_store webhook_temp/store.db sync=never;
--- must_die
--- error_log
invalid parameter "sync=never"



=== TEST 4: a folder that everyone can write
--- http_config
webhook_store /tmp/store.db;
--- must_die
--- error_log
the directory "/tmp" can be written by everyone



=== TEST 5: a folder that is a file
--- http_config
webhook_store /etc/passwd/store.db;
--- must_die
--- error_log
"/etc/passwd" is not a directory



=== TEST 6: ingest without a store
--- http_config
--- config
location /events { webhook_ingest; }
--- must_die
--- error_log
"webhook_ingest" needs a "webhook_store" in http{}



=== TEST 7: admin without a store
--- http_config
--- config
location /api/ { webhook_admin; }
--- must_die
--- error_log
"webhook_admin" needs a "webhook_store" in http{}



=== TEST 8: two handlers in a location
--- http_config
webhook_store webhook_temp/store.db;
--- config
location /events { webhook_ingest; webhook_admin; }
--- must_die
--- error_log
"webhook_admin" directive conflicts with another handler



=== TEST 9: ingest twice
--- http_config
webhook_store webhook_temp/store.db;
--- config
location /events { webhook_ingest; webhook_ingest; }
--- must_die
--- error_log
"webhook_ingest" directive is duplicate



=== TEST 10: admin in a regex location
--- http_config
webhook_store webhook_temp/store.db;
--- config
location ~ ^/api { webhook_admin; }
--- must_die
--- error_log
cannot be used in a location given by a regular expression



=== TEST 11: the store in a server
--- http_config
--- config
webhook_store webhook_temp/store.db;
location /t { return 204; }
--- must_die
--- error_log
"webhook_store" directive is not allowed here



=== TEST 12: a delay that is no time
--- http_config
webhook_store webhook_temp/store.db;
webhook_retry_delays 1m soon;
--- must_die
--- error_log
invalid parameter "soon"



=== TEST 13: a delay of nothing
--- http_config
webhook_store webhook_temp/store.db;
webhook_retry_delays 0;
--- must_die
--- error_log
invalid parameter "0"



=== TEST 14: delays twice
--- http_config
webhook_store webhook_temp/store.db;
webhook_retry_delays 1m;
webhook_retry_delays 2m;
--- must_die
--- error_log
"webhook_retry_delays" directive is duplicate



=== TEST 15: too many delays
--- http_config
webhook_store webhook_temp/store.db;
webhook_retry_delays 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1;
--- must_die
--- error_log
takes at most 32 delays



=== TEST 16: no time-out
--- http_config
webhook_store webhook_temp/store.db;
webhook_timeout 0;
--- must_die
--- error_log
must be between 1ms and 1h



=== TEST 17: a time-out that is none
--- http_config
webhook_store webhook_temp/store.db;
webhook_timeout fast;
--- must_die
--- error_log
"webhook_timeout" directive invalid value



=== TEST 18: a connect time-out of over an hour
--- http_config
webhook_store webhook_temp/store.db;
webhook_connect_timeout 2h;
--- must_die
--- error_log
must be between 1ms and 1h



=== TEST 19: an address that is none
--- http_config
webhook_store webhook_temp/store.db;
webhook_allow_address 10.0.0.0/33;
--- must_die
--- error_log
invalid parameter "10.0.0.0/33"



=== TEST 20: a resolve entry without an address
--- http_config
webhook_store webhook_temp/store.db;
webhook_resolve example.com:443;
--- must_die
--- error_log
it must be "name:port:address"



=== TEST 21: a resolve entry with a bad port
--- http_config
webhook_store webhook_temp/store.db;
webhook_resolve example.com:70000:127.0.0.1;
--- must_die
--- error_log
it must be "name:port:address"



=== TEST 22: certificates that are not there
--- http_config
webhook_store webhook_temp/store.db;
webhook_trusted_certificate /no/such/ca.crt;
--- must_die
--- error_log
cannot load certificates of "webhook_trusted_certificate" "/no/such/ca.crt"



=== TEST 23: a payload limit that is too small
--- http_config
webhook_store webhook_temp/store.db;
webhook_payload_limit 10;
--- must_die
--- error_log
must be between 1k and 16m



=== TEST 24: auth that is neither on nor off
--- http_config
webhook_store webhook_temp/store.db;
webhook_auth maybe;
--- must_die
--- error_log
it must be "on" or "off"



=== TEST 25: http allowed neither on nor off
--- http_config
webhook_store webhook_temp/store.db;
webhook_allow_http yes;
--- must_die
--- error_log
it must be "on" or "off"



=== TEST 26: no concurrency
--- http_config
webhook_store webhook_temp/store.db;
webhook_concurrency 0;
--- must_die
--- error_log
must be between 1 and 65536



=== TEST 27: standard headers neither on nor off
--- http_config
webhook_store webhook_temp/store.db;
webhook_standard_headers both;
--- must_die
--- error_log
it must be "on" or "off"



=== TEST 28: an idempotency window of nothing
--- http_config
webhook_store webhook_temp/store.db;
webhook_idempotency_window 0;
--- must_die
--- error_log
must be between 1s and 30d



=== TEST 29: a batch limit that is too small
--- http_config
webhook_store webhook_temp/store.db;
webhook_batch_limit 1;
--- must_die
--- error_log
must be between 1k and 256m



=== TEST 30: a queue of nothing
--- http_config
webhook_store webhook_temp/store.db;
webhook_ingest_queue 0;
--- must_die
--- error_log
value must be between 1 and 1000000



=== TEST 31: a retention of something else
--- http_config
webhook_store webhook_temp/store.db;
webhook_retention events=1d;
--- must_die
--- error_log
invalid parameter "events=1d": "webhook_retention" takes payloads= and logs=, times or off



=== TEST 32: logs that go before their payloads
--- http_config
webhook_store webhook_temp/store.db;
webhook_retention payloads=2d logs=1d;
--- must_die
--- error_log
"webhook_retention" directive must keep logs at least as long as payloads, which are kept for 90 and 30 days unless said in



=== TEST 33: a jitter of more than all
--- http_config
webhook_store webhook_temp/store.db;
webhook_retry_jitter 101%;
--- must_die
--- error_log
value must be between 0 and 100



=== TEST 34: a jitter that is no number
--- http_config
webhook_store webhook_temp/store.db;
webhook_retry_jitter some;
--- must_die
--- error_log
invalid parameter "some"



=== TEST 35: a response limit that is too large
--- http_config
webhook_store webhook_temp/store.db;
webhook_response_limit 2m;
--- must_die
--- error_log
must be at most 1m



=== TEST 36: a denied address that is none
--- http_config
webhook_store webhook_temp/store.db;
webhook_deny_address example.com;
--- must_die
--- error_log
invalid parameter "example.com"



=== TEST 37: deliveries via something that is no path
--- http_config
webhook_store webhook_temp/store.db;
webhook_deliver_via egress;
--- must_die
--- error_log
invalid parameter "egress": it must be the path of a location



=== TEST 38: a breaker of no failures
--- http_config
webhook_store webhook_temp/store.db;
webhook_breaker failures=0;
--- must_die
--- error_log
invalid parameter "failures=0"



=== TEST 39: a breaker with something else
--- http_config
webhook_store webhook_temp/store.db;
webhook_breaker never;
--- must_die
--- error_log
invalid parameter "never"



=== TEST 40: a breaker with a pause over its bound
--- http_config
webhook_store webhook_temp/store.db;
webhook_breaker pause=1h max=1m;
--- must_die
--- error_log
directive must have a "max" that is at least its "pause", 30s unless said in



=== TEST 41: disabled after nothing
--- http_config
webhook_store webhook_temp/store.db;
webhook_disable_after 0;
--- must_die
--- error_log
invalid parameter "0"



=== TEST 42: an operator that can be no company
--- http_config
webhook_store webhook_temp/store.db;
webhook_operator -ops;
--- must_die
--- error_log
invalid parameter "-ops": it must be the id or the uid of a company



=== TEST 43: two operators
--- http_config
webhook_store webhook_temp/store.db;
webhook_operator ops;
webhook_operator co_1m86f0fwe0000;
--- must_die
--- error_log
"webhook_operator" directive is duplicate



=== TEST 44: a support URL that is none
--- http_config
webhook_store webhook_temp/store.db;
webhook_support_url javascript:alert(1);
--- must_die
--- error_log
invalid parameter "javascript:alert(1)": it must be a URL



=== TEST 45: a support URL with a blank
--- http_config
webhook_store webhook_temp/store.db;
webhook_support_url "https://example.com/a b";
--- must_die
--- error_log
a URL without blanks and without a "#" is needed



=== TEST 46: a portal that cannot be opened
--- http_config
webhook_store webhook_temp/store.db;
webhook_portal_url mailto:portal@example.com;
--- must_die
--- error_log
invalid parameter "mailto:portal@example.com": it must be a URL



=== TEST 47: a portal with a fragment
--- http_config
webhook_store webhook_temp/store.db;
webhook_portal_url https://example.com/#x;
--- must_die
--- error_log
a URL without blanks and without a "#" is needed



=== TEST 48: two portals
--- http_config
webhook_store webhook_temp/store.db;
webhook_portal_url https://example.com/;
webhook_portal_url https://example.org/;
--- must_die
--- error_log
"webhook_portal_url" directive is duplicate



=== TEST 49: events neither strict nor not
--- http_config
webhook_store webhook_temp/store.db;
webhook_strict_events yes;
--- must_die
--- error_log
it must be "on" or "off"



=== TEST 50: no webhooks
--- http_config
webhook_store webhook_temp/store.db;
webhook_max_webhooks 0;
--- must_die
--- error_log
value must be between 1 and 1000



=== TEST 51: an encryption key that is a folder
--- http_config
webhook_store webhook_temp/store.db;
webhook_encryption_key /etc/;
--- must_die
--- error_log
"/etc/" is not a file



=== TEST 52: an encryption key for everyone to read
--- http_config
webhook_store webhook_temp/store.db;
webhook_encryption_key /etc/passwd;
--- must_die
--- error_log
"/etc/passwd" must belong to the user that starts nginx, and be readable by that user alone



=== TEST 53: a root key twice
--- http_config
webhook_store webhook_temp/store.db;
webhook_root_key a.key;
webhook_root_key b.key;
--- must_die
--- error_log
"webhook_root_key" directive is duplicate



=== TEST 54: everything at once, well
--- http_config
webhook_store webhook_temp/store.db sync=normal;
webhook_retry_delays 50ms 1s 2m 3h;
webhook_timeout 10s;
webhook_connect_timeout 500ms;
webhook_concurrency 64;
webhook_breaker max=1h failures=3 pause=10s;
webhook_disable_after off;
webhook_retry_jitter 25%;
webhook_retry_after_max 30m;
webhook_response_limit 4k;
webhook_http2 on;
webhook_deny_address 192.0.2.0/24;
webhook_standard_headers off;
webhook_idempotency_window 1h;
webhook_strict_events on;
webhook_max_webhooks 1000;
webhook_root_key root.key;
webhook_encryption_key encryption.key;
webhook_ingest_queue 100;
webhook_retention payloads=1d logs=off;
webhook_batch_limit 1m;
webhook_allow_http on;
webhook_allow_address 127.0.0.0/8 ::1 10.1.2.3;
webhook_resolve example.com:443:127.0.0.1 example.com:443:[::1];
webhook_auth off;
webhook_payload_limit 64k;
webhook_operator ops;
webhook_support_url mailto:help@example.com;
webhook_portal_url https://portal.example.com/hooks;
--- config
location = /events { webhook_ingest; webhook_payload_limit 1m; webhook_auth on; }
location /api/ { webhook_admin; webhook_support_url https://example.com/help?a=b; }
location /t { return 204; }
--- request
GET /t
--- error_code: 204
--- no_error_log
[emerg]
