-- Schema 5.

-- What events there are, for people: the catalogue.
CREATE TABLE event_type (
    name         TEXT PRIMARY KEY,
    description  TEXT NOT NULL,
    example      BLOB,
    updated_at   INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- Keys of the API: a digest of each, never the key.  "company_id" is 0 for
-- one that is not bound to a company.
CREATE TABLE api_key (
    id          INTEGER PRIMARY KEY,
    role        INTEGER NOT NULL,
    company_id  INTEGER NOT NULL,
    name        TEXT NOT NULL,
    digest      BLOB NOT NULL UNIQUE,
    expires_at  INTEGER NOT NULL,
    revoked_at  INTEGER NOT NULL
) STRICT;
