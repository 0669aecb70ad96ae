-- Sessions, their page views, and how far each partition of the log has been written.

CREATE TABLE IF NOT EXISTS sessions (
    site VARCHAR(97) NOT NULL,
    session_id VARCHAR(64) NOT NULL,
    opened_at BIGINT NOT NULL,
    visitor_id VARCHAR(64) NOT NULL,
    visitor_type VARCHAR(20) NOT NULL,
    browser VARCHAR(64) NOT NULL,
    operating_system VARCHAR(64) NOT NULL,
    region INTEGER NOT NULL,
    traffic_type INTEGER NOT NULL,
    browser_code INTEGER NOT NULL,
    operating_system_code INTEGER NOT NULL,
    region_name VARCHAR(64) NOT NULL,
    traffic_type_name VARCHAR(64) NOT NULL,
    is_weekend BOOLEAN NOT NULL,
    month VARCHAR(10) NOT NULL,
    special_day DOUBLE NOT NULL,
    started_at DATETIME NOT NULL,
    ended_at DATETIME NULL,
    last_event_at DATETIME NOT NULL,
    revenue BOOLEAN NOT NULL,
    amount DOUBLE NOT NULL,
    unverified_purchases INTEGER NOT NULL,
    administrative_count INTEGER NOT NULL,
    administrative_duration DOUBLE NOT NULL,
    informational_count INTEGER NOT NULL,
    informational_duration DOUBLE NOT NULL,
    product_related_count INTEGER NOT NULL,
    product_related_duration DOUBLE NOT NULL,
    bounce_rates DOUBLE NOT NULL,
    exit_rates DOUBLE NOT NULL,
    page_values DOUBLE NOT NULL,
    event_count INTEGER NOT NULL,
    page_view_count INTEGER NOT NULL,
    ping_count INTEGER NOT NULL,
    custom_count INTEGER NOT NULL,
    purchase_count INTEGER NOT NULL,
    probability DOUBLE NOT NULL,
    label VARCHAR(3) NOT NULL,
    band VARCHAR(10) NOT NULL,
    reasons VARCHAR(2000) NOT NULL,
    status VARCHAR(10) NOT NULL,
    model_version VARCHAR(64) NOT NULL,
    pages_version BIGINT NOT NULL,
    updated_at DATETIME NOT NULL,
    version BIGINT NOT NULL,
    log VARCHAR(64) NOT NULL,
    PRIMARY KEY (site, session_id, opened_at)
) WITHOUT ROWID;

CREATE INDEX IF NOT EXISTS sessions_by_id ON sessions (session_id);
CREATE INDEX IF NOT EXISTS sessions_by_opening ON sessions (opened_at);

CREATE INDEX IF NOT EXISTS sessions_by_status ON sessions (status, probability);

CREATE TABLE IF NOT EXISTS page_views (
    site VARCHAR(97) NOT NULL,
    session_id VARCHAR(64) NOT NULL,
    opened_at BIGINT NOT NULL,
    event_id VARCHAR(64) NOT NULL,
    page_type VARCHAR(20) NULL,
    page_url VARCHAR(500) NOT NULL,
    duration_seconds DOUBLE NOT NULL,
    is_bounce BOOLEAN NOT NULL,
    is_exit BOOLEAN NOT NULL,
    page_value DOUBLE NOT NULL,
    viewed_at DATETIME NOT NULL,
    version BIGINT NOT NULL,
    log VARCHAR(64) NOT NULL,
    PRIMARY KEY (site, session_id, opened_at, event_id)
) WITHOUT ROWID;

CREATE TABLE IF NOT EXISTS log_positions (
    log VARCHAR(64) NOT NULL,
    topic VARCHAR(249) NOT NULL,
    kafka_partition INTEGER NOT NULL,
    next_offset BIGINT NOT NULL,
    last_timestamp BIGINT NOT NULL,
    PRIMARY KEY (log, topic, kafka_partition)
) WITHOUT ROWID;

CREATE TABLE IF NOT EXISTS backfills (
    log VARCHAR(64) NOT NULL,
    number INTEGER NOT NULL,
    state VARCHAR(12) NOT NULL,
    started_at BIGINT NOT NULL,
    moved_at BIGINT NOT NULL,
    request TEXT NOT NULL,
    account TEXT NOT NULL,
    PRIMARY KEY (log, number)
);

CREATE TABLE IF NOT EXISTS backfill_partitions (
    log VARCHAR(64) NOT NULL,
    number INTEGER NOT NULL,
    kafka_partition INTEGER NOT NULL,
    plan TEXT NOT NULL,
    next_offset BIGINT NOT NULL,
    counted_offset BIGINT NOT NULL,
    mark TEXT NOT NULL,
    account TEXT NOT NULL,
    PRIMARY KEY (log, number, kafka_partition)
);

CREATE TABLE IF NOT EXISTS erasures (
    digest VARCHAR(64) NOT NULL,
    site VARCHAR(97) NOT NULL,
    visitor_id VARCHAR(64) NOT NULL,
    state VARCHAR(12) NOT NULL,
    asked_at BIGINT NOT NULL,
    done_at BIGINT NULL,
    shared TEXT NOT NULL,
    deleted TEXT NOT NULL,
    PRIMARY KEY (digest)
);
