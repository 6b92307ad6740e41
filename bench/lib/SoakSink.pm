package SoakSink;

# An endpoint that verifies what it receives, and misbehaves when it is told to:
#
#     my $sink = SoakSink->new(dir => $dir, name => 'a', tls => [ $crt, $key ]);
#     $sink->start;
#     $sink->mode('500');       # ok, 500, hang, slow, reset
#     $sink->kill;              # all its connections break, nobody listens
#
# A line of its log is a request that was received whole, written before it is
# answered: "EVENT SIGNATURE STATUS TIME VERDICT REQUEST STAMP".  STATUS is 0 where
# no answer will come, STAMP is the time that was signed.  The VERDICT is "good", or what is wrong.  A line "end REQUEST
# TIME" tells when it was answered, reset, or left by the client while it hung;
# where the sink was killed before, there is none.  The file dir/secrets has the
# secret of each path, a line each.

use strict;
use warnings;

use Digest::SHA qw(hmac_sha256 hmac_sha256_hex);
use Fcntl;
use IO::Select;
use IO::Socket::INET;
use MIME::Base64 qw(decode_base64 encode_base64);
use POSIX ();
use Socket qw(IPPROTO_TCP TCP_NODELAY);
use Time::HiRes qw(time);

sub new {
    my ($class, %o) = @_;

    my $self = bless { %o, log => "$o{dir}/sink-$o{name}.log",
                       modes => "$o{dir}/sink-$o{name}.mode" }, $class;

    # not one of those that clients get: it is left and taken again

    do {
        $self->{port} = 20000 + int rand 10000;
    } until $self->listen;

    $self->mode('ok');

    return $self;
}

sub listen {
    my $self = shift;
    return IO::Socket::INET->new(Listen => 1024, ReuseAddr => 1, LocalAddr => '127.0.0.1',
                                 LocalPort => $self->{port});
}

sub mode {
    my ($self, $mode) = @_;
    open my $fh, '>', "$self->{modes}.new" or die $!;
    print $fh $mode;
    close $fh;
    rename "$self->{modes}.new", $self->{modes} or die $!;
}

sub start {
    my $self = shift;
    my $listen = $self->listen or die "listen: $!";
    my $parent = $$;

    require IO::Socket::SSL if $self->{tls};

    $self->{pid} = fork;
    die "fork: $!" unless defined $self->{pid};

    if ($self->{pid}) {
        setpgrp $self->{pid}, $self->{pid};
        return;
    }

    setpgrp;
    $SIG{CHLD} = 'IGNORE';
    $SIG{TERM} = $SIG{INT} = 'DEFAULT';
    open STDOUT, '>', '/dev/null';
    open STDERR, '>', '/dev/null';

    my $ready = IO::Select->new($listen);

    while (getppid == $parent) {
        next unless $ready->can_read(1);
        my $c = $listen->accept or next;
        my $child = fork;

        if (defined $child && $child == 0) {
            close $listen;
            eval { $self->serve($c) };
            POSIX::_exit(0);
        }
    }

    kill 'KILL', -$$;
}

sub kill {
    my $self = shift;
    my $pid = delete $self->{pid} or return;
    CORE::kill('KILL', -$pid, $pid);
    waitpid $pid, 0;
}

# In a process for each connection.

sub serve {
    my ($self, $c) = @_;

    setsockopt $c, IPPROTO_TCP, TCP_NODELAY, 1;

    if ($self->{tls}) {
        $c = IO::Socket::SSL->start_SSL($c, SSL_server => 1, SSL_cert_file => $self->{tls}[0],
                                        SSL_key_file => $self->{tls}[1]) or return;
    }

    my %secret = map { split } split /\n/, _slurp("$self->{dir}/secrets");
    sysopen my $log, $self->{log}, O_WRONLY|O_CREAT|O_APPEND or return;
    my ($in, $n) = ('', 0);

    while (1) {
        while ($in !~ /\r\n\r\n/) {
            sysread $c, $in, 65536, length $in or return;
        }

        my ($head, $body) = split /\r\n\r\n/, $in, 2;
        my ($path) = $head =~ m{^POST (\S+) } or return;
        my %h = map { /^([^:]+):\s*(.*)$/ ? (lc $1 => $2) : () } split /\r\n/, $head;

        while (length $body < $h{'content-length'}) {
            sysread $c, $body, 65536, length $body or return;
        }

        $in = substr $body, $h{'content-length'}, length $body, '';

        my $mode = _slurp($self->{modes});
        my $status = $mode eq 'ok' || $mode eq 'slow' ? 200 : $mode eq '500' ? 500 : 0;

        my $request = "$$." . ++$n;
        my $end = sub { syswrite $log, "end $request " . time . "\n" };

        syswrite $log, join(' ', $h{'x-webhook-event-id'} // '-', $h{'x-signature'} // '-',
                            $status, time, _verdict(\%h, $body, $secret{$path}), $request,
                            $h{'x-timestamp'} // 0) . "\n";

        select undef, undef, undef, 0.3 if $mode eq 'slow';

        if ($mode eq 'hang') {
            1 while sysread $c, $in, 65536;
            $end->();
            return;
        }

        if ($mode eq 'reset') {
            $end->();
            return;
        }

        my $answer = "HTTP/1.1 $status X\r\nContent-Length: 3\r\n\r\nok\n";
        my $sent = syswrite $c, $answer;
        $end->();
        return unless ($sent || 0) == length $answer;
    }
}

sub _verdict {
    my ($h, $body, $secret) = @_;

    return 'unknown-path' unless $secret;

    my ($id, $time) = map { $_ // '' } @$h{qw(x-webhook-event-id x-timestamp)};
    my $key = decode_base64($secret =~ s/^whsec_//r);

    return 'signature' if ($h->{'x-signature'} // '') ne hmac_sha256_hex($body, $secret);
    return 'standard-signature' if ($h->{'webhook-signature'} // '')
        ne 'v1,' . encode_base64(hmac_sha256("$id.$time.$body", $key), '');
    return 'ids' if ($h->{'webhook-id'} // '') ne $id;
    return 'timestamps' if ($h->{'webhook-timestamp'} // '') ne $time
        || $body !~ /,"timestamp":\Q$time\E\}\z/;

    return 'good';
}

sub _slurp {
    my $file = shift;
    open my $fh, '<', $file or return '';
    local $/;
    my $text = <$fh>;
    return $text // '';
}

# What it has received, a list of lines' fields, with when it ended in the place
# of the REQUEST, if that is known.  A later process may have the number of an earlier one:
# the end is that of the request before it.

sub received {
    my $self = shift;
    my (@received, %open);

    for (map { [ split ] } split /\n/, _slurp($self->{log})) {
        if ($_->[0] eq 'end') {
            my $request = delete $open{ $_->[1] };
            $request->[5] = $_->[2] if $request;
            next;
        }

        $open{ $_->[5] } = $_;
        $_->[5] = undef;
        push @received, $_;
    }

    return @received;
}

1;
