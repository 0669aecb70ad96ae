"""The log's own time bounds the times that its records give for themselves. Pure.

A record carries the clock of whoever wrote it: of the ingest API, or of a worker. Where that clock was wrong and ran
ahead, the Kafka timestamp of the record holds instead, so that nothing is lost and no session closes early.
"""

import msgspec

from ingest.events import CLOCK_TOLERANCE_MS, LIVE_CLOCK, Control, Event, Tick


def clamp_to_append_time(content: Event | Control, timestamp: int) -> Event | Control:
    """An event or a tick of the live clock, not later than the log got it; `timestamp` in ms, 0 or less: unknown.

    If received_at is lowered, lower occurred_at by the same amount when it was skew-corrected, or is itself after the
    log's timestamp.
    """
    if timestamp <= 0:
        return content
    if isinstance(content, Event):
        ahead = content.received_at - timestamp
        if ahead <= CLOCK_TOLERANCE_MS or content.clock != "live":
            return content
        occurred_at = content.occurred_at
        if "skew" in content.flags or occurred_at > timestamp:
            occurred_at = max(occurred_at - ahead, 0)
        return msgspec.structs.replace(content, received_at=timestamp, occurred_at=occurred_at)
    if isinstance(content, Tick) and content.clock == LIVE_CLOCK and content.to - timestamp > CLOCK_TOLERANCE_MS:
        return Tick(LIVE_CLOCK, timestamp)
    return content
