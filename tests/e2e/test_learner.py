"""The learner beside a running embedded system: it is a part, one look ends, and its runs are read over the API."""

import json
import time
from pathlib import Path

import httpx
import pytest

from deploy.bench.history_file import write_history
from deploy.bench.simulation import SITE, site_settings
from deploy.processes.ports import wait_until
from deploy.processes.probes import ProbeAddress, get
from deploy.simulate.shop.parameters import ShopFacts
from storage.database.engine import engine_of
from storage.learner.runs import LearnerRuns, held
from tests.support.agents import BROWSER
from tests.support.events import event_id
from tests.support.learners import learner_run
from tests.support.stack import Stack, new_stack, up

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


def test_history_is_learned_from_and_the_better_model_scores_the_site(tmp_path: Path) -> None:
    history = write_history(tmp_path, 1_600, days=21, facts=ShopFacts(conversion=0.12))
    site = {"timezone": site_settings().timezone}
    sites = {f"OPECOM_SITES__{SITE.upper()}__{name.upper()}": value for name, value in site.items()}
    learning = {"OPECOM_LEARNING__PROMOTION": "auto"}
    with up(new_stack(tmp_path, **learning, **sites)) as stack:
        sent = stack.opecom("import", str(history.path), "--site", SITE, seconds=240)
        assert sent.returncode == 0, sent.stderr
        assert wait_until(lambda: closed_sessions(stack) == history.sessions, 240)
        looked = stack.opecom("run", "learner", "--once", seconds=300)
        assert looked.returncode == 0, looked.stderr
        runs = json.loads(stack.opecom("models", "learning", "--json").stdout)["sites"][0]["runs"]
        # Of all days, or where the gate refuses that one, of the newest.
        assert "watching" in [run["step"] for run in runs], runs
        run = next(each for each in runs if each["step"] == "watching")
        assert run["candidate"].startswith("recalibrated")
        again = stack.opecom("run", "learner", "--once")
        assert again.returncode == 0, again.stderr
        post(stack, SITE)
        assert wait_until(lambda: model_of(stack, "visit") == run["candidate"], 60)


def closed_sessions(stack: Stack) -> int:
    answer = httpx.get(f"{stack.api.url}/admin/stats", params={"site": SITE}, headers=stack.admin_headers, timeout=30)
    return int(answer.json()["totals"]["closed"])


def post(stack: Stack, site: str) -> None:
    """A live view of the site, by an import key, which may name any time."""
    key = {"X-OPECOM-Key": (stack.folder / f"data/import-{site}.key").read_text()} | BROWSER
    now = int(time.time() * 1000)
    ids = {"event_id": event_id(1), "session_id": "visit"}
    event = {"type": "page_view", **ids, "occurred_at": now, "received_at": now, "page": {"url": "/"}}
    body = {"sent_at": now, "events": [event]}
    answer = httpx.post(f"{stack.ingest.url}/v1/batch", json=body, headers=key, timeout=30)
    assert (answer.status_code, answer.json()["refused"]) == (202, [])


def model_of(stack: Stack, session: str) -> str:
    answer = httpx.get(f"{stack.api.url}/sessions/{session}/intent", headers=stack.admin_headers, timeout=30)
    return str(answer.json()["model_version"]) if answer.status_code == 200 else ""
