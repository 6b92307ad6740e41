-- Idempotency keys of ingested events.

-- name: key_find
-- What an event that came with a key gave.
SELECT message_id, count, digest FROM idempotency
WHERE company_id = ?1 AND key = ?2;

-- name: key_insert
-- Remembers it, in the place of one whose window is over.
INSERT OR REPLACE INTO idempotency (company_id, key, message_id, count, digest)
VALUES (?1, ?2, ?3, ?4, ?5);

-- name: key_purge
-- Forgets some of those that are older than the window.
DELETE FROM idempotency WHERE (company_id, key) IN
    (SELECT company_id, key FROM idempotency
     WHERE message_id < ?1 ORDER BY message_id LIMIT ?2);
