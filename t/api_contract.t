# The API is what docs/openapi.yaml says: every operation, every answer, every
# code of a problem; and the document has every route. t/lib/api/contract.js
# has the requests.

use strict;
use warnings;

BEGIN { push @INC, 't/lib' }

use Test::More;
use WebhookTest;

my $t = WebhookTest->new(auth => 1, http => 'webhook_retry_delays off;');
$t->receiver;
$t->start;

# the routes of the implementation and of the document

my %role = (
    ADMIN => 'admin',
    COMPANY => 'admin, company',
    ANY_COMPANY => 'admin, company, company_without_access',
    ANY_KEY => 'admin, ingest, company, company_without_access',
);

my $source = WebhookTest::slurp('ngx_http_webhook_module/ngx_http_webhook_api_routes.c');
my $yaml = WebhookTest::slurp('docs/openapi.yaml');
my (%routes, %documented);

while ($source =~ /\{ NGX_HTTP_(\w+), "([^"]+)", ([01]), (\w+),/g) {
    $routes{"$1 /$2"} = ($3 ? 'body, ' : '') . $role{$4};
}

for my $path ($yaml =~ m{^(  /\S*:\n(?:(?:    .*)?\n)+)}mg) {
    my ($template) = $path =~ m{^  (/\S*):};
    next if $template eq '/events';
    $template =~ s/\{\w+\}/*/g;

    while ($path =~ /^    (get|post|patch|delete):\n((?:(?:      .*)?\n)+)/mg) {
        my ($method, $op) = (uc $1, $2);
        my ($roles) = $op =~ /x-roles: \[(.+)\]/;
        $documented{"$method $template"} = ($op =~ /requestBody:/ ? 'body, ' : '') . $roles;
    }
}

cmp_ok(scalar keys %routes, '>', 25, 'the routes are found');
is_deeply(\%documented, \%routes, 'the document has the routes, and who may use them');

# the exchanges

my %config = (
    port => $t->{port}, admin => '/api', key => $t->root_key, dir => $t->dir, store => $t->store,
    ok => $t->url('/ok'), fail => $t->url('/status/500'), hang => $t->url('/hang'),
    slow => $t->url('/slow/' . 1000 * $t->{scale}),
);

$t->phase('contract', %config, phase => 'main');

$t->{http} .= 'webhook_strict_events on; webhook_max_webhooks 1;';
$t->restart;
$t->phase('contract', %config, phase => 'limits');

# another program holds the store

$t->{http} .= 'webhook_ingest_queue 20;';
$t->restart;
open my $lock, '|-', 'sqlite3 ' . $t->store or die $!;
$lock->autoflush(1);
print $lock "BEGIN IMMEDIATE;\n.shell touch " . $t->dir . "/locked\n";
$t->wait_for('the lock', sub { -e $t->dir . '/locked' });

my $pid = fork;
die "fork: $!" unless defined $pid;

if ($pid == 0) {
    eval { $t->wait_for('the end of the phase', sub { -e $t->dir . '/release' }, 60) };
    print $lock "ROLLBACK;\n";
    close $lock;
    require POSIX;
    POSIX::_exit(0);
}

$t->phase('contract', %config, phase => 'busy');
waitpid $pid, 0;
close $lock;

# another encryption key

$t->stop;
WebhookTest::spew($t->dir . '/webhook/encryption.key', 'whe_' . '00' x 32 . "\n");
$t->start;
$t->phase('contract', %config, phase => 'sealed');

# what is no store

$t->stop;
unlink glob $t->store . '-*';
WebhookTest::spew($t->store, 'not a database' x 1000);
$t->start(503);
$t->phase('contract', %config, phase => 'broken');

$t->phase('contract', %config, phase => 'report');

is(scalar($t->log_lines(qr/\[(?:alert|emerg)\]|exited on signal/)), 0,
   'nothing alarming in the log');

$t->finish;
done_testing();
