"""How every client of ours connects to Kafka."""

import ssl
from typing import Any

from deploy.settings.model import KafkaSettings
from stream.kafka.clients import KafkaClients


def kafka_clients(kafka: KafkaSettings) -> KafkaClients:
    """What makes the clients of this Kafka: built once where a part or a command begins, and handed on."""
    return KafkaClients(
        client_options(kafka),
        fetch_wait_ms=kafka.fetch_wait_ms,
        idempotent=kafka.idempotent,
        idle_fetch_wait_ms=kafka.idle_fetch_wait_ms,
    )


def client_options(kafka: KafkaSettings) -> dict[str, Any]:
    """Keyword arguments that aiokafka's producer, consumer and admin client all take."""
    options: dict[str, Any] = {
        "bootstrap_servers": kafka.bootstrap,
        "security_protocol": kafka.security_protocol,
        "request_timeout_ms": kafka.request_timeout_ms,
    }
    if "SSL" in kafka.security_protocol:
        options["ssl_context"] = ssl.create_default_context(cafile=kafka.ca_file)
    if "SASL" in kafka.security_protocol:
        options["sasl_mechanism"] = kafka.sasl_mechanism
        options["sasl_plain_username"] = kafka.username
        options["sasl_plain_password"] = kafka.password.get_secret_value()
    return options
