"""A training in progress, and its checkpoint."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from archwright.core.errors import RunError
from archwright.nets.mlp import TabularMlp
from archwright.nets.storage import Arrays, read_arrays, write_arrays
from archwright.train.offers import BEST, BEST_LOGITS
from archwright.train.step import Stepper, Validated

__all__ = ["TrainState", "fresh_seed"]

_log = logging.getLogger(__name__)
#: Raised when what a checkpoint holds changes meaning; others are then not continued.
_FORMAT = 2


@dataclass
class TrainState:
    """Everything that a training needs to go on.

    Args:
        stepper: Network and optimiser.
        seed: Of the order of rows and of dropout.
        steps: Training steps made.
        curve: Validation score after each finished epoch.
        best_score: Highest score so far, validations in the middle of an epoch included.
        best: Arrays of the `FrozenNet` that had it.
        best_logits: Its outputs on the validation rows [B, n_outputs].
        best_epochs: Epochs after which it had it.
        horizon: Epochs that the learning rate falls towards.
        horizon_start: Epochs that were finished when it was set.
        converged: Whether early stopping has ended the training.
    """

    stepper: Stepper
    seed: int
    steps: int = 0
    curve: list[float] = field(default_factory=list)
    best_score: float | None = None
    best: Arrays = field(default_factory=dict)
    best_logits: npt.NDArray[np.float32] | None = None
    best_epochs: float = 0.0
    horizon: int = 0
    horizon_start: int = 0
    converged: bool = False

    def __post_init__(self) -> None:
        self.generator = torch.Generator(self.net.head.weight.device).manual_seed(self.seed)
        self.net.use_rng(self.generator)

    @property
    def net(self) -> TabularMlp:
        """The network as it is now."""
        return self.stepper.net

    def aim_at(self, horizon: int) -> None:
        """Set the horizon; early stopping waits anew after a change, as the learning rate goes up again."""
        if horizon != self.horizon:
            self.horizon, self.horizon_start = horizon, len(self.curve)

    def end_epoch(self, score: float, *, patience: int) -> None:
        """Add the score of a whole epoch to the curve, and stop early where `patience` epochs were no better."""
        self.curve.append(score)
        best_at = self.curve.index(max(self.curve)) + 1
        self.converged = 0 < patience <= len(self.curve) - max(best_at, self.horizon_start)

    def note_score(self, found: Validated, *, epochs: float) -> bool:
        """Record a validation and return whether it is the best so far."""
        better = self.best_score is None or found.score > self.best_score
        if better:
            self.best_score, self.best_logits = found
            self.best, self.best_epochs = self.net.frozen(), epochs
        return better

    def save(self, path: Path) -> None:
        """Write the checkpoint in one step.

        Raises:
            RunError: if it cannot be written.
        """
        arrays = {name: tensor.cpu().numpy() for name, tensor in self._tensors()}
        arrays |= {f"{BEST}{name}": array for name, array in self.best.items()}
        if self.best_logits is not None:
            arrays[BEST_LOGITS] = self.best_logits
        arrays["generator"] = self.generator.get_state().numpy()
        write_arrays(path, arrays, {**self._signature(), **self._numbers()})

    def restore(self, path: Path) -> bool:
        """Continue from the checkpoint at `path`; return whether there was one that fits.

        A damaged file, or one of other settings, is left out with a warning: training then starts anew.
        """
        if not path.exists():
            return False
        try:
            stored = read_arrays(path)
            self._fill(stored.arrays, stored.meta)
        except (RunError, KeyError, TypeError, ValueError, RuntimeError) as error:
            _log.warning("checkpoint %s is not used, training starts anew: %s", path.name, error)
            return False
        return True

    def _fill(self, arrays: Arrays, meta: dict[str, Any]) -> None:
        signature = self._signature()
        if any(meta[name] != value for name, value in signature.items()):
            raise RunError("it was written by another version or with other settings")
        targets = dict(self._tensors())
        if any(arrays[name].shape != tuple(tensor.shape) for name, tensor in targets.items()):
            raise RunError("its arrays have other shapes")
        with torch.no_grad():
            for name, tensor in targets.items():
                tensor.copy_(torch.from_numpy(arrays[name]))
        self.generator.set_state(torch.from_numpy(arrays["generator"]))
        self.best = {name.removeprefix(BEST): array for name, array in arrays.items() if name.startswith(BEST)}
        self.best_logits = arrays.get(BEST_LOGITS)
        for name in self._numbers():
            setattr(self, name, meta[name])

    def _tensors(self) -> list[tuple[str, Tensor]]:
        own = [(f"net.{name}", tensor) for name, tensor in self.net.state_dict().items()]
        return own + [(f"adam.{name}", tensor) for name, tensor in self.stepper.adam.tensors()]

    def _signature(self) -> dict[str, Any]:
        return {"format": _FORMAT, "widths": list(self.net.widths), "recipe": self.net.recipe.to_json()}

    def _numbers(self) -> dict[str, Any]:
        names = ("seed", "steps", "curve", "best_score", "best_epochs", "horizon", "horizon_start", "converged")
        return {name: getattr(self, name) for name in names}


def fresh_seed(rng: np.random.Generator) -> int:
    """Return a seed for a training's order of rows and dropout."""
    return int(rng.integers(2**62))
