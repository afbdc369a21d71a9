"""Weight sharing over a width space: one training for all networks, and a score for each from what it inherits."""

from __future__ import annotations

import itertools
import time
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
import torch
from torch import nn

from archwright.core.errors import ArchError, RunError, require_one_of
from archwright.core.trial import Proposal, Result
from archwright.nets.inputs import Inputs
from archwright.nets.mlp import TabularMlp
from archwright.nets.recipe import Recipe
from archwright.nets.shared_mlp import SharedMlp
from archwright.spaces.tabular_mlp import TabularMlp as Space
from archwright.train.limit import Limit
from archwright.train.loop import learning_rate
from archwright.train.state import fresh_seed
from archwright.train.step import Stepper, validate
from archwright.train.tensors import Order, Rows

__all__ = ["Sampling", "SharedWeights", "train_supernet"]

#: What a step trains: the whole network, or a random architecture.
Sampling = Literal["largest", "uniform"]

#: Batches from which the statistics of BatchNorm are taken anew.
_RECALIBRATION = 16


def train_supernet(
    space: Space,
    inputs: Inputs,
    recipe: Recipe,
    train: Rows,
    *,
    kind: str,
    rng: np.random.Generator,
    sampling: Sampling = "largest",
) -> SharedMlp:
    """Return the trained network of the largest widths of `space`, for `recipe.max_epochs` epochs.

    Args:
        space: Width space.
        inputs: Fields and outputs of the task.
        recipe: Training settings; patience is not looked at.
        train: Rows to train on, at least two.
        kind: Kind of target: `binary`, `classes` or `real`.
        rng: Generator.
        sampling: What each step trains. `largest`: the whole network, as ATLAS does; narrower ones were never trained
            as such. `uniform`: a random architecture of the space at each step (arXiv:1904.00420).

    Raises:
        RunError: if `sampling` is neither.

    Source: ATLAS, arXiv:2403.10318, appendix F.2. Differs: the paper does not say how the supernet is trained; its
    published values come from networks cut out of one that was trained whole, without training them further.
    """
    require_one_of(get_args(Sampling), RunError, sampling=sampling)
    net = SharedMlp(inputs, (space.widths[-1],) * space.layers, recipe, rng=rng)
    seed = fresh_seed(rng)
    net.use_rng(torch.Generator(train.y.device).manual_seed(seed))
    net.to(train.y.device).train()
    stepper = Stepper(net, kind)
    order = Order(len(train), batch=recipe.batch, epoch_steps=recipe.epoch_steps, seed=seed, device=train.y.device)
    total = recipe.max_epochs * order.steps
    for step in range(total):
        if sampling == "uniform":
            net.use(space.widths_of(space.random(rng=rng)))
        stepper.step(train.take(order.rows(step)), lr=learning_rate(recipe.lr, step / total))
    net.use(net.widths)
    return net


@dataclass(frozen=True, eq=False)
class SharedWeights:
    """Scores an architecture by the validation of what it inherits from a supernet, without training it.

    Args:
        net: Trained supernet.
        space: Its space.
        valid: Validation rows.
        kind: Kind of target: `binary`, `classes` or `real`.
        metric: Name of the metric; the score is that of ranking, higher is better.
        recalibrated: Training rows from which the BatchNorm statistics of each cut network are taken anew; None keeps
            the supernet's, as ATLAS did.
    """

    net: SharedMlp
    space: Space
    valid: Rows
    kind: str
    metric: str
    recalibrated: Rows | None = None

    def evaluate(self, proposal: Proposal, *, rng: np.random.Generator, limit_s: float | None = None) -> Result:
        """Return the score of `proposal.arch`; fidelity and `rng` are not looked at."""
        start = time.perf_counter()
        try:
            net = self.net.cut(self.space.widths_of(proposal.arch))
        except ArchError as error:
            return Result(None, time.perf_counter() - start, error=str(error))
        if self.recalibrated is not None:
            _recalibrate(net, self.recalibrated)
        found = validate(net, self.valid, kind=self.kind, metric=self.metric, limit=Limit(limit_s))
        took_s = time.perf_counter() - start
        if found is None:
            return Result(None, took_s, error=f"cut short after {took_s:.2f} s")
        if not np.isfinite(found.score):
            return Result(None, took_s, error="the validation metric is not finite")
        return Result(found.score, took_s)


@torch.no_grad()
def _recalibrate(net: TabularMlp, rows: Rows) -> None:
    """Take the running statistics of BatchNorm from the first batches of `rows`, each weighing the same."""
    layers = [layer for layer in net.layers if not isinstance(layer, nn.Dropout)]
    for layer in layers:
        if isinstance(layer, nn.BatchNorm1d):
            layer.reset_running_stats()
            layer.momentum = None  # the plain mean over batches
    net.train()
    batch = min(net.recipe.batch, len(rows))
    for start in itertools.islice(range(0, len(rows) - batch + 1, batch), _RECALIBRATION):
        part = rows.part(start, start + batch)
        hidden = net.embed(part.num, part.cat)
        for layer in layers:
            hidden = layer(hidden)
