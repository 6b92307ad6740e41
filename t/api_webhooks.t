# /companies/{company}/webhooks of the admin API.

use strict;
use warnings;

BEGIN { push @INC, 't/lib' }

use Test::More;
use WebhookTest;

my $t = WebhookTest->new(allow => '')->start;

$t->api_ok('POST', '/companies', { uid => 'acme', name => 'ACME',
                                   enabled => \1 });
$t->api_ok('POST', '/companies', { uid => 'other', name => 'Other',
                                   enabled => \1 });
$t->api_ok('POST', '/companies', { uid => 'new', name => 'New' });

my $hooks = '/companies/acme/webhooks';
my $url = 'https://hooks.example.com/in?x=1';

my ($status, $w) = $t->api('POST', $hooks, {
    url => $url, events => [ 'honeypot.*', 'scan.done', 'scan.done' ],
    description => 'SIEM' });

is($status, 201, 'created');
like($w->{id}, qr/^wh_[0-9a-hj-kmnp-tv-z]{13}$/, 'an id');
is($w->{url}, $url, 'the URL');
is_deeply($w->{events}, [ 'honeypot.*', 'scan.done', 'scan.done' ], 'the events');
ok($w->{enabled}, 'enabled unless it is said');
like($w->{secret}, qr{^whsec_[A-Za-z0-9+/]{43}=$}, 'the secret, shown once');

my $got = $t->api_ok('GET', "$hooks/$w->{id}");
ok(!exists $got->{secret}, 'not shown any more');
is_deeply($got->{events}, [ 'honeypot.*', 'scan.done' ], 'each event once');
is($got->{description}, 'SIEM', 'the description');

is($t->api_ok('GET', "$hooks/$w->{id}/secret")->{secret}, $w->{secret},
   'the secret, asked for');

my $second = $t->api_ok('POST', $hooks, { url => $url, events => ['*'],
                                          enabled => \0 });
ok(!$second->{enabled}, 'created disabled');
isnt($second->{secret}, $w->{secret}, 'a secret of its own');

is_deeply([ map { $_->{id} } @{ $t->api_ok('GET', $hooks)->{data} } ],
          [ $second->{id}, $w->{id} ], 'listed, newest first');
ok(!(grep { exists $_->{secret} } @{ $t->api_ok('GET', $hooks)->{data} }),
   'without secrets');

# changes

my $p = $t->api_ok('PATCH', "$hooks/$w->{id}", { events => ['a'],
    description => undef, url => 'https://b.example.com/' });
is_deeply($p->{events}, ['a'], 'other events');
is($p->{description}, '', 'no description');
is($p->{url}, 'https://b.example.com/', 'another URL');
ok(!exists $p->{secret}, 'the secret is not shown');
is($t->api_ok('GET', "$hooks/$w->{id}/secret")->{secret}, $w->{secret},
   'nor changed');

# rotation

my $rotated = $t->api_ok('POST', "$hooks/$w->{id}/secret/rotate");
like($rotated->{secret}, qr/^whsec_/, 'a new secret');
isnt($rotated->{secret}, $w->{secret}, 'another one');
is($rotated->{previous_until}, undef, 'without grace');

$rotated = $t->api_ok('POST', "$hooks/$w->{id}/secret/rotate",
                      { grace => '24h' });
like($rotated->{previous_until}, qr/^\d{4}-/, 'with grace');

for my $grace ('"1x"', '"31d"', '5', 'null') {
    my ($status, $p) = $t->api('POST', "$hooks/$w->{id}/secret/rotate",
                               qq({"grace":$grace}));
    is($status, 422, "grace $grace");
}

# a company's webhook is no other company's

for ([ GET => '' ], [ PATCH => '', '{}' ], [ DELETE => '' ],
     [ GET => '/secret' ], [ POST => '/secret/rotate' ], [ POST => '/test' ])
{
    my ($method, $path, $body) = @$_;
    my ($status, $p) = $t->api($method,
        "/companies/other/webhooks/$w->{id}$path", $body);
    is("$status $p->{code}", '404 webhook_not_found', "other: $method $path");

    ($status, $p) = $t->api($method, "/companies/acme/webhooks/wh_x$path",
                            $body);
    is("$status $p->{code}", '404 webhook_not_found', "no id: $method $path");
}

# without access

for ([ POST => '', { url => $url, events => ['*'] } ],
     [ DELETE => "/$w->{id}" ], [ POST => "/$w->{id}/test" ])
{
    my ($method, $path, $body) = @$_;
    my ($status, $p) = $t->api($method, "/companies/new/webhooks$path", $body);
    is("$status $p->{code}", '403 access_not_enabled',
       "without access: $method $path");
}

# what is refused

for (
    [ '{"events":["a"]}', 'missing_member', '/url' ],
    [ '{"url":"https://a.example.com/"}', 'missing_member', '/events' ],
    [ '{"url":"https://a.example.com/","events":[]}', 'invalid_value', '/events' ],
    [ '{"url":"https://a.example.com/","events":"a"}', 'wrong_type', '/events' ],
    [ '{"url":"https://a.example.com/","events":[1]}', 'invalid_value', '/events' ],
    [ '{"url":"https://a.example.com/","events":["a*"]}', 'invalid_value', '/events' ],
    [ '{"url":"https://a.example.com/","events":["*.a"]}', 'invalid_value', '/events' ],
    [ '{"url":5,"events":["a"]}', 'wrong_type', '/url' ],
    [ '{"url":"http://a.example.com/","events":["a"]}', 'url_refused', '/url' ],
    [ '{"url":"https://a.example.com/","events":["a"],"key":"x"}', 'unknown_member', '/key' ],
    [ '{"url":"https://a.example.com/","events":["a"],"secret":"x"}', 'invalid_value', '/secret' ],
    [ '{"url":"https://a.example.com/","events":["a"],"secret":null}', 'wrong_type', '/secret' ],
    [ '{"url":"https://a.example.com/","events":["a"],"description":"' . 'd' x 1025 . '"}', 'invalid_value', '/description' ],
) {
    my ($body, $code, $pointer) = @$_;
    my ($status, $p) = $t->api('POST', $hooks, $body);
    is("$status $p->{errors}[0]{code} $p->{errors}[0]{pointer}",
       "422 $code $pointer", "refused: " . substr $body, 0, 60);
}

# an end

is([ $t->api('DELETE', "$hooks/$w->{id}") ]->[0], 204, 'deleted');
is([ $t->api('GET', "$hooks/$w->{id}") ]->[0], 404, 'gone');
is([ $t->api('DELETE', "$hooks/$w->{id}") ]->[0], 404, 'only once');
is(scalar(@{ $t->api_ok('GET', $hooks)->{data} }), 1, 'the other one stays');

# at most 100

$t->api_ok('POST', $hooks, { url => $url, events => ['a'] }) for 2 .. 100;
my ($full, $problem) = $t->api('POST', $hooks, { url => $url, events => ['a'] });
is("$full $problem->{code}", '422 webhook_limit', 'the 101st is refused');

my ($listed, $cursor) = (0);
do {
    my $page = $t->api_ok('GET', "$hooks?limit=30"
                          . ($cursor ? "&cursor=$cursor" : ''));
    $listed += @{ $page->{data} };
    $cursor = $page->{next_cursor};
} while $cursor;
is($listed, 100, 'all are listed');

# no secret in any file as it is

my $secret = $t->api_ok('GET', "$hooks/$second->{id}/secret")->{secret};
my @found = grep { index(WebhookTest::slurp($_), substr $secret, 6) >= 0 }
            glob($t->dir . '/webhook/*'), glob($t->dir . '/logs/*');
is_deeply(\@found, [], 'secrets are sealed at rest');

is(scalar($t->log_lines), 0, 'nothing alarming in the log');

$t->finish;
done_testing();
