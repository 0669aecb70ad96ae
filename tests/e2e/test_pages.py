"""Page statistics and training sets by their commands, on the embedded system, and a replay that agrees with both."""

import asyncio
import csv
import json
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from deploy.processes.ports import wait_until
from ingest.events import Event, Page, Purchase, Tick
from tests.support.append import append
from tests.support.events import event
from tests.support.stack import Stack, new_stack, up

HOUR = 3_600_000
EXPORT = "Page,Pageviews,Bounce Rate,% Exit,Page Value\n/imported,100,40.00%,20.00%,$12.50\n"
GERMAN = """\
Seitenpfad und Bildschirmklasse;Aufrufe;Absprungrate;Ausstiegsrate;Seitenwert
/büro;1.234;0,5 %;12,5 %;1.234,56 €
/de;17;100 %;0 %;12,50 €
"""
FRENCH = """\
Chemin de la page et classe de l’écran\tVues\tTaux de rebond\tValeur de la page
/équipe\t1 234\t0,5 %\t1 234,56 €
/fr\t17\t100 %\t12,50 €
"""
#: A table of one's own: no number decides whether a comma is a decimal one, and two columns have names of no export.
OWN = "Seite;Absprünge;Wert\n/möbel;0,125;1,234\n"


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A system that refreshes when it is told."""
    never = {"OPECOM_STORAGE__PAGES_REFRESH_SECONDS": "0"}
    with up(new_stack(tmp_path_factory.mktemp("pages"), **never)) as running:
        yield running


def visits(now: int, sessions: int, first: int) -> list[Event]:
    """Sessions of three views of two hours ago; every second one buys after its second view."""
    events = []
    for session in range(sessions):
        at, name = now - 2 * HOUR + session * 1_000, f"visit-{first + session}"
        for view, path in enumerate(("/", f"/products/{session % 3}", "/cart")):
            number = (first + session) * 10 + view
            events.append(event(number, at + view * 20_000, session_id=name, page=Page(path, "ProductRelated")))
        if session % 2:
            order = Purchase(60.0, name, verified=True)
            number = (first + session) * 10 + 9
            events.append(event(number, at + 30_000, session_id=name, type="purchase", purchase=order))
    return sorted(events, key=lambda each: each.received_at)


def views(stack: Stack) -> list[int]:
    """The views of each page of `visits`, in closed sessions that are stored."""
    paths = ("/", *(f"/products/{product}" for product in range(3)), "/cart")
    explained = [
        httpx.get(
            f"{stack.api.url}/pages/explain",
            params={"site": "default", "path": path},
            headers=stack.admin_headers,
            timeout=90,
        ).raise_for_status()
        for path in paths
    ]
    return [each.json()["tally"]["views"] for each in explained]


def opecom(stack: Stack, *arguments: str) -> str:
    done = stack.opecom(*arguments)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_statistics_are_counted_put_in_force_and_part_of_what_a_replay_gives(stack: Stack, tmp_path: Path) -> None:
    now = int(time.time() * 1000)
    asyncio.run(append(stack.settings.kafka, [*visits(now, 30, 1), Tick("live", now - HOUR)]))
    # A refresh before all is stored would count what is there by then.
    assert wait_until(lambda: views(stack) == [30, 10, 10, 10, 30], 60), views(stack)
    assert json.loads(opecom(stack, "pages", "refresh", "--json"))["pages"] == 5
    shown = {page["path"]: page for page in json.loads(opecom(stack, "pages", "show", "--json"))["pages"]}
    assert set(shown) == {"/", "/cart", "/products/0", "/products/1", "/products/2", "*"}
    assert shown["/products/1"]["page_value"] > shown["/cart"]["page_value"]
    assert shown["/cart"]["exit_rate"] > 0.5 > shown["/"]["exit_rate"]
    explained = json.loads(opecom(stack, "pages", "explain", "/products/1", "--json"))
    assert (explained["tally"]["views"], explained["tally"]["value"]) == (10, 5 * 60.0)
    assert explained["in_force"] == explained["computed"]
    assert "version" in opecom(stack, "pages", "show")
    assert "in force" in opecom(stack, "pages", "explain", "/products/1")

    later = event(9_001, now, session_id="later", page=Page("/products/1", "ProductRelated"))
    asyncio.run(append(stack.settings.kafka, [later]))
    features: dict[str, float] = {}

    def scored() -> bool:
        answer = httpx.get(f"{stack.api.url}/sessions/later/intent", timeout=90)
        features.update(answer.json().get("features", {}))
        return answer.status_code == 200

    assert wait_until(scored, 60)
    assert features["PageValues"] == shown["/products/1"]["page_value"]

    export = tmp_path / "export.csv"
    export.write_text(EXPORT)
    assert "1 pages of default are in force" in opecom(stack, "pages", "import", str(export))
    assert '"/imported"' in opecom(stack, "pages", "show", "--json")
    export.write_text(EXPORT.replace("40.00%", "forty"))
    refused = stack.opecom("pages", "import", str(export))
    assert (refused.returncode, refused.stdout) == (2, "")
    assert "row 2, column bounce: 'forty' is no number" in refused.stderr

    file = tmp_path / "folder" / "shop.json"
    assert "rows of default, version" in opecom(stack, "pages", "export", "--browser", str(file))
    written = json.loads(file.read_bytes())
    assert written["pages"]["/imported"] == [0.4, 0.2, 12.5]
    assert written["pages"]["/products/1"][2] == shown["/products/1"]["page_value"]
    assert (written["site"], written["timezone"], written["patterns"]) == ("default", "UTC", [])
    opecom(stack, "pages", "export", "--browser", str(file), "--most", "1")
    assert len(json.loads(file.read_bytes())["pages"].keys() - {"*"}) == 1
    refused = stack.opecom("pages", "export", "--browser", str(tmp_path))
    assert (refused.returncode, refused.stdout) == (2, "")
    assert "give another file with --browser" in refused.stderr

    for source in ("kafka", "clickhouse"):
        account = json.loads(opecom(stack, "replay", "--diff", "--json", "--source", source))
        assert account["tables"]["sessions"]["compared"] == 30
        assert {(t["changed"], t["added"], t["gone"]) for t in account["tables"].values()} == {(0, 0, 0)}


def test_a_training_set_by_its_command(stack: Stack, tmp_path: Path) -> None:
    said = opecom(stack, "features", "--out", str(tmp_path / "set.csv"))
    with (tmp_path / "set.csv").open(newline="") as lines:
        rows = list(csv.DictReader(lines))
    assert f"{len(rows):,} rows of 30 closed sessions" in said
    assert {row["Revenue"] for row in rows} == {"TRUE", "FALSE"}
    opecom(stack, "features", "--out", str(tmp_path / "set.parquet"))
    assert (tmp_path / "set.parquet").read_bytes()[:4] == b"PAR1"
    refused = stack.opecom("features", "--out", str(tmp_path / "set.xls"))
    assert (refused.returncode, refused.stderr.count("\n")) == (2, 1)


@pytest.mark.parametrize(
    ("text", "encoding", "options", "expected"),
    [
        pytest.param(
            *(GERMAN, "utf-16", ()),
            {"/büro": (0.005, 0.125, 1234.56), "/de": (1.0, 0.0, 12.5)},
            id="German, semicolons, UTF-16",
        ),
        pytest.param(
            *(FRENCH, "utf-16", ()),
            {"/équipe": (0.005, 0.0, 1234.56), "/fr": (1.0, 0.0, 12.5)},
            id="French, tabs, UTF-16",
        ),
        pytest.param(
            *(OWN, "cp1252"),
            (
                *("--encoding", "cp1252", "--locale", "de"),
                *("--column", "bounce=Absprünge", "--column", "value=Wert"),
            ),
            {"/möbel": (0.125, 0.0, 1.234)},
            id="options",
        ),
    ],
)
def test_exports_of_other_countries_are_imported(
    stack: Stack,
    tmp_path: Path,
    text: str,
    encoding: str,
    options: tuple[str, ...],
    expected: dict[str, tuple[float, float, float]],
) -> None:
    export = tmp_path / "export.csv"
    export.write_bytes(text.encode(encoding))
    said = opecom(stack, "pages", "import", str(export), *options)
    assert f"{len(expected)} pages of default are in force" in said
    found = {
        page["path"]: (page["bounce_rate"], page["exit_rate"], page["page_value"])
        for page in json.loads(opecom(stack, "pages", "show", "--json"))["pages"]
    }
    assert {path: found.get(path) for path in expected} == expected
