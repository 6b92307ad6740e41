# One company never sees or changes what is another's: every operation of
# docs/openapi.yaml with every kind of key, t/lib/api/tenants.js.

use strict;
use warnings;

BEGIN { push @INC, 't/lib' }

use Test::More;
use WebhookTest;

my $t = WebhookTest->new(auth => 1, http => 'webhook_retry_delays off;');
$t->receiver;
$t->start;

$t->phase('tenants', port => $t->{port}, admin => '/api', key => $t->root_key,
          ok => $t->url('/ok'), fail => $t->url('/status/500'));

is(scalar($t->log_lines(qr/\[(?:alert|emerg)\]|exited on signal/)), 0,
   'nothing alarming in the log');

$t->finish;
done_testing();
