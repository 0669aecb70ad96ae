"""A page gives a session the probability, label, band and first reason that it has on its site."""

from collections.abc import Callable
from pathlib import Path

import msgspec
import numpy as np
import pytest

from scoring.browser.export import export
from scoring.manifest import TrainingShop
from scoring.onnx import OnnxModel
from scoring.reasons import strongest_reasons
from scoring.site_bands import SiteClassifier
from scoring.site_profile import BandLimits
from scoring.site_scores import score_sessions
from stream.fold.pages import PagesMarker, PageStatistics
from stream.fold.sites import SiteRow
from tests.support.browser_fold import (
    SITE,
    VERSION,
    folded_in_node,
    folded_in_python,
    random_visit,
    site_file,
    statistics,
)
from tests.support.browser_models import GraphModel, network_2, shipped

TOLERANCE = 1e-3


def of_another_shop() -> GraphModel:
    """A model of contract 2 that another shop taught."""
    graph, manifest = network_2()
    shop = TrainingShop(
        site="elsewhere", level=-2.0, level_with_statistics=-1.5, bounce_rate=0.02, exit_rate=0.04, page_value=5.0
    )
    return GraphModel(graph, msgspec.structs.replace(manifest, training_shop=shop))


def of_this_site() -> GraphModel:
    graph, manifest = of_another_shop()
    assert manifest.training_shop is not None
    shop = msgspec.structs.replace(manifest.training_shop, site=SITE)
    return GraphModel(graph, msgspec.structs.replace(manifest, training_shop=shop))


def plain_statistics() -> PageStatistics:
    """A site of which nothing is known but that so many buy."""
    known = PageStatistics()
    known.read(1, SiteRow("b", SITE, 0.02))
    known.read(VERSION, PagesMarker("b", 1))
    return known


def limits_of_another_model() -> PageStatistics:
    known = PageStatistics()
    known.read(1, SiteRow("b", SITE, 0.02, (BandLimits(1, 0.9, 0.95),), "another"))
    known.read(VERSION, PagesMarker("b", 1))
    return known


@pytest.mark.parametrize(
    ("make", "known", "bands"),
    [
        pytest.param(shipped, statistics, 3, id="contract 1, of another shop"),
        pytest.param(shipped, plain_statistics, 2, id="contract 1, no page statistics"),
        pytest.param(of_another_shop, statistics, 3, id="contract 2, of another shop"),
        pytest.param(of_another_shop, limits_of_another_model, 2, id="contract 2, limits of another model"),
        pytest.param(of_this_site, statistics, 1, id="contract 2, of the site itself"),
        pytest.param(network_2, plain_statistics, 1, id="contract 2, of no shop"),
    ],
)
def test_the_score_is_that_of_the_site(
    make: Callable[[], GraphModel], known: Callable[[], PageStatistics], bands: int, tmp_path: Path
) -> None:
    model, pages = make(), known()
    visits = [random_visit(seed) for seed in range(20_000, 20_200)]
    pairs = [(visit, update) for visit in visits if (update := folded_in_python(visit, pages)) is not None]
    made = folded_in_node(tmp_path, [visit for visit, _ in pairs], site_file(pages), export(*model, "float16"))
    updates, profile = [update for _, update in pairs], pages.profile(SITE, VERSION)
    events = [update.counts.events for update in updates]
    scores = score_sessions(OnnxModel(*model), updates, events, [profile] * len(updates))
    classifier = SiteClassifier(model.manifest)
    columns, moved = strongest_reasons(scores.reasons, 1)
    same = []
    for page, probability, count, [column], [by] in zip(made, scores.probability, events, columns, moved, strict=True):
        assert page.score is not None
        assert page.score["probability"] == pytest.approx(probability, abs=TOLERANCE)
        # What the page says of its own probability is what the site says of it.
        said = classifier.classify(page.score["probability"], profile, count)
        assert (page.score["label"], page.score["band"]) == (said.label, said.band)
        first = page.score["reasons"][0]["feature"] if page.score["reasons"] else None
        same.append(first == (scores.names[column] if by else None))
    assert np.mean(same) >= 0.98
    assert len({page.score["band"] for page in made if page.score}) >= bands
