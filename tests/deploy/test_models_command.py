"""`opecom models`: what the registry has, side by side, and what is refused in one line."""

import hashlib
import json
from pathlib import Path

import msgspec
import pytest
from typer.testing import CliRunner

from deploy.cli.main import app
from deploy.errors import SetupError
from deploy.settings.model import load
from deploy.wiring.models import CurrentModel, models, writable_registry
from scoring import registry
from scoring.contracts import UCI
from scoring.features import NAMES
from scoring.folder import RegistryError
from scoring.promotions import Promotion, in_force, promotions, remember, site_models
from scoring.training.differences import draw
from scoring.training.trees import LESS, Branch, Trees
from tests.support.browser_models import model_of
from tests.support.models import registry_of


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    made = registry_of(tmp_path / "models", "m1", "m2")
    file = made / "m2" / "manifest.json"
    manifest = json.loads(file.read_bytes())
    manifest["metrics"]["auc_test"] = 0.95
    file.write_text(json.dumps(manifest))
    monkeypatch.setenv("OPECOM_SCORING__REGISTRY", str(made))
    return made


def output_of(*words: str) -> str:
    done = CliRunner().invoke(app, ["models", *words], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.output


def promotion(kind: str, version: str, before: str, log: str = "k") -> Promotion:
    given = {"kind": kind, "version": version, "before": before, "log": log, "at": "2026-11-24T12:00:00+00:00"}
    return msgspec.convert(given, Promotion)


@pytest.mark.usefixtures("folder")
def test_list_show_and_compare() -> None:
    listed = json.loads(output_of("list", "--json"))
    assert (listed["current"], [each["version"] for each in listed["models"]]) == ("m1", ["m1", "m2"])
    assert "m2" in output_of("list")
    assert json.loads(output_of("show", "--json"))["version"] == "m1"
    assert "sha256" in output_of("show", "m2")
    compared = json.loads(output_of("compare", "m1", "m2", "--json"))["metrics"]["auc_test"]
    assert compared[1] == 0.95
    assert "0.950000" in output_of("compare", "m1", "m2")


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize("words", [("show", "m9"), ("compare", "m1", "m9"), ("promote", "m9")])
def test_a_version_that_is_not_there_is_one_line(words: tuple[str, ...]) -> None:
    with pytest.raises(SetupError, match=r"model 'm9' is not in .*m1, m2") as failed:
        CliRunner().invoke(app, ["models", *words], catch_exceptions=False)
    assert "\n" not in str(failed.value)


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize("weights", ["float16", "int8"])
def test_export_for_browsers(weights: str, tmp_path: Path) -> None:
    made = json.loads(
        output_of("export", "--browser", "m2", "--out", str(tmp_path / "web"), "--weights", weights, "--json")
    )
    head = json.loads(Path(made["head"]).read_bytes())
    assert {file.name for file in (tmp_path / "web").iterdir()} == {Path(made["head"]).name, head["weights"]["file"]}
    assert (head["version"], head["weights"]["kind"]) == ("m2", weights)
    assert Path(made["weights"]).stat().st_size == head["weights"]["bytes"]
    assert made["gzipped_bytes"] < 130_000
    assert made["integrity"].startswith("sha384-")
    assert "with the same first reason" in output_of("export", "--browser", "m2", "--out", str(tmp_path / "web"))


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize(
    ("words", "expected"),
    [
        pytest.param(("m1",), "opecom models export --browser VERSION", id="not said for what"),
        pytest.param(("m9", "--browser"), r"m9 was not exported: model 'm9' is not in", id="not there"),
        pytest.param(
            ("m1", "--browser", "--out", "manifest.json/web"), "give another folder with --out", id="no folder"
        ),
    ],
)
def test_an_export_that_cannot_be_is_one_line(
    words: tuple[str, ...], expected: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(folder / "m1")
    with pytest.raises(SetupError, match=expected) as failed:
        CliRunner().invoke(app, ["models", "export", *words], catch_exceptions=False)
    assert "\n" not in str(failed.value)


def test_trees_are_not_exported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    reference = (0.0,) * len(NAMES)
    graph = draw(Trees(0.25, [Branch(LESS, NAMES.index("PageValues"), 1.0, (), -1.0, 1.0)]), reference, pairs=1)
    made = model_of(graph, UCI, reference)
    sha256 = hashlib.sha256(graph).hexdigest()
    registry.add(tmp_path, graph, msgspec.structs.replace(made.manifest, version="trees", sha256=sha256), "# Trees\n")
    monkeypatch.setenv("OPECOM_SCORING__REGISTRY", str(tmp_path))
    with pytest.raises(SetupError, match="model trees was not exported: its graph has decision trees"):
        CliRunner().invoke(app, ["models", "export", "--browser", "trees"], catch_exceptions=False)


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        pytest.param([], [], id="nothing"),
        pytest.param([("promote", "m2", "m1")], ["m1", "m2"], id="a promotion"),
        pytest.param([("promote", "m2", "m1"), ("rollback", "m1", "m2")], ["m1"], id="taken back"),
        pytest.param(
            [("promote", "m2", "m1"), ("promote", "m3", "m2"), ("rollback", "m2", "m3"), ("promote", "m4", "m2")],
            ["m1", "m2", "m4"],
            id="back and on",
        ),
    ],
)
def test_what_came_into_force(told: list[tuple[str, str, str]], expected: list[str]) -> None:
    assert in_force(promotion(*each) for each in told) == expected


def test_promotions_are_remembered_by_log(tmp_path: Path) -> None:
    remember(tmp_path, promotion("promote", "m2", "m1"))
    remember(tmp_path, promotion("promote", "m3", "m1", log="other"))
    assert [each.version for each in promotions(tmp_path, "k")] == ["m2"]
    assert promotions(tmp_path, "new") == []
    (tmp_path / "promotions.jsonl").write_text("{")
    with pytest.raises(RegistryError, match="fix the line, or remove the file"):
        promotions(tmp_path, "k")


def test_promotions_of_a_site_are_its_own(tmp_path: Path) -> None:
    remember(tmp_path, promotion("promote", "m2", "m1"))
    for each in (("promote", "m3", ""), ("promote", "m4", "m3"), ("rollback", "m3", "m4")):
        remember(tmp_path, msgspec.structs.replace(promotion(*each), site="shop"))
    remember(tmp_path, msgspec.structs.replace(promotion("promote", "m5", ""), site="other"))
    remember(tmp_path, msgspec.structs.replace(promotion("rollback", "", "m5", log="new"), site="other"))
    assert in_force(promotions(tmp_path, "k")) == ["m1", "m2"]
    assert in_force(promotions(tmp_path, "k", "shop")) == ["", "m3"]
    assert site_models(tmp_path) == {"shop": "m3"}


def test_the_outcome_of_the_gate_is_remembered_and_a_line_without_it_is_read(tmp_path: Path) -> None:
    plain = promotion("promote", "m2", "m1")
    forced = msgspec.structs.replace(plain, gate="forced", refusals=("it is miscalibrated",))
    remember(tmp_path, plain)
    remember(tmp_path, forced)
    assert promotions(tmp_path, "k") == [plain, forced]
    lines = [json.loads(line) for line in (tmp_path / "promotions.jsonl").read_text().splitlines()]
    assert list(lines[0]) == ["kind", "version", "before", "log", "at"]
    assert (lines[1]["gate"], lines[1]["refusals"]) == ("forced", ["it is miscalibrated"])


def test_one_registry_serves_trains_and_compares(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without settings: `models` in the data folder, with the shipped version, which scores until one is promoted."""
    monkeypatch.setenv("OPECOM_DATA_DIR", str(tmp_path))
    monkeypatch.setenv("OPECOM_SCORING__REGISTRY", "")
    shipped, scoring = registry.current(), load().scoring
    answering, scorers = CurrentModel(scoring), models(scoring)
    assert json.loads(output_of("list", "--json"))["current"] == shipped
    # As `opecom train` adds a version; an earlier one made it current.
    own = Path(str(writable_registry(scoring)))
    assert own == tmp_path / "models"
    known = registry.manifest(own, shipped)
    registry.add(own, registry.graph_of(own, shipped), msgspec.structs.replace(known, version="own"), "card")
    listed = json.loads(output_of("list", "--json"))
    assert (listed["current"], [each["version"] for each in listed["models"]]) == (shipped, ["own", shipped])
    assert "own" in output_of("compare", shipped, "own")
    assert scorers("own").manifest.version == "own"
    assert (scorers("").manifest.version, answering().manifest.version) == (shipped, shipped)
    registry.promote(own, "own")
    answering._looked = float("-inf")
    assert answering().manifest.version == "own"
    assert CurrentModel(load().scoring)().manifest.version == "own"


def test_seed_makes_a_registry_that_all_parts_share_and_leaves_what_is_current(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shared, shipped = tmp_path / "volume" / "registry", registry.current()
    monkeypatch.setenv("OPECOM_SCORING__REGISTRY", str(shared))
    assert output_of("seed") == f"{shared} has {shipped}; {shipped} is current\n"
    assert CurrentModel(load().scoring)().manifest.version == shipped
    known = registry.manifest(shared, shipped)
    registry.add(shared, registry.graph_of(shared, shipped), msgspec.structs.replace(known, version="own"), "card")
    registry.promote(shared, "own")
    assert output_of("seed") == f"{shared} has {shipped}; own is current\n"


def test_what_an_earlier_training_left_is_listed_and_not_in_force(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPECOM_DATA_DIR", str(tmp_path))
    registry_of(tmp_path / "models", "trained")
    assert CurrentModel(load().scoring)().manifest.version == registry.current()
    listed = json.loads(output_of("list", "--json"))
    assert listed["current"] == registry.current()
    assert "trained" in [each["version"] for each in listed["models"]]


def test_the_shipped_registry_is_listed_without_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPECOM_DATA_DIR", str(tmp_path))
    assert json.loads(output_of("list", "--json"))["current"] == registry.current()
