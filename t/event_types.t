# The catalogue of event types, and webhook_strict_events.

use strict;
use warnings;

BEGIN { push @INC, 't/lib' }

use JSON::PP;
use Test::More;
use WebhookTest;

my $t = WebhookTest->new(workers => 2);
$t->receiver;
$t->start;

my $types = '/event-types';
my $example = '{"n": 1.0, "s":"\u00e9", "a":{"x":1,"y":[1, 2]}}';

my ($status, $e, $r) = $t->api('POST', $types, qq({"name":"honeypot.alert",)
    . qq("description":"Somebody knocks","example":$example,"schema":{"type":"object"}}));

is($status, 201, 'created');
is($e->{description}, 'Somebody knocks', 'the description');
is_deeply($e->{schema}, { type => 'object' }, 'the schema');
like($e->{created_at}, qr/^\d{4}-\d\d-\d\dT.*Z$/, 'when it was made');
ok(index($r->{content}, qq("example":$example)) > 0, 'the example, to the byte');

my $got = $t->api_ok('GET', "$types/honeypot.alert");
is_deeply($got, $e, 'shown');

for my $name ('scan.done', 'a-1', 'scan.started') {
    my $new = $t->api_ok('POST', $types, { name => $name });
    is_deeply([ @$new{'description', 'example', 'schema'} ], [ '', undef, undef ], "$name, nothing else");
}

# lists, by name

my $page = $t->api_ok('GET', "$types?limit=3");
is_deeply([ map { $_->{name} } @{ $page->{data} } ],
          [ 'a-1', 'honeypot.alert', 'scan.done' ], 'a page, by name');
$page = $t->api_ok('GET', "$types?limit=3&cursor=$page->{next_cursor}");
is_deeply([ map { $_->{name} } @{ $page->{data} } ], ['scan.started'], 'the next one');
is($page->{next_cursor}, undef, 'and the end');

for my $query ('limit=0', 'limit=251', 'limit=x', 'cursor=a..b', 'cursor=') {
    my ($status, $p) = $t->api('GET', "$types?$query");
    is("$status $p->{code}", '400 invalid_parameter', "?$query");
}

# changes: a merge patch

sub patch {
    my ($patch, $what, $example) = @_;
    my $new = $t->api_ok('PATCH', "$types/honeypot.alert", $patch);
    is_deeply($new->{example}, $example, "PATCH: $what");
    is_deeply($t->api_ok('GET', "$types/honeypot.alert"), $new, '... and so it is shown');
    return $new;
}

$got = patch('{"description":null}', 'no description', { n => 1, s => "\x{e9}", a => { x => 1, y => [ 1, 2 ] } });
is($got->{description}, '', '... none');
patch('{"example":{"s":null,"a":{"x":null,"z":{"q":null,"r":1}},"b":false}}', 'objects are merged',
      { n => 1, a => { y => [ 1, 2 ], z => { r => 1 } }, b => JSON::PP::false });
patch('{"example":[{"a":null}]}', 'anything else replaces', [ { a => undef } ]);
patch('{"example":{"a":{"b":null}}}', 'also by an object', { a => {} });
patch('{"example":"x","schema":true}', 'a string', 'x');
$got = patch('{"example":null,"schema":null}', 'null removes', undef);
is($got->{schema}, undef, '... a schema too');
patch('{}', 'nothing', undef);

# nested deep, and grown large

my $deep = '{"a":' x 100 . '1' . '}' x 100;
$t->api_ok('PATCH', "$types/a-1", '{"example":[' . $deep . ']}');
($status, my $p) = $t->api('PATCH', "$types/a-1", qq({"example":$deep}));
is("$status $p->{errors}[0]{pointer}", '422 /example', 'nested too deep to be merged');
$t->api_ok('PATCH', "$types/a-1", '{"example":{"' . $_ x 15000 . '":1}}') for 'a', 'b';
($status, $p) = $t->api('PATCH', "$types/a-1", '{"example":{"' . 'c' x 15000 . '":1}}');
is("$status $p->{errors}[0]{pointer}", '422 /example', 'over 32k with what is there');

# what is refused

for (
    [ '{}', 'missing_member', '/name' ],
    [ '{"name":"a..b"}', 'invalid_value', '/name' ],
    [ '{"name":"*"}', 'invalid_value', '/name' ],
    [ '{"name":1}', 'wrong_type', '/name' ],
    [ '{"name":"system.x"}', 'reserved_event', '/name' ],
    [ '{"name":"test.webhook-event"}', 'reserved_event', '/name' ],
    [ '{"name":"x","schema":"x"}', 'wrong_type', '/schema' ],
    [ '{"name":"x","schema":[]}', 'wrong_type', '/schema' ],
    [ '{"name":"x","description":5}', 'wrong_type', '/description' ],
    [ '{"name":"x","example":"' . 'x' x 32768 . '"}', 'invalid_value', '/example' ],
    [ '{"name":"x","group":"x"}', 'unknown_member', '/group' ],
) {
    my ($body, $code, $pointer) = @$_;
    my ($status, $p) = $t->api('POST', $types, $body);
    is("$status $p->{errors}[0]{code} $p->{errors}[0]{pointer}", "422 $code $pointer",
       'refused: ' . substr $body, 0, 50);
}

($status, $p) = $t->api('POST', $types, { name => 'a-1' });
is("$status $p->{code}", '409 name_taken', 'a name that is taken');
($status, $p) = $t->api('PATCH', "$types/a-1", { name => 'b' });
is("$status $p->{errors}[0]{code}", '422 unknown_member', 'no other name');

for my $method ('GET', 'PATCH', 'DELETE') {
    ($status, $p) = $t->api($method, "$types/none", $method eq 'PATCH' ? '{}' : undef);
    is("$status $p->{code}", '404 event_type_not_found', "$method: no such type");
}

is([ $t->api('DELETE', "$types/a-1") ]->[0], 204, 'deleted');
is([ $t->api('GET', "$types/a-1") ]->[0], 404, 'gone');

# without webhook_strict_events, the catalogue is for people

my $w = $t->setup('acme', $t->url('/ok'), 'unheard.of');
is($t->ingest('acme', 'unheard.of', 1)->{webhook_event_count}, 1, 'any event comes in');

# with it, events and subscriptions need a type, at once on each worker

$t->{http} = 'webhook_strict_events on;';
$t->restart;

sub event { $t->http('POST', '/events', content => qq({"company":"acme","event":"$_[0]","payload":1}), @_[1 .. $#_]) }

is(event('unheard.of')->{status}, 422, 'an event without a type');
is(decode_json(event('unheard.of')->{content})->{code}, 'unknown_event', '... is told');
is(event('scan.done')->{status}, 202, 'an event with one');

$r = $t->http('POST', '/events', headers => { 'Content-Type' => 'application/x-ndjson' }, content => join '',
    map { qq({"company":"acme","event":"$_","payload":1}\n) } 'scan.done', 'nope', 'scan.started');
is(join(' ', map { my $l = decode_json($_); $l->{code} || $l->{status} } split /\n/, $r->{content}),
   '202 unknown_event 202', 'in a batch, a line alone');

is($t->api_ok('POST', "/companies/acme/webhooks/$w->{id}/test")->{id} ? 1 : 0, 1, 'a test event has none, and is sent');

my $wrong = 0;

for my $round (1 .. 15) {
    $t->api_ok('POST', $types, { name => "round.$round" });
    $wrong += event("round.$round")->{status} != 202 for 1 .. 3;
    $t->api_ok('DELETE', "$types/round.$round");
    $wrong += event("round.$round")->{status} != 422 for 1 .. 3;
}

is($wrong, 0, 'a change holds when it is answered, on both workers');

# an event that came in before is answered as then

$t->api_ok('POST', $types, { name => 'once' });
my @once = map { event('once', headers => { 'Idempotency-Key' => 'k' })->{content} } 1;
$t->api_ok('DELETE', "$types/once");
is(event('once', headers => { 'Idempotency-Key' => 'k' })->{content}, $once[0], 'again, with its key');

# subscriptions

my $hooks = '/companies/acme/webhooks';
my $url = $t->url('/ok');

for (
    [ [ 'scan.done' ], 1 ], [ [ 'scan.*' ], 1 ], [ [ '*' ], 1 ], [ [ 'honeypot.*', 'scan.done' ], 1 ],
    [ [ 'system.*' ], 1 ], [ [ 'system.webhook.failing' ], 1 ],
    [ [ 'scan' ], '/events/0' ], [ [ '*', 'scan.done', 'scan.x' ], '/events/2' ],
    [ [ 'scan.done.*' ], '/events/0' ], [ [ 'sca.*' ], '/events/0' ],
) {
    my ($events, $want) = @$_;
    my ($status, $p) = $t->api('POST', $hooks, { url => $url, events => $events });
    is($status == 201 ? 1 : "$status $p->{code} $p->{errors}[0]{pointer} $p->{errors}[0]{code}",
       $want eq 1 ? 1 : "422 invalid $want unknown_event", "subscription @$events");
}

($status, $p) = $t->api('PATCH', "$hooks/$w->{id}", { events => [ 'scan.x' ] });
is("$status $p->{errors}[0]{code}", '422 unknown_event', 'nor by PATCH');
is([ $t->api('PATCH', "$hooks/$w->{id}", { enabled => \0 }) ]->[0], 200, 'an old one stays');

# at most a thousand

$t->stop;
WebhookTest::sh('sqlite3 ' . $t->store . q( "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n)
    INSERT INTO event_type (name, description, updated_at) SELECT 'many.' || i, '', 1 FROM n
    LIMIT 1000 - (SELECT count(*) FROM event_type)"));
chown((getpwnam 'nobody')[2, 3], glob $t->store . '*') if $t->user =~ /^nobody/ && $> == 0;
$t->start;
($status, $p) = $t->api('POST', $types, { name => 'a-1' });
is("$status $p->{code}", '422 event_type_limit', 'the 1001st is refused');
$t->api_ok('DELETE', "$types/many.1");
is([ $t->api('POST', $types, { name => 'a-1' }) ]->[0], 201, 'but for one that went');
is(event('many.500')->{status}, 202, 'all are known');

is(scalar($t->log_lines), 0, 'nothing alarming in the log') or diag $t->log_lines;

$t->finish;
done_testing();
