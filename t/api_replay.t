# Replays: webhook events once more, or messages to a webhook that never had
# them; counted before, in their order where the webhook wants it.

use strict;
use warnings;

BEGIN { push @INC, 't/lib' }

use Replays;
use Test::More;
use WebhookTest;

# counts

my $w = $t->setup('acme', $t->url('/fail/40/one'), 'a.*');
$t->api_ok('PATCH', "/companies/acme/webhooks/$w->{id}", { retry_delays => [] });
$t->setup('other', $t->url('/ok'), '*');
send_many('a.one', 1, 40);
settled();
send_many('a.two', 41, 50);
settled();
my @all = reverse $t->events('acme', 'limit=250');
is(join(',', map { scalar $t->events('acme', "status=$_&limit=250") } qw(failed delivered)), '40,10', 'events');

is_deeply(count($w), { count => 50, at_least => JSON::PP::false() }, 'all of them');
is(count($w, filter => { status => 'failed' })->{count}, 40, 'the failed ones');
is(count($w, filter => { status => 'cancelled' })->{count}, 0, 'the cancelled ones');
is(count($w, filter => { event => 'a.two', status => undef })->{count}, 10, 'by name');
my $from = $all[45]{created_at};
is(count($w, filter => { since => $from })->{count}, scalar(grep { $_->{created_at} ge $from } @all), 'since');
is(count($w, filter => { until => $from })->{count}, scalar(grep { $_->{created_at} lt $from } @all), 'until');
is(count($w, source => 'messages')->{count}, 50, 'messages');
is(count($w, source => 'messages', filter => { event => 'a.one' })->{count}, 40, '... by name');
is(scalar(@{ $t->api_ok('GET', $replays)->{data} }), 0, 'a count leaves nothing');

# a replay of what has failed

my $r = replay($w, filter => { status => 'failed' });
like($r->{id}, qr/^rpl_[0-9a-z]{13}$/, 'an id');
is_deeply([ @$r{qw(webhook_id source status count at_least done)} ],
          [ $w->{id}, 'webhook_events', 'running', 40, JSON::PP::false(), 0 ], 'it runs');
is_deeply($r->{filter}, { since => undef, until => undef, status => 'failed', event => undef }, 'its filter');
$r = ended($r, 'done');
is_deeply([ @$r{qw(done skipped)} ], [ 40, 0 ], 'all were replayed');
ok($r->{finished_at}, '... and when');
settled();
is(scalar($t->events('acme', 'status=delivered&limit=250')), 50, 'all are delivered');
my %seen;
$seen{ $_->{headers}{'x-webhook-event-id'} }++ for got('/fail/40/one');
is(scalar(keys %seen), 50, 'by their own ids');
is(scalar(grep { $seen{ $_->{id} } != 2 } @all[0 .. 39]), 0, 'one attempt each');

# all of them, to an endpoint that fails: they stay delivered

$t->api_ok('PATCH', "/companies/acme/webhooks/$w->{id}", { url => $t->url('/status/500') });
$r = ended(replay($w, filter => { event => 'a.one', since => $all[0]{created_at} }), 'done');
settled();
is(scalar(got('/status/500')), 40, 'one attempt each');
is(scalar($t->events('acme', 'status=delivered&limit=250')), 50, 'they are what they were');

# messages to a webhook made later

my $new = $t->api_ok('POST', '/companies/acme/webhooks', { url => $t->url('/fail/1/new'), events => [ 'a.two' ] });
is(count($new)->{count}, 0, 'it has no events');
is(count($new, source => 'messages')->{count}, 10, 'but may have messages, of the names that it wants');
$r = ended(replay($new, source => 'messages'), 'done');
is($r->{done}, 10, 'ten messages');
settled();
my @events = reverse $t->events('acme', "webhook=$new->{id}&limit=250");
is(scalar(grep { $_->{status} eq 'delivered' } @events), 10, 'are delivered');
is((scalar grep { $_->{retries} == 1 } @events), 1, '... with all the attempts of a new event');
is(scalar(grep { my $e = $_; grep { $_->{id} eq $e->{id} } @all } @events), 0, '... by new ids');
my %payload = map { $_->{headers}{'x-webhook-event-id'} => $_->{n} } got('/fail/1/new');
is_deeply([ map { $payload{ $_->{id} } } @events ], [ 41 .. 50 ], '... with their payloads, in their order');
my $message = $events[3]{message_id};
is(scalar($t->events('acme', "message=$message")), 2, 'a message knows both its events');
is(scalar(@{ $t->api_ok('GET', "/companies/acme/messages/$message")->{webhook_events} }), 2, '... shown, too');

$r = ended(replay($new, source => 'messages'), 'done');
settled();
is(scalar($t->events('acme', "webhook=$new->{id}&limit=250")), 10, 'those that had it keep their ids');
is(scalar(got('/fail/1/new')), 21, '... and get it once more');

$t->api_ok('DELETE', "/companies/acme/messages/$message");
is(scalar($t->events('acme', "message=$message")), 0, 'erased with its message');
is(sql('SELECT count(*) FROM webhook_event_log WHERE webhook_event_id NOT IN (SELECT id FROM webhook_event)'), 0,
   '... with their attempts');

# an ordered webhook gets them in their order, behind what waits

my $line = $t->api_ok('POST', '/companies/acme/webhooks', { url => $t->url('/ok/line'), events => [ 'c' ],
                                                            ordered => $yes });
send_many('c', 1, 250);
settled();
$r = replay($line);
$t->wait_for('it to begin', sub { $t->api_ok('GET', "$replays/$r->{id}")->{done} });
send_many('c', 251, 260);
$r = ended($r, 'done');
settled();
my @line = map { $_->{n} } got('/ok/line');
is(scalar @line, 510, 'all of an ordered webhook');
my @again = grep { $_ <= 250 } @line[250 .. 509];
is_deeply(\@again, [ 1 .. 250 ], 'in their order');
is_deeply([ grep { $_ > 250 } @line ], [ 251 .. 260 ], 'and so are those that came meanwhile');

is([ $t->api('POST', "$replays/$r->{id}/cancel") ]->[1]{code}, 'not_running', 'one that is done is not to be cancelled');

# lists

my @ids = map { $_->{id} } @{ $t->api_ok('GET', $replays)->{data} };
is_deeply(\@ids, [ reverse sort @ids ], 'replays are listed, newest first');
my (@paged, $cursor);
do {
    my $page = $t->api_ok('GET', "$replays?limit=3" . ($cursor ? "&cursor=$cursor" : ''));
    push @paged, map { $_->{id} } @{ $page->{data} };
    $cursor = $page->{next_cursor};
} while $cursor;
is_deeply(\@paged, \@ids, '... page by page');

# what is refused

for ([ {}, 'missing_member', '/webhook_id' ], [ { webhook_id => 1 }, 'wrong_type', '/webhook_id' ],
     [ { source => 'x' }, 'invalid_value', '/source' ], [ { source => 1 }, 'wrong_type', '/source' ],
     [ { filter => [] }, 'wrong_type', '/filter' ], [ { filter => { x => 1 } }, 'unknown_member', '/filter/x' ],
     [ { filter => { since => 'x' } }, 'invalid_value', '/filter/since' ],
     [ { filter => { until => 5 } }, 'wrong_type', '/filter/until' ],
     [ { filter => { status => 'pending' } }, 'invalid_value', '/filter/status' ],
     [ { filter => { status => 1 } }, 'wrong_type', '/filter/status' ],
     [ { filter => { event => 'a.*' } }, 'invalid_value', '/filter/event' ],
     [ { source => 'messages', filter => { status => 'failed' } }, 'invalid_value', '/filter/status' ],
     [ { dry_run => 1 }, 'wrong_type', '/dry_run' ], [ { other => 1 }, 'unknown_member', '/other' ])
{
    my ($body, $code, $pointer) = @$_;
    my %body = (%$body && !exists $body->{webhook_id} ? (webhook_id => $w->{id}) : (), 
                (exists $body->{source} ? () : (source => 'webhook_events')), %$body);
    my ($status, $p) = $t->api('POST', $replays, \%body);
    is("$status $p->{errors}[0]{code} $p->{errors}[0]{pointer}", "422 $code $pointer", "refused: $code $pointer");
}

my $gone = $t->api_ok('POST', '/companies/acme/webhooks', { url => $t->url('/ok'), events => [ 'z' ] });
$t->api_ok('DELETE', "/companies/acme/webhooks/$gone->{id}");
is([ $t->api('POST', $replays, { webhook_id => $_, source => 'messages' }) ]->[1]{code}, 'webhook_not_found',
   "no webhook: $_") for 'wh_x', $gone->{id}, $t->api_ok('GET', '/companies/other/webhooks')->{data}[0]{id};
is([ $t->api('GET', "$replays/rpl_x") ]->[1]{code}, 'replay_not_found', 'no replay');
is([ $t->api('POST', "/companies/other/replays/$r->{id}/cancel") ]->[1]{code}, 'replay_not_found', 'of another company');
$t->api_ok('POST', '/companies', { uid => 'new', name => 'New' });
is([ $t->api('POST', '/companies/new/replays', { webhook_id => $w->{id}, source => 'messages' }) ]->[1]{code},
   'webhook_not_found', 'of no webhook of the company');

$t->api_ok('PATCH', "/companies/acme/webhooks/$w->{id}", { rate_limit => '1/h', url => $t->url('/ok') });
send_many('a.one', 1001, 1300);
replay($w) for 1 .. 10;
my ($status, $p) = $t->api('POST', $replays, { webhook_id => $w->{id}, source => 'messages' });
is("$status $p->{code}", '422 replay_limit', 'not more than ten at a time');

is([ $t->api('DELETE', '/companies/acme') ]->[0], 204, 'a company is deleted');
$t->wait_for('all to be erased', sub { !sql('SELECT count(*) FROM company WHERE deleted_at > 0') }, 30);
is(sql('SELECT (SELECT count(*) FROM replay) + (SELECT count(*) FROM replayed_event)'), 0, '... with its replays');

is(scalar($t->log_lines(qr/\[(?:emerg|crit)\]/)), 0, 'nothing alarming in the log');
$t->finish;
done_testing();
