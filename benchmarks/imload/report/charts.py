"""Charts as inline SVG, coloured by the page's own style (classes s0, s1, ...)."""

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

from imload.report.scales import Scale, label

WIDTH, HEIGHT = 620, 260
_LEFT, _RIGHT, _TOP, _BOTTOM = 56, 14, 12, 40
Point = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Series:
    """A line: its name and its points, ascending in x."""

    name: str
    points: Sequence[Point]


@dataclass(frozen=True, slots=True, kw_only=True)
class Axes:
    """What the axes say; `x_marks` replaces the computed ones by (value, text)."""

    x: str
    y: str
    y_log: bool = False
    x_marks: Sequence[tuple[float, str]] = ()


def line_chart(series: Sequence[Series], axes: Axes) -> str:
    """Lines over a common x; says "nothing was measured" where there is none."""
    series = [one for one in series if one.points]
    if not series:
        return '<p class="none">nothing was measured</p>'
    xs = [x for one in series for x, _ in one.points]
    ys = [y for one in series for _, y in one.points]
    across = Scale(min(xs), max(xs), _LEFT, WIDTH - _RIGHT)
    if axes.y_log:
        low = max(min((y for y in ys if y > 0), default=0.1), 0.01)
        up = Scale(low / 1.2, max(max(ys) * 1.2, low * 10), HEIGHT - _BOTTOM, _TOP, logarithmic=True)
    else:
        up = Scale(0, max(max(ys) * 1.05, 1e-9), HEIGHT - _BOTTOM, _TOP)
    parts = [*_grid(across, up, axes)]
    for index, one in enumerate(series):
        path = " ".join(f"{across.at(x)},{up.at(y)}" for x, y in one.points)
        parts.append(
            f'<polyline class="line s{index}" points="{path}"><title>{escape(one.name)}</title></polyline>'
        )
    return _svg(parts) + _legend([one.name for one in series])


def bar_chart(rows: Sequence[tuple[str, float]], unit: str) -> str:
    """Horizontal bars, the value at the end of each."""
    if not rows:
        return '<p class="none">nothing was measured</p>'
    top = max(value for _, value in rows) or 1.0
    height = 24 * len(rows) + 8
    across = Scale(0, top, 150, WIDTH - 110)
    parts = []
    for index, (name, value) in enumerate(rows):
        y = 6 + 24 * index
        width = max(across.at(value) - 150, 1)
        parts.append(f'<text class="name" x="142" y="{y + 13}">{escape(name)}</text>')
        parts.append(f'<rect class="bar" x="150" y="{y}" width="{width:.1f}" height="17" rx="2"/>')
        parts.append(
            f'<text class="value" x="{156 + width:.1f}" y="{y + 13}">{value:,.0f} {escape(unit)}</text>'
        )
    return _svg(parts, height)


def _grid(across: Scale, up: Scale, axes: Axes) -> list[str]:
    parts = []
    for mark in up.marks():
        y = up.at(mark)
        parts.append(f'<line class="grid" x1="{_LEFT}" x2="{WIDTH - _RIGHT}" y1="{y}" y2="{y}"/>')
        parts.append(f'<text class="mark end" x="{_LEFT - 6}" y="{y + 4}">{label(mark)}</text>')
    marks = axes.x_marks or [(mark, label(mark)) for mark in across.marks()]
    for mark, text in marks:
        if not across.low <= mark <= across.high:
            continue
        x = min(across.at(mark), WIDTH - _RIGHT - 3.2 * len(text))
        parts.append(f'<text class="mark middle" x="{x}" y="{HEIGHT - _BOTTOM + 16}">{escape(text)}</text>')
    base = HEIGHT - _BOTTOM
    parts.append(f'<line class="axis" x1="{_LEFT}" x2="{WIDTH - _RIGHT}" y1="{base}" y2="{base}"/>')
    middle = (_LEFT + WIDTH - _RIGHT) / 2
    parts.append(f'<text class="title middle" x="{middle}" y="{HEIGHT - 6}">{escape(axes.x)}</text>')
    place = f"translate(12 {(_TOP + base) / 2}) rotate(-90)"
    parts.append(f'<text class="title middle" transform="{place}">{escape(axes.y)}</text>')
    return parts


def _svg(parts: Sequence[str], height: int = HEIGHT) -> str:
    return f'<svg viewBox="0 0 {WIDTH} {height}" role="img">{"".join(parts)}</svg>'


def _legend(names: Sequence[str]) -> str:
    if len(names) < 2:
        return ""
    items = "".join(
        f'<span><i class="s{index}"></i>{escape(name)}</span>' for index, name in enumerate(names)
    )
    return f'<p class="legend">{items}</p>'
