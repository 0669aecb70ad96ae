"""docs/benchmarks.md names every benchmark, every figure and every target."""

from pathlib import Path

import pytest

from deploy.bench.result import NO_TARGET, TARGETS

DOCUMENT = (Path(__file__).parents[3] / "docs" / "benchmarks.md").read_text()


@pytest.mark.parametrize("bench", TARGETS)
def test_the_document_has_a_row_for_every_figure_with_its_target(bench: str) -> None:
    assert f"`opecom bench {bench}" in DOCUMENT
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in DOCUMENT.splitlines() if line.startswith("|")]
    for figure, target in TARGETS[bench].items():
        checked = target.spoken() if target else NO_TARGET
        assert any(row[:2] == [f"`{bench}`", f"`{figure}`"] and row[2] == checked for row in rows), figure
