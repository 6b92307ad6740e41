-- Schema 12.

-- The configuration's generation when the names of the catalogue last changed.
ALTER TABLE store ADD COLUMN catalogue INTEGER NOT NULL DEFAULT 0;

-- What the payload of an event looks like, for people: a JSON Schema.
ALTER TABLE event_type ADD COLUMN schema BLOB;
ALTER TABLE event_type ADD COLUMN created_at INTEGER NOT NULL DEFAULT 0;

-- Headers of a webhook's own, a line each: the names, and, sealed as secrets
-- are, the values in the same order.
ALTER TABLE webhook ADD COLUMN header_names TEXT;
ALTER TABLE webhook ADD COLUMN header_values BLOB;

-- Which of the encryption keys seals what is sealed in a row; 0: not said.
ALTER TABLE webhook ADD COLUMN sealed_key INTEGER NOT NULL DEFAULT 0;

CREATE INDEX webhook_sealed ON webhook (sealed_key) WHERE deleted_at = 0;

-- What else was sent: the old secret's signature in its time of grace, and
-- the names of the webhook's own headers.
ALTER TABLE webhook_event_log ADD COLUMN previous TEXT;
ALTER TABLE webhook_event_log ADD COLUMN header_names TEXT;
