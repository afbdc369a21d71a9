"""Training epochs of one network, with an eye on the clock."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import torch

from archwright.nets.recipe import Recipe
from archwright.train.limit import Limit
from archwright.train.state import TrainState
from archwright.train.step import validate
from archwright.train.tensors import Order, Rows

__all__ = ["Fitted", "fit_epochs", "learning_rate"]

#: Steps between looks at the loss on a device that computes ahead of Python: a look waits for it.
_LOOK_STEPS = 20
#: Steps of a call after which its speed is trusted; the first ones warm caches.
_TRUSTED_STEPS = 5
#: A forward pass costs about a third of a training step; used until a validation has been timed.
_FORWARD_SHARE = 1 / 3
#: Seconds for writing files and returning after the last validation.
_RETURN_S = 0.05


@dataclass
class Fitted:
    """How a call of `fit_epochs` ended, and what it took.

    Args:
        outcome: `finished` (horizon or early stopping), `cut` (limit or cancelled), `diverged` (loss or score
            not finite).
        steps: Steps made in this call.
        train_s: Seconds of those steps.
        valid_s: Seconds of the last complete validation; 0 if there was none.
    """

    outcome: Literal["finished", "cut", "diverged"] = "finished"
    steps: int = 0
    train_s: float = 0.0
    valid_s: float = 0.0

    @property
    def step_s(self) -> float:
        """Mean seconds of one step; 0 if none was made."""
        return self.train_s / self.steps if self.steps else 0.0


def learning_rate(lr: float, progress: float) -> float:
    """Return the cosine's rate at `progress` 0..1 of the horizon."""
    return lr / 2 * (1 + math.cos(math.pi * min(1.0, progress)))


def fit_epochs(
    state: TrainState,
    train: Rows,
    valid: Rows,
    *,
    horizon: int,
    metric: str,
    limit: Limit,
    on_epoch: Callable[[TrainState, bool], None] = lambda state, better: None,
) -> Fitted:
    """Train `state` until it has `horizon` epochs in total, validating after each.

    The learning rate is lr/2 (1 + cos(pi t / horizon)) at t epochs. Differs: ATLAS does not say what the rate
    of a surviving candidate is; here t counts from its first epoch on, so with a doubled horizon it goes on at
    half the rate. Where time will end training before the horizon, the rate follows the time instead, so
    that the network is annealed when it is cut.

    Without a limit the result depends on nothing but `state` and the data.

    Args:
        state: Changed in place.
        train: Rows to train on, at least two.
        valid: Rows to validate on.
        horizon: Epochs in total.
        metric: Name of the metric.
        limit: Looked at before every step and every batch of validation. Some time is kept for a last
            validation, so a network that is cut is validated first, if there is time for it.
        on_epoch: Called after every validation with whether its score is the best so far.
    """
    return _Fit(state, train, valid, horizon, metric, limit, on_epoch).run()


class _Fit:
    """One call of `fit_epochs`."""

    def __init__(
        self,
        state: TrainState,
        train: Rows,
        valid: Rows,
        horizon: int,
        metric: str,
        limit: Limit,
        on_epoch: Callable[[TrainState, bool], None],
    ) -> None:
        self.state, self.train, self.valid = state, train, valid
        self.horizon, self.metric, self.limit, self.on_epoch = horizon, metric, limit, on_epoch
        recipe: Recipe = state.net.recipe
        self.recipe = recipe
        device = train.y.device
        self.order = Order(
            len(train), batch=recipe.batch, epoch_steps=recipe.epoch_steps, seed=state.seed, device=device
        )
        self.look = 1 if device.type == "cpu" else _LOOK_STEPS
        self.start = state.steps / (horizon * self.order.steps)
        self.trusted_from_s = 0.0
        self.fitted = Fitted()

    def run(self) -> Fitted:
        state = self.state
        state.aim_at(self.horizon)
        state.net.train()
        while len(state.curve) < self.horizon and not state.converged and self.fitted.outcome == "finished":
            if self._train_epoch():
                self._validate()
        return self.fitted

    def _train_epoch(self) -> bool:
        """Make the steps that the epoch lacks; return whether the network can be validated."""
        end = (len(self.state.curve) + 1) * self.order.steps
        began_s = self.limit.elapsed_s()
        while self.state.steps < end:
            if self.limit.reached(reserve_s=self._reserve_s()):
                self.fitted.outcome = "cut"
                break
            if not self._train_step():
                self.fitted.outcome = "diverged"
                break
        self.fitted.train_s += self.limit.elapsed_s() - began_s
        return self.fitted.outcome != "diverged"

    def _train_step(self) -> bool:
        """Make one step; return whether the loss is finite, as far as one has looked."""
        state = self.state
        rate = learning_rate(self.recipe.lr, self._progress())
        loss = state.stepper.step(self.train.take(self.order.rows(state.steps)), lr=rate)
        state.steps += 1
        self.fitted.steps += 1
        if self.fitted.steps == _TRUSTED_STEPS:
            self.trusted_from_s = self.limit.elapsed_s()
        if state.steps % self.look and state.steps % self.order.steps:
            return True
        return bool(torch.isfinite(loss))

    def _progress(self) -> float:
        """Return the share of the horizon that is done, by steps or, if that ends first, by time."""
        total = self.horizon * self.order.steps
        by_steps = self.state.steps / total
        trusted = self.fitted.steps - _TRUSTED_STEPS
        if math.isinf(self.limit.limit_s) or trusted <= 0:
            return by_steps
        elapsed_s = self.limit.elapsed_s()
        step_s = (elapsed_s - self.trusted_from_s) / trusted
        usable_s = self.limit.limit_s - self._reserve_s()
        if elapsed_s + (total - self.state.steps) * step_s <= usable_s:
            return by_steps
        by_time = self.start + (1 - self.start) * elapsed_s / max(usable_s, 1e-9)
        return max(by_steps, by_time)

    def _reserve_s(self) -> float:
        """Return seconds to keep for one more validation and the way back."""
        if math.isinf(self.limit.limit_s):
            return 0.0
        step_s = self.limit.elapsed_s() / max(1, self.fitted.steps)
        valid_s = self.fitted.valid_s or step_s * _FORWARD_SHARE * len(self.valid) / self.order.batch
        return step_s + 1.3 * valid_s + _RETURN_S

    def _validate(self) -> None:
        """Validate, where a step was made since the last time; a whole epoch goes onto the curve."""
        state, epochs = self.state, self.state.steps / self.order.steps
        whole = epochs >= len(state.curve) + 1
        if not whole and (not self.fitted.steps or epochs == len(state.curve) or self.limit.cancelled()):
            return
        began_s = self.limit.elapsed_s()
        found = validate(state.net, self.valid, kind=state.stepper.kind, metric=self.metric, limit=self.limit)
        if found is None:
            self.fitted.outcome = "cut"
            return
        self.fitted.valid_s = self.limit.elapsed_s() - began_s
        if not math.isfinite(found.score):
            self.fitted.outcome = "diverged"
            return
        better = state.note_score(found, epochs=epochs)
        if whole:
            state.end_epoch(found.score, patience=self.recipe.patience)
        self.on_epoch(state, better)
