"""Writes the evaluation report: a Markdown file of tables and a self-contained HTML page with the plots too."""

import html
from pathlib import Path

from scoring.manifest import Manifest
from scoring.training import plots
from scoring.training.ablation import Size
from scoring.training.claims import DOUBTS
from scoring.training.evaluation import Evaluation
from scoring.training.load import DataError
from scoring.training.split import Split
from scoring.training.study import Study
from scoring.training.tables import Table, tables

TITLE = "Purchase intent: evaluation"
HEAD = '<!doctype html><html lang="en"><head><meta charset="utf-8">'
STYLE = """body{font:15px/1.5 system-ui,sans-serif;max-width:75rem;margin:2rem auto;padding:0 1rem}
table{border-collapse:collapse;margin:1rem 0;display:block;overflow-x:auto}td,th{padding:.25rem .6rem;text-align:right}
td:first-child,th:first-child{text-align:left}tr{border-bottom:1px solid #ddd}svg{max-width:100%;height:auto}
.plots{display:grid;grid-template-columns:repeat(auto-fit,minmax(24rem,1fr));gap:1rem}"""


def write(
    folder: Path, parts: Split, study: Study, evaluation: Evaluation, sizes: list[Size], manifests: list[Manifest]
) -> None:
    """Write report.md and report.html into the folder; raises DataError where that is impossible."""
    shown = tables(study, evaluation, sizes, manifests)
    drawn = _plots(parts, study, evaluation, sizes)
    notes = _notes(parts, study)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "report.md").write_text(_markdown(shown, notes), encoding="utf-8")
        (folder / "report.html").write_text(_page(shown, notes, drawn), encoding="utf-8")
    except OSError as error:
        raise DataError(f"cannot write the report to {folder}: {error.strerror}: give another --report") from error


def _plots(parts: Split, study: Study, evaluation: Evaluation, sizes: list[Size]) -> list[str]:
    bought, uci = parts.test.bought, study.uci.measure().test
    models = {"TabM, track uci": uci, "TabM, track live": study.live.measure().test}
    models |= {name: each.measured.test for name, each in study.baselines.items()}
    blind = {"with PageValues": uci, "without PageValues": study.without_page_values.test}
    drawn = [
        plots.roc(bought, models),
        plots.precision_recall(bought, models),
        plots.calibration(bought, models),
        plots.gain(bought, models),
        plots.distributions(bought, uci),
        plots.without_page_values(bought, blind),
        plots.latencies(evaluation.latency),
    ]
    return [*drawn, plots.ensemble_sizes(sizes)] if sizes else drawn


def _notes(parts: Split, study: Study) -> list[tuple[str, list[str]]]:
    sizes = "/".join(f"{len(part.bought):,}" for part in (parts.train, parts.validation, parts.test))
    rival = ", ".join(f"{name} {value:g}" for name, value in study.rival_settings.items())
    return [
        (
            "How it was measured",
            [
                f"The report's split, stratified 70/10/20 with seed 42: {sizes} sessions.",
                f"File sha256 {parts.test.sha256}.",
                "Early stopping, tuning, the choice of a seed and the threshold (greatest F1) saw the validation split "
                "only; bins and scales the training split only.",
                "ECE: ten bins of equal width. P@5 %: precision among the 5 % of sessions that score highest.",
                f"LightGBM: the best of a grid by the validation log-loss ({rival}). Models called the report's have "
                "standardized numbers and all seven codes one-hot, 75 columns.",
                "Every model is exported and registered. Trees take an operator of ONNX's domain ai.onnx.ml, which "
                "builds for browsers may lack. Reasons of TabM and of our logistic regression follow the rescale rule; "
                "the others are run on sessions mixed with the reference, which takes longer.",
            ],
        ),
        ("Why the report's figures cannot all be true", list(DOUBTS)),
    ]


def _markdown(shown: list[Table], notes: list[tuple[str, list[str]]]) -> str:
    lines = [f"# {TITLE}", ""]
    for table in shown:
        lines += [f"## {table.title}", "", _row(table.header), _row(("---",) * len(table.header))]
        lines += [*map(_row, table.rows), ""]
    for title, points in notes:
        lines += [f"## {title}", "", *(f"- {point}" for point in points), ""]
    return "\n".join(lines)


def _row(cells: tuple[str, ...]) -> str:
    return f"| {' | '.join(cells)} |"


def _page(shown: list[Table], notes: list[tuple[str, list[str]]], drawn: list[str]) -> str:
    listed = "".join(
        f"<h2>{html.escape(title)}</h2><ul>{''.join(f'<li>{html.escape(point)}</li>' for point in points)}</ul>"
        for title, points in notes
    )
    return (
        f"{HEAD}<title>{TITLE}</title><style>{STYLE}</style></head><body><h1>{TITLE}</h1>"
        f'{"".join(map(_html_table, shown))}<div class="plots">{"".join(drawn)}</div>{listed}</body></html>\n'
    )


def _html_table(table: Table) -> str:
    head = "".join(f"<th>{html.escape(cell)}</th>" for cell in table.header)
    rows = "".join(f"<tr>{''.join(f'<td>{html.escape(cell)}</td>' for cell in row)}</tr>" for row in table.rows)
    return f"<h2>{html.escape(table.title)}</h2><table><tr>{head}</tr>{rows}</table>"
