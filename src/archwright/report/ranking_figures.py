"""The charts of a ranking as inline SVG: how alike the proxies order architectures, and what size has to do with it."""

# Legend: N architectures, P proxies.

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from archwright.coordinate.ranked import Ranking
from archwright.report import text
from archwright.report.svg import Frame, draw, element, label, span, tip

__all__ = ["STYLE", "alike", "alike_svg", "size_svg"]

Floats = npt.NDArray[np.float64]

#: What the page's style sheet needs besides that of all drawings.
STYLE = ".with{fill:var(--accent)}.against{fill:var(--warm)}.cell{stroke:var(--panel);stroke-width:1.5}"

_CELL, _LABEL, _TOP = 34.0, 118.0, 96.0
#: Dots of a chart at most; the best ones are always among them.
_DOTS = 1500
#: Measures of size, the better known first.
_SIZES = (("params", "parameters"), ("flops", "multiply-adds"))


def alike(ranking: Ranking) -> Floats:
    """Return Spearman's correlation between the orders of all pairs of proxies [P, P].

    Positive means that two proxies favour the same architectures, whatever their directions are. Architectures
    without a score have the last rank. NaN where a proxy cannot tell any two architectures apart.
    """
    centred = ranking.ranks - ranking.ranks.mean(axis=0)
    scale = np.sqrt((centred**2).sum(axis=0))
    with np.errstate(invalid="ignore", divide="ignore"):
        found: Floats = (centred.T @ centred) / np.outer(scale, scale)
    return np.clip(found, -1.0, 1.0)


def alike_svg(ranking: Ranking) -> str | None:
    """Return the correlations between proxies as a table of coloured cells; None with fewer than two proxies."""
    names, n = ranking.proxies, len(ranking.proxies)
    if n < 2 or len(ranking) < 3:
        return None
    table = alike(ranking)
    width, height = _LABEL + n * _CELL + 60, _TOP + n * _CELL + 8
    parts = []
    for row, name in enumerate(names):
        middle = _TOP + (row + 0.5) * _CELL
        parts.append(label(name, x=_LABEL - 8, y=middle + 4, anchor="end"))
        x = _LABEL + (row + 0.5) * _CELL
        turned = label(name, x=0.0, y=0.0)
        parts.append(element("g", turned, transform=f"translate({x + 4:.1f} {_TOP - 8:.1f}) rotate(-50)"))
        parts += [_cell(names, table, row, column) for column in range(n)]
    return draw("".join(parts), name="Rank correlation between proxies", width=width, height=height)


def _cell(names: tuple[str, ...], table: Floats, row: int, column: int) -> str:
    value = float(table[row, column])
    x, y = _LABEL + column * _CELL, _TOP + row * _CELL
    known = np.isfinite(value)
    said = f"{names[row]} and {names[column]}: {value:.2f}" if known else f"{names[row]}: all equal"
    box = element(
        "rect",
        tip(said),
        x=x,
        y=y,
        width=_CELL,
        height=_CELL,
        class_=f"cell {'with' if value >= 0 else 'against'}",
        fill_opacity=abs(value) * 0.75 if known else 0.0,
    )
    shown = f"{value:.2f}".replace("-", "\N{MINUS SIGN}") if known else text.DASH
    return box + label(shown, x=x + _CELL / 2, y=y + _CELL / 2 + 4, anchor="middle", class_="small")


def size_svg(ranking: Ranking) -> str | None:
    """Return the mean rank over the size of the networks, the best at the top; None where no size is known."""
    found = next(((name, words) for name, words in _SIZES if name in ranking.proxies), None)
    if found is None or len(ranking) < 3 or len(ranking.proxies) < 2:
        return None
    size = ranking.values[:, ranking.proxies.index(found[0])]
    known = [place for place in ranking.order() if np.isfinite(size[place]) and size[place] > 0]
    if not known:
        return None
    # All of the best, and of the others every so many: they look the same.
    step = max(1, -(-len(known) // _DOTS))
    shown = [*known[:20], *known[20::step]]
    mean = ranking.overall
    low, high = span([float(mean[place]) for place in known])
    # Rank 1 is the best, so the axis runs downwards.
    frame = Frame.of(
        span([float(size[place]) for place in known], log=True),
        (high, max(low, 0.0)),
        width=620,
        height=340,
        log_x=True,
    )
    parts = [frame.axes(x_label=f"{found[1]}, logarithmic", y_label="mean rank over all proxies, the best at the top")]
    for place in reversed(shown):
        said = f"{ranking.space.text(ranking.archs[place])}\n{text.count(size[place])} {found[1]}, {mean[place]:.1f}"
        class_ = "dot best" if place == known[0] else "dot"
        at = {"cx": frame.x(float(size[place])), "cy": frame.y(float(mean[place]))}
        parts.append(element("circle", tip(said), r=5.5 if "best" in class_ else 3.5, class_=class_, **at))
    return draw("".join(parts), name=f"Mean rank over {found[1]}", width=620, height=340)
