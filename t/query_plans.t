# No statement of sql/ walks a whole table: SQLite's plan of each is asked
# for, on an empty store with all migrations and the index of lists.

use strict;
use warnings;

BEGIN { push @INC, 't/lib' }

use File::Temp qw(tempdir);
use Test::More;

my $dir = tempdir(CLEANUP => 1);

# What may be walked, and why: by the name that the plan calls it, of any
# statement or of one.

my %allowed = (
    's (index_ahead)' => 'the one row of the store',
    'l (index_ahead)' => 'the one row of the state of the index',
    'sqlite_sequence (any)' => 'a row for each AUTOINCREMENT: one',
    (map { ("v ($_)" => 'temp.moved: one window of the index') }
     qw(index_move_company index_move_webhook index_moved_company index_moved_webhook)),
    'webhook_health (any)' => 'asked only whether there is a row',
    'webhook_event_change (expire_changes)' => 'by its primary key, the first so many',
);

# A statement file as sql/embed.sh reads it.

sub statements {
    my ($file) = @_;
    my (@list, $text);

    open my $fh, '<', $file or die "$file: $!";

    while (<$fh>) {
        if (/^-- name: *([a-z0-9_]+)/) {
            push @list, { name => $1, sql => '' };
            next;
        }
        s/[ \t]*--.*$//;
        $list[-1]{sql} .= $_ if @list;
    }

    return @list;
}

sub slurp {
    my ($file) = @_;
    open my $fh, '<', $file or die "$file: $!";
    local $/;
    return <$fh>;
}

sub sqlite {
    my ($text) = @_;

    open my $fh, '>', "$dir/in.sql" or die $!;
    print $fh $text;
    close $fh;

    my $out = `sqlite3 -bail $dir/store.db < $dir/in.sql 2>&1`;

    return ($?, $out);
}

my @statements = map { statements($_) } sort glob 'sql/sqlite/*.sql';
my %sql = map { $_->{name} => $_->{sql} } @statements;

cmp_ok(scalar @statements, '>', 100, 'the statements are found');

my ($failed, $out) = sqlite(join '', map { slurp($_) }
                            sort glob 'sql/sqlite/migrations/[0-9]*.sql');
is($out, '', 'the migrations make the schema');

my $attach = "ATTACH '$dir/store.db.index' AS lists;\n";
($failed, $out) = sqlite($attach . $sql{index_schema});
is($out, '', 'and the index of lists its own');

my $temporary = join '', map { $sql{$_} } grep { /_table$/ } sort keys %sql;
my %used;

for my $statement (@statements) {
    my $name = $statement->{name};

    # several statements in one, or none with a plan
    next if $statement->{sql} =~ /;\s*\S/
            || $statement->{sql} !~ /^\s*(?:SELECT|INSERT|UPDATE|DELETE|WITH|REPLACE)\b/i;

    ($failed, $out) = sqlite($attach . $temporary
                             . "EXPLAIN QUERY PLAN $statement->{sql}");
    if ($failed) {
        fail("$name: $out");
        next;
    }

    # what the statement makes itself: a subquery, a WITH
    my %own = map { $_ => 1 } $out =~ /(?:CO-ROUTINE|MATERIALIZE) (\w+)/g;

    my @walks;

    for my $line (split /\n/, $out) {
        if ($line =~ /AUTOMATIC/) {
            push @walks, $line;
            next;
        }

        next unless $line =~ /SCAN (?!CONSTANT ROW|\d+ CONSTANT ROWS)([\w.]+)/;
        next if $own{$1};

        my ($by) = grep { $allowed{$_} } "$1 ($name)", "$1 (any)";
        $used{$by || ''}++;
        push @walks, $line unless $by;
    }

    is("@walks", '', "$name walks no table");
}

# an exception that nothing needs any more is taken out

ok($used{$_}, "the exception of $_ is needed") for sort keys %allowed;

done_testing;
