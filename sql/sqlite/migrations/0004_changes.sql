-- Schema 4.

-- The webhook events whose status changed without an attempt, in the order
-- of the changes: with the attempts, which are in the log, this is what the
-- index of lists follows.
CREATE TABLE webhook_event_change (
    id                INTEGER PRIMARY KEY AUTOINCREMENT,
    webhook_event_id  INTEGER NOT NULL
) STRICT;

CREATE TRIGGER webhook_event_changed AFTER UPDATE OF status ON webhook_event
WHEN new.status <> old.status AND new.status NOT IN (1, 2)
BEGIN
    INSERT INTO webhook_event_change (webhook_event_id) VALUES (new.id);
END;
