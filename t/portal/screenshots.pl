# The pictures of docs/screenshots, anew: a store with a past, four endpoints,
# one of which is down, and the portal in a browser.
#
#     make screenshots

use strict;
use warnings;

BEGIN { push @INC, 't/lib' }

use PortalStore;
use Test::More;
use WebhookTest;

my $t = WebhookTest->new(auth => 1, portal => 1);
my $dir = $t->dir;
my @hosts = map { "$_.acme.example" } qw(siem tickets chat lake);

WebhookTest::sh("openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout $dir/all.key -out $dir/all.crt"
    . " -days 2 -subj '/CN=acme.example' -addext 'subjectAltName=" . join(',', map { "DNS:$_" } @hosts) . "'");

my $resolve = join '', map { "webhook_resolve $_:443:127.0.0.1;\n" } @hosts;
my @answers = (
    'default_type application/json; return 200 \'{"text":"Success","code":0}\';',
    'default_type application/json; add_header X-Request-Id 7f3a9c1e always; return 503 \'{"error":"maintenance","detail":"database is in read-only mode"}\';',
    'return 204;',
    'default_type application/json; return 202 \'{"queued":true}\';',
);
my $servers = join '', map { <<CONF } 0 .. 3;
server {
    listen 127.0.0.1:443 ssl;
    server_name $hosts[$_];
    ssl_certificate $dir/all.crt;
    ssl_certificate_key $dir/all.key;
    location / { $answers[$_] }
}
CONF

$t->{http} = <<CONF;
$resolve
webhook_trusted_certificate $dir/all.crt;
webhook_retry_delays 4m 15m 1h;
webhook_breaker failures=9 pause=5m;
webhook_support_url https://support.example.com/;
$servers
CONF

$t->start;

my %types = (
    'asset.discovered' => 'A host that was not known before.',
    'honeypot.alert' => 'A honeypot was touched: by whom, where, and what was tried.',
    'honeypot.login' => 'Somebody logged in to a honeypot.',
    'honeypot.session.closed' => 'A session at a honeypot has ended.',
    'scan.started' => 'A vulnerability scan has begun.',
    'scan.finished' => 'A scan has ended, with the counts of what it found.',
    'vulnerability.found' => 'A new finding, with its CVE and severity.',
    'vulnerability.fixed' => 'A finding is gone.',
);
my %examples = (
    'honeypot.alert' => { honeypot => 'ssh-dmz-1', severity => 'high', source => { ip => '198.51.100.27', country => 'NL' },
                          commands => [ 'uname -a' ] },
);
$t->api_ok('POST', '/event-types', { name => $_, description => $types{$_}, example => $examples{$_} }) for sort keys %types;
$t->api_ok('POST', '/companies', { uid => 'acme', name => 'ACME Security', enabled => \1 });

sub hook { my ($d, $url, $events, %more) = @_;
    $t->api_ok('POST', '/companies/acme/webhooks', { description => $d, url => $url, events => $events, %more }) }

hook('Old collector', 'https://lake.acme.example/v1/collect', ['*'], enabled => \0);
hook('Data lake', 'https://lake.acme.example/v2/events', ['*'], headers => { 'X-Api-Key' => 'k' });
hook('Chat alerts', 'https://chat.acme.example/hooks/T02/security', ['honeypot.alert', 'scan.finished']);
hook('Ticket system', 'https://tickets.acme.example/api/inbound', ['vulnerability.*']);
hook('SIEM', 'https://siem.acme.example/services/collector', ['honeypot.*', 'vulnerability.found']);

PortalStore::fill($t, 'acme', events => 40_000, days => 30, fan => 1,
                  names => [ 'scan.started', 'vulnerability.fixed', 'scan.finished', 'honeypot.login', 'vulnerability.found', 'honeypot.alert' ]);

$t->api_ok('POST', '/companies', { uid => 'beta', name => 'Beta Logistics' });
$t->api_ok('POST', '/companies', { uid => 'gamma', name => 'Gamma Health', enabled => \1 });
$t->api_ok('POST', '/companies', { uid => 'delta', name => 'Delta Retail Group' });
$t->api_ok('POST', '/companies/beta/access-requests', { message => 'We want honeypot alerts in our SOC tool.' });
$t->api_ok('POST', '/companies/delta/access-requests', {});

local @ENV{qw(PORTAL API EVENTS KEY)} = ("http://127.0.0.1:$t->{port}/webhooks/", "http://127.0.0.1:$t->{port}/api",
                                         "http://127.0.0.1:$t->{port}/events", $t->root_key);
is(system('node', 't/portal/screenshots.mjs', $ENV{SCREENSHOTS} || 'docs/screenshots'), 0, 'the pictures');
is(system('pngquant --force --ext .png --speed 1 --strip 192 ' . ($ENV{SCREENSHOTS} || 'docs/screenshots') . '/*.png'), 0, 'made small');
$t->finish;
done_testing();
