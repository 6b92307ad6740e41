# Results that nobody waits for are in one transaction with others that come
# within a millisecond.

use strict;
use warnings;

BEGIN { push @INC, 't/lib' }

use IO::Select;
use IO::Socket::INET;
use Test::More;
use WebhookTest;

use constant { EVENTS => 4, ROUNDS => 10 };

# Answers none of its requests before all of them are there.

my $listener = IO::Socket::INET->new(Listen => 64, LocalAddr => '127.0.0.1') or die $!;
my $port = $listener->sockport;

sub answer_together {
    my $n = shift;
    my (@there, %got);
    my $select = IO::Select->new($listener);

    while (@there < $n) {
        for my $c ($select->can_read(60)) {
            if ($c == $listener) {
                $select->add($listener->accept);
                next;
            }
            sysread $c, $got{$c}, 65536, length($got{$c} // '') or die 'closed';
            my ($length) = $got{$c} =~ /^Content-Length: (\d+)\r/mi or next;
            my ($body) = $got{$c} =~ /\r\n\r\n(.*)/s or next;
            next if length($body) < $length;
            $select->remove($c);
            push @there, $c;
        }
    }

    for my $c (@there) {
        syswrite $c, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
        select undef, undef, undef, 0.0001;      # another turn of the event loop
    }
}

my $t = WebhookTest->new->start;

sub commits {
    my ($n) = $t->http('GET', '/api/metrics')->{content}
        =~ /^webhook_commit_operations_count (\d+)/m;
    return $n;
}

$t->setup('acme', "http://127.0.0.1:$port/$_", 'some') for 1 .. EVENTS;

my @commits;

for my $round (1 .. ROUNDS) {
    $t->ingest('acme', 'some', qq({"a":$round}));

    my $before = commits();
    answer_together(EVENTS);
    $t->wait_event('acme', $_->{id}, 'delivered') for $t->events('acme', 'limit=' . EVENTS);
    push @commits, commits() - $before;
}

# a busy machine parts them now and then; written at once, they hardly ever are one

cmp_ok(scalar(grep { $_ == 1 } @commits), '>=', 2,
       EVENTS . " results that come one after the other are a commit: @commits");

# one alone does not wait for others that never come

$t->setup('acme', "http://127.0.0.1:$port/alone", 'alone');
$t->ingest('acme', 'alone', '{"a":1}');
answer_together(1);
my ($alone) = $t->events('acme', 'event=alone');
$t->wait_event('acme', $alone->{id}, 'delivered');
pass('a result without company is written');

# a worker that quits waits for those that are patient, too

$t->ingest('acme', 'alone', '{"a":2}');
answer_together(1);
$t->restart('QUIT');
is(scalar(grep { $_->{status} ne 'delivered' } $t->events('acme', 'event=alone')), 0,
   'none is lost when nginx quits');

is(join("\n", $t->log_lines), '', 'no alarms');

$t->finish;
done_testing;
