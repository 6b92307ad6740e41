# Endpoints that hang, fail or take long leave room for the others: half of
# all that is in flight, and of what a worker holds, whoever they belong to;
# and no company has more than half.

use strict;
use warnings;

BEGIN { push @INC, 't/lib' }

use Test::More;
use Time::HiRes ();
use WebhookTest;

sub start {
    my ($http) = @_;
    my $t = WebhookTest->new(http => $http);
    $t->receiver;
    return $t->start;
}

sub batch {
    my ($t, $company, $event, $n) = @_;
    my $r = $t->http('POST', '/events', headers => { 'Content-Type' => 'application/x-ndjson' },
        content => qq({"company":"$company","event":"$event","payload":1}\n) x $n);
    die $r->{content} if $r->{status} != 200;
}

# how many requests to a path of it the receiver has got

sub got { my ($t, $path) = @_; return scalar grep { $_->{uri} =~ m{^\Q$path\E} } $t->received }

sub delivered {
    my ($t, $company, $n) = @_;
    $t->wait_for("$n deliveries of $company", sub {
        $t->events($company, 'status=delivered&limit=250') == $n }, 40);
    return 1;
}

# of a company whose endpoints all hang, no more than half of the slots is
# taken, whatever waits; another company does not notice

{
    my $t = start('webhook_concurrency 16; webhook_timeout 60s;');

    $t->setup('hung', $t->url('/hang'), "e$_") for 1 .. 20;
    batch($t, 'hung', "e$_", 50) for 1 .. 20;
    $t->wait_for('hung ones', sub { got($t, '/hang') == 8 });

    $t->setup('well', $t->url('/ok'), 'a');
    batch($t, 'well', 'a', 200);
    ok(delivered($t, 'well', 200), 'another company gets all of its events');
    is(got($t, '/hang'), 8, 'no more than half of the slots hang');

    # a test event knows none of this

    my ($hung) = @{ $t->api_ok('GET', '/companies/hung/webhooks')->{data} };
    $t->api_ok('POST', "/companies/hung/webhooks/$hung->{id}/test");
    $t->wait_for('the test', sub { got($t, '/hang') == 9 });
    ok(1, 'a test event is sent all the same');

    # what hangs is given up at once, and what waited is still there

    $t->stop('TERM');
    is(0 + WebhookTest::sh('sqlite3 ' . $t->store . " 'SELECT count(*) FROM webhook_event WHERE status = 0'"),
       1001, 'nothing of them is lost');
    $t->finish;
}

# the same of many companies: they are slow together

{
    my $t = start('webhook_concurrency 16; webhook_timeout 60s;');

    for my $n (1 .. 6) {
        $t->setup("c$n", $t->url('/hang'), 'a');
        batch($t, "c$n", 'a', 20);
    }

    # each has one in flight: none of them has answered yet

    $t->wait_for('hung ones', sub { got($t, '/hang') == 6 });

    $t->setup('well', $t->url('/ok'), 'a');
    batch($t, 'well', 'a', 200);
    ok(delivered($t, 'well', 200), 'endpoints that hang leave room for one that answers');
    is(got($t, '/hang'), 6, 'one is sent to an endpoint that has not answered yet');
    $t->stop('TERM');
    $t->finish;
}

# what was parked goes on when others end: of slow endpoints, and of one
# company; one that fails is slow until it answers well

{
    my $t = start('webhook_concurrency 4; webhook_retry_delays 50ms 50ms;');

    $t->setup('late', $t->url('/slow/1100'), "e$_") for 1 .. 6;
    batch($t, 'late', "e$_", 1) for 1 .. 6;
    ok(delivered($t, 'late', 6), 'slow endpoints of a company take turns');

    batch($t, 'late', "e$_", 1) for 1 .. 6;
    $t->setup('other', $t->url('/slow/1100?other'), 'a');
    batch($t, 'other', 'a', 2);
    $t->setup('weak', $t->url('/fail/2'), 'a');
    batch($t, 'weak', 'a', 30);

    ok(delivered($t, 'late', 12), 'known ones, too');
    ok(delivered($t, 'other', 2), 'and one of another company');
    ok(delivered($t, 'weak', 30), 'one that fails at first gets all of its events');
    is(scalar $t->log_lines(qr/\[(?:alert|crit|emerg)\]/), 0, 'no alarm in the log');
    $t->finish;
}

# a disabled or deleted webhook in the row of the parked ones frees its place

{
    my $t = start('webhook_concurrency 4; webhook_timeout 600ms; webhook_retry_delays off;');

    my @w = map { $t->setup('hung', $t->url('/hang'), "e$_") } 1 .. 6;
    batch($t, 'hung', "e$_", 2) for 1 .. 6;
    $t->wait_for('hung ones', sub { got($t, '/hang') >= 2 });

    $t->api_ok('DELETE', "/companies/hung/webhooks/$w[3]{id}");
    $t->api_ok('PATCH', "/companies/hung/webhooks/$w[4]{id}", { enabled => \0 });

    $t->wait_for('the end of all but the disabled one', sub {
        $t->events('hung', 'status=pending&limit=250') <= 2 }, 40);
    is(scalar $t->events('hung', 'status=cancelled'), 2, 'events of the deleted one are cancelled');
    is(scalar $t->events('hung', 'status=failed'), 8, 'the others have failed');
    is(scalar $t->events('hung', 'status=pending'), 2, 'those of the disabled one wait');
    $t->finish;
}

# a backlog is claimed at full speed beside more of them than may be held

{
    my $t = start('webhook_timeout 60s;');

    $t->setup('hung', $t->url('/hang'), "e$_") for 1 .. 40;
    batch($t, 'hung', "e$_", 40) for 1 .. 40;
    $t->wait_for('hung ones', sub { got($t, '/hang') >= 40 });

    $t->setup('well', $t->url('/ok'), 'a');
    batch($t, 'well', 'a', 900);
    $t->wait_for('the backlog', sub { !$t->events('well', 'status=pending&limit=1') }, 25);
    ok(1, 'a backlog is delivered at once');
    $t->stop('TERM');
    $t->finish;
}

# what waits behind a delivery that hangs ends with its webhook, or is given
# back with it

{
    my $t = start('webhook_timeout 60s; webhook_retry_delays off;');

    my ($gone, $off) = map { $t->setup('hung', $t->url('/hang'), "e$_") } 1, 2;
    batch($t, 'hung', "e$_", 4) for 1, 2;
    $t->wait_for('hung ones', sub { got($t, '/hang') == 2 });

    $t->api_ok('DELETE', "/companies/hung/webhooks/$gone->{id}");
    $t->api_ok('PATCH', "/companies/hung/webhooks/$off->{id}", { enabled => \0 });

    $t->wait_for('the others to be cancelled', sub {
        $t->events('hung', 'status=cancelled') == 3 }, 20);
    $t->wait_for('the others to be given back', sub {
        0 + WebhookTest::sh('sqlite3 -readonly ' . $t->store
            . " 'SELECT count(*) FROM webhook_event WHERE status = 0 AND owner <> 0'") == 2 }, 20);
    ok(1, 'nothing waits for the end of what hangs');
    $t->stop('TERM');
    $t->finish;
}

# a store that does not work is not asked all the time

{
    my $t = start('webhook_retry_delays 200ms;');

    $t->setup('acme', $t->url('/status/500'), 'a');
    batch($t, 'acme', 'a', 1);
    $t->wait_for('the first attempt', sub { got($t, '/status/500') >= 1 });
    unlink $t->store . '.lock' or die $!;

    my $failures = sub { ($t->http('GET', '/api/metrics')->{content} =~ /^webhook_store_failures_total (\d+)/m)[0] };

    $t->wait_for('it to fail', sub { $failures->() >= 4 }, 20);
    my $begin = Time::HiRes::time();
    my $failed = $failures->();
    $t->wait_for('more of it', sub { $failures->() >= $failed + 4 }, 20);
    cmp_ok(Time::HiRes::time() - $begin, '>', 0.5, 'and then twice a second');
    is(scalar(() = $t->log_lines(qr/lock file.*was removed/)), 1, 'it is told once');
    $t->stop('TERM');
    $t->finish;
}

done_testing();
