"""The networks of six ENAS layers that D-VAE learned from."""

# Legend: B batch, C channels, H height, W width.

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from archwright.core.arch import Arch
from archwright.core.errors import ArchError
from archwright.data.shapes import ImageShape, require_shape
from archwright.nets.cell_ops import DepthwiseConv2d
from archwright.nets.image_ops import (
    Conv2d,
    FactorizedReduce,
    ImageNetwork,
    Norm,
    conv_norm,
    relu_conv_norm,
    require_counts,
)
from archwright.nets.initialise import initialise

if TYPE_CHECKING:
    import numpy as np

    from archwright.spaces.enas_dvae import EnasDvae

__all__ = ["LinkedLayers", "build"]


class LinkedLayers(nn.Module):
    """Layers in a row, each of which also reads some of the earlier ones; twice the resolution halves.

    Layer i applies its operation to the layer before it; if it reads further ones, or is not the first, a 1x1
    convolution joins all of them. Behind the layers at one and two thirds of the depth everything that was computed
    so far is halved, and the channels double.

    Args:
        layers: For each layer the name of its operation and the earlier layers it reads besides the one before it,
            0 being what comes in.
        channels: Channels that come in.
        separable: Whether `sep3` and `sep5` are separable convolutions; False as in the released code.
        norm: What follows convolutions.
    """

    def __init__(self, layers: list[tuple[str, list[int]]], channels: int, *, separable: bool, norm: Norm) -> None:
        super().__init__()
        third = len(layers) // 3
        #: Layers, from 1, behind which the resolution halves.
        self.halvings = (third, 2 * third)
        self.links = [links for _, links in layers]
        self.ops, self.joins, self.reductions = nn.ModuleList(), nn.ModuleList(), nn.ModuleList()
        for number, (name, links) in enumerate(layers, start=1):
            self.ops.append(_operation(name, channels, separable=separable, norm=norm))
            join = relu_conv_norm((1 + len(links)) * channels, channels, norm=norm) if number > 1 else nn.Identity()
            self.joins.append(join)
            if number in self.halvings:
                halves = (FactorizedReduce(channels, 2 * channels, norm=norm, relu=False) for _ in range(1 + number))
                self.reductions.append(nn.ModuleList(halves))
                channels *= 2
        self.channels = channels

    def forward(self, x: Tensor) -> Tensor:
        """Return the output of the last layer [B, self.channels, H', W']."""
        values, reductions = [x], iter(self.reductions)
        for number, (op, join, links) in enumerate(zip(self.ops, self.joins, self.links, strict=True), start=1):
            parts = [*(values[link] for link in links), op(values[-1])]
            values.append(join(torch.cat(parts, dim=1)))
            if number in self.halvings:
                halves = next(reductions)
                assert isinstance(halves, nn.ModuleList)
                values = [halve(value) for halve, value in zip(halves, values, strict=True)]
        return values[-1]


def _operation(name: str, channels: int, *, separable: bool, norm: Norm) -> nn.Module:
    match name:
        case "avg3":
            return nn.AvgPool2d(3, 1, padding=1, count_include_pad=False)
        case "max3":
            return nn.MaxPool2d(3, 1, padding=1)
        case "conv3" | "conv5" | "sep3" | "sep5":
            first, kernel = relu_conv_norm(channels, channels, norm=norm), int(name[-1])
            if not (separable and name.startswith("sep")):
                return nn.Sequential(first, relu_conv_norm(channels, channels, kernel, norm=norm))
            depthwise = DepthwiseConv2d(channels, kernel)
            return nn.Sequential(first, nn.ReLU(), depthwise, Conv2d(channels, channels), *norm(channels))
    raise ArchError(f"an operation must be one of conv3, sep3, conv5, sep5, avg3, max3, but {name!r} was given")


def build(
    arch: Arch,
    space: EnasDvae,
    shape: ImageShape,
    *,
    rng: np.random.Generator,
    batchnorm: bool = True,
    channels: int = 96,
    affine: bool = True,
    separable: bool = True,
) -> ImageNetwork:
    """Return the network of six layers, freshly initialised as torch initialises its layers.

    It is the network that D-VAE trains from scratch, with 96 channels; the accuracies in its data are of a
    weight-sharing network of another form.

    Args:
        arch: The layers.
        space: Their space.
        shape: Images and classes.
        rng: Draws the initial parameters.
        batchnorm: False leaves BatchNorm out.
        channels: Channels of the first layers.
        affine: Whether BatchNorm learns a scale and a shift.
        separable: Whether `sep3` and `sep5` are separable convolutions, as the papers say. The released code for
            training from scratch makes them full convolutions, which False does.

    Raises:
        ShapeError: if `shape` is not one of images.
        SpaceError: if `channels` is not positive.
        ArchError: if `arch` is not in `space`.

    Source: arXiv:1802.03268 (ENAS), section 2.3; the released code of arXiv:1904.11088 (D-VAE) and of ENAS.
    Differs: the classifier has a bias; there is no dropout.
    """
    shape = require_shape(shape, ImageShape, space=space.name)
    require_counts(space.name, channels=channels)
    layers = [
        (space.operations[op], [source for source, link in enumerate(links) if link])
        for op, *links in space.layers(arch)
    ]
    norm = Norm(batchnorm, affine)
    stack = LinkedLayers(layers, channels, separable=separable, norm=norm)
    body = {"stem": conv_norm(shape.channels, channels, 3, norm=norm), "layers": stack}
    model = ImageNetwork(body, channels=stack.channels, classes=shape.classes)
    initialise(model, rng=rng)
    return model
