"""Rows of a table as they enter the first dense layer of a network that is not trained: through its embeddings."""

# Legend: N rows of a split, M + C fields, E embedding width, B rows of a batch.

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np
import torch
from torch import nn

from archwright.core.errors import ProxyError
from archwright.core.rng import derive
from archwright.nets.mlp import TabularMlp
from archwright.proxies.base import Batch

if TYPE_CHECKING:
    from archwright.data.arrays import Split
    from archwright.nets.inputs import Inputs
    from archwright.nets.recipe import Recipe

__all__ = ["embedded_batch"]

_KINDS = ("binary", "classes", "real")


def embedded_batch(
    split: Split,
    inputs: Inputs,
    recipe: Recipe,
    *,
    size: int,
    seed: int,
    kind: Literal["binary", "classes", "real"] = "binary",
) -> Batch:
    """Return a batch of different rows of `split`: inputs [B, (M + C) E] and targets [B].

    The embeddings are those of one untrained network, for the batches of all architectures: drawn anew for each seed,
    as the rows are. A class target becomes int64, an amount stays float32.

    Args:
        split: Encoded rows, those of training.
        inputs: Fields of the table.
        recipe: Encoding, embedding width and its initialisation.
        size: Rows B.
        seed: Of rows and embeddings.
        kind: Of the target.

    Raises:
        ProxyError: if there are fewer rows than asked for, or there is no such kind.
    """
    if not 1 <= size <= len(split):
        raise ProxyError(f"a batch must have 1 to {len(split):,} rows of this table, but {size} were asked for")
    if kind not in _KINDS:
        raise ProxyError(f"the kind of a target must be one of {', '.join(_KINDS)}, but {kind!r} was given")
    rows = np.sort(derive(seed, "rows").permutation(len(split))[:size])
    network = TabularMlp(inputs, (), recipe, rng=derive(seed, "embedding")).eval()
    # Without hidden layers and head, the embeddings are what comes out.
    network.head = nn.Identity()  # type: ignore[assignment]
    num, cat = (torch.from_numpy(np.ascontiguousarray(part[rows])) for part in (split.num, split.cat))
    with torch.no_grad():
        x = network(num, cat)
    y = np.asarray(split.y[rows], dtype=np.float32 if kind == "real" else np.int64)
    return Batch(x, torch.from_numpy(y))
