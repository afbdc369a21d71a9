"""Where the time went: planned and used seconds per phase and session."""

from __future__ import annotations

from dataclasses import dataclass

from archwright.coordinate.record import RunRecord
from archwright.report import text
from archwright.report.svg import Scale, draw, element, label, tip

__all__ = ["Line", "bars", "colour_of", "lines"]

_WIDTH, _BAR = 960.0, 26.0
#: Colours of the palette by phase, so that a phase looks the same on every page.
_COLOURS = {"read": 0, "prepare": 1, "encode": 6, "profile": 2, "filter": 4, "refine": 3, "finish": 5}
#: What belongs to no phase: the start of the process, and moments between phases.
REST = "start and rest"


@dataclass(frozen=True, slots=True)
class Line:
    """Seconds of one phase of one session; `colour` is the same for a phase in all sessions."""

    session: int
    name: str
    planned_s: float | None
    used_s: float | None
    colour: int


def colour_of(phase: str) -> int:
    """Return the number of a phase's colour in the palette; 7 for phases that are not known."""
    return _COLOURS.get(phase, 7)


def lines(record: RunRecord) -> list[Line]:
    """Return the accounts, with a line for the time of a session that belongs to no phase.

    A phase that has no end yet (this page is made inside the last one) lasts until the session's latest second.
    """
    found: list[Line] = []
    ended_s = 0.0
    for number, session in enumerate(record.sessions, start=1):
        merged: dict[str, Line] = {}
        total = session.get("used_s")
        ended_s += float(total or 0.0)
        for phase in (phase for phase in record.phases if phase.session == number):
            old = merged.get(phase.name)
            planned, used = phase.planned_s, phase.used_s
            if used is None and total is not None:
                used = max(0.0, ended_s - phase.began_s)
            if old is not None:
                planned = _sum(old.planned_s, planned)
                used = _sum(old.used_s, used)
            merged[phase.name] = Line(number, phase.name, planned, used, colour_of(phase.name))
        found += merged.values()
        inside = sum(line.used_s or 0.0 for line in merged.values())
        if merged and total is not None and total - inside >= 0.005:
            found.append(Line(number, REST, None, float(total) - inside, 7))
    return found


def _sum(a: float | None, b: float | None) -> float | None:
    known = [value for value in (a, b) if value is not None]
    return sum(known) if known else None


def bars(record: RunRecord) -> str | None:
    """Return one stacked bar of used seconds per session, its budget marked; None without any phase."""
    accounts = lines(record)
    if not accounts:
        return None
    sessions = sorted({line.session for line in accounts})
    most = max(max(_total(accounts, n), float(record.sessions[n - 1].get("budget_s") or 0.0)) for n in sessions)
    scale = Scale(0.0, most * 1.02 or 1.0, 88.0, _WIDTH - 14.0)
    legend, top = _legend(accounts)
    height = top + len(sessions) * (_BAR + 22.0) + 34.0
    parts = [legend]
    for k, number in enumerate(sessions):
        y = top + 12.0 + k * (_BAR + 22.0)
        parts.append(label(f"session {number}", x=4, y=y + 17))
        parts.append(_bar([line for line in accounts if line.session == number], scale, y))
        budget = float(record.sessions[number - 1].get("budget_s") or 0.0)
        if budget:
            x = scale(budget)
            parts.append(
                element(
                    "line", tip(f"budget {text.duration(budget)}"), x1=x, x2=x, y1=y - 7, y2=y + _BAR + 7, class_="mark"
                )
            )
    base = height - 28.0
    ticks = scale.ticks(8)
    parts += [
        label(name, x=scale(value), y=base, anchor="middle", class_="small")
        for value, name in zip(ticks, scale.names(ticks), strict=True)
    ]
    parts.append(
        label(
            "seconds of each session; upright line: its budget",
            x=(scale.start + scale.stop) / 2,
            y=base + 20,
            anchor="middle",
        )
    )
    return draw("".join(parts), width=_WIDTH, height=height, name="Seconds used per phase")


def _total(accounts: list[Line], session: int) -> float:
    return sum(line.used_s or 0.0 for line in accounts if line.session == session)


def _bar(accounts: list[Line], scale: Scale, y: float) -> str:
    parts, done = [], 0.0
    for line in accounts:
        used = line.used_s or 0.0
        x, stop = scale(done), scale(done + used)
        done += used
        said = tip(f"{line.name}: {text.duration(used)}")
        parts.append(element("rect", said, x=x, y=y, width=max(stop - x, 0.5), height=_BAR, class_=f"p{line.colour}"))
        words = f"{line.name} {text.duration(used)}"
        if stop - x > 7.0 * len(words) + 12:
            parts.append(label(words, x=x + 8, y=y + 17, class_="inside"))
    return "".join(parts)


def _legend(accounts: list[Line]) -> tuple[str, float]:
    """Return the legend and the height it takes."""
    parts, x, y = [], 88.0, 12.0
    for name, colour in dict.fromkeys((line.name, line.colour) for line in accounts):
        room = 26.0 + 7.2 * len(name)
        if x + room > _WIDTH:
            x, y = 88.0, y + 20.0
        parts.append(element("rect", x=x, y=y - 10, width=11.0, height=11.0, rx=2.0, class_=f"p{colour}"))
        parts.append(label(name, x=x + 16, y=y, class_="small"))
        x += room + 8
    return "".join(parts), y + 6.0
