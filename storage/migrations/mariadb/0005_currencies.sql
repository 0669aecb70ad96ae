-- The currency of a session's amount; empty where its order did not say, and in rows of before.

ALTER TABLE sessions ADD COLUMN IF NOT EXISTS currency VARCHAR(64) NOT NULL DEFAULT '';
