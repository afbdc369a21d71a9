"""Zero-cost proxies: scores of untrained networks, by one batch of data or none."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from archwright.proxies.scoring import score

__all__ = ["score"]


def __getattr__(name: str) -> Any:
    """Return `score`; loaded when asked for, since whole-space scores need no torch."""
    if name == "score":
        from archwright.proxies.scoring import score

        return score
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
