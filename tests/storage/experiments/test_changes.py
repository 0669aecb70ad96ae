"""Experiments from draft to end, by their routes: what is written to the log, and what is refused."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from fastapi import APIRouter
from msgspec import structs
from sqlalchemy import Engine

from storage.experiments.api import experiment_routes
from storage.experiments.changes import ExperimentChanges, WorkersRefusedError
from storage.experiments.drafts import Drafts
from storage.http.access import Access
from storage.http.errors import ReadError
from stream.experiments.definition import Definition, ExperimentDefinition, HoldoutDefinition, ReadingPlan, encode
from stream.experiments.history import Experiments
from tests.support.admin_client import AdminClient
from tests.support.experiments import experiment

HALVES = [{"name": "control", "share": 50}, {"name": "treatment", "share": 50}]
THIRD = {"name": "third", "share": 0}


class ListLog:
    """An ExperimentLog of a list; `refuses` names experiments whose start every worker refuses."""

    def __init__(self) -> None:
        self.experiments = Experiments()
        self.written: list[Definition] = []
        self.refuses: set[str] = set()
        #: Records of another process, which come before the next one of this.
        self.others: list[Definition] = []

    async def read(self) -> Experiments:
        return self.experiments

    async def check_model(self, version: str) -> None:
        if version == "missing":
            raise ReadError("conflict", "the registry has no version missing")

    async def put(self, record: Definition) -> list[str]:
        for each in [*self.others, record]:
            self.experiments.take(self.experiments.version, encode(each))
        self.others = []
        self.written.append(record)
        if isinstance(record, ExperimentDefinition) and record.name in self.refuses and record.status == "running":
            raise WorkersRefusedError("as workers refuse it: partition 0: no such model")
        return ["partition 3: no worker has read it"] if isinstance(record, HoldoutDefinition) else []


class Client(AdminClient):
    """Requests to the routes of experiments."""

    def __init__(self, log: ListLog, tmp_path: Path) -> None:
        def routes(engine: Engine, access: Access) -> APIRouter:
            return experiment_routes(ExperimentChanges(Drafts(engine), log, lambda: 1_735_732_800_000), access)

        super().__init__(tmp_path, routes)

    async def draft(self, name: str = "chat", status: int = 201, **given: Any) -> dict[str, Any]:
        return await self("POST", "/experiments", {"name": name, "site": "shop", "arms": HALVES} | given, status)


@pytest.fixture
def log() -> ListLog:
    return ListLog()


@pytest.fixture
async def client(log: ListLog, tmp_path: Path) -> AsyncIterator[Client]:
    made = Client(log, tmp_path)
    yield made
    await made.close()


async def test_an_experiment_from_draft_to_end(client: Client, log: ListLog, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO", "storage.http.audit")
    arms = [{"name": "control", "share": 10}, {"name": "treatment", "share": 10.5}]
    made = await client.draft(arms=arms, audience="band >= building and cart_value > 0")
    assert (made["status"], made["kind"], made["by"], log.written) == ("draft", "action", "key all", [])
    assert [arm["acts"] for arm in made["arms"]] == [False, True]
    started = await client("POST", "/experiments/chat/start", {})
    assert (started["status"], started["salt"], started["version"]) == ("running", made["salt"], 1)
    assert [arm["ranges"] for arm in started["arms"]] == [[[0, 1_000]], [[1_000, 2_050]]]
    grown = await client("POST", "/experiments/chat/grow", {"shares": {"control": 20}})
    assert [arm["ranges"] for arm in grown["arms"]] == [[[0, 1_000], [2_050, 3_050]], [[1_000, 2_050]]]
    stopped = await client("POST", "/experiments/chat/stop", {})
    assert (stopped["status"], stopped["version"]) == ("stopped", 3)
    assert await client("GET", "/experiments/chat") == stopped
    assert [each.status for each in log.written if isinstance(each, ExperimentDefinition)] == [
        "running", "running", "stopped",
    ]  # fmt: skip
    assert (await client("POST", "/experiments/chat/start", {}, 409))["reason"].startswith("chat is stopped, for good")
    assert (await client.draft(status=409))["reason"] == "there is an experiment chat: take another name"
    lines = [record.getMessage() for record in caplog.records]
    assert sum("experiment chat" in line and "key all" not in line.split()[0] for line in lines) >= 4


async def test_how_it_will_be_read_stands_in_the_record_of_the_start(client: Client, log: ListLog) -> None:
    plan = {"planned_visitors": 52_000, "reading": "planned", "looks": 2, "window_days": 14}
    few = await client.draft(status=422, plan=plan | {"planned_visitors": 400}, arms=[*HALVES, THIRD])
    assert few["reason"].startswith("plan: planned_visitors must be 600 or more for 3 arms")
    await client.draft(plan=plan)
    started = await client("POST", "/experiments/chat/start", {})
    assert started["plan"] | plan == started["plan"]
    [record] = log.written
    assert isinstance(record, ExperimentDefinition)
    assert record.plan == ReadingPlan(planned_visitors=52_000, reading="planned", looks=2, window_days=14)
    other = structs.replace(record, plan=ReadingPlan(planned_visitors=1_000))
    assert log.experiments.refusal(other) == "plan cannot change while it runs"


@pytest.mark.parametrize(
    ("given", "status", "reason"),
    [
        pytest.param({"audience": "cart > 1"}, 422, "audience: character 1: 'cart'", id="audience"),
        pytest.param({"arms": [HALVES[0], HALVES[0]]}, 422, "two have one name", id="one name"),
        pytest.param({"arms": [HALVES[0], {"name": "b", "share": 50.5}]}, 422, "more than 100 %", id="too much"),
        pytest.param({"arms": [HALVES[0], {"name": "b", "share": 0.001}]}, 422, "finer than", id="too fine"),
        pytest.param({"arms": [HALVES[0]]}, 422, "length >= 2", id="one arm"),
        pytest.param({"unit": "device"}, 422, "unit", id="unit"),
        pytest.param({"name": "Chat"}, 422, "matching regex", id="name"),
        pytest.param(
            {"arms": [HALVES[0], {"name": "b", "share": 50, "model": "missing"}]}, 409, "no version missing", id="model"
        ),
        pytest.param(
            {"arms": [HALVES[0] | {"acts": True}, {"name": "b", "share": 50, "model": "m"}]},
            422,
            "holds nothing back",
            id="models that act",
        ),
        pytest.param(
            {"arms": [HALVES[0], {"name": "b", "share": 50, "model": "m"}], "audience": "cart_value > 1"},
            422,
            "no known name",
            id="what models cannot know",
        ),
    ],
)
async def test_what_can_never_start_is_no_draft(client: Client, given: Any, status: int, reason: str) -> None:
    assert reason in (await client.draft(status=status, **given))["reason"]
    assert (await client("GET", "/experiments"))["experiments"] == []


async def test_experiments_of_a_layer_share_its_salt_and_no_bucket(client: Client) -> None:
    arms = [{"name": "a", "share": 30}, {"name": "b", "share": 30}]
    for name in ("one", "two", "three"):
        await client.draft(name, arms=arms, layer="page")
    one = await client("POST", "/experiments/one/start", {})
    assert (
        "60 % more and 40 % of the layer are free"
        in (await client("POST", "/experiments/two/start", {}, 409))["reason"]
    )
    await client("POST", "/experiments/one/stop", {})
    two = await client("POST", "/experiments/two/start", {})
    assert [arm["ranges"] for arm in two["arms"]] == [arm["ranges"] for arm in one["arms"]]
    assert two["salt"] == one["salt"]
    names = [(each["name"], each["status"]) for each in (await client("GET", "/experiments"))["experiments"]]
    assert names == [("three", "draft"), ("two", "running"), ("one", "stopped")]


async def test_a_draft_can_be_dropped_and_what_was_started_cannot(client: Client) -> None:
    await client.draft()
    assert await client("DELETE", "/experiments/chat") == {"name": "chat"}
    await client("GET", "/experiments/chat", status=404)
    await client.draft()
    await client("POST", "/experiments/chat/start", {})
    assert "stopped instead" in (await client("DELETE", "/experiments/chat", status=404))["reason"]


async def test_arms_of_models_act_and_a_start_that_workers_refuse_is_stopped(client: Client, log: ListLog) -> None:
    arms = [{"name": "control", "share": 50}, {"name": "new", "share": 50, "model": "m2"}]
    made = await client.draft("models", arms=arms)
    assert ([arm["acts"] for arm in made["arms"]], made["kind"]) == ([True, True], "model")
    log.refuses.add("models")
    refused = await client("POST", "/experiments/models/start", {}, 409)
    assert refused["reason"] == (
        "models is stopped again, as workers refuse it: partition 0: no such model; create another one"
    )
    assert (await client("GET", "/experiments/models"))["status"] == "stopped"


async def test_whoever_comes_second_is_not_in_force(client: Client, log: ListLog) -> None:
    await client.draft(layer="page")
    log.others = [experiment("theirs", site="shop", layer="page")]
    answer = await client("POST", "/experiments/chat/start", {}, 404)
    assert "no experiment 'chat'" in answer["reason"]
    assert [each.name for each in log.experiments.definitions()] == ["theirs"]
    assert (await client("GET", "/experiments/chat"))["status"] == "draft"


async def test_a_hold_out_keeps_its_salt(client: Client) -> None:
    first = await client("PUT", "/holdouts/shop", {"share": 5})
    second = await client("PUT", "/holdouts/shop", {"share": 0})
    assert (first["share"], second["share"], second["salt"]) == (5.0, 0.0, first["salt"])
    assert first["notices"] == ["partition 3: no worker has read it"]
    await client("PUT", "/holdouts/shop", {"share": 101}, 422)
    assert [each["site"] for each in (await client("GET", "/holdouts"))["holdouts"]] == ["shop"]


async def test_a_key_of_a_site_sees_and_changes_its_own_alone(client: Client) -> None:
    await client.draft()
    await client("PUT", "/holdouts/shop", {"share": 5})
    for key, status, seen in (("shop", 200, 1), ("other", 404, 0)):
        assert len((await client("GET", "/experiments", key=key))["experiments"]) == seen
        assert len((await client("GET", "/holdouts", key=key))["holdouts"]) == seen
        await client("GET", "/experiments/chat", status=status, key=key)
        await client("POST", "/experiments/chat/start", {}, status, key=key)
        await client("POST", "/experiments/chat/grow", {"shares": {"control": 50}}, status, key=key)
    await client("PUT", "/holdouts/shop", {"share": 1}, 403, key="other")
    body = {"name": "theirs", "site": "shop", "arms": HALVES}
    await client("POST", "/experiments", body, 403, key="other")
