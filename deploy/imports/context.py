"""The context of an imported event, as live ingest would have made it: traffic, browser and system, region."""

from functools import lru_cache
from typing import Any
from urllib.parse import urlsplit

from deploy.imports.errors import RowRefusedError
from ingest import codes, enrich
from ingest.events import UNKNOWN, Code
from ingest.parsing.agents import MAX_USER_AGENT, agent

#: The longest URL that a batch takes.
LONGEST_URL = 4_000


def add_context(event: dict[str, Any], rules: enrich.UrlRules) -> None:
    """Turn `user_agent`, `country` and the page into the event's context, where it has none of its own.

    Raises RowRefusedError, `left_out`, for a program: its sessions are in no training set.
    """
    found: dict[str, Any] = {}
    user_agent, country = event.pop("user_agent", None), event.pop("country", None)
    if user_agent:
        read = agent(str(user_agent)[:MAX_USER_AGENT])
        if read.bot:
            raise RowRefusedError("a program's visit, by its user agent", left_out=True)
        found |= {"browser": _code(read.browser), "operating_system": _code(read.operating_system)}
        found["device_class"] = read.device_class
    if country:
        found["region"] = _code(codes.region(str(country)))
    page = event.get("page")
    if isinstance(page, dict) and isinstance(page.get("url"), str):
        referrer = page.get("referrer")
        found["traffic_type"] = _traffic(page["url"], referrer if isinstance(referrer, str) else None, rules)
    if found:
        given = event.get("context")
        event["context"] = found | (given if isinstance(given, dict) else {})


@lru_cache(enrich.CACHED)
def _traffic(url: str, referrer: str | None, rules: enrich.UrlRules) -> dict[str, Any]:
    try:
        return _code(enrich.traffic_type(url[:LONGEST_URL], referrer, urlsplit(url).hostname, rules))
    except ValueError:
        return _code(UNKNOWN)


def _code(code: Code) -> dict[str, Any]:
    return {"code": code.code, "name": code.name}
