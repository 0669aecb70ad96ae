"""Files of sessions scored: every row, in bounded memory, whole or not at all."""

import csv
import subprocess
import sys
import tracemalloc
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

from deploy.cli.main import app as opecom
from scoring import registry, score_file
from scoring.features import NAMES
from scoring.model import Model
from scoring.score_file import CHUNK
from scoring.score_file import score_file as score
from scoring.table import REASONS, SCORE, TableError
from tests.support.predictions import EXAMPLE, SIGNALS, both_contracts, client

HEADER = (*NAMES, "Revenue", "note")


@pytest.fixture(scope="module")
def model() -> Model:
    return registry.load()


def sessions(count: int, **changed: Any) -> list[list[Any]]:
    rows = []
    for number in range(count):
        values = EXAMPLE | {"page_values": number % 50 + 0.5, "weekend": number % 2 == 0} | changed
        rows.append([*values.values(), number % 3 == 0, f"n{number}"])
    return rows


def written(folder: Path, rows: list[list[Any]], header: tuple[str, ...] = HEADER) -> Path:
    """The rows as UCI's file would have them."""
    file = folder / "sessions.csv"
    with file.open("w", newline="") as out:
        lines = csv.writer(out)
        lines.writerow(header)
        lines.writerows([str(v).upper() if isinstance(v, bool) else v for v in row] for row in rows)
    return file


def read(file: Path) -> list[dict[str, Any]]:
    if file.suffix == ".parquet":
        return list(pq.read_table(file).to_pylist())
    with file.open(newline="") as lines:
        return list(csv.DictReader(lines))


@pytest.mark.parametrize("ending", [".csv", ".parquet"])
async def test_every_row_comes_back_with_its_score(model: Model, ending: str, tmp_path: Path) -> None:
    rows = sessions(CHUNK + 3)
    source, target, shares = written(tmp_path, rows), tmp_path / f"scores{ending}", []
    assert score(model, source, target, True, shares.append) == (len(rows), ())
    told = read(target)
    assert list(told[0]) == [*HEADER, *SCORE, *REASONS]
    assert [each["note"] for each in told] == [row[-1] for row in rows]
    assert shares[-1] == 1.0
    async with client() as http:
        for number in (0, 1, len(rows) - 1):
            session = dict(zip(EXAMPLE, rows[number], strict=False))
            said = (await http.post("/predict?reasons=true", json=session)).json()
            assert float(told[number]["probability"]) == pytest.approx(said["probability"], abs=2e-6)
            assert told[number]["label"] == said["label"]
            assert told[number]["reason_1"] == said["reasons"][0]["text"]


def test_parquet_keeps_its_types_and_gives_what_csv_gives(model: Model, tmp_path: Path) -> None:
    source = written(tmp_path, sessions(5))
    score(model, source, tmp_path / "a.parquet", False)
    table = pq.read_table(tmp_path / "a.parquet")
    assert table.schema.field("ProductRelated").type == pa.int64()
    assert table.schema.field("Weekend").type == pa.bool_()
    assert table.schema.field("note").type == pa.string()
    score(model, tmp_path / "a.parquet", tmp_path / "b.csv", False)
    score(model, source, tmp_path / "c.csv", False)
    assert (tmp_path / "b.csv").read_text() == (tmp_path / "c.csv").read_text()


def test_scores_are_replaced_and_not_added_twice(model: Model, tmp_path: Path) -> None:
    source = written(tmp_path, sessions(3))
    score(model, source, tmp_path / "a.csv", True)
    score(model, tmp_path / "a.csv", tmp_path / "a.csv", False)
    assert list(read(tmp_path / "a.csv")[0]) == [*HEADER, *SCORE]


@pytest.mark.parametrize(
    ("rows", "header", "says"),
    [
        pytest.param(
            [*sessions(2), *sessions(1, month="Jun")], HEADER, "row 3, month: 'Jun' is not one of", id="a month"
        ),
        pytest.param(sessions(1, page_values="nan"), HEADER, "row 1, page_values: Expected `float` >= 0.0", id="NaN"),
        pytest.param(sessions(1, administrative=""), HEADER, "row 1, administrative: Expected `int`", id="empty"),
        pytest.param(sessions(CHUNK + 1)[:-1] + sessions(1, browser=-1), HEADER, f"row {CHUNK + 1}, browser", id="far"),
        pytest.param([*sessions(1), ["1"]], HEADER, "row 2 has 1 columns, the header 19", id="a short row"),
        pytest.param(sessions(1), ("x", *HEADER[1:]), "the header lacks Administrative", id="a column"),
    ],
)
def test_what_cannot_be_used_is_one_line_and_nothing_is_written(
    model: Model, rows: list[list[Any]], header: tuple[str, ...], says: str, tmp_path: Path
) -> None:
    source, target = written(tmp_path, rows, header), tmp_path / "scores.csv"
    target.write_text("before")
    with pytest.raises(TableError) as failed:
        score(model, source, target, False)
    assert says in str(failed.value)
    assert "\n" not in str(failed.value)
    assert target.read_text() == "before"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["scores.csv", "sessions.csv"]


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        pytest.param("a.csv", b"Month;\xfc", "it is not UTF-8", id="bytes"),
        pytest.param("a.csv", b"", "the header lacks", id="nothing"),
        pytest.param("a.parquet", b"PAR1 not", "it is not Parquet", id="no Parquet"),
        pytest.param("a.txt", b"", "ends in .csv or .parquet", id="another ending"),
    ],
)
def test_what_is_no_table_is_one_line(model: Model, name: str, content: bytes, says: str, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(TableError, match=says):
        score(model, tmp_path / name, tmp_path / "out.csv", False)


def test_no_cell_is_a_formula(model: Model, tmp_path: Path) -> None:
    rows = sessions(3)
    for row, note in zip(rows, ["=1+1", "-5", "@x"], strict=True):
        row[-1] = note
    score(model, written(tmp_path, rows), tmp_path / "out.csv", False)
    assert [each["note"] for each in read(tmp_path / "out.csv")] == ["'=1+1", "-5", "'@x"]


WITH_SIGNALS = (*HEADER, *SIGNALS)


@pytest.fixture(scope="module")
def session_registry(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A registry whose current model is of feature contract 2."""
    return both_contracts(tmp_path_factory.mktemp("models"))


def with_signals(*signals: dict[str, Any]) -> list[list[Any]]:
    """Rows whose signals are those of the example but for these; an empty cell is unknown."""
    return [[*sessions(1)[0], *(SIGNALS | each).values()] for each in signals]


@pytest.mark.parametrize("ending", [".csv", ".parquet"])
async def test_a_file_with_signals_is_scored_by_contract_2_as_the_api_does(
    session_registry: Path, ending: str, tmp_path: Path
) -> None:
    model = registry.load(session_registry)
    rows = with_signals({}, {"cart_value": "", "previous_sessions": "", "device_class": ""})
    source, middle = written(tmp_path, rows, WITH_SIGNALS), tmp_path / f"middle{ending}"
    assert score(model, source, middle, True) == (2, ())
    # What was written is read again, with the unknown as its format has it.
    score(model, middle, tmp_path / "scores.csv", True)
    said = [
        EXAMPLE | SIGNALS | {"page_values": 0.5, "weekend": True} | given
        for given in ({}, {"cart_value": None, "previous_sessions": None, "device_class": None})
    ]
    async with client(session_registry) as http:
        answers = (await http.post("/predict/batch?reasons=true", json=said)).json()
    for scores in (read(middle), read(tmp_path / "scores.csv")):
        assert [float(row["probability"]) for row in scores] == [each["probability"] for each in answers]
        assert [row["reason_1"] for row in scores] == [each["reasons"][0]["text"] for each in answers]
    assert answers[0]["probability"] != answers[1]["probability"]
    if ending == ".parquet":
        assert pq.read_table(middle).schema.field("previous_sessions").type == pa.int64()
        assert [read(middle)[1][name] for name in ("cart_value", "previous_sessions", "device_class")] == [None] * 3


def test_without_page_statistics_a_training_set_s_zeros_are_unknown_as_they_are_live(
    session_registry: Path, tmp_path: Path
) -> None:
    model, header = registry.load(session_registry), (*WITH_SIGNALS, "has_page_statistics")
    zeros = {"bounce_rates": 0, "exit_rates": 0, "page_values": 0}
    [row] = [[*sessions(1, **zeros)[0], *SIGNALS.values()]]
    [empty] = [[*sessions(1, **dict.fromkeys(zeros, ""))[0], *SIGNALS.values()]]
    rows = [[*row, False], [*empty, True], [*row, True]]
    score(model, written(tmp_path, rows, header), tmp_path / "out.parquet", False)
    without, empty_cells, with_zeros = read(tmp_path / "out.parquet")
    assert without["probability"] == empty_cells["probability"] != with_zeros["probability"]
    assert (without["PageValues"], empty_cells["PageValues"]) == (0.0, None)


def test_a_table_with_signals_of_another_country_scores_the_same(session_registry: Path, tmp_path: Path) -> None:
    model = registry.load(session_registry)
    lines = written(tmp_path, with_signals({"cart_value": 1234.5, "cart_quantity": ""}), WITH_SIGNALS).read_text()
    (tmp_path / "there.csv").write_text(
        "\n".join(
            ";".join(cell.replace(".", ",") if cell != "1234.5" else "1.234,50" for cell in line.split(","))
            for line in lines.splitlines()
        )
    )
    score(model, tmp_path / "sessions.csv", tmp_path / "a.csv", False)
    score(model, tmp_path / "there.csv", tmp_path / "b.csv", False)
    assert [row["probability"] for row in read(tmp_path / "a.csv")] == [
        row["probability"] for row in read(tmp_path / "b.csv")
    ]


def test_the_command_names_the_signals_that_a_model_of_contract_1_has_no_use_for(tmp_path: Path) -> None:
    source, target = written(tmp_path, with_signals({"hour": "14:05"}), WITH_SIGNALS), tmp_path / "scores.csv"
    done = CliRunner().invoke(opecom, ["score", "--input", str(source), "--output", str(target)])
    assert done.exit_code == 0
    last = "".join(done.output.splitlines()[1:])
    assert last.startswith("not used, as its feature contract is 1: page_views, events, ")
    assert list(read(target)[0]) == [*WITH_SIGNALS, *SCORE]


def test_memory_does_not_grow_with_the_file(model: Model, tmp_path: Path) -> None:
    peaks = []
    for count in (2 * CHUNK, 5 * CHUNK):
        source = written(tmp_path, sessions(count))
        tracemalloc.start()
        score(model, source, tmp_path / "out.csv", False)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < peaks[0] * 1.5


def test_the_command_states_what_it_did_and_names_what_is_wrong(tmp_path: Path) -> None:
    source, target = written(tmp_path, sessions(4)), tmp_path / "scores.csv"
    done = CliRunner().invoke(opecom, ["score", "--input", str(source), "--output", str(target), "--reasons"])
    assert done.exit_code == 0
    assert f"4 rows scored by {registry.current()}" in done.output
    wrong = written(tmp_path, sessions(1, exit_rates=3))
    failed = subprocess.run(
        [sys.executable, "-m", "deploy", "score", "--input", str(wrong), "--output", str(target)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert failed.returncode == 1
    assert failed.stderr.strip().endswith("row 1, exit_rates: Expected `float` <= 1.0, not '3'; nothing was written")
    assert len(failed.stderr.splitlines()) == 1


def test_without_pyarrow_parquet_is_a_line(monkeypatch: pytest.MonkeyPatch, model: Model, tmp_path: Path) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow.parquet", None)
    with pytest.raises(TableError, match=r"install op-ecom\[parquet\], or name a \.csv file"):
        score_file.check(tmp_path / "a.parquet", "--input")


def localised(folder: Path, rows: list[list[Any]]) -> Path:
    """The rows as a spreadsheet of a German office saves them."""

    def write(value: Any) -> str:
        if isinstance(value, bool):
            return "WAHR" if value else "FALSCH"
        return f"{value:_.3f}".replace(".", ",").replace("_", ".") if isinstance(value, float) else str(value)

    file = folder / "deutsch.csv"
    lines = [";".join(HEADER), *(";".join(map(write, row)) for row in rows)]
    file.write_text("\n".join(lines), encoding="utf-16")
    return file


def test_a_table_of_another_country_scores_the_same(model: Model, tmp_path: Path) -> None:
    rows = sessions(5, product_related_duration=12345.5)
    score(model, written(tmp_path, rows), tmp_path / "a.csv", False)
    score(model, localised(tmp_path, rows), tmp_path / "b.csv", False)
    ours, theirs = read(tmp_path / "a.csv"), read(tmp_path / "b.csv")
    assert [row["probability"] for row in theirs] == [row["probability"] for row in ours]
    assert theirs[0]["ProductRelated_Duration"] == "12.345,500"


OPEN = {"product_related_duration": "1.234", "bounce_rates": 0, "exit_rates": 0, "page_values": 3, "special_day": 0}
OPEN |= {"administrative_duration": 0, "informational_duration": 0}


def test_a_number_that_stays_open_is_decided_by_the_locale(model: Model, tmp_path: Path) -> None:
    rows = sessions(1, **OPEN)
    source = written(tmp_path, rows)
    with pytest.raises(TableError, match=r"^row 1, column product_related_duration: '1.234' may be .*--locale"):
        score(model, source, tmp_path / "out.csv", False)
    said = {}
    for locale in ("en", "de"):
        score(model, source, tmp_path / f"{locale}.csv", False, given_format=score_file.FileFormat(locale))
        said[locale] = read(tmp_path / f"{locale}.csv")[0]["probability"]
    assert said["en"] != said["de"]


def test_two_ways_of_writing_are_refused_by_row_and_column(model: Model, tmp_path: Path) -> None:
    rows = [*sessions(1), *sessions(1, exit_rates="0,04")]
    with pytest.raises(TableError, match=r"^row 2, column exit_rates: '0,04' is written otherwise than "):
        score(model, written(tmp_path, rows), tmp_path / "out.csv", False)
