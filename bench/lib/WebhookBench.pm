package WebhookBench;

# What the benchmarks share: a sink that writes the ids of what it receives,
# wrk, and statistics of a few figures.

use strict;
use warnings;

use FindBin;
use Time::HiRes qw(time);
use WebhookTest;

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

sub wrk {
    my ($t, $path, $lua, $connections, $seconds) = @_;

    my $script = $t->dir . '/wrk.lua';
    open my $fh, '>', $script or die $!;
    print $fh $lua;
    close $fh;

    my $out = `wrk -t1 -c$connections -d${seconds}s --latency -s $script http://127.0.0.1:$t->{port}$path`;
    die "wrk: $out" if $out =~ /Non-2xx/ || $out !~ m{Requests/sec:\s+([\d.]+)};

    return $1;
}

# Puts webhook events into a store: $n that wait for next week, and $due that
# are due; identifiers of a day ago on.

sub fill {
    my ($db, $n, $due, $webhooks) = @_;
    my $from = int((time - 86400) * 1000) << 20;
    my $later = int((time + 7 * 86400) * 1000);

    WebhookTest::sh(<<SH);
sqlite3 -bail $db <<'SQL'
PRAGMA synchronous = OFF;
BEGIN;
CREATE TEMP TABLE w AS SELECT row_number() OVER (ORDER BY id) - 1 AS n, id, company_id
    FROM webhook;
CREATE UNIQUE INDEX temp.wn ON w (n);
CREATE TEMP TABLE i AS WITH RECURSIVE i (n) AS
    (SELECT 0 UNION ALL SELECT n + 1 FROM i WHERE n + 1 < $n + $due) SELECT n FROM i;
INSERT INTO message SELECT $from + i.n * 4, w.company_id, 'load.event', x'7b7d'
    FROM i JOIN w ON w.n = i.n % $webhooks;
INSERT INTO webhook_event (id, message_id, webhook_id, company_id, status, owner, retries,
    due_at) SELECT $from + i.n * 4 + 1, $from + i.n * 4, w.id, w.company_id, 0, 0, 0,
    iif(i.n < $n, $later, 1) FROM i JOIN w ON w.n = i.n % $webhooks;
INSERT OR REPLACE INTO webhook_queue (webhook_id, due_at)
    SELECT webhook_id, min(due_at) FROM webhook_event GROUP BY webhook_id;
COMMIT;
PRAGMA wal_checkpoint(TRUNCATE);
SQL
SH
}

sub median {
    my @sorted = sort { $a <=> $b } @_;
    return $sorted[$#sorted / 2];
}

# The worker's memory, kB.

sub rss {
    my ($t) = @_;
    my $most = 0;

    for my $pid ($t->workers) {
        my ($kb) = (eval { WebhookTest::slurp("/proc/$pid/status") } || '')
                   =~ /^VmRSS:\s+(\d+)/m;
        $most = $kb if $kb && $kb > $most;
    }

    return $most;
}

1;
