# The Debian package: it has what "make install" installs, and its module delivers.

use strict;
use warnings;

BEGIN { push @INC, 't/lib' }

use File::Find;
use File::Temp qw(tempdir);
use Test::More;
use WebhookTest;

system('command -v dpkg-buildpackage dh_nginx >/dev/null 2>&1') == 0
    or plan skip_all => 'no debhelper, or no nginx-dev';

my $dir = tempdir('webhook-package-XXXXXX', TMPDIR => 1, CLEANUP => 1);
chmod 0755, $dir;

my $out = WebhookTest::sh("sh .ci/package $dir/build");
my ($deb) = $out =~ /^built (\S+\.deb)$/m;
ok($deb && -s $deb, 'it is built') or BAIL_OUT($out);

WebhookTest::sh("dpkg-deb -R $deb $dir/root");
chmod 0755, "$dir/root";

my $control = WebhookTest::slurp("$dir/root/DEBIAN/control");
like($control, qr/^Depends: .*\bnginx-abi-[\d.]+-\d+/m, 'it is for the nginx of this system');
like($control, qr/^Depends: .*\blibsqlite3-0 .*\blibyajl2 /m, 'with what it needs');

my ($debian) = WebhookTest::slurp('debian/changelog') =~ /^\S+ \(([\d.]+)-/;
my ($ours) = WebhookTest::slurp('CHANGES') =~ /^Changes with ngx_http_webhook_module ([\d.]+)/m;
is($debian, $ours, "version $ours");

# nginx of Debian includes modules-enabled/*.conf

is(WebhookTest::slurp("$dir/root/usr/share/nginx/modules-available/mod-http-webhook.conf"),
   "load_module modules/ngx_http_webhook_module.so;\n", 'the module is loaded');
like(WebhookTest::slurp("$dir/root/DEBIAN/postinst"), qr{mod-http-webhook\.conf:50-mod-http-webhook\.conf},
     'once it is installed');

# the same files, but for those that a package has elsewhere

sub files {
    my ($root, $documents) = @_;
    my %files;

    find(sub { $files{ substr $File::Find::name, length $root } = 1 if -f }, $root);
    return join "\n", sort grep { !m{^/(?:DEBIAN|usr/share/doc|usr/share/man|usr/share/nginx)/} } keys %files;
}

my ($module) = glob "$dir/root/usr/lib/nginx/modules/*.so";
ok($module, 'the module') or BAIL_OUT($out);

mkdir "$dir/module";
WebhookTest::sh("cp $module $dir/module/");
WebhookTest::sh("DESTDIR=$dir/installed sh .ci/install $dir/module " . WebhookTest::nginx());
is(files("$dir/root"), files("$dir/installed"), 'what "make install" installs');

my %documents = map { (my $name = $_) =~ s{.*/|\.gz$}{}g; $name => 1 }
                glob "$dir/root/usr/share/doc/libnginx-mod-http-webhook/*";
is(join(' ', grep { !$documents{$_} } map { m{([^/]+)$} } 'README.md', glob 'docs/*.md'), '', 'the documents');
ok(-s "$dir/root/usr/share/man/man1/webhook-audit.1.gz", 'the page of webhook-audit');

# the module, with Debian's flags

{
    local $ENV{TEST_NGINX_LOAD_MODULES} = $module;
    my $t = WebhookTest->new;
    $t->receiver;
    $t->start;
    $t->setup('acme', $t->url('/ok'), '*');
    $t->ingest('acme', 'a', 1);
    my ($got) = $t->wait_received(1);
    is($got->{uri}, '/ok', 'it delivers');
    $t->stop('QUIT');
    is(join("\n", $t->log_lines), '', 'no alarms');

    my $audit = WebhookTest::sh("perl $dir/root/usr/bin/webhook-audit " . $t->store);
    unlike($audit, qr/^BAD/m, 'its webhook-audit finds nothing bad');
    $t->finish;
}

done_testing();
