# bench/soak, for a short time: under a constant load workers are killed, nginx is
# reloaded, endpoints and names fail, the disk is full and the clock jumps.  What
# it checks at the end is one test each.  "make soak" does it for longer.

use strict;
use warnings;

use Test::More;

$ENV{SOAK_SECONDS} ||= 20;
$ENV{SOAK_RATE} ||= 50;
$ENV{SOAK_SEED} ||= 1;

my @lines = `bench/soak 2>&1`;
my $status = $?;

note $_ for grep { !/^(?:ok|BAD) / } @lines;

for (grep { /^(?:ok|BAD) / } @lines) {
    my ($good, $what) = /^(ok|BAD)\s+(.+)/;
    is($good, 'ok', $what);
}

is($status, 0, 'and all is well') or diag @lines[-40 .. -1];
done_testing();
