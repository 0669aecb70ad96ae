-- Runs of retention: which rows were to be removed, of how many tables how many were (JSON), and whether all is done.

CREATE TABLE IF NOT EXISTS retention_runs (
    started_at BIGINT NOT NULL,
    moved_at BIGINT NOT NULL,
    state VARCHAR(12) NOT NULL,
    cutoffs TEXT NOT NULL,
    removed TEXT NOT NULL,
    PRIMARY KEY (started_at)
);
