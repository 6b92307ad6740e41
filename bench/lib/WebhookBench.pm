package WebhookBench;

# What the benchmarks share: a sink that writes the ids of what it receives,
# wrk and flow, stores with many webhooks, statistics of a few figures, tables.
#
# BENCH_ROUNDS and BENCH_SECONDS are how often and how long each thing is
# measured; where BENCH_DATA names a file, tables are written to it, too, as
# lines of JSON, for bench/run.

use strict;
use warnings;

use FindBin;
use HTTP::Tiny;
use JSON::PP;
use List::Util qw(max min);
use POSIX ();
use Time::HiRes qw(time);
use WebhookTest;

my $json = JSON::PP->new->utf8->canonical;

sub rounds { $ENV{BENCH_ROUNDS} || $_[0] || 5 }
sub seconds { $ENV{BENCH_SECONDS} || $_[0] || 3 }

$ENV{TEST_NGINX_LOAD_MODULES} ||=
    "$FindBin::Bin/../build/ngx_http_webhook_module.so";

# An nginx of its own; its log is logs/ids.log, unless it is quiet.

sub sink {
    my (%o) = @_;
    my $log = $o{quiet} ? 'off' : 'logs/ids.log id buffer=64k flush=200ms';
    my $sink = WebhookTest->new(workers => 1);
    my $d = $sink->dir;

    open my $fh, '>', "$d/nginx.conf" or die $!;
    print $fh <<CONF;
daemon on; worker_processes 1; error_log logs/error.log; pid logs/nginx.pid;
events { worker_connections 4096; }
http {
    log_format id '\$http_x_webhook_event_id';
    access_log $log;
    keepalive_requests 1000000;
    server { listen 127.0.0.1:$sink->{port} backlog=4096; return 200; }
}
CONF
    close $fh;

    my ($code, $out) = $sink->run_nginx;
    die $out if $code;

    $sink->wait_for('the sink', sub { -s "$d/logs/nginx.pid" });
    $sink->{pid} = 0 + WebhookTest::slurp("$d/logs/nginx.pid");

    return $sink;
}

# Requests a second that wrk makes; $lua is its script.

sub wrk { wrk_all(@_)->{rate} }

# With latencies in microseconds, p50, p99 and p999, and how many there were in
# all.  Nobody is to be answered otherwise than by 2xx, or not at all.

sub wrk_all {
    my ($t, $path, $lua, $connections, $seconds) = @_;

    my $script = $t->dir . '/wrk.lua';
    open my $fh, '>', $script or die $!;
    print $fh $lua, <<'LUA';

done = function(summary, latency, requests)
    io.write(string.format("percentiles %d %d %d\n", latency:percentile(50),
             latency:percentile(99), latency:percentile(99.9)))
end
LUA
    close $fh;

    my $out = `wrk -t1 -c$connections -d${seconds}s --timeout 10s -s $script http://127.0.0.1:$t->{port}$path`;
    die "wrk: $out" if $out =~ /Non-2xx|Socket errors/;

    my %r;
    ($r{requests}) = $out =~ /(\d+) requests in/ or die "wrk: $out";
    ($r{rate}) = $out =~ m{Requests/sec:\s+([\d.]+)} or die "wrk: $out";
    @r{qw(p50 p99 p999)} = $out =~ /^percentiles (\d+) (\d+) (\d+)$/m or die "wrk: $out";

    return \%r;
}

# A program of bench/ that is compiled when it is needed.

sub program {
    my ($name, @libraries) = @_;
    my $program = "$FindBin::Bin/../build/$name";
    my $source = "$FindBin::Bin/$name.c";

    WebhookTest::sh("cc -O2 -o $program $source @libraries")
        unless -e $program && -M $program < -M $source;

    return $program;
}

# Posts events and is the endpoint, see flow.c; options are those of flow.

sub flow {
    my ($t, %o) = @_;
    my $flow = program('flow', '-lssl', '-lcrypto');
    my $out = `$flow -p $t->{port} @{[ map { "-$_ $o{$_}" } sort keys %o ]}`;

    die "flow ended with $?" if $?;
    my $r = $json->decode($out);
    die "flow: $out" if $r->{missing} || $r->{refused} || $r->{broken} || !$r->{delivered};
    die "flow: $r->{posted} were posted: $out"
        if $o{r} && $r->{posted} < 0.99 * $o{r} * $o{s};

    return $r;
}

# Seconds of a core that were used: by an nginx's event loops, by its other
# threads, and by the load, which has ended.

sub cpu {
    my ($t) = @_;
    my ($loop, $threads) = (0, 0);

    for my $pid ($t->workers) {
        for my $task (glob "/proc/$pid/task/*") {
            my @f = split ' ', WebhookTest::slurp("$task/stat") =~ s/.*\)//sr;
            my $used = ($f[11] + $f[12]) / POSIX::sysconf(POSIX::_SC_CLK_TCK());
            $task =~ m{/$pid$} ? ($loop += $used) : ($threads += $used);
        }
    }

    return ($loop, $threads, (times)[2] + (times)[3]);
}

# What some code used of it, in microseconds for each of what it returns.

sub cpu_each {
    my ($t, $code, $count) = @_;
    my @before = cpu($t);
    my $r = $code->();
    my @after = cpu($t);
    $r->{cpu} = [ map { 1e6 * ($after[$_] - $before[$_]) / $r->{$count} } 0 .. 2 ];
    return $r;
}

# The samples of /metrics, by their names with labels.

sub metrics {
    my ($t) = @_;
    my $http = $t->{metrics} ||= HTTP::Tiny->new(timeout => 30);
    my $r = $http->get("http://127.0.0.1:$t->{port}/api/metrics");
    die "/metrics: $r->{status} $r->{content}" if $r->{status} != 200;
    return { $r->{content} =~ /^(webhook_\S+) ([\d.]+)$/mg };
}

# A quantile of a histogram, within its bucket as if all were spread evenly.

sub quantile {
    my ($m, $name, $q) = @_;
    my $rank = $q * $m->{"${name}_count"};
    my ($low, $below) = (0, 0);

    for my $le (sort { $a <=> $b } map { /^\Q$name\E_bucket\{le="([\d.]+)"/ ? $1 : () } keys %$m) {
        my $n = $m->{"${name}_bucket{le=\"$le\"}"};
        return $low + ($le - $low) * ($rank - $below) / ($n - $below) if $n >= $rank;
        ($low, $below) = ($le, $n);
    }

    return $low;
}

# Waits until the index of lists, which is filled behind, has everything.

sub settle {
    my ($t, $seconds) = @_;
    $t->wait_for('the index of lists', sub {
        my $lag = metrics($t)->{webhook_index_lag_seconds};
        defined $lag && $lag == 0;
    }, $seconds || 60);
}

# Events a second that are recorded as delivered, from the first one on until $n
# are: those that were due when nginx started.

sub deliveries {
    my ($t, $n) = @_;
    my $done = sub { metrics($t)->{'webhook_events_ended_total{outcome="delivered"}'} };
    my $first = $t->wait_for('the first of them', $done, 120);
    my $begin = time;
    $t->wait_for('what is due', sub { $done->() >= $n }, 120);
    return ($n - $first) / (time - $begin);
}

# An nginx that ran, with companies of 100 webhooks each, made by four clients;
# webhook n of company c is for its "event-" . int(n / $o{fanout}).

sub webhooks {
    my ($n, $url, %o) = @_;
    my $fanout = delete $o{fanout} || 1;
    my $t = WebhookTest->new(%o)->start;
    my @pids;

    for my $client (0 .. 3) {
        push @pids, my $pid = fork // die "fork: $!";
        next if $pid;

        my $http = HTTP::Tiny->new(keep_alive => 0);
        my $post = sub {
            my ($path, $body) = @_;
            my $r = $http->post("http://127.0.0.1:$t->{port}/api$path", {
                headers => { 'Content-Type' => 'application/json' }, content => $body });
            return if $r->{status} == 201;
            print STDERR "$path: $r->{content}\n";
            POSIX::_exit(1);
        };

        for my $c (grep { $_ % 4 == $client } 0 .. ($n - 1) / 100) {
            $post->('/companies', qq({"uid":"c$c","name":"c$c","enabled":true}));
            $post->("/companies/c$c/webhooks", sprintf '{"url":"%s","events":["event-%d"]}',
                    $url, $_ / $fanout) for 0 .. min(99, $n - $c * 100 - 1);
        }

        POSIX::_exit(0);
    }

    waitpid($_, 0), $? && die "the webhooks could not be made\n" for @pids;
    $t->stop;
    WebhookTest::sh('sqlite3 ' . $t->store . ' "PRAGMA wal_checkpoint(TRUNCATE)"');

    return $t;
}

# Another one with a copy of its store.

sub copy {
    my ($base, %o) = @_;
    my $t = WebhookTest->new(%o);
    my $from = delete $o{from} || $base->dir . '/webhook';
    WebhookTest::sh("cp -a --reflink=auto $from " . $t->dir . '/webhook');
    return $t->start;
}

# Puts $n webhook events with payloads of 500 bytes into a store, which nothing
# may use: there is no journal.  They wait for next week, or, with stored => 1,
# were delivered and have an attempt in the log.  Each webhook in turn has "run"
# of them, one unless said.

sub fill {
    my ($db, $n, $webhooks, %o) = @_;
    my $now = int(time * 1000);
    my $from = $now << 20;
    my $run = $o{run} || 1;
    my ($status, $due, $delivered, $attempt) = $o{stored}
        ? (1, $now, $now, "$from + i.value * 4 + 2") : (0, $now + 7 * 86400_000, 0, 0);
    my $all = "generate_series(0, $n - 1) i JOIN w ON w.n = i.value / $run % $webhooks";

    my $log = !$o{stored} ? '' : <<SQL;
INSERT INTO webhook_event_log (id, previous_id, webhook_event_id, number, started_at, status_code,
    duration, name_lookup, connect, tls, first_byte, peer, url, signed_at, signature, standard,
    response_head, response_body, truncated)
    SELECT $from + value * 4 + 2, 0, $from + value * 4 + 1, 1, $now, 200, 1000, 0, 0, 0, 900,
        '127.0.0.1', 'http://127.0.0.1:8080/hook', $now / 1000, printf('%064x', value), NULL,
        CAST('HTTP/1.1 200 OK' AS BLOB), x'', 0
    FROM generate_series(0, $n - 1);
SQL

    WebhookTest::sh(<<SH);
sqlite3 -bail $db <<'SQL'
PRAGMA journal_mode = OFF;
PRAGMA synchronous = OFF;
PRAGMA cache_size = -262144;
BEGIN;
CREATE TEMP TABLE w AS SELECT row_number() OVER (ORDER BY id) - 1 AS n, id, company_id,
    CAST('{"t":"' || printf('%.*c', 492, 'x') || '"}' AS BLOB) AS payload FROM webhook;
CREATE UNIQUE INDEX temp.wn ON w (n);
INSERT INTO message SELECT $from + i.value * 4, w.company_id, 'load.event', w.payload FROM $all;
INSERT INTO webhook_event (id, message_id, webhook_id, company_id, status, owner, retries,
    due_at, delivered_at, attempt_id)
    SELECT $from + i.value * 4 + 1, $from + i.value * 4, w.id, w.company_id, $status, 0, 0, $due,
        $delivered, $attempt FROM $all;
$log
INSERT OR REPLACE INTO webhook_queue (webhook_id, due_at)
    SELECT webhook_id, min(due_at) FROM webhook_event WHERE status = 0 AND owner = 0
    GROUP BY webhook_id;
UPDATE store SET last_id = $from + $n * 4;
COMMIT;
PRAGMA journal_mode = WAL;
SQL
SH
}

# Has an nginx that does not run make the index of lists, as a store that has
# grown has it.

sub index_lists {
    my ($t) = @_;
    $t->start;
    settle($t, 1800);
    $t->stop;
}

# Puts $n webhook events that are due, and indexed, into the store of an nginx
# that does not run.

sub due {
    my ($t, $n, $webhooks) = @_;
    fill($t->store, $n, $webhooks);
    index_lists($t);
    WebhookTest::sh(<<SH);
sqlite3 -bail @{[ $t->store ]} <<'SQL'
BEGIN;
CREATE TEMP TABLE due AS SELECT id, webhook_id FROM webhook_event ORDER BY id DESC LIMIT $n;
UPDATE webhook_event SET due_at = 1 WHERE id IN (SELECT id FROM due);
INSERT OR REPLACE INTO webhook_queue (webhook_id, due_at) SELECT DISTINCT webhook_id, 1 FROM due;
COMMIT;
SQL
SH
}

sub median {
    my @sorted = sort { $a <=> $b } @_;
    return ($sorted[$#sorted / 2] + $sorted[@sorted / 2]) / 2;
}

# "median (least-most)" of some figures.

sub figures {
    my ($format, @values) = @_;
    return '' unless @values;
    my ($m, $least, $most) = map { sprintf $format, $_ } median(@values), min(@values), max(@values);
    return @values > 1 ? "$m ($least-$most)" : $m;
}

# Each of some figures divided by that of the same round.

sub ratios {
    my ($of, $by) = @_;
    return map { $of->[$_] / $by->[$_] } 0 .. min($#$of, $#$by);
}

# A target and whether it was met.

sub target {
    my ($value, $op, $wanted, $unit) = @_;
    my $met = $op eq '>=' ? $value >= $wanted : $value <= $wanted;
    return "$op $wanted" . ($unit // '') . ($met ? ', met' : ', MISSED');
}

# Prints a table; the first column is text.

sub table {
    my ($title, $columns, @rows) = @_;
    my @lines = ($columns, @rows);
    my @width = map { my $i = $_; max(map { length($_->[$i] // '') } @lines) } 0 .. $#$columns;

    print "\n$title\n\n";

    for my $line (@lines) {
        print join('  ', map { sprintf $_ ? '%*s' : '%-*s', $width[$_], $line->[$_] // '' }
                         0 .. $#width), "\n";
    }

    return unless $ENV{BENCH_DATA};
    open my $fh, '>>', $ENV{BENCH_DATA} or die "$ENV{BENCH_DATA}: $!";
    print $fh $json->encode({ title => $title, columns => $columns, rows => \@rows }), "\n";
    close $fh;
}

# The memory of the largest worker, kB: now, or, with "VmHWM", the most it had.

sub rss {
    my ($t, $what) = @_;
    my $most = 0;

    $what ||= 'VmRSS';

    for my $pid ($t->workers) {
        my ($kb) = (eval { WebhookTest::slurp("/proc/$pid/status") } || '')
                   =~ /^$what:\s+(\d+)/m;
        $most = $kb if $kb && $kb > $most;
    }

    return $most;
}

1;
