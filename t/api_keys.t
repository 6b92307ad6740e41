# /keys of the admin API: made, shown, listed; what is refused.

use strict;
use warnings;

BEGIN { push @INC, 't/lib' }

use JSON::PP;
use Test::More;
use WebhookTest;

my $t = WebhookTest->new(auth => 1)->start;

my $json = JSON::PP->new->utf8;

# asks with a key; returns the status and the code of a problem

sub as {
    my ($key, $method, $path, $body) = @_;
    my $r = HTTP::Tiny->new->request($method, "http://127.0.0.1:$t->{port}$path", {
        (defined $body ? (content => $body) : ()),
        headers => { 'Content-Type' => 'application/json', Authorization => "Bearer $key" } });
    return wantarray ? ($r->{status}, eval { $json->decode($r->{content})->{code} }) : $r->{status};
}

sub key { $t->api_ok('POST', '/keys', { name => 'a key', @_ }) }

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
        '2099-01-0aT00:00:00Z', '2300-01-01T00:00:00Z', '2099-01-01 00:00:00Z'
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

# at most 1000

WebhookTest::sh('sqlite3 -cmd ".timeout 5000" ' . $t->store . ' "WITH RECURSIVE n (i) AS (SELECT 1'
    . ' UNION ALL SELECT i + 1 FROM n WHERE i < 1000) INSERT INTO api_key (id, role, company_id,'
    . " name, digest, expires_at, revoked_at) SELECT i, 2, 0, 'n', CAST(i AS BLOB), 0, 0 FROM n"
    . ' WHERE i <= 1000 - (SELECT count(*) FROM api_key WHERE session = 0 AND revoked_at = 0)"');
my ($s, $p) = $t->api('POST', '/keys', { name => 'one more', role => 'ingest' });
is("$s $p->{code}", '422 key_limit', 'there are too many');
$t->api_ok('DELETE', "/keys/$k->{id}");
my $more = $t->api_ok('POST', '/keys', { name => 'one more', role => 'ingest' });
ok($more->{id}, 'there is room again');
$t->api_ok('DELETE', "/keys/$more->{id}");

is(scalar($t->log_lines), 0, 'nothing alarming in the log');

$t->finish;
done_testing();
