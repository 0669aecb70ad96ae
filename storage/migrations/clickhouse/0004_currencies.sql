-- Amounts by currency: of sessions as JSON, empty in rows of before, and of pages as sums that are never one across currencies.

ALTER TABLE scored_sessions ADD COLUMN IF NOT EXISTS currency LowCardinality(String) DEFAULT '';

ALTER TABLE scored_sessions ADD COLUMN IF NOT EXISTS amounts String DEFAULT '[]' COMMENT 'JSON: [{currency, amount}]';

ALTER TABLE page_tally_source ADD COLUMN IF NOT EXISTS amounts String DEFAULT '[]';

ALTER TABLE page_tallies ADD COLUMN IF NOT EXISTS worths Array(Map(String, Float64));

ALTER TABLE page_tally_source_view MODIFY QUERY
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
    s.network AS network,
    s.amounts AS amounts
FROM scored_sessions AS s
WHERE position(s.site, '~') = 0 AND (s.closed OR s.void OR s.event_type IN ('page_view', 'purchase'));
