# The examples of docs/receiving.md, as they stand there: each has to accept a
# delivery that has come from nginx, and to refuse what is not genuine.

use strict;
use warnings;

use lib 't/lib';

use Digest::SHA qw(hmac_sha256_hex hmac_sha256_base64);
use MIME::Base64 qw(decode_base64);
use Test::More;
use WebhookTest;

# the command that the example needs, the name of its file, and how it is run

my %languages = (
    php => [ 'php', 'verify.php', 'php' ],
    python => [ 'python3', 'verify.py', 'python3' ],
    node => [ 'node', 'verify.js', 'node' ],
    go => [ 'go', 'verify.go', \&go_build ],
    sh => [ 'openssl', 'verify.sh', 'sh' ],
);

my @payloads = (
    '{"text":"gr' . "\xc3\xbc\xc3\x9fe \xe2\x82\xac \xf0\x9f\x90\x9d" . '",'
        . ' "n" : 1.0e2,"id":12345678901234567890,"z":-0.0 , "s":" \u00e9\/'
        . '\\\\ \" \u0000 ",' . "\n\t" . '"t":",\"timestamp\":1}", "timestamp":1}',
    'null',
    '[' x 510 . ']' x 510,
    '["\ud800", "half of a pair"]',
);

my $doc = WebhookTest::slurp('docs/receiving.md');

my $t = WebhookTest->new;
$t->receiver;
$t->start;

my $secret = $t->setup('acme', $t->url('/ok'), '*')->{secret};
my $other = $t->setup('other', $t->url('/other'), '*')->{secret};

$t->ingest('acme', 'honeypot.alert', $_) for @payloads;

my @got = sort { length $b->{body} <=> length $a->{body} }
          $t->wait_received(scalar @payloads);

my ($deep, $odd, $half, $null) = @got;

like($odd->{body}, qr/^\{"event":"honeypot\.alert","payload":\Q$payloads[0]\E,/,
     'the payload has arrived');

sample();

my %examples = $doc =~ /^<!--\ verify:\ (\w+)\ -->\n
                        ```\w+\n (.*?) ^```$/gmsx;

is_deeply([ sort keys %examples ], [ sort keys %languages ],
          'the examples of the page');

for my $language (sort keys %examples) {
    my ($needs, $name, $run) = @{ $languages{$language} };

    SKIP: {
        skip "$needs is not installed", 1
            if system("command -v $needs >/dev/null");

        my $file = $t->dir . "/$name";
        write_file($file, $examples{$language});

        subtest $language => sub {
            examine(ref $run ? $run->($file) : ($run, $file));
        };
    }
}

done_testing;


sub examine {
    my @run = @_;

    my ($body, $signature) = ($odd->{body}, $odd->{headers}{'x-signature'});

    my $accepts = sub { judged(\@run, 0, @_) };
    my $refuses = sub { judged(\@run, 1, @_) };

    # what nginx has sent

    $accepts->('a delivery', $secret, $body, $signature);
    $accepts->("a payload of $_->[0]", $secret, $_->[1]{body},
               $_->[1]{headers}{'x-signature'})
        for [ 'null', $null ], [ 'depth', $deep ], [ 'half of a surrogate pair', $half ];

    # what it has not

    my %changed = (
        'a byte changed' => $body =~ s/1\.0e2/1.1e2/r,
        'written again' => $body =~ s/1\.0e2/100/r,
        'a byte more' => "$body\n",
        'a byte less' => substr($body, 0, -1),
        'another timestamp' => $body =~ s/(\d)\}\z/($1 + 1) % 10 . '}'/er,
        'no body' => '',
    );

    for (sort keys %changed) {
        isnt($changed{$_}, $body, "$_: differs");
        $refuses->($_, $secret, $changed{$_}, $signature);
    }

    $refuses->('the secret of another', $other, $body, $signature);
    $refuses->('the secret without its prefix', $secret =~ s/^whsec_//r,
               $body, $signature);
    $refuses->('no secret', '', $body, hmac_sha256_hex($body, ''));

    $refuses->('the signature of another body', $secret, $body,
               $null->{headers}{'x-signature'});
    $refuses->('a signature cut short', $secret, $body,
               substr $signature, 0, 63);
    $refuses->('no signature', $secret, $body, '');
    $refuses->('a signature of non-ASCII', $secret, $body, "\xc3\xa9" x 32);

    # correctly signed, at another time: so the time alone makes the difference

    $accepts->('290 seconds old', $secret, signed_at(-290));
    $refuses->('310 seconds old', $secret, signed_at(-310));
    $refuses->('a year old', $secret, signed_at(-365 * 86400));
    $accepts->('280 seconds ahead', $secret, signed_at(280));
    $refuses->('320 seconds ahead', $secret, signed_at(320));
}

sub signed_at {
    my $shift = shift;
    my $body = $odd->{body} =~ s/(\d+)\}\z/(time() + $shift) . '}'/er;
    return ($body, hmac_sha256_hex($body, $secret));
}

# An exception is 1 too in some languages: what refuses has to be silent.

sub judged {
    my ($run, $code, $name, $key, $body, $signature) = @_;

    my ($in, $out) = map { $t->dir . "/$_" } 'body', 'out';
    write_file($in, $body);

    my $pid = fork;
    die "fork: $!" unless defined $pid;

    if ($pid == 0) {
        $ENV{WEBHOOK_SECRET} = $key;
        open STDIN, '<', $in or die;
        open STDOUT, '>', $out or die;
        open STDERR, '>&', \*STDOUT or die;
        exec @$run, $signature;
        die "exec: $!";
    }

    waitpid $pid, 0;

    is_deeply([ $?, WebhookTest::slurp($out) ], [ $code << 8, '' ],
              ($code ? 'refused: ' : 'accepted: ') . $name);
}

sub go_build {
    my $file = shift;

    my $dir = $t->dir;
    local $ENV{HOME} = $ENV{HOME} || $dir;
    local $ENV{GOTOOLCHAIN} = 'local';
    local $ENV{GOFLAGS} = '';

    WebhookTest::sh("cd $dir && go vet $file && go build -o verify-go $file");

    return "$dir/verify-go";
}

# The delivery that the page shows is a real one as well.

sub sample {
    my ($head, $body) = $doc =~ /^```\n(POST .*?)\n\n(.*?)\n```$/ms
        or return fail('a sample');
    my ($shown) = $doc =~ /`(whsec_[^`.]+)`/ or return fail('its secret');
    my %h = map { /^([^:]+): (.*)$/ ? (lc $1, $2) : () } split /\n/, $head;

    my $mac = hmac_sha256_base64(
        "$h{'webhook-id'}.$h{'webhook-timestamp'}.$body",
        decode_base64($shown =~ s/^whsec_//r));

    is($h{'content-length'}, length $body, 'the sample: its length');
    is($h{'x-signature'}, hmac_sha256_hex($body, $shown), 'X-Signature');
    is($h{'webhook-signature'}, "v1,$mac=", 'webhook-signature');
    like($body, qr/"timestamp":$h{'x-timestamp'}\}$/, 'timestamp');
    is_deeply([ sort keys %h ], [ sort keys %{ $odd->{headers} } ],
              'headers: those that arrive');
}

sub write_file {
    my ($file, $text) = @_;

    open my $fh, '>:raw', $file or die "$file: $!";
    print $fh $text;
    close $fh;
}
