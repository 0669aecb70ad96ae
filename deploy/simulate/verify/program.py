"""What the verifying programs have in common: options, exit codes, and differences on the screen."""

import argparse
import json
import sys
from collections.abc import Callable
from typing import Any

MOST_SHOWN = 20


class CannotCompareError(Exception):
    """What is missing for a comparison; one line that says what fixes it."""


def print_line(text: str, error: bool = False) -> None:
    """Print a line, what would steer the terminal escaped; of its own, as the program checks what it would import."""
    shown = "".join(each if each.isprintable() else ascii(each)[1:-1] for each in text)
    print(shown, file=sys.stderr if error else sys.stdout)


def parser(file: str, site: str) -> argparse.ArgumentParser:
    """The options of every program; `file` is what it compares with, `site` an example of a site's name."""
    made = argparse.ArgumentParser(description=f"Compares a simulated site's rows with {file}.")
    made.add_argument("--database", required=True, help="sqlite:///PATH or mysql+pymysql://...; -: from standard input")
    made.add_argument("--site", required=True, help=f"the simulated site, such as {site}")
    made.add_argument("--data", required=True, help=file)
    made.add_argument("--sessions", required=True, type=int, help="how many sessions were sent")
    made.add_argument("--json", action="store_true", help="end with one line of JSON")
    return made


def run(
    options: argparse.ArgumentParser,
    arguments: list[str] | None,
    compare: Callable[[argparse.Namespace], tuple[dict[str, Any], list[str]]],
) -> int:
    """Compare and say what differs; the exit code.

    `compare` prints what it compared and returns its figures and a line for each difference; it is given the options,
    and the `key` that may follow the database's URL on standard input.
    """
    given = options.parse_args(arguments)
    given.key = ""
    if given.database == "-":
        given.database, given.key = (sys.stdin.readline().strip() for _ in range(2))
    try:
        figures, differing = compare(given)
    except CannotCompareError as error:
        print_line(str(error), error=True)
        return 2
    if differing:
        print_line(f"{len(differing)} differences:")
        for line in differing[:MOST_SHOWN]:
            print_line(f"  {line}")
        if len(differing) > MOST_SHOWN:
            print_line(f"  and {len(differing) - MOST_SHOWN} more")
    if given.json:
        print_line(json.dumps({**figures, "differences": len(differing)}))
    return 1 if differing else 0
