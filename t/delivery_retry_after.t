# An endpoint that says when to come again is believed, within bounds; one that
# is gone for good is not asked again.

use strict;
use warnings;

BEGIN { push @INC, 't/lib' }

use POSIX qw(strftime);
use Test::More;
use Time::HiRes qw(time);
use Time::Local qw(timegm);
use WebhookTest;

my $t = WebhookTest->new(http => 'webhook_retry_delays 60s; webhook_retry_after_max 2h;');
$t->receiver;
$t->start;

my $n = 0;

sub time2str { strftime '%a, %d %b %Y %H:%M:%S GMT', gmtime $_[0] }

sub seconds {
    my ($y, $mo, $d, $h, $mi, $s) = $_[0] =~ /^(\d+)-(\d+)-(\d+)T(\d+):(\d+):([\d.]+)Z$/;
    return timegm(int $s, $mi, $h, $d, $mo - 1, $y) + $s - int $s;
}

# How long after its first attempt an event is due again, in seconds.

sub wait_of {
    my ($path) = @_;

    my $name = 'e' . ++$n;
    $t->setup('acme', $t->url($path), $name);
    $t->ingest('acme', $name, 1);

    my $e = $t->wait_for("an attempt at $path", sub {
        my ($e) = $t->events('acme', "event=$name");
        return $e && $e->{retries} ? $t->event('acme', $e->{id}) : ();
    });

    my $a = $e->{attempts}[0];
    return seconds($e->{next_attempt_at}) - seconds($a->{started_at}) - $a->{duration_ms} / 1000;
}

sub header { my ($code, $h) = @_; $h =~ s/([^\w])/sprintf '%%%02x', ord $1/ge; "/header/$code/$h" }

sub near { my ($got, $want, $what) = @_;
           ok(abs($got - $want) < 1.5, $what) or diag "$got, not $want" }

near(wait_of(header(503, 'Retry-After: 120')), 120, '503 with seconds');
near(wait_of(header(429, 'retry-after:  300 ')), 300, '429 with seconds');
near(wait_of(header(503, 'Retry-After: 10')), 60, 'it never shortens a delay');
near(wait_of(header(503, 'Retry-After: 999999')), 7200, 'it is bounded');
near(wait_of(header(503, 'Retry-After: 99999999999999999999999')), 7200,
     'also where it is no number any more');
near(wait_of(header(500, 'Retry-After: 120')), 60, '500: not asked for');
near(wait_of(header(503, 'Retry-After: soon')), 60, 'nonsense is left alone');
near(wait_of(header(503, 'Retry-After: 12x')), 60, 'so are numbers with more to them');
near(wait_of(header(503, 'Retry-After: -5')), 60, 'and negative ones');
near(wait_of(header(503, 'X-Retry-After: 120')), 60, 'another header');

my $at = int(time) + 600;
my $wait = wait_of(header(503, 'Retry-After: ' . time2str($at)));
cmp_ok(abs($wait - ($at - time)), '<', 5, '503 with a date');
near(wait_of(header(429, 'Retry-After: ' . time2str($at - 7200))), 60, 'a date that is over');

# 410

my $w = $t->setup('gone', $t->url('/status/410'), '*');
$t->ingest('gone', 'a.b', 1);

my $e = $t->wait_for('a 410', sub { my ($e) = $t->events('gone', 'status=failed'); $e });
is($e->{reason}, 'endpoint_gone', 'the event has failed');
is(scalar(@{ $t->event('gone', $e->{id})->{attempts} }), 1, 'after one attempt');

my $path = "/companies/gone/webhooks/$w->{id}";
my $now = $t->wait_for('the webhook to be disabled', sub {
    my $now = $t->api_ok('GET', $path);
    return $now->{enabled} ? () : $now;
});
is($now->{disabled_reason}, 'endpoint_gone', 'and the webhook is disabled');
is($t->ingest('gone', 'a.b', 2)->{webhook_event_count}, 0, 'it gets no more events');

$now = $t->api_ok('PATCH', $path, { enabled => JSON::PP::true(), url => $t->url('/ok') });
ok($now->{enabled}, 'it can be enabled again');
is($now->{disabled_reason}, undef, 'and has no reason any more');
$t->ingest('gone', 'a.b', 3);
$t->wait_for('it to be delivered', sub { $t->events('gone', 'status=delivered') });

# a test event says so, and disables nothing

$t->api_ok('PATCH', $path, { url => $t->url('/status/410') });
my $test = $t->api_ok('POST', "$path/test");
$t->wait_for('the test to fail', sub {
    $t->events('gone', 'event=test.webhook-event&status=failed')
});
ok($t->api_ok('GET', $path)->{enabled}, 'a test event that is answered with 410 disables nothing');

# the answer of an URL that the webhook has no longer

$t->api_ok('PATCH', $path, { url => $t->url('/header/410/X-A:%20b') });
$t->ingest('gone', 'a.b', 4);
$t->wait_for('the webhook to be disabled', sub { !$t->api_ok('GET', $path)->{enabled} });
is($t->api_ok('GET', $path)->{disabled_reason}, 'endpoint_gone', 'an event does');

is(scalar($t->log_lines), 0, 'nothing alarming in the log');
$t->finish;

# jitter makes delays longer, by so much at most

$t = WebhookTest->new(http => 'webhook_retry_delays 100s; webhook_retry_jitter 50%;');
$t->receiver;
$t->start;

my @waits = map { wait_of("/status/500?$_") } 1 .. 12;
cmp_ok((sort { $a <=> $b } @waits)[0], '>=', 99.9, 'jitter: never shorter');
cmp_ok((sort { $b <=> $a } @waits)[0], '<=', 150.1, 'jitter: within its bound');
my %different = map { int($_ * 10) => 1 } @waits;
cmp_ok(scalar keys %different, '>', 4, 'jitter: different each time');

$t->finish;
done_testing();
