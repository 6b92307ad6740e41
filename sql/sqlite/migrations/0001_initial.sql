-- Schema 1.  A migration only adds, runs in one transaction of its own and is
-- never edited once it was released.

-- The one row of what is true of the whole store: the schema's version and
-- the oldest module that may use it, the generation of the configuration
-- (companies, webhooks, subscriptions, secrets), and the last identifier that
-- was given.
CREATE TABLE store (
    id              INTEGER PRIMARY KEY CHECK (id = 1),
    schema          INTEGER NOT NULL,
    min_compatible  INTEGER NOT NULL,
    generation      INTEGER NOT NULL,
    last_id         INTEGER NOT NULL
) STRICT;

INSERT INTO store VALUES (1, 1, 1, 1, 0);

-- A tenant.  "generation" is the configuration's generation of its last
-- change, here and in webhook.
CREATE TABLE company (
    id          INTEGER PRIMARY KEY,
    uid         TEXT UNIQUE,
    name        TEXT NOT NULL,
    enabled     INTEGER NOT NULL,
    updated_at  INTEGER NOT NULL,
    generation  INTEGER NOT NULL
) STRICT;

CREATE INDEX company_generation ON company (generation);

-- An endpoint.  Secrets are sealed with the encryption key.  A deleted
-- webhook stays until its pending events are cancelled.
CREATE TABLE webhook (
    id              INTEGER PRIMARY KEY,
    company_id      INTEGER NOT NULL,
    url             TEXT NOT NULL,
    description     TEXT NOT NULL,
    enabled         INTEGER NOT NULL,
    secret          BLOB NOT NULL,
    previous        BLOB,
    previous_until  INTEGER NOT NULL DEFAULT 0,
    deleted_at      INTEGER NOT NULL DEFAULT 0,
    updated_at      INTEGER NOT NULL,
    generation      INTEGER NOT NULL
) STRICT;

CREATE INDEX webhook_company ON webhook (company_id, id);
CREATE INDEX webhook_generation ON webhook (generation);

-- What a webhook wants: an event name, "a.*" or "*".
CREATE TABLE subscription (
    webhook_id  INTEGER NOT NULL,
    event       TEXT NOT NULL,
    PRIMARY KEY (webhook_id, event)
) STRICT, WITHOUT ROWID;

-- An occurrence as it was ingested.  Append only.
CREATE TABLE message (
    id          INTEGER PRIMARY KEY,
    company_id  INTEGER NOT NULL,
    event       TEXT NOT NULL,
    payload     BLOB NOT NULL
) STRICT;

-- A message for a webhook.  A row is inserted with the number of the worker
-- that will deliver it (owner), so that it touches no index of the due ones.
CREATE TABLE webhook_event (
    id            INTEGER PRIMARY KEY,
    message_id    INTEGER NOT NULL,
    webhook_id    INTEGER NOT NULL,
    company_id    INTEGER NOT NULL,
    status        INTEGER NOT NULL,
    owner         INTEGER NOT NULL,
    retries       INTEGER NOT NULL,
    due_at        INTEGER NOT NULL,
    delivered_at  INTEGER NOT NULL DEFAULT 0,
    attempt_id    INTEGER NOT NULL DEFAULT 0,
    reason        TEXT
) STRICT;

-- What any worker may claim, and what a dead one left behind.
CREATE INDEX webhook_event_due ON webhook_event (webhook_id, due_at)
    WHERE status = 0 AND owner = 0;
CREATE INDEX webhook_event_owned ON webhook_event (owner) WHERE owner <> 0;

-- A row for each webhook that has work nobody owns, and when to look at it.
CREATE TABLE webhook_queue (
    webhook_id  INTEGER PRIMARY KEY,
    due_at      INTEGER NOT NULL
) STRICT;

CREATE INDEX webhook_queue_due ON webhook_queue (due_at);

-- An attempt.  Append only: webhook_event.attempt_id names the last one, each
-- names the one before, so that the log needs no index.
CREATE TABLE webhook_event_log (
    id                INTEGER PRIMARY KEY,
    previous_id       INTEGER NOT NULL,
    webhook_event_id  INTEGER NOT NULL,
    number            INTEGER NOT NULL,
    started_at        INTEGER NOT NULL,
    status_code       INTEGER NOT NULL,
    error             TEXT,
    detail            TEXT,
    duration          INTEGER NOT NULL,
    name_lookup       INTEGER NOT NULL,
    connect           INTEGER NOT NULL,
    tls               INTEGER NOT NULL,
    first_byte        INTEGER NOT NULL,
    peer              TEXT,
    url               TEXT NOT NULL,
    signed_at         INTEGER NOT NULL,
    signature         TEXT NOT NULL,
    standard          TEXT,
    response_head     BLOB,
    response_body     BLOB,
    truncated         INTEGER NOT NULL
) STRICT;
