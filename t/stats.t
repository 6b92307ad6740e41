# Statistics are exact: in any range and bucket, of a company, a webhook or
# each of its webhooks, wherever the index is that they come from.

use strict;
use warnings;

BEGIN { push @INC, 't/lib' }

use Fcntl qw(F_SETLKW F_WRLCK);
use JSON::PP;
use POSIX qw(strftime);
use Test::More;
use Time::HiRes qw(time);
use WebhookTest;

my $t = WebhookTest->new(http => 'webhook_retry_delays 50ms 50ms;');
$t->receiver;
$t->start;

my $db = $t->store;
my ($minute, $hour, $day) = (60_000, 3_600_000, 86_400_000);
my %size = ('1m' => $minute, '5m' => 5 * $minute, '1h' => $hour, '1d' => $day);
my %webhook = (
    good => $t->setup('acme', $t->url('/ok'), 'good.*', 'both')->{id},
    bad => $t->setup('acme', $t->url('/status/503'), 'bad.*', 'both')->{id},
    idle => $t->setup('acme', $t->url('/ok'), 'never')->{id},
    other => $t->setup('other', $t->url('/ok'), '*')->{id},
);

sub sql {
    my ($sql, $mode) = @_;
    open my $fh, '>', $t->dir . '/sql' or die $!;
    print $fh ".timeout 5000\n$sql;\n";
    close $fh;
    return WebhookTest::sh('sqlite3 -bail ' . ($mode || '') . " $db < " . $t->dir . '/sql');
}

sub rows { my $json = sql($_[0], '-json'); $json ? @{ decode_json($json) } : () }

my %number = map { $_->{url} =~ /503/ ? (bad => $_->{id}) : $_->{uid} eq 'other'
    ? (other => $_->{id}) : $_->{event} eq 'never' ? (idle => $_->{id}) : (good => $_->{id}) }
    rows('SELECT DISTINCT w.id, url, uid, min(event) AS event FROM webhook w JOIN company c'
         . ' ON c.id = w.company_id JOIN subscription ON webhook_id = w.id GROUP BY w.id');
my ($acme) = map { $_->{id} } rows("SELECT id FROM company WHERE uid = 'acme'");

sub iso { my $s = int($_[0] / 1000); strftime('%Y-%m-%dT%H:%M:%S', gmtime $s)
          . sprintf '.%03dZ', $_[0] - $s * 1000 }

# The index's turn: who has it keeps it where it is.

my $lock;

sub hold {
    open $lock, '+<', "$db.lock" or die $!;
    my $byte = pack 's s x4 q q i x4', F_WRLCK, 0, 4098, 1, 0;
    fcntl($lock, F_SETLKW, $byte) or die $!;
}

sub release { close $lock }

sub indexed {
    $t->wait_for('the index', sub {
        my $lag = $t->api_ok('GET', '/status')->{store}{index_lag_ms};
        return defined $lag && $lag == 0;
    }, 30);
}

# What the answer has to be, from the store alone.

sub expected {
    my ($since, $until, $size, $webhook, $log) = @_;
    my (%total, @buckets, %code, %name);

    my $add = sub {
        my ($time, $name, @what) = @_;
        return if $time < $since || $time >= $until;
        for my $what (@what) {
            $_->{$what}++ for \%total, $name{$name} ||= {},
                              $buckets[($time - $since) / $size] ||= {};
        }
    };

    for my $m (@{ $log->{messages} }) {
        $add->($m->{id} >> 20, $m->{event}, 'messages');
    }
    for my $e (@{ $log->{events} }) {
        next if $webhook && $e->{webhook_id} != $webhook;
        $add->($e->{id} >> 20, $e->{event}, 'webhook_events');
    }
    for my $l (@{ $log->{attempts} }) {
        next if $webhook && $l->{webhook_id} != $webhook;
        $add->($l->{started_at}, $l->{event}, 'attempts', defined $l->{error}
               ? ($l->{status} == 2 && $l->{attempt_id} == $l->{id} ? 'failed' : ())
               : 'delivered');
        $code{$l->{status_code}}++
            if $l->{started_at} >= $since && $l->{started_at} < $until;
    }

    my @members = (($webhook ? () : 'messages'), qw(webhook_events attempts delivered failed));
    my $full = sub { my $c = $_[0] || {}; return { map { $_ => $c->{$_} || 0 } @members } };
    delete $name{$_} for grep { my $n = $name{$_}; !grep { $n->{$_} } @members } keys %name;

    return {
        total => $full->(\%total),
        buckets => [ map { { start => iso($since + $_ * $size), %{ $full->($buckets[$_]) } } }
                     0 .. ($until - $since) / $size - 1 ],
        by_status => [ map { { status_code => $_ || undef, attempts => $code{$_} } }
                       sort { $a <=> $b } keys %code ],
        by_event => { map { $_ => $full->($name{$_}) } keys %name },
    };
}

sub log_of {
    my ($company) = @_;
    my $in = "company_id = (SELECT id FROM company WHERE uid = '$company')";
    return {
        messages => [ rows("SELECT id, event FROM message WHERE $in") ],
        events => [ rows("SELECT e.id, webhook_id, event FROM webhook_event e JOIN message m"
                         . " ON m.id = message_id WHERE e.$in") ],
        attempts => [ rows('SELECT l.id, webhook_id, event, started_at, status_code, error,'
                         . ' status, attempt_id FROM webhook_event_log l JOIN webhook_event e'
                         . " ON e.id = l.webhook_event_id JOIN message m ON m.id = message_id"
                         . " WHERE e.$in") ],
    };
}

sub stats {
    my ($company, %o) = @_;
    my $query = join '&', map { "$_=$o{$_}" } sort keys %o;
    return $t->api_ok('GET', "/companies/$company/stats" . ($query ? "?$query" : ''));
}

sub plain {
    my ($row, @more) = @_;
    delete @$row{qw(success_rate latency_ms), @more};
    return $row;
}

sub check {
    my ($what, $company, $log, $since, $until, $bucket, $webhook) = @_;
    my $s = stats($company, since => iso($since), until => iso($until), bucket => $bucket,
                  ($webhook ? (webhook => $webhook{$webhook}) : ()));
    my $e = expected($since, $until, $size{$bucket}, $webhook && $number{$webhook}, $log);

    is($s->{since} . $s->{until}, iso($since) . iso($until), "$what, $bucket: the range");
    ok($s->{complete}, '... is complete');
    is_deeply(plain({ %{ $s->{total} } }), $e->{total}, '... the total');
    is_deeply([ map { plain($_) } @{ $s->{buckets} } ], $e->{buckets}, '... the buckets');
    is_deeply($s->{by_status}, $e->{by_status}, '... by status');
    is_deeply({ map { my $name = $_->{event}; $name => plain($_, 'event') } @{ $s->{by_event} } },
              $e->{by_event}, '... by event');

    my $n = $s->{total}{attempts};
    is($s->{total}{success_rate}, $n ? int($s->{total}{delivered} / $n * 10000) / 10000 : undef,
       '... the success rate');
}

# The last hours, and what was there before: at the borders of an hour and of
# a day, and a hundred attempts of 1 to 100 ms.

my $now = int(time * 1000);
my $base = int($now / $hour) * $hour - 5 * $hour;
my $midnight = int($now / $day) * $day - 3 * $day;
my @times = ($base - 1, $base, $base + $minute - 1, $base + $minute, $base + $hour - 1,
             $base + $hour, $midnight - 1, $midnight, map { $base + 10 * $minute } 1 .. 100);
my $n = 0;

sub history {
    my ($time, $duration, $error) = @_;
    my $id = ($time << 20) + 1000 * ++$n;
    my $code = $error ? ($n % 2 ? 0 : 500) : 200;
    my $status = $error ? 2 : 1;

    return "INSERT INTO message VALUES ($id, $acme, 'old.@{[ $n % 3 ]}', x'31');"
        . 'INSERT INTO webhook_event (id, message_id, webhook_id, company_id, status, owner,'
        . ' retries, due_at, attempt_id) VALUES (' . ($id + 1) . ", $id,"
        . " $number{$n % 4 ? 'good' : 'bad'}, $acme, $status, 0, 0, 0, " . ($id + 2) . ');'
        . 'INSERT INTO webhook_event_log (id, previous_id, webhook_event_id, number, started_at,'
        . ' status_code, error, duration, name_lookup, connect, tls, first_byte, url, signed_at,'
        . ' signature, truncated) VALUES (' . ($id + 2) . ', 0, ' . ($id + 1)
        . ", 1, $time, $code, " . ($error ? "'timeout'" : 'NULL')
        . ", $duration, 0, 0, 0, 0, 'http://x/', 0, '', 0);";
}

$t->stop;
WebhookTest::sh("rm -f $db.index*");
sql('BEGIN;' . join('', map { history($times[$_], 1000 * ($_ < 8 ? 5 : $_ - 7), $_ % 5 == 3) }
                        0 .. $#times) . 'COMMIT');

# without an index, with one, and with one that is behind

hold();
$t->start;
ok(!-e "$db.index", 'there is no index');

sub everything {
    my ($what) = @_;
    my ($until) = int(time * 1000 / $hour + 1) * $hour;
    my %log = map { $_ => log_of($_) } qw(acme other);

    check($what, 'acme', $log{acme}, $base - $hour, $until, '1h');
    check("$what, bad", 'acme', $log{acme}, $base - $hour, $until, '1h', 'bad');
    check("$what, idle", 'acme', $log{acme}, $base - $hour, $until, '1h', 'idle');
    check("$what, other", 'other', $log{other}, $base - $hour, $until, '1h');
    check("$what, days", 'acme', $log{acme}, $midnight - $day, $midnight + 4 * $day, '1d');
    check("$what, minutes", 'acme', $log{acme}, $base - $minute, $base + 60 * $minute, '1m');
    check("$what, five", 'acme', $log{acme}, $base - 5 * $minute, $base + $hour, '5m', 'good');
    check("$what, one hour", 'acme', $log{acme}, $base, $base + $hour, '1h');

    my $each = stats('acme', by => 'webhook', since => iso($base - $hour),
                     until => iso($until));
    is_deeply([ map { $_->{webhook_id} } @{ $each->{data} } ],
              [ @webhook{qw(idle bad good)} ], "$what: each webhook, the newest first");

    for my $row (@{ $each->{data} }) {
        my $one = stats('acme', webhook => $row->{webhook_id}, since => iso($base - $hour),
                        until => iso($until));
        is_deeply($row, { %{ $one->{total} }, webhook_id => $row->{webhook_id},
                          buckets => [ map { plain($_) } @{ $one->{buckets} } ] },
                  '... as alone');
    }
}

everything('without an index');

my $latency = stats('acme', since => iso($base + 10 * $minute),
                    until => iso($base + 11 * $minute), bucket => '1m')->{total}{latency_ms};
is($latency->{mean}, 50.5, 'the mean is exact');
for ([ p50 => 50 ], [ p95 => 95 ], [ p99 => 99 ]) {
    my ($p, $want) = @$_;
    my $ratio = $latency->{$p} / $want;
    ok($ratio < 1.42 && $ratio > 1 / 1.42, "$p is near enough") or diag $latency->{$p};
}

release();
indexed();
everything('indexed');

hold();
$t->ingest('acme', $_, 1) for ('good.a') x 7, ('bad.b') x 3, 'both', 'no.one', 'no.one';
$t->ingest('other', 'some', 1) for 1 .. 2;
$t->wait_for('all to end', sub { !rows('SELECT 1 FROM webhook_event WHERE status = 0') });
everything('behind');
release();
indexed();
everything('indexed again');

# what nobody has counted yet is more than may be looked at

$t->stop;
WebhookTest::sh("rm -f $db.index*");
sql('BEGIN;' . join('', map { history($base + 20 * $minute, 1, 0) } 1 .. 21_000) . 'COMMIT');
hold();
$t->start;
my $s = stats('acme', since => iso($base - $hour));
ok(!$s->{complete}, 'more than 20,000 without an index are not complete');
is(substr($s->{complete_until}, 0, 19), substr(iso($base + 20 * $minute), 0, 19),
   '... up to a time that is told');
cmp_ok($s->{total}{attempts}, '>', 100, '... but are counted');
ok(stats('acme', since => iso($base + $hour))->{complete}, 'a later range is');
release();
indexed();
$s = stats('acme', since => iso($base - $hour));
ok($s->{complete}, 'with the index they are');
is($s->{total}{messages}, scalar(grep { $_->{id} >> 20 >= $base - $hour }
    rows("SELECT id FROM message WHERE company_id = $acme")), '... all of them');

# many names: the most frequent ones, and the others as one

$t->ingest('acme', "many.n$_", 1) for 1 .. 120;
$s = stats('acme', since => iso($base - $hour));
is(scalar @{ $s->{by_event} }, 101, 'a hundred names and the others');
is($s->{by_event}[100]{event}, undef, '... which have none');
my $messages = 0;
$messages += $_->{messages} for @{ $s->{by_event} };
is($messages, $s->{total}{messages}, '... and add up');

# how the range is widened, and what it is unless said

$s = stats('acme', since => '2026-01-01T00:30:00%2B01:00', until => '2026-01-01t02:00:00.5z');
is("$s->{since} $s->{until}", '2025-12-31T23:00:00.000Z 2026-01-01T03:00:00.000Z',
   'a range is widened to whole buckets');
is(scalar @{ $s->{buckets} }, 4, '... four of them');
is(scalar @{ stats('acme', bucket => $_->[0])->{buckets} }, $_->[1], "$_->[1] of $_->[0]")
    for [ '1m', 60 ], [ '5m', 144 ], [ '1h', 24 ], [ '1d', 30 ];
is(stats('acme')->{total}{messages} > 0, 1, 'now is in it');
is(scalar @{ stats('acme', since => iso($now - 31 * $day), until => iso($now))->{buckets} }, 745,
   'a month of hours');

for my $query ('bucket=2h', 'bucket=', 'by=name', "by=webhook&webhook=$webhook{good}",
    'webhook=x', 'since=yesterday', 'since=2026-02-30T00:00:00Z', 'since=2026-01-01T00:00:00',
    'since=2026-01-01T00:00:00.Z', 'since=2026-01-01T00:00:00%2B25:00', 'since=1969-12-31T00:00:00Z',
    'until=2026-01-01', 'since=2026-01-02T00:00:00Z&until=2026-01-01T00:00:00Z',
    'since=' . iso($now + $day), 'bucket=1d&since=2000-01-01T00:00:00Z',
    'bucket=5m&since=' . iso($now - 3 * $day) . '&until=' . iso($now - 2.9 * $day),
    'by=webhook&since=' . iso($now - 5 * $day), 'by=webhook&limit=251', 'by=webhook&cursor=x')
{
    my ($status, $problem) = $t->api('GET', "/companies/acme/stats?$query");
    is("$status $problem->{code}", '400 invalid_parameter', "'$query' is refused");
}

is(($t->api('GET', "/companies/$_->[0]/stats$_->[1]"))[1]{code}, $_->[2], "no $_->[0]$_->[1]")
    for [ 'none', '', 'company_not_found' ],
        [ 'acme', "?webhook=$webhook{other}", 'webhook_not_found' ],
        [ 'acme', '?webhook=wh_0000000000001', 'webhook_not_found' ];

# each webhook, page by page

my ($page, @paged);
my @range = (since => iso($base), until => iso($base + 6 * $hour));
do {
    $page = stats('acme', by => 'webhook', limit => 2, @range,
                  ($page ? (cursor => $page->{next_cursor}) : ()));
    push @paged, @{ $page->{data} };
} while ($page->{next_cursor});
is_deeply(\@paged, stats('acme', by => 'webhook', @range)->{data}, 'pages are the same as one');

# what was deleted stays counted, but is no row any more

$t->api('DELETE', "/companies/acme/webhooks/$webhook{bad}");
is(scalar @{ stats('acme', by => 'webhook')->{data} }, 2, 'two webhooks are left');
cmp_ok(stats('acme', webhook => $webhook{bad}, since => iso($base))->{total}{attempts}, '>', 0,
       'the third one can be asked for');

# no statement looks at a table from end to end

for my $file (qw(stats status)) {
    my $sql = join "\n", grep { !/^\s*--(?! name:)/ } split /\n/,
              WebhookTest::slurp("sql/sqlite/$file.sql");
    for (split /^-- name: */m, $sql) {
        my ($name, $statement) = /^(\w+)\n(.+?);\s*$/s or next;
        my @scans = grep { !/SCAN (?:[bq]\b|\(subquery-\d+\)|\(join-\d+\)|CONSTANT)/ }
                    grep { /SCAN/ } split /\n/,
                    sql("ATTACH '$db.index' AS lists; EXPLAIN QUERY PLAN $statement");
        is_deeply(\@scans, [], "$name scans no table");
    }
}

is_deeply([ $t->log_lines(qr/\[(?:emerg|alert|crit|error)\]/) ], [], 'nothing alarming in the log');

$t->finish;
done_testing();
