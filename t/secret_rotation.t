# After rotate has answered, no attempt on any worker signs X-Signature with
# the old secret; in its time of grace it signs beside the new one.  Secrets
# that clients bring along.

use strict;
use warnings;

BEGIN { push @INC, 't/lib' }

use Digest::SHA qw(hmac_sha256_hex hmac_sha256);
use MIME::Base64 qw(encode_base64 decode_base64);
use Test::More;
use Time::HiRes qw(time);
use WebhookTest;

my $t = WebhookTest->new(workers => 2, http => 'webhook_retry_delays 30ms 30ms 30ms 30ms;');
$t->receiver;
$t->start;

my $w = $t->setup('acme', $t->url('/status/500'), 'a');
my $path = "/companies/acme/webhooks/$w->{id}";
my %secret = ($w->{secret} => 1);
my $current = $w->{secret};

# retries run on both workers while the secret changes

my (@answered, $n);

for my $round (1 .. 12) {
    $t->ingest('acme', 'a', qq({"round":$round})) for 1 .. 8;
    $n += 8;
    $current = $t->api_ok('POST', "$path/secret/rotate")->{secret};
    push @answered, [ time, $current ];
}

$t->wait_for('all to have failed', sub {
    my @e = $t->events('acme', 'status=pending&limit=250');
    return !@e;
}, 30);

my @secrets = ($w->{secret}, map { $_->[1] } @answered);
my ($old, $checked) = (0, 0);

for my $got ($t->received) {
    my $body = $got->{body};
    my ($which) = grep {
        hmac_sha256_hex($body, $secrets[$_]) eq $got->{headers}{'x-signature'}
    } 0 .. $#secrets;

    ok(0, 'a signature of no secret'), next unless defined $which;

    # an attempt that arrived long after a rotation was answered must be
    # signed with the new secret; one that was under way may have the old one

    my $newest = grep { $_->[0] < $got->{time} - 0.25 * $t->{scale} } @answered;
    $old++ if $which < $newest;
    $checked++;
}

cmp_ok($checked, '>=', $n, "$checked attempts were signed");
is($old, 0, 'none with a secret that was replaced');

is($t->api_ok('GET', "$path/secret")->{secret}, $current, 'the last one is shown');
# a time of grace

sub standard {
    my ($got, $secret) = @_;
    my $h = $got->{headers};
    return 'v1,' . encode_base64(hmac_sha256("$h->{'webhook-id'}.$h->{'webhook-timestamp'}.$got->{body}",
                                             decode_base64(substr $secret, 6)), '');
}

sub deliver {
    my $event = shift;
    my $before = $t->received;
    $t->ingest('acme', $event, 1);
    return ($t->wait_received($before + 1))[-1];
}

sub signed {
    my ($what, $got, $new, $old) = @_;
    is($got->{headers}{'x-signature'}, hmac_sha256_hex($got->{body}, $new), "$what: X-Signature is the new secret's");
    is($got->{headers}{'x-signature-previous'}, $old && hmac_sha256_hex($got->{body}, $old),
       "$what: X-Signature-Previous is the old one's");
    is($got->{headers}{'webhook-signature'}, join(' ', map { standard($got, $_) } grep { $_ } $new, $old),
       "$what: webhook-signature is both");
}

my $hook = $t->setup('acme', $t->url('/ok'), 'b');
$path = "/companies/acme/webhooks/$hook->{id}";
my @s = ($hook->{secret});

sub rotate { my $r = $t->api_ok('POST', "$path/secret/rotate", @_); unshift @s, $r->{secret}; return $r }

signed('at first', deliver('b'), $s[0]);
my $until = rotate({ grace => '1h' })->{previous_until};
is($t->api_ok('GET', "$path/secret")->{previous_until}, $until, 'until when is shown');
signed('in the time of grace', deliver('b'), @s[0, 1]);
rotate({ grace => '1h' });
signed('a second time', deliver('b'), @s[0, 1]);

my ($last) = $t->wait_for('it to be recorded', sub {
    my ($e) = $t->events('acme', 'event=b&limit=1');
    my $a = $t->event('acme', $e->{id})->{attempts}[0];
    return $a ? $a->{request}{headers} : ();
});
is($last->{'X-Signature-Previous'}, ($t->received)[-1]{headers}{'x-signature-previous'}, 'in the log of the attempt too');

$t->restart;
signed('after a restart', deliver('b'), @s[0, 1]);
rotate();
signed('rotated without grace', deliver('b'), $s[0]);
rotate({ grace => '1s' });
my $got = $t->wait_for('the end of the time of grace', sub {
    my $got = deliver('b');
    return $got->{headers}{'x-signature-previous'} ? () : $got;
});
signed('after the time of grace', $got, $s[0]);

# secrets of one's own

for my $n (24, 32, 64) {
    my $own = 'whsec_' . encode_base64(join('', map { chr(($_ * 7 + $n) % 256) } 1 .. $n), '');
    my $w = $t->api_ok('POST', '/companies/acme/webhooks', { url => $t->url('/ok'), events => ["own-$n"], secret => $own });
    is($w->{secret}, $own, "a secret of $n bytes");
    signed("... of $n bytes", deliver("own-$n"), $own);
    is($t->api_ok('GET', "/companies/acme/webhooks/$w->{id}/secret")->{secret}, $own, '... is shown');
}

for ([ 'x' x 23, 'too short' ], [ 'x' x 65, 'too long' ], [ "\xff" x 32, 'of another alphabet', sub { tr{+/}{-_} } ],
     [ 'x' x 32, 'without padding', sub { s/=+$// } ], [ 'x' x 32, 'with bits left over', sub { s/.=$/5=/ } ],
     [ 'x' x 32, 'without "whsec_"', sub { s/^whsec_// } ], [ 'x' x 32, 'with a space', sub { s/$/ / } ],
     [ 'x' x 32, 'with a line more', sub { s/$/\n/ } ])
{
    my ($bytes, $what, $change) = @$_;
    local $_ = 'whsec_' . encode_base64($bytes, '');
    $change->() if $change;
    my ($status, $p) = $t->api('POST', '/companies/acme/webhooks', { url => $t->url('/ok'), events => ['x'], secret => $_ });
    is("$status $p->{errors}[0]{code} $p->{errors}[0]{pointer}", '422 invalid_value /secret', "refused: $what");
}

is([ $t->api('PATCH', $path, { secret => $s[0] }) ]->[0], 422, 'not by PATCH');

my $bare = substr $s[0], 6;
my @found = grep { index(WebhookTest::slurp($_), $bare) >= 0 } glob($t->dir . '/webhook/*'), glob($t->dir . '/logs/*');
is_deeply(\@found, [], 'no secret in any file');

is(scalar($t->log_lines), 0, 'nothing alarming in the log');

$t->finish;
done_testing();
