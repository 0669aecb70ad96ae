-- What pages said of interventions that reached them: one row for each of shown, dismissed and clicked, the first time.

CREATE VIEW IF NOT EXISTS intervention_reports AS
SELECT
    toString(assumeNotNull(site)) AS site,
    assumeNotNull(session_id) AS session_id,
    toInt64(JSONExtractInt(raw, 'intervention', 'opened_at')) AS opened_at,
    JSONExtractString(raw, 'intervention', 'name') AS name,
    JSONExtractString(raw, 'intervention', 'action') AS action,
    argMin(assumeNotNull(visitor_id), (occurred_at, event_id)) AS visitor_id,
    min(assumeNotNull(occurred_at)) AS reported_at
FROM events FINAL
WHERE kind = 'event' AND type = 'intervention'
GROUP BY site, session_id, opened_at, name, action;
