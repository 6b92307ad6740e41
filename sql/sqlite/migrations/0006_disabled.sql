-- Schema 6.

-- Why a webhook was disabled, where nobody asked for it.
ALTER TABLE webhook ADD COLUMN disabled_reason TEXT;
