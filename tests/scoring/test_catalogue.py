"""The catalogue of features has each column of the contracts, and says what docs/features.md says."""

from pathlib import Path
from types import NoneType, UnionType
from typing import Union, get_args, get_origin, get_type_hints

import pytest

from scoring.catalogue import FeatureDescription, catalogue
from scoring.contracts import CONTRACTS
from scoring.features import Features
from scoring.signals import Signals

ROOT = Path(__file__).parents[2]
FEATURES = catalogue().features


@pytest.mark.parametrize("number", CONTRACTS)
def test_it_has_the_columns_of_each_contract_in_their_order(number: int) -> None:
    assert tuple(each.name for each in FEATURES if number in each.contracts) == CONTRACTS[number].names


@pytest.mark.parametrize("feature", FEATURES, ids=lambda each: each.name)
def test_types_are_those_of_the_structs(feature: FeatureDescription) -> None:
    struct = Features if feature.name in Features.__struct_fields__ else Signals
    declared = get_type_hints(struct)[feature.name]
    parts = get_args(declared) if get_origin(declared) in (Union, UnionType) else (declared,)
    kind = next(part for part in parts if part is not NoneType)
    if feature.type == "category":
        assert get_args(kind) == feature.values
    else:
        assert kind is {"count": int, "code": int, "number": float, "boolean": bool}[feature.type]
        assert not feature.values
    if struct is Signals:
        assert (feature.unknown == "never") == (NoneType not in parts)


@pytest.mark.parametrize("feature", FEATURES, ids=lambda each: each.name)
def test_the_page_describes_it_alike(feature: FeatureDescription) -> None:
    page = (ROOT / "docs" / "features.md").read_text()
    if feature.contracts == (2,):
        codes = ", ".join(f"{value} {code}" for code, value in enumerate(feature.values, 1))
        cells = (feature.name, feature.description, codes or feature.unit, feature.unknown, feature.source)
        assert f"| {' | '.join(cells)} |\n" in page
    else:
        assert feature.name in page
    assert (ROOT / feature.computed_in).is_file()
