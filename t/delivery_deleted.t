# Webhooks that are deleted, disabled and tested while events of them are on
# their way: every event ends in the right state, and nothing is left behind.

use strict;
use warnings;

BEGIN { push @INC, 't/lib' }

use Test::More;
use Time::HiRes qw(time);
use WebhookTest;

# under load: events are committed in the same batch as the end of a webhook

{
    my $t = WebhookTest->new(workers => 2, http => 'webhook_retry_delays 100ms 100ms;');
    $t->receiver;
    $t->start;
    $t->api_ok('POST', '/companies', { uid => 'acme', name => 'A', enabled => \1 });

    my @children;
    for my $n (1 .. 6) {
        my $pid = fork;
        if ($pid == 0) {
            my $until = time + 3;
            while (time < $until) {
                $t->http('POST', '/events', content =>
                    '{"company":"acme","event":"a","payload":1}');
            }
            POSIX::_exit(0);
        }
        push @children, $pid;
    }

    my ($until, $deleted) = (time + 3, 0);
    while (time < $until) {
        my $w = $t->api_ok('POST', '/companies/acme/webhooks',
                           { url => $t->url('/ok'), events => ['*'] });
        $t->api_ok('POST', "/companies/acme/webhooks/$w->{id}/test");
        $t->api_ok('POST', "/companies/acme/webhooks/$w->{id}/secret/rotate");
        $t->api_ok('DELETE', "/companies/acme/webhooks/$w->{id}");
        $deleted++;
    }
    waitpid $_, 0 for @children;

    $t->wait_for('all to end', sub { !$t->events('acme', 'status=pending&limit=1') }, 30);
    cmp_ok($deleted, '>', 10, "$deleted webhooks came and went");
    is(scalar(grep { $_->{status} !~ /^(?:delivered|cancelled)$/ } $t->events('acme', 'limit=250')),
       0, 'each event was delivered or cancelled');
    is(scalar($t->log_lines(qr/\[(?:alert|emerg|crit)\]|exited on signal/)), 0,
       'nothing alarming in the log');
    $t->finish;
}

# the test event of a disabled webhook outlives its worker

{
    my $t = WebhookTest->new;
    $t->receiver;
    $t->start;

    my $w = $t->setup('acme', $t->url('/hang/once'), 'other');
    $t->api_ok('PATCH', "/companies/acme/webhooks/$w->{id}", { enabled => \0 });
    my $r = $t->api_ok('POST', "/companies/acme/webhooks/$w->{id}/test");
    $t->wait_received(1);
    $t->api_ok('PATCH', "/companies/acme/webhooks/$w->{id}", { url => $t->url('/ok') });

    kill 'KILL', $t->workers;

    my $e = $t->wait_for('it to be delivered', sub {
        my ($status, $e) = $t->api('GET', "/companies/acme/webhook-events/$r->{webhook_event_id}");
        return $status == 200 && $e->{status} eq 'delivered' ? $e : ();
    });
    is(scalar(@{ $e->{attempts} }), 1, 'a test of a disabled webhook is taken over');
    $t->finish;
}

# an endpoint that does not answer a connection: no alert, and a clear code

{
    my $t = WebhookTest->new(http => 'webhook_retry_delays off; webhook_connect_timeout 100ms;');
    $t->start;

    my $full = IO::Socket::INET->new(Listen => 1, LocalAddr => '127.0.0.1') or die;
    my @fill = map { my $s = IO::Socket::INET->new(Proto => 'tcp', Blocking => 0);
                     connect $s, Socket::pack_sockaddr_in($full->sockport, Socket::inet_aton('127.0.0.1'));
                     $s } 1 .. 8;

    $t->setup('acme', 'http://127.0.0.1:' . $full->sockport . '/', '*');
    $t->ingest('acme', 'a', $_) for 1 .. 50;
    $t->wait_for('all to fail', sub { !$t->events('acme', 'status=pending') }, 30);

    my %codes;
    $codes{ $t->event('acme', $_->{id})->{attempts}[0]{error} }++ for $t->events('acme');
    cmp_ok($codes{connect_timeout} || 0, '>', 40, 'connections time out') or diag explain \%codes;
    is(scalar($t->log_lines(qr/\[(?:alert|emerg|crit)\]/)), 0, 'without an alert');
    $t->finish;
}

done_testing();
