"""One draw of weights for all networks of a width space: each takes the top left corners, scaled to its own fans."""

# Legend: n the largest width, d inputs of the first layer, O outputs, L layers, B rows.

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Literal, get_args

import numpy as np
import numpy.typing as npt
import torch

from archwright.core.errors import ProxyError, require_one_of
from archwright.core.rng import derive
from archwright.proxies.whole_space import WholeSpace

if TYPE_CHECKING:
    from archwright.core.arch import Arch
    from archwright.nets.tabular import DenseMlp
    from archwright.spaces.tabular_mlp import TabularMlp

__all__ = ["Init", "SharedDraw"]

#: How weights are bounded: as torch's layers are (with biases), or He's and LeCun's uniform bounds (biases zero).
Init = Literal["torch", "he", "lecun"]
#: Weights are uniform within +-sqrt(gain / fan in).
_GAINS: dict[str, float] = {"torch": 1.0, "he": 6.0, "lecun": 3.0}


class SharedDraw:
    """Weights of every network of a width space, from one draw; equal seeds give equal weights.

    Layer l of the network with widths w is `bound(w[l-1]) * weights[l][:w[l], :w[l-1]]`: networks with equal first
    layers have equal weights there, so what a data row becomes in them is computed once. It also takes out of a
    comparison most of the noise of drawing.

    Args:
        space: Width space.
        d: Inputs of the first dense layer (fields x embedding width).
        n_outputs: Outputs of the head.
        seed: Of all weights.
        init: Bounds of the uniform weights. Xavier's is none of them: it depends on a layer's own width, by which
            nothing could be shared.

    Raises:
        ProxyError: if a number is below one, or there is no such initialisation.
    """

    def __init__(self, space: TabularMlp, d: int, *, n_outputs: int = 1, seed: int, init: Init = "torch") -> None:
        if d < 1 or n_outputs < 1:
            raise ProxyError(f"a network needs an input and an output, but d={d} and n_outputs={n_outputs} were given")
        require_one_of(get_args(Init), ProxyError, init=init)
        self.space, self.d, self.n_outputs, self.seed, self.init = space, d, n_outputs, seed, init
        n = space.widths[-1]
        shapes = [(n, d), *[(n, n)] * (space.layers - 1), (n_outputs, n)]
        #: Uniform in [-1, 1): [n, d], then [n, n] for each other hidden layer, then the head's [O, n].
        self.weights = [self._uniform("weight", i, shape) for i, shape in enumerate(shapes)]
        #: The same for biases; None where they are zero.
        self.biases = None
        if init == "torch":
            self.biases = [self._uniform("bias", i, shape[:1]) for i, shape in enumerate(shapes)]

    @cached_property
    def expressflow(self) -> WholeSpace:
        """Weights and probes of ExpressFlow, which are its own; made when first asked for."""
        return WholeSpace(self.space, self.d, n_outputs=self.n_outputs, seed=self.seed)

    def bound(self, fan_in: int) -> float:
        """Return what weights and biases of a layer are multiplied by."""
        return math.sqrt(_GAINS[self.init] / fan_in)

    def network(self, arch: Arch) -> DenseMlp:
        """Return the network that is scored: its `archwright.proxies.score` is what these modules compute faster.

        Raises:
            ArchError: if `arch` is not in the space.
        """
        from archwright.nets.tabular import DenseMlp

        widths = self.space.widths_of(arch)
        model = DenseMlp(self.d, widths, self.n_outputs)
        linears = [part for part in (*model.layers, model.head) if isinstance(part, torch.nn.Linear)]
        with torch.no_grad():
            for i, linear in enumerate(linears):
                rows, fan_in = linear.weight.shape
                linear.weight.copy_(self.weights[i][:rows, :fan_in] * self.bound(fan_in))
                linear.bias.zero_()
                if self.biases is not None:
                    linear.bias.copy_(self.biases[i][:rows] * self.bound(fan_in))
        return model

    def fans(self, genes: npt.NDArray[np.integer]) -> npt.NDArray[np.int64]:
        """Return the inputs of each layer, the head's too [N, L + 1], for genes [N, L]."""
        widths = np.array(self.space.widths)[genes]
        return np.concatenate([np.full((len(genes), 1), self.d), widths], axis=1)

    def _uniform(self, kind: str, layer: int, shape: Sequence[int]) -> torch.Tensor:
        rng = derive(self.seed, "tabular", kind, layer)
        return torch.from_numpy(rng.random(shape, dtype=np.float32)).mul_(2).sub_(1)
