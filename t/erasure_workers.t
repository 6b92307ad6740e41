# A company that is deleted and erased while a worker sees nothing of it, for
# it is busy or stopped, is gone for this worker too.

use strict;
use warnings;

BEGIN { push @INC, 't/lib' }

use HTTP::Tiny;
use Test::More;
use WebhookTest;

my $t = WebhookTest->new(workers => 2);
$t->receiver;
$t->start;

my @workers = sort { $a <=> $b } $t->workers;
is(scalar @workers, 2, 'two workers');

# what only one of them can do: the other is stopped, with no turn of the store

sub only {
    my ($worker, $what) = @_;
    my ($other) = grep { $_ != $worker } @workers;

    return $t->wait_for("worker $worker alone", sub {
        kill 'STOP', $other;
        kill 'CONT', $worker;
        my $r = $what->(HTTP::Tiny->new(timeout => 2 * $t->{scale}));
        return $r if $r->{status} != 599;
        kill 'CONT', $other;
        return;
    }, 30);
}

sub event {
    my ($client) = @_;
    return $client->post("http://127.0.0.1:$t->{port}/events", {
        headers => { 'Content-Type' => 'application/json' },
        content => '{"company":"acme","event":"a","payload":1}' });
}

sub store { WebhookTest::sh('sqlite3 -readonly ' . $t->store . qq( "SELECT count(*) FROM $_[0]")) + 0 }

$t->setup('acme', $t->url('/ok'), 'a');
is(only($_, \&event)->{status}, 202, "worker $_ knows the company") for @workers;
kill 'CONT', @workers;
$t->wait_for('the deliveries', sub { !$t->events('acme', 'status=pending') });

is(only($workers[0], sub {
    $_[0]->delete("http://127.0.0.1:$t->{port}/api/companies/acme")
})->{status}, 204, 'one of them deletes it');
$t->wait_for('all to be erased', sub {
    store('company WHERE deleted_at > 0') + store('message') + store('webhook') == 0
}, 30);

is(store("company WHERE name <> '' OR uid IS NOT NULL"), 0, 'nothing that tells who it was is left');
is(only($workers[1], \&event)->{status}, 404, 'it is gone for the other, too');
kill 'CONT', @workers;
$t->api_ok('POST', '/companies', { uid => 'acme', name => 'Another' });
is(only($_, \&event)->{status}, 403, "another of this uid is the one that worker $_ finds") for @workers;
kill 'CONT', @workers;

# its row is there for a day

is(store('company WHERE deleted_at < 0'), 1, 'that it was deleted is remembered');
WebhookTest::sh('sqlite3 -cmd ".timeout 5000" ' . $t->store
    . ' "UPDATE company SET deleted_at = deleted_at + 25 * 3600 * 1000 WHERE deleted_at < 0"');
$t->wait_for('the end of a day', sub { store('company WHERE deleted_at < 0') == 0 });

is(scalar($t->log_lines), 0, 'nothing alarming in the log');

$t->finish;
done_testing();
