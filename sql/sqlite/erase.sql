-- Erasure: of a message, of a company, and of what is too old.

-- name: message_company
-- Whose a message is.
SELECT company_id FROM message WHERE id = ?1;

-- name: erase_wakes
-- The webhooks that wait for an event of it are looked at (?3): those that are
-- ordered have others that waited for this one.
UPDATE webhook_queue SET due_at = min(due_at, ?3)
WHERE webhook_id IN
    (SELECT webhook_id FROM webhook_event
     WHERE id > ?1 AND id <= ?2 AND message_id = ?1 AND status = 0
     UNION ALL
     SELECT e.webhook_id
     FROM replayed_event r JOIN webhook_event e ON e.id = r.webhook_event_id
     WHERE r.message_id = ?1 AND e.status = 0);

-- name: erase_attempts
-- The attempts of a message's webhook events, whose identifiers follow the
-- message's own, but for those of replays.  An attempt comes after the one
-- before: a chain that is damaged ends, too.
WITH RECURSIVE chain (id) AS (
    SELECT attempt_id FROM webhook_event
    WHERE id > ?1 AND id <= ?2 AND message_id = ?1 AND attempt_id <> 0
    UNION
    SELECT e.attempt_id
    FROM replayed_event r JOIN webhook_event e ON e.id = r.webhook_event_id
    WHERE r.message_id = ?1 AND e.attempt_id <> 0
    UNION
    SELECT l.previous_id FROM webhook_event_log l JOIN chain ON l.id = chain.id
    WHERE l.previous_id <> 0 AND l.previous_id < l.id
)
DELETE FROM webhook_event_log WHERE id IN (SELECT id FROM chain);

-- name: erase_events
-- The webhook events themselves.
DELETE FROM webhook_event WHERE id > ?1 AND id <= ?2 AND message_id = ?1;

-- name: erase_replayed_events
-- Those of replays ...
DELETE FROM webhook_event WHERE id IN
    (SELECT webhook_event_id FROM replayed_event WHERE message_id = ?1);

-- name: erase_replayed
-- ... and which they were.
DELETE FROM replayed_event WHERE message_id = ?1;

-- name: erase_message
-- The message.
DELETE FROM message WHERE id = ?1;

-- name: erase_keys
-- The idempotency keys of a company.
DELETE FROM idempotency WHERE company_id = ?1;

-- name: company_delete
-- Begins the end of a company: it is found no more, its uid is free.
UPDATE company
SET uid = NULL, enabled = 0, deleted_at = ?2, erased_id = ?1, generation = ?3
WHERE id = ?1;

-- name: company_webhooks_delete
-- Its webhooks end too, their secrets first.
UPDATE webhook
SET deleted_at = ?2, generation = ?3, secret = x'', previous = NULL,
    header_names = NULL, header_values = NULL
WHERE company_id = ?1 AND deleted_at = 0;

-- name: company_erasing
-- A company whose messages are still to be erased.
SELECT id, erased_id FROM company WHERE deleted_at <> 0 AND deleted_at > 0
LIMIT 1;

-- name: company_erased
-- How far it is.
UPDATE company SET erased_id = ?2 WHERE id = ?1;

-- name: messages_slice
-- Some messages after one, with whose they are.
SELECT id, company_id FROM message WHERE id > ?1 ORDER BY id LIMIT ?2;

-- name: erase_subscriptions
-- The last of a company: its subscriptions, ...
DELETE FROM subscription WHERE webhook_id IN
    (SELECT id FROM webhook WHERE company_id = ?1);

-- name: erase_queue
-- ... what its webhooks waited for, ...
DELETE FROM webhook_queue WHERE webhook_id IN
    (SELECT id FROM webhook WHERE company_id = ?1);

-- name: erase_health
-- ... how they did, ...
DELETE FROM webhook_health WHERE webhook_id IN
    (SELECT id FROM webhook WHERE company_id = ?1);

-- name: erase_replays
-- ... what was to be replayed to them, ...
DELETE FROM replay WHERE company_id = ?1;

-- name: erase_webhooks
-- ... its webhooks, ...
DELETE FROM webhook WHERE company_id = ?1;

-- name: erase_company
-- ... and itself, but for the fact that it was deleted, which workers are still
-- to see: the time is negative now.
UPDATE company SET name = '', deleted_at = -deleted_at WHERE id = ?1;

-- name: company_forget
-- Forgets those that were deleted before a time, which is negative.
DELETE FROM company
WHERE deleted_at <> 0 AND deleted_at > ?1 AND deleted_at < 0;

-- name: retention_get
-- How far payloads are erased.
SELECT payloads_id FROM retention WHERE id = 1;

-- name: retention_set
-- Remembers it.
UPDATE retention SET payloads_id = ?1 WHERE id = 1;

-- name: payloads_end
-- Where the next slice of payloads ends, none where there are fewer.
SELECT id FROM message WHERE id > ?1 AND id < ?2 ORDER BY id LIMIT 1 OFFSET ?3;

-- name: payloads_erase
-- Erases the payloads of a slice.
UPDATE message SET payload = x'' WHERE id > ?1 AND id <= ?2;

-- name: payloads_cancel
-- What was still to be sent of it cannot be any more.
UPDATE webhook_event
SET status = iif(extra > 1, extra - 1, 3),
    reason = iif(extra > 1, reason, 'payload_expired'), extra = 0,
    retries = iif(extra > 1, retries, max(retries - 1, 0))
WHERE id > ?1 AND id <= ?2 AND status = 0 AND owner = 0;

-- name: payloads_cancel_replayed
-- The same of replays.
UPDATE webhook_event
SET status = iif(extra > 1, extra - 1, 3),
    reason = iif(extra > 1, reason, 'payload_expired'), extra = 0,
    retries = iif(extra > 1, retries, max(retries - 1, 0))
WHERE id IN (SELECT webhook_event_id FROM replayed_event
             WHERE message_id > ?1 AND message_id <= ?2)
    AND status = 0 AND owner = 0;

-- name: expire_cancel
-- An attempt that was made while a payload was erased has left its event pending:
-- it ends ...
UPDATE webhook_event
SET status = iif(extra > 1, extra - 1, 3),
    reason = iif(extra > 1, reason, 'payload_expired'), extra = 0,
    retries = iif(extra > 1, retries, max(retries - 1, 0))
WHERE id IN (SELECT id FROM webhook_event WHERE id < ?1 ORDER BY id LIMIT ?2)
    AND status = 0 AND owner = 0;

-- name: expire_cancel_replayed
-- ... and so do those of replays.
UPDATE webhook_event
SET status = iif(extra > 1, extra - 1, 3),
    reason = iif(extra > 1, reason, 'payload_expired'), extra = 0,
    retries = iif(extra > 1, retries, max(retries - 1, 0))
WHERE id IN (SELECT webhook_event_id FROM replayed_event WHERE message_id < ?1
             ORDER BY message_id, webhook_id LIMIT ?2)
    AND status = 0 AND owner = 0;

-- name: expire_attempts
-- Deletes some of the oldest attempts ...
DELETE FROM webhook_event_log WHERE id IN
    (SELECT id FROM webhook_event_log WHERE id < ?1 ORDER BY id LIMIT ?2);

-- name: expire_events
-- ... webhook events, but for those that are being tried ...
DELETE FROM webhook_event WHERE id IN
    (SELECT id FROM webhook_event WHERE id < ?1 ORDER BY id LIMIT ?2)
    AND status <> 0;

-- name: expire_replayed_events
-- ... those that were made of old messages ...
DELETE FROM webhook_event WHERE id IN
    (SELECT webhook_event_id FROM replayed_event WHERE message_id < ?1
     ORDER BY message_id, webhook_id LIMIT ?2)
    AND status <> 0;

-- name: expire_replayed
-- ... and which they were ...
DELETE FROM replayed_event WHERE (message_id, webhook_id) IN
    (SELECT message_id, webhook_id FROM replayed_event WHERE message_id < ?1
     ORDER BY message_id, webhook_id LIMIT ?2)
    AND NOT EXISTS (SELECT 1 FROM webhook_event e
                    WHERE e.id = replayed_event.webhook_event_id);

-- name: expire_replays
-- ... replays ...
DELETE FROM replay WHERE id IN
    (SELECT id FROM replay WHERE id < ?1 ORDER BY id LIMIT ?2)
    AND status <> 0;

-- name: expire_messages
-- ... and messages that have none any more: theirs are the first that follow.
DELETE FROM message WHERE id IN
    (SELECT id FROM message WHERE id < ?1 ORDER BY id LIMIT ?2)
    AND id IS NOT (SELECT e.message_id FROM webhook_event e
                   WHERE e.id > message.id ORDER BY e.id LIMIT 1)
    AND NOT EXISTS (SELECT 1 FROM replayed_event r
                    WHERE r.message_id = message.id);

-- name: expire_changes
-- The oldest changes go with the events that they were of.
DELETE FROM webhook_event_change WHERE id IN
    (SELECT id FROM (SELECT id, webhook_event_id FROM webhook_event_change
                     ORDER BY id LIMIT ?2)
     WHERE webhook_event_id < ?1);
