"""The learner beside a running embedded system: it is a part, one look ends, and its runs are read over the API."""

import json
from pathlib import Path

import pytest

from deploy.processes.ports import wait_until
from deploy.processes.probes import ProbeAddress, get
from storage.database.engine import engine_of
from storage.learner.runs import LearnerRuns, held
from tests.support.learners import learner_run
from tests.support.stack import new_stack, up

pytest.importorskip("lightgbm")


def test_the_learner_runs_beside_the_system_and_its_runs_are_read(tmp_path: Path) -> None:
    with up(new_stack(tmp_path, OPECOM_LEARNING__PROMOTION="propose")) as stack:
        part = ProbeAddress("127.0.0.1", stack.settings.learning.metrics_port)
        assert wait_until(lambda: get(part, "/readyz") == (200, "ok\n"), 60)
        engine = engine_of(f"sqlite:///{tmp_path / 'data' / 'opecom.sqlite'}")
        LearnerRuns(engine).put(learner_run(step="proposed", candidate="new", reasons=("the gate lets it pass",)))

        looked = stack.opecom("run", "learner", "--once")
        assert looked.returncode == 0, looked.stderr
        answer = json.loads(looked.stdout.splitlines()[-1])
        assert answer["sites"] == [{"site": "shop", "step": "proposed", "reason": "the gate lets it pass"}]
        with held(engine):
            busy = stack.opecom("run", "learner", "--once")
        assert busy.returncode == 0
        assert "another learner works on this data folder, which does the work" in busy.stderr
        engine.dispose()

        table = stack.opecom("models", "learning")
        assert table.returncode == 0, table.stderr
        assert "the gate lets it pass" in table.stdout
        listed = json.loads(stack.opecom("models", "learning", "--json").stdout)
        assert [run["candidate"] for run in listed["sites"][0]["runs"]] == ["new"]
        doctor = stack.opecom("doctor")
        assert "shop: proposed new; the gate lets it pass" in doctor.stdout
