"""Fills the AsyncAPI document of the topics from the settings."""

from importlib.metadata import version
from typing import Any

from deploy.settings.model import Settings
from storage.api import asyncapi


def topics_document(settings: Settings) -> dict[str, Any]:
    """The AsyncAPI document of the topics as the settings name them."""
    kafka = settings.kafka
    names = {name: getattr(kafka, f"{name}_topic") for name in ("events", "scored", "pages", "erasures", "dead")}
    protocol = "kafka-secure" if "SSL" in kafka.security_protocol else "kafka"
    return asyncapi.document(asyncapi.topics(names, kafka.partitions), kafka.bootstrap, protocol, version("op-ecom"))
