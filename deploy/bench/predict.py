"""The prediction API against the report's own way of building one, on the same server, in one run.

Both are processes of their own on loopback; connections that are kept send one request after the other. First each is
given all that it takes, in turns, then ours is given half of that as an open loop: a request's latency counts from when
it was due. The stages of the report's latency table are timed in this process, without HTTP.
"""

import asyncio
import contextlib
import gc
import secrets
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Iterable, Sequence
from functools import partial
from itertools import cycle
from pathlib import Path
from typing import NamedTuple

import msgspec
from pydantic import SecretStr

from deploy.bench.errors import BenchError
from deploy.bench.http import Connection, Connections
from deploy.bench.latency import quantile
from deploy.bench.part import Part, answers
from deploy.bench.run import Run, changed, environment
from deploy.processes.interpreter import OPECOM, of_module
from deploy.processes.ports import free_port
from deploy.settings.model import Settings
from deploy.simulate.draw import draw
from deploy.simulate.rows import read, sample
from deploy.wiring.models import CurrentModel
from scoring.features import NAMES
from scoring.model import contract_of
from scoring.predict import predict
from scoring.prediction import FIELDS, decode
from scoring.prediction_rows import input_rows

#: Sessions that are asked for in turn; connections at a time; seconds of a turn, turns, seconds at half load.
SESSIONS, AT_ONCE = 1_000, 8
TURN, TURNS, HALF = 5.0, 3, 20.0
QUICK_TURN, QUICK_TURNS, QUICK_HALF = 1.5, 2, 6.0
#: Requests before what counts, and of the stages.
WARM, STAGED, QUICK_STAGED = 200, 3_000, 400
WORKERS = (1, 4)

OK = b"200"
STAGES = ("preprocessing", "inference", "postprocessing", "total")
#: One request through the stages: the seconds of each.
Staged = Callable[[bytes], Sequence[float]]


class _Served(NamedTuple):
    parts: list[Part]
    ports: list[int]


async def measure(run: Run, data: Path | None, quick: bool) -> tuple[dict[str, float], list[str]]:
    """The figures, and what to say of them; raises BenchError when an answer is not 200."""
    bodies = payloads(data)
    turn, turns, half = (QUICK_TURN, QUICK_TURNS, QUICK_HALF) if quick else (TURN, TURNS, HALF)
    key = secrets.token_hex(16)
    settings = changed(run.settings, "api", host="127.0.0.1", read_keys=(SecretStr(key),))
    throughput: dict[int, tuple[float, float]] = {}
    cpu: tuple[float, float] = (0.0, 0.0)
    rss = 0.0
    latencies: list[float] = []
    for workers in WORKERS:
        async with _ours(run, settings, workers) as ours, _report_way(run, workers) as theirs:
            rates, spent = await _in_turns((ours, theirs), key, bodies, turn, turns if workers == 1 else 1)
            throughput[workers] = rates
            if workers == 1:
                cpu, rss = spent, ours.parts[0].rss() / 2**20
                latencies = await _half_load(ours, key, bodies, rates[0] / 2, half)
    ours_rate, their_rate = throughput[1]
    figures = {
        "requests_per_second": ours_rate,
        "ratio_to_report_way": ours_rate / their_rate,
        "p99_ms": quantile(latencies, 0.99),
        "rss_mb": rss,
    }
    notes = [
        f"{AT_ONCE} connections; at {ours_rate / 2:,.0f} requests/s p50 {quantile(latencies, 0.5):.2f} ms, "
        f"p95 {quantile(latencies, 0.95):.2f} ms, longest {latencies[-1]:.1f} ms",
        f"CPU of a request: {cpu[0] * 1e3:.3f} ms, the report's way {cpu[1] * 1e3:.3f} ms",
        *(
            f"{workers} worker{'s' if workers > 1 else ''}: {a:,.0f} requests/s, the report's way {b:,.0f}"
            for workers, (a, b) in throughput.items()
        ),
        *stages_table(settings, bodies, QUICK_STAGED if quick else STAGED),
    ]
    return figures, notes


def payloads(data: Path | None) -> list[bytes]:
    """Bodies of POST /predict, of the UCI file or drawn like it."""
    given = sample(read(data), SESSIONS) if data else draw(SESSIONS)
    return [
        msgspec.json.encode({field: getattr(each.features, name) for name, field in zip(NAMES, FIELDS, strict=True)})
        for each in given
    ]


def stages_table(settings: Settings, bodies: Sequence[bytes], count: int) -> list[str]:
    """The report's table of latencies, for both ways, in ms."""
    lines = ["stage, in ms without HTTP: mean, p50, p95, p99 | the report's way: mean, p50, p95, p99"]
    ours, theirs = (_sorted(staged, bodies, count) for staged in (_our_stages(settings), _their_stages()))
    for place, stage in enumerate(STAGES):
        options = [
            ", ".join(
                f"{each * 1e3:.3f}"
                for each in (sum(took[place]) / count, *(quantile(took[place], share) for share in (0.5, 0.95, 0.99)))
            )
            for took in (ours, theirs)
        ]
        lines.append(f"{stage}: {options[0]} | {options[1]}")
    return lines


def _sorted(staged: Staged, bodies: Sequence[bytes], count: int) -> list[list[float]]:
    """The seconds of each stage, in order."""
    bodies_in_turn = cycle(bodies)
    for _ in range(WARM):
        staged(next(bodies_in_turn))
    took = [staged(next(bodies_in_turn)) for _ in range(count)]
    return [sorted(column) for column in zip(*took, strict=True)]


def _our_stages(settings: Settings) -> Staged:
    model = CurrentModel(settings.scoring)()
    made_for = contract_of(model)
    encoder = msgspec.json.Encoder()

    def staged(body: bytes) -> tuple[float, ...]:
        start = time.perf_counter()
        request = decode(body)
        rows = input_rows([request], made_for)
        prepared = time.perf_counter()
        model.score(rows)
        inferred = time.perf_counter() - prepared
        # Again, through the whole of it: what is neither preparing nor the model's run comes after it.
        start_again = time.perf_counter()
        request = decode(body)
        predicted = predict(model, request, 0, start_again)
        encoder.encode(predicted)
        total = time.perf_counter() - start_again
        before = prepared - start
        return before, inferred, max(0.0, total - before - predicted.inference_latency_ms / 1e3), total

    return staged


def _their_stages() -> Staged:
    from deploy.bench.report_way import PredictionInput, ReportWay

    way = ReportWay()

    def staged(body: bytes) -> tuple[float, ...]:
        start = time.perf_counter()
        features = way.preprocess(PredictionInput.model_validate_json(body).model_dump())
        prepared = time.perf_counter()
        probability = way.infer(features)
        inferred = time.perf_counter()
        way.answer(probability, inferred - prepared, start).model_dump_json()
        ended = time.perf_counter()
        return prepared - start, inferred - prepared, ended - inferred, ended - start

    return staged


@contextlib.asynccontextmanager
async def _ours(run: Run, settings: Settings, workers: int) -> AsyncIterator[_Served]:
    ports = [free_port() for _ in range(workers)]
    command = (*OPECOM, "run", "predict")
    parts = [
        Part(f"predict-{port}", run.folder, command, environment(changed(settings, "api", port=port))) for port in ports
    ]
    async with _ready(parts, ports) as served:
        yield served


@contextlib.asynccontextmanager
async def _report_way(run: Run, workers: int) -> AsyncIterator[_Served]:
    ports = [free_port() for _ in range(workers)]
    command = of_module("deploy.bench.report_way")
    parts = [Part(f"report-way-{port}", run.folder, (*command, str(port)), {}) for port in ports]
    async with _ready(parts, ports) as served:
        yield served


@contextlib.asynccontextmanager
async def _ready(parts: list[Part], ports: list[int]) -> AsyncIterator[_Served]:
    async with contextlib.AsyncExitStack() as held:
        for part in parts:
            await held.enter_async_context(part)
        for part, port in zip(parts, ports, strict=True):
            await part.until(partial(answers, port, "/readyz"), "ready", 90)
        yield _Served(parts, ports)


async def _in_turns(
    both: tuple[_Served, _Served], key: str, bodies: Sequence[bytes], seconds: float, turns: int
) -> tuple[tuple[float, float], tuple[float, float]]:
    """Requests a second of each, and CPU seconds a request, over all turns."""
    done, took, spent = [0, 0], [0.0, 0.0], [0.0, 0.0]
    async with contextlib.AsyncExitStack() as held:
        open_to = [[await _open(held, port, key) for port in _spread(served.ports)] for served in both]
        for connections in open_to:
            await _closed_loop(connections, bodies, seconds / 4)
        for _ in range(turns):
            for which, served in enumerate(both):
                before = sum(part.cpu() for part in served.parts)
                start = time.perf_counter()
                done[which] += await _closed_loop(open_to[which], bodies, seconds)
                took[which] += time.perf_counter() - start
                spent[which] += sum(part.cpu() for part in served.parts) - before
    return (done[0] / took[0], done[1] / took[1]), (spent[0] / done[0], spent[1] / done[1])


async def _closed_loop(connections: Sequence[Connection], bodies: Sequence[bytes], seconds: float) -> int:
    """Ask on all connections, each as soon as it was answered; returns how many answers there were."""
    until = time.perf_counter() + seconds
    bodies_in_turn = cycle(bodies)
    done = 0

    async def one(connection: Connection) -> None:
        nonlocal done
        while time.perf_counter() < until:
            await connection.post("/predict", next(bodies_in_turn))
            done += 1

    await _all(one(connection) for connection in connections)
    return done


async def _half_load(served: _Served, key: str, bodies: Sequence[bytes], rate: float, seconds: float) -> list[float]:
    """Latencies in ms, in order; each counts from when its request was due."""
    them = Connections(served.ports[0], key, OK)
    bodies_in_turn = cycle(bodies)
    latencies: list[float] = []

    async def post(due: float) -> None:
        await them.post("/predict", next(bodies_in_turn))
        latencies.append((time.perf_counter() - due) * 1e3)

    gc.collect()
    gc.freeze()
    try:
        async with asyncio.TaskGroup() as group:
            begin = time.perf_counter() + 0.1
            for number in range(round(rate * seconds)):
                due = begin + number / rate
                wait = due - time.perf_counter()
                if wait > 0:
                    await asyncio.sleep(wait)
                group.create_task(post(due))
    except ExceptionGroup as failures:
        raise failures.exceptions[0] from None
    finally:
        gc.unfreeze()
        for connection in them.opened:
            connection.close()
    counted = latencies[min(WARM, len(latencies) // 2) :]
    if not counted:
        raise BenchError("no request was sent at half load")
    return sorted(counted)


async def _open(held: contextlib.AsyncExitStack, port: int, key: str) -> Connection:
    connection = await Connections(port, key, OK).open()
    held.callback(connection.close)
    return connection


def _spread(ports: Sequence[int]) -> list[int]:
    return [ports[number % len(ports)] for number in range(AT_ONCE)]


async def _all(tasks: Iterable[Coroutine[None, None, None]]) -> None:
    try:
        async with asyncio.TaskGroup() as group:
            for task in tasks:
                group.create_task(task)
    except ExceptionGroup as failures:
        raise failures.exceptions[0] from None
