"""How PNG files of reports look and are written, by matplotlib."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from archwright.core.errors import MissingExtraError
from archwright.core.files import replacing

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["figure_class", "save", "styled"]

_DPI = 150

_STYLE: dict[str, Any] = {
    "font.size": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.spines.left": False,
    "axes.edgecolor": "#c4cad4",
    "axes.labelcolor": "#4a5363",
    "axes.titlesize": 10,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.titlecolor": "#1d2430",
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": "#e9ecf1",
    "grid.linewidth": 0.8,
    "xtick.color": "#5d6778",
    "ytick.color": "#5d6778",
    "ytick.major.size": 0,
    "legend.frameon": False,
    "text.color": "#1d2430",
}


def figure_class() -> type[Figure]:
    """Return matplotlib's figure, which needs no display.

    Raises:
        MissingExtraError: if matplotlib is not installed.
    """
    try:
        from matplotlib.figure import Figure
    except ImportError:
        raise MissingExtraError("PNG files need matplotlib: pip install 'archwright[plots]'") from None
    return Figure


def styled() -> Any:
    """Return a context in which figures are drawn in the style of all reports."""
    import matplotlib

    return matplotlib.rc_context(_STYLE)


def save(figure: Figure, path: Path, *, dpi: int = _DPI) -> None:
    """Write a figure in one step.

    Raises:
        RunError: if the file cannot be written (exit code 1).
    """
    with replacing(path) as beside:
        figure.savefig(beside, format="png", dpi=dpi)
