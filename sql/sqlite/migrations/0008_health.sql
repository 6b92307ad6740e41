-- Schema 8.

-- Webhooks whose last attempts have failed: how many one after the other, of
-- how many events, and since when.  "open_until" is not 0 while the breaker
-- is open; "pause" is how long it was opened for, in ms; the event "probe_id"
-- is sent all the same, and closes it or opens it for longer.
CREATE TABLE webhook_health (
    webhook_id  INTEGER PRIMARY KEY,
    failures    INTEGER NOT NULL,
    events      INTEGER NOT NULL,
    event_id    INTEGER NOT NULL,
    since       INTEGER NOT NULL,
    open_until  INTEGER NOT NULL DEFAULT 0,
    pause       INTEGER NOT NULL DEFAULT 0,
    probe_id    INTEGER NOT NULL DEFAULT 0
) STRICT;
