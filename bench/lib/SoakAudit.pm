package SoakAudit;

# What bench/soak knows at the end: what was posted (notes), what the store has,
# and what the sinks have received.  Each check prints a line.

use strict;
use warnings;

use List::Util qw(max sum0);
use WebhookTest;

# What alarms in the log, and why it may be there.

my @explained = (
    [ kills => qr/worker process \d+ exited on signal 9$/, 'workers are killed' ],
    [ spells => qr/\[crit\].* failed \(\d+: [^)]*\): .*\b(?:disk|space|quota)\b/,
      'the disk is full or fails' ],
);

sub new {
    my ($class, %o) = @_;
    return bless { %o, bad => 0, summary => [] }, $class;
}

sub check {
    my ($self, $what, @bad) = @_;

    if (!@bad) {
        print "ok   $what\n";
        return;
    }

    $self->{bad}++;
    printf "BAD  %s: %d are not: %s\n", $what, scalar @bad,
        join '; ', @bad[0 .. ($#bad > 4 ? 4 : $#bad)];
}

sub summary { join ', ', @{ $_[0]{summary} } }

sub rows {
    my ($self, $sql) = @_;
    $sql =~ s/\$/\\\$/g;
    return map { [ split /\|/, $_, -1 ] } split /\n/, WebhookTest::sh(
        'sqlite3 -readonly -cmd ".timeout 20000" ' . $self->{t}->store . " \"$sql\"");
}

# Everything that was accepted is stored, once, for each of its webhooks, and
# delivered.

sub events {
    my $self = shift;

    my %note = map { my @n = split; $n[0] => \@n } split /\n/, WebhookTest::slurp($self->{notes});
    my (%stored, @twice, @fewer, @undelivered);

    for ($self->rows('SELECT json_extract(CAST(m.payload AS TEXT), \'$.n\') AS n, m.id, m.event,'
             . ' count(e.id), ifnull(sum(e.status = 1), 0) FROM message m'
             . ' LEFT JOIN webhook_event e ON e.message_id = m.id'
             . ' WHERE m.event NOT LIKE \'system.%\' GROUP BY m.id'))
    {
        my ($n, $id, $event, $events, $delivered) = @$_;
        push @fewer, "$n ($events)" if $events != $self->{fanout}->($event);
        push @undelivered, "$n ($delivered of $events)" if $delivered != $events;
        next if $n == 0;
        push @twice, $n if exists $stored{$n};
        $stored{$n} = $id;
    }

    my @accepted = grep { $note{$_}[1] eq '202' } keys %note;
    my @refused = grep { $note{$_}[1] eq '503' } keys %note;
    my @unknown = grep { $note{$_}[1] eq '?' } keys %note;

    $self->check('events are answered with 202 or 503',
                 grep { $note{$_}[1] !~ /^(?:202|503|\?)$/ } keys %note);
    $self->check('events with a key are accepted in the end',
                 grep { $_ % 2 && $note{$_}[1] ne '202' } keys %note);
    $self->check('what was accepted is stored, with the id of its answer',
                 grep { ($stored{$_} || 0) ne id($note{$_}[2]) } @accepted);
    $self->check('what was refused is not', grep { exists $stored{$_} } @refused);
    $self->check('nothing is stored that was not posted', grep { !$note{$_} } keys %stored);
    $self->check('no event is stored twice', @twice);
    $self->check('each has all of its webhook events', @fewer);
    $self->check('each of them is delivered', @undelivered);

    push @{ $self->{summary} }, @accepted . ' events accepted', @refused . ' refused',
        @unknown . ' unanswered';
}

# The log of attempts and what the sinks have seen.  An attempt is known by its
# event and its signature, which has the time in it.

sub attempts {
    my $self = shift;
    my (%sink, %good, %at, @wrong, %answered);

    for my $line (map { $_->received } @{ $self->{sinks} }) {
        my ($event, $signature, $status, $time, $verdict, $end) = @$line;
        my $key = id($event) . " $signature";

        push @wrong, "$event: $verdict" if $verdict ne 'good';
        $sink{$key}++;
        $good{$key}++ if $status == 200;
        $answered{ id($event) }++ if $status == 200;
        push @{ $at{$key} }, [ $time, $end // $time + $self->{flight} ];
    }

    $self->check('each attempt that arrived was signed as it should be', @wrong);

    my (%log, %http, %ok, @undelivered, $resent, $attempts);

    # a connection that was kept and was closed: the request went out on another

    for ($self->rows('SELECT webhook_event_id, signature, status_code, error IS NULL,'
                     . ' detail GLOB \'sent twice*\' FROM webhook_event_log')) {
        my $key = "$_->[0] $_->[1]";
        $log{$key} += $_->[4] ? 2 : 1;
        $resent += $_->[4] || 0;
        $attempts++;
        $http{$key}++ if $_->[2];
        $ok{$key}++ if $_->[3];
        push @undelivered, $_->[0] if $_->[3] && !$answered{ $_->[0] };
    }

    $self->check('what was delivered has arrived', @undelivered);
    $self->check('each answer in the log was given by a sink',
                 grep { $http{$_} > ($sink{$_} || 0) } keys %http);
    $self->check('each success in the log was a 200 of a sink',
                 grep { $ok{$_} > ($good{$_} || 0) } keys %ok);

    my @unlogged = grep { $sink{$_} > ($log{$_} || 0) } keys %sink;
    my ($excused, @lost, @lost_at) = (0);

    for my $key (@unlogged) {
        my $missing = $sink{$key} - ($log{$key} || 0);

        for my $kill (grep { defined } map { $self->killed(@$_) } @{ $at{$key} }) {
            last unless $missing;
            $lost_at[$kill]++;
            $missing--;
            $excused++;
        }

        push @lost, $key if $missing;
    }

    $self->check("what arrived is in the log, but for $excused in flight when a worker was killed",
                 @lost);
    $self->check('none was killed with more in flight than it may have',
                 grep { ($_ || 0) > $self->{most} } @lost_at);

    my $twice = grep { $_ > 1 } values %answered;

    push @{ $self->{summary} }, ($attempts || 0) . ' attempts in the log, ' . ($resent || 0)
            . ' of them sent twice',
        sum0(values %sink) . " at the sinks, $excused of them in flight at a kill",
        "$twice events answered with 200 more than once";

    print "note attempts: ", join(', ', map { "$_->[1] $_->[0]" } $self->rows(
        'SELECT ifnull(error, 200), count(*) FROM webhook_event_log GROUP BY 1 ORDER BY 2 DESC')), "\n";
}

# The kill, by its number, at which an attempt may have been in flight that
# arrived and ended at these times; or its result may have waited, for the next
# commit, or as long as none succeeds: while the disk is full or fails.

sub killed {
    my ($self, $arrived, $ended) = @_;
    my ($kills, $commit) = @$self{qw(kills commit)};

    for my $n (0 .. $#$kills) {
        my $kill = $kills->[$n]{time};

        next if $kill < $arrived - 0.5;      # it was read a bit later
        return $n if $kill < $ended + $commit;
        return $n if grep { $_->{from} < $ended + $commit && $arrived < $_->{until}
                            && $kill < $_->{until} + $commit } @{ $self->{spells} };
    }

    return undef;
}

sub flat {
    my ($self, $what, $one, $two, $slack, $samples) = @_;
    my $third = int(@$samples / 3);
    my ($early, $late) = $third ? (max(@$samples[0 .. $third]), max(@$samples[-$third .. -1]))
                                : (0, 0);

    $self->check("$what is flat: $one, then $two; under load $early, then $late",
        $two > 1.25 * $one + $slack || $late > 1.25 * $early + $slack ? "$one, $two" : ());
}

# Descriptors of a process, by what they are; connections to some ports are kept
# for later.

sub descriptors {
    my ($pid, @ports) = @_;
    my (%tcp, %used);

    for (split /\n/, eval { WebhookTest::slurp("/proc/$pid/net/tcp") } || '') {
        my @f = split;
        $tcp{ $f[9] } = [ map { hex((split /:/)[1]) } @f[1, 2] ] if $f[1] =~ /:/;
    }

    for my $fd (glob "/proc/$pid/fd/*") {
        my $is = readlink $fd or next;

        if ($is =~ /^socket:\[(\d+)\]/) {
            my $t = $tcp{$1};
            $is = !$t ? 'socket' : !$t->[1] ? 'listening'
                  : (grep { $t->[1] == $_ } @ports) ? 'kept' : 'tcp';
        }

        $used{$is}++;
    }

    return { all => sum0(values %used), kept => $used{kept} || 0, used => \%used };
}

# Each of a worker's threads opens the store when it first needs it.

sub descriptors_same {
    my ($self, $one, $two) = @_;
    my ($threads, $kept) = (5, 256);         # webhook_concurrency
    my @more;

    for my $pid (keys %$one) {
        my ($before, $after) = map { $_->{$pid} ? $_->{$pid}{used} : {} } $one, $two;
        push @more, "$pid is gone" if !%$after;

        for my $what (grep { $_ ne 'kept' } keys %$after) {
            my $n = $before->{$what} || 0;
            $n = $threads if $n < $threads && $what =~ m{/store\.db[^/]*$};
            push @more, "$pid: $what, $after->{$what} after $n" if $after->{$what} > $n;
        }

        push @more, "$pid keeps $after->{kept} connections" if ($after->{kept} || 0) > $kept;
    }

    $self->check('no descriptor is left open', @more);
}

sub log {
    my $self = shift;
    my (@unexplained, %n);

    LINE: for my $line ($self->{t}->log_lines) {
        for my $e (@explained) {
            my ($of, $pattern, $why) = @$e;
            next unless @{ $self->{$of} } && $line =~ $pattern;
            $n{$why}++;
            next LINE;
        }

        push @unexplained, $line;
    }

    $self->check('what alarms in the log is explained', @unexplained);
    print "note log: $n{$_} lines, for $_\n" for sort keys %n;
}

sub store {
    my ($self, $tool) = @_;
    my $out = `$tool @{[ $self->{t}->store ]} 2>&1`;
    $self->check('sql/webhook-audit finds nothing',
                 $? ? grep { !/^(?:ok|note) / } split /\n/, $out : ());
}

# An identifier as the store has it.

my %digit;
@digit{ split //, '0123456789abcdefghjkmnpqrstvwxyz' } = 0 .. 31;

sub id {
    my ($text) = ($_[0] // '') =~ /^[a-z]+_(\w+)$/ or return 0;
    my $id = 0;
    $id = $id * 32 + ($digit{$_} // 0) for split //, $text;
    return $id;
}

1;
