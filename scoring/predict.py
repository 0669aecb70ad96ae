"""Predictions of single sessions and of many: what the prediction API answers and what files of scores say."""

from collections.abc import Sequence
from time import perf_counter

import msgspec
import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from scoring.features import NAMES
from scoring.manifest import Label, classify
from scoring.model import Model
from scoring.prediction import PredictionRequest, model_input, named_values, unknown
from scoring.reasons import ReasonText, nonzero_contributions, spoken, strongest_reasons


class Prediction(Struct, frozen=True, gc=False, omit_defaults=True):
    """The answer to one session; latencies in ms: of the model's run, and from the request's body to this answer.

    `unknown` names the fields whose category the model does not know; reasons are there where they were asked for.
    """

    label: Label
    probability: float
    inference_latency_ms: float
    total_latency_ms: float
    unknown: tuple[str, ...] = ()
    reasons: tuple[ReasonText, ...] | msgspec.UnsetType = msgspec.UNSET


class BatchPrediction(Struct, frozen=True, gc=False, omit_defaults=True):
    """The answer to one session of several."""

    label: Label
    probability: float
    unknown: tuple[str, ...] = ()
    reasons: tuple[ReasonText, ...] | msgspec.UnsetType = msgspec.UNSET


def predict(model: Model, request: PredictionRequest, with_reasons: bool, began: float) -> Prediction:
    """The prediction of one session; `began` is when its request arrived, by perf_counter."""
    rows = np.array([model_input(request)], np.float32)
    start = perf_counter()
    scores = model.score(rows)
    took = perf_counter() - start
    probability = float(scores.probability[0])
    label, _ = classify(probability, model.manifest)
    unknown_fields = unknown(request)
    reasons = _reasons([request], scores.reasons)[0] if with_reasons else msgspec.UNSET
    total = perf_counter() - began
    return Prediction(
        label, round(probability, 6), round(took * 1e3, 4), round(total * 1e3, 4), unknown_fields, reasons
    )


def predict_many(model: Model, requests: Sequence[PredictionRequest], with_reasons: bool) -> list[BatchPrediction]:
    """The predictions of several sessions, by one run of the model."""
    scores = model.score(np.array([model_input(request) for request in requests], np.float32).reshape(-1, len(NAMES)))
    reasons = _reasons(requests, scores.reasons) if with_reasons else [msgspec.UNSET] * len(requests)
    return [
        BatchPrediction(classify(probability, model.manifest)[0], round(probability, 6), unknown(request), each)
        for request, probability, each in zip(requests, scores.probability.tolist(), reasons, strict=True)
    ]


def _reasons(
    requests: Sequence[PredictionRequest], reasons: NDArray[np.float32]
) -> list[tuple[ReasonText, ...] | msgspec.UnsetType]:
    columns, contributions = strongest_reasons(reasons)
    return [
        spoken(nonzero_contributions(NAMES, named_values(request), strongest, moved))
        for request, strongest, moved in zip(requests, columns.tolist(), contributions.tolist(), strict=True)
    ]
