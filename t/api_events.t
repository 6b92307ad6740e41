# Webhook events and messages of the admin API: lists with ranges of time,
# identifiers and text in the payload, and one of them with all there is.

use strict;
use warnings;

BEGIN { push @INC, 't/lib' }

use POSIX qw(strftime);
use Test::More;
use WebhookTest;

my $t = WebhookTest->new(http => 'webhook_retry_delays 50ms;');
$t->receiver;
$t->start;

my $w = $t->setup('acme', $t->url('/header/200/X-Answer:%20yes'), 'a.*');
$t->setup('acme', $t->url('/status/500'), 'b');
$t->setup('other', $t->url('/ok'), '*');

my $events = '/companies/acme/webhook-events';
my $messages = '/companies/acme/messages';

sub time_of { my ($s, $ms) = @_; strftime('%Y-%m-%dT%H:%M:%S', gmtime $s) . sprintf '.%03dZ', $ms || 0 }

sub ids { map { $_->{id} } @{ $t->api_ok('GET', $_[0])->{data} } }

sub all {
    my ($path) = @_;
    my (@ids, $cursor, $pages);
    do {
        my $page = $t->api_ok('GET', $path . ($cursor ? "&cursor=$cursor" : ''));
        push @ids, map { $_->{id} } @{ $page->{data} };
        $cursor = $page->{next_cursor};
        die 'no end' if ++$pages > 200;
    } while $cursor;
    return @ids;
}

# a message that nobody wants, then others

my $unwanted = $t->ingest('acme', 'c.none', '{"needle":"hay \u00e9"}')->{id};
my @sent = map { $t->ingest('acme', $_->[0], $_->[1])->{id} }
           [ 'a.one', '{"n":1,"text":"needle one"}' ], [ 'a.two', '{"n":2}' ], [ 'b', '{"n":3}' ];
$t->ingest('other', 'a.one', '{"text":"needle of another"}');
$t->wait_for('all to end', sub { !$t->events('acme', 'status=pending') });

my @evt = map { $_->{id} } reverse $t->events('acme');
is(scalar @evt, 3, 'three webhook events');

# identifiers are times

my %at = map { $_->{id} => $_->{created_at} } $t->events('acme');
my $middle = $at{$evt[1]};

is_deeply([ ids("$events?since=$middle") ], [ grep { $at{$_} ge $middle } reverse @evt ], 'since is inclusive');
is_deeply([ ids("$events?until=$middle") ], [ grep { $at{$_} lt $middle } reverse @evt ], 'until is not');
is(scalar(ids("$events?since=$middle&until=$middle")), 0, 'an empty range');
is(scalar(ids("$events?since=1970-01-01T00:00:00Z&until=2247-12-31T23:59:59Z")), 3, 'all of time');
is(scalar(ids("$events?since=2200-01-01T00:00:00Z")), 0, 'the future');
is(scalar(ids("$events?until=1970-01-01T00:00:00Z")), 0, 'nothing is older than the epoch');
(my $offset = $middle) =~ s/Z$/+00:00/;
is_deeply([ ids("$events?since=" . $offset =~ s/\+/%2B/r) ], [ ids("$events?since=$middle") ], 'an offset');
my ($soon, $ago) = map { time_of(time + 7200 + $_) =~ s/Z$/%2B02:00/r } 60, -60;
is(scalar(ids("$events?until=$soon")), 3, 'an offset counts');
is(scalar(ids("$events?until=$ago")), 0, '... either way');
is(scalar(ids("$events?since=2024-02-29T00:00:00Z")), 3, 'a leap day');

is_deeply([ ids("$events?id=$evt[1]") ], [ $evt[1] ], 'by id');
is(scalar(ids("$events?id=$evt[1]&status=failed")), 0, '... and status');
is_deeply([ ids("$events?status=failed&since=$middle") ], [ $evt[2] ], 'by status and time');

for my $query ('since=yesterday', 'since=2024-02-30T00:00:00Z', 'since=2023-02-29T00:00:00Z',
               'since=2024-01-01', 'since=2024-01-01T00:00:00', 'since=2024-01-01T24:00:00Z',
               'since=2024-01-01T00:00:00.Z', 'since=2024-01-01T00:00:00.5', 'since=1969-01-01T00:00:00Z',
               'since=2024-01-01T00:00:00%2B0100', 'since=2024-01-01T00:00:00Zx', 'since=', 'until=1',
               'until=2024-13-01T00:00:00Z', 'id=msg_x', "id=$sent[0]", 'q=needle',
               'q=needle&until=2200-01-01T00:00:00Z', 'q=&since=2024-01-01T00:00:00Z',
               'q=' . 'x' x 257 . '&since=2024-01-01T00:00:00Z', 'status=done', 'webhook=1', 'message=1',
               'event=a*', 'event=', 'limit=251', 'cursor=x', 'stauts=failed', 'limit=1&limit=2',
               'status', 'status=failed&&x=')
{
    my ($status, $p) = $t->api('GET', "$events?$query");
    is("$status $p->{code}", '400 invalid_parameter', "refused: " . substr $query, 0, 50);
}

# text in the payload

my $since = 'since=' . time_of(time - 3600);
is_deeply([ ids("$events?q=needle&$since") ], [ $evt[0] ], 'text in the payload');
is_deeply([ ids("$events?q=%22n%22:2&$since") ], [ $evt[1] ], 'bytes as they are');
is(scalar(ids("$events?q=NEEDLE&$since")), 0, 'in their case');
is(scalar(ids("$events?q=needle&since=2200-01-01T00:00:00Z")), 0, 'in the range alone');
is(scalar(ids("$events?q=needle&$since&status=failed")), 0, 'and with the other filters');

# messages

is_deeply([ ids($messages) ], [ reverse $unwanted, @sent ], 'messages, newest first, those nobody wants too');
is_deeply([ all("$messages?limit=1") ], [ reverse $unwanted, @sent ], 'page by page');
is_deeply([ ids("$messages?event=a.two") ], [ $sent[1] ], 'by name');
is_deeply([ ids("$messages?event=no.such") ], [], 'by a name that is none');
is_deeply([ ids("$messages?q=needle&$since") ], [ $sent[0], $unwanted ], 'by text');
is_deeply([ ids("$messages?id=$sent[2]") ], [ $sent[2] ], 'by id');
my $second = (grep { $_->{id} eq $sent[1] } @{ $t->api_ok('GET', $messages)->{data} })[0];
is_deeply($second, { id => $sent[1], event => 'a.two', created_at => $second->{created_at},
                     payload_size => 7, payload_erased => JSON::PP::false() }, 'a message of a list');
ok(!(grep { $_ eq $sent[0] } ids("$messages?since=$second->{created_at}"))
   || $second->{created_at} eq $t->api_ok('GET', "$messages/$sent[0]")->{created_at}, 'since');
is_deeply([ ids("/companies/other/messages?event=a.two") ], [], 'of another company');

for my $query ('q=needle', 'event=a*', 'id=evt_x', 'since=x', 'limit=0') {
    my ($status, $p) = $t->api('GET', "$messages?$query");
    is("$status $p->{code}", '400 invalid_parameter', "refused: $query");
}

my $m = $t->api_ok('GET', "$messages/$sent[0]");
is_deeply($m->{payload}, { n => 1, text => 'needle one' }, 'a message with its payload');
is_deeply([ map { $_->{id} } @{ $m->{webhook_events} } ], [ $evt[0] ], 'and its webhook events');
is($m->{webhook_events}[0]{status}, 'delivered', '... as a list has them');
is_deeply($t->api_ok('GET', "$messages/$unwanted")->{webhook_events}, [], 'none of one that nobody wants');

for my $id ($sent[0] =~ s/.$/z/r, 'msg_x', 'x', $evt[0]) {
    my ($status, $p) = $t->api('GET', "$messages/$id");
    is("$status $p->{code}", '404 message_not_found', "no message: $id");
}
is([ $t->api('GET', "/companies/other/messages/$sent[0]") ]->[1]{code}, 'message_not_found', 'of another company');
is([ $t->api('GET', '/companies/none/messages') ]->[1]{code}, 'company_not_found', 'of no company');

# the lists are the same when the index has everything, and when there is none

sub lists { [ map { [ all($_) ] } "$messages?limit=2", "$messages?event=a.two&limit=2", "$events?$since&limit=2",
              "$messages?q=needle&$since", "$events?q=needle&$since", "$events?event=a.one&$since" ] }
my $fresh = lists();
my $db = $t->store;
my $last = 0 + WebhookTest::sh("sqlite3 -readonly $db 'SELECT last_id FROM store'");
$t->wait_for('the index', sub { -s "$db.index" && (WebhookTest::sh(
    "sqlite3 -readonly $db.index 'SELECT position FROM state' 2>/dev/null || true") || 0) >= $last }, 30);
is_deeply(lists(), $fresh, 'indexed');
WebhookTest::sh("rm -f $db.index $db.index-wal $db.index-shm");
is_deeply(lists(), $fresh, 'without an index');

# one with all there is

$t->api_ok('POST', "/companies/acme/webhooks/$w->{id}/secret/rotate", { grace => '1h' });
my $rotated = $t->ingest('acme', 'a.three', '{"x":[1,2]}')->{id};
$t->wait_for('it', sub { $t->events('acme', "message=$rotated&status=delivered") });
my $e = $t->event('acme', ($t->events('acme', "message=$rotated"))[0]{id});
my ($got) = grep { $_->{headers}{'x-webhook-event-id'} eq $e->{id} } $t->received;
my %sent = map { lc $_ => $e->{attempts}[0]{request}{headers}{$_} } keys %{ $e->{attempts}[0]{request}{headers} };

is_deeply(\%sent, $got->{headers}, 'the request\'s headers, as they were sent');
ok($sent{'x-signature-previous'}, '... with the old secret\'s signature');
is($e->{attempts}[0]{request}{url}, $w->{url}, 'its URL');
my $answer = $e->{attempts}[0]{response};
is($answer->{headers}{'x-answer'}, 'yes', 'the response\'s headers');
like($answer->{head}, qr/^HTTP\/1.1 200 X\r\n/, 'and its head as it came');
like($e->{attempts}[0]{peer}, qr/^127\.0\.0\.1/, 'the peer');
is(join(',', sort keys %{ $e->{attempts}[0]{timings} }),
   'connect_ms,first_byte_ms,name_lookup_ms,tls_ms,total_ms', 'the timings');
is_deeply($e->{payload}, { x => [ 1, 2 ] }, 'the payload');
is($e->{waiting_for}, undef, 'it waits for nothing');

my $failed = $t->event('acme', $evt[2]);
is(scalar(@{ $failed->{attempts} }), 2, 'attempts that failed');
is_deeply([ map { "$_->{number} $_->{status_code} $_->{error}" } @{ $failed->{attempts} } ],
          [ '1 500 http_status', '2 500 http_status' ], '... why');

$t->api_ok('DELETE', "$messages/$rotated");
is([ $t->api('GET', "$messages/$rotated") ]->[0], 404, 'an erased message');

# text that stands in a payload in another form, as the libraries of many languages
# write it

my %forms = (
    'a.php' => '{"city":"K\u00f6ln","url":"https:\/\/a.example\/b","face":"\ud83d\ude00"}',
    'a.python' => '{"city":"K\u00f6ln","url":"https://a.example/b","face":"\ud83d\ude00"}',
    'a.go' => qq({"city":"K\xc3\xb6ln","url":"https://a.example/b","face":"\xf0\x9f\x98\x80"}),
    'a.unescaped' => qq({"city":"K\xc3\xb6ln","url":"https:\\/\\/a.example\\/b","face":"\xf0\x9f\x98\x80"}),
);
my %formed = map { $_ => $t->ingest('acme', $_, $forms{$_})->{id} } sort keys %forms;
my $all = join ' ', sort keys %forms;
my $named = sub {
    my ($q) = @_;
    my $list = $t->api_ok('GET', "$messages?q=$q&$since");
    return join ' ', sort map { $_->{event} } @{ $list->{data} };
};

for (['K%C3%B6ln', $all], ['https://a.example', $all], ['%F0%9F%98%80', $all], ['K%5Cu00f6ln', 'a.php a.python'],
     ['%22K%C3%B6ln%22,%22url%22:%22https:', $all], ['k%C3%B6ln', ''], ['%C3', 'a.go a.unescaped'],
     ['"K%C3%B6ln","url":"https://a.', $all])
{
    is($named->($_->[0]), $_->[1], "q=$_->[0]");
}

# a "+" is a space, as in forms, and is taken for one in the offset of a time, too

$t->ingest('acme', 'a.space', '"a b+c"');
is($named->('a+b'), 'a.space', 'a space');
is($named->('b%2Bc'), 'a.space', 'a plus');
is(scalar(ids("$events?since=2200-01-01T00:00:00+02:00")), 0, 'a plus in a time');
is([ $t->api('GET', "$events?stauts=failed") ]->[1]{detail}, '"stauts" is no parameter here', 'an unknown one is named');

is(scalar($t->log_lines), 0, 'nothing alarming in the log');
$t->finish;
done_testing();
