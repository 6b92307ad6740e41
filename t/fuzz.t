# The fuzz targets over their corpus, once: they still build, and what they once
# found stays mended.

use strict;
use warnings;

use File::Temp qw(tempdir);
use Test::More;

my $src = $ENV{NGINX_SRC} || '/usr/share/nginx/src';
my $clang = $ENV{CLANG} || 'clang';

plan skip_all => 'needs NGINX_SRC, a source tree of nginx' unless -f "$src/src/core/ngx_palloc.c";

my $dir = tempdir('webhook-fuzz-XXXXXX', TMPDIR => 1, CLEANUP => 1);

open my $fh, '>', "$dir/probe.c" or die $!;
print $fh "int LLVMFuzzerTestOneInput(const char *p, unsigned long n) { return p && !n ? 0 : 0; }\n";
close $fh;

plan skip_all => 'needs clang with libFuzzer'
    if system("$clang -fsanitize=fuzzer,address,undefined $dir/probe.c -o $dir/probe >/dev/null 2>&1");

my $out = `sh .ci/fuzz $dir $src 0 2>&1`;

is($?, 0, 'the targets build and run') or diag $out;
like($out, qr/^fuzz_$_: nothing found$/m, "fuzz_$_") for qw(policy json);

done_testing();
