"""A candidate compared, refused and forced on the whole embedded system, while it runs."""

import json
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pyarrow.parquet as pq
import pytest

from scoring import registry
from scoring.manifest import FittedWindow
from scoring.promotions import Promotion
from scoring.shadow.report import ALL
from tests.support.models import add_session_model
from tests.support.stack import Stack, new_stack, up, word_after

SESSIONS = 600


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    with up(new_stack(tmp_path_factory.mktemp("stack"))) as running:
        yield running


@pytest.fixture(scope="module")
def sent(stack: Stack) -> tuple[str, int]:
    """The run of a generated shop, and how many of its sessions bought."""
    options = ["--sessions", str(SESSIONS), "--seed", "7", "--days", "3", "--conversion", "0.12"]
    done = stack.opecom("simulate", "shop", *options, "--json", seconds=240)
    assert done.returncode == 0, done.stdout + done.stderr
    return word_after("on the site", done.stdout), json.loads(done.stdout.splitlines()[-1])["buyers"]


def test_a_candidate_is_compared_refused_and_forced(stack: Stack, sent: tuple[str, int]) -> None:
    site, buyers = sent
    models = Path(stack.environment["OPECOM_DATA_DIR"]) / "models"
    registry.seed(models)
    add_session_model(models, "other")
    fitted_on(models / "other", FittedWindow(since=0, until=1))
    days = ["--site", site, "--days", "3650"]

    found = {}
    for source in ("kafka", "clickhouse"):
        done = stack.opecom("models", "shadow", "other", *days, "--source", source, "--json")
        assert done.returncode == 0, done.stderr
        found[source] = json.loads(done.stdout)
    shadow = found["kafka"]["shadow"]
    assert (shadow["sessions"], shadow["buyers"], shadow["left_open"]) == (SESSIONS, buyers, 0)
    assert shadow["live"] == {registry.current(): 1.0}
    assert shadow["by_event"]["1"]["sessions"] == SESSIONS
    assert {"with cart", "without cart"} < set(shadow["subgroups"])
    assert [found[source]["shadow"]["by_event"][ALL]["differences"] for source in found] == [
        shadow["by_event"][ALL]["differences"]
    ] * 2
    refusals = found["kafka"]["refusals"]
    assert any("not better" in line for line in refusals)
    table = stack.opecom("models", "shadow", "other", *days)
    assert table.returncode == 0
    assert f"other may not go live: {refusals[0]}" in table.stdout

    refused = stack.opecom("models", "promote", "other", "--gated", *days)
    assert refused.returncode == 1
    for line in refusals:
        assert f"opecom: other may not go live: {line}" in refused.stderr
    assert not (models / "promotions.jsonl").exists()

    forced = stack.opecom("models", "promote", "other", "--gated", "--force", *days)
    assert forced.returncode == 0, forced.stderr
    assert "other is in force for site generated from here on in all partitions; before it: the" in forced.stdout
    [line] = (models / "promotions.jsonl").read_bytes().splitlines()
    promotion = msgspec.json.decode(line, type=Promotion)
    assert (promotion.version, promotion.site, promotion.gate) == ("other", "generated", "forced")
    assert list(promotion.refusals) == refusals

    plain = stack.opecom("models", "rollback", "--site", "generated")
    assert plain.returncode == 0, plain.stderr
    assert b"gate" not in (models / "promotions.jsonl").read_bytes().splitlines()[-1]


def fitted_on(version: Path, window: FittedWindow) -> None:
    file = version / "manifest.json"
    file.write_bytes(msgspec.json.encode(json.loads(file.read_bytes()) | {"fitted_on": msgspec.to_builtins(window)}))


def test_force_alone_and_an_unknown_candidate_are_one_line(stack: Stack) -> None:
    for arguments, line in (
        (("promote", "other", "--force"), "--force overrules the gate: add --gated"),
        (("shadow", "m9"), "model 'm9' is not in"),
        (("promote", "m9", "--gated"), "model 'm9' is not in"),
    ):
        done = stack.opecom("models", *arguments)
        assert done.returncode == 2
        assert line in done.stderr
        assert len(done.stderr.strip().splitlines()) == 1


def test_stored_features_are_those_of_the_log_and_days_are_exported(stack: Stack, sent: tuple[str, int]) -> None:
    site, buyers = sent
    done = stack.opecom("features", "check", "--sample", "200", "--json")
    assert done.returncode == 0, done.stdout + done.stderr
    found = json.loads(done.stdout)
    assert 0 < found["sessions"] < SESSIONS
    assert found["different"] == 0

    folder = stack.folder / "store"
    for written in (True, False):
        done = stack.opecom("features", "export", str(folder), "--site", site, "--json")
        assert done.returncode == 0, done.stdout + done.stderr
        account = json.loads(done.stdout)
        assert (bool(account["written"]), bool(account["unchanged"])) == (written, not written)
        if written:
            assert account["rows"] == pq.read_table(folder / "rows").num_rows > 5 * SESSIONS
    rows = pq.read_table(folder / "rows", columns=["session_id", "bought_before", "bought_afterwards"]).to_pylist()
    assert len({row["session_id"] for row in rows if row["bought_before"] or row["bought_afterwards"]}) == buyers
    done = stack.opecom("features", "feast", str(folder))
    assert done.returncode == 0, done.stderr
    assert (folder / "feature_store.yaml").is_file()
