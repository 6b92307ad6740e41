# /metrics and /status: valid Prometheus text, counters that are right after
# known traffic, of two workers, over a reload and a worker's death; how much
# is pending; and what is left where the store is unavailable.

use strict;
use warnings;

BEGIN { push @INC, 't/lib' }

use Test::More;
use WebhookTest;

my $t = WebhookTest->new(workers => 2, http => <<'CONF');
    webhook_retry_delays 50ms 50ms;
    webhook_concurrency 2;
    webhook_timeout 5s;
    webhook_breaker failures=2 pause=1h;
CONF
$t->receiver;
$t->start;

my $db = $t->store;

sub sql { WebhookTest::sh(qq(sqlite3 -readonly -cmd '.timeout 5000' $db "$_[0]")) }

# every line is looked at: returns the samples by name and labels

sub scrape {
    my ($what) = @_;
    my $r = $t->http('GET', '/api/metrics');
    my (%type, %help, %sample, @wrong);

    is($r->{status}, 200, "$what: scraped");
    is($r->{headers}{'content-type'}, 'text/plain; version=0.0.4', '... as text 0.0.4');
    push @wrong, 'no end of line' if $r->{content} !~ /\n\z/;

    for (split /\n/, $r->{content}) {
        if (/^# (HELP|TYPE) ([a-zA-Z_:][a-zA-Z0-9_:]*) (.+)$/) {
            my ($what, $name, $text) = ($1, $2, $3);
            my $seen = $what eq 'HELP' ? \%help : \%type;
            push @wrong, "twice: $_" if $seen->{$name};
            push @wrong, "late: $_" if grep { /^\Q$name\E(?:[{]|$)/ } keys %sample;
            push @wrong, $_ if $what eq 'TYPE' && $text !~ /^(?:counter|gauge|histogram)$/;
            $seen->{$name} = $text;
            next;
        }

        if (/^([a-zA-Z_:][a-zA-Z0-9_:]*)(\{[a-z_]+="[^"\\]*"(?:,[a-z_]+="[^"\\]*")*\})? (-?[0-9.]+)$/) {
            my ($name, $labels, $value) = ($1, $2 || '', $3);
            my $family = $name;
            $family =~ s/_(?:bucket|sum|count)$// unless $type{$name};
            push @wrong, "no head: $_" unless $help{$family} && $type{$family};
            push @wrong, "no histogram: $_"
                if $family ne $name && $type{$family} ne 'histogram';
            push @wrong, "no counter: $_" if $name =~ /_total$/ && $type{$name} ne 'counter';
            push @wrong, "negative: $_" if $value < 0;
            push @wrong, "twice: $_" if exists $sample{"$name$labels"};
            push @wrong, "unbounded: $_" if $labels =~ /wh_|co_|acme/;
            $sample{"$name$labels"} = $value;
            next;
        }

        push @wrong, $_;
    }

    for my $h (grep { $type{$_} eq 'histogram' } keys %type) {
        my @n = map { $sample{$_->[1]} } sort { $a->[0] <=> $b->[0] }
                map { /^\Q$h\E_bucket\{le="(.+)"\}$/ ? [ $1 eq '+Inf' ? 9**9**9 : $1, $_ ] : () }
                keys %sample;
        push @wrong, "$h falls" if grep { $n[$_] < $n[$_ - 1] } 1 .. $#n;
        push @wrong, "$h: +Inf" if $n[-1] != $sample{"${h}_count"};
        push @wrong, "$h: no sum" unless defined $sample{"${h}_sum"};
    }

    is_deeply(\@wrong, [], '... and valid');

    return (\%sample, \%type);
}

sub check {
    my ($what, $m, %want) = @_;
    is($m->{"webhook_$_"}, $want{$_}, "$what: $_") for sort keys %want;
}

my ($m) = scrape('a new nginx');
check('new', $m, messages_total => 0, 'attempts_total{result="success"}' => 0, store_up => 1,
      'ingest_answers_total{result="store_busy"}' => 0, deliveries_in_flight => 0,
      'pending_events{state="due"}' => 0, oldest_due_seconds => 0);
ok($m->{'webhook_build_info{version="0.1.0",nginx="' . (($t->run_nginx('-v'))[1]
    =~ m{nginx/([\d.]+)})[0] . '"}'}, 'the versions are there');

# known traffic: one webhook that is well, one that fails three times each

$t->setup('acme', $t->url('/ok'), 'good.*');
$t->setup('acme', $t->url('/status/503'), 'bad.event');
$t->setup('acme', 'http://127.0.0.1:' . WebhookTest::free_port(), 'lost');
$t->ingest('acme', 'good.event', $_) for 1 .. 10;
$t->ingest('acme', 'bad.event', 1);
$t->ingest('acme', 'lost', 1);
$t->ingest('acme', 'no.one', 1);

for (1 .. 2) {
    my $r = $t->http('POST', '/events', content => '{"company":"acme","event":"no.one",'
        . '"payload":2}', headers => { 'Idempotency-Key' => 'k' });
    is($r->{status}, 202, 'an event with a key');
}

$t->http('POST', '/events', content => $_)
    for '{"company":"acme","event":"!","payload":1}', '{',
        '{"company":"none","event":"a","payload":1}';
$t->http('GET', '/events');
$t->http('POST', '/events', headers => { 'Content-Type' => 'application/x-ndjson' },
         content => qq({"company":"acme","event":"no.one","payload":3}\n{}\n));

$t->wait_for('all to end', sub {
    !sql('SELECT 1 FROM webhook_event WHERE status = 0 LIMIT 1')
});

my %after = (
    messages_total => 15, events_total => 12,
    'events_ended_total{outcome="delivered"}' => 10,
    'events_ended_total{outcome="failed"}' => 2,
    'events_ended_total{outcome="cancelled"}' => 0,
    'attempts_total{result="success"}' => 10,
    'attempts_total{result="http_status"}' => 3,
    'attempts_total{result="connect_failed"}' => 3,
    'attempt_answers_total{status="2xx"}' => 10,
    'attempt_answers_total{status="5xx"}' => 3,
    attempt_duration_seconds_count => 16,
    'ingest_answers_total{result="accepted"}' => 15,
    'ingest_answers_total{result="repeated"}' => 1,
    'ingest_answers_total{result="invalid"}' => 2,
    'ingest_answers_total{result="malformed_json"}' => 1,
    'ingest_answers_total{result="company_not_found"}' => 1,
    'ingest_answers_total{result="method_not_allowed"}' => 1,
    store_failures_total => 0,
    'pending_events{state="due"}' => 0, 'pending_events{state="scheduled"}' => 0,
    'pending_events{state="owned"}' => 0,
    deliveries_in_flight => 0, held_events => 0, held_bytes => 0,
    'breakers{state="open"}' => 0, 'breakers{state="half_open"}' => 0, locked_webhooks => 0,
);

($m) = scrape('known traffic');
check('known traffic', $m, %after);
ok($m->{webhook_commit_operations_count} > 0, 'commits are counted');
ok($m->{webhook_commit_operations_sum} >= 32, '... and their operations');
ok($m->{webhook_claim_duration_seconds_count} > 0, 'claims are counted');
ok($m->{webhook_claim_duration_seconds_sum} > 0
   && $m->{webhook_claim_duration_seconds_sum} < time + 1 - $^T, '... and their time');
is($m->{"webhook_store_bytes{file=\"$_->[0]\"}"}, -s "$db$_->[1]", "size of the $_->[0]")
    for [ db => '' ];
ok($m->{'webhook_store_bytes{file="wal"}'} > 0, 'and of its log');

my $sum = sub {
    my ($name, $m) = @_;
    my $n = 0;
    $n += $m->{"webhook_worker_$name\{worker=\"$_\"}"} for 0, 1;
    return $n;
};

is($sum->('messages_total', $m), 15, 'the workers sum up');
is($sum->('delivered_total', $m), 10, '... of what they delivered, too');

# status says the same

my $status = $t->api_ok('GET', '/status');
is($status->{totals}{messages}, 15, 'status: messages');
is_deeply($status->{totals}{attempts}, { success => 10, http_status => 3, connect_failed => 3 },
          'status: attempts');
is($status->{totals}{attempt_duration_us}{count}, 16, 'status: the histogram');
ok($t->wait_for('another claim', sub {
    $t->api_ok('GET', '/status')->{totals}{claim_duration_us}{count}
        > $m->{webhook_claim_duration_seconds_count}
}), 'status: claims go on, where nothing is due');
is_deeply([ sort map { $_->{pid} } @{ $status->{processes} } ], [ sort $t->workers ],
          'status: the processes');
is_deeply([ map { $_->{worker} } @{ $status->{workers} } ], [ 0, 1 ], 'status: the workers');
is($status->{store}{sync}, 'full', 'status: sync');
is($status->{store}{schema}, 0 + sql('SELECT schema FROM store'), 'status: schema');
ok($status->{store}{available}, 'status: available');
like($status->{started_at}, qr/^\d{4}-\d\d-\d\dT/, 'status: started_at');

# over a reload, and a worker that is killed: no counter goes back

my @old = $t->reload;
$t->wait_for('the old workers to end', sub { !grep { WebhookTest::alive($_) } @old });
($m) = scrape('reloaded');
check('reloaded', $m, %after);

my ($killed) = $t->workers;
kill 'KILL', $killed;
$t->wait_for('another worker', sub {
    my @now = $t->workers;
    my $s = ($t->api('GET', '/status'))[1];
    @now == 2 && !grep({ $_ == $killed } @now)
        && join(' ', sort @now) eq join(' ', sort map { $_->{pid} } @{ $s->{processes} })
});
my ($before, $type) = scrape('killed');
check('killed', $before, %after);

$t->ingest('acme', 'good.event', $_) for 1 .. 5;
$t->wait_for('five more', sub {
    ($t->api('GET', '/status'))[1]{totals}{delivered} == 15
});
($m) = scrape('five more');
is_deeply([ grep { ($type->{s/[{].*//r} || 'histogram') ne 'gauge' && $m->{$_} < $before->{$_} }
            keys %$before ], [], 'no counter has gone back');

# what is pending: held by a worker, due, for later

sub waiting {
    my ($what) = @_;
    is(sql('SELECT waiting FROM store'), sql('SELECT count(*) FROM webhook_event'
        . ' WHERE status = 0 AND owner = 0'), "$what: the store knows how many wait");
}

my $hung = $t->setup('acme', $t->url('/hang'), 'hang')->{id};
my @hung = map { $t->ingest('acme', 'hang', $_)->{id} } 1 .. 10;
$t->wait_for('some to hang', sub {
    ($m) = map { $_->{pending_events} } $t->api_ok('GET', '/status');
    $m->{owned} && $m->{due} + $m->{owned} == 10
});
is($m->{scheduled}, 0, 'none is for later');
ok($m->{oldest_due_at}, 'one is the oldest');
($m) = scrape('hanging');
ok($m->{webhook_oldest_due_seconds} > 0, 'it has waited');
is($m->{webhook_deliveries_in_flight}, $m->{webhook_held_events}, 'they are in flight');
ok($m->{webhook_held_bytes} > 0, 'and have payloads');
waiting('hanging');

$t->api('PATCH', "/companies/acme/webhooks/$hung", { enabled => \0 });
$t->wait_for('those of a disabled webhook to be none that is due', sub {
    ($t->api('GET', '/status'))[1]{pending_events}{due} == 0
});
$t->api('DELETE', "/companies/acme/messages/$hung[9]");
waiting('erased');
$t->api('DELETE', "/companies/acme/webhooks/$hung");
$t->wait_for('them to be cancelled', sub {
    ($t->api('GET', '/status'))[1]{totals}{cancelled} >= 10 - 1 - 2
});
waiting('cancelled');

# two events of a failing webhook open its breaker

$t->setup('acme', $t->url('/status/500'), 'broken');
$t->ingest('acme', 'broken', $_) for 1, 2;
$t->wait_for('the breaker', sub { ($t->api('GET', '/status'))[1]{breakers}{open} == 1 });
$t->wait_for('its events to wait', sub {
    my $p = ($t->api('GET', '/status'))[1]{pending_events};
    $p->{scheduled} >= 1 && $p->{due} == 0
});
waiting('broken');

# no store: the counters are there all the same

$t->stop;
waiting('stopped');
rename $db, "$db.away" or die $!;
WebhookTest::sh("echo no database > $db");
$t->write_config;
is(($t->run_nginx)[0], 0, 'nginx starts on what is no store');
$t->wait_for('nginx', sub { ($t->api('GET', '/status'))[0] == 200 });
$t->{pid} = 0 + WebhookTest::slurp($t->dir . '/logs/nginx.pid');
is($t->http('POST', '/events', content => '{"company":"acme","event":"a","payload":1}')->{status},
   503, 'no store');
($m) = scrape('without a store');
is($m->{webhook_store_up}, 0, 'it is down');
is($m->{'webhook_ingest_answers_total{result="store_unavailable"}'}, 1, 'which was answered');
ok($m->{webhook_store_failures_total} >= 1, 'and counted');
is($m->{webhook_claim_duration_seconds_count}, 0, 'a claim that failed has no time');
ok(!exists $m->{'webhook_pending_events{state="due"}'}, 'nobody knows what waits');
ok(!($t->api_ok('GET', '/status')->{store}{available}), 'status says so');

$t->finish;

# the owner of an event is lost while it is on its way

my $lost = WebhookTest->new;
$lost->receiver;
$lost->start->setup('acme', $lost->url('/slow/500'), 'slow');
$lost->ingest('acme', 'slow', 1);
$db = $lost->store;
WebhookTest::sh("sqlite3 -cmd '.timeout 5000' $db 'UPDATE webhook_event SET owner = 0 WHERE status = 0'");
is(0 + sql('SELECT waiting FROM store'), 1, 'an event on its way that lost its owner waits');
$lost->wait_for('its result', sub { sql('SELECT status FROM webhook_event') == 1 });
waiting('it was delivered all the same');
$lost->finish;

# who may look

my $auth = WebhookTest->new(auth => 1)->start;
is(HTTP::Tiny->new->get("http://127.0.0.1:$auth->{port}/api/$_")->{status}, 401,
   "$_ wants a key") for qw(metrics status);
is($auth->http('GET', "/api/$_")->{status}, 200, "$_ with a key") for qw(metrics status);
is($auth->http('POST', "/api/$_")->{status}, 405, "$_ is read only") for qw(metrics status);
$auth->finish;

done_testing();
