"""Parts that the engine damaged: a restart in time brings their rows back, and after that the writer, from Kafka."""

import os
import shutil
from pathlib import Path

import psutil
import pytest

from deploy.chaos.evidence import ServerDatabases
from deploy.chaos.faults.kind import FaultContext, FaultKind, now
from deploy.chaos.negative import PARTS
from deploy.chaos.run import run_faults
from deploy.chaos.services import restarted, running_services
from deploy.chaos.set_aside import damaged_tables, restart_damaged
from deploy.settings.model import Settings, user_cache

_PARTS = "SELECT path, active FROM system.parts WHERE database = currentDatabase() AND table = 'events'"


def records(context: FaultContext) -> int:
    with ServerDatabases(context.installation.direct) as (_, client):
        return int(client.query("SELECT count() FROM events FINAL").result_rows[0][0])


def merge_refused(context: FaultContext) -> float:
    """A merge completes although no byte of it is written: known of chDB 26.9; a later one may refuse."""
    process = context.installation.services.clickhouse.process()
    assert process is not None
    with ServerDatabases(context.installation.direct) as (_, client):
        client.command("SYSTEM STOP MERGES")
        soft, hard = process.rlimit(psutil.RLIMIT_FSIZE)
        process.rlimit(psutil.RLIMIT_FSIZE, (0, hard))
        client.command("SYSTEM START MERGES")
        client.command("OPTIMIZE TABLE events FINAL")
        process.rlimit(psutil.RLIMIT_FSIZE, (soft, hard))
        assert damaged_tables(client) == ["events"]
    assert restart_damaged(context.installation)
    assert not restart_damaged(context.installation)
    return now()


def parts_emptied(context: FaultContext) -> float:
    """Every part of a table is empty, as after merges whose sources the engine has let go."""
    clickhouse = context.installation.services.clickhouse
    with ServerDatabases(context.installation.direct) as (_, client):
        parts = [(Path(path), active) for path, active in client.query(_PARTS).result_rows]
    clickhouse.stop()
    for folder, active in parts:
        if not active:
            shutil.rmtree(folder, ignore_errors=True)
        elif folder.is_dir():
            for file in folder.iterdir():
                os.truncate(file, 0)
    restarted(clickhouse)
    return now()


@pytest.mark.kafka
@pytest.mark.mariadb
@pytest.mark.timeout(900)
def test_rows_of_damaged_parts_come_back(tmp_path: Path) -> None:
    seen: list[int] = []

    def both(context: FaultContext) -> float:
        before = records(context)
        merge_refused(context)
        assert records(context) >= before > 0
        ended = parts_emptied(context)
        seen.append(before - records(context))
        return ended

    with running_services(tmp_path / "services", user_cache()) as services:
        run = run_faults(
            *(services, Settings(), tmp_path / "main", {"parts damaged": FaultKind(both)}),
            seconds=600,
            seed=1,
            rate=200,
            parts=PARTS,
            notify=print,
            forked=True,
            faults=1,
            quiet_seconds=4,
            closings_seconds=5,
            overlap=1,
        )
    assert seen[0] > 0, "no record was lost: nothing is shown"
    assert any("events: broken-on-start" in name for name in run.set_aside)
    assert run.clean, run.problems()
