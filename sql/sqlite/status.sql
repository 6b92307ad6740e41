-- The store as a whole, for who watches it: nothing here looks at more than a
-- bounded number of rows.

-- name: status_store
-- Its schema, and how many webhook events are pending and nobody's.
SELECT schema, waiting FROM store WHERE id = 1;

-- name: status_owned
-- How many the workers have: no more than their memory holds.
SELECT count(*) FROM webhook_event WHERE owner > 0 AND owner <> 0;

-- name: status_due
-- How many of those that wait are due at ?1, of the first ?3 webhooks to be
-- looked at until ?2, ?4 at most.
SELECT count(*) FROM
    (SELECT 1 FROM (SELECT webhook_id FROM webhook_queue WHERE due_at <= ?2
                    ORDER BY due_at LIMIT ?3) q
         CROSS JOIN webhook_event e
     WHERE e.webhook_id = q.webhook_id AND e.status = 0 AND e.owner = 0
         AND e.due_at <= ?1
     LIMIT ?4);

-- name: status_oldest
-- Since when the oldest of them is.
SELECT min((SELECT min(due_at) FROM webhook_event e
            WHERE e.webhook_id = q.webhook_id AND e.status = 0
                AND e.owner = 0))
FROM (SELECT webhook_id FROM webhook_queue WHERE due_at <= ?1
      ORDER BY due_at LIMIT ?2) q;

-- name: status_breakers
-- How many breakers of enabled webhooks are open, and half open.
SELECT (SELECT count(*)
        FROM webhook_health h CROSS JOIN webhook w ON w.id = h.webhook_id
        WHERE open_until <> 0 AND probe_id = 0 AND w.enabled
            AND w.deleted_at = 0),
    (SELECT count(*)
     FROM webhook_health h CROSS JOIN webhook w ON w.id = h.webhook_id
     WHERE open_until <> 0 AND probe_id > 0 AND w.enabled
         AND w.deleted_at = 0);

-- name: status_key
-- The keys that secrets are sealed with, one after the other.
SELECT sealed_key FROM webhook WHERE sealed_key > ?1 AND deleted_at = 0
ORDER BY sealed_key LIMIT 1;

-- name: status_sealed
-- How many are sealed with one.
SELECT count(*) FROM webhook WHERE sealed_key = ?1 AND deleted_at = 0;

-- name: status_behind
-- The first of what came after ?1, where the index of lists is.
SELECT min(id) FROM
    (SELECT min(id) AS id FROM message WHERE id > ?1
     UNION ALL
     SELECT min(id) FROM webhook_event WHERE id > ?1
     UNION ALL
     SELECT min(id) FROM webhook_event_log WHERE id > ?1);
