# webhook_deliver_via: deliveries through a location of one's own, with what
# nginx has for them.

use strict;
use warnings;

BEGIN { push @INC, 't/lib' }

use Digest::SHA qw(hmac_sha256_hex);
use Test::More;
use WebhookTest;

my $closed = WebhookTest::free_port();

my $t = WebhookTest->new(http => <<'CONF', server => <<'SERVER');
    webhook_deliver_via /egress/;
    webhook_retry_delays off;
    webhook_timeout 1s;
    log_format delivery '$status|$webhook_url|$webhook_scheme|$webhook_host|$webhook_port'
        . '|$webhook_uri|$webhook_addr|$webhook_id|$webhook_event|$webhook_event_id'
        . '|$webhook_company|$webhook_attempt|$webhook_timestamp|$webhook_signature';
CONF
        location /egress/ {
            internal;
            log_subrequest on;
            access_log logs/deliveries.log delivery;
            proxy_pass $webhook_scheme://$webhook_addr$webhook_uri;
            proxy_http_version 1.1;
            proxy_set_header Connection "";
            proxy_set_header Host $webhook_host:$webhook_port;
            proxy_connect_timeout 300ms;
        }
SERVER
$t->{http} =~ s/'\n\s+\. '//g;
$t->{http} .= 'limit_req_zone $webhook_host zone=slow:1m rate=20r/s;'
    . ' limit_req_zone $webhook_host zone=stop:1m rate=1r/m;';
$t->receiver;
$t->start;

# what arrives, and what is recorded

my $w = $t->setup('acme', $t->url('/ok?a=1&b=%20'), 'first.*');
$t->ingest('acme', 'first.event', '{"n":1.0}');
my ($got) = $t->wait_received(1);
my ($e) = $t->events('acme', 'event=first.event');
$e = $t->wait_event('acme', $e->{id}, 'delivered');
my $a = $e->{attempts}[0];
my $h = $got->{headers};
my $port = $t->{main_receiver}{port};

is($got->{method}, 'POST', 'a POST');
is($got->{uri}, '/ok?a=1&b=%20', 'to the path and query of the URL');
like($got->{body}, qr/^\{"event":"first.event","payload":\{"n":1.0\},"timestamp":\d+\}$/, 'the body');
is($h->{'x-signature'}, hmac_sha256_hex($got->{body}, $w->{secret}), 'signed');
is($h->{'x-webhook-event-id'}, $e->{id}, 'the id');
is($h->{'content-type'}, 'application/json', 'its type');
like($h->{'user-agent'}, qr{^ngx-webhook/}, 'who sends it');
is($h->{'webhook-id'}, $e->{id}, 'Standard Webhooks too');
is($h->{host}, "127.0.0.1:$port", 'the Host header of the location');

is($a->{status_code}, 200, 'recorded: the status');
is($a->{response}{body}, "ok\n", 'the body');
like($a->{response}{head}, qr{^HTTP/1.1 200\r\n(?:.*\r\n)*Content-Length: 3\r\n}, 'the head');
is($a->{peer}, '127.0.0.1', 'the peer');

my ($line) = $t->wait_for('the access log', sub {
    split /\n/, WebhookTest::slurp($t->dir . '/logs/deliveries.log')
});
my ($company) = map { $_->{id} } $t->api_ok('GET', '/companies/acme');
is($line, join('|', 200, $t->url('/ok?a=1&b=%20'), 'http', '127.0.0.1', $port,
    '/ok?a=1&b=%20', "127.0.0.1:$port", $w->{id}, 'first.event', $e->{id}, $company, 1,
    $h->{'x-timestamp'}, $h->{'x-signature'}), 'a line in the access log, with all variables');

# endpoints of all kinds

my $n = 0;

for (
    [ '/status/500',   'failed',    500,   'http_status' ],
    [ '/status/204',   'delivered', 204,   undef ],
    [ '/redirect',     'failed',    302,   'http_status' ],
    [ '/big/100000',   'delivered', 200,   undef ],
    [ '/big/16384',    'delivered', 200,   undef ],
    [ '/hang',         'failed',    undef, 'timeout' ],
    [ '/slow/200',     'delivered', 200,   undef ],
    [ '/close',        'failed',    undef, 'connection_lost' ],
    [ '/reset',        'failed',    undef, 'connection_lost' ],
    [ '/half',         'failed',    undef, 'connection_lost' ],
    [ '/short',        'delivered', 200,   undef ],
    [ "http://127.0.0.1:$closed/", 'failed', undef, 'connect_failed' ],
    [ 'https://127.0.0.1:' . $port . '/', 'failed', undef, 'connect_failed' ],
) {
    my ($where, $status, $code, $error) = @$_;
    my $event = 'case-' . ++$n;

    $t->setup('acme', $where =~ m{^/} ? $t->url($where) : $where, $event);
    $t->ingest('acme', $event, '{}');

    my ($e) = $t->events('acme', "event=$event");
    my $a = $t->wait_event('acme', $e->{id}, $status)->{attempts}[0];

    is($a->{status_code}, $code, "$where: status code");
    is($a->{error}, $error, "$where: error");
    is(length $a->{response}{body}, 16384, "$where: what is kept of its body")
        if $where =~ /big/;
    is($a->{response}{truncated} ? 1 : 0, $where =~ /100000/ ? 1 : 0, '... and whether it is all')
        if $where =~ /big/;
    cmp_ok($a->{duration_ms}, '>=', 900, "$where: until webhook_timeout") if $where eq '/hang';
}

# many at once, over a few connections of an upstream

sub change { my ($location, $http) = @_; $t->{server} = $location; $t->{http} .= $http || ''; $t->restart }

change('location /egress/ { proxy_pass http://receiver$webhook_uri; proxy_http_version 1.1;'
       . ' proxy_set_header Connection ""; }',
       "upstream receiver { server 127.0.0.1:$port; keepalive 4; }");
$t->setup('acme', $t->url('/ok/many'), 'many');
my $r = $t->http('POST', '/events', headers => { 'Content-Type' => 'application/x-ndjson' },
    content => join "\n", map { qq({"company":"acme","event":"many","payload":$_}) } 1 .. 100);
is($r->{status}, 200, 'a hundred');
$t->wait_for('all to be delivered', sub { $t->events('acme', 'event=many&status=delivered&limit=250') == 100 });
is(scalar(grep { $_->{uri} eq '/ok/many' } $t->received), 100, 'arrived, each once');

# locations that do something else

sub outcome {
    my ($what, $location, $status, $code, $error, $path) = @_;
    my $event = 'other-' . ++$n;

    change($location);
    $t->setup('acme', $t->url($path || '/status/503'), $event);
    $t->ingest('acme', $event, '{}');

    my ($e) = $t->events('acme', "event=$event");
    $e = $t->wait_for('an attempt', sub {
        my $now = $t->event('acme', $e->{id});
        return @{ $now->{attempts} } ? $now : ();
    });
    my $a = $e->{attempts}[0];

    is($e->{status}, $status, "$what: $status");
    is($a->{status_code}, $code, "$what: status code");
    is($a->{error}, $error, "$what: error");

    return $a;
}

my $pass = 'proxy_pass http://$webhook_addr$webhook_uri;';

outcome('a location that answers', 'location /egress/ { return 204; }', 'delivered', 204, undef);
outcome('a location that refuses', 'location /egress/ { return 403; }', 'pending', undef, 'location_failed');
outcome('no such location', '', 'pending', undef, 'location_failed');
outcome('an error page', "location /egress/ { $pass proxy_intercept_errors on; error_page 503 \@p; }"
        . ' location @p { return 200 "all is well"; }', 'failed', 503, 'http_status');
outcome('a location that fails', 'location /egress/ { proxy_pass http://$webhook_nothing$webhook_uri; }'
        . ' set $webhook_nothing "";', 'pending', undef, 'location_failed');
outcome('a limit of rates', "location /egress/ { limit_req zone=slow burst=5; $pass }", 'failed', 503,
        'http_status');
outcome('a delay beyond webhook_timeout', "location /egress/ { limit_req zone=stop burst=5; $pass }",
        'failed', 503, 'http_status');
$t->ingest('acme', "other-$n", '{}');
my $late = $t->wait_for('a second attempt', sub {
    my ($e) = $t->events('acme', "event=other-$n&limit=1");
    my $now = $t->event('acme', $e->{id});
    return @{ $now->{attempts} } && $now->{attempts}[0]{error} ne 'http_status'
           ? $now->{attempts}[0] : ();
});
is($late->{error}, 'connect_timeout', '... the next one is over');
cmp_ok($late->{duration_ms}, '>=', 900, '... ends in time');

# an endpoint that tries to lead into an internal location, or speaks no HTTP

my $accel = 'X-Accel-Redirect: /secret/x' =~ s/([^\w])/sprintf '%%%02x', ord $1/ger;
my $led = outcome('X-Accel-Redirect', "location /egress/ { $pass }"
                  . ' location /secret/ { internal; return 200 "the secret"; }',
                  'delivered', 200, undef, "/header/200/$accel");
is($led->{response} && $led->{response}{body} || '', '', '... leads nowhere');
outcome('no HTTP', "location /egress/ { $pass }", 'failed', undef, 'bad_response', '/banner');
outcome('no buffering', "location /egress/ { $pass proxy_buffering off; }", 'failed', 503, 'http_status');

# a location that fails for long: the event waits longer and longer, and has one line of
# it in its log; nginx's own says it once

{
    $t->{http} =~ s/webhook_retry_delays off;/webhook_retry_delays 100ms 800ms;/;
    change('location /egress/ { return 404; }');
    my $w = $t->setup('acme', $t->url('/ok'), 'lasting');
    my $lasting = qr/"webhook_deliver_via": "\/egress\/" gave no answer of an endpoint \(404: there is no such location/;
    my $told = my @before = $t->log_lines($lasting);
    $t->ingest('acme', 'lasting', '{}');
    my ($e) = $t->events('acme', 'event=lasting');
    my %ids;

    $t->wait_for('the sixth', sub {
        $ids{ $_->{id} } = $_->{started_at} for @{ $t->event('acme', $e->{id})->{attempts} };
        keys %ids >= 6;
    }, 20);

    my $now = $t->event('acme', $e->{id});
    is(scalar(@{ $now->{attempts} }), 1, 'nginx\'s own faults, one after the other: one line');
    is("$now->{status} $now->{retries} $now->{attempts}[0]{number}", 'pending 0 1', '... that has used up nothing');

    my @at = map { my ($s, $ms) = /T.*:(\d\d)\.(\d+)Z/; $s * 1000 + $ms } map { $ids{$_} } sort keys %ids;
    my @waits = map { ($at[$_] - $at[$_ - 1]) % 60000 } 1 .. $#at;
    cmp_ok($waits[0], '<', 500, "it waits longer and longer (@waits ms)");
    cmp_ok($waits[-1], '>=', 700, '... up to the longest delay');
    my @lines = $t->log_lines($lasting);
    is(@lines - $told, 1, 'nginx\'s log tells it once');

    change("location /egress/ { $pass }");
    is(scalar(@{ $t->wait_event('acme', $e->{id}, 'delivered')->{attempts} }), 2, 'and then it is delivered');
    $t->stop('QUIT');
    my $audit = `perl sql/webhook-audit @{[ $t->store ]}`;
    unlike($audit, qr/^BAD/m, 'the store fits together') or diag $audit;
    $t->start;
    $t->{http} =~ s/webhook_retry_delays 100ms 800ms;/webhook_retry_delays off;/;
}

# in a server{}, it is a location of that one

$t->{http} =~ s/webhook_deliver_via \S+//;
my $other = WebhookTest::free_port();
change('', "server { listen 127.0.0.1:$other; webhook_deliver_via /out; location = /out { return 207; } }");
$t->setup('acme', $t->url('/ok/server'), 'server');
$t->ingest('acme', 'server', '{}');
($e) = $t->events('acme', 'event=server');
is($t->wait_event('acme', $e->{id}, 'delivered')->{attempts}[0]{status_code}, 207,
   'webhook_deliver_via in a server');

# a client's request has no such variables

$t->{server} = 'location /vars { return 200 "[$webhook_url$webhook_addr]"; }';
$t->restart;
is($t->http('GET', '/vars')->{content}, '[]', 'the variables are empty elsewhere');

is(scalar($t->log_lines), 0, 'nothing alarming in the log') or diag $t->log_lines;
$t->finish;
done_testing();
