-- Replays: what they are, and how they go on.  What they find comes in the
-- order of its identifiers: first which may belong to one (replay_events*,
-- replay_messages*, from behind ?2 on, below ?3), then each, looked at.

-- name: replay_insert
-- Begins one.
INSERT INTO replay (id, company_id, webhook_id, source, event_status, event,
    since_id, until_id, cursor_id, count, at_least, next_at)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12);

-- name: replay_get
-- One of a company.
SELECT id, company_id, webhook_id, source, event_status, event, since_id,
    until_id, cursor_id, count, at_least, done, skipped, status, reason,
    finished_at, due_at
FROM replay WHERE id = ?1 AND company_id = ?2;

-- name: replay_list
-- A page of them, newest first.
SELECT id, company_id, webhook_id, source, event_status, event, since_id,
    until_id, cursor_id, count, at_least, done, skipped, status, reason,
    finished_at, due_at
FROM replay WHERE company_id = ?1 AND id < ?2 ORDER BY id DESC LIMIT ?3;

-- name: replay_running
-- One that runs.
SELECT id, company_id, webhook_id, source, event_status, event, since_id,
    until_id, cursor_id, count, at_least, done, skipped, status, reason,
    finished_at, due_at
FROM replay WHERE id = ?1 AND status = 0;

-- name: replay_webhook
-- Whether a company has a webhook.
SELECT 1 FROM webhook WHERE id = ?1 AND company_id = ?2 AND deleted_at = 0;

-- name: replay_count
-- How many of a company run.
SELECT count(*) FROM replay WHERE company_id = ?1 AND status = 0;

-- name: replay_due
-- One that no worker has; none has it for longer than until ?2, whatever the
-- clock was set to.
SELECT id, webhook_id FROM
    (SELECT id, webhook_id FROM replay WHERE status = 0 AND next_at <= ?1
     ORDER BY next_at LIMIT 1)
UNION ALL
SELECT id, webhook_id FROM
    (SELECT id, webhook_id FROM replay WHERE status = 0 AND next_at > ?2
     LIMIT 1)
LIMIT 1;

-- name: replay_next
-- A worker has it until then.
UPDATE replay SET next_at = ?2 WHERE id = ?1;

-- name: replay_step
-- How far it is.
UPDATE replay
SET cursor_id = ?2, done = done + ?3, skipped = skipped + ?4, due_at = ?5,
    next_at = ?6
WHERE id = ?1;

-- name: replay_end
-- It is done (1), or cancelled (2) for a reason.
UPDATE replay SET status = ?2, reason = ?3, finished_at = ?4 WHERE id = ?1;

-- name: replay_backlog
-- How many events of a webhook are due by ?2 and nobody's, ?3 at most.
SELECT count(*) FROM
    (SELECT 1 FROM webhook_event
     WHERE webhook_id = ?1 AND status = 0 AND owner = 0 AND due_at <= ?2
     LIMIT ?3);

-- name: replay_events
-- Events of a webhook (?1) that are not pending, with a status (?4, or -1): as
-- in ids_webhook.
SELECT id FROM lists.by_webhook WHERE webhook_id = ?1 AND status = 1
    AND id > ?2 AND id < ?3 AND (?4 < 0 OR ?4 = 1)
UNION ALL
SELECT id FROM lists.by_webhook WHERE webhook_id = ?1 AND status = 2
    AND id > ?2 AND id < ?3 AND (?4 < 0 OR ?4 = 2)
UNION ALL
SELECT id FROM lists.by_webhook WHERE webhook_id = ?1 AND status = 3
    AND id > ?2 AND id < ?3 AND (?4 < 0 OR ?4 = 3)
UNION ALL
SELECT id FROM webhook_event
WHERE id > max(?5, ?2) AND id < ?3 AND webhook_id = ?1
UNION ALL
SELECT webhook_event_id FROM webhook_event_log
WHERE id > ?5 AND webhook_event_id <= ?5 AND webhook_event_id > ?2
    AND webhook_event_id < ?3
UNION ALL
SELECT webhook_event_id FROM webhook_event_change
WHERE id > ?6 AND webhook_event_id <= ?5 AND webhook_event_id > ?2
    AND webhook_event_id < ?3
ORDER BY 1;

-- name: replay_events_slice
-- Of a webhook (?1) among the next ?4 of everything.
SELECT id FROM
    (SELECT id, webhook_id FROM webhook_event WHERE id > ?2 AND id < ?3
     ORDER BY id LIMIT ?4)
WHERE webhook_id = ?1 ORDER BY id;

-- name: replay_events_end
-- Where that slice ends; none where it holds all that there is.
SELECT id FROM webhook_event WHERE id > ?2 AND id < ?3
ORDER BY id LIMIT 1 OFFSET ?4 - 1;

-- name: replay_messages
-- Messages of a company (?1).
SELECT id FROM lists.message_by_company
WHERE company_id = ?1 AND id > ?2 AND id < ?3
UNION ALL
SELECT id FROM message WHERE id > max(?5, ?2) AND id < ?3 AND company_id = ?1
ORDER BY 1;

-- name: replay_messages_name
-- Messages of a company (?1), with a name (?4).
SELECT id FROM lists.message_by_name
WHERE company_id = ?1
    AND name_id = (SELECT id FROM lists.name WHERE name = ?4)
    AND id > ?2 AND id < ?3
UNION ALL
SELECT id FROM message WHERE id > max(?5, ?2) AND id < ?3 AND company_id = ?1
ORDER BY 1;

-- name: replay_messages_slice
-- Of a company (?1) among the next ?4 of everything.
SELECT id FROM
    (SELECT id, company_id FROM message WHERE id > ?2 AND id < ?3
     ORDER BY id LIMIT ?4)
WHERE company_id = ?1 ORDER BY id;

-- name: replay_messages_end
-- Where that slice ends; none where it holds all that there is.
SELECT id FROM message WHERE id > ?2 AND id < ?3
ORDER BY id LIMIT 1 OFFSET ?4 - 1;

-- name: replay_event
-- Whether an event belongs to a replay: a test does not, nor what is still to
-- be sent, nor what cannot be sent any more.
SELECT 1 FROM webhook_event e JOIN message m ON m.id = e.message_id
WHERE e.id = ?1 AND e.webhook_id = ?2 AND e.status <> 0 AND e.test = 0
    AND (?3 IS NULL OR m.event = ?3)
    AND (?4 < 0 OR e.status = ?4)
    AND length(m.payload) > 0;

-- name: replay_message
-- The same of a message, whose name the webhook has to want.
SELECT event FROM message
WHERE id = ?1 AND company_id = ?2 AND (?3 IS NULL OR event = ?3)
    AND length(payload) > 0;

-- name: replay_again
-- Makes an event due at ?3, for one attempt, unless it is a worker's.
UPDATE webhook_event
SET status = 0, extra = status + 1, resume_at = due_at, due_at = ?3
WHERE id = ?1 AND webhook_id = ?2 AND status <> 0 AND owner = 0
    AND EXISTS (SELECT 1 FROM message m
                WHERE m.id = message_id AND length(m.payload) > 0);

-- name: replay_had
-- The event of a message (?1, whose own are up to ?2) for a webhook (?3).
SELECT id FROM webhook_event
WHERE id > ?1 AND id <= ?2 AND message_id = ?1 AND webhook_id = ?3
UNION ALL
SELECT webhook_event_id FROM replayed_event
WHERE message_id = ?1 AND webhook_id = ?3
LIMIT 1;

-- name: replay_new
-- A message (?2) for a webhook (?3) that never had it, due at ?4.
INSERT INTO webhook_event (id, message_id, webhook_id, company_id, status,
    owner, retries, due_at, test)
SELECT ?1, id, ?3, company_id, 0, 0, 0, ?4, 0 FROM message
WHERE id = ?2 AND company_id = ?5 AND length(payload) > 0;

-- name: replay_made
-- Remembers it.
INSERT INTO replayed_event (message_id, webhook_id, webhook_event_id)
VALUES (?1, ?2, ?3);
