package SoakAudit;

# What bench/soak knows at the end: what was posted (notes), what the store has,
# and what the sinks have received.  Each check prints a line.

use strict;
use warnings;

use List::Util qw(max min sum0);
use Time::HiRes qw(time);
use WebhookTest;

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

sub notes { map { [ split ] } split /\n/, WebhookTest::slurp($_[0]{notes}) }

# Everything that was accepted is stored, once, for each of its webhooks, and
# delivered.

sub events {
    my $self = shift;

    my %note = map { $_->[0] => $_ } grep { $_->[1] ne 'again' } $self->notes;
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

    for my $line (map { my $name = $_->{name}; map { [ $name, @$_ ] } $_->received }
                  @{ $self->{sinks} })
    {
        my ($sink, $event, $signature, $status, $time, $verdict, $end, $stamp) = @$line;
        my $key = id($event) . " $signature";

        push @wrong, "$event: $verdict" if $verdict ne 'good';
        $sink{$key}++;
        $good{$key}++ if $status == 200;
        $answered{ id($event) }++ if $status == 200;
        push @{ $at{$key} }, [ $time, $end, $stamp, $sink ];
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

        for my $kill (grep { defined } map { $self->killed($self->flight(@$_)) } @{ $at{$key} }) {
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

    $self->ways(map { [ $_, @{ $at{$_} || [] } ] } keys %http);

    my $twice = grep { $_ > 1 } values %answered;

    push @{ $self->{summary} }, ($attempts || 0) . ' attempts in the log, ' . ($resent || 0)
            . ' of them sent twice',
        sum0(values %sink) . " at the sinks, $excused of them in flight at a kill",
        "$twice events answered with 200 more than once";

    print "note attempts: ", join(', ', map { "$_->[1] $_->[0]" } $self->rows(
        'SELECT ifnull(error, 200), count(*) FROM webhook_event_log GROUP BY 1 ORDER BY 2 DESC')), "\n";
}

# The way that each answer came that is in the log: through the location, which
# has a log of its own, or by the built-in transport.  What was sent while a
# configuration was the only one came the way that it says; a worker that is
# about to end begins no attempt, but may still look a name up.

sub ways {
    my ($self, @answers) = @_;
    my %via = map { my ($event, $signature) = split; (id($event) . " $signature" => 1) }
              split /\n/, WebhookTest::slurp($self->{via});
    my ($sure, @astray, %used) = (0);

    for (@answers) {
        my ($key, @at) = @$_;
        my $via = $via{$key} || 0;

        for my $at (@at) {
            my ($sent) = $self->flight(@$at);
            my ($config) = grep { $_->{from} + $self->{settled} < $sent && $sent + 1 < $_->{until} }
                           @{ $self->{configs} };

            $used{ $at->[3] }[$via]++;
            next unless $config;
            $sure++;
            push @astray, $key if $config->{via} != $via;
        }
    }

    $self->check("answers came the way that was configured, of the $sure for which there was one only",
                 $sure ? @astray : 'there were none');

    for my $name (map { $_->{name} } @{ $self->{sinks} }) {
        my ($built_in, $location) = map { $used{$name}[$_] || 0 } 0, 1;
        $self->check("sink $name answered both ways: $built_in times built-in, $location times"
                     . ' through the location', $built_in && $location ? () : 'one');
    }
}

# From when until when an attempt was in flight.  A sink that has much to do reads
# it some time after it was sent, which is known by the time that was signed, and
# by how far the clock was off then; a worker waits for so long.

sub flight {
    my ($self, $arrived, $ended, $stamp) = @_;
    my @sent = sort { $a <=> $b } grep { $_ <= $arrived } map {
        my $real = $stamp - $_->{offset};
        $_->{from} - 1 <= $real && $real <= $_->{until} ? $real : ();
    } @{ $self->{jumps} };
    my $sent = @sent ? $sent[-1] : $arrived - 0.5;
    my $latest = $sent + 1 + $self->{flight};

    return $sent, min($ended // $latest, $latest);
}

# The kill, by its number, at which an attempt may have been in flight that
# was sent and ended at these times; or its result may have waited, for the next
# commit, or as long as none succeeds: while the disk is full or fails.

sub killed {
    my ($self, $sent, $ended) = @_;
    my ($kills, $commit) = @$self{qw(kills commit)};

    for my $n (0 .. $#$kills) {
        my $kill = $kills->[$n]{time};

        next if $kill < $sent;
        return $n if $kill < $ended + $commit;
        return $n if grep { $_->{from} < $ended + $commit && $sent < $_->{until}
                            && $kill < $_->{until} + $commit } @{ $self->{spells} };
    }

    return undef;
}

sub flat {
    my ($self, $what, $one, $two, $slack, $samples, $enough) = @_;
    my $third = int(@$samples / 3);
    my ($early, $late) = $third ? (max(@$samples[0 .. $third]), max(@$samples[-$third .. -1]))
                                : (0, 0);

    $self->check("$what is flat: $one, then $two; under load $early, then $late",
        $two > 1.25 * $one + $slack || $late > 1.25 * $early + $slack ? "$one, $two" : ());
    $self->check('it was looked at often enough', @$samples < $enough ? scalar @$samples : ())
        if $enough;
}

# How much more memory a worker has for each event that it handles, while all is
# well: the median of the slopes between any two samples, so that a single step is
# none.  Less than 64 bytes, once that makes more than a megabyte.

sub slope {
    my ($self, $rate, $samples, $enough) = @_;
    my $last = $samples->[-1] or return $self->check('samples of memory', $enough ? 'none' : ());
    my ($most, $events) = (0, 0);

    for my $pid (keys %{ $last->[1] }) {
        my @s = map { [ $_->[0], $_->[1]{$pid} ] }
                grep { $_->[1]{$pid} && $_->[0] > $samples->[0][0] + 5 } @$samples;
        my @slopes = sort { $a <=> $b } map {
            my $i = $_;
            map { ($s[$_][1] - $s[$i][1]) / ($s[$_][0] - $s[$i][0]) } $i + 1 .. $#s;
        } 0 .. $#s;

        $self->check('samples of memory are enough', scalar @s) if @s < $enough;
        next unless @slopes;

        my $slope = $slopes[@slopes / 2] * 1024 / $rate;
        $most = max($most, $slope);
        $events = max($events, ($s[-1][0] - $s[0][0]) * $rate);
    }

    my $text = sprintf 'at most %.1f bytes more for each of %d events', $most, $events;

    $events * 64 < 1048576
        ? print "note memory of workers: $text, too few to judge
"
        : $self->check("memory of workers grows by $text", $most > 64 ? $most : ());
}

# What a process has for itself, in kB: without what is mapped.

sub anonymous {
    my $pid = shift;
    my ($kb) = (eval { WebhookTest::slurp("/proc/$pid/status") } || '') =~ /^RssAnon:\s+(\d+)/m;
    return $kb || 0;
}

# Reloads and workers that end leave nothing in it; the second part has none.

sub master {
    my ($self, @kb) = @_;
    my $slack = $ENV{WEBHOOK_ASAN} ? 65536 : 4096;

    $self->check("memory of the master, kB: $kb[0], after the storm $kb[1], then $kb[2]",
        !$kb[2] || $kb[1] > 1.25 * $kb[0] + $slack || $kb[2] > $kb[1] + $slack / 4 ? "@kb" : ());
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
    my ($self, $whose, $one, $two) = @_;
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

    $self->check("no descriptor$whose is left open", @more);
}

# What alarms in the log: the end of a worker that was killed, once for each, what
# was written while the disk was full or failed, and why a configuration was
# refused.  When that was is known by where it is in the log: times in it jump.

sub log {
    my $self = shift;
    my %killed = map { $_->{pid} => 1 } @{ $self->{kills} };
    my ($at, @unexplained, %n) = (0);

    for my $line (split /^/, WebhookTest::slurp($self->{t}->error_log)) {
        my $from = $at;
        $at += length $line;
        next unless $line =~ /\[(?:alert|emerg|crit)\]/;

        if ($line =~ /worker process (\d+) exited on signal 9$/ && delete $killed{$1}) {
            $n{'workers are killed'}++;
            next;
        }

        my ($spell) = grep { $_->{log}[0] <= $from && $from < ($_->{log}[1] // 9e15) }
                      @{ $self->{spells} };

        if ($spell && $line =~ /\[crit\].* failed \(\d+: [^)]*\): .*\b(?:disk|space|quota)\b/) {
            $n{'the disk is full or fails'}++;
            $spell->{alarms}++;
            next;
        }

        my ($refusal) = grep { $_->{log}[0] <= $from && $from < $_->{log}[1] }
                        @{ $self->{refusals} };

        if ($refusal && $line =~ /\[emerg\]/
            && grep { index($line, $_) >= 0 } @{ $refusal->{alarms} })
        {
            $n{'a configuration is refused'}++;
            $refusal->{told} = 1;
            next;
        }

        chomp $line;
        push @unexplained, $line;
    }

    $self->{ended} = $n{'workers are killed'};
    $self->check('what alarms in the log is explained', @unexplained);
    print "note log: $n{$_} lines, for $_\n" for sort keys %n;
}

# Whether the chaos bit: of each kind that there was, for long enough, something
# has to be seen.  After log().

sub bites {
    my ($self, $count) = @_;
    my %error = map { @$_ } $self->rows('SELECT ifnull(error, 200), count(*)'
                                        . ' FROM webhook_event_log GROUP BY 1');
    my $log = WebhookTest::slurp($self->{t}->error_log);
    my $reloads = () = $log =~ /#\d+: reconfiguring$/mg;
    my $refused = @{ $self->{refusals} };

    $self->bite('kills: workers that ended by them', $self->{ended}) if $count->{killed};
    $self->bite('reloads: new configurations', $reloads - $self->{reloads} - $refused)
        if $count->{reload};

    $self->check("nginx told why it refused a configuration, and ran on, $refused times",
                 map { $_->{lost} // ($_->{told} ? () : "not told: @{ $_->{alarms} }") }
                 @{ $self->{refusals} });

    $self->bite('outages: attempts that failed otherwise than by name', sum0(map { $error{$_} }
                grep { !/^(?:200$|name_)/ } keys %error), $self->{outages} < 3) if $self->{outages};

    # names are known for a second, and connections are kept

    $self->bite('names: attempts that failed by one', sum0(map { $error{$_} }
                grep { /^name_/ } keys %error), ($self->{names} || 0) < 10) if $count->{dns};

    $self->jumps if $count->{clock};
    $self->disk if $count->{disk};
}

sub bite {
    my ($self, $what, $n, $short) = @_;
    $n ||= 0;

    if (!$n && $short) {
        print "note chaos: $what: none, in a short time\n";
        return;
    }

    $self->check("the chaos was felt, $what: $n", $n > 0 ? () : 'none');
}

# Attempts that began by a clock that was wrong by more than the time that all
# takes; the last one, by which all becomes due at the end, is not among them.

sub jumps {
    my $self = shift;
    my $long = time - $self->{begin} + 60;
    my @far = grep { !$_->{last} && abs $_->{offset} > $long && $_->{until} - $_->{from} > 3 }
              @{ $self->{jumps} };
    my $seen = grep {
        my ($from, $until) = map { 1000 * $_ } $_->{from} + $_->{offset}, $_->{until} + $_->{offset};
        ($self->rows(sprintf 'SELECT 1 FROM webhook_event_log WHERE started_at'
                     . ' BETWEEN %.0f AND %.0f LIMIT 1', $from, $until))[0];
    } @far;

    $self->bite('clock: jumps by which attempts began', $seen, !@far);
}

# A call that was made to fail, or an event that was refused meanwhile, or an
# alarm.  What is written to the database itself is written now and then; and a
# log that is reused needs no space: these need not be felt in a short time.

sub disk {
    my $self = shift;
    my @refused = map { $_->[3] } grep { $_->[1] =~ /^(?:503|again)$/ } $self->notes;
    my (%felt, %time);

    for my $spell (@{ $self->{spells} }) {
        my $how = $spell->{how};
        $time{$how} += $spell->{until} - $spell->{from};
        $felt{$how} += $spell->{taken} || $spell->{alarms}
            || grep { $spell->{from} <= $_ && $_ <= $spell->{until} + 1 } @refused;
    }

    for (sort keys %time) {
        my $enough = $_ eq 'sync' ? 1 : $_ eq 'full' ? 10 : 30;
        $self->bite("disk, $_: failures", $felt{$_}, $time{$_} < $enough);
    }
}

# What was accepted while the disk was as it should be.

sub load {
    my ($self, $rate, @phases) = @_;
    my @out = map { [ $_->{from}, $_->{until} + 1 ] } @{ $self->{spells} };
    my $within = sub { my $t = shift; grep { $_->[0] <= $t && $t < $_->[1] } @_ };

    my $accepted = grep { $_->[1] eq '202' && $within->($_->[3], @phases)
                          && !$within->($_->[3], @out) } $self->notes;
    my $time = sum0(map {
        my ($from, $until) = @$_;
        ($until - $from) - sum0(map { max(0, min($until, $_->[1]) - max($from, $_->[0])) } @out);
    } @phases);
    my $achieved = $accepted / max($time, 0.1);

    $self->check(sprintf('the load was what it should be: %.0f of %d events a second accepted,'
                         . ' in %.0f s without trouble of the disk', $achieved, $rate, $time),
                 $achieved < 0.8 * $rate ? sprintf '%.1f', $achieved : ());
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
