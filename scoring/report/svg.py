"""Line plots as SVG, written by hand: the report needs no plotting library."""

from collections.abc import Mapping, Sequence
from html import escape

SIZE, MARGIN = 320, 44
COLOURS = ("#1f6feb", "#d1242f", "#8250df", "#1a7f37", "#9a6700", "#57606a")

Points = Sequence[tuple[float, float]]


#: Where an axis begins and ends.
Span = tuple[float, float]
WHOLE: tuple[Span, Span] = ((0.0, 1.0), (0.0, 1.0))


def plot(title: str, across: str, up: str, lines: Mapping[str, Points], spans: tuple[Span, Span] = WHOLE) -> str:
    """An SVG element; the diagonal is dotted where both axes are alike."""
    inner = SIZE - 2 * MARGIN

    def place(point: tuple[float, float]) -> str:
        x, y = (
            min(max((value - low) / ((high - low) or 1.0), 0.0), 1.0)
            for value, (low, high) in zip(point, spans, strict=True)
        )
        return f"{MARGIN + x * inner:.1f},{SIZE - MARGIN - y * inner:.1f}"

    parts = [
        f'<svg viewBox="0 0 {SIZE} {SIZE + 16 * len(lines)}" width="{SIZE}" role="img" aria-label="{escape(title)}">',
        f'<text x="{SIZE / 2}" y="18" text-anchor="middle" font-weight="bold">{escape(title)}</text>',
        f'<rect x="{MARGIN}" y="{MARGIN}" width="{inner}" height="{inner}" fill="none" stroke="#afb8c1"/>',
        f'<text x="{SIZE / 2}" y="{SIZE - 8}" text-anchor="middle">{escape(across)}</text>',
        f'<text x="14" y="{SIZE / 2}" text-anchor="middle" transform="rotate(-90 14 {SIZE / 2})">{escape(up)}</text>',
    ]
    for share in (0.0, 0.5, 1.0):
        labels = [f"{low + share * (high - low):.3g}" for low, high in spans]
        x, y = MARGIN + share * inner, SIZE - MARGIN - share * inner
        parts.append(f'<text x="{x:.1f}" y="{SIZE - MARGIN + 14}" text-anchor="middle">{labels[0]}</text>')
        parts.append(f'<text x="{MARGIN - 4}" y="{y + 4:.1f}" text-anchor="end">{labels[1]}</text>')
    if spans[0] == spans[1]:
        (low, high), _ = spans
        diagonal = f"{place((low, low))} {place((high, high))}"
        parts.append(f'<polyline points="{diagonal}" fill="none" stroke="#afb8c1" stroke-dasharray="3"/>')
    for number, (name, points) in enumerate(lines.items()):
        colour, below = COLOURS[number % len(COLOURS)], SIZE + 16 * number + 4
        drawn = " ".join(map(place, points))
        parts.append(f'<polyline points="{drawn}" fill="none" stroke="{colour}" stroke-width="1.5"/>')
        parts.append(f'<rect x="{MARGIN}" y="{below - 8}" width="10" height="10" fill="{colour}"/>')
        parts.append(f'<text x="{MARGIN + 16}" y="{below + 1}">{escape(name)}</text>')
    return "\n".join([*parts, "</svg>"])
