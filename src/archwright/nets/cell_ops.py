"""Operations of the cells of DARTS and its relatives, by the names that genotypes have for them."""

# Legend: B batch, C channels, H height, W width.

from __future__ import annotations

from torch import nn

from archwright.core.errors import ArchError
from archwright.nets.image_ops import Conv2d, FactorizedReduce, Norm

__all__ = ["DepthwiseConv2d", "cell_op", "dilated_conv", "separable_conv"]


class DepthwiseConv2d(nn.Conv2d):
    """A convolution of each channel by itself that waits for its initial values; padded to keep the size.

    Args:
        channels: Channels that come in and go out.
        kernel: Side of the kernel.
        stride: Step between outputs.
        dilation: Step between the pixels that one output sees.
    """

    def __init__(self, channels: int, kernel: int, stride: int = 1, *, dilation: int = 1) -> None:
        padding = dilation * (kernel // 2)
        super().__init__(
            channels, channels, kernel, stride, padding=padding, dilation=dilation, groups=channels, bias=False
        )

    def reset_parameters(self) -> None:
        """Draw nothing: `initialise` does."""


def cell_op(name: str, channels: int, stride: int, *, norm: Norm) -> nn.Module:
    """Return an operation that maps [B, C, H, W] to [B, C, ceil(H / stride), ceil(W / stride)].

    Raises:
        ArchError: if there is no such operation.

    Source: arXiv:1806.09055 (DARTS), section 3.1.1, and its released code.
    """
    match name:
        case "skip_connect":
            return nn.Identity() if stride == 1 else FactorizedReduce(channels, channels, norm=norm)
        case "max_pool_3x3":
            return nn.MaxPool2d(3, stride, padding=1)
        case "avg_pool_3x3":
            return nn.AvgPool2d(3, stride, padding=1, count_include_pad=False)
        case "sep_conv_3x3" | "sep_conv_5x5":
            return separable_conv(channels, int(name[-1]), stride, norm=norm)
        case "dil_conv_3x3" | "dil_conv_5x5":
            return dilated_conv(channels, int(name[-1]), stride, norm=norm)
    raise ArchError(f"an operation of a cell must be one of those of DARTS, but {name!r} was given")


def separable_conv(channels: int, kernel: int, stride: int = 1, *, norm: Norm) -> nn.Sequential:
    """Return two depthwise separable convolutions in a row, each behind a ReLU; the first has the stride."""
    return nn.Sequential(
        *_relu_separable(channels, kernel, stride, dilation=1, norm=norm),
        *_relu_separable(channels, kernel, 1, dilation=1, norm=norm),
    )


def dilated_conv(channels: int, kernel: int, stride: int = 1, *, norm: Norm) -> nn.Sequential:
    """Return a depthwise separable convolution behind a ReLU that sees every other pixel."""
    return nn.Sequential(*_relu_separable(channels, kernel, stride, dilation=2, norm=norm))


def _relu_separable(channels: int, kernel: int, stride: int, *, dilation: int, norm: Norm) -> tuple[nn.Module, ...]:
    depthwise = DepthwiseConv2d(channels, kernel, stride, dilation=dilation)
    return nn.ReLU(), depthwise, Conv2d(channels, channels), *norm(channels)
