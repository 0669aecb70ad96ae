"""Adding a field to a scored session: its declaration, its meaning, and a migration for each database."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from storage.database import migrate

ROOT = Path(__file__).parents[3]

#: A field `saved`: how often the visitor put something on a wish list, which the page tells as a custom event.
DECLARED = ("stream/scored.py", "    views: Annotated[tuple[View, ...]", "    saved: Count = 0\n")
MEANT = (
    "stream/fold/session.py",
    {
        '"session_context",': '"saved", "session_context",',
        "        self.customs = 0\n": "        self.customs = 0\n        self.saved = 0\n",
        "        session.customs += 1\n": "        session.customs += 1\n        session.saved += 1\n",
    },
)
SQL = {
    "mariadb": "ALTER TABLE sessions ADD COLUMN IF NOT EXISTS saved INTEGER NOT NULL DEFAULT 0;\n",
    "sqlite": "ALTER TABLE sessions ADD COLUMN saved INTEGER NOT NULL DEFAULT 0;\n",
    "clickhouse": "ALTER TABLE scored_sessions ADD COLUMN IF NOT EXISTS saved UInt32 DEFAULT 0;\n",
}

SCRIPT = """
import json, sys
from pathlib import Path
import msgspec
from ingest.events import Custom
from scoring.model import ConstantModel
from storage.admin.reads import AdminReads, ResolvedFilter
from storage.database import migrate
from storage.database.engine import engine_of
from storage.query.queries import Queries
from storage.replay.compare import made_updates
from storage.write.clickhouse_sink import AnalyticsSink, embedded_client
from storage.write.relational_sink import RelationalSink
from stream.scored import decode, encode
from stream.step import score
from tests.support.events import NOON, event
from tests.support.log import folded, log_of
from tests.support.sinks import block

folder, url = Path(sys.argv[1]), sys.argv[2]
engine = engine_of(url)
client = embedded_client(str(folder / "chdb"), "opecom")
databases = (
    (migrate.relational_kind(engine), migrate.relational_run(engine)),
    ("clickhouse", migrate.clickhouse_run(client)),
)
newest, made = migrate.steps, []
for kind, run in databases:
    steps = newest(kind)
    migrate.steps = lambda kind: steps[:-1]
    migrate.migrate(kind, run)
    migrate.steps = newest
    # The step is cut short after its statement, and runs again.
    def cut(statement):
        if statement.startswith("INSERT INTO schema_version"):
            raise ConnectionError
        return run(statement)
    try:
        migrate.migrate(kind, cut)
    except ConnectionError:
        pass
    made.append([step.name for step in migrate.migrate(kind, run)])

custom = Custom("wish", "add")
updates = folded(log_of([event(1), *(event(n, NOON + n, type="custom", custom=custom) for n in (2, 3))])).updates
scored = [update for ready in score(updates, lambda _: ConstantModel()) for update in ready]
topic = [encode(update.record) for update in scored]
older = {name: value for name, value in msgspec.json.decode(topic[0]).items() if name != "saved"}
for sink in (RelationalSink(engine), AnalyticsSink(client)):
    sink.write(block(*map(decode, topic)))
reads = AdminReads(engine, client)
print(json.dumps({
    "steps": made,
    "topic": [msgspec.json.decode(record)["saved"] for record in topic],
    "older": decode(msgspec.json.encode(older)).saved,
    "rows": [row.saved for row in reads.sessions(ResolvedFilter(), "opened_at", True, 9, 0).sessions],
    "timeline": [update.saved for update in reads.timeline("s1").updates],
    "intent": getattr(Queries(engine, client).intent("s1"), "saved", None),
    "replay": [row["saved"] for _, row in made_updates("log", scored)],
}))
engine.dispose()
client.close()
"""


def with_field(folder: Path, declared: str) -> list[Path]:
    """A copy of the project with the field; returns the files that were touched."""
    for name in ("ingest", "stream", "scoring", "storage", "tests/support"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__", "*.onnx"))
    touched = []
    name, before, _ = DECLARED
    lines = (folder / name).read_text().splitlines(keepends=True)
    at = next(index for index, line in enumerate(lines) if line.startswith(before))
    (folder / name).write_text("".join([*lines[: at + 1], declared, *lines[at + 1 :]]))
    touched.append(folder / name)
    name, changes = MEANT
    text = (folder / name).read_text()
    for before, after in changes.items():
        assert before in text
        text = text.replace(before, after, 1)
    (folder / name).write_text(text)
    touched.append(folder / name)
    for kind, statement in SQL.items():
        number = migrate.steps(kind)[-1].version + 1
        file = folder / "storage" / "migrations" / kind / f"{number:04d}_saved.sql"
        file.write_text(statement)
        touched.append(file)
    return touched


@pytest.fixture(params=["sqlite", pytest.param("mariadb", marks=pytest.mark.mariadb)])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'db'}"
    return str(request.getfixturevalue("mariadb_url"))


@pytest.mark.parametrize(
    ("declared", "intent"),
    [
        (DECLARED[2], None),
        ("    saved: Annotated[Count, ColumnSpec(in_intent=True)] = 0\n", 2),
    ],
    ids=["kept", "shown in the intent"],
)
def test_a_field_is_added_in_five_files(tmp_path: Path, url: str, declared: str, intent: int | None) -> None:
    project = tmp_path / "project"
    # Twelve before there was one declaration.
    assert len(with_field(project, declared)) == 5
    command = [sys.executable, "-P", "-c", SCRIPT, str(tmp_path), url]
    environment = {**os.environ, "PYTHONPATH": str(project), "PYTHONDONTWRITEBYTECODE": "1"}
    ran = subprocess.run(command, cwd=project, env=environment, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr
    assert json.loads(ran.stdout) == {
        "steps": [["saved"], ["saved"]],
        "topic": [0, 1, 2],
        "older": 0,
        "rows": [2],
        "timeline": [0, 1, 2],
        "intent": intent,
        "replay": [0, 1, 2],
    }
