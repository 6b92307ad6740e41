# Endpoints that misbehave: each attempt is logged with a stable code, and the
# complete head of a 2xx is a delivery whatever its body does.

use strict;
use warnings;

BEGIN { push @INC, 't/lib' }

use Test::More;
use WebhookTest;

my $t = WebhookTest->new(http => <<'CONF');
webhook_retry_delays off;
webhook_timeout 700ms;
webhook_connect_timeout 300ms;
resolver 127.0.0.1:1 ipv6=off;
resolver_timeout 1s;
webhook_resolve refused.test:443:10.1.2.3;
webhook_deny_address 127.0.0.66;
webhook_resolve denied.test:8080:127.0.0.66;
CONF

$t->receiver;
$t->start;

my $closed = WebhookTest::free_port();

my @cases = (
    # path or URL                       status      code              detail
    [ '/hang',                          'failed',   'timeout',        qr/./ ],
    [ '/ok',                            'delivered', undef,           undef ],
    [ '/hang/again',                    'failed',   'timeout',        qr/./ ],  # the same connection
    [ '/slow/60000',                    'failed',   'timeout',        qr/./ ],
    [ '/close',                         'failed',   'empty_reply',    qr/./ ],
    [ '/reset',                         'failed',   'connection_lost', qr/./ ],
    [ '/half',                          'failed',   'bad_response|connection_lost|empty_reply', qr/./ ],
    [ '/redirect',                      'failed',   'http_status',    undef ],
    [ "http://127.0.0.1:$closed/",      'failed',   'connect_failed', qr/./ ],
    [ 'https://refused.test/',          'failed',   'address_refused',
      qr/private \(RFC 1918\)/ ],
    [ 'http://denied.test:8080/',       'failed',   'address_refused',
      qr/webhook_deny_address/ ],
    [ 'https://nowhere.test/',          'failed',   'name_lookup_failed|name_lookup_timeout', qr/./ ],
    [ $t->url('/ok') =~ s/^http:/https:/r, 'failed', 'tls_failed',    qr/./ ],
    [ '/short',                         'delivered', undef,           qr/./ ],
    [ '/big/100000',                    'delivered', undef,           undef ],
    [ '/big/16384',                     'delivered', undef,           undef ],
);

my $n = 0;

for (@cases) {
    my ($where, $status, $error, $detail) = @$_;
    my $event = 'case-' . ++$n;
    my $url = $where =~ m{^/} ? $t->url($where) : $where;

    $t->setup('acme', $url, $event);
    $t->ingest('acme', $event, '{}');

    my ($e) = $t->events('acme', "event=$event");
    $e = $t->wait_event('acme', $e->{id}, $status);
    my $a = $e->{attempts}[0];

    is($e->{status}, $status, "$where: $status");

    if ($error) {
        like($a->{error}, qr/^(?:$error)$/, '  its code');
    } else {
        is($a->{error}, undef, '  no error');
    }

    if ($detail) {
        like($a->{error_detail}, $detail, "  in words: $a->{error_detail}");
    } else {
        is($a->{error_detail}, undef, '  no words');
    }

    if ($where =~ /hang|slow/) {
        cmp_ok($a->{duration_ms}, '>=', 600, '  after webhook_timeout');
        cmp_ok($a->{duration_ms}, '<', 700 + 500 * $t->{scale}, '  and no later');
    }

    if ($where eq '/big/100000') {
        is(length $a->{response}{body}, 16384, '  its body is cut');
        ok($a->{response}{truncated}, '  which is told');
    }

    if ($where eq '/big/16384') {
        is(length $a->{response}{body}, 16384, '  its body is whole');
        ok(!$a->{response}{truncated}, '  which is told');
    }

    if ($where eq '/redirect') {
        is($a->{status_code}, 302, '  not followed');
        like($a->{response}{head}, qr/^Location: \/ok/m, '  but logged');
    }

    if ($status eq 'failed' && $error ne 'http_status') {
        is($a->{response}, undef, '  no response');
        is($a->{status_code}, undef, '  no status code');
    }
}

is(scalar(grep { $_->{uri} eq '/ok' } $t->received), 1, 'the redirect was not followed');

# all is well with the worker

$t->setup('acme', $t->url('/ok/last'), 'last');
$t->ingest('acme', 'last', '{}');
my ($e) = $t->events('acme', 'event=last');
ok($t->wait_event('acme', $e->{id}, 'delivered'), 'and it goes on');

my ($status, $problem) = $t->api('POST', '/companies/acme/webhooks',
                                 { url => 'http://127.0.0.66:8080/', events => ['*'] });
is($status, 422, 'a denied address in a URL');
like($problem->{errors}[0]{detail}, qr/denied address/, 'in words');

# a limit of one's own

$t->{http} .= 'webhook_response_limit 100;';
$t->restart;
$t->setup('acme', $t->url('/big/101'), 'limit');
$t->ingest('acme', 'limit', '{}');
($e) = $t->events('acme', 'event=limit');
my $a = $t->wait_event('acme', $e->{id}, 'delivered')->{attempts}[0];
is(length $a->{response}{body}, 100, 'webhook_response_limit: a body is cut');
ok($a->{response}{truncated}, 'which is told');

is(scalar($t->log_lines), 0, 'nothing alarming in the log');

$t->finish;
done_testing();
