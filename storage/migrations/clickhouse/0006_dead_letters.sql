-- When a record became a dead letter, and of which site it is: "" where its key and its text do not agree on one.

ALTER TABLE dead_letters
    ADD COLUMN IF NOT EXISTS dead_at DateTime64(3, 'UTC') COMMENT '1970 in rows of before there was this column',
    ADD COLUMN IF NOT EXISTS site LowCardinality(String) DEFAULT if(
        JSONExtractString(raw, 'site') IN ('', extract(ifNull(key, ''), '^([a-z0-9][a-z0-9_.-]{0,63}(~[a-z0-9_.-]{1,32})?)/')),
        extract(ifNull(key, ''), '^([a-z0-9][a-z0-9_.-]{0,63}(~[a-z0-9_.-]{1,32})?)/'),
        '');
