"""The prediction API keeps the contract of its own document, whatever it is asked: schemathesis asks."""

from collections import Counter
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, seed, settings
from schemathesis import GenerationMode
from schemathesis.checks import load_all_checks, not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from scoring import registry
from tests.support.predictions import app, both_contracts

KEY = "read-key-of-sixteen-or-more"
CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]
load_all_checks()


@pytest.fixture(scope="module", params=["contract 1", "contract 2"])
def schema(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Any:
    current = registry.current() if request.param == "contract 1" else "session"
    folder = both_contracts(tmp_path_factory.mktemp("models"), current)
    return schemathesis.openapi.from_asgi("/openapi.json", app(folder, read_keys=(KEY,)))


def statuses_of(schema: Any, mode: GenerationMode, examples: int) -> Counter[int]:
    """Ask every operation so often, check every answer, and count them by status."""
    statuses: Counter[int] = Counter()
    for found in schema.get_all_operations():
        operation = found.ok()
        if mode is GenerationMode.NEGATIVE and operation.method == "get":
            # It takes nothing that could be wrong.
            continue

        @seed(5)
        @settings(
            max_examples=examples,
            database=None,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        @given(case=operation.as_strategy(generation_mode=mode))
        def check_case(case: Any) -> None:
            # Only the registry knows its versions; a made-up one is a 422 each time.
            (case.query or {}).pop("model", None)
            answer = case.call(headers={"X-OPECOM-Key": KEY})
            statuses[answer.status_code] += 1
            case.validate_response(answer, checks=CHECKS)

        check_case()
    return statuses


@pytest.mark.filterwarnings("default")
def test_every_answer_is_as_its_schema_states_and_none_is_a_fault_of_ours(schema: Any) -> None:
    statuses = statuses_of(schema, GenerationMode.POSITIVE, 60)
    assert max(statuses) < 500
    good = sum(count for status, count in statuses.items() if 200 <= status < 300)
    assert good / statuses.total() >= 0.3, statuses


@pytest.mark.filterwarnings("default")
def test_nonsense_is_refused_as_the_schema_states(schema: Any) -> None:
    statuses = statuses_of(schema, GenerationMode.NEGATIVE, 60)
    assert max(statuses) < 500
    assert statuses[422] > 0
