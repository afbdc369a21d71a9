"""The networks of NAS-Bench-MR: branches of several resolutions side by side, fused between modules."""

# Legend: B batch, C channels, H height, W width.

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from archwright.core.arch import Arch
from archwright.data.shapes import ImageShape, require_shape
from archwright.nets.image_ops import ImageNetwork, Norm, conv_norm, conv_norm_relu
from archwright.nets.initialise import initialise

if TYPE_CHECKING:
    import numpy as np

    from archwright.spaces.mr import NasBenchMr

__all__ = ["BasicBlock", "Fusion", "MultiResolution", "build"]


class BasicBlock(nn.Module):
    """Two 3x3 convolutions and a residual connection. Source: arXiv:1512.03385."""

    def __init__(self, channels: int, *, norm: Norm) -> None:
        super().__init__()
        self.residual = nn.Sequential(
            conv_norm_relu(channels, channels, 3, norm=norm), conv_norm(channels, channels, 3, norm=norm)
        )

    def forward(self, x: Tensor) -> Tensor:
        """Return maps like `x`."""
        return torch.relu(x + self.residual(x))


class Fusion(nn.Module):
    """Gives each branch the sum of what comes from itself and from both neighbours; may add lower resolutions.

    Branch k has 1 / 2^k of the resolution. From a higher resolution comes a 3x3 convolution of stride 2, from the
    same one a 3x3 convolution, and from a lower one a 1x1 convolution, enlarged. A branch that was not there before
    is a 3x3 convolution of stride 2 of the one above it.

    Args:
        c_in: Channels of the branches that come in.
        c_out: Channels of the branches that go out; not fewer branches.
        norm: What follows convolutions.

    Source: arXiv:2103.13253, section 3, and its released code. Differs: what is enlarged has the wanted size at
    once, where the code doubles it and then interpolates; the same for even sizes.
    """

    def __init__(self, c_in: list[int], c_out: list[int], *, norm: Norm) -> None:
        super().__init__()
        self.inputs = nn.ModuleList()
        for branch, width in enumerate(c_out[: len(c_in)]):
            near = range(max(branch - 1, 0), min(branch + 2, len(c_in)))
            self.inputs.append(
                nn.ModuleDict({str(source): _between(source - branch, c_in[source], width, norm) for source in near})
            )
        new = itertools.pairwise(c_out[len(c_in) - 1 :])
        self.below = nn.ModuleList(conv_norm_relu(above, width, 3, 2, norm=norm) for above, width in new)

    def forward(self, maps: list[Tensor]) -> list[Tensor]:
        """Return the maps of all branches."""
        fused = []
        for inputs in self.inputs:
            assert isinstance(inputs, nn.ModuleDict)
            # The lowest source first, which is never smaller than the branch: its size is the branch's.
            terms = [module(maps[int(source)]) for source, module in inputs.items()]
            total, size = terms[0], terms[0].shape[-2:]
            for term in terms[1:]:
                enlarged = term if term.shape[-2:] == size else nn.functional.interpolate(term, size, mode="nearest")
                total = total + enlarged
            fused.append(torch.relu(total))
        for below in self.below:
            fused.append(below(fused[-1]))
        return fused


def _between(step: int, c_in: int, c_out: int, norm: Norm) -> nn.Module:
    """Return what leads to a branch from the one that lies `step` below it, without the enlargement."""
    if step > 0:
        return conv_norm_relu(c_in, c_out, norm=norm)
    return conv_norm_relu(c_in, c_out, 3, 2 if step < 0 else 1, norm=norm)


class MultiResolution(nn.Module):
    """Modules in a row: a fusion, then residual blocks in every branch. Gives all branches, joined.

    Args:
        modules: For each module the blocks and the channels of its branches.
        c_in: Channels that come in.
        norm: What follows convolutions.
    """

    def __init__(self, modules: list[tuple[list[int], list[int]]], c_in: int, *, norm: Norm) -> None:
        super().__init__()
        self.fusions, self.branches = nn.ModuleList(), nn.ModuleList()
        widths = [c_in]
        for blocks, channels in modules:
            self.fusions.append(Fusion(widths, channels, norm=norm))
            self.branches.append(
                nn.ModuleList(
                    nn.Sequential(*(BasicBlock(width, norm=norm) for _ in range(depth)))
                    for depth, width in zip(blocks, channels, strict=True)
                )
            )
            widths = channels
        self.channels = sum(widths)

    def forward(self, x: Tensor) -> Tensor:
        """Return maps [B, self.channels, H', W'] of the lowest resolution."""
        maps = [x]
        for fusion, branches in zip(self.fusions, self.branches, strict=True):
            assert isinstance(branches, nn.ModuleList)
            maps = [branch(value) for branch, value in zip(branches, fusion(maps), strict=True)]
        size = maps[-1].shape[-2:]
        lowered = [nn.functional.interpolate(value, size, mode="bilinear", align_corners=False) for value in maps[:-1]]
        return torch.cat([*lowered, maps[-1]], dim=1)


def build(
    arch: Arch,
    space: NasBenchMr,
    shape: ImageShape,
    *,
    rng: np.random.Generator,
    batchnorm: bool = True,
    affine: bool = True,
) -> ImageNetwork:
    """Return the network for classification, freshly initialised as torch initialises its layers.

    Two 3x3 convolutions of stride 2, four stages of modules with one to four branches, a 1x1 convolution over all
    branches at the lowest resolution, a 32nd of the image's, and a classifier. All sizes are the architecture's.

    Args:
        arch: The 27 numbers.
        space: Their space.
        shape: Images and classes.
        rng: Draws the initial parameters.
        batchnorm: False leaves BatchNorm out.
        affine: Whether BatchNorm learns a scale and a shift.

    Raises:
        ShapeError: if `shape` is not one of images.
        ArchError: if `arch` is not in `space`.

    Source: arXiv:2103.13253 (NAS-Bench-MR), section 3, and its released code, whose network for classification this
    is; those for other tasks differ behind the branches.
    """
    shape = require_shape(shape, ImageShape, space=space.name)
    numbers = iter(space.numbers(arch))
    norm = Norm(batchnorm, affine)
    first, second = next(numbers), next(numbers)
    modules: list[tuple[list[int], list[int]]] = []
    for branches in range(1, 5):
        repeats = next(numbers)
        blocks, channels = ([next(numbers) for _ in range(branches)] for _ in range(2))
        modules += [(blocks, channels)] * repeats
    last = next(numbers)
    stack = MultiResolution(modules, second, norm=norm)
    body = {
        "stem": nn.Sequential(
            conv_norm_relu(shape.channels, first, 3, 2, norm=norm), conv_norm_relu(first, second, 3, 2, norm=norm)
        ),
        "stages": stack,
        "last": conv_norm_relu(stack.channels, last, norm=norm),
    }
    model = ImageNetwork(body, channels=last, classes=shape.classes)
    initialise(model, rng=rng)
    return model
