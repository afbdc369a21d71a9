"""The networks of the spaces of tabular MLPs: for tables, and for rows that are numbers already."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from torch import Tensor, nn

from archwright.core.arch import Arch
from archwright.data.shapes import VectorShape, require_shape
from archwright.nets.image_ops import Linear
from archwright.nets.initialise import initialise
from archwright.nets.inputs import Inputs
from archwright.nets.mlp import TabularMlp
from archwright.nets.recipe import Recipe

if TYPE_CHECKING:
    import numpy as np

    from archwright.spaces.tabular_mlp import TabularMlp as Space

__all__ = ["DenseMlp", "build"]


class DenseMlp(nn.Module):
    """Linear, BatchNorm and ReLU for each hidden layer, and a head: `TabularMlp` without its embeddings and dropout.

    Args:
        features: Numbers in a row.
        widths: Widths of the hidden layers.
        classes: Number of logits.
        batchnorm: False leaves BatchNorm out.
    """

    def __init__(self, features: int, widths: Sequence[int], classes: int, *, batchnorm: bool = True) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for width in widths:
            layers += [Linear(features, width), *((nn.BatchNorm1d(width),) if batchnorm else ()), nn.ReLU()]
            features = width
        self.layers = nn.Sequential(*layers)
        self.head = Linear(features, classes)

    def forward(self, x: Tensor) -> Tensor:
        """Return logits [B, classes] for rows [B, features]."""
        logits: Tensor = self.head(self.layers(x))
        return logits


def build(
    arch: Arch,
    space: Space,
    shape: VectorShape | Inputs,
    *,
    rng: np.random.Generator,
    batchnorm: bool = True,
    recipe: Recipe | None = None,
) -> TabularMlp | DenseMlp:
    """Return the MLP of `arch`, freshly initialised as torch initialises its layers.

    Args:
        arch: The widths.
        space: Their space.
        shape: `Inputs` for the network of a table, called with numbers [B, M] and codes [B, C] and giving logits
            [B, outputs]; `VectorShape` for its dense part alone, called with rows [B, features].
        rng: Draws the initial parameters.
        batchnorm: False leaves BatchNorm out.
        recipe: Of a table: encoding, embedding, its initialisation and dropout; by default `Recipe()`.

    Raises:
        ShapeError: if `shape` is neither.
        ArchError: if `arch` is not in `space`.

    Source: ATLAS, arXiv:2403.10318, section 3.1 and appendix B.
    """
    widths = space.widths_of(arch)
    if isinstance(shape, Inputs):
        return TabularMlp(shape, widths, recipe or Recipe(), rng=rng, batchnorm=batchnorm)
    shape = require_shape(shape, VectorShape, space=space.name)
    model = DenseMlp(shape.features, widths, shape.classes, batchnorm=batchnorm)
    initialise(model, rng=rng)
    return model
