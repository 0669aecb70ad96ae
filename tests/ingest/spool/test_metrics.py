"""What alerts of the spool judge by: how full it is, and whether the disk takes it."""

import errno
import os
from types import SimpleNamespace

import pytest
from prometheus_client import CollectorRegistry

from ingest.publish import LogUnavailableError
from ingest.spool import files
from ingest.spool.metrics import add_spool_metrics
from tests.ingest.spool.test_kills import Lives, lives

__all__ = ["lives"]


async def test_a_disk_that_refuses_shows_until_it_takes_again(lives: Lives, monkeypatch: pytest.MonkeyPatch) -> None:
    life, registry = lives(None, 5_000), CollectorRegistry()
    add_spool_metrics(registry, SimpleNamespace(spool=life.spool, waiting=0, size=life.folder.size, lost=0))  # type: ignore[arg-type]

    def value(name: str) -> float | None:
        return registry.get_sample_value(f"opecom_ingest_spool_{name}")

    await life.accept([0])
    assert (value("limit_bytes"), value("refused")) == (5_000, 0)

    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(files.os, "fdatasync", full)
        with pytest.raises(LogUnavailableError, match="No space left"):
            await life.accept([0])
        assert value("refused") == 1
    assert files.os is os
    await life.accept([0])
    assert value("refused") == 0
