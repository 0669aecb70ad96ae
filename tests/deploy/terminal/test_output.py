"""Nothing that a stranger sent reaches the terminal as it is, whatever command shows it."""

import json
import logging
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import StringIO
from pathlib import Path
from threading import Thread
from typing import Any

import msgspec
import pytest
from rich.table import Table
from rich.text import Text
from typer.testing import CliRunner

from deploy.cli import doctor, main, run, topics
from deploy.doctor.finding import Finding
from deploy.errors import SetupError
from deploy.log.topics import Fault
from deploy.settings.model import load
from deploy.terminal import intents, replays
from deploy.terminal.console import TerminalConsole, escape
from deploy.terminal.plain import one_line, printable
from deploy.wiring.relational import relational_of_this_program
from storage.pages.refresh import Explained, PagesInForce
from storage.query.intents import Intent, LiveSessions, Timeline
from storage.replay.account import Account
from storage.replay.jobs import JobList
from storage.replay.journal import BackfillEntry
from storage.webhooks import deliveries, message, registry
from tests.support.hostile import HOSTILE, SHOWN, STEERING, hostile


class VisitorDocument(msgspec.Struct):
    site: str
    visitor_id: str
    sessions: list[dict[str, str]]


#: What the query API answers, by how the path ends.
ANSWERS: dict[str, Any] = {
    "/intent": Intent,
    "/timeline": Timeline,
    "/sessions/live": LiveSessions,
    "/pages/explain": Explained,
    "/pages": PagesInForce,
    "/replays": JobList,
    "/admin/visitors/v": VisitorDocument,
}


class HostileApi(BaseHTTPRequestHandler):
    """Answers every GET with texts of a stranger."""

    def do_GET(self) -> None:
        path = self.path.split("?")[0]
        kind = next(ANSWERS[end] for end in ANSWERS if path.endswith(end))
        body = msgspec.json.encode(hostile(kind))
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def _api(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    with ThreadingHTTPServer(("127.0.0.1", 0), HostileApi) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        monkeypatch.setenv("OPECOM_API__PORT", str(server.server_port))
        monkeypatch.setenv("OPECOM_DATA_DIR", str(tmp_path))
        monkeypatch.setenv("COLUMNS", "600")
        yield
        server.shutdown()


def assert_harmless(text: str) -> None:
    assert not [each for each in STEERING if each in text], repr(text)


READERS = {
    "intent": ("query", "intent", "s"),
    "live": ("query", "live"),
    "timeline": ("query", "timeline", "s"),
    "pages": ("pages", "show"),
    "page": ("pages", "explain", "/p"),
    "replays": ("replay", "--list"),
}


@pytest.mark.usefixtures("_api")
@pytest.mark.parametrize("command", READERS.values(), ids=READERS)
def test_tables_of_the_query_api(command: tuple[str, ...]) -> None:
    done = CliRunner().invoke(main.app, command, catch_exceptions=False)
    assert done.exit_code == 0, done.output
    assert_harmless(done.output)
    assert SHOWN in done.output


@pytest.mark.usefixtures("_api")
@pytest.mark.parametrize("command", READERS.values(), ids=READERS)
def test_json_is_the_same_value_with_its_characters_escaped(command: tuple[str, ...]) -> None:
    done = CliRunner().invoke(main.app, [*command, "--json"], catch_exceptions=False)
    assert_harmless(done.output)
    assert HOSTILE in str_values(json.loads(done.output))


@pytest.mark.usefixtures("_api")
def test_the_export_of_a_visitor_is_the_same_value_with_its_characters_escaped() -> None:
    done = CliRunner().invoke(main.app, ["visitors", "export", "v", "--site", "default"], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    assert_harmless(done.output)
    assert json.loads(done.output) == msgspec.to_builtins(hostile(VisitorDocument))


@pytest.mark.usefixtures("_api")
def test_what_stands_in_the_database_of_webhooks() -> None:
    engine = relational_of_this_program(load())
    made = registry.add(engine, "default", "https://shop.example/" + HOSTILE, (), False, 1)
    deliveries.put_test(engine, made.id, "default", message.test("default", made.id, 1), 1)
    (claimed,) = deliveries.claim(engine, made.id, 1, 2, 3)
    deliveries.settle(engine, claimed, "dead", 4, 500, HOSTILE)
    engine.dispose()
    for words in (["list"], ["list", "--json"], ["deliveries"], ["deliveries", "--json"]):
        done = CliRunner().invoke(main.app, ["webhooks", *words], catch_exceptions=False)
        assert done.exit_code == 0, done.output
        assert_harmless(done.output)
        assert "\\u001b[2J\\u009b2J" in done.output


def test_lines_of_subscribe_of_replays_and_of_doctor(capsys: pytest.CaptureFixture[str]) -> None:
    console = TerminalConsole(soft_wrap=True, width=600)
    console.print(intents.line(hostile(Intent)))
    console.print(replays.replays_table([hostile(BackfillEntry)]))
    replays.print_account(console, hostile(Account), diff=True)
    doctor.show([Finding("topics", "fault", HOSTILE)])
    shown = capsys.readouterr().out
    assert_harmless(shown)
    assert shown.count("\\u001b[2J") >= 4


def test_topics_and_errors_and_log_lines(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    async def faults(*_: object) -> list[Fault]:
        return [Fault("t", HOSTILE)]

    monkeypatch.setattr(topics.all_topics, "check", faults)
    done = CliRunner().invoke(main.app, ["topics", "check"])
    assert done.exit_code == 1
    assert_harmless(done.output)
    assert "\\u001b[2J" in done.output

    def refused() -> None:
        raise SetupError(HOSTILE)

    monkeypatch.setattr(main, "app", refused)
    with pytest.raises(SystemExit):
        main.main()
    told = capsys.readouterr().err
    assert_harmless(told)
    assert "opecom: \\u001b[2J" in told
    record = logging.LogRecord("x", logging.INFO, "", 1, "taken: %s", (HOSTILE,), None)
    assert_harmless(run.PrintableFormatter("%(message)s").format(record))


def test_colours_stay_and_tables_stay_straight() -> None:
    output = StringIO()
    console = TerminalConsole(file=output, force_terminal=True, color_system="standard", width=80)
    table = Table("a", "b")
    table.add_row(escape("\x1b[31m"), "[red]ours[/]")
    table.add_row("12", "c")
    table.add_row(Text("\x9d"), "d")
    console.print(table)
    shown = output.getvalue()
    assert "\x1b[31mours\x1b[0m" in shown
    assert "\\u001b[31m" in shown
    assert "\x9d" not in shown


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a\tb\nc", "a\tb\nc"),
        ("\x1b]0;x\x07", "\\u001b]0;x\\u0007"),
        ("\r", "\\u000d"),
        ("caf\u00e9 \U0001f469\u200d\U0001f4bb", "caf\u00e9 \U0001f469\u200d\U0001f4bb"),
        ("\u2028\u2069\ufeff", "\\u2028\\u2069\\ufeff"),
        ("\U000e0041", "\\udb40\\udc41"),
        ("\ud800", "\\ud800"),
    ],
    ids=["layout stays", "title", "return", "people stay", "breaks and turns", "tags", "half a pair"],
)
def test_printable(text: str, shown: str) -> None:
    assert printable(text) == shown
    assert "\n" not in one_line(text)


def str_values(value: Any) -> list[str]:
    if isinstance(value, dict):
        return [found for pair in value.items() for each in pair for found in str_values(each)]
    if isinstance(value, list):
        return [found for each in value for found in str_values(each)]
    return [value] if isinstance(value, str) else []
