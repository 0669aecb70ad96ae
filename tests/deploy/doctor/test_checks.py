"""Each check of the doctor, case by case: the state, and what the line tells to fix."""

from collections.abc import Callable, Mapping, Sequence
from importlib.metadata import PackageNotFoundError
from pathlib import Path
from typing import Any

import pytest

from deploy.doctor import analytics, databases, kafka, relational
from deploy.doctor.clocks import clocks
from deploy.doctor.finding import Finding, worst
from deploy.doctor.folder import data_folder, room
from deploy.doctor.installation import installation
from deploy.doctor.keys import keys
from deploy.doctor.model import model
from deploy.doctor.parts import part
from deploy.log.topics import Fault
from deploy.processes.data_folder import ROOM
from deploy.processes.probes import ProbeAddress
from deploy.settings.model import ApiSettings, ScoringSettings, Settings, SiteSettings, StorageSettings
from scoring import registry
from storage.database.migrate import steps

HERE = ProbeAddress("127.0.0.1", 8001)


def seen(found: Finding | list[Finding]) -> tuple[str, str]:
    [finding] = found if isinstance(found, list) else [found]
    return finding.state, finding.line


@pytest.mark.parametrize(
    ("states", "expected"),
    [([], "ok"), (["ok", "warning"], "warning"), (["fault", "ok", "warning"], "fault")],
    ids=["none", "warning", "fault"],
)
def test_the_worst_is_what_counts(states: list[Any], expected: str) -> None:
    assert worst([Finding("", state, "") for state in states]) == expected


VERSIONS = {"op-ecom": "0.1.0", "aiokafka": "0.14.0", "faust-streaming": "0.15.3", "onnxruntime": "1.32.0"}


def version_of(name: str) -> str:
    try:
        return VERSIONS[name]
    except KeyError:
        raise PackageNotFoundError(name) from None


@pytest.mark.parametrize(
    ("asked", "state", "said"),
    [
        (["aiokafka>=0.14", "onnxruntime>=1.32.0"], "ok", "Python 3.11.7, faust-streaming 0.15.3, aiokafka 0.14.0"),
        (["aiokafka>=0.14.1"], "fault", "aiokafka is 0.14.0, 0.14.1 is the least: install op-ecom again"),
        (["onnxruntime>=1.4"], "ok", "onnxruntime 1.32.0"),
        (["holidays>=0.1"], "fault", "holidays is missing"),
        (['chdb>=4.4; extra == "embedded"'], "ok", "op-ecom 0.1.0"),
    ],
    ids=["enough", "too-old", "numbers-not-texts", "missing", "extra"],
)
def test_libraries(asked: list[str], state: str, said: str) -> None:
    found = seen(installation(asked, version_of, "3.11.7"))
    assert found[0] == state
    assert said in found[1]


def test_this_installation_is_well() -> None:
    assert installation().state == "ok"


@pytest.mark.parametrize(
    ("free", "state"), [(ROOM - 1, "fault"), (ROOM, "warning"), (5 * ROOM, "ok")], ids=["full", "little", "room"]
)
def test_room(free: int, state: str) -> None:
    found = room(Path("/data"), free)
    assert found.state == state
    assert ("OPECOM_DATA_DIR" in found.line) == (state == "fault")


def test_a_folder_is_looked_at_and_not_made(tmp_path: Path) -> None:
    assert data_folder(tmp_path / "a" / "b").state in ("ok", "warning")
    assert not list(tmp_path.iterdir())
    (tmp_path / "file").touch()
    assert seen(data_folder(tmp_path / "file"))[0] == "fault"


def test_models(tmp_path: Path) -> None:
    assert seen(model(ScoringSettings()))[0] == "ok"
    assert registry.current() in model(ScoringSettings()).line
    assert seen(model(ScoringSettings(registry=str(tmp_path / "none")))) == (
        "fault",
        f"no model registry at {tmp_path / 'none'}: set OPECOM_SCORING__REGISTRY to a folder of models or its URL, or "
        "leave it empty for the shipped ones",
    )
    assert "OPECOM_SCORING__MODEL" in model(ScoringSettings(model="other")).line


def services(**given: Any) -> Settings:
    settings: dict[str, Any] = {
        "sites": {"shop": SiteSettings(write_keys=("w" * 20,))},
        "api": ApiSettings(read_keys=("r" * 20,), token_secret="t" * 20),
    }
    return Settings(profile="services", **(settings | given))


@pytest.mark.parametrize(
    ("settings", "state", "said"),
    [
        (Settings(), "ok", "this machine reads without a key"),
        (Settings(sites={"shop": SiteSettings(origins=("shop",))}), "fault", "sites.shop.origins"),
        (services(), "ok", "keys are set"),
        (services(api=ApiSettings()), "fault", "`opecom keys add NAME --scope read`"),
        (services(api=ApiSettings(read_keys=("short",))), "fault", "fewer than 16 characters"),
        (services(sites={"shop": SiteSettings()}), "warning", "`opecom sites add shop"),
        (services(api=ApiSettings(read_keys=("r" * 20,))), "warning", "OPECOM_API__TOKEN_SECRET"),
        (services(sites={"shop": SiteSettings(timezone="Nowhere")}), "fault", "sites.shop: timezone"),
        (services(sites={"shop": SiteSettings(origins=("shop",))}), "fault", "sites.shop.origins"),
    ],
    ids=[
        "embedded",
        "embedded-origin",
        "well",
        "no-read-key",
        "short-key",
        "no-write-key",
        "no-secret",
        "time-zone",
        "origin",
    ],
)
def test_keys(settings: Settings, state: str, said: str) -> None:
    found = keys(settings)
    assert {finding.state for finding in found} == {state}
    assert any(said in finding.line for finding in found), found


@pytest.mark.parametrize(
    ("text", "mode", "state", "said"),
    [
        pytest.param("[sites.shop]", 0o600, "ok", "sites default, uci, clicks, generated, shop", id="well"),
        pytest.param("[sites.shop]", 0o644, "warning", "chmod 600", id="others can read it"),
        pytest.param("[sites.shop", 0o600, "fault", "is not TOML", id="broken"),
        pytest.param('[sites.shop]\norigins = ["shop"]', 0o600, "fault", "sites.shop.origins", id="an origin"),
        pytest.param('[sites.shop]\ntimezone = "Nowhere"', 0o600, "fault", "sites.shop: timezone", id="a time zone"),
    ],
)
def test_the_file_of_sites_and_keys(text: str, mode: int, state: str, said: str, tmp_path: Path) -> None:
    file = tmp_path / "access.toml"
    file.write_text(text)
    file.chmod(mode)
    (finding,) = keys(Settings(data_dir=tmp_path))
    assert (finding.state, said in finding.line) == (state, True), finding
    assert list(tmp_path.iterdir()) == [file]


def test_keys_are_looked_at_and_none_is_made(tmp_path: Path) -> None:
    sites = {name: SiteSettings() for name in ("default", "shop")}
    assert seen(keys(Settings(data_dir=tmp_path / "data", sites=sites)))[0] == "ok"
    assert not list(tmp_path.iterdir())


def test_a_file_that_is_named_and_not_there_is_a_warning(tmp_path: Path) -> None:
    (finding,) = keys(Settings(data_dir=tmp_path, access_file=tmp_path / "missing.toml"))
    assert (finding.state, "`opecom sites add` makes it" in finding.line) == ("warning", True)


@pytest.mark.parametrize(
    ("ahead", "state", "said"),
    [
        ({}, "ok", "no server tells a time"),
        ({"MariaDB": 0.2, "ClickHouse": -1.5}, "ok", "MariaDB, ClickHouse within 1.5 s"),
        ({"MariaDB": -7.0}, "warning", "MariaDB is 7 s behind of this machine: let NTP"),
        ({"Kafka": 61.0, "MariaDB": 0.0}, "fault", "Kafka is 61 s ahead of this machine: let NTP"),
    ],
    ids=["alone", "near", "far", "too-far"],
)
def test_clocks(ahead: Mapping[str, float], state: str, said: str) -> None:
    found = seen(clocks(ahead))
    assert found[0] == state
    assert said in found[1]


@pytest.mark.parametrize(
    ("requests", "said"),
    [
        ({0: (0, 13), 68: (0, 1), 76: (0, 1), 90: (0, 1)}, "Apache Kafka 4.1 or newer"),
        ({68: (0, 1)}, "Apache Kafka 3.7 or newer"),
        ({0: (0, 9)}, "before 3.7"),
    ],
    ids=["4", "3", "old"],
)
def test_releases(requests: Mapping[int, object], said: str) -> None:
    assert said in kafka.kafka("k:9092", "cluster", 3, requests).line


def test_topics() -> None:
    mended = Fault("events", "topic events has retention.ms=1 and must have 2", ("retention.ms", "2"))
    broken = Fault("events", "topic events has 3 partitions and must have 4")
    assert [finding.state for finding in kafka.topics([mended, broken], ["events"])] == ["warning", "fault"]
    assert "`opecom topics create`" in kafka.topics([mended], [])[0].line
    assert seen(kafka.topics([], ["events", "dead"])) == ("ok", "events, dead are as they must be")


@pytest.mark.parametrize(
    ("members", "behind", "state", "said"),
    [
        (2, 0, "ok", "2 in the group, 0 records behind"),
        (None, 3, "ok", "reads alone, 3 records behind"),
        (0, 0, "warning", "start `opecom run worker`"),
        (0, 5, "fault", "nobody is in the group, 5 records behind: start `opecom run worker`"),
        (1, 20_000, "warning", "if not, start another `opecom run worker`"),
    ],
    ids=["well", "alone", "nobody-idle", "nobody-behind", "far-behind"],
)
def test_groups(members: int | None, behind: int, state: str, said: str) -> None:
    found = seen(kafka.group("worker group", "worker", members, behind))
    assert found[0] == state
    assert said in found[1]


def answering(**answers: str) -> Callable[[str], Sequence[Sequence[Any]]]:
    """A database that answers to queries by a word in them."""

    def run(query: str) -> Sequence[Sequence[Any]]:
        for word, value in answers.items():
            if word.lower() in query.lower():
                return [(value,)]
        raise LookupError(query)

    return run


WELL = {
    "version()": "11.4.5-MariaDB",
    "sql_mode": "STRICT_ALL_TABLES",
    "packet": "16777216",
    "schema_version": str(steps("mariadb")[-1].version),
}


@pytest.mark.parametrize(
    ("changed", "state", "said"),
    [
        ({}, "ok", "11.4.5-MariaDB, schema as this program needs it"),
        ({"version()": "8.4.0"}, "fault", "it must be MariaDB"),
        ({"version()": "10.5.2-MariaDB"}, "warning", "10.6 or newer"),
        ({"sql_mode": ""}, "fault", "not strict"),
        ({"packet": "1048576"}, "fault", "SET GLOBAL max_allowed_packet"),
        ({"schema_version": "0"}, "fault", "run `opecom migrate`"),
        ({"schema_version": "99"}, "fault", "install a newer op-ecom"),
    ],
    ids=["well", "mysql", "old", "lax", "packet", "schema-old", "schema-new"],
)
def test_mariadb(changed: dict[str, str], state: str, said: str) -> None:
    found = seen(relational.relational("mariadb", answering(**(WELL | changed))))
    assert found[0] == state
    assert said in found[1]


def test_clickhouse() -> None:
    def finding(known: str) -> tuple[str, str]:
        return seen(analytics.analytics("ClickHouse", answering(**{"version()": "26.1", "schema_version": known})))

    newest = steps("clickhouse")[-1].version
    assert finding(str(newest)) == ("ok", "ClickHouse 26.1, schema as this program needs it")
    assert finding("0")[0] == "fault"
    assert seen(analytics.held(200, ""))[0] == "ok"
    assert "not here" in analytics.held(503, "not here\n").line


def test_a_chdb_that_a_starting_system_holds_is_not_opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("deploy.processes.data_folder.running", lambda _: object())
    found, _ = databases.clickhouse(Settings(data_dir=tmp_path), HERE, lambda *_: (0, ""))
    assert seen(found)[0] == "warning"
    assert not list(tmp_path.iterdir())


def test_databases_that_are_away_are_a_line() -> None:
    url = "mariadb+pymysql://u:secret@127.0.0.1:1/d"
    settings = services(storage=StorageSettings(url=url, clickhouse_host="127.0.0.1", clickhouse_port=1))
    [finding], ahead = databases.relational_database(settings)
    assert (finding.state, ahead) == ("fault", {})
    assert "storage.url" in finding.line
    assert "secret" not in finding.line
    [finding], ahead = databases.clickhouse(settings, HERE, lambda *_: (0, ""))
    assert (finding.state, ahead) == ("fault", {})
    assert "storage.clickhouse_host" in finding.line


BUILD = 'opecom_build_info{part="api",version="0.1.0"} 1.0\nopecom_build_info{part="writer",version="0.1.0"} 1.0\n'


@pytest.mark.parametrize(
    ("name", "elsewhere", "answers", "state", "said"),
    [
        ("api", True, {}, "ok", "alive and ready, op-ecom 0.1.0"),
        ("store", False, {}, "ok", "alive and ready"),
        ("api", False, {"/livez": (0, "")}, "fault", "start the system, `opecom up`"),
        ("api", True, {"/livez": (0, "")}, "warning", "start `opecom run api`, or run `opecom doctor` on the machine"),
        ("worker", True, {}, "fault", "is not our worker"),
        ("api", True, {"/metrics": (200, "<html>")}, "fault", "is not our api"),
        ("api", True, {"/readyz": (503, "Kafka is\naway")}, "fault", "is not ready (Kafka is away)"),
        ("api", True, {"/metrics": (200, BUILD.replace("0.1.0", "0.0.9"))}, "warning", "op-ecom 0.0.9, here is 0.1.0"),
    ],
    ids=["well", "store", "stopped", "stopped-elsewhere", "other-part", "stranger", "not-ready", "other-version"],
)
def test_parts(name: str, elsewhere: bool, answers: dict[str, tuple[int, str]], state: str, said: str) -> None:
    known = {"/livez": (200, ""), "/readyz": (200, ""), "/metrics": (200, BUILD)} | answers
    found = seen(part(name, "api.port", HERE, "0.1.0", elsewhere, lambda _, path: known[path]))
    assert found[0] == state
    assert said in found[1]


def test_a_part_without_a_port_reports_nothing() -> None:
    found = part("worker", "worker.metrics_port", ProbeAddress("127.0.0.1", 0), "0.1.0", False, lambda *_: (0, ""))
    assert seen(found) == ("ok", "tells nothing of itself: worker.metrics_port is 0")
