"""Options of `opecom bench` that a benchmark has not are refused before anything is started."""

import pytest

from deploy.cli.bench import bench
from deploy.errors import SetupError


@pytest.mark.parametrize(
    ("name", "options", "says"),
    [
        pytest.param("latency", {"embedded": True}, "latency has no --embedded: only writer and load have", id="form"),
        pytest.param("load", {"half_of": 100.0}, "load has no --load: only soak has", id="load"),
        pytest.param("idle", {"minutes": 5.0}, "idle has no --minutes: only soak has", id="minutes"),
    ],
)
def test_an_option_of_another_benchmark_is_one_line(name: str, options: dict[str, object], says: str) -> None:
    given = {"quick": False, "as_json": False, "embedded": False, "minutes": None, "half_of": None, "data": None}
    with pytest.raises(SetupError, match=says):
        bench(name, **{**given, **options})  # type: ignore[arg-type]
