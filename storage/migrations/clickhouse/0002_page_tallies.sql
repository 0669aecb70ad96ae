-- Sessions of programs and the networks of sessions. Counting pages by what is new: the timeline's views, purchases and closings once more, in the order of time; how
-- often the closings of each day and hour have changed; and the counts themselves, by hour and by day.

ALTER TABLE scored_sessions ADD COLUMN IF NOT EXISTS bot Bool DEFAULT false;

ALTER TABLE scored_sessions ADD COLUMN IF NOT EXISTS network LowCardinality(String) DEFAULT '';

CREATE TABLE IF NOT EXISTS page_tally_source (
    hour UInt32 COMMENT 'hours since 1970 at which the session opened',
    site LowCardinality(String),
    session_id String,
    opened_at DateTime64(3, 'UTC'),
    log LowCardinality(String),
    offset UInt64,
    closed Bool,
    backfill UInt16,
    void Bool,
    kind LowCardinality(String) COMMENT 'page_view, purchase, or empty for a closing and for what is void',
    event_id String,
    path String,
    occurred_at DateTime64(3, 'UTC'),
    amount Float64,
    bot Bool,
    network LowCardinality(String)
) ENGINE = ReplacingMergeTree(backfill)
ORDER BY (hour, site, session_id, opened_at, log, offset, closed);

CREATE TABLE IF NOT EXISTS page_tally_changes (
    day UInt32 COMMENT 'days since 1970',
    hour UInt32,
    site LowCardinality(String),
    changes UInt64
) ENGINE = SummingMergeTree(changes)
ORDER BY (day, hour, site);

CREATE TABLE IF NOT EXISTS page_tallies (
    span LowCardinality(String) COMMENT 'hour or day',
    start UInt32 COMMENT 'hours or days since 1970',
    site LowCardinality(String),
    changes UInt64 COMMENT 'how many changes of page_tally_changes the counts have seen',
    rules UInt64 COMMENT 'under which rules they were counted',
    paths Array(String),
    views Array(UInt64),
    sessions Array(UInt64),
    entrances Array(UInt64),
    exits Array(UInt64),
    bounces Array(UInt64),
    worth Array(Float64)
) ENGINE = ReplacingMergeTree(changes)
ORDER BY (span, start, site);

CREATE MATERIALIZED VIEW IF NOT EXISTS page_tally_changes_view TO page_tally_changes AS
SELECT intDiv(hour, 24) AS day, hour, site, count() AS changes
FROM page_tally_source
WHERE closed OR void OR backfill > 0
GROUP BY hour, site;

CREATE MATERIALIZED VIEW IF NOT EXISTS page_tally_source_view TO page_tally_source AS
SELECT
    toUInt32(intDiv(greatest(toUnixTimestamp64Milli(s.opened_at), 0), 3600000)) AS hour,
    s.site AS site,
    s.session_id AS session_id,
    s.opened_at AS opened_at,
    s.log AS log,
    s.offset AS offset,
    s.closed AS closed,
    s.backfill AS backfill,
    s.void AS void,
    if(s.closed, '', ifNull(s.event_type, '')) AS kind,
    ifNull(s.event_id, '') AS event_id,
    ifNull(s.path, '') AS path,
    s.occurred_at AS occurred_at,
    s.amount AS amount,
    s.bot AS bot,
    s.network AS network
FROM scored_sessions AS s
WHERE position(s.site, '~') = 0 AND (s.closed OR s.void OR s.event_type IN ('page_view', 'purchase'));

INSERT INTO page_tally_source
SELECT
    toUInt32(intDiv(greatest(toUnixTimestamp64Milli(s.opened_at), 0), 3600000)) AS hour,
    s.site AS site,
    s.session_id AS session_id,
    s.opened_at AS opened_at,
    s.log AS log,
    s.offset AS offset,
    s.closed AS closed,
    s.backfill AS backfill,
    s.void AS void,
    if(s.closed, '', ifNull(s.event_type, '')) AS kind,
    ifNull(s.event_id, '') AS event_id,
    ifNull(s.path, '') AS path,
    s.occurred_at AS occurred_at,
    s.amount AS amount,
    s.bot AS bot,
    s.network AS network
FROM scored_sessions AS s
WHERE position(s.site, '~') = 0 AND (s.closed OR s.void OR s.event_type IN ('page_view', 'purchase'));
