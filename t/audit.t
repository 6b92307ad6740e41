# sql/webhook-audit: nothing bad in the store of an nginx that runs, and each
# way in which a store can be damaged is found.

use strict;
use warnings;

BEGIN { push @INC, 't/lib' }

use File::Path qw(remove_tree);
use Test::More;
use WebhookTest;

my $t = WebhookTest->new(workers => 2, http => 'webhook_retry_delays 50ms 50ms;');
$t->receiver;
$t->start;
$t->setup('acme', $t->url('/ok'), 'good');
$t->setup('acme', $t->url('/fail/2/x'), 'late');
$t->setup('acme', $t->url('/status/500'), 'bad');
$t->setup('umbrella', $t->url('/ok'), 'good');
my $held = $t->setup('umbrella', $t->url('/hang'), 'waits');

# a healthy store has everything: delivered, failed, held, cancelled events,
# keys, of messages that were erased too, and a company that is gone

sub keyed {
    my $r = $t->http('POST', '/events', content => $_[0], headers => { 'Idempotency-Key' => $_[1] });
    return $r->{status} == 202 && $r->{content} =~ /"(msg_\w+)"/ ? $1 : die $r->{content};
}

for my $n (1 .. 5) {
    $t->ingest('acme', $_, $n) for qw(good late bad nobody);
    keyed(qq({"company":"umbrella","event":"good","payload":$n}), "key-$n");
}

my $erased = keyed('{"company":"acme","event":"good","payload":6}', 'erased');
$t->wait_for('deliveries', sub { !$t->events('acme', 'status=pending') });
$t->api_ok('DELETE', "/companies/acme/messages/$erased");

my @failed = $t->events('acme', 'status=failed');

$t->setup('gone', $t->url('/ok'), 'good');
$t->ingest('gone', 'good', 1) for 1 .. 3;
$t->api_ok('DELETE', '/companies/gone');

# some wait, and are held back

$t->ingest('umbrella', 'waits', $_) for 1 .. 3;
$t->api_ok('PATCH', "/companies/umbrella/webhooks/$held->{id}", { enabled => \0 });

my ($status, $out) = audit($t->store);
is($status, 0, 'beside nginx: nothing is bad') or diag $out;
like($out, qr/^ok     the owners of events live$/m, 'whose workers live');
($status, $out) = audit('-q', $t->store);
is($status, 0, 'quick: nothing is bad') or diag $out;
like($out, qr/^ok     quick_check$/m, 'and not every page');

# an owner that is dead, while no other worker can see to it

kill 'STOP', my @workers = $t->workers;
sql($t->store, 'UPDATE webhook_event SET owner = 999 WHERE id ='
               . ' (SELECT max(id) FROM webhook_event WHERE status = 0)');
($status, $out) = audit($t->store);
is($status, 1, 'an owner that is dead is found');
like($out, qr/^BAD    the owners of events live: worker 999 is dead, with 1$/m, 'and named');
kill 'CONT', @workers;
$t->wait_for('the takeover', sub { (audit($t->store))[0] == 0 });
pass('workers take it over');

# all that is pending is nobody's when nginx has ended; it leaves copies

$t->stop('KILL');
sql($t->store, 'PRAGMA wal_checkpoint(TRUNCATE)');
($status, $out) = audit($t->store);
is($status, 0, 'after a kill: nothing is bad') or diag $out;
like($out, qr/^note   webhook events: 3 pending, 15 delivered, 5 failed, 0 cancelled$/m, 'what is in it');

my $copy = $t->dir . '/copy/store.db';
my $delivered = '(SELECT max(id) FROM webhook_event WHERE status = 1)';
my $failed = '(SELECT max(id) FROM webhook_event WHERE status = 2)';
my $waits = '(SELECT max(id) FROM webhook_event WHERE status = 0)';
my $last = "(SELECT attempt_id FROM webhook_event WHERE id = $failed)";
my $chained = '(SELECT max(id) FROM webhook_event_log WHERE previous_id <> 0)';

for (['a message is missing', 'DELETE FROM message WHERE id = (SELECT message_id FROM'
        . " webhook_event WHERE id = $delivered)", qr/each webhook event has its message/],
     ['a webhook is missing', 'DELETE FROM webhook WHERE id = (SELECT webhook_id FROM'
        . " webhook_event WHERE id = $waits)", qr/each webhook event has its webhook/],
     ['a subscription of none', 'INSERT INTO subscription VALUES (1, \'a\')',
        qr/each row of subscription has its webhook/],
     ['a company is missing', 'DELETE FROM company WHERE uid = \'acme\'',
        qr/each webhook event has its company/],
     ['a message of another company', 'UPDATE message SET company_id = (SELECT max(id) FROM'
        . ' company) WHERE event = \'bad\'', qr/message, webhook and webhook event are of one/],
     ['an event twice', 'INSERT INTO webhook_event (id, message_id, webhook_id, company_id,'
        . ' status, owner, retries, due_at) SELECT id + 300000, message_id, webhook_id,'
        . " company_id, 3, 0, 0, due_at FROM webhook_event WHERE id = $failed", qr/no event is twice for a webhook/],
     ['a status that is none', "UPDATE webhook_event SET status = 7 WHERE id = $failed",
        qr/statuses that there are/],
     ['an identifier too new', 'UPDATE store SET last_id = last_id / 2',
        qr/no message is newer than the last identifier/],
     ['an event older than its message', 'UPDATE webhook_event SET id = message_id - 500000'
        . " WHERE id = $waits", qr/a webhook event is newer than its message/],
     ['an attempt of no event', "UPDATE webhook_event_log SET webhook_event_id = 1 WHERE id = $last",
        qr/each attempt has its webhook event/],
     ['the last attempt is missing', "DELETE FROM webhook_event_log WHERE id = $last",
        qr/the last attempt of each webhook event is there/],
     ['the last attempt is of another event', "UPDATE webhook_event SET attempt_id = $last"
        . " WHERE id = $delivered", qr/the last attempt of each webhook event is its own/],
     ['delivered by a 500', 'UPDATE webhook_event_log SET status_code = 500 WHERE id = (SELECT'
        . " attempt_id FROM webhook_event WHERE id = $delivered)", qr/each delivered webhook event has/],
     ['delivered without an attempt', "UPDATE webhook_event SET status = 1 WHERE id = $waits",
        qr/each delivered webhook event has/],
     ['failed with a 200', "UPDATE webhook_event_log SET error = NULL WHERE id = $last",
        qr/no other one has, as its last or an earlier one/],
     ['failed with an earlier 200', 'UPDATE webhook_event_log SET error = NULL WHERE id ='
        . " (SELECT previous_id FROM webhook_event_log WHERE id = $last)",
        qr/no other one has, as its last or an earlier one: 1 are not, evt_/],
     ['waits after a 200', 'UPDATE webhook_event SET status = 0, extra = 1'
        . " WHERE id = $delivered", qr/no other one has, as its last or an earlier one/],
     ['failed without a reason', "UPDATE webhook_event SET reason = NULL WHERE id = $failed",
        qr/each failed webhook event says why/],
     ['an attempt in between is missing', 'DELETE FROM webhook_event_log WHERE id = (SELECT'
        . " previous_id FROM webhook_event_log WHERE id = $chained)", qr/the chain of attempts is whole/],
     ['an attempt that is the one before itself', 'UPDATE webhook_event_log SET previous_id = id'
        . " WHERE id = $last", qr/the chain of attempts is whole: 1 are not, att_/],
     ['a chain of attempts that is a circle', "UPDATE webhook_event_log SET previous_id = $last"
        . " WHERE previous_id = 0 AND webhook_event_id = $failed",
        qr/the chain of attempts is whole: 1 are not, att_/],
     ['such a circle of a delivered one', 'UPDATE webhook_event_log SET previous_id = id,'
        . " status_code = 500, error = 'status' WHERE id = (SELECT attempt_id FROM webhook_event"
        . " WHERE id = $delivered)", qr/each delivered webhook event has/],
     ['an attempt out of the chain', 'UPDATE webhook_event_log SET previous_id = 0, number = 1'
        . " WHERE id = $chained", qr/no attempt is outside of its chain/],
     ['a number left out', "UPDATE webhook_event_log SET number = 9 WHERE id = $chained",
        qr/attempts are numbered one after the other/],
     ['a retry too many', "UPDATE webhook_event SET retries = retries + 1 WHERE id = $failed",
        qr/retries are the attempts but one/],
     ['retries without attempts', "UPDATE webhook_event SET retries = 1 WHERE id = $waits",
        qr/none was retried that was not attempted/],
     ['a key of another company', 'UPDATE idempotency SET company_id = (SELECT id FROM company'
        . ' WHERE uid = \'acme\') WHERE key = \'key-1\'',
        qr/each idempotency key has a message of its company/],
     ['an event of a key is missing', 'UPDATE idempotency SET count = 2 WHERE key = \'key-5\'',
        qr/and as many webhook events as it says/],
     ['out of the queue', 'UPDATE webhook SET enabled = 1; DELETE FROM webhook_queue;'
        . " UPDATE webhook_event SET owner = 0 WHERE status = 0", qr/no pending event is out of sight/],
     ['a queue that is looked at in a thousand years', 'UPDATE webhook SET enabled = 1;'
        . ' INSERT OR REPLACE INTO webhook_queue (webhook_id, due_at) SELECT webhook_id,'
        . " 32503680000000 FROM webhook_event WHERE id = $waits;"
        . " UPDATE webhook_event SET owner = 0 WHERE status = 0",
        qr/no webhook with an event that is due is looked at too late: 1 are not, wh_/],
     ['an index that is ahead', 'UPDATE store SET last_id = last_id - 1048576000',
        qr/the index of lists is not ahead/],
     ['an index that has changes of another store', 'UPDATE lists.state SET change = 1000000',
        qr/the index of lists is not ahead: .*; remove it: it is made anew/],
     ['an index that does not say how far it is', 'DELETE FROM lists.state',
        qr/the index of lists says how far it is: remove it: it is made anew/],
     ['an index of another version', 'PRAGMA lists.user_version = 3',
        qr/the file of the index of lists: version 3 instead of 4; remove it: it is made anew/],
     ['an index without a table', 'DROP TABLE lists.statistics',
        qr/the file of the index of lists: it lacks tables; remove it/],
     ['a status that a list has not', "UPDATE lists.by_company SET status = 0 WHERE id = $failed",
        qr/the index of lists has each status, by_company: 1 are not, evt_/],
     ['one that it has besides', 'INSERT INTO lists.by_webhook SELECT webhook_id, 3, id'
        . " FROM webhook_event WHERE id = $failed", qr/the index of lists has each status, by_webhook/],
     ['an event that is in no list', "DELETE FROM lists.by_company WHERE id = $failed",
        qr/the index of lists has each webhook event, by_company/],
     ['statistics that lack attempts', 'DELETE FROM lists.statistics',
        qr/the statistics have each attempt/],
) {
    my ($what, $damage, $found) = @$_;

    anew();
    sql($copy, "ATTACH '$copy.index' AS lists; $damage");
    ($status, $out) = audit('-q', $copy);
    is($status, 1, "$what: bad");
    like($out, qr/^BAD    $found/m, "$what: it says what");
}

# somebody may ask for one more attempt of one that was delivered

anew();
sql($copy, "UPDATE webhook_event SET status = 0, extra = 2, resume_at = due_at WHERE id = $delivered;"
           . ' INSERT OR REPLACE INTO webhook_queue (webhook_id, due_at) SELECT webhook_id, due_at'
           . " FROM webhook_event WHERE extra = 2");
($status, $out) = audit('-q', $copy);
is($status, 0, 'a delivered one is sent again: nothing is bad') or diag $out;

# what a migration makes is in each store that is as new, all of it; an older store
# is whole without (these have columns that it has not: other checks may fail)

anew();

for my $file (reverse sort glob 'sql/sqlite/migrations/*.sql') {
    my ($schema) = $file =~ /(\d+)_/;
    my $sql = WebhookTest::slurp($file);
    my %made;

    push @{ $made{ lc $1 } }, $2 while $sql =~ /^CREATE (?:UNIQUE )?(TABLE|INDEX|TRIGGER) (\w+)/mg;

    for my $type (qw(trigger index table)) {
        my @names = grep { $_ ne 'store' } sort @{ $made{$type} || [] } or next;
        sql($copy, "UPDATE store SET schema = $schema; " . join ' ', map { "DROP $type $_;" } @names);
        ($status, $out) = audit('-q', $copy);
        isnt($status, 0, "$file, no $type: not good");
        my ($lacks) = $out =~ /^BAD    the schema is whole: (.*)$/m;
        my @lacks = grep { /^no $type / } split /; /, $lacks // '';
        is("@lacks", join(' ', map { "no $type $_" } @names), "$file, no $type: it says which");
    }
}

# a webhook may be looked at late: its breaker is open, or the event that the
# others wait for is due later

my $late = 'UPDATE webhook SET enabled = 1; UPDATE webhook_event SET owner = 0 WHERE status = 0;'
           . ' INSERT OR REPLACE INTO webhook_queue (webhook_id, due_at, head_id)'
           . " SELECT webhook_id, 32503680000000, id FROM webhook_event WHERE id = $waits;";

for (['an open breaker', 'INSERT INTO webhook_health (webhook_id, failures, events, event_id,'
        . ' since, open_until) SELECT webhook_id, 9, 9, id, 1, 32503680000000'
        . " FROM webhook_event WHERE id = $waits"],
     ['the head of an ordered webhook', 'UPDATE webhook SET ordered = 1;'
        . " UPDATE webhook_event SET due_at = 32503680000000 WHERE id = $waits"],
) {
    anew();
    sql($copy, "$late $_->[1]");
    ($status, $out) = audit('-q', $copy);
    is($status, 0, "$_->[0]: nothing is bad") or diag $out;
}

# identifiers that were given while the clock was ahead

anew();
sql($copy, 'UPDATE store SET last_id = last_id + (7200000 << 20)');
($status, $out) = audit('-q', $copy);
is($status, 0, 'identifiers ahead of the clock: nothing is bad') or diag $out;
like($out, qr/^note   identifiers: they are 1\d\d minutes ahead of the clock$/m, 'but it is said');

# an index may be behind: of an event that was cancelled, or delivered, since

for ("UPDATE webhook_event SET status = 3 WHERE id = $waits",
     'UPDATE lists.state SET position = (SELECT max(id) - 1 FROM webhook_event_log);'
     . ' UPDATE lists.by_company SET status = 0 WHERE id = (SELECT webhook_event_id'
     . ' FROM webhook_event_log ORDER BY id DESC LIMIT 1)')
{
    anew();
    sql($copy, "ATTACH '$copy.index' AS lists; $_");
    ($status, $out) = audit('-q', $copy);
    is($status, 0, 'an index that is behind: nothing is bad') or diag $out;
}

anew();
sql("$copy.index", 'PRAGMA wal_checkpoint(TRUNCATE)');
damage("$copy.index", 4096, 4096);
($status, $out) = audit('-q', $copy);
is($status, 1, 'an index that is damaged: bad') or diag $out;
like($out, qr/^BAD    the file of the index of lists: .*remove it: it is made anew$/m, 'and can be removed');

anew();
sql("$copy.index", 'PRAGMA wal_checkpoint(TRUNCATE)');
damage("$copy.index", 0, 100);
is((audit('-q', $copy))[0], 1, 'an index that is no database: bad');

anew();
unlink map { "$copy.index$_" } '', '-wal', '-shm';
sql("$copy.index", 'PRAGMA journal_mode = WAL');
is((audit('-q', $copy))[0], 0, 'an index that is new: nothing is bad');

# files that are damaged, or are none

anew();
damage($copy, 4096 * 10, 4096);
($status, $out) = audit($copy);
is($status, 1, 'a page of zeros: bad') or diag $out;
like($out, qr/^BAD    integrity_check: /m, 'by what SQLite finds');

anew();
damage($copy, 0, 4096);
is((audit($copy))[0], 2, 'no database at all: cannot be audited');
is((audit($t->dir . '/nothing'))[0], 2, 'no file at all: neither');
is((audit())[0], 2, 'no argument: neither');

# a copy without companions, as a backup is

anew();
unlink "$copy.index", "$copy.lock";
($status, $out) = audit($copy);
is($status, 0, 'a backup: nothing is bad') or diag $out;
like($out, qr/^note   index of lists: there is none/m, 'which has no index');
like($out, qr/^note   owners: .*no lock file/m, 'and no workers');

# one of which the attempts are a circle can be erased

sql($t->store, "UPDATE webhook_event_log SET previous_id = $last"
               . " WHERE previous_id = 0 AND webhook_event_id = $failed");
is((audit($t->store))[0], 1, 'a circle of attempts: bad');
my $of = $failed[0];

$t->start;
$t->api_ok('DELETE', "/companies/acme/messages/$of->{message_id}");
$t->wait_for('events after the audits', sub { $t->ingest('acme', 'good', 7) });
is((audit($t->store))[0], 0, 'nginx goes on with the store');
is(scalar(grep { !/exited on signal 9/ } $t->log_lines), 0, 'nothing alarming in the log');

$t->finish;
done_testing();

sub audit {
    my $command = join ' ', 'timeout 60 sql/webhook-audit', map { "'$_'" } @_;
    my $out = `$command 2>&1`;
    return ($? >> 8, $out);
}

sub sql {
    my ($store, $sql) = @_;
    WebhookTest::sh("sqlite3 -bail -cmd '.timeout 5000' $store \"$sql\"");
}

sub anew {
    remove_tree($t->dir . '/copy');
    WebhookTest::sh('cp -r ' . $t->dir . '/webhook ' . $t->dir . '/copy');
}

sub damage {
    my ($file, $at, $n) = @_;
    open my $fh, '+<', $file or die $!;
    sysseek $fh, $at, 0;
    syswrite $fh, "\0" x $n;
    close $fh;
}
