-- What the learner did for each site, run by run: from which sessions, how far it is, what came of it and why.

CREATE TABLE IF NOT EXISTS learning_runs (
    site VARCHAR(97) NOT NULL,
    number INTEGER NOT NULL,
    step VARCHAR(20) NOT NULL,
    started_at BIGINT NOT NULL,
    moved_at BIGINT NOT NULL,
    since BIGINT NOT NULL,
    until BIGINT NOT NULL,
    sessions INTEGER NOT NULL,
    purchases INTEGER NOT NULL,
    candidate VARCHAR(64) NOT NULL,
    version_before VARCHAR(64) NOT NULL,
    promoted_at BIGINT NOT NULL,
    looked_at BIGINT NOT NULL,
    attempts INTEGER NOT NULL,
    reasons TEXT NOT NULL,
    PRIMARY KEY (site, number)
) WITHOUT ROWID;
