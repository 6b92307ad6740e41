# After a failure the next attempt is due webhook_retry_delays later; after
# the last one the webhook event has failed.  Each attempt is in the log.

use strict;
use warnings;

BEGIN { push @INC, 't/lib' }

use Test::More;
use Time::Local qw(timegm);
use WebhookTest;

my @delays = (60, 120, 240, 480, 960);

my $t = WebhookTest->new(http => 'webhook_retry_delays '
                                 . join(' ', map { "${_}ms" } @delays) . ';');
$t->receiver;
$t->start;

sub msec {
    my ($y, $mo, $d, $h, $mi, $s, $ms) =
        $_[0] =~ /^(\d+)-(\d+)-(\d+)T(\d+):(\d+):(\d+)\.(\d+)Z$/ or return;
    return 1000 * timegm($s, $mi, $h, $d, $mo - 1, $y) + $ms;
}

$t->setup('acme', $t->url('/fail/3/some'), 'some');
$t->setup('acme', $t->url('/status/503'), 'none');

$t->ingest('acme', 'some', '{"a":1}');
$t->ingest('acme', 'none', '{"a":1}');

my ($none, $some) = $t->events('acme');
is($none->{event}, 'none', 'the newest is listed first');

# delivered at the fourth attempt

my $e = $t->wait_event('acme', $some->{id}, 'delivered');
my @a = @{ $e->{attempts} };

is(scalar(@a), 4, 'four attempts');
is_deeply([ map { $_->{number} } @a ], [ 1 .. 4 ], 'numbered');
is_deeply([ map { $_->{status_code} } @a ], [ 500, 500, 500, 200 ],
          'their status codes');
is_deeply([ map { $_->{error} } @a ],
          [ ('http_status') x 3, undef ], 'their errors');
is_deeply([ map { $_->{response}{body} } @a ],
          [ map { "seen $_\n" } 0 .. 3 ], 'what was answered');
is($e->{retries}, 3, 'three retries');
ok($e->{delivered_at}, 'a time of delivery');
is($e->{next_attempt_at}, undef, 'no next attempt');

for my $i (1 .. 3) {
    my $gap = msec($a[$i]{started_at}) - msec($a[$i - 1]{started_at});
    cmp_ok($gap, '>=', $delays[$i - 1], "attempt " . ($i + 1) . " not sooner");
    cmp_ok($gap, '<', $delays[$i - 1] + 400 * $t->{scale}, "nor much later");
}

my @got = grep { $_->{uri} eq '/fail/3/some' } $t->received;
is(scalar(@got), 4, 'four requests');

my %ids = map { $_->{headers}{'x-webhook-event-id'} => 1 } @got;
is_deeply([ keys %ids ], [ $some->{id} ], 'with one id');

# failed after six

$e = $t->wait_event('acme', $none->{id}, 'failed');
@a = @{ $e->{attempts} };
is(scalar(@a), 6, 'six attempts at most');
is($e->{reason}, 'attempts_exhausted', 'the reason');
is($e->{retries}, 5, 'five retries');
is($e->{delivered_at}, undef, 'never delivered');

$t->wait_for('nothing pending', sub { !$t->events('acme', 'status=pending') });
is(scalar(grep { $_->{uri} eq '/status/503' } $t->received), 6,
   'six requests came');

# 2xx is success, nothing else is

$t->stop;
$t->{http} = 'webhook_retry_delays off;';
$t->start;

for my $status (200, 201, 202, 204, 299, 300, 301, 302, 304, 400, 404, 410, 429,
                500, 503, 599)
{
    my $event = "status-$status";
    $t->setup('acme', $t->url("/status/$status"), $event);
    $t->ingest('acme', $event, 'null');
    my ($e) = $t->events('acme', "event=$event");

    my $want = $status < 300 ? 'delivered' : 'failed';
    $e = $t->wait_event('acme', $e->{id}, $want);
    is($e->{attempts}[0]{status_code}, $status, "$status: $want");
    is(scalar(@{ $e->{attempts} }), 1, 'one attempt, with "off"');
}

is(scalar($t->log_lines), 0, 'nothing alarming in the log');

$t->finish;
done_testing();
