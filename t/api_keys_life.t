# How long a key is good: until it expires or is revoked, at once, on each worker.

use strict;
use warnings;

BEGIN { push @INC, 't/lib' }

use IO::Socket::INET;
use JSON::PP;
use POSIX qw(strftime);
use Test::More;
use Time::HiRes qw(time);
use WebhookTest;

my $port = WebhookTest::free_port();
my $t = WebhookTest->new(auth => 1, workers => 2, http => <<CONF)->start;
    server {
        listen 127.0.0.1:$port reuseport;      # connections to both workers
        location = /events { webhook_ingest; }
        location /api/ { webhook_admin; }
    }
CONF

my $json = JSON::PP->new->utf8;

# asks with a key; returns the status and the code of a problem

sub as {
    my ($key, $method, $path, $body) = @_;
    my $r = HTTP::Tiny->new->request($method, "http://127.0.0.1:$port$path", {
        (defined $body ? (content => $body) : ()),
        headers => { 'Content-Type' => 'application/json', Authorization => "Bearer $key" } });
    return wantarray ? ($r->{status}, eval { $json->decode($r->{content})->{code} }) : $r->{status};
}

sub key { $t->api_ok('POST', '/keys', { name => 'a key', @_ }) }

sub utc {
    my $time = shift;
    return strftime('%Y-%m-%dT%H:%M:%S', gmtime $time)
           . sprintf '.%03dZ', 1000 * ($time - int $time);
}

$t->api_ok('POST', '/companies', { uid => 'acme', name => 'ACME', enabled => \1 });

my $k = key(role => 'admin');
my $c = key(role => 'company', company => 'acme');
my $b = key(role => 'ingest', company => 'acme');

# expired: it was known to a worker before

my $soon = time + 2 * $t->{scale};
my $e = key(role => 'ingest', expires_at => utc($soon));
is(as($e->{key}, 'POST', '/events', '{}'), 422, 'good until then');
$t->wait_for('it to expire', sub { time > $soon + 0.1 });
is_deeply([ as($e->{key}, 'POST', '/events', '{}') ], [ 401, 'unauthorized' ], 'then not any more')
    for 1 .. 8;
is($t->api_ok('GET', "/keys/$e->{id}")->{expires_at}, $e->{expires_at}, 'but it is still shown');

# revoked: at once, on each worker, whether it has known the key or not

for my $round (1 .. 5) {
    my $k = key(role => 'admin');
    is(scalar(grep { as($k->{key}, 'GET', '/api/keys?limit=1') == 200 } 1 .. 20), 20, 'known');
    is([ $t->api('DELETE', "/keys/$k->{id}") ]->[0], 204, 'revoked');
    is(scalar(grep { as($k->{key}, 'GET', '/api/keys?limit=1') == 401 } 1 .. 20), 20,
       'and unknown at once');
    is([ $t->api('GET', "/keys/$k->{id}") ]->[1]{code}, 'key_not_found', 'shown no more');
    is([ $t->api('DELETE', "/keys/$k->{id}") ]->[0], 404, 'nor revoked twice');
}

my %workers = map { /(\d+)#.*problem: unauthorized/ ? ($1 => 1) : () } $t->log_lines(qr/unauthorized/);
is(scalar keys %workers, 2, 'both workers were asked');
ok(scalar($t->log_lines(qr/was revoked, and is still used/)), 'the log tells who still tries');

# one revokes itself

my $self = key(role => 'admin');
is(as($self->{key}, 'DELETE', "/api/keys/$self->{id}"), 204, 'a key revokes itself');
is(as($self->{key}, 'GET', '/api/keys'), 401, 'and is none');

# a company that changes: its keys too, at once

is(as($b->{key}, 'POST', '/events', '{"company":"acme","event":"a","payload":1}'), 202,
   'bound to acme');
$t->api_ok('PATCH', '/companies/acme', { uid => 'emca' });
is(as($b->{key}, 'POST', '/events', '{"company":"acme","event":"a","payload":1}'), 404,
   'another uid') for 1 .. 4;
is(as($b->{key}, 'POST', '/events', '{"company":"emca","event":"a","payload":1}'), 202,
   'is known at once') for 1 .. 4;
$t->api_ok('DELETE', '/companies/emca');
is(as($_->{key}, 'GET', '/api/keys'), 401, 'a company that is deleted has no keys') for $b, $c;
is([ $t->api('GET', "/keys/$b->{id}") ]->[0], 404, 'none at all');

# restarts keep them, and forget what is known

is(as($k->{key}, 'GET', '/api/keys'), 200, 'known');
$t->reload;
is(as($k->{key}, 'GET', '/api/keys'), 200, 'after a reload');

# keys at random

my %codes;
$codes{ as('whk_' . join('', map { ('a' .. 'z')[rand 26] } 1 .. 43), 'GET', '/api/keys') }++
    for 1 .. 600;
is_deeply(\%codes, { 401 => 600 }, '600 keys at random');
is(as($k->{key}, 'GET', '/api/keys'), 200, 'push out none that is good');

# many at once ask with a key that no worker knows: all are answered alike

sub at_once {
    my ($key, $n) = @_;
    my (@s, %status);

    for (1 .. $n) {
        my $s = IO::Socket::INET->new("127.0.0.1:$port") or die $!;
        print $s "GET /api/companies HTTP/1.1\r\nHost: a\r\nConnection: close\r\n"
            . "Authorization: Bearer $key\r\n\r\n";
        $s->flush;
        push @s, $s;
    }

    for my $s (@s) {
        my ($code) = join('', <$s>) =~ m{^HTTP/1.1 (\d+)};
        $status{$code}++;
    }

    return \%status;
}

my $many = key(role => 'admin');
is_deeply(at_once($many->{key}, 100), { 200 => 100 }, 'many at once');
$t->api_ok('DELETE', "/keys/$many->{id}");
is_deeply(at_once($many->{key}, 100), { 401 => 100 }, 'and when it is revoked');

is(scalar($t->log_lines), 0, 'nothing alarming in the log');

# a store that fails tells nobody that his key is none

my $any = key(role => 'admin');
sub sql { WebhookTest::sh('sqlite3 -cmd ".timeout 5000" ' . $t->store . qq( "$_[0]")) }
sql('ALTER TABLE api_key RENAME TO away');
is_deeply([ as($any->{key}, 'GET', '/api/keys') ], [ 503, 'store_unavailable' ], 'the store fails');
is(as($t->root_key, 'GET', '/api/companies'), 200, 'the root key needs none');
sql('ALTER TABLE away RENAME TO api_key');
is(as($any->{key}, 'GET', '/api/keys'), 200, 'and is well again');

$t->finish;
done_testing();
