# TLS is verified: the certificate's chain and its name.

use strict;
use warnings;

BEGIN { push @INC, 't/lib' }

use Test::More;
use WebhookTest;

my $t = WebhookTest->new(allow => 'webhook_allow_address 127.0.0.0/8;');

my $good = $t->receiver(tls => 1);
my $wrong = $t->receiver(tls => 1, tls_name => 'other.test', name => 'wrong');
my $ca = $t->ca;

my $resolve = join ' ', map { "receiver.test:$_->{port}:127.0.0.1" } $good, $wrong;

$t->{http} = <<CONF;
webhook_retry_delays off;
webhook_resolve $resolve;
webhook_trusted_certificate $ca;
CONF

$t->start;

sub deliver {
    my ($event, $url, $status) = @_;
    $t->setup('acme', $url, $event);
    $t->ingest('acme', $event, '{}');
    my ($e) = $t->events('acme', "event=$event");
    return $t->wait_event('acme', $e->{id}, $status)->{attempts}[0];
}

my $a = deliver('good', $t->url('/ok'), 'delivered');
is($a->{status_code}, 200, 'delivered over TLS');
cmp_ok($a->{timings}{tls_ms}, '>', 0, 'with the time of its handshake');
is($a->{peer}, '127.0.0.1', 'to the address of webhook_resolve');

my ($got) = $t->wait_received(1, $good);
is($got->{headers}{host}, "receiver.test:$good->{port}", 'the Host header');

$a = deliver('name', "https://receiver.test:$wrong->{port}/ok", 'failed');
is($a->{error}, 'tls_certificate', 'a certificate for another name');

# without webhook_trusted_certificate the system's certificates count

$t->stop;
$t->{http} =~ s/webhook_trusted_certificate.*//;
$t->start;

$a = deliver('chain', $t->url('/ok/chain'), 'failed');
is($a->{error}, 'tls_certificate', 'a certificate of no known CA');
like($a->{error_detail}, qr/issuer certificate/, 'in words');

is(scalar($t->received($good)), 1, 'nothing was sent to who is not trusted');
is(scalar($t->received($wrong)), 0, 'to neither');
is(scalar($t->log_lines), 0, 'nothing alarming in the log');

$t->finish;
done_testing();
