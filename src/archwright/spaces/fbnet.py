"""The layer-wise space of FBNet: 22 layers, nine blocks each."""

from __future__ import annotations

from archwright.core.arch import Arch
from archwright.core.errors import ArchError
from archwright.core.graph import Graph
from archwright.spaces.base import Space
from archwright.spaces.literal import integers, read_literal, shown

__all__ = ["FbNet"]

#: Layers of each stage; the first of a stage changes the resolution or the number of channels.
#: Source: arXiv:1812.03443 (FBNet), table 1.
_STAGES = (1, 4, 4, 4, 4, 4, 1)

_FORM = "'[op, op, ...]' with 22 numbers 0..8"


class FbNet(Space):
    """Twenty-two layers, each one of eight convolution blocks or a skip: 9^22 = 9.8e20 points, all valid.

    Gene l is the block of layer l; `k5_e6` has a kernel of 5 and expands its channels by 6, `g2` has two groups.
    A skip inside a stage does nothing, so two networks whose stages have the same blocks in the same order are one:
    `canonical` puts the skips of a stage last. A skip that begins a stage is a 1x1 convolution where the stage
    changes the shape, so the first layer of a stage stays in its place.

    Source: arXiv:1812.03443 (FBNet), sec. 3.1; operations in the order of HW-NAS-Bench (its `op_idx_list`).

    Example:
        >>> space = FbNet()
        >>> space.size(), space.count() < space.size()
        (984770902183611232881, True)
    """

    name: str = "fbnet"
    operations: tuple[str, ...] = (
        "k3_e1",
        "k3_e1_g2",
        "k3_e3",
        "k3_e6",
        "k5_e1",
        "k5_e1_g2",
        "k5_e3",
        "k5_e6",
        "skip",
    )
    op_names: tuple[str, ...] = (*operations, "input", "output")
    arities: tuple[int, ...] = (len(operations),) * sum(_STAGES)

    def canonical(self, arch: Arch) -> Arch:
        """Return the same network with the skips of each stage behind its blocks."""
        genes, start = list(self.require(arch).genes), 0
        for length in _STAGES:
            inner = slice(start + 1, start + length)
            genes[inner] = sorted(genes[inner], key=self._is_skip)
            start += length
        return Arch(self.name, tuple(genes))

    def _is_skip(self, gene: int) -> bool:
        return self.operations[gene] == "skip"

    def graphs(self, arch: Arch) -> tuple[Graph, ...]:
        """Return the chain input, layers, output; skips that do nothing are left out."""
        kept, start = [], 0
        genes = self.require(arch).genes
        for length in _STAGES:
            first, *inner = genes[start : start + length]
            kept += [first, *(gene for gene in inner if not self._is_skip(gene))]
            start += length
        ops = (len(self.operations), *kept, len(self.operations) + 1)
        return (Graph(ops, frozenset((n, n + 1) for n in range(len(ops) - 1))),)

    def count(self) -> int:
        """Return the number of different networks, exactly."""
        blocks, total = len(self.operations) - 1, 1
        for length in _STAGES:
            total *= len(self.operations) * sum(blocks**kept for kept in range(length))
        return total

    def text(self, arch: Arch) -> str:
        """Return the numbers of the blocks as a list, as HELP and HW-NAS-Bench have them."""
        return str(list(self.require(arch).genes))

    def parse(self, text: str) -> Arch:
        """Return the architecture in `text`: a list of numbers, or of names of blocks.

        Raises:
            ArchError: if `text` is neither, or not in this space.
        """
        stripped = text.strip()
        if stripped.startswith(f"{self.name}:"):
            return super().parse(stripped)
        value = read_literal(stripped, _FORM)
        if isinstance(value, list | tuple) and all(item in self.operations for item in value):
            value = [self.operations.index(item) for item in value]
        genes = integers(value)
        if genes is None:
            raise ArchError(f"an architecture must read {_FORM}, but {shown(stripped)} was given")
        return self.require(Arch(self.name, genes))
