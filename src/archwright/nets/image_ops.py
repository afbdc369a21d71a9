"""Parts of networks for images, and their common shape: a body, global pooling, a linear classifier.

The layers here wait for their initial values: whoever builds a network calls `initialise` once at the end, so that
building draws nothing from the global generator and costs no second draw.
"""

# Legend: B batch, C channels, H height, W width.

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from archwright.core.errors import SpaceError

__all__ = [
    "Conv2d",
    "FactorizedReduce",
    "ImageNetwork",
    "Linear",
    "Norm",
    "conv_norm",
    "conv_norm_relu",
    "relu_conv_norm",
    "require_counts",
]


class Conv2d(nn.Conv2d):
    """A convolution that waits for its initial values; by default without bias, and padded to keep the size.

    Args:
        c_in: Channels that come in.
        c_out: Channels that go out.
        kernel: Side of the kernel.
        stride: Step between outputs.
        groups: Groups of channels that do not see each other.
        bias: Whether outputs have a bias. BatchNorm makes it superfluous.
    """

    def __init__(
        self, c_in: int, c_out: int, kernel: int = 1, stride: int = 1, *, groups: int = 1, bias: bool = False
    ) -> None:
        super().__init__(c_in, c_out, kernel, stride, padding=kernel // 2, groups=groups, bias=bias)

    def reset_parameters(self) -> None:
        """Draw nothing: `initialise` does."""


class Linear(nn.Linear):
    """A linear layer that waits for its initial values."""

    def reset_parameters(self) -> None:
        """Draw nothing: `initialise` does."""


@dataclass(frozen=True)
class Norm:
    """What follows a convolution: BatchNorm of one kind, or nothing.

    Args:
        batchnorm: False for nothing.
        affine: Whether it learns a scale and a shift.
        momentum: Weight of the new batch in the running statistics.
    """

    batchnorm: bool = True
    affine: bool = True
    momentum: float = 0.1

    def __call__(self, channels: int) -> tuple[nn.Module, ...]:
        """Return the one layer, or none."""
        if not self.batchnorm:
            return ()
        return (nn.BatchNorm2d(channels, affine=self.affine, momentum=self.momentum),)


def conv_norm(c_in: int, c_out: int, kernel: int = 1, stride: int = 1, *, norm: Norm, groups: int = 1) -> nn.Sequential:
    """Return a convolution and its normalisation."""
    return nn.Sequential(Conv2d(c_in, c_out, kernel, stride, groups=groups), *norm(c_out))


def conv_norm_relu(
    c_in: int, c_out: int, kernel: int = 1, stride: int = 1, *, norm: Norm, groups: int = 1
) -> nn.Sequential:
    """Return a convolution, its normalisation and a ReLU."""
    return nn.Sequential(Conv2d(c_in, c_out, kernel, stride, groups=groups), *norm(c_out), nn.ReLU())


def relu_conv_norm(c_in: int, c_out: int, kernel: int = 1, stride: int = 1, *, norm: Norm) -> nn.Sequential:
    """Return a ReLU, a convolution and its normalisation."""
    return nn.Sequential(nn.ReLU(), Conv2d(c_in, c_out, kernel, stride), *norm(c_out))


class FactorizedReduce(nn.Module):
    """Halves the resolution without losing pixels: two 1x1 convolutions of stride 2, one of them shifted by a pixel.

    Each gives half of the channels. A ReLU stands in front, which the one of ENAS has not.

    Source: arXiv:1806.09055 (DARTS) and its released code; the released code of arXiv:1802.03268 (ENAS).
    """

    def __init__(self, c_in: int, c_out: int, *, norm: Norm, relu: bool = True) -> None:
        super().__init__()
        self.relu = nn.ReLU() if relu else nn.Identity()
        self.even = Conv2d(c_in, c_out // 2, stride=2)
        self.odd = Conv2d(c_in, c_out - c_out // 2, stride=2)
        self.norm = nn.Sequential(*norm(c_out))

    def forward(self, x: Tensor) -> Tensor:
        """Return maps [B, c_out, ceil(H / 2), ceil(W / 2)]."""
        x = self.relu(x)
        # A row and a column of zeros at the end, so that odd sizes give maps of equal size.
        shifted = nn.functional.pad(x, (0, 1, 0, 1))[:, :, 1:, 1:]
        maps: Tensor = self.norm(torch.cat((self.even(x), self.odd(shifted)), dim=1))
        return maps


class ImageNetwork(nn.Module):
    """A body, global average pooling, and a linear classifier.

    Args:
        body: Its parts by name, in their order.
        channels: Channels that the body gives.
        classes: Number of logits.
    """

    def __init__(self, body: Mapping[str, nn.Module], *, channels: int, classes: int) -> None:
        super().__init__()
        self.body = nn.Sequential(OrderedDict(body))
        self.classifier = Linear(channels, classes)

    def features(self, x: Tensor) -> Tensor:
        """Return the maps [B, C, H, W] before global pooling."""
        maps: Tensor = self.body(x)
        return maps

    def forward(self, x: Tensor) -> Tensor:
        """Return logits [B, classes]."""
        logits: Tensor = self.classifier(self.features(x).mean((2, 3)))
        return logits


def require_counts(space: str, **sizes: int) -> None:
    """Check sizes of a network that must be positive integers.

    Raises:
        SpaceError: if one is not.
    """
    for name, size in sizes.items():
        if isinstance(size, bool) or not isinstance(size, int) or size < 1:
            raise SpaceError(f"{name} of a network of {space!r} must be a whole number, one or more, not {size!r}")
