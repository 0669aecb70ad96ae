"""Counts become rates, drawn towards the site's mean; what hardly moved is not written again."""

import pytest

from storage.pages import smooth
from storage.pages.smooth import WEIGHT, Means, changed, means, rows, smoothed
from storage.pages.tally import Tally
from stream.fold.pages import ANY_PATH, PageRow
from stream.fold.path_patterns import PathPatterns

BUSY = Tally("shop", "/a", views=2_000, sessions=1_000, entrances=500, exits=200, bounces=100, value=4_000.0)
RARE = Tally("shop", "/b", views=2, sessions=1, entrances=1, exits=1, bounces=1, value=0.0)


def test_the_means_of_a_site_are_those_of_all_its_pages() -> None:
    assert means([BUSY, RARE]) == Means(101 / 501, 201 / 2_002, 4_000 / 1_001)
    assert means([]) == Means(0.0, 0.0, 0.0)


def test_a_page_of_many_visits_keeps_its_own_rates_and_one_of_few_has_nearly_the_sites() -> None:
    mean = Means(0.2, 0.1, 4.0)
    busy, rare = smoothed(BUSY, mean), smoothed(RARE, mean)
    assert busy.bounce_rate == pytest.approx((100 + WEIGHT * 0.2) / (500 + WEIGHT))
    assert busy.exit_rate == pytest.approx((200 + WEIGHT * 0.1) / (2_000 + WEIGHT), abs=1e-6)
    assert busy.page_value == pytest.approx((4_000 + WEIGHT * 4) / (1_000 + WEIGHT), abs=1e-4)
    assert rare.bounce_rate < 0.25
    assert rare.page_value > 3.5


def in_force(site: str, path: str, **given: bool) -> dict[tuple[str, str], PageRow]:
    return {(site, path): PageRow("", site, path, 0.1, 0.1, 1.0, **given)}


def test_every_site_has_a_row_for_any_other_page() -> None:
    made = {row.path: row for row in rows([BUSY, RARE])}
    assert set(made) == {"/a", ANY_PATH}
    assert (made[ANY_PATH].bounce_rate, made[ANY_PATH].page_value) == pytest.approx(
        (101 / 501, 4_000 / 1_001), abs=1e-4
    )


@pytest.mark.parametrize(
    ("known", "whole", "ends"),
    [
        (in_force("shop", "/b"), False, {"/b"}),
        (in_force("shop", "/gone"), False, set()),
        (in_force("shop", "/gone"), True, {"/gone"}),
        (in_force("other", "/gone"), True, set()),
        (in_force("shop", "/order/1"), False, {"/order/1"}),
        (in_force("shop", "/old/*", pattern=True), False, {"/old/*"}),
        (in_force("shop", "/order/*", pattern=True), False, set()),
    ],
    ids=["few visits", "none", "none, whole", "another site", "under a pattern", "pattern not given", "pattern"],
)
def test_what_has_no_statistics_of_its_own_any_more_ends(
    known: dict[tuple[str, str], PageRow], whole: bool, ends: set[str]
) -> None:
    made = rows([BUSY, RARE], known, {"shop": PathPatterns(["/order/*"])}, whole)
    assert {row.path for row in made if row.shared} == ends
    of_site = next(row for row in made if row.path == ANY_PATH)
    assert all(row.exit_rate == of_site.exit_rate for row in made if row.shared)


def test_pages_beyond_the_bound_share_and_few_visits_push_nobody_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(smooth, "MOST_PAGES", 3)
    real = [Tally("shop", f"/p/{n}", 30, 30, 30, 3, 3, 30.0) for n in range(3)]
    known = {place: row for n in range(3) for place, row in in_force("shop", f"/p/{n}").items()}
    made_up = [Tally("shop", f"/{n}", 59, 59, 59, 59, 59, 0.0) for n in range(9)]
    assert {row.path for row in rows(real + made_up, known)} == {"/p/0", "/p/1", "/p/2", ANY_PATH}
    popular = Tally("shop", "/new", 61, 61, 61, 3, 3, 30.0)
    made = {row.path: row for row in rows([*real, popular], known)}
    assert {path for path, row in made.items() if not row.shared} == {"/p/0", "/p/1", "/new", ANY_PATH}
    assert made["/p/2"].shared
    pattern = Tally("shop", "/order/*", 1, 1, 1, 1, 1, 0.0)
    kept = rows([*real, pattern], known, {"shop": PathPatterns(["/order/*"])})
    assert ("/order/*", True) in {(row.path, row.pattern) for row in kept}
    assert sum(not row.shared for row in kept) == 4


def test_sites_do_not_mix() -> None:
    other = Tally("other", "/a", 10, 10, 10, 10, 10, 0.0)
    made = {(row.site, row.path): row for row in rows([BUSY, other])}
    assert made["other", ANY_PATH].bounce_rate == 1.0
    assert made["shop", ANY_PATH].bounce_rate == 0.2


@pytest.mark.parametrize(
    ("known", "written"),
    [
        (None, True),
        ((0.2, 0.1, 4.0), False),
        ((0.2004, 0.1, 4.0), False),
        ((0.2005, 0.1, 4.0), True),
        ((0.2, 0.0994, 4.0), True),
        ((0.2, 0.1, 4.009), False),
        ((0.2, 0.1, 4.05), True),
        ((0.2, 0.1, 3.95), True),
    ],
    ids=["new", "the same", "hardly", "bounce", "exit", "hardly worth more", "worth less", "worth more"],
)
def test_a_row_is_written_again_when_it_moved(known: tuple[float, float, float] | None, written: bool) -> None:
    row = PageRow("", "shop", "/a", 0.2, 0.1, 4.0)
    before = {} if known is None else {("shop", "/a"): PageRow("", "shop", "/a", *known)}
    assert bool(changed([row], before)) is written
