"""Importing this module makes a process ready to train: name it in `PoolExecutor(preload=...)`.

The first use of torch's kernels, of autograd and of the numeric encodings costs far more than the second. Workers
pay it here, while the driver is still reading the table.
"""

from __future__ import annotations

import numpy as np
import torch

import archwright.train.profile  # noqa: F401  - loads the evaluators as well
from archwright.nets.inputs import Inputs
from archwright.nets.mlp import TabularMlp
from archwright.nets.recipe import Recipe
from archwright.train.limit import Limit
from archwright.train.step import Stepper, validate
from archwright.train.tensors import Rows

__all__ = ["warm"]


def warm() -> None:
    """Train a tiny network for two steps and validate it. Leaves nothing behind but loaded code."""
    inputs = Inputs(n_numeric=2, cardinalities=(3, 4), n_outputs=1, edges=((0.0, 1.0, 2.0), (0.0, 1.0)))
    net = TabularMlp(inputs, (8, 8), Recipe(), rng=np.random.default_rng(0))
    net.use_rng(torch.Generator())
    stepper = Stepper(net, "binary")
    targets = torch.arange(16) % 2
    rows = Rows(torch.ones(16, 2), torch.ones(16, 2, dtype=torch.int32), targets.float())
    for _ in range(2):
        stepper.step(rows, lr=1e-3)
    validate(net, rows, kind="binary", metric="auc", limit=Limit(None))
    net.frozen()


warm()
