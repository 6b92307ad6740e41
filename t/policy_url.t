# Which URLs a webhook may have.

use strict;
use warnings;

BEGIN { push @INC, 't/lib' }

use Test::More;
use WebhookTest;

my $t = WebhookTest->new(allow => 'webhook_allow_address 192.0.2.0/24 2001:db8::/32;');
$t->start;
$t->api_ok('POST', '/companies', { uid => 'acme', name => 'A', enabled => \1 });

my @allowed = (
    'https://example.com',
    'https://example.com/',
    'https://EXAMPLE.com:443/a/b?c=d&e=%20',
    'https://example.com:8443/',
    'https://hooks.example.co.uk/x/../y',
    'https://a-b_c.example.com/',
    'https://xn--bcher-kva.example/',
    'https://example.com./',
    'https://1.example.com/',
    'https://localhost.example.com/',
    'https://192.0.2.1/',
    'https://[2001:db8::1]/',
);

my @refused = (
    'http://example.com/',
    'ftp://example.com/',
    'file:///etc/passwd',
    'gopher://example.com/',
    'javascript:alert(1)',
    'example.com',
    '//example.com/',
    'https://',
    'https:///x',
    'https://?x',
    'https://user@example.com/',
    'https://user:password@example.com/',
    'https://example.com@127.0.0.1/',
    'https://:@example.com/',
    'https://example.com/#part',
    'https://localhost/',
    'https://LOCALHOST/',
    'https://localhost./',
    'https://a.localhost/',
    'https://localhost.localdomain/',
    'https://ip6-localhost/',
    'https://127.0.0.1/',
    'https://127.1/',
    'https://2130706433/',
    'https://0x7f000001/',
    'https://0x7f.0.0.1/',
    'https://0177.0.0.1/',
    'https://017700000001/',
    'https://127.0.0.1./',
    'https://8.8.8.8/',
    'https://[::1]/',
    'https://[::ffff:127.0.0.1]/',
    'https://[fe80::1%25eth0]/',
    'https://%31%32%37.0.0.1/',
    'https://127%2e0.0.1/',
    'https://example%2ecom.1/',
    'https://a.b.1/',
    'https://a.0x1/',
    "https://\x{ff11}27.0.0.1/",
    "https://127\x{3002}0.0.1/",
    "https://ex\x{e4}mple.com/",
    'https://exa mple.com/',
    'https://example.com/a b',
    "https://example.com/\n",
    "https://example.com/\r\nX-A: b",
    'https://example.com\@127.0.0.1/',
    'https://exa$mple.com/',
    'https://.example.com/',
    'https://example..com/',
    'https://' . 'a' x 64 . '.example.com/',
    'https://example.com:22/',
    'https://example.com:80/',
    'https://example.com:0/',
    'https://example.com:65536/',
    'https://example.com:x/',
    'https://example.com/' . 'a' x 2048,
    '',
);

sub save {
    my $url = shift;
    return $t->api('POST', '/companies/acme/webhooks',
                   { url => $url, events => ['a'] });
}

sub name { my $n = substr $_[0], 0, 60; $n =~ s/([^ -~])/sprintf '\\x{%x}', ord $1/ge; $n }

for my $url (@allowed) {
    my ($status, $w) = save($url);
    is($status, 201, 'allowed: ' . name($url)) or diag explain $w;
}

for my $url (@refused) {
    my ($status, $p) = save($url);
    is($status, 422, 'refused: ' . name($url));
    like($p->{errors}[0]{pointer}, qr{^/url$}, '  ' . ($p->{detail} || ''));
}

$t->finish;
done_testing();
