# Ordered webhooks keep the order in which their events were accepted, also
# where the clock is set back while some of them wait, and where the worker that
# sends one of them dies then.

use strict;
use warnings;

BEGIN { push @INC, 't/lib' }

use JSON::PP;
use Test::More;
use WebhookTest;

my $t = WebhookTest->new(main => 'env CLOCK;', http => 'webhook_timeout 10s;');
my ($library, $control) = map { $t->dir . $_ } '/clock.so', '/clock';

WebhookTest::sh("cc -shared -fPIC -o $library t/lib/clock.c");

sub clock {
    my $seconds = shift;
    open my $fh, -e $control ? '+<' : '>', $control or die "$control: $!";
    print $fh pack 'q', $seconds;
    close $fh;
}

clock(0);
chmod 0644, $control;

$t->receiver;
{
    local $ENV{LD_PRELOAD} = $library;
    local $ENV{CLOCK} = $control;
    $t->start;
}

$t->setup('acme', $t->url('/ok'), 'no.such');

my $n = 0;

sub webhook {
    my ($path, %members) = @_;
    my $event = 'e' . ++$n;
    my $w = $t->api_ok('POST', '/companies/acme/webhooks',
        { url => $t->url("$path?$event"), events => [ $event ], ordered => JSON::PP::true(), %members });
    return ($event, $w);
}

sub send_some { my $event = shift; $t->ingest('acme', $event, $_) for @_ }

sub got {
    my $event = shift;
    return map { $_->{body} =~ /"payload":(\d+)/ ? $1 : 0 } grep { $_->{uri} =~ /\?$event$/ } $t->received;
}

sub done { my ($event, $count) = @_;
    $t->wait_for('all to be delivered', sub {
        $t->events('acme', "event=$event&status=delivered&limit=250") == $count }, 30) }

# the clock the module sees is the one that is set

my ($event) = webhook('/ok');
send_some($event, 1);
done($event, 1);
my $started = $t->event('acme', ($t->events('acme', "event=$event"))[0]{id})->{attempts}[0]{started_at};
clock(-86400);
($event) = webhook('/ok');
send_some($event, 1);
done($event, 1);
my $later = $t->event('acme', ($t->events('acme', "event=$event"))[0]{id})->{attempts}[0]{started_at};
cmp_ok($later, 'lt', $started, "the clock was set back: $started, then $later");

# once, and once more, while a backlog waits

($event) = webhook('/slow/300');
send_some($event, 1 .. 4);
$t->wait_for('the first', sub { got($event) });
clock(-90000);
send_some($event, 5 .. 7);
clock(-180000);
send_some($event, 8 .. 10);
done($event, 10);
is(join(' ', got($event)), '1 2 3 4 5 6 7 8 9 10', 'the order of acceptance');

# and forward again

($event) = webhook('/slow/300');
send_some($event, 1 .. 3);
$t->wait_for('the first', sub { got($event) });
clock(0);
send_some($event, 4 .. 6);
done($event, 6);
is(join(' ', got($event)), '1 2 3 4 5 6', 'also where it goes forward');

# what a dead worker was sending is sent again, and first

($event) = webhook('/slow/500');
send_some($event, 1 .. 3);
$t->wait_for('the first', sub { got($event) });
clock(-7200);
send_some($event, 4);
kill 'KILL', $t->workers;
done($event, 4);
is(join(' ', got($event)), '1 1 2 3 4', 'nor where a worker dies');

# a retry is awaited, by those behind it too

clock(0);
($event) = webhook('/fail/1', retry_delays => [ '700ms' ]);
send_some($event, 1 .. 3);
done($event, 3);
my @times = map { $_->{time} } grep { $_->{uri} =~ /\?$event$/ } $t->received;
is(join(' ', got($event)), '1 1 2 3', 'a retry holds the others up');
cmp_ok($times[1] - $times[0], '>=', 0.65, '... until it is due');

# made ordered while one waits for its retry: the order begins with those that
# were never tried

($event, my $w) = webhook('/fail/1', ordered => JSON::PP::false(), retry_delays => [ '2s' ]);
send_some($event, 1);
$t->wait_for('its attempt', sub { grep { $_->{retries} } $t->events('acme', "event=$event") });
$t->api_ok('PATCH', "/companies/acme/webhooks/$w->{id}", { ordered => JSON::PP::true() });
send_some($event, 2 .. 3);
done($event, 3);
is(join(' ', got($event)), '1 2 3 1', 'a retry from before the order');

# what is replayed, or tried again, stands behind a backlog, and is not awaited

clock(0);
($event, $w) = webhook('/ok', events => [ 'again', 'more' ]);
send_some('again', 1 .. 3);
$t->wait_for('three', sub { got($event) == 3 });
clock(-7200);
$t->api_ok('PATCH', "/companies/acme/webhooks/$w->{id}", { url => $t->url("/slow/300?$event") });
send_some('more', 4 .. 7);
$t->api_ok('POST', '/companies/acme/replays', { webhook_id => $w->{id}, source => 'webhook_events',
                                                filter => { event => 'again' } });
$t->wait_for('all', sub { got($event) == 10 }, 30);
is(join(' ', got($event)), '1 2 3 4 5 6 7 1 2 3', 'a replay');
done('again', 3);

my ($first) = reverse $t->events('acme', 'event=again');
send_some('more', 8 .. 9);
$t->api_ok('POST', "/companies/acme/webhook-events/$first->{id}/retry");
$t->wait_for('all', sub { got($event) == 13 }, 30);
is(join(' ', (got($event))[10 .. 12]), '8 9 1', 'a retry');

# the first is erased while it waits for its next attempt: the others go on

clock(0);
($event) = webhook('/fail/1/erased', retry_delays => ['1h']);
send_some($event, 1);
my ($head) = $t->wait_for('its first attempt', sub { grep { $_->{retries} } $t->events('acme', "event=$event") });
send_some($event, 2 .. 3);
is($t->http('DELETE', "/api/companies/acme/messages/$head->{message_id}")->{status}, 204, 'it is erased');
$t->wait_for('the others', sub { $t->events('acme', "event=$event&status=delivered") == 2 }, 20);
is(join(' ', got($event)), '1 2 3', '... and the next are sent, long before it would have been due');

# the first of a backlog is found by an index

my $text = WebhookTest::slurp('sql/sqlite/event.sql');
my ($sql) = $text =~ /-- name: claim_ordered\n(?:--.*\n)*([^;]+;)/ or die;
$sql =~ s/\?\d/1/g;
my $plan = WebhookTest::sh("sqlite3 " . $t->store . " 'EXPLAIN QUERY PLAN $sql'");
like($plan, qr/SEARCH webhook_event USING (?:COVERING )?INDEX webhook_event_due \(webhook_id=\?\)/,
     'by an index');
unlike($plan, qr/SCAN|TEMP B-TREE/, 'without a sort') or diag $plan;

is(scalar($t->log_lines(qr/\[(?:emerg|crit)\]/)), 0, 'nothing alarming in the log');
$t->finish;
done_testing();
