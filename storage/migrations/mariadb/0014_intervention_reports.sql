-- What pages said of interventions that reached them (shown, dismissed, clicked), and the payload of each that goes to pages.

CREATE TABLE IF NOT EXISTS intervention_reports (
    site VARCHAR(97) NOT NULL,
    session_id VARCHAR(64) NOT NULL,
    opened_at BIGINT NOT NULL,
    name VARCHAR(64) NOT NULL,
    action VARCHAR(10) NOT NULL,
    visitor_id VARCHAR(64) NOT NULL,
    reported_at BIGINT NOT NULL,
    version BIGINT NOT NULL,
    log VARCHAR(64) NOT NULL,
    PRIMARY KEY (site, session_id, opened_at, name, action)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin;

CREATE INDEX IF NOT EXISTS intervention_reports_by_visitor ON intervention_reports (site, visitor_id);

CREATE INDEX IF NOT EXISTS intervention_reports_by_age ON intervention_reports (reported_at);

CREATE TABLE IF NOT EXISTS intervention_messages (
    site VARCHAR(97) NOT NULL,
    name VARCHAR(64) NOT NULL,
    payload TEXT NOT NULL,
    PRIMARY KEY (site, name)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin;
