# The write-ahead log is begun anew where it has grown beyond 64 MB, but not
# while the index of lists is filled; who fills it and never ends keeps neither
# the log from being checkpointed nor a worker from ending.

use strict;
use warnings;

BEGIN { push @INC, 't/lib' }

use Fcntl qw(F_SETLK F_UNLCK F_WRLCK SEEK_SET);
use Test::More;
use Time::HiRes qw(time);
use WebhookTest;

use constant { MB => 1048576, INDEX => 4098, EVENT => 200_000 };

my $t = WebhookTest->new(http => 'webhook_payload_limit 1m;')->start;
$t->api_ok('POST', '/companies', { uid => 'acme', name => 'ACME', enabled => \1 });
my $payload = '"' . 'x' x EVENT . '"';
my $settled = $t->store . '-wal';

sub post { $t->ingest('acme', 'a', $payload) for 1 .. $_[0] * MB / EVENT }

# POSIX locks and those of open files know of each other

open my $lock, '+<', $t->store . '.lock' or die $!;

sub index_byte {
    fcntl $lock, F_SETLK, pack 's s x4 q q i x4', $_[0], SEEK_SET, INDEX, 1, 0 or return 0;
    return 1;
}

$t->wait_for('the index to be nobody\'s', sub { index_byte(F_WRLCK) });

# the next writer begins it anew where a checkpoint came to its end before, as may
# happen; but if 64 MB were enough for that, it would never get to 90

for (1 .. 60) {
    post(20);
    last if -s $settled > 90 * MB;
}

cmp_ok(-s $settled, '>', 90 * MB, 'the log grows while the index is being filled');
cmp_ok(-s $t->store, '>', 60 * MB, '... and is checkpointed');

index_byte(F_UNLCK);
post(40);
my $size = -s $settled;
post(80);
is(-s $settled, $size, 'then it is begun anew');

# a worker ends whoever fills the index

$t->wait_for('the index to be nobody\'s', sub { index_byte(F_WRLCK) });
post(80);
my $begin = time;
$t->stop('QUIT');
cmp_ok(time - $begin, '<', 5 * ($ENV{WEBHOOK_SLOW} || 1), 'a worker ends meanwhile');
is(join("\n", $t->log_lines), '', 'no alarms');

$t->finish;
done_testing;
