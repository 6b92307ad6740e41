# nginx's limit_req before ingest and the admin API, as docs/operations.md
# shows it.

use strict;
use warnings;

BEGIN { push @INC, 't/lib' }

use HTTP::Tiny;
use JSON::PP;
use Test::More;
use WebhookTest;

my $problem = '{"type":"urn:ngx-webhook:problem:rate_limited","title":"Too many requests","status":429,'
              . '"detail":"Too many requests","code":"rate_limited"}';

my $t = WebhookTest->new(auth => 1, http => <<'CONF', server => <<"SERVER")->start;
    map $http_authorization $webhook_client { "" $binary_remote_addr; default $http_authorization; }
    limit_req_zone $webhook_client zone=clients:1m rate=1r/m;
    limit_req_zone $binary_remote_addr zone=addresses:1m rate=1r/m;
    limit_req_zone $binary_remote_addr zone=plain:1m rate=1r/m;
    limit_req_status 429;
CONF
        error_page 429 \@limited;
        location \@limited {
            internal;
            default_type application/problem+json;
            add_header Retry-After 1 always;
            add_header Cache-Control no-store always;
            return 429 '$problem';
        }
        location = /limited/events { webhook_ingest; limit_req zone=clients burst=4 nodelay; }
        location /limited/api/     { webhook_admin;  limit_req zone=clients burst=4 nodelay; }
        location /guess/           { webhook_admin;  limit_req zone=addresses burst=4 nodelay; }
        location = /plain          { webhook_ingest; limit_req zone=plain burst=1 nodelay; limit_req_status 503; }
SERVER

$t->api_ok('POST', '/companies', { uid => 'acme', name => 'ACME', enabled => \1 });

my $key = 'Bearer ' . $t->root_key;
my $base = "http://127.0.0.1:$t->{port}";
my $client = HTTP::Tiny->new(keep_alive => 1, timeout => 10);

sub event {
    my ($authorization, $path, $payload) = @_;
    return $client->post($base . ($path || '/limited/events'), {
        headers => { 'Content-Type' => 'application/json', ($authorization ? (Authorization => $authorization) : ()) },
        content => '{"company":"acme","event":"a","payload":' . ($payload || 1) . '}' });
}

# the burst comes in, the rest is told to come again, with the same connection

my @r = map { event($key, undef, '"' . 'x' x 100_000 . '"') } 1 .. 8;
is(join(' ', map { $_->{status} } @r), '202 202 202 202 202 429 429 429', 'a burst of five, and no more');
is($r[7]{headers}{'content-type'}, 'application/problem+json', 'a problem document');
is(decode_json($r[7]{content})->{code}, 'rate_limited', 'with a code');
is($r[7]{headers}{'retry-after'}, 1, 'and Retry-After');
is($r[7]{headers}{'cache-control'}, 'no-store', 'not to be kept');

my $stored = WebhookTest::sh('sqlite3 -readonly ' . $t->store . ' "SELECT count(*) FROM message"') + 0;
is($stored, 5, 'what was refused is not stored');

# the API shares the client's limit; another client has its own

is($client->get("$base/limited/api/companies", { headers => { Authorization => $key } })->{status}, 429,
   'the same client, at the API');
is($client->get("$base/limited/api/companies", { headers => { Authorization => "bearer  " . $t->root_key } })->{status}, 200,
   'a client with another header');
is(join(' ', map { event(undef)->{status} } 1 .. 6), '401 401 401 401 401 429', 'those without a key, by their address');

# guesses of a key are limited by the address: the header is another each time

is(join(' ', map { $client->get("$base/guess/companies", { headers => { Authorization => "Bearer $_" } })->{status} } 1 .. 6),
   '401 401 401 401 401 429', 'guesses of a key');

# without error_page and with nginx's own status

@r = map { event($key, '/plain') } 1 .. 3;
is(join(' ', map { $_->{status} } @r), '202 202 503', "nginx's own answer");

is([ $t->api('GET', '/companies') ]->[0], 200, 'elsewhere there is no limit');
is(scalar($t->log_lines), 0, 'nothing alarming in the log') or diag $t->log_lines;

$t->finish;
done_testing();
