"""The picture of successive halving: each column a rung, each dot a candidate, survivors linked."""

from __future__ import annotations

from archwright.report.figures import axis_limits
from archwright.report.svg import Frame, draw, element, label, path, tip
from archwright.report.view import Candidate, RunView, Step

__all__ = ["hidden_rungs", "rungs"]

#: Rungs that one drawing can show; of a long run the last ones are drawn.
MOST = 14
_WIDTH, _HEIGHT = 960.0, 380.0

Place = tuple[int, int, int]


def rungs(view: RunView) -> str | None:
    """Return the rungs of all brackets side by side; None where no candidate was trained in rungs."""
    columns = _columns(view)
    values = [view.shown.value(score) for column in columns.values() for _, score in column]
    if not values:
        return None
    places = list(columns)
    frame = Frame.of((-0.5, len(places) - 0.5), axis_limits(values), width=_WIDTH, height=_HEIGHT)
    parts = [frame.axes(x_label="", y_label=view.shown.axis, numbers_x=False)]
    parts += [_column_name(frame, places, k, columns[place]) for k, place in enumerate(places)]
    at = {place: k for k, place in enumerate(places)}
    best = view.ok[0].arch
    ordered = sorted(view.ok, key=lambda candidate: candidate.arch == best)
    parts += [_line(view, frame, candidate, at, chosen=candidate.arch == best) for candidate in ordered]
    parts += [_dots(view, frame, candidate, at, chosen=candidate.arch == best) for candidate in ordered]
    return draw("".join(parts), width=_WIDTH, height=_HEIGHT, name="Rungs of successive halving")


def hidden_rungs(view: RunView) -> int:
    """Return how many early rungs the drawing leaves out."""
    return max(0, len(_all_columns(view)) - MOST)


def _all_columns(view: RunView) -> dict[Place, list[tuple[int, float]]]:
    """Return (epochs, score) of the candidates of each rung, rungs in the order they were walked."""
    columns: dict[Place, list[tuple[int, float]]] = {}
    for candidate in view.ok:
        for step in candidate.steps:
            # Bracket 0 is training without halving, as random search does.
            if step.score is not None and step.bracket:
                columns.setdefault(_place(step), []).append((step.epochs, step.score))
    return dict(sorted(columns.items()))


def _columns(view: RunView) -> dict[Place, list[tuple[int, float]]]:
    columns = _all_columns(view)
    return dict(list(columns.items())[-MOST:])


def _place(step: Step) -> Place:
    return (step.session, step.bracket, step.rung)


def _column_name(frame: Frame, places: list[Place], k: int, column: list[tuple[int, float]]) -> str:
    x, base = frame.x(k), frame.y.start
    epochs = max(epochs for epochs, _ in column)
    said = f"{epochs} ep." if len(places) > 8 else f"{epochs} epoch{'s' if epochs != 1 else ''}"
    parts = [
        element("line", x1=x, x2=x, y1=frame.y.stop, y2=base, class_="grid"),
        label(said, x=x, y=base + 17, anchor="middle", class_="small strong"),
        label(f"{len(column)} alive", x=x, y=base + 32, anchor="middle", class_="small"),
    ]
    session, bracket, _ = places[k]
    if k == 0 or places[k - 1][:2] != places[k][:2]:
        several = len({place[0] for place in places}) > 1
        words = f"session {session}, bracket {bracket}" if several else f"bracket {bracket}"
        # A heading between two brackets would run into the next one where brackets are single rungs.
        crowded = k + 1 < len(places) and places[k + 1][:2] != places[k][:2]
        edge = (frame.x(k - 1) + x) / 2 if k else frame.x.start
        if k:
            parts.append(element("line", x1=edge, x2=edge, y1=frame.y.stop - 6, y2=base, class_="dash"))
        short = f"{session}.{bracket}" if several else f"br. {bracket}"
        parts.append(label(short if crowded else words, x=edge + 6, y=frame.y.stop + 8, class_="small"))
    return "".join(parts)


def _line(view: RunView, frame: Frame, candidate: Candidate, at: dict[Place, int], *, chosen: bool) -> str:
    ways: dict[tuple[int, int], list[tuple[float, float]]] = {}
    for step in candidate.steps:
        if step.score is not None and _place(step) in at:
            point = (frame.x(at[_place(step)]), frame.y(view.shown.value(step.score)))
            ways.setdefault((step.session, step.bracket), []).append(point)
    class_ = "curve" if chosen else "curve pale"
    return "".join(path(way, class_) for way in ways.values() if len(way) > 1)


def _dots(view: RunView, frame: Frame, candidate: Candidate, at: dict[Place, int], *, chosen: bool) -> str:
    parts = []
    known = [step for step in candidate.steps if step.score is not None and _place(step) in at]
    for step in known:
        if step.score is None:
            continue
        goes_on = any(_place(later)[:2] == _place(step)[:2] and later.rung > step.rung for later in known)
        class_ = "dot best" if chosen else "dot" if goes_on else "dot pale"
        said = f"{candidate.label}\n{view.shown.label} {view.shown.text(step.score)} after {step.epochs} epochs"
        cx, cy = frame.x(at[_place(step)]), frame.y(view.shown.value(step.score))
        parts.append(element("circle", tip(said), cx=cx, cy=cy, r=5.0 if chosen else 4.0, class_=class_))
    return "".join(parts)
