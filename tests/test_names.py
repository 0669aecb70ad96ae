"""Names of the product: each class name stands once, and names that tell a story do not come back."""

import ast
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]
PACKAGES = ("ingest", "stream", "scoring", "storage", "deploy")
#: Names that nobody can guess who knows Kafka, FastAPI and scikit-learn.
RIDDLES = {
    *("House", "Door", "Post", "Whence", "How", "Passage", "Seat", "World", "Telling", "Told", "Made", "Nowhere"),
    *("Several", "Asked", "Glimpse", "Given", "Holdings", "Standing", "Known", "Waiting", "Found", "Needed", "Moved"),
    *("Heard", "Listed", "Counted", "Exported", "Filtered", "Chosen", "Shown", "Followed", "Tested", "Crossed"),
}


def classes() -> Iterator[tuple[str, str]]:
    """Name and place of each class of the product."""
    for package in PACKAGES:
        for file in sorted((ROOT / package).rglob("*.py")):
            for node in ast.walk(ast.parse(file.read_text())):
                if isinstance(node, ast.ClassDef):
                    yield node.name, f"{file.relative_to(ROOT)}:{node.lineno}"


def test_each_class_name_stands_once() -> None:
    places = defaultdict(list)
    for name, place in classes():
        if not name.startswith("_"):
            places[name].append(place)
    assert {name: found for name, found in places.items() if len(found) > 1} == {}


def test_no_class_has_a_name_that_is_a_riddle() -> None:
    assert [(name, place) for name, place in classes() if name.lstrip("_") in RIDDLES] == []
