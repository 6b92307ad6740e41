# A store of an older schema is brought up to date, after a backup, and loses
# nothing.

use strict;
use warnings;

BEGIN { push @INC, 't/lib' }

use Test::More;
use WebhookTest;

my $t = WebhookTest->new;
$t->receiver;
$t->start;
my $w = $t->setup('acme', $t->url('/ok'), '*');
$t->ingest('acme', 'old', 1);
$t->wait_received(1);
$t->wait_for('it to be recorded', sub { $t->events('acme', 'status=delivered') });
$t->stop;

# as the first schema was

my $db = $t->store;
WebhookTest::sh("sqlite3 $db 'DROP TABLE idempotency; DROP TABLE retention;"
                . ' DROP INDEX company_deleted; DROP INDEX webhook_event_tests;'
                . ' ALTER TABLE company DROP COLUMN deleted_at;'
                . ' ALTER TABLE company DROP COLUMN erased_id;'
                . ' ALTER TABLE webhook_event DROP COLUMN test;'
                . " PRAGMA user_version = 1;"
                . " UPDATE store SET schema = 1'");
chown((getpwnam 'nobody')[2, 3], glob "$db*") if $t->user =~ /^nobody/ && $> == 0;
unlink glob "$db.schema-*";

$t->start;

is(WebhookTest::sh("sqlite3 -readonly $db 'PRAGMA user_version; SELECT schema FROM store'"),
   "3\n3\n", 'the schema is up to date');
is(WebhookTest::sh("sqlite3 -readonly $db.schema-1 'PRAGMA user_version;"
   . " SELECT count(*) FROM message'"), "1\n1\n", 'a backup was made before');
is(sprintf('%04o', (stat "$db.schema-1")[2] & 07777), '0600', 'for its owner alone');

is(scalar($t->events('acme')), 1, 'what was there is there');
is($t->api_ok('GET', "/companies/acme/webhooks/$w->{id}/secret")->{secret},
   $w->{secret}, 'secrets too');
is($t->ingest('acme', 'new', 2)->{webhook_event_count}, 1, 'and it goes on');

is(scalar($t->log_lines), 0, 'nothing alarming in the log');

$t->finish;
done_testing();
