"""How long an architecture trains, from a few steps; and the first network of a run."""

from __future__ import annotations

import statistics

import numpy as np
from torch import nn

from archwright.core.trial import Proposal, Result
from archwright.train.evaluator import TrainEvaluator
from archwright.train.limit import Limit
from archwright.train.loop import learning_rate
from archwright.train.state import TrainState
from archwright.train.step import validate
from archwright.train.tensors import Order, Rows

__all__ = ["STARTER", "ProfileEvaluator"]

#: Note of a proposal whose network shall be trained, validated and offered, not only timed.
STARTER = "starter"
#: Steps that warm caches and are not timed.
_WARM_STEPS = 2
_TIMED_STEPS = 10
_TIMED_S = 0.25
#: A starter is the first thing that a user has, so it must be there soon: this many steps or seconds at most.
_STARTER_STEPS = 60
_STARTER_S = 0.4
_VALID_ROWS = 8192


class ProfileEvaluator(TrainEvaluator):
    """Times some training steps of an architecture. The score is -epoch_s: higher is faster.

    Measures: `step_s` (median), `valid_s`, `epoch_s` (an epoch and its validation), `params`. A proposal with
    the note `starter` is trained for up to 60 steps or 0.4 s, validated and offered: its `valid` is the score.

    Takes the arguments of `TrainEvaluator`; checkpoints are not touched.
    """

    def evaluate(self, proposal: Proposal, *, rng: np.random.Generator, limit_s: float | None = None) -> Result:
        """Return the times of `proposal.arch`; no score if the limit did not allow even one timed step."""
        limit = Limit(limit_s)
        train, valid = self.data()
        state = self.state(proposal.arch, rng=rng)
        starter = proposal.note == STARTER
        recipe = self.recipe
        order = Order(
            len(train), batch=recipe.batch, epoch_steps=recipe.epoch_steps, seed=state.seed, device=train.y.device
        )
        steps_s = _train(state, train, order, limit, starter=starter)
        if not steps_s:
            return Result(None, limit.elapsed_s(), error="the limit was reached before a step was made")
        measures = {"step_s": statistics.median(steps_s[_WARM_STEPS:] or steps_s)}
        measures["params"] = float(state.net.n_params)
        measures["valid_s"] = self._valid_s(state, valid, limit)
        measures["epoch_s"] = order.steps * measures["step_s"] + measures["valid_s"]
        if starter:
            measures |= self._offer(state, proposal, valid, limit, epochs=len(steps_s) / order.steps)
        return Result(-measures["epoch_s"], limit.elapsed_s(), measures=measures)

    def _valid_s(self, state: TrainState, valid: Rows, limit: Limit) -> float:
        """Return seconds of a whole validation, from one batch of it."""
        part = valid.part(0, _VALID_ROWS)
        began_s = limit.elapsed_s()
        validate(state.net, part, kind=self.kind, metric=self.metric, limit=limit)
        return (limit.elapsed_s() - began_s) * len(valid) / len(part)

    def _offer(
        self, state: TrainState, proposal: Proposal, valid: Rows, limit: Limit, *, epochs: float
    ) -> dict[str, float]:
        found = validate(state.net, valid, kind=self.kind, metric=self.metric, limit=limit)
        if found is None or not np.isfinite(found.score):
            return {}
        state.note_score(found, epochs=epochs)
        self.offer(state, proposal.arch)
        return {"valid": found.score}


def _train(state: TrainState, train: Rows, order: Order, limit: Limit, *, starter: bool) -> list[float]:
    """Make steps and return the seconds of each."""
    most, most_s = (_STARTER_STEPS, _STARTER_S) if starter else (_WARM_STEPS + _TIMED_STEPS, _TIMED_S)
    if starter:
        # After so few steps the running statistics would still be mostly their initial values; without a
        # momentum they are plain means.
        for module in state.net.modules():
            if isinstance(module, nn.BatchNorm1d):
                module.momentum = None
    steps_s: list[float] = []
    began_s = before_s = limit.elapsed_s()
    state.net.train()
    while len(steps_s) < most and before_s - began_s < most_s and not limit.reached():
        progress = max(len(steps_s) / most, (before_s - began_s) / most_s)
        rate = learning_rate(state.net.recipe.lr, progress)
        # `item` waits for the device, so that a step's time is that of its work.
        state.stepper.step(train.take(order.rows(len(steps_s))), lr=rate).item()
        now_s = limit.elapsed_s()
        steps_s.append(now_s - before_s)
        before_s = now_s
    return steps_s
