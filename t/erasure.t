# What is deleted is erased for good: a message, a company, and what is older
# than webhook_retention allows.

use strict;
use warnings;

BEGIN { push @INC, 't/lib' }

use Test::More;
use WebhookTest;

my $t = WebhookTest->new(http => 'webhook_retry_delays 50ms 50ms;');
$t->receiver;
$t->start;
$t->setup('acme', $t->url('/status/500'), '*');
$t->setup('acme', $t->url('/ok'), '*');
$t->setup('other', $t->url('/ok'), '*');

my $db = $t->store;
sub count { 0 + WebhookTest::sh("sqlite3 -readonly $db \"SELECT count(*) FROM $_[0]\"") }

sub settled { $t->wait_for('all to end', sub {
    !$t->events('acme', 'status=pending') && !$t->events('other', 'status=pending')
}) }

# a message

my $erased = $t->ingest('acme', 'a', '"marker-of-the-erased"');
my $kept = $t->ingest('acme', 'a', '"marker-of-the-kept"');
my $others = $t->ingest('other', 'a', '"marker-of-another"');
settled();

is(count('webhook_event_log'), 2 * (3 + 1) + 1, 'attempts were logged');

is([ $t->api('DELETE', "/companies/other/messages/$erased->{id}") ]->[1]{code},
   'message_not_found', 'a message is no other company\'s to delete');
is([ $t->api('DELETE', '/companies/acme/messages/msg_x') ]->[0], 404, 'nor is one that is none');
is([ $t->api('DELETE', "/companies/acme/messages/$erased->{id}") ]->[0], 204, 'deleted');
is([ $t->api('DELETE', "/companies/acme/messages/$erased->{id}") ]->[0], 404, 'once');

is(count('message'), 2, 'the message is gone');
is(count('webhook_event'), 3, 'with its webhook events');
is(count('webhook_event_log'), 5, 'and their attempts');
is(scalar($t->events('acme', "message=$erased->{id}")), 0, 'and is in no list');

# while its delivery runs

$t->setup('slow', $t->url('/slow/400'), '*');
my $running = $t->ingest('slow', 'a', '"marker-of-the-running"');
$t->wait_for('it to arrive', sub { grep { $_->{uri} =~ m{^/slow} } $t->received });
$t->api_ok('DELETE', "/companies/slow/messages/$running->{id}");
$t->ingest('slow', 'a', 2);
$t->wait_for('the next', sub { $t->events('slow', 'status=delivered') });
is(scalar($t->events('slow')), 1, 'a result of the erased leaves no trace');

# in no file

$t->stop;
sub found { my $mark = shift; grep { index(WebhookTest::slurp($_), $mark) >= 0 } glob "$db $db-*" }
is(scalar(found('marker-of-the-erased')), 0, 'the bytes of the erased are in no file');
is(scalar(found('marker-of-the-running')), 0, 'nor those of the running');
is(scalar(found('marker-of-the-kept')), 1, 'those of the kept are');
$t->start;

# a company

$t->ingest('other', 'a', $_) for 1 .. 1200;
settled();
my $w = $t->api_ok('GET', '/companies/other/webhooks')->{data}[0];
my $id = $t->api_ok('GET', '/companies/other')->{id};

is([ $t->api('DELETE', '/companies/other') ]->[0], 204, 'a company is deleted');

for my $path ('/companies/other', "/companies/$id", "/companies/$id/webhooks",
              "/companies/$id/webhooks/$w->{id}", "/companies/$id/webhook-events")
{
    is([ $t->api('GET', $path) ]->[1]{code}, 'company_not_found', "$path is gone at once");
}

is($t->http('POST', '/events', content => '{"company":"other","event":"a","payload":1}')->{status},
   404, 'and takes no events');
my $again = $t->api_ok('POST', '/companies', { uid => 'other', name => 'Again', enabled => \1 });
isnt($again->{id}, $id, 'its uid is free');

$t->wait_for('all to be erased', sub { count('company WHERE deleted_at > 0') == 0 });
is(count("message WHERE payload = CAST('\\\"marker-of-another\\\"' AS BLOB)"), 0, 'its messages are erased');
is(count('webhook_event_log WHERE webhook_event_id NOT IN (SELECT id FROM webhook_event)'), 0,
   'no attempt is left behind');
is(count('webhook_event'), 2 + 1, 'what is others\' stays');
is(count('webhook'), 3, 'its webhooks are erased');
is(count('subscription'), 3, 'and their subscriptions');

is($t->ingest('acme', 'a', 1)->{webhook_event_count}, 2, 'and the others go on');
settled();

is(scalar($t->log_lines), 0, 'nothing alarming in the log');
$t->finish;

# retention

$t = WebhookTest->new(http => <<'CONF');
webhook_retention payloads=3s logs=1h;
webhook_retry_delays 1h;
CONF
$t->receiver;
$t->start;
$t->setup('acme', $t->url('/ok'), 'good');
$t->setup('acme', $t->url('/status/500'), 'bad');
$db = $t->store;

$t->ingest('acme', 'good', '"marker"') for 1 .. 600;
$t->ingest('acme', 'bad', '"marker"');
my ($bad) = $t->events('acme', 'event=bad');
$t->wait_for('an attempt', sub { @{ $t->event('acme', $bad->{id})->{attempts} } });

my $e = $t->wait_for('payloads to be erased', sub {
    my $e = $t->event('acme', $bad->{id});
    return $e->{payload_erased} ? $e : ();
});
is($e->{payload}, undef, 'an erased payload is null');
is($e->{status}, 'cancelled', 'what was still to be sent is cancelled');
is($e->{reason}, 'payload_expired', 'with the reason');
is(scalar(@{ $e->{attempts} }), 1, 'its log is there still');

# a payload that was erased while its event was tried is not sent any more

my $sent = my @got = $t->received;
$t->stop;
WebhookTest::sh("sqlite3 $db \"UPDATE webhook_event SET status = 0, due_at = 1 WHERE id ="
    . " (SELECT max(id) FROM webhook_event); INSERT OR REPLACE INTO webhook_queue (webhook_id, due_at)"
    . " SELECT webhook_id, 1 FROM webhook_event WHERE status = 0\"");
chown((getpwnam 'nobody')[2, 3], glob "$db*") if $> == 0 && $t->user =~ /^nobody/;
$t->start;
$t->wait_for('it to be cancelled', sub { !$t->events('acme', 'status=pending') });
is($t->event('acme', $bad->{id})->{reason}, 'payload_expired', 'an erased payload');
is(scalar(@got = $t->received), $sent, 'is not sent');

$t->stop;
$t->{http} = 'webhook_retention payloads=1s logs=1s;';
$t->start;

$t->wait_for('logs to be deleted', sub {
    count('message') + count('webhook_event') + count('webhook_event_log') == 0
});
pass('after the second time everything is gone');

is($t->ingest('acme', 'good', 1)->{webhook_event_count}, 1, 'and it goes on');
is(scalar($t->log_lines), 0, 'nothing alarming in the log');
$t->finish;

# what is being tried when its payload and its log are too old is tried to the end,
# and is then gone, whatever came of it

$t = WebhookTest->new(http => <<'CONF');
webhook_retention payloads=1s logs=1s;
webhook_retry_delays 1h;
webhook_concurrency 1000;
CONF
my $let = $t->dir . '/let';
my $held = $t->receiver(serve => sub {
    my $c = shift;
    my $in = '';
    while (sysread $c, $in, 65536, length $in) {
        next unless $in =~ /\r\n\r\n.*\}$/s;
        select undef, undef, undef, 0.02 until -e $let;
        my $status = $in =~ m{^POST /good} ? '200 OK' : '500 Bad';
        syswrite $c, "HTTP/1.1 $status\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
        return;
    }
});
$t->start;
$db = $t->store;
my $good = $t->setup('acme', $t->url('/good'), '*');
my $failing = $t->setup('acme', $t->url('/bad'), '*');
$t->ingest('acme', 'a', 1);
$t->wait_for('both to be tried', sub { count('webhook_event WHERE owner <> 0') == 2 });
$t->wait_for('its payload to be erased', sub { count("message WHERE payload = x''") == 1 });
is(count('message'), 1, 'what is being tried has its message');

# by then the webhook may be one that takes nothing more

$t->api_ok('PATCH', "/companies/acme/webhooks/$failing->{id}", { enabled => \0 });
select undef, undef, undef, 1.5;        # older than any log is kept
is(count('message') . ' ' . count('webhook_event'), '1 2', '... for as long as it is');
WebhookTest::spew($let, '');

$t->wait_for('all of it to be deleted', sub { count('message') + count('webhook_event') == 0 });
pass('then all is deleted');
my $metrics = $t->http('GET', '/api/metrics')->{content};
like($metrics, qr/^webhook_pending_events\{state="$_"\} 0$/m, "none is $_") for qw(due scheduled);
$t->wait_for('the log of the attempts to go', sub { count('webhook_event_log') == 0 });
unlike(scalar(`perl sql/webhook-audit $db`), qr/^BAD/m, 'nothing is left behind');
is(scalar($t->log_lines), 0, 'nothing alarming in the log');
$t->finish;

done_testing();
