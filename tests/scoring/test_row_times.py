"""What runs of graphs take: by turns, and by the clock that is asked."""

from scoring.row_times import row_times


def test_runs_take_turns_and_each_is_timed_by_itself() -> None:
    now, order = 0, []

    def run(name: str, takes: int) -> None:
        nonlocal now
        order.append(name)
        now += takes

    found = row_times({"one": lambda: run("one", 3_000), "other": lambda: run("other", 5_000)}, 3, lambda: now)
    assert order == ["one", "other"] * 3
    assert {name: each.tolist() for name, each in found.items()} == {"one": [3.0] * 3, "other": [5.0] * 3}
