"""One network that holds the weights of all narrower ones: a supernet of tabular MLPs. B rows."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor, nn

from archwright.nets.inputs import Inputs
from archwright.nets.mlp import TabularMlp
from archwright.nets.recipe import Recipe

__all__ = ["SharedMlp"]


class SharedMlp(TabularMlp):
    """An MLP whose narrower versions are its first neurons: layer l of width w is rows 0 .. w - 1 of its layer l.

    `use` chooses the widths that `forward` runs with. In training mode a narrow run updates the running statistics of
    the neurons that it uses.

    Args:
        inputs: Fields and outputs.
        widths: Largest width of each layer.
        recipe: As of `TabularMlp`.
        rng: Draws the initial parameters.

    Source: ATLAS, arXiv:2403.10318, appendix F.2; slimmable networks, arXiv:1812.08928, for the slices.
    """

    def __init__(self, inputs: Inputs, widths: Sequence[int], recipe: Recipe, *, rng: np.random.Generator) -> None:
        super().__init__(inputs, widths, recipe, rng=rng)
        self.active = self.widths

    def use(self, widths: Sequence[int]) -> None:
        """Run with `widths` from now on.

        Raises:
            ValueError: if there are not as many widths as layers, or one is below 1 or larger than its layer.
        """
        if len(widths) != len(self.widths) or any(not 1 <= w <= m for w, m in zip(widths, self.widths, strict=True)):
            raise ValueError(f"widths must be as many as, and at most, {self.widths}, but {tuple(widths)} was given")
        self.active = tuple(widths)

    def forward(self, num: Tensor, cat: Tensor, rows: Tensor | None = None) -> Tensor:
        """Return logits [B, n_outputs] of the network with the widths in use; arguments as of `TabularMlp`."""
        hidden = self.embed(num, cat, rows)
        widths = iter(self.active)
        for layer in self.layers:
            if isinstance(layer, nn.Linear):
                width = next(widths)
                weight = layer.weight[:width, : hidden.shape[1]]
                hidden = nn.functional.linear(hidden, weight, layer.bias[:width])
            elif isinstance(layer, nn.BatchNorm1d):
                hidden = _normalised(hidden, layer)
            else:
                hidden = layer(hidden)
        return nn.functional.linear(hidden, self.head.weight[:, : hidden.shape[1]], self.head.bias)

    @torch.no_grad()
    def cut(self, widths: Sequence[int]) -> TabularMlp:
        """Return a network of its own with `widths` and copies of the weights that it inherits.

        Raises:
            ValueError: as of `use`.
        """
        self.use(widths)
        alone = TabularMlp(self.inputs, widths, self.recipe, rng=np.random.default_rng(0))
        inherited = {}
        own = alone.state_dict()
        for name, value in self.state_dict().items():
            inherited[name] = value[tuple(slice(0, size) for size in own[name].shape)].clone()
        alone.load_state_dict(inherited)
        self.use(self.widths)
        return alone


def _normalised(x: Tensor, norm: nn.BatchNorm1d) -> Tensor:
    """Return the BatchNorm of x [B, w] by the first w channels of `norm`, whose running values follow in training."""
    width = x.shape[1]
    assert norm.running_mean is not None
    assert norm.running_var is not None
    mean, var = norm.running_mean[:width], norm.running_var[:width]
    momentum = 0.1 if norm.momentum is None else norm.momentum
    return nn.functional.batch_norm(
        x, mean, var, norm.weight[:width], norm.bias[:width], norm.training, momentum, norm.eps
    )
