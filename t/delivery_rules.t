# How a webhook wants its deliveries: so many at a time, so many a second, with
# delays of its own, one after the other; over all workers, and restarts.

use strict;
use warnings;

BEGIN { push @INC, 't/lib' }

use Test::More;
use Time::HiRes qw(time);
use WebhookTest;

my $t = WebhookTest->new(workers => 2, http => 'webhook_retry_delays 100ms; webhook_timeout 3s;');
$t->receiver;
$t->start;
$t->setup('acme', $t->url('/ok'), 'no.such');

my $webhooks = '/companies/acme/webhooks';
my $n = 0;

sub webhook {
    my ($path, %members) = @_;
    my $event = 'e' . ++$n;
    my $w = $t->api_ok('POST', $webhooks, { url => $t->url("$path?$event"),
                                            events => [ $event ], %members });
    return ($event, $w);
}

sub send_many {
    my ($event, $from, $to) = @_;
    my $r = $t->http('POST', '/events', headers => { 'Content-Type' => 'application/x-ndjson' },
        content => join "\n", map { qq({"company":"acme","event":"$event","payload":$_}) } $from .. $to);
    die $r->{content} if $r->{status} != 200;
}

sub got {
    my $event = shift;
    return map { $_->{n} = $_->{body} =~ /"payload":(\d+)/ ? $1 : 0; $_ }
           grep { $_->{uri} =~ /\?$event$/ } $t->received;
}

sub done { my ($event, $count) = @_;
    $t->wait_for('all to be delivered', sub {
        $t->events('acme', "event=$event&status=delivered&limit=250") == $count }, 30) }

# the members

my ($event, $w) = webhook('/ok');
is_deeply([ @$w{qw(concurrency rate_limit retry_delays ordered)} ], [ undef, undef, undef,
          JSON::PP::false() ], 'none of them is said');

($event, $w) = webhook('/ok', concurrency => 3, rate_limit => '100/m',
                       retry_delays => [ '30s', '90s', '2h', '500ms' ], ordered => JSON::PP::true());
my @said = @$w{qw(concurrency rate_limit retry_delays ordered)};
is_deeply(\@said, [ 3, '100/m', [ '30s', '90s', '2h', '500ms' ], JSON::PP::true() ], 'all of them');
is_deeply([ @{ $t->api_ok('GET', "$webhooks/$w->{id}") }{qw(concurrency rate_limit retry_delays
          ordered)} ], \@said, 'they are kept');
is_deeply([ @{ $t->api_ok('PATCH', "$webhooks/$w->{id}", { concurrency => undef, retry_delays => [] })
          }{qw(concurrency rate_limit retry_delays ordered)} ],
          [ undef, '100/m', [], JSON::PP::true() ], 'and changed one by one');

for ([ concurrency => 0 ], [ concurrency => 1001 ], [ concurrency => '3' ], [ concurrency => 1.5 ],
     [ rate_limit => 10 ], [ rate_limit => '0/s' ], [ rate_limit => '10/d' ], [ rate_limit => '/s' ],
     [ rate_limit => '-1/s' ], [ retry_delays => '1m' ], [ retry_delays => [ 1 ] ],
     [ retry_delays => [ '0' ] ], [ retry_delays => [ '31d' ] ], [ retry_delays => [ ('1s') x 33 ] ],
     [ ordered => 1 ])
{
    my ($member, $value) = @$_;
    my ($status, $problem) = $t->api('PATCH', "$webhooks/$w->{id}", { $member => $value });
    my $shown = JSON::PP->new->allow_nonref->encode($value);
    is($status, 422, substr("$member: $shown", 0, 40));
    is($problem->{errors}[0]{pointer}, "/$member", '... which member');
}

# delays of its own

($event, $w) = webhook('/fail/2', retry_delays => [ '10ms', '10ms' ]);
send_many($event, 1, 1);
done($event, 1);
is(scalar(got($event)), 3, 'three attempts, where the configuration allows two');

($event, $w) = webhook('/status/500', retry_delays => []);
send_many($event, 1, 1);
$t->wait_for('it to fail', sub { $t->events('acme', "event=$event&status=failed") });
is(scalar(got($event)), 1, 'no retries');

# so many at a time: the receiver tells how many it had at once

sub most_at_once {
    my @all = @_;
    my @edges = sort { $a->[0] <=> $b->[0] || $a->[1] <=> $b->[1] }
                map { ([ $_->{time}, 1 ], [ $_->{time} + 0.099, -1 ]) } @all;
    my ($now, $most) = (0, 0);
    for (@edges) { $now += $_->[1]; $most = $now if $now > $most }
    return $most;
}

($event, $w) = webhook('/slow/100', concurrency => 2);
send_many($event, 1, 20);
send_many($event, 21, 40);
done($event, 40);
is(most_at_once(got($event)), 2, 'two at a time, of both workers');

$t->api_ok('PATCH', "$webhooks/$w->{id}", { concurrency => 1 });
send_many($event, 41, 50);
done($event, 50);
is(most_at_once(grep { $_->{n} > 40 } got($event)), 1, 'one at a time');

# so many a second; a worker that is killed takes nothing with it

($event, $w) = webhook('/ok', rate_limit => '20/s');
send_many($event, 1, 15);
send_many($event, 16, 30);
done($event, 30);
my @times = sort { $a <=> $b } map { $_->{time} } got($event);
cmp_ok($times[-1] - $times[0], '>=', 29 / 20 - 0.1, 'twenty a second, and no more');
cmp_ok($times[-1] - $times[0], '<', 29 / 20 + 2 * $t->{scale}, 'not much less either');

($event, $w) = webhook('/slow/300', concurrency => 1);
send_many($event, 1, 3);
$t->wait_for('one to be sent', sub { got($event) });
kill 'KILL', $t->workers;
done($event, 3);
pass('the limit is free again after a kill');

# one after the other

($event, $w) = webhook('/slow/5', ordered => JSON::PP::true());
send_many($event, $_ * 20 + 1, $_ * 20 + 20) for 0 .. 2;
done($event, 60);
is(join(' ', map { $_->{n} } got($event)), join(' ', 1 .. 60), 'in order');
is(most_at_once(map { { time => $_->{time} * 20 } } got($event)), 1, 'one at a time');

# the first one fails twice: the others wait for it; over a restart too

($event, $w) = webhook('/fail/2', ordered => JSON::PP::true(), retry_delays => [ '300ms', '300ms' ]);
send_many($event, 1, 5);
$t->wait_for('the first attempt', sub { got($event) });
$t->restart;
done($event, 5);
is(join(' ', map { $_->{n} } got($event)), '1 1 1 2 3 4 5', 'the others wait for the first');

($event, $w) = webhook('/status/500', ordered => JSON::PP::true(), retry_delays => [ '50ms' ]);
send_many($event, 1, 3);
$t->wait_for('them to fail', sub { $t->events('acme', "event=$event&status=failed") == 3 });
is(join(' ', map { $_->{n} } got($event)), '1 1 2 2 3 3', 'one that has failed lets the next one go');

# disabled between two attempts, it goes on where it was

($event, $w) = webhook('/fail/1', ordered => JSON::PP::true(), retry_delays => [ '500ms' ]);
send_many($event, 1, 3);
$t->wait_for('the first attempt to be recorded', sub {
    grep { $_->{retries} } $t->events('acme', "event=$event")
});
$t->api_ok('PATCH', "$webhooks/$w->{id}", { enabled => JSON::PP::false() });
$t->api_ok('PATCH', "$webhooks/$w->{id}", { enabled => JSON::PP::true() });
done($event, 3);
is(join(' ', map { $_->{n} } got($event)), '1 1 2 3', 'also one that was disabled meanwhile');

# made unordered, the others wait no longer

($event, $w) = webhook('/status/500', ordered => JSON::PP::true(), retry_delays => [ '1h' ]);
send_many($event, 1, 3);
$t->wait_for('the first attempt to be recorded', sub {
    grep { $_->{retries} } $t->events('acme', "event=$event")
});
$t->api_ok('PATCH', "$webhooks/$w->{id}", { ordered => JSON::PP::false() });
$t->wait_for('the others to be sent', sub { got($event) == 3 });
pass('unordered, the others go on');

# a rate that makes it wait for long: over reloads, without holding up others,
# until it is changed; a test event does not wait

($event, $w) = webhook('/ok', rate_limit => '1/h');
send_many($event, 1, 1);
done($event, 1);
send_many($event, 2, 3);
$t->reload for 1 .. 2;
$t->api_ok('POST', "$webhooks/$w->{id}/test");
$t->wait_for('the test', sub { grep { $_->{body} =~ /test.webhook-event/ } got($event) });
is(scalar(grep { $_->{n} } got($event)), 1, 'a limit outlasts reloads, but for test events');
$t->api_ok('PATCH', "$webhooks/$w->{id}", { rate_limit => undef });
done($event, 3);
pass('without it, all are sent at once');

($event, $w) = webhook('/ok', rate_limit => '1/h');
send_many($event, 1, 4);
done($event, 1);
$t->api('DELETE', "$webhooks/$w->{id}");
$t->wait_for('the others to be cancelled', sub {
    $t->events('acme', "event=$event&status=cancelled") == 3
});
pass('deleted, what waits is cancelled');

# a test event does not wait

($event, $w) = webhook('/hang', ordered => JSON::PP::true());
send_many($event, 1, 2);
$t->wait_for('the first attempt', sub { got($event) });
$t->api_ok('POST', "$webhooks/$w->{id}/test");
$t->wait_for('the test', sub { grep { $_->{body} =~ /test.webhook-event/ } got($event) });
pass('a test event does not wait');

is(scalar($t->log_lines(qr/\[(?:emerg|crit)\]/)), 0, 'nothing alarming in the log');
$t->finish;

# many with slow rates leave room for others

$t = WebhookTest->new(http => 'webhook_concurrency 2;');
$t->receiver;
$t->start;
$t->setup('acme', $t->url('/ok'), 'no.such');
for (1 .. 12) {
    ($event, $w) = webhook('/ok', rate_limit => '1/h');
    send_many($event, 1, 3);
}
($event, $w) = webhook('/ok');
send_many($event, 1, 5);
done($event, 5);
pass('webhooks that wait for their rate take no room from others');
$t->finish;

# a worker that quits gives back what waits for its turn

$t = WebhookTest->new(http => 'webhook_retry_delays 100ms;');
$t->receiver;
$t->start;
$t->setup('acme', $t->url('/ok'), 'no.such');
($event, $w) = webhook('/ok', rate_limit => '3/h');
send_many($event, 1, 3);
$t->wait_for('the first', sub { got($event) });
my $begin = time;
$t->stop('QUIT');
cmp_ok(time - $begin, '<', 5 * $t->{scale}, 'a worker whose deliveries wait for their turn quits');
$t->finish;

done_testing();
