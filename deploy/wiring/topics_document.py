"""Fills the AsyncAPI document of the topics from the settings."""

from importlib.metadata import version
from typing import Any

from deploy.settings.model import Settings
from storage.api import asyncapi

#: AsyncAPI's names of the SASL mechanisms.
_MECHANISMS = {"PLAIN": "plain", "SCRAM-SHA-256": "scramSha256", "SCRAM-SHA-512": "scramSha512"}


def topics_document(settings: Settings) -> dict[str, Any]:
    """The AsyncAPI document of the topics as the settings name them."""
    kafka = settings.kafka
    roles = ("events", "scored", "pages", "erasures", "experiments", "dead")
    names = {name: getattr(kafka, f"{name}_topic") for name in roles}
    protocol = "kafka-secure" if "SSL" in kafka.security_protocol else "kafka"
    sasl = _MECHANISMS[kafka.sasl_mechanism] if "SASL" in kafka.security_protocol else ""
    topics = asyncapi.topics(names, kafka.partitions)
    return asyncapi.document(topics, kafka.bootstrap, protocol, version("op-ecom"), sasl)
