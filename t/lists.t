# Lists of webhook events are exact: whatever the filter, wherever the index
# of lists is, and without one.

use strict;
use warnings;

BEGIN { push @INC, 't/lib' }

use Test::More;
use WebhookTest;

my $t = WebhookTest->new(http => 'webhook_retry_delays 100ms;');
$t->receiver;
$t->start;

my $db = $t->store;
my %webhook = (
    delivered => $t->setup('acme', $t->url('/ok'), '*')->{id},
    failed => $t->setup('acme', $t->url('/status/500'), 'honeypot.*')->{id},
    other => $t->setup('other', $t->url('/ok'), '*')->{id},
);

sub sql { WebhookTest::sh(qq(sqlite3 -readonly -cmd '.timeout 5000' $db "$_[0]")) }

my $failed = sql("SELECT id FROM webhook WHERE url LIKE '%/500'") + 0;

sub position {
    -s "$db.index" ? WebhookTest::sh(
        "sqlite3 -readonly $db.index 'SELECT position FROM state' 2>/dev/null || true") || 0 : 0;
}

sub indexed {
    my $last = sql('SELECT last_id FROM store');
    $t->wait_for('the index', sub { position() >= $last }, 30);
}

# what a list has to be, from the store itself

my @status = qw(pending delivered failed cancelled);

sub expected {
    my (%f) = @_;
    my $rows = sql('SELECT e.id, e.status, m.event FROM webhook_event e'
        . ' JOIN message m ON m.id = e.message_id JOIN company c ON c.id = e.company_id'
        . " WHERE c.uid = 'acme'" . ($f{where} ? " AND $f{where}" : '')
        . ' ORDER BY e.id DESC');
    return scalar(() = $rows =~ /\n/g);
}

sub listed {
    my ($query) = @_;
    my (@ids, $cursor);

    do {
        my $page = $t->api_ok('GET', '/companies/acme/webhook-events?limit=7'
            . ($query ? "&$query" : '') . ($cursor ? "&cursor=$cursor" : ''));
        push @ids, @{ $page->{data} };
        $cursor = $page->{next_cursor};
    } while ($cursor);

    return @ids;
}

sub check {
    my ($when) = @_;

    my %where = (
        '' => '',
        'event=honeypot.alert' => "m.event = 'honeypot.alert'",
        'event=no.such' => "m.event = 'no.such'",
        'event=scan.done&status=pending' => "m.event = 'scan.done' AND e.status = 0",
        'event=honeypot.alert&status=delivered' =>
            "m.event = 'honeypot.alert' AND e.status = 1",
        "webhook=$webhook{failed}" => "e.webhook_id = $failed",
        "webhook=$webhook{failed}&status=failed" =>
            "e.webhook_id = $failed AND e.status = 2",
        "webhook=$webhook{other}" => '1 = 0',
        map { ("status=$status[$_]" => "e.status = $_") } 0 .. 3,
    );

    for my $query (sort keys %where) {
        my @list = listed($query);
        my @ids = map { $_->{id} } @list;
        my %seen = map { $_ => 1 } @ids;

        is(scalar @ids, expected(where => $where{$query}),
           "$when: '$query' has all that it should");
        is(scalar keys %seen, scalar @ids, '... none twice');
        is_deeply(\@ids, [ reverse sort @ids ], '... newest first');

        if ($query eq '') {
            is(scalar(grep { $_->{webhook_id} eq $webhook{other} } @list), 0,
               '... none of another company');
        }

        if ($query =~ /status=(\w+)/) {
            is(scalar(grep { $_->{status} ne $1 } @list), 0, "... all $1");
        }
    }
}

# attempts are counted by the minute, by the hour, by their outcome, by name

sub check_statistics {
    my ($when) = @_;

    my $log = sql("SELECT count(*), count(*) FILTER (WHERE error IS NULL),"
        . " count(DISTINCT webhook_event_id) FILTER (WHERE status = 2), sum(duration)"
        . ' FROM webhook_event_log l JOIN webhook_event e ON e.id = webhook_event_id');

    for my $span (60000, 3600000, 86400000) {
        is(WebhookTest::sh("sqlite3 -readonly $db.index 'SELECT sum(attempts),"
            . ' sum(iif(outcome = 1, attempts, 0)), sum(iif(outcome = 2, attempts, 0)),'
            . " sum(duration) FROM statistics WHERE webhook_id = 0 AND span = $span'"), $log,
            "$when: attempts are counted in buckets of $span ms");
        is(WebhookTest::sh("sqlite3 -readonly $db.index 'SELECT sum(attempts)"
            . " FROM statistics_name WHERE webhook_id = 0 AND span = $span'"), (split /\|/, $log)[0] . "\n",
            '... and by name');
    }
}

sub send_all {
    my ($company, $event, $n) = @_;
    $t->ingest($company, $event, $_) for 1 .. $n;
}

sub settled {
    $t->wait_for('all to be tried', sub {
        !sql("SELECT 1 FROM webhook_event WHERE status = 0 AND retries = 0 LIMIT 1");
    });
}

send_all('acme', 'honeypot.alert', 20);
send_all('other', 'honeypot.alert', 20);
settled();
indexed();

ok(-s "$db.index", 'there is an index');
is(sprintf('%04o', (stat "$db.index")[2] & 07777), '0600', 'for its owner alone');
check('indexed');
check_statistics('indexed');

# pending ones, which stay; and cancelled ones, which were indexed as pending

$t->{http} = 'webhook_retry_delays 1h;';
$t->restart;
my $deleted = $t->setup('acme', $t->url('/status/503'), 'scan.*')->{id};
send_all('acme', 'scan.done', 5);
settled();
indexed();
is(expected(where => 'e.status = 0'), 5, 'five are pending');
check('pending');
$t->api('DELETE', "/companies/acme/webhooks/$deleted");
$t->wait_for('them to be cancelled', sub {
    expected(where => 'e.status = 3') == 5
});
check('cancelled');
indexed();
check('cancelled and indexed');
send_all('acme', 'honeypot.alert', 5);
settled();
indexed();
check('pending again');

# the index has no say in what is true

WebhookTest::sh("rm -f $db.index $db.index-wal $db.index-shm");
check('without an index');
send_all('acme', 'honeypot.alert', 3);
settled();
indexed();
check('with a new index');
check_statistics('with a new index');

$t->stop;
WebhookTest::sh("rm -f $db.index-wal $db.index-shm");
open my $fh, '+<', "$db.index" or die $!;
print $fh 'x' x 8192;
close $fh;
$t->start;
check('with a damaged index');
send_all('acme', 'honeypot.alert', 3);
settled();
indexed();
check('with one made anew');

for my $damage ('DELETE FROM state', 'DROP TABLE by_company') {
    WebhookTest::sh("sqlite3 -cmd '.timeout 5000' $db.index '$damage'");
    check($damage);
    $t->wait_for('a new index', sub { !position() || position() >= sql('SELECT last_id FROM store') });
    send_all('acme', 'honeypot.alert', 1);
    settled();
    indexed();
    check("after $damage");
}

unlink "$db.index" or die $!;
check('the file alone is gone');
send_all('acme', 'honeypot.alert', 1);
settled();
indexed();
check('and is there again');

# an older copy of the store in its place

my $pending = $t->setup('acme', $t->url('/status/503'), 'scan.*')->{id};
send_all('acme', 'scan.done', 3);
settled();
indexed();
WebhookTest::sh("sqlite3 $db \"VACUUM INTO '$db.copy'\"");
$t->api('DELETE', "/companies/acme/webhooks/$pending");
$t->wait_for('them to be cancelled', sub { !expected(where => 'm.event = \'scan.done\' AND e.status = 0') });
indexed();
$t->stop;
unlink "$db-wal", "$db-shm";
WebhookTest::sh("cat $db.copy > $db");
$t->start;
check('restored');
send_all('acme', 'honeypot.alert', 1);
check('restored and going on');
settled();
indexed();
check('restored and indexed');

my @log = $t->log_lines(qr/\[(?:emerg|alert|crit|error)\]/);
is(scalar(grep { !/index|malformed|not a database|no such table/ } @log), 0,
   'nothing else alarming in the log') or diag @log;
ok((grep { /is damaged.*made anew/ } @log), 'the damage is in the log');

# what is erased leaves the index too

my ($status) = $t->api('DELETE', '/companies/other');
is($status, 204, 'a company is deleted');
$t->wait_for('the index to forget it', sub {
    WebhookTest::sh("sqlite3 -readonly -cmd '.timeout 5000' $db.index"
        . " 'SELECT (SELECT count(DISTINCT company_id) FROM by_company),"
        . " (SELECT count(DISTINCT company_id) FROM by_name),"
        . " (SELECT count(DISTINCT company_id) FROM statistics)'") eq "1|1|1\n"
});
check('erased');

$t->finish;
done_testing();
