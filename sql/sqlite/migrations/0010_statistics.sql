-- Schema 10.

-- How many webhook events are pending and nobody's: a queue of millions is
-- never counted.  It is in the row that each transaction writes anyway, and
-- changes with such events alone, not with those that are delivered at once.
ALTER TABLE store ADD COLUMN waiting INTEGER NOT NULL DEFAULT 0;

UPDATE store SET waiting = (SELECT count(*) FROM webhook_event
                            WHERE status = 0 AND owner = 0);

CREATE TRIGGER webhook_event_waits AFTER INSERT ON webhook_event
WHEN new.status = 0 AND new.owner = 0
BEGIN
    UPDATE store SET waiting = waiting + 1 WHERE id = 1;
END;

CREATE TRIGGER webhook_event_moves AFTER UPDATE OF status, owner
ON webhook_event
WHEN (old.status = 0 AND old.owner = 0) <> (new.status = 0 AND new.owner = 0)
BEGIN
    UPDATE store
    SET waiting = waiting + iif(new.status = 0 AND new.owner = 0, 1, -1)
    WHERE id = 1;
END;

CREATE TRIGGER webhook_event_goes AFTER DELETE ON webhook_event
WHEN old.status = 0 AND old.owner = 0
BEGIN
    UPDATE store SET waiting = waiting - 1 WHERE id = 1;
END;

-- The breakers that are open, or, with a probe, half open.
CREATE INDEX webhook_health_open ON webhook_health (probe_id)
    WHERE open_until <> 0;
