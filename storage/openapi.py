"""Schemas of the answers for FastAPI's OpenAPI document, made from the structs that are encoded."""

from collections.abc import Iterable
from typing import Any

import msgspec
from msgspec import Struct

from ingest.tokens import Token
from storage.admin.erase import Erasure
from storage.admin.rows import Sessions, Statistics, WholeSession
from storage.errors import STATUS, ErrorAnswer, ReadCode
from storage.intents import Intent, LiveSessions, Timeline
from storage.pages.refresh import Explained, PagesInForce, Refreshed
from storage.replay.jobs import Job, JobList, Order

REF = "#/components/schemas/{name}"
ANSWERS: tuple[type[Struct], ...] = (
    *(Intent, LiveSessions, Timeline, Token, ErrorAnswer),
    *(Job, JobList, Order, PagesInForce, Explained, Refreshed),
    *(Sessions, WholeSession, Statistics, Erasure),
)


def answered(answer: type[Struct], *refusals: ReadCode) -> dict[int | str, dict[str, Any]]:
    """The `responses` of a route that answers so, or refuses so; keys and bad parameters are refused everywhere."""
    by_status: dict[int, list[str]] = {}
    for code in ("no_key", "wrong_key", "wrong_scope", "invalid", *refusals):
        by_status.setdefault(STATUS[code], []).append(code)
    said: dict[int | str, dict[str, Any]] = {200: {"description": "Found.", "content": _json(answer)}}
    for status, codes in sorted(by_status.items()):
        said[status] = {"description": ", ".join(codes), "content": _json(ErrorAnswer)}
    return said


def with_answers(document: dict[str, Any], answers: Iterable[type[Struct]] = ANSWERS) -> dict[str, Any]:
    """`document` with the schemas that `answered` refers to; FastAPI's own of a refusal are taken out."""
    _, components = msgspec.json.schema_components(tuple(answers), ref_template=REF)
    schemas = document.setdefault("components", {}).setdefault("schemas", {})
    for name in ("HTTPValidationError", "ValidationError"):
        schemas.pop(name, None)
    schemas.update(components)
    return document


def _json(answer: type[Struct]) -> dict[str, Any]:
    return {"application/json": {"schema": {"$ref": REF.format(name=answer.__name__)}}}
