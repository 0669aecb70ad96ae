-- The experiments that a session is in (JSON), whether its visitor is held out, and experiments that wait for their start.

ALTER TABLE sessions ADD COLUMN experiments VARCHAR(2000) NOT NULL DEFAULT '[]';

ALTER TABLE sessions ADD COLUMN holdout BOOLEAN NOT NULL DEFAULT 0;

CREATE TABLE IF NOT EXISTS experiment_drafts (
    name VARCHAR(32) NOT NULL,
    site VARCHAR(64) NOT NULL,
    created_at BIGINT NOT NULL,
    created_by VARCHAR(200) NOT NULL,
    draft TEXT NOT NULL,
    PRIMARY KEY (name)
) WITHOUT ROWID;
