-- Dead letters that were sent again: as which event, when, and who sent it. `body` is the event as it was sent.

CREATE TABLE IF NOT EXISTS resent_letters (
    log VARCHAR(64) NOT NULL,
    topic VARCHAR(40) NOT NULL,
    kafka_partition INTEGER NOT NULL,
    kafka_offset BIGINT NOT NULL,
    state VARCHAR(10) NOT NULL,
    event_id VARCHAR(36) NOT NULL,
    site VARCHAR(97) NOT NULL,
    session_id VARCHAR(64) NOT NULL,
    visitor_id VARCHAR(64) NOT NULL,
    body TEXT NOT NULL,
    sent_by VARCHAR(100) NOT NULL,
    claimed_at BIGINT NOT NULL,
    sent_at BIGINT NOT NULL,
    PRIMARY KEY (log, topic, kafka_partition, kafka_offset)
) WITHOUT ROWID;

CREATE INDEX IF NOT EXISTS resent_letters_by_visitor ON resent_letters (visitor_id);
CREATE INDEX IF NOT EXISTS resent_letters_by_time ON resent_letters (state, sent_at);
