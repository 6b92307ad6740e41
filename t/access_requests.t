# A company without access asks for it; the operator is told, and grants it.

use strict;
use warnings;

BEGIN { push @INC, 't/lib' }

use JSON::PP;
use Test::More;
use WebhookTest;

my $t = WebhookTest->new(auth => 1, http => 'webhook_operator ops;'
    . ' webhook_support_url mailto:help@example.com; webhook_retry_delays 100ms;', server => <<'CONF');
        location /other/ { webhook_admin; webhook_support_url https://example.com/help?a=b; }
CONF
$t->receiver;
$t->start;

my $json = JSON::PP->new->utf8;

sub as {
    my ($key, $method, $path, $body) = @_;
    my $r = $t->http($method, $path, (defined $body ? (content => $body) : ()),
                     headers => { Authorization => "Bearer $key" });
    return ($r->{status}, eval { $json->decode($r->{content}) });
}

my $new = $t->api_ok('POST', '/companies', { uid => 'new', name => 'New "one"' });
my $key = $t->api_ok('POST', '/keys', { name => 'k', role => 'company', company => 'new' })->{key};
my $requests = '/api/companies/new/access-requests';

# the operator's company listens, and another, which is not told

$t->setup('ops', $t->url('/ops'), 'system.*');
$t->setup('ops', $t->url('/all'), '*');
my $other = $t->setup('other', $t->url('/other'), 'system.*', 'a');

# the company reads how to ask

my ($status, $c) = as($key, 'GET', '/api/companies/new');
is($c->{support_url}, 'mailto:help@example.com', 'a company reads whom to ask');
ok(!$c->{enabled}, 'and that it has no access');
is([ as($key, 'GET', '/other/companies/new') ]->[1]{support_url}, 'https://example.com/help?a=b',
   'as the location says');
is([ as($key, 'GET', '/api/companies/new/webhooks') ]->[1]{code}, 'access_not_enabled',
   'it may nothing else');
is([ as($key, 'GET', $requests) ]->[0], 200, 'but list what it has asked');

# what is refused

for (
    [ '{"message":1}', 'wrong_type' ], [ '{"message":""}', 'invalid_value' ],
    [ '{"message":"' . 'x' x 1025 . '"}', 'invalid_value' ], [ '{"text":"x"}', 'unknown_member' ],
) {
    my ($status, $p) = as($key, 'POST', $requests, $_->[0]);
    is("$status $p->{errors}[0]{code}", "422 $_->[1]", 'refused: ' . substr $_->[0], 0, 30);
}

is([ $t->api('POST', '/companies/nobody/access-requests', '{}') ]->[1]{code}, 'company_not_found',
   'nobody asks for nothing');

# it asks

($status, my $q) = as($key, 'POST', $requests, '{"message":"please, \u201cnow\u201d"}');
is($status, 201, 'it asks');
like($q->{id}, qr/^req_[0-9a-hj-kmnp-tv-z]{13}$/, 'an id');
is($q->{company_id}, $new->{id}, 'who asks');
is($q->{company_name}, 'New "one"', 'its name');
is($q->{message}, "please, \x{201c}now\x{201d}", 'what it says');
is($q->{status}, 'open', 'it is open');
is($q->{granted_at}, undef, 'not granted');

is_deeply([ as($key, 'POST', $requests, '{}') ], [ 200, $q ], 'once is enough');
is_deeply([ $t->api('POST', '/companies/new/access-requests') ]->[1], $q, 'whoever asks');
is_deeply([ as($key, 'GET', $requests) ]->[1], { data => [ $q ], next_cursor => undef }, 'its list');

# the operator is told, once

my ($told) = $t->wait_for('the operator to be told', sub { grep { $_->{uri} eq '/ops' } $t->received });
my $body = $json->decode($told->{body});
is($body->{event}, 'system.access.requested', 'an operational event');
is_deeply($body->{payload}, { company_id => $new->{id}, company_name => 'New "one"',
    access_request_id => $q->{id}, message => $q->{message} }, 'what it says');
$q->{message} = 'at once';
is_deeply([ as($key, 'POST', $requests, '{"message":"at once"}') ], [ 200, $q ], 'asking again says something else');
is(scalar $t->events('ops', 'event=system.access.requested'), 1, 'an event of the operator\'s company, once');

# lists of the operator's

my $second = $t->api_ok('POST', '/companies', { name => 'Second' });
my $r2 = $t->api_ok('POST', "/companies/$second->{id}/access-requests");
is($r2->{message}, undef, 'without a message');

sub listed { map { $_->{id} } @{ $t->api_ok('GET', "/access-requests$_[0]")->{data} } }

is_deeply([ listed('') ], [ $r2->{id}, $q->{id} ], 'all, newest first');
my $page = $t->api_ok('GET', '/access-requests?limit=1&status=open');
is_deeply([ map { $_->{id} } @{ $page->{data} } ], [ $r2->{id} ], 'a page');
is_deeply([ listed("?limit=1&status=open&cursor=$page->{next_cursor}") ], [ $q->{id} ], 'and the next');
is_deeply([ listed('?status=granted') ], [], 'none is granted');
is([ $t->api('GET', '/access-requests?status=x') ]->[1]{code}, 'invalid_parameter', 'no such status');
is([ $t->api('GET', '/companies/nobody/access-requests') ]->[0], 404, 'no such company');

# granted

$t->api_ok('PATCH', '/companies/new', { name => 'New' });
is_deeply([ listed('?status=open') ], [ $r2->{id}, $q->{id} ], 'another change grants nothing');
$t->api_ok('PATCH', '/companies/new', { enabled => \1 });
is_deeply([ listed('?status=open') ], [ $r2->{id} ], 'access grants it');
is_deeply([ listed('?status=granted') ], [ $q->{id} ], 'it is in the other list');
my $granted = $t->api_ok('GET', '/companies/new/access-requests')->{data}[0];
is($granted->{status}, 'granted', 'its status');
like($granted->{granted_at}, qr/^\d{4}-/, 'and when');
is([ as($key, 'GET', '/api/companies/new/webhooks') ]->[0], 200, 'the company has access');
is([ as($key, 'POST', $requests, '{}') ]->[1]{code}, 'access_enabled', 'and need not ask');

# taken away, it may ask again

$t->api_ok('PATCH', '/companies/new', { enabled => \0 });
($status, my $q2) = as($key, 'POST', $requests, '{}');
is($status, 201, 'it asks again');
is_deeply([ map { $_->{id} } @{ [ as($key, 'GET', $requests) ]->[1]{data} } ], [ $q2->{id}, $q->{id} ],
          'both are listed');

# a company that is gone asks for nothing

$t->api_ok('DELETE', '/companies/new');
is_deeply([ listed('') ], [ $r2->{id} ], 'a company that is deleted has none');

# what becomes of the webhooks of others, the operator is told too

$t->api_ok('PATCH', "/companies/other/webhooks/$other->{id}",
           { url => $t->url('/status/410'), events => [ 'a' ] });
$t->ingest('other', 'a', 1);
($told) = $t->wait_for('the operator to be told', sub {
    grep { $_->{uri} eq '/ops' && $_->{body} =~ /system.webhook.disabled/ } $t->received
});
my $payload = $json->decode($told->{body})->{payload};
is($payload->{webhook_id}, $other->{id}, 'of a webhook of another company');
like($payload->{company_id}, qr/^co_/, 'and of which');
isnt($payload->{company_id}, $t->api_ok('GET', '/companies/ops')->{id}, 'not its own');

# what is its own it is told once

my $own = $t->setup('ops', $t->url('/status/410?own'), 'b');
$t->ingest('ops', 'b', 1);
$t->wait_for('the operator to be told', sub {
    grep { $_->{uri} eq '/ops' && $_->{body} =~ /disabled.*$own->{id}/ } $t->received
});
is(scalar(grep { $_->{event} eq 'system.webhook.disabled' } $t->events('ops')), 2, 'once each');
is(scalar(grep { $_->{uri} =~ m{^/(?:all|other)} && $_->{body} =~ /system/ } $t->received), 0,
   'nobody else is told');

# without such a company

$t->api_ok('PATCH', '/companies/ops', { uid => 'spo' });
$t->api_ok('POST', '/companies/' . $t->api_ok('POST', '/companies', { name => 'x' })->{id}
           . '/access-requests');
is(scalar($t->log_lines(qr/there is no company "ops" to be told of "system.access.requested"/)), 1,
   'the log says that nobody could be told');

is(scalar($t->log_lines), 0, 'nothing alarming in the log');

$t->finish;
done_testing();
