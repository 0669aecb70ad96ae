"""Arms that a page computes are those that the worker gives."""

import json
from pathlib import Path

from stream.experiments.assignment import BUCKETS, bucket, contains
from tests.support.tracked import SCRIPT, Tracked

VECTORS = json.loads((Path(__file__).parents[1] / "stream/experiments/bucket_vectors.json").read_text("utf-8"))
ARMS = [
    {"name": "control", "ranges": [[0, 4_000]]},
    {"name": "treatment", "ranges": [[4_000, 6_000], [9_000, BUCKETS]]},
]
SALT = "5eed5eed5eed5eed"


def test_buckets_and_arms_are_the_same_in_the_browser(tracked: Tracked) -> None:
    units = [f"visitor-{number}" for number in range(2_000)]
    source = tracked.source.replace(".js", ".assignment.mjs")
    with tracked.visit() as visit:
        page = visit.open()
        found = page.evaluate(
            """async ([source, vectors, units, experiment]) => {
                const { bucket, armOf } = await import(source);
                const buckets = vectors.map(({ salt, unit }) => bucket(salt, unit));
                return [buckets, units.map((unit) => armOf(experiment, unit))];
            }""",
            [source, VECTORS, units, {"salt": SALT, "arms": ARMS}],
        )
        assert not visit.errors
    assert found[0] == [each["bucket"] for each in VECTORS]
    expected = [
        next((arm["name"] for arm in ARMS if contains(arm["ranges"], bucket(SALT, unit))), None) for unit in units
    ]
    assert found[1] == expected
    assert set(expected) == {"control", "treatment", None}


def test_a_page_that_computes_no_arm_does_not_load_the_module(tracked: Tracked) -> None:
    with tracked.visit() as visit:
        loaded: list[str] = []
        visit.context.on("request", lambda request: loaded.append(request.url))
        visit.open()
        assert any(url.endswith(SCRIPT.path) for url in loaded)
        assert not [url for url in loaded if "assignment" in url]
