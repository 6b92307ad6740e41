-- Schema 7.

-- How a webhook wants its deliveries; NULL is what the configuration says.
ALTER TABLE webhook ADD COLUMN concurrency INTEGER;

-- So many deliveries in so many ms.
ALTER TABLE webhook ADD COLUMN rate INTEGER;
ALTER TABLE webhook ADD COLUMN rate_period INTEGER;

-- Numbers of ms, separated by spaces; none of them: no retries.
ALTER TABLE webhook ADD COLUMN retry_delays TEXT;

-- One event after the other, in the order in which they were accepted.
ALTER TABLE webhook ADD COLUMN ordered INTEGER NOT NULL DEFAULT 0;

-- The event of an ordered webhook that the others wait for.
ALTER TABLE webhook_queue ADD COLUMN head_id INTEGER NOT NULL DEFAULT 0;
