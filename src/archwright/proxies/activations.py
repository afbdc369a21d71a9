"""What the ReLUs of a network give, without any hooks."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

__all__ = ["Activations", "watching"]

_RELU = frozenset(
    {
        torch.relu,
        torch.relu_,
        Tensor.relu,
        Tensor.relu_,
        nn.functional.relu,
        nn.functional.relu_,
        nn.functional.relu6,
        nn.functional.hardtanh,
        torch.clamp_min,
        Tensor.clamp_min,
    }
)
_CLIPPED = frozenset({nn.functional.relu6, nn.functional.hardtanh})


class _Watching(TorchFunctionMode):
    """Tells what every ReLU gives, module or function, in the order of the calls."""

    def __init__(self, tell: Callable[[Tensor], None]) -> None:
        super().__init__()
        self._tell = tell

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        if func not in _RELU or not _is_relu(func, args, kwargs or {}):
            return func(*args, **(kwargs or {}))
        # Never in place: a gradient needs z as it is now.
        z = args[0].clamp(0, 6) if func in _CLIPPED else torch.relu(args[0])
        self._tell(z)
        return z


class Activations(_Watching):
    """Keeps what every ReLU gives, the first called first: `z`, tensors [B, ...].

    Example:
        >>> with Activations() as activations:
        ...     _ = torch.relu(torch.tensor([-1.0, 2.0]))
        >>> activations.z
        [tensor([0., 2.])]
    """

    def __init__(self) -> None:
        self.z: list[Tensor] = []
        super().__init__(self.z.append)


def watching(tell: Callable[[Tensor], None]) -> TorchFunctionMode:
    """Return a context in which `tell` is called with what each ReLU gives; for what is too large to be kept."""
    return _Watching(tell)


def _is_relu(func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> bool:
    """Return whether this call is a ReLU: clamping at zero is, at another number it is not."""
    if not args:
        return False
    if func in (torch.clamp_min, Tensor.clamp_min):
        return bool((args[1] if len(args) > 1 else kwargs.get("min")) == 0)
    if func is nn.functional.hardtanh:
        given = dict(zip(("min_val", "max_val"), args[1:], strict=False)) | kwargs
        return bool(given.get("min_val", -1.0) == 0 and given.get("max_val", 1.0) == 6)
    return True
