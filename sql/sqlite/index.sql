-- The index of lists, a file of its own that is attached as "lists": made
-- from the store, behind it, and made anew where it is missing or broken.

-- name: index_attach
-- Opens the file beside the store.
ATTACH ?1 AS lists;

-- name: index_detach
-- Closes it.
DETACH lists;

-- name: index_version
-- The version of its schema; 0 in a new file.
PRAGMA lists.user_version;

-- name: index_schema
-- Makes its tables.  "position" is the identifier up to which everything of
-- the store is in them, "change" the same of webhook_event_change.  A bucket
-- of statistics begins at "start" (ms since the epoch) and is "span" ms long;
-- webhook 0 is all of a company.  "outcome" is a webhook_event.status, 0 where
-- the attempt is to be repeated; "latency" is 2 * log2 of the duration in us,
-- rounded down; messages are counted for webhook 0 alone.
BEGIN;

CREATE TABLE lists.state (
    id        INTEGER PRIMARY KEY CHECK (id = 1),
    position  INTEGER NOT NULL,
    change    INTEGER NOT NULL
) STRICT;

INSERT INTO lists.state VALUES (1, 0, 0);

CREATE TABLE lists.name (
    id    INTEGER PRIMARY KEY,
    name  TEXT NOT NULL UNIQUE
) STRICT;

CREATE TABLE lists.by_company (
    company_id  INTEGER NOT NULL,
    status      INTEGER NOT NULL,
    id          INTEGER NOT NULL,
    PRIMARY KEY (company_id, status, id)
) STRICT, WITHOUT ROWID;

CREATE TABLE lists.by_webhook (
    webhook_id  INTEGER NOT NULL,
    status      INTEGER NOT NULL,
    id          INTEGER NOT NULL,
    PRIMARY KEY (webhook_id, status, id)
) STRICT, WITHOUT ROWID;

CREATE TABLE lists.by_name (
    company_id  INTEGER NOT NULL,
    name_id     INTEGER NOT NULL,
    id          INTEGER NOT NULL,
    PRIMARY KEY (company_id, name_id, id)
) STRICT, WITHOUT ROWID;

CREATE TABLE lists.message_by_company (
    company_id  INTEGER NOT NULL,
    id          INTEGER NOT NULL,
    PRIMARY KEY (company_id, id)
) STRICT, WITHOUT ROWID;

CREATE TABLE lists.message_by_name (
    company_id  INTEGER NOT NULL,
    name_id     INTEGER NOT NULL,
    id          INTEGER NOT NULL,
    PRIMARY KEY (company_id, name_id, id)
) STRICT, WITHOUT ROWID;

CREATE TABLE lists.statistics (
    company_id   INTEGER NOT NULL,
    span         INTEGER NOT NULL,
    start        INTEGER NOT NULL,
    webhook_id   INTEGER NOT NULL,
    status_code  INTEGER NOT NULL,
    outcome      INTEGER NOT NULL,
    latency      INTEGER NOT NULL,
    attempts     INTEGER NOT NULL,
    duration     INTEGER NOT NULL,
    PRIMARY KEY (company_id, span, start, webhook_id, status_code, outcome,
        latency)
) STRICT, WITHOUT ROWID;

CREATE TABLE lists.statistics_name (
    company_id   INTEGER NOT NULL,
    span         INTEGER NOT NULL,
    start        INTEGER NOT NULL,
    webhook_id   INTEGER NOT NULL,
    name_id      INTEGER NOT NULL,
    messages     INTEGER NOT NULL,
    events       INTEGER NOT NULL,
    attempts     INTEGER NOT NULL,
    delivered    INTEGER NOT NULL,
    failed       INTEGER NOT NULL,
    PRIMARY KEY (company_id, span, start, webhook_id, name_id)
) STRICT, WITHOUT ROWID;

CREATE TABLE lists.last (
    webhook_id  INTEGER PRIMARY KEY,
    success_at  INTEGER NOT NULL,
    failure_at  INTEGER NOT NULL
) STRICT;

PRAGMA lists.user_version = 4;

COMMIT;

-- name: index_state
-- How far it is.
SELECT position, change FROM lists.state WHERE id = 1;

-- name: index_state_set
-- Remembers it.
UPDATE lists.state SET position = ?1, change = ?2 WHERE id = 1;

-- name: index_window
-- Where a window of at most ?2 + 1 messages, webhook events, attempts and
-- changes each ends.
SELECT
    min(ifnull((SELECT id FROM message WHERE id > ?1
                ORDER BY id LIMIT 1 OFFSET ?2), s.last_id),
        ifnull((SELECT id FROM webhook_event WHERE id > ?1
                ORDER BY id LIMIT 1 OFFSET ?2), s.last_id),
        ifnull((SELECT id FROM webhook_event_log WHERE id > ?1
                ORDER BY id LIMIT 1 OFFSET ?2), s.last_id)),
    ifnull((SELECT max(id) FROM (SELECT id FROM webhook_event_change
            WHERE id > ?3 ORDER BY id LIMIT ?2 + 1)), ?3),
    s.last_id,
    ifnull((SELECT seq FROM sqlite_sequence
            WHERE name = 'webhook_event_change'), 0)
FROM store s WHERE s.id = 1;

-- name: index_ahead
-- Whether the index has what the store has not, for an older copy of the
-- store was put in its place.
SELECT l.position > s.last_id OR l.change >
    ifnull((SELECT seq FROM sqlite_sequence
            WHERE name = 'webhook_event_change'), 0)
FROM lists.state l, store s;

-- name: index_messages
-- The messages of a window.  Each row of it is read once; what is written is
-- sorted before, so that each page of the index is touched once.
SELECT id, company_id, event FROM message WHERE id > ?1 AND id <= ?2
ORDER BY id;

-- name: index_events
-- Its webhook events.
SELECT id, company_id, webhook_id, attempt_id, status, message_id
FROM webhook_event WHERE id > ?1 AND id <= ?2 ORDER BY id;

-- name: index_attempts
-- Its attempts.
SELECT id, webhook_event_id, started_at, status_code, error IS NULL, duration
FROM webhook_event_log WHERE id > ?1 AND id <= ?2 ORDER BY id;

-- name: index_message
-- The name of an older message.
SELECT event FROM message WHERE id = ?1;

-- name: index_event
-- An older webhook event.
SELECT e.company_id, e.webhook_id, e.attempt_id, e.status, m.event
FROM webhook_event e LEFT JOIN message m ON m.id = e.message_id
WHERE e.id = ?1;

-- name: index_name
-- Gives a name a number ...
INSERT OR IGNORE INTO lists.name (name) VALUES (?1);

-- name: index_name_id
-- ... which is this.
SELECT id FROM lists.name WHERE name = ?1;

-- name: index_message_by_company
-- Messages; as the others of a window, eight rows at a time, for a statement
-- costs as much as a row.
INSERT OR IGNORE INTO lists.message_by_company (company_id, id)
VALUES
    (?1, ?2), (?3, ?4), (?5, ?6), (?7, ?8),
    (?9, ?10), (?11, ?12), (?13, ?14), (?15, ?16);

-- name: index_message_by_name
-- The same by name.
INSERT OR IGNORE INTO lists.message_by_name (company_id, name_id, id)
VALUES
    (?1, ?2, ?3), (?4, ?5, ?6), (?7, ?8, ?9), (?10, ?11, ?12),
    (?13, ?14, ?15), (?16, ?17, ?18), (?19, ?20, ?21), (?22, ?23, ?24);

-- name: index_last
-- When webhooks' last attempts began: the last that succeeded, and the last
-- that failed.
INSERT INTO lists.last (webhook_id, success_at, failure_at)
VALUES
    (?1, ?2, ?3), (?4, ?5, ?6), (?7, ?8, ?9), (?10, ?11, ?12),
    (?13, ?14, ?15), (?16, ?17, ?18), (?19, ?20, ?21), (?22, ?23, ?24)
ON CONFLICT (webhook_id) DO UPDATE SET
    success_at = max(success_at, excluded.success_at),
    failure_at = max(failure_at, excluded.failure_at);

-- name: last_get
-- Those of a webhook.
SELECT success_at, failure_at FROM lists.last WHERE webhook_id = ?1;

-- name: sweep_last
-- Forgets those of one that is gone.
DELETE FROM lists.last WHERE webhook_id = ?1;

-- name: index_by_company
-- Webhook events.
INSERT OR IGNORE INTO lists.by_company (company_id, status, id)
VALUES
    (?1, ?2, ?3), (?4, ?5, ?6), (?7, ?8, ?9), (?10, ?11, ?12),
    (?13, ?14, ?15), (?16, ?17, ?18), (?19, ?20, ?21), (?22, ?23, ?24);

-- name: index_by_webhook
-- The same by webhook.
INSERT OR IGNORE INTO lists.by_webhook (webhook_id, status, id)
VALUES
    (?1, ?2, ?3), (?4, ?5, ?6), (?7, ?8, ?9), (?10, ?11, ?12),
    (?13, ?14, ?15), (?16, ?17, ?18), (?19, ?20, ?21), (?22, ?23, ?24);

-- name: index_by_name
-- The same by name.
INSERT OR IGNORE INTO lists.by_name (company_id, name_id, id)
VALUES
    (?1, ?2, ?3), (?4, ?5, ?6), (?7, ?8, ?9), (?10, ?11, ?12),
    (?13, ?14, ?15), (?16, ?17, ?18), (?19, ?20, ?21), (?22, ?23, ?24);

-- name: index_moved_table
-- The older events of which a window holds an attempt or a change.
CREATE TEMP TABLE IF NOT EXISTS moved (id INTEGER PRIMARY KEY);

-- name: index_moved_clear
-- Forgets those of the last window.
DELETE FROM temp.moved;

-- name: index_moved
-- Finds them.
INSERT OR IGNORE INTO temp.moved (id)
SELECT webhook_event_id FROM webhook_event_log
WHERE id > ?1 AND id <= ?2 AND webhook_event_id <= ?1
UNION
SELECT webhook_event_id FROM webhook_event_change
WHERE id > ?3 AND id <= ?4 AND webhook_event_id <= ?1;

-- name: index_move_company
-- Takes them from where they were ...
DELETE FROM lists.by_company WHERE (company_id, status, id) IN
    (SELECT e.company_id, s.column1, e.id
     FROM temp.moved v JOIN webhook_event e ON e.id = v.id
         JOIN (VALUES (0), (1), (2), (3)) s ON s.column1 <> e.status);

-- name: index_move_webhook
-- ... in both lists ...
DELETE FROM lists.by_webhook WHERE (webhook_id, status, id) IN
    (SELECT e.webhook_id, s.column1, e.id
     FROM temp.moved v JOIN webhook_event e ON e.id = v.id
         JOIN (VALUES (0), (1), (2), (3)) s ON s.column1 <> e.status);

-- name: index_moved_company
-- ... to where they belong.
INSERT OR IGNORE INTO lists.by_company (company_id, status, id)
SELECT e.company_id, e.status, e.id
FROM temp.moved v JOIN webhook_event e ON e.id = v.id;

-- name: index_moved_webhook
-- The same by webhook.
INSERT OR IGNORE INTO lists.by_webhook (webhook_id, status, id)
SELECT e.webhook_id, e.status, e.id
FROM temp.moved v JOIN webhook_event e ON e.id = v.id;

-- name: index_statistics
-- Adds attempts to a bucket of ?1 ms.
INSERT INTO lists.statistics (span, company_id, start, webhook_id,
    status_code, outcome, latency, attempts, duration)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)
ON CONFLICT DO UPDATE SET attempts = attempts + excluded.attempts,
    duration = duration + excluded.duration;

-- name: index_statistics_name
-- The same by name.
INSERT INTO lists.statistics_name (span, company_id, start, webhook_id,
    name_id, messages, events, attempts, delivered, failed)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)
ON CONFLICT DO UPDATE SET messages = messages + excluded.messages,
    events = events + excluded.events, attempts = attempts + excluded.attempts,
    delivered = delivered + excluded.delivered,
    failed = failed + excluded.failed;

-- name: sweep_company
-- The next company in the lists after ?1; from which identifier on (?2: the
-- oldest there is) its rows are of use: none of them where it is gone.
SELECT c.id, iif(EXISTS (SELECT 1 FROM main.company
                         WHERE id = c.id AND deleted_at >= 0), ?2,
    0x7fffffffffffffff)
FROM (SELECT min(id) AS id FROM
      (SELECT min(company_id) AS id FROM lists.by_company
       WHERE company_id > ?1
       UNION ALL
       SELECT min(company_id) FROM lists.by_name WHERE company_id > ?1
       UNION ALL
       SELECT min(company_id) FROM lists.message_by_company
       WHERE company_id > ?1
       UNION ALL
       SELECT min(company_id) FROM lists.message_by_name
       WHERE company_id > ?1
       UNION ALL
       SELECT min(company_id) FROM lists.statistics WHERE company_id > ?1
       UNION ALL
       SELECT min(company_id) FROM lists.statistics_name
       WHERE company_id > ?1)) c
WHERE c.id IS NOT NULL;

-- name: sweep_by_company
-- Takes some of the others away ...
DELETE FROM lists.by_company WHERE (company_id, status, id) IN
    (SELECT company_id, status, id FROM lists.by_company
     WHERE company_id = ?1 AND status IN (0, 1, 2, 3) AND id < ?2 LIMIT ?3);

-- name: sweep_by_name
-- ... by name ...
WITH RECURSIVE n (id) AS (
    SELECT min(name_id) FROM lists.by_name WHERE company_id = ?1
    UNION ALL
    SELECT (SELECT min(name_id) FROM lists.by_name
            WHERE company_id = ?1 AND name_id > n.id)
    FROM n WHERE n.id IS NOT NULL
)
DELETE FROM lists.by_name WHERE (company_id, name_id, id) IN
    (SELECT b.company_id, b.name_id, b.id
     FROM n CROSS JOIN lists.by_name b
         ON b.company_id = ?1 AND b.name_id = n.id AND b.id < ?2
     LIMIT ?3);

-- name: sweep_message_by_company
-- ... of messages ...
DELETE FROM lists.message_by_company WHERE (company_id, id) IN
    (SELECT company_id, id FROM lists.message_by_company
     WHERE company_id = ?1 AND id < ?2 LIMIT ?3);

-- name: sweep_message_by_name
-- ... by name, too, ...
WITH RECURSIVE n (id) AS (
    SELECT min(name_id) FROM lists.message_by_name WHERE company_id = ?1
    UNION ALL
    SELECT (SELECT min(name_id) FROM lists.message_by_name
            WHERE company_id = ?1 AND name_id > n.id)
    FROM n WHERE n.id IS NOT NULL
)
DELETE FROM lists.message_by_name WHERE (company_id, name_id, id) IN
    (SELECT b.company_id, b.name_id, b.id
     FROM n CROSS JOIN lists.message_by_name b
         ON b.company_id = ?1 AND b.name_id = n.id AND b.id < ?2
     LIMIT ?3);

-- name: sweep_statistics
-- ... and buckets of ?2 ms that begin before ?3.
DELETE FROM lists.statistics
WHERE company_id = ?1 AND span = ?2 AND start < ?3;

-- name: sweep_statistics_name
-- The same by name.
DELETE FROM lists.statistics_name
WHERE company_id = ?1 AND span = ?2 AND start < ?3;

-- name: sweep_webhook
-- The same of webhooks.
SELECT w.id, iif(EXISTS (SELECT 1 FROM main.webhook WHERE id = w.id), ?2,
    0x7fffffffffffffff)
FROM (SELECT min(webhook_id) AS id FROM lists.by_webhook
      WHERE webhook_id > ?1) w
WHERE w.id IS NOT NULL;

-- name: sweep_by_webhook
-- Takes some away.
DELETE FROM lists.by_webhook WHERE (webhook_id, status, id) IN
    (SELECT webhook_id, status, id FROM lists.by_webhook
     WHERE webhook_id = ?1 AND status IN (0, 1, 2, 3) AND id < ?2 LIMIT ?3);
