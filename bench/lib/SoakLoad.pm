package SoakLoad;

# Events at a constant rate, whatever becomes of them (an open loop), from a
# process of its own over some connections that are kept:
#
#     my $load = SoakLoad->new(port => 80, rate => 500, notes => 'notes',
#                              event => sub { my $n = shift; (company, event) });
#     $load->start(FIRST);
#     $load->end;               # when all is answered
#
# Each odd event has an idempotency key, and is posted again until it is
# accepted.  A line of the notes is what became of one: "N STATUS ID TIME", with
# ? where the connection ended before an answer; the STATUS is "again" where it
# is posted again after a 503.

use strict;
use warnings;

use IO::Select;
use IO::Socket::INET;
use POSIX ();
use Socket qw(IPPROTO_TCP TCP_NODELAY);
use Time::HiRes qw(time);

use constant { CONNECTIONS => 16, AGAIN => 0.5, PATIENCE => 30 };

sub new {
    my ($class, %o) = @_;
    return bless { %o }, $class;
}

sub start {
    my ($self, $first) = @_;
    my $parent = $$;

    $self->{pid} = fork;
    die "fork: $!" unless defined $self->{pid};
    return if $self->{pid};

    $SIG{PIPE} = 'IGNORE';
    $SIG{INT} = 'DEFAULT';
    $SIG{TERM} = sub { $self->{enough} = 1 };

    eval { $self->run($first, $parent); 1 } or do { print STDERR "load: $@"; POSIX::_exit(1) };
    POSIX::_exit(0);
}

# Returns how many there were, by the notes.

sub end {
    my $self = shift;
    my $pid = delete $self->{pid} or return;
    kill 'TERM', $pid;
    waitpid $pid, 0;
    die "the load ended with $?\n" if $?;
}

sub run {
    my ($self, $first, $parent) = @_;

    open my $notes, '>>', $self->{notes} or die "$self->{notes}: $!";
    $self->{out} = $notes;
    $self->{select} = IO::Select->new;
    $self->{again} = [];                     # [ when, n ]
    $self->{waiting} = [];
    $self->{busy} = {};

    my ($n, $begin) = ($first, time);

    while (getppid == $parent) {
        my $now = time;

        while (!$self->{enough} && $begin + ($n - $first) / $self->{rate} <= $now) {
            push @{ $self->{waiting} }, $n++;
        }

        while (@{ $self->{again} } && $self->{again}[0][0] <= $now) {
            push @{ $self->{waiting} }, (shift @{ $self->{again} })->[1];
        }

        while (@{ $self->{waiting} } && keys %{ $self->{busy} } < CONNECTIONS) {
            last unless $self->post($self->{waiting}[0]);
            shift @{ $self->{waiting} };
        }

        last if $self->{enough} && !%{ $self->{busy} } && !@{ $self->{waiting} }
                && !@{ $self->{again} };

        my $pause = $self->{enough} ? 0.05 : $begin + ($n - $first) / $self->{rate} - time;
        $pause = 0.01 if @{ $self->{waiting} } && keys %{ $self->{busy} } < CONNECTIONS;

        my @ready = $self->{select}->can_read($pause < 0 ? 0 : $pause);
        $self->answer($_) for @ready;

        for my $c (values %{ $self->{busy} }) {
            $self->broken($c) if $c->{since} < $now - PATIENCE;
        }
    }

    close $notes or die $!;
}

sub post {
    my ($self, $n) = @_;

    my $c = pop @{ $self->{idle} };

    if (!$c) {
        my $s = IO::Socket::INET->new("127.0.0.1:$self->{port}") or return 0;
        setsockopt $s, IPPROTO_TCP, TCP_NODELAY, 1;
        $c = { s => $s };
        $self->{select}->add($s);
    }

    my ($company, $event) = $self->{event}->($n);
    my $body = sprintf '{"company":"%s","event":"%s",%s"payload":{"n":%d,"pad":"%s"}}', $company,
        $event, $n % 2 ? qq("idempotency_key":"k$n",) : '', $n, 'x' x (100 + $n * 7919 % 1900);
    my $request = "POST /events HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n"
        . 'Content-Length: ' . length($body) . "\r\n\r\n$body";

    @$c{qw(n in since)} = ($n, '', time);
    $self->{busy}{ $c->{s} } = $c;
    syswrite($c->{s}, $request) or $self->broken($c);

    return 1;
}

sub answer {
    my ($self, $s) = @_;
    my $c = $self->{busy}{$s};

    if (!$c) {                               # an idle one that was closed
        @{ $self->{idle} } = grep { $_->{s} != $s } @{ $self->{idle} };
        $self->{select}->remove($s);
        close $s;
        return;
    }

    if (!sysread $s, $c->{in}, 65536, length $c->{in}) {
        $self->broken($c);
        return;
    }

    return unless $c->{in} =~ m{\AHTTP/1\.1 (\d+) .*?\r\nContent-Length: (\d+)\r\n.*?\r\n\r\n}si
                  && length($c->{in}) >= $+[0] + $2;

    my ($status, $text) = ($1, substr $c->{in}, $+[0]);
    my ($id) = $text =~ /"id":"(msg_\w+)"/;

    delete $self->{busy}{$s};

    if ($c->{in} =~ /\r\nConnection: close\r\n/i) {
        $self->{select}->remove($s);
        close $s;

    } else {
        push @{ $self->{idle} }, $c;
    }

    if ($status == 503 && $c->{n} % 2) {
        push @{ $self->{again} }, [ time + AGAIN, $c->{n} ];
        $status = 'again';
    }

    print { $self->{out} } "$c->{n} $status ", $id // '-', ' ', time, "\n";
}

sub broken {
    my ($self, $c) = @_;

    delete $self->{busy}{ $c->{s} };
    $self->{select}->remove($c->{s});
    close $c->{s};

    if ($c->{n} % 2) {
        push @{ $self->{again} }, [ time + AGAIN, $c->{n} ];

    } else {
        print { $self->{out} } "$c->{n} ? - " . time . "\n";
    }
}

1;
