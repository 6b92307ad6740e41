# What a delivery looks like on the wire, byte for byte: the request line, the
# headers and no others, the body, the signatures.

use strict;
use warnings;

use lib 't/lib';

use Digest::SHA qw(hmac_sha256_hex hmac_sha256_base64);
use MIME::Base64 qw(decode_base64);
use Test::More;
use WebhookTest;

# each is ingested as it stands here, and has to arrive like that

my @payloads = (
    '{"a":1}',
    '{ "b" : 1.0e2,"a":12345678901234567890 ,"a":-0.0,"e":1E+400}',
    "{\"text\":\"gr\xc3\xbc\xc3\x9fe \xe2\x82\xac \xf0\x9f\x90\x9d \xe2\x80\xa8 \x7f\"}",
    '["\u0000\u001f\u00e9\ud83d\udc1d","\/\\\\\"\b\f\n\r\t"]',
    "[\n\t1 ,\r\n {}, [ ]\n]",
    '"a string, with ,\"timestamp\":1} inside"',
    'null', 'false', '-1.5E-3', '""', '{}',
    '[' x 510 . ']' x 510,
    '"' . "\xc3\xa9" x 100000 . '"',
);

my @plain = qw(Host User-Agent Content-Type Content-Length X-Webhook-Event-Id
               X-Timestamp X-Signature);
my @standard = qw(webhook-id webhook-timestamp webhook-signature);

my $path = '/ok/a%20b/%E2%82%AC/c//d;e?x=1&y=%2F%3f&z=a+b&&u=http://e/?';

my $t = WebhookTest->new(http => 'webhook_retry_delays 1100ms;');
my $port = $t->receiver->{port};
$t->start;

my $webhook = $t->setup('acme', $t->url($path), '*');
my $secret = $webhook->{secret};

like($secret, qr/^whsec_[A-Za-z0-9+\/]{43}=$/, 'the secret');

my $from = time;
$t->ingest('acme', "wire.n$_", $payloads[$_]) for 0 .. $#payloads;

my %got = map { $_->{body} =~ /^\{"event":"wire\.n(\d+)"/; $1 => $_ }
          $t->wait_received(scalar @payloads);
my $until = time;
my %ids;

for my $i (0 .. $#payloads) {
    my $r = $got{$i} or fail("payload $i arrived"), next;

    my $h = $r->{headers};
    my $name = length $payloads[$i] > 40 ? "payload $i" : $payloads[$i];
    $name =~ s/[^ -~]/./g;
    $ids{ $h->{'x-webhook-event-id'} } = 1;

    subtest $name => sub {
        request_line($r);
        body($r, "wire.n$i", $payloads[$i]);
        headers($r, @plain, @standard);
        signatures($r);

        cmp_ok($h->{'x-timestamp'}, '>=', $from, 'not signed before');
        cmp_ok($h->{'x-timestamp'}, '<=', $until, 'nor after');
    };
}

is(scalar keys %ids, scalar @payloads, 'each event has an id of its own');

# A retry: the same id and payload, another timestamp, signed anew.

$t->setup('again', $t->url('/fail/1/again'), '*');
$t->ingest('again', 'a.b', '{"n":1.50}');
my ($event) = $t->events('again');

my @tries = grep { $_->{uri} eq '/fail/1/again' }
            $t->wait_received(@payloads + 2);

($secret) = map { $_->{secret} } $t->api_ok('GET',
    "/companies/again/webhooks/$event->{webhook_id}/secret");

is(scalar @tries, 2, 'two attempts');

for (0, 1) {
    body($tries[$_], 'a.b', '{"n":1.50}');
    headers($tries[$_], @plain, @standard);
    signatures($tries[$_]);
    is($tries[$_]{headers}{'x-webhook-event-id'}, $event->{id},
       'the id that the API shows');
}

cmp_ok($tries[1]{headers}{'x-timestamp'}, '>',
       $tries[0]{headers}{'x-timestamp'}, 'the timestamp is the attempt\'s');

# The test event.

$t->api_ok('POST', "/companies/acme/webhooks/$webhook->{id}/test");

my $test = ($t->wait_received(@payloads + 3))[-1];
$secret = $webhook->{secret};

body($test, 'test.webhook-event', '{"company":"ACME"}');
headers($test, @plain, @standard);
signatures($test);

is_deeply([ $t->log_lines ], [], 'nothing bad in the error log');

# Without the headers of Standard Webhooks; a URL without a path.

my $off = WebhookTest->new(http => 'webhook_standard_headers off;');
$port = $off->receiver->{port};
$off->start;

$secret = $off->setup('acme', $off->url('?q=1'), '*')->{secret};
$off->ingest('acme', 'a', '{"off":[]}');

my ($r) = $off->wait_received(1);

is($r->{uri}, '/?q=1', 'an empty path');
body($r, 'a', '{"off":[]}');
headers($r, @plain);
signatures($r);

done_testing;


sub request_line {
    my $r = shift;
    is("$r->{method} $r->{uri} $r->{protocol}", "POST $path HTTP/1.1",
       'request line');
}

sub body {
    my ($r, $event, $payload) = @_;

    my $expected = qq({"event":"$event","payload":$payload,"timestamp":)
                   . "$r->{headers}{'x-timestamp'}}";

    # is() would print 200 kbytes
    ok($r->{body} eq $expected, "body of $event")
        or diag(substr $r->{body}, 0, 300);
}

# Names as they are sent, each once; the values of those that sign nothing.

sub headers {
    my ($r, @names) = @_;

    my $h = $r->{headers};

    is_deeply([ sort map { $_->[0] } @{ $r->{raw} } ], [ sort @names ],
              'these headers and no others');

    is($h->{host}, "127.0.0.1:$port", 'Host');
    is($h->{'user-agent'}, 'ngx-webhook/0.1.0', 'User-Agent');
    is($h->{'content-type'}, 'application/json', 'Content-Type');
    is($h->{'content-length'}, length $r->{body}, 'Content-Length');
    like($h->{'x-webhook-event-id'}, qr/^evt_[0-9a-hj-kmnp-tv-z]{13}$/,
         'X-Webhook-Event-Id');
    like($h->{'x-timestamp'}, qr/^[1-9]\d{9}$/, 'X-Timestamp');
}

sub signatures {
    my $r = shift;

    my $h = $r->{headers};
    my ($id, $timestamp) = @$h{qw(x-webhook-event-id x-timestamp)};

    is($h->{'x-signature'}, hmac_sha256_hex($r->{body}, $secret),
       'X-Signature');

    return unless exists $h->{'webhook-id'};

    my $key = decode_base64($secret =~ s/^whsec_//r);
    my $mac = hmac_sha256_base64("$id.$timestamp.$r->{body}", $key);

    is($h->{'webhook-id'}, $id, 'webhook-id');
    is($h->{'webhook-timestamp'}, $timestamp, 'webhook-timestamp');
    is($h->{'webhook-signature'}, "v1,$mac=", 'webhook-signature');
}
