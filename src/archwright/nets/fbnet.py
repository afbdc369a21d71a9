"""The networks of FBNet: inverted residual blocks in a row."""

# Legend: B batch, C channels, H height, W width, G groups.

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from torch import Tensor, nn

from archwright.core.arch import Arch
from archwright.core.errors import ArchError
from archwright.data.shapes import ImageShape, require_shape
from archwright.nets.cell_ops import DepthwiseConv2d
from archwright.nets.image_ops import Conv2d, ImageNetwork, Norm, conv_norm_relu, require_counts
from archwright.nets.initialise import initialise

if TYPE_CHECKING:
    import numpy as np

    from archwright.spaces.fbnet import FbNet

__all__ = ["InvertedResidual", "build"]

#: Layers and channels of each stage. Source: arXiv:1812.03443, table 1.
_DEPTHS = (1, 4, 4, 4, 4, 4, 1)
_WIDTHS = (16, 24, 32, 64, 112, 184, 352)
_STEM = 16

#: Stride of the stem, of the first layer of each stage, and channels of the last convolution. For large images
#: source: arXiv:1812.03443, table 1, and the released models. For small ones source: HW-NAS-Bench.
_LARGE = (2, (1, 2, 2, 2, 1, 2, 1), 1984)
_SMALL = (1, (1, 1, 2, 2, 1, 2, 1), 1504)

#: Images with a shorter side than this are small.
_LARGE_SIDE = 64

_BLOCK = re.compile(r"k(?P<kernel>\d)_e(?P<expansion>\d)(?:_g(?P<groups>\d))?")


class InvertedResidual(nn.Module):
    """Expands the channels, convolves each by itself, and projects; a residual connection where shapes allow one.

    Args:
        c_in: Channels that come in.
        c_out: Channels that go out.
        kernel: Side of the convolution in the middle.
        stride: Its stride.
        expansion: Channels in the middle for each that comes in.
        groups: Groups of both 1x1 convolutions; the channels are mixed between them if there are several.
        norm: What follows convolutions.

    Source: arXiv:1812.03443, figure 3, and the released models: the first 1x1 convolution is there also if it does
    not expand, and no ReLU follows the last one.
    """

    def __init__(
        self, c_in: int, c_out: int, *, kernel: int, stride: int, expansion: int, groups: int, norm: Norm
    ) -> None:
        super().__init__()
        middle = c_in * expansion
        self.expand = conv_norm_relu(c_in, middle, groups=groups, norm=norm)
        self.shuffle = _ChannelShuffle(groups) if groups > 1 else nn.Identity()
        self.depthwise = nn.Sequential(DepthwiseConv2d(middle, kernel, stride), *norm(middle), nn.ReLU())
        self.project = nn.Sequential(Conv2d(middle, c_out, groups=groups), *norm(c_out))
        self.residual = c_in == c_out and stride == 1

    def forward(self, x: Tensor) -> Tensor:
        """Return maps [B, c_out, ceil(H / stride), ceil(W / stride)]."""
        maps: Tensor = self.project(self.depthwise(self.shuffle(self.expand(x))))
        return x + maps if self.residual else maps


class _ChannelShuffle(nn.Module):
    """Channel c of group g goes to place c * G + g, so that the next groups see all of these."""

    def __init__(self, groups: int) -> None:
        super().__init__()
        self.groups = groups

    def forward(self, x: Tensor) -> Tensor:
        """Return maps [B, C, H, W]."""
        batch, channels, height, width = x.shape
        grouped = x.reshape(batch, self.groups, channels // self.groups, height, width)
        return grouped.transpose(1, 2).reshape(batch, channels, height, width)


def build(
    arch: Arch,
    space: FbNet,
    shape: ImageShape,
    *,
    rng: np.random.Generator,
    batchnorm: bool = True,
    affine: bool = True,
    head: int | None = None,
    small: bool | None = None,
) -> ImageNetwork:
    """Return the network of 22 blocks, freshly initialised as torch initialises its layers.

    Args:
        arch: The blocks.
        space: Their space.
        shape: Images and classes.
        rng: Draws the initial parameters.
        batchnorm: False leaves BatchNorm out.
        affine: Whether BatchNorm learns a scale and a shift.
        head: Channels of the 1x1 convolution in front of the classifier; None for 1,984, or 1,504 for small images.
            FBNet-A has 1,504.
        small: Whether the network halves the resolution three times, as HW-NAS-Bench does for CIFAR, and not five
            times; None to decide by the images: those with a side under 64 pixels are small.

    Raises:
        ShapeError: if `shape` is not one of images.
        SpaceError: if `head` is not positive.
        ArchError: if `arch` is not in `space`.

    Source: arXiv:1812.03443 (FBNet), section 3.1, and its released models; arXiv:2103.10584 (HW-NAS-Bench) for small
    images and for a skip that changes the shape. Differs: two released models have a block of two 3x3 convolutions
    in place of one of 5x5, which is not in the space; there is no dropout, which belongs to training.
    """
    shape = require_shape(shape, ImageShape, space=space.name)
    norm = Norm(batchnorm, affine)
    if small is None:
        small = min(shape.height, shape.width) < _LARGE_SIDE
    stem_stride, strides, usual_head = _SMALL if small else _LARGE
    head = usual_head if head is None else head
    require_counts(space.name, head=head)
    blocks: list[nn.Module] = []
    names, c_in = iter(space.operations[gene] for gene in space.require(arch).genes), _STEM
    for depth, width, stride in zip(_DEPTHS, _WIDTHS, strides, strict=True):
        for place in range(depth):
            blocks.append(_block(next(names), c_in, width, 1 if place else stride, norm=norm))
            c_in = width
    body = {
        "stem": conv_norm_relu(shape.channels, _STEM, 3, stem_stride, norm=norm),
        "blocks": nn.Sequential(*blocks),
        "head": conv_norm_relu(c_in, head, norm=norm),
    }
    model = ImageNetwork(body, channels=head, classes=shape.classes)
    initialise(model, rng=rng)
    return model


def _block(name: str, c_in: int, c_out: int, stride: int, *, norm: Norm) -> nn.Module:
    """Return the block of that name; a skip that changes the shape is a 1x1 convolution and a ReLU."""
    if name == "skip":
        return nn.Identity() if c_in == c_out and stride == 1 else conv_norm_relu(c_in, c_out, 1, stride, norm=norm)
    found = _BLOCK.fullmatch(name)
    if found is None:
        raise ArchError(f"a block must read like 'k3_e6' or 'k5_e1_g2', but {name!r} was given")
    kernel, expansion, groups = (int(found[part] or 1) for part in ("kernel", "expansion", "groups"))
    return InvertedResidual(c_in, c_out, kernel=kernel, stride=stride, expansion=expansion, groups=groups, norm=norm)
