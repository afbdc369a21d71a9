"""The page of a run: one HTML file that needs nothing else, no network and no scripts."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from archwright.coordinate.record import RunFolder, named
from archwright.core.files import write_atomically
from archwright.report import accounts, checklist, figures, text
from archwright.report.metric import metric_label
from archwright.report.network import blocks, network
from archwright.report.rungs import hidden_rungs, rungs
from archwright.report.svg import STYLE
from archwright.report.table import rows
from archwright.report.view import RunView

__all__ = ["render", "write_report"]

#: Rows of the leaderboard, and columns of the table that are listed, before the page says "and n more".
TOP, MOST_COLUMNS = 20, 60
_NUMBERS = {"duration": text.duration, "count": text.count, "score": text.score}
_KINDS = {"binary": "binary classification", "classes": "classification", "real": "regression"}


def write_report(folder: RunFolder) -> Path:
    """Write `report.html` into the run's folder and return its path; what is missing in the run is left out.

    Raises:
        RunError: if the folder is no run, or cannot be written (exit code 1).
    """
    write_atomically(folder.report, render(folder).encode(), durable=True)
    return folder.report


def render(folder: RunFolder) -> str:
    """Return the page of a run. All text of the user's is escaped.

    Raises:
        RunError: if the folder is no run.
    """
    from jinja2 import Environment, FileSystemLoader
    from markupsafe import Markup

    view = RunView.load(folder)
    loader = FileSystemLoader(Path(__file__).parent)
    page = Environment(loader=loader, autoescape=True, trim_blocks=True, lstrip_blocks=True)
    page.filters.update({name: _or_dash(shown) for name, shown in _NUMBERS.items()}, metric=metric_label)
    # Our own SVG: every word of the user's in it is escaped where it is drawn.
    drawings = {name: Markup(svg) for name, svg in _drawings(view).items()}
    return page.get_template("page.html").render(
        view=view,
        record=view.record,
        shown=view.shown,
        style=Markup(STYLE),
        fig=drawings,
        **_headline(view, folder),
        **_tables(view),
    )


def _or_dash(shown: Callable[[float | None], str]) -> Callable[[object], str]:
    """Return the filter that shows a number, and a dash for whatever a record lacks."""
    return lambda value: shown(float(value) if isinstance(value, int | float) else None)


def _drawings(view: RunView) -> dict[str, str]:
    """Return the figures that this run has enough for."""
    makers: dict[str, Callable[[RunView], str | None]] = {
        "progress": figures.progress,
        "proxy": figures.proxy_against_score,
        "filter": figures.filter_scores,
        "ecdf": figures.ecdf,
        "size": figures.size_against_score,
        "rungs": rungs,
        "network": network,
        "budget": lambda view: accounts.bars(view.record),
    }
    made = {name: maker(view) for name, maker in makers.items()}
    return {name: svg for name, svg in made.items() if svg is not None}


def _headline(view: RunView, folder: RunFolder) -> dict[str, Any]:
    record, best = view.record, view.record.best
    task, data = record.task, record.data
    source = str(data.get("name") or data.get("source") or folder.path.name)
    title = f"{task['target']} in {Path(source).name}" if task.get("target") else Path(source).name
    return {
        "title": title,
        "kind": _KINDS.get(str(task.get("kind")), str(task.get("kind") or "no task yet")),
        "best": best,
        "best_name": _best_name(best),
        "budget_s": sum(float(session.get("budget_s") or 0.0) for session in record.sessions),
        "sentence": _sentence(view),
        "rho": figures.proxy_correlation(view),
        "is_whole": len(view.scores) == record.space.get("size"),
        "hidden_rungs": hidden_rungs(view),
    }


def _best_name(best: dict[str, Any] | None) -> str:
    if best is None:
        return "none yet"
    if best.get("what") == "constant":
        return "constant prediction"
    return named(best)


def _sentence(view: RunView) -> str:
    """Return what happened, in one sentence."""
    record, best = view.record, view.record.best
    if best is None:
        return "There is no prediction yet." if record.status == "running" else "The run ended before any prediction."
    end = {"interrupted": "The run was interrupted. ", "failed": "The run failed before its end. "}.get(
        record.status, ""
    )
    at = text.duration(float(best.get("at_s") or 0.0))
    if best.get("what") == "constant":
        return (
            f"{end}No network was trained well enough to beat the constant prediction; it is what the model file holds."
        )
    n, size = len(view.ok), record.space.get("size")
    of = f" out of {text.count(size)} possible ones" if size else ""
    scored = len(view.scores)
    chosen = f", chosen by ExpressFlow from {text.count(scored)} scored" if scored else ""
    if not n:
        return f"{end}The network was found after {at}; no candidate{of} finished a full rung of training."
    together = len(best.get("members") or ())
    # The very first network, made to have one at all, may be a member, but is no candidate.
    what = f"{together} of {max(n, together)} trained networks, which answer together," if together > 1 else None
    what = what or f"The best of {n} trained network{'s' if n != 1 else ''}"
    return f"{end}{what}{of}{chosen}; found after {at}."


def _tables(view: RunView) -> dict[str, Any]:
    record = view.record
    board = rows(view)
    failed = [candidate for candidate in view.candidates if candidate.score is None]
    features = list(record.schema.get("features") or ())
    return {
        "board": board[:TOP],
        "n_board": len(board),
        "failed": failed[:TOP],
        "n_failed": len(failed),
        "accounts": accounts.lines(record),
        "blocks": blocks(view),
        "features": features[:MOST_COLUMNS],
        "n_features": len(features),
        "dropped": list(record.schema.get("dropped") or ())[:MOST_COLUMNS],
        "checklist": checklist.checklist(view),
        "settings": _pairs(record.settings),
        "recipe": _pairs(record.recipe),
        "options": _pairs(record.data.get("options") or {}),
        "hardware": _pairs(record.hardware),
        "versions": _pairs(record.versions),
        "exports": record.exports,
        "incumbents": record.incumbents[-TOP:],
        "members": (record.best or {}).get("members") or [],
    }


def _pairs(values: dict[str, Any]) -> list[tuple[str, str]]:
    """Return what is set, as pairs of text."""
    return [
        (str(key).replace("_", " "), " ".join(map(str, value)) if isinstance(value, list | tuple) else str(value))
        for key, value in values.items()
        if value is not None and value != [] and value != ()
    ]
