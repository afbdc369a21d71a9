"""The spiking cells of SpikeNAS-Bench: 15,625."""

from __future__ import annotations

from archwright.core.arch import Arch
from archwright.core.errors import ArchError
from archwright.spaces.four_nodes import FourNodeSpace

__all__ = ["SpikeNas"]

#: Place of the gene of each digit of an official number, least significant digit first: the edges by source,
#: 01, 02, 03, 12, 13, 23, where genes go by target.
_PLACES = (0, 1, 3, 2, 4, 5)
_BASE = 5


class SpikeNas(FourNodeSpace):
    """The topology of NAS-Bench-201 with the operations of spiking networks on its edges.

    An operation is nothing, the identity, or a layer of leaky integrate-and-fire neurons with the threshold 0.5, 1.0
    or 1.5 in front of a 3x3 convolution. The native text is the official number of the network, 0..15624.

    Source: the repository tju-sun-lab/SpikeNAS-Bench: the network that an official number stands for.

    Example:
        >>> space = SpikeNas()
        >>> arch = space.of_number(14862)
        >>> arch.genes, space.text(arch)
        ((2, 2, 3, 4, 3, 4), '14862')
    """

    def __init__(self) -> None:
        lif = tuple(f"lif_{threshold}_conv_3x3" for threshold in ("0.5", "1.0", "1.5"))
        super().__init__("spikenas", ("none", "skip_connect", *lif))

    def of_number(self, number: int) -> Arch:
        """Return the network with an official number.

        Raises:
            ArchError: if there is none.
        """
        if not 0 <= number < self.size():
            raise ArchError(f"networks of {self.name!r} are numbered 0..{self.size() - 1}, but {number} was given")
        digits = [number // _BASE**k % _BASE for k in range(len(_PLACES))]
        genes = dict(zip(_PLACES, digits, strict=True))
        return Arch(self.name, tuple(genes[place] for place in range(len(_PLACES))))

    def number(self, arch: Arch) -> int:
        """Return the official number of `arch`.

        Raises:
            ArchError: if `arch` is not in this space.
        """
        genes = self.require(arch).genes
        return sum(genes[place] * _BASE**k for k, place in enumerate(_PLACES))

    def text(self, arch: Arch) -> str:
        """Return the official number.

        Raises:
            ArchError: if `arch` is not in this space.
        """
        return str(self.number(arch))

    def parse(self, text: str) -> Arch:
        """Return the network of an official number, of `|lif_0.5_conv_3x3~0|+...`, or of `spikenas:...`.

        Raises:
            ArchError: if `text` is none of these.
        """
        digits = text.strip()
        if digits.isascii() and digits.isdigit() and len(digits) <= len(str(self.size())):
            return self.of_number(int(digits))
        return super().parse(text)
