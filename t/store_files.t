# The store's folder and key files: who makes them, and who may read them.

use strict;
use warnings;

BEGIN { push @INC, 't/lib' }

use Test::More;
use WebhookTest;

my $t = WebhookTest->new(auth => 1);
my $dir = $t->dir . '/webhook';

# nginx -t makes nothing

$t->write_config;
my ($code, $out) = $t->run_nginx('-t');
is($code, 0, 'the configuration is good') or diag $out;
ok(!-e $dir, '"nginx -t" makes no folder');

$t->start;

is(mode($dir), '0700', 'the folder is the owner\'s');
is(mode("$dir/root.key"), '0600', 'so is root.key');
is(mode("$dir/encryption.key"), '0600', 'and encryption.key');

my $unprivileged = $> == 0 && $t->user =~ /^nobody/;

if ($unprivileged) {
    my $nobody = getpwnam 'nobody';
    is((stat $dir)[4], $nobody, 'the folder is the workers\'');
    is((stat "$dir/store.db")[4], $nobody, 'so is the store');
    is((stat "$dir/root.key")[4], 0, 'the keys are root\'s');

    my ($worker) = $t->workers;
    is((stat "/proc/$worker")[4], $nobody, 'workers have no privileges');
}

my $key = $t->root_key;
my $w = $t->setup('acme', 'https://a.example.com/', '*');

# keys stay over a restart and a reload

$t->restart;
is($t->root_key, $key, 'the key stays');
is([ $t->api('GET', '/companies') ]->[0], 200, 'and is good');
is($t->api_ok('GET', "/companies/acme/webhooks/$w->{id}/secret")->{secret},
   $w->{secret}, 'secrets can be opened');

# a key of one's own

$t->stop;
my $own = 'whk_' . '5a' x 32;
spew("$dir/root.key", "$own\n");
$t->start;
is([ $t->api('GET', '/companies') ]->[0], 200, 'a key of one\'s own');

# a reload with a bad key file is refused, and nginx goes on as it was

spew("$dir/root.key", "secret\n");
($code, $out) = $t->run_nginx('-t');
isnt($code, 0, 'a key file that holds no key');
like($out, qr/root\.key" must hold "whk_" and 64 hexadecimal digits/, 'is told');

$t->signal('HUP');
$t->wait_for('the refusal', sub { $t->log_lines(qr/root\.key" must hold/) });

is(HTTP::Tiny->new->get("http://127.0.0.1:$t->{port}/api/companies",
   { headers => { Authorization => "Bearer $own" } })->{status}, 200,
   'nginx goes on with the old one');

spew("$dir/root.key", "$own\n");

# a link is not followed

rename "$dir/root.key", $t->dir . '/elsewhere.key';
symlink $t->dir . '/elsewhere.key', "$dir/root.key";
($code, $out) = $t->run_nginx('-t');
isnt($code, 0, 'a link in the place of a key file');
like($out, qr/open\(\) ".*root\.key" failed/, 'is told');
unlink "$dir/root.key";
rename $t->dir . '/elsewhere.key', "$dir/root.key";

# another encryption key opens no secret, says so, and nothing is sent

$t->stop;
my $encryption = WebhookTest::slurp("$dir/encryption.key");
spew("$dir/encryption.key", 'whe_' . '00' x 32 . "\n");
$t->{http} = 'webhook_retry_delays off;';
$t->start;

my ($closed, $why) = $t->api('GET', "/companies/acme/webhooks/$w->{id}/secret");
is("$closed $why->{code}", '503 secret_unavailable', 'a secret that cannot be opened');
ok(scalar($t->log_lines(qr/secrets of 1 webhooks cannot be opened with ".*encryption\.key": their events wait/)), 'is told');

is($t->ingest('acme', 'a', 1)->{webhook_event_count}, 1, 'events come in');
my ($e) = $t->events('acme');

$e = $t->event('acme', $e->{id});
is($e->{status} . @{ $e->{attempts} }, 'pending0', 'and wait, for nothing can be signed');

# nor is one that is missing made anew

$t->stop;
unlink "$dir/encryption.key";
($code, $out) = $t->run_nginx('-t');
isnt($code, 0, 'a store without its encryption key');
like($out, qr/encryption\.key" is missing, and the secrets in webhook store/, 'is told');
spew("$dir/encryption.key", $encryption);

# a store of another program, and one of a newer module, are left alone

rename "$dir/store.db", $t->dir . '/mine.db';
unlink glob "$dir/store.db-*";
WebhookTest::sh("sqlite3 $dir/store.db 'CREATE TABLE theirs (a)'");
chown((getpwnam 'nobody')[2, 3], "$dir/store.db") if $unprivileged;
my $theirs = WebhookTest::slurp("$dir/store.db");

eval { $t->{scale} = 0.3; $t->start };
$t->{scale} = 1;
$t->{pid} = 0 + WebhookTest::slurp($t->dir . '/logs/nginx.pid');
is([ $t->api('GET', '/companies') ]->[0], 503, 'a database of another program');
ok(scalar($t->log_lines(qr/is a database of another program/)), 'is told');
is(WebhookTest::sh("sqlite3 $dir/store.db .tables"), "theirs\n", 'and left alone');

$t->stop;
unlink glob "$dir/store.db*";
rename $t->dir . '/mine.db', "$dir/store.db";
WebhookTest::sh("sqlite3 $dir/store.db 'PRAGMA user_version = 99; "
                . "UPDATE store SET schema = 99, min_compatible = 98'");

eval { $t->{scale} = 0.3; $t->start };
$t->{scale} = 1;
$t->{pid} = 0 + WebhookTest::slurp($t->dir . '/logs/nginx.pid');
my ($status, $problem, $r) = $t->api('GET', '/companies');
is("$status $problem->{code}", '503 store_unavailable', 'a schema too new');
is($r->{headers}{'retry-after'}, 1, 'with Retry-After');
ok(scalar($t->log_lines(qr/has schema 99, this module knows \d+:/)), 'is told');

# mended, it is used without a restart

WebhookTest::sh("sqlite3 $dir/store.db 'UPDATE store SET min_compatible = 1'");
chown((getpwnam 'nobody')[2, 3], glob "$dir/store.db*") if $unprivileged;
$t->wait_for('the store', sub { [ $t->api('GET', '/companies') ]->[0] == 200 });
pass('and is used when it is compatible');

# another path, by mistake or not, is told at a reload

my $moved = qr{\[warn\].*"webhook_store" is ".*/other/store.db" now: what is in ".*/webhook/store.db" stays there};
$t->reload;
is(scalar($t->log_lines(qr/\[warn\]/)), 0, 'a reload with the same store');

{
    no warnings 'redefine';
    my $config = \&WebhookTest::config;
    local *WebhookTest::config = sub { $config->(@_) =~ s{webhook/store\.db}{other/store.db}r };
    $t->reload;
}

is(scalar($t->log_lines($moved)), 1, 'and with another one');

$t->finish;
done_testing();

sub mode { sprintf '%04o', (stat $_[0])[2] & 07777 }

sub spew {
    my ($file, $text) = @_;
    open my $fh, '>', $file or die "$file: $!";
    print $fh $text;
    close $fh;
    chmod 0600, $file;
}
