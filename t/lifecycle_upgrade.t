# A binary upgrade (USR2, then QUIT to the old master) with deliveries in
# flight and events coming: each is delivered, once.

use strict;
use warnings;

BEGIN { push @INC, 't/lib' }

use Test::More;
use WebhookTest;

for my $workers (1, 2) {
    my $t = WebhookTest->new(workers => $workers);
    $t->receiver;
    $t->start;
    my $w = $t->setup('acme', $t->url('/slow/50'), '*');

    my $n = 0;
    my $post = sub { $t->ingest('acme', 'a', ++$n) for 1 .. 30 };
    my $pid = sub { my $file = $t->dir . "/logs/nginx.pid$_[0]";
                    -s $file ? 0 + WebhookTest::slurp($file) : 0 };

    $post->();

    my $old = $t->master;
    my @old_workers = $t->workers;
    kill 'USR2', $old;
    $t->wait_for('the new master', sub { $pid->('.oldbin') == $old && $pid->('') && $pid->('') != $old });
    $post->();

    # a change by whichever of the two holds for both

    my $secret = $t->api_ok('POST', "/companies/acme/webhooks/$w->{id}/secret/rotate")->{secret};
    $post->();

    kill 'QUIT', $old;
    $post->();
    $t->wait_for('the end of the old master', sub { !WebhookTest::alive($old) }, 30);
    $t->{pid} = $pid->('');
    $post->();

    $t->wait_for('all to be delivered', sub {
        $t->received >= $n && !$t->events('acme', 'status=pending&limit=1')
    }, 30);

    my %seen;
    $seen{ $_->{headers}{'x-webhook-event-id'} }++ for $t->received;
    is(scalar(keys %seen), $n, "$workers: each event was delivered");
    is(scalar(grep { $_ > 1 } values %seen), 0, "$workers: none twice");

    require Digest::SHA;
    my ($last) = sort { $b->{time} <=> $a->{time} } $t->received;
    is($last->{headers}{'x-signature'}, Digest::SHA::hmac_sha256_hex($last->{body}, $secret),
       "$workers: with the new secret");

    is(scalar(grep { WebhookTest::alive($_) } @old_workers), 0, "$workers: the old workers are gone");
    is(scalar($t->log_lines(qr/\[(?:emerg|crit)\]|exited on signal/)), 0,
       'nothing alarming in the log');
    $t->finish;
}

done_testing();
