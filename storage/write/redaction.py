"""How an event that is stored already is made to name nobody: of it only that its clock moved is left.

The statements for ClickHouse, of an erasure (storage/admin/forget.py) and of retention. storage/write/erased.py makes
the same of an event that comes now.
"""

# A tick; nothing, where no fold would take the event.
_FOLDS = "(kind = 'event' AND match(replaceAll(ifNull(event_id, ''), '-', ''), '^[0-9a-fA-F]{32}$'))"
_CLOCK = "if(JSONExtractString(raw, 'clock') = 'replayed', ifNull(site, ''), 'live')"
_TICK = (
    f"""concat('{{"control":"tick","clock":"', {_CLOCK}, """
    """'","to":', toString(toUnixTimestamp64Milli(ifNull(received_at, appended_at))), '}')"""
)
# A Nullable column keeps a value beneath its null, which `col = NULL` leaves as it was. So the value is overwritten
# first, and only then hidden.
_NO_TIME = "fromUnixTimestamp64Milli(0, 'UTC')"
_EMPTY = {
    **dict.fromkeys(("site", "session_id", "visitor_id", "event_id", "page_type", "path", "key"), "''"),
    **dict.fromkeys(("occurred_at", "received_at"), _NO_TIME),
    "amount": "0",
}
#: Overwrites the values of events; give it WHERE.
REDACT = (
    f"ALTER TABLE events UPDATE raw = if({_FOLDS}, {_TICK}, ''), kind = if({_FOLDS}, 'control', 'undecodable'), "
    f"type = if({_FOLDS}, 'tick', ''), {', '.join(f'{name} = {value}' for name, value in _EMPTY.items())}"
)
#: Hides values that are overwritten: give it WHERE, as EMPTIED.
NULL = f"ALTER TABLE events UPDATE type = nullIf(type, ''), {', '.join(f'{name} = NULL' for name in _EMPTY)}"
#: Of what is no event, nothing but a redacted one has a session.
EMPTIED = "(kind != 'event' AND session_id IS NOT NULL)"
