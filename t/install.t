# What "make install" installs, and that systemd takes the drop-in.

use strict;
use warnings;

BEGIN { push @INC, 't/lib' }

use File::Path qw(make_path);
use File::Temp qw(tempdir);
use Test::More;
use WebhookTest;

my $dir = tempdir('webhook-install-XXXXXX', TMPDIR => 1, CLEANUP => 1);
my ($module) = split ' ', $ENV{TEST_NGINX_LOAD_MODULES} || '';

SKIP: {
    skip 'the module is in no file of its own', 4 unless $module && -e $module;

    my $nginx = WebhookTest::nginx();
    my ($build) = $module =~ m{^(.*)/[^/]+$};
    my $out = WebhookTest::sh("DESTDIR=$dir/root sh .ci/install $build $nginx");
    my ($installed) = $out =~ m{^installed (\S+\.so);}m;

    ok($installed && -s $installed, 'the module');
    ok(-s "$dir/root/usr/share/doc/ngx-http-webhook-module/$_", $_) for qw(install.md CHANGES);
    is(WebhookTest::slurp("$dir/root/usr/share/ngx-http-webhook-module/systemd/webhook.conf"),
       WebhookTest::slurp('docs/systemd/webhook.conf'), 'the drop-in');
}

# the drop-in: its syntax, and what it must say

my $conf = WebhookTest::slurp('docs/systemd/webhook.conf');
my @lines = grep { !/^\s*(?:#|$)/ } split /\n/, $conf;

is(shift @lines, '[Service]', 'one section');
is(join(' ', grep { !/^[A-Z]\w+=\S?.*$/ } @lines), '', 'settings alone');

my %said = map { split /=/, $_, 2 } @lines;
my ($timeout) = WebhookTest::slurp('docs/directives.md')
    =~ /^## webhook_timeout\n.*?^\| Default \| [^\n]*?(\d+)s/ms;

cmp_ok($timeout, '>', 0, "webhook_timeout is ${timeout}s by default");
cmp_ok($said{TimeoutStopSec}, '>', $timeout, 'nginx has longer than that to stop');
is("$said{KillSignal} $said{KillMode} '$said{ExecStop}'", "SIGQUIT mixed ''", 'and is told to quit');
cmp_ok($said{LimitNOFILE}, '>', 1024, 'open files');

my ($store) = WebhookTest::slurp('README.md') =~ /\bwebhook_store\s+(\S+);/;
my ($path) = $said{ReadWritePaths} =~ /^-?(\S+)$/;
like($store, qr{^\Q$path\E/}, "the store of the README, $store, may be written to");

SKIP: {
    skip 'no systemd-analyze', 2 if system('systemd-analyze --version >/dev/null 2>&1');

    my $verify = sub {
        my ($name, $text) = @_;
        my $units = "$dir/$name";

        make_path("$units/nginx.service.d");

        for ([ 'nginx.service', "[Service]\nType=forking\nPIDFile=/run/nginx.pid\nTimeoutStopSec=5\n"
               . "ExecStart=/bin/true\nExecStop=-/bin/true\nKillMode=process\n" ],
             [ 'nginx.service.d/webhook.conf', $text ])
        {
            open my $fh, '>', "$units/$_->[0]" or die $!;
            print $fh $_->[1];
            close $fh;
        }

        my $out = `SYSTEMD_UNIT_PATH=$units: systemd-analyze verify --man=no $units/nginx.service 2>&1`;
        return join '', grep { /webhook\.conf|nginx\.service/ } split /^/, $out;
    };

    is($verify->('good', $conf), '', 'systemd takes it');
    like($verify->('bad', "${conf}TimeoutStopSeconds=1\n"), qr/webhook\.conf.*TimeoutStopSeconds/,
         '... and would tell what it does not know');
}

done_testing();
