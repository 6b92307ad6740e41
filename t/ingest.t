# The ingest location: what it accepts, and its problem documents.  Each block
# creates the company "acme" first, with access unless it says otherwise.

BEGIN { push @INC, 't/lib' }

use Test::Nginx::Socket;

no_shuffle();

our $http = <<'_EOC_';
webhook_store webhook_temp/store.db;
webhook_auth off;
webhook_payload_limit 1k;
_EOC_

our $config = <<'_EOC_';
location = /events { webhook_ingest; }
location /api/ { webhook_admin; }
_EOC_

add_block_preprocessor(sub {
    my $block = shift;
    $block->set_value('http_config', $main::http);
    $block->set_value('config', $main::config);
    $block->set_value('more_headers', 'Content-Type: application/json')
        unless defined $block->more_headers || defined $block->raw_request;
    $block->set_value('no_error_log', "[alert]\n[crit]\n");   # TEST 1 declares it
});

sub post { "POST $_[0]\n$_[1]" }

our $acme = post('/api/companies', '{"uid":"acme","name":"ACME","enabled":true}');

sub event { [ $main::acme, post('/events', $_[0]) ] }

sub deep { my $n = shift; '[' x $n . ']' x $n }

# a status and a body for each request, and two patterns of the log: most
# blocks have two requests, three have one
plan tests => 8 * blocks() - 3 * 4;

run_tests();

__DATA__

=== TEST 1: an event nobody wants is kept
--- request eval
main::event('{"company":"acme","event":"honeypot.alert","payload":{"a":1}}')
--- error_code eval
[201, 202]
--- response_body_like eval
['"uid":"acme"', '^\{"id":"msg_[0-9a-hj-kmnp-tv-z]{13}","webhook_event_count":0\}$']
--- no_error_log
[alert]
[crit]



=== TEST 2: members in any order, with white space and escapes
--- request eval
main::event(" { \"payload\" : null ,\n\"\\u0065vent\":\"a-b_C.9\" , \"company\":\"acme\" } ")
--- error_code eval
[201, 202]
--- response_body_like eval
['', '"webhook_event_count":0']



=== TEST 3: not JSON
--- request eval
main::event('{"company":"acme","event":"a","payload":{"a":1,}}')
--- error_code eval
[201, 400]
--- response_body_like eval
['', '"status":400,"detail":"The JSON is malformed at byte \d+","code":"malformed_json"']



=== TEST 4: two values
--- request eval
main::event('{"company":"acme","event":"a","payload":1} {}')
--- error_code eval
[201, 400]
--- response_body_like eval
['', '"code":"malformed_json"']



=== TEST 5: an empty body
--- request eval
main::event('')
--- error_code eval
[201, 400]
--- response_body_like eval
['', '"code":"malformed_json"']



=== TEST 6: a form feed is no white space
--- request eval
main::event("{\"company\":\"acme\",\f\"event\":\"a\",\"payload\":1}")
--- error_code eval
[201, 400]
--- response_body_like eval
['', '"code":"malformed_json"']



=== TEST 7: invalid UTF-8
--- request eval
main::event("{\"company\":\"acme\",\"event\":\"a\",\"payload\":\"\xc3\x28\"}")
--- error_code eval
[201, 400]
--- response_body_like eval
['', '"code":"invalid_utf8"']



=== TEST 8: an overlong UTF-8 form
--- request eval
main::event("{\"company\":\"acme\",\"event\":\"a\",\"payload\":\"\xc0\xaf\"}")
--- error_code eval
[201, 400]
--- response_body_like eval
['', '"code":"invalid_utf8"']



=== TEST 9: as deep as may be
--- request eval
main::event('{"company":"acme","event":"a","payload":' . main::deep(400) . '}')
--- error_code eval
[201, 202]
--- response_body_like eval
['', '"webhook_event_count":0']



=== TEST 10: too deep
--- request eval
main::event('{"company":"acme","event":"a","payload":' . main::deep(512) . '}')
--- error_code eval
[201, 400]
--- response_body_like eval
['', '"code":"too_deep"']



=== TEST 11: an unknown member
--- request eval
main::event('{"company":"acme","event":"a","payload":1,"pay/load~":2}')
--- error_code eval
[201, 422]
--- response_body_like eval
['', '"code":"invalid","errors":\[\{"pointer":"/pay~1load~0","code":"unknown_member"']



=== TEST 12: missing members, all told
--- request eval
main::event('{"company":"acme"}')
--- error_code eval
[201, 422]
--- response_body_like eval
['', '"pointer":"/event","code":"missing_member".*"pointer":"/payload","code":"missing_member"']



=== TEST 13: a member twice
--- request eval
main::event('{"company":"acme","event":"a","payload":1,"payload":2}')
--- error_code eval
[201, 422]
--- response_body_like eval
['', '"pointer":"/payload","code":"duplicate_member"']



=== TEST 14: wrong types
--- request eval
main::event('{"company":5,"event":["a"],"payload":1}')
--- error_code eval
[201, 422]
--- response_body_like eval
['', '"pointer":"/company","code":"wrong_type".*"pointer":"/event","code":"wrong_type"']



=== TEST 15: no object
--- request eval
main::event('["acme"]')
--- error_code eval
[201, 422]
--- response_body_like eval
['', '"pointer":"","code":"wrong_type","detail":"The body must be an object"']



=== TEST 16: a name that is none
--- request eval
main::event('{"company":"acme","event":"honeypot..alert","payload":1}')
--- error_code eval
[201, 422]
--- response_body_like eval
['', '"pointer":"/event","code":"invalid_value"']



=== TEST 17: a pattern is no event
--- request eval
main::event('{"company":"acme","event":"honeypot.*","payload":1}')
--- error_code eval
[201, 422]
--- response_body_like eval
['', '"pointer":"/event","code":"invalid_value"']



=== TEST 18: a name of over 128 bytes
--- request eval
main::event('{"company":"acme","event":"' . 'a' x 129 . '","payload":1}')
--- error_code eval
[201, 422]
--- response_body_like eval
['', '"pointer":"/event","code":"invalid_value"']



=== TEST 19: the test event is reserved
--- request eval
main::event('{"company":"acme","event":"test.webhook-event","payload":1}')
--- error_code eval
[201, 422]
--- response_body_like eval
['', '"pointer":"/event","code":"reserved_event"']



=== TEST 20: operational events are reserved
--- request eval
main::event('{"company":"acme","event":"system.webhook.failing","payload":1}')
--- error_code eval
[201, 422]
--- response_body_like eval
['', '"pointer":"/event","code":"reserved_event"']



=== TEST 21: a payload of just the limit
--- request eval
main::event('{"company":"acme","event":"a","payload":"' . 'x' x 1022 . '"}')
--- error_code eval
[201, 202]
--- response_body_like eval
['', '"webhook_event_count":0']



=== TEST 22: a payload over the limit
--- request eval
main::event('{"company":"acme","event":"a","payload":"' . 'x' x 1023 . '"}')
--- error_code eval
[201, 413]
--- response_body_like eval
['', '"code":"payload_too_large"']



=== TEST 23: a body far over the limit
--- request eval
main::event('{"company":"acme","event":"a","payload":"' . 'x' x 20000 . '"}')
--- error_code eval
[201, 413]
--- response_body_like eval
['', '"code":"body_too_large"']



=== TEST 24: an unknown company
--- request eval
main::event('{"company":"nobody","event":"a","payload":1}')
--- error_code eval
[201, 404]
--- response_body_like eval
['', '"code":"company_not_found"']



=== TEST 25: a company id that is nobody's
--- request eval
main::event('{"company":"co_0000000000001","event":"a","payload":1}')
--- error_code eval
[201, 404]
--- response_body_like eval
['', '"code":"company_not_found"']



=== TEST 26: a company without access
--- request eval
[main::post('/api/companies', '{"uid":"new","name":"New"}'),
 main::post('/events', '{"company":"new","event":"a","payload":1}')]
--- error_code eval
[201, 403]
--- response_body_like eval
['"enabled":false', '"code":"access_not_enabled"']



=== TEST 27: another type of body
--- request eval
main::post('/events', 'company=acme')
--- more_headers
Content-Type: application/x-www-form-urlencoded
--- error_code: 415
--- response_body_like chomp
"code":"unsupported_media_type"



=== TEST 28: a type with parameters
--- request eval
main::event('{"company":"acme","event":"a","payload":1}')
--- more_headers
Content-Type: application/json; charset=utf-8
--- error_code eval
[201, 202]
--- response_body_like eval
['', '"webhook_event_count":0']



=== TEST 29: another method
--- request eval
[$main::acme, "GET /events"]
--- error_code eval
[201, 405]
--- response_body_like eval
['', '"code":"method_not_allowed"']



=== TEST 30: a chunked body
--- raw_request eval
"POST /events HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n10\r\n{\"company\":\"acme\r\n1a\r\n\",\"event\":\"a\",\"payload\":1}\r\n0\r\n\r\n"
--- error_code: 404
--- response_body_like chomp
"code":"company_not_found"



=== TEST 31: a chunked body over the limit
--- raw_request eval
"POST /events HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n2000\r\n" . 'x' x 0x2000 . "\r\n0\r\n\r\n"
--- error_code: 413
--- response_body_like chomp
"code":"body_too_large"
