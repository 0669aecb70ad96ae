"""What every OpenAPI document of ours has, so that linters accept it and generators make clients from it. Pure."""

import inspect
from typing import Any

#: The answer of any operation to bytes that are no request; operations without input have no other refusal.
_NO_REQUEST = {"description": "The bytes are not a request of HTTP."}
_METHODS = ("get", "put", "post", "delete", "patch", "head", "options")


def operation_id(name: str) -> str:
    """`get_session_intent` as the operation id `getSessionIntent`: generators make a name of their language of it."""
    first, *more = name.split("_")
    return first + "".join(word.capitalize() for word in more)


def completed(document: dict[str, Any]) -> dict[str, Any]:
    """`document` with a licence, a server, and of every operation whether it needs a key."""
    document["info"].setdefault("license", {"name": "Apache-2.0", "identifier": "Apache-2.0"})
    document.setdefault("servers", [{"url": "/", "description": "Where this document is."}])
    for path in document["paths"].values():
        for operation in (path[method] for method in _METHODS if method in path):
            operation.setdefault("security", [])
            if not any(status.startswith("4") for status in operation["responses"]):
                operation["responses"]["400"] = _NO_REQUEST
    fix_schemas(document.get("components", {}).get("schemas", {}))
    return document


def fix_schemas(node: Any) -> None:
    """Take out what generators cannot read.

    `items: false` after `prefixItems`: `maxItems` says the same, and openapi-python-client refuses a schema that is
    no object. `default: null` of what may be left out: openapi-typescript makes a field with a default one that must
    be sent. Docstrings keep the indentation of their lines.
    """
    if isinstance(node, list):
        for each in node:
            fix_schemas(each)
    elif isinstance(node, dict):
        if node.get("items") is False:
            del node["items"]
        if node.get("default", ...) is None:
            del node["default"]
        if isinstance(description := node.get("description"), str):
            node["description"] = inspect.cleandoc(description)
        for each in node.values():
            fix_schemas(each)
