# Bounds: few worker_connections, large payloads behind an endpoint that
# hangs, worker_shutdown_timeout.

use strict;
use warnings;

BEGIN { push @INC, 't/lib' }

use Test::More;
use Time::HiRes qw(time);
use WebhookTest;

# few connections: deliveries wait for one, and none is lost

{
    my $t = WebhookTest->new;
    $t->receiver;
    $t->{connections} = 64;
    $t->start;

    $t->setup('acme', $t->url("/slow/100/$_"), '*') for 1 .. 4;
    $t->ingest('acme', 'a', $_) for 1 .. 60;

    $t->wait_for('all to be delivered', sub {
        !$t->events('acme', 'status=pending&limit=1')
    }, 60);

    is(scalar(my @got = $t->received), 240, 'few connections: each delivered once');
    is(scalar($t->log_lines(qr/\[(?:alert|emerg|crit)\]|exited on signal/)), 0,
       'nothing alarming in the log');
    $t->finish;
}

# too few: it is told

{
    my $t = WebhookTest->new(connections => 16)->start;
    ok(scalar($t->log_lines(qr/16 worker_connections are too few/)), 'too few are told');
    $t->finish;
}

# large payloads behind an endpoint that hangs: memory is bounded, nothing
# spins, and the others do not notice

{
    my $t = WebhookTest->new(http => 'webhook_timeout 30s;');
    $t->receiver;
    my $good = $t->receiver(name => 'good');
    $t->start;

    $t->setup('slow', $t->url('/hang'), '*');
    $t->setup('good', "http://127.0.0.1:$good->{port}/ok", '*');

    my $payload = '"' . 'x' x 250_000 . '"';
    $t->ingest('slow', 'a', $payload) for 1 .. 150;

    my ($worker) = $t->workers;
    my $writes = sub { my ($n) = WebhookTest::slurp("/proc/$worker/io")
                       =~ /^write_bytes: (\d+)/m; $n };

    # a second in which there is nothing to do: checkpoints end before it
    my ($begin, $since) = ($writes->(), time);
    $t->wait_for('a full worker to rest', sub {
        my $now = $writes->();
        ($begin, $since) = ($now, time) if $now - $begin > 300_000;
        return time - $since > 1;
    }, 20);
    pass('a full worker does not spin');

    my ($rss) = WebhookTest::slurp("/proc/$worker/status") =~ /^VmRSS:\s+(\d+)/m;
    cmp_ok($rss, '<', 120_000, "its memory is bounded: $rss kB")
        unless $ENV{WEBHOOK_SLOW};

    $begin = time;
    $t->ingest('good', 'a', 1);
    $t->wait_received(1, $good);
    cmp_ok(time - $begin, '<', 2 * $t->{scale}, 'another endpoint does not notice');

    $t->stop('TERM');
    $t->finish;
}

# worker_shutdown_timeout: what runs is given back, and sent by the next

{
    my $t = WebhookTest->new(main => 'worker_shutdown_timeout 300ms;',
                             http => 'webhook_timeout 60s;');
    $t->receiver;
    $t->start;

    $t->setup('acme', $t->url('/hang'), '*');
    $t->ingest('acme', 'a', 1);
    my ($e) = $t->events('acme');
    $t->wait_for('it to arrive', sub { 1 == $t->received });

    my $begin = time;
    $t->stop('QUIT');
    cmp_ok(time - $begin, '<', 5 * $t->{scale}, 'a worker ends when its time is over');

    $t->start;
    $t->wait_for('it to arrive again', sub { 2 == $t->received });
    is(scalar(@{ $t->event('acme', $e->{id})->{attempts} }), 0,
       'what was given up is no attempt');

    is(scalar($t->log_lines(qr/\[(?:emerg|crit)\]|exited on signal/)), 0,
       'nothing alarming in the log');
    $t->stop('TERM');
    $t->finish;
}

done_testing();
