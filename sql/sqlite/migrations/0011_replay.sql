-- Schema 11.

-- An attempt that somebody has asked for: 0, or 1 + the status that the
-- webhook event has again where it fails.  A pending one then waits until
-- "resume_at", as it did before.
ALTER TABLE webhook_event ADD COLUMN extra INTEGER NOT NULL DEFAULT 0;
ALTER TABLE webhook_event ADD COLUMN resume_at INTEGER NOT NULL DEFAULT 0;

-- A status that comes back without an attempt.
CREATE TRIGGER webhook_event_resumed AFTER UPDATE OF status ON webhook_event
WHEN new.status <> old.status AND new.status IN (1, 2)
    AND new.attempt_id = old.attempt_id
BEGIN
    INSERT INTO webhook_event_change (webhook_event_id) VALUES (new.id);
END;

-- The webhook events that a replay has made of a message that its webhook
-- never had: their identifiers do not follow the message's.
CREATE TABLE replayed_event (
    message_id        INTEGER NOT NULL,
    webhook_id        INTEGER NOT NULL,
    webhook_event_id  INTEGER NOT NULL,
    PRIMARY KEY (message_id, webhook_id)
) STRICT, WITHOUT ROWID;

-- Replays.  "source" is 0 for webhook events, 1 for messages; "status" 0 while
-- it runs, 1 done, 2 cancelled.  What is replayed has an identifier from
-- "since_id" on and below "until_id", and is done up to "cursor_id".  A worker
-- that carries it out has it until "next_at".  The events of an ordered
-- webhook are due one after the other, the last one at "due_at".
CREATE TABLE replay (
    id            INTEGER PRIMARY KEY,
    company_id    INTEGER NOT NULL,
    webhook_id    INTEGER NOT NULL,
    source        INTEGER NOT NULL,
    event_status  INTEGER NOT NULL,
    event         TEXT,
    since_id      INTEGER NOT NULL,
    until_id      INTEGER NOT NULL,
    cursor_id     INTEGER NOT NULL,
    count         INTEGER NOT NULL,
    at_least      INTEGER NOT NULL,
    done          INTEGER NOT NULL DEFAULT 0,
    skipped       INTEGER NOT NULL DEFAULT 0,
    status        INTEGER NOT NULL DEFAULT 0,
    reason        TEXT,
    finished_at   INTEGER NOT NULL DEFAULT 0,
    next_at       INTEGER NOT NULL,
    due_at        INTEGER NOT NULL DEFAULT 0
) STRICT;

CREATE INDEX replay_company ON replay (company_id, id);
CREATE INDEX replay_running ON replay (next_at) WHERE status = 0;
