"""`opecom openapi`: the OpenAPI document of the query API."""

import json

from deploy.settings.model import load
from deploy.terminal.plain import print_line
from deploy.wiring.query_document import query_document


def openapi() -> None:
    """Prints the OpenAPI 3.1 document of the query API, which it serves at /openapi.json."""
    print_line(json.dumps(query_document(load()), indent=1, sort_keys=True))
