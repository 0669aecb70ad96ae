"""The key that a route needs, as OpenAPI documents it; `storage.http.access` is what asks for it."""

from typing import Any

from fastapi import Security
from fastapi.security import APIKeyHeader


def _key(description: str, scheme_name: str | None = None) -> Any:
    return Security(
        APIKeyHeader(name="X-OPECOM-Key", auto_error=False, description=description, scheme_name=scheme_name)
    )


READ_KEY = _key("A key of scope read.")
EXPORT_KEY = _key("A key of scope export, or personal.", "export")
ADMIN_KEY = _key("A key of scope admin.", "admin")
