"""The prediction API as the report builds it: the baseline of `opecom bench predict`, and nothing else.

A scikit-learn ColumnTransformer (StandardScaler, OneHotEncoder), then a session of its own for the model, behind
FastAPI with pydantic bodies. The model has the report's shape after pruning: four networks of 128, 64 and 32 units. Its
weights are random, because only its time counts. It runs on the same server, and its session on one thread, as ours.
`python -m deploy.bench.report_way PORT` serves it.
"""

import asyncio
import sys
from time import perf_counter
from typing import Any, Literal

import numpy as np
import pandas as pd
from fastapi import FastAPI
from onnx import TensorProto, helper, numpy_helper
from pydantic import BaseModel, Field
from sklearn.compose import ColumnTransformer
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from deploy.http.serve import serve
from deploy.simulate.draw import draw
from scoring.features import MONTHS, NAMES
from scoring.onnx import session
from scoring.prediction import FIELDS

NUMBERS, WORDS = list(FIELDS[:10]), list(FIELDS[10:])
#: Networks, and the units of their layers.
NETWORKS, LAYERS = 4, (128, 64, 32, 1)
#: Rows that the preprocessing is fitted to.
FITTED = 2_000
THRESHOLD = 0.5


class PredictionInput(BaseModel):
    administrative: int = Field(ge=0)
    administrative_duration: float = Field(ge=0)
    informational: int = Field(ge=0)
    informational_duration: float = Field(ge=0)
    product_related: int = Field(ge=0)
    product_related_duration: float = Field(ge=0)
    bounce_rates: float = Field(ge=0)
    exit_rates: float = Field(ge=0)
    page_values: float = Field(ge=0)
    special_day: float = Field(ge=0, le=1)
    month: Literal[MONTHS]  # type: ignore[valid-type]
    operating_systems: int = Field(ge=0)
    browser: int = Field(ge=0)
    region: int = Field(ge=0)
    traffic_type: int = Field(ge=0)
    visitor_type: str
    weekend: bool


class PredictionOutput(BaseModel):
    label: str
    probability: float
    inference_latency_ms: float
    total_latency_ms: float


class ReportWay:
    """The three stages, each as the report has it."""

    def __init__(self) -> None:
        frame = pd.DataFrame([[getattr(row.features, name) for name in NAMES] for row in draw(FITTED)], columns=FIELDS)
        self._preprocessor = ColumnTransformer(
            [("num", StandardScaler(), NUMBERS), ("cat", OneHotEncoder(handle_unknown="ignore"), WORDS)]
        )
        self._preprocessor.fit(frame)
        self._model = session(_networks(self.preprocess(frame[:1].to_dict("records")[0]).shape[1]))

    def preprocess(self, given: dict[str, Any]) -> Any:
        """float32[1, features after encoding]."""
        made = self._preprocessor.transform(pd.DataFrame([given]))
        return np.asarray(made.toarray() if hasattr(made, "toarray") else made, dtype=np.float32)

    def infer(self, features: Any) -> float:
        return float(self._model.run(["probability"], {"features": features})[0][0])

    def answer(self, probability: float, inference: float, began: float) -> PredictionOutput:
        return PredictionOutput(
            label="YES" if probability >= THRESHOLD else "NO",
            probability=round(probability, 6),
            inference_latency_ms=round(inference * 1e3, 4),
            total_latency_ms=round((perf_counter() - began) * 1e3, 4),
        )


def app(way: ReportWay) -> FastAPI:
    built = FastAPI(title="the report's way")

    @built.get("/readyz")
    async def ready() -> dict[str, str]:
        return {"status": "ready"}

    @built.post("/predict")
    async def predict(given: PredictionInput) -> PredictionOutput:
        began = perf_counter()
        features = way.preprocess(given.model_dump())
        start = perf_counter()
        probability = way.infer(features)
        return way.answer(probability, perf_counter() - start, began)

    return built


def _networks(width: int) -> bytes:
    """The graph: NETWORKS networks side by side, the mean of their sigmoids."""
    chance = np.random.default_rng(1)
    nodes, constants, last = [], [], "features"
    before = width
    for layer, units in enumerate(LAYERS):
        for name, shape in ((f"w{layer}", (NETWORKS, before, units)), (f"b{layer}", (NETWORKS, 1, units))):
            constants.append(numpy_helper.from_array(chance.normal(0, 0.1, shape).astype(np.float32), name))
        nodes.append(helper.make_node("MatMul", [last, f"w{layer}"], [f"m{layer}"]))
        nodes.append(helper.make_node("Add", [f"m{layer}", f"b{layer}"], [f"a{layer}"]))
        last = f"h{layer}"
        nodes.append(helper.make_node("Relu" if units > 1 else "Sigmoid", [f"a{layer}"], [last]))
        before = units
    nodes.append(helper.make_node("ReduceMean", [last], ["mean"], axes=[0, 2], keepdims=0))
    nodes.append(helper.make_node("Identity", ["mean"], ["probability"]))
    graph = helper.make_graph(
        nodes,
        "networks",
        [helper.make_tensor_value_info("features", TensorProto.FLOAT, ["batch", width])],
        [helper.make_tensor_value_info("probability", TensorProto.FLOAT, ["batch"])],
        constants,
    )
    made: bytes = helper.make_model(
        graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8
    ).SerializeToString()
    return made


if __name__ == "__main__":
    asyncio.run(serve(app(ReportWay()), "127.0.0.1", int(sys.argv[1]), asyncio.Event()))
