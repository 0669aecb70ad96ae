-- What interventions have fired in a session (JSON), interventions that wait for their start, and what became of each
-- that fired: delivered, held (by an experiment) or capped (the visitor had enough of it).

ALTER TABLE sessions ADD COLUMN interventions VARCHAR(2000) NOT NULL DEFAULT '[]';

CREATE TABLE IF NOT EXISTS intervention_drafts (
    name VARCHAR(32) NOT NULL,
    site VARCHAR(64) NOT NULL,
    created_at BIGINT NOT NULL,
    created_by VARCHAR(200) NOT NULL,
    draft TEXT NOT NULL,
    PRIMARY KEY (name)
);

CREATE TABLE IF NOT EXISTS intervention_firings (
    site VARCHAR(97) NOT NULL,
    session_id VARCHAR(64) NOT NULL,
    opened_at BIGINT NOT NULL,
    name VARCHAR(64) NOT NULL,
    visitor_id VARCHAR(64) NOT NULL,
    fired_at BIGINT NOT NULL,
    outcome VARCHAR(10) NOT NULL,
    PRIMARY KEY (site, session_id, opened_at, name)
);

CREATE INDEX IF NOT EXISTS intervention_firings_by_visitor ON intervention_firings (site, visitor_id, name);

CREATE INDEX IF NOT EXISTS intervention_firings_by_age ON intervention_firings (fired_at);
