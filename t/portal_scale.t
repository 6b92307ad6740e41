# Every screen of the portal is usable within a second, with PORTAL_EVENTS
# webhook events in the store: 20,000 unless said; 1000000 is what counts.

use strict;
use warnings;

BEGIN { push @INC, 't/lib' }

use PortalStore;
use Test::More;
use WebhookTest;

my $chromium = $ENV{CHROMIUM} || '/usr/bin/chromium';
plan skip_all => "no $chromium" unless -x $chromium;
plan skip_all => 'no playwright-core: run "make test-portal"'
    if system q(node -e 'require("playwright-core")' 2>/dev/null);

my $events = $ENV{PORTAL_EVENTS} || 20_000;
my $t = WebhookTest->new(auth => 1, portal => 1, http => 'webhook_retry_delays 1h;');
$t->receiver;
$t->start;

$t->setup('acme', $t->url("/ok/$_"), 'no.such') for 1 .. 20;
my @names = map { ("area$_.thing", "area$_.other") } 1 .. 10;
$t->api_ok('POST', '/event-types', { name => $_, description => "about $_" }) for @names;
my $n = PortalStore::fill($t, 'acme', events => $events, fan => 2, days => 29, names => [ @names, 'rare.name' ]);
cmp_ok($n, '>', $events * 0.9, "$n webhook events");

local $ENV{CHROMIUM} = $chromium;
local $ENV{PORTAL} = "http://127.0.0.1:$t->{port}/webhooks/";
local $ENV{API} = "http://127.0.0.1:$t->{port}/api";
local $ENV{EVENTS} = "http://127.0.0.1:$t->{port}/events";
local $ENV{KEY} = $t->root_key;

open my $tests, '-|', 'node', 't/portal/scale.mjs' or die "node: $!";

my ($plan, $seen) = (0, 0);

while (<$tests>) {
    if (/^(not )?ok \d+ - (.*)/) {
        ok(!$1, $2);
        $seen++;
    } elsif (/^1\.\.(\d+)/) {
        $plan = $1;
    } elsif (/^# (.*)/) {
        $ENV{PORTAL_EVENTS} ? diag($1) : note($1);
    }
}

ok(close $tests, 'the browser ended well');
is($seen, $plan, 'all of it ran');
is(scalar($t->log_lines), 0, 'nothing alarming in the log');
$t->finish;
done_testing();
