-- Statistics: what the index of lists has counted, of a company (?1), in
-- buckets of ?2 ms that begin from ?3 on and before ?4, of all its webhooks
-- (?5 is 0), of one, or of each; and, row by row, what came later than the
-- index is.

-- name: stats_attempts
-- The attempts of one webhook, or of all: a look for each bucket.
WITH RECURSIVE b (start) AS (
    VALUES (?3)
    UNION ALL
    SELECT start + ?2 FROM b WHERE start + ?2 < ?4
)
SELECT s.webhook_id, s.start, s.status_code, s.outcome, s.latency, s.attempts,
    s.duration
FROM b CROSS JOIN lists.statistics s
WHERE s.company_id = ?1 AND s.span = ?2 AND s.start = b.start
    AND s.webhook_id = ?5;

-- name: stats_attempts_each
-- Of each.
SELECT webhook_id, start, status_code, outcome, latency, attempts, duration
FROM lists.statistics
WHERE company_id = ?1 AND span = ?2 AND start >= ?3 AND start < ?4;

-- name: stats_names
-- Messages, webhook events, attempts, by name, of one webhook or of all.
WITH RECURSIVE b (start) AS (
    VALUES (?3)
    UNION ALL
    SELECT start + ?2 FROM b WHERE start + ?2 < ?4
)
SELECT s.webhook_id, s.start, s.messages, s.events, s.name_id, s.attempts,
    s.delivered, s.failed
FROM b CROSS JOIN lists.statistics_name s
WHERE s.company_id = ?1 AND s.span = ?2 AND s.start = b.start
    AND s.webhook_id = ?5;

-- name: stats_names_each
-- Of each, but not by name.
SELECT webhook_id, start, messages, events
FROM lists.statistics_name
WHERE company_id = ?1 AND span = ?2 AND start >= ?3 AND start < ?4;

-- name: stats_name
-- A name.
SELECT name FROM lists.name WHERE id = ?1;

-- name: stats_webhooks
-- The webhooks of a company below ?2, newest first.
SELECT id FROM webhook WHERE company_id = ?1 AND id < ?2 AND deleted_at = 0
ORDER BY id DESC LIMIT ?3;

-- name: stats_tail
-- Up to where what came after ?1 is counted, ?2 rows of each kind at most; and
-- whether there is more.
SELECT min(ifnull((SELECT id FROM message WHERE id > ?1
                   ORDER BY id LIMIT 1 OFFSET ?2), s.last_id),
           ifnull((SELECT id FROM webhook_event WHERE id > ?1
                   ORDER BY id LIMIT 1 OFFSET ?2), s.last_id),
           ifnull((SELECT id FROM webhook_event_log WHERE id > ?1
                   ORDER BY id LIMIT 1 OFFSET ?2), s.last_id)),
    s.last_id
FROM store s WHERE s.id = 1;

-- name: stats_tail_attempts
-- The attempts of a company after ?2, up to ?3, that began from ?4 on and
-- before ?5.
SELECT e.webhook_id, l.started_at, m.event, l.status_code,
    CASE WHEN l.error IS NULL THEN 1
         WHEN e.status = 2 AND e.attempt_id = l.id THEN 2
         ELSE 0 END,
    l.duration
FROM webhook_event_log l CROSS JOIN webhook_event e
    ON e.id = l.webhook_event_id
    JOIN message m ON m.id = e.message_id
WHERE l.id > ?2 AND l.id <= ?3 AND l.started_at >= ?4 AND l.started_at < ?5
    AND e.company_id = ?1;

-- name: stats_tail_events
-- Its webhook events.
SELECT e.webhook_id, e.id, m.event
FROM webhook_event e CROSS JOIN message m ON m.id = e.message_id
WHERE e.id > ?2 AND e.id <= ?3 AND e.company_id = ?1;

-- name: stats_tail_messages
-- Its messages.
SELECT id, event FROM message WHERE id > ?2 AND id <= ?3 AND company_id = ?1;
