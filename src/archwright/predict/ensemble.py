"""Several predictors of one kind that differ by their seeds, as one predictor that knows how far they disagree."""

# N architectures, B queries, M members

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from archwright.core.catalog import find
from archwright.core.errors import PredictorError
from archwright.core.protocols import Predictor
from archwright.core.rng import derive
from archwright.core.trial import Evidence, Prediction
from archwright.predict.storage import predictor_from_state, predictor_state
from archwright.predict.training_set import require_scores
from archwright.spaces.base import Space

__all__ = ["Ensemble"]

Floats = npt.NDArray[np.float64]


class Ensemble:
    """The mean of members that are fitted to the same scores from different seeds.

    The uncertainty is the deviation of the mixture: between the members, and, where they have one, within each. Members
    that learn an order alone have scores without a unit; their predictions are shifted and stretched so that those of
    the training set have the mean and the deviation of its scores.

    Args:
        space: Space of the architectures.
        of: Name of the predictor in the catalogue.
        settings: Its settings.
        members: How many there are, M.

    Raises:
        UnknownNameError: if there is no such predictor.
        PredictorError: if there is no member, or the predictor refuses its settings.

    Source: arXiv:1612.01474, section 2.4; arXiv:1910.11858, section 4.1, for its use on architectures.
    """

    def __init__(
        self, space: Space, *, of: str = "gates", settings: Mapping[str, Any] | None = None, members: int = 5
    ) -> None:
        if members < 1:
            raise PredictorError(f"an ensemble must have a member or more, but {members} was given")
        self.space, self.of, self.settings = space, of, dict(settings or {})
        make = find("predictor", of)
        try:
            self._members: list[Predictor] = [make(space, **self.settings) for _ in range(members)]
        except TypeError as error:
            raise PredictorError(f"an ensemble of {of!r} cannot be made: {error}") from error
        #: What each member's predictions are multiplied with, and what is then added, [M, 2]; none before fitting.
        self._lines: Floats | None = None

    @property
    def needs(self) -> frozenset[str]:
        """What its members look at."""
        return self._members[0].needs

    def fit(self, evidence: Sequence[Evidence], scores: Floats, *, rng: np.random.Generator) -> Self:
        """Learn from N architectures and their scores, higher is better, whatever was fitted before.

        Raises:
            PredictorError: if there are not as many scores as architectures, fewer than two, one is not finite, or a
                member refuses the evidence.
            ArchError: if an architecture is not in the space.
        """
        known, seed = require_scores(evidence, scores), int(rng.integers(2**31 - 1))
        self._lines = None
        for number, member in enumerate(self._members):
            member.fit(evidence, known, rng=derive(seed, "member", number))
        self._lines = np.array([_line(member, evidence, known) for member in self._members])
        return self

    def predict(self, evidence: Sequence[Evidence]) -> Prediction:
        """Return means and standard deviations.

        Raises:
            PredictorError: if it was not fitted, or a member refuses the evidence.
        """
        if self._lines is None:
            raise PredictorError("a predictor must be fitted, or read from a file, before it predicts")
        if not evidence:
            return Prediction(np.zeros(0))
        found = [member.predict(evidence) for member in self._members]
        slopes, shifts = self._lines.T[:, :, None]
        means = slopes * np.stack([each.mean for each in found]) + shifts
        within = [np.zeros(len(evidence)) if each.std is None else np.square(each.std) for each in found]
        variance = means.var(axis=0) + (np.square(slopes) * np.stack(within)).mean(axis=0)
        return Prediction(means.mean(axis=0), np.sqrt(variance))

    def state(self) -> tuple[dict[str, Any], dict[str, npt.NDArray[Any]]]:
        """Return what a fitted ensemble is: values for JSON with those of each member, and all their arrays.

        Raises:
            PredictorError: if it was not fitted, or a member cannot be kept.
        """
        if self._lines is None:
            raise PredictorError("a predictor must be fitted before it can be kept")
        kept = [predictor_state(member) for member in self._members]
        arrays = {f"{k}.{name}": array for k, (_, own) in enumerate(kept) for name, array in own.items()}
        values = {"of": self.of, "settings": self.settings, "members": [values for values, _ in kept]}
        return values, arrays | {"lines": self._lines}

    @classmethod
    def from_state(cls, space: Space, values: Mapping[str, Any], arrays: Mapping[str, npt.NDArray[Any]]) -> Self:
        """Return the ensemble that `state` described.

        Raises:
            PredictorError: if values and arrays do not belong together.
        """
        try:
            members = list(values["members"])
            made = cls(space, of=values["of"], settings=values["settings"], members=len(members))
            lines = np.array(arrays["lines"], dtype=np.float64)
            if lines.shape != (len(members), 2):
                raise PredictorError(f"this is no ensemble: {len(members)} members, and lines of shape {lines.shape}")
            made._members = [
                predictor_from_state(space, member, _own(arrays, number)) for number, member in enumerate(members)
            ]
        except (KeyError, TypeError, ValueError) as error:
            if isinstance(error, PredictorError):
                raise
            raise PredictorError(f"this is no ensemble of {space.name!r}: {error}") from error
        made._lines = lines
        return made


def _own(arrays: Mapping[str, npt.NDArray[Any]], number: int) -> dict[str, npt.NDArray[Any]]:
    """Return the arrays of one member."""
    beginning = f"{number}."
    return {name.removeprefix(beginning): each for name, each in arrays.items() if name.startswith(beginning)}


def _line(member: Predictor, evidence: Sequence[Evidence], scores: Floats) -> tuple[float, float]:
    """Return slope and shift that give a member's predictions the unit of the scores."""
    if not _is_ordinal(member):
        return 1.0, 0.0
    mean = member.predict(evidence).mean
    deviation = float(mean.std())
    slope = float(scores.std()) / deviation if deviation > 0 else 1.0
    return slope, float(scores.mean()) - slope * float(mean.mean())


def _is_ordinal(member: Predictor) -> bool:
    """Return whether a predictor learns the order of scores alone."""
    # Imported here, since it needs torch and other members may not.
    from archwright.predict.neural import NeuralPredictor

    return isinstance(member, NeuralPredictor) and member.training.loss == "hinge"
