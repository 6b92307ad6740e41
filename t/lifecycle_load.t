# Under load, with reloads and killed workers: every event that was answered
# with 202 is delivered; without a kill, none of them twice.

use strict;
use warnings;

BEGIN { push @INC, 't/lib' }

use Test::More;
use WebhookTest;

my $events = 600;

for my $workers (1, 2) {
    for my $disturb ('nothing', 'HUP', 'KILL') {
        my $t = WebhookTest->new(workers => $workers,
                                 http => 'webhook_concurrency 16;');
        $t->receiver;
        $t->start;
        $t->setup('acme', $t->url('/ok'), '*');

        my %accepted;
        my $refused = 0;

        for my $n (1 .. $events) {
            my $r = $t->http('POST', '/events', content =>
                qq({"company":"acme","event":"load","payload":$n}));

            if ($r->{status} == 202) {
                $accepted{$n} = 1;

            } else {
                # a worker that was killed answers nobody
                $refused++;
            }

            next if $n % 100;
            $t->reload if $disturb eq 'HUP';

            if ($disturb eq 'KILL') {
                my @w = $t->workers;
                kill 'KILL', $w[0];
            }
        }

        my %got;

        $t->wait_for('all to arrive', sub {
            %got = ();
            for ($t->received) {
                my ($n) = $_->{body} =~ /"payload":(\d+),/;
                $got{$n}++;
            }
            return !grep { !$got{$_} } keys %accepted;
        }, 60);

        $t->wait_for('all to be recorded', sub {
            !$t->events('acme', 'status=pending')
        }, 30);

        my $twice = grep { $got{$_} > 1 } keys %got;
        my $all = scalar keys %accepted;

        cmp_ok($all, '>', $events * 0.9, "$workers, $disturb: $all accepted");
        pass("$workers, $disturb: all that were accepted were delivered");

        if ($disturb eq 'KILL') {
            cmp_ok($twice, '<=', 16 * 6, "$workers, $disturb: $twice twice, "
                   . 'no more than were in flight');
        } else {
            is($refused, 0, "$workers, $disturb: none refused");
            is($twice, 0, "$workers, $disturb: none twice");
        }

        is(scalar($t->log_lines(qr/\[(?:emerg|crit)\]/)), 0,
           'nothing alarming in the log');
        $t->finish;
    }
}

done_testing();
