-- Webhooks and their subscriptions.

-- name: webhook_insert
-- Adds a webhook; webhook_seal follows.
INSERT INTO webhook (id, company_id, url, description, enabled, secret,
    updated_at, generation, concurrency, rate, rate_period, retry_delays,
    ordered)
VALUES (?1, ?2, ?3, ?4, ?5, x'', ?7, ?8, ?9, ?10, ?11, ?12, ?13);

-- name: webhook_get
-- Finds a webhook of a company.
SELECT id, company_id, url, description, enabled, secret, previous,
    previous_until, updated_at, disabled_reason, concurrency, rate,
    rate_period, retry_delays, ordered, failures, since, open_until, probe_id,
    header_names, header_values, sealed_key
FROM webhook LEFT JOIN webhook_health ON webhook_id = id
WHERE id = ?1 AND company_id = ?2 AND deleted_at = 0;

-- name: webhook_list
-- A page of a company's webhooks, newest first: the columns of webhook_get,
-- but for what is sealed.
SELECT id, company_id, url, description, enabled, NULL, NULL,
    previous_until, updated_at, disabled_reason, concurrency, rate,
    rate_period, retry_delays, ordered, failures, since, open_until, probe_id,
    header_names
FROM webhook LEFT JOIN webhook_health ON webhook_id = id
WHERE company_id = ?1 AND id < ?2 AND deleted_at = 0
ORDER BY id DESC LIMIT ?3;

-- name: webhook_count
-- How many webhooks a company has.
SELECT count(*) FROM webhook WHERE company_id = ?1 AND deleted_at = 0;

-- name: webhook_update
-- Changes a webhook.
UPDATE webhook
SET url = ?2, description = ?3, enabled = ?4, updated_at = ?5, generation = ?6,
    disabled_reason = ?7, concurrency = ?9, rate = ?10, rate_period = ?11,
    retry_delays = ?12, ordered = ?13
WHERE id = ?1;

-- name: webhook_disable
-- Disables a webhook that still has a URL and is enabled, and says why.
UPDATE webhook
SET enabled = 0, disabled_reason = ?2, updated_at = ?3, generation = ?4
WHERE id = ?1 AND url = ?5 AND enabled = 1 AND deleted_at = 0;

-- name: webhook_rotate
-- A webhook gets a new secret, and the old one its last hours; webhook_seal
-- follows.
UPDATE webhook SET previous_until = ?2, updated_at = ?3, generation = ?4
WHERE id = ?1;

-- name: webhook_seal
-- Stores what is sealed of a webhook, all of it by one key.
UPDATE webhook
SET secret = ?2, previous = ?3, header_names = ?4, header_values = ?5,
    sealed_key = ?6
WHERE id = ?1;

-- name: webhook_sealed_by
-- Some webhooks whose secrets a key has sealed, after one of them.
SELECT id, secret, previous, header_names, header_values, sealed_key
FROM webhook WHERE sealed_key = ?1 AND id > ?2 AND deleted_at = 0
ORDER BY id LIMIT ?3;

-- name: webhook_sealed_else
-- How many are sealed by other keys than one.
SELECT (SELECT count(*) FROM webhook WHERE sealed_key < ?1 AND deleted_at = 0)
    + (SELECT count(*) FROM webhook WHERE sealed_key > ?1 AND deleted_at = 0);

-- name: webhook_delete
-- Marks a webhook as deleted, and erases its secrets.
UPDATE webhook
SET deleted_at = ?2, generation = ?3, secret = x'', previous = NULL,
    header_names = NULL, header_values = NULL
WHERE id = ?1;

-- name: webhook_changed
-- The webhooks that changed after a generation, for the snapshot.
SELECT w.id, w.company_id, w.url, w.enabled, w.secret, w.previous,
    w.previous_until, w.deleted_at, w.concurrency, w.rate, w.rate_period,
    w.retry_delays, w.ordered, w.header_names, w.header_values, w.sealed_key,
    EXISTS (SELECT 1 FROM webhook_health WHERE webhook_id = w.id)
FROM webhook w WHERE w.generation > ?1;

-- name: webhook_queue_now
-- Looks again at the pending events of a webhook.
INSERT INTO webhook_queue (webhook_id, due_at)
VALUES (?1, ?2)
ON CONFLICT (webhook_id) DO UPDATE SET due_at = excluded.due_at;

-- name: subscription_insert
-- Adds a subscription; one that is there is left as it is.
INSERT OR IGNORE INTO subscription (webhook_id, event) VALUES (?1, ?2);

-- name: subscription_delete
-- Removes the subscriptions of a webhook.
DELETE FROM subscription WHERE webhook_id = ?1;

-- name: subscription_list
-- The subscriptions of a webhook.
SELECT event FROM subscription WHERE webhook_id = ?1 ORDER BY event;
