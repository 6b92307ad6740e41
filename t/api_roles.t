# Who may do what: each role and each route of the admin API, and ingest.

use strict;
use warnings;

BEGIN { push @INC, 't/lib' }

use JSON::PP;
use Test::More;
use WebhookTest;

my $t = WebhookTest->new(auth => 1, server => <<'CONF')->start;
        location /open/api/ { webhook_admin; webhook_auth off; }
CONF

my $json = JSON::PP->new->utf8->canonical;

# whom a route is for beside an admin: nobody, a company with access, any, or
# whoever has a key; a new route has to be told of here

my @routes = (
    [ 'POST companies', '', '{}' ],
    [ 'GET companies', '' ],
    [ 'GET companies/*', 'any' ],
    [ 'PATCH companies/*', '', '{}' ],
    [ 'DELETE companies/*', '' ],
    [ 'POST companies/*/access-requests', 'any', '{}' ],
    [ 'GET companies/*/access-requests', 'any' ],
    [ 'GET access-requests', '' ],
    [ 'POST companies/*/portal-sessions', '', '{}' ],
    [ 'POST companies/*/webhooks', 'company', '{}' ],
    [ 'GET companies/*/webhooks', 'company' ],
    [ 'GET companies/*/webhooks/*', 'company' ],
    [ 'PATCH companies/*/webhooks/*', 'company', '{}' ],
    [ 'DELETE companies/*/webhooks/*', 'company' ],
    [ 'GET companies/*/webhooks/*/secret', 'company' ],
    [ 'POST companies/*/webhooks/*/secret/rotate', 'company', '{}' ],
    [ 'POST companies/*/webhooks/*/test', 'company' ],
    [ 'GET companies/*/messages', 'company' ],
    [ 'GET companies/*/messages/*', 'company' ],
    [ 'DELETE companies/*/messages/*', '' ],
    [ 'GET companies/*/webhook-events', 'company' ],
    [ 'GET companies/*/webhook-events/*', 'company' ],
    [ 'POST companies/*/webhook-events/*/retry', 'company' ],
    [ 'POST companies/*/webhook-events/*/cancel', 'company' ],
    [ 'POST companies/*/replays', 'company', '{}' ],
    [ 'GET companies/*/replays', 'company' ],
    [ 'GET companies/*/replays/*', 'company' ],
    [ 'POST companies/*/replays/*/cancel', 'company' ],
    [ 'GET companies/*/stats', 'company' ],
    [ 'GET status', '' ],
    [ 'GET metrics', '' ],
    [ 'POST keys', '', '{}' ],
    [ 'GET keys', '' ],
    [ 'GET keys/*', '' ],
    [ 'DELETE keys/*', '' ],
    [ 'POST event-types', '', '{}' ],
    [ 'GET event-types', 'company' ],
    [ 'GET event-types/*', 'company' ],
    [ 'PATCH event-types/*', '', '{}' ],
    [ 'DELETE event-types/*', '' ],
    [ 'GET openapi.json', 'key' ],
);

my $source = WebhookTest::slurp('ngx_http_webhook_module/ngx_http_webhook_api_routes.c');
my @known = map { /NGX_HTTP_(\w+), "([^"]+)"/ ? "$1 $2" : () } split /\n/, $source;
is_deeply([ sort map { $_->[0] } @routes ], [ sort @known ], 'each route is in the table');

my %company = map {
    $_ => $t->api_ok('POST', '/companies', { uid => $_, name => $_, enabled => $_ ne 'off' ? \1 : \0 })
} qw(acme other off);

sub key { $t->api_ok('POST', '/keys', { name => 'a key', @_ })->{key} }

my %key = (
    root => $t->root_key,
    admin => key(role => 'admin'),
    ingest => key(role => 'ingest'),
    bound => key(role => 'ingest', company => 'acme'),
    acme => key(role => 'company', company => 'acme'),
    off => key(role => 'company', company => 'off'),
);

# a webhook of another company, which none of these may know of

my $foreign = $t->api_ok('POST', '/companies/other/webhooks',
                         { url => 'https://example.com/', events => ['*'] });

sub ask {
    my ($who, $route, $body, $company, $id) = @_;
    my ($method, $path) = split / /, $route;

    $path =~ s/\*/$company/ if $path =~ /^companies/;
    $path =~ s/\*/$id || 'none'/e;

    my $r = HTTP::Tiny->new->request($method, "http://127.0.0.1:$t->{port}/api/$path", {
        (defined $body ? (content => $body) : ()),
        headers => { 'Content-Type' => 'application/json',
                     Authorization => "Bearer $key{$who}" } });
    my $p = eval { $json->decode($r->{content}) };

    return ($r->{status}, $p->{code} || '', $r->{content});
}

sub is_allowed {
    my ($name, $status, $code) = @_;
    ok($status < 500 && $status != 401
       && $code !~ /^(role_forbidden|access_not_enabled|company_not_found|not_found)$/, $name)
        or diag("$status $code");
}

for my $r (@routes) {
    my ($route, $for, $body) = @$r;
    my $of = $route =~ / companies\/\*/;

    is_allowed("$route: $_", ask($_, $route, $body, 'none-such'))
        for $of ? () : qw(root admin);

    if ($for eq 'key') {
        is_allowed("$route: $_", ask($_, $route)) for sort keys %key;
        next;
    }

    for my $who (qw(ingest bound)) {
        my ($status, $code) = ask($who, $route, $body, 'acme');
        is("$status $code", '403 role_forbidden', "$route: a key of ingest ($who)");
    }

    for my $who (qw(acme off)) {

        if (!$for) {
            my ($status, $code) = ask($who, $route, $body, $who);
            is("$status $code", '403 role_forbidden', "$route: no company, $who");
            ($status, $code) = ask($who, $route, $body, 'other');
            is("$status $code", '403 role_forbidden', '... whatever company it names');
            next;
        }

        for my $own ($who, $company{$who}{id}) {

            if ($who eq 'off' && $for ne 'any') {
                my ($status, $code) = ask($who, $route, $body, $own);
                is("$status $code", '403 access_not_enabled', "$route: not without access");

            } else {
                is_allowed("$route: $own", ask($who, $route, $body, $own));
            }
        }

        next unless $of;

        # another company is as one that is not there, to the byte

        my @none = ask($who, $route, $body, 'nobody', $foreign->{id});
        is("@none[0, 1]", '404 company_not_found', "$route: no such company");
        is_deeply([ ask($who, $route, $body, $_, $foreign->{id}) ], \@none, "... nor $_")
            for 'other', $company{other}{id}, 'co_0000000000000', 'OFF', 'acm';
    }

    # a foreign identifier in one's own company

    if ($for && $route =~ /webhooks\/\*/) {
        my ($status, $code) = ask('acme', $route, $body, 'acme', $foreign->{id});
        is("$status $code", '404 webhook_not_found', "$route: another company's webhook");
    }
}

is([ $t->api('GET', "/companies/other/webhooks/$foreign->{id}") ]->[0], 200, 'which is still there');

# what no route is; methods that there are not

is(join(' ', (ask($_, 'GET nothing'))[0, 1]), '404 not_found', "no such path: $_") for keys %key;
is((ask($_, 'PUT keys', '{}'))[0], 405, "no such method: $_") for keys %key;

# a key of a company does all that its portal does

my ($status, undef, $w) = ask('acme', 'POST companies/*/webhooks',
    '{"url":"https://example.com/","events":["*"]}', 'acme');
is($status, 201, 'a company adds a webhook');
$w = $json->decode($w);
is((ask('acme', 'GET companies/*/webhooks/*/secret', undef, 'acme', $w->{id}))[0], 200, 'sees its secret');
is((ask('acme', 'POST companies/*/webhooks/*/secret/rotate', '{}', 'acme', $w->{id}))[0], 200, 'rotates it');
is((ask('acme', 'POST companies/*/webhooks/*/test', undef, 'acme', $w->{id}))[0], 202, 'tests it');
is((ask('acme', 'DELETE companies/*/webhooks/*', undef, 'acme', $w->{id}))[0], 204, 'deletes it');

# access that is given and taken is known at once

$t->api_ok('PATCH', '/companies/off', { enabled => \1 });
is((ask('off', 'GET companies/*/webhooks', undef, 'off'))[0], 200, 'access given');
$t->api_ok('PATCH', '/companies/off', { enabled => \0 });
is((ask('off', 'GET companies/*/webhooks', undef, 'off'))[1], 'access_not_enabled', 'and taken');

# ingest

my $event = '{"company":"%s","event":"a","payload":1}';

for (
    [ root => 'acme', '202 ' ], [ admin => 'acme', '202 ' ], [ admin => 'off', '403 access_not_enabled' ],
    [ ingest => 'acme', '202 ' ], [ ingest => 'other', '202 ' ],
    [ bound => 'acme', '202 ' ], [ bound => $company{acme}{id}, '202 ' ],
    [ bound => 'other', '404 company_not_found' ], [ bound => 'nobody', '404 company_not_found' ],
    [ bound => $company{other}{id}, '404 company_not_found' ], [ bound => 'off', '404 company_not_found' ],
    [ acme => 'acme', '403 role_forbidden' ], [ off => 'off', '403 role_forbidden' ],
) {
    my ($who, $company, $answer) = @$_;
    my $r = $t->http('POST', '/events', content => sprintf($event, $company),
                     headers => { Authorization => "Bearer $key{$who}" });
    my $p = eval { $json->decode($r->{content}) };
    is("$r->{status} " . ($p->{code} || ''), $answer, "ingest for $company by $who");
}

my $r = $t->http('POST', '/events', content => join("\n", map { sprintf $event, $_ } qw(acme other acme)),
                 headers => { Authorization => "Bearer $key{bound}", 'Content-Type' => 'application/x-ndjson' });
is_deeply([ map { $json->decode($_)->{status} } split /\n/, $r->{content} ], [ 202, 404, 202 ],
          'a line of a batch for another company fails alone');

# off: nobody is asked

is(HTTP::Tiny->new->get("http://127.0.0.1:$t->{port}/open/api/keys")->{status}, 200, 'webhook_auth off');

is(scalar($t->log_lines), 0, 'nothing alarming in the log');

$t->finish;
done_testing();
