-- Schema 9.

-- A session of the portal is a key too, of a company, for some hours.  One
-- that was revoked, or a session that is over, is forgotten after "purge_at".
ALTER TABLE api_key ADD COLUMN session INTEGER NOT NULL DEFAULT 0;
ALTER TABLE api_key ADD COLUMN purge_at INTEGER NOT NULL DEFAULT 0;

CREATE INDEX api_key_listed ON api_key (id)
    WHERE session = 0 AND revoked_at = 0;
CREATE INDEX api_key_company ON api_key (company_id) WHERE company_id <> 0;
CREATE INDEX api_key_purge ON api_key (purge_at) WHERE purge_at <> 0;

-- A company without access asks for it; "granted_at" is 0 while the request
-- is open.
CREATE TABLE access_request (
    id          INTEGER PRIMARY KEY,
    company_id  INTEGER NOT NULL,
    message     TEXT,
    granted_at  INTEGER NOT NULL DEFAULT 0
) STRICT;

CREATE INDEX access_request_company ON access_request (company_id, id);
CREATE UNIQUE INDEX access_request_one ON access_request (company_id)
    WHERE granted_at = 0;
CREATE INDEX access_request_open ON access_request (id) WHERE granted_at = 0;
CREATE INDEX access_request_granted ON access_request (id)
    WHERE granted_at <> 0;
