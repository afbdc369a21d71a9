"""Several trained networks that answer together: the mean of their outputs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from archwright.core.errors import NasError
from archwright.nets.frozen import FrozenNet
from archwright.nets.inputs import Inputs
from archwright.nets.storage import Arrays

__all__ = ["Committee", "Net", "stored_net"]


class Committee:
    """A network of parallel branches: each member reads the same fields, the output is the mean of the members' logits.

    Used where a `FrozenNet` is; its `widths` and `encoding` are those of the first member, the best one alone.

    Args:
        members: Two networks or more of one task, the best first.

    Raises:
        NasError: if there are fewer, or they do not read the same fields.

    Source: the mean of networks that were trained independently, Lakshminarayanan et al., arXiv:1612.01474.
    Differs: members differ in architecture too, and logits are averaged, so that the committee is one network.
    """

    def __init__(self, members: Sequence[FrozenNet]) -> None:
        if len(members) < 2 or any(member.inputs != members[0].inputs for member in members):
            raise NasError(f"a committee needs two or more networks of the same fields, but {len(members)} were given")
        self.members = tuple(members)
        self.inputs: Inputs = members[0].inputs
        self.widths = members[0].widths
        self.encoding = members[0].encoding

    @property
    def arrays(self) -> Arrays:
        """All arrays, those of member k as `k.name`."""
        return {f"{k}.{name}": array for k, net in enumerate(self.members) for name, array in net.arrays.items()}

    @property
    def n_params(self) -> int:
        """Learned numbers of all members."""
        return sum(member.n_params for member in self.members)

    def forward(self, num: npt.NDArray[Any], cat: npt.NDArray[Any]) -> npt.NDArray[np.float32]:
        """Return logits [B, n_outputs] for encoded rows; see `FrozenNet.forward`."""
        total = self.members[0].forward(num, cat)
        for member in self.members[1:]:
            total += member.forward(num, cat)
        total /= np.float32(len(self.members))
        return total


#: What a model file holds.
Net = FrozenNet | Committee


def stored_net(arrays: Arrays, inputs: Inputs, members: Sequence[tuple[Sequence[int], str]]) -> Net:
    """Return the network of `arrays`, given widths and encoding of each member.

    Raises:
        NasError: if there is no member.
    """
    if len(members) == 1:
        return FrozenNet(arrays, inputs, *members[0])

    def own(k: int) -> Arrays:
        start = f"{k}."
        return {name.removeprefix(start): array for name, array in arrays.items() if name.startswith(start)}

    return Committee([FrozenNet(own(k), inputs, *shape) for k, shape in enumerate(members)])
