"""Histograms and series as SVG, written by hand as in svg.py."""

from collections.abc import Sequence
from html import escape

from scoring.report.svg import COLOURS

#: Pixels: of a bin's row, of the widest label and bar, of a series.
ROW, LABEL, BAR, WIDTH, HEIGHT = 26, 190, 300, 260, 48
BEFORE, NOW = "#afb8c1", COLOURS[0]


def histograms(title: str, bins: Sequence[str], before: Sequence[float], now: Sequence[float]) -> str:
    """Two histograms as bars side by side, one row a bin; shares of 0 to 1, the widest bar being the greatest share."""
    most = max(*before, *now, 1e-9)
    height = ROW * len(bins) + 4
    parts = [
        f'<svg viewBox="0 0 {LABEL + BAR + 60} {height}" width="{LABEL + BAR + 60}" role="img" '
        f'aria-label="{escape(title)}">'
    ]
    for row, (label, *shares) in enumerate(zip(bins, before, now, strict=True)):
        top = row * ROW + 4
        parts.append(f'<text x="{LABEL - 8}" y="{top + 14}" text-anchor="end">{escape(label)}</text>')
        for place, (share, colour) in enumerate(zip(shares, (BEFORE, NOW), strict=True)):
            y, wide = top + 10 * place, share / most * BAR
            parts.append(f'<rect x="{LABEL}" y="{y}" width="{wide:.1f}" height="9" fill="{colour}"/>')
            parts.append(f'<text x="{LABEL + wide + 4:.1f}" y="{y + 8}" font-size="9">{share:.1%}</text>')
    return "\n".join([*parts, "</svg>"])


def series(title: str, before: Sequence[float], now: float, low: float, high: float) -> str:
    """Values of windows from left to right, the last one as a dot, over the band from `low` to `high`."""
    ends = [*before, now, low, high]
    least, span = min(ends), max(max(ends) - min(ends), 1e-12)

    def place(number: int, value: float) -> tuple[float, float]:
        return 6 + number / max(len(before), 1) * (WIDTH - 12), HEIGHT - 6 - (value - least) / span * (HEIGHT - 12)

    top, bottom = place(0, high)[1], place(0, low)[1]
    points = " ".join(f"{x:.1f},{y:.1f}" for x, y in (place(*each) for each in enumerate([*before, now])))
    x, y = place(len(before), now)
    return "\n".join(
        [
            f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" role="img" aria-label="{escape(title)}">',
            f'<rect x="0" y="{top:.1f}" width="{WIDTH}" height="{bottom - top:.1f}" fill="#eaeef2"/>',
            f'<polyline points="{points}" fill="none" stroke="#57606a" stroke-width="1.5"/>',
            f'<circle cx="{x:.1f}" cy="{y:.1f}" r="4" fill="{NOW if low <= now <= high else COLOURS[1]}"/>',
            "</svg>",
        ]
    )
