"""The space of NAS-Bench-MR: four stages with one to four branches of different resolutions."""

from __future__ import annotations

from archwright.core.arch import Arch
from archwright.core.errors import ArchError
from archwright.core.graph import Graph
from archwright.spaces.base import Space
from archwright.spaces.literal import shown

__all__ = ["NasBenchMr"]

#: Numbers of channels.
_CHANNELS = tuple(range(8, 129, 8))

#: Numbers of modules in a stage, and of convolution units in a branch.
_DEPTHS = (1, 2, 3, 4)

_BRANCHES = (1, 2, 3, 4)

_FORM = "'in_in-modules_1_units_channels-modules_2_units_units_channels_channels-...-out'"

#: Kinds of the 27 numbers, as the benchmark orders them: two input channels; for stage s the number of modules, then
#: s numbers of units and s of channels; the output channels.
_KINDS = (
    _CHANNELS,
    _CHANNELS,
    *(kind for s in _BRANCHES for kind in (_DEPTHS, *(_DEPTHS,) * s, *(_CHANNELS,) * s)),
    _CHANNELS,
)


class NasBenchMr(Space):
    """Networks of 27 numbers: 14 depths out of 1..4 and 13 widths out of 8, 16, ..., 128. All 2^80 points are valid.

    Stage s has s branches, each of half the resolution of the one before. It repeats a module in which every branch
    has its own number of residual units and of channels; between modules, branches of neighbouring resolutions are
    fused. Gene k is the index of the k-th number in its range.

    Source: Ding et al., ICLR 2022 (arXiv:2103.13253), and its public code for the order of the 27 numbers, for the
    limits of the search, and for the connections between branches.
    Differs: 2^80 = 1.2e24 points, where the tutorial "Neural Architecture Search: Foundations and Trends" lists 10^23
    without a derivation. The ranges here are the limits to which the authors' search clips its numbers; many
    published architectures were drawn with coarser steps.

    Example:
        >>> space = NasBenchMr()
        >>> code = "16_64-1_3_128-3_3_3_32_48-2_2_3_2_16_32_16-1_2_4_1_1_96_112_48_80-112"
        >>> len(space.numbers(space.parse(code)))
        27
    """

    name: str = "mr"
    arities: tuple[int, ...] = tuple(len(kind) for kind in _KINDS)
    op_names: tuple[str, ...] = (
        "input",
        *(f"conv_c{width}" for width in _CHANNELS),
        *(f"units{depth}_c{width}" for depth in _DEPTHS for width in _CHANNELS),
        "output",
    )

    def numbers(self, arch: Arch) -> tuple[int, ...]:
        """Return the 27 numbers of `arch`, which the benchmark calls its embedding.

        Raises:
            ArchError: if `arch` is not in this space.
        """
        return tuple(kind[gene] for kind, gene in zip(_KINDS, self.require(arch).genes, strict=True))

    def from_numbers(self, numbers: tuple[int, ...]) -> Arch:
        """Return the architecture with these 27 numbers.

        Raises:
            ArchError: if this space has no such architecture.
        """
        if len(numbers) != len(_KINDS):
            raise ArchError(f"an architecture of {self.name!r} must have {len(_KINDS)} numbers, not {len(numbers)}")
        for place, (kind, number) in enumerate(zip(_KINDS, numbers, strict=True)):
            if number not in kind:
                step = kind[1] - kind[0]
                raise ArchError(f"number {place} must be {kind[0]}..{kind[-1]} in steps of {step}, but is {number}")
        return Arch(self.name, tuple(kind.index(n) for kind, n in zip(_KINDS, numbers, strict=True)))

    def graphs(self, arch: Arch) -> tuple[Graph, ...]:
        """Return the network: input, two convolutions, a node for each branch of each module, a convolution, output.

        A branch reads the branches of its own and of the two neighbouring resolutions in the module before it.
        """
        genes = self.require(arch).genes
        ops = [0, 1 + genes[0], 1 + genes[1]]
        edges, before = {(0, 1), (1, 2)}, [2]
        for depth, units, widths in self._stages(genes):
            for _ in range(depth + 1):
                module = [len(ops) + branch for branch in range(len(units))]
                near = ((j, i) for j in range(len(before)) for i in range(len(units)) if abs(i - j) <= 1)
                edges |= {(before[j], module[i]) for j, i in near}
                ops += [1 + len(_CHANNELS) * (1 + unit) + width for unit, width in zip(units, widths, strict=True)]
                before = module
        edges |= {(node, len(ops)) for node in before} | {(len(ops), len(ops) + 1)}
        return (Graph((*ops, 1 + genes[-1], len(self.op_names) - 1), frozenset(edges)),)

    def _stages(self, values: tuple[int, ...]) -> list[tuple[int, tuple[int, ...], tuple[int, ...]]]:
        """Return for each stage what `values` has for its modules, for the units and for the channels of branches."""
        stages, at = [], 2
        for s in _BRANCHES:
            stages.append((values[at], values[at + 1 : at + 1 + s], values[at + 1 + s : at + 1 + 2 * s]))
            at += 1 + 2 * s
        return stages

    def text(self, arch: Arch) -> str:
        """Return `arch` as the benchmark's list of architectures has it; each stage also says its branches."""
        numbers = self.numbers(arch)
        stages = ((depth, len(units), *units, *widths) for depth, units, widths in self._stages(numbers))
        return "-".join("_".join(map(str, part)) for part in (numbers[:2], *stages, numbers[-1:]))

    def parse(self, text: str) -> Arch:
        """Return the architecture in `text`: the list's form, or just the 27 numbers, separated by any of `,_- `.

        Raises:
            ArchError: if `text` is neither, or not in this space.
        """
        stripped = text.strip()
        if stripped.startswith(f"{self.name}:"):
            return super().parse(stripped)
        words = stripped.strip("[]()").replace(",", " ").replace("_", " ").replace("-", " ").split()
        if not words or not all(word.isascii() and word.isdigit() and len(word) < 9 for word in words):
            raise ArchError(f"an architecture must read {_FORM}, but {shown(stripped)} was given")
        numbers = [int(word) for word in words]
        if len(numbers) == len(_KINDS) + len(_BRANCHES):
            numbers = self._without_branches(numbers)
        return self.from_numbers(tuple(numbers))

    def _without_branches(self, numbers: list[int]) -> list[int]:
        at = 2
        for s in _BRANCHES:
            if numbers[at + 1] != s:
                raise ArchError(f"stage {s} of {self.name!r} must have {s} branches, but {numbers[at + 1]} was given")
            del numbers[at + 1]
            at += 1 + 2 * s
        return numbers
