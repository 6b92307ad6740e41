# A worker that has its hands full calls the others: events that came in by one
# connection are delivered by every worker, each of them once.

use strict;
use warnings;

BEGIN { push @INC, 't/lib' }

use Test::More;
use Time::HiRes qw(time);
use WebhookTest;

my $t = WebhookTest->new(workers => 2, http => <<'CONF', server => <<'SERVER');
    webhook_concurrency 16;
    webhook_deliver_via /egress/;
    log_format delivery '$pid $msec $webhook_event_id';
CONF
        location /egress/ {
            internal;
            log_subrequest on;
            access_log logs/deliveries.log delivery;
            proxy_pass $webhook_scheme://$webhook_addr$webhook_uri;
            proxy_set_header Host $webhook_host:$webhook_port;
        }
SERVER
$t->receiver;
$t->start;
$t->setup('acme', $t->url('/slow/30'), 'a');

sub burst {
    my ($n) = @_;
    my $r = $t->http('POST', '/events', headers => { 'Content-Type' => 'application/x-ndjson' },
        content => qq({"company":"acme","event":"a","payload":1}\n) x $n);
    die $r->{content} if $r->{status} != 200;
}

my @workers = $t->workers;
my ($sent, @late) = (0);

for my $round (1 .. 5) {
    my $begin = time;

    burst(100);
    $sent += 100;
    $t->wait_for('the deliveries', sub { $t->events('acme', 'status=delivered&limit=250') >= ($sent > 250 ? 250 : $sent)
                                         && $t->events('acme', 'status=pending') == 0 }, 30);

    my %first;
    for (split /\n/, WebhookTest::slurp($t->dir . '/logs/deliveries.log')) {
        my ($pid, $at) = split;
        $first{$pid} = $at if $at >= $begin && (!$first{$pid} || $at < $first{$pid});
    }

    is_deeply([ sort keys %first ], [ sort @workers ], "round $round: both workers deliver");
    my ($a, $b) = sort { $a <=> $b } values %first;
    push @late, $b - $a if $b;
}

note sprintf 'the other worker begins after %s ms', join ' ', map { sprintf '%.0f', 1000 * $_ } @late;

my @ids = map { (split)[2] } split /\n/, WebhookTest::slurp($t->dir . '/logs/deliveries.log');
my %ids = map { $_ => 1 } @ids;
is(scalar @ids, $sent, 'each event is sent once');
is(scalar keys %ids, $sent, 'and all of them');

is(scalar $t->log_lines(qr/\[(?:alert|crit|emerg)\]/), 0, 'no alarm in the log');
$t->finish;

done_testing();
