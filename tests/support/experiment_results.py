"""A reading of generated visitors, as the API would answer it, and the experiment that it is of."""

from typing import Any

import numpy as np

from deploy.simulate.experiment import GeneratedFacts, generated
from scoring.experiments.labels import CountingRule, LabelCounts
from scoring.experiments.reading import ExperimentDesign, read
from scoring.experiments.words import cautions, conclusions
from storage.experiments.results.answers import DimensionResults, ExperimentResults, ReadingRule
from storage.experiments.results.reads import ReadUnits, segment_results, uplift_results

SITE = "default"


def definition(name: str) -> dict[str, Any]:
    arms = [
        {"name": arm, "share": 50, "acts": arm != "control", "model": "", "ranges": []} for arm in ("control", "coupon")
    ]
    return {
        "name": name, "site": SITE, "kind": "action", "unit": "visitor", "layer": name, "salt": "9" * 16,
        "arms": arms, "audience": "", "status": "running", "by": "key test", "version": 1, "created_at": None,
        "started_at": 1_735_732_800_000, "stopped_at": None, "plan": None, "notices": [],
    }  # fmt: skip


def results(name: str, uplift: float, second_share: float = 0.5) -> ExperimentResults:
    """The reading of generated visitors, as the API would answer it."""
    visitors = generated(GeneratedFacts(uplift=uplift, second_share=second_share), (7,))
    design = ExperimentDesign(arms=("control", "coupon"), shares=(0.5, 0.5), planned_visitors=20_000)
    report = read(design, visitors, 28)
    device = np.where(np.arange(visitors.size) % 3 == 0, "mobile", "desktop").astype(np.str_)
    counts = LabelCounts(visitors.size, 310, 12, 48, 9, 27, 14, 812.5)
    units = ReadUnits(visitors, np.zeros((28, 2), np.int64), counts, {"device_class": device})
    segments: list[DimensionResults] = segment_results(["device_class"], design, units) if report.effects else []
    rule = ReadingRule(
        reading="any-time", planned_visitors=20_000, looks=4, decides="conversion", is_written_before=True,
        window_days=CountingRule(started_at=0).window_days,
    )  # fmt: skip
    return ExperimentResults(
        name=name, site=SITE, kind="action", unit="visitor", status="running", started_at=1_735_732_800_000,
        stopped_at=None, until=1_738_151_999_999, rule=rule, report=report, labels=counts, currency="EUR",
        covariates=["score"], conclusions=conclusions(design, report),
        cautions=cautions(design, report, is_written_before=True, segments=["device_class"]),
        segments=segments, uplift=uplift_results(design, units) if report.effects else [], holdout=None, notices=[],
    )  # fmt: skip
