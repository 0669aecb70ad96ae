"""Compares the sessions of a simulated site, as the SQL database has them, with the rows of the file they came from.

A program of its own, so that it shares no mistake with the system it checks: it imports nothing of it and writes its
own reading of the file, its own table of codes and its own scoring of the file with the ONNX model.

    python -m deploy.simulate.verify.uci --database URL --site uci~RUN --data FILE --model model.onnx --sessions N

URL: sqlite:///PATH or mysql+pymysql://USER:PASSWORD@HOST:PORT/DATABASE; `-` reads it from standard input, so that a
password need not stand in the list of processes. Exit code: 0 all equal, 1 something differs, 2 cannot compare.
"""

import argparse
import csv
import json
import os
import sys
from pathlib import Path
from typing import Any

import numpy as np

# The library would keep a device id and a database of usage in the user's cache folder; it looks once, at its import.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")

import onnxruntime
from numpy.typing import NDArray

from . import database, program
from .program import CannotCompareError, print_line

# column of the table: (column of the file, how to read the file's text)
COUNT, SECONDS, NUMBER, TEXT, TRUTH = "count", "seconds", "number", "text", "truth"
COLUMNS = {
    "administrative_count": ("Administrative", COUNT),
    "administrative_duration": ("Administrative_Duration", SECONDS),
    "informational_count": ("Informational", COUNT),
    "informational_duration": ("Informational_Duration", SECONDS),
    "product_related_count": ("ProductRelated", COUNT),
    "product_related_duration": ("ProductRelated_Duration", SECONDS),
    "bounce_rates": ("BounceRates", NUMBER),
    "exit_rates": ("ExitRates", NUMBER),
    "page_values": ("PageValues", NUMBER),
    "special_day": ("SpecialDay", NUMBER),
    "month": ("Month", TEXT),
    "operating_system_code": ("OperatingSystems", COUNT),
    "browser_code": ("Browser", COUNT),
    "region": ("Region", COUNT),
    "traffic_type": ("TrafficType", COUNT),
    "visitor_type": ("VisitorType", TEXT),
    "is_weekend": ("Weekend", TRUTH),
    "revenue": ("Revenue", TRUTH),
}
OTHERS = ("session_id", "status", "probability", "label", "model_version")
TOLERANCE = 1e-6
# What the model reads for a word; 0 would be "unknown".
MONTHS = {"Jan": 1, "Feb": 2, "Mar": 3, "Apr": 4, "May": 5, "June": 6, "Jul": 7, "Aug": 8, "Sep": 9, "Oct": 10}
MONTHS |= {"Nov": 11, "Dec": 12}
VISITORS = {"New_Visitor": 1, "Returning_Visitor": 2, "Other": 3}


def read_file(path: str) -> dict[int, dict[str, Any]]:
    """The file's rows by number, from 1, as they must come back: {column of the table: value}."""
    rows: dict[int, dict[str, Any]] = {}
    try:
        with Path(path).open(newline="", encoding="utf-8") as text:
            for number, raw in enumerate(csv.DictReader(text), 1):
                rows[number] = {ours: value_of(raw[theirs], kind) for ours, (theirs, kind) in COLUMNS.items()}
                if not any(rows[number][name] for name in COLUMNS if name.endswith("_count")):
                    # A mean over no page: six rows of the file have rates and yet no page that could have them.
                    rows[number] |= {"bounce_rates": 0.0, "exit_rates": 0.0, "page_values": 0.0}
    except (OSError, KeyError, ValueError) as error:
        raise CannotCompareError(f"cannot read the UCI file {path}: {error!r}") from error
    return rows


def value_of(text: str, kind: str) -> int | float | bool | str:
    if kind == COUNT:
        return int(text)
    if kind == SECONDS:
        return round(float(text), 3)
    if kind == NUMBER:
        return float(text)
    if kind == TRUTH:
        return {"TRUE": True, "FALSE": False}[text]
    return text


def row_number(session_id: str) -> int:
    """The row that a session came from: the number at the end of its id."""
    return int(session_id.rpartition("-")[2])


def compare(
    expected: dict[int, dict[str, Any]], found: list[dict[str, Any]], sessions: int
) -> tuple[dict[str, int], dict[str, float], list[str]]:
    """(rows compared by column, largest difference by column, lines that say what differs)."""
    compared = dict.fromkeys(COLUMNS, 0)
    largest = dict.fromkeys(COLUMNS, 0.0)
    differing = []
    seen: set[int] = set()
    for row in found:
        number = row_number(row["session_id"])
        if number in seen:
            differing.append(f"row {number}: comes back as more than one session")
        seen.add(number)
        if row["status"] != "closed":
            differing.append(f"row {number}: status is {row['status']}, not closed")
        wanted = expected.get(number)
        if wanted is None:
            differing.append(f"row {number}: is not in the file")
            continue
        for name, (_, kind) in COLUMNS.items():
            compared[name] += 1
            if kind in (SECONDS, NUMBER):
                difference = abs(float(row[name]) - wanted[name])
                largest[name] = max(largest[name], difference)
                equal = difference <= TOLERANCE
            else:
                equal = row[name] == wanted[name]
            if not equal:
                differing.append(f"row {number}: {name} is {row[name]!r}, the file says {wanted[name]!r}")
    if len(seen) != sessions:
        differing.append(f"{len(seen)} sessions in the database, {sessions} were sent")
    return compared, largest, differing


def score(model: str, rows: list[dict[str, Any]]) -> NDArray[np.float64]:
    """The model's probabilities for rows of the file: float64[len(rows)]."""
    try:
        session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
    except Exception as error:
        raise CannotCompareError(f"cannot load the model {model}: {error}") from error
    matrix = np.array(
        [
            [
                MONTHS[row[name]] if name == "month" else VISITORS[row[name]] if name == "visitor_type" else row[name]
                for name in COLUMNS
                if name != "revenue"
            ]
            for row in rows
        ],
        dtype=np.float32,
    )
    (probability, *_) = session.run([session.get_outputs()[0].name], {session.get_inputs()[0].name: matrix})
    return np.asarray(probability, dtype=np.float64).reshape(len(rows))


def check_scores(
    model: str, expected: dict[int, dict[str, Any]], found: list[dict[str, Any]]
) -> tuple[dict[str, Any], list[str]]:
    """(figures, lines that say what differs): stored probabilities against those of the file's rows."""
    rows = [row for row in found if row_number(row["session_id"]) in expected]
    wanted = [expected[row_number(row["session_id"])] for row in rows]
    stored = np.array([float(row["probability"]) for row in rows])
    offline = score(model, wanted)
    bought = np.array([row["revenue"] for row in wanted])
    apart = np.abs(stored - offline)
    differing = [
        f"row {row_number(rows[place]['session_id'])}: probability is {stored[place]:.9f}, the model says "
        f"{offline[place]:.9f} of the file's row"
        for place in np.flatnonzero(apart > TOLERANCE)
    ]
    figures: dict[str, Any] = {
        "largest_probability_difference": float(apart.max(initial=0.0)),
        "accuracy": float(np.mean(bought == np.array([row["label"] == "YES" for row in rows]))),
        "models": sorted({row["model_version"] for row in rows}),
    }
    if bought.all() or not bought.any():
        figures |= {"auc": None, "offline_auc": None}
    else:
        figures |= {"auc": auc(bought, stored), "offline_auc": auc(bought, offline)}
        if abs(figures["auc"] - figures["offline_auc"]) > TOLERANCE:
            differing.append(f"AUC is {figures['auc']:.9f}, offline it is {figures['offline_auc']:.9f}")
    return figures, differing


def auc(bought: NDArray[np.bool_], scores: NDArray[np.float64]) -> float:
    """The share of pairs of a buyer and another session in which the buyer has the higher score, a tie being half."""
    others = np.sort(scores[~bought])
    below = np.searchsorted(others, scores[bought], "left") + np.searchsorted(others, scores[bought], "right")
    return float(below.mean() / 2 / len(others))


def track_of(model: Path) -> str:
    """Which track the model was trained for, by the manifest beside it."""
    manifest = model.with_name("manifest.json")
    return str(json.loads(manifest.read_text()).get("track", "unknown")) if manifest.exists() else "unknown"


def report(compared: dict[str, int], largest: dict[str, float], figures: dict[str, Any], track: str) -> None:
    """Print what was compared and the scores."""
    print_line(f"{'column':<26}{'rows compared':>14}  largest difference")
    for name, rows in compared.items():
        kind = COLUMNS[name][1]
        print_line(f"{name:<26}{rows:>14,}  {f'{largest[name]:.1e}' if kind in (SECONDS, NUMBER) else 'exact'}")
    print_line(f"{'probability':<26}{max(compared.values()):>14,}  {figures['largest_probability_difference']:.1e}")
    if figures["auc"] is None:
        print_line("AUC: not defined, all rows have the same outcome")
    else:
        print_line(
            f"AUC from the database {figures['auc']:.6f}, of the same model over the file {figures['offline_auc']:.6f}"
        )
    print_line(
        f"accuracy of the stored labels {figures['accuracy']:.4f}; scored by the track {track}, "
        f"model {', '.join(figures['models'])}"
    )


def compare_all(given: argparse.Namespace) -> tuple[dict[str, Any], list[str]]:
    """(figures, lines that say what differs), the former printed."""
    expected = read_file(given.data)
    found = database.read(given.database, "sessions", [*OTHERS, *COLUMNS], given.site)
    compared, largest, differing = compare(expected, found, given.sessions)
    figures, wrong_scores = check_scores(given.model, expected, found)
    differing += wrong_scores
    report(compared, largest, figures, track_of(Path(given.model)))
    if not differing:
        print_line("every row of the file came back")
    return {"compared": compared, **figures}, differing


def main(arguments: list[str] | None = None) -> int:
    options = program.parser("the UCI file", "uci~k3f9")
    options.add_argument("--model", required=True, help="the ONNX file of the model that scored")
    return program.run(options, arguments, compare_all)


if __name__ == "__main__":
    sys.exit(main())
