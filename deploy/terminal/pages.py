"""Page statistics as tables for a terminal."""

from rich.table import Table

from deploy.terminal.console import escape
from storage.pages.refresh import Explained, PageInForce, PagesInForce


def pages_table(found: PagesInForce, limit: int) -> Table:
    """One line for each page, the most valuable first."""
    table = Table("site", "page", title=f"page statistics, version {found.version}", title_justify="left")
    for column in ("page value", "bounce rate", "exit rate"):
        table.add_column(column, justify="right")
    for each in found.pages[:limit]:
        table.add_row(escape(each.site), escape(each.path), *_page(each))
    if len(found.pages) > limit:
        table.caption = f"{len(found.pages) - limit:,} more: --limit"
    return table


def page_table(found: Explained) -> Table:
    """How the statistics of one page come about."""
    tally, mean = found.tally, found.site_means
    table = Table("", title=escape(f"{tally.site} {tally.path}"), title_justify="left")
    for column in ("page value", "bounce rate", "exit rate"):
        table.add_column(column, justify="right")
    counted = (
        f"{tally.value:,.2f} of {tally.sessions:,} visits",
        f"{tally.bounces:,} of {tally.entrances:,} entrances",
        f"{tally.exits:,} of {tally.views:,} views",
    )
    table.add_row("counted, last 30 days", *counted)
    table.add_row("mean of the site", f"{mean.page_value:.4f}", f"{mean.bounce_rate:.4f}", f"{mean.exit_rate:.4f}")
    table.add_row(f"together, the mean weighing {found.weight} visits", *_page(found.computed))
    in_force = _page(found.in_force) if found.in_force else ("none",) * 3
    table.add_row(f"in force, version {found.version}", *in_force)
    return table


def _page(page: PageInForce) -> tuple[str, str, str]:
    return f"{page.page_value:.4f}", f"{page.bounce_rate:.4f}", f"{page.exit_rate:.4f}"
