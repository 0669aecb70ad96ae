"""The document of the topics says what the structs say."""

from typing import Any

import msgspec

from deploy.settings.model import KafkaSettings, Settings
from deploy.wiring.topics_document import topics_document
from stream.scored import encode
from tests.support.scored import SIGNALS, scored


def document(**kafka: Any) -> dict[str, Any]:
    found: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(topics_document(Settings(kafka=kafka))))
    return found


def test_every_topic_is_there_with_its_messages() -> None:
    channels = document(partitions=6)["channels"]
    assert {
        name: (set(channel["messages"]), channel["bindings"]["kafka"]["partitions"])
        for name, channel in channels.items()
    } == {
        "events": ({"Event", "Tick", "UseModel", "UsePages", "Erase", "UseExperiments"}, 6),
        "scored-sessions": ({"ScoredSession"}, 6),
        "page-stats": ({"PageRow", "PagesMarker"}, 1),
        "erasures": ({"ErasureRecord"}, 1),
        "experiments": ({"ExperimentDefinition", "HoldoutDefinition", "InterventionDefinition"}, 1),
        "events-dead": ({"DeadLetter"}, 6),
    }


def test_topics_are_named_as_the_settings_name_them() -> None:
    made = document(scored_topic="shop-scores", bootstrap="b1:9092,b2:9092", security_protocol="SASL_SSL")
    assert made["channels"]["shop-scores"]["address"] == "shop-scores"
    assert made["operations"]["follow-shop-scores"]["channel"] == {"$ref": "#/channels/shop-scores"}
    assert made["servers"]["kafka"] == {
        "host": "b1:9092",
        "protocol": "kafka-secure",
        "security": [{"$ref": "#/components/securitySchemes/sasl"}],
    }


def test_schemas_name_every_field_of_the_record_on_the_topic() -> None:
    schemas = document()["components"]["schemas"]
    record = msgspec.json.decode(encode(scored(1, signals=SIGNALS)))
    assert set(schemas["ScoredSession"]["properties"]) == set(record)
    for part in ("features", "counts", "origin"):
        name = schemas["ScoredSession"]["properties"][part]["$ref"].rpartition("/")[2]
        assert set(schemas[name]["properties"]) == set(record[part])
    assert {"$ref": "#/components/schemas/Signals"} in schemas["ScoredSession"]["properties"]["signals"]["anyOf"]
    assert set(schemas["Signals"]["properties"]) == set(record["signals"])


def test_the_names_of_all_topics_come_from_settings() -> None:
    assert set(document()["channels"]) == {
        getattr(KafkaSettings(), f"{name}_topic")
        for name in ("events", "scored", "pages", "erasures", "experiments", "dead")
    }
