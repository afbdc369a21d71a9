"""Scales, axes and elements of inline SVG. Colours are CSS variables, so one drawing serves light and dark."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from html import escape
from itertools import pairwise

from archwright.report import text

__all__ = ["STYLE", "Frame", "Scale", "draw", "element", "label", "path", "span", "standalone", "steps", "tip"]

#: The palette and the classes that drawings use. The page includes it once, a stand-alone file carries it.
STYLE = """
:root{--ink:#1d2430;--soft:#5d6778;--faint:#98a1b0;--line:#dfe3ea;--grid:#edf0f4;--panel:#fff;--page:#f6f7f9;
--accent:#2f66b3;--wash:#e7eef8;--warm:#c9652b;--good:#2c7a55;--bad:#b3403a;
--c0:#8fa3bf;--c1:#e0a458;--c2:#4f9d8e;--c3:#2f66b3;--c4:#9b7bb8;--c5:#c97a8b;--c6:#7d8f4e;--c7:#6b7280}
@media (prefers-color-scheme:dark){:root{--ink:#e6e9ef;--soft:#a3adbd;--faint:#6f7a8c;--line:#2f3744;--grid:#262d38;
--panel:#1a1f27;--page:#12161c;--accent:#7eb0f2;--wash:#22304a;--warm:#f0a06a;--good:#6cc79b;--bad:#f08a80;
--c0:#6f84a3;--c1:#c58d46;--c2:#5fb3a3;--c3:#7eb0f2;--c4:#b598d3;--c5:#dd95a5;--c6:#a3b86c;--c7:#8b93a1}}
svg text{font:12px system-ui,-apple-system,"Segoe UI",Roboto,"Helvetica Neue",Arial,sans-serif;fill:var(--soft)}
svg .strong{fill:var(--ink);font-weight:600}svg .accent{fill:var(--accent);font-weight:600}svg .small{font-size:11px}
svg .inside{fill:#fff;font-weight:600}
.grid{stroke:var(--grid)}.axis{stroke:var(--line)}.dash{stroke:var(--faint);stroke-dasharray:3 4;fill:none}
.curve{fill:none;stroke:var(--accent);stroke-width:2;stroke-linejoin:round}
.curve.pale{stroke:var(--faint);stroke-width:1;opacity:.55}.curve.front{stroke:var(--warm);stroke-width:1.5}
.dot{fill:var(--accent);fill-opacity:.75}.dot.pale{fill:var(--faint);fill-opacity:.55}
.dot.best{fill:var(--warm);fill-opacity:1;stroke:var(--panel);stroke-width:1.5}
.mark{stroke:var(--ink);stroke-width:1.5}
.bar{fill:var(--accent);fill-opacity:.35}.box{fill:var(--wash);stroke:var(--accent);stroke-width:1}
.flow{fill:var(--accent);fill-opacity:.10}.band{opacity:.10}
.p0{fill:var(--c0)}.p1{fill:var(--c1)}.p2{fill:var(--c2)}.p3{fill:var(--c3)}
.p4{fill:var(--c4)}.p5{fill:var(--c5)}.p6{fill:var(--c6)}.p7{fill:var(--c7)}
"""


@dataclass(frozen=True, slots=True)
class Scale:
    """Maps data `lo..hi` to pixels `start..stop`, evenly or by logarithm (then `lo > 0`)."""

    lo: float
    hi: float
    start: float
    stop: float
    log: bool = False

    def __call__(self, value: float) -> float:
        lo, hi = self.lo, self.hi
        if self.log:
            value, lo, hi = math.log(max(value, 1e-300)), math.log(lo), math.log(hi)
        share = (value - lo) / (hi - lo) if hi > lo else 0.5
        return self.start + min(max(share, 0.0), 1.0) * (self.stop - self.start)

    def ticks(self, n: int = 5) -> list[float]:
        """Return about `n` round values inside the scale."""
        return _log_ticks(self, n) if self.log else _even_ticks(self, n)

    def names(self, values: Sequence[float]) -> list[str]:
        """Return the values as text, with just enough decimals to tell neighbours apart."""
        if self.log or max(abs(self.lo), abs(self.hi)) >= 10_000:
            return [text.short_count(value) for value in values]
        # Ticks nearer than a double can tell apart are one tick.
        step = min((b - a for a, b in pairwise(values) if b > a), default=1.0)
        decimals = max(0, min(6, -math.floor(math.log10(step) + 1e-9)))
        if round(step, decimals) != round(step, decimals + 1):
            decimals += 1
        return [f"{value:.{decimals}f}".replace("-", "\N{MINUS SIGN}") for value in values]


def _even_ticks(scale: Scale, n: int) -> list[float]:
    width = scale.hi - scale.lo
    if width <= 0:
        return [scale.lo]
    rough = width / max(n, 1)
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(power * m for m in (1, 2, 2.5, 5, 10) if power * m >= rough * 0.999)
    first = math.ceil(scale.lo / step - 1e-9)
    last = math.floor(scale.hi / step + 1e-9)
    return [round(k * step, 10) for k in range(first, last + 1)]


def _log_ticks(scale: Scale, n: int) -> list[float]:
    low, high = math.floor(math.log10(scale.lo)), math.ceil(math.log10(scale.hi))
    for multiples in ((1,), (1, 3), (1, 2, 5), (1, 2, 3, 4, 5, 6, 8)):
        values = [m * 10.0**k for k in range(low, high + 1) for m in multiples]
        values = [value for value in values if scale.lo * 0.999 <= value <= scale.hi * 1.001]
        if len(values) >= min(n, 3):
            break
    else:
        return _even_ticks(Scale(scale.lo, scale.hi, 0, 1), n)
    return values[:: max(1, math.ceil(len(values) / (n + 1)))]


def span(values: Iterable[float], *, pad: float = 0.06, log: bool = False) -> tuple[float, float]:
    """Return limits that hold all values with some air; never an empty interval."""
    known = [value for value in values if math.isfinite(value)] or [0.0, 1.0]
    lo, hi = min(known), max(known)
    if log:
        factor = (hi / lo) ** pad if hi > lo else 1.5
        return lo / factor, hi * factor
    air = (hi - lo) * pad or abs(hi) * 0.05 or 0.5
    return lo - air, hi + air


def element(name: str, content: str = "", /, **attributes: str | float) -> str:
    """Return one element; `class_` and `text_anchor` stand for `class` and `text-anchor`. Content is SVG."""
    parts = [name]
    for key, value in attributes.items():
        shown = f"{value:.2f}".rstrip("0").rstrip(".") if isinstance(value, float) else str(value)
        parts.append(f'{key.rstrip("_").replace("_", "-")}="{escape(shown)}"')
    head = " ".join(parts)
    return f"<{head}>{content}</{name}>" if content else f"<{head}/>"


def label(words: str, *, x: float, y: float, class_: str = "", anchor: str = "start") -> str:
    """Return a line of text; the words are escaped."""
    extra = {"class_": class_} if class_ else {}
    return element("text", escape(words), x=float(x), y=float(y), text_anchor=anchor, **extra)


def tip(words: str) -> str:
    """Return the tooltip of the element that it is put in."""
    return f"<title>{escape(words)}</title>"


def path(points: Iterable[tuple[float, float]], class_: str = "curve") -> str:
    """Return a line through pixel points."""
    way = " ".join(f"{'L' if k else 'M'}{x:.1f} {y:.1f}" for k, (x, y) in enumerate(points))
    return element("path", d=way, class_=class_)


def steps(points: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    """Return the points of a line that keeps its height until the next point."""
    way: list[tuple[float, float]] = []
    for x, y in points:
        if way:
            way.append((x, way[-1][1]))
        way.append((x, y))
    return way


@dataclass(frozen=True, slots=True)
class Frame:
    """The plot area of a chart with its two scales; sizes in pixels of the view box."""

    width: float
    height: float
    x: Scale
    y: Scale

    @classmethod
    def of(
        cls, x: tuple[float, float], y: tuple[float, float], *, width: float, height: float, log_x: bool = False
    ) -> Frame:
        """Return a frame with room for labels at the left and below."""
        left, right, top, bottom = 58.0, width - 14.0, 26.0, height - 42.0
        return cls(width, height, Scale(*x, left, right, log_x), Scale(*y, bottom, top))

    def axes(self, *, x_label: str, y_label: str, n_x: int = 6, n_y: int = 5, numbers_x: bool = True) -> str:
        """Return grid, ticks and labels. The vertical axis is named above it, where it can be read."""
        parts = []
        values = self.y.ticks(n_y)
        for value, name in zip(values, self.y.names(values), strict=True):
            y = self.y(value)
            parts.append(element("line", x1=self.x.start, x2=self.x.stop, y1=y, y2=y, class_="grid"))
            parts.append(label(name, x=self.x.start - 8, y=y + 4, anchor="end", class_="small"))
        base = self.y.start
        parts.append(element("line", x1=self.x.start, x2=self.x.stop, y1=base, y2=base, class_="axis"))
        ticks = self.x.ticks(n_x) if numbers_x else []
        for value, name in zip(ticks, self.x.names(ticks), strict=True):
            x = self.x(value)
            parts.append(element("line", x1=x, x2=x, y1=base, y2=base + 4, class_="axis"))
            parts.append(label(name, x=x, y=base + 17, anchor="middle", class_="small"))
        parts.append(label(x_label, x=(self.x.start + self.x.stop) / 2, y=base + 35, anchor="middle"))
        parts.append(label(y_label, x=4, y=14))
        return "".join(parts)


def draw(content: str, *, width: float, height: float, name: str) -> str:
    """Return the drawing; `name` says to a screen reader what it shows."""
    return element(
        "svg",
        content,
        viewBox=f"0 0 {width:.0f} {height:.0f}",
        role="img",
        aria_label=name,
        xmlns="http://www.w3.org/2000/svg",
    )


def standalone(svg: str) -> str:
    """Return the drawing as a file of its own, with its palette in it."""
    head, _, rest = svg.partition(">")
    backdrop = '<rect width="100%" height="100%" rx="10" style="fill:var(--panel)"/>'
    return f"{head}><style>{STYLE}</style>{backdrop}{rest}\n"
