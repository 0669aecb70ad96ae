"""A line of the audit trail, which the query API writes into its log and commands into a file."""

import json
import re


def line(who: str, action: str, site: str, subject: str, result: str | int) -> str:
    """The line: each value as a JSON string, so that none of them can pass for another."""
    described = {"who": who, "action": action, "site": site, "subject": subject, "result": str(result)}
    return "audit " + " ".join(f"{name}={json.dumps(value)}" for name, value in described.items())


_NAMES = ("who", "action", "site", "subject", "result")
_PARTS = re.compile("audit " + " ".join(rf'{name}=("(?:[^"\\]|\\.)*")' for name in _NAMES))


def parsed_line(text: str) -> dict[str, str] | None:
    """The values of a line by their names; None for one that is no line of the trail."""
    found = _PARTS.fullmatch(text.rstrip("\n"))
    if found is None:
        return None
    try:
        return dict(zip(_NAMES, map(json.loads, found.groups()), strict=True))
    except ValueError:
        return None
