# What operators do to the store: replace it, fill its disk, remove its lock
# file, put it into a folder that is not its own.

use strict;
use warnings;

BEGIN { push @INC, 't/lib' }

use Test::More;
use WebhookTest;

# an older store with the lock file of a newer one: a restored backup

{
    my $t = WebhookTest->new;
    $t->receiver;
    $t->start;
    $t->setup('acme', $t->url('/ok/1'), 'a');
    $t->stop;

    my $dir = $t->dir . '/webhook';
    WebhookTest::sh("cp $dir/store.db $dir/../backup.db");

    $t->start;
    $t->api_ok('PATCH', '/companies/acme', { name => "name $_" }) for 1 .. 8;
    $t->stop;

    unlink glob "$dir/store.db-*";
    WebhookTest::sh("cat $dir/../backup.db > $dir/store.db");
    $t->start;

    $t->ingest('acme', 'a', 1);
    is(scalar(my @got = $t->wait_received(1)), 1, 'a restored store delivers');

    my ($worker) = $t->workers;
    my $cpu = sub { my @f = split ' ', WebhookTest::slurp("/proc/$worker/stat");
                    $f[13] + $f[14] };
    my ($begin, $until) = ($cpu->(), time + 2);
    $t->wait_for('two seconds', sub { time > $until });
    cmp_ok($cpu->() - $begin, '<', 50 * $t->{scale}, 'and rests when it is done');

    is(scalar($t->log_lines), 0, 'nothing alarming in the log');
    $t->finish;
}

# the lock file is removed while nginx runs: nothing is accepted that could
# be delivered by two

{
    my $t = WebhookTest->new->start;
    $t->setup('acme', 'https://a.example.com/', 'b');
    unlink $t->store . '.lock';

    my $r = $t->http('POST', '/events',
                     content => '{"company":"acme","event":"a","payload":1}');
    is($r->{status}, 503, 'without its lock file the store takes nothing');
    ok(scalar($t->log_lines(qr/lock file of webhook store ".*" was removed: restart nginx/)),
       'the log says what to do');

    $t->restart;
    is($t->ingest('acme', 'a', 1)->{webhook_event_count}, 0, 'and it is done');
    $t->finish;
}

# a full disk: 503, and all goes on when there is room

SKIP: {
    skip 'needs root, to mount a small disk', 4 if $> != 0;

    my $t = WebhookTest->new(http => 'webhook_retry_delays off;');
    mkdir my $dir = $t->dir . '/webhook';
    system("mount -t tmpfs -o size=2m,mode=700 tmpfs $dir 2>/dev/null") == 0
        or skip 'cannot mount', 4;

    $t->receiver;
    $t->start;
    $t->setup('acme', $t->url('/ok'), '*');

    my ($accepted, $refused) = (0, 0);
    my $payload = '"' . 'x' x 20_000 . '"';

    while ($accepted < 200 && $refused < 5) {
        my $r = $t->http('POST', '/events', content =>
            qq({"company":"acme","event":"full","payload":$payload}));
        if ($r->{status} == 202) {
            $accepted++;
        } else {
            $refused++;
            last unless $r->{status} == 503
                && $r->{content} =~ /"code":"store_unavailable"/
                && $r->{headers}{'retry-after'};
        }
    }

    is($refused, 5, "a full disk after $accepted events: 503, with Retry-After");
    ok(scalar($t->log_lines(qr/free some space on its disk/)), 'the log says what to do');

    WebhookTest::sh("mount -o remount,size=64m $dir");

    $t->wait_for('it to go on', sub {
        $t->http('POST', '/events', content =>
            '{"company":"acme","event":"after","payload":1}')->{status} == 202
    });
    $accepted++;

    $t->wait_for('all to be delivered', sub { $t->received >= $accepted }, 30);

    my %ids = map { $_->{headers}{'x-webhook-event-id'} => 1 } $t->received;
    is(scalar(keys %ids), $accepted, 'each that was accepted is delivered');

    $t->wait_for('all to be recorded', sub { !$t->events('acme', 'status=pending') });
    pass('and recorded');

    $t->stop;
    WebhookTest::sh("umount $dir");
    $t->finish;
}

# a folder that is not the store's own

{
    my $t = WebhookTest->new;
    mkdir $t->dir . '/webhook';
    open my $fh, '>', $t->dir . '/webhook/passwd';
    close $fh;

    $t->write_config;
    my ($code, $out) = $t->run_nginx('-t');
    isnt($code, 0, 'a folder that holds other files');
    like($out, qr/the directory ".*" holds "passwd": the store needs one of its own/,
         'is refused');
    $t->finish;
}

done_testing();
