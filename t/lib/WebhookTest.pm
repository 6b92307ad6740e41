package WebhookTest;

# What the plain Test::More files share: an nginx with the module in a folder
# of its own, a receiver of deliveries that can misbehave, and clients of both.
#
#     my $t = WebhookTest->new(http => 'webhook_retry_delays 50ms;');
#     $t->receiver;                       # starts one, plain or with tls => 1
#     $t->start;
#     my $webhook = $t->setup('acme', $t->url('/ok'), 'honeypot.*');
#     $t->ingest('acme', 'honeypot.alert', '{"a":1}');
#     my @got = $t->wait_received(1);
#
# Nothing here sleeps for a fixed time: what is waited for is looked at until
# it is there, and a test dies where it does not come.

use strict;
use warnings;

use Carp qw(croak);
use Cwd qw(abs_path getcwd);
use Fcntl qw(:flock);
use File::Path qw(make_path remove_tree);
use File::Temp qw(tempdir);
use HTTP::Tiny;
use IO::Select;
use IO::Socket::INET;
use JSON::PP;
use POSIX qw(:sys_wait_h);
use Time::HiRes qw(time);

my $json = JSON::PP->new->utf8->canonical;
my @alive;

sub new {
    my ($class, %o) = @_;

    my $dir = tempdir('webhook-test-XXXXXX', TMPDIR => 1, CLEANUP => 0);
    chmod 0755, $dir;

    my $self = bless {
        dir => $dir, http => '', main => '', workers => 1, server => '', connections => 1024,
        scale => ($ENV{WEBHOOK_SLOW} || 1), %o,
        port => free_port(),
    }, $class;

    make_path("$dir/logs");
    push @alive, $self;

    return $self;
}

sub dir { $_[0]{dir} }
sub store { "$_[0]{dir}/webhook/store.db" }
sub error_log { "$_[0]{dir}/logs/error.log" }

sub free_port {
    my $s = IO::Socket::INET->new(Listen => 1, LocalAddr => '127.0.0.1',
                                  ReuseAddr => 1) or die "no port: $!";
    return $s->sockport;
}

sub config {
    my $self = shift;

    my $modules = join '', map { "load_module $_;\n" }
                  split ' ', ($ENV{TEST_NGINX_LOAD_MODULES} || '');
    my $user = $> == 0 ? 'user ' . $self->user . ";\n" : '';
    my $retry = $self->{http} =~ /webhook_retry_delays/ ? ''
                : "webhook_retry_delays 50ms 100ms 150ms 200ms 250ms;";
    my $breaker = $self->{http} =~ /webhook_breaker/ ? '' : 'webhook_breaker off;';
    my $allow = exists $self->{allow} ? $self->{allow}
                : "webhook_allow_http on; webhook_allow_address 127.0.0.0/8;";
    my $auth = $self->{auth} ? '' : 'webhook_auth off;';
    my $admin = $self->{admin} || '/api/';
    my $portal = $self->{portal} ? $self->portal : '';
    my $sync = $self->{sync} ? " sync=$self->{sync}" : '';

    return <<CONF;
$modules$user
worker_processes $self->{workers};
env LD_PRELOAD; env ASAN_OPTIONS; env UBSAN_OPTIONS;
error_log logs/error.log info;
pid logs/nginx.pid;
$self->{main}
events { worker_connections $self->{connections}; }
http {
    access_log off;
    client_body_temp_path client_body_temp;
    proxy_temp_path proxy_temp;
    fastcgi_temp_path fastcgi_temp;
    uwsgi_temp_path uwsgi_temp;
    scgi_temp_path scgi_temp;

    webhook_store webhook/store.db$sync;
    $allow
    $retry
    $breaker
    $auth
    $self->{http}

    server {
        listen 127.0.0.1:$self->{port};
        location = /events { webhook_ingest; }
        location $admin { webhook_admin; }
        $portal
        $self->{server}
    }
}
CONF
}

# The customer portal, with its API, below /webhooks/: a copy that workers can
# read wherever the sources are.

sub portal {
    my $self = shift;

    sh("cp -r portal $self->{dir}/ && chmod -R a+rX $self->{dir}/portal")
        unless -e "$self->{dir}/portal";

    return <<CONF;
        location /webhooks/api/ { webhook_admin; }
        location /webhooks/ {
            alias $self->{dir}/portal/;
            include $self->{dir}/portal/portal-headers.conf;
            types { text/html html; text/css css; application/javascript js; image/svg+xml svg; }
        }
CONF
}

sub nginx { $ENV{TEST_NGINX_BINARY} || 'nginx' }

# Workers have no privileges, where such a user can reach the folder at all.

sub user {
    my $self = shift;

    my $path = '';
    my $closed = grep { !((stat "/$_")[2] & 0001) }
                 map { $path .= "$_/" } split m{/}, substr $self->{dir}, 1;

    return $closed || !((stat '/')[2] & 0001) ? 'root' : 'nobody nogroup';
}

sub write_config {
    my $self = shift;

    open my $fh, '>', "$self->{dir}/nginx.conf" or die $!;
    print $fh $self->config;
    close $fh;
}

# Runs nginx with arguments; returns the exit code and what it printed.

sub run_nginx {
    my ($self, @args) = @_;

    my $out = "$self->{dir}/logs/run.out";
    my $pid = fork;
    die "fork: $!" unless defined $pid;

    if ($pid == 0) {
        open STDOUT, '>', $out or die;
        open STDERR, '>&', \*STDOUT or die;
        exec nginx(), '-p', "$self->{dir}/", '-c', 'nginx.conf', @args;
        die "exec: $!";
    }

    waitpid $pid, 0;
    my $code = $? >> 8;

    return ($code, slurp($out));
}

# The status that the API is to answer with, where it is not a good one.

sub start {
    my ($self, $wanted) = @_;

    $self->write_config;
    unlink "$self->{dir}/logs/nginx.pid";     # of one that was killed

    my ($code, $out) = $self->run_nginx;
    die "nginx did not start: $out\n" if $code;

    $self->wait_for('nginx', sub { -s "$self->{dir}/logs/nginx.pid" });
    $self->{pid} = 0 + slurp("$self->{dir}/logs/nginx.pid");

    $self->wait_for('the store', sub {
        my ($status) = $self->api('GET', '/companies');
        return $wanted ? $status == $wanted : $status == 200 || $status == 401;
    });

    return $self;
}

sub master { $_[0]{pid} }

sub workers {
    my $self = shift;
    my $master = $self->{pid};

    return grep { $_ } map {
        my $pid = $_;
        my $stat = eval { slurp("/proc/$pid/stat") } || '';
        $stat =~ /\) (\S) (\d+)/ && $2 == $master && $1 ne 'Z' ? $pid : ()
    } map { m{/proc/(\d+)$} ? $1 : () } glob('/proc/[0-9]*');
}

sub signal {
    my ($self, $signal) = @_;
    kill $signal, $self->{pid} or die "kill $signal: $!";
}

# QUIT by default: running deliveries end and are recorded.

sub stop {
    my ($self, $signal) = @_;

    return unless $self->{pid};

    my $pid = $self->{pid};
    my @workers = $self->workers;

    kill $signal || 'QUIT', $pid;
    kill 'KILL', @workers if ($signal || '') eq 'KILL';

    $self->wait_for("the end of nginx", sub {
        !grep { alive($_) } $pid, @workers
    }, 30);

    $self->{pid} = 0;
}

sub alive {
    my $pid = shift;
    my $stat = eval { slurp("/proc/$pid/stat") } or return 0;
    return $stat =~ /\) (\S)/ && $1 ne 'Z';
}

sub restart { my $self = shift; $self->stop(@_); return $self->start }

sub reload {
    my $self = shift;

    my %old = map { $_ => 1 } $self->workers;

    $self->write_config;
    $self->signal('HUP');
    $self->wait_for('new workers', sub { grep { !$old{$_} } $self->workers });

    return keys %old;
}

sub wait_for {
    my ($self, $what, $test, $seconds) = @_;

    my $until = time + ($seconds || 10) * ($self->{scale} || 1);

    while (1) {
        my @r = $test->();
        return wantarray ? @r : $r[0] if @r && $r[0];

        if (time > $until) {
            my $log = eval { slurp($self->error_log) } || '';
            croak "waited in vain for $what\n"
                  . substr($log, length($log) > 3000 ? -3000 : 0);
        }

        select undef, undef, undef, 0.02;
    }
}

# The clients

sub http {
    my ($self, $method, $path, %o) = @_;

    my $r = HTTP::Tiny->new(timeout => 30)->request($method,
        "http://127.0.0.1:$self->{port}$path", {
            (defined $o{content} ? (content => $o{content}) : ()),
            headers => {
                (defined $o{content} ? ('Content-Type' => 'application/json')
                                     : ()),
                ($self->{auth} ? (Authorization => 'Bearer '
                                  . $self->root_key) : ()),
                %{ $o{headers} || {} },
            },
        });

    $self->record($method, $path, $r, %o) if $ENV{WEBHOOK_CONTRACT};

    return $r;
}

# Keeps an exchange with the API for t/lib/api/recorded.js.

sub record {
    my ($self, $method, $path, $r, %o) = @_;

    my $admin = ($self->{admin} || '/api/') =~ s{/$}{}r;
    my $to = $path =~ m{^/events(?:\?|$)} ? $path
             : $path =~ m{^\Q$admin\E(/.*)} ? $1 : return;

    return if $r->{status} == 599;                 # no answer

    open my $fh, '>>', "$ENV{WEBHOOK_CONTRACT}/$$" or die $!;
    print $fh $json->encode({
        test => $0, method => $method, path => $to, status => 0 + $r->{status},
        headers => { 'content-type' => 'application/json',
                     map { lc $_ => $o{headers}{$_} } keys %{ $o{headers} || {} } },
        body => defined $o{content} ? $o{content} : '',
        answer => { headers => $r->{headers},
                    body => defined $r->{content} ? $r->{content} : '' },
    }), "\n";
    close $fh;
}

sub root_key {
    my $self = shift;
    chomp(my $key = slurp("$self->{dir}/webhook/root.key"));
    return $key;
}

# Returns the status and the decoded body.

sub api {
    my ($self, $method, $path, $body) = @_;

    my $r = $self->http($method, "/api$path",
                        (defined $body
                         ? (content => ref $body ? $json->encode($body)
                                                 : $body) : ()));

    return ($r->{status},
            length $r->{content} ? eval { $json->decode($r->{content}) }
                                 : undef, $r);
}

sub api_ok {
    my ($self, $method, $path, $body) = @_;

    my ($status, $data, $r) = $self->api($method, $path, $body);
    croak "$method $path: $status $r->{content}" unless $status =~ /^2/;

    return $data;
}

# Runs a test in Node, t/lib/api/NAME.js, whose results become this test's.

sub phase {
    my ($self, $name, %config) = @_;

    my $pid = open my $fh, '-|';
    die "fork: $!" unless defined $pid;

    if ($pid == 0) {
        exec { 'node' } 'node', "t/lib/api/$name.js", $json->encode(\%config)
            or POSIX::_exit(127);
    }

    my $test = Test::More->builder; my $began = time;
    my $n = 0;

    while (my $line = <$fh>) {
        if ($line =~ /^(not )?ok - (.*)/) {
            $test->ok(!$1, $2);
            $n++;
        } elsif ($line =~ /^# (.*)/) {
            $test->diag($1);
        } else {
            $test->note($line);
        }
    }

    close $fh;
    $test->note(sprintf "%.1f s", time - $began);
    $test->ok($n && $? >> 8 <= 1, "$name.js has run");
}

# A company with access and a webhook; returns the webhook with its secret.

sub setup {
    my ($self, $uid, $url, @events) = @_;

    my ($status) = $self->api('GET', "/companies/$uid");

    $self->api_ok('POST', '/companies',
                  { uid => $uid, name => uc $uid, enabled => \1 })
        if $status == 404;

    return $self->api_ok('POST', "/companies/$uid/webhooks",
                         { url => $url, events => [@events] });
}

# The payload is text, to the byte.

sub ingest {
    my ($self, $company, $event, $payload) = @_;

    my $r = $self->http('POST', '/events', content =>
        qq({"company":"$company","event":"$event","payload":$payload}));

    croak "ingest: $r->{status} $r->{content}" unless $r->{status} == 202;

    return $json->decode($r->{content});
}

sub events {
    my ($self, $company, $query) = @_;

    return @{ $self->api_ok('GET', "/companies/$company/webhook-events"
                            . ($query ? "?$query" : ''))->{data} };
}

sub event {
    my ($self, $company, $id) = @_;
    return $self->api_ok('GET', "/companies/$company/webhook-events/$id");
}

sub wait_event {
    my ($self, $company, $id, $status) = @_;

    return $self->wait_for("$id to be $status", sub {
        my $e = $self->event($company, $id);
        return $e->{status} eq $status ? $e : ();
    });
}

# The receiver: what it does depends on the path of a request.
#
#     /ok /status/CODE /say/CODE/BODY /fail/N/...    (500 to the first N of this path, then 200)
#     /hang /slow/MS /close /reset /half (a head cut short) /redirect
#     /big/BYTES /short (a body cut short)
#
# serve => sub { my $connection = shift; ... } does something else with a
# connection, and records nothing.  certificate => [ files ] is one's own.

sub receiver {
    my ($self, %o) = @_;

    my $record = "$self->{dir}/received-" . ($o{name} || 'main');
    my $class = 'IO::Socket::INET';
    my @tls;

    if ($o{tls}) {
        require IO::Socket::SSL;
        my ($crt, $key) = @{ $o{certificate}
            || [ $self->certificate($o{tls_name} || 'receiver.test') ] };
        @tls = (SSL_cert_file => $crt, SSL_key_file => $key);
    }

    my $listen = IO::Socket::INET->new(Listen => 512, ReuseAddr => 1,
                                       LocalAddr => $o{address} || '127.0.0.1',
                                       LocalPort => $o{port} || 0)
        or die "listen: $!";

    my $pid = fork;
    die "fork: $!" unless defined $pid;

    if ($pid == 0) {
        @alive = ();
        my $test = getppid;
        open STDOUT, '>', '/dev/null';      # not the test's output any more
        open STDERR, '>', '/dev/null';
        $SIG{CHLD} = 'IGNORE';
        $SIG{TERM} = sub { kill 'KILL', 0 - $$; POSIX::_exit(0) };
        setpgrp;

        my $ready = IO::Select->new($listen);

        while (1) {
            POSIX::_exit(0) if getppid != $test;
            next unless $ready->can_read(1);
            my $c = $listen->accept or next;
            my $child = fork;
            next if $child;
            if (defined $child) {
                close $listen;
                $SIG{TERM} = 'DEFAULT';
                eval { _serve($c, $record, $o{serve}, @tls) };
                POSIX::_exit(0);
            }
        }
    }

    my $r = { pid => $pid, port => $listen->sockport, record => $record,
              tls => $o{tls} };
    push @{ $self->{receivers} }, $r;
    $self->{main_receiver} ||= $r;

    return $r;
}

sub _serve {
    my ($c, $record, $serve, @tls) = @_;

    if (@tls) {
        $c = IO::Socket::SSL->start_SSL($c, SSL_server => 1, @tls) or return;
    }

    return $serve->($c) if $serve;

    my $buffer = '';

    while (1) {
        while ($buffer !~ /\r\n\r\n/) {
            my $n = sysread $c, $buffer, 65536, length $buffer;
            return unless $n;

            # a TLS client at a plain server, which answers as such do
            if ($buffer =~ /^\x16\x03/) {
                print $c "HTTP/1.1 400 Bad Request\r\n\r\n";
                return;
            }
        }

        my ($head, $rest) = split /\r\n\r\n/, $buffer, 2;
        my ($first, @lines) = split /\r\n/, $head;
        my ($method, $uri, $protocol) = split / /, $first;
        my @headers = map { /^([^:]+):\s*(.*)$/ ? [ $1, $2 ] : () } @lines;
        my %headers = map { lc $_->[0] => $_->[1] } @headers;
        my $length = $headers{'content-length'} || 0;

        while (length $rest < $length) {
            my $n = sysread $c, $rest, 65536, length $rest;
            return unless $n;
        }

        my $body = substr $rest, 0, $length;
        $buffer = substr $rest, $length;

        my $seen = _record($record, { method => $method, uri => $uri,
            protocol => $protocol, headers => \%headers, raw => \@headers,
            body => $body, time => time });

        _answer($c, $uri, $seen) or return;
    }
}

# Appends, and returns how many requests of this path there were before, where
# the answer depends on it.

sub _record {
    my ($file, $request) = @_;

    open my $fh, '+>>', $file or die $!;
    flock $fh, LOCK_EX;

    my $seen = 0;

    if ($request->{uri} =~ m{^/fail/}) {
        my $uri = $json->encode([ $request->{uri} ]);
        seek $fh, 0, 0;
        $seen = grep { index($_, '"uri":' . substr($uri, 1, -1)) >= 0 } <$fh>;
    }

    # bytes as they are: one character each
    print $fh $json->encode($request), "\n";
    close $fh;

    return $seen;
}

sub _answer {
    my ($c, $uri, $seen) = @_;

    my $say = sub {
        my ($code, $body, @more) = @_;
        print $c join "\r\n", "HTTP/1.1 $code X", @more,
            'Content-Length: ' . length $body, '', $body;
        $c->flush;
        return 1;
    };

    my $sleep = sub { select undef, undef, undef, $_[0] };

    return $say->($1, "status $1\n") if $uri =~ m{^/status/(\d+)};
    return $say->($seen < $1 ? 500 : 200, "seen $seen\n")
        if $uri =~ m{^/fail/(\d+)};
    if ($uri =~ m{^/header/(\d+)/(.+)}) {
        my ($code, $header) = ($1, $2);
        $header =~ s/%(..)/chr hex $1/ge;
        return $say->($code, '', $header);
    }

    if ($uri =~ m{^/say/(\d+)/(.*)}) {
        my ($code, $body) = ($1, $2);
        $body =~ s/%(..)/chr hex $1/ge;
        return $say->($code, $body);
    }

    return $say->(302, '', 'Location: /ok') if $uri =~ m{^/redirect};
    return $say->(200, 'x' x $1) if $uri =~ m{^/big/(\d+)};

    if ($uri =~ m{^/slow/(\d+)}) {
        $sleep->($1 / 1000);
        return $say->(200, "slow\n");
    }

    if ($uri =~ m{^/hang}) {
        $sleep->(3600);
        return 0;
    }

    if ($uri =~ m{^/reset}) {
        setsockopt $c, Socket::SOL_SOCKET(), Socket::SO_LINGER(),
                   pack('ii', 1, 0);
        return 0;
    }

    if ($uri =~ m{^/banner}) {
        print $c "SSH-2.0-OpenSSH_9.2p1\r\n";
        $c->flush;
        return 0;
    }

    return 0 if $uri =~ m{^/close};

    if ($uri =~ m{^/half}) {
        print $c "HTTP/1.1 200 OK\r\nContent-Le";
        $c->flush;
        return 0;
    }

    if ($uri =~ m{^/short}) {
        print $c "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nfew";
        $c->flush;
        return 0;
    }

    return $say->(200, "ok\n");
}

sub url {
    my ($self, $path, $host) = @_;

    my $r = $self->{main_receiver};
    $host ||= $r->{tls} ? 'receiver.test' : '127.0.0.1';

    return ($r->{tls} ? 'https' : 'http') . "://$host:$r->{port}$path";
}

sub received {
    my ($self, $r) = @_;

    $r ||= $self->{main_receiver};
    my @got;

    if (open my $fh, '<', $r->{record}) {
        flock $fh, LOCK_SH;
        @got = map { $json->decode($_) } <$fh>;
    }

    return @got;
}

sub wait_received {
    my ($self, $n, $r, $seconds) = @_;

    my @got;

    $self->wait_for("$n deliveries", sub {
        @got = $self->received($r);
        return @got >= $n;
    }, $seconds);

    return @got;
}

# A certificate for a name, by a throw-away CA of this test; days => -1 gives one
# that has expired, self => 1 one that no CA has signed, file => NAME another file.

sub ca { "$_[0]{dir}/ca.crt" }

sub certificate {
    my ($self, $name, %o) = @_;

    my $d = $self->{dir};
    my $file = "$d/" . ($o{file} || $name);
    my $days = $o{days} || 2;

    sh("openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes"
       . " -keyout $d/ca.key -out $d/ca.crt -days 2 -subj '/CN=test CA'")
        unless -e "$d/ca.crt";

    sh("openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes"
       . " -keyout $file.key -out $file.csr -subj '/CN=$name'");

    open my $fh, '>', "$file.ext" or die $!;
    print $fh "subjectAltName=DNS:$name\n";
    close $fh;

    my $signer = $o{self} ? "-signkey $file.key"
                 : "-CA $d/ca.crt -CAkey $d/ca.key -CAcreateserial";

    sh("openssl x509 -req -in $file.csr $signer"
       . " -days $days -extfile $file.ext -out $file.crt");

    return ("$file.crt", "$file.key");
}

sub sh {
    my $command = shift;
    my $out = `$command 2>&1`;
    die "$command: $out" if $?;
    return $out;
}

sub slurp {
    my $file = shift;
    open my $fh, '<:raw', $file or die "$file: $!";
    local $/;
    my $text = <$fh>;
    return defined $text ? $text : '';
}

sub spew {
    my ($file, $text) = @_;
    open my $fh, '>:raw', $file or die "$file: $!";
    print $fh $text;
    close $fh or die "$file: $!";
}

# Lines of the error log that should not be there.

sub log_lines {
    my ($self, $pattern) = @_;
    $pattern ||= qr/\[(?:alert|emerg|crit)\]/;
    return grep { $_ =~ $pattern } split /\n/, slurp($self->error_log);
}

sub finish {
    my $self = shift;

    eval { $self->stop };
    kill 'KILL', $self->workers, $self->{pid} if $self->{pid};
    kill 'TERM', map { $_->{pid} } @{ $self->{receivers} || [] };
    waitpid $_->{pid}, 0 for @{ $self->{receivers} || [] };
    $self->{receivers} = [];

    remove_tree($self->{dir}) unless $ENV{WEBHOOK_KEEP};
    @alive = grep { $_ != $self } @alive;
}

END {
    my $code = $?;
    $_->finish for my @each = @alive;      # finish() takes from @alive
    $? = $code;
}

$SIG{INT} = $SIG{TERM} = sub { exit 1 };

1;
