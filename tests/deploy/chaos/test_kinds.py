"""Which kinds of faults `--faults` takes: families, kinds, or all."""

import pytest

from deploy.chaos.faults.kinds import FAMILIES, chosen
from deploy.errors import SetupError


def test_no_name_takes_every_kind() -> None:
    assert chosen("").keys() == {kind for family in FAMILIES.values() for kind in family}


def test_families_and_kinds_are_taken_by_name() -> None:
    found = chosen("experiments, kill -9 of worker,experiments")
    assert list(found) == [*FAMILIES["experiments"], "kill -9 of worker"]
    assert found["kill -9 of worker"] is FAMILIES["kills"]["kill -9 of worker"]


def test_an_unknown_name_is_refused_with_those_that_there_are() -> None:
    with pytest.raises(SetupError, match=r"no family or kind 'kill'; families are kills, .* kinds kill -9 of ingest"):
        chosen("kill")
