# State survives the end of nginx at every point: what was acknowledged is
# delivered after a restart, by a graceful end once.

use strict;
use warnings;

BEGIN { push @INC, 't/lib' }

use Test::More;
use Time::HiRes qw(time);
use WebhookTest;

for my $workers (1, 2) {
    my $t = WebhookTest->new(workers => $workers,
                             http => 'webhook_retry_delays 300ms 300ms 300ms;');
    $t->receiver;
    $t->start;

    # in mid-retry

    for my $signal ('QUIT', 'TERM', 'KILL') {
        my $event = lc $signal;
        $t->setup('acme', $t->url("/fail/2/$event"), $event);
        $t->ingest('acme', $event, '{}');
        my ($e) = $t->events('acme', "event=$event");

        $t->wait_for('the first attempt', sub {
            @{ $t->event('acme', $e->{id})->{attempts} } == 1
        });

        $t->restart($signal);
        $e = $t->wait_event('acme', $e->{id}, 'delivered');
        is(scalar(@{ $e->{attempts} }), 3,
           "$workers: $signal between attempts: each attempt once");
        is(scalar(grep { $_->{uri} eq "/fail/2/$event" } $t->received), 3,
           "$workers: $signal: and three requests");
    }

    # in mid-delivery: a graceful end waits for the answer and records it

    $t->setup('acme', $t->url('/slow/700'), 'slow');
    $t->ingest('acme', 'slow', '{}');
    my ($e) = $t->events('acme', 'event=slow');
    $t->wait_for('it to arrive', sub { grep { $_->{uri} eq '/slow/700' } $t->received });

    $t->restart('QUIT');

    $e = $t->event('acme', $e->{id});
    is($e->{status}, 'delivered', "$workers: QUIT in mid-delivery: recorded");
    is(scalar(grep { $_->{uri} eq '/slow/700' } $t->received), 1,
       "$workers: and sent once");

    # a reload too

    $t->ingest('acme', 'slow', '{"reload":1}');
    ($e) = $t->events('acme', 'event=slow');
    $t->wait_for('it to arrive', sub { 2 == grep { $_->{uri} eq '/slow/700' } $t->received });
    $t->reload;
    $e = $t->wait_event('acme', $e->{id}, 'delivered');
    is(scalar(grep { $_->{uri} eq '/slow/700' } $t->received), 2,
       "$workers: HUP in mid-delivery: sent once");

    # a kill: what was in flight is sent again, at once, with the same id

    $t->setup('acme', $t->url('/hang/kill'), 'kill');
    $t->ingest('acme', 'kill', '{}');
    ($e) = $t->events('acme', 'event=kill');
    $t->wait_for('it to arrive', sub { grep { $_->{uri} eq '/hang/kill' } $t->received });

    $t->stop('KILL');
    my $begin = time;
    $t->start;
    $t->wait_for('it to arrive again', sub {
        2 == grep { $_->{uri} eq '/hang/kill' } $t->received
    });
    cmp_ok(time - $begin, '<', 2 * $t->{scale}, "$workers: KILL: sent again at once");

    my %ids = map { $_->{headers}{'x-webhook-event-id'} => 1 }
              grep { $_->{uri} eq '/hang/kill' } $t->received;
    is_deeply([ keys %ids ], [ $e->{id} ], "$workers: with the same id");

    # a worker alone: another one takes its events over, while nginx runs

    $t->setup('acme', $t->url('/hang/worker'), 'worker');
    $t->ingest('acme', 'worker', '{}');
    $t->wait_for('it to arrive', sub { grep { $_->{uri} eq '/hang/worker' } $t->received });

    kill 'KILL', $t->workers;
    $begin = time;
    $t->wait_for('it to arrive again', sub {
        2 == grep { $_->{uri} eq '/hang/worker' } $t->received
    });
    cmp_ok(time - $begin, '<', 2 * $t->{scale},
           "$workers: workers killed: sent again at once");

    is(scalar($t->log_lines(qr/\[(?:emerg|crit)\]/)), 0, 'nothing alarming in the log');

    # what hangs at a graceful end holds it until webhook_timeout
    $t->stop('TERM');
    $t->finish;
}

done_testing();
