-- Schema 3.

-- A company that was deleted stays, without its uid, until all that is its is
-- erased.
ALTER TABLE company ADD COLUMN deleted_at INTEGER NOT NULL DEFAULT 0;

-- How far its messages are erased: everything up to this message is.
ALTER TABLE company ADD COLUMN erased_id INTEGER NOT NULL DEFAULT 0;

CREATE INDEX company_deleted ON company (deleted_at) WHERE deleted_at <> 0;

-- The one row of how far payloads are erased for their age.
CREATE TABLE retention (
    id           INTEGER PRIMARY KEY CHECK (id = 1),
    payloads_id  INTEGER NOT NULL
) STRICT;

INSERT INTO retention VALUES (1, 0);

-- A test event is sent whether its webhook is enabled or not.
ALTER TABLE webhook_event ADD COLUMN test INTEGER NOT NULL DEFAULT 0;

CREATE INDEX webhook_event_tests ON webhook_event (webhook_id)
    WHERE test = 1 AND status = 0 AND owner = 0;
