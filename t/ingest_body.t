# Bodies as clients may send them: in pieces, chunked, too large, refused
# before they are read; and what follows on the same connection.

use strict;
use warnings;

BEGIN { push @INC, 't/lib' }

use IO::Socket::INET;
use Test::More;
use WebhookTest;

my $t = WebhookTest->new(http => 'webhook_payload_limit 64k;', server => <<'CONF')->start;
        location = /if { webhook_ingest; if ($http_x_if) { set $a 1; } }
        location = /key { webhook_ingest; webhook_auth on; }
        location = /plain { return 200 "plain"; }
        location = /mirrored { webhook_ingest; mirror /copy; client_body_buffer_size 8k; }
        location = /copy { internal; proxy_pass http://127.0.0.1:$server_port/events; }
        location /some/ { webhook_admin; limit_except GET { allow 127.0.0.1; } }
CONF

$t->api_ok('POST', '/companies', { uid => 'acme', name => 'A', enabled => \1 });

# Sends pieces, each when the one before is on its way, and reads to the end.

sub talk {
    my @pieces = @_;

    my $s = IO::Socket::INET->new(PeerAddr => "127.0.0.1:$t->{port}",
                                  Timeout => 10) or die $!;
    setsockopt $s, Socket::IPPROTO_TCP(), Socket::TCP_NODELAY(), 1;

    for my $piece (@pieces) {
        print $s $piece or last;
        $s->flush;
        select undef, undef, undef, 0.01 if @pieces > 1;   # its own packet
    }

    shutdown $s, 1;

    local $SIG{ALRM} = sub { die "no end of the answer" };
    alarm 10 * $t->{scale};
    my $answer = join '', <$s>;
    alarm 0;

    return $answer;
}

sub head {
    my ($path, @lines) = @_;
    return join "\r\n", "POST $path HTTP/1.1", 'Host: a',
        'Content-Type: application/json', @lines, '', '';
}

sub chunks {
    my ($body, $size) = @_;
    return join('', map { sprintf("%x\r\n", length $_) . "$_\r\n" }
                unpack "(a$size)*", $body) . "0\r\n\r\n";
}

my @close = ('Connection: close');
my @chunked = ('Transfer-Encoding: chunked', @close);

sub event { '{"company":"acme","event":"a","payload":"' . 'x' x $_[0] . '"}' }

# a body of a known length, in pieces

my $body = event(50000);
like(talk(head('/events', 'Content-Length: ' . length $body, @close),
          unpack '(a9000)*', $body), qr/^HTTP\/1.1 202 /, 'in pieces');

# chunked, in chunks of any size

for my $size (1, 4, 16, 4000, 100000) {
    like(talk(head('/events', @chunked) . chunks(event(60000), $size)),
         qr/^HTTP\/1.1 202 /, "in chunks of $size");
}

like(talk(head('/events', @chunked), unpack '(a3000)*', chunks(event(20000), 500)),
     qr/^HTTP\/1.1 202 /, 'in chunks and pieces');

# in an "if"

like(talk(head('/if', 'X-If: 1', @chunked) . chunks(event(10), 5)),
     qr/^HTTP\/1.1 202 /, 'chunked, in an "if"');
like(talk(head('/if', 'X-If: 1', 'Content-Length: ' . length event(10), @close)
          . event(10)), qr/^HTTP\/1.1 202 /, 'of a known length, in an "if"');

# beside other modules

for my $size (100, 40000) {
    my $before = WebhookTest::sh('sqlite3 -readonly ' . $t->store . ' "SELECT count(*) FROM message"');
    like(talk(head('/mirrored', 'Content-Length: ' . length event($size), @close) . event($size)),
         qr/^HTTP\/1.1 202 /, "mirrored, $size bytes");
    $t->wait_for('the copy', sub {
        WebhookTest::sh('sqlite3 -readonly ' . $t->store . ' "SELECT count(*) FROM message"') == $before + 2
    });
    pass('and its copy too');
}

is($t->http('GET', '/some/companies')->{status}, 200, 'beside limit_except');
is($t->http('POST', '/some/companies', content => '{"name":"x"}')->{status}, 201, 'inside it');

# too large

for my $case (
    [ 'declared', head('/events', 'Content-Length: 100000', @close) ],
    [ 'chunked', head('/events', @chunked) . chunks(event(100000), 30000) ],
) {
    my $answer = talk($case->[1]);
    like($answer, qr/^HTTP\/1.1 413 /, "too large, $case->[0]");
    like($answer, qr/"code":"body_too_large"/, '  as a problem');
}

my $late = talk(head('/events', @chunked), chunks(event(100000), 30000));
like($late, qr/^HTTP\/1.1 413 .*"code":"body_too_large"/s,
     'too large, chunked, the body after the head: as a problem too');

# what is left of a refused body is no request

my $smuggled = "GET /plain HTTP/1.1\r\nHost: a\r\n\r\n";

my $answer = talk(head('/events', 'Transfer-Encoding: chunked')
                  . "fffffff\r\n$smuggled" x 3000);
like($answer, qr/^HTTP\/1.1 413 /, 'a chunk that is too large');
unlike($answer, qr/plain/, 'what follows it is not taken for a request');

for my $path ('/key', '/events') {
    my $type = $path eq '/events' ? 'text/plain' : 'application/json';
    my $head = head($path, 'Transfer-Encoding: chunked');
    $head =~ s{application/json}{$type};
    $answer = talk("${head}zz\r\n$smuggled");
    like($answer, qr/^HTTP\/1.1 4(?:01|15) /, "$path, a bad chunk, refused");
    unlike($answer, qr/plain/, 'what follows it is not taken for a request');
}

# a good connection goes on

$answer = talk(head('/events', 'Content-Length: ' . length event(10)) . event(10)
               . head('/events', 'Transfer-Encoding: chunked') . chunks(event(9), 3)
               . "GET /plain HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
is(scalar(() = $answer =~ m{HTTP/1.1 202 }g), 2, 'two events on a connection');
like($answer, qr/plain$/, 'and a request after them');

# a client that goes away

for my $n (1 .. 20) {
    my $s = IO::Socket::INET->new("127.0.0.1:$t->{port}") or die $!;
    my $body = event(100 * $n);
    print $s head('/events', 'Content-Length: ' . length $body),
             $n % 2 ? $body : substr $body, 0, 50;
    $s->flush;
    close $s;
}

like(talk(head('/events', 'Content-Length: ' . length event(1), @close) . event(1)),
     qr/^HTTP\/1.1 202 /, 'all is well after clients that went away');

# a body that is compressed is not read as one that is not

for (['POST', '/events', '{"company":"acme","event":"a","payload":1}', 202], ['POST', '/api/companies', '{"name":"a"}', 201],
     ['PATCH', '/api/companies/acme', '{}', 200])
{
    my ($method, $path, $body, $good) = @$_;

    for (['gzip', 415], ['br', 415], ['identity', $good], ['Identity', $good], ['', $good], [[qw(identity gzip)], 415]) {
        my ($encoding, $want) = @$_;
        my $r = $t->http($method, $path, content => $body, headers => { 'Content-Encoding' => $encoding });
        is($r->{status}, $want, "$method $path, " . (ref $encoding ? "@$encoding" : $encoding));
    }
}

is(scalar($t->log_lines(qr/\[(?:alert|emerg|crit)\]|exited on signal/)), 0,
   'nothing alarming in the log');

$t->finish;
done_testing();
