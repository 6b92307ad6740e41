# While the disk fails, what is due is looked for twice a second, and no more
# often: the error log has a line for each time.

use strict;
use warnings;

BEGIN { push @INC, 't/lib' }

use Test::More;
use Time::HiRes qw(time);
use WebhookTest;

my $t = WebhookTest->new(http => 'webhook_retry_delays 1s 1s 1s;');
my ($library, $control) = map { $t->dir . $_ } '/faults.so', '/faults';

WebhookTest::sh("cc -shared -fPIC -o $library t/lib/faults.c");
order('');
chmod 0666, $control;

$t->receiver;

{
    local $ENV{FAULTS} = $control;
    local $ENV{LD_PRELOAD} = join ' ', $ENV{LD_PRELOAD} || (), $library;
    $t->start;
}

# events that fall due while the disk fails

$t->setup('acme', $t->url('/fail/1/x'), '*');
$t->ingest('acme', 'a', $_) for 1 .. 5;
$t->wait_for('their first attempts', sub { $t->received >= 5 });
$t->wait_for('their results', sub { (grep { $_->{retries} } $t->events('acme')) == 1 });
order('sync EIO wal');

my $begin = time;
$t->wait_for('the disk to fail', sub { failures() });
$t->wait_for('three seconds', sub { time > $begin + 3 });

cmp_ok(failures(), '<', 10 * (time - $begin), 'the log has few lines of it');

order('');
$t->wait_for('all to be delivered', sub {
    my @e = $t->events('acme');
    return @e == 5 && 5 == grep { $_->{status} eq 'delivered' } @e;
});
pass('and all goes on when it is over');

$t->finish;
done_testing();

sub failures { scalar(my @lines = $t->log_lines(qr/COMMIT; failed/)) }

sub order {
    open my $fh, -e $control ? '+<' : '>', $control or die "$control: $!";
    print $fh pack 'a64 L', shift, 0;
    close $fh;
}
