"""What the parts and their Kafka clients log is shown beside a failure: which of them stood still, and why."""

import logging

import pytest


@pytest.fixture(autouse=True)
def logged_in_full(caplog: pytest.LogCaptureFixture) -> None:
    for name in ("aiokafka", "faust", "stream", "storage", "deploy"):
        caplog.set_level(logging.INFO, logger=name)
