"""The embedded log keeps its name while its databases are there, and is a new one where it could not go on."""

from pathlib import Path

import pytest

from deploy.local.embedded_log import EmbeddedLog
from deploy.local.log_folder import LogFolder
from deploy.processes.data_folder import log_folder
from deploy.settings.model import Settings


def named(folder: Path, **given: object) -> str:
    """The name that the next broker gets."""
    return EmbeddedLog(Settings.model_validate(given), folder, {}).named()


def begun(folder: Path, *databases: str) -> str:
    """The name of a log that has begun, with these databases in the folder."""
    name = named(folder)
    kept = LogFolder(log_folder(folder))
    known = kept.name()
    assert known is not None
    kept.begun(known)
    for each in databases:
        (folder / each).mkdir()
    return name


def test_it_goes_on_while_its_databases_are_there(tmp_path: Path) -> None:
    assert begun(tmp_path, "opecom.sqlite", "chdb") == named(tmp_path) == named(tmp_path)


def test_a_log_in_which_nothing_can_be_begins_under_its_name(tmp_path: Path) -> None:
    assert named(tmp_path) == named(tmp_path)


@pytest.mark.parametrize("left", [[], ["chdb"], ["opecom.sqlite"]], ids=["no database", "one", "the other"])
def test_it_ends_with_its_databases(tmp_path: Path, left: list[str]) -> None:
    assert begun(tmp_path, *left) != named(tmp_path)


def test_another_number_of_partitions_is_another_log(tmp_path: Path) -> None:
    assert begun(tmp_path, "opecom.sqlite", "chdb") != named(tmp_path, kafka={"partitions": 7})


def test_databases_elsewhere_are_taken_to_be_there(tmp_path: Path) -> None:
    name = begun(tmp_path, "chdb")
    assert name == named(tmp_path, storage={"url": "mariadb+pymysql://user@host/name"})


def test_the_broker_is_not_filled_before_it_is(tmp_path: Path) -> None:
    folder = LogFolder(log_folder(tmp_path))
    begun(tmp_path, "opecom.sqlite", "chdb")
    folder.filled()
    named(tmp_path)
    assert folder.generation() == ""
