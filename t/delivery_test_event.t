# The test event goes to any webhook of the company, subscribed to it or not,
# enabled or not.

use strict;
use warnings;

BEGIN { push @INC, 't/lib' }

use Test::More;
use WebhookTest;

my $t = WebhookTest->new;
$t->receiver;
$t->start;

my $w = $t->setup('acme', $t->url('/ok/test'), 'something.else');
my $other = $t->setup('acme', $t->url('/ok/other'), '*');

$t->api_ok('PATCH', '/companies/acme', { name => "ACME \"\x{e9}\" \\" });

my ($status, $r) = $t->api('POST', "/companies/acme/webhooks/$w->{id}/test");
is($status, 202, 'accepted');
like($r->{webhook_event_id}, qr/^evt_/, 'its id');

my $e = $t->wait_event('acme', $r->{webhook_event_id}, 'delivered');
is($e->{event}, 'test.webhook-event', 'its name');
is_deeply($e->{payload}, { company => "ACME \"\x{e9}\" \\" }, 'its payload');

my @got = $t->wait_received(1);
is($got[0]{uri}, '/ok/test', 'at its webhook');
like($got[0]{body}, qr/^\{"event":"test\.webhook-event","payload":\{"company":"ACME/,
     'as any other event');

# a disabled webhook: tested once, not retried

$t->api_ok('PATCH', "/companies/acme/webhooks/$w->{id}",
           { enabled => \0, url => $t->url('/status/500') });

$r = $t->api_ok('POST', "/companies/acme/webhooks/$w->{id}/test");
$e = $t->wait_event('acme', $r->{webhook_event_id}, 'failed');
is(scalar(@{ $e->{attempts} }), 1, 'a disabled webhook has one attempt');
is($e->{reason}, 'webhook_disabled', 'the reason');

ok(!(grep { $_->{uri} eq '/ok/other' } $t->received),
   'a webhook for * does not get tests of others');

is(scalar($t->log_lines), 0, 'nothing alarming in the log');

$t->finish;
done_testing();
