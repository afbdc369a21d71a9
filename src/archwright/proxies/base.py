"""What a proxy is: a plain function of a network and a batch that says what it needs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    import torch

__all__ = ["Batch", "proxy"]

Function = TypeVar("Function", bound=Callable[..., float])


@dataclass(frozen=True)
class Batch:
    """What a proxy may look at beside the network.

    Args:
        x: Inputs [B, ...].
        y: Targets [B] or [B, ...]; None for proxies that need no labels.
    """

    x: torch.Tensor
    y: torch.Tensor | None = None


def proxy(*, batchnorm: bool, labels: bool, higher_is_better: bool, source: str) -> Callable[[Function], Function]:
    """Return a decorator that declares a zero-cost proxy; the function itself stays as it is.

    The function takes `(model, batch)` and keyword-only options, gives a float, leaves the model as it was,
    and is deterministic. It gets the attributes `needs` (a frozenset of `"batchnorm"`, `"labels"`),
    `direction` (1: higher is better, -1: lower) and `source`. Scores are never negated; whoever ranks looks
    at `direction`.

    Args:
        batchnorm: Whether the network should keep its BatchNorm layers.
        labels: Whether `batch.y` must be given.
        higher_is_better: Direction of the returned value.
        source: Paper, section or equation.
    """
    needs = frozenset(name for name, wanted in (("batchnorm", batchnorm), ("labels", labels)) if wanted)

    def declare(function: Function) -> Function:
        subject: Any = function
        subject.needs, subject.direction, subject.source = needs, 1 if higher_is_better else -1, source
        return function

    return declare
