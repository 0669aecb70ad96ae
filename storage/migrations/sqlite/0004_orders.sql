-- Verified orders of sessions: an order that several sessions have counts in the first of them.

CREATE TABLE IF NOT EXISTS orders (
    site VARCHAR(97) NOT NULL,
    session_id VARCHAR(64) NOT NULL,
    opened_at BIGINT NOT NULL,
    order_id VARCHAR(64) NOT NULL,
    ordered_at BIGINT NOT NULL,
    amount DOUBLE NOT NULL,
    currency VARCHAR(3) NOT NULL,
    version BIGINT NOT NULL,
    log VARCHAR(64) NOT NULL,
    PRIMARY KEY (site, session_id, opened_at, order_id)
);

CREATE INDEX IF NOT EXISTS orders_by_id ON orders (site, order_id);
