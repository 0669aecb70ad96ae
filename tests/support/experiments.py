"""Experiments for tests: definitions that are whole by default, and a topic of them."""

from collections.abc import Sequence
from typing import Any

from msgspec import structs

from stream.experiments.definition import Arm, Definition, ExperimentDefinition, HoldoutDefinition, encode
from stream.experiments.history import Experiments
from tests.support.events import NOON

SALT = "9999999999999999"
HALVES = (Arm("control", ((0, 5_000),), acts=False), Arm("treatment", ((5_000, 10_000),)))


def experiment(name: str = "chat", **given: Any) -> ExperimentDefinition:
    """A running experiment of actions on the site default, in two halves, unless said otherwise."""
    whole: dict[str, Any] = {
        "site": "default",
        "kind": "action",
        "unit": "visitor",
        "layer": name,
        "salt": SALT,
        "arms": HALVES,
        "status": "running",
        "started_at": NOON,
        "by": "key test",
    }
    return ExperimentDefinition(name=name, **(whole | given))


def model_experiment(name: str = "models", control: str = "m1", treatment: str = "m2", **given: Any) -> Any:
    arms = (Arm("control", ((0, 5_000),), model=control), Arm("treatment", ((5_000, 10_000),), model=treatment))
    return experiment(name, kind="model", **({"arms": arms} | given))


def stopped(record: ExperimentDefinition) -> ExperimentDefinition:
    return structs.replace(record, status="stopped", stopped_at=NOON + 1)


def holdout(buckets: int, **given: Any) -> HoldoutDefinition:
    whole: dict[str, Any] = {"site": "default", "salt": "1111111111111111", "changed_at": NOON}
    return HoldoutDefinition(buckets=buckets, **(whole | given))


def defined(records: Sequence[Definition]) -> Experiments:
    """What the topic says that has these records."""
    experiments = Experiments()
    for offset, record in enumerate(records):
        experiments.take(offset, encode(record))
    return experiments
