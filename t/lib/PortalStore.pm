package PortalStore;

# A store with a past: messages, webhook events and attempts of some days,
# written by SQL while nginx is stopped, with the shape of days and nights.
#
#     PortalStore::fill($t, 'acme', events => 1_000_000, days => 30,
#                       webhooks => [ wh_ids ], names => [ ... ]);
#
# Each message has one webhook event for each of "fan" webhooks (1); nine of ten
# attempts succeed, the others are followed by one that does, but for some.

use strict;
use warnings;

use Time::HiRes qw(time);
use WebhookTest;

sub fill {
    my ($t, $uid, %o) = @_;

    my $fan = $o{fan} || 1;
    my $messages = int $o{events} / $fan;
    my $days = $o{days} || 30;
    my $from = int((time - $days * 86400) * 1000);
    my $step = ($days * 86400 * 1000 - 60_000) / $messages;
    my $names = join ',', map { "('$_')" } @{ $o{names} };
    my $name_count = @{ $o{names} };
    my $db = $t->store;

    $t->stop;

    open my $sql, '|-', "sqlite3 -bail $db >$t->{dir}/fill.out 2>&1" or die $!;
    print $sql <<SQL;
PRAGMA synchronous = OFF;
BEGIN;
CREATE TEMP TABLE c AS SELECT id, uid FROM company WHERE uid = '$uid';
UPDATE webhook SET company_id = ($from - 1000) << 20 WHERE company_id = (SELECT id FROM c);
UPDATE api_key SET company_id = ($from - 1000) << 20 WHERE company_id = (SELECT id FROM c);
UPDATE company SET id = ($from - 1000) << 20 WHERE uid = '$uid';
CREATE TEMP TABLE w (n INTEGER PRIMARY KEY, id, url);
INSERT INTO w SELECT row_number() OVER (ORDER BY id) - 1, id, url FROM webhook
    WHERE company_id = (SELECT id FROM company WHERE uid = '$uid') AND enabled AND deleted_at = 0;
CREATE TEMP TABLE e (n INTEGER PRIMARY KEY, name);
INSERT INTO e (name) VALUES $names;

-- when: evenly, and then pulled towards the days
CREATE TEMP TABLE i AS WITH RECURSIVE i (n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM i WHERE n + 1 < $messages + 8000000 / $step)
    SELECT n, $from + CAST(n * $step AS INTEGER)
        + CAST(7000000 * sin(6.2831853 * ($from + n * $step) / 86400000) AS INTEGER) AS at,
        1 + CAST(sqrt(n * 7919 % ($name_count * $name_count)) AS INTEGER) AS name,
        n * 104729 % (SELECT count(*) FROM w) AS hook
    FROM i;
CREATE TEMP TABLE m AS SELECT n, name, hook,
    (max(max(at, $from) + 0, 0) << 20) + (n % 65536) * 16 AS id, max(at, $from) AS at FROM i
    WHERE at < ($from + $days * 86400000 - 30000);
INSERT OR IGNORE INTO message SELECT m.id, (SELECT id FROM company WHERE uid = '$uid'), e.name,
    CAST('{"n":' || m.n || ',"severity":"high","source":{"ip":"198.51.100.' || (m.n % 250)
        || '"},"text":"' || hex(randomblob(80)) || '"}' AS BLOB)
    FROM m JOIN e ON e.n = m.name ORDER BY m.id;

CREATE TEMP TABLE v AS SELECT m.id + 1 + k.n AS id, m.id AS message_id, w.id AS webhook_id, w.url AS url, m.at AS at,
    abs(random()) % 1000 AS luck, abs(random()) % 1000 / 1000.0 AS pace
    FROM m JOIN (SELECT n FROM w WHERE n < $fan) k JOIN w ON w.n = (m.hook + k.n) % (SELECT count(*) FROM w);
INSERT OR IGNORE INTO webhook_event (id, message_id, webhook_id, company_id, status, owner, retries, due_at,
        delivered_at, attempt_id, reason)
    SELECT id, message_id, webhook_id, (SELECT id FROM company WHERE uid = '$uid'),
        CASE WHEN luck < 2 THEN 2 ELSE 1 END, 0, luck < 18, 0, CASE WHEN luck < 2 THEN 0 ELSE at + 80 END,
        id + CASE WHEN luck < 18 THEN 9 ELSE 8 END, CASE WHEN luck < 2 THEN 'attempts_exhausted' END FROM v ORDER BY id;
INSERT OR IGNORE INTO webhook_event_log (id, previous_id, webhook_event_id, number, started_at, status_code, error, detail,
        duration, name_lookup, connect, tls, first_byte, peer, url, signed_at, signature, response_head, response_body,
        truncated)
    SELECT id + 8, 0, id, 1, at, CASE WHEN luck < 18 THEN CASE WHEN luck % 9 THEN 503 ELSE 0 END ELSE 200 END,
        CASE WHEN luck < 18 THEN CASE WHEN luck % 9 THEN 'http_status' ELSE 'timeout' END END, NULL,
        CASE WHEN luck < 18 AND luck % 9 = 0 THEN 2400000 ELSE 38000 + CAST(pace * pace * pace * pace * 420000 AS INTEGER) END,
        900, 9000, 21000, 36000 + CAST(pace * pace * pace * pace * 400000 AS INTEGER), '198.51.100.7', url, at / 1000,
        lower(hex(randomblob(32))), CAST('HTTP/1.1 ' || CASE WHEN luck < 18 THEN '503 Service Unavailable' ELSE '200 OK' END
            || char(13, 10) || 'Content-Type: application/json' || char(13, 10) AS BLOB),
        CAST(CASE WHEN luck < 18 THEN 'busy' ELSE '{"ok":true}' END AS BLOB), 0 FROM v ORDER BY id;
INSERT OR IGNORE INTO webhook_event_log (id, previous_id, webhook_event_id, number, started_at, status_code, error, detail,
        duration, name_lookup, connect, tls, first_byte, peer, url, signed_at, signature, response_head, response_body,
        truncated)
    SELECT id + 9, id + 8, id, 2, at + 60000, CASE WHEN luck < 2 THEN 500 ELSE 200 END,
        CASE WHEN luck < 2 THEN 'http_status' END, NULL, 52000, 900, 9000, 21000, 50000, '198.51.100.7', url, at / 1000 + 60,
        lower(hex(randomblob(32))), CAST('HTTP/1.1 200 OK' AS BLOB), CAST('{"ok":true}' AS BLOB), 0 FROM v WHERE luck < 18 ORDER BY id;
UPDATE store SET last_id = max(last_id, (SELECT max(id) FROM webhook_event_log));
COMMIT;
PRAGMA wal_checkpoint(TRUNCATE);
SQL
    close $sql or die WebhookTest::slurp("$t->{dir}/fill.out");

    WebhookTest::sh("rm -f $db.index*");
    chown((getpwnam 'nobody')[2, 3], glob "$db*") if $> == 0 && $t->user =~ /^nobody/;
    $t->start;

    my $last = 0 + WebhookTest::sh("sqlite3 -readonly $db 'SELECT last_id FROM store'");

    $t->wait_for('the index', sub {
        select undef, undef, undef, 0.2;
        -s "$db.index" && (WebhookTest::sh(
            "sqlite3 -readonly $db.index 'SELECT position FROM state' 2>/dev/null || true") || 0) >= $last
    }, 900);

    return 0 + WebhookTest::sh("sqlite3 -readonly $db 'SELECT count(*) FROM webhook_event'");
}

1;
