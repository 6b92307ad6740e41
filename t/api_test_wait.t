# A test whose answer waits for the outcome: ?wait=10s.

use strict;
use warnings;

BEGIN { push @INC, 't/lib' }

use IO::Socket::INET;
use Test::More;
use Time::HiRes qw(time);
use WebhookTest;

my $t = WebhookTest->new(workers => 2, http => 'webhook_retry_delays 1h;');
$t->receiver;
$t->start;
my $w = $t->setup('acme', $t->url('/ok'), 'something.else');

sub path { my ($query, $id) = @_; "/companies/acme/webhooks/" . ($id || $w->{id}) . "/test" . ($query ? "?$query" : '') }
sub change { $t->api_ok('PATCH', "/companies/acme/webhooks/$w->{id}", { url => $t->url($_[0]) }) }
sub tests { scalar $t->events('acme', 'event=test.webhook-event') }

# an outcome

my ($status, $e) = $t->api('POST', path('wait=10s'));
is($status, 200, 'answered with the outcome');
is_deeply([ @$e{qw(event status)} ], [ 'test.webhook-event', 'delivered' ], 'a delivery');
is_deeply($e->{payload}, { company => 'ACME' }, 'its payload');
is_deeply([ map { $_->{status_code} } @{ $e->{attempts} } ], [ 200 ], 'and its attempt');
is_deeply($e, $t->event('acme', $e->{id}), 'all that there is to show');

change('/status/503');
($status, $e) = $t->api('POST', path('wait=10s'));
is("$status $e->{status} $e->{attempts}[0]{error}", '200 pending http_status', 'a failure, though it is tried again');

change('/header/200/X:y');
($status, $e) = $t->api('POST', path('wait=500ms'));
is($status, 200, 'in half a second');

# no outcome in time

change('/slow/1500');
my $begin = time;
($status, my $r) = $t->api('POST', path('wait=300ms'));
cmp_ok(time - $begin, '>=', 0.29, 'it waits');
is($status, 202, 'no outcome in time');
like($r->{webhook_event_id}, qr/^evt_/, '... is answered as without a wait');
$t->wait_event('acme', $r->{webhook_event_id}, 'delivered');

is([ $t->api('POST', path('wait=0')) ]->[0], 202, 'no wait');
is([ $t->api('POST', path()) ]->[0], 202, 'none said');

# what is refused

my $before = tests();
for my $wait ('31s', '1h', 'x', '', '-1s', '1.5s') {
    my ($status, $p) = $t->api('POST', path("wait=$wait"));
    is("$status $p->{code}", '400 invalid_parameter', "wait=$wait");
}
is([ $t->api('POST', path('wiat=5s')) ]->[1]{code}, 'invalid_parameter', 'a parameter that is misspelt');
is([ $t->api('POST', path('wait=5s', 'wh_x')) ]->[1]{code}, 'webhook_not_found', 'no webhook');
is([ $t->api('POST', "/companies/none/webhooks/$w->{id}/test?wait=5s") ]->[1]{code}, 'company_not_found', 'no company');
is(tests(), $before, 'and nothing is sent');

# many at a time

change('/slow/300');
my @pids;
for (1 .. 8) {
    push @pids, my $pid = fork;
    next if $pid;
    my ($status, $e) = $t->api('POST', path('wait=20s'));
    POSIX::_exit($status == 200 && $e->{status} eq 'delivered' ? 0 : 1);
}
is(scalar(grep { waitpid($_, 0) && $? } @pids), 0, 'each gets its own outcome');

# clients that go away, before and while there is an outcome

sub post {
    my $c = IO::Socket::INET->new("127.0.0.1:$t->{port}") or die $!;
    print $c 'POST /api', path('wait=20s'), " HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n";
    return $c;
}

change('/slow/600');
$before = tests();
my @gone = map { post() } 1 .. 4;
$t->wait_for('the tests', sub { tests() == $before + 4 });
close $_ for @gone;
$t->wait_for('their ends', sub { !$t->events('acme', 'event=test.webhook-event&status=pending&since='
    . POSIX::strftime('%Y-%m-%dT%H:%M:%SZ', gmtime $begin + 3)) });
is([ $t->api('POST', path('wait=10s')) ]->[0], 200, 'clients that go away disturb nobody');

# a reload while a test is sent, and while many wait to be

my %old = map { $_ => 1 } $t->workers;
change('/slow/1200');
my $c = post();
$before = tests();
$t->wait_for('it to arrive', sub { grep { $_->{uri} eq '/slow/1200' } $t->received });
$t->reload;
my $answer = do { local $/; local $SIG{ALRM} = sub { die 'no answer' }; alarm 30; <$c> };
alarm 0;
like($answer, qr/^HTTP\/1.1 200 .*"status":"delivered"/s, 'a reload takes no answer away');
$t->wait_for('the old workers to end', sub { !grep { $old{$_} } $t->workers }, 30);

# a restart ends the wait with the connection; the test is there still

change('/hang');
$c = post();
$t->wait_for('it to arrive', sub { grep { $_->{uri} eq '/hang' } $t->received });
change('/ok');
$t->stop('TERM');
$t->start;
$t->wait_for('it', sub { !$t->events('acme', 'event=test.webhook-event&status=pending&since='
    . POSIX::strftime('%Y-%m-%dT%H:%M:%SZ', gmtime $begin + 3)) });
pass('what a worker that was ended had is sent by another');

is(scalar($t->log_lines), 0, 'nothing alarming in the log');
$t->finish;
done_testing();
