"""The charts of a run: progress, proxy against truth, distribution, size against score."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypedDict

import numpy as np
import numpy.typing as npt

from archwright.core.ranks import mid_ranks
from archwright.report import text
from archwright.report.accounts import colour_of
from archwright.report.svg import Frame, draw, element, label, path, span, steps, tip
from archwright.report.trace import trace
from archwright.report.view import Candidate, RunView

__all__ = [
    "axis_limits",
    "ecdf",
    "equal_epochs",
    "filter_scores",
    "progress",
    "proxy_against_score",
    "proxy_correlation",
    "size_against_score",
    "spearman",
]


class _Size(TypedDict):
    width: float
    height: float


_HALF = _Size(width=470.0, height=320.0)
_WIDE = _Size(width=960.0, height=340.0)


def spearman(a: npt.NDArray[np.float64], b: npt.NDArray[np.float64]) -> float | None:
    """Return the rank correlation of two vectors [N], ties by mean rank; None if N < 3 or one is constant."""
    if len(a) < 3:
        return None
    ranks_a, ranks_b = mid_ranks(a), mid_ranks(b)
    if np.ptp(ranks_a) == 0 or np.ptp(ranks_b) == 0:
        return None
    return float(np.corrcoef(ranks_a, ranks_b)[0, 1])


def axis_limits(values: Sequence[float]) -> tuple[float, float]:
    """Return limits that a few far-off values do not stretch: beyond three quartile distances they are clipped."""
    low, middle, high = np.percentile(np.asarray(values), (25, 50, 75))
    reach = 3.0 * max(high - low, 1e-9 + 0.02 * abs(middle))
    inside = [value for value in values if low - reach <= value <= high + reach]
    return span(inside or values)


def _dot(frame: Frame, candidate: Candidate, *, x: float, y: float, class_: str, said: str) -> str:
    words = f"{candidate.label}\n{said}"
    radius = 5.5 if "best" in class_ else 4.0
    return element("circle", tip(words), cx=frame.x(x), cy=frame.y(y), r=radius, class_=class_)


def progress(view: RunView) -> str | None:
    """Return best-so-far over time, phases shaded, budgets marked; None before there is any network."""
    line = trace(view.record)
    if not len(line.at_s):
        return None
    values = [view.shown.value(float(score)) for score in line.score]
    budgets = _budget_marks(view)
    end = max([float(line.at_s[-1]), view.record.used_s, *budgets])
    frame = Frame.of((0.0, end * 1.01), _progress_limits(values, line.what), **_WIDE)
    parts = [_phase_bands(view, frame, max(float(line.at_s[-1]), view.record.used_s))]
    parts.append(frame.axes(x_label="seconds since the start, all sessions together", y_label=view.shown.axis, n_x=8))
    parts.append(_budget_lines(view, frame, budgets))
    pixels = [(frame.x(float(at)), frame.y(value)) for at, value in zip(line.at_s, values, strict=True)]
    last = (frame.x(max(view.record.used_s, float(line.at_s[-1]))), pixels[-1][1])
    parts.append(path(steps([*pixels, last])))
    if not frame.y.lo <= values[0] <= frame.y.hi:
        words = f"constant prediction {text.score(values[0])}, beyond the axis"
        x = pixels[1][0] + 10
        parts.append(label(words, x=x, y=pixels[0][1] + (14 if view.shown.lower_is_better else -24), class_="small"))
    for k, (x, y) in enumerate(pixels):
        said = f"{text.score(values[k])} after {text.duration(float(line.at_s[k]))}\n{line.what[k]}"
        class_ = "dot best" if k == len(pixels) - 1 else "dot"
        parts.append(element("circle", tip(said), cx=x, cy=y, r=5.5 if "best" in class_ else 3.5, class_=class_))
    parts.append(_best_label(pixels[-1], text.score(values[-1]), frame, below=view.shown.lower_is_better))
    return draw("".join(parts), name="Best validation score so far over time", **_WIDE)


def _progress_limits(values: Sequence[float], what: Sequence[str]) -> tuple[float, float]:
    """Return limits of the networks' values; the constant prediction counts only while there is no other."""
    networks = [value for value, name in zip(values, what, strict=True) if name != "constant"]
    return span(networks or values, pad=0.16)


def _budget_lines(view: RunView, frame: Frame, budgets: Sequence[float]) -> str:
    parts, free_until = [], frame.x.stop
    given = [session["budget_s"] for session in view.record.sessions if session.get("budget_s")]
    for end, seconds in reversed(list(zip(budgets, given, strict=True))):
        x = frame.x(end)
        words = f"budget {text.duration(float(seconds))}"
        parts.append(element("line", tip(words), x1=x, x2=x, y1=frame.y.stop, y2=frame.y.start, class_="dash"))
        if x <= free_until:
            parts.append(label(words, x=x, y=frame.y.stop - 7, anchor="end", class_="small"))
            free_until = x - 110
    return "".join(parts)


def _best_label(point: tuple[float, float], words: str, frame: Frame, *, below: bool) -> str:
    near_edge = point[0] > frame.x.stop - 70
    y = point[1] + 19 if below else point[1] - 11
    return label(
        words, x=point[0] + (6 if near_edge else 0), y=y, anchor="end" if near_edge else "middle", class_="strong"
    )


def _budget_marks(view: RunView) -> list[float]:
    """Return where each session's budget ends on the run's clock."""
    marks, before = [], 0.0
    for session in view.record.sessions:
        if session.get("budget_s"):
            marks.append(before + float(session["budget_s"]))
        before += float(session.get("used_s") or 0.0)
    return marks


def _phase_bands(view: RunView, frame: Frame, end: float) -> str:
    phases = sorted(view.record.phases, key=lambda phase: phase.began_s)
    parts = []
    for k, phase in enumerate(phases):
        follows = phases[k + 1].began_s if k + 1 < len(phases) else end
        until = phase.began_s + phase.used_s if phase.used_s is not None else follows
        left, right = frame.x(phase.began_s), frame.x(until)
        said = tip(f"{phase.name}: {text.duration(phase.used_s)} used")
        colour = f"band p{colour_of(phase.name)}"
        height = frame.y.start - frame.y.stop
        parts.append(
            element("rect", said, x=left, y=frame.y.stop, width=max(right - left, 0.5), height=height, class_=colour)
        )
        if right - left > 8 * len(phase.name):
            parts.append(label(phase.name, x=(left + right) / 2, y=frame.y.start - 8, anchor="middle", class_="small"))
    return "".join(parts)


def equal_epochs(view: RunView) -> tuple[int, list[tuple[Candidate, float]]]:
    """Return the number of epochs at which most candidates can be compared, and their scores there."""
    at: dict[int, dict[str, tuple[Candidate, float]]] = {}
    for candidate in view.ok:
        for step in candidate.steps:
            if step.score is not None:
                at.setdefault(step.epochs, {})[candidate.arch] = (candidate, step.score)
    if not at:
        return 0, []
    epochs = max(at, key=lambda key: (len(at[key]), -key))
    return epochs, list(at[epochs].values())


def proxy_against_score(view: RunView) -> str | None:
    """Return ExpressFlow against the validation score at equal epochs; None with fewer than two points."""
    epochs, scored = equal_epochs(view)
    points = [(c, c.expressflow, view.shown.value(s)) for c, s in scored if c.expressflow and c.expressflow > 0]
    if len(points) < 2:
        return None
    xs, ys = [x for _, x, _ in points], [y for _, _, y in points]
    log = max(xs) / min(xs) > 20
    frame = Frame.of(span(xs, log=log), axis_limits(ys), log_x=log, **_HALF)
    parts = [
        frame.axes(x_label="ExpressFlow score (no unit)", y_label=f"{view.shown.axis}, after {epochs} epochs", n_x=4)
    ]
    best = view.ok[0].arch
    for candidate, x, y in sorted(points, key=lambda point: point[0].arch == best):
        said = f"ExpressFlow {x:.4g}\n{view.shown.label} {text.score(y)} after {epochs} epochs"
        parts.append(
            _dot(frame, candidate, x=x, y=y, class_="dot best" if candidate.arch == best else "dot", said=said)
        )
    return draw("".join(parts), name="ExpressFlow score against validation score", **_HALF)


def proxy_correlation(view: RunView) -> tuple[float | None, int, int]:
    """Return Spearman's rho of ExpressFlow and score, with the number of points and their epochs."""
    epochs, scored = equal_epochs(view)
    pairs = [(c.expressflow, s) for c, s in scored if c.expressflow is not None]
    table = np.array(pairs, dtype=np.float64).reshape(-1, 2)
    return spearman(table[:, 0], table[:, 1]), len(pairs), epochs


def filter_scores(view: RunView) -> str | None:
    """Return how ExpressFlow scores are spread over what the filter saw, with the trained ones below."""
    scores = view.scores[view.scores > 0]
    if len(scores) < 10 or np.ptp(scores) == 0:
        return None
    log = bool(scores.max() / scores.min() > 20)
    edges = np.geomspace(scores.min(), scores.max(), 49) if log else np.linspace(scores.min(), scores.max(), 49)
    counts, _ = np.histogram(scores, edges)
    frame = Frame.of(
        span(scores[[scores.argmin(), scores.argmax()]].tolist(), log=log, pad=0.02),
        (0.0, float(counts.max()) * 1.08),
        log_x=log,
        **_HALF,
    )
    parts = [frame.axes(x_label="ExpressFlow score (no unit)", y_label="architectures", n_x=4, n_y=4)]
    for n, a, b in zip(counts.tolist(), edges[:-1].tolist(), edges[1:].tolist(), strict=True):
        if n:
            x, y = frame.x(a), frame.y(n)
            said = tip(f"{text.count(n)} architectures from {a:.3g} to {b:.3g}")
            parts.append(
                element(
                    "rect", said, x=x, y=y, width=max(frame.x(b) - x - 1, 1.0), height=frame.y.start - y, class_="bar"
                )
            )
    for candidate in view.candidates:
        if candidate.expressflow and candidate.expressflow > 0:
            x = frame.x(candidate.expressflow)
            parts.append(
                element(
                    "path",
                    tip(f"{candidate.label}: trained"),
                    class_="curve front",
                    d=f"M{x:.1f} {frame.y.start:.1f}v-12",
                )
            )
    return draw("".join(parts), name="Distribution of ExpressFlow scores", **_HALF)


def ecdf(view: RunView) -> str | None:
    """Return the share of trained architectures at or below each score; None with fewer than two."""
    values = sorted(view.shown.value(candidate.score) for candidate in view.ok if candidate.score is not None)
    if len(values) < 2:
        return None
    frame = Frame.of(axis_limits(values), (0.0, 1.04), **_HALF)
    n = len(values)
    way = [(frame.x.start, frame.y(0.0)), *((frame.x(v), frame.y((k + 1) / n)) for k, v in enumerate(values))]
    parts = [frame.axes(x_label=f"best {view.shown.axis}", y_label="share of trained architectures", n_x=4)]
    parts.append(path(steps([*way, (frame.x.stop, frame.y(1.0))])))
    for k, candidate in enumerate(sorted(view.ok, key=lambda c: view.shown.value(c.score or 0.0))):
        class_ = "dot best" if candidate is view.ok[0] else "dot"
        said = f"{view.shown.label} {view.shown.text(candidate.score)}\n{k + 1} of {n} at or below"
        parts.append(_dot(frame, candidate, x=values[k], y=(k + 1) / n, class_=class_, said=said))
    return draw("".join(parts), name="Distribution of validation scores", **_HALF)


def size_against_score(view: RunView) -> str | None:
    """Return parameters against score with the front of small and good ones; None with fewer than two points."""
    points = [(c, c.params, view.shown.value(c.score)) for c in view.ok if c.params and c.score is not None]
    if len(points) < 2:
        return None
    xs = [x for _, x, _ in points]
    log = max(xs) / min(xs) > 3
    frame = Frame.of(span(xs, log=log), axis_limits([y for _, _, y in points]), log_x=log, **_HALF)
    parts = [frame.axes(x_label="parameters", y_label=f"best {view.shown.axis}", n_x=4)]
    front, best = [], -np.inf
    for candidate, x, y in sorted(points, key=lambda point: (point[1], -(point[0].score or 0.0))):
        if (candidate.score or 0.0) > best:
            best = candidate.score or 0.0
            front.append((frame.x(x), frame.y(y)))
    parts.append(path(steps([*front, (frame.x.stop, front[-1][1])]), "curve front"))
    for candidate, x, y in reversed(points):
        said = f"{text.count(x)} parameters\n{view.shown.label} {text.score(y)}, {candidate.epochs} epochs"
        class_ = "dot best" if candidate is view.ok[0] else "dot"
        parts.append(_dot(frame, candidate, x=x, y=y, class_=class_, said=said))
    return draw("".join(parts), name="Parameters against validation score", **_HALF)
