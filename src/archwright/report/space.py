"""A search space in a few numbers."""

from __future__ import annotations

from typing import Any

import numpy as np

from archwright.spaces.base import Space

__all__ = ["describe_space"]


def describe_space(space: Space) -> dict[str, Any]:
    """Return `name`, `size`, `decisions`, and for layered networks `layers` and `widths`, with one `example`.

    The example is the same at every call.
    """
    example = space.random(rng=np.random.default_rng(0))
    facts: dict[str, Any] = {
        "name": space.name,
        "size": int(space.size()),
        "decisions": len(space.arities),
        "example": str(example),
    }
    widths_of = getattr(space, "widths_of", None)
    if widths_of is not None:
        facts["layers"] = len(space.arities)
        facts["widths"] = [int(width) for width in getattr(space, "widths", ())]
        facts["example_widths"] = [int(width) for width in widths_of(example)]
    return facts
