-- What an experiment platform reads (docs/growthbook.md): the first record of each session that shows an arm, and sessions and orders by visitor.

CREATE VIEW IF NOT EXISTS experiment_exposures AS
SELECT
    toString(s.site) AS site,
    each.1 AS experiment,
    argMin(each.2, (s.updated_at, s.offset, s.closed)) AS arm,
    argMax(s.visitor_id, s.version) AS visitor_id,
    s.session_id AS session_id,
    argMin(s.occurred_at, (s.updated_at, s.offset, s.closed)) AS exposed_at,
    argMin(s.probability, (s.updated_at, s.offset, s.closed)) AS probability,
    argMin(toString(s.band), (s.updated_at, s.offset, s.closed)) AS band,
    argMin(ifNull(toString(s.device_class), 'unknown'), (s.updated_at, s.offset, s.closed)) AS device_class
FROM scored_sessions AS s FINAL
ARRAY JOIN JSONExtract(s.experiments, 'Array(Tuple(experiment String, arm String))') AS each
WHERE NOT s.void
GROUP BY s.site, s.session_id, s.opened_at, each.1
HAVING NOT argMax(s.bot, s.version);

CREATE VIEW IF NOT EXISTS experiment_metrics AS
WITH refunds AS (
    SELECT
        site,
        JSONExtractString(raw, 'commerce', 'order_id') AS order_id,
        countIf(NOT JSONHas(raw, 'commerce', 'value')) > 0 AS is_whole,
        sum(JSONExtractFloat(raw, 'commerce', 'value')) AS value
    FROM (
        SELECT site, event_id, any(raw) AS raw
        FROM events FINAL
        WHERE kind = 'event' AND type = 'commerce'
        GROUP BY site, event_id
    )
    WHERE JSONExtractString(raw, 'commerce', 'action') = 'refund' AND JSONExtractBool(raw, 'commerce', 'verified')
    GROUP BY site, order_id
),
orders AS (
    SELECT
        site,
        if(JSONExtractString(raw, 'purchase', 'order_id') = '', assumeNotNull(event_id),
           JSONExtractString(raw, 'purchase', 'order_id')) AS order_id,
        argMin(assumeNotNull(visitor_id), (occurred_at, event_id)) AS visitor_id,
        argMin(assumeNotNull(session_id), (occurred_at, event_id)) AS session_id,
        min(occurred_at) AS at,
        argMin(JSONExtractFloat(raw, 'purchase', 'amount'), (occurred_at, event_id)) AS amount,
        argMin(JSONExtractString(raw, 'purchase', 'currency'), (occurred_at, event_id)) AS currency
    FROM events FINAL
    WHERE kind = 'event' AND type = 'purchase' AND JSONExtractBool(raw, 'purchase', 'verified')
    GROUP BY site, order_id
)
SELECT
    'order' AS kind,
    toString(assumeNotNull(o.site)) AS site,
    o.visitor_id AS visitor_id,
    o.session_id AS session_id,
    assumeNotNull(o.at) AS at,
    o.order_id AS order_id,
    o.amount AS amount,
    if(r.is_whole, o.amount, least(o.amount, r.value)) AS refunded,
    o.currency AS currency
FROM orders AS o
LEFT JOIN refunds AS r ON r.site = o.site AND r.order_id = o.order_id
UNION ALL
SELECT
    'session' AS kind,
    toString(s.site) AS site,
    argMax(s.visitor_id, s.version) AS visitor_id,
    s.session_id AS session_id,
    s.opened_at AS at,
    '' AS order_id,
    0. AS amount,
    0. AS refunded,
    '' AS currency
FROM scored_sessions AS s FINAL
WHERE NOT s.void
GROUP BY s.site, s.session_id, s.opened_at
HAVING NOT argMax(s.bot, s.version);
