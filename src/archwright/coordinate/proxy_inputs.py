"""What the networks of a study see: a batch per seed, drawn once and kept; and who scores on it."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from archwright.coordinate.rank_inputs import RankInputs, of_images, of_table
from archwright.coordinate.weights import SHARED
from archwright.core.errors import DataError
from archwright.core.rng import derive
from archwright.data.shapes import ImageShape, VectorShape
from archwright.spaces.tabular_mlp import TabularMlp

if TYPE_CHECKING:
    from archwright.coordinate.proxy_study import Inputs
    from archwright.core.arch import Arch
    from archwright.data.images import Images
    from archwright.proxies.networks import NetworkProxies
    from archwright.spaces.base import Space

__all__ = ["draw_inputs", "make_evaluator"]

#: Encoded images that are decoded at most: enough for their mean and spread, and for a batch.
_DECODED = 10_000
#: Numbers that noise stands for where networks read rows of a table: ten fields of ten, as ATLAS's Frappe has them.
_FEATURES = 100


def draw_inputs(space: Space, arch: Arch, inputs: Inputs, *, seed: int) -> RankInputs:
    """Return the one batch of a seed; Gaussian noise with random labels where no data is named.

    Args:
        space: Whose networks see it.
        arch: One of its architectures, by which the file of the batch says what it is for.
        inputs: What is wanted.
        seed: Draws the batch.

    Raises:
        DataError: if the source cannot be read, or is too small for the batch.
    """
    if not inputs.data:
        return _noise(space, arch, inputs.batch, seed=seed)
    if not isinstance(space, TabularMlp):
        images = _images(inputs.data, max(_DECODED, inputs.batch))
        return of_images(images, [arch], batch=inputs.batch, repeats=1, balanced=inputs.balanced, seed=seed)
    if not inputs.target:
        raise DataError(f"networks for a table need its target: say with --target which column of {inputs.data} it is")
    return of_table(
        inputs.data, inputs.target, [arch], batch=inputs.batch, repeats=1, balanced=inputs.balanced, seed=seed
    )


def make_evaluator(
    drawn: RankInputs, space: Space, inputs: Inputs, proxies: Sequence[str], *, seed: int
) -> NetworkProxies:
    """Return what scores architectures of `space` on a batch.

    Raises:
        NasError: if there is no such proxy, or one needs what the batch lacks.
    """
    if inputs.weights == SHARED and isinstance(space, TabularMlp):
        from archwright.proxies.shared_networks import SharedNetworkProxies

        assert isinstance(drawn.shape, VectorShape)
        return SharedNetworkProxies(space, drawn.shape, drawn.batches, proxies, seed=seed)
    from archwright.proxies.networks import NetworkProxies

    size = dict(inputs.size)
    return NetworkProxies(space, drawn.shape, drawn.batches, proxies, seed=seed, size=size, init=inputs.init)


def _noise(space: Space, arch: Arch, batch: int, *, seed: int) -> RankInputs:
    rng = derive(seed, "noise")
    about = {"origin": "noise"}
    if isinstance(space, TabularMlp):
        # A head with one output for two classes, as of every binary target.
        rows = rng.standard_normal((batch, _FEATURES), dtype=np.float32)
        labels = rng.integers(2, size=batch)
        return RankInputs(VectorShape(features=_FEATURES, classes=1), ((rows, labels),), (arch,), about)
    shape = ImageShape()
    x = rng.standard_normal((batch, shape.channels, shape.height, shape.width), dtype=np.float32)
    return RankInputs(shape, ((x, rng.integers(shape.classes, size=batch)),), (arch,), about)


@lru_cache(maxsize=2)
def _images(source: str, most: int) -> Images:
    from archwright.data.images import load_images

    return load_images(source, most=most)
