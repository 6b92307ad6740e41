-- The store as a whole.

-- name: begin
-- Opens a write transaction.  The writers' turn is taken before it.
BEGIN IMMEDIATE;

-- name: begin_read
-- Opens a read transaction, so that the rows of an answer fit together.
BEGIN;

-- name: commit
-- Makes a transaction durable.
COMMIT;

-- name: rollback
-- Undoes a transaction.
ROLLBACK;

-- name: bury
-- Overwrites what a commit that failed has left in the write-ahead log; it
-- does so only where it changes a page.
PRAGMA synchronous = OFF;
BEGIN IMMEDIATE;
UPDATE store SET last_id = last_id + 1;
COMMIT;

-- name: store_get
-- Reads the generation and the last identifier, first in each transaction.
SELECT generation, last_id FROM store WHERE id = 1;

-- name: store_set
-- Writes them, last in each transaction.
UPDATE store SET generation = ?1, last_id = ?2 WHERE id = 1;
