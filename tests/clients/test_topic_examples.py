"""The examples of the AsyncAPI document are records of the topics: by their schemas, and as the project reads them."""

import json
from typing import Any

import msgspec
import pytest
from jsonschema import Draft202012Validator

from deploy.settings.model import KafkaSettings, Settings
from deploy.wiring.topics_document import topics_document
from storage.api.topic_examples import EXAMPLES

MESSAGES = [
    "Event",
    "Tick",
    "UseModel",
    "UsePages",
    "Erase",
    "UseExperiments",
    "ScoredSession",
    "PageRow",
    "PagesMarker",
    "ErasureRecord",
    "ExperimentDefinition",
    "HoldoutDefinition",
    "InterventionDefinition",
    "DeadLetter",
]


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    return json.loads(msgspec.json.encode(topics_document(Settings())))


def test_every_message_has_an_example(document: dict[str, Any]) -> None:
    assert sorted(document["components"]["messages"]) == sorted(MESSAGES)
    assert {struct.__name__ for struct in EXAMPLES} == set(MESSAGES)


@pytest.mark.parametrize("name", MESSAGES)
def test_an_example_fits_its_schema_and_is_read(name: str, document: dict[str, Any]) -> None:
    message = document["components"]["messages"][name]
    payload = message["examples"][0]["payload"]
    schema = {**message["payload"], "components": document["components"]}
    assert list(Draft202012Validator(schema).iter_errors(payload)) == []
    missing = {key: value for key, value in payload.items() if key not in _required(document, message)[:1]}
    assert list(Draft202012Validator(schema).iter_errors(missing))
    struct = next(each for each in EXAMPLES if each.__name__ == name)
    assert msgspec.json.decode(msgspec.json.encode(payload), type=struct) == EXAMPLES[struct]


def test_no_reference_has_neighbours_that_draft_7_ignores(document: dict[str, Any]) -> None:
    browser = document["components"]["schemas"]["Context"]["properties"]["browser"]
    assert browser["allOf"] == [{"$ref": "#/components/schemas/Code"}]
    assert browser["default"] == {"code": 0, "name": ""}


def test_the_mechanism_of_sasl_is_a_scheme_that_operations_name() -> None:
    kafka = KafkaSettings(security_protocol="SASL_SSL", sasl_mechanism="SCRAM-SHA-256")
    told = topics_document(Settings(kafka=kafka))
    assert told["components"]["securitySchemes"] == {"sasl": {"type": "scramSha256"}}
    reference = [{"$ref": "#/components/securitySchemes/sasl"}]
    assert told["servers"]["kafka"]["security"] == reference
    assert all(operation["security"] == reference for operation in told["operations"].values())


def _required(document: dict[str, Any], message: dict[str, Any]) -> list[str]:
    required: list[str] = document["components"]["schemas"][message["payload"]["$ref"].rpartition("/")[2]]["required"]
    return required
