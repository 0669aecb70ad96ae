"""Names of the product: each class name stands once, and names that tell a story do not come back."""

import ast
import io
import re
import tokenize
from collections import defaultdict
from collections.abc import Iterable, Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]
PACKAGES = ("ingest", "stream", "scoring", "storage", "deploy")
#: Names that nobody can guess who knows Kafka, FastAPI and scikit-learn.
RIDDLES = {
    *("House", "Door", "Post", "Whence", "How", "Passage", "Seat", "World", "Telling", "Told", "Made", "Nowhere"),
    *("Several", "Asked", "Glimpse", "Given", "Holdings", "Standing", "Known", "Waiting", "Found", "Needed", "Moved"),
    *("Heard", "Listed", "Counted", "Exported", "Filtered", "Chosen", "Shown", "Followed", "Tested", "Crossed"),
}
#: Words of tales. What is stored keeps its name.
STORY_WORDS = {
    *(
        "tell",
        "tells",
        "told",
        "telling",
        "say",
        "says",
        "said",
        "ask",
        "asks",
        "asked",
        "hear",
        "heard",
        "owe",
        "owed",
    ),
    *("house", "door", "doors", "whence", "mend", "mends"),
}
STORED = {"asked_at", "told_offset", "anew"}
#: The same in comments, docstrings and messages; `anew` is a field of POST /replays.
UNPLAIN = re.compile(r"(?<!`)\b(?:mends?|mended|nought|dear|anew|whom|whence|tells nobody|that is none|doors?|told)\b")
#: Folders of tests whose functions are yet to be renamed.
TO_BE_RENAMED: set[str] = set()
#: Of Python's files.
FOREIGN = {"tell"}


def classes(packages: Iterable[str] = PACKAGES) -> Iterator[tuple[str, str]]:
    """Name and place of each class; those of the product, if not said otherwise."""
    for package in packages:
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
    everywhere = classes((*PACKAGES, "tests"))
    assert [(name, place) for name, place in everywhere if name.lstrip("_") in RIDDLES] == []


def test_no_name_is_a_word_of_a_tale() -> None:
    found = [
        f"{file.relative_to(ROOT)}:{node.lineno} {name}"
        for package in PACKAGES
        for file in sorted((ROOT / package).rglob("*.py"))
        for node in ast.walk(ast.parse(file.read_text()))
        for name in names_of(node)
        if STORY_WORDS & set(name.lower().split("_")) and name not in STORED | FOREIGN
    ]
    assert found == [], "use the field's standard term: report, publish, request, response, ..."


def test_no_function_of_the_tests_is_a_word_of_a_tale() -> None:
    found = [
        f"{file.relative_to(ROOT)}:{node.lineno} {node.name}"
        for file in sorted((ROOT / "tests").rglob("*.py"))
        if file.relative_to(ROOT / "tests").parts[0] not in TO_BE_RENAMED
        for node in ast.walk(ast.parse(file.read_text()))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        if STORY_WORDS & set(node.name.lower().split("_")) and node.name not in STORED | FOREIGN
    ]
    assert found == [], "say what the test checks: is_reported, is_refused, names_the_setting, ..."


def names_of(node: ast.AST) -> Iterator[str]:
    """The names that a node gives to something, and the attributes that it reads."""
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        yield node.name
    elif isinstance(node, ast.arg):
        yield node.arg
    elif isinstance(node, ast.Attribute):
        yield node.attr
    elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
        yield node.id


def test_no_sentence_has_a_word_of_a_tale() -> None:
    found = [
        f"{file.relative_to(ROOT)}:{token.start[0]} {words[0]}"
        for package in PACKAGES
        for file in sorted((ROOT / package).rglob("*.py"))
        for token in tokenize.generate_tokens(io.StringIO(file.read_text()).readline)
        if token.type in (tokenize.STRING, tokenize.COMMENT)
        if token.string.strip("\"'") not in STORED and (words := UNPLAIN.findall(token.string))
    ]
    assert found == [], "write what an engineer would say: fix, again, 0, which visitor, ..."
