# Retry and cancel of one webhook event: one attempt now, which changes nothing
# else where it fails; or no further attempt.

use strict;
use warnings;

BEGIN { push @INC, 't/lib' }

use Test::More;
use WebhookTest;

my $t = WebhookTest->new(workers => 2, http => 'webhook_retry_delays 1h; webhook_timeout 5s;');
$t->receiver;
$t->start;

my $events = '/companies/acme/webhook-events';

sub webhook { my ($path, %m) = @_;
    $t->setup('acme', $t->url('/ok'), 'no.such') unless $t->{made}++;
    $t->api_ok('POST', '/companies/acme/webhooks', { url => $t->url($path), events => ['*'], %m }) }
sub change { $t->api_ok('PATCH', "/companies/acme/webhooks/$_[0]{id}", $_[1]) }
sub gone { $t->api_ok('DELETE', "/companies/acme/webhooks/$_[0]{id}") }
sub of { my ($w, $status) = @_; $t->events('acme', "webhook=$w->{id}" . ($status ? "&status=$status" : '')) }
sub attempts { @{ $t->event('acme', $_[0])->{attempts} } }
sub tried { my ($id, $n) = @_; $t->wait_for("$n attempts", sub { attempts($id) == $n }) }
sub first { my ($w, $status) = @_; $t->wait_for($status, sub { my ($e) = of($w, $status); $e && $e->{id} }) }
sub refused { my ($what, $id, $code, $name) = @_;
    my ($status, $p) = $t->api('POST', "$events/$id/$what");
    is("$status $p->{code}", $code, $name) }
sub retry { $t->api_ok('POST', "$events/$_[0]/retry") }
sub cancel { $t->api_ok('POST', "$events/$_[0]/cancel") }

# a failed one that fails again stays what it was; then it is delivered

my $w = webhook('/status/500', retry_delays => []);
$t->ingest('acme', 'a', 1);
my $id = first($w, 'failed');

my ($status, $e) = $t->api('POST', "$events/$id/retry");
is($status, 202, 'a failed one is tried again');
is_deeply([ @$e{qw(id status reason)} ], [ $id, 'pending', undef ], '... and pending meanwhile');
tried($id, 2);
$e = $t->event('acme', $id);
is_deeply([ @$e{qw(status reason retries next_attempt_at)} ], [ 'failed', 'attempts_exhausted', 0, undef ],
          'it has failed again');
is_deeply([ map { $_->{number} } @{ $e->{attempts} } ], [ 1, 2 ], 'attempts are counted on');

change($w, { url => $t->url('/ok') });
retry($id);
$e = $t->wait_event('acme', $id, 'delivered');
is($e->{reason}, undef, 'delivered without a reason');
my $delivered_at = $e->{delivered_at};
is((grep { $_->{headers}{'x-webhook-event-id'} eq $id } $t->received), 3, 'its identifier is the same');

# a delivered one

change($w, { url => $t->url('/status/500') });
retry($id);
tried($id, 4);
$e = $t->event('acme', $id);
is_deeply([ @$e{qw(status delivered_at)} ], [ 'delivered', $delivered_at ], 'a delivered one stays delivered');
is(scalar(of($w, 'delivered')), 1, '... in lists too');
change($w, { url => $t->url('/ok') });
retry($id);
tried($id, 5);
isnt($t->wait_event('acme', $id, 'delivered')->{delivered_at}, $delivered_at, 'and may be delivered again');
gone($w);
refused('retry', $id, '409 webhook_deleted', 'not to a webhook that is gone');

# asked for twice before its turn comes, it stays what it was

$w = webhook('/ok', ordered => \1);
$t->ingest('acme', 'a', 'true');
$id = first($w, 'delivered');
change($w, { url => $t->url('/hang') });
$t->ingest('acme', 'a', 'false');
my $head = first($w, 'pending');
$t->wait_for('it to arrive', sub { grep { $_->{headers}{'x-webhook-event-id'} eq $head } $t->received });
retry($id);
WebhookTest::sh('sqlite3 -cmd ".timeout 5000" ' . $t->store . " 'UPDATE webhook_event"
                . " SET due_at = due_at + 3600000 WHERE extra = 2'");
retry($id);
is(cancel($id)->{status}, 'delivered', 'one that was asked for twice stays delivered');
gone($w);

# a pending one keeps its schedule

$w = webhook('/fail/2/x', retry_delays => [ '1h', '2h' ]);
$t->ingest('acme', 'a', 2);
$id = first($w, 'pending');
tried($id, 1);
my $next = $t->event('acme', $id)->{next_attempt_at};
retry($id);
tried($id, 2);
$e = $t->event('acme', $id);
is_deeply([ @$e{qw(status retries next_attempt_at)} ], [ 'pending', 1, $next ], 'its schedule goes on');
retry($id);
$e = $t->wait_event('acme', $id, 'delivered');
is(scalar(@{ $e->{attempts} }), 3, 'a retry may deliver it');
gone($w);

# cancelled, and tried again

$w = webhook('/status/500');
$t->ingest('acme', 'a', 3);
$id = first($w, 'pending');
tried($id, 1);
($status, $e) = $t->api('POST', "$events/$id/cancel");
is($status, 200, 'a pending one is cancelled');
is_deeply([ @$e{qw(status reason retries next_attempt_at)} ], [ 'cancelled', 'cancelled_by_request', 0, undef ], '... and says so');
is_deeply([ map { $_->{id} } of($w, 'cancelled') ], [ $id ], '... in lists');
is(cancel($id)->{status}, 'cancelled', 'twice is once');
retry($id);
tried($id, 2);
is_deeply([ @{ $t->event('acme', $id) }{qw(status reason)} ], [ 'cancelled', 'cancelled_by_request' ],
          'a failed attempt leaves it cancelled');
change($w, { url => $t->url('/ok') });
retry($id);
$t->wait_event('acme', $id, 'delivered');
refused('cancel', $id, '409 not_pending', 'a delivered one is not to be cancelled');
gone($w);

# in flight: the result is recorded, nothing follows

$w = webhook('/slow/700');
$t->ingest('acme', 'a', 4);
$id = first($w, 'pending');
$t->wait_for('it to arrive', sub { grep { $_->{headers}{'x-webhook-event-id'} eq $id } $t->received });
refused('retry', $id, '409 being_delivered', 'not while it is sent');
is(cancel($id)->{status}, 'cancelled', 'cancelled while it is sent');
refused('retry', $id, '409 being_delivered', 'still not');
$e = $t->wait_event('acme', $id, 'delivered');
is(scalar(@{ $e->{attempts} }), 1, 'the delivery counts');
gone($w);

$w = webhook('/close');
change($w, { url => $t->url('/header/500/X:y') });
my $slow = webhook('/hang', retry_delays => ['10ms']);
$t->{http} = 'webhook_retry_delays 1h; webhook_timeout 500ms;';
$t->restart;
$t->ingest('acme', 'a', 5);
$id = first($slow, 'pending');
$t->wait_for('it to arrive', sub { grep { $_->{headers}{'x-webhook-event-id'} eq $id } $t->received });
is(cancel($id)->{status}, 'cancelled', 'one that will fail');
tried($id, 1);
is_deeply([ @{ $t->event('acme', $id) }{qw(status reason)} ], [ 'cancelled', 'cancelled_by_request' ],
          'its attempt is recorded, and it stays cancelled');
retry($id);
$t->wait_for('another', sub { attempts($id) == 2 });
is($t->event('acme', $id)->{status}, 'cancelled', 'no further attempt follows');
# its second attempt, while it is made

$t->ingest('acme', 'a', 'null');
$id = first($slow, 'pending');
$t->wait_for('the second to arrive', sub { 2 == grep { $_->{headers}{'x-webhook-event-id'} eq $id } $t->received });
is(cancel($id)->{retries}, 0, 'a retry that is cancelled is none');
tried($id, 2);
is($t->event('acme', $id)->{retries}, 1, '... but where it was made it is one');

# one that waits for its second attempt when its webhook is deleted

$t->ingest('acme', 'a', '[]');
$id = first($w, 'pending');
tried($id, 1);
is($t->event('acme', $id)->{retries}, 1, 'it waits for a retry');
gone($_) for $w, $slow;
is($t->wait_event('acme', $id, 'cancelled')->{retries}, 0, '... which is not made');

# what waits in the memory of a worker, whichever it is, is not sent

$w = webhook('/slow/300', concurrency => 1);
$t->ingest('acme', 'a', $_) for 6 .. 11;
my @ids = $t->wait_for('six', sub { my @e = of($w); @e == 6 ? map { $_->{id} } @e : () });
$t->wait_for('one to arrive', sub { grep { $_->{headers}{'x-webhook-event-id'} eq $ids[-1] } $t->received });
cancel($_) for @ids[0 .. 3];
$t->wait_for('the others', sub { of($w, 'delivered') == 2 });
is(scalar(grep { my $e = $_; grep { $_->{headers}{'x-webhook-event-id'} eq $e } $t->received } @ids[0 .. 3]), 0,
   'what was cancelled while it waited is not sent');
is(scalar(of($w, 'cancelled')), 4, '... and stays cancelled');
my $db = $t->store;
$t->wait_for('nobody to have it', sub {
    !WebhookTest::sh("sqlite3 -readonly -cmd '.timeout 5000' $db 'SELECT 1 FROM webhook_event WHERE owner <> 0'") });
pass('and is in nobody\'s hands');
retry($ids[0]);
$t->wait_event('acme', $ids[0], 'delivered');
gone($w);

# ordered: the head now, others keep their place

$w = webhook('/fail/1/ordered', ordered => JSON::PP::true(), retry_delays => ['1h']);
$t->ingest('acme', 'a', $_) for 12 .. 14;
@ids = $t->wait_for('three', sub { my @e = of($w); @e == 3 ? map { $_->{id} } reverse @e : () });
tried($ids[0], 1);
retry($ids[2]);
is(scalar(attempts($ids[2])), 0, 'the last one waits for its turn');
retry($ids[0]);
$t->wait_for('all', sub { of($w, 'delivered') == 3 });
my @order = map { $_->{headers}{'x-webhook-event-id'} } grep { $_->{uri} eq '/fail/1/ordered' } $t->received;
is_deeply(\@order, [ @ids[0, 0, 1, 2] ], 'in their order');
gone($w);

# the breaker does not hold up what somebody asks for, and hears of it

$t->{http} = 'webhook_retry_delays 1h; webhook_breaker failures=2 pause=1h;';
$t->restart;
$w = webhook('/status/503');
$t->ingest('acme', 'a', $_) for 15 .. 17;
$t->wait_for('the breaker', sub {
    $t->api_ok('GET', "/companies/acme/webhooks/$w->{id}")->{health}{breaker} eq 'open' });
change($w, { description => 'still open' });
($id) = map { $_->{id} } reverse of($w);
my $n = () = attempts($id);
retry($id);
tried($id, $n + 1);
is($t->api_ok('GET', "/companies/acme/webhooks/$w->{id}")->{health}{breaker}, 'open', 'a failure changes nothing');

# what cannot be

change($w, { enabled => JSON::PP::false() });
refused('retry', $id, '409 webhook_disabled', 'not to a disabled webhook');
is(cancel($id)->{status}, 'cancelled', 'but cancelled');
refused($_, 'evt_x', '404 webhook_event_not_found', "$_: no event") for qw(retry cancel);
$t->api_ok('POST', '/companies', { uid => 'other', name => 'Other', enabled => JSON::PP::true() });
is([ $t->api('POST', "/companies/other/webhook-events/$id/$_") ]->[1]{code}, 'webhook_event_not_found',
   "$_: of another company") for qw(retry cancel);
is([ $t->api('GET', "$events/$id/$_") ]->[0], 405, "$_ is a POST") for qw(retry cancel);
change($w, { enabled => JSON::PP::true(), url => $t->url('/ok') });
$t->api_ok('PATCH', '/companies/acme', { enabled => JSON::PP::false() });
refused('retry', $id, '403 access_not_enabled', 'not without access');
$t->api_ok('PATCH', '/companies/acme', { enabled => JSON::PP::true() });

$t->stop;
unlike(scalar(`perl sql/webhook-audit $db`), qr/^BAD/m, 'the store fits together after all of it');
WebhookTest::sh("sqlite3 $db \"UPDATE message SET payload = x''\"");
chown((getpwnam 'nobody')[2, 3], glob "$db*") if $> == 0 && $t->user =~ /^nobody/;
$t->start;
refused('retry', $id, '409 payload_erased', 'not without its payload');

is(scalar($t->log_lines), 0, 'nothing alarming in the log');
$t->finish;
done_testing();
