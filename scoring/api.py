"""The prediction routes: a session's features in, its probability out. Knows nothing of events and sessions' ids."""

import asyncio
import csv
import io
from collections.abc import AsyncIterator, Callable, Sequence
from email.message import Message
from time import perf_counter
from typing import Any, Literal

import msgspec
from fastapi import APIRouter, Request, Response
from fastapi.responses import StreamingResponse
from msgspec import Struct

from scoring.contracts import Contract
from scoring.csv_text import EncodingError, decoded
from scoring.errors import ScoringError
from scoring.manifest import Manifest, ModelError
from scoring.model import Model, contract_of
from scoring.predict import BatchPrediction, Prediction, predict, predict_many
from scoring.prediction import FieldError, PredictionRequest, decode, decode_list
from scoring.prediction_params import ParameterError, PredictionParams, prediction_params
from scoring.prediction_rows import require_known
from scoring.table import REASONS, SCORE, SessionTable, TableError, cell, read_csv, table_cells

#: Bytes of one session, and of many.
MOST_BYTES, MOST_BATCH_BYTES = 16_384, 16 * 2**20
#: Sessions that are scored and answered at a time.
SLICE = 1_024
JSON, CSV = "application/json", "text/csv"

Code = Literal["invalid", "too_large", "media_type", "unavailable"]
STATUS: dict[Code, int] = {"invalid": 422, "too_large": 413, "media_type": 415, "unavailable": 503}
#: What the check of the key answers.
KEY_REFUSALS = {401: "no_key, wrong_key", 403: "wrong_scope", 429: "rate"}


class PredictionRefusal(Struct, frozen=True):
    """Why there is no prediction; `reason` is one line that names the field."""

    error: str
    reason: str


class Service(Struct, frozen=True):
    """What answers here."""

    service: str
    version: str
    model: str
    docs: str


class Health(Struct, frozen=True):
    """`model` is the version that answers."""

    status: Literal["ok"]
    model: str


class ModelList(Struct, frozen=True):
    """The versions of the registry; `current` is the one that answers."""

    current: str
    models: list[Manifest]


class _PredictionRefusedError(ScoringError):
    def __init__(self, code: Code, reason: str) -> None:
        super().__init__(reason)
        self.code = code


#: What the schemas of the routes are made of.
STRUCTS: tuple[type[Struct], ...] = (
    *(PredictionRequest, Prediction, BatchPrediction, PredictionRefusal, Service, Health, ModelList),
)


def prediction_routes(
    model: Callable[[], Model],
    versions: Callable[[], list[Manifest]],
    chosen: Callable[[str], Model],
    check: Callable[[Request], None],
    version: str,
    scheme: str = "APIKeyHeader",
) -> APIRouter:
    """The routes.

    `model` gives the model that answers now, `versions` all of the registry (ModelError: there are none), and `chosen`
    that of a version (ModelError: it cannot score here), for who asks for one; `check`
    raises what the application answers to those who may not read, `scheme` is the name of their key in its document.
    """
    router = APIRouter(tags=["prediction"])

    async def _answering(params: PredictionParams) -> Model:
        if not params.model:
            return model()
        try:
            return await asyncio.to_thread(chosen, params.model)
        except ModelError as error:
            raise _PredictionRefusedError("invalid", f"model: {error}") from None

    locked: dict[str, Any] = {"security": [{scheme: []}, {}]}

    @router.get("/", summary="What answers here", responses=_answers(Service))
    async def get_service() -> Response:
        return _json(Service("op-ecom", version, model().manifest.version, "/docs"))

    @router.get("/health", summary="A model is loaded", responses=_answers(Health))
    async def get_health() -> Response:
        return _json(Health("ok", model().manifest.version))

    @router.get(
        "/models",
        summary="The versions of the model",
        responses=_answers(ModelList, "unavailable"),
        openapi_extra=locked,
    )
    async def list_models(request: Request) -> Response:
        check(request)
        try:
            found = await asyncio.to_thread(versions)
        except ModelError as error:
            return _refusal("unavailable", str(error))
        return _json(ModelList(model().manifest.version, found))

    @router.post(
        "/predict",
        summary="The probability that a session ends in a purchase",
        responses=_answers(Prediction, "invalid", "too_large", "media_type"),
        openapi_extra=locked | _body({JSON: {"schema": _ref(PredictionRequest)}}, ("true", "false", "all")),
    )
    async def predict_session(request: Request) -> Response:
        check(request)
        began = perf_counter()
        try:
            params = prediction_params(request.query_params)
            _require(request, JSON)
            requested = decode(await _read(request, MOST_BYTES))
            answering = await _answering(params)
            require_known([requested], contract_of(answering))
        except (FieldError, ParameterError) as error:
            return _refusal("invalid", str(error))
        except _PredictionRefusedError as error:
            return _refusal(error.code, str(error))
        return _json(predict(answering, requested, params.most_reasons, began), answering)

    @router.post(
        "/predict/batch",
        summary="The same for many sessions, as JSON or as CSV",
        description="All sessions are checked before the first answer; the answer comes in pieces, in their order.",
        responses=_answers(list[BatchPrediction], "invalid", "too_large", "media_type"),
        openapi_extra=locked
        | _body(
            {
                JSON: {"schema": {"type": "array", "items": _ref(PredictionRequest)}},
                CSV: {"schema": {"type": "string"}},
            },
            ("true", "false"),
            _parameter("locale", "How a table writes numbers, such as de or en, where it does not show it."),
        ),
    )
    async def predict_batch(request: Request) -> Response:
        check(request)
        try:
            params = prediction_params(request.query_params, "locale")
            kind, charset = _require(request, JSON, CSV), _charset(request)
            body = await _read(request, MOST_BATCH_BYTES)
            answering = await _answering(params)
            given = await asyncio.to_thread(_sessions, body, kind, contract_of(answering), charset, params.locale)
        except ParameterError as error:
            return _refusal("invalid", str(error))
        except (FieldError, TableError) as error:
            place = f"session {error.index}, " if isinstance(error, FieldError) and error.index is not None else ""
            return _refusal("invalid", f"{place}{error}")
        except _PredictionRefusedError as error:
            return _refusal(error.code, str(error))
        pieces = _json_pieces if kind == JSON else _csv_pieces
        headers = _named(answering) | ({"X-OPECOM-Unused": ",".join(given.unused)} if given.unused else {})
        return StreamingResponse(
            pieces(answering, given.sessions, params.most_reasons), media_type=kind, headers=headers
        )

    return router


def with_structs(document: dict[str, Any]) -> dict[str, Any]:
    """`document` with the schemas that the routes refer to, and the way to send a key."""
    _, components = msgspec.json.schema_components(STRUCTS, ref_template="#/components/schemas/{name}")
    kept = document.setdefault("components", {})
    kept.setdefault("schemas", {}).update(components)
    kept["securitySchemes"] = {"APIKeyHeader": {"type": "apiKey", "in": "header", "name": "X-OPECOM-Key"}}
    return document


def _sessions(body: bytes, kind: str, made_for: Contract, charset: str, locale: str) -> SessionTable:
    if kind == JSON:
        sessions = decode_list(body)
        require_known(sessions, made_for)
        return SessionTable(sessions, ())
    try:
        text = decoded(body, "charset= in Content-Type", charset)
    except EncodingError as error:
        raise TableError(str(error)) from None
    return read_csv(text, made_for, locale, "?locale=")


async def _scored(
    model: Model, requested: Sequence[PredictionRequest], most_reasons: int
) -> AsyncIterator[list[BatchPrediction]]:
    for place in range(0, len(requested), SLICE):
        yield await asyncio.to_thread(predict_many, model, requested[place : place + SLICE], most_reasons)


async def _json_pieces(model: Model, requested: Sequence[PredictionRequest], most_reasons: int) -> AsyncIterator[bytes]:
    yield b"["
    between = b""
    async for scored in _scored(model, requested, most_reasons):
        yield between + _encoder.encode(scored)[1:-1]
        between = b","
    yield b"]"


async def _csv_pieces(model: Model, requested: Sequence[PredictionRequest], most_reasons: int) -> AsyncIterator[bytes]:
    yield _csv([(*SCORE, *(REASONS if most_reasons else ()))])
    async for scored in _scored(model, requested, most_reasons):
        yield _csv([table_cells(each) for each in scored])


def _csv(rows: Sequence[Sequence[Any]]) -> bytes:
    text = io.StringIO(newline="")
    csv.writer(text).writerows([cell(value) for value in row] for row in rows)
    return text.getvalue().encode()


def _charset(request: Request) -> str:
    """The body's encoding, where its type names one."""
    message = Message()
    message["content-type"] = request.headers.get("content-type", "")
    return str(message.get_param("charset") or "")


def _require(request: Request, *kinds: str) -> str:
    """The body's type; a page may send any other type to another origin unasked."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind not in kinds:
        raise _PredictionRefusedError("media_type", f"send the body with Content-Type: {' or '.join(kinds)}")
    return kind


async def _read(request: Request, most: int) -> bytes:
    pieces: list[bytes] = []
    size = 0
    async for piece in request.stream():
        pieces.append(piece)
        size += len(piece)
        if size > most:
            raise _PredictionRefusedError("too_large", f"the body has more than {most:,} bytes: send it in parts")
    return b"".join(pieces)


def _json(answer: Struct, model: Model | None = None) -> Response:
    headers = None if model is None else _named(model)
    return Response(_encoder.encode(answer), headers=headers, media_type=JSON)


def _named(model: Model) -> dict[str, str]:
    """The version in a header: the body has the report's fields and no others."""
    return {"X-OPECOM-Model": model.manifest.version}


def _refusal(code: Code, reason: str) -> Response:
    return Response(_encoder.encode(PredictionRefusal(code, reason)), STATUS[code], media_type=JSON)


def _ref(struct: type[Struct]) -> dict[str, str]:
    return {"$ref": f"#/components/schemas/{struct.__name__}"}


def _parameter(name: str, description: str, **schema: Any) -> dict[str, Any]:
    schema = {"type": "string", **schema}
    return {"name": name, "in": "query", "required": False, "description": description, "schema": schema}


def _body(content: dict[str, Any], reasons: Sequence[str], *more: dict[str, Any]) -> dict[str, Any]:
    """Body and parameters of a route; `reasons` are the values of that parameter."""
    listed = "The three strongest reasons" + (", or all that are not nothing." if "all" in reasons else ".")
    parameters = [
        _parameter("reasons", listed, enum=list(reasons), default="false"),
        _parameter("model", "A version of the registry; none: the one in force."),
        *more,
    ]
    return {"requestBody": {"required": True, "content": content}, "parameters": parameters}


def _answers(answer: Any, *refusals: Code) -> dict[int | str, dict[str, Any]]:
    listed = answer is not Prediction and not isinstance(answer, type)
    schema = {"type": "array", "items": _ref(BatchPrediction)} if listed else _ref(answer)
    content: dict[str, Any] = {JSON: {"schema": schema}}
    if listed:
        content[CSV] = {"schema": {"type": "string"}}
    answers: dict[int | str, dict[str, Any]] = {200: {"description": "Found.", "content": content}}
    described = {STATUS[code]: str(code) for code in refusals} | (KEY_REFUSALS if refusals else {})
    for status, description in described.items():
        answers[status] = {"description": description, "content": {JSON: {"schema": _ref(PredictionRefusal)}}}
    return answers


_encoder = msgspec.json.Encoder()
