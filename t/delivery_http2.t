# HTTP/1.1 by default; webhook_http2 sends over HTTP/2, many at a time over one
# connection, to endpoints that speak it.

use strict;
use warnings;

BEGIN { push @INC, 't/lib' }

use Test::More;
use WebhookTest;

sub deliveries {
    my ($n, $http, $listen) = @_;

    my $t = WebhookTest->new(allow => 'webhook_allow_address 127.0.0.0/8;');
    my $port = WebhookTest::free_port();
    my ($crt, $key) = $t->certificate('receiver.test');

    $t->{http} = <<CONF;
        $http
        webhook_retry_delays off;
        webhook_resolve receiver.test:$port:127.0.0.1;
        webhook_trusted_certificate @{[ $t->ca ]};
        log_format receiver '\$server_protocol \$connection \$http_x_webhook_event_id';

        server {
            listen 127.0.0.1:$port $listen;
            ssl_certificate $crt;
            ssl_certificate_key $key;
            access_log logs/receiver.log receiver;
            location / { return 200 "ok\\n"; }
        }
CONF

    $t->start;
    $t->setup('acme', "https://receiver.test:$port/hook", '*');
    my $r = $t->http('POST', '/events', headers => { 'Content-Type' => 'application/x-ndjson' },
        content => join "\n", map { qq({"company":"acme","event":"e","payload":$_}) } 1 .. $n);
    is($r->{status}, 200, 'ingested');

    $t->wait_for('all to be delivered', sub { $t->events('acme', 'status=delivered&limit=250') == $n });

    my @lines = $t->wait_for('the log', sub {
        my @l = split /\n/, WebhookTest::slurp($t->dir . '/logs/receiver.log');
        return @l == $n ? @l : ();
    });
    my ($e) = $t->events('acme', 'limit=1');
    my $a = $t->event('acme', $e->{id})->{attempts}[0];
    is($a->{status_code}, 200, 'the status is in the log');
    is(scalar($t->log_lines), 0, 'nothing alarming in the log');
    $t->finish;

    my (%protocol, %connection, %id);
    for (@lines) {
        my ($p, $c, $i) = split / /;
        $protocol{$p}++;
        $connection{$c}++;
        $id{$i}++;
    }

    is(scalar keys %id, $n, 'each once');

    return (join(' ', keys %protocol), scalar keys %connection);
}

my ($protocol, $connections) = deliveries(100, '', 'ssl http2');
is($protocol, 'HTTP/1.1', 'HTTP/1.1 by default, also to who speaks HTTP/2');

($protocol, $connections) = deliveries(100, 'webhook_http2 on;', 'ssl http2');
is($protocol, 'HTTP/2.0', 'HTTP/2 where it is on');
cmp_ok($connections, '<=', 4, "100 deliveries over few connections ($connections)");

($protocol, $connections) = deliveries(20, 'webhook_http2 on;', 'ssl');
is($protocol, 'HTTP/1.1', 'and HTTP/1.1 to who does not speak it');

done_testing();
