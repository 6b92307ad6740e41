-- Lists of webhook events, newest first: first which may be in one (ids_*,
-- from ?2 on downwards, not below ?3), then each of them, looked at.

-- name: list_row
-- A webhook event, where it is in the list: the filters are NULL, 0 or -1
-- where they are not asked for.
SELECT e.id, e.message_id, e.webhook_id, m.event, e.status, e.retries,
    e.due_at, e.delivered_at, iif(e.status = 0, NULL, e.reason), e.owner,
    e.test
FROM webhook_event e JOIN message m ON m.id = e.message_id
WHERE e.id = ?1 AND e.company_id = ?2
    AND (?3 = 0 OR e.webhook_id = ?3)
    AND (?4 < 0 OR e.status = ?4)
    AND (?5 = 0 OR e.message_id = ?5)
    AND (?6 IS NULL OR m.event = ?6)
    AND (?7 IS NULL OR instr(m.payload, ?7) > 0 OR instr(m.payload, ?8) > 0
         OR instr(m.payload, ?9) > 0 OR instr(m.payload, ?10) > 0);

-- name: list_owner
-- Whose a webhook is, deleted or not.
SELECT company_id FROM webhook WHERE id = ?1;

-- name: list_oldest
-- The oldest message or webhook event there is.
SELECT ifnull(min(id), 0) FROM
    (SELECT min(id) AS id FROM message
     UNION ALL
     SELECT min(id) FROM webhook_event);

-- name: list_lag
-- 1 where the index is more than ?3 webhook events, messages, attempts or
-- changes behind.
SELECT EXISTS (SELECT 1 FROM webhook_event WHERE id > ?1
               LIMIT 1 OFFSET ?3)
    OR EXISTS (SELECT 1 FROM message WHERE id > ?1
               LIMIT 1 OFFSET ?3)
    OR EXISTS (SELECT 1 FROM webhook_event_log WHERE id > ?1
               LIMIT 1 OFFSET ?3)
    OR EXISTS (SELECT 1 FROM webhook_event_change WHERE id > ?2
               LIMIT 1 OFFSET ?3);

-- name: ids_company
-- Of a company (?1), with a status (?4, or -1): those of the index, which is
-- up to ?5 (changes: ?6), what came later, and what has changed since.
SELECT id FROM lists.by_company WHERE company_id = ?1 AND status = 0
    AND id < ?2 AND id >= ?3 AND (?4 < 0 OR ?4 = 0)
UNION ALL
SELECT id FROM lists.by_company WHERE company_id = ?1 AND status = 1
    AND id < ?2 AND id >= ?3 AND (?4 < 0 OR ?4 = 1)
UNION ALL
SELECT id FROM lists.by_company WHERE company_id = ?1 AND status = 2
    AND id < ?2 AND id >= ?3 AND (?4 < 0 OR ?4 = 2)
UNION ALL
SELECT id FROM lists.by_company WHERE company_id = ?1 AND status = 3
    AND id < ?2 AND id >= ?3 AND (?4 < 0 OR ?4 = 3)
UNION ALL
SELECT id FROM webhook_event WHERE id > ?5 AND id < ?2 AND id >= ?3
    AND company_id = ?1
UNION ALL
SELECT webhook_event_id FROM webhook_event_log
WHERE id > ?5 AND webhook_event_id <= ?5 AND webhook_event_id < ?2
    AND webhook_event_id >= ?3 AND ?4 >= 0
UNION ALL
SELECT webhook_event_id FROM webhook_event_change
WHERE id > ?6 AND webhook_event_id <= ?5 AND webhook_event_id < ?2
    AND webhook_event_id >= ?3 AND ?4 >= 0
ORDER BY 1 DESC;

-- name: ids_webhook
-- The same of a webhook (?1).
SELECT id FROM lists.by_webhook WHERE webhook_id = ?1 AND status = 0
    AND id < ?2 AND id >= ?3 AND (?4 < 0 OR ?4 = 0)
UNION ALL
SELECT id FROM lists.by_webhook WHERE webhook_id = ?1 AND status = 1
    AND id < ?2 AND id >= ?3 AND (?4 < 0 OR ?4 = 1)
UNION ALL
SELECT id FROM lists.by_webhook WHERE webhook_id = ?1 AND status = 2
    AND id < ?2 AND id >= ?3 AND (?4 < 0 OR ?4 = 2)
UNION ALL
SELECT id FROM lists.by_webhook WHERE webhook_id = ?1 AND status = 3
    AND id < ?2 AND id >= ?3 AND (?4 < 0 OR ?4 = 3)
UNION ALL
SELECT id FROM webhook_event WHERE id > ?5 AND id < ?2 AND id >= ?3
    AND webhook_id = ?1
UNION ALL
SELECT webhook_event_id FROM webhook_event_log
WHERE id > ?5 AND webhook_event_id <= ?5 AND webhook_event_id < ?2
    AND webhook_event_id >= ?3 AND ?4 >= 0
UNION ALL
SELECT webhook_event_id FROM webhook_event_change
WHERE id > ?6 AND webhook_event_id <= ?5 AND webhook_event_id < ?2
    AND webhook_event_id >= ?3 AND ?4 >= 0
ORDER BY 1 DESC;

-- name: ids_name
-- Of a company (?1), of events with a name (?4).
SELECT id FROM lists.by_name
WHERE company_id = ?1
    AND name_id = (SELECT id FROM lists.name WHERE name = ?4)
    AND id < ?2 AND id >= ?3
UNION ALL
SELECT id FROM webhook_event WHERE id > ?5 AND id < ?2 AND id >= ?3
    AND company_id = ?1
ORDER BY 1 DESC;

-- name: ids_message
-- Of a message (?1): those that follow it, up to ?4, and those of replays.
SELECT id FROM webhook_event
WHERE id > ?1 AND id <= ?4 AND id < ?2 AND id >= ?3
UNION ALL
SELECT webhook_event_id FROM replayed_event
WHERE message_id = ?1 AND webhook_event_id < ?2 AND webhook_event_id >= ?3
ORDER BY 1 DESC;

-- name: ids_slice
-- Of a company (?1) among the next ?4 of everything.
SELECT id FROM
    (SELECT id, company_id FROM webhook_event WHERE id < ?2 AND id >= ?3
     ORDER BY id DESC LIMIT ?4)
WHERE company_id = ?1 ORDER BY id DESC;

-- name: slice_end
-- Where that slice ends; none where it holds all that there is.
SELECT id FROM webhook_event WHERE id < ?2 AND id >= ?3
ORDER BY id DESC LIMIT 1 OFFSET ?4 - 1;
