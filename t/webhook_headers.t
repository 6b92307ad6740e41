# Headers of a webhook's own: sent by both transports, shown without values.

use strict;
use warnings;

BEGIN { push @INC, 't/lib' }

use JSON::PP;
use Test::More;
use WebhookTest;

my $t = WebhookTest->new(workers => 2);
$t->receiver;
$t->start;
$t->api_ok('POST', '/companies', { uid => 'acme', name => 'ACME', enabled => \1 });

my $hooks = '/companies/acme/webhooks';
my $key = 'k-3f9d0aa1 "quoted"; \\ caf' . "\x{e9}";
my $long = 'v' x 3000;

my $w = $t->api_ok('POST', $hooks, { url => $t->url('/ok'), events => ['*'], headers =>
    { 'X-Api-Key' => $key, Authorization => 'Bearer s3cr3t', accept => 'text/x-mine', 'X-Long' => $long } });
is_deeply($w->{headers}, { map { $_ => '********' } 'X-Api-Key', 'Authorization', 'accept', 'X-Long' },
          'the values are masked');
my $path = "$hooks/$w->{id}";
is_deeply($t->api_ok('GET', $path)->{headers}, $w->{headers}, 'whenever it is shown');
is_deeply($t->api_ok('GET', $hooks)->{data}[0]{headers}, $w->{headers}, 'and in lists');

my $n = 0;

sub deliver {
    $t->ingest('acme', 'a', ++$n);
    return ($t->wait_received($n))[-1];
}

# what arrives: bytes as they are, each header once, after the signature's

sub arrived {
    my $what = shift;
    my $got = deliver();
    my $h = $got->{headers};
    my $bytes = $key;
    utf8::encode($bytes);
    is($h->{'x-api-key'}, $bytes, "$what: a value to the byte");
    is($h->{authorization}, 'Bearer s3cr3t', "$what: Authorization");
    is($h->{accept}, 'text/x-mine', "$what: Accept");
    is($h->{'x-long'}, $long, "$what: a long one");
    like($h->{'user-agent'}, qr/^ngx-webhook/, "$what: who sends it is the same");
    my @names = map { lc $_->[0] } @{ $got->{raw} };
    my %count;
    $count{$_}++ for @names;
    is(scalar(grep { $_ > 1 } values %count), 0, "$what: each header once");
    my ($signature) = grep { $names[$_] eq 'webhook-signature' } 0 .. $#names;
    my ($own) = grep { $names[$_] eq 'x-api-key' } 0 .. $#names;
    cmp_ok($own, '>', $signature, "$what: after the signature");
}

arrived('curl');

# the log of the attempt names them

my ($e) = $t->wait_for('it to be recorded', sub { $t->events('acme', 'status=delivered') });
my $sent = $t->event('acme', $e->{id})->{attempts}[0]{request}{headers};
is($sent->{'X-Api-Key'}, '********', 'masked in the log of the attempt');
is($sent->{Authorization}, '********', 'all of them');
is($sent->{'X-Timestamp'} =~ /^\d+$/ ? 1 : 0, 1, 'beside what the module sends');

# through a location, after a restart

$t->{http} = 'webhook_deliver_via /egress/;';
$t->{server} = 'location /egress/ { internal; proxy_pass $webhook_scheme://$webhook_addr$webhook_uri; }';
$t->restart;
arrived('via');

# changes: a merge patch, whose names have no case

sub patch { $t->api_ok('PATCH', $path, { headers => $_[0] })->{headers} }

is_deeply(patch({ 'X-API-KEY' => 'new', 'X-Long' => undef, 'X-None' => undef, 'X-B' => 'b' }),
          { map { $_ => '********' } 'X-API-KEY', 'Authorization', 'accept', 'X-B' }, 'merged');
my $h = deliver()->{headers};
is_deeply([ @$h{qw(x-api-key authorization x-b x-long)} ], [ 'new', 'Bearer s3cr3t', 'b', undef ], '... and sent so');
is_deeply($t->api_ok('PATCH', $path, { description => 'x' })->{headers}, patch({}), 'left alone by other changes');
my $secret = $t->api_ok('POST', "$path/secret/rotate", { grace => '1h' })->{secret};
$h = deliver()->{headers};
is($h->{'x-api-key'}, 'new', 'a new secret leaves them as they are');
patch({ 'X-B' => 'c' });
is($t->api_ok('GET', "$path/secret")->{secret}, $secret, 'as they leave the secret');
ok(deliver()->{headers}{'x-signature-previous'}, 'and the one before');
is_deeply($t->api_ok('PATCH', $path, '{"headers":null}')->{headers}, {}, 'null removes all');
is(deliver()->{headers}{'x-api-key'}, undef, '... and none is sent');

# limits, also of what is there already

is(scalar(keys %{ patch({ map { ("X-$_" => 'v') } 1 .. 20 }) }), 20, 'twenty');
is(scalar(keys %{ patch({ (map { ("X-$_" => undef) } 1 .. 20), map { ("Y-$_" => 'v') } 1 .. 20 }) }), 20,
   'twenty others');

for ([ { 'X-1' => 'v' }, 'a header more' ], [ { 'Y-1' => 'v' x 4000 }, 'more than 4k' ],
     [ { map { ("X-$_" => undef) } 1 .. 41 }, 'more than could be' ])
{
    my ($status, $p) = $t->api('PATCH', $path, { headers => $_->[0] });
    is("$status $p->{errors}[0]{pointer}", '422 /headers', "refused: $_->[1]");
}

is(scalar(keys %{ $t->api_ok('GET', $path)->{headers} }), 20, 'nothing of it was kept');

# what is refused

sub refused {
    my ($headers, $code, $pointer, $what) = @_;
    my ($status, $p) = $t->api('POST', $hooks, '{"url":"' . $t->url('/ok') . qq(","events":["a"],"headers":$headers}));
    is("$status $p->{errors}[0]{code} $p->{errors}[0]{pointer}", "422 $code $pointer", $what);
}

refused('{"' . $_ . '":"x"}', 'invalid_value', "/headers/$_", "refused: $_")
    for qw(Host host User-Agent Content-Type content-length Content-Encoding Expect Connection Keep-Alive TE
           Trailer Transfer-Encoding Upgrade Proxy-Authorization X-Signature X-Signature-Previous X-Timestamp
           X-Webhook-Event-Id webhook-id Webhook-Signature);

refused('{"a/b~c":"x"}', 'invalid_value', '/headers/a~1b~0c', 'a name that is no token');
refused('{"":"x"}', 'invalid_value', '/headers/', 'no name');
refused('{"X\\u0000":"x"}', 'invalid_value', "/headers/X\0", 'a zero byte in a name');
refused('{"X-A":"' . $_ . '"}', 'invalid_value', '/headers/X-A', "the value \"$_\"")
    for '', ' x', 'x\\t', 'a\\r\\nX-Evil: 1', 'a\\nb', 'a\\u0000b', 'a\\u007fb',
        '********';
refused('{"X-A":5}', 'wrong_type', '/headers/X-A', 'a number');
refused('{"X-A":null}', 'wrong_type', '/headers/X-A', 'null, of a new webhook');
refused('{"X-A":"1","x-a":"2"}', 'duplicate_member', '/headers/x-a', 'twice');
refused('["X-A"]', 'wrong_type', '/headers', 'no object');
refused(encode_json({ map { ("X-$_" => 'v') } 1 .. 21 }), 'invalid_value', '/headers', 'too many');
refused(encode_json({ 'X-A' => 'v' x 4096 }), 'invalid_value', '/headers', 'too long');

# nowhere as they are

my @found = grep { my $text = WebhookTest::slurp($_); $text =~ /s3cr3t|3f9d0aa1/ }
            glob($t->dir . '/webhook/*'), glob($t->dir . '/logs/*');
is_deeply(\@found, [], 'no value in any file');

is(scalar($t->log_lines), 0, 'nothing alarming in the log') or diag $t->log_lines;

$t->finish;
done_testing();
