"""What the launcher of a part does with the order that it finds at its start."""

from pathlib import Path

import pytest

from deploy.chaos.launcher import ends_the_log


@pytest.mark.parametrize(
    ("order", "holds"),
    [
        pytest.param('{"ticks": 0}', True, id="no more ticks"),
        pytest.param('{"point": "worker: committed", "passage": 1}', False, id="a point"),
        pytest.param('{"clock": 90}', False, id="a clock"),
        pytest.param("", False, id="torn"),
        pytest.param(None, False, id="none"),
    ],
)
def test_only_the_end_of_the_log_holds_for_a_worker_that_starts_later(
    order: str | None, holds: bool, tmp_path: Path
) -> None:
    orders = tmp_path / "worker-1.orders"
    if order is not None:
        orders.write_text(order)
    assert ends_the_log(orders) is holds
