"""The log's own time bounds the times that its records give for themselves. Pure.

A record carries the clock of whoever wrote it: of the ingest API, or of a worker. Where that clock was wrong and ran
ahead, the Kafka timestamp of the record holds instead, so that nothing is lost and no session closes early.
"""

import msgspec

from ingest.events import CLOCK_TOLERANCE, LIVE_CLOCK, Control, Event, Tick


def clamp_to_append_time(content: Event | Control, timestamp: int) -> Event | Control:
    """An event or a tick of the live clock, not later than the log got it; `timestamp` in ms, 0 or less: unknown.

    The event's own time moves with `received_at` where the same clock made it: where it was corrected by it, or where
    the log had not come so far either.
    """
    if timestamp <= 0:
        return content
    if isinstance(content, Event):
        ahead = content.received_at - timestamp
        if ahead <= CLOCK_TOLERANCE or content.clock != "live":
            return content
        occurred_at = content.occurred_at
        if "skew" in content.flags or occurred_at > timestamp:
            occurred_at = max(occurred_at - ahead, 0)
        return msgspec.structs.replace(content, received_at=timestamp, occurred_at=occurred_at)
    if isinstance(content, Tick) and content.clock == LIVE_CLOCK and content.to - timestamp > CLOCK_TOLERANCE:
        return Tick(LIVE_CLOCK, timestamp)
    return content
