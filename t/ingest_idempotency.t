# Idempotency keys: the same key and event answer as the first time, and
# nothing is stored again; the key with another event is refused.

use strict;
use warnings;

BEGIN { push @INC, 't/lib' }

use IO::Select;
use IO::Socket::INET;
use Test::More;
use WebhookTest;

my $t = WebhookTest->new(workers => 2, http => 'webhook_idempotency_window 2s;');
$t->receiver;
$t->start;
$t->setup('acme', $t->url('/ok'), '*');
$t->setup('other', $t->url('/ok'), '*');

sub post {
    my ($company, $payload, %o) = @_;
    my $member = $o{member} ? qq(,"idempotency_key":"$o{member}") : '';
    my $r = $t->http('POST', '/events',
        content => qq({"company":"$company","event":"a","payload":$payload$member}),
        headers => { ($o{header} ? ('Idempotency-Key' => $o{header}) : ()) });
    return ($r->{status}, JSON::PP::decode_json($r->{content}));
}

my ($status, $first) = post('acme', '{"n":1}', header => 'key-1');
is($status, 202, 'an event with a key');
is($first->{webhook_event_count}, 1, 'has its webhook events');

is_deeply([ post('acme', '{"n":1}', header => 'key-1') ], [ 202, $first ],
          'again: the same answer');
is_deeply([ post('acme', '{"n":1}', member => 'key-1') ], [ 202, $first ],
          'by the member: the same answer');
is_deeply([ post('acme', '{"n":1}', member => 'key-1', header => 'key-1') ],
          [ 202, $first ], 'by both: the same answer');

my ($s2, $p) = post('acme', '{"n": 1}', header => 'key-1');
is("$s2 $p->{code}", '422 idempotency_key_reused', 'another event');

isnt([ post('acme', '{"n":1}', header => 'key-2') ]->[1]{id}, $first->{id},
     'another key');
isnt([ post('other', '{"n":1}', header => 'key-1') ]->[1]{id}, $first->{id},
     'another company');

($s2, $p) = post('acme', 1, header => 'a', member => 'b');
is("$s2 $p->{errors}[0]{pointer}", '422 /idempotency_key', 'header and member differ');

($s2, $p) = post('acme', 1, header => [ 'a', 'a' ]);
is("$s2 $p->{code}", '400 invalid_header', 'two headers');

for my $key ('x' x 256, '\u00e9', '\t') {
    is([ post('acme', 1, member => $key) ]->[0], 422, 'a key that is none');
}
is([ post('acme', 1, header => 'x' x 255) ]->[0], 202, 'a long key');

# concurrent ones, on both workers

my $body = '{"company":"acme","event":"a","payload":"race"}';
my @s = map { IO::Socket::INET->new("127.0.0.1:$t->{port}") } 1 .. 40;
for my $s (@s) {
    print $s "POST /events HTTP/1.1\r\nHost: a\r\nConnection: close\r\n"
        . "Content-Type: application/json\r\nIdempotency-Key: race\r\n"
        . 'Content-Length: ' . length($body) . "\r\n\r\n$body";
    $s->flush;
}

my %answers;
for my $s (@s) {
    my $answer = join '', <$s>;
    my ($code) = $answer =~ m{^HTTP/1.1 (\d+)};
    my ($id) = $answer =~ /"id":"(msg_\w+)"/;
    $answers{"$code " . ($id || '')}++;
}

is(scalar(keys %answers), 1, 'forty at once: one answer') or diag explain \%answers;
like((keys %answers)[0], qr/^202 msg_/, 'a good one');

# one delivery for each that was stored: 1, 2, other, long, race

$t->wait_received(5);
$t->wait_for('all', sub { !$t->events('acme', 'status=pending') });
is(scalar(my @got = $t->received), 5, 'nothing was delivered twice');

# after the window the key is free

my $again;
$t->wait_for('the end of the window', sub {
    (my $status, $again) = post('acme', '{"n":1}', header => 'key-1');
    return $again->{id} ne $first->{id};
});
pass('after the window the event is a new one');

# and the store forgets the keys

$t->wait_for('the keys to be forgotten', sub {
    WebhookTest::sh('sqlite3 -readonly ' . $t->store
                    . ' "SELECT count(*) FROM idempotency"') == 0
});
pass('keys are forgotten');

is(scalar($t->log_lines), 0, 'nothing alarming in the log');

$t->finish;
done_testing();
