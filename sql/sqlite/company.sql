-- Companies.

-- name: company_insert
-- Adds a company; a uid that is taken fails on the UNIQUE constraint.
INSERT INTO company (id, uid, name, enabled, updated_at, generation)
VALUES (?1, ?2, ?3, ?4, ?5, ?6);

-- name: company_by_id
-- Finds a company by its identifier.
SELECT id, uid, name, enabled, updated_at FROM company
WHERE id = ?1 AND deleted_at = 0;

-- name: company_by_uid
-- Finds a company by its uid.
SELECT id, uid, name, enabled, updated_at FROM company WHERE uid = ?1;

-- name: company_update
-- Changes a company.
UPDATE company
SET uid = ?2, name = ?3, enabled = ?4, updated_at = ?5, generation = ?6
WHERE id = ?1;

-- name: company_list
-- A page of companies, newest first; with a text, those whose name or uid has it.
SELECT id, uid, name, enabled, updated_at FROM company
WHERE id < ?1 AND deleted_at = 0
    AND (?3 IS NULL OR instr(lower(name), lower(?3)) > 0
         OR instr(lower(uid), lower(?3)) > 0)
ORDER BY id DESC LIMIT ?2;

-- name: company_changed
-- The companies that changed after a generation, for the snapshot.
SELECT id, uid, enabled, deleted_at FROM company WHERE generation > ?1;

-- name: company_queue
-- Looks again at the pending events of a company's webhooks.
INSERT INTO webhook_queue (webhook_id, due_at)
SELECT w.id, ?2 FROM webhook w
WHERE w.company_id = ?1
    AND EXISTS (SELECT 1 FROM webhook_event e
                WHERE e.webhook_id = w.id AND e.status = 0 AND e.owner = 0)
ON CONFLICT (webhook_id) DO UPDATE SET due_at = excluded.due_at;
