"""The networks of NAS-Bench-Macro."""

from __future__ import annotations

from typing import TYPE_CHECKING

from torch import Tensor, nn

from archwright.core.arch import Arch
from archwright.data.shapes import ImageShape, require_shape
from archwright.nets.image_ops import ImageNetwork, Norm, conv_norm, conv_norm_relu, require_counts
from archwright.nets.initialise import initialise

if TYPE_CHECKING:
    import numpy as np

    from archwright.spaces.nb_macro import NasBenchMacro

__all__ = ["InvertedResidual", "build"]

#: Layers of each stage; the first doubles the channels and halves the resolution.
_STAGES = (2, 3, 3)
#: Expansion and kernel of the choices 1 and 2.
_BLOCKS = {1: (3, 3), 2: (6, 5)}


class InvertedResidual(nn.Module):
    """A 1x1 convolution that widens, a depthwise one, and a 1x1 one that narrows; added to its input if it can be.

    Source: arXiv:1801.04381 (MobileNetV2), without its bound on activations, as NAS-Bench-Macro has it.
    """

    def __init__(self, c_in: int, c_out: int, *, expansion: int, kernel: int, stride: int, norm: Norm) -> None:
        super().__init__()
        width = c_in * expansion
        self.residual = nn.Sequential(
            conv_norm_relu(c_in, width, norm=norm),
            conv_norm_relu(width, width, kernel, stride, groups=width, norm=norm),
            conv_norm(width, c_out, norm=norm),
        )
        self.adds = stride == 1 and c_in == c_out

    def forward(self, x: Tensor) -> Tensor:
        """Return maps [B, c_out, ceil(H / stride), ceil(W / stride)]."""
        maps: Tensor = self.residual(x)
        return x + maps if self.adds else maps


def build(
    arch: Arch,
    space: NasBenchMacro,
    shape: ImageShape,
    *,
    rng: np.random.Generator,
    batchnorm: bool = True,
    channels: int = 32,
    last: int = 1280,
) -> ImageNetwork:
    """Return the network of eight layers, freshly initialised as torch initialises its layers.

    Parameters and multiply-adds equal the benchmark's.

    Args:
        arch: The layers.
        space: Their space.
        shape: Images and classes.
        rng: Draws the initial parameters.
        batchnorm: False leaves BatchNorm out.
        channels: Channels of the stem; every stage doubles them.
        last: Channels of the 1x1 convolution in front of the classifier.

    Raises:
        ShapeError: if `shape` is not one of images.
        SpaceError: if a size is not positive.
        ArchError: if `arch` is not in `space`.

    Source: arXiv:2103.11922, section 4, and the released code.
    """
    shape = require_shape(shape, ImageShape, space=space.name)
    require_counts(space.name, channels=channels, last=last)
    norm = Norm(batchnorm)
    choices, layers, width = iter(space.require(arch).genes), [], channels
    for stage, n_layers in enumerate(_STAGES, start=1):
        for place in range(n_layers):
            stride = 2 if place == 0 else 1
            layers.append(_layer(next(choices), width, channels * 2**stage, stride, norm))
            width = channels * 2**stage
    body = {
        "stem": conv_norm_relu(shape.channels, channels, 3, norm=norm),
        "layers": nn.Sequential(*layers),
        "last": conv_norm_relu(width, last, norm=norm),
    }
    model = ImageNetwork(body, channels=last, classes=shape.classes)
    initialise(model, rng=rng)
    return model


def _layer(choice: int, c_in: int, c_out: int, stride: int, norm: Norm) -> nn.Module:
    if choice in _BLOCKS:
        expansion, kernel = _BLOCKS[choice]
        return InvertedResidual(c_in, c_out, expansion=expansion, kernel=kernel, stride=stride, norm=norm)
    return nn.Identity() if stride == 1 else conv_norm(c_in, c_out, 1, stride, norm=norm)
