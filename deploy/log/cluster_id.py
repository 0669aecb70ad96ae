"""The name of a Kafka cluster."""

import base64
import uuid


def new_cluster_id() -> str:
    """A random id of 22 characters, as Kafka makes them."""
    return base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=").replace("-", "0")
