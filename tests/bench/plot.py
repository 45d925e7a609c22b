"""Bar charts as SVG, without a library: they lie beside docs/benchmarks.md."""

from __future__ import annotations

import math
from html import escape

ROW, LEFT, WIDTH, RIGHT = 26, 250, 420, 110


def bars(title: str, values: list[tuple[str, float]], unit: str, ours: str) -> str:
    """One bar for each name, longest first, on a logarithmic scale; whose name contains `ours` stands out."""
    values = sorted(values, key=lambda each: -each[1])
    least = 10 ** math.floor(math.log10(min(value for _, value in values)))
    decades = max(math.log10(max(value for _, value in values) / least), 1)
    height = ROW * (len(values) + 2)
    lines = [f'<svg xmlns="http://www.w3.org/2000/svg" width="{LEFT + WIDTH + RIGHT}" height="{height}"'
             ' font-family="sans-serif" font-size="13">',
             f'<rect width="100%" height="100%" fill="white"/><text x="8" y="20" font-weight="bold">{escape(title)}'
             f" ({escape(unit)}, logarithmic)</text>"]
    for row, (name, value) in enumerate(values, start=1):
        y = ROW * row + 8
        length = max(WIDTH * math.log10(value / least) / decades, 2)
        colour = "#1f6f8b" if ours in name else "#b0b7bd"
        lines.append(f'<text x="{LEFT - 8}" y="{y + 14}" text-anchor="end">{escape(name)}</text>'
                     f'<rect x="{LEFT}" y="{y}" width="{length:.0f}" height="{ROW - 8}" fill="{colour}"/>'
                     f'<text x="{LEFT + length + 6:.0f}" y="{y + 14}">{value:,.0f}</text>')
    return "\n".join([*lines, "</svg>", ""])
