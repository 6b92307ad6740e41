package Replays;

# What the tests of replays share: an nginx of two workers with a receiver, and
# what is asked of both.

use strict;
use warnings;

use Exporter 'import';
use JSON::PP;
use WebhookTest;

our @EXPORT = qw($t $replays $db $yes sql send_many got settled count replay ended);

our $t = WebhookTest->new(workers => 2, http => 'webhook_retry_delays 50ms;');
$t->receiver;
$t->start;

our $replays = '/companies/acme/replays';
our $db = $t->store;
our $yes = JSON::PP::true();

sub sql { 0 + WebhookTest::sh(qq(sqlite3 -readonly -cmd '.timeout 5000' $db "$_[0]")) }

sub send_many {
    my ($event, $from, $to) = @_;
    my $r = $t->http('POST', '/events', headers => { 'Content-Type' => 'application/x-ndjson' },
        content => join "\n", map { qq({"company":"acme","event":"$event","payload":$_}) } $from .. $to);
    die $r->{content} if $r->{status} != 200;
}

sub got { my $path = shift;
    map { $_->{n} = $_->{body} =~ /"payload":(\d+)/ ? $1 : 0; $_ } grep { $_->{uri} eq $path } $t->received }
sub settled { $t->wait_for('all to end', sub { !sql('SELECT count(*) FROM webhook_event WHERE status = 0') }, 30) }
sub count { my ($w, %f) = @_; $t->api_ok('POST', $replays, { webhook_id => $w->{id}, source => $f{source}
    || 'webhook_events', dry_run => $yes, ($f{filter} ? (filter => $f{filter}) : ()) }) }
sub replay { my ($w, %m) = @_;
    my ($status, $r) = $t->api('POST', $replays, { webhook_id => $w->{id}, source => 'webhook_events', %m });
    die JSON::PP->new->encode($r) if $status != 202;
    return $r }
sub ended { my ($r, $status) = @_;
    $t->wait_for("it to be $status", sub {
        my $now = $t->api_ok('GET', "$replays/$r->{id}");
        return $now->{status} eq $status ? $now : () }, 60) }

1;
