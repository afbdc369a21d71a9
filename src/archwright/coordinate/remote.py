"""An evaluator that is built where it is used, so that the driver need not import what it is made of."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any

import numpy as np

from archwright.coordinate.record import RunFolder
from archwright.core.protocols import Evaluator
from archwright.core.trial import Proposal, Result
from archwright.data.task import Task
from archwright.nets.inputs import Inputs
from archwright.nets.recipe import Recipe
from archwright.spaces.tabular_mlp import TabularMlp

__all__ = ["Evaluators", "Remote", "evaluators"]


@dataclass
class Remote:
    """Builds `factory(**arguments)` at the first call, in the process that evaluates.

    Args:
        factory: `module:attribute` of the evaluator's class.
        arguments: Picklable keyword arguments.
    """

    factory: str
    arguments: Mapping[str, Any]
    _made: Evaluator | None = field(default=None, init=False, repr=False, compare=False)

    def __getstate__(self) -> dict[str, Any]:
        return {"factory": self.factory, "arguments": self.arguments, "_made": None}

    def made(self) -> Evaluator:
        """Return the evaluator, built now if it was not before."""
        if self._made is None:
            module, _, attribute = self.factory.partition(":")
            self._made = getattr(import_module(module), attribute)(**self.arguments)
        return self._made

    def evaluate(self, proposal: Proposal, *, rng: np.random.Generator, limit_s: float | None = None) -> Result:
        """Evaluate by what was built."""
        return self.made().evaluate(proposal, rng=rng, limit_s=limit_s)


@dataclass(frozen=True)
class Evaluators:
    """What workers evaluate by: one that times a few steps, one that trains."""

    profiling: Evaluator
    training: Evaluator


def evaluators(
    folder: RunFolder, space: TabularMlp, inputs: Inputs, recipe: Recipe, task: Task, *, device: str, inside: bool
) -> Evaluators:
    """Return what workers evaluate by. `inside` builds the real ones here, where torch may be imported."""
    arguments = {
        "arrays_folder": folder.arrays.absolute(),
        "space": space,
        "inputs": inputs,
        "recipe": recipe,
        "kind": task.kind,
        "metric": task.metric,
        "checkpoints": folder.checkpoints.absolute(),
        "offers": folder.offers.absolute(),
        "device": device,
    }
    training = Remote("archwright.train.evaluator:TrainEvaluator", arguments)
    profiling = Remote("archwright.train.profile:ProfileEvaluator", arguments)
    if inside:
        return Evaluators(profiling.made(), training.made())
    return Evaluators(profiling, training)
