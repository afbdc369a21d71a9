"""SynFlow by one forward pass in single precision: values and derivatives side by side, as a batch of two."""

# Legend: v values, d derivatives by a common factor of all weights; maps [2, ...] hold both.

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from archwright.nets.image_ops import ImageNetwork
from archwright.proxies.copies import Copy

__all__ = ["log_synflow"]

#: Maps are divided by their largest value where it leaves these bounds: far inside single precision's 1e-38 to 1e38.
_LEAST, _MOST = 1e-12, 1e12
#: What is less at the end may have lost terms on the way.
_NOTHING = 1e-25


class _UnknownError(Exception):
    """The network does something of which it is not known that it treats both halves of a batch alike."""


def log_synflow(net: Copy, x: Tensor) -> float | None:
    """Return the natural logarithm of SynFlow; None where this way is not known to be exact.

    For positive weights, biases and inputs no ReLU clips, so a network of convolutions, linear layers, ReLUs, poolings
    and sums is affine in its inputs. Euler: the sum of w dR/dw over all weights is the derivative of R(s w) by s at
    s = 1. So two maps go forward together, v and d: a layer gives W v + b and W d + W v, which is one convolution of
    both. There is no cancellation, as all terms are positive: rounding leaves a relative error of about 1e-6.
    Between the cells of an `ImageNetwork`, where one map is all that is alive, large and small values are scaled and
    the logarithm of the factor is kept; biases after that are scaled alike.

    Args:
        net: Stand-in without BatchNorm, with absolute parameters in float32.
        x: Input of ones [1, ...].

    Source: own derivation. arXiv:2006.05467 for the sum. `saliency.synflow` by autograd is its slow twin.
    """
    flow = _Flow(net)
    both = torch.cat([x, torch.zeros_like(x)]).to(net.dtype).as_subclass(_Both)
    with torch.inference_mode(False), torch.no_grad(), _scaled(net.module, flow):
        _Both.flow = flow
        try:
            outputs = net(both).as_subclass(Tensor)
        except _UnknownError:
            return None
        finally:
            _Both.flow = None
    if outputs.ndim < 1 or len(outputs) != 2:
        return None
    total = float(outputs[1].double().sum())
    # Nearly nothing may be an underflow: whoever asked looks again in double precision.
    return math.log(total) + flow.log_scale if math.isfinite(total) and total > _NOTHING else None


class _Flow:
    """What a pass knows: which tensors are weights, and by what maps were divided so far."""

    def __init__(self, net: Copy) -> None:
        self.weights = {id(tensor) for tensor in net.weights().values()}
        self.log_scale = 0.0

    def rescaled(self, both: Tensor) -> Tensor:
        """Return maps whose largest value is moderate."""
        largest = float(both.max())
        if not math.isfinite(largest) or largest <= 0 or _LEAST < largest < _MOST:
            return both
        self.log_scale += math.log(largest)
        return both / largest

    def layer(self, func: Callable[..., Tensor], x: Tensor, weight: Tensor, bias: Any, rest: dict[str, Any]) -> Tensor:
        """Return both maps after a layer."""
        if id(weight) not in self.weights:
            raise _UnknownError
        y = func(x, weight, None, **rest)
        y[1] += y[0]
        if bias is not None:
            scaled = bias * math.exp(-self.log_scale)
            y[0] += scaled if y.ndim == 2 else scaled.reshape(-1, *[1] * (y.ndim - 2))
        return y


@contextmanager
def _scaled(module: nn.Module, flow: _Flow) -> Iterator[None]:
    """Rescale between the parts of an image network's trunk; the stand-in's modules are nobody else's."""
    trunk: list[nn.Module] = []
    if isinstance(module, ImageNetwork):
        for part in module.body.children():
            trunk += list(part.children()) if type(part) is nn.Sequential else [part]

    def hook(_part: nn.Module, _inputs: Any, output: Tensor) -> Tensor:
        return flow.rescaled(output.as_subclass(Tensor)).as_subclass(_Both)

    # A shared part would be hooked twice, which is harmless: what is moderate stays.
    handles = [part.register_forward_hook(hook) for part in trunk]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


class _Both(Tensor):
    """Values and derivatives [2, ...]; a function that is not known to keep them apart is refused."""

    flow: _Flow | None = None

    @classmethod
    def __torch_function__(
        cls, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        kwargs = kwargs or {}
        if func in _LOOKS:
            return super().__torch_function__(func, types, args, kwargs)  # type: ignore[no-untyped-call]
        rule = _RULES.get(func)
        if rule is None or cls.flow is None:
            raise _UnknownError
        with torch._C.DisableTorchFunctionSubclass():
            result = rule(cls.flow, func, args, kwargs)
        return result.as_subclass(_Both)


_Rule = Callable[[_Flow, Any, tuple[Any, ...], dict[str, Any]], Tensor]


def _layer(flow: _Flow, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Tensor:
    names = ("input", "weight", "bias", "stride", "padding", "dilation", "groups")
    given = {**dict(zip(names, args, strict=False)), **kwargs}
    return flow.layer(func, given.pop("input"), given.pop("weight"), given.pop("bias", None), given)


def _alike(flow: _Flow, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Tensor:
    """Apply what is linear and looks at each half by itself."""
    return func(*args, **kwargs)  # type: ignore[no-any-return]


def _cast(flow: _Flow, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Tensor:
    made: Tensor = func(*args, **kwargs)
    if made.dtype != args[0].dtype:
        raise _UnknownError
    return made


def _largest(flow: _Flow, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Tensor:
    """Take the derivatives from where the largest values are."""
    x: Tensor = args[0] if args else kwargs.pop("input")
    names = ("kernel_size", "stride", "padding", "dilation", "ceil_mode", "return_indices")
    given = {**dict(zip(names, args[1:], strict=False)), **kwargs}
    if given.pop("return_indices", False):
        raise _UnknownError
    values, places = functional.max_pool2d_with_indices(x[:1], **given)
    derivatives = x[1:].flatten(2).gather(2, places.flatten(2)).view_as(values)
    return torch.cat([values, derivatives])


def _relu(flow: _Flow, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Tensor:
    x: Tensor = args[0] if args else kwargs["input"]
    return x


def _sum_of_two(flow: _Flow, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Tensor:
    if kwargs or len(args) != 2 or not all(isinstance(arg, _Both) for arg in args):
        raise _UnknownError
    return torch.add(*args)


def _joined(flow: _Flow, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Tensor:
    dim = kwargs.get("dim", args[1] if len(args) > 1 else 0)
    if not all(isinstance(part, _Both) for part in args[0]) or dim in (0, -args[0][0].ndim):
        raise _UnknownError
    return torch.cat(args[0], dim)


def _mean(flow: _Flow, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Tensor:
    dims = kwargs.get("dim", args[1] if len(args) > 1 else None)
    dims = (dims,) if isinstance(dims, int) else dims
    if not dims or any(dim % args[0].ndim == 0 for dim in dims):
        raise _UnknownError
    return func(*args, **kwargs)  # type: ignore[no-any-return]


def _flattened(flow: _Flow, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Tensor:
    if kwargs.get("start_dim", args[1] if len(args) > 1 else 0) == 0:
        raise _UnknownError
    return func(*args, **kwargs)  # type: ignore[no-any-return]


def _padded(flow: _Flow, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Tensor:
    names = ("input", "pad", "mode", "value")
    given = {**dict(zip(names, args, strict=False)), **kwargs}
    if given.get("mode", "constant") != "constant" or given.get("value"):
        raise _UnknownError
    return func(*args, **kwargs)  # type: ignore[no-any-return]


def _part(flow: _Flow, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Tensor:
    index = args[1]
    if not (isinstance(index, tuple) and index and index[0] == slice(None)) or any(
        not isinstance(each, slice) for each in index
    ):
        raise _UnknownError
    return func(*args, **kwargs)  # type: ignore[no-any-return]


def _zeros(flow: _Flow, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Tensor:
    made: Tensor = func(*args, **kwargs)
    if made.ndim < 2 or len(made) != 2:
        raise _UnknownError
    return made


_LOOKS = frozenset(
    {Tensor.shape.__get__, Tensor.ndim.__get__, Tensor.size, Tensor.dim, Tensor.is_floating_point, Tensor.as_subclass}  # type: ignore[attr-defined]
)
_RULES: dict[Any, _Rule] = {
    **dict.fromkeys((functional.linear, torch.conv1d, torch.conv2d, torch.conv3d), _layer),
    **dict.fromkeys((functional.relu, torch.relu, torch.relu_, Tensor.relu), _relu),
    **dict.fromkeys((functional.avg_pool2d, functional.adaptive_avg_pool2d, Tensor.contiguous), _alike),
    **dict.fromkeys((torch.add, Tensor.add, Tensor.__add__, Tensor.__radd__), _sum_of_two),
    **dict.fromkeys((torch.cat, torch.concat), _joined),
    **dict.fromkeys((torch.mean, Tensor.mean, torch.sum, Tensor.sum), _mean),
    **dict.fromkeys((torch.flatten, Tensor.flatten), _flattened),
    functional.max_pool2d: _largest,
    functional.pad: _padded,
    Tensor.to: _cast,
    Tensor.__getitem__: _part,
    Tensor.new_zeros: _zeros,
}
