-- Schema 2.

-- The keys that events came with, so that one that is posted again gives the
-- same answer.  A digest of the event tells whether it is the same.
CREATE TABLE idempotency (
    company_id  INTEGER NOT NULL,
    key         TEXT NOT NULL,
    message_id  INTEGER NOT NULL,
    count       INTEGER NOT NULL,
    digest      BLOB NOT NULL,
    PRIMARY KEY (company_id, key)
) STRICT, WITHOUT ROWID;

-- To forget them in the order of their age.
CREATE INDEX idempotency_age ON idempotency (message_id);
