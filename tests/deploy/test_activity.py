"""GET /activity is the sum of what the parts count."""

from deploy.wiring.activity import summed
from storage.live.activity import AgeBucket

INGEST = """
opecom_ingest_events_total 70
opecom_ingest_refused_total{reason="key"} 2
opecom_ingest_refused_total{reason="rate"} 3
"""
WORKER = """
opecom_worker_updates_total 60
opecom_worker_open_sessions{partition="0"} 4
opecom_worker_open_sessions{partition="1"} 5
opecom_worker_records_total{outcome="scored"} 60
opecom_worker_records_total{outcome="late"} 2
opecom_worker_records_total{outcome="failed"} 1
# TYPE opecom_worker_age_seconds histogram
opecom_worker_age_seconds_bucket{le="0.01"} 3
opecom_worker_age_seconds_bucket{le="0.1"} 9
opecom_worker_age_seconds_bucket{le="+Inf"} 10
opecom_worker_age_seconds_count 10
opecom_worker_age_seconds_sum 0.7
"""
STORE = """
opecom_writer_lag_records{topic="scored-sessions"} 6
opecom_writer_lag_records{topic="events"} 99
opecom_writer_records_total{topic="scored-sessions"} 1
"""


def test_sums_are_those_of_the_parts_that_answer() -> None:
    found = summed({"ingest": INGEST, "worker": WORKER, "store": STORE, "webhooks": ""}, 5)
    assert found.parts == ["ingest", "worker", "store"]
    assert (found.at, found.accepted, found.refused, found.scored) == (5, 70, 5, 60)
    assert (found.dead_letters, found.open_sessions) == (3, 9)
    assert found.ages == [AgeBucket(0.01, 3), AgeBucket(0.1, 9), AgeBucket(None, 10)]
    assert found.waiting == 6
