# The libraries for Standard Webhooks verify what arrives, with the lines that
# docs/receiving.md shows, also during and after a rotation of the secret.
#
# The packages of Node.js are found by NODE_PATH; those of Python are used
# where they are installed.

use strict;
use warnings;

use lib 't/lib';

use Digest::SHA qw(hmac_sha256_hex hmac_sha256_base64);
use JSON::PP;
use MIME::Base64 qw(decode_base64);
use Test::More;
use WebhookTest;

my %languages = (
    node => { command => 'node', suffix => 'js',
              probe => q{node -e 'require("%s")'}, wrapper => <<'END' },
const [ secret, headers ] = JSON.parse(process.argv[2]);
const body = require('fs').readFileSync(0);
try {
%s
    console.log(`genuine ${event.event}`);
} catch (e) {
    console.log(`${e.constructor.name}: ${e.message}`);
}
END
    python => { command => 'python3', suffix => 'py',
                probe => q{python3 -c 'import %s.webhooks'},
                wrapper => <<'END' },
import sys
def check(secret, headers, body):
%s
    return event
import json
try:
    event = check(*json.loads(sys.argv[1]), sys.stdin.buffer.read())
    print('genuine', event['event'])
except Exception as e:
    print(type(e).__name__ + ':', e)
END
);

# pairs of a language and a library

my @libraries;

for my $language (sort keys %languages) {
    for my $library (qw(standardwebhooks svix)) {
        my $probe = sprintf $languages{$language}{probe}, $library;

        if (system("$probe >/dev/null 2>&1") == 0) {
            push @libraries, [ $language, $library ];

        } else {
            note("$library for $language is not installed");
        }
    }
}

plan skip_all => 'no library for Standard Webhooks is installed'
    unless @libraries;

my $doc = WebhookTest::slurp('docs/receiving.md');

my $t = WebhookTest->new;
$t->receiver;
$t->start;

write_file(program($_), sprintf $languages{$_->[0]}{wrapper}, example(@$_))
    for @libraries;

# A delivery, and what is none.

my $payload = '{"text":"gr' . "\xc3\xbc\xc3\x9fe \xf0\x9f\x90\x9d"
              . '","n" : 1.0e2, "id":12345678901234567890,"s":"\u00e9\/\" "}';

my $webhook = $t->setup('acme', $t->url('/ok'), 'honeypot.*');
my $other = $t->setup('other', $t->url('/ok'), '*')->{secret};
my $first = $webhook->{secret};
my $r = deliver();

one_signature($r, $first);
verifies('a delivery', $first, $r);
refuses('the secret of another', $other, $r);

my @changes = (
    [ 'payload', 'body', sub { s/1\.0e2/1.1e2/ } ],
    [ 'written again', 'body', sub { s/1\.0e2/100/ } ],
    [ 'id', 'webhook-id', sub { s/(.)\z/$1 eq '0' ? 1 : 0/e } ],
    [ 'timestamp', 'webhook-timestamp', sub { $_ -= 1 } ],
    [ 'signature', 'webhook-signature', sub { tr/A-Z/B-ZA/ } ],
);

for (@changes) {
    my ($name, $what, $change) = @$_;

    my $c = copy($r);
    my $value = $what eq 'body' ? \$c->{body} : \$c->{headers}{$what};
    my $before = $$value;

    $change->() for $$value;

    isnt($$value, $before, "$name: differs");
    refuses("changed: $name", $first, $c);
}

# signed correctly, but at another time

my $old = copy($r);

$old->{headers}{'webhook-timestamp'} -= 280;
$old->{headers}{'webhook-signature'} = standard($old, $first);
verifies('280 seconds old', $first, $old);

$old->{headers}{'webhook-timestamp'} -= 30;
$old->{headers}{'webhook-signature'} = standard($old, $first);
judged('310 seconds old', $first, $old,
       qr/^WebhookVerificationError: Message timestamp too old/);

# With a grace time both secrets verify.

my $second = rotate({ grace => '1h' });
$r = deliver();

isnt($second, $first, 'another secret');
verifies('grace: the new secret', $second, $r);
verifies('grace: the old secret', $first, $r);
refuses('grace: the secret of another', $other, $r);

is($r->{headers}{'webhook-signature'},
   standard($r, $second) . ' ' . standard($r, $first),
   'webhook-signature: the new one, a space, the old one');
is($r->{headers}{'x-signature'}, hmac_sha256_hex($r->{body}, $second),
   'X-Signature: the new one');
is($r->{headers}{'x-signature-previous'},
   hmac_sha256_hex($r->{body}, $first), 'X-Signature-Previous: the old one');

# Without one the old secret is void, and so is the one before, though its
# grace time has not ended.

my $third = rotate();
$r = deliver();

verifies('no grace: the new secret', $third, $r);
refuses('no grace: the old secret', $second, $r);
refuses('no grace: the one before', $first, $r);
one_signature($r, $third);

# A grace time ends.

my $fourth = rotate({ grace => '1s' });

$r = $t->wait_for('the end of the grace time', sub {
    my $d = deliver();
    return exists $d->{headers}{'x-signature-previous'} ? () : $d;
});

verifies('after the grace: the new secret', $fourth, $r);
refuses('after the grace: the old secret', $third, $r);
one_signature($r, $fourth);

done_testing;


sub deliver {
    my $before = () = $t->received;

    $t->ingest('acme', 'honeypot.alert', $payload);

    return ($t->wait_received($before + 1))[-1];
}

sub rotate {
    return $t->api_ok('POST', "/companies/acme/webhooks/$webhook->{id}"
                              . '/secret/rotate', @_)->{secret};
}

sub copy {
    my $r = shift;
    return { body => $r->{body}, headers => { %{ $r->{headers} } } };
}

sub standard {
    my ($r, $secret) = @_;

    my $h = $r->{headers};

    return 'v1,' . hmac_sha256_base64(
        "$h->{'webhook-id'}.$h->{'webhook-timestamp'}.$r->{body}",
        decode_base64($secret =~ s/^whsec_//r)) . '=';
}

sub one_signature {
    my ($r, $secret) = @_;

    is($r->{headers}{'webhook-signature'}, standard($r, $secret),
       'one webhook-signature');
    is($r->{headers}{'x-signature'}, hmac_sha256_hex($r->{body}, $secret),
       'X-Signature');
    ok(!exists $r->{headers}{'x-signature-previous'},
       'no X-Signature-Previous');
}

sub verifies { judged(@_, qr/^genuine honeypot\.alert$/) }

sub refuses { judged(@_, qr/^WebhookVerificationError: No matching sig/) }

sub judged {
    my ($name, $secret, $r, $expected) = @_;

    my ($body, $arguments) = map { $t->dir . "/$_" } 'body', 'arguments';

    write_file($body, $r->{body});
    write_file($arguments, encode_json([ $secret, $r->{headers} ]));

    for my $l (@libraries) {
        my $command = $languages{$l->[0]}{command} . ' ' . program($l);
        my $said = WebhookTest::sh("$command \"\$(cat $arguments)\" <$body");

        like($said, $expected, "$name ($l->[1], $l->[0])");
    }
}

# The lines that the page shows, with the one library or the other.

sub example {
    my ($language, $library) = @_;

    $doc =~ /^<!--\ verify:\ $language\ standardwebhooks\ -->\n
             ```\w+\n (.*?) ^```$/msx or die "no example for $language\n";

    return $1 =~ s/standardwebhooks/$library/r =~ s/^(?=.)/    /gmr;
}

sub program {
    my $l = shift;
    return $t->dir . "/with-$l->[1].$languages{$l->[0]}{suffix}";
}

sub write_file {
    my ($file, $text) = @_;

    open my $fh, '>:raw', $file or die "$file: $!";
    print $fh $text;
    close $fh;
}
