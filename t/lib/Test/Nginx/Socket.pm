package Test::Nginx::Socket;

=head1 NAME

Test::Nginx::Socket - small stand-in for OpenResty's module of the same name

=head1 SYNOPSIS

    BEGIN { push @INC, 't/lib' }    # after the system's: the genuine one wins
    use Test::Nginx::Socket;

    repeat_each(2);
    plan tests => repeat_each() * 2 * blocks();
    run_tests();

    __DATA__

    === TEST 1: hello
    --- config
        location = /t { return 200 "hello\n"; }
    --- request
    GET /t
    --- response_body
    hello

=head1 DESCRIPTION

An independent implementation, on Test::Base and Test::LongString, of the part
of the Test::Nginx::Socket language that our tests need, for machines without
the genuine module.  A block runs the same number of tests under both, so the
plans agree.  Blocks run in the order of the file; the genuine module shuffles
them unless C<no_shuffle()> is called.

A section that is not in C<%Known> below, and a combination of sections of
which one would silently be ignored, ends the run with a message.

Sections: config http_config main_config post_main_config server_name
log_level user_files post_setup_server_root init timeout wait abort shutdown
must_die suppress_stderr skip_nginx skip_eval SKIP ONLY LAST;
request raw_request raw_request_middle_delay pipelined_requests more_headers;
error_code error_code_like response_body response_body_like
response_body_unlike response_body_filters response_headers
response_headers_like raw_response_headers_like raw_response_headers_unlike
ignore_response error_log no_error_log grep_error_log grep_error_log_out
access_log no_access_log shutdown_error_log no_shutdown_error_log.

Functions: see C<@EXPORT>; those of Test::Base are exported, too.

Environment: TEST_NGINX_BINARY, _LOAD_MODULES, _SERVROOT, _SERVER_PORT, _PORT,
_CLIENT_PORT, _TIMEOUT, _MASTER_PROCESS, _LOG_LEVEL, _WORKER_USER, _RANDOMIZE,
_FAST_SHUTDOWN, _NO_SHUFFLE, _SLEEP, _CHECK_ACCUM_ERR_LOG, _VERBOSE.

=cut

use strict;
use warnings;

use Test::Base -base;

use Digest::MD5 ();
use Digest::SHA ();
use Errno qw( EAGAIN EINTR EWOULDBLOCK );
use IO::Select ();
use IO::Socket::INET ();
use Scalar::Util qw( looks_like_number );
use Time::HiRes qw( sleep time );

use Test::Nginx::Util;

our $VERSION = '0.01';

our @EXPORT = qw(
    plan run_tests
    add_block_preprocessor add_cleanup_handler add_response_body_check
    add_test_cleanup_handler bail_out check_accum_error_log config_preamble
    env_to_nginx html_dir is_str log_level master_off master_on
    master_process_enabled no_long_string no_root_location no_shuffle
    repeat_each server_addr server_name server_port server_port_for_client
    server_root timeout worker_connections workers
);

my @ResponseChecks = qw(
    error_code error_code_like
    raw_response_headers_like raw_response_headers_unlike
    response_body response_body_filters response_body_like
    response_body_unlike response_headers response_headers_like
);

my %Known = map { $_ => 1 } @ResponseChecks, qw(
    SKIP ONLY LAST name description
    config http_config main_config post_main_config server_name log_level
    user_files post_setup_server_root init timeout wait abort shutdown
    must_die suppress_stderr skip_nginx skip_eval ignore_response
    request raw_request raw_request_middle_delay pipelined_requests
    more_headers
    error_log no_error_log grep_error_log grep_error_log_out
    access_log no_access_log shutdown_error_log no_shutdown_error_log
);

my %Internal = map { $_ => 1 } qw(
    _section_map _section_order blocks_object is_filtered original_values
    seq_num
);

# Next to the first section, the genuine module ignores the others.
my @Exclusive = (
    [qw( raw_request request pipelined_requests more_headers )],
    [qw( pipelined_requests request )],
    [qw( error_code_like error_code )],
    [qw( response_body response_body_like response_body_unlike )],
    [qw( response_body_like response_body_unlike )],
    [qw( response_headers response_headers_like )],
    ['ignore_response', @ResponseChecks, qw( access_log no_access_log )],
    ['must_die', 'init', @ResponseChecks, qw( access_log no_access_log )],
);

my (@Preprocessors, @BodyChecks, @TestCleanupHandlers, $PrevBlock, $HaveConfig);

sub add_block_preprocessor (&)   { unshift @Preprocessors, shift }
sub add_response_body_check ($)  { push @BodyChecks, shift }
sub add_test_cleanup_handler ($) { unshift @TestCleanupHandlers, shift }

# --------------------------------------------------------------- the blocks

sub run_tests () {
    $NginxVersion = get_nginx_version();
    $ENV{TEST_NGINX_SERVER_PORT} = $ServerPort
        if !defined $ENV{TEST_NGINX_SERVER_PORT};
    $Test::Nginx::Util::AtExit = \&check_shutdown_log;

    for my $block (Test::Base::blocks()) {
        $_->($block) for @Preprocessors;
        $block->set_value(name => "$0 " . $block->name);

        validate($block);

        if (my ($count, $reason) = skip_reason($block)) {
            for (1 .. $RepeatEach) {
                SKIP: { skip($block->name . " - $reason", $count) }
            }
            next;
        }

        run_block($block);
        $_->($block) for @TestCleanupHandlers;
        $PrevBlock = $block;
    }
}

sub validate {
    my ($block) = @_;
    my $name = $block->name;

    for my $section (sort keys %$block) {
        bail_out("$name - unsupported section \"--- $section\"")
            if !$Known{$section} && !$Internal{$section};
    }

    for my $group (@Exclusive) {
        my ($winner, @losers) = @$group;
        next if !has($block, $winner);
        for my $loser (grep { has($block, $_) } @losers) {
            bail_out("$name - \"--- $loser\" has no effect next to "
                     . "\"--- $winner\"");
        }
    }

    bail_out("$name - grep_error_log and grep_error_log_out need each other")
        if has($block, 'grep_error_log') != has($block, 'grep_error_log_out');

    return if has($block, 'config');

    bail_out("$name - \"--- must_die\" without \"--- config\"")
        if has($block, 'must_die');
    bail_out("$name - \"--- user_files\" without \"--- config\"")
        if has($block, 'user_files');
    bail_out("$name - a block without \"--- config\" uses the nginx of the one "
             . "before: that needs no_shuffle()")
        if !$NoShuffle;
}

# Whether a block has a section; the section's value may well be ''.
sub has {
    my ($block, $section) = @_;
    return defined scalar $block->$section ? 1 : 0;
}

sub run_block {
    my ($block) = @_;
    my $name = $block->name;

    # not the imported name: "local" would not reach the original
    local $Test::Nginx::Util::LogLevel = $block->log_level || $LogLevel;
    $RandPorts = {};

    if (has($block, 'config')) {
        stop_nginx();
        check_shutdown_log();
        write_server_root($block);
        $HaveConfig = 1;

        return check_must_die($block) if has($block, 'must_die');

        my $status = start_nginx();
        my $stderr = nginx_stderr();
        bail_out("$name - Cannot start nginx (status $status):\n$stderr")
            if $status != 0;
        warn "$name - nginx: $stderr"
            if $stderr ne '' && !has($block, 'suppress_stderr');

    } elsif (!$HaveConfig) {
        bail_out("$name - No \"--- config\" in this block or one before");
    }

    if (my $code = $block->init) {
        eval "package Test::Nginx::Util; $code";
        bail_out("$name - init failed: $@") if $@;
    }

    $ErrLogFilePos = 0;
    for my $round (0 .. $RepeatEach - 1) {
        write_user_files($block) if $round > 0;
        run_requests($block, $round);
    }
}

# (number of tests, reason) if the block is to be skipped
sub skip_reason {
    my ($block) = @_;
    my $name = $block->name;

    if (defined(my $spec = $block->skip_nginx)) {
        my ($count, $op, @version) = $spec =~ /^\s*(\d+)\s*:\s*([<>]=?)\s*
                                    (\d+)\.(\d+)\.(\d+)\s*(?::\s*(.*?)\s*)?$/xs
            or bail_out("$name - Invalid --- skip_nginx spec: $spec");
        my $reason = pop @version;
        my $limit = sprintf '%d.%03d%03d', @version;

        my %holds = (
            '<' => $NginxVersion < $limit, '<=' => $NginxVersion <= $limit,
            '>' => $NginxVersion > $limit, '>=' => $NginxVersion >= $limit,
        );
        return $count, $reason || "nginx version $op " . join '.', @version
            if $holds{$op};
    }

    if (defined(my $spec = $block->skip_eval)) {
        my ($count, $code) = $spec =~ /^\s*(\d+)\s*:\s*(.*)/s
            or bail_out("$name - Invalid --- skip_eval spec: $spec");
        my $skip = eval "package Test::Nginx::Util; $code";
        bail_out("$name - skip_eval failed: $@") if $@;
        return $count, 'skip_eval' if $skip;
    }

    return;
}

# must_die: nginx has to fail, with an exit code if the section holds one.
sub check_must_die {
    my ($block) = @_;
    my $name = $block->name;
    my $code = $block->must_die;

    # the genuine module goes on reading error.log where it left off
    my $pos = 0;

    for my $round (0 .. $RepeatEach - 1) {
        my $status = start_nginx();
        my $stderr = nginx_stderr();
        $ErrLogFilePos = $pos;

        if ($status & 127 || $status >> 8 == 127) {
            fail("$name - nginx crashed, or could not be run ($status): $stderr");

        } elsif (looks_like_number($code)) {
            Test::More::is($status >> 8, $code,
                           "$name - die with the expected exit code");

        } else {
            isnt($status, 0, "$name - die as expected");
        }

        check_error_log($block, $round);
        $pos = $ErrLogFilePos;
        diag($stderr) if $Verbose;
        stop_nginx() if $status == 0;
    }
}

sub run_requests {
    my ($block, $round) = @_;
    my $name = $block->name;
    my @requests = requests_of($block);
    my $pipelined = $block->pipelined_requests;
    my $count = $pipelined ? @$pipelined : @requests;
    my $indexed = $pipelined || $count > 1;
    my $ignore = has($block, 'ignore_response');
    my $raw;

    for my $i (0 .. $count - 1) {
        my $is_head = 0;

        if ($i == 0 || !$pipelined) {
            $is_head = join('', map { $_->{value} } @{ $requests[$i] })
                       =~ /^\s*HEAD\s/;
            $raw = exchange($block, $requests[$i]);
            diag("$name - response: [", defined $raw ? $raw : '', "]")
                if $Verbose;
        }

        if (!$ignore) {
            my $res = parse_response($name, $raw, $is_head);
            my $left = $res->{left};

            if ($pipelined && $i < $count - 1) {
                $raw = $left;

            } elsif (defined $left && $left ne '') {
                warn "WARNING: $name - extra bytes after the response: \"",
                    printable($left), "\"\n";
            }

            check_response($block, $res, $i, $indexed, $round);
        }

        sleep $block->wait if $block->wait;
        check_error_log($block, $round);
        check_log($block, 'access_log', access_log_data(), $round)
            if has($block, 'access_log') || has($block, 'no_access_log');
    }
}

# ------------------------------------------------------------- the requests

# A list of requests; a request is an array of packets, and a packet a hash of
# the text "value" and perhaps the seconds "delay_before".
sub requests_of {
    my ($block) = @_;
    my $name = $block->name;
    my $delay = $block->raw_request_middle_delay;

    if (defined(my $raw = $block->raw_request)) {
        my @packets = map { { value => $_ } } ref $raw ? @$raw : $raw;
        $_->{delay_before} = $delay for @packets[1 .. $#packets];
        return \@packets;
    }

    if (defined(my $list = $block->pipelined_requests)) {
        bail_out("$name - pipelined_requests is not an array")
            if ref $list ne 'ARRAY';
        my $text = join '', map {
            my $last = $_ == $#$list;
            build_request($block, $_, $last ? 'close' : 'keep-alive',
                          expand_env($list->[$_], $name));
        } 0 .. $#$list;
        return [{ value => $text }];
    }

    my $spec = $block->request;
    if (defined $spec && !ref $spec) {
        # leading comments and blank lines
        1 while $spec =~ s/^\s*\#[^\n]+\s+|^\s+//g;
    }

    my @list = ref $spec eq 'ARRAY' ? @$spec : $spec;
    my @requests;

    for my $i (0 .. $#list) {
        my @packets = map { ref $_ eq 'HASH' ? { %$_ } : { value => $_ } }
                          ref $list[$i] eq 'ARRAY' ? @{ $list[$i] } : $list[$i];
        my @text = build_request($block, $i, 'close',
                                 map { $_->{value} } @packets);
        $packets[$_]{value} = $text[$_] for 0 .. $#packets;
        $packets[$_]{delay_before} ||= $delay for 1 .. $#packets;
        push @requests, \@packets;
    }

    return @requests;
}

# Makes "METHOD [uri [version]]\nbody" an HTTP request.  Cut into packets, it
# comes back in as many packets, cut at the same places of line and body.
sub build_request {
    my ($block, $index, $connection, @packets) = @_;
    my $name = $block->name;

    my $all = join '', map { defined $_ ? $_ : '' } @packets;
    my ($line, $body) = $all =~ /\A([^\n]*\n?)(.*)\z/s;
    my @words = split ' ', $line;
    bail_out("$name - Request line is not \"method [uri [version]]\": \"$line\"")
        if @words < 1 || @words > 3;
    my $request_line = join ' ', $words[0], $words[1] || '/',
                                 $words[2] || 'HTTP/1.1';

    my $more = $block->more_headers;
    if (ref $more eq 'ARRAY') {
        $more = $more->[$index];
        bail_out("$name - more_headers has nothing for request $index")
            if !defined $more;
    }

    my ($headers, $is_chunked) = ('', 0);
    for my $header (split /\n+/, defined $more ? $more : '') {
        next if $header =~ /^\s*#/;
        my ($key, $value) = split /:\s*/, $header, 2;
        $value = '' if !defined $value;
        $is_chunked ||= lc $key eq 'transfer-encoding' && $value eq 'chunked';
        $headers .= "$key: $value\r\n";
    }

    # Without a length of its own, the body is stripped of surrounding space.
    my ($stripped, $length) = (0, '');
    if (!$is_chunked && $body ne '' && $headers !~ /^Content-Length:/m) {
        $stripped = length $1 if $body =~ s/\A(\s+)//;
        $body =~ s/\s+\z//;
        $length = 'Content-Length: ' . length($body) . "\r\n";
    }

    $headers = "Connection: $connection\r\n$headers"
        if $headers !~ /^Connection/mi;
    $headers = "Host: $ServerName\r\n$headers" if $headers !~ /^Host:/mi;

    my $head = "$request_line\r\n$headers$length\r\n";
    return "$head$body" if @packets == 1;

    my ($text, $old_pos, $pos, @cut) = ("$head$body", 0, 0);
    for my $packet (@packets[0 .. $#packets - 1]) {
        $old_pos += length $packet;
        my $in_body = $old_pos - length($line) - $stripped;
        my $to = $old_pos < length $line
            ? min($old_pos, length $request_line)
            : min(length($head) + ($in_body > 0 ? $in_body : 0), length $text);
        push @cut, substr $text, $pos, $to - $pos;
        $pos = $to;
    }

    return @cut, substr $text, $pos;
}

sub min { $_[0] < $_[1] ? $_[0] : $_[1] }

# Sends the packets of a request, and returns all that comes back until the
# server closes the connection.
sub exchange {
    my ($block, $packets) = @_;
    my $name = $block->name;
    my $timeout = parse_time($block->timeout);
    $timeout = timeout() if !defined $timeout;

    my $sock = connect_server($name, $timeout) or return undef;
    local $SIG{PIPE} = 'IGNORE';

    my ($received, $sent, @queue) = ('', 0, @$packets);
    my $packet = shift @queue;
    my $reading = IO::Select->new($sock);
    my $writing = IO::Select->new($sock);

    while (1) {
        my ($can_read, $can_write)
            = IO::Select->select($reading, $writing, undef, $timeout);

        if (!defined $can_read) {
            next if $! == EINTR;
            close $sock;
            extra_failure("$name - client socket timed out")
                if !has($block, 'abort');
            return $received;
        }

        if (@$can_read) {
            my $bytes = sysread $sock, $received, 65536, length $received;

            if (defined $bytes) {
                last if $bytes == 0;

            } elsif (!again()) {
                warn "WARNING: $name - HTTP response read failure: $!\n";
                last;
            }
        }

        next if !@$can_write;

        my $bytes = syswrite $sock, $packet->{value},
                             length($packet->{value}) - $sent, $sent;
        if (!defined $bytes) {
            next if again();
            warn "WARNING: $name - write failed: $!\n";
            $writing->remove($sock);        # there may be a response to read
            next;
        }

        $sent += $bytes;
        next if $sent < length $packet->{value};

        if ($packet = shift @queue) {
            $sent = 0;
            sleep $packet->{delay_before} if $packet->{delay_before};
            next;
        }

        $writing->remove($sock);
        if (has($block, 'shutdown')) {
            my $how = $block->shutdown;
            shutdown $sock, $how =~ /^\s*$/ ? 1 : $how;
        }
    }

    close $sock;
    return $received;
}

sub again { $! == EAGAIN || $! == EWOULDBLOCK || $! == EINTR }

sub connect_server {
    my ($name, $timeout) = @_;
    my $deadline = time + $timeout;

    while (1) {
        my $sock = IO::Socket::INET->new(
            PeerAddr => $ServerAddr, PeerPort => $ServerPortForClient,
            Proto => 'tcp', Timeout => $timeout,
        );
        if ($sock) {
            $sock->blocking(0);
            return $sock;
        }
        last if time > $deadline;
        select undef, undef, undef, 0.02;
    }

    extra_failure("$name - Can't connect to $ServerAddr:$ServerPortForClient: $!");
    return undef;
}

# A failure that no plan reckons with.
sub extra_failure {
    my ($message) = @_;
    Test::More->builder->no_ending(1);
    fail($message);
}

# ------------------------------------------------------------ the responses

# Returns a hash with those of: code, headers (lower case name => values),
# raw_headers, body, left (bytes after the end of the response).
sub parse_response {
    my ($name, $raw, $is_head) = @_;
    my %res = (code => '', headers => {}, raw_headers => '');

    $raw = '' if !defined $raw;
    my ($head, $body) = $raw =~ /\A(.*?\r?\n)\r?\n(.*)\z/s ? ($1, $2) : ($raw, '');
    return \%res if $head eq '';

    $res{raw_headers} = $1 if $raw =~ /\A(.*?\r\n)\r\n/s;
    my ($status_line, @lines) = split /\r?\n/, $head;
    my (undef, $code) = split ' ', $status_line;
    $res{code} = $code if defined $code && $code =~ /^\d+$/;

    for my $line (@lines) {
        my ($key, $value) = $line =~ /^([^\s:]+)\s*:\s*(.*?)\s*$/ or next;
        push @{ $res{headers}{ lc $key } }, $value;
    }

    $res{body} = $body;
    return \%res if $res{code} eq '304' || $res{code} eq '101';

    my $encoding = header(\%res, 'Transfer-Encoding');
    my $length = header(\%res, 'Content-Length');

    if (defined $encoding && $encoding eq 'chunked' && !$is_head) {
        my $trailers = $res{headers}{trailer};
        my $error;

        (@res{qw( body left )}, $error) = decode_chunked($body, $trailers);
        if ($error) {
            extra_failure("$name - invalid chunked data: $error: "
                          . printable($body));
            return { code => '', headers => {}, raw_headers => $res{raw_headers} };
        }

    } elsif (defined $length && $length =~ /^\d+$/ && !$is_head) {
        if (length $body < $length) {
            warn "WARNING: $name - response body truncated: $length expected, ",
                'but got ', length $body, "\n";

        } else {
            $res{left} = substr $body, $length;
            $res{body} = substr $body, 0, $length;
        }
    }

    return \%res;
}

# (decoded, rest, error)
sub decode_chunked {
    my ($raw, $trailers) = @_;
    my $decoded = '';

    while ($raw =~ /\G[ \t]*([0-9A-Fa-f]+)[ \t]*(?:;[^\r\n]*)?\r\n/gc) {
        my $size = hex $1;

        if ($size == 0) {
            for my $name (@{ $trailers || [] }) {
                $raw =~ /\G\Q$name\E: [^\n]*\r\n/gci
                    or return undef, undef, "no trailer $name";
            }
            $raw =~ /\G\r\n/gc or return undef, undef, 'no CRLF after last chunk';
            return $decoded, substr($raw, pos $raw);
        }

        my $start = pos $raw;
        return undef, undef, 'chunk too short' if $start + $size > length $raw;
        $decoded .= substr $raw, $start, $size;
        pos($raw) = $start + $size;
        $raw =~ /\G\r\n/gc or return undef, undef, 'no CRLF after a chunk';
    }

    return undef, undef, 'no chunk size, or no last chunk';
}

# As with the genuine module, a name with a "_" is never found.
sub header {
    my ($res, $name) = @_;
    (my $key = lc $name) =~ tr/_/-/;
    my $values = $res->{headers}{$key};
    return $values ? join ', ', @$values : undef;
}

sub printable {
    my $text = shift;
    $text =~ s/([^\040-\176])/sprintf '\x{%02x}', ord $1/ge;
    return $text;
}

# --------------------------------------------------------------- the checks

# The value of a section for the request $index.
sub expected {
    my ($block, $section, $index, $indexed) = @_;
    my $value = $block->$section;

    if (ref $value eq 'ARRAY') {
        bail_out($block->name . " - $section has nothing for request $index")
            if $index > $#$value;
        return $value->[$index];
    }

    bail_out($block->name . " - many requests: $section must be an array, too")
        if $indexed;
    return $value;
}

sub expand_port {
    my $text = shift;
    return $text if !defined $text || ref $text eq 'Regexp';
    $text =~ s/\$ServerPort\b/$ServerPort/g;
    $text =~ s/\$ServerPortForClient\b/$ServerPortForClient/g;
    return $text;
}

sub check_response {
    my ($block, $res, $index, $indexed, $round) = @_;
    my $name = $block->name;
    my $where = "(req $round, $index)";
    my $want = sub { expected($block, $_[0], $index, $indexed) };

    if (has($block, 'error_code_like')) {
        my $pattern = $want->('error_code_like');
        like($res->{code}, qr/$pattern/sm, "$name - status code like $where");

    } else {
        my $code = has($block, 'error_code') ? $want->('error_code') : 200;
        Test::More::is($res->{code}, $code, "$name - status code $where");
    }

    for my $kind (qw( like unlike )) {
        next if !has($block, "raw_response_headers_$kind");
        my $pattern = $want->("raw_response_headers_$kind");
        Test::More->can($kind)->($res->{raw_headers}, qr/$pattern/s,
                                 "$name - raw response headers $kind $where");
    }

    for my $section (qw( response_headers response_headers_like )) {
        check_headers($name, $res, $want->($section), $section)
            if has($block, $section);
    }

    $res->{body} = filter_body($block, $res->{body}, $index)
        if has($block, 'response_body_filters') && defined $res->{body};
    my $body = $res->{body};

    if (has($block, 'response_body')) {
        my $expected = expand_env(expand_port($want->('response_body')), $name);
        is_str($body, $expected, "$name - response body $where");
    }

    for my $kind (qw( like unlike )) {
        next if !has($block, "response_body_$kind");
        my $pattern = expand_port($want->("response_body_$kind"));
        Test::More->can($kind)->($body, qr/$pattern/s,
                                 "$name - response body $kind $where");
    }

    $_->($block, $body, $index, $round, 0) for @BodyChecks;
}

# Each line is "Key: value", or "!Key" for a header that must be missing.
sub check_headers {
    my ($name, $res, $text, $section) = @_;
    my (%expected, @order);

    for my $line (split /\n/, defined $text ? $text : '') {
        $line =~ s/^\s+|\s+$//g;
        my ($key, $value) = $line =~ /^!\s*(.+)$/ ? $1
                          : split /\s*:\s*/, $line, 2;
        bail_out("$name - empty line in $section") if !defined $key;
        push @order, $key if !exists $expected{$key};
        $expected{$key} = $value;
    }

    for my $key (@order) {
        my $value = $expected{$key};
        my $got = header($res, $key);
        $got = '' if !defined $got;

        if ($section eq 'response_headers_like') {
            $value = '' if !defined $value;
            like($got, qr/^$value$/, "$name - header $key like");

        } elsif (!defined $value) {
            unlike($res->{raw_headers}, qr/^\s*\Q$key\E\s*:/mi,
                   "$name - header $key not present");

        } else {
            Test::More::is($got, expand_port($value), "$name - header $key");
        }
    }
}

my %BodyFilter = (
    md5_hex  => \&Digest::MD5::md5_hex,
    sha1_hex => \&Digest::SHA::sha1_hex,
    uc       => sub { uc $_[0] },
    lc       => sub { lc $_[0] },
    ucfirst  => sub { ucfirst $_[0] },
    lcfirst  => sub { lcfirst $_[0] },
    length   => sub { length $_[0] },
);

sub filter_body {
    my ($block, $body, $index) = @_;
    my $spec = $block->response_body_filters;

    my @filters = !ref $spec ? split ' ', $spec
                : ref $spec ne 'ARRAY' ? $spec
                : ref $spec->[0] eq 'ARRAY' ? @{ $spec->[$index] || [] }
                : @$spec;

    for my $filter (@filters) {
        my $code = ref $filter eq 'CODE' ? $filter : $BodyFilter{$filter}
            or bail_out($block->name . " - unknown response body filter $filter");
        $body = $code->($body);
    }

    return $body;
}

# ----------------------------------------------------------------- the logs

# The patterns of a log section: one a line, or a regex, or an array of both.
sub patterns {
    my ($value) = @_;
    return () if !defined $value;
    return grep { defined } @$value if ref $value eq 'ARRAY';
    return $value if ref $value;
    return grep { length } split /\n+/, $value;
}

sub line_matches {
    my ($line, $pattern) = @_;
    return ref $pattern ? $line =~ $pattern : index($line, $pattern) >= 0;
}

# One test for each pattern of sections $section and no_$section.
sub check_log {
    my ($block, $section, $lines, $round) = @_;
    my $name = $block->name;

    for my $pattern (patterns(scalar $block->$section)) {
        ok((grep { line_matches($_, $pattern) } @$lines) > 0,
           "$name - $section has \"$pattern\" (req $round)");
    }

    my $negative = "no_$section";
    for my $pattern (patterns(scalar $block->$negative)) {
        my @hits = grep { line_matches($_, $pattern) } @$lines;
        ok(@hits == 0, "$name - $section has no \"$pattern\" (req $round)")
            or diag('but it has: ', @hits > 5 ? (@hits[0 .. 4], "...\n") : @hits);
    }
}

sub check_error_log {
    my ($block, $round) = @_;
    my $name = $block->name;
    my $lines = error_log_data();

    check_grep_error_log($block, $lines, $round);
    check_log($block, 'error_log', $lines, $round);

    # of these the author of a block should know
    my $mentioned = join "\n", patterns(scalar $block->error_log),
                               patterns(scalar $block->no_error_log);
    for my $level (qw( alert crit emerg )) {
        next if $mentioned =~ /\\?\[$level/;
        warn "WARNING: $name - $_" for grep { /\[$level\]/ } @$lines;
    }

    extra_failure("$name - $_") for grep { /\bAssertion .*?failed\b/ } @$lines;
}

# The first match of grep_error_log in each line, one a line, has to be
# grep_error_log_out.  Arrays have an element for each repetition.
sub check_grep_error_log {
    my ($block, $lines, $round) = @_;
    my $name = $block->name;

    my ($pattern, $expected) = map { ref $_ eq 'ARRAY' ? $_->[$round] : $_ }
        scalar $block->grep_error_log, scalar $block->grep_error_log_out;
    return if !defined $pattern;

    $pattern = qr/\Q$pattern\E/ if !ref $pattern;
    my $got = join '', map { "$_\n" } grep { !/\n/ }
                       map { /($pattern)/ ? $1 : () } @$lines;

    is_str($got, expand_env($expected, $name),
           "$name - grep_error_log_out (req $round)");
}

# What the nginx of the block before logged on its way out.
sub check_shutdown_log {
    return if !$PrevBlock;
    my $block = $PrevBlock;
    undef $PrevBlock;

    check_log($block, 'shutdown_error_log', error_log_data(), 0)
        if has($block, 'shutdown_error_log')
           || has($block, 'no_shutdown_error_log');
}

1;
