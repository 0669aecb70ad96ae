"""Counts become rates, drawn towards the site's mean; what hardly moved is not written again."""

import pytest

from storage.pages.smooth import WEIGHT, Means, changed, means, rows, smoothed
from storage.pages.tally import Tally
from stream.fold.pages import ANY_PATH, PageRow

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


def test_every_site_has_a_row_for_any_other_page_and_one_for_pages_that_nobody_visits_any_more() -> None:
    made = {(row.site, row.path): row for row in rows([BUSY, RARE], [("shop", "/gone"), ("other", "/x")])}
    assert set(made) == {("shop", "/a"), ("shop", "/b"), ("shop", "/gone"), ("shop", ANY_PATH)}
    of_site = made["shop", ANY_PATH]
    assert (of_site.bounce_rate, of_site.page_value) == pytest.approx((101 / 501, 4_000 / 1_001), abs=1e-4)
    assert made["shop", "/gone"].exit_rate == of_site.exit_rate


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
