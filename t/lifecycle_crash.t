# Whatever ends, and however often, under a constant load of events: each that
# was answered with 202 is delivered, and recorded once.  One whose client got
# no answer is posted again with its key, and is stored once.  An event is sent
# again only where a kill came before its attempt was recorded.
#
# WEBHOOK_CRASHES=50 does each of it 50 times, with one worker and with two.

use strict;
use warnings;

BEGIN { push @INC, 't/lib' }

use Fcntl;
use IO::Socket::INET;
use List::Util qw(max min);
use POSIX qw(mkfifo);
use Test::More;
use Time::HiRes qw(time);
use WebhookTest;

my $rounds = $ENV{WEBHOOK_CRASHES} || 4;
my $bound = 5;                  # seconds, of what should take about one

my @ways = (
    { name => 'worker killed', end => \&kill_worker, kills => 1, breaks => 1 },
    { name => 'left to the other', end => \&leave_to_other, kills => 1, breaks => 1, from => 2 },
    { name => 'nginx killed', end => sub { $_[0]->restart('KILL') }, kills => 1, breaks => 1 },
    { name => 'quit', end => sub { $_[0]->restart }, breaks => 1 },
    { name => 'reload', end => sub { $_[0]->reload } },
    { name => 'upgrade', end => \&upgrade },
);

# A receiver forks for each connection: all are made while this process is
# small.  Where the machine is slow no attempt shall fail for it.

my @cases;

for my $workers (1, 2) {
    for my $way (grep { $workers >= ($_->{from} || 1) } @ways) {
        my $t = WebhookTest->new(workers => $workers, http =>
            'webhook_timeout 120s; webhook_connect_timeout 120s;');
        $t->receiver;
        push @cases, [ $t, $way ];
    }
}

endure(@$_) for @cases;
unanswered();
done_testing();

sub endure {
    my ($t, $way) = @_;

    my $name = "$t->{workers}, $way->{name}";
    $t->start;
    $t->setup('acme', $t->url('/slow/100'), '*');

    my @clients = clients($t);
    my @kills;

    for (1 .. $rounds) {
        my $enough = delivered($t) + 20 + int rand 30;
        $t->wait_for('more deliveries', sub { delivered($t) >= $enough });
        push @kills, time if $way->{kills};
        $way->{end}->($t);
    }

    WebhookTest::sh('touch ' . $t->dir . '/enough');
    none("$name: no client failed", grep { waitpid $_, 0; $? } @clients);
    wait_delivered($t);

    # what may not have been accepted is posted again

    my %sent = map { (split)[0] => [ split ] }
               split /\n/, WebhookTest::slurp($t->dir . '/notes');
    my %id = map { split /\|/ }
             split /\n/, sql($t, 'SELECT CAST(payload AS TEXT), id FROM message');

    my @accepted = grep { $sent{$_}[1] == 202 } keys %sent;
    my @unknown = grep { $sent{$_}[1] == 599 } keys %sent;
    my @stored = grep { $id{$_} } @unknown;
    my %again = map { $_ => post($t, $_) } @unknown;
    wait_delivered($t);

    none("$name: nothing was refused", grep { $sent{$_}[1] !~ /202|599/ } keys %sent);
    none("$name: no connection was broken", @unknown) unless $way->{breaks};
    none("$name: what was accepted was stored, with the id of its answer",
         grep { $sent{$_}[2] != ($id{$_} || 0) } @accepted);
    none("$name: what was posted again was accepted",
         grep { $again{$_}{status} != 202 } @unknown);
    none("$name: with the id that it had, if it was stored",
         grep { id($again{$_}) != $id{$_} } @stored);
    note "$name: ", scalar(@accepted), ' accepted, ', scalar(@unknown), ' unanswered, ',
        scalar(@stored), ' of them stored';

    audit($t, $name, [ keys %sent ], @kills);
    $t->finish;
}

# Clients, each a process.  They note what they know of each event:
# "NUMBER STATUS ID", with 599 where the connection ended before an answer.

sub clients {
    my $t = shift;
    my $test = $$;

    open my $notes, '>>', $t->dir . '/notes' or die $!;
    $notes->autoflush(1);

    return map {
        my $n = $_ * 1_000_000;
        my $pid = fork;
        die "fork: $!" unless defined $pid;

        if ($pid == 0) {
            $SIG{INT} = $SIG{TERM} = 'DEFAULT';

            while (getppid == $test && !-e $t->dir . '/enough') {
                my $r = post($t, $n);
                print $notes $n++, " $r->{status} ", id($r), "\n"
                    unless $r->{content} =~ /^Could not connect/;
                select undef, undef, undef, 0.02;       # the pace of the load
            }

            POSIX::_exit(0);
        }

        $pid;
    } 1 .. 4;
}

sub body { qq({"company":"acme","event":"load","payload":$_[0]}) }

sub post {
    my ($t, $n) = @_;
    return $t->http('POST', '/events', content => body($n),
                    headers => { 'Idempotency-Key' => "key-$n" });
}

# The id in an answer, as the store has it.

sub id {
    my ($text) = $_[0]{content} =~ /"id":"msg_(\w+)"/ or return 0;
    my $id = 0;
    $id = $id * 32 + index '0123456789abcdefghjkmnpqrstvwxyz', $_ for split //, $text;
    return $id;
}

sub sql {
    my ($t, $statement) = @_;
    return WebhookTest::sh('sqlite3 -readonly -cmd ".timeout 5000" ' . $t->store . " '$statement'");
}

sub delivered { 0 + sql($_[0], 'SELECT count(*) FROM webhook_event WHERE status = 1') }

sub wait_delivered {
    my $t = shift;
    $t->wait_for('all to be delivered', sub {
        sql($t, 'SELECT count(*) FROM webhook_event WHERE status = 0 OR owner <> 0') == 0
    }, 60);
}

sub none {
    my ($name, @found) = @_;
    is(scalar(@found), 0, $name) or diag join "\n", @found[0 .. min($#found, 9)];
}

# The ways to end.  The worker that is killed is the one with more connections.

sub kill_worker {
    my ($t, $then) = @_;

    my %fds = map { my $pid = $_; $pid => scalar(() = glob "/proc/$pid/fd/*") } $t->workers;
    my ($busy) = sort { $fds{$b} <=> $fds{$a} } keys %fds;

    kill 'KILL', $busy;
    $then->() if $then;

    $t->wait_for('a worker in its place', sub {
        my @now = $t->workers;
        return @now == $t->{workers} && !grep { $_ == $busy } @now;
    });
}

# While the master process is stopped there is no new worker.

sub leave_to_other {
    my $t = shift;

    my $taken = sub { scalar $t->log_lines(qr/events of dead worker \d+ are taken over/) };
    my $before = $taken->();

    $t->signal('STOP');
    kill_worker($t, sub {
        $t->wait_for('the other to take over', sub { $taken->() > $before });
        $t->signal('CONT');
    });
}

sub upgrade {
    my $t = shift;

    my $old = $t->master;
    my @workers = $t->workers;
    my $new = sub { 0 + (eval { WebhookTest::slurp($t->dir . '/logs/nginx.pid') } || 0) };
    my $ended = sub { my @pids = @_; sub { !grep { WebhookTest::alive($_) } @pids } };

    kill 'USR2', $old;
    $t->wait_for('the new master', sub { $new->() && $new->() != $old });
    kill 'WINCH', $old;
    $t->wait_for('the end of the old workers', $ended->(@workers), 30);
    kill 'QUIT', $old;
    $t->wait_for('the end of the old master', $ended->($old));
    $t->{pid} = $new->();
}

# Deliveries and the store, when all is done.  Between two attempts of an event,
# whose times are known in seconds, there has to be a kill.

sub audit {
    my ($t, $name, $sent, @kills) = @_;

    my (%got, @twice, @unexplained, %after);
    my @received = sort { $a->{time} <=> $b->{time} } $t->received;

    for (@received) {
        my ($n, $at) = $_->{body} =~ /"payload":(\d+),"timestamp":(\d+)/;
        push @{ $got{$n} }, { at => $at, time => $_->{time} };
    }

    for my $n (grep { @{ $got{$_} } > 1 } keys %got) {
        my ($one, @more) = sort { $a->{at} <=> $b->{at} } @{ $got{$n} };
        push @twice, $n;

        for my $next (@more) {
            push @unexplained, $n
                unless grep { $one->{at} < $_ + 1 && $_ < $next->{at} + 1 } @kills;

            my $kill = (grep { $_ > $one->{time} } @kills)[0] || $next->{time};
            my $after = $next->{time} - $kill;
            $after{$kill} = min($after, $after{$kill} || ()) if $after > 0;
            $one = $next;
        }
    }

    none("$name: each event was delivered", grep { !$got{$_} } @$sent);
    none("$name: none twice without a kill", @unexplained);

    my %rows;
    $rows{ (split /\|/)[0] } .= "$_ " for split /\n/, sql($t, '
        SELECT CAST(m.payload AS TEXT), e.status, count(DISTINCT e.id), count(l.id)
        FROM message m LEFT JOIN webhook_event e ON e.message_id = m.id
            LEFT JOIN webhook_event_log l ON l.webhook_event_id = e.id
        GROUP BY m.id');
    is_deeply(\%rows, { map { $_ => "$_|1|1|1 " } @$sent },
              "$name: each is stored once, as delivered, with one attempt");
    none("$name: no attempt failed", split /\n/, sql($t,
         'SELECT error, detail FROM webhook_event_log WHERE error IS NOT NULL'));

    note "$name: ", scalar(@received), ' deliveries, ', scalar(@twice), ' events more than once';

    if (@kills) {
        cmp_ok(scalar(keys %after), '>', 0, "$name: some were in flight");
        cmp_ok(max(values %after), '<', $bound * $t->{scale}, "$name: and sent again soon");
        note sprintf '%s: %d kills, first sent again after %.2f to %.2f s', $name,
            scalar @kills, min(values %after), max(values %after);
    }

    $t->stop;
    is(sql($t, 'PRAGMA integrity_check'), "ok\n", "$name: the store is whole");
    none("$name: nothing alarming in the log",
         grep { !@kills || !/worker process \d+ exited on signal 9/ } $t->log_lines);
}

# nginx is killed between a commit and its answer.  The store is held by another
# program when an event comes; then the event loop is brought to hang, in the
# log of a request to a pipe that is full, and the store is freed: the store's
# thread commits, and nobody is left to answer.

sub unanswered {
    my $t = WebhookTest->new(server => 'location = /log { access_log logs/pipe; return 204; }');
    mkfifo($t->dir . '/logs/pipe', 0600) or die "mkfifo: $!";
    sysopen my $pipe, $t->dir . '/logs/pipe', O_RDWR|O_NONBLOCK or die "pipe: $!";
    $t->receiver;
    $t->start;
    $t->setup('acme', $t->url('/ok'), '*');

    my ($n, @after) = (0);

    while (@after < $rounds && $n++ < 2 * $rounds + 20) {
        unlink my $held = $t->dir . '/held';
        open my $lock, '|-', 'sqlite3 -bail ' . $t->store or die "sqlite3: $!";
        $lock->autoflush(1);
        print $lock ".timeout 5000\nBEGIN IMMEDIATE;\n.shell touch $held\n";
        $t->wait_for('the lock', sub { -e $held });

        my $s = IO::Socket::INET->new("127.0.0.1:$t->{port}") or die "connect: $!";
        print $s join "\r\n", 'POST /events HTTP/1.1', 'Host: a', 'Connection: close',
            'Content-Type: application/json', "Idempotency-Key: key-$n",
            'Content-Length: ' . length body($n), '', body($n);
        $s->flush;

        # the event was read before this, which is answered, and hangs then

        1 while syswrite $pipe, 'x' x 4096;
        $t->http('GET', '/log');

        print $lock "ROLLBACK;\n";
        close $lock;

        # none where the thread had another operation already: the event waits

        my $id = eval {
            $t->wait_for('the commit', sub {
                sql($t, "SELECT id FROM message WHERE CAST(payload AS TEXT) = \"$n\"")
            }, 2);
        };

        my $time = time;
        $t->stop('KILL') if $id;
        1 while sysread $pipe, my $waste, 65536;
        my $answer = join '', <$s>;
        next unless $id;

        is($answer, '', 'killed after the commit: no answer');
        $t->start;
        is(id(post($t, $n)), 0 + $id, 'posted again: the id that it had');
        $t->wait_for('it to arrive', sub { grep { $_->{body} =~ /"payload":$n,/ } $t->received });
        push @after, time - $time;
    }

    is(scalar(@after), $rounds, "of $n events $rounds were stored, but not answered");
    cmp_ok(max(@after), '<', $bound * $t->{scale}, 'and sent soon');
    note sprintf 'commit: sent after %.2f to %.2f s', min(@after), max(@after);

    wait_delivered($t);
    audit($t, 'commit', [ 1 .. $n ]);
    $t->finish;
}
