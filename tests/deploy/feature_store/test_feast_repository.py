"""The definitions name each exported column once, in the view of its group; test_feast.py has the real Feast."""

import ast
import re
from pathlib import Path

import pytest

from deploy.errors import SetupError
from deploy.feature_store.feast_repository import VIEWS, definitions, write_repository
from deploy.feature_store.folder import day_file
from deploy.feature_store.parquet import COLUMNS, PLACE
from scoring.features import NAMES


def test_each_column_but_the_place_of_a_row_is_in_one_view() -> None:
    text = definitions()
    ast.parse(text)
    assert re.findall(r"Field\(name='(\w+)'", text) == list(COLUMNS)[len(PLACE) :]
    views = dict(re.findall(r"^(\w+) = FeatureView\((.*?)^\)", text, re.MULTILINE | re.DOTALL))
    assert list(views) == list(VIEWS)
    assert re.findall(r"Field\(name='(\w+)'", views["uci_features"]) == list(NAMES)


def test_it_is_written_beside_the_rows_and_again_each_time(tmp_path: Path) -> None:
    day = day_file(tmp_path, "shop", "2026-01-31")
    day.parent.mkdir(parents=True)
    day.touch()
    (tmp_path / "opecom_features.py").write_text("of an earlier version")
    assert [file.name for file in write_repository(tmp_path)] == ["feature_store.yaml", "opecom_features.py"]
    assert (tmp_path / "opecom_features.py").read_text() == definitions()


def test_a_folder_without_days_is_a_line(tmp_path: Path) -> None:
    with pytest.raises(SetupError, match=r"has no exported days: `opecom features export .* --site SITE` writes them"):
        write_repository(tmp_path)
