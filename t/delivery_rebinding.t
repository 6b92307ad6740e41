# A name that leads elsewhere the next time (DNS rebinding): the addresses of
# each delivery are looked up and checked, and those that were checked are the
# ones connected to.  127.0.0.2 is allowed here, and stands for the internet; the
# receiver at 127.0.0.1, at the same port, must get nothing.

use strict;
use warnings;

BEGIN { push @INC, 't/lib' }

use DNSServer;
use Test::More;
use WebhookTest;

my ($t, $dns, $public, $private);
my $n = 0;

sub start {
    my ($http, $server) = @_;

    $t = WebhookTest->new(server => $server || '', allow =>
                          'webhook_allow_http on; webhook_allow_address 127.0.0.2 127.0.0.3;');
    $dns = DNSServer->new($t->dir);
    $public = $t->receiver(name => 'public', address => '127.0.0.2');
    $private = $t->receiver(name => 'private', port => $public->{port});
    $t->{http} = "resolver 127.0.0.1:$dns->{port}; resolver_timeout 2s;"
                 . " webhook_retry_delays off; webhook_timeout 3s; $http";
    $t->start;
    $t->setup('acme', "http://name.test:$public->{port}/ok", 'no.such');
}

sub finish {
    is(scalar($t->received($private)), 0, 'the receiver at 127.0.0.1 got nothing');
    is(scalar($t->log_lines), 0, 'nothing alarming in the log') or diag $t->log_lines;
    $dns->stop;
    $t->finish;
}

# An event for a webhook of its own; returns the event and a function that sends
# one more to it.

sub webhook {
    my $host = shift;
    my $event = 'e' . ++$n;
    $t->api_ok('POST', '/companies/acme/webhooks',
               { url => "http://$host:$public->{port}/ok/$host", events => [ $event ], @_ });
    return $event;
}

sub attempt {
    my $event = shift;
    my $number = 0 + $t->events('acme', "event=$event");
    $t->ingest('acme', $event, '{}');
    my @e = $t->wait_for('the attempt', sub {
        my @e = $t->events('acme', "event=$event");
        return @e > $number && $e[0]{status} ne 'pending' ? @e : ();
    });
    return $t->event('acme', $e[0]{id})->{attempts}[-1];
}

# nginx's resolver keeps an answer until its second is over, also with a TTL of 0

sub next_answer { my $now = time; $t->wait_for('the next second', sub { time > $now + 1 }) }

# both ways a delivery can go

my $egress = 'location /egress/ { internal; proxy_pass http://$webhook_addr$webhook_uri;'
             . ' proxy_connect_timeout 500ms; }';

for (['built-in', '', ''], ['a location', 'webhook_deliver_via /egress/;', $egress]) {
    my ($how, $http, $server) = @$_;

    start($http, $server);

    $dns->set(
        'rebinds.test' => [ [ '127.0.0.2' ], [ '127.0.0.1' ] ],
        'rebinds6.test' => [ [ '127.0.0.2' ], [ '::1' ] ],
        'back.test'    => [ [ '127.0.0.1' ], [ '127.0.0.2' ] ],
        'both.test'    => [ '127.0.0.1', '127.0.0.2', '::1', '10.0.0.1', 'fe80::1' ],
        'bad.test'     => [ '127.0.0.1', '255.255.255.255', '::1', '::ffff:127.0.0.1', '0.0.0.0' ],
        'last.test'    => [ '255.255.255.255' ],
        'mapped.test'  => [ '::ffff:127.0.0.1' ],
        'empty.test'   => [],
    );

    my $event = webhook('rebinds.test');
    my $a = attempt($event);
    is($a->{status_code}, 200, "$how: the first answer is allowed");
    is($a->{peer}, '127.0.0.2', '... the peer');
    next_answer();
    $a = attempt($event);
    is($a->{error}, 'address_refused', '... the second is not');
    like($a->{error_detail}, qr/loopback/, '... in words');
    is($a->{peer}, undef, '... nobody was connected to');
    is($dns->asked('rebinds.test'), 4, '... both were asked for, in both families');

    $event = webhook('rebinds6.test');
    is(attempt($event)->{status_code}, 200, "$how: the first answer");
    next_answer();
    is(attempt($event)->{error}, 'address_refused', '... then ::1');

    $event = webhook('back.test');
    is(attempt($event)->{error}, 'address_refused', "$how: refused at first");
    next_answer();
    is(attempt($event)->{status_code}, 200, '... then allowed');

    $event = webhook('both.test');
    for (1 .. 6) {
        $a = attempt($event);
        is("$a->{status_code} $a->{peer}", '200 127.0.0.2', "$how: the address that is allowed");
        next_answer() if $_ == 3;
    }

    for (qw(bad last mapped)) {
        $event = webhook("$_.test");
        is(attempt($event)->{error}, 'address_refused', "$how: $_.test");
    }

    like(attempt(webhook('empty.test'))->{error}, qr/^name_/, "$how: a name without addresses");
    is(attempt(webhook('nowhere.test'))->{error}, 'name_not_found', "$how: no such name");

    # many at once, while the answer changes under them

    $dns->set('flips.test' => [ map { [ $_ % 2 ? '127.0.0.1' : '127.0.0.2' ] } 0 .. 99 ]);
    $event = webhook('flips.test');
    for (1 .. 3) {
        my $r = $t->http('POST', '/events', headers => { 'Content-Type' => 'application/x-ndjson' },
            content => join "\n", map { qq({"company":"acme","event":"$event","payload":$_}) } 1 .. 20);
        is($r->{status}, 200, 'twenty events');
        next_answer();
    }
    my %count;
    $t->wait_for('all of them', sub {
        %count = ();
        $count{$_->{status}}++ for $t->events('acme', "event=$event&limit=250");
        return !$count{pending};
    });
    is(($count{delivered} || 0) + ($count{failed} || 0), 60, "$how: a name that changes all the time");
    is(scalar(grep { $_->{uri} eq '/ok/flips.test' } $t->received($public)), $count{delivered} || 0,
       '... what was delivered went to the address that is allowed');

    # nobody listens at 127.0.0.3: the next address is tried, in one attempt

    $dns->set('first.test' => [ '127.0.0.3', '127.0.0.2' ],
              'many.test'  => [ '127.0.0.3', '127.0.0.2', '127.0.0.1', '::1' ],
              'none.test'  => [ '127.0.0.3', '127.0.0.1' ]);

    for my $name (qw(first many)) {
        $event = webhook("$name.test");
        for (1 .. 8) {                            # the resolver turns the list
            $a = attempt($event);
            is("$a->{number} $a->{status_code} $a->{peer}", '1 200 127.0.0.2', "$how: $name.test");
        }
    }

    $a = attempt(webhook('none.test'));
    is($a->{error}, 'connect_failed', "$how: no address that answers");

    finish();
}

# A location that leaves $webhook_addr alone, one that had a connection, and one
# whose time is over, run once.

start('webhook_deliver_via /egress/; log_format run $webhook_host; ', <<'CONF');
        location /egress/ {
            internal;
            log_subrequest on;
            access_log logs/runs.log run;
            proxy_connect_timeout 500ms;
            if ($webhook_host = fixed.test) { proxy_pass http://127.0.0.3:1; }
            if ($webhook_host = closes.test) { proxy_pass http://$webhook_addr/close; }
            if ($webhook_host = refuses.test) { return 502; }
            proxy_pass http://$webhook_addr$webhook_uri;
        }
CONF

my @two = ('127.0.0.2', '127.0.0.3');
$dns->set('fixed.test' => [ @two ], 'refuses.test' => [ @two ], 'two.test' => [ ('127.0.0.3') x 2 ],
          'closes.test' => [ '127.0.0.2', '127.0.0.2' ]);

for ([ fixed => 'connect_failed', 1 ], [ closes => 'connection_lost', 1 ],
     [ refuses => 'location_failed|connect_failed', 1 ], [ two => 'connect_failed', 2 ])
{
    my ($name, $error, $runs) = @$_;
    my $event = webhook("$name.test");
    $t->ingest('acme', $event, '{}');
    my ($e) = $t->events('acme', "event=$event");
    my $a = $t->wait_for('an attempt', sub { $t->event('acme', $e->{id})->{attempts}[0] });
    like($a->{error}, qr/^(?:$error)$/, "$name.test: $a->{error}");
    is(scalar(grep { $_ eq "$name.test" } split /\n/, WebhookTest::slurp($t->dir . '/logs/runs.log')),
       $runs, "... runs of the location: $runs");
}

finish();
done_testing();
