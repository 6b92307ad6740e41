# Preconditions of HTTP (RFC 9110, section 13): what has no ETag has none, so that
# an answer is never another than what was done.

use strict;
use warnings;

BEGIN { push @INC, 't/lib' }

use Test::More;
use WebhookTest;

my $t = WebhookTest->new;
$t->receiver;
$t->start;
my $w = $t->setup('acme', $t->url('/ok'), '*');
my $hook = "/api/companies/acme/webhooks/$w->{id}";
my $event = '{"company":"acme","event":"a","payload":1}';

for (['If-Match', '"x"'], ['If-None-Match', '*'], ['If-Unmodified-Since', 'Sat, 01 Jan 2000 00:00:00 GMT'],
     ['If-Modified-Since', 'Sat, 01 Jan 2050 00:00:00 GMT'])
{
    my %headers = (@$_);
    my $name = $_->[0];
    my $status = sub { $t->http(@_, headers => { %headers })->{status} };

    is($status->('GET', $hook), 200, "$name: a webhook");
    is($status->('PATCH', $hook, content => qq({"description":"$name"})), 200, '... its change');
    is($t->api_ok('GET', "/companies/acme/webhooks/$w->{id}")->{description}, $name, '... which is made');
    is($status->('POST', "$hook/secret/rotate"), 200, '... a secret, which would be lost');
    is($status->('POST', "$hook/test?wait=5s"), 200, '... a test');
    is($status->('POST', '/events', content => $event), 202, '... an event');
    is($t->http('POST', '/events', content => "$event\n",
                headers => { %headers, 'Content-Type' => 'application/x-ndjson' })->{status}, 200, '... a batch');
    is($status->('GET', '/api/metrics'), 200, '... the metrics');
}

# the description of the API has an ETag

my $etag = $t->http('GET', '/api/openapi.json')->{headers}{etag};
is($t->http('GET', '/api/openapi.json', headers => { 'If-None-Match' => $etag })->{status}, 304, 'not modified');
is($t->http('GET', '/api/openapi.json', headers => { 'If-None-Match' => '"x"' })->{status}, 200, 'or another one');

$t->stop('QUIT');
is(scalar($t->log_lines), 0, 'nothing alarming in the log');
$t->finish;
done_testing();
