# A connection that was kept, and is closed without an answer when it is used
# again: it may have been for its age, so the request goes out once more, on
# another one, and the log tells.  It does not go out on one after the other.

use strict;
use warnings;

BEGIN { push @INC, 't/lib' }

use Fcntl;
use Test::More;
use WebhookTest;

my $t = WebhookTest->new(http => 'webhook_retry_delays' . ' 50ms' x 30 . ';');
my $arrived = $t->dir . '/arrived';

# answers the first request of each connection, after a while, and closes at the
# second; each is a line

$t->receiver(serve => sub {
    my $c = shift;
    my $in = '';
    sysopen my $out, $arrived, O_WRONLY|O_CREAT|O_APPEND or die $!;

    for my $answered (0, 1) {
        while ($in !~ /\r\n\r\n.*\}$/s) {
            sysread $c, $in, 65536, length $in or return;
        }

        my ($id) = $in =~ /^X-Webhook-Event-Id: (\S+)\r$/mi;
        syswrite $out, "$id $answered\n";
        return if $answered;
        $in = '';
        select undef, undef, undef, 0.1;
        syswrite $c, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
    }
});

$t->start;
$t->setup('acme', $t->url('/'), '*');

# one connection is kept: the second event finds it closed

for my $n (1, 2) {
    $t->ingest('acme', 'a', $n);
    $t->wait_for("event $n", sub { $n == grep { $_->{status} eq 'delivered' } $t->events('acme') });
}

my ($second, $first) = map { $t->event('acme', $_->{id}) } $t->events('acme');
is($first->{attempts}[0]{error}, undef, 'the first is delivered');
is($first->{attempts}[0]{error_detail}, undef, 'and sent once');
is(scalar @{ $second->{attempts} }, 1, 'the second is delivered by its first attempt');
is($second->{attempts}[0]{error_detail}, 'sent twice', 'which was sent twice, and says so');
is_deeply([ arrived($second) ], [ 1, 0 ], 'on a connection that was closed, and on a new one');

# many are kept: each event is delivered in the end, and each attempt was sent as
# often as it says

$t->ingest('acme', 'a', $_) for 1 .. 40;
$t->wait_for('all to be delivered', sub { !$t->events('acme', 'status=pending') }, 30);

my ($twice, @wrong) = (0);

for my $e (map { $t->event('acme', $_->{id}) } $t->events('acme')) {
    my @sent = map { ($_->{error_detail} // '') =~ /^sent twice/ ? 2 : 1 } @{ $e->{attempts} };
    my $n = 0;
    $n += $_ for @sent;
    $twice += grep { $_ == 2 } @sent;
    push @wrong, "$e->{id}: $n, " . arrived($e) if $e->{status} ne 'delivered' || $n != arrived($e);
}

is("@wrong", '', 'each arrived as often as the log tells');
cmp_ok($twice, '>', 1, 'some were sent twice');

# libcurl counts how often a handle of it has sent something again, and gives up by
# itself then

my ($lost) = grep { $_->{error} && $_->{error_detail} !~ /tried 5 times/ }
             map { @{ $t->event('acme', $_->{id})->{attempts} } } $t->events('acme');

SKIP: {
    skip 'no attempt found two connections closed', 2 unless $lost;
    is($lost->{error}, 'connection_lost', 'two that were closed: the attempt has failed');
    is($lost->{error_detail}, 'sent twice: two connections were closed before an answer', 'and says why');
}

$t->finish;
done_testing();

# Whether it was the second request of its connection, each time.

sub arrived {
    my $e = shift;
    return map { / (\d)$/ } grep { /^\Q$e->{id}\E / } split /\n/, WebhookTest::slurp($arrived);
}
