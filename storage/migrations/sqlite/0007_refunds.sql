-- Verified refunds of sessions: each is taken off what its order brought, in whichever session that counts.

CREATE TABLE IF NOT EXISTS refunds (
    site VARCHAR(97) NOT NULL,
    session_id VARCHAR(64) NOT NULL,
    opened_at BIGINT NOT NULL,
    event_id VARCHAR(64) NOT NULL,
    order_id VARCHAR(64) NOT NULL,
    refunded_at BIGINT NOT NULL,
    amount DOUBLE NULL,
    currency VARCHAR(3) NOT NULL,
    version BIGINT NOT NULL,
    log VARCHAR(64) NOT NULL,
    PRIMARY KEY (site, session_id, opened_at, event_id)
);

CREATE INDEX IF NOT EXISTS refunds_by_order ON refunds (site, order_id);
