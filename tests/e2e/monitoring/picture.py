"""Draws a dashboard of charts/pannier as SVG from what a Prometheus answers: the pictures of README.md. Not
Grafana, but its grid, its queries and real numbers."""

import math
from html import escape

COLUMN, LINE, GAP = 50, 30, 8     # pixels of Grafana's grid
COLOURS = ("#3274d9", "#e0752d", "#56a64b", "#a352cc", "#b8860b", "#c4162a", "#0a9c9c", "#6e7077")
NAMED_MAX = 4                     # series of a panel that are named below it
FONT = "font-family='sans-serif'"


def shown(value: float, unit: str) -> str:
    if math.isnan(value):
        return "–"
    if unit == "percentunit":
        return f"{value * 100:.3g} %"
    if unit in ("bytes", "Bps"):
        for prefix in ("", "Ki", "Mi", "Gi", "Ti"):
            if abs(value) < 1024 or prefix == "Ti":
                return f"{value:.3g} {prefix}B" + ("/s" if unit == "Bps" else "")
            value /= 1024
    if unit == "s":
        for factor, name, below in ((1e6, "µs", 1e-3), (1e3, "ms", 1), (1, "s", 120), (1 / 60, "min", 7200),
                                    (1 / 3600, "h", 172800), (1 / 86400, "d", math.inf)):
            if abs(value) < below:
                return f"{value * factor:.3g} {name}"
    if abs(value) >= 1000:
        return f"{value:,.0f}"
    return f"{value:.3g}" + ("/s" if unit in ("reqps", "ops") else "")


def legend(target: dict, labels: dict) -> str:
    text = target["legendFormat"]
    if text == "__auto":
        return ", ".join(f"{value}" for key, value in labels.items() if key not in ("__name__", "job"))
    for key, value in labels.items():
        text = text.replace("{{" + key + "}}", value)
    return text


def text(x: float, y: float, words: str, size: int = 11, colour: str = "#444", more: str = "") -> str:
    return f"<text x='{x:.0f}' y='{y:.0f}' font-size='{size}' fill='{colour}' {FONT} {more}>{escape(words)}</text>"


def lines(series: list[tuple[str, list]], unit: str, place: tuple[int, int, int, int]) -> list[str]:
    """`series`: (name, [(time, value), …]); `place`: x, y, width, height of the panel."""
    x, y, width, height = place
    series = [(name, [(at, value) for at, value in values if not math.isnan(value)]) for name, values in series]
    series = [(name, values) for name, values in series if values]
    series.sort(key=lambda each: -max(value for _, value in each[1]))
    if not series:
        return [text(x + GAP, y + 50, "no data", 13, "#999")]
    left, top, right, bottom = x + 62, y + 30, x + width - GAP, y + height - 18 * (min(len(series), NAMED_MAX) + 1) - 4
    first = min(values[0][0] for _, values in series)
    last = max(max(values[-1][0] for _, values in series), first + 1)
    highest = max(max(value for _, value in values) for _, values in series) or 1
    drawn = []
    for share in (0, 0.5, 1):
        at = bottom - (bottom - top) * share
        drawn.append(f"<path d='M{left} {at:.0f}H{right}' stroke='#ddd'/>")
        drawn.append(text(left - 4, at + 4, shown(highest * share, unit), 10, "#888", "text-anchor='end'"))
    for index, (name, values) in enumerate(series):
        colour = COLOURS[index % len(COLOURS)]
        points = " ".join(f"{left + (right - left) * (at - first) / (last - first):.1f},"
                          f"{bottom - (bottom - top) * value / highest:.1f}" for at, value in values)
        drawn.append(f"<polyline points='{points}' fill='none' stroke='{colour}' stroke-width='1.5'/>")
        if index < NAMED_MAX:
            row = bottom + 18 * (index + 1)
            name = name if len(name) < width / 8 else "…" + name[-int(width / 8):]
            drawn.append(f"<path d='M{x + GAP} {row - 4}h12' stroke='{colour}' stroke-width='3'/>")
            drawn.append(text(x + 28, row, f"{name}  {shown(values[-1][1], unit)}"))
    if len(series) > NAMED_MAX:
        drawn.append(text(x + 28, bottom + 18 * (NAMED_MAX + 1), f"and {len(series) - NAMED_MAX} more", 11, "#888"))
    return drawn


def panel(drawn: dict, answers: list[tuple[dict, list]]) -> list[str]:
    """`answers`: of each target, what query_range said."""
    grid, unit = drawn["gridPos"], drawn["fieldConfig"]["defaults"]["unit"] if drawn["type"] != "row" else ""
    x, y = grid["x"] * COLUMN, grid["y"] * LINE
    width, height = grid["w"] * COLUMN - GAP, grid["h"] * LINE - GAP
    if drawn["type"] == "row":
        return [text(x + 4, y + 20, drawn["title"], 15, "#111", "font-weight='bold'")]
    frame = [f"<rect x='{x}' y='{y}' width='{width}' height='{height}' rx='3' fill='#fff' stroke='#ddd'/>",
             text(x + GAP, y + 18, drawn["title"], 12, "#111")]
    series = [(legend(target, each["metric"]), [(at, float(value)) for at, value in each["values"]])
              for target, found in answers for each in found]
    if drawn["type"] == "timeseries":
        return frame + lines(series, unit, (x, y, width, height))
    value = series[0][1][-1][1] if series else math.nan
    colour = "#222"
    for step in drawn["fieldConfig"]["defaults"]["thresholds"]["steps"]:
        if step["value"] is None or value >= step["value"]:
            colour = {"green": "#37872d", "red": "#c4162a", "blue": "#1f60c4"}[step["color"]]
    return frame + [text(x + width / 2, y + height / 2 + 22, shown(value, unit), 28, colour, "text-anchor='middle'")]


def svg(dashboard: dict, answer) -> str:
    """`answer`: from an expression to the result of query_range."""
    bottom = max(each["gridPos"]["y"] + each["gridPos"]["h"] for each in dashboard["panels"])
    width, height = 24 * COLUMN, bottom * LINE + LINE
    parts = [f"<svg xmlns='http://www.w3.org/2000/svg' viewBox='-{GAP} -{LINE} {width + GAP} {height}'>",
             f"<rect x='-{GAP}' y='-{LINE}' width='{width + GAP}' height='{height}' fill='#f4f5f5'/>",
             text(2, -8, dashboard["title"], 18, "#111", "font-weight='bold'")]
    for each in dashboard["panels"]:
        parts += panel(each, [(target, answer(target["expr"])) for target in each.get("targets", [])])
    return "\n".join([*parts, "</svg>\n"])
