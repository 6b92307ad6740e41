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
