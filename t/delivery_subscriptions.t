# A webhook receives the events that it named and no others, and only those
# of its own company.

use strict;
use warnings;

BEGIN { push @INC, 't/lib' }

use Test::More;
use WebhookTest;

my $t = WebhookTest->new;
$t->receiver;
$t->start;

my %webhook = (
    exact  => [ 'honeypot.alert' ],
    below  => [ 'honeypot.*' ],
    deeper => [ 'honeypot.alert.*' ],
    all    => [ '*' ],
    two    => [ 'scan.done', 'honeypot.login' ],
    both   => [ 'honeypot.*', 'honeypot.alert' ],
    test   => [ 'test.webhook-event' ],
);

$t->setup('acme', $t->url("/ok/$_"), @{ $webhook{$_} }) for sort keys %webhook;
$t->setup('other', $t->url('/ok/other'), '*');

my $disabled = $t->setup('acme', $t->url('/ok/disabled'), '*');
$t->api_ok('PATCH', "/companies/acme/webhooks/$disabled->{id}",
           { enabled => \0 });

my %expected = (
    'honeypot'             => [qw(all)],
    'honeypot.alert'       => [qw(all below both exact)],
    'honeypot.alert.ssh.x' => [qw(all below both deeper)],
    'honeypot.login'       => [qw(all below both two)],
    'honeypotx.alert'      => [qw(all)],
    'scan.done'            => [qw(all two)],
    'scan'                 => [qw(all)],
);

my $n = 0;

for my $event (sort keys %expected) {
    my $wanted = @{ $expected{$event} };
    my $r = $t->ingest('acme', $event, qq({"n":"$event"}));
    is($r->{webhook_event_count}, $wanted, "$event: $wanted webhook events");
    $n += $wanted;
}

my %got;
for ($t->wait_received($n)) {
    my ($name) = $_->{uri} =~ m{/ok/(.*)};
    my ($event) = $_->{body} =~ /"event":"([^"]*)"/;
    push @{ $got{$event} }, $name;
}

for my $event (sort keys %expected) {
    is_deeply([ sort @{ $got{$event} || [] } ], $expected{$event},
              "$event: who received it");
}

# nothing else is pending, so nothing else will come

$t->wait_for('all to be delivered', sub { !$t->events('acme', 'status=pending') });
is(scalar($t->received), $n, 'and nobody else received anything');
is(scalar($t->events('other')), 0, 'nothing of another company');

# a change holds for every event that is acknowledged after its answer

my ($all) = grep { $_->{url} =~ m{/all$} }
            @{ $t->api_ok('GET', '/companies/acme/webhooks')->{data} };
$t->api_ok('PATCH', "/companies/acme/webhooks/$all->{id}",
           { events => ['only.this'] });
is($t->ingest('acme', 'scan', 1)->{webhook_event_count}, 0, 'events changed');
is($t->ingest('acme', 'only.this', 1)->{webhook_event_count}, 1, 'at once');

$t->api_ok('PATCH', '/companies/acme', { enabled => \0 });
my $r = $t->http('POST', '/events',
    content => '{"company":"acme","event":"scan.done","payload":1}');
is($r->{status}, 403, 'access taken away, at once');

is(scalar($t->log_lines), 0, 'nothing alarming in the log');

$t->finish;
done_testing();
