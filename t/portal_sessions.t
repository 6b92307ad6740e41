# Sessions of the portal: keys of a company for some hours, forgotten after.

use strict;
use warnings;

BEGIN { push @INC, 't/lib' }

use JSON::PP;
use Test::More;
use Time::HiRes qw(time);
use WebhookTest;

my $t = WebhookTest->new(auth => 1, server => <<'CONF')->start;
        location /webhooks/api/ { webhook_admin; }
        location /top { webhook_admin; }
        location /else/ { webhook_admin; webhook_portal_url https://portal.example.com/hooks?x=1; }
CONF

my $json = JSON::PP->new->utf8;
my $acme = $t->api_ok('POST', '/companies', { uid => 'acme', name => 'ACME', enabled => \1 });
$t->api_ok('POST', '/companies', { uid => 'other', name => 'Other', enabled => \1 });

sub as {
    my ($token, $method, $path, $body) = @_;
    my $r = $t->http($method, $path, (defined $body ? (content => $body) : ()),
                     headers => { Authorization => "Bearer $token" });
    return wantarray ? ($r->{status}, eval { $json->decode($r->{content}) }) : $r->{status};
}

sub rows {
    WebhookTest::sh("sqlite3 -readonly -cmd '.timeout 5000' " . $t->store
                    . q( "SELECT count(*) FROM api_key WHERE session = 1")) + 0;
}

# made

my ($status, $s, $r) = $t->api('POST', '/companies/acme/portal-sessions');
is($status, 201, 'created');
like($s->{token}, qr/^whp_[A-Za-z0-9_-]{43}$/, 'a token');
is($s->{url}, "http://127.0.0.1:$t->{port}/#token=$s->{token}&company=$acme->{id}",
   'the portal is where the API is, one level up');
like($s->{expires_at}, qr/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/, 'for some time');
is($r->{headers}{'cache-control'}, 'no-store', 'not to be cached');

my $url = sub {
    my ($path, %headers) = @_;
    my $r = $t->http('POST', "$path/companies/$acme->{id}/portal-sessions", content => '{}',
                     headers => \%headers);
    return $json->decode($r->{content})->{url} =~ s/#.*//r;
};
is($url->('/webhooks/api'), "http://127.0.0.1:$t->{port}/webhooks/", 'of another location');
is($url->('/top'), "http://127.0.0.1:$t->{port}/", 'of one at the top');
is($url->('/else'), 'https://portal.example.com/hooks?x=1', 'as it is configured');

# good for its company, as a key of it is

is(as($s->{token}, 'GET', '/api/companies/acme'), 200, 'it reads its company');
is(as($s->{token}, 'GET', '/api/companies/acme/webhooks'), 200, 'and its webhooks');
is(as($s->{token}, 'GET', '/api/companies/other/webhooks'), 404, 'no other');
is(as($s->{token}, 'GET', '/api/keys'), 403, 'no keys');
is(as($s->{token}, 'POST', '/api/companies/acme/portal-sessions', '{}'), 403,
   'it does not prolong itself');
is(as($s->{token}, 'POST', '/events', '{"company":"acme","event":"a","payload":1}'), 403,
   'it ingests nothing');

# in no list, and in no file

is_deeply($t->api_ok('GET', '/keys')->{data}, [], 'not among the keys');
is(WebhookTest::sh('grep -c ' . substr($s->{token}, 4) . ' ' . $t->store
                   . ' ' . $t->store . '-wal ' . $t->error_log . ' | grep -v ":0$" | wc -l') + 0,
   0, 'the token is in no file');
my $shown = $t->api_ok('GET', "/keys/$s->{id}");
ok($shown->{session}, 'but it can be shown by its id');
is($shown->{role}, 'company', 'what it is');
is($shown->{expires_at}, $s->{expires_at}, 'until when');

# and revoked

is([ $t->api('DELETE', "/keys/$s->{id}") ]->[0], 204, 'revoked');
is(as($s->{token}, 'GET', '/api/companies/acme'), 401, 'at once');

# what is refused

for (
    [ '{"expires_in":"25h"}', 'invalid_value' ], [ '{"expires_in":"0"}', 'invalid_value' ],
    [ '{"expires_in":"999ms"}', 'invalid_value' ], [ '{"expires_in":"soon"}', 'invalid_value' ],
    [ '{"expires_in":3600}', 'wrong_type' ], [ '{"expires":"1h"}', 'unknown_member' ],
) {
    my ($status, $p) = $t->api('POST', '/companies/acme/portal-sessions', $_->[0]);
    is("$status $p->{errors}[0]{code}", "422 $_->[1]", "refused: $_->[0]");
}

is([ $t->api('POST', '/companies/nobody/portal-sessions', '{}') ]->[1]{code}, 'company_not_found',
   'no such company');
is([ $t->api('POST', '/companies/acme/portal-sessions', '{"expires_in":"24h"}') ]->[0], 201,
   'a day is the most');

# over

my $rows = rows();
my $made = time;
my @short = map { $t->api_ok('POST', '/companies/acme/portal-sessions', { expires_in => '1s' }) } 1 .. 3;
my $short = $short[0]{token};

if (as($short, 'GET', '/api/companies/acme') == 200) {
    pass('good for a second');
} else {
    cmp_ok(time - $made, '>=', 1, 'good for a second, which is over already');
}

$t->wait_for('it to expire', sub { as($short, 'GET', '/api/companies/acme') == 401 });
cmp_ok(time - $made, '>=', 1, 'not before it should');
$t->wait_for('them to be forgotten', sub { rows() == $rows });
is(as($short, 'GET', '/api/companies/acme'), 401, 'forgotten, and still no good');
is([ $t->api('GET', "/keys/$short[1]{id}") ]->[0], 404, 'shown no more');

# a company without access too: it asks for it in the portal

$t->api_ok('PATCH', '/companies/acme', { enabled => \0 });
my $off = $t->api_ok('POST', '/companies/acme/portal-sessions');
is(as($off->{token}, 'GET', '/api/companies/acme'), 200, 'a company without access sees itself');
is(as($off->{token}, 'GET', '/api/companies/acme/webhooks'), 403, 'but no webhooks');
is(as($off->{token}, 'POST', '/api/companies/acme/access-requests', '{}'), 201, 'and asks');

$t->api_ok('DELETE', '/companies/acme');
is(as($off->{token}, 'GET', '/api/companies/acme'), 401, 'a company that is deleted has none');

is(scalar($t->log_lines), 0, 'nothing alarming in the log');

$t->finish;
done_testing();
