# Batches: application/x-ndjson, an event a line, an answer for each.

use strict;
use warnings;

BEGIN { push @INC, 't/lib' }

use Test::More;
use WebhookTest;

my $t = WebhookTest->new(http => <<'CONF');
webhook_payload_limit 1k;
webhook_batch_limit 200k;
CONF
$t->receiver;
$t->start;
$t->setup('acme', $t->url('/ok'), 'wanted');
$t->api_ok('POST', '/companies', { uid => 'new', name => 'New' });

sub post {
    my ($body, %headers) = @_;
    my $r = $t->http('POST', '/events', content => $body,
                     headers => { 'Content-Type' => 'application/x-ndjson', %headers });
    return ($r, map { JSON::PP::decode_json($_) } split /\n/, $r->{content});
}

sub event { my ($e, $p, $c) = @_;
            sprintf '{"company":"%s","event":"%s","payload":%s}', $c || 'acme', $e, $p }

my ($r, @lines) = post(join "\n",
    event('wanted', 1),
    event('unwanted', 2),
    '{"company":"acme"',
    event('wanted', 3) . "\r",
    event('wanted', 4, 'nobody'),
    event('wanted', 5, 'new'),
    '',
    event('a..b', 6),
    event('wanted', '"' . 'x' x 2000 . '"'),
    "{\"company\":\"acme\",\"event\":\"wanted\",\"payload\":\"\xff\"}",
    '[1]',
    event('wanted', 7),
);

is($r->{status}, 200, 'a batch');
is($r->{headers}{'content-type'}, 'application/x-ndjson', 'lines for lines');
is_deeply([ map { join ' ', $_->{status}, $_->{code} // $_->{webhook_event_count} } @lines ], [
    '202 1', '202 0', '400 malformed_json', '202 1', '404 company_not_found',
    '403 access_not_enabled', '422 invalid', '413 payload_too_large',
    '400 invalid_utf8', '422 invalid', '202 1',
], 'each line has its answer, a bad one fails alone');

is(join(' ', map { $_->{line} } @lines), '1 2 3 4 5 6 8 9 10 11 12', '... with its number: an empty one has none');
like($lines[2]{detail}, qr/malformed at byte \d+/, 'what is wrong with a line');
is_deeply($lines[6]{errors}[0]{pointer}, '/event', '... and where');
is_deeply([ sort keys %{ $lines[4] } ], [qw(code detail line status)], '... as far as there is something to say');

my @ids = map { $_->{id} } grep { $_->{id} } @lines;
is_deeply([ sort @ids ], \@ids, 'ids rise in the order of the lines');

my @got = $t->wait_received(3);
is_deeply([ sort map { /"payload":(\d+)/ } map { $_->{body} } @got ], [ 1, 3, 7 ],
          'what was accepted is delivered');

# keys of lines

($r, @lines) = post(join "\n", map { qq({"company":"acme","event":"k","payload":$_,"idempotency_key":"same"}) } 1, 1, 2);
is_deeply([ map { $_->{status} } @lines ], [ 202, 202, 422 ], 'idempotency keys in a batch');
is($lines[0]{id}, $lines[1]{id}, 'one event for two lines');

($r, @lines) = post(event('wanted', 1), 'Idempotency-Key' => 'k');
is("$r->{status} $lines[0]{code}", '400 invalid_header', 'one for a whole batch would protect nothing');

# sizes

($r, @lines) = post(join "\n", map { event('wanted', $_) } 1 .. 1000);
is("$r->{status} " . grep({ $_->{status} == 202 } @lines), '200 1000', 'a thousand lines');

($r) = post(join "\n", map { event('wanted', $_) } 1 .. 1001);
is($r->{status}, 413, 'one more');
($r) = post('x' x 210_000);
is($r->{status}, 413, 'a body over webhook_batch_limit');
($r, @lines) = post('');
is("$r->{status} " . scalar @lines, '200 0', 'an empty batch');
($r, @lines) = post("\n\n\r\n");
is("$r->{status} " . scalar @lines, '200 0', 'empty lines');
($r, @lines) = post('nothing');
is("$r->{status} $lines[0]{code}", '200 malformed_json', 'bad lines alone');

$t->wait_for('all to be delivered', sub { $t->received >= 1003 }, 60);

# clients that go away

for (1 .. 10) {
    my $s = IO::Socket::INET->new("127.0.0.1:$t->{port}") or die;
    my $body = join "\n", map { event('gone', $_) } 1 .. 500;
    print $s "POST /events HTTP/1.1\r\nHost: a\r\nContent-Type: application/x-ndjson\r\n"
        . 'Content-Length: ' . length($body) . "\r\n\r\n$body";
    $s->flush;
    close $s;
}

($r, @lines) = post(event('wanted', 9));
is($lines[0]{status}, 202, 'all is well after clients that went away');

is(scalar($t->log_lines(qr/\[(?:alert|emerg|crit)\]|exited on signal/)), 0,
   'nothing alarming in the log');

$t->finish;
done_testing();
