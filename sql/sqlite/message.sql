-- Messages of a company, newest first: as the lists of webhook events, first
-- which may be in a list (message_ids_*, from ?2 on downwards, not below ?3),
-- then each of them, looked at.

-- name: message_row
-- A message, where it is in the list.
SELECT id, event, length(payload) FROM message
WHERE id = ?1 AND company_id = ?2
    AND (?3 IS NULL OR event = ?3)
    AND (?4 IS NULL OR instr(payload, ?4) > 0 OR instr(payload, ?5) > 0
         OR instr(payload, ?6) > 0 OR instr(payload, ?7) > 0);

-- name: message_get
-- A message of a company with its payload.
SELECT id, event, length(payload), payload FROM message
WHERE id = ?1 AND company_id = ?2;

-- name: message_ids_company
-- Of a company (?1): those of the index, which is up to ?5, and what came
-- later.
SELECT id FROM lists.message_by_company
WHERE company_id = ?1 AND id < ?2 AND id >= ?3
UNION ALL
SELECT id FROM message WHERE id > ?5 AND id < ?2 AND id >= ?3
    AND company_id = ?1
ORDER BY 1 DESC;

-- name: message_ids_name
-- Of a company (?1), with a name (?4).
SELECT id FROM lists.message_by_name
WHERE company_id = ?1
    AND name_id = (SELECT id FROM lists.name WHERE name = ?4)
    AND id < ?2 AND id >= ?3
UNION ALL
SELECT id FROM message WHERE id > ?5 AND id < ?2 AND id >= ?3
    AND company_id = ?1
ORDER BY 1 DESC;

-- name: message_ids_slice
-- Of a company (?1) among the next ?4 of everything.
SELECT id FROM
    (SELECT id, company_id FROM message WHERE id < ?2 AND id >= ?3
     ORDER BY id DESC LIMIT ?4)
WHERE company_id = ?1 ORDER BY id DESC;

-- name: message_slice_end
-- Where that slice ends; none where it holds all that there is.
SELECT id FROM message WHERE id < ?2 AND id >= ?3
ORDER BY id DESC LIMIT 1 OFFSET ?4 - 1;

-- name: message_events
-- The newest ?3 webhook events of a message (?1): those that follow it, up to
-- ?2, and those of replays.
SELECT id FROM webhook_event WHERE id > ?1 AND id <= ?2 AND message_id = ?1
UNION ALL
SELECT webhook_event_id FROM replayed_event WHERE message_id = ?1
ORDER BY 1 DESC LIMIT ?3;
