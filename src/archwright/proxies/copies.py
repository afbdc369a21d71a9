"""A stand-in for a user's network: proxies differentiate and perturb it, and the network itself stays as it was."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from archwright.nets.mlp import TabularMlp

__all__ = ["BatchNorm", "Copy", "stand_in"]

#: What BatchNorm does: `batch` normalises by the batch's statistics, and writes no running ones; `running` by the
#: stored ones; `off` passes its input on.
BatchNorm = Literal["batch", "running", "off"]

_DROPOUT = frozenset(
    {
        nn.functional.dropout,
        nn.functional.dropout1d,
        nn.functional.dropout2d,
        nn.functional.dropout3d,
        nn.functional.alpha_dropout,
        nn.functional.feature_alpha_dropout,
        torch.dropout,
    }
)


@dataclass(frozen=True, eq=False)
class Copy:
    """A network that can be called with any parameters.

    Args:
        module: Shallow copies of the network's modules; they hold no parameters worth anything.
        params: Parameters by name: leaves of their own that require gradients.
        buffers: Buffers by name, copied.
        batchnorm: What BatchNorm does.
        dtype: Type of the parameters and of real inputs; None keeps theirs.
    """

    module: nn.Module
    params: dict[str, Tensor]
    buffers: dict[str, Tensor]
    batchnorm: BatchNorm
    dtype: torch.dtype | None = None

    def __call__(self, x: Tensor, params: Mapping[str, Tensor] | None = None) -> Tensor:
        """Return the network's outputs for `x` [B, ...], with its own parameters or with `params`."""
        if self.dtype is not None and x.is_floating_point():
            x = x.to(self.dtype)
        state = {**(self.params if params is None else params), **self.buffers}
        with _Bypass(self.batchnorm):
            outputs: Tensor = torch.func.functional_call(self.module, state, (x,))
        return outputs

    def weights(self) -> dict[str, Tensor]:
        """Return the weights of linear and convolutional layers, by name."""
        layers = nn.Linear | nn.modules.conv._ConvNd
        names = {
            f"{prefix}.weight" if prefix else "weight"
            for prefix, part in self.module.named_modules()
            if isinstance(part, layers)
        }
        return {name: tensor for name, tensor in self.params.items() if name in names}


def stand_in(
    model: nn.Module, *, batchnorm: BatchNorm, dtype: torch.dtype | None = None, absolute: bool = False
) -> Copy:
    """Return a stand-in for `model`; the model, its mode, gradients and buffers are never touched.

    Dropout is passed by. Of `nets.mlp.TabularMlp` the stand-in is the dense part, which takes the embeddings.

    Args:
        model: Any network with one tensor as its input.
        batchnorm: What BatchNorm does, as a module or called as a function.
        dtype: Type to calculate in.
        absolute: Take the absolute values of all parameters.
    """
    if isinstance(model, TabularMlp):
        model = nn.Sequential(*model.layers, model.head)
    module = _shallow(model, batchnorm, {})
    with torch.inference_mode(False):
        params = {}
        for name, tensor in module.named_parameters():
            leaf = _own(tensor, dtype)
            params[name] = (leaf.abs() if absolute else leaf).requires_grad_()
        buffers = {name: _own(tensor, dtype) for name, tensor in module.named_buffers()}
    return Copy(module, params, buffers, batchnorm, dtype)


def _shallow(part: nn.Module, batchnorm: BatchNorm, known: dict[nn.Module, nn.Module]) -> nn.Module:
    """Return a copy of the tree of modules that shares their parameters, in evaluation mode and without hooks."""
    if isinstance(part, nn.modules.dropout._DropoutNd):
        return nn.Identity()
    is_norm = isinstance(part, nn.modules.batchnorm._BatchNorm)
    if is_norm and batchnorm == "off":
        return nn.Identity()
    if part not in known:
        known[part] = clone = copy.copy(part)
        # Straight into the dictionary: assignments to a module look at each value, which costs more than the copies.
        own = clone.__dict__
        own["training"] = False
        for hooks in ("_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "_backward_pre_hooks"):
            own[hooks] = type(own[hooks])()
        own["_parameters"], own["_buffers"] = dict(part._parameters), dict(part._buffers)
        own["_modules"] = {
            name: None if child is None else _shallow(child, batchnorm, known) for name, child in part._modules.items()
        }
        if is_norm and batchnorm == "batch":
            # Without running values the statistics are the batch's, in evaluation mode as well.
            clone._buffers = dict.fromkeys(part._buffers)
    return known[part]


def _own(tensor: Tensor, dtype: torch.dtype | None) -> Tensor:
    own = tensor.detach().clone()
    return own.to(dtype) if dtype is not None and own.is_floating_point() else own


class _Bypass(TorchFunctionMode):
    """Does for functions what `_shallow` does for modules."""

    def __init__(self, batchnorm: BatchNorm) -> None:
        super().__init__()
        self._batchnorm = batchnorm

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        kwargs = kwargs or {}
        if func in _DROPOUT:
            return args[0] if args else kwargs["input"]
        if func is nn.functional.batch_norm:
            return self._normalised(func, args, kwargs)
        return func(*args, **kwargs)

    def _normalised(self, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        names = ("input", "running_mean", "running_var", "weight", "bias", "training", "momentum", "eps")
        given = {**dict(zip(names, args, strict=False)), **kwargs}
        if self._batchnorm == "off":
            return given["input"]
        if self._batchnorm == "batch":
            given |= {"running_mean": None, "running_var": None, "training": True}
        else:
            given["training"] = given.get("running_mean") is None
        return func(**given)
