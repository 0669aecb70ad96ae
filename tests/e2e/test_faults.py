"""`opecom chaos` on Apache Kafka, MariaDB and a ClickHouse front: nothing is lost, and planted bugs are found."""

import json
import os
import subprocess
from pathlib import Path

import pytest

from deploy.chaos.negative import selected
from deploy.processes.interpreter import OPECOM


def chaos(folder: Path, *options: str) -> tuple[int, dict[str, float], str]:
    """The exit code, the figures, and all that was printed."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("OPECOM_")}
    words = [*OPECOM, "chaos", "--json", "--report", str(folder / "report.html"), "--keep", str(folder), *options]
    ended = subprocess.run(
        words, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
    )
    assert ended.stdout.splitlines()[-1].startswith("{"), ended.stdout
    return ended.returncode, json.loads(ended.stdout.splitlines()[-1])["figures"], ended.stdout


def require_whole(code: int, figures: dict[str, float], printed: str, planted: int) -> None:
    assert (code, figures["lost"], figures["doubled"], figures["differing"], figures["went_back"]) == (0,) * 5, printed
    assert (figures["planted"], figures["caught"]) == (planted, planted), printed
    assert figures["accepted"] > 0
    assert figures["faults"] > 0
    assert figures["kinds"] > 0


@pytest.mark.kafka
@pytest.mark.mariadb
@pytest.mark.timeout(1_500)
def test_a_short_run_loses_nothing_and_finds_three_planted_bugs(tmp_path: Path) -> None:
    bugs = "de-duplication off,closings not published,dead letters not published"
    given = ("--minutes", "0.4", "--faults", "kills,points", "--planted", bugs, "--forked")
    require_whole(*chaos(tmp_path, *given), planted=3)
    assert "<svg" in (tmp_path / "report.html").read_text()


@pytest.mark.kafka
@pytest.mark.mariadb
@pytest.mark.long
def test_five_minutes_of_every_fault_and_every_planted_bug(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, figures, printed = chaos(tmp_path, "--minutes", "5")
    require_whole(code, figures, printed, planted=len(selected("all")))
    assert figures["kinds"] >= 15, printed
    with capsys.disabled():
        print(f"\n{printed}")
