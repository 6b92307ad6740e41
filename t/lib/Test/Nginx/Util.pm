package Test::Nginx::Util;

=head1 NAME

Test::Nginx::Util - settings and nginx process handling for t/lib's Test::Nginx::Socket

=head1 DESCRIPTION

Half of a small stand-in for OpenResty's Test::Nginx; see the POD of
t/lib/Test/Nginx/Socket.pm.  This file owns the settings (environment
variables and their accessor functions), the server root, the generated
nginx.conf, starting and stopping nginx, and reading its logs.

=cut

use strict;
use warnings;

use File::Path qw( make_path remove_tree );
use File::Spec ();
use IO::Socket::INET ();
use POSIX ();
use Test::LongString qw( is_string );
use Test::More ();
use Time::HiRes qw( sleep time );

use base 'Exporter';

sub bail_out (@);

our $Verbose    = $ENV{TEST_NGINX_VERBOSE};
our $Randomize  = $ENV{TEST_NGINX_RANDOMIZE};
our $Pause      = $ENV{TEST_NGINX_SLEEP} || 0.015;

our $ServerAddr = '127.0.0.1';
our $ServerName = 'localhost';
our $ServerPort = $Randomize
    ? rand_port({})
    : $ENV{TEST_NGINX_SERVER_PORT} || $ENV{TEST_NGINX_PORT} || 1984;
our $ServerPortForClient = $ENV{TEST_NGINX_CLIENT_PORT} || $ServerPort;

our $NginxBinary          = $ENV{TEST_NGINX_BINARY} || 'nginx';
our $LoadModules          = $ENV{TEST_NGINX_LOAD_MODULES};
our $WorkerUser           = $ENV{TEST_NGINX_WORKER_USER};
our $MasterProcessEnabled = $ENV{TEST_NGINX_MASTER_PROCESS} || 'off';
our $LogLevel             = $ENV{TEST_NGINX_LOG_LEVEL} || 'debug';
our $Timeout              = $ENV{TEST_NGINX_TIMEOUT} || 3;
our $CheckAccumErrLog     = $ENV{TEST_NGINX_CHECK_ACCUM_ERR_LOG};
our $NoShuffle            = $ENV{TEST_NGINX_NO_SHUFFLE};
our $Workers              = 1;
our $WorkerConnections    = 64;
our $RepeatEach           = 1;
our $ConfigPreamble       = '';
our ($NoLongString, $NoRootLocation, @EnvToNginx);

our $ServRoot = $Randomize
    ? File::Spec->rel2abs("t/servroot_$ServerPort")
    : $ENV{TEST_NGINX_SERVROOT} || File::Spec->rel2abs('t/servroot');
$ServRoot = File::Spec->rel2abs($ServRoot);

our ($ConfDir, $LogDir, $HtmlDir, $CacheDir)
    = map { "$ServRoot/$_" } qw( conf logs html cache );
our $ConfFile   = "$ConfDir/nginx.conf";
our $PidFile    = "$LogDir/nginx.pid";
our $ErrLogFile = "$LogDir/error.log";
our $AccLogFile = "$LogDir/access.log";
our $StderrFile = "$LogDir/stderr.log";

$ENV{TEST_NGINX_SERVER_ROOT} = $ServRoot;

our $RandPorts = {};        # TEST_NGINX_RAND_PORT_n of the current block
our $ErrLogFilePos = 0;     # where the next look at error.log begins
our $NginxVersion;
our @CleanupHandlers;
our $AtExit;                # called once nginx is down, before the plan is checked

my $Owner = $$;             # forked children must not stop our nginx
my $Starting;               # an nginx was launched, its pid may be yet unknown

our @EXPORT = qw(
    $ServerAddr $ServerName $ServerPort $ServerPortForClient
    $ErrLogFilePos $LogLevel $NginxVersion $NoShuffle $Pause $RandPorts
    $RepeatEach $Verbose
    access_log_data bail_out error_log_data expand_env get_nginx_version is_str
    nginx_stderr parse_time start_nginx stop_nginx write_server_root
    write_user_files
    add_cleanup_handler check_accum_error_log config_preamble env_to_nginx
    html_dir log_level master_off master_on master_process_enabled
    no_long_string no_root_location no_shuffle repeat_each server_addr
    server_name server_port server_port_for_client server_root timeout
    worker_connections workers
);

# ---------------------------------------------------------------- settings

{   # the accessors that get a value, or set it when called with one
    my %accessor = (
        log_level          => \$LogLevel,
        repeat_each        => \$RepeatEach,
        server_addr        => \$ServerAddr,
        server_name        => \$ServerName,
        server_port        => \$ServerPort,
        server_port_for_client => \$ServerPortForClient,
        timeout            => \$Timeout,
        worker_connections => \$WorkerConnections,
        workers            => \$Workers,
    );

    no strict 'refs';
    for my $name (keys %accessor) {
        my $ref = $accessor{$name};
        *$name = sub (@) { $$ref = shift if @_; $$ref };
    }
}

sub master_on ()             { $MasterProcessEnabled = 'on' }
sub master_off ()            { $MasterProcessEnabled = 'off' }
sub no_shuffle ()            { $NoShuffle = 1 }
sub no_long_string ()        { $NoLongString = 1 }
sub no_root_location ()      { $NoRootLocation = 1 }
sub check_accum_error_log () { $CheckAccumErrLog = 1 }
sub html_dir ()              { $HtmlDir }
sub server_root ()           { $ServRoot }
sub config_preamble ($)      { $ConfigPreamble = shift }
sub add_cleanup_handler ($)  { unshift @CleanupHandlers, shift }

sub master_process_enabled (@) {
    $MasterProcessEnabled = $_[0] ? 'on' : 'off' if @_;
    return $MasterProcessEnabled;
}

sub env_to_nginx (@) {
    for my $var (@_) {
        die "env_to_nginx: bad argument: $var\n"
            if $var !~ /^[A-Za-z_]/ || $var =~ /\n/;
        push @EnvToNginx, $var;
    }
}

# ----------------------------------------------------------------- helpers

sub bail_out (@) {
    stop_nginx() if $$ == $Owner;
    Test::More::BAIL_OUT(join '', @_);
}

sub is_str (@) {
    my ($got, $expected, $title) = @_;

    return Test::More::like($got, $expected, $title)
        if ref $expected eq 'Regexp';
    return Test::Base::is($got, $expected, $title) if $NoLongString;
    return is_string($got, $expected, $title);
}

sub parse_time ($) {
    my $time = shift;
    return undef if !defined $time;
    return $1 / 1000 if $time =~ /^\s*([\d.]+)ms\s*$/;
    $time =~ s/(?<=[\d.])s\s*$//;
    return $time;
}

# A free TCP port below the usual ephemeral range, and not yet in %$used.
sub rand_port {
    my ($used) = @_;

    for (1 .. 1000) {
        my $port = 10000 + int rand 22000;
        next if $used->{$port};
        my $sock = IO::Socket::INET->new(
            LocalAddr => $ServerAddr, LocalPort => $port,
            Proto => 'tcp', Listen => 1, ReuseAddr => 1,
        ) or next;
        close $sock;
        return $port;
    }

    bail_out("Cannot find a free TCP port");
}

# Replaces each $TEST_NGINX_XXX of a text by that environment variable.
sub expand_env ($$) {
    my ($text, $name) = @_;

    return $text if !defined $text || ref $text;

    my $value = sub {
        my $var = shift;

        if ($var =~ /^TEST_NGINX_RAND_PORT_\d+$/) {
            my %used = map { $_ => 1 } $ServerPort, values %$RandPorts;
            $RandPorts->{$var} = rand_port(\%used) if !$RandPorts->{$var};
            return $RandPorts->{$var};
        }

        return $ENV{$var} if defined $ENV{$var};

        my $hint = $var eq 'TEST_NGINX_HTML_DIR'
            ? ' (put "$ENV{TEST_NGINX_HTML_DIR} ||= html_dir();" into the test)'
            : '';
        bail_out("$name - No environment $var defined$hint.");
    };

    $text =~ s/\$(TEST_NGINX_[A-Z0-9_]+)/$value->($1)/ge;
    return $text;
}

sub slurp {
    my ($path) = @_;
    open my $in, '<:raw', $path or return undef;
    local $/;
    my $text = <$in>;
    return defined $text ? $text : '';
}

sub spew {
    my ($path, $text) = @_;
    open my $out, '>:raw', $path or bail_out("Cannot write $path: $!");
    print $out $text;
    close $out or bail_out("Cannot write $path: $!");
}

# -------------------------------------------------------------------- logs

# The lines of error.log since the last look.  nginx writes the last of them
# after it closed the connection: hence the short pause.
sub error_log_data () {
    sleep 3 * $Pause;

    open my $in, '<', $ErrLogFile or return [];
    seek $in, $ErrLogFilePos, 0 if !$CheckAccumErrLog;
    my @lines = <$in>;
    $ErrLogFilePos = tell $in if !$CheckAccumErrLog;

    return \@lines;
}

sub access_log_data () {
    sleep 3 * $Pause;

    open my $in, '<', $AccLogFile or die "Cannot open $AccLogFile: $!\n";
    my @lines = <$in>;

    return \@lines;
}

sub nginx_stderr () {
    my $text = slurp($StderrFile);
    return defined $text ? $text : '';
}

# ------------------------------------------------------------- server root

# A fresh server root: only what nginx and we ourselves put there is removed,
# so that a mistyped TEST_NGINX_SERVROOT does no harm.
sub write_server_root ($) {
    my ($block) = @_;
    my $name = $block->name;

    if (-d $ServRoot) {
        remove_tree($ConfDir, $LogDir, $HtmlDir, $CacheDir,
                    glob("\Q$ServRoot\E/*_temp"), glob("\Q$ServRoot\E/*_cache"));
        rmdir $ServRoot
            or bail_out("Can't remove $ServRoot (not empty?): $!");
    }

    make_path($ConfDir, $LogDir, $HtmlDir);
    bail_out("Cannot create $ServRoot") if !-d $ConfDir || !-d $HtmlDir;

    spew("$HtmlDir/index.html", '<html><head><title>It works!</title></head>'
                                . '<body>It works!</body></html>');

    if (my $code = $block->post_setup_server_root) {
        eval $code;
        bail_out("$name - post_setup_server_root failed: $@") if $@;
    }

    write_user_files($block);
    spew($ConfFile, nginx_conf($block));
}

# user_files: either ">>> name [date]" lines, each followed by the content of
# the file, or an array of [name, content, date].
sub write_user_files ($) {
    my ($block) = @_;
    my $name = $block->name;
    my $spec = $block->user_files or return;
    my @files;

    if (ref $spec) {
        bail_out("$name - user_files: neither text nor an array")
            if ref $spec ne 'ARRAY';
        @files = @$spec;

    } else {
        for my $line (split /^/, $spec) {
            if ($line =~ />>> (\S+)(?:\s+(.+))?/) {
                push @files, [$1, '', $2];

            } elsif (@files) {
                $files[-1][1] .= $line;
            }
        }
    }

    for my $file (@files) {
        my ($path, $content, $date) = @$file;

        $path = "$HtmlDir/$path" if $path !~ m{^/};
        make_path($1) if $path =~ m{^(.+)/} && !-d $1;
        spew($path, expand_env(defined $content ? $content : '', $name));

        if ($date) {
            local $ENV{TZ} = 'GMT';
            system('touch', '-t', $date, $path) == 0
                or bail_out("$name - cannot set the date of $path");
        }
    }
}

sub nginx_conf {
    my ($block) = @_;
    my $name = $block->name;

    my ($main, $post_main, $http, $config, $server_name) = map {
        my $text = $block->$_;
        defined $text ? expand_env($text, $name) : '';
    } qw( main_config post_main_config http_config config server_name );

    $server_name = $ServerName if $server_name eq '';
    $server_name =~ s/([\\'])/\\$1/g;

    my $load = join '', map { "load_module $_;\n" }
                        grep { length } split ' ', $LoadModules || '';

    my $env = join '', map { /\s/ ? "env '$_';\n" : "env $_;\n" }
        qw( LD_PRELOAD LD_LIBRARY_PATH ASAN_OPTIONS ), @EnvToNginx;

    my $temp = join '', map { "    ${_}_temp_path $ServRoot/${_}_temp;\n" }
        grep { $http !~ /\b${_}_temp_path\b/ && !built_without("http_$_") }
        qw( client_body proxy fastcgi scgi uwsgi );

    my $user = defined $WorkerUser ? "user $WorkerUser;\n"
             : $> == 0             ? "user root;\n"
             : '';

    my $root = $NoRootLocation ? '' : <<"CONF";
        location / {
            root $HtmlDir;
            index index.html index.htm;
        }
CONF

    return <<"CONF";
${load}${user}worker_processes $Workers;
daemon on;
master_process $MasterProcessEnabled;
error_log $ErrLogFile $LogLevel;
pid $PidFile;
$env
$main

http {
    access_log $AccLogFile;
$temp
    default_type text/plain;
    keepalive_timeout 68000ms;

$http
    server {
        listen $ServerPort;
        server_name '$server_name';
        client_max_body_size 30M;

$ConfigPreamble
        # Begin test case config...
$config
        # End test case config.

$root    }
}

$post_main

events {
    accept_mutex off;
    worker_connections $WorkerConnections;
}
CONF
}

# ----------------------------------------------------------- nginx process

my $BuildInfo;

sub build_info {
    return $BuildInfo if defined $BuildInfo;

    # a list, not a shell command line: the path may hold anything
    my $pid = open my $out, '-|';
    bail_out("fork() failed: $!") if !defined $pid;
    if ($pid == 0) {
        open STDERR, '>&', \*STDOUT;
        no warnings 'exec';
        exec { $NginxBinary } $NginxBinary, '-V' or POSIX::_exit(127);
    }

    $BuildInfo = do { local $/; <$out> };
    close $out;
    bail_out("Cannot run \"$NginxBinary -V\": ", $BuildInfo || "not found?")
        if $? != 0;
    return $BuildInfo;
}

sub built_without { build_info() =~ /--without-\Q$_[0]\E_module\b/ }

# 1.22.1 => 1.022001, as a number
sub get_nginx_version () {
    build_info() =~ m{/(\d+)\.(\d+)\.(\d+)}
        or bail_out("Cannot parse \"$NginxBinary -V\": $BuildInfo");
    return sprintf '%d.%03d%03d', $1, $2, $3;
}

# Runs the nginx command, which ends when the daemon is up, or failed.
# Returns the wait status.
sub start_nginx () {
    my @cmd = ($NginxBinary, '-p', "$ServRoot/", '-c', $ConfFile);
    push @cmd, '-e', $ErrLogFile if $NginxVersion >= 1.019005;

    my $status;
    for (1 .. 2) {
        $ErrLogFilePos = 0;
        $Starting = 1;

        my $pid = fork;
        bail_out("fork() failed: $!") if !defined $pid;
        if ($pid == 0) {
            open STDOUT, '>', '/dev/null';
            open STDERR, '>', $StderrFile;
            no warnings 'exec';
            exec { $cmd[0] } @cmd or POSIX::_exit(127);
        }

        waitpid $pid, 0;
        $status = $?;

        # the port may be held by a process that is just going away
        last if $status == 0 || nginx_stderr() !~ /Address already in use/;
    }

    if ($status == 0) {
        wait_until(sub { pid_from_file() }, $Timeout);

    } else {
        $Starting = 0;
    }

    return $status;
}

# Stops the nginx of our server root, and waits until it is gone.
sub stop_nginx () {
    my $pid = pid_from_file();

    # interrupted between the start and the writing of the pid file?
    if (!$pid && $Starting) {
        wait_until(sub { $pid = pid_from_file() }, 1);
    }

    $Starting = 0;
    return if !$pid;

    if (is_ours($pid)) {
        kill $ENV{TEST_NGINX_FAST_SHUTDOWN} ? 'TERM' : 'QUIT', $pid;

        if (!wait_until(sub { !is_ours($pid) }, $Timeout)) {
            warn "nginx (pid $pid) does not quit, killing it\n";
            kill 'KILL', (getpgrp($pid) == $pid ? -$pid : $pid);
            wait_until(sub { !is_ours($pid) }, 1);
        }
    }

    unlink $PidFile;
}

sub pid_from_file {
    my $text = slurp($PidFile);
    return defined $text && $text =~ /^\s*(\d+)\s*$/ ? $1 : undef;
}

# Whether a process is a live nginx that runs in our server root (and is not
# something else that got the number of a stale pid file).
sub is_ours {
    my ($pid) = @_;

    return 0 if !kill 0, $pid;
    return 1 if !-d "/proc/$$";         # no /proc: trust our pid file

    # empty for a zombie
    my $cmdline = slurp("/proc/$pid/cmdline");
    return defined $cmdline && index($cmdline, "$ServRoot/") >= 0;
}

sub wait_until {
    my ($condition, $seconds) = @_;
    my $deadline = time + $seconds;

    until ($condition->()) {
        return 0 if time > $deadline;
        select undef, undef, undef, 0.01;
    }

    return 1;
}

for my $signal (qw( INT TERM HUP )) {
    my $number = POSIX->can("SIG$signal")->();
    $SIG{$signal} ||= sub { exit 128 + $number };       # runs the END blocks
}

END {
    if ($$ == $Owner) {
        local $?;
        $_->() for @CleanupHandlers;
        stop_nginx();
        $AtExit->() if $AtExit;
        remove_tree($ServRoot) if $Randomize && -d $ServRoot;
    }
}

1;
