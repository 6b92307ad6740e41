-- Who may do what: keys of the API, sessions of the portal, and companies
-- that ask for access.

-- name: api_key_insert
-- Adds a key, or a session.
INSERT INTO api_key (id, role, company_id, name, digest, expires_at,
    revoked_at, session, purge_at)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, 0, ?7, ?8);

-- name: api_key_find
-- Who a key stands for, by its digest, with what is to be known of its
-- company.
SELECT k.id, k.role, k.company_id, k.expires_at, k.revoked_at, c.uid, c.enabled
FROM api_key k LEFT JOIN company c ON c.id = k.company_id
WHERE k.digest = ?1;

-- name: api_key_get
-- A key, or a session, that was not revoked.
SELECT id, role, company_id, name, expires_at, session FROM api_key
WHERE id = ?1 AND revoked_at = 0;

-- name: api_key_list
-- A page of keys, newest first.
SELECT id, role, company_id, name, expires_at, session
FROM api_key INDEXED BY api_key_listed
WHERE id < ?1 AND session = 0 AND revoked_at = 0 ORDER BY id DESC LIMIT ?2;

-- name: api_key_count
-- How many there are.
SELECT count(*) FROM api_key INDEXED BY api_key_listed
WHERE id > 0 AND session = 0 AND revoked_at = 0;

-- name: api_key_revoke
-- Revokes one, and remembers for a while that it was one.
UPDATE api_key SET revoked_at = ?2, purge_at = ?3
WHERE id = ?1 AND revoked_at = 0;

-- name: api_key_purge
-- Forgets some that were revoked long ago, or are sessions that are over.
DELETE FROM api_key WHERE id IN
    (SELECT id FROM api_key WHERE purge_at <> 0 AND purge_at < ?1
     ORDER BY purge_at LIMIT ?2);

-- name: erase_api_keys
-- The keys of a company that is deleted.
DELETE FROM api_key WHERE company_id = ?1 AND company_id <> 0;

-- name: access_request_insert
-- A company asks for access.
INSERT INTO access_request (id, company_id, message) VALUES (?1, ?2, ?3);

-- name: access_request_open
-- Its open request.
SELECT r.id, r.company_id, r.message, r.granted_at, c.name
FROM access_request r JOIN company c ON c.id = r.company_id
WHERE r.company_id = ?1 AND r.granted_at = 0;

-- name: access_request_say
-- Another message takes the place of its own.
UPDATE access_request SET message = ?2 WHERE id = ?1;

-- name: access_request_grant
-- It has access now.
UPDATE access_request SET granted_at = ?2
WHERE company_id = ?1 AND granted_at = 0;

-- name: access_request_of
-- A page of a company's requests, newest first.
SELECT r.id, r.company_id, r.message, r.granted_at, c.name
FROM access_request r JOIN company c ON c.id = r.company_id
WHERE r.id < ?1 AND r.company_id = ?3 ORDER BY r.id DESC LIMIT ?2;

-- name: access_request_list
-- A page of all requests, ...
SELECT r.id, r.company_id, r.message, r.granted_at, c.name
FROM access_request r JOIN company c ON c.id = r.company_id
WHERE r.id < ?1 ORDER BY r.id DESC LIMIT ?2;

-- name: access_request_list_open
-- ... of those that are open, ...
SELECT r.id, r.company_id, r.message, r.granted_at, c.name
FROM access_request r INDEXED BY access_request_open
    JOIN company c ON c.id = r.company_id
WHERE r.id < ?1 AND r.granted_at = 0 ORDER BY r.id DESC LIMIT ?2;

-- name: access_request_list_granted
-- ... and of those that were granted.
SELECT r.id, r.company_id, r.message, r.granted_at, c.name
FROM access_request r INDEXED BY access_request_granted
    JOIN company c ON c.id = r.company_id
WHERE r.id < ?1 AND r.granted_at <> 0 ORDER BY r.id DESC LIMIT ?2;

-- name: erase_access_requests
-- The requests of a company that is deleted.
DELETE FROM access_request WHERE company_id = ?1;
