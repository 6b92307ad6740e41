# Replays are carried on by whatever worker lives: killed, reloaded, cancelled,
# without an index, with a webhook that is slow, disabled or deleted.

use strict;
use warnings;

BEGIN { push @INC, 't/lib' }

use Replays;
use Test::More;
use WebhookTest;

my %seen;
my $r;

# cancelled in the middle; an endpoint that is slow makes it wait

my $slow = $t->setup('acme', $t->url('/ok/slow'), 'd');
send_many('d', 1, 1000);
settled();
sub limit { $t->api_ok('PATCH', "/companies/acme/webhooks/$slow->{id}", { rate_limit => $_[0] }) }
sub middle { my $r = shift;
    $t->wait_for('it to be in the middle', sub { $t->api_ok('GET', "$replays/$r->{id}")->{done} >= 200 }, 30) }

limit('2/s');
$r = replay($slow);
is($r->{count}, 1000, 'a thousand');
middle($r);
my $c = $t->api_ok('POST', "$replays/$r->{id}/cancel");
is_deeply([ @$c{qw(status reason)} ], [ 'cancelled', 'cancelled_by_request' ], 'cancelled');
cmp_ok($c->{done}, '<=', 300, 'before it was far: the webhook had enough to do');
is($t->api_ok('POST', "$replays/$r->{id}/cancel")->{status}, 'cancelled', 'twice is once');
my $done = sql("SELECT count(*) FROM webhook_event WHERE status = 0");
cmp_ok($done, '<=', $c->{done}, 'no more is due than was replayed');
limit(undef);
settled();

# killed in the middle: it goes on

limit('2/s');
my $received = () = got('/ok/slow');
$r = replay($slow);
middle($r);
$t->stop('KILL');
$t->start;
is($t->api_ok('GET', "$replays/$r->{id}")->{status}, 'running', 'it runs still, after a kill');
limit(undef);
$r = ended($r, 'done');
is_deeply([ @$r{qw(done skipped)} ], [ 1000, 0 ], 'all were replayed once');
settled();
my @later = got('/ok/slow');
%seen = map { $_->{n} => 1 } @later[$received .. $#later];
is(scalar(keys %seen), 1000, 'and delivered');

# one worker of two is killed, and a reload

for my $end (sub { kill 'KILL', ($t->workers)[0] }, sub { $t->reload }) {
    limit('2/s');
    $r = replay($slow);
    middle($r);
    $end->();
    limit(undef);
    is(ended($r, 'done')->{done}, 1000, 'whoever lives goes on');
    settled();
}

# without the index of lists

$t->stop;
WebhookTest::sh("rm -f $db.index*");
$t->start;
is(count($slow)->{count}, 1000, 'counted without an index');
is(count($slow, source => 'messages', filter => { event => 'd' })->{count}, 1000, '... messages, too');

# disabled meanwhile: it waits; deleted: it ends

limit('1/s');
$r = replay($slow);
middle($r);
$t->api_ok('PATCH', "/companies/acme/webhooks/$slow->{id}", { enabled => JSON::PP::false() });
is([ $t->api('POST', $replays, { webhook_id => $slow->{id}, source => 'messages' }) ]->[1]{code}, 'webhook_disabled',
   'none of a disabled webhook');
is(count($slow)->{count} + sql("SELECT count(*) FROM webhook_event WHERE status = 0"), 1000, 'but a count');
is($t->api_ok('GET', "$replays/$r->{id}")->{status}, 'running', 'one that runs waits');
$t->api_ok('DELETE', "/companies/acme/webhooks/$slow->{id}");
is(ended($r, 'cancelled')->{reason}, 'webhook_deleted', 'and ends with its webhook');
settled();
is(scalar($t->events('acme', "webhook=$slow->{id}&status=cancelled")), 0, 'its events are again what they were');

is(scalar($t->log_lines(qr/\[(?:emerg|crit)\]/)), 0, 'nothing alarming in the log');
$t->finish;
done_testing();
