"""The page around a report, and its tables. Every cell is escaped; what stands between is the caller's."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from html import escape


def page(title: str, parts: Iterable[str]) -> str:
    """A whole HTML file; parts are HTML."""
    return _PAGE.format(title=escape(title), body="\n".join(parts))


def table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Cells are text."""
    head = "".join(f"<th>{escape(name)}</th>" for name in heads)
    lines = ["<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>" for row in rows]
    return f"<table><tr>{head}</tr>{''.join(lines)}</table>"


def moment(at: int) -> str:
    """Of ms UTC."""
    return datetime.fromtimestamp(at / 1000, UTC).strftime("%Y-%m-%d %H:%M UTC")


_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>{title}</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<style>
body {{ font: 14px/1.5 system-ui, sans-serif; margin: 2em auto; max-width: 1200px; padding: 0 1em; color: #1f2328 }}
table {{ border-collapse: collapse; margin: .5em 0 1.5em }}
td, th {{ border: 1px solid #d1d9e0; padding: .2em .6em; text-align: left }}
svg {{ font-size: 11px; margin: .5em }}
code {{ word-break: break-all }}
</style></head>
<body>
{body}
</body></html>
"""
