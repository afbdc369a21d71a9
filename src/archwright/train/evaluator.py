"""Real training as an evaluator: the score of an architecture is its validation score after some epochs."""

from __future__ import annotations

import itertools
import logging
import math
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from archwright.core.errors import DataError, NasError, RunError
from archwright.core.trial import Proposal, Result
from archwright.data.arrays import load_arrays
from archwright.nets.frozen import FrozenNet
from archwright.nets.inputs import Inputs
from archwright.nets.mlp import build
from archwright.nets.recipe import Recipe
from archwright.train.limit import Limit
from archwright.train.loop import Fitted, fit_epochs
from archwright.train.offers import Offer, checkpoint_path, known, write_offer
from archwright.train.state import TrainState, fresh_seed
from archwright.train.step import Stepper
from archwright.train.tensors import Rows

if TYPE_CHECKING:
    from archwright.core.arch import Arch
    from archwright.spaces.tabular_mlp import TabularMlp as Space

__all__ = ["TrainEvaluator", "choose_device"]

_log = logging.getLogger(__name__)
#: Seconds between checkpoints within one evaluation: what a killed worker may lose.
_SAVE_S = 5.0


@dataclass
class TrainEvaluator:
    """Trains architectures, each from where its checkpoint left off.

    Can be pickled; data and torch state are loaded in the process that evaluates.

    Args:
        arrays_folder: Where `data.arrays.save_arrays` has written train and valid.
        space: Space of the architectures.
        inputs: Fields and outputs of the task.
        recipe: Training settings.
        kind: Kind of target: `binary`, `classes` or `real`.
        metric: Name of the metric.
        checkpoints: Folder for one checkpoint per architecture.
        offers: Folder into which better networks are written; see `train.offers`.
        device: `cpu`, `cuda`, `cuda:1`, `mps`, or `auto` for the best there is.
    """

    arrays_folder: Path
    space: Space
    inputs: Inputs
    recipe: Recipe
    kind: str
    metric: str
    checkpoints: Path
    offers: Path
    device: str = "cpu"
    _data: tuple[Rows, Rows] | None = field(default=None, init=False, repr=False, compare=False)
    _own_best: float = field(default=-math.inf, init=False, repr=False, compare=False)
    _offered: dict[str, float] = field(default_factory=dict, init=False, repr=False, compare=False)

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_data": None, "_own_best": -math.inf, "_offered": {}}

    def evaluate(self, proposal: Proposal, *, rng: np.random.Generator, limit_s: float | None = None) -> Result:
        """Train to `proposal.fidelity` epochs in total and return the best validation score so far.

        None as fidelity means `recipe.max_epochs`. An architecture that was stopped early, or has those epochs
        already, is answered at once, with times of 0. A training that `limit_s` cuts has no score, but keeps its
        checkpoint, and offers what it had.

        Measures: `epochs` in total, `step_s` (mean), `valid_s`, `epoch_s` (a whole epoch and its validation),
        `params`, `flops` (one row), `last` (score after the last epoch).
        """
        limit = Limit(limit_s)
        try:
            return self._train(proposal, rng, limit)
        except NasError as error:
            return Result(None, limit.elapsed_s(), error=str(error))

    def _train(self, proposal: Proposal, rng: np.random.Generator, limit: Limit) -> Result:
        horizon = proposal.fidelity or self.recipe.max_epochs
        train, valid = self.data()
        if len(train) < 2 or not len(valid):
            raise DataError(f"training needs 2 rows and validation 1, but there are {len(train)} and {len(valid)}")
        state = self.state(proposal.arch, rng=rng)
        restored = state.restore(self.checkpoint(proposal.arch))
        saved_s = 0.0

        def on_epoch(state: TrainState, better: bool) -> None:
            nonlocal saved_s
            if better:
                self.offer(state, proposal.arch)
            if limit.elapsed_s() - saved_s > _SAVE_S:
                self._save(state, proposal.arch)
                saved_s = limit.elapsed_s()

        if restored and state.best:
            self.offer(state, proposal.arch)
        fitted = fit_epochs(state, train, valid, horizon=horizon, metric=self.metric, limit=limit, on_epoch=on_epoch)
        if fitted.steps or restored:
            # Of a training that an earlier session finished, this driver may not have heard.
            self.offer(state, proposal.arch, member=True)
        if fitted.steps and fitted.outcome != "diverged":
            self._save(state, proposal.arch)
        return self._result(state, fitted, limit, horizon)

    def data(self) -> tuple[Rows, Rows]:
        """Return train and valid on the device; loaded at the first call.

        Raises:
            RunError: if the arrays cannot be read.
        """
        if self._data is None:
            if os.environ.get("OMP_NUM_THREADS") == "1":
                # A worker of one thread each: more threads than cores cost up to 20 times.
                torch.set_num_threads(1)
            arrays = load_arrays(self.arrays_folder)
            device = choose_device(self.device)
            self._data = (Rows.of(arrays.train, device), Rows.of(arrays.valid, device))
        return self._data

    def state(self, arch: Arch, *, rng: np.random.Generator) -> TrainState:
        """Return an untrained network of `arch` with its optimiser, on the device."""
        net = build(arch, self.space, self.inputs, self.recipe, rng=rng).to(choose_device(self.device))
        return TrainState(Stepper(net, self.kind), seed=fresh_seed(rng))

    def checkpoint(self, arch: Arch) -> Path:
        """Return where the checkpoint of `arch` lies, if it has one."""
        return checkpoint_path(self.checkpoints, arch)

    def offer(self, state: TrainState, arch: Arch, *, member: bool = False) -> None:
        """Offer the best network of `state`, if it beats the driver's incumbent and all that this process offered.

        Args:
            state: The training.
            arch: Its architecture.
            member: Offer it also if it would only be heard together with others: at the end of a training.
        """
        score, least = state.best_score, known(self.offers)
        if score is None or state.best_logits is None:
            return
        if score <= (least.seat if member else max(least.best, self._own_best)):
            return
        if member and self._offered.get(str(arch)) == score:
            return
        net = FrozenNet(state.best, self.inputs, state.net.widths, self.recipe.encoding)
        write_offer(self.offers, Offer(net, str(arch), score, state.best_epochs, state.best_logits))
        self._own_best = max(self._own_best, score)
        self._offered[str(arch)] = score

    def _save(self, state: TrainState, arch: Arch) -> None:
        try:
            state.save(self.checkpoint(arch))
        except RunError as error:
            # A full disk must not end a training: it only cannot be continued in another process.
            _log.warning("no checkpoint: %s", error)

    def _result(self, state: TrainState, fitted: Fitted, limit: Limit, horizon: int) -> Result:
        epochs = len(state.curve)
        measures = {
            "epochs": float(epochs),
            "step_s": fitted.step_s,
            "valid_s": fitted.valid_s,
            "epoch_s": self._steps() * fitted.step_s + fitted.valid_s,
            "params": float(state.net.n_params),
            "flops": float(self._flops(state.net.widths)),
            "last": state.curve[-1] if state.curve else math.nan,
        }
        error = {
            "finished": "",
            "cut": f"cut short at the deadline after {epochs} epochs",
            "diverged": f"loss or validation score is not finite after {epochs} epochs",
        }[fitted.outcome]
        curve = tuple(state.curve)
        # The best of the first `horizon` epochs, as the checkpoint may be further already.
        score = max(curve[:horizon]) if not error and curve else None
        return Result(score, limit.elapsed_s(), curve=curve, measures=measures, error=error)

    def _steps(self) -> int:
        rows = len(self.data()[0])
        return min(-(-rows // self.recipe.batch), self.recipe.epoch_steps)

    def _flops(self, widths: tuple[int, ...]) -> int:
        """Return multiplications and additions of the Linears for one row."""
        sizes = [self.inputs.n_fields * self.recipe.embedding, *widths, self.inputs.n_outputs]
        return 2 * sum(a * b for a, b in itertools.pairwise(sizes))


def choose_device(name: str) -> torch.device:
    """Return the device of that name; for `auto` CUDA, else MPS, else the CPU.

    Raises:
        RunError: if this machine or this build of torch has no such device.
    """
    if name == "auto":
        has_mps = torch.backends.mps.is_available()
        return torch.device("cuda" if torch.cuda.is_available() else "mps" if has_mps else "cpu")
    try:
        return torch.empty(0, device=name).device
    except (RuntimeError, AssertionError) as error:
        raise RunError(f"the device {name!r} cannot be used: {str(error).splitlines()[0]}") from error
