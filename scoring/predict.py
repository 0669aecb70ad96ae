"""Predictions of single sessions and of many: what the prediction API answers and what files of scores say."""

from collections.abc import Sequence
from time import perf_counter

import msgspec
from msgspec import Struct

from scoring.contracts import Contract
from scoring.manifest import Label, classify
from scoring.model import Model, Scores, contract_of
from scoring.prediction import PredictionRequest
from scoring.prediction_rows import input_rows, named_values, unknown, unused
from scoring.reasons import ReasonText, nonzero_contributions, spoken, strongest_reasons


class Prediction(Struct, frozen=True, gc=False, omit_defaults=True):
    """The answer to one session; latencies in ms: of the model's run, and from the request's body to this answer.

    `unknown` names the fields whose category the model does not know, `unused` the signals that were given and that its
    feature contract does not have; reasons are there where they were asked for.
    """

    label: Label
    probability: float
    inference_latency_ms: float
    total_latency_ms: float
    unknown: tuple[str, ...] = ()
    unused: tuple[str, ...] = ()
    reasons: tuple[ReasonText, ...] | msgspec.UnsetType = msgspec.UNSET


class BatchPrediction(Struct, frozen=True, gc=False, omit_defaults=True):
    """The answer to one session of several."""

    label: Label
    probability: float
    unknown: tuple[str, ...] = ()
    unused: tuple[str, ...] = ()
    reasons: tuple[ReasonText, ...] | msgspec.UnsetType = msgspec.UNSET


def predict(model: Model, request: PredictionRequest, most_reasons: int, began: float) -> Prediction:
    """The prediction of one session with so many reasons; `began` is when its request arrived, by perf_counter."""
    made_for = contract_of(model)
    rows = input_rows([request], made_for)
    start = perf_counter()
    scores = model.score(rows)
    took = perf_counter() - start
    [answer] = _answers([request], scores, model, made_for, most_reasons)
    total = perf_counter() - began
    return Prediction(
        answer.label,
        answer.probability,
        round(took * 1e3, 4),
        round(total * 1e3, 4),
        answer.unknown,
        answer.unused,
        answer.reasons,
    )


def predict_many(model: Model, requests: Sequence[PredictionRequest], most_reasons: int) -> list[BatchPrediction]:
    """The predictions of several sessions, by one run of the model."""
    made_for = contract_of(model)
    return _answers(requests, model.score(input_rows(requests, made_for)), model, made_for, most_reasons)


def _answers(
    requests: Sequence[PredictionRequest], scores: Scores, model: Model, made_for: Contract, most_reasons: int
) -> list[BatchPrediction]:
    reasons = _reasons(requests, scores, made_for, most_reasons) if most_reasons else [msgspec.UNSET] * len(requests)
    return [
        BatchPrediction(
            classify(probability, model.manifest)[0],
            round(probability, 6),
            unknown(request),
            unused(request, made_for),
            each,
        )
        for request, probability, each in zip(requests, scores.probability.tolist(), reasons, strict=True)
    ]


def _reasons(
    requests: Sequence[PredictionRequest], scores: Scores, made_for: Contract, most: int
) -> list[tuple[ReasonText, ...] | msgspec.UnsetType]:
    columns, contributions = strongest_reasons(scores.reasons, most)
    return [
        spoken(nonzero_contributions(made_for.names, named_values(request, made_for), strongest, moved))
        for request, strongest, moved in zip(requests, columns.tolist(), contributions.tolist(), strict=True)
    ]
