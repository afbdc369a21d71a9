"""Trainings for a benchmark: every epoch is validated, tested and timed, and nothing is stopped early."""

# N rows

from __future__ import annotations

import itertools
import math
import os
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import torch

from archwright.core.errors import DataError, NasError
from archwright.core.trial import Proposal, Result
from archwright.data.arrays import load_arrays
from archwright.data.metrics import METRICS
from archwright.nets.inputs import Inputs
from archwright.nets.link import predictions
from archwright.nets.mlp import TabularMlp, build
from archwright.nets.recipe import Recipe
from archwright.train.limit import Limit
from archwright.train.loop import learning_rate
from archwright.train.state import fresh_seed
from archwright.train.step import Stepper
from archwright.train.tensors import Order, Rows

if TYPE_CHECKING:
    from archwright.spaces.tabular_mlp import TabularMlp as Space

__all__ = ["CurveEvaluator"]

#: Rows of one forward pass outside of training: on one thread 0.19 s for 36,600 rows of 44 fields, with 8,192 0.30 s.
_ROWS = 1024


@dataclass
class CurveEvaluator:
    """Trains an architecture from scratch for `recipe.max_epochs` epochs and tells everything about every epoch.

    The rate of learning follows one cosine over these epochs. Unlike `TrainEvaluator` it keeps no checkpoint, offers
    nothing, and looks at no patience: two trainings with the same generator and threads are the same.

    Results: `score` is the metric on the validation rows after the last epoch, higher is better; `curve` the same
    after each one. `measures`: `params`, `flops` (one row), and `seconds@E` for each epoch E: processor seconds of
    training and validation from the start, so that a busy machine does not count. `hidden`: `test@E` for each epoch
    E, if there are test rows, in the metric's own direction.

    Args:
        arrays: Folder with the training and validation rows (`data.arrays.save_arrays`).
        tested: Folder whose validation rows are the test rows; None where there are none.
        space: Space of the architectures.
        inputs: Fields and outputs of the task.
        recipe: Training settings.
        kind: Kind of target: `binary`, `classes` or `real`.
        metric: Name of the metric.
    """

    arrays: Path
    tested: Path | None
    space: Space
    inputs: Inputs
    recipe: Recipe
    kind: str
    metric: str
    _data: tuple[Rows, Rows, Rows | None] | None = field(default=None, init=False, repr=False, compare=False)

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_data": None}

    def evaluate(self, proposal: Proposal, *, rng: np.random.Generator, limit_s: float | None = None) -> Result:
        """Train `proposal.arch` fully; its fidelity is not looked at. A training cut by `limit_s` has failed."""
        limit = Limit(limit_s)
        try:
            return self._trained(proposal, rng, limit)
        except NasError as error:
            return Result(None, limit.elapsed_s(), error=str(error))

    def _trained(self, proposal: Proposal, rng: np.random.Generator, limit: Limit) -> Result:
        train, valid, test = self._rows()
        net = build(proposal.arch, self.space, self.inputs, self.recipe, rng=rng)
        seed = fresh_seed(rng)
        net.use_rng(torch.Generator().manual_seed(seed))
        course = _Course(Stepper(net, self.kind), train, self.recipe, seed)
        curve: list[float] = []
        measures = {"params": float(net.n_params), "flops": float(self._flops(net.widths))}
        hidden: dict[str, float] = {}
        seconds, error = 0.0, ""
        for epoch in range(1, self.recipe.max_epochs + 1):
            began_s = time.process_time()
            error = course.epoch(limit)
            value = math.nan if error else self._value(net, valid)
            if not math.isfinite(value):
                error = error or f"the validation metric is not finite after {epoch} epochs"
                break
            seconds += time.process_time() - began_s
            curve.append(value)
            measures[f"seconds@{epoch}"] = seconds
            if test is not None:
                hidden[f"test@{epoch}"] = self._value(net, test)
        sign = 1.0 if METRICS[self.metric].higher_is_better else -1.0
        signed = tuple(sign * value for value in curve)
        return Result(None if error else signed[-1], limit.elapsed_s(), signed, measures, hidden, error)

    def _rows(self) -> tuple[Rows, Rows, Rows | None]:
        """Return train, valid and test; loaded at the first call, mapped, so that workers share one copy."""
        if self._data is None:
            if os.environ.get("OMP_NUM_THREADS") == "1":
                torch.set_num_threads(1)
            cpu = torch.device("cpu")
            arrays = load_arrays(self.arrays)
            if len(arrays.train) < 2 or not len(arrays.valid):
                n_train, n_valid = len(arrays.train), len(arrays.valid)
                raise DataError(f"training needs 2 rows and validation 1, but there are {n_train} and {n_valid}")
            test = None if self.tested is None else Rows.of(load_arrays(self.tested).valid, cpu)
            self._data = (Rows.of(arrays.train, cpu), Rows.of(arrays.valid, cpu), test)
        return self._data

    @torch.inference_mode()
    def _value(self, net: TabularMlp, rows: Rows) -> float:
        """Return the metric in its own direction and unit; NaN where it is not defined or an output is not finite."""
        net.eval()
        parts = [rows.part(start, start + _ROWS) for start in range(0, len(rows), _ROWS)]
        logits: npt.NDArray[np.float32] = torch.cat([net(part.num, part.cat) for part in parts]).numpy()
        net.train()
        if not np.isfinite(logits).all():
            return math.nan
        metric = METRICS[self.metric]
        weight = None if rows.weight is None else rows.weight.numpy()
        value = metric.fn(rows.y.numpy(), predictions(self.kind, logits), weight)
        return float(value * net.inputs.target_std if metric.has_unit else value)

    def _flops(self, widths: tuple[int, ...]) -> int:
        """Return multiplications and additions of the Linears for one row."""
        sizes = [self.inputs.n_fields * self.recipe.embedding, *widths, self.inputs.n_outputs]
        return 2 * sum(a * b for a, b in itertools.pairwise(sizes))


class _Course:
    """The steps of one training, epoch by epoch."""

    def __init__(self, stepper: Stepper, train: Rows, recipe: Recipe, seed: int) -> None:
        self._stepper, self._train, self._recipe = stepper, train, recipe
        device = train.y.device
        self._order = Order(len(train), batch=recipe.batch, epoch_steps=recipe.epoch_steps, seed=seed, device=device)
        self._step = 0
        stepper.net.train()

    def epoch(self, limit: Limit) -> str:
        """Make the steps of one epoch and return what went wrong; empty if nothing did."""
        total = self._recipe.max_epochs * self._order.steps
        losses = []
        for _ in range(self._order.steps):
            if limit.reached():
                return f"cut short after {self._step} of {total} steps"
            rate = learning_rate(self._recipe.lr, self._step / total)
            losses.append(self._stepper.step(self._train.take(self._order.rows(self._step)), lr=rate))
            self._step += 1
        return "" if bool(torch.isfinite(torch.stack(losses)).all()) else f"the loss is not finite at step {self._step}"
