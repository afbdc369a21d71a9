"""TEG-NAS's Figure 2 as a picture: what cells look like that one indicator alone would choose."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from archwright.proxies.teg import INDICATORS, Indicators, Name, Subset, describe, exclusive
from archwright.report.png import figure_class, save, styled

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from archwright.core.arch import Arch
    from archwright.spaces.four_nodes import FourNodeSpace

__all__ = ["subsets_of", "write_subsets_png"]

_LABELS: Mapping[Name | str, str] = {
    "kappa": "trainability\n(condition number)",
    "regions": "expressivity\n(linear regions)",
    "mse": "generalisation\n(regression error)",
    "all": "all cells",
}
#: One colour for each operation, in the order of the space.
_COLOURS = ("#b9c1cd", "#7fa8d1", "#f0b775", "#d9743c", "#8fbf9f", "#a48bc2", "#d9a3b5", "#6f7c91")


def subsets_of(
    space: FourNodeSpace, archs: Sequence[Arch], indicators: Indicators, *, share: float = 0.1
) -> dict[str, Subset]:
    """Return the statistics of the cells that each indicator alone would choose, and of `"all"` cells.

    Raises:
        ProxyError: if the share is not between 0 and 1.

    Source: TEG-NAS, eq. 10-12.
    """
    chosen = exclusive(indicators, share=share)
    return {name: describe(space, archs, chosen[name]) for name in INDICATORS} | {"all": describe(space, archs)}


def write_subsets_png(
    path: Path,
    space: FourNodeSpace,
    archs: Sequence[Arch],
    indicators: Indicators,
    *,
    share: float = 0.1,
    title: str = "What each indicator alone would choose",
) -> dict[str, Subset]:
    """Write the picture, and return what it shows.

    Args:
        path: File to write.
        space: Space of the architectures.
        archs: Architectures [N].
        indicators: Their indicators [N].
        share: Share of the architectures that counts as the best of an indicator.
        title: Above the picture.

    Raises:
        ProxyError: if the share is not between 0 and 1.
        MissingExtraError: if matplotlib is not installed.
        RunError: if the file cannot be written (exit code 1).

    Source: TEG-NAS, Figure 2.
    """
    figure_of = figure_class()
    subsets = subsets_of(space, archs, indicators, share=share)
    with styled():
        figure = figure_of(figsize=(8.4, 3.2), layout="constrained")
        operators, depth = figure.subplots(1, 2, width_ratios=(3, 1), sharey=True)
        _draw_operators(operators, subsets)
        _draw_depth(depth, subsets)
        figure.suptitle(title, x=0.012, ha="left", fontsize=11, fontweight="bold")
        save(figure, path)
    return subsets


def _draw_operators(axes: Axes, subsets: Mapping[str, Subset]) -> None:
    left = [0.0] * len(subsets)
    for place, operation in enumerate(subsets["all"].operations):
        shares = [100 * each.operations[operation] if each.n else 0.0 for each in subsets.values()]
        axes.barh(range(len(subsets)), shares, left=left, height=0.62, label=operation, color=_colour(place))
        left = [start + share for start, share in zip(left, shares, strict=True)]
    names = [f"{_LABELS[name]}, n = {each.n}" for name, each in subsets.items()]
    axes.set_yticks(range(len(subsets)), names)
    axes.invert_yaxis()
    axes.grid(axis="y", visible=False)
    axes.set_xlabel("share of the operations, %")
    axes.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=len(subsets["all"].operations), fontsize=7)


def _draw_depth(axes: Axes, subsets: Mapping[str, Subset]) -> None:
    depths = [each.depth if each.n else 0.0 for each in subsets.values()]
    axes.barh(range(len(subsets)), depths, height=0.62, color="#4a6fa5")
    axes.grid(axis="y", visible=False)
    axes.set_xlabel("mean depth of the cells")


def _colour(place: int) -> str:
    return _COLOURS[place % len(_COLOURS)]
