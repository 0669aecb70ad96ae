"""The catalogue of features: what each column of the feature contracts means. Its text is catalogue.toml."""

import tomllib
from functools import cache
from pathlib import Path
from typing import Literal

import msgspec
from msgspec import Struct

FeatureType = Literal["count", "number", "boolean", "category", "code"]
#: Who answers for a feature that names nobody: the maintainers (CONTRIBUTING.md).
OWNER = "op-ecom"
FILE = Path(__file__).with_name("catalogue.toml")


class FeatureDescription(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One feature. `contracts` are the numbers of those that have it; `version` grows when its meaning changes.

    `values` are those of a category, the first having the code 1. `unknown` says when it is null, "never" where it
    cannot be; `source` of what events it is made, `computed_in` by which file.
    """

    name: str
    contracts: tuple[int, ...]
    type: FeatureType
    unit: str
    description: str
    unknown: str
    source: str
    computed_in: str
    values: tuple[str, ...] = ()
    owner: str = OWNER
    version: int = 1


class FeatureCatalogue(Struct, frozen=True):
    """All features in the order of a row of contract 2; contract 1 is the first seventeen."""

    features: tuple[FeatureDescription, ...]


@cache
def catalogue() -> FeatureCatalogue:
    """What the file says; raises msgspec.ValidationError where it is not as it should be."""
    tables = tomllib.loads(FILE.read_text(encoding="utf-8"))
    return msgspec.convert({"features": [{"name": name, **given} for name, given in tables.items()]}, FeatureCatalogue)
