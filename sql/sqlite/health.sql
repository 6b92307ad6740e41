-- The health of webhooks: failures one after the other, and the breaker.

-- name: health_any
-- Whether there is a webhook that fails at all.
SELECT EXISTS (SELECT 1 FROM webhook_health);

-- name: health_get
-- That of one.
SELECT failures, events, event_id, since, open_until, pause, probe_id
FROM webhook_health WHERE webhook_id = ?1;

-- name: health_set
-- A failure more.
INSERT OR REPLACE INTO webhook_health (webhook_id, failures, events, event_id,
    since, open_until, pause, probe_id)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8);

-- name: health_probe
-- Lets one event through, and nobody else for a while.
UPDATE webhook_health SET probe_id = ?2, open_until = ?3
WHERE webhook_id = ?1;

-- name: health_delete
-- A success, or a webhook that begins anew.
DELETE FROM webhook_health WHERE webhook_id = ?1;

-- name: waits_webhook
-- What tells what a webhook's events wait for: whether they may be sent, its
-- limits, its breaker, of an ordered one the event that comes first (the one that
-- the others wait for, or the next one to be claimed), and the key of its secret.
SELECT w.enabled AND c.enabled, w.deleted_at, w.concurrency, w.rate,
    w.rate_period, w.retry_delays, w.ordered, ifnull(h.open_until, 0),
    CASE WHEN w.ordered THEN ifnull(
        (SELECT e.id
         FROM webhook_queue q JOIN webhook_event e ON e.id = q.head_id
         WHERE q.webhook_id = w.id AND e.status = 0),
        (SELECT id FROM webhook_event
         WHERE webhook_id = w.id AND status = 0 AND owner = 0 AND test = 0
         ORDER BY due_at, id LIMIT 1)) END,
    w.sealed_key
FROM webhook w JOIN company c ON c.id = w.company_id
    LEFT JOIN webhook_health h ON h.webhook_id = w.id
WHERE w.id = ?1;
