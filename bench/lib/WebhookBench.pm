package WebhookBench;

# What the benchmarks share: a sink that writes the ids of what it receives,
# wrk, and statistics of a few figures.

use strict;
use warnings;

use FindBin;
use WebhookTest;

$ENV{TEST_NGINX_LOAD_MODULES} ||=
    "$FindBin::Bin/../build/ngx_http_webhook_module.so";

# An nginx of its own; its log is logs/ids.log.

sub sink {
    my $sink = WebhookTest->new(workers => 1);
    my $d = $sink->dir;

    open my $fh, '>', "$d/nginx.conf" or die $!;
    print $fh <<CONF;
daemon on; worker_processes 1; error_log logs/error.log; pid logs/nginx.pid;
events { worker_connections 4096; }
http {
    log_format id '\$http_x_webhook_event_id';
    access_log logs/ids.log id buffer=64k flush=200ms;
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
