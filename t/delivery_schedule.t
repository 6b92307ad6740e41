# By default attempts fall due 1, 2, 4, 8 and 16 minutes after a failure: the
# due time in the API says so, and it is the store's, over restarts too.

use strict;
use warnings;

BEGIN { push @INC, 't/lib' }

use Test::More;
use Time::Local qw(timegm);
use WebhookTest;

my $t = WebhookTest->new(http => '# webhook_retry_delays: the default');
$t->receiver;
$t->start;

sub msec {
    my ($y, $mo, $d, $h, $mi, $s, $ms) =
        $_[0] =~ /^(\d+)-(\d+)-(\d+)T(\d+):(\d+):(\d+)\.(\d+)Z$/ or return;
    return 1000 * timegm($s, $mi, $h, $d, $mo - 1, $y) + $ms;
}

$t->setup('acme', $t->url('/status/500'), 'a');
$t->ingest('acme', 'a', 1);
my ($event) = $t->events('acme');
my $id = $event->{id};

for my $n (0 .. 4) {
    my $e = $t->wait_for('attempt ' . ($n + 1), sub {
        my $e = $t->event('acme', $id);
        return @{ $e->{attempts} } == $n + 1 ? $e : ();
    });
    my $a = $e->{attempts}[$n];

    is($e->{status}, 'pending', "pending after attempt " . ($n + 1));
    is($e->{retries}, $n + 1, 'retries');

    my $delay = msec($e->{next_attempt_at})
                - (msec($a->{started_at}) + $a->{duration_ms});
    is($delay, 60_000 * 2 ** $n, "the next is due " . 2 ** $n . " minutes later");

    # time passes: the due times in the store are moved

    $t->stop;
    WebhookTest::sh('sqlite3 ' . $t->store . qq( "
        UPDATE webhook_event SET due_at = 1 WHERE status = 0;
        UPDATE webhook_queue SET due_at = 1"));
    $t->start;
}

my $e = $t->wait_event('acme', $id, 'failed');
is(scalar(@{ $e->{attempts} }), 6, 'the sixth attempt is the last');

is(scalar($t->log_lines), 0, 'nothing alarming in the log');

$t->finish;
done_testing();
