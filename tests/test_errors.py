"""The tree of errors: one root in each package, drawn whole in the docstring of deploy/errors.py."""

import ast
import inspect
from collections import defaultdict
from collections.abc import Iterator

from deploy import errors
from tests.test_names import PACKAGES, ROOT

#: Programs that check the product, and so import nothing of it.
APART = ROOT / "deploy/simulate/verify"
ROOTS = {package: f"{package.title()}Error" for package in PACKAGES}


def derived() -> Iterator[tuple[str, str, str]]:
    """Package, name and first base of each error class of the product."""
    for package in PACKAGES:
        for file in sorted((ROOT / package).rglob("*.py")):
            if file.is_relative_to(APART):
                continue
            for node in ast.walk(ast.parse(file.read_text())):
                if isinstance(node, ast.ClassDef) and node.name.endswith("Error"):
                    yield package, node.name, ast.unparse(node.bases[0])


def drawn(name: str, children: dict[str, list[str]], depth: int = 0) -> Iterator[str]:
    yield f"    {'    ' * depth}{name}"
    for child in sorted(children[name]):
        yield from drawn(child, children, depth + 1)


def test_each_error_stands_beneath_the_root_of_its_package() -> None:
    bases = {name: base for _, name, base in derived()}
    for package, name, _ in derived():
        root = name
        while root in bases and root not in ROOTS.values():
            root = bases[root]
        assert root == ROOTS[package], f"{name} of {package} stands beneath {root}"


def test_the_docstring_draws_the_tree() -> None:
    children = defaultdict(list)
    for _, name, base in derived():
        if not name.startswith("_"):
            children[base].append(name)
    tree = [line for package in PACKAGES for line in drawn(ROOTS[package], children)]
    drawing = [
        line for line in inspect.getsource(errors).splitlines() if line.startswith("    ") and line.endswith("Error")
    ]
    assert drawing == tree, "\n" + "\n".join(tree)
