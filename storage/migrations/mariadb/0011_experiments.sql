-- The experiments that a session is in (JSON), whether its visitor is held out, and experiments that wait for their start.

ALTER TABLE sessions
    ADD COLUMN IF NOT EXISTS experiments VARCHAR(2000) NOT NULL DEFAULT '[]',
    ADD COLUMN IF NOT EXISTS holdout BOOLEAN NOT NULL DEFAULT FALSE;

CREATE TABLE IF NOT EXISTS experiment_drafts (
    name VARCHAR(32) NOT NULL,
    site VARCHAR(64) NOT NULL,
    created_at BIGINT NOT NULL,
    created_by VARCHAR(200) NOT NULL,
    draft TEXT NOT NULL,
    PRIMARY KEY (name)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin;
