"""Our own events from every kind of file, and what is said of rows that are none."""

import csv
import gzip
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from deploy.imports.account import RejectedRow
from deploy.imports.errors import ImportFileError
from ingest.events import encode
from tests.support.events import NOON
from tests.support.history import LogSender, import_into, view, write_lines

CART = {"action": "add_to_cart", "value": 9.5, "items": [{"id": "p1", "quantity": 2}]}
ROWS: list[dict[str, Any]] = [
    view("s1", NOON, visitor_id="v1", visitor_type="Returning_Visitor"),
    {"type": "page_ping", "session_id": "s1", "occurred_at": NOON + 1, "ping": {"engaged_ms": 900, "scroll_depth": 50}},
    {"type": "commerce", "session_id": "s1", "occurred_at": NOON + 2, "commerce": CART},
    {"type": "purchase", "session_id": "s1", "occurred_at": NOON + 3, "purchase": {"amount": 19.5, "order_id": "7"}},
]


def flat(row: dict[str, Any]) -> dict[str, Any]:
    cells: dict[str, Any] = {}
    for name, value in row.items():
        for inner, each in value.items() if isinstance(value, dict) else [("", value)]:
            cells[f"{name}.{inner}" if inner else name] = json.dumps(each) if isinstance(each, list) else each
    return cells


def as_json(path: Path) -> Path:
    return write_lines(path, ROWS)


def as_csv(path: Path, separator: str = ",") -> Path:
    rows = [flat(row) for row in ROWS]
    with path.open("w", newline="") as file:
        table = csv.DictWriter(file, sorted({name for row in rows for name in row}), delimiter=separator)
        table.writeheader()
        table.writerows(rows)
    return path


def as_semicolons(path: Path) -> Path:
    return as_csv(path, ";")


def as_nested_parquet(path: Path) -> Path:
    pq.write_table(
        pa.Table.from_pylist([{name: row.get(name) for each in ROWS for name in each} for row in ROWS]), path
    )
    return path


def as_flat_parquet(path: Path) -> Path:
    rows = [flat(row) for row in ROWS]
    names = sorted({name for row in rows for name in row})
    pq.write_table(pa.Table.from_pylist([{name: row.get(name) for name in names} for row in rows]), path)
    return path


@pytest.mark.parametrize("write", [as_csv, as_semicolons, as_nested_parquet, as_flat_parquet])
def test_each_kind_of_file_gives_the_same_events(tmp_path: Path, write: Callable[[Path], Path]) -> None:
    expected, found = LogSender(), LogSender()
    import_into(expected, tmp_path / "1", [as_json(tmp_path / "a")])
    state = import_into(found, tmp_path / "2", [write(tmp_path / "b")]).state
    assert state.account.refused == {}
    strip = {"event_id": ""}
    assert [msgspec.structs.replace(event, **strip) for event in found.events()] == [
        msgspec.structs.replace(event, **strip) for event in expected.events()
    ]
    assert len(found.events()) == len(ROWS)


def test_events_as_the_log_keeps_them_come_back_as_they_were(tmp_path: Path) -> None:
    first, second = LogSender(), LogSender()
    import_into(first, tmp_path / "1", [as_json(tmp_path / "a")])
    kept = tmp_path / "log.jsonl"
    kept.write_bytes(b"\n".join(encode(event) for event in first.events()))
    import_into(second, tmp_path / "2", [kept])
    assert second.events() == first.events()


def test_rows_that_are_no_events_are_named_with_their_lines(tmp_path: Path) -> None:
    lines = [
        json.dumps(view("s1", NOON)),
        "no json",
        json.dumps(view("s 1", NOON)),
        json.dumps(view("s1", 1_735_732_800)),
        json.dumps(view("s1", NOON) | {"page": {"url": "/p", "colour": "red"}}),
        json.dumps(view("s1", NOON) | {"occurred_at": None}),
        json.dumps(view("s1", NOON, received_at=NOON + 3_600_000)),
        json.dumps(view("s1", NOON, sequence="first")),
        json.dumps({"type": "purchase", "session_id": "s1", "occurred_at": NOON}),
        json.dumps(
            {
                "type": "commerce",
                "session_id": "s1",
                "occurred_at": NOON,
                "commerce": CART | {"items": [{"id": "x" * 300_000}]},
            }
        ),
        json.dumps(view("s1", NOON, user_agent="Googlebot/2.1")),
        json.dumps(view("s1", NOON, site="other")),
    ]
    file = tmp_path / "h.jsonl"
    file.write_text("\n".join(lines))
    sender = LogSender()
    workspace = import_into(sender, tmp_path, [file])
    rows = [msgspec.json.decode(line, type=RejectedRow) for line in workspace.rejects.read_bytes().splitlines()]
    assert [(row.number, row.left_out) for row in rows] == [(n, n >= 11) for n in range(2, 13)]
    reasons = [row.reason for row in rows]
    expected = ["no JSON", "session_id", "seconds", "colour", "occurred_at", "late: received 60 minutes"]
    expected += ["sequence: 'first'", "needs `purchase`", "bytes, and a request", "program", "of the site 'other'"]
    for words, reason in zip(expected, reasons, strict=True):
        assert words in reason
    account = workspace.state.account
    assert (account.rows, account.events) == (12, 1)
    assert (sum(account.refused.values()), sum(account.left_out.values())) == (9, 2)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("type,session_id,occurred_at,colour\n", "the column 'colour' is no field"),
        ("type,session_id\n", "lack occurred_at"),
        ("type,type,session_id,occurred_at\n", "'type' twice"),
        ('[{"type": "page_view"}]', "one event per line"),
    ],
)
def test_a_file_that_cannot_be_used_is_one_line(tmp_path: Path, text: str, words: str) -> None:
    file = tmp_path / "file"
    file.write_text(text)
    with pytest.raises(ImportFileError, match=words) as refused:
        import_into(LogSender(), tmp_path, [file])
    assert "\n" not in str(refused.value)


def test_a_gzip_file_that_is_cut_off_sends_nothing(tmp_path: Path) -> None:
    file = tmp_path / "cut.gz"
    file.write_bytes(gzip.compress(as_json(tmp_path / "a").read_bytes())[:-9])
    sender = LogSender()
    with pytest.raises(ImportFileError, match=r"cut\.gz"):
        import_into(sender, tmp_path, [file])
    assert sender.events() == []
    assert [path.name for path in tmp_path.glob("shop~past-*/*")] == ["lock"]
