# Stuck deliveries explain themselves: "waiting_for" of webhook events and of
# webhooks.

use strict;
use warnings;

BEGIN { push @INC, 't/lib' }

use Test::More;
use WebhookTest;

my $t = WebhookTest->new(workers => 2, http => <<'CONF');
webhook_retry_delays 1h;
webhook_timeout 20s;
webhook_breaker failures=2 pause=10m;
CONF
$t->receiver;
$t->start;
$t->setup('acme', $t->url('/ok'), 'no.such');

my ($n, @of) = (0);

sub webhook { my ($path, %m) = @_;
    my $w = $t->api_ok('POST', '/companies/acme/webhooks',
                       { url => $t->url($path), events => [ 'e' . ++$n ], %m });
    is($w->{waiting_for}, exists $m{enabled} ? 'disabled' : undef, 'a new webhook');
    $w->{event} = "e$n";
    return $w }
sub change { $t->api_ok('PATCH', "/companies/acme/webhooks/$_[0]{id}", $_[1]) }
sub give { my ($w, @payloads) = @_; map { $t->ingest('acme', $w->{event}, $_) } @payloads }
sub of { reverse $t->events('acme', "webhook=$_[0]{id}") }
sub waits { join ' ', map { $_->{waiting_for} || '-' } of($_[0]) }
sub webhook_waits { $t->api_ok('GET', "/companies/acme/webhooks/$_[0]{id}")->{waiting_for} || '-' }
sub wait_for { my ($w, $waits, $name) = @_;
    my $last = '';
    eval { $t->wait_for($name, sub { ($last = waits($w)) eq $waits }); };
    is($last, $waits, $name);
}

# the schedule

my $w = webhook('/status/500');
give($w, 1);
wait_for($w, 'schedule', 'the next attempt is due in an hour');
is(webhook_waits($w), '-', 'its webhook waits for nothing');
my ($e) = of($w);
is($t->event('acme', $e->{id})->{waiting_for}, 'schedule', 'shown alone, too');
is($t->api_ok('GET', "/companies/acme/messages/$e->{message_id}")->{webhook_events}[0]{waiting_for},
   'schedule', 'with its message, too');

# the breaker: of two events that are due, and of one that is not

give($w, 2);
$t->wait_for('the breaker', sub { webhook_waits($w) eq 'breaker' });
pass('a webhook waits for its breaker');
give($w, 3);
wait_for($w, 'schedule schedule breaker', 'so does what is due before it closes, and nothing else');

# disabled, and a company without access

change($w, { enabled => JSON::PP::false() });
is(webhook_waits($w), 'disabled', 'a disabled webhook');
is(waits($w), 'disabled disabled disabled', '... and its events');
change($w, { enabled => JSON::PP::true(), url => $t->url('/hang') });
$t->api_ok('PATCH', '/companies/acme', { enabled => JSON::PP::false() });
is(webhook_waits($w), 'disabled', 'a company without access');
$t->api_ok('PATCH', '/companies/acme', { enabled => JSON::PP::true() });
$t->api_ok('DELETE', "/companies/acme/webhooks/$w->{id}");
$t->wait_for('all to be cancelled', sub { !grep { $_->{status} eq 'pending' } of($w) });
is(waits($w), '- - -', 'what is cancelled waits for nothing');

my $off = webhook('/ok', enabled => JSON::PP::false());
is($off->{waiting_for}, 'disabled', 'made disabled');

# so many at a time: one is sent, the others wait, in memory or in the store

$w = webhook('/slow/1500', concurrency => 1);
give($w, 1 .. 4);
wait_for($w, '- concurrency concurrency concurrency', 'one at a time');
is(webhook_waits($w), 'concurrency', '... and its webhook');
my ($listed) = grep { $_->{id} eq $w->{id} } @{ $t->api_ok('GET', '/companies/acme/webhooks')->{data} };
is($listed->{waiting_for}, 'concurrency', '... in the list of webhooks');
$t->wait_for('the first', sub { (of($w))[0]{status} eq 'delivered' });
$t->wait_for('the next one', sub { 2 == (() = waits($w) =~ /concurrency/g) });
pass('then the next one, of whatever worker');

# so many a second

$w = webhook('/ok', rate_limit => '1/m');
give($w, 1 .. 3);
wait_for($w, '- rate_limit rate_limit', 'one a minute');
is(webhook_waits($w), 'rate_limit', '... and its webhook');

# the order

$w = webhook('/status/500', ordered => JSON::PP::true());
give($w, 1);
wait_for($w, 'schedule', 'the first of an ordered webhook');
give($w, 2, 3);
wait_for($w, 'schedule order order', 'the others wait for it');
is(webhook_waits($w), 'order', '... and its webhook');
change($w, { url => $t->url('/slow/1000') });
($e) = of($w);
$t->api_ok('POST', "/companies/acme/webhook-events/$e->{id}/retry");
wait_for($w, '- order order', 'while it is sent');
$t->wait_for('it', sub { (of($w))[0]{status} eq 'delivered' });
wait_for($w, '- - order', 'then the next one');
$t->wait_for('all', sub { !grep { $_->{status} ne 'delivered' } of($w) });
is(waits($w), '- - -', 'what is delivered waits for nothing');
is(webhook_waits($w), '-', '... nor does its webhook');

# a test knows none of it

$w = webhook('/slow/1500', concurrency => 1, enabled => JSON::PP::false());
my $test = $t->api_ok('POST', "/companies/acme/webhooks/$w->{id}/test");
is($t->event('acme', $test->{webhook_event_id})->{waiting_for}, undef, 'a test does not wait');
$t->wait_event('acme', $test->{webhook_event_id}, 'delivered');

is(scalar($t->log_lines), 0, 'nothing alarming in the log');
$t->finish;
done_testing();
