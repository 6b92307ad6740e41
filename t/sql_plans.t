# No statement goes through a table that grows with the events: each is asked
# for its plan, in a store with its index of lists.

use strict;
use warnings;

BEGIN { push @INC, 't/lib' }

use Test::More;
use WebhookTest;

my $t = WebhookTest->new;
$t->receiver;
$t->start;
$t->setup('acme', $t->url('/ok'), '*');
$t->ingest('acme', 'a', 1);
my $db = $t->store;
$t->wait_for('the index', sub { -s "$db.index"
    && WebhookTest::sh("sqlite3 -readonly $db.index 'SELECT count(*) FROM by_name' 2>/dev/null || true") =~ /^[1-9]/ }, 30);
$t->stop;

# tables of which all may be read: of one row, or of what runs

my %small = map { $_ => 1 } qw(store state s l retention moved v bucket w chain n c q
    sqlite_sequence temp);

# the first rows of a table, so many and no more

my %bounded = map { $_ => 1 } qw(expire_changes health_any);

# the temporary tables of the sessions that fill the index

my $temp = join "\n", map { (s/--.*$//mgr) =~ /^\s*(CREATE TEMP TABLE .*?;)/msg }
           map { WebhookTest::slurp($_) } glob 'sql/sqlite/*.sql';

my ($n, @scans) = (0);

for my $file (sort glob 'sql/sqlite/*.sql') {
    for my $part (split /^(?=-- name:)/m, WebhookTest::slurp($file)) {
        my ($name) = $part =~ /^-- name: (\w+)/ or next;
        (my $sql = $part) =~ s/--.*$//mg;

        # statements alone, not scripts and pragmas

        next if $bounded{$name} || $name =~ /^stats_/;    # t/stats.t asks for these
        next if $sql !~ /^\s*(?:SELECT|INSERT|UPDATE|DELETE|WITH)\b/ || ($sql =~ tr/;//) != 1;

        $n++;
        open my $fh, '>', $t->dir . '/plan.sql' or die $!;
        print $fh "ATTACH '$db.index' AS lists;\n",
            $temp, "\nEXPLAIN QUERY PLAN $sql";
        close $fh;

        my $plan = WebhookTest::sh("sqlite3 -bail $db < " . $t->dir . '/plan.sql');

        # part of an index, in its order, as far as is asked for, is no scan
        # of a table; neither is a range of its keys

        push @scans, map { "$name: $_" } grep {
            /\bSCAN (\w+)/ && !$small{$1} && !/USING (?:COVERING )?INDEX (?:replay_running|webhook_queue_due|company_deleted)/
            && !/SCAN (?:\d+ CONSTANT|CONSTANT|\(|SUBQUERY)/
        } split /\n/, $plan;
    }
}

cmp_ok($n, '>', 100, 'statements were asked for their plans');
is_deeply(\@scans, [], 'none goes through a whole table') or diag join "\n", @scans;

$t->finish;
done_testing();
