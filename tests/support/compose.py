"""docker-compose.yml as data, with its variables filled in as Compose does it."""

import re
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[2]
FILE = ROOT / "docker-compose.yml"
OUR_IMAGE = "op-ecom"

_VARIABLE = re.compile(r"\$\{(?P<name>\w+)(?::(?P<mark>[-?])(?P<rest>[^}]*))?\}")


def services() -> dict[str, dict[str, Any]]:
    """Every service, variables not filled in."""
    return dict(yaml.safe_load(FILE.read_text())["services"])


def ours() -> dict[str, dict[str, Any]]:
    """The services that run our image."""
    return {name: each for name, each in services().items() if each["image"].startswith(f"{OUR_IMAGE}:")}


def filled(text: str, values: dict[str, str]) -> str:
    """The text with its `${NAME:-default}` and `${NAME:?message}` replaced; KeyError where one has no value."""

    def value(found: re.Match[str]) -> str:
        default = found["rest"] if found["mark"] == "-" else None
        return values.get(found["name"]) or default or values[found["name"]]

    return _VARIABLE.sub(value, text)


def environment(service: dict[str, Any], values: dict[str, str]) -> dict[str, str]:
    """The variables of a container."""
    return {name: filled(str(value), values) for name, value in service.get("environment", {}).items()}


def variables(text: str) -> dict[str, str]:
    """Every variable that is asked for, with its mark: ? must be set, - has a default."""
    return {found["name"]: found["mark"] or "" for found in _VARIABLE.finditer(text)}


def example() -> dict[str, str]:
    """The variables of .env.example."""
    lines = (ROOT / ".env.example").read_text().splitlines()
    return dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))
