-- Webhooks, what they remember of open sessions and of the log, and their deliveries.

CREATE TABLE IF NOT EXISTS webhooks (
    id VARCHAR(40) NOT NULL,
    site VARCHAR(97) NOT NULL,
    url VARCHAR(2000) NOT NULL,
    wanted VARCHAR(100) NOT NULL,
    secret VARCHAR(100) NOT NULL,
    allow_private BOOLEAN NOT NULL,
    created_at BIGINT NOT NULL,
    since BIGINT NOT NULL,
    bands_since BIGINT NOT NULL,
    disabled VARCHAR(300) NOT NULL,
    PRIMARY KEY (id)
);

CREATE TABLE IF NOT EXISTS webhook_positions (
    log VARCHAR(64) NOT NULL,
    kafka_partition INTEGER NOT NULL,
    next_offset BIGINT NOT NULL,
    told_offset BIGINT NOT NULL,
    last_timestamp BIGINT NOT NULL,
    PRIMARY KEY (log, kafka_partition)
) WITHOUT ROWID;

CREATE TABLE IF NOT EXISTS webhook_bands (
    site VARCHAR(97) NOT NULL,
    session_id VARCHAR(64) NOT NULL,
    opened_at BIGINT NOT NULL,
    band VARCHAR(10) NOT NULL,
    noted_at BIGINT NOT NULL,
    PRIMARY KEY (site, session_id, opened_at)
) WITHOUT ROWID;

CREATE INDEX IF NOT EXISTS webhook_bands_by_time ON webhook_bands (noted_at);

CREATE TABLE IF NOT EXISTS webhook_deliveries (
    id VARCHAR(40) NOT NULL,
    webhook_id VARCHAR(40) NOT NULL,
    kind VARCHAR(20) NOT NULL,
    site VARCHAR(97) NOT NULL,
    session_id VARCHAR(64) NOT NULL,
    opened_at BIGINT NOT NULL,
    visitor_id VARCHAR(64) NOT NULL,
    body TEXT NOT NULL,
    state VARCHAR(10) NOT NULL,
    attempts INTEGER NOT NULL,
    due_at BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    tried_at BIGINT NOT NULL,
    status INTEGER NOT NULL,
    detail VARCHAR(300) NOT NULL,
    PRIMARY KEY (id)
);

CREATE INDEX IF NOT EXISTS webhook_deliveries_by_due ON webhook_deliveries (state, webhook_id, due_at);
CREATE INDEX IF NOT EXISTS webhook_deliveries_by_age ON webhook_deliveries (created_at);
CREATE INDEX IF NOT EXISTS webhook_deliveries_by_visitor ON webhook_deliveries (visitor_id);
