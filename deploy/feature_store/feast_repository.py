"""A Feast repository over an export: `feature_store.yaml`, and definitions that read the files where they are.

Needs no Feast: the definitions are written as text. Entities are the site and the session's id, as for
`GET /sessions/{id}/features`: at a time, the newest session of an id is found.
"""

from pathlib import Path

from deploy.errors import SetupError
from deploy.feature_store.folder import ROWS, sites_in
from deploy.feature_store.parquet import FEATURES, OUTCOME, SCORE
from scoring.catalogue import catalogue

CONFIG, DEFINITIONS = "feature_store.yaml", "opecom_features.py"
#: Feature views, and what their groups of columns are.
VIEWS = {
    "uci_features": "The seventeen features of contract 1; page statistics are unknown where there are none.",
    "session_signals": "The signals of contract 2.",
    "live_score": "The probability that was given then, and by which version of the model.",
    "outcome": "What came of the session: bought_afterwards looks ahead, and is unknown once it has bought.",
}
_FEAST_TYPES = {"int64": "Int64", "float64": "Float64", "string": "String", "bool": "Bool"}

_CONFIG = """\
project: opecom
provider: local
registry: registry.db
offline_store:
  type: file
online_store:
  type: sqlite
  path: online_store.db
entity_key_serialization_version: 3
"""
_HEAD = '''\
"""What `opecom features feast` wrote over an export of `opecom features export`; it is written again each time."""

from datetime import timedelta
from pathlib import Path

from feast import Entity, FeatureService, FeatureView, Field, FileSource, ValueType
from feast.types import Bool, Float64, Int64, String

site = Entity(name="site", join_keys=["site"], value_type=ValueType.STRING, description="The shop, or a run of one.")
session = Entity(
    name="session", join_keys=["session_id"], value_type=ValueType.STRING, description="The newest session of an id."
)

# event_timestamp: when it was known, by the clock of the log. created_timestamp: when the log had it.
rows = FileSource(
    name="session_updates",
    path=str(Path(__file__).resolve().parent / "{rows}"),
    timestamp_field="event_timestamp",
    created_timestamp_column="created_timestamp",
)
'''
# A session ends with the day, so a row of the day before is of one that is over.
_VIEW = """\

{name} = FeatureView(
    name="{name}",
    entities=[site, session],
    ttl=timedelta(days=1),
    schema=[
{fields}
    ],
    source=rows,
    online=False,
    description={description},
    tags={{"owner": "op-ecom"}},
)
"""
_TAIL = """
contract_2 = FeatureService(
    name="contract_2", features=[uci_features, session_signals], description="A row of feature contract 2."
)
"""


def write_repository(folder: Path) -> list[Path]:
    """Write the two files into the folder of an export; which. Raises SetupError."""
    if not sites_in(folder):
        raise SetupError(f"{folder} has no exported days: `opecom features export {folder} --site SITE` writes them")
    try:
        return [_written(folder / CONFIG, _CONFIG), _written(folder / DEFINITIONS, definitions())]
    except OSError as error:
        raise SetupError(f"cannot write to {folder}: {error.strerror}") from error


def definitions() -> str:
    """The Python file that `feast apply` reads."""
    described = {each.name: f"{each.description} ({each.unit})" for each in catalogue().features}
    first = {each.name for each in catalogue().features if 1 in each.contracts}
    groups = {
        "uci_features": {name: kind for name, kind in FEATURES.items() if name in first},
        "session_signals": {name: kind for name, kind in FEATURES.items() if name not in first},
        "live_score": SCORE,
        "outcome": OUTCOME,
    }
    views = [
        _VIEW.format(
            name=name,
            description=repr(VIEWS[name]),
            fields="\n".join(_field(column, kind, described.get(column, "")) for column, kind in group.items()),
        )
        for name, group in groups.items()
    ]
    return "".join((_HEAD.replace("{rows}", ROWS), *views, _TAIL))


def _field(name: str, kind: str, description: str) -> str:
    return f"        Field(name={name!r}, dtype={_FEAST_TYPES[kind]}, description={description!r}),"


def _written(file: Path, text: str) -> Path:
    file.write_text(text, encoding="utf-8")
    return file
