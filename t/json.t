# All that RFC 8259 allows is a payload, and nothing else is; what is a payload
# arrives as the bytes that were ingested.

use strict;
use warnings;

BEGIN { push @INC, 't/lib' }

use Test::More;
use WebhookTest;

my $t = WebhookTest->new;
$t->receiver;
$t->start;
$t->setup('acme', $t->url('/ok'), 'good');

my @good = (
    'null', 'true', 'false', '0', '-0', '1', '-1', '1.5', '1e5', '1E+5',
    '1.0e-0', '123456789012345678901234567890', '0.1e999', '1e-400', '""',
    '"a"', '"\u0041\n\t\"\\\/\b\f\r"', '"\ud83d\ude00"', '"\ud800"',
    '"\ude00"', '["\ude00\ud83d"]',
    '"\u0000"', "\"\xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80\"", "\"\x7f\"",
    '[]', '{}', '[ ]', '{ }', "[\t1 ,\n2\r\n]", '[[[[1]]]]',
    '{"a":1,"a":2}', '{"":0}', '{"payload":{"payload":[1]}}',
    '{"a":[{"b":{}},null,"}"],"c":"]"}', '"\",\"event\":\"x"',
    '[' x 500 . ']' x 500,
    "\"\xed\x9f\xbf\xee\x80\x80\"", "\"\xf4\x8f\xbf\xbf\"",
);

my @bad = (
    '', ' ', 'nul', 'True', 'NaN', 'Infinity', '-', '+1', '01', '-01', '.5',
    '1.', '1.e5', '1e', '1e+', '0x1', "'a'", '"a', '"\x41"', '"\u12"',
    "\"a\nb\"", "\"a\tb\"", "\"\x00\"", "\x{0b}1", "1\x{0c}", "\xef\xbb\xbf1",
    "\xa01", '[1,]', '[,1]', '[1 2]', '[1', ']', '{"a"}', '{"a":}', '{"a":1,}',
    '{a:1}', '{1:1}', '{"a" 1}', '{"a":1 "b":2}', '{', '}', '[1}', '1 2',
    '/**/1', '1 // a', '# a', "\"\xff\"", "\"\xc0\x80\"", "\"\xc3\"",
    "\"\xe0\x80\x80\"", "\"\xed\xa0\x80\"", "\"\xf4\x90\x80\x80\"",
    "\"\xf8\x88\x80\x80\x80\"", "\"\xe2\x82\"", '[' x 512 . ']' x 512,
    '[' x 100000,
);

sub post {
    my ($event, $payload) = @_;
    return $t->http('POST', '/events', content =>
        qq({"company":"acme", "event":"$event", "payload" : $payload }));
}

sub name {
    my $n = substr $_[0], 0, 40;
    $n =~ s/([^ -~])/sprintf '\\x%02x', ord $1/ge;
    return $n;
}

for my $payload (@good) {
    is(post('good', $payload)->{status}, 202, 'good: ' . name($payload));
}

my %expected;
$expected{$_}++ for @good;

my %got;
for ($t->wait_received(scalar @good)) {
    my ($payload) = $_->{body} =~
        /^\{"event":"good","payload":(.*),"timestamp":\d+\}$/s
        or fail("a body of another shape: $_->{body}");
    $got{$payload}++;
}

is_deeply(\%got, \%expected, 'each arrived as the bytes that were ingested');

for my $payload (@bad) {
    my $r = post('good', $payload);
    is($r->{status}, 400, 'bad: ' . name($payload)) or diag $r->{content};
}

is(scalar($t->received), scalar(@good), 'nothing bad was delivered');
# half of a surrogate pair is no character: in the name of a member it is U+FFFD

my $r = $t->http('POST', '/api/companies', content => '{"name":"a","b\\ude00c":1}');
like($r->{content}, qr{"pointer":"/b(?:\xef\xbf\xbd)+c"}, 'half of a surrogate pair');

is(scalar($t->log_lines), 0, 'nothing alarming in the log');

$t->finish;
done_testing();
