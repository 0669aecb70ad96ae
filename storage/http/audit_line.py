"""A line of the audit trail, which the query API writes into its log and commands into a file."""

import json


def line(who: str, action: str, site: str, subject: str, result: str | int) -> str:
    """The line: each value as a JSON string, so that none of them can pass for another."""
    described = {"who": who, "action": action, "site": site, "subject": subject, "result": str(result)}
    return "audit " + " ".join(f"{name}={json.dumps(value)}" for name, value in described.items())
