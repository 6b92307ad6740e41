# Reloads that bring the module, or its store, into an nginx that runs, and take them
# out again: one that never had it has no configuration of it to look at.

use strict;
use warnings;

BEGIN { push @INC, 't/lib' }

use Test::More;
use WebhookTest;

plan skip_all => 'the module is in no file of its own' unless $ENV{TEST_NGINX_LOAD_MODULES};

my $t = WebhookTest->new;
my $all = \&WebhookTest::config;

# the head of the configuration, and a server of nginx alone

sub plain {
    my ($modules) = @_;
    my ($head) = $all->($t) =~ /^(.*scgi_temp_path \S+;)/s or die 'another configuration';
    $head =~ s/^load_module.*$//mg;
    return "$modules$head server { listen 127.0.0.1:$t->{port}; location = /plain { return 204; } } }\n";
}

my $load = join ' ', map { "load_module $_;" } split ' ', $ENV{TEST_NGINX_LOAD_MODULES};
my %conf = (none => sub { plain('') }, module => sub { plain($load) }, all => $all);

sub reload {
    my ($which) = @_;
    no warnings 'redefine';
    local *WebhookTest::config = $conf{$which};
    my @old = $t->reload;
    $t->wait_for('the old workers to end', sub { !grep { kill 0, $_ } @old });
    $t->wait_for($which, sub { $which eq 'all' ? $t->http('GET', '/api/companies')->{status} == 200
                                               : $t->http('GET', '/plain')->{status} == 204 });
}

$t->receiver;

{
    no warnings 'redefine';
    local *WebhookTest::config = $conf{none};
    $t->write_config;
    my ($code, $out) = $t->run_nginx();
    is($code, 0, 'nginx without the module') or diag $out;
}

$t->wait_for('nginx', sub { -s $t->dir . '/logs/nginx.pid' });
$t->{pid} = 0 + WebhookTest::slurp($t->dir . '/logs/nginx.pid');
my $master = $t->master;
my ($posted, $told) = (0, 0);

for my $before (qw(none module none module)) {
    reload($before);
    $told++ if $before eq 'module';
    is(scalar($t->log_lines(qr/\[warn\].*"webhook_store" is "off" now: what is in ".*store\.db" stays there/)), $told,
       "$before: what is told of the store");
    reload('all');
    $t->setup('acme', $t->url('/ok'), '*') unless $posted;
    $t->ingest('acme', 'a', ++$posted);
    is(scalar(my @got = $t->wait_received($posted)), $posted, "$before, then all: it is there, and delivers");
}

reload('module');
is(scalar(() = $t->log_lines(qr/\[warn\].*"webhook_store" is "off" now/)), 3, 'told each time');

ok(kill(0, $master), 'all by the same master process');
$t->stop('QUIT');
is(join("\n", $t->log_lines(qr/\[(?:alert|emerg|crit)\]|exited on signal/)), '', 'nothing alarming in the log');
$t->finish;
done_testing();
