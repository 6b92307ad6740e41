# After rotate has answered, no attempt on any worker signs X-Signature with
# the old secret.

use strict;
use warnings;

BEGIN { push @INC, 't/lib' }

use Digest::SHA qw(hmac_sha256_hex);
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
is(scalar($t->log_lines), 0, 'nothing alarming in the log');

$t->finish;
done_testing();
