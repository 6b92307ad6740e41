# Events of all sizes, which a worker has taken in and gives back when it ends:
# its memory for one is as large as its payload, and holds what comes later.

use strict;
use warnings;

BEGIN { push @INC, 't/lib' }

use Test::More;
use WebhookTest;

my $t = WebhookTest->new(http => 'webhook_timeout 3s; webhook_concurrency 1024;');
$t->receiver;
$t->start;
$t->setup('acme', $t->url('/hang'), "e$_") for 0 .. 9;

# of each webhook, the first is in flight, the others wait for it

my $n = 0;

for my $size (560 .. 759) {
    my $text = 'x' x ($size - 2);
    my $r = $t->http('POST', '/events', content => sprintf
        '{"company":"acme","event":"e%d","idempotency_key":"key-%d","payload":"%s"}',
        $n / 20, $n++, $text);
    BAIL_OUT("$r->{status} $r->{content}") if $r->{status} != 202;
}

my ($old) = $t->workers;
$t->reload;
$t->wait_for('the end of the old worker', sub { !WebhookTest::alive($old) }, 30);

is(scalar(grep { /exited on signal/ } $t->log_lines), 0, 'no worker has crashed');
is(scalar($t->log_lines), 0, 'nothing alarming in the log');

is(WebhookTest::sh('sqlite3 -readonly ' . $t->store . " 'SELECT count(*) FROM webhook_event"
                   . " WHERE status = 0; PRAGMA integrity_check'"), "$n\nok\n", 'nothing is lost');

$t->stop('TERM');
$t->finish;
done_testing();
