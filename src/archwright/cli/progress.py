"""The live line of a run: on a terminal only, on standard error, silent when piped."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.text import Text

    from archwright.coordinate.progress import Progress, Watch

__all__ = ["watching"]

BAR_CELLS = 28


@contextmanager
def watching(budget_s: float) -> Iterator[Watch | None]:
    """Give a function that shows progress, or None where nobody is looking."""
    if not sys.stderr.isatty() or os.environ.get("CI") or os.environ.get("TERM") == "dumb":
        yield None
        return
    from rich.console import Console
    from rich.live import Live
    from rich.text import Text

    console = Console(stderr=True, no_color="NO_COLOR" in os.environ)
    with Live(Text(""), console=console, transient=True, refresh_per_second=8) as live:

        def watch(progress: Progress) -> None:
            live.update(_lines(progress))

        yield watch


def _lines(progress: Progress) -> Text:
    from rich.text import Text

    share = min(1.0, progress.used_s / progress.budget_s)
    done = round(share * BAR_CELLS)
    left_s = max(0.0, progress.budget_s - progress.used_s)
    text = Text()
    text.append(f"{progress.phase:<8}", style="bold cyan")
    text.append("━" * done, style="cyan")
    text.append("━" * (BAR_CELLS - done), style="bright_black")
    text.append(f"  {_time(progress.used_s)} used, {_time(left_s)} left\n")
    text.append(f"        {progress.scored:,} scored · {progress.trained:,} trained · {progress.alive} alive")
    if progress.best:
        text.append(f" · best {progress.best}", style="bold green")
    if progress.detail:
        text.append(f"\n        {progress.detail}", style="bright_black")
    return text


def _time(seconds: float) -> str:
    if seconds < 100:
        return f"{seconds:.0f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 100:
        return f"{minutes}:{rest:02d} min"
    return f"{minutes // 60}:{minutes % 60:02d} h"
