"""The AsyncAPI 3 document of the Kafka topics, generated from the structs that are decoded and encoded. Pure."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import msgspec
from msgspec import Struct

from ingest.events import Erase, Event, Tick, UseExperiments, UseModel, UsePages
from ingest.openapi_rules import fix_schemas
from storage.api.topic_examples import EXAMPLES
from stream.experiments.definition import ExperimentDefinition, HoldoutDefinition
from stream.fold.erasures import ErasureRecord
from stream.fold.pages import PageRow, PagesMarker
from stream.interventions.definition import InterventionDefinition
from stream.scored import DeadLetter, ScoredSession

REF = "#/components/schemas/{name}"


class TopicDoc(NamedTuple):
    """What stands on a topic; `retention` in words."""

    name: str
    title: str
    description: str
    partitions: int
    key: str
    messages: tuple[type[Struct], ...]


#: What the key of each message is, where it has one.
_SESSION_KEY = "site/session_id, in UTF-8"
_CONTROLS = (Tick, UseModel, UsePages, Erase, UseExperiments)


def topics(names: Mapping[str, str], partitions: int) -> list[TopicDoc]:
    """The six topics; `names` by events, scored, pages, erasures, experiments and dead."""
    return [
        TopicDoc(
            names["events"],
            "Accepted events and controls",
            "The only truth. A record with a key is an event of that session; a record without one is a control, "
            "which changes how the events after it are scored. Log-append time, never compacted, no transactions.",
            partitions,
            _SESSION_KEY,
            (Event, *_CONTROLS),
        ),
        TopicDoc(
            names["scored"],
            "Scored sessions, one record per update",
            "Records may come again (at least once): the one with the greatest `version` is a session's newest. "
            "A record keeps the partition of the event that caused it.",
            partitions,
            _SESSION_KEY,
            (ScoredSession,),
        ),
        TopicDoc(
            names["pages"],
            "Page statistics",
            "Rows, then the marker that ends their batch; the marker's offset is the version.",
            1,
            "",
            (PageRow, PagesMarker),
        ),
        TopicDoc(
            names["erasures"],
            "Erased visitors and sessions",
            "Digests (SHA-256) of forgotten visitors, for ever. A program that keeps scored sessions of its "
            "own should follow this topic and forget them too.",
            1,
            "",
            (ErasureRecord,),
        ),
        TopicDoc(
            names["experiments"],
            "Experiments, hold-outs and interventions",
            "Each record is an experiment, a site's hold-out or an intervention, whole as it is after a change; its "
            "offset plus one is the version that a control puts in force.",
            1,
            "",
            (ExperimentDefinition, HoldoutDefinition, InterventionDefinition),
        ),
        TopicDoc(
            names["dead"],
            "Dead letters",
            "Records that ended outside every session, with the reason and their bytes in base64.",
            partitions,
            "log:topic:partition:offset of the record",
            (DeadLetter,),
        ),
    ]


def document(all_topics: list[TopicDoc], bootstrap: str, protocol: str, version: str, sasl: str = "") -> dict[str, Any]:
    """The document; `protocol` is kafka or kafka-secure, `sasl` AsyncAPI's name of the mechanism, empty without one."""
    security = [{"$ref": "#/components/securitySchemes/sasl"}] if sasl else []
    types = tuple(dict.fromkeys(message for topic in all_topics for message in topic.messages))
    schemas, components = msgspec.json.schema_components(types, ref_template=REF)
    fix_schemas([schemas, components])
    _as_draft_7(components)
    payloads = dict(zip(types, schemas, strict=True))
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "OP-ECOM topics",
            "version": version,
            "description": "For programs that read the topics. Times are milliseconds since 1970-01-01 UTC; every "
            "value is JSON. Nobody but OP-ECOM writes to them: events go in through the ingest API.",
        },
        "defaultContentType": "application/json",
        "servers": {"kafka": {"host": bootstrap.partition(",")[0], "protocol": protocol, "security": security}},
        "channels": {topic.name: _channel(topic) for topic in all_topics},
        "operations": {f"follow-{topic.name}": _operation(topic, security) for topic in all_topics},
        "components": {
            "schemas": components,
            "securitySchemes": {"sasl": {"type": sasl}} if sasl else {},
            "messages": {
                message.__name__: _message(message, topic.key, payloads[message])
                for topic in all_topics
                for message in topic.messages
            },
        },
    }


def _channel(topic: TopicDoc) -> dict[str, Any]:
    return {
        "address": topic.name,
        "title": topic.title,
        "description": topic.description,
        "messages": {
            message.__name__: {"$ref": f"#/components/messages/{message.__name__}"} for message in topic.messages
        },
        "bindings": {"kafka": {"topic": topic.name, "partitions": topic.partitions, "bindingVersion": "0.5.0"}},
    }


def _operation(topic: TopicDoc, security: list[dict[str, str]]) -> dict[str, Any]:
    return {
        "action": "receive",
        "channel": {"$ref": f"#/channels/{topic.name}"},
        "summary": topic.title,
        "security": security,
    }


def _as_draft_7(node: Any) -> None:
    """As JSON Schema's draft 7, which AsyncAPI follows: it ignores what stands beside a reference (a default, here) and
    knows no `prefixItems`, so an item of a tuple may be what any of its places may be.
    """
    for each in node.values() if isinstance(node, dict) else node if isinstance(node, list) else ():
        _as_draft_7(each)
    if isinstance(node, dict) and len(node) > 1 and "$ref" in node:
        node["allOf"] = [{"$ref": node.pop("$ref")}]
    if isinstance(node, dict) and "prefixItems" in node:
        places = node.pop("prefixItems")
        node["items"] = places[0] if all(each == places[0] for each in places) else {"anyOf": places}


def _message(message: type[Struct], key: str, payload: Any) -> dict[str, Any]:
    described = {"name": message.__name__, "summary": _first_line(message), "payload": payload}
    example = EXAMPLES[message]
    described["examples"] = [{"name": message.__name__, "payload": msgspec.to_builtins(example)}]
    if key and message not in _CONTROLS:
        described["bindings"] = {"kafka": {"key": {"type": "string", "description": key}, "bindingVersion": "0.5.0"}}
    return described


def _first_line(message: type[Struct]) -> str:
    return (message.__doc__ or message.__name__).strip().splitlines()[0]
