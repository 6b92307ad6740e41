# A disk that fails: what cannot be kept is answered with 503, the log says what
# to do, and nginx goes on by itself when the disk is well again.  What was
# accepted is delivered once, what was refused is not; a kill changes nothing.

use strict;
use warnings;

BEGIN { push @INC, 't/lib' }

use Test::More;
use WebhookTest;

my $t = WebhookTest->new;
my ($library, $control) = map { $t->dir . $_ } '/faults.so', '/faults';

WebhookTest::sh("cc -shared -fPIC -o $library t/lib/faults.c");
open my $fh, '>', $control or die "$control: $!";
print $fh pack 'a64 L', '', 0;
close $fh;
chmod 0666, $control;                          # the workers count in it

my $receiver = $t->receiver;
END { kill 'CONT', -$receiver->{pid} if $receiver }

my ($posted, %accepted, %refused) = (0);       # events by their number

start();
$t->setup('acme', $t->url('/ok'), 'wanted');
post();
audit('no fault');

my $broken = qr/failed \(\d+: [^)]*\): .*\bdisk\b/;
my $full = qr/failed \(\d+: [^)]*\): .*\b(?:space|quota)\b/;
my $files = qr/open files|worker_rlimit_nofile/;
my $owner = qr/the user that nginx's workers run as must own/;
my $refusal = '503 application/problem+json 1 store_unavailable';

# when what fails, what the log says, how events and lists are answered

for ([commit     => 'sync EIO wal', $broken, 503, 200],
     [commit     => 'write EIO wal', $broken, 503, 200],
     [commit     => 'write ENOSPC wal', $full, 503, 200],
     [commit     => 'write EDQUOT wal', $full, 503, 200],
     [commit     => 'write short wal', $full, 503, 200],
     [read       => 'read EIO db', $broken, 202, 503],
     [checkpoint => 'write EIO db', $broken, 202, 200],
     [checkpoint => 'sync EIO db', $broken, 202, 200],
     [index      => 'write EIO index-wal', $broken, 202, 200],
     [start      => 'open EACCES index', $owner, 202, 200],
     [start      => 'read EIO wal', $broken, 503, 503],
     [start      => 'write ENOSPC shm', $full, 503, 503],
     [start      => 'open EMFILE db', $files, 503, 503],
     [start      => 'open EACCES wal', $owner, 503, 503],
     [start      => 'open EACCES lock', $owner, 503, 503])
{
    my ($when, $fault, $log, $event, $list) = @$_;
    my $what = "$fault, $when";

    # from an empty write-ahead log, with the writer's pages in its memory

    if ($when eq 'read' || $when eq 'checkpoint') {
        restart('QUIT');
        post();
        audit("$what, before");
    }

    # the fault comes between an event and the result of its delivery, or
    # before the store is opened

    my $told = $t->log_lines(qr/\[crit\]/);
    my ($worker) = $t->workers;

    if ($when eq 'start') {
        my $old = $worker;
        order($fault);
        kill 'KILL', $old;
        $t->wait_for('a worker', sub { ($worker) = grep { $_ != $old } $t->workers });

    } else {
        kill 'STOP', -$receiver->{pid} or die "kill: $!";
        post();
        order($fault);
        kill 'CONT', -$receiver->{pid};
    }

    settle() if $when eq 'checkpoint';
    my $size = $when eq 'checkpoint' ? grow(0) : 0;

    $t->wait_for("$fault to be taken", sub { listed() if $when eq 'read'; taken() });

    for (1 .. 3) {
        is(answer(post()), $event == 503 ? $refusal : 202, "$what: an event: $event");
        is(answer(listed()), $list == 503 ? $refusal : 200, "$what: a list: $list");
    }

    is(scalar(() = listed()->{content} =~ /"id":"evt_/g), 1, "$what: the result waits")
        if $when eq 'commit';
    ok(!checkpointed(), "$what: the write-ahead log stays") if $when eq 'checkpoint';

    my @lines = $t->log_lines(qr/\[crit\]/);
    splice @lines, 0, $told;
    ok(scalar(grep { $_ =~ $log } @lines), "$what: the log says what to do") or diag $lines[0];

    # one that was refused is posted again

    order('');
    my ($again) = keys %refused;
    $t->wait_for("the end of $fault", sub { post('wanted', 1, $again)->{status} == 202 });
    $t->wait_for('a list', sub { listed()->{status} == 200 });

    if ($when eq 'checkpoint') {
        grow($size);
        $t->wait_for('a checkpoint', \&checkpointed);
        is(scalar(keys %refused), 0, "$what: nothing was refused");
    }

    audit("$what, over");
    is(join(' ', $t->workers), $worker, "$what, over: by the same worker");

    restart('KILL');
    post();
    audit("$what, killed");
    %refused = ();
}

# a checkpoint during which something is committed puts what it copies on the disk,
# too, and where it cannot, that is told

restart('QUIT');
post();
settle();

my $told = $t->log_lines(qr/fsync of its file/);
order('write slow db');
my $size = grow(0);
$t->wait_for('a checkpoint', \&taken);
is(answer(post()), 202, 'sync EIO db, during a checkpoint: an event: 202');
order('sync EIO db');
$t->wait_for('a line of it', sub {
    $t->log_lines(qr/\[crit\].*fsync of its file failed .*I\/O error\): .*disk.*\(\d+: /) > $told;
});
ok(!checkpointed(), 'sync EIO db, during a checkpoint: the write-ahead log stays');

order('');
settle();
grow($size);
$t->wait_for('a checkpoint', \&checkpointed);
audit('sync EIO db, during a checkpoint, over');

# nginx is killed before it has kept anything after an event that was refused

order('sync EIO wal');
is(answer(post()), $refusal, 'sync EIO wal: an event: 503');
$t->stop('KILL');
order('');
start();
post();
audit('sync EIO wal, killed while it lasts');

# while it lasts, the log says it once, and when it is over

order('write ENOSPC wal');
my $answered = qr/\[error\].*webhook problem: store_unavailable/;
my ($before, $errors) = map { scalar(() = $t->log_lines($_)) } qr/\[crit\]/, $answered;
is(answer(post()), $refusal, 'a full disk: an event') for 1 .. 50;
my @crit = $t->log_lines(qr/\[crit\]/);
cmp_ok(@crit - $before, '<=', 3, 'is told once for each error') or diag join "\n", splice @crit, $before;
is(scalar(() = $t->log_lines($answered)) - $errors, 1, '... and one of the answers is told');
order('');
$t->wait_for('an event to be taken', sub { post()->{status} == 202 });
%refused = ();
is(scalar($t->log_lines(qr/works again/)), 0, 'one that is taken may be followed by others that are not');
$t->wait_for('it to work again', sub { post(); $t->log_lines(qr/\[warn\].*works again/) }, 20);
pass('after a while the log says that all is well');

# also of files that could not be opened

$t->stop('KILL');
order('open EACCES lock');
start(503);
my $opens = qr/\[crit\].*open\(\) ".*\.lock" failed/;
$t->wait_for('a message of it', sub { $t->log_lines($opens) });
order('');
my $again = $t->log_lines(qr/works again/);
$t->wait_for('it to work again', sub { post(); $t->log_lines(qr/\[warn\].*works again/) > $again }, 30);
pass('... and that is told');

$t->finish;
done_testing();

# All that was accepted was delivered once and is recorded so; nothing else.

sub audit {
    my $what = shift;
    my @wanted = sort grep { $accepted{$_} eq 'wanted' } keys %accepted;

    $t->wait_for('all to be delivered', sub { $t->received >= @wanted });
    settle();

    is_deeply([ sort map { $_->{body} =~ /"payload":"(\d+)/ } $t->received ], \@wanted,
              "$what: what was accepted is delivered, once");
    is(scalar(grep { !$_->{retries} } $t->events('acme', 'status=delivered&limit=250')),
       scalar(@wanted), "$what: and recorded");
    is(WebhookTest::sh('sqlite3 -readonly ' . $t->store
                       . ' "PRAGMA integrity_check; SELECT count(*) FROM message"'),
       "ok\n" . keys(%accepted) . "\n", "$what: the store is whole");
}

sub post {
    my ($event, $size, $n) = @_;
    $event ||= 'wanted';
    $n ||= ++$posted;

    my $r = $t->http('POST', '/events', content => sprintf
        '{"company":"acme","event":"%s","payload":"%d%*s"}', $event, $n, $size || 1, '');

    delete $refused{$n};
    ($r->{status} == 202 ? \%accepted : \%refused)->{$n} = $event;

    return $r;
}

sub settle {
    $t->wait_for('all to be recorded', sub { listed()->{content} =~ /"data":\[\]/ });
}

sub listed { $t->http('GET', '/api/companies/acme/webhook-events?status=pending') }

sub answer {
    my $r = shift;
    my ($code) = $r->{content} =~ /"code":"(\w+)"/;

    return $r->{status} < 500 ? $r->{status}
           : join ' ', map { $_ // '-' } $r->{status},
                       @{ $r->{headers} }{'content-type', 'retry-after'}, $code;
}

# A checkpoint begins when the write-ahead log has grown by 2048 pages.

sub grow {
    my $size = $_[0] + 2048 * (4096 + 24);

    while (-s $t->store . '-wal' < $size) {
        post('unwanted', 250_000)->{status} == 202 or last;
    }

    return -s $t->store . '-wal';
}

# Whether all of the log is in the database: mxFrame and nBackfill in its index,
# see https://sqlite.org/walformat.html.

sub checkpointed {
    my ($logged, $done) = unpack 'x16 L x76 L', WebhookTest::slurp($t->store . '-shm');
    return $logged == $done;
}

# Faults, see t/lib/faults.c.

sub order {
    my $fault = shift;

    open my $fh, '+<', $control or die "$control: $!";
    print $fh pack $fault ? 'a64 L' : 'a64', $fault, 0;
    close $fh;
}

sub taken { unpack 'x64 L', WebhookTest::slurp($control) }

sub start {
    local $ENV{FAULTS} = $control;
    local $ENV{LD_PRELOAD} = join ' ', $ENV{LD_PRELOAD} || (), $library;
    $t->start(@_);
}

sub restart { $t->stop(@_); start() }
