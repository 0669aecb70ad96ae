"""`opecom asyncapi`: the AsyncAPI document of the topics."""

import json

from deploy.settings.model import load
from deploy.terminal.plain import print_line
from deploy.wiring.topics_document import topics_document


def asyncapi() -> None:
    """Prints the AsyncAPI 3 document of the Kafka topics, which the query API serves at /asyncapi.json."""
    print_line(json.dumps(topics_document(load()), indent=2))
