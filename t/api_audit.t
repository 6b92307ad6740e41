# What is written by the admin API leaves a line in the log.

use strict;
use warnings;

BEGIN { push @INC, 't/lib' }

use Test::More;
use WebhookTest;

my $t = WebhookTest->new(auth => 1, server => <<'CONF')->start;
        location /open/ { webhook_admin; webhook_auth off; }
CONF

my $n = 0;

# the line that a request has left

sub audit {
    my ($what, @request) = @_;
    my @r = ref $request[0] ? $request[0]->() : $t->api(@request);
    my @lines = $t->wait_for("a line of $what", sub {
        my @lines = $t->log_lines(qr/webhook audit/);
        return @lines > $n ? @lines : ();
    });
    is(scalar @lines, ++$n, "$what: one line");
    like($lines[-1], qr/\[notice\].*client: 127\.0\.0\.1/, '... a notice, with the client');
    my ($line) = $lines[-1] =~ /webhook audit: (.*?"), client:/;
    return ($line, @r);
}

sub as {
    my ($key, $method, $path, $body) = @_;
    return sub { $t->http($method, $path, content => $body, headers => { Authorization => "Bearer $key" }) };
}

my ($line, undef, $c) = audit('a company', 'POST', '/companies', { uid => 'acme', name => 'A', enabled => \1 });
is($line, qq(POST /companies 201, key "root", company "-", target "$c->{id}"), '... what it says');

($line, undef, my $k) = audit('a key', 'POST', '/keys', { name => 'k', role => 'company', company => 'acme' });
is($line, qq(POST /keys 201, key "root", company "-", target "$k->{id}"), '... its id alone');

($line, undef, my $w) = audit('a webhook', 'POST', '/companies/acme/webhooks',
                              { url => 'https://example.com/', events => [ '*' ] });
is($line, qq(POST /companies/*/webhooks 201, key "root", company "acme", target "$w->{id}"),
   '... the company and the webhook');

($line) = audit('an event type', 'POST', '/event-types', { name => 'scan.done' });
is($line, 'POST /event-types 201, key "root", company "-", target "scan.done"', '... its name');

($line, undef, my $replay) = audit('a replay', 'POST', '/companies/acme/replays',
                                   { webhook_id => $w->{id}, source => 'messages' });
is($line, qq(POST /companies/*/replays 202, key "root", company "acme", target "$replay->{id}"), '... its id');

my $path = "/companies/acme/webhooks/$w->{id}";
($line) = audit('a change by a company', as($k->{key}, 'PATCH', "/api$path", '{"enabled":false}'));
is($line, qq(PATCH /companies/*/webhooks/* 200, key "$k->{id}", company "$c->{id}", target "$w->{id}"),
   '... by which key');

($line) = audit('a refusal', as($k->{key}, 'PATCH', '/api/companies/acme', '{"enabled":true}'));
is($line, qq(PATCH /companies/* 403, key "$k->{id}", company "acme", target "-"), '... is told too');

($line) = audit('nonsense', 'POST', '/companies/acme/webhooks', '{');
is($line, qq(POST /companies/*/webhooks 400, key "root", company "acme", target "-"), '... and this');

($line) = audit('nobody', sub { $t->http('POST', '/open/companies/acme/portal-sessions', content => '{}') });
like($line, qr/^POST \/companies\/\*\/portal-sessions 201, key "off", company "acme", target "key_\w{13}"$/,
   '... no key was asked for');

($line) = audit('a rotation', 'POST', "$path/secret/rotate", '{}');
is($line, qq(POST /companies/*/webhooks/*/secret/rotate 200, key "root", company "acme", target "$w->{id}"),
   '... of which secret');

($line) = audit('a request for access', 'POST', '/companies/acme/access-requests', '{}');
is($line, qq(POST /companies/*/access-requests 409, key "root", company "acme", target "-"), '... of whom');

($line) = audit('a deletion', 'DELETE', "/keys/$k->{id}");
is($line, qq(DELETE /keys/* 204, key "root", company "-", target "$k->{id}"), '... of what');

# nobody writes lines of his own

($line) = audit('an odd name', 'DELETE', '/keys/x%0Awebhook%20audit:%20DELETE');
is($line, 'DELETE /keys/* 404, key "root", company "-", target "-"', '... is not repeated');
($line) = audit('a long name', 'DELETE', '/companies/' . 'x' x 500);
is($line, 'DELETE /companies/* 404, key "root", company "-", target "-"', '... nor this');

# reading leaves none, and neither does who has no key

$t->api_ok('GET', $path);
$t->api('PUT', '/companies');
$t->http('POST', '/api/companies', content => '{}', headers => { Authorization => 'Bearer whk_no' });
($line) = audit('the next write', 'DELETE', $path);
is($line, qq(DELETE /companies/*/webhooks/* 204, key "root", company "acme", target "$w->{id}"),
   '... is the next line');

# no secret is in the log

my $log = WebhookTest::slurp($t->error_log);
unlike($log, qr/\Q$_\E/, 'no secret is in the log')
    for $k->{key}, $w->{secret}, $t->root_key, 'whp_';

is(scalar($t->log_lines), 0, 'nothing alarming in the log');

$t->finish;
done_testing();
