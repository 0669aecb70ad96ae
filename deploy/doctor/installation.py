"""This installation: Python, and the libraries that must be at least as new as the package asks for."""

import re
import sys
from collections.abc import Callable, Iterable
from importlib.metadata import PackageNotFoundError, requires, version

from deploy.doctor.finding import Finding

#: What is worth naming in the line; all others are checked as well.
NAMED = ("faust-streaming", "aiokafka", "onnxruntime")


def installation(
    required: Iterable[str] | None = None,
    version_of: Callable[[str], str] = version,
    python: str = sys.version.split()[0],
) -> Finding:
    """`required` are requirements as the package states them, those of extras left out."""
    stated = requires("op-ecom") if required is None else required
    wrong = [line for line in (_wrong(each, version_of) for each in stated or ()) if line]
    if wrong:
        remedy = "install op-ecom again with its locked dependencies (`make setup`)"
        return Finding("installation", "fault", f"{', '.join(wrong)}: {remedy}")
    known = ", ".join(f"{name} {version_of(name)}" for name in NAMED)
    return Finding("installation", "ok", f"op-ecom {version_of('op-ecom')}, Python {python}, {known}")


def _wrong(requirement: str, version_of: Callable[[str], str]) -> str:
    match = re.match(r"([\w.-]+)(?:\[[^]]*\])?\s*>=([\d.]+)", requirement)
    if match is None or "extra ==" in requirement:
        return ""
    name, least = match.groups()
    try:
        found = version_of(name)
    except PackageNotFoundError:
        return f"{name} is missing"
    return f"{name} is {found}, {least} is the least" if _numbers(found) < _numbers(least) else ""


def _numbers(text: str) -> list[int]:
    numbers = [int(part) for part in re.match(r"[\d.]*", text)[0].strip(".").split(".") if part]  # type: ignore[index]
    while numbers and numbers[-1] == 0:
        numbers.pop()
    return numbers
