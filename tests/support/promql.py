"""What expressions of PromQL ask for: the metrics that they name, with the labels that they use of them."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import promql_parser

#: Labels that Prometheus adds to every sample that it scrapes.
SCRAPED = {"job", "instance"}
#: Metrics that Prometheus makes itself.
OWN = {"up", "ALERTS"}


@dataclass(frozen=True)
class MetricSelector:
    """One selector: the metric, values that labels must equal, and all labels that are used."""

    metric: str
    equal: tuple[tuple[str, str], ...]
    labels: frozenset[str]

    def in_samples(self, samples: list[tuple[str, dict[str, str]]]) -> bool:
        """Whether one of the samples (name, labels) is selectors_of for."""
        return any(
            name == self.metric
            and self.labels <= labels.keys()
            and all(labels[label] == value for label, value in self.equal)
            for name, labels in samples
        )


def selectors_of(expression: str) -> list[MetricSelector]:
    """The selectors of our own metrics; raises ValueError where it is no PromQL."""
    # Grafana puts in its own durations.
    return list(_selectors_of(promql_parser.parse(expression.replace("$__rate_interval", "5m")), frozenset()))


def _selectors_of(node: Any, grouped: frozenset[str]) -> Iterator[MetricSelector]:
    if isinstance(node, promql_parser.MatrixSelector):
        node = node.vector_selector
    if isinstance(node, promql_parser.VectorSelector):
        if node.name not in OWN:
            matchers = [each for each in node.matchers.matchers if each.name not in SCRAPED]
            equal = tuple((each.name, each.value) for each in matchers if each.op == promql_parser.MatchOp.Equal)
            yield MetricSelector(node.name, equal, grouped | {each.name for each in matchers})
        return
    if isinstance(node, promql_parser.AggregateExpr) and node.modifier is not None:
        grouped = (grouped | set(node.modifier.labels)) - SCRAPED
    inner = [getattr(node, name) for name in ("lhs", "rhs", "expr") if hasattr(node, name)]
    for each in (*inner, *(getattr(node, "args", None) or ())):
        yield from _selectors_of(each, grouped)
