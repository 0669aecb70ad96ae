"""Tables of other systems by a mapping: what comes of them, and faults named by line."""

from pathlib import Path

import pytest

from deploy.imports.errors import ImportFileError
from deploy.imports.mapping import MappedTable
from ingest.events import Event
from tests.support.history import LogSender, import_into

MAPPING = """
[table]
decimal = ","

[fields]
session_id = "{user}.{visit}"
occurred_at = "{date} {time}"
type = "what"
page.url = "/products/{product}"
"page.type" = "kind"
purchase.amount = "total"
visitor_id = "user"
sequence = "hit"

[constants]
"purchase.currency" = "EUR"

[time]
format = "%d.%m.%Y %H:%M:%S"
zone = "Europe/Vienna"

[values.type]
view = "page_view"
buy = "purchase"
scroll = ""

[values.page.type]
shop = "ProductRelated"
"*" = ""
"""
TABLE = """user;visit;date;time;what;product;kind;total;hit
ä 1;1;02.01.2025;09:00:00;view;a;shop;;1
ä 1;1;02.01.2025;09:00:00;view;b;blog;0,00;2
ä 1;1;02.01.2025;09:00:00;buy;b;shop;"1234,5";3
ä 1;1;02.01.2025;09:00:01;scroll;b;shop;;4
ä 1;1;02.01.2025;09:00:01;hover;b;shop;;5
ä 1;1;2025-01-02;09:00:01;view;b;shop;;6
ä 1;1;02.01.2025;09:00:01;view;b;shop
"""


def imported(folder: Path, table: str, mapping: str) -> tuple[list[Event], dict[str, int], dict[str, int]]:
    (folder / "map.toml").write_text(mapping)
    (folder / "table.csv").write_text(table)
    sender = LogSender()
    state = import_into(sender, folder, [folder / "table.csv"], MappedTable(folder / "map.toml")).state
    return sender.events(), state.account.refused, state.account.left_out


def test_a_table_becomes_events(tmp_path: Path) -> None:
    events, refused, left_out = imported(tmp_path, TABLE, MAPPING)
    assert [(each.type, each.occurred_at) for each in events] == [
        ("page_view", 1_735_804_800_000),
        ("page_view", 1_735_804_800_000),
        ("purchase", 1_735_804_800_000),
    ]
    assert sorted(events, key=lambda each: each.event_id) == events
    assert [(each.page.path, each.page.type) for each in events if each.page] == [
        ("/products/a", "ProductRelated"),
        ("/products/b", None),
    ]
    purchase = events[2].purchase
    assert purchase is not None
    assert (purchase.amount, purchase.currency, purchase.verified) == (1234.5, "EUR", True)
    assert len({each.session_id for each in events}) == 1
    assert left_out == {"type: scroll is left out by the mapping": 1}
    assert sorted(refused) == [
        "occurred_at: … is no time (%d.%m.%Y %H:%M:%S)",
        "type: … is not in [values.type]",
        "… columns, expected …",
    ]


def test_a_table_without_a_header_and_of_one_type(tmp_path: Path) -> None:
    mapping = """
    [table]
    columns = ["s", "t", "p"]
    [fields]
    session_id = "s"
    occurred_at = "t"
    page.url = "p"
    [constants]
    type = "page_view"
    [time]
    format = "seconds"
    """
    events, refused, _ = imported(tmp_path, "a,1735732800.5,/x\nb,1735732801,/y\n", mapping)
    assert refused == {}
    assert sorted((each.session_id, each.occurred_at) for each in events) == [
        ("a", 1_735_732_800_500),
        ("b", 1_735_732_801_000),
    ]


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ('"kind"', '"nothing"', r"line 10, fields.page.type: .*no column 'nothing'; it has user, visit"),
        ("sequence = ", "sequenze = ", r"line 13, fields.sequenze: .*no field"),
        ('buy = "purchase"', 'buy = "order"', r"line 24, values.type.buy: 'order' is no value of type: one of"),
        ("Europe/Vienna", "Europe/Wien", r"line 20, time.zone: .*IANA"),
        ("%d.%m.%Y %H:%M:%S", "DD.MM.YYYY", r"line 19, time.format: "),
        ("[constants]", "[constant]", r"line 15, constant: "),
        ('what"', "what", r"line 8"),
        ('session_id = "{user}.{visit}"\n', "", r"neither \[fields\] nor \[constants\] has session_id"),
        ('decimal = ","', 'decimal = ";"', r"line 3, table.decimal"),
    ],
)
def test_a_fault_is_named_by_line(tmp_path: Path, old: str, new: str, words: str) -> None:
    assert old in MAPPING
    with pytest.raises(ImportFileError, match=words):
        imported(tmp_path, TABLE, MAPPING.replace(old, new, 1))
