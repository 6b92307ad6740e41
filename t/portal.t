# The portal in a browser: every screen and button, against an nginx and a
# receiver.  What is examined is in t/portal/; it speaks TAP, a part of it for
# each "# part:".  With arguments, those parts alone.

use strict;
use warnings;

BEGIN { push @INC, 't/lib' }

use Test::More;
use WebhookTest;

my $chromium = $ENV{CHROMIUM} || '/usr/bin/chromium';
plan skip_all => "no $chromium" unless -x $chromium;
plan skip_all => 'no node' if system 'command -v node >/dev/null';
plan skip_all => 'no playwright-core: run "make test-portal"'
    if system q(node -e 'require("playwright-core"); require("axe-core")' 2>/dev/null);

my $t = WebhookTest->new(auth => 1, portal => 1, http => <<'CONF');
webhook_retry_delays 1h;
webhook_breaker failures=3 pause=1h;
webhook_timeout 4s;
webhook_support_url https://support.example.com/;
CONF
$t->receiver;
$t->start;

local $ENV{CHROMIUM} = $chromium;
local $ENV{PORTAL} = "http://127.0.0.1:$t->{port}/webhooks/";
local $ENV{API} = "http://127.0.0.1:$t->{port}/api";
local $ENV{EVENTS} = "http://127.0.0.1:$t->{port}/events";
local $ENV{KEY} = $t->root_key;
local $ENV{RECEIVER} = $t->url('');
local $ENV{RECEIVED} = $t->{main_receiver}{record};

# two browsers at a time, since much of it is waiting: parts that list what all
# companies have are in one, one after the other

my @browsers = @ARGV ? [@ARGV]
    : ([qw(access operator many add settings verify event hostile keyboard headers)],
       [qw(lists webhook timeline live filters replay)]);
my (@parts, @tests);
my ($plan, $ended, $n) = (0, 1, 0);

for (@browsers) {
    open my $out, '-|', 'node', 't/portal/run.mjs', @$_ or die "node: $!";
    push @tests, $out;
}

for my $out (@tests) {
    while (<$out>) {
        if (/^# part: (.*)/) {
            push @parts, { name => $1, lines => [] };
        } elsif (/^1\.\.(\d+)/) {
            $plan += $1;
        } elsif (/^(not )?ok \d+ - (.*)/) {
            push @{ $parts[-1]{lines} }, [ !$1, $2, '' ];
        } elsif (/^# (.*)/ && @{ $parts[-1]{lines} || [] }) {
            $parts[-1]{lines}[-1][2] .= "$1\n";
        }
    }

    $ended = 0 unless close $out;
}

is(scalar(@parts), scalar(map { @$_ } @browsers), 'all parts began');

for my $part (@parts) {
    subtest $part->{name} => sub {
        for (@{ $part->{lines} }) {
            ok($_->[0], $_->[1]) or diag($_->[2]);
            $n++;
        }
    };
}

ok($plan && $plan == $n, 'all of it ran');
ok($ended, 'and the browsers ended well');
is(scalar($t->log_lines), 0, 'nothing alarming in the log');
$t->finish;
done_testing();
