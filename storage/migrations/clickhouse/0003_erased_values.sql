-- Events erased before this step: their columns were set to NULL, which kept each value beneath its null. As in
-- storage/admin/forget.py, values become empty first and null then. ClickHouse works on this after the step, in this
-- order, also across restarts; parts without such rows stay as they are.

ALTER TABLE events UPDATE
    site = '', session_id = '', visitor_id = '', event_id = '', page_type = '', path = '', key = '', amount = 0,
    occurred_at = fromUnixTimestamp64Milli(0, 'UTC'), received_at = fromUnixTimestamp64Milli(0, 'UTC'),
    type = ifNull(type, '')
WHERE kind != 'event' AND session_id IS NULL AND key IS NULL
    AND (assumeNotNull(session_id) != '' OR assumeNotNull(key) != '' OR assumeNotNull(visitor_id) != '');

ALTER TABLE events UPDATE
    site = NULL, session_id = NULL, visitor_id = NULL, event_id = NULL, page_type = NULL, path = NULL, key = NULL,
    amount = NULL, occurred_at = NULL, received_at = NULL, type = nullIf(type, '')
WHERE kind != 'event' AND session_id IS NOT NULL;
