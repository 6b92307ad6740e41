# webhook_auth: a key is needed unless a location says "off".

use strict;
use warnings;

BEGIN { push @INC, 't/lib' }

use Test::More;
use WebhookTest;

my $t = WebhookTest->new(auth => 1, server => <<'CONF')->start;
        location = /open    { webhook_ingest; webhook_auth off; }
CONF

my $event = '{"company":"acme","event":"a","payload":1}';

sub status {
    my ($method, $path, $authorization) = @_;
    my $r = HTTP::Tiny->new->request($method,
        "http://127.0.0.1:$t->{port}$path", {
            ($method eq 'POST' ? (content => $event) : ()),
            headers => { 'Content-Type' => 'application/json',
                ($authorization ? (Authorization => $authorization) : ()) },
        });
    return wantarray ? ($r->{status}, $r) : $r->{status};
}

my $key = $t->root_key;

like($key, qr/^whk_[0-9a-f]{64}$/, 'the root key');

my ($status, $r) = status('GET', '/api/companies');
is($status, 401, 'no key');
is($r->{headers}{'www-authenticate'}, 'Bearer realm="webhook"', 'asks for one');
is($r->{headers}{'content-type'}, 'application/problem+json', 'a problem');
like($r->{content}, qr/"code":"unauthorized"/, 'its code');

is(status('GET', '/api/companies', "Bearer $key"), 200, 'the key');
is(status('GET', '/api/companies', "bearer   $key"), 200, 'another spelling');
is(status('GET', '/api/companies', "Basic $key"), 401, 'another scheme');
is(status('GET', '/api/companies', $key), 401, 'no scheme');
is(status('GET', '/api/companies', 'Bearer '), 401, 'an empty key');
is(status('GET', '/api/companies', 'Bearer'), 401, 'a scheme alone');
is(status('GET', '/api/companies', "Bearer ${key}0"), 401, 'a longer key');
is(status('GET', '/api/companies', 'Bearer ' . substr $key, 0, -1), 401,
   'a shorter key');
is(status('GET', '/api/companies', 'Bearer ' . uc $key), 401,
   'a key in capitals');

for my $method (qw(HEAD POST PATCH DELETE OPTIONS PUT)) {
    is(status($method, '/api/companies/x'), 401, "$method needs a key too");
}

for my $path ('/api/', '/api/nothing', '/api//companies', '/api/../api/companies',
              '/api/companies/%2e%2e/companies')
{
    is(status('GET', $path), 401, "$path needs a key too");
}

is(status('POST', '/events'), 401, 'ingest needs a key');
is(status('POST', '/events', "Bearer $key"), 404, 'and takes the root key');
is(status('POST', '/open'), 404, 'a location with "off" needs none');

is(scalar($t->log_lines(qr/\Q$key\E/)), 0, 'the key is in no log');

$t->finish;
done_testing();
