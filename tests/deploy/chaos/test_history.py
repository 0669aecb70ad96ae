"""What lies on the log before a run: nothing of a time to come, and as many sessions as are wanted."""

from deploy.chaos.history import BEFORE, EVENTS, open_sessions, past_sessions
from stream.fold.clock import IDLE

NOW = 1_800_000_000_000


def test_sessions_of_a_long_run_have_no_event_of_a_time_to_come() -> None:
    for seconds in (60.0, 3_600.0):
        events = list(past_sessions(NOW, seconds, "default"))
        times = [event.received_at for event in events]
        assert times == sorted(times)
        assert times[-1] < NOW
        assert times[-1] <= NOW - IDLE + seconds * 1_000
        assert min(times) >= NOW - IDLE - (BEFORE + EVENTS * 10) * 1_000


def test_open_sessions_are_of_one_visitor_each() -> None:
    events = list(open_sessions(NOW, ["a", "b"], "default"))
    assert [(event.session_id, event.visitor_id, event.received_at) for event in events] == [
        ("a", "v0", NOW),
        ("b", "v1", NOW),
    ]
