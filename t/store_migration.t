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

# the same rows in the first schema

my $db = $t->store;
my $first = 'sql/sqlite/migrations/0001_initial.sql';
rename $db, "$db.new" or die $!;
unlink glob "$db-*";
unlink glob "$db.index*";
WebhookTest::sh("sqlite3 $db < $first");
WebhookTest::sh("sqlite3 $db 'PRAGMA user_version = 1'");

for my $table (WebhookTest::slurp($first) =~ /^CREATE TABLE (\w+)/mg) {
    my $columns = join ',', split ' ', WebhookTest::sh(
        qq(sqlite3 $db "SELECT name FROM pragma_table_info('$table')"));
    WebhookTest::sh(qq(sqlite3 $db "ATTACH '$db.new' AS n; INSERT OR REPLACE INTO)
        . qq( $table ($columns) SELECT $columns FROM n.$table"));
}

WebhookTest::sh("sqlite3 $db 'UPDATE store SET schema = 1; PRAGMA application_id = "
                . WebhookTest::sh("sqlite3 $db.new 'PRAGMA application_id'") =~ s/\s//r . "'");
unlink "$db.new";
chmod 0600, $db;
chown((getpwnam 'nobody')[2, 3], glob "$db*") if $t->user =~ /^nobody/ && $> == 0;
unlink glob "$db.schema-*";

$t->start;

my $newest = () = glob 'sql/sqlite/migrations/*.sql';

is(WebhookTest::sh("sqlite3 -readonly $db 'PRAGMA user_version; SELECT schema FROM store'"),
   "$newest\n$newest\n", 'the schema is up to date');
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
