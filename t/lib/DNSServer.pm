package DNSServer;

# A name server on loopback, in a process of its own, for tests of how names are
# looked up.  What it answers is a list of records for each name, changed while
# it runs:
#
#     my $dns = DNSServer->new($dir);
#     $dns->set('a.test' => [ '192.0.2.1', '2001:db8::1' ], 'b.test' => []);
#     ... "resolver 127.0.0.1:" . $dns->{port}
#     $dns->asked('a.test')         # how many times, for any type
#     $dns->stop;
#
# An address in a list of its own is the answer to one question, and the next
# one the answer to the next: [ [ '192.0.2.1' ], [ '127.0.0.1' ] ]; the last is
# repeated.  A name that is not set does not exist; in the place of its addresses,
# "failure" is a server that failed, and "silence" is no answer.  TTLs are 0.

use strict;
use warnings;

use IO::Select;
use IO::Socket::INET;
use JSON::PP;
use POSIX ();
use Socket qw(AF_INET AF_INET6 inet_pton);

my $json = JSON::PP->new->utf8;

sub new {
    my ($class, $dir) = @_;

    my $socket = IO::Socket::INET->new(Proto => 'udp', LocalAddr => '127.0.0.1')
        or die "dns: $!";
    my $self = bless { port => $socket->sockport, names => "$dir/dns.names",
                       log => "$dir/dns.log" }, $class;
    $self->set;

    my $test = $$;
    $self->{pid} = fork;
    die "fork: $!" unless defined $self->{pid};

    if ($self->{pid} == 0) {
        $SIG{TERM} = 'DEFAULT';
        my $ready = IO::Select->new($socket);

        while (1) {
            POSIX::_exit(0) if getppid != $test;
            next unless $ready->can_read(1);

            # an error is that of a client that is gone
            my $from = $socket->recv(my $query, 512) or next;
            my $answer = eval { $self->_answer($query) };
            eval { $socket->send($answer, 0, $from) } if $answer;
        }
    }

    return $self;
}

sub set {
    my ($self, %names) = @_;

    open my $fh, '>', "$self->{names}.new" or die $!;
    print $fh $json->encode(\%names);
    close $fh;
    rename "$self->{names}.new", $self->{names} or die $!;
}

sub asked {
    my ($self, $name) = @_;

    open my $fh, '<', $self->{log} or return 0;
    return scalar grep { /^\Q$name\E / } <$fh>;
}

sub stop {
    my $self = shift;
    kill 'TERM', $self->{pid};
    waitpid $self->{pid}, 0;
}

# In the server's process.

sub _answer {
    my ($self, $query) = @_;

    my ($id, $flags) = unpack 'nn', $query;
    my ($at, @labels) = (12);

    while (my $n = ord substr $query, $at, 1) {
        push @labels, substr $query, $at + 1, $n;
        $at += 1 + $n;
    }

    my $question = substr $query, 12, $at + 5 - 12;
    my ($type) = unpack 'n', substr $query, $at + 1, 2;
    my $name = lc join '.', @labels;

    my $names = $json->decode(do { local (@ARGV, $/) = $self->{names}; <> });
    my $list = $names->{$name};

    open my $log, '>>', $self->{log} or die $!;
    print $log "$name $type\n";
    close $log;

    if ($list && !ref $list) {
        return $list eq 'silence' ? '' : pack('n6', $id, 0x8182, 1, 0, 0, 0) . $question;
    }

    if ($list && ref $list->[0]) {
        my $n = $self->{count}{$name}{$type}++;
        $list = $list->[$n < $#$list ? $n : $#$list];
    }

    my $family = $type == 28 ? AF_INET6 : AF_INET;
    my @data = map { inet_pton($family, $_) }
               grep { /:/ ? $type == 28 : $type == 1 } @{ $list || [] };

    return pack('n6', $id, 0x8180 | ($list ? 0 : 3), 1, scalar @data, 0, 0) . $question
           . join '', map { pack('n3 N n/a*', 0xc00c, $type, 1, 0, $_) } @data;
}

1;
