"""Six layers in a row with links that skip layers: the ENAS networks that D-VAE learned from."""

from __future__ import annotations

import itertools

from archwright.core.arch import Arch
from archwright.core.errors import ArchError
from archwright.core.graph import Graph
from archwright.spaces.base import Space
from archwright.spaces.literal import integers, read_literal, shown

__all__ = ["EnasDvae"]

_FORM = "'[[op],[op,link],[op,link,link],...]'"


class EnasDvae(Space):
    """A chain of six layers of six operations; each layer also reads any of the earlier ones.

    Layer i (1..6) reads layer i - 1, layer 0 being the input, and has one gene for its operation and one for each of
    the layers 0..i-2 that says whether it reads that too: 1, 2, ..., 6 genes. Every point of the grid is valid, and
    no two are the same network, as the chain numbers the layers.

    Source: arXiv:1904.11088 (D-VAE), sec. 5.1, and its file `final_structures6.txt`.

    Example:
        >>> space = EnasDvae()
        >>> space.text(space.parse("[[1], [4, 0], [5, 0, 0], [0,1,1,1], [2,1,1,1,1], [3,0,0,0,0,1]]"))
        '[[1],[4,0],[5,0,0],[0,1,1,1],[2,1,1,1,1],[3,0,0,0,0,1]]'
    """

    name: str = "enas_dvae"
    n_layers: int = 6
    #: Full and separable convolutions, and poolings, in the order of the file's codes.
    operations: tuple[str, ...] = ("conv3", "sep3", "conv5", "sep5", "avg3", "max3")
    op_names: tuple[str, ...] = (*operations, "input", "output")
    arities: tuple[int, ...] = tuple(arity for layer in range(n_layers) for arity in (6, *(2,) * layer))

    def layers(self, arch: Arch) -> tuple[tuple[int, ...], ...]:
        """Return the genes of each layer: its operation, and a 1 for each further layer that it reads.

        Raises:
            ArchError: if `arch` is not in this space.
        """
        genes, starts = self.require(arch).genes, [n * (n + 1) // 2 for n in range(self.n_layers + 1)]
        return tuple(genes[start:end] for start, end in itertools.pairwise(starts))

    def graphs(self, arch: Arch) -> tuple[Graph, ...]:
        """Return the network: input, six layers, output."""
        layers = self.layers(arch)
        edges = {(n, n + 1) for n in range(self.n_layers + 1)}
        for layer, (_, *links) in enumerate(layers, start=1):
            edges |= {(source, layer) for source, link in enumerate(links) if link}
        n_ops = len(self.operations)
        return (Graph((n_ops, *(layer[0] for layer in layers), n_ops + 1), frozenset(edges)),)

    def text(self, arch: Arch) -> str:
        """Return `arch` as D-VAE's file has it, without spaces."""
        return str([list(layer) for layer in self.layers(arch)]).replace(" ", "")

    def parse(self, text: str) -> Arch:
        """Return the architecture in `text`, a list of lists or the numbers of one separated by blanks.

        Raises:
            ArchError: if `text` is neither, or not in this space.
        """
        stripped = text.strip()
        if stripped.startswith(f"{self.name}:"):
            return super().parse(stripped)
        if stripped and all(word.isascii() and word.isdigit() for word in stripped.split()):
            return self.require(Arch(self.name, tuple(map(int, stripped.split()))))
        value = read_literal(stripped, _FORM)
        layers = [integers(layer) for layer in value] if isinstance(value, list | tuple) else []
        genes = [gene for layer in layers if layer is not None for gene in layer]
        if [len(layer or ()) for layer in layers] != [*range(1, self.n_layers + 1)]:
            raise ArchError(f"{self.n_layers} layers must read {_FORM}, but {shown(stripped)} was given")
        return self.require(Arch(self.name, tuple(genes)))
