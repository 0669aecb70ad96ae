"""What a command does beside an embedded system is done in one life of its broker."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest
from aiokafka.errors import KafkaConnectionError

from deploy.errors import AwayError, SetupError
from deploy.local.log_folder import LogFolder
from deploy.log import broker_life
from deploy.log.broker_life import in_one_life
from deploy.processes import data_folder
from deploy.processes.data_folder import as_running, log_folder
from deploy.settings.model import KafkaSettings, Settings


@pytest.fixture
def system(tmp_path: Path) -> Iterator[LogFolder]:
    """The log folder of a system that runs, its broker filled."""
    with data_folder.held(tmp_path) as held:
        data_folder.announce(held, "127.0.0.1:1")
        folder = LogFolder(log_folder(tmp_path))
        folder.filled()
        yield folder


def beside(folder: LogFolder) -> KafkaSettings:
    return as_running(Settings(data_dir=folder.folder.parent)).kafka


class Work:
    """Notes each attempt; what comes of one is what `steps` says, the last for all that follow."""

    def __init__(self, *steps: object) -> None:
        self._steps = steps
        self.attempts = 0

    async def __call__(self) -> int:
        step = self._steps[min(self.attempts, len(self._steps) - 1)]
        self.attempts += 1
        if isinstance(step, Exception):
            raise step
        if callable(step):
            step()
        return self.attempts


async def test_what_spans_two_lives_is_done_again(system: LogFolder) -> None:
    work = Work(system.filled, None)
    assert await in_one_life(beside(system), work) == 2


async def test_it_waits_for_a_broker_that_is_filled(system: LogFolder) -> None:
    system.ending()
    work = Work(None)
    waiting = asyncio.create_task(in_one_life(beside(system), work))
    await asyncio.sleep(0.3)
    assert not work.attempts
    system.filled()
    assert await waiting == 1


async def test_a_wait_is_announced_once(
    system: LogFolder, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(broker_life, "SILENT_SECONDS", 0.0)
    system.ending()
    with pytest.raises(AwayError):
        await in_one_life(beside(system), Work(None), patience=1.0)
    assert capsys.readouterr() == ("", "the broker at 127.0.0.1:1 is filled: waiting, 180 s at most\n")


@pytest.mark.parametrize("gone", [KafkaConnectionError("gone"), AwayError("gone"), TimeoutError()], ids=repr)
async def test_a_broker_that_is_gone_is_waited_for(system: LogFolder, gone: Exception) -> None:
    assert await in_one_life(beside(system), Work(gone, gone, None)) == 3


async def test_a_broker_that_does_not_come_back_is_an_error(system: LogFolder) -> None:
    with pytest.raises(KafkaConnectionError):
        await in_one_life(beside(system), Work(KafkaConnectionError("gone")), patience=0.5)
    system.ending()
    with pytest.raises(AwayError, match=r"kafka\.bootstrap"):
        await in_one_life(beside(system), Work(None), patience=0.5)


async def test_a_refusal_is_no_reason_to_wait(system: LogFolder) -> None:
    work = Work(SetupError("the topic has other partitions"))
    with pytest.raises(SetupError, match="other partitions"):
        await in_one_life(beside(system), work)
    assert work.attempts == 1


async def test_elsewhere_it_is_done_once(tmp_path: Path) -> None:
    """In services, in the parts of an embedded system, and on a Kafka of its own."""
    for kafka in (KafkaSettings(), KafkaSettings(log_folder=tmp_path)):
        work = Work(KafkaConnectionError("away"))
        with pytest.raises(KafkaConnectionError):
            await in_one_life(kafka, work)
        assert work.attempts == 1
    with data_folder.held(tmp_path) as held:
        data_folder.announce(held, "127.0.0.1:1", "kafka")
        kafka = as_running(Settings(data_dir=tmp_path)).kafka
    assert (kafka.bootstrap, kafka.is_beside, kafka.idempotent, kafka.log_folder) == ("127.0.0.1:1", False, True, None)


async def test_nobody_waits_where_nothing_runs(system: LogFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    kafka = beside(system)
    monkeypatch.setattr("deploy.log.broker_life.running", lambda _: None)
    work = Work(KafkaConnectionError("away"))
    with pytest.raises(KafkaConnectionError):
        await in_one_life(kafka, work)
    system.ending()
    with pytest.raises(AwayError, match="opecom up"):
        await in_one_life(kafka, work)
    assert work.attempts == 1
