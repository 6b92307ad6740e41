# Which addresses deliveries may go to: each reserved range by its first and
# its last address and by those beside it, for both transports.  A location
# that answers by itself stands for the internet: nothing leaves this machine.

use strict;
use warnings;

BEGIN { push @INC, 't/lib' }

use Socket qw(AF_INET AF_INET6 inet_pton inet_ntop);
use Test::More;
use WebhookTest;

# A range, a part of its name in the log, and what lies before and behind it:
# 1 where that is an address of the internet, 0 where it is reserved too.

my @ranges = (
    [ '0.0.0.0/8',        'RFC 791',   undef, 1 ],
    [ '10.0.0.0/8',       'RFC 1918',  1, 1 ],
    [ '100.64.0.0/10',    'RFC 6598',  1, 1 ],
    [ '127.0.0.0/8',      'RFC 1122',  1, 1 ],
    [ '168.63.129.16/32', 'Azure',     1, 1 ],
    [ '169.254.0.0/16',   'RFC 3927',  1, 1 ],
    [ '172.16.0.0/12',    'RFC 1918',  1, 1 ],
    [ '192.0.0.0/24',     'RFC 6890',  1, 1 ],
    [ '192.0.2.0/24',     'RFC 5737',  1, 1 ],
    [ '192.31.196.0/24',  'RFC 7535',  1, 1 ],
    [ '192.52.193.0/24',  'RFC 7450',  1, 1 ],
    [ '192.88.99.0/24',   'RFC 7526',  1, 1 ],
    [ '192.168.0.0/16',   'RFC 1918',  1, 1 ],
    [ '192.175.48.0/24',  'RFC 7534',  1, 1 ],
    [ '198.18.0.0/15',    'RFC 2544',  1, 1 ],
    [ '198.51.100.0/24',  'RFC 5737',  1, 1 ],
    [ '203.0.113.0/24',   'RFC 5737',  1, 1 ],
    [ '224.0.0.0/4',      'RFC 5771',  1, 0 ],
    [ '240.0.0.0/4',      'RFC 1112',  0, undef ],

    [ '::/128',           'unspecified',     undef, 0 ],
    [ '::1/128',          'loopback',        0, 0 ],
    [ '::/96',            'IPv4-compatible|unspecified', undef, 0 ],
    [ '::ffff:0:0:0/96',  'IPv4-translated', 0, 0 ],
    [ '64:ff9b::/96',     'RFC 6052',        0, 0 ],
    [ '64:ff9b:1::/48',   'RFC 8215',        0, 0 ],
    [ '100::/64',         'RFC 6666',        0, 0 ],
    [ '100:0:0:1::/64',   'RFC 9780',        0, 0 ],
    [ '::/3',             'unspecified|RFC 4291', undef, 1 ],
    [ '2001::/32',        'Teredo',          1, 0 ],
    [ '2001:2::/48',      'RFC 5180',        0, 0 ],
    [ '2001:10::/28',     'RFC 4843',        0, 0 ],
    [ '2001:20::/28',     'RFC 7343',        0, 0 ],
    [ '2001::/23',        'Teredo|RFC 2928', 1, 1 ],
    [ '2001:db8::/32',    'RFC 3849',        1, 1 ],
    [ '2002::/16',        'RFC 3056',        1, 1 ],
    [ '2620:4f:8000::/48', 'RFC 7534',       1, 1 ],
    [ '3fff::/20',        'RFC 9637',        1, 1 ],
    [ '4000::/2',         'RFC 4291',        1, 0 ],
    [ '5f00::/16',        'RFC 9602',        0, 0 ],
    [ '8000::/1',         'RFC 4291',        0, undef ],
    [ 'fc00::/7',         'RFC 4193',        0, 0 ],
    [ 'fe80::/10',        'RFC 4291',        0, 0 ],
    [ 'fec0::/10',        'RFC 3879',        0, 0 ],
    [ 'ff00::/8',         'RFC 4291',        0, undef ],
);

# Addresses that somebody has a use for.

my @refused = map { [ $_, '.' ] } (
    '0.0.0.0', '255.255.255.254', '127.0.0.53', '169.254.169.254', '169.254.170.2',
    '100.100.100.200', '192.0.0.192', '192.0.0.9', '192.0.0.170', '192.88.99.2',
    '224.0.0.251', '239.255.255.250', 'fd00:ec2::254', 'fd20:ce::254', 'fd00::1',
    'fe80::1', 'fec0::1', 'ff02::1', '::7f00:1', '::ffff:0:127.0.0.1', '64:ff9b::7f00:1',
    '64:ff9b::a9fe:a9fe', '64:ff9b:1::a00:1', '2002:7f00:1::', '2002:a9fe:a9fe::1',
    '2001:0:7f00:1::', '2001:1::1', '2001:3::1', '2001:4:112::1', '2001:30::1', '200::1',
    '400::1', '::ffff:127.0.0.1', '::ffff:10.0.0.1', '::ffff:169.254.169.254',
    '::ffff:0.0.0.0', '::ffff:192.168.1.1', '::ffff:100.64.0.1', '::ffff:224.0.0.1',
    '::ffff:203.0.113.1',
);

my @allowed = ('1.1.1.1', '8.8.8.8', '93.184.215.14', '168.63.129.15', '2001:4860:4860::8888',
    '2606:4700:4700::1111', '2a00:1450:4001:830::200e', '3ffe::1', '::ffff:8.8.8.8');

# From a range to its addresses.

sub family { return $_[0] =~ /:/ ? AF_INET6 : AF_INET }

sub beside {
    my ($address, $step) = @_;
    my $family = family($address);
    my @bytes = unpack 'C*', inet_pton($family, $address);

    for my $i (reverse 0 .. $#bytes) {
        $bytes[$i] += $step;
        last if $bytes[$i] >= 0 && $bytes[$i] <= 255;
        $bytes[$i] &= 255;
    }

    return inet_ntop($family, pack 'C*', @bytes);
}

for (@ranges) {
    my ($cidr, $name, $before, $behind) = @$_;
    my ($first, $bits) = split m{/}, $cidr;
    my $family = family($first);
    my $all = unpack 'B*', inet_pton($family, $first);
    my $last = inet_ntop($family, pack 'B*', substr($all, 0, $bits)
                                             . '1' x (length($all) - $bits));

    push @refused, [ $first, $name ], [ $last, $name ];

    for ([ $before, $first, -1 ], [ $behind, $last, 1 ]) {
        my ($public, $edge, $step) = @$_;
        next unless defined $public;
        my $address = beside($edge, $step);
        if ($public) { push @allowed, $address } else { push @refused, [ $address, '.' ] }
    }
}

my %seen;
# (nginx reads no 255.255.255.255: t/delivery_rebinding.t has it from a name server)

@refused = grep { !$seen{"@$_"}++ && $_->[0] ne '255.255.255.255' } @refused;
@allowed = grep { !$seen{$_}++ } @allowed;

cmp_ok(@refused + @allowed, '>', 150, @refused + @allowed . ' addresses');

# Each has a name, and a webhook; the webhooks of a company are 100 at most.

my @all = ((map { { address => $_->[0], name => $_->[1] } } @refused),
           (map { { address => $_ } } @allowed));
my $n = 0;
$_->{host} = 'a' . ++$n . '.test' for @all;

sub resolve {
    return 'webhook_resolve ' . join(' ', map {
        "$_->{host}:443:" . ($_->{address} !~ /:/ ? $_->{address} : '['
                . join(':', unpack '(H4)8', inet_pton(AF_INET6, $_->{address})) . ']')
    } @_) . ";\n";
}

# What became of the addresses, in their order.

sub deliver {
    my ($t, @these) = @_;
    my @attempts;

    $t->start;

    for (my $i = 0; $i < @these; $i += 90) {
        my @some = @these[$i .. ($i + 89 < $#these ? $i + 89 : $#these)];
        my $uid = "company-$i";

        my %at = map {
            my $w = $t->setup($uid, "https://$_->{host}/", 'all');
            $w->{id} => $_
        } @some;

        $t->ingest($uid, 'all', '{}');

        my @events = $t->wait_for('all attempts', sub {
            my @e = $t->events($uid, 'limit=250');
            return (grep { $_->{status} eq 'pending' } @e) ? () : @e;
        });

        $at{$_->{webhook_id}}{attempt} = $t->event($uid, $_->{id})->{attempts}[0] for @events;
    }

    is(scalar($t->log_lines), 0, 'nothing alarming in the log');
    $t->finish;
}

sub check_refused {
    my $how = shift;

    for (grep { $_->{name} } @all) {
        my $a = $_->{attempt};
        is($a->{error}, 'address_refused', "$how: $_->{address}");
        like($a->{error_detail}, qr/$_->{name}/, "  $a->{error_detail}");
    }
}

# The built-in transport: what is refused, is before there is a socket.

my $t = WebhookTest->new(allow => '', http => 'webhook_retry_delays off; '
                         . resolve(grep { $_->{name} } @all));
deliver($t, grep { $_->{name} } @all);
check_refused('built-in');

# A location.

$t = WebhookTest->new(allow => '', http => 'webhook_retry_delays off; '
    . 'webhook_deliver_via /egress/; ' . resolve(@all),
    server => 'location /egress/ { internal; return 204; }');
deliver($t, @all);
check_refused('a location');

for (grep { !$_->{name} } @all) {
    is($_->{attempt}{error}, undef, "allowed: $_->{address}");
    is($_->{attempt}{peer}, $_->{address}, '  the address that the location gets');
}

# What is configured goes before the table.

my @configured = (
    { address => '10.1.2.3',         refused => 0 },
    { address => '10.1.3.1',         refused => 1, name => 'webhook_deny_address' },
    { address => '10.2.0.1',         refused => 1, name => 'RFC 1918' },
    { address => '::ffff:10.1.2.3',  refused => 0 },
    { address => '::ffff:10.1.3.1',  refused => 1, name => 'webhook_deny_address' },
    { address => '8.8.4.4',          refused => 1, name => 'webhook_deny_address' },
    { address => '::ffff:8.8.4.4',   refused => 1, name => 'webhook_deny_address' },
    { address => '8.8.8.8',          refused => 0 },
    { address => 'fd00:20::1',       refused => 0 },
    { address => 'fd00:21::1',       refused => 1, name => 'RFC 4193' },
    { address => '2a00::1',          refused => 1, name => 'webhook_deny_address' },
);
$_->{host} = 'c' . ++$n . '.test' for @configured;

$t = WebhookTest->new(server => 'location /egress/ { internal; return 204; }', http =>
    'webhook_retry_delays off; webhook_deliver_via /egress/; ' . resolve(@configured), allow =>
    'webhook_allow_address 10.1.0.0/16 fd00:20::/32;'
    . ' webhook_deny_address 10.1.3.0/24 8.8.4.0/24 2a00::/16;');
deliver($t, @configured);

for (@configured) {
    my $a = $_->{attempt};
    is($a->{error}, $_->{refused} ? 'address_refused' : undef, "configured: $_->{address}");
    like($a->{error_detail}, qr/$_->{name}/, "  $a->{error_detail}") if $_->{refused};
}

done_testing();
