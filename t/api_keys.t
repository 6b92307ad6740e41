# /keys of the admin API: made, listed, expired, revoked at once everywhere.

use strict;
use warnings;

BEGIN { push @INC, 't/lib' }

use JSON::PP;
use POSIX qw(strftime);
use Test::More;
use Time::HiRes qw(time);
use WebhookTest;

my $port = WebhookTest::free_port();
my $t = WebhookTest->new(auth => 1, workers => 2, http => <<CONF)->start;
    server {
        listen 127.0.0.1:$port reuseport;      # connections to both workers
        location = /events { webhook_ingest; }
        location /api/ { webhook_admin; }
    }
CONF

my $json = JSON::PP->new->utf8;

# asks with a key; returns the status and the code of a problem

sub as {
    my ($key, $method, $path, $body) = @_;
    my $r = HTTP::Tiny->new->request($method, "http://127.0.0.1:$port$path", {
        (defined $body ? (content => $body) : ()),
        headers => { 'Content-Type' => 'application/json', Authorization => "Bearer $key" } });
    return wantarray ? ($r->{status}, eval { $json->decode($r->{content})->{code} }) : $r->{status};
}

sub key { $t->api_ok('POST', '/keys', { name => 'a key', @_ }) }

sub utc {
    my $time = shift;
    return strftime('%Y-%m-%dT%H:%M:%S', gmtime $time)
           . sprintf '.%03dZ', 1000 * ($time - int $time);
}

my $acme = $t->api_ok('POST', '/companies', { uid => 'acme', name => 'ACME', enabled => \1 });

# made

my ($status, $k, $r) = $t->api('POST', '/keys', { name => "The \"first\"", role => 'admin' });
is($status, 201, 'created');
like($k->{id}, qr/^key_[0-9a-hj-kmnp-tv-z]{13}$/, 'an id');
like($k->{key}, qr/^whk_[A-Za-z0-9_-]{43}$/, 'the key');
is($k->{name}, 'The "first"', 'its name');
is($k->{role}, 'admin', 'its role');
is($k->{company_id}, undef, 'of no company');
is($k->{expires_at}, undef, 'for ever');
like($k->{created_at}, qr/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/, 'a time');
is($r->{headers}{'cache-control'}, 'no-store', 'not to be cached');
is(as($k->{key}, 'GET', '/api/keys'), 200, 'it is good');
is(as(uc $k->{key}, 'GET', '/api/keys'), 401, 'another spelling is not');

my $c = key(role => 'company', company => 'acme');
is($c->{company_id}, $acme->{id}, 'a key of a company');
is(as($c->{key}, 'GET', '/api/companies/acme'), 200, 'it is good');
my $b = key(role => 'ingest', company => $acme->{id});
is($b->{company_id}, $acme->{id}, 'a company by its id');

# shown, but the key itself never again

my $shown = $t->api_ok('GET', "/keys/$k->{id}");
is_deeply($shown, { map { $_ => $k->{$_} } grep { $_ ne 'key' } keys %$k }, 'shown without the key');
my $page = $t->api_ok('GET', '/keys?limit=2');
is_deeply([ map { $_->{id} } @{ $page->{data} } ], [ $b->{id}, $c->{id} ], 'newest first');
$page = $t->api_ok('GET', "/keys?limit=2&cursor=$page->{next_cursor}");
is_deeply($page, { data => [ $shown ], next_cursor => undef }, 'the next page');
is(WebhookTest::sh('grep -c ' . substr($k->{key}, 4) . ' ' . $t->store
                   . ' ' . $t->store . '-wal ' . $t->error_log . ' | grep -v ":0$" | wc -l') + 0,
   0, 'the key is in no file');

# what is refused

for (
    [ '{}', 'missing_member', '/name' ],
    [ '{"name":"a"}', 'missing_member', '/role' ],
    [ '{"name":"","role":"admin"}', 'invalid_value', '/name' ],
    [ '{"name":"a","role":"root"}', 'invalid_value', '/role' ],
    [ '{"name":"a","role":1}', 'wrong_type', '/role' ],
    [ '{"name":"a","role":"company"}', 'missing_member', '/company' ],
    [ '{"name":"a","role":"company","company":null}', 'missing_member', '/company' ],
    [ '{"name":"a","role":"admin","company":"acme"}', 'invalid_value', '/company' ],
    [ '{"name":"a","role":"admin","key":"whk_x"}', 'unknown_member', '/key' ],
    [ '{"name":"a","role":"admin","expires_at":1}', 'wrong_type', '/expires_at' ],
    map { [ qq({"name":"a","role":"admin","expires_at":"$_"}), 'invalid_value', '/expires_at' ] }
        'soon', '', '2020-01-01T00:00:00Z', '2099-01-01', '2099-13-01T00:00:00Z',
        '2099-02-29T00:00:00Z', '2099-01-01T24:00:00Z', '2099-01-01T00:00:00',
        '2099-01-01T00:00:00.Z', '2099-01-01T00:00:00+1:00', '2099-01-01T00:00:00Zx',
        '2099-01-0aT00:00:00Z', '2099-01-01 00:00:00Z'
) {
    my ($body, $code, $pointer) = @$_;
    my ($status, $p) = $t->api('POST', '/keys', $body);
    is($status, 422, "refused: $body");
    is($p->{errors}[0]{code}, $code, "  $code");
    is($p->{errors}[0]{pointer}, $pointer, "  at $pointer");
}

is([ $t->api('POST', '/keys', { name => 'a', role => 'ingest', company => 'no' }) ]->[1]{code},
   'company_not_found', 'a company that is not there');
is([ $t->api('GET', '/keys/key_0000000000000') ]->[1]{code}, 'key_not_found', 'an unknown key');
is([ $t->api('DELETE', '/keys/nothing') ]->[1]{code}, 'key_not_found', 'no id');
is([ $t->api('GET', '/keys?cursor=co_x') ]->[0], 400, 'a cursor of another list');

# how a time may be written

my %times = (
    '2099-12-31T23:59:59Z' => '2099-12-31T23:59:59.000Z',
    '2096-02-29t12:00:00.1239z' => '2096-02-29T12:00:00.123Z',
    '2099-01-01T00:30:00+01:00' => '2098-12-31T23:30:00.000Z',
    '2098-12-31T20:00:00.5-05:30' => '2099-01-01T01:30:00.500Z',
    '2100-03-01T00:00:00Z' => '2100-03-01T00:00:00.000Z',
);

is(key(role => 'admin', expires_at => $_)->{expires_at}, $times{$_}, $_) for sort keys %times;

# expired: it was known to a worker before

my $soon = time + 1.5;
my $e = key(role => 'ingest', expires_at => utc($soon));
is(as($e->{key}, 'POST', '/events', '{}'), 422, 'good until then');
$t->wait_for('it to expire', sub { time > $soon + 0.1 });
is_deeply([ as($e->{key}, 'POST', '/events', '{}') ], [ 401, 'unauthorized' ], 'then not any more')
    for 1 .. 8;
is($t->api_ok('GET', "/keys/$e->{id}")->{expires_at}, $e->{expires_at}, 'but it is still shown');

# revoked: at once, on each worker, whether it has known the key or not

for my $round (1 .. 5) {
    my $k = key(role => 'admin');
    is(scalar(grep { as($k->{key}, 'GET', '/api/keys?limit=1') == 200 } 1 .. 20), 20, 'known');
    is([ $t->api('DELETE', "/keys/$k->{id}") ]->[0], 204, 'revoked');
    is(scalar(grep { as($k->{key}, 'GET', '/api/keys?limit=1') == 401 } 1 .. 20), 20,
       'and unknown at once');
    is([ $t->api('GET', "/keys/$k->{id}") ]->[1]{code}, 'key_not_found', 'shown no more');
    is([ $t->api('DELETE', "/keys/$k->{id}") ]->[0], 404, 'nor revoked twice');
}

my %workers = map { /(\d+)#.*problem: unauthorized/ ? ($1 => 1) : () } $t->log_lines(qr/unauthorized/);
is(scalar keys %workers, 2, 'both workers were asked');
ok(scalar($t->log_lines(qr/was revoked, and is still used/)), 'the log tells who still tries');

# one revokes itself

my $self = key(role => 'admin');
is(as($self->{key}, 'DELETE', "/api/keys/$self->{id}"), 204, 'a key revokes itself');
is(as($self->{key}, 'GET', '/api/keys'), 401, 'and is none');

# a company that changes: its keys too, at once

is(as($b->{key}, 'POST', '/events', '{"company":"acme","event":"a","payload":1}'), 202,
   'bound to acme');
$t->api_ok('PATCH', '/companies/acme', { uid => 'emca' });
is(as($b->{key}, 'POST', '/events', '{"company":"acme","event":"a","payload":1}'), 404,
   'another uid') for 1 .. 4;
is(as($b->{key}, 'POST', '/events', '{"company":"emca","event":"a","payload":1}'), 202,
   'is known at once') for 1 .. 4;
$t->api_ok('DELETE', '/companies/emca');
is(as($_->{key}, 'GET', '/api/keys'), 401, 'a company that is deleted has no keys') for $b, $c;
is([ $t->api('GET', "/keys/$b->{id}") ]->[0], 404, 'none at all');

# restarts keep them, and forget what is known

is(as($k->{key}, 'GET', '/api/keys'), 200, 'known');
$t->reload;
is(as($k->{key}, 'GET', '/api/keys'), 200, 'after a reload');

# keys at random

my %codes;
$codes{ as('whk_' . join('', map { ('a' .. 'z')[rand 26] } 1 .. 43), 'GET', '/api/keys') }++
    for 1 .. 600;
is_deeply(\%codes, { 401 => 600 }, '600 keys at random');
is(as($k->{key}, 'GET', '/api/keys'), 200, 'push out none that is good');

# at most 1000

WebhookTest::sh('sqlite3 -cmd ".timeout 5000" ' . $t->store . ' "WITH RECURSIVE n (i) AS (SELECT 1'
    . ' UNION ALL SELECT i + 1 FROM n WHERE i < 1000) INSERT INTO api_key (id, role, company_id,'
    . " name, digest, expires_at, revoked_at) SELECT i, 2, 0, 'n', CAST(i AS BLOB), 0, 0 FROM n"
    . ' WHERE i <= 1000 - (SELECT count(*) FROM api_key WHERE session = 0 AND revoked_at = 0)"');
my ($s, $p) = $t->api('POST', '/keys', { name => 'one more', role => 'ingest' });
is("$s $p->{code}", '422 key_limit', 'there are too many');
$t->api_ok('DELETE', "/keys/$k->{id}");
is([ $t->api('POST', '/keys', { name => 'one more', role => 'ingest' }) ]->[0], 201,
   'there is room again');

is(scalar($t->log_lines), 0, 'nothing alarming in the log');

$t->finish;
done_testing();
