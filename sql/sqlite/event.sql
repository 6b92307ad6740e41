-- Messages, webhook events and their attempts.

-- name: message_insert
-- Keeps an occurrence.
INSERT INTO message (id, company_id, event, payload) VALUES (?1, ?2, ?3, ?4);

-- name: event_insert
-- A message for a webhook, owned by a worker or by nobody (0).
INSERT INTO webhook_event (id, message_id, webhook_id, company_id, status,
    owner, retries, due_at, test)
VALUES (?1, ?2, ?3, ?4, 0, ?5, 0, ?6, ?7);

-- name: event_result
-- What came of an attempt.
UPDATE webhook_event
SET status = ?2, owner = 0, retries = ?3, due_at = ?4, delivered_at = ?5,
    attempt_id = ?6, reason = ?7, extra = 0
WHERE id = ?1 AND status = 0;

-- name: event_result_extra
-- An attempt that somebody has asked for has failed: the event is again what
-- it was.
UPDATE webhook_event
SET status = extra - 1, owner = 0, due_at = ?2, attempt_id = ?3, extra = 0
WHERE id = ?1 AND status = 0 AND extra <> 0;

-- name: event_result_late
-- The event was cancelled while the attempt was made: it stays what it is,
-- unless it was delivered (at ?3, or 0).  Where the attempt was of its schedule,
-- it was the ?4th retry; else that is -1.
UPDATE webhook_event
SET status = iif(?3, 1, status), delivered_at = iif(?3, ?3, delivered_at),
    reason = iif(?3, NULL, reason), owner = 0, attempt_id = ?2,
    retries = iif(?4 < 0, retries, ?4)
WHERE id = ?1 AND status <> 0;

-- name: event_release
-- Gives a webhook event back: any worker may claim it, where it is pending.
UPDATE webhook_event SET owner = 0 WHERE id = ?1;

-- name: event_cancel
-- Ends a webhook event without a further attempt: it is cancelled, or again
-- what it was before somebody asked for one.  The retry that it waits for is not
-- made.
UPDATE webhook_event
SET status = iif(extra > 1, extra - 1, 3),
    reason = iif(extra > 1, reason, ?2), extra = 0,
    retries = iif(extra > 1, retries, max(retries - 1, 0))
WHERE id = ?1 AND status = 0;

-- name: event_cancel_slice
-- Ends some of the pending events of a webhook that is gone.
UPDATE webhook_event
SET status = iif(extra > 1, extra - 1, 3),
    reason = iif(extra > 1, reason, 'webhook_deleted'), extra = 0,
    retries = iif(extra > 1, retries, max(retries - 1, 0))
WHERE id IN (SELECT id FROM webhook_event
             WHERE webhook_id = ?1 AND status = 0 AND owner = 0 LIMIT ?2);

-- name: event_retry
-- Makes an attempt due at ?2 that is not of the schedule.  One that waits for
-- such an attempt already goes on from where it was before that.
UPDATE webhook_event
SET status = 0, due_at = ?2,
    extra = iif(status = 0 AND extra <> 0, extra, status + 1),
    resume_at = iif(status = 0 AND extra <> 0, resume_at, due_at)
WHERE id = ?1;

-- name: attempt_previous
-- The attempt before; none where the webhook event was erased meanwhile.
SELECT attempt_id FROM webhook_event WHERE id = ?1;

-- name: attempt_number
-- Its number.
SELECT number FROM webhook_event_log WHERE id = ?1;

-- name: attempt_supersede
-- The attempt before was nginx's own fault, the same one: it makes room.
DELETE FROM webhook_event_log WHERE id = ?1 AND error = ?2
RETURNING previous_id, number;

-- name: attempt_insert
-- The log of an attempt, chained to the one before.
INSERT INTO webhook_event_log (id, previous_id, webhook_event_id, number,
    started_at, status_code, error, detail, duration, name_lookup, connect,
    tls, first_byte, peer, url, signed_at, signature, standard, response_head,
    response_body, truncated, previous, header_names)
VALUES (?1, ?23, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15,
    ?16, ?17, ?18, ?19, ?20, ?21, ?22);

-- name: queue_add
-- Makes sure that a webhook is looked at when an event of it falls due.
INSERT INTO webhook_queue (webhook_id, due_at) VALUES (?1, ?2)
ON CONFLICT (webhook_id) DO UPDATE SET due_at = min(due_at, excluded.due_at);

-- name: queue_due
-- The webhooks to look at.
SELECT webhook_id FROM webhook_queue WHERE due_at <= ?1
ORDER BY due_at LIMIT ?2;

-- name: queue_next
-- When to look again.
SELECT min(due_at) FROM webhook_queue;

-- name: queue_move
-- Looks at a webhook later.
UPDATE webhook_queue SET due_at = ?2 WHERE webhook_id = ?1;

-- name: queue_delete
-- A webhook has no work left, or may do none.
DELETE FROM webhook_queue WHERE webhook_id = ?1;

-- name: claim_rows
-- The events of a webhook that are due and nobody's.
SELECT e.id, e.retries, e.company_id, m.id, m.event, m.payload, e.extra,
    e.resume_at
FROM webhook_event e JOIN message m ON m.id = e.message_id
WHERE e.webhook_id = ?1 AND e.status = 0 AND e.owner = 0 AND e.due_at <= ?2
ORDER BY e.due_at, e.id LIMIT ?3;

-- name: claim_first
-- The first of a paused webhook; tests know no pause.
SELECT e.id, e.retries, e.company_id, m.id, m.event, m.payload, e.extra,
    e.resume_at
FROM webhook_event e JOIN message m ON m.id = e.message_id
WHERE e.webhook_id = ?1 AND e.status = 0 AND e.owner = 0 AND e.due_at <= ?2
    AND e.test = 0
ORDER BY e.due_at, e.id LIMIT ?3;

-- name: claim_ordered
-- The first of an ordered webhook; tests know no order.  Its events fall due in
-- the order of their identifiers, whatever the clock did: one that was never
-- tried, or that somebody has asked for, is not awaited.
SELECT e.id, e.retries, e.company_id, m.id, m.event, m.payload, e.extra,
    e.resume_at
FROM webhook_event e JOIN message m ON m.id = e.message_id
WHERE e.id = (SELECT id FROM webhook_event
              WHERE webhook_id = ?1 AND status = 0 AND owner = 0 AND test = 0
              ORDER BY due_at, id LIMIT ?3)
    AND (e.due_at <= ?2 OR e.attempt_id = 0 OR e.extra <> 0);

-- name: claim_head
-- The event of an ordered webhook that the others wait for, where it is due.
SELECT e.id, e.retries, e.company_id, m.id, m.event, m.payload, e.extra,
    e.resume_at
FROM webhook_queue q JOIN webhook_event e ON e.id = q.head_id
    JOIN message m ON m.id = e.message_id
WHERE q.webhook_id = ?1 AND e.status = 0 AND e.owner = 0
    AND (e.due_at <= ?2 OR e.attempt_id = 0 OR e.extra <> 0)
LIMIT ?3;

-- name: queue_head
-- Which that is, who has it, and when it is due (one that was never tried, or
-- that somebody has asked for: at once); none where it is done.
SELECT e.id, e.owner, iif(e.attempt_id = 0 OR e.extra <> 0, 0, e.due_at)
FROM webhook_queue q JOIN webhook_event e ON e.id = q.head_id
WHERE q.webhook_id = ?1 AND e.status = 0;

-- name: queue_set_head
-- Makes another event that one.
UPDATE webhook_queue SET head_id = ?2 WHERE webhook_id = ?1;

-- name: claim_tests
-- The same of a disabled webhook: its test events alone.
SELECT e.id, e.retries, e.company_id, m.id, m.event, m.payload, e.extra,
    e.resume_at
FROM webhook_event e JOIN message m ON m.id = e.message_id
WHERE e.webhook_id = ?1 AND e.test = 1 AND e.status = 0 AND e.owner = 0
    AND e.due_at <= ?2
LIMIT ?3;

-- name: claim_one
-- An event (?3) of a webhook that is to be tried now.
SELECT e.id, e.retries, e.company_id, m.id, m.event, m.payload, e.extra,
    e.resume_at
FROM webhook_event e JOIN message m ON m.id = e.message_id
WHERE e.id = ?3 AND e.webhook_id = ?1 AND e.status = 0 AND e.owner = 0
    AND e.due_at <= ?2;

-- name: claim_own
-- Takes one of them.
UPDATE webhook_event SET owner = ?2 WHERE id = ?1;

-- name: claim_next
-- When the next event of a webhook falls due.
SELECT min(due_at) FROM webhook_event
WHERE webhook_id = ?1 AND status = 0 AND owner = 0;

-- name: owner_next
-- The owners there are, one after the other.
SELECT min(owner) FROM webhook_event WHERE owner > ?1 AND owner <> 0;

-- name: owner_queue
-- Makes the webhooks of a dead worker's events be looked at ...
INSERT INTO webhook_queue (webhook_id, due_at)
SELECT webhook_id, min(due_at) FROM webhook_event
WHERE owner = ?1 AND owner <> 0 GROUP BY webhook_id
ON CONFLICT (webhook_id) DO UPDATE SET due_at = min(due_at, excluded.due_at);

-- name: owner_release
-- ... and gives them back.
UPDATE webhook_event SET owner = 0 WHERE owner = ?1 AND owner <> 0;

-- name: event_get
-- A webhook event of a company with its payload.
SELECT e.id, e.message_id, e.webhook_id, m.event, e.status, e.retries,
    e.due_at, e.delivered_at, iif(e.status = 0, NULL, e.reason), e.owner,
    e.test, e.attempt_id, m.payload
FROM webhook_event e JOIN message m ON m.id = e.message_id
WHERE e.id = ?1 AND e.company_id = ?2;

-- name: attempt_get
-- An attempt.
SELECT previous_id, number, started_at, status_code, error, detail, duration,
    name_lookup, connect, tls, first_byte, peer, url, signed_at, signature,
    standard, response_head, response_body, truncated, previous, header_names
FROM webhook_event_log WHERE id = ?1;
