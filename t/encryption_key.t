# The encryption keys: a new one takes over while nginx runs, and what a wrong
# one does.

use strict;
use warnings;

BEGIN { push @INC, 't/lib' }

use Digest::SHA qw(hmac_sha256_hex sha256_hex);
use Test::More;
use WebhookTest;

my $t = WebhookTest->new(workers => 2, http => 'webhook_max_webhooks 300;');
$t->receiver;
$t->start;

my $file = $t->dir . '/webhook/encryption.key';
my $hooks = '/companies/acme/webhooks';
my $old = WebhookTest::slurp($file);
my ($new, %id);

sub keys_are { spew($file, join '', @_) }
sub spew { my ($f, $text) = @_; unlink $f; open my $fh, '>', $f or die $!; print $fh $text; close $fh; chmod 0600, $f }
sub sealed { WebhookTest::sh('sqlite3 -readonly ' . $t->store . qq( "SELECT count(*) FROM webhook WHERE sealed_key $_[0] AND deleted_at = 0")) + 0 }
sub said { my ($before, $pattern) = @_; $t->wait_for("\"$pattern\"", sub { $t->log_lines($pattern) > $before }) }
sub all_sealed { qr/all secrets are sealed with the key $id{$_[0]}, the first of ".*": no other is needed/ }

# a few slices of webhooks; one with headers, and a secret in its time of grace

my $w = $t->setup('acme', $t->url('/ok'), 'a');
my $path = "$hooks/$w->{id}";
my $next = $t->api_ok('POST', "$path/secret/rotate", { grace => '1d' })->{secret};
$t->api_ok('PATCH', $path, { headers => { 'X-Api-Key' => 'k1', 'X-B' => 'b' } });
my %secret = map { my $h = $t->api_ok('POST', $hooks, { url => $t->url('/ok'), events => ['b'] }); ($h->{id} => $h->{secret}) } 1 .. 250;
is([ $t->api('POST', $hooks, { url => $t->url('/ok'), events => ['b'] }) ]->[0], 201, 'more than a hundred');

sub good {
    my ($what, $now, $before) = @_;
    my $n = $t->received;
    $t->ingest('acme', 'a', 1);
    my $got = ($t->wait_received($n + 1))[-1];
    my $h = $got->{headers};
    is_deeply([ @$h{qw(x-signature x-signature-previous x-api-key x-b)} ],
              [ (map { hmac_sha256_hex($got->{body}, $_) } $now, $before), 'k1', 'b' ], "$what: secrets and headers are right");
    my ($some) = keys %secret;
    is($t->api_ok('GET', "$hooks/$some/secret")->{secret}, $secret{$some}, "$what: shown");
}

good('at first', $next, $w->{secret});

# a new key before the old one, as the documentation says: reload, all is
# sealed anew, then the old one goes

my ($command) = WebhookTest::slurp('docs/operations.md') =~ /<!-- key rotation -->\n```sh\n(.*?)```/s
    or die 'no key rotation in docs';
$command =~ s{/var/lib/nginx/webhook}{$t->dir . '/webhook'}ge;
$command =~ s/sudo //g;
$command =~ s/^    nginx -t && nginx -s reload(?='$)//m or die 'no reload in docs';
WebhookTest::sh($command);
my $made = WebhookTest::slurp($file);
like($made, qr/^whe_[0-9a-f]{64}\n\Q$old\E\z/, 'a new key before the old one');

$new = (split /^/, $made)[0];
%id = map { $_ => substr sha256_hex(pack 'H*', substr $_, 4, 64), 0, 8 } $old, $new;
my ($numbers) = WebhookTest::slurp('docs/operations.md') =~ /<!-- key numbers -->\n```sh\n(.*?)```/s
    or die 'no key numbers in docs';
$numbers =~ s{/var/lib/nginx/webhook}{$t->dir . '/webhook'}ge;
$numbers =~ s/sudo //g;
is(WebhookTest::sh($numbers), "$id{$new}\n$id{$old}\n", 'the documentation tells their numbers');
is(sealed("= 0x$id{$old}"), 252, 'each row names its key');

my @n = map { scalar $t->log_lines(all_sealed($_)) } $old, $new;
$t->reload;
good('while it is sealed anew', $next, $w->{secret});
said($n[1], all_sealed($new));
is(sealed("<> 0x$id{$new}"), 0, 'no row needs the old key');
good('with both keys', $next, $w->{secret});

keys_are("# of today\n", $new, "\n");
$t->reload;
$t->api_ok('POST', $hooks, { url => $t->url('/ok'), events => ['c'] });
good('without the old one', $next, $w->{secret});
$t->restart;
good('after a restart', $next, $w->{secret});
is(scalar($t->log_lines), 0, 'nothing alarming in the log') or diag $t->log_lines;

# what can be done wrong, is refused, and nginx goes on

for (
    [ "$new$new", qr/holds a key twice/ ],
    [ 'whk_' . 'a1' x 32, qr/must hold "whe_" and 64 hexadecimal digits, or such lines/ ],
    [ "# nothing\n", qr/must hold "whe_"/ ],
    [ "$new nonsense\n", qr/must hold "whe_"/ ],
    [ (join '', map { sprintf "whe_%064x\n", $_ } 1 .. 17), qr/must hold at most 16 keys/ ],
    [ '#' x 20000, qr/is too large/ ],
    [ undef, qr/is missing, and the secrets in webhook store/ ],
) {
    my ($text, $message) = @$_;
    my $before = $t->log_lines($message);
    defined $text ? keys_are($text) : unlink $file;
    $t->signal('HUP');
    said($before, $message);
    pass("told: $message");
}

keys_are($new);
chmod 0640, $file;
my ($code, $out) = $t->run_nginx('-t');
like($out, qr/must belong to the user that starts nginx, and be readable by that user alone/, 'for its owner alone');
good('and goes on', $next, $w->{secret});

# the wrong key: events wait, nothing is sent, the rest of the API works

keys_are($old);
$t->{http} .= 'webhook_retry_delays off;';
$t->restart;
ok(scalar($t->log_lines(qr/the secret of webhook wh_\w{13} cannot be opened: it is sealed with the key $id{$new}, ".*encryption.key" has $id{$old}/)),
   'the log names the keys');
ok(scalar($t->log_lines(qr/the secrets of 253 webhooks cannot be opened/)), 'and how many need it');

my $before = $t->received;
is($t->ingest('acme', 'a', 2)->{webhook_event_count}, 1, 'an event comes in');
my ($e) = $t->events('acme', 'event=a&limit=1');

for ([ GET => '/secret' ], [ POST => '/secret/rotate', { grace => '1h' } ], [ PATCH => '', { headers => { a => 'b' } } ]) {
    my ($method, $what, $body) = @$_;
    my ($status, $p) = $t->api($method, "$path$what", $body);
    is("$status $p->{code}", '503 secret_unavailable', "$method $what");
}

is_deeply($t->api_ok('GET', $path)->{headers}, { 'X-Api-Key' => '********', 'X-B' => '********' }, 'it is shown');
is(scalar(@{ $t->api_ok('GET', "$hooks?limit=250")->{data} }), 250, 'and listed');
is($t->api_ok('PATCH', $path, { description => 'x' })->{description}, 'x', 'and changed');

my ($lost, $gone) = keys %secret;
is([ $t->api('DELETE', "$hooks/$gone") ]->[0], 204, 'and deleted');
delete $secret{$gone};
is(WebhookTest::sh('sqlite3 -readonly ' . $t->store . q( "SELECT count(*) FROM webhook WHERE deleted_at <> 0 AND secret <> x''")) + 0,
   0, '... with its secrets');

$t->api_ok('PATCH', "$hooks/$lost", { events => ['lost'] });
$secret{$lost} = $t->api_ok('POST', "$hooks/$lost/secret/rotate")->{secret};
$t->ingest('acme', 'lost', 1);
my $got = ($t->wait_received($before + 1))[-1];
is($got->{headers}{'x-signature'}, hmac_sha256_hex($got->{body}, $secret{$lost}), 'a new secret makes it well');

$t->api_ok('POST', "$path/test");
my ($test) = $t->events('acme', 'event=test.webhook-event');
$test = $t->wait_for('the test', sub { my $now = $t->event('acme', $test->{id}); @{ $now->{attempts} } ? $now : () });
is("$test->{status} $test->{attempts}[0]{error}", 'pending secret_unavailable', 'a test tells, and waits too');
is(join(' ', @{ $t->event('acme', $e->{id}) }{qw(status waiting_for)}), 'pending secret', 'the event waits, and tells for what');
is($t->api_ok('GET', $path)->{waiting_for}, 'secret', '... and so does the webhook');
like($t->http('GET', '/api/metrics')->{content}, qr/^webhook_locked_webhooks 2\d\d$/m, '... and they are counted');
is(@{ $t->event('acme', $e->{id})->{attempts} }, 0, 'no attempt of it is used up');

# both keys again, the old one first: what waited is sent, and all sealed back

$n[0] = $t->log_lines(all_sealed($old));
keys_are($old, $new);
$t->reload;
$t->wait_for('the event', sub { $t->event('acme', $e->{id})->{status} eq 'delivered' }, 30);
pass('what waited is delivered');
like($t->http('GET', '/api/metrics')->{content}, qr/^webhook_locked_webhooks 0$/m, 'and none is counted as locked');
said($n[0], all_sealed($old));
is(sealed("<> 0x$id{$old}"), 0, 'all is sealed back');

# rows that name no key are sealed anew, too

$t->stop;
WebhookTest::sh('sqlite3 ' . $t->store . q( 'UPDATE webhook SET sealed_key = 0'));
chown((getpwnam 'nobody')[2, 3], glob $t->store . '*') if $t->user =~ /^nobody/ && $> == 0;
keys_are($old);
$n[0] = $t->log_lines(all_sealed($old));
$t->start;
said($n[0], all_sealed($old));
is(sealed('= 0'), 0, 'rows that name no key');
good('after all that', $next, $w->{secret});

# files elsewhere, which may be links

mkdir $t->dir . '/keys';
rename $file, $t->dir . '/keys/one';
rename $t->dir . '/webhook/root.key', $t->dir . '/keys/root';
symlink 'one', $t->dir . '/keys/enc';
$t->{http} .= 'webhook_encryption_key keys/enc; webhook_root_key keys/root;';
$t->restart;
good('a file of one\'s own', $next, $w->{secret});
ok(!-e $t->dir . '/webhook/root.key' && !-e $file, 'none is made beside the store');

$t->stop;
unlink glob $t->dir . '/keys/*';
($code, $out) = $t->run_nginx('-t');
like($out, qr{keys/enc" is missing, and the secrets in webhook store}, 'one that is missing');
unlink glob $t->store . '*';
$t->start;
is(join(' ', map { -s $t->dir . "/keys/$_" } 'enc', 'root'), '69 69', 'made on the first start');

$t->finish;
done_testing();
