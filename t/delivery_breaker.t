# An endpoint that fails, event after event, is left alone for a while, then
# asked with one event; its events lose no attempt by that.  One that does
# nothing but fail is disabled.  Who subscribes to it is told.

use strict;
use warnings;

BEGIN { push @INC, 't/lib' }

use JSON::PP;
use Test::More;
use WebhookTest;

my $t = WebhookTest->new(workers => 2, http => 'webhook_retry_delays 10ms 20s;'
                         . ' webhook_breaker failures=4 pause=700ms max=1500ms; webhook_timeout 2s;');
$t->receiver;
$t->start;

$t->setup('acme', $t->url('/ok/told'), 'system.*');
my $path = '/companies/acme/webhooks';

sub webhook {
    my ($url, $event, %members) = @_;
    return $t->api_ok('POST', $path, { url => $url, events => [ $event ], %members });
}

sub health { $t->api_ok('GET', "$path/$_[0]{id}")->{health} }
sub got { my $re = shift; grep { $_->{uri} =~ $re } $t->received }

sub told {
    my ($event, $w) = @_;
    return grep { $_->{event} eq $event && $_->{payload}{webhook_id} eq $w->{id} }
           map { decode_json($_->{body}) } got(qr{^/ok/told});
}

# one event alone never opens it

my $w = webhook($t->url('/status/500?one'), 'one', retry_delays => [ ('10ms') x 8 ]);
$t->ingest('acme', 'one', 1);
$t->wait_for('it to fail', sub { $t->events('acme', 'event=one&status=failed') });
is(scalar(got(qr/one$/)), 9, 'nine failures of one event');
is(health($w)->{breaker}, 'closed', 'do not open the breaker');
is(health($w)->{failures}, 9, 'but are counted');
my ($failed) = $t->wait_for('it to be told', sub { told('system.event.failed', $w) });
is($failed->{payload}{reason}, 'attempts_exhausted', 'system.event.failed says why');
like($failed->{payload}{webhook_event_id}, qr/^evt_/, 'and which');

# more than one does

$w = webhook($t->url('/status/500?more'), 'more');
$t->ingest('acme', 'more', $_) for 1 .. 3;
my $h = $t->wait_for('the breaker to open', sub {
    my $h = health($w);
    return $h->{breaker} eq 'open' ? $h : ();
});
ok($h->{paused_until}, 'until when');
ok($h->{failing_since}, 'since when');
cmp_ok($h->{failures}, '>=', 4, 'after so many failures');
my ($failing) = $t->wait_for('it to be told', sub { told('system.webhook.failing', $w) });
is($failing->{payload}{url}, $t->url('/status/500?more'), 'system.webhook.failing says who');
is($failing->{payload}{reason}, 'http_status', 'and why');

# events wait, and are not tried

my $before = got(qr/more$/);
$t->ingest('acme', 'more', $_) for 4 .. 40;
cmp_ok(scalar(got(qr/more$/)) - $before, '<=', 8, 'what comes meanwhile waits');

# a test event does not

$t->api_ok('POST', "$path/$w->{id}/test");
$t->wait_for('the test', sub { grep { $_->{body} =~ /test.webhook-event/ } got(qr/more$/) });
pass('a test event does not wait');

# one event asks, after the pause, and again after a longer one

$t->wait_for('two probes', sub { health($w)->{failures} >= $h->{failures} + 2 }, 30);
my %tries;
$tries{$_->{body} =~ /"payload":(\d+)/ ? $1 : 'test'}++ for got(qr/more$/);
cmp_ok(scalar(keys %tries), '<', 15, 'few of them were tried in that time');
is(scalar(grep { $tries{$_} > 3 } keys %tries), 0, 'none more often than it may');

# it is well again: all are delivered, with attempts left

$t->api_ok('PATCH', "$path/$w->{id}", { retry_delays => [ ('10ms') x 5 ] });
$t->api_ok('PATCH', "$path/$w->{id}", { url => $t->url('/ok?more') });
is(health($w)->{breaker}, 'closed', 'a new URL begins anew');
$t->wait_for('all to be delivered', sub { !$t->events('acme', 'event=more&status=pending') }, 30);
is(scalar(grep { $_->{status} eq 'failed' } $t->events('acme', 'event=more&limit=100')), 0,
   'no event has failed for the pause');

# by a probe: the endpoint fails so often, and then no more

$w = webhook($t->url('/fail/6'), 'mends', retry_delays => [ ('10ms') x 8 ], concurrency => 1);
$t->ingest('acme', 'mends', $_) for 1 .. 30;
$t->wait_for('the breaker to open', sub { told('system.webhook.failing', $w) });
$t->wait_for('all to be delivered', sub {
    $t->events('acme', 'event=mends&status=delivered&limit=100') == 30
}, 30);
is(health($w)->{breaker}, 'closed', 'the breaker is closed again');
is(health($w)->{failures}, 0, 'and all is forgotten');
$t->wait_for('it to be told', sub { told('system.webhook.recovered', $w) });
pass('system.webhook.recovered');

# others do not notice

$w = webhook($t->url('/ok?healthy'), 'more');
$t->ingest('acme', 'more', 99);
$t->wait_for('a healthy one', sub { got(qr/healthy$/) });
pass('another webhook for the same events is served');

is(scalar($t->log_lines(qr/\[(?:emerg|crit)\]/)), 0, 'nothing alarming in the log');
$t->finish;

# nothing but failures, for too long

$t = WebhookTest->new(http => 'webhook_retry_delays 100ms 100ms 100ms 100ms 100ms 100ms;'
                      . ' webhook_breaker off; webhook_disable_after 300ms;');
$t->receiver;
$t->start;
$t->setup('acme', $t->url('/ok/told'), 'system.webhook.disabled');
$w = webhook($t->url('/status/500?bad'), 'bad');
$t->ingest('acme', 'bad', 1);
my $now = $t->wait_for('it to be disabled', sub {
    my $now = $t->api_ok('GET', "$path/$w->{id}");
    return $now->{enabled} ? () : $now;
});
is($now->{disabled_reason}, 'failing', 'a webhook that only fails is disabled');
my ($disabled) = $t->wait_for('it to be told', sub { told('system.webhook.disabled', $w) });
is($disabled->{payload}{reason}, 'failing', 'system.webhook.disabled says why');
is(scalar($t->events('acme', 'event=bad&status=pending')), 1, 'its event waits');
$t->api_ok('PATCH', "$path/$w->{id}", { enabled => JSON::PP::true(), url => $t->url('/ok?bad') });
$t->wait_for('it to be delivered', sub { $t->events('acme', 'event=bad&status=delivered') });
is($t->api_ok('GET', "$path/$w->{id}")->{health}{failures}, 0, 'enabled, it begins anew');

$t->finish;

# a test that failed is tried again after the pause; the probe may be the last
# attempt of its event, and the next event is the next probe

{
    my $t = WebhookTest->new(http => 'webhook_breaker failures=2 pause=300ms max=300ms;'
                                     . ' webhook_retry_delays 900ms;');
    $t->receiver;
    $t->start;
    my $w = $t->setup('acme', $t->url('/status/500'), 'x');
    $t->ingest('acme', 'x', 1) for 1 .. 4;
    $t->wait_for('all to have failed', sub { $t->events('acme', 'status=failed') == 4 }, 20);
    $t->api_ok('POST', "/companies/acme/webhooks/$w->{id}/test");
    $t->wait_for('the test to have failed', sub {
        grep { $_->{status} eq 'failed' && $_->{retries} == 1 }
            $t->events('acme', 'event=test.webhook-event') }, 20);
    pass('events and tests end beside an open breaker');

    # when the last attempts were, and the next one is

    my $path = "/companies/acme/webhooks/$w->{id}";
    my $h = $t->wait_for('the last failure', sub {
        my $h = $t->api_ok('GET', $path)->{health};
        return $h->{last_failure_at} ? $h : (); });
    is($h->{last_success_at}, undef, 'there was no success');
    is($h->{next_attempt_at}, undef, 'and nothing is due');

    $t->api_ok('PATCH', $path, { url => $t->url('/ok') });
    $t->ingest('acme', 'x', 5);
    $h = $t->wait_for('the last success', sub {
        my ($w) = @{ $t->api_ok('GET', '/companies/acme/webhooks')->{data} };
        return $w->{health}{last_success_at} ? $w->{health} : (); });
    cmp_ok($h->{last_success_at}, 'gt', $h->{last_failure_at}, 'the success came after the failures');

    $t->api_ok('PATCH', $path, { enabled => \0 });
    $t->api_ok('PATCH', $path, { enabled => \1, url => $t->url('/fail/1'), retry_delays => ['1h'] });
    $t->ingest('acme', 'x', 6);
    $h = $t->wait_for('the next attempt', sub {
        my $h = $t->api_ok('GET', $path)->{health};
        return $h->{next_attempt_at} && $h->{next_attempt_at} gt $h->{last_success_at} ? $h : (); });
    ok($h->{next_attempt_at}, 'the next attempt is told');
    $t->finish;
}

done_testing();
