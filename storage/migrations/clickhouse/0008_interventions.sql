-- What interventions have fired in a session up to an update.

ALTER TABLE scored_sessions
    ADD COLUMN IF NOT EXISTS interventions String DEFAULT '[]' COMMENT 'JSON: [{name, action, fired_at, offset, held}]';
