-- The experiments whose audience an update is in, and whether its visitor is held out.

ALTER TABLE scored_sessions
    ADD COLUMN IF NOT EXISTS experiments String DEFAULT '[]' COMMENT 'JSON: [{experiment, arm}]',
    ADD COLUMN IF NOT EXISTS holdout Bool DEFAULT false;
