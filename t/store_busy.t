# While another program holds the store, ingest waits, and what is more than
# webhook_ingest_queue is answered at once; what was accepted is delivered.

use strict;
use warnings;

BEGIN { push @INC, 't/lib' }

use IO::Select;
use IO::Socket::INET;
use Test::More;
use Time::HiRes qw(time);
use WebhookTest;

my $t = WebhookTest->new(http => 'webhook_ingest_queue 20;');
$t->receiver;
$t->start;
$t->setup('acme', $t->url('/ok'), '*');

# the sqlite3 program takes the write lock, and frees it when its input ends

my $pid = open my $lock, '|-', 'sqlite3 ' . $t->store or die $!;
$lock->autoflush(1);
print $lock "BEGIN IMMEDIATE;\n.shell touch " . $t->dir . "/locked\n";
$t->wait_for('the lock', sub { -e $t->dir . '/locked' });

my @s;

for my $n (1 .. 60) {
    my $body = qq({"company":"acme","event":"a","payload":$n});
    my $s = IO::Socket::INET->new("127.0.0.1:$t->{port}") or die $!;
    print $s "POST /events HTTP/1.1\r\nHost: a\r\nConnection: close\r\n"
        . "Content-Type: application/json\r\nContent-Length: " . length($body)
        . "\r\n\r\n$body";
    $s->flush;
    push @s, $s;
}

# some are answered while the store is held

my $begin = time;
my $select = IO::Select->new(@s);
my %status;

while (($status{'503 store_busy'} || 0) < 30) {
    my @ready = $select->can_read(5 * $t->{scale}) or last;
    for my $s (@ready) {
        my $answer = join '', <$s>;
        $select->remove($s);
        my ($code) = $answer =~ m{^HTTP/1.1 (\d+)};
        my ($problem) = $answer =~ /"code":"(\w+)"/;
        $status{"$code " . ($problem || '')}++;
        like($answer, qr/^Retry-After: 1\r/m, 'with Retry-After')
            if $code == 503 && $status{"$code " . ($problem || '')} == 1;
    }
}

cmp_ok($status{'503 store_busy'} || 0, '>=', 30, 'what is too much is refused')
    or diag explain \%status;
cmp_ok(time - $begin, '<', 4 * $t->{scale}, 'at once');

# nginx itself is not held up

is($t->http('GET', '/nothing')->{status}, 404, 'nginx answers other requests');

print $lock "ROLLBACK;\n";
close $lock;

while (my @ready = $select->can_read(10 * $t->{scale})) {
    for my $s (@ready) {
        my $answer = join '', <$s>;
        $select->remove($s);
        my ($code) = $answer =~ m{^HTTP/1.1 (\d+)};
        $status{$code}++;
    }
    last unless $select->count;
}

cmp_ok($status{202} || 0, '>', 0, 'the others were accepted') or diag explain \%status;

my @got = $t->wait_received($status{202});
$t->wait_for('all to be recorded', sub { !$t->events('acme', 'status=pending') });
is(scalar(@got = $t->received), $status{202}, 'and delivered');

is(scalar($t->log_lines(qr/\[(?:alert|emerg)\]|exited on signal/)), 0,
   'nothing alarming in the log');

$t->finish;
done_testing();
