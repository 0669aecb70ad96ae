"""What is fuzzed over HTTP: every route of an API by its own document, with valid and invalid requests of schemathesis.

No answer may be a fault of ours, and each must be as the document says.
"""

import hashlib
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from time import monotonic
from typing import Any

import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, seed, settings
from schemathesis import GenerationMode
from schemathesis.checks import load_all_checks, not_a_server_error
from schemathesis.core.failures import FailureGroup
from schemathesis.core.transport import Response
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]
load_all_checks()

#: Without an end: only their beginning is looked at.
ENDLESS = "stream"
#: What half of the cases name, so that more than refusals are tested; the others are as schemathesis makes them.
KNOWN = {"site": "default", "session_id": "s1", "visitor_id": "v1"}
#: One in so many cases keeps the key that schemathesis made up, and is refused by it; the others look behind it.
MADE_UP_KEYS = 16
KEYS = {"key", "x-opecom-key", "authorization", "x-opecom-token", "token"}
PATIENCE = 60.0


@dataclass
class FuzzedApi:
    """Counts of answers by status, and what was wrong with any, once for each route and check."""

    statuses: Counter[int] = field(default_factory=Counter)
    #: The longest answer of each operation in seconds, for whoever reads the figures: nothing judges it.
    longest: dict[str, float] = field(default_factory=dict)
    findings: dict[str, str] = field(default_factory=dict)
    #: Operations that were answered 503 where no Kafka runs, and are asked no more.
    away: set[str] = field(default_factory=set)

    @property
    def faults(self) -> int:
        return sum(count for status, count in self.statuses.items() if status >= 500)


def fuzz(
    url: str, key_of: Callable[[str], str], cases: int, has_kafka: bool = True, only: str = "", rounds: int = 1
) -> Iterator[FuzzedApi]:
    """Send about so many requests to the API at `url`, in equal parts to its operations, or to those of a path.

    After each of the rounds, which differ, comes the result so far. `key_of` gives the key for a path. Where no Kafka
    runs, 503 is an answer that is right.
    """
    schema = schemathesis.openapi.from_url(f"{url}/openapi.json")
    operations = [each.ok() for each in schema.get_all_operations()]
    operations = [each for each in operations if only in ("", each.path)]
    result = FuzzedApi()
    each_gets = -(-cases // (2 * max(1, len(operations)) * rounds))
    for number in range(rounds if operations else 0):
        with requests.Session() as session:
            for operation in operations:
                headers = {"X-OPECOM-Key": key_of(operation.path)}
                for mode in (GenerationMode.POSITIVE, GenerationMode.NEGATIVE):
                    _fuzz_operation(operation, mode, each_gets, number, session, headers, result, has_kafka)
        yield result


def _fuzz_operation(
    operation: Any,
    mode: GenerationMode,
    examples: int,
    number: int,
    http: requests.Session,
    headers: dict[str, str],
    result: FuzzedApi,
    has_kafka: bool,
) -> None:
    if mode is GenerationMode.NEGATIVE and not (operation.body or operation.query or operation.path_parameters):
        # It takes nothing that could be wrong.
        mode = GenerationMode.POSITIVE

    @seed(5 + number)
    @settings(
        max_examples=examples,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=operation.as_strategy(generation_mode=mode))
    def check_case(case: Any) -> None:
        name = f"{operation.method.upper()} {operation.path}"
        if name in result.away:
            return
        chance = hashlib.sha256(repr((case.query, case.path_parameters, case.body)).encode()).digest()
        if chance[0] % 2:
            _name_what_is_there(case)
        endless = ENDLESS in operation.path
        has_key = bool(chance[1] % MADE_UP_KEYS)
        if has_key:
            _take_made_up_keys(case)
        request = case.as_transport_kwargs()
        if has_key:
            request["headers"].update(headers)
        began = monotonic()
        try:
            answer = http.request(**request, timeout=PATIENCE, stream=endless)
        except (requests.exceptions.InvalidURL, requests.exceptions.InvalidHeader, UnicodeError):
            # The client itself refuses to send it.
            return
        except requests.exceptions.ReadTimeout:
            result.findings.setdefault(f"{name} no answer within {PATIENCE:g} s", request["url"])
            return
        result.statuses[answer.status_code] += 1
        result.longest[name] = max(result.longest.get(name, 0.0), monotonic() - began)
        if answer.status_code == 503 and not has_kafka:
            result.away.add(name)
            answer.close()
            return
        if endless:
            answer.close()
            if answer.status_code >= 500:
                result.findings.setdefault(f"{name} {answer.status_code}", request["url"])
            return
        try:
            case.validate_response(Response.from_requests(answer, verify=False), checks=CHECKS)
        except FailureGroup as failures:
            for failure in failures.exceptions:
                result.findings.setdefault(
                    f"{name} {type(failure).__name__} {answer.status_code}", f"{request['url']}\n{failure}"[:600]
                )

    check_case()


def _take_made_up_keys(case: Any) -> None:
    for values in (case.query, case.headers, case.cookies):
        for name in [each for each in values or () if each.lower() in KEYS]:
            del values[name]


def _name_what_is_there(case: Any) -> None:
    for values in (case.query, case.path_parameters):
        for name in KNOWN.keys() & (values or {}).keys():
            values[name] = KNOWN[name]
