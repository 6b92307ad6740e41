# The API at random input, made from docs/openapi.yaml: t/lib/api/fuzz.js. For
# WEBHOOK_FUZZ seconds (12 unless said), from WEBHOOK_FUZZ_SEED on.

use strict;
use warnings;

BEGIN { push @INC, 't/lib' }

use Test::More;
use WebhookTest;

my $t = WebhookTest->new(auth => 1, workers => 2, http => 'webhook_retry_delays 100ms;');
$t->receiver;
$t->start;

my @workers = sort $t->workers;

$t->phase('fuzz', port => $t->{port}, admin => '/api', key => $t->root_key,
          ok => $t->url('/ok'), fail => $t->url('/status/500'));

is(join(' ', sort $t->workers), "@workers", 'no worker has ended');

my @lines = $t->log_lines(qr/\[(?:alert|emerg|crit)\]|exited on signal/);
is(join("\n", splice @lines, 0, 5), '', 'nothing alarming in the log');

$t->finish;
done_testing();
