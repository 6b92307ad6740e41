# What deliveries share: connections to an endpoint, which stay in epoll for a
# while in case that there is more to send, and its parsed URL.

use strict;
use warnings;

BEGIN { push @INC, 't/lib' }

use IO::Socket::INET;
use POSIX ();
use Test::More;
use WebhookTest;

# what the worker's sockets to a port are: those in epoll, and those that are not

sub sockets {
    my ($t, $port) = @_;
    my ($worker) = $t->workers;
    my $proc = "/proc/$worker";

    my %to = map { (split)[9] => 1 } grep { (split)[2] =~ /:0*\Q@{[ sprintf '%X', $port ]}\E$/ }
             split /\n/, WebhookTest::slurp("$proc/net/tcp");
    my %socket = map { (readlink) =~ /^socket:\[(\d+)\]/ && $to{$1} ? (m{(\d+)$} => 1) : () }
                 grep { readlink } glob "$proc/fd/*";

    my %watched;

    for my $fd (grep { (readlink($_) // '') eq 'anon_inode:[eventpoll]' } glob "$proc/fd/*") {
        my $info = WebhookTest::slurp("$proc/fdinfo/" . ($fd =~ m{(\d+)$})[0]);
        $watched{$_} = 1 for $info =~ /^tfd:\s*(\d+)/mg;
    }

    return (scalar(grep { $watched{$_} } keys %socket), scalar(grep { !$watched{$_} } keys %socket));
}

sub deliver {
    my ($t, $n) = @_;
    $t->ingest('acme', 'a', $n);
    my ($e) = $t->events('acme');
    $t->wait_event('acme', $e->{id}, 'delivered');
}

# each request is a line of a file, with the process that has its connection

my $status = 'location = /status { stub_status; }';
my $t = WebhookTest->new(connections => 512, server => $status);
my $connections = $t->dir . '/connections';

my $serve = sub {
    my $c = shift;
    my $in = '';

    while (sysread $c, $in, 65536, length $in) {
        next unless $in =~ /\r\n\r\n.*\}$/s;
        open my $out, '>>', $connections or die $!;
        print $out "$$\n";
        close $out;
        my $closes = $in =~ m{^POST /closes};
        $in = '';
        syswrite $c, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
        return if $closes;
    }
};

my $r = $t->receiver(serve => $serve);
my $seen = sub { my %pid = map { $_ => 1 } split /\n/, WebhookTest::slurp($connections);
                 return scalar keys %pid };

$t->start;
my $webhook = $t->setup('acme', $t->url('/'), '*');

is(delivered_to($t, '1 0'), '1 0', 'after an answer its socket stays in epoll');

deliver($t, $_) for 1 .. 20;
is($seen->(), 1, 'one connection has had all of them');
is(delivered_to($t, '1 0'), '1 0', 'it is the only one');

$t->wait_for('it to leave epoll', sub { "@{[ sockets($t, $r->{port}) ]}" eq '0 1' });
pass('where nothing follows, it leaves epoll and is kept');

is(delivered_to($t, '1 0'), '1 0', 'the next event puts it there again');
is($seen->(), 1, 'on the same connection');

# where nginx is short of connections, a socket that is not used has none: fewer than
# an eighth of 512 are free, and not so few that nginx closes clients to have more

{
    my @clients;

    while (active($t) < 460) {
        push @clients, map { IO::Socket::INET->new(PeerAddr => "127.0.0.1:$t->{port}") || die $! } 1 .. 10;
        $t->wait_for(@clients . ' clients', sub { active($t) > @clients });
    }

    is(delivered_to($t, '0 1'), '0 1', 'where connections are few, it leaves epoll at once');
    is($seen->(), 1, 'and is kept');
    cmp_ok(active($t), '>=', 460, 'while all clients are there');
}

# one that its endpoint closes meanwhile

my $begin = ticks($t);
$t->api_ok('PATCH', "/companies/acme/webhooks/$webhook->{id}", { url => $t->url('/closes') });

deliver($t, $_) for 1 .. 3;
is($seen->(), 3, 'one that was closed is not used again');
$t->wait_for('its socket to go', sub { (sockets($t, $r->{port}))[0] == 0 });
cmp_ok(ticks($t) - $begin, '<', 50 * $t->{scale}, 'and the worker does not spin');

$t->stop('QUIT');
is(scalar($t->log_lines(qr/\[(?:alert|emerg|crit)\]|open socket|exited on signal/)), 0,
   'nothing alarming in the log');
$t->finish;

# idle ones give their connections to clients

{
    my $t = WebhookTest->new(connections => 256, http => 'webhook_concurrency 1000;',
                             server => $status);
    my $r = $t->receiver(address => '0.0.0.0');
    $t->start;

    for my $c (1 .. 10) {
        $t->setup("c$c", "http://127.0.$c.$_:$r->{port}/ok", '*') for 1 .. 24;
    }

    # they are for a second: not seen in time on a busy machine, they are used again

    my ($sent, $idle) = (0, 0);

    for my $try (1 .. 10) {
        $t->ingest("c$_", 'a', $try) for 1 .. 10;
        $sent += 240;
        $t->wait_received($sent - 90);
        ($idle) = sockets($t, $r->{port});
        last if $idle > 50;
        diag "$idle are idle after try $try";
        $t->wait_received($sent);
    }

    cmp_ok($idle, '>', 50, 'many are idle');
    my ($waiting) = $t->http('GET', '/status')->{content} =~ /Waiting: (\d+)/;
    cmp_ok($waiting, '<', 50, 'they are no clients that wait');

    my @clients = map { IO::Socket::INET->new(PeerAddr => "127.0.0.1:$t->{port}") || die $! } 1 .. 120;
    print $_ "GET /status HTTP/1.0\r\n\r\n" for @clients;

    my @answers = map { sysread $_, my $answer, 4096; $answer // '' } @clients;
    is(scalar(grep { / 200 / } @answers), 120, 'each of many clients is answered meanwhile');

    $t->wait_received($sent);
    $t->stop('QUIT');
    is(scalar($t->log_lines(qr/\[(?:alert|emerg|crit)\]|exited on signal/)), 0,
       'nothing alarming in the log');
    $t->finish;
}

# with accept_mutex events are queued before they are handled: also those of sockets
# that are given up meanwhile.  The endpoint answers many at once, and closes half of
# its connections 0 to 3 ms later.

{
    my $t = WebhookTest->new(workers => 2, connections => '2048; accept_mutex on');
    my $port = WebhookTest::free_port();

    my $pid = fork // die "fork: $!";
    if (!$pid) {
        open STDOUT, '>', '/dev/null';
        open STDERR, '>', '/dev/null';
        exec 'python3', '-c', <<'PY', $port or POSIX::_exit(1);
import asyncio, os, random, sys

class Endpoint(asyncio.Protocol):
    def connection_made(self, transport):
        self.transport = transport
        self.got = b''

    def data_received(self, data):
        self.got += data
        head, end, body = self.got.partition(b'\r\n\r\n')
        length = int(head.lower().partition(b'content-length: ')[2].split(b'\r\n')[0] or 0)
        if not end or len(body) < length:
            return
        self.got = body[length:]
        self.transport.write(b'HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n')
        if random.random() < 0.5:
            asyncio.get_running_loop().call_later(random.randrange(4) / 1000, self.transport.close)

async def main():
    loop = asyncio.get_running_loop()
    await loop.create_server(Endpoint, '127.0.0.1', int(sys.argv[1]), backlog=1024)
    parent = os.getppid()
    while os.getppid() == parent:      # it serves until the test ends, or dies
        await asyncio.sleep(1)

asyncio.run(main())
PY
    }

    $t->start;
    my @workers = sort { $a <=> $b } $t->workers;
    $t->setup('acme', "http://127.0.0.1:$port/$_", '*') for 1 .. 90;

    for my $n (1 .. 1500) {
        $t->ingest('acme', 'a', $n);
        last if $n % 20 == 0 && $t->log_lines(qr/exited on signal/);
    }

    is_deeply([ sort { $a <=> $b } $t->workers ], \@workers, 'queued events of sockets that are gone do no harm');

    $t->stop('QUIT');
    is(scalar($t->log_lines(qr/\[(?:alert|emerg|crit)\]|exited on signal/)), 0,
       'nothing alarming in the log');

    kill 'KILL', $pid;
    waitpid $pid, 0;
    $t->finish;
}

# more URLs than are kept parsed: each event goes to its own

{
    my ($companies, $each) = (11, 100);
    my $t = WebhookTest->new;
    $t->receiver;
    $t->start;

    for my $c (1 .. $companies) {
        $t->setup("c$c", $t->url("/ok/$c?n=$_"), '*') for 1 .. $each;
    }

    for my $n (1, 2) {
        $t->ingest("c$_", 'a', $n) for 1 .. $companies;
        $t->wait_received($n * $companies * $each, undef, 60);
    }

    my %got;
    $got{ $_->{uri} }++ for $t->received;
    is(scalar(keys %got), $companies * $each, 'each URL has got something');
    is(scalar(grep { $_ != 2 } values %got), 0, 'twice');

    $t->stop('QUIT');
    is(scalar($t->log_lines(qr/\[(?:alert|emerg|crit)\]|exited on signal/)), 0,
       'nothing alarming in the log');
    $t->finish;
}

done_testing();

# The sockets after an event is delivered; again, where they were not seen in time.

sub delivered_to {
    my ($t, $wanted) = @_;
    my $got;

    for my $try (1 .. 5) {
        deliver($t, $try);
        $got = join ' ', sockets($t, $r->{port});
        last if $got eq $wanted;
        diag "$got after try $try";
    }

    return $got;
}

# The clients that nginx has, with the one that asks.

sub active {
    my ($t) = @_;
    return ($t->http('GET', '/status')->{content} =~ /Active connections: (\d+)/)[0];
}

# The time that the worker has had of a core, in hundredths of a second.

sub ticks {
    my ($t) = @_;
    my ($worker) = $t->workers;
    my @f = split ' ', WebhookTest::slurp("/proc/$worker/stat");
    return $f[13] + $f[14];
}
