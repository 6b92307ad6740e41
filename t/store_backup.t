# An online backup under load, as docs/operations.md has it, and a restore
# from it: what was delivered before it stays so, the rest is sent.

use strict;
use warnings;

BEGIN { push @INC, 't/lib' }

use Test::More;
use Time::HiRes qw(time);
use WebhookTest;

my $t = WebhookTest->new;
$t->receiver;
$t->start;
my $w = $t->setup('acme', $t->url('/ok'), '*');

# load while the backup runs

my $pid = fork;
if ($pid == 0) {
    my $until = time + 3;
    $t->http('POST', '/events', content => '{"company":"acme","event":"a","payload":1}')
        while time < $until;
    POSIX::_exit(0);
}

my $backup = $t->dir . '/backup';
mkdir $backup, 0700;
$t->wait_for('some events', sub { $t->received > 50 });

my $docs = WebhookTest::slurp('docs/operations.md');
my ($command) = $docs =~ /<!-- backup -->\n```sh\n(.*?)```/s or die 'no backup in docs';
$command =~ s{/var/lib/nginx/webhook}{$t->dir . '/webhook'}ge;
$command =~ s{/backup/webhook}{$backup}g;
$command =~ s/sudo(?: -u \S+)? //g;
$command =~ s/ -o www-data / / or die 'no owner in docs';

my $begin = time;
WebhookTest::sh($command);
cmp_ok(time - $begin, '<', 3 * $t->{scale}, 'the backup ends while the load goes on');

# another one follows, which takes its place

my @first = stat "$backup/store.db";
WebhookTest::sh($command);
my @second = stat "$backup/store.db";
isnt($second[1], $first[1], 'the next one takes its place');
is($second[2] & 0777, 0600, 'for one user alone');

is(WebhookTest::sh("sqlite3 $backup/store.db 'PRAGMA integrity_check'"), "ok\n", 'it is whole');
my $in_backup = 0 + WebhookTest::sh("sqlite3 $backup/store.db 'SELECT count(*) FROM message'");
cmp_ok($in_backup, '>=', 50, "with $in_backup events");
ok(-s "$backup/root.key" && -s "$backup/encryption.key", 'and the keys');

waitpid $pid, 0;
$t->wait_for('all to be delivered', sub { !$t->events('acme', 'status=pending&limit=1') });
my $delivered = my @before = $t->received;
$t->stop;

# the restore

my $dir = $t->dir . '/webhook';
unlink glob "$dir/*";
WebhookTest::sh("cp -p $backup/* $dir/");
chown((getpwnam 'nobody')[2, 3], "$dir/store.db") if $> == 0 && $t->user =~ /^nobody/;
$t->start;

is($t->api_ok('GET', "/companies/acme/webhooks/$w->{id}/secret")->{secret}, $w->{secret},
   'secrets can be opened');
$t->wait_for('what was pending in the backup', sub { !$t->events('acme', 'status=pending&limit=1') });

my $again = (my @after = $t->received) - $delivered;
cmp_ok($again, '<', $in_backup, "$again of $in_backup are sent again");

my %ids = map { $_->{headers}{'x-webhook-event-id'} => 1 } @before;
is(scalar(grep { !$ids{ $_->{headers}{'x-webhook-event-id'} } } @after), 0, 'with the ids that they had');

is($t->ingest('acme', 'a', 1)->{webhook_event_count}, 1, 'and it goes on');
is(scalar($t->log_lines), 0, 'nothing alarming in the log');

$t->finish;
done_testing();
