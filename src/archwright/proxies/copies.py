"""A stand-in for a user's network: proxies differentiate and perturb it, and the network itself stays as it was."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, get_args

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from archwright.core.errors import ProxyError, require_one_of
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
        module: Shallow copies of the network's modules, which hold `params` and `buffers`.
        params: Parameters by name: leaves of their own that require gradients.
        buffers: Buffers by name, copied.
        layers: Names of the weights of linear and convolutional layers.
        batchnorm: What BatchNorm does.
        dtype: Type of the parameters and of real inputs; None keeps theirs.
    """

    module: nn.Module
    params: dict[str, Tensor]
    buffers: dict[str, Tensor]
    layers: tuple[str, ...]
    batchnorm: BatchNorm
    dtype: torch.dtype | None = None

    def __call__(self, x: Tensor, params: Mapping[str, Tensor] | None = None) -> Tensor:
        """Return the network's outputs for `x` [B, ...], with its own parameters or with `params`."""
        if self.dtype is not None and x.is_floating_point():
            x = x.to(self.dtype)
        with _Bypass(self.batchnorm):
            return self._called(x, params)

    def _called(self, x: Tensor, params: Mapping[str, Tensor] | None) -> Tensor:
        outputs: Tensor
        if params is None and not self.buffers:
            outputs = self.module(x)
        else:
            # Puts everything back afterwards, also buffers that the network replaces; as slow as a small network.
            state = {**(self.params if params is None else params), **self.buffers}
            outputs = torch.func.functional_call(self.module, state, (x,))
        return outputs

    def weights(self) -> dict[str, Tensor]:
        """Return the weights of linear and convolutional layers, by name."""
        return {name: self.params[name] for name in self.layers}


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

    Raises:
        ProxyError: if BatchNorm can do nothing of that name.
    """
    require_one_of(get_args(BatchNorm), ProxyError, batchnorm=batchnorm)
    if isinstance(model, TabularMlp):
        model = nn.Sequential(*model.layers, model.head)
    cloning = _Cloning(batchnorm, dtype, absolute=absolute)
    with torch.inference_mode(False):
        module = cloning.clone(model, "")
    return Copy(module, cloning.params, cloning.buffers, tuple(cloning.layers), batchnorm, dtype)


class _Cloning:
    """One walk over a tree of modules, in the order of `named_parameters`, that copies all that a stand-in needs.

    A walk for each of them takes longer than the forward pass of a small network.
    """

    def __init__(self, batchnorm: BatchNorm, dtype: torch.dtype | None, *, absolute: bool) -> None:
        self.batchnorm, self.dtype, self.absolute = batchnorm, dtype, absolute
        self.params: dict[str, Tensor] = {}
        self.buffers: dict[str, Tensor] = {}
        self.layers: list[str] = []
        # Modules and tensors that a network has in several places it has there in its stand-in, under the first name.
        self._modules: dict[nn.Module, nn.Module] = {}
        self._tensors: dict[Tensor, Tensor] = {}

    def clone(self, part: nn.Module, prefix: str) -> nn.Module:
        """Return a copy of the tree of modules with tensors of its own, in evaluation mode and without hooks."""
        if isinstance(part, nn.modules.dropout._DropoutNd):
            return nn.Identity()
        is_norm = isinstance(part, nn.modules.batchnorm._BatchNorm)
        if is_norm and self.batchnorm == "off":
            return nn.Identity()
        if part not in self._modules:
            self._modules[part] = clone = copy.copy(part)
            # Straight into the dictionary: an assignment to a module looks at the value, which costs more than a copy.
            own = clone.__dict__
            own["training"] = False
            for hooks in ("_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "_backward_pre_hooks"):
                own[hooks] = type(own[hooks])()
            is_layer = isinstance(part, nn.Linear | nn.modules.conv._ConvNd)
            own["_parameters"] = {name: self._param(tensor, prefix + name) for name, tensor in part._parameters.items()}
            if is_layer and prefix + "weight" in self.params:
                self.layers.append(prefix + "weight")
            # Without running values the statistics of BatchNorm are the batch's, in evaluation mode as well.
            dropped = is_norm and self.batchnorm == "batch"
            own["_buffers"] = {
                name: None if dropped else self._buffer(tensor, prefix + name) for name, tensor in part._buffers.items()
            }
            own["_modules"] = {
                name: None if child is None else self.clone(child, f"{prefix}{name}.")
                for name, child in part._modules.items()
            }
        return self._modules[part]

    def _param(self, tensor: Tensor | None, name: str) -> Tensor | None:
        if tensor is not None and tensor not in self._tensors:
            leaf = self._own(tensor)
            self.params[name] = self._tensors[tensor] = (leaf.abs() if self.absolute else leaf).requires_grad_()
        return None if tensor is None else self._tensors[tensor]

    def _buffer(self, tensor: Tensor | None, name: str) -> Tensor | None:
        if tensor is not None and tensor not in self._tensors:
            self.buffers[name] = self._tensors[tensor] = self._own(tensor)
        return None if tensor is None else self._tensors[tensor]

    def _own(self, tensor: Tensor) -> Tensor:
        converts = self.dtype is not None and tensor.is_floating_point()
        return tensor.detach().to(self.dtype if converts else tensor.dtype, copy=True)


class _Bypass(TorchFunctionMode):
    """Does for functions what `_Cloning` does for modules."""

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
