"""What a network of FBNet costs on a device: the sum of its layers, from HW-NAS-Bench's table."""

# L 22 layers, O 9 operations, N networks

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from archwright.core.errors import BenchError

__all__ = ["DATASETS", "costs"]

#: Layers and channels of each stage, and channels before the first. Source: arXiv:1812.03443 (FBNet), table 1.
_LAYERS = (1, 4, 4, 4, 4, 4, 1)
_CHANNELS = (16, 24, 32, 64, 112, 184, 352)
_STEM_CHANNELS = 16
#: Expansion, kernel and groups of the operations of space `fbnet`; the last one, skip, has none.
_BLOCKS = ((1, 3, 1), (1, 3, 2), (3, 3, 1), (6, 3, 1), (1, 5, 1), (1, 5, 2), (3, 5, 1), (6, 5, 1))


class _DataSet(NamedTuple):
    """Input size, stride of the first convolution and of each stage, channels of the head, and classes."""

    size: int
    stem_stride: int
    strides: tuple[int, ...]
    head_channels: int
    n_classes: int


#: By the names of HW-NAS-Bench. Source: its hw_nas_bench_api.
DATASETS = {
    "cifar100": _DataSet(32, 1, (1, 1, 2, 2, 1, 2, 1), 1504, 100),
    "ImageNet": _DataSet(224, 2, (1, 2, 2, 2, 1, 2, 1), 1984, 1000),
}


class _Layer(NamedTuple):
    """Input size, channels in and out, stride."""

    size: int
    n_in: int
    n_out: int
    stride: int


def costs(table: Mapping[str, float], dataset: str, genes: npt.NDArray[np.integer]) -> npt.NDArray[np.float64]:
    """Return the costs [N] of networks with `genes` [N, 22]; NaN where a layer could not be measured (-1).

    Args:
        table: Cost of each kind of layer, by the official keys.
        dataset: Name of a data set in `DATASETS`.
        genes: Operations of the layers.

    Raises:
        BenchError: if the table lacks a layer.
    """
    shape = DATASETS[dataset]
    layers = list(_layers(shape))
    by_layer = np.array([[_cost(table, _key(layer, op)) for op in range(len(_BLOCKS) + 1)] for layer in layers])
    fixed = sum(_cost(table, key) for key in _fixed(shape, layers[-1]))
    total: npt.NDArray[np.float64] = by_layer[np.arange(len(layers)), genes].sum(axis=1) + fixed
    return total


def _layers(shape: _DataSet) -> Iterator[_Layer]:
    size, n_in = shape.size // shape.stem_stride, _STEM_CHANNELS
    for n_layers, n_out, stride in zip(_LAYERS, _CHANNELS, shape.strides, strict=True):
        for place in range(n_layers):
            layer = _Layer(size, n_in, n_out, stride if place == 0 else 1)
            yield layer
            size, n_in = size // layer.stride, n_out


def _key(layer: _Layer, op: int) -> str:
    where = f"H{layer.size}_W{layer.size}_Cin{layer.n_in}_Cout{layer.n_out}"
    if op == len(_BLOCKS):
        return f"Skip_{where}_stride{layer.stride}"
    expansion, kernel, groups = _BLOCKS[op]
    return f"ConvBlock_{where}_exp{expansion}_kernel{kernel}_stride{layer.stride}_group{groups}"


def _fixed(shape: _DataSet, last: _Layer) -> tuple[str, ...]:
    """Return the keys of the layers that every network has: the first convolution, and the head."""
    size, head = last.size // last.stride, shape.head_channels
    return (
        f"ConvNorm_H{shape.size}_W{shape.size}_Cin3_Cout{_STEM_CHANNELS}_kernel3_stride{shape.stem_stride}_group1",
        f"ConvNorm_H{size}_W{size}_Cin{last.n_out}_Cout{head}_kernel1_stride1_group1",
        f"AvgP_H{size}_W{size}_Cin{head}_Cout{head}_kernel{size}_stride1",
        f"FC_Cin{head}_Cout{shape.n_classes}",
    )


def _cost(table: Mapping[str, float], key: str) -> float:
    if key not in table:
        raise BenchError(f"a table of HW-NAS-Bench must have every layer of FBNet, but lacks {key!r}")
    cost = float(table[key])
    return cost if cost >= 0 else np.nan
