"""The page of a ranking: one HTML file that needs nothing else, no network and no scripts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from archwright.coordinate.rank_options import RankFolder
from archwright.coordinate.ranked import Ranking
from archwright.core.catalog import find
from archwright.core.errors import ExportError
from archwright.core.files import write_atomically
from archwright.report import text
from archwright.report.cell_drawing import as_svg, diagrams, drawing
from archwright.report.ranking_figures import STYLE, alike, alike_svg, size_svg
from archwright.report.svg import STYLE as BASE_STYLE
from archwright.spaces.tabular_mlp import TabularMlp

__all__ = ["BestRow", "ProxyRow", "best_rows", "number", "proxy_rows", "write_ranking"]

#: Rows of the table of the best, and architectures that are drawn.
TOP, DRAWN = 20, 3
#: "In the first tenth by" says by which proxies an architecture is that good.
_FIRST = 0.1


@dataclass(frozen=True, slots=True)
class ProxyRow:
    """What one proxy did.

    Args:
        name: Of the proxy. `higher_is_better`: its direction. `source`: where it comes from.
        n: Architectures that it scored. `seconds`: mean of what one took.
        best: The architecture that it ranks first. `value`: its score. `place`: its place by mean rank.
        agreement: Spearman's correlation of its order with that by the mean rank; None where it tells none apart.
    """

    name: str
    higher_is_better: bool
    source: str
    n: int
    seconds: float
    best: str
    value: float
    place: int
    agreement: float | None


@dataclass(frozen=True, slots=True)
class BestRow:
    """One of the best.

    Args:
        place: Among all, by mean rank. `arch`: its text. `shown`: as people read it. `overall`: its mean rank.
        values: Its score by each proxy; None where there is none. `ranks`: its rank by each.
        first_by: Proxies that have it in their first tenth.
    """

    place: int
    arch: str
    shown: str
    overall: float
    values: Mapping[str, float | None]
    ranks: Mapping[str, float]
    first_by: tuple[str, ...]


def write_ranking(folder: RankFolder, ranking: Ranking) -> Path:
    """Write `ranking.html` into the folder and return its path.

    Raises:
        RunError: if it cannot be written (exit code 1).
    """
    write_atomically(folder.page, _render(ranking, folder.load()).encode())
    return folder.page


def proxy_rows(ranking: Ranking) -> list[ProxyRow]:
    """Return a row per proxy, in the order of the ranking."""
    rows = []
    place_of = {row: place for place, row in enumerate(ranking.order().tolist(), start=1)}
    for k, name in enumerate(ranking.proxies):
        values = ranking.values[:, k]
        first = int(ranking.order(name)[0])
        rows.append(
            ProxyRow(
                name,
                ranking.directions[k] > 0,
                str(find("proxy", name).source),
                int(np.isfinite(values).sum()),
                float(np.nanmean(ranking.seconds[:, k])),
                _shown(ranking, first),
                float(values[first]),
                place_of[first],
                _agreement(ranking, k),
            )
        )
    return rows


def best_rows(ranking: Ranking, n: int) -> list[BestRow]:
    """Return a row for each of the `n` best by mean rank, best first."""
    limit = max(1.0, _FIRST * len(ranking))
    rows = []
    for place, row in enumerate(ranking.order()[:n].tolist(), start=1):
        values = [value if np.isfinite(value) else None for value in ranking.values[row].tolist()]
        ranks = dict(zip(ranking.proxies, ranking.ranks[row].tolist(), strict=True))
        rows.append(
            BestRow(
                place,
                ranking.space.text(ranking.archs[row]),
                _shown(ranking, row),
                float(ranking.overall[row]),
                dict(zip(ranking.proxies, values, strict=True)),
                ranks,
                tuple(name for name, rank in ranks.items() if rank <= limit),
            )
        )
    return rows


def number(value: float | None) -> str:
    """Return a score with four figures, or a whole number with its thousands marked; a dash where there is none."""
    if value is None or not np.isfinite(value):
        return text.DASH
    shown = f"{value:,.0f}" if value == round(value) and abs(value) < 1e12 else f"{value:.4g}"
    return shown.replace("-", "\N{MINUS SIGN}")


def _shown(ranking: Ranking, row: int) -> str:
    """Return an architecture's text, with the widths where it is a tabular MLP."""
    space, arch = ranking.space, ranking.archs[row]
    words = space.text(arch)
    return f"{words} ({'-'.join(map(str, space.widths_of(arch)))})" if isinstance(space, TabularMlp) else words


def _agreement(ranking: Ranking, k: int) -> float | None:
    ours, all_ = ranking.ranks[:, k], ranking.overall
    if len(ranking) < 3 or np.ptp(ours) == 0 or np.ptp(all_) == 0:
        return None
    order = np.argsort(np.argsort(all_, kind="stable"), kind="stable")
    return float(np.corrcoef(ours, order)[0, 1])


def _render(ranking: Ranking, said: Mapping[str, Any]) -> str:
    from jinja2 import Environment, FileSystemLoader
    from markupsafe import Markup

    loader = FileSystemLoader(Path(__file__).parent)
    page = Environment(loader=loader, autoescape=True, trim_blocks=True, lstrip_blocks=True)
    page.filters.update({"count": text.count, "duration": text.duration, "number": number})
    # Our own SVG: every word of the user's in it is escaped where it is drawn.
    charts = {"alike": alike_svg(ranking), "size": size_svg(ranking)}
    return page.get_template("ranking.html").render(
        style=Markup(BASE_STYLE + STYLE),
        title=f"{ranking.space.name} on {Path(str(said['about'].get('origin', ''))).name}",
        sentence=_sentence(ranking),
        notes=_notes(ranking),
        proxies=proxy_rows(ranking),
        best=best_rows(ranking, TOP),
        share=f"{_FIRST:.0%}",
        charts={name: Markup(svg) for name, svg in charts.items() if svg is not None},
        pair=_pair(ranking),
        drawings=[(name, Markup(svg)) for name, svg in _drawings(ranking)],
        settings=_pairs(said["settings"]),
        about=_pairs(said["about"]),
    )


def _sentence(ranking: Ranking) -> str:
    n, p = len(ranking), len(ranking.proxies)
    of = f" of {text.count(ranking.wanted)}" if ranking.wanted > n else ""
    spent = float(np.nansum(ranking.seconds) + np.nansum(ranking.build_s))
    return (
        f"{text.count(n)}{of} untrained networks, scored by {p} prox{'y' if p == 1 else 'ies'} in "
        f"{text.duration(spent)} of work, all processes together. Nothing was trained: a proxy is a guess about what "
        "training would give."
    )


def _notes(ranking: Ranking) -> list[str]:
    notes = [f"{name} is left out: {reason}" for name, reason in ranking.left_out.items()]
    partly = int(sum(bool(error) for error in ranking.errors))
    if partly:
        notes.append(
            f"{text.count(partly)} of {text.count(len(ranking))} architectures lack a score by some proxy and have its "
            "last rank; scores.csv says why."
        )
    return notes


def _pair(ranking: Ranking) -> str | None:
    """Return in words which two proxies are most alike, and which least."""
    if len(ranking.proxies) < 3 or len(ranking) < 3:
        return None
    table = alike(ranking)
    rows, columns = np.triu_indices(len(table), k=1)
    known = np.isfinite(table[rows, columns])
    rows, columns = rows[known], columns[known]
    if len(rows) < 2:
        return None
    order = np.argsort(table[rows, columns])
    said = [
        f"{ranking.proxies[rows[k]]} and {ranking.proxies[columns[k]]} ({table[rows[k], columns[k]]:.2f})"
        for k in (order[-1], order[0])
    ]
    return f"Most alike are {said[0]}, least alike {said[1]}."


def _drawings(ranking: Ranking) -> list[tuple[str, str]]:
    """Return the best architectures drawn; those that are too large for a picture are left out."""
    found = []
    for place, arch in enumerate(ranking.top(DRAWN), start=1):
        try:
            drawn = [drawing(each) for each in diagrams(ranking.space, arch)]
        except ExportError:
            continue
        name = ranking.space.text(arch)
        found.append((f"{place}. {name}", as_svg(drawn, name=name)))
    return found


def _pairs(values: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return what is set, as pairs of text."""
    return [
        (str(key).replace("_", " "), _words(value))
        for key, value in values.items()
        if value is not None and value != [] and value != {}
    ]


def _words(value: Any) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{key} {_words(each)}" for key, each in value.items() if each not in (None, [], {}))
    if isinstance(value, list | tuple):
        shown = " ".join(_words(each) for each in value[:40])
        return shown if len(value) <= 40 else f"{shown} ... ({len(value)})"
    return f"{value:.4g}" if isinstance(value, float) else str(value)
