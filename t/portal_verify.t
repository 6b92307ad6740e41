# The programs that the portal shows for a webhook, as they stand there: each
# has to accept its deliveries, and to refuse what is not genuine.  Those of
# languages that are not installed are left out.

use strict;
use warnings;

BEGIN { push @INC, 't/lib' }

use Digest::SHA qw(hmac_sha256_base64 hmac_sha256_hex);
use HTTP::Tiny;
use IO::Socket::INET;
use JSON::PP;
use MIME::Base64 qw(decode_base64);
use Test::More;
use WebhookTest;

plan skip_all => 'no node' if system 'command -v node >/dev/null';

my $t = WebhookTest->new;
$t->receiver;
$t->start;

my %run = (
    php => [ 'php', 'webhook.php', sub { ('php', '-d', 'html_errors=0', '-S', "127.0.0.1:$_[1]", $_[0]) } ],
    python => [ 'python3', 'webhook.py', sub { ('python3', $_[0]) } ],
    node => [ 'node', 'webhook.js', sub { ('node', $_[0]) } ],
    go => [ 'go', 'webhook.go', \&go_build ],
    ruby => [ 'ruby', 'config.ru', \&rack ],
);

my $w = $t->setup('acme', $t->url('/ok/in/box'), 'honeypot.*');
my $payload = '{"text":"gr' . "\xc3\xbc\xc3\x9fe \xe2\x82\xac" . '", "n":1.50,"big":12345678901234567890,"s":"\u00e9\/"}';
$t->ingest('acme', 'honeypot.alert', $payload);
my ($got) = $t->wait_received(1);
my ($body, $signature) = ($got->{body}, $got->{headers}{'x-signature'});
my $old = sign($body =~ s/"timestamp":\d+/'"timestamp":' . (time - 400)/er);

sub sign { my ($text, $secret) = @_; [ $text, hmac_sha256_hex($text, $secret || $w->{secret}) ] }

# as the portal makes them

sub program {
    my ($language) = @_;
    my $webhook = JSON::PP->new->encode($w);
    open my $fh, '-|', 'node', '--input-type=module', '-e',
        'import { readFileSync } from "node:fs";'
        . 'const text = readFileSync("portal/js/verify-code.js", "utf8");'
        . 'const m = await import("data:text/javascript," + encodeURIComponent(text));'
        . 'process.stdout.write(m.code(process.argv[1], JSON.parse(process.argv[2])));', $language, $webhook or die $!;
    local $/;
    return scalar <$fh>;
}

sub go_build {
    my ($file, $port) = @_;
    local $ENV{GOFLAGS} = '-mod=mod';
    my $dir = $t->dir;
    local $ENV{GOCACHE} = "$dir/go-cache";
    local $ENV{HOME} = $dir;
    WebhookTest::sh("cd $dir && go build -o $dir/webhook-go $file");
    return "$dir/webhook-go";
}

# the least that Rack asks of a server

sub rack {
    my ($file, $port) = @_;
    my $server = $t->dir . '/rack.rb';
    open my $fh, '>', $server or die $!;
    print $fh <<'RUBY';
require 'socket'
require 'stringio'
$app = nil
def run(app); $app = app; end
load ARGV[0]
server = TCPServer.new('127.0.0.1', ENV['PORT'].to_i)
loop do
  c = server.accept
  c.gets
  env = {}
  while (line = c.gets.chomp) != ''
    name, value = line.split(/:\s*/, 2)
    env['HTTP_' + name.upcase.tr('-', '_')] = value
  end
  env['rack.input'] = StringIO.new(c.read(env['HTTP_CONTENT_LENGTH'].to_i))
  status, = $app.call(env)
  c.write "HTTP/1.1 #{status} X\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
  c.close
end
RUBY
    close $fh;
    return ('ruby', $server, $file);
}

for my $language (sort keys %run) {
    my ($needs, $name, $command) = @{ $run{$language} };

    SKIP: {
        skip "$needs is not installed", 1 if system "command -v $needs >/dev/null";

        subtest $language => sub {
            my $code = program($language);
            like($code, qr{/ok/in/box}, 'for this webhook');
            unlike($code, qr/\Q$w->{secret}/, 'without its secret');

            my $file = $t->dir . "/$name";
            open my $fh, '>', $file or die $!;
            print $fh $code;
            close $fh;

            my $port = WebhookTest::free_port();
            my @command = $command->($file, $port);
            my $pid = fork;
            die $! unless defined $pid;
            if ($pid == 0) {
                @ENV{qw(WEBHOOK_SECRET PORT)} = ($w->{secret}, $port);
                open STDOUT, '>', $t->dir . "/$language.out";
                open STDERR, '>&', \*STDOUT;
                { exec @command }
                POSIX::_exit(1);
            }

            my $post = sub {
                my ($text, %headers) = @_;
                return HTTP::Tiny->new(timeout => 10)->post("http://127.0.0.1:$port/ok/in/box", {
                    content => $text, headers => { 'Content-Type' => 'application/json',
                                                   'X-Webhook-Event-Id' => 'evt_1', %headers } })->{status};
            };

            $t->wait_for("$language to listen", sub { $post->('', 'X-Signature' => 'x') != 599 }, 30);
            is($post->($body, 'X-Signature' => $signature), 204, 'a delivery, as it came from nginx');
            is($post->($body, 'X-Signature' => 'f' x 64, 'X-Signature-Previous' => $signature), 204,
               'one that the secret of before has signed');
            is($post->($body, 'X-Signature' => 'f' x 64), 401, 'another signature');
            is($post->($body), 401, 'none');
            is($post->($body, 'X-Signature' => substr $signature, 0, 63), 401, 'a short one');
            is($post->("$body ", 'X-Signature' => $signature), 401, 'a body that was changed');
            is($post->($body, 'X-Signature' => sign($body, 'whsec_x')->[1]), 401, 'another secret');
            is($post->($old->[0], 'X-Signature' => $old->[1]), 401, 'one that is old');

            my $half = $body =~ s/"payload":\K.*(?=,"timestamp")/"\\ud800"/r;
            is($post->($half, 'X-Signature' => sign($half)->[1]), 204, 'a payload that is no text');

            # a sender that goes away, and one that sends too much, do not end it

            my $s = IO::Socket::INET->new("127.0.0.1:$port") or die $!;
            print $s "POST /ok/in/box HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\nabc";
            $s->flush;
            close $s;
            isnt($post->('x' x (3 << 20), 'X-Signature' => 'x'), 204, 'a body that is too long');
            is($post->($body, 'X-Signature' => $signature), 204, 'it goes on');
            kill 'KILL', $pid;
            waitpid $pid, 0;
        };
    }
}

# the command sends a test that the receiver can verify

SKIP: {
    skip 'curl or openssl is not installed', 1 if system 'command -v curl >/dev/null && command -v openssl >/dev/null';

    my $file = $t->dir . '/webhook.sh';
    open my $fh, '>', $file or die $!;
    print $fh program('curl');
    close $fh;

    local $ENV{WEBHOOK_SECRET} = $w->{secret};
    WebhookTest::sh("sh $file");
    my ($sent) = grep { ($_->{headers}{'x-webhook-event-id'} || '') eq 'evt_by_hand' } $t->wait_received(2);
    is($sent->{headers}{'x-signature'}, hmac_sha256_hex($sent->{body}, $w->{secret}), 'curl: signed');
    is($sent->{headers}{'webhook-signature'}, 'v1,' . hmac_sha256_base64(
           "evt_by_hand.$sent->{headers}{'webhook-timestamp'}.$sent->{body}",
           decode_base64($w->{secret} =~ s/^whsec_//r)) . '=', '... for libraries of Standard Webhooks, too');
    like($sent->{body}, qr/^\{"event":"honeypot\.test","payload":\{"test":true\},"timestamp":\d+\}$/, '... as deliveries are');
}

# what cannot be run here is for this webhook, too

my $code = program('csharp');
like($code, qr{MapPost\("/ok/in/box"}, 'C#: for this webhook');
unlike($code, qr/\Q$w->{secret}/, '... without its secret');

$t->finish;
done_testing();
