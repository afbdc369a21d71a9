"""Whether the networks that proxies score have weights of their own, or share one draw and are scored together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal, get_args

from archwright.core.catalog import suggestion
from archwright.core.errors import RunError, UnknownNameError
from archwright.spaces.tabular_mlp import TabularMlp

if TYPE_CHECKING:
    from archwright.spaces.base import Space

__all__ = ["OWN", "SHARED", "Weights", "chosen_weights", "read_weights"]

#: `shared`: the networks of a width space are corners of one draw. `own`: each is drawn by itself. `auto`: shared
#: where it can be.
Weights = Literal["auto", "shared", "own"]
OWN, SHARED = "own", "shared"


def read_weights(text: str) -> Weights:
    """Return the choice that `text` names.

    Raises:
        UnknownNameError: if there is no such one.
    """
    for name in get_args(Weights):
        if name == text:
            known: Weights = name
            return known
    raise UnknownNameError(f"weights must be auto, shared or own. {suggestion(text, get_args(Weights))}")


def chosen_weights(
    weights: Weights, spaces: Sequence[Space], *, init: str, size: Mapping[str, Any]
) -> Literal["shared", "own"]:
    """Return whether networks of these spaces share their weights.

    Args:
        weights: What was asked for.
        spaces: Spaces of a ranking or study.
        init: How parameters are drawn.
        size: Keywords of the networks' builder.

    Raises:
        RunError: if they shall share weights and cannot.
        UnknownNameError: if there is no such choice.
    """
    weights = read_weights(weights)
    can = all(isinstance(space, TabularMlp) for space in spaces) and init == "torch" and not size
    if weights == SHARED and not can:
        names = ", ".join(dict.fromkeys(space.name for space in spaces))
        raise RunError(
            f"networks can share weights in spaces of tabular MLPs, drawn as torch does it and of no other size, but "
            f"these are of {names} with init {init!r}{' and a size' if size else ''}; leave out --weights"
        )
    return "shared" if can and weights != OWN else "own"
