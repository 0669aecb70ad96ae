"""Puts the endpoints, which FastAPI does not know, into its OpenAPI document, with schemas made from the structs."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
from msgspec import Struct

from ingest.errors import REFUSAL_CODES, STATUS
from ingest.schemas import IngestErrorAnswer

REF = "#/components/schemas/{name}"
#: What the probe /metrics answers, of every part.
METRICS: dict[str, Any] = {
    "description": "In Prometheus's text format.",
    "content": {"text/plain": {"schema": {"type": "string"}}},
}


@dataclass(frozen=True, slots=True)
class RouteDoc:
    """A POST route for people: its path, what it is for, its bodies (one, or one for each scope) and its answer.

    `operation_id` is what generated clients call it. `signable`: the site's own server may sign it. `example`: a body.
    `answered`: what the answer of `status` means. `has_basic`: the key may come by basic authentication.
    """

    path: str
    operation_id: str
    summary: str
    bodies: tuple[type[Struct], ...]
    answer: type[Struct]
    signable: bool = False
    status: int = 202
    tag: str = "events"
    example: Mapping[str, Any] | None = None
    answered: str = "Kafka has it."
    has_basic: bool = False


def with_endpoints(document: dict[str, Any], routes: Sequence[RouteDoc]) -> dict[str, Any]:
    """`document` with the endpoints, their schemas and the ways to send a key added."""
    types = [struct for route in routes for struct in (*route.bodies, route.answer)] + [IngestErrorAnswer]
    schemas, components = msgspec.json.schema_components(types, ref_template=REF)
    named = dict(zip(types, schemas, strict=True))
    for route in routes:
        document["paths"][route.path] = {"post": _operation(route, named)}
    kept = document.setdefault("components", {})
    kept.setdefault("schemas", {}).update(components)
    kept["securitySchemes"] = {
        "header": {"type": "apiKey", "in": "header", "name": "X-OPECOM-Key"},
        "query": {"type": "apiKey", "in": "query", "name": "key", "description": "Write keys only; for sendBeacon."},
        "basic": {"type": "http", "scheme": "basic", "description": "The write key as user name, no password."},
    }
    return document


def _operation(route: RouteDoc, named: dict[type[Struct], Any]) -> dict[str, Any]:
    body = [named[struct] for struct in route.bodies]
    schema = body[0] if len(body) == 1 else {"anyOf": body}
    example = {} if route.example is None else {"example": dict(route.example)}
    content = {"application/json": {"schema": schema, **example}}
    return {
        "summary": route.summary,
        "operationId": route.operation_id,
        "tags": [route.tag],
        "security": [{"header": []}, {"query": []}, *([{"basic": []}] if route.has_basic else []), {}],
        "requestBody": {"required": True, "content": content},
        **({"parameters": _SIGNATURE} if route.signable else {}),
        "responses": {
            str(route.status): {
                "description": route.answered,
                "content": {"application/json": {"schema": named[route.answer]}},
            },
            **_refusals(named[IngestErrorAnswer]),
        },
    }


_SIGNATURE = [
    {"name": name, "in": "header", "required": False, "schema": {"type": "string"}, "description": text}
    for name, text in (
        ("webhook-id", "Of a signed request: an id of it."),
        ("webhook-timestamp", "Of a signed request: when it was signed, in seconds; holds five minutes."),
        ("webhook-signature", "v1, and base64 of HMAC-SHA-256 by the site's purchase secret over id.timestamp.body."),
    )
]


def _refusals(schema: dict[str, Any]) -> dict[str, Any]:
    by_status: dict[int, list[str]] = {}
    for code in REFUSAL_CODES:
        by_status.setdefault(STATUS[code], []).append(code)
    return {
        str(status): {"description": ", ".join(codes), "content": {"application/json": {"schema": schema}}}
        for status, codes in sorted(by_status.items())
        if status not in (404, 405)
    }


def refused(description: str) -> dict[str, Any]:
    """A refusal among the `responses` of a route; `with_endpoints` adds the schema that it refers to."""
    schema = {"$ref": REF.format(name=IngestErrorAnswer.__name__)}
    return {"description": description, "content": {"application/json": {"schema": schema}}}
