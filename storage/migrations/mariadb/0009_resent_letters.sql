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
    body MEDIUMTEXT NOT NULL,
    sent_by VARCHAR(100) NOT NULL,
    claimed_at BIGINT NOT NULL,
    sent_at BIGINT NOT NULL,
    PRIMARY KEY (log, topic, kafka_partition, kafka_offset),
    INDEX resent_letters_by_visitor (visitor_id),
    INDEX resent_letters_by_time (state, sent_at)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin;
