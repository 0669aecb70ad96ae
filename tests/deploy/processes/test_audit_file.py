"""Commands that open a file or a database themselves leave their lines in the data folder."""

import getpass
import json
import stat
import time
from pathlib import Path

import pytest
from typer.testing import CliRunner

from deploy.cli.main import app
from deploy.errors import SetupError
from deploy.processes.audit_file import audit_file, audited
from deploy.settings.model import Settings, load


@pytest.fixture(autouse=True)
def _folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPECOM_DATA_DIR", str(tmp_path / "data"))


def output_of(*words: str) -> str:
    done = CliRunner().invoke(app, [*words])
    return done.output


def lines() -> list[str]:
    """The lines without their times."""
    return [each.partition(" INFO storage.http.audit: ")[2] for each in audit_file(load()).read_text().splitlines()]


def of(action: str, site: str, subject: str, result: str = "done") -> str:
    who = f"user {getpass.getuser()}"
    return f'audit who="{who}" action="{action}" site="{site}" subject="{subject}" result="{result}"'


def test_keys_and_sites_that_come_and_go_are_lines_without_any_key() -> None:
    made = output_of("keys", "add", "anna", "--scope", "personal", "--scope", "read", "--site", "default")
    output_of("keys", "revoke", "anna")
    output_of("keys", "revoke", "nobody")
    site_key = output_of("sites", "add", "shop").splitlines()[1].rpartition(" ")[2]
    rotated = output_of("sites", "rotate", "shop", "--import").splitlines()[0]
    output_of("sites", "remove", "shop")
    assert lines() == [
        of("keys add", "default", "key anna of personal, read"),
        of("keys revoke", "all", "key anna"),
        of("keys revoke", "all", "key nobody", "failed"),
        of("sites add", "shop", ""),
        of("sites rotate --import", "shop", ""),
        of("sites remove", "shop", ""),
    ]
    text = audit_file(load()).read_text()
    assert not [key for key in (made.splitlines()[0], site_key, rotated) if key in text]
    assert stat.S_IMODE(audit_file(load()).stat().st_mode) == 0o600


def test_webhooks_are_lines() -> None:
    added = output_of("webhooks", "add", "https://192.0.2.1/x", "--site", "default", "--allow-private", "--json")
    webhook = added.partition('"id":"')[2].partition('"')[0]
    output_of("webhooks", "deliveries")
    output_of("webhooks", "remove", webhook)
    assert lines()[-3:] == [
        of("webhooks add", "default", "https://192.0.2.1/x"),
        of("webhooks deliveries", "all", ""),
        of("webhooks remove", "all", f"webhook {webhook}"),
    ]


def test_the_trail_is_exported() -> None:
    before = int(time.time()) * 1000
    output_of("keys", "add", 'the "first"', "--scope", "read", "--site", "default")
    output_of("sites", "add", "shop")
    with audit_file(load()).open("a") as file:
        file.write("a line of something else\n2026-13-45 99:00:00,000 INFO storage.http.audit: audit who=\n")
    made, added = map(json.loads, output_of("audit", "--json").splitlines())
    assert before <= made.pop("at") <= added.pop("at") <= time.time() * 1000
    who = f"user {getpass.getuser()}"
    subject = 'key the "first" of read'
    assert made == {"who": who, "action": "keys add", "site": "default", "subject": subject, "result": "done"}
    assert added["action"] == "sites add"
    (line,) = output_of("audit", "--site", "shop").splitlines()
    assert line.endswith(f"{who}  sites add  shop  -  done")
    assert output_of("audit", "--since", "2999-01-01") == output_of("audit", "--until", "2000-01-01") == ""


def test_a_folder_without_a_trail_has_no_lines() -> None:
    assert output_of("audit") == ""


def test_where_the_folder_cannot_be_written_the_line_is_shown(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_text("")
    settings = Settings(data_dir=tmp_path / "file")
    with pytest.raises(SetupError), audited(settings, "keys add", subject="key anna"):
        raise SetupError("no")
    shown = capsys.readouterr().err
    assert of("keys add", "all", "key anna", "failed") in shown
    assert shown.count("\n") <= 2
