"""Parameters and multiply-adds of a network, as the benchmarks count them."""

# Legend: B batch.

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn import functional
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode

from archwright.data.shapes import ImageShape, Shape, ShapeError, TokenShape
from archwright.nets.inputs import Inputs

__all__ = ["count_flops", "count_params"]

#: BatchNorm in training mode refuses a single row; all counts are proportional to the rows.
_ROWS = 2

_aten = torch.ops.aten


def count_params(model: nn.Module) -> int:
    """Return the number of parameters, frozen ones included and shared ones once; buffers are none."""
    return sum(param.numel() for param in model.parameters())


def count_flops(model: nn.Module, shape: Shape | Inputs, *, biases: bool = True) -> int:
    """Return the multiply-adds of convolutions, linear layers and matrix products for one row of input.

    BatchNorm, activations, pooling and sums are not counted: the convention of NAS-Bench-201, NATS-Bench and
    NAS-Bench-Macro, whose tables call this FLOPs. Whatever the network runs is counted, also what no output
    depends on.

    The network runs on tensors without values, so the cost does not depend on its size: about 7 ms for a full
    network of NAS-Bench-201; the first call of a process also loads torch's rules for shapes, a second or two. A
    network that cannot run so, because its way depends on values, runs in earnest. Parameters,
    buffers and the global generator stay as they were.

    Args:
        model: Any network.
        shape: What it takes. For `Inputs` it is called with numbers and codes.
        biases: Count one for each bias that is added, as NAS-Bench-201 and NATS-Bench do; NAS-Bench-Macro does not.

    Raises:
        ShapeError: if the network fails on such inputs.

    Source: the recorded numbers of arXiv:2001.00326, 2009.00437 and 2103.11922, which this reproduces.
    """
    try:
        counted = _count_abstractly(model, shape, biases=biases)
    except (RuntimeError, NotImplementedError):
        counted = _count_in_earnest(model, shape, biases=biases)
    return counted // _ROWS


def _count_abstractly(model: nn.Module, shape: Shape | Inputs, *, biases: bool) -> int:
    device = torch.device("meta")
    state = {name: torch.empty_like(param, device=device) for name, param in model.named_parameters()}
    state |= {name: torch.empty_like(buffer, device=device) for name, buffer in model.named_buffers()}
    return _run(model, state, _example(model, shape, device), _Layers(biases=biases, abstract=True))


def _count_in_earnest(model: nn.Module, shape: Shape | Inputs, *, biases: bool) -> int:
    device = next((param.device for param in model.parameters()), torch.device("cpu"))
    # Buffers are copied, since BatchNorm writes its own; dropout may draw.
    buffers = {name: buffer.detach().clone() for name, buffer in model.named_buffers()}
    try:
        with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
            return _run(model, buffers, _example(model, shape, device), _Layers(biases=biases, abstract=False))
    except RuntimeError as error:
        raise ShapeError(f"a network must take inputs of {shape} to be counted, but failed: {error}") from error


def _run(model: nn.Module, state: dict[str, Tensor], example: tuple[Tensor, ...], layers: _Layers) -> int:
    with torch.inference_mode(False), torch.no_grad(), layers.products, layers:
        functional_call(model, state, example)
    return layers.products.count


def _example(model: nn.Module, shape: Shape | Inputs, device: torch.device) -> tuple[Tensor, ...]:
    """Return inputs of `shape`; their values do not matter."""
    dtype = next((param.dtype for param in model.parameters() if param.is_floating_point()), torch.float32)
    if isinstance(shape, TokenShape):
        return (torch.zeros(_ROWS, shape.length, dtype=torch.int64, device=device),)
    if isinstance(shape, Inputs):
        codes = torch.zeros(_ROWS, len(shape.cardinalities), dtype=torch.int64, device=device)
        return torch.ones(_ROWS, shape.n_numeric, dtype=dtype, device=device), codes
    size = (shape.channels, shape.height, shape.width) if isinstance(shape, ImageShape) else (shape.features,)
    return (torch.ones(_ROWS, *size, dtype=dtype, device=device),)


class _Products(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Counts the multiply-adds of all matrix products and convolutions that run inside."""

    def __init__(self, *, biases: bool) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.biases, self.count = biases, 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = func(*args, **(kwargs or {}))
        cost = _COSTS.get(func.overloadpacket)
        if cost is not None:
            self.count += cost(args, result, self.biases)
        return result


class _Layers(TorchFunctionMode):
    """Counts linear layers and convolutions as a whole, biases included, before they become products.

    Args:
        biases: Whether to count them.
        abstract: Tensors have no values, so give the result's shape without running anything, also of the most
            frequent operations that are not counted. Torch's own rules for shapes take fifteen times as long.
    """

    def __init__(self, *, biases: bool, abstract: bool) -> None:
        super().__init__()
        self.biases, self.abstract = biases, abstract
        self.products = _Products(biases=biases)

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        if self.abstract and args and (func in _LIKE_INPUT or (func in _ELEMENTWISE and _alike(*args[:2]))):
            return args[0]
        shape_of = _LAYERS.get(func)
        if shape_of is None:
            return func(*args, **kwargs)
        given = dict(zip(_ARGUMENTS, args, strict=False)) | kwargs
        before = self.products.count
        result = given["input"].new_empty(shape_of(**given)) if self.abstract else func(*args, **kwargs)
        per_output = given["weight"][0].numel() + (self.biases and given.get("bias") is not None)
        self.products.count = before + result.numel() * per_output
        return result


_ARGUMENTS = ("input", "weight", "bias", "stride", "padding", "dilation", "groups")


#: What gives a tensor like its first argument.
_LIKE_INPUT = {
    *(functional.batch_norm, functional.dropout, functional.relu, functional.relu6, functional.hardtanh),
    *(torch.relu, Tensor.relu),
}
#: What does so if the second is alike, or no tensor.
_ELEMENTWISE = {torch.add, torch.mul, Tensor.add, Tensor.mul, Tensor.__add__, Tensor.__mul__}


def _alike(first: object, second: object = None) -> bool:
    if not isinstance(second, Tensor):
        return True
    return isinstance(first, Tensor) and first.shape == second.shape and first.dtype == second.dtype


def _linear_shape(input: Tensor, weight: Tensor, bias: Tensor | None = None) -> tuple[int, ...]:
    if input.shape[-1] != weight.shape[1]:
        raise ShapeError(f"a linear layer must see {weight.shape[1]} numbers, not {input.shape[-1]}")
    return (*input.shape[:-1], weight.shape[0])


def _conv_shape(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Any = 1,
    padding: Any = 0,
    dilation: Any = 1,
    groups: int = 1,
) -> tuple[int, ...]:
    kernel = weight.shape[2:]
    rank = len(kernel)
    if input.shape[-rank - 1] != weight.shape[1] * groups:
        raise ShapeError(f"a convolution must see {weight.shape[1] * groups} channels, not {input.shape[-rank - 1]}")
    if padding == "same":
        sides = tuple(input.shape[-rank:])
    else:
        pads = _each(0 if padding == "valid" else padding, rank)
        steps = zip(input.shape[-rank:], kernel, _each(stride, rank), pads, _each(dilation, rank), strict=True)
        sides = tuple((side + 2 * pad - gap * (k - 1) - 1) // step + 1 for side, k, step, pad, gap in steps)
    return (*input.shape[: -rank - 1], weight.shape[0], *sides)


def _each(value: Any, rank: int) -> tuple[int, ...]:
    values = (value,) if isinstance(value, int) else tuple(value)
    return values * rank if len(values) == 1 else values


_LAYERS: dict[Any, Callable[..., tuple[int, ...]]] = {
    functional.linear: _linear_shape,
    functional.conv1d: _conv_shape,
    functional.conv2d: _conv_shape,
    functional.conv3d: _conv_shape,
}


def _convolution(args: tuple[Any, ...], result: Tensor, biases: bool) -> int:
    x, weight, bias, *_ = args
    # Of a transposed convolution each input, of any other each output, sees one kernel.
    transposed = args[6]
    sums = result.numel() if biases and bias is not None else 0
    return int((x if transposed else result).numel() * weight[0].numel() + sums)


def _product(args: tuple[Any, ...], result: Tensor, biases: bool) -> int:
    return result.numel() * int(args[0].shape[-1])


def _product_and_sum(args: tuple[Any, ...], result: Tensor, biases: bool) -> int:
    return result.numel() * (int(args[1].shape[-1]) + biases)


#: Of what is left: transposed convolutions, recurrent layers, attention, products that a network writes itself.
_COSTS: dict[Any, Callable[[tuple[Any, ...], Tensor, bool], int]] = {
    _aten.convolution: _convolution,
    _aten.mm: _product,
    _aten.bmm: _product,
    _aten.addmm: _product_and_sum,
    _aten.baddbmm: _product_and_sum,
}
