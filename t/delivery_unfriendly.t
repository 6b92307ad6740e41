# Endpoints that do harm, by both transports: each attempt is logged with its
# code, the worker lives and its memory is bounded, and deliveries to others do
# not notice.

use strict;
use warnings;

BEGIN { push @INC, 't/lib' }

use Compress::Zlib ();
use IO::Socket::INET;
use Test::More;
use Time::HiRes qw(time);
use WebhookTest;

my $slow = $ENV{WEBHOOK_SLOW} || 1;
my $timeout = 4000 * $slow;                       # ms

$SIG{PIPE} = 'IGNORE';

my $ok = "HTTP/1.1 200 OK\r\n";
my $empty = "Content-Length: 0\r\n\r\n";
my $close = "Connection: close\r\nContent-Length: 5\r\n";  # nothing more comes of it
my $hints = "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n";
my $chunked = "${ok}Transfer-Encoding: chunked\r\n\r\n";

# 100 megabytes of zeros, and 100 kilobytes of them compressed

my $bomb = Compress::Zlib::memGzip("\0" x 100_000_000);

# Ways to answer, by what comes before; each ends when the connection does.

sub slowly { my ($c, $text) = @_; while ($c->syswrite($text)) { select undef, undef, undef, 0.05 } }
sub endlessly { my ($c, $text) = @_; my $block = $text x (1 + 32768 / length $text);
                while ($c->syswrite($block)) { } }
sub wholly { my ($c, $text) = @_; while (my $n = $c->syswrite($text)) { substr $text, 0, $n, '' } }
sub reset_it { setsockopt $_[0], Socket::SOL_SOCKET(), Socket::SO_LINGER(), pack 'ii', 1, 0 }
sub hold { sysread $_[0], my $more, 1 }           # until the other side ends it

# What an endpoint does, and what comes of it: of the built-in transport and of a
# location with proxy_pass, "status_code error" or, delivered, "status_code". The
# function gets the connection when the request was read.

my @cases = (
    [ 'healthy',       '200',             '200', sub { wholly($_[0], $ok . $empty) } ],

    # slow, or without an end
    [ 'slow_header',   '- timeout',       '- timeout', sub { wholly($_[0], $ok); slowly($_[0], 'X') } ],
    [ 'slow_body',     '200',             '200', sub {
        wholly($_[0], "${ok}Content-Length: 1000000\r\n\r\n"); slowly($_[0], 'x') } ],
    [ 'slow_error',    '500 http_status', '500 http_status', sub {
        wholly($_[0], "HTTP/1.1 500 X\r\n\r\n"); slowly($_[0], 'x') } ],
    [ 'endless_body',  '200',             '200', sub { wholly($_[0], "$ok\r\n"); endlessly($_[0], 'x') } ],
    [ 'endless_chunk', '200',             '200', sub {
        wholly($_[0], $chunked); endlessly($_[0], "10\r\nxxxxxxxxxxxxxxxx\r\n") } ],
    [ 'endless_head',  '- bad_response',  '- bad_response', sub {
        wholly($_[0], $ok); endlessly($_[0], "X-A: b\r\n") } ],
    [ 'endless_line',  '- bad_response',  '- bad_response', sub {
        wholly($_[0], $ok); endlessly($_[0], 'X') } ],
    [ 'endless_first', '- bad_response',  '- bad_response', sub {
        wholly($_[0], 'HTTP/1.1 200 '); endlessly($_[0], 'x') } ],
    [ 'huge_header',   '200',             '- bad_response', sub {
        wholly($_[0], $ok . ('X-A: ' . 'x' x 995 . "\r\n") x 100 . $empty) } ],
    [ 'bomb',          '200',             '200', sub {
        wholly($_[0], "${ok}Content-Encoding: gzip\r\nContent-Length: " . length($bomb)
               . "\r\n\r\n$bomb") } ],
    [ 'coded_bomb',    '(?:200|- bad_response)', '(?:200|- bad_response)', sub {
        wholly($_[0], "${ok}Content-Encoding: gzip\r\nTransfer-Encoding: gzip, chunked\r\n\r\n"
               . sprintf("%x\r\n", length $bomb) . "$bomb\r\n0\r\n\r\n") } ],

    # cut short
    [ 'early_close',   '- empty_reply',     '- connection_lost', sub { } ],
    [ 'reset',         '- connection_lost', '- connection_lost', sub { reset_it($_[0]) } ],
    [ 'reset_head',    '- connection_lost', '- connection_lost', sub {
        wholly($_[0], "${ok}X-A: b"); reset_it($_[0]) } ],
    [ 'reset_body',    '200',               '200', sub {
        wholly($_[0], "${ok}Content-Length: 100\r\n\r\nxxx");
        select undef, undef, undef, 0.2; reset_it($_[0]) } ],

    # interim answers, which nginx before 1.29 takes for the last one
    [ 'interim',       '200',            '(?:200|- bad_response)', sub { wholly($_[0], $hints . $ok . $empty) } ],
    [ 'interim_100',   '200',            '(?:200|- bad_response)', sub {
        wholly($_[0], "HTTP/1.1 100 Continue\r\n\r\n$ok$empty") } ],
    [ 'interim_flood', '- bad_response', '- bad_response', sub {
        endlessly($_[0], "HTTP/1.1 100 Continue\r\n\r\n") } ],
    [ 'hints_flood',   '- bad_response', '- bad_response', sub { endlessly($_[0], $hints) } ],
    [ 'hints_slowly',  '- timeout',      '- (?:bad_response|timeout)', sub { slowly($_[0], $hints) } ],
    [ 'switching',     '- (?:timeout|bad_response)', '- bad_response', sub {
        wholly($_[0], "HTTP/1.1 101 X\r\nUpgrade: websocket\r\nConnection: upgrade\r\n\r\n");
        slowly($_[0], 'x') } ],

    # bodies that are broken
    [ 'bad_chunk',     '200', '200', sub { wholly($_[0], $chunked . "zzzz\r\nwhat\r\n") } ],
    [ 'huge_chunk',    '200', '200', sub { wholly($_[0], $chunked . 'f' x 40 . "\r\nx") } ],
    [ 'both_lengths',  '200', '(?:200|- bad_response)', sub {
        wholly($_[0], "${ok}Transfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n0\r\n\r\n") } ],

    # redirects, which are not followed
    [ 'loop',          '302 http_status', '302 http_status', sub {
        wholly($_[0], "HTTP/1.1 302 X\r\nLocation: /loop\r\n$empty") } ],
    [ 'loop_307',      '307 http_status', '307 http_status', sub {
        wholly($_[0], "HTTP/1.1 307 X\r\nLocation: http://127.0.0.1/\r\n$empty") } ],

    # old, odd and wrong heads
    [ 'http10',        '200',             '200', sub { wholly($_[0], "HTTP/1.0 200 OK\r\n\r\nold") } ],
    [ 'http10_length', '200',             '200', sub {
        wholly($_[0], "HTTP/1.0 200 OK\r\nContent-Length: 3\r\n\r\nold") } ],
    [ 'http09',        '- bad_response',  '- bad_response', sub { wholly($_[0], "a page\n" x 20) } ],
    [ 'http99',        '- bad_response',  '(?:200|- bad_response)', sub {
        wholly($_[0], "HTTP/9.9 200 OK\r\n$empty") } ],
    [ 'no_http',       '- bad_response',  '- bad_response', sub { wholly($_[0], "220 mail.test ESMTP\r\n") } ],
    [ 'no_reason',     '200',             '200', sub { wholly($_[0], "HTTP/1.1 200\r\n$empty") } ],
    [ 'status_999',    '999 http_status', '999 http_status', sub { wholly($_[0], "HTTP/1.1 999 X\r\n$empty") } ],
    [ 'status_000',    '- bad_response',  '- bad_response', sub { wholly($_[0], "HTTP/1.1 000 X\r\n$empty") } ],
    [ 'status_2000',   '- bad_response',  '- bad_response', sub { wholly($_[0], "HTTP/1.1 2000 X\r\n$empty") } ],
    [ 'status_minus',  '- bad_response',  '- bad_response', sub { wholly($_[0], "HTTP/1.1 -200 X\r\n$empty") } ],
    [ 'no_colon',      '- bad_response',  '(?:200|- bad_response)', sub { wholly($_[0], "${ok}nothing\r\n$empty") } ],
    [ 'bare_lf',       '200',             '200', sub { wholly($_[0], "HTTP/1.1 200 OK\nContent-Length: 2\n\nhi") } ],
    [ 'folded',        '200',             '- bad_response', sub { wholly($_[0], "${ok}X-A: a\r\n b\r\n$empty") } ],
    [ 'zero',          '- bad_response',  '- bad_response', sub { wholly($_[0], "${ok}X-A: a\x00b\r\n$empty") } ],
    [ 'injection',     '(?:200|- bad_response)', '(?:200|- bad_response)', sub {
        wholly($_[0], "${ok}X-A: a\rX-B: b\r\nX-C: \e[31m\xff\r\nX-D: \",\"status_code\":500,\"x\":\"\r\n"
               . "Content-Length: 26\r\n\r\n\x00\x01\xff\r\n\"}],\"data\":[{</script>") } ],
    [ 'minus_length',  '- bad_response',  '(?:200|- bad_response)', sub {
        wholly($_[0], "${ok}Content-Length: -1\r\n\r\nx") } ],
    [ 'huge_length',   '(?:200|- bad_response)', '(?:200|- bad_response)', sub {
        wholly($_[0], $ok . 'Content-Length: ' . '9' x 40 . "\r\n\r\nx") } ],
    [ 'two_lengths',   '(?:200|- bad_response)', '(?:200|- bad_response)', sub {
        wholly($_[0], "${ok}Content-Length: 1\r\nContent-Length: 2\r\n\r\nxx") } ],
    [ 'two_answers',   '200',             '200', sub { my $one = "${ok}Content-Length: 1\r\n\r\nx";
        wholly($_[0], $one . $one); hold($_[0]) } ],

    # before the request was read: its body is more than a socket takes
    [ 'early_answer',  '200',             '200', sub { wholly($_[0], "${ok}$close\r\nearly");
        sleep 3600 } ],
    [ 'early_reads',   '200',             '200', sub { wholly($_[0], "${ok}$close\r\nearly");
        while (sysread $_[0], my $more, 65536) { } } ],
    [ 'early_413',     '413 http_status', '413 http_status', sub {
        wholly($_[0], "HTTP/1.1 413 X\r\nConnection: close\r\n$empty"); sleep 3600 } ],
    [ 'early_hang',    '- timeout',       '- timeout', sub { sleep 3600 } ],

    # TLS: a location is told of no connection, and nginx's log says why
    map([ @$_[0, 1], '- connect_failed', undef, $_->[2] ],
        [ 'tls_expired',   '- tls_certificate', 'expired' ],
        [ 'tls_wrong',     '- tls_certificate', 'wrong' ],
        [ 'tls_self',      '- tls_certificate', 'self' ],
        [ 'tls_none',      '- tls_failed',      'none' ],
        [ 'tls_garbage',   '- tls_failed',      'garbage' ],
        [ 'tls_close',     '- (?:tls_failed|connection_lost)', 'close' ]),
    [ 'tls_hang',      '- connect_timeout', '- connect_timeout', undef, 'hang' ],
    [ 'tls_good',      '200',             '200', undef, 'good' ],
);

my %does = map { $_->[0] => $_->[3] } grep { $_->[3] } @cases;

sub early { $_[0] =~ /^early_(?!close)/ }

sub serve {
    my $c = shift;
    my $request = '';

    while ($request !~ /\r\n\r\n/) {
        sysread $c, $request, 4096, length $request or return;
    }

    my ($path) = $request =~ m{^POST /(\w+) } or return;
    my ($length) = $request =~ /^Content-Length: (\d+)/mi;

    if (early($path)) {
        setsockopt $c, Socket::SOL_SOCKET(), Socket::SO_RCVBUF(), 4096;

    } else {
        while (length($request) - index($request, "\r\n\r\n") - 4 < $length) {
            sysread $c, $request, 65536, length $request or return;
        }
    }

    $does{$path}->($c);
}

sub memory {                                      # of a worker at its most, kB
    my $pid = shift;
    return WebhookTest::slurp("/proc/$pid/status") =~ /VmHWM:\s+(\d+)/ ? $1 : die;
}

sub run {
    my ($how, $http, $server, $expected) = @_;

    my $t = WebhookTest->new(connections => 2048, server => $server);
    my $main = $t->receiver(serve => \&serve);
    my $others = $t->receiver(name => 'others');

    my %tls = (
        expired => [ certificate => [ $t->certificate('a.test', file => 'expired', days => -1) ] ],
        wrong   => [ certificate => [ $t->certificate('b.test', file => 'wrong') ] ],
        self    => [ certificate => [ $t->certificate('a.test', file => 'self', self => 1) ] ],
        good    => [ certificate => [ $t->certificate('a.test', file => 'good') ] ],
    );
    my %plain = (
        none    => sub { sysread $_[0], my $hello, 4096; wholly($_[0], "HTTP/1.1 400 X\r\n\r\n") },
        garbage => sub { sysread $_[0], my $hello, 4096; endlessly($_[0], "\x16\x03\x03\xff\xff") },
        close   => sub { },
        hang    => sub { hold($_[0]); sleep 3600 },
    );
    my %port;
    $port{$_} = $t->receiver(name => $_, tls => 1, @{ $tls{$_} },
                             serve => sub { $does{healthy}->($_[0]) if sysread $_[0], my $r, 65536 })->{port}
        for keys %tls;
    $port{$_} = $t->receiver(name => $_, serve => $plain{$_})->{port} for keys %plain;

    my $ca = $t->ca;
    $t->{main_receiver} = $main;
    $t->{http} = "webhook_timeout ${timeout}ms; webhook_connect_timeout " . $timeout / 2 . 'ms;'
        . " webhook_retry_delays off; webhook_payload_limit 1m; webhook_trusted_certificate $ca;"
        . ' webhook_resolve ' . join(' ', map { "a.test:$_:127.0.0.1" } values %port) . ";\n$http";
    $t->{server} =~ s/\bCA\b/$ca/;
    $t->start;

    my ($pid) = $t->workers;
    my (%name, %webhook);

    for (@cases) {
        my ($name, undef, undef, undef, $tls) = @$_;
        my $w = $t->setup('acme', $tls ? "https://a.test:$port{$tls}/$name" : $t->url("/$name"),
                          early($name) ? 'large' : 'small');
        $name{$w->{id}} = $name;
    }

    my $other = $t->setup('other', "http://127.0.0.1:$others->{port}/ok", 'other');

    # one of all first, for what the worker needs in any case

    my $round = sub {
        $t->ingest('acme', 'small', '{}');
        $t->ingest('acme', 'large', '"' . 'x' x 400_000 . '"');

        my $began = time;
        $t->ingest('other', 'other', $_) for 1 .. 20;     # while those run
        $t->wait_for('the others', sub { $t->events('other', 'status=pending') == 0 });
        my $took = time - $began;

        $t->wait_for('all', sub { $t->events('acme', 'status=pending') == 0 }, 30);

        return $took;
    };

    $round->();
    my $before = memory($pid);
    my $took = $round->();
    $took = $round->() if $took > $timeout / 1000;        # the machine's own pace

    cmp_ok($took, '<', $timeout / 1000, "$how: others do not wait for them");
    is(scalar($t->events('other', 'status=delivered&limit=250')),
       scalar($t->received($others)), '... and each of theirs was sent once');

    my %attempts;
    for ($t->events('acme', 'limit=250')) {
        my $e = $t->event('acme', $_->{id});
        push @{ $attempts{$name{$e->{webhook_id}}} }, [ $e->{status}, $e->{attempts}[0] ];
    }

    for (@cases) {
        my ($name, @outcomes) = @$_[0 .. 2];

        for (@{ $attempts{$name} }[0, 1]) {
            my ($status, $a) = @$_;
            my $outcome = join ' ', $a->{status_code} || '-', $a->{error} || ();
            like($outcome, qr/^(?:$outcomes[$expected])$/, "$how: $name: $outcome")
                or diag $a->{error_detail};
            is($status, $a->{error} ? 'failed' : 'delivered', '  its status');
            ok($a->{error_detail}, '  in words')
                if $name =~ /slow_body|reset_body|_chunk/ && $name !~ /endless/
                   || $a->{error} && $a->{error} ne 'http_status';
            cmp_ok(length($a->{response}{body} || ''), '<=', 16384, '  what is kept of its body');
            cmp_ok(length($a->{response}{head} || ''), '<=', 8192, '  what is kept of its head');
            cmp_ok($a->{duration_ms}, '<', $timeout + 1500 * $slow, '  its time is bounded');
        }
    }

    is(join(' ', $t->workers), $pid, "$how: the worker lives");

    SKIP: {
        skip 'sanitizers and valgrind need memory of their own', 1 if $slow > 1;
        cmp_ok(memory($pid) - $before, '<', 32768, '... in about the memory that it had');
        cmp_ok(memory($pid), '<', 98304, '... which is little: ' . memory($pid) . ' kB at most');
    }

    # what is no TLS at all is critical to nginx's own client

    my @alarming = grep { !/SSL_do_handshake\(\) failed/ } $t->log_lines;
    is(scalar(@alarming), 0, '... nothing alarming in the log') or diag @alarming;
    $t->finish;
}

run('built-in', '', '', 0);
run('a location', 'webhook_deliver_via /egress/;', <<'CONF', 1);
        location /egress/ {
            internal;
            proxy_pass $webhook_scheme://$webhook_addr$webhook_uri;
            proxy_http_version 1.1;
            proxy_set_header Connection "";
            proxy_ssl_server_name on;
            proxy_ssl_name $webhook_host;
            proxy_ssl_verify on;
            proxy_ssl_trusted_certificate CA;
            proxy_connect_timeout 1s;
        }
CONF

done_testing();
