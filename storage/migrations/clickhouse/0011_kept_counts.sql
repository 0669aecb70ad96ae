-- Up to which day (UTC, days since 1970) the sessions of a site are gone by retention: what was counted of the days
-- before is kept as it is, as it cannot be counted again.

CREATE TABLE IF NOT EXISTS page_tally_kept (
    site LowCardinality(String),
    day UInt32
) ENGINE = ReplacingMergeTree(day)
ORDER BY site;
