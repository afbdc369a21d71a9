"""NAS-Bench-201, and NATS-Bench's topology space: 15,625 cells."""

from __future__ import annotations

from archwright.spaces.four_nodes import FourNodeSpace

__all__ = ["NasBench201"]


class NasBench201(FourNodeSpace):
    """The cells of NAS-Bench-201: five operations on each of six edges; 6,466 of the 15,625 are unique.

    The operations are in the order of the official code. `index` is not the official number of an architecture,
    which comes from a list in the benchmark's own file.

    Source: arXiv:2001.00326, section 2.1; arXiv:2009.00437, section 3.1.

    Example:
        >>> space = NasBench201()
        >>> str(space.parse("|avg_pool_3x3~0|+|none~0|skip_connect~1|+|none~0|nor_conv_1x1~1|nor_conv_3x3~2|"))
        'nb201:4.0.1.0.2.3'
    """

    def __init__(self) -> None:
        super().__init__(
            "nb201",
            ("none", "skip_connect", "nor_conv_1x1", "nor_conv_3x3", "avg_pool_3x3"),
            naslib=("skip_connect", "none", "nor_conv_3x3", "nor_conv_1x1", "avg_pool_3x3"),
        )
