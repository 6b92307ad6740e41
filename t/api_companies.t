# /companies of the admin API.

use strict;
use warnings;

BEGIN { push @INC, 't/lib' }

use Test::More;
use WebhookTest;

my $t = WebhookTest->new->start;

my ($status, $c, $r) = $t->api('POST', '/companies',
                               { uid => 'acme', name => "ACM\x{c9} \"x\"" });
is($status, 201, 'created');
like($c->{id}, qr/^co_[0-9a-hj-kmnp-tv-z]{13}$/, 'an id');
is($c->{uid}, 'acme', 'the uid');
is($c->{name}, "ACM\x{c9} \"x\"", 'the name, as it was given');
ok(!$c->{enabled}, 'without access unless it is said');
like($c->{created_at}, qr/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/, 'a time');
is($r->{headers}{'content-type'}, 'application/json', 'the type');
is($r->{headers}{'cache-control'}, 'no-store', 'not to be cached');

is_deeply([ $t->api('GET', '/companies/acme') ]->[1], $c, 'found by uid');
is_deeply([ $t->api('GET', "/companies/$c->{id}") ]->[1], $c, 'found by id');

my ($s2, $p) = $t->api('POST', '/companies', { uid => 'acme', name => 'B' });
is($s2, 409, 'a uid twice');
is($p->{code}, 'uid_taken', 'its code');
is_deeply([ sort keys %$p ], [qw(code detail status title type)], 'a problem');

my $other = $t->api_ok('POST', '/companies', { name => 'No uid' });
is($other->{uid}, undef, 'a company needs no uid');

# changes

my $patched = $t->api_ok('PATCH', '/companies/acme', { enabled => \1 });
ok($patched->{enabled}, 'enabled');
is($patched->{name}, $c->{name}, 'nothing else changed');

$patched = $t->api_ok('PATCH', '/companies/acme', '{"uid":"acme-2"}');
is($patched->{uid}, 'acme-2', 'another uid');
is([ $t->api('GET', '/companies/acme') ]->[0], 404, 'the old one is free');
is($t->ingest('acme-2', 'a', 1)->{webhook_event_count}, 0,
   'ingest knows the new one');

$patched = $t->api_ok('PATCH', '/companies/acme-2', '{"uid":null}');
is($patched->{uid}, undef, 'null takes a uid away');
is([ $t->api('PATCH', "/companies/$c->{id}", '{}') ]->[0], 200,
   'no change is a change');

# what is refused

for (
    [ '{"name":""}', 'invalid_value', '/name' ],
    [ '{"name":"' . 'x' x 257 . '"}', 'invalid_value', '/name' ],
    [ '{"name":1}', 'wrong_type', '/name' ],
    [ '{"name":null}', 'wrong_type', '/name' ],
    [ '{"name":"a\u0000b"}', 'invalid_value', '/name' ],
    [ '{"name":"  "}', 'invalid_value', '/name' ],
    [ '{"name":"a\nb"}', 'invalid_value', '/name' ],
    [ '{"name":"a\u007f"}', 'invalid_value', '/name' ],
    [ '{"name":"a\u0085"}', 'invalid_value', '/name' ],
    [ '{"name":"a\u2028b"}', 'invalid_value', '/name' ],
    [ '{"name":"\u00a0 \u3000\u200b"}', 'invalid_value', '/name' ],
    [ '{"name":"\u2066\u2069\u3164"}', 'invalid_value', '/name' ],
    [ '{"name":"\ud800"}', 'invalid_value', '/name' ],
    [ '{"name":"a\ud83db"}', 'invalid_value', '/name' ],
    [ '{"name":"\ude00\ud83d"}', 'invalid_value', '/name' ],
    [ '{"name":"' . '\u00fc' x 257 . '"}', 'invalid_value', '/name' ],
    [ '{}', 'missing_member', '/name' ],
    [ '{"name":"a","enabled":1}', 'wrong_type', '/enabled' ],
    [ '{"name":"a","enabled":"true"}', 'wrong_type', '/enabled' ],
    [ '{"name":"a","uid":"-a"}', 'invalid_value', '/uid' ],
    [ '{"name":"a","uid":"co_abc"}', 'invalid_value', '/uid' ],
    [ '{"name":"a","uid":"a/b"}', 'invalid_value', '/uid' ],
    [ '{"name":"a","uid":""}', 'invalid_value', '/uid' ],
    [ '{"name":"a","uid":"' . 'u' x 129 . '"}', 'invalid_value', '/uid' ],
    [ '{"name":"a","colour":"red"}', 'unknown_member', '/colour' ],
    [ '{"name":"a","name":"b"}', 'duplicate_member', '/name' ],
) {
    my ($body, $code, $pointer) = @$_;
    my ($status, $p) = $t->api('POST', '/companies', $body);
    is($status, 422, "refused: " . substr $body, 0, 40);
    is($p->{errors}[0]{code}, $code, "  $code");
    is($p->{errors}[0]{pointer}, $pointer, "  at $pointer");
}

is([ $t->api('POST', '/companies', '{"name":"' . 'x' x 257 . '"}') ]->[1]{errors}[0]{detail},
   'The member has more than 256 characters', 'how long it may be is told');

for (['\\\\ud800', '\\ud800'], ['\ud83d\ude00', "\x{1f600}"], ['\u00fc' x 256, "\xfc" x 256], ["\xc3\xbc" x 256, "\xfc" x 256]) {
    my ($given, $name) = @$_;
    is($t->api_ok('POST', '/companies', qq({"name":"$given"}))->{name}, $name, 'taken: ' . substr $given, 0, 20);
}

is([ $t->api('POST', '/companies', '{"name":') ]->[1]{code}, 'malformed_json',
   'no JSON');
is([ $t->api('POST', '/companies', '[]') ]->[0], 422, 'no object');
is([ $t->api('GET', '/companies/nobody') ]->[1]{code}, 'company_not_found',
   'an unknown company');
is([ $t->api('PATCH', '/companies/nobody', '{}') ]->[0], 404, 'nor to change');

# methods and paths

my ($m, undef, $mr) = $t->api('PUT', '/companies');
is($m, 405, 'a method that is none');
is($mr->{headers}{allow}, 'GET, HEAD, POST', 'the methods there are')
    or diag explain $mr->{headers};
is([ $t->api('GET', '/company') ]->[1]{code}, 'not_found', 'no such path');
is([ $t->api('GET', '/companies/') ]->[0], 404, 'no such path either');
is([ $t->api('GET', '/companies/a/b') ]->[0], 404, 'nor this one');
is([ $t->api('HEAD', '/companies') ]->[0], 200, 'HEAD is GET');
is($t->http('POST', '/api/companies', content => '{"name":"a"}',
            headers => { 'Content-Type' => 'text/plain' })->{status}, 415,
   'a body of another type');

# pages

$t->api_ok('POST', '/companies', { name => "page $_" }) for 1 .. 7;

my (@names, $cursor, $pages);
do {
    my $page = $t->api_ok('GET', '/companies?limit=4'
                          . ($cursor ? "&cursor=$cursor" : ''));
    push @names, map { $_->{name} } @{ $page->{data} };
    $cursor = $page->{next_cursor};
    $pages++;
} while $cursor;

is($pages, 4, '13 companies are 4 pages of 4');
is_deeply([ @names[0 .. 6] ], [ map { "page $_" } reverse 1 .. 7 ],
          'newest first');
is(scalar(@names), 13, 'each once');

# those whose name or uid has a text

my $guard = "W\x{e4}chter GmbH";
$t->api_ok('POST', '/companies', { name => $guard, uid => 'Guard.7' });

for (['guard', $guard], ['UARD.7', $guard], ['w%C3%A4chter', $guard],
     ['GE 3', 'page 3'], ['%25', ''], ['_', ''], ['no such', ''], ['page', join ' ', map { "page $_" } reverse 1 .. 7])
{
    my ($q, $found) = @$_;
    $q =~ s/ /%20/g;
    my $page = $t->api_ok('GET', "/companies?q=$q");
    is(join(' ', map { $_->{name} } @{ $page->{data} }), $found, "q=$q");
}

my $long = "\x{1f41d}" x 256;
$t->api_ok('POST', '/companies', { name => $long });
is(scalar @{ $t->api_ok('GET', '/companies?q=' . '%F0%9F%90%9D' x 256)->{data} }, 1, '256 characters are looked for');
is([ $t->api('GET', '/companies?q=' . '%F0%9F%90%9D' x 257) ]->[0], 400, '... no more');

my $first = $t->api_ok('GET', '/companies?q=page&limit=5');
my $second = $t->api_ok('GET', "/companies?q=page&limit=5&cursor=$first->{next_cursor}");
is(join(' ', map { $_->{name} } @{ $second->{data} }), 'page 2 page 1', 'in pages, too');
is($second->{next_cursor}, undef, '... that end');

for my $query ('limit=0', 'limit=251', 'limit=x', 'cursor=x', 'cursor=evt_0', 'q=', 'q=' . 'x' x 257, 'q=a&q=b') {
    my ($status, $p) = $t->api('GET', "/companies?$query");
    is("$status $p->{code}", '400 invalid_parameter', $query);
}

is(scalar($t->log_lines), 0, 'nothing alarming in the log');

$t->finish;
done_testing();
