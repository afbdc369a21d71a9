"""One training step, and validation. B rows."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from archwright.data.metrics import ranking_score
from archwright.nets.link import predictions
from archwright.nets.mlp import TabularMlp
from archwright.train.adam import Adam
from archwright.train.limit import Limit
from archwright.train.tensors import Rows

__all__ = ["Stepper", "Validated", "loss_of", "validate"]

#: From this many rows of the categorical table a step updates only the rows that its batch touches. Milliseconds of
#: a 4 x 64 step, 10 fields, batch 512, one thread, dense / touched (`benchmarks/halving.py --tables`): 5,500 rows
#: 2.1 / 3.9, 100,000 3.2 / 4.8, 200,000 4.5 / 5.6, 1,000,000 34 / 9.
LAZY_ROWS = 300_000
_VALID_ROWS = 8192


class Stepper:
    """Network and optimiser, ready to make steps.

    Args:
        net: Network, on its device.
        kind: Kind of target: `binary`, `classes` or `real`.
    """

    def __init__(self, net: TabularMlp, kind: str) -> None:
        self.net, self.kind, self.clip = net, kind, net.recipe.clip
        self.lazy = net.cat_table is not None and len(net.cat_table) >= LAZY_ROWS
        self._params = [param for param in net.parameters() if not (self.lazy and param is net.cat_table)]
        # As usual for tabular networks: biases, BatchNorm and embeddings are not decayed, weights are.
        decayed = [module.weight for module in net.modules() if isinstance(module, nn.Linear)]
        table = net.cat_table if self.lazy else None
        self.adam = Adam(self._params, decayed=decayed, weight_decay=net.recipe.weight_decay, table=table)

    def step(self, batch: Rows, *, lr: float) -> Tensor:
        """Update the network on `batch` and return its loss before the update, a scalar on the device."""
        rows = None
        if self.lazy:
            loss, rows, touched = self._lazy_loss(batch)
            grads = torch.autograd.grad(loss, [*self._params, touched])
        else:
            loss = loss_of(self.kind, self.net(batch.num, batch.cat), batch)
            grads = torch.autograd.grad(loss, self._params)
        self.adam.step(grads, lr=lr, clip=self.clip, rows=rows)
        return loss.detach()

    def _lazy_loss(self, batch: Rows) -> tuple[Tensor, Tensor, Tensor]:
        # 100,000 rows, batch touches rows 7, 3, 7: rows = [3, 7], touched = table[[3, 7]], cat = [1, 0, 1].
        assert self.net.cat_table is not None
        rows, cat = torch.unique(batch.cat + self.net.cat_offset, return_inverse=True)
        touched = self.net.cat_table.detach()[rows].requires_grad_()
        return loss_of(self.kind, self.net(batch.num, cat, touched), batch), rows, touched


def loss_of(kind: str, logits: Tensor, batch: Rows) -> Tensor:
    """Return the mean loss of `logits` [B, n_outputs]: cross-entropy, or squared error for `real` targets."""
    if kind == "binary":
        return nn.functional.binary_cross_entropy_with_logits(logits[:, 0], batch.y, batch.weight)
    reduction = "mean" if batch.weight is None else "none"
    if kind == "classes":
        loss = nn.functional.cross_entropy(logits, batch.y, reduction=reduction)
    else:
        loss = nn.functional.mse_loss(logits[:, 0], batch.y, reduction=reduction)
    return loss if batch.weight is None else (loss * batch.weight).mean()


class Validated(NamedTuple):
    """The ranking score over all rows, higher is better, and the logits [B, n_outputs] that gave it."""

    score: float
    logits: npt.NDArray[np.float32]


@torch.inference_mode()
def validate(net: TabularMlp, rows: Rows, *, kind: str, metric: str, limit: Limit) -> Validated | None:
    """Return score and outputs of `net` over all `rows`; None if `limit` was reached before the last batch.

    The score is NaN where the metric is not defined, as AUC on one class. The network is left in training mode.
    """
    net.eval()
    parts = []
    for start in range(0, len(rows), _VALID_ROWS):
        if limit.reached():
            net.train()
            return None
        part = rows.part(start, start + _VALID_ROWS)
        parts.append(net(part.num, part.cat))
    net.train()
    logits = torch.cat(parts).cpu().numpy()
    if not np.isfinite(logits).all():
        return Validated(float("nan"), logits)
    weight = None if rows.weight is None else rows.weight.cpu().numpy()
    scale = net.inputs.target_std
    score = ranking_score(metric, rows.y.cpu().numpy(), predictions(kind, logits), weight, scale=scale)
    return Validated(score, logits)
