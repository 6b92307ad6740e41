-- The catalogue of event types.

-- name: event_type_insert
-- Adds an event type, unless there is one of this name.
INSERT INTO event_type (name, description, example, schema, created_at,
    updated_at)
VALUES (?1, ?2, ?3, ?4, ?5, ?5)
ON CONFLICT (name) DO NOTHING;

-- name: event_type_get
-- Finds an event type.
SELECT name, description, example, schema, created_at, updated_at
FROM event_type WHERE name = ?1;

-- name: event_type_list
-- A page of event types, by name.
SELECT name, description, example, schema, created_at, updated_at
FROM event_type WHERE name > ?1 ORDER BY name LIMIT ?2;

-- name: event_type_update
-- Changes an event type.
UPDATE event_type
SET description = ?2, example = ?3, schema = ?4, updated_at = ?5
WHERE name = ?1;

-- name: event_type_delete
-- Removes an event type.
DELETE FROM event_type WHERE name = ?1;

-- name: event_type_below
-- One whose name lies between two texts.
SELECT name FROM event_type WHERE name > ?1 AND name < ?2 LIMIT 1;

-- name: event_type_names
-- The names, for the snapshot: at most a thousand.
SELECT name FROM event_type WHERE name > '' ORDER BY name;

-- name: catalogue_get
-- When the names last changed.
SELECT catalogue FROM store WHERE id = 1;

-- name: catalogue_set
-- Remembers it.
UPDATE store SET catalogue = ?1 WHERE id = 1;
