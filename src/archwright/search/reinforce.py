"""REINFORCE with one independent softmax per decision; also under limits, by rejection."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
import numpy.typing as npt

from archwright.core.arch import Arch
from archwright.core.errors import SearchError
from archwright.core.history import History
from archwright.core.rng import derive
from archwright.core.trial import Proposal, Trial
from archwright.search.replay import Replay
from archwright.search.settings import require_whole
from archwright.spaces.base import Space

__all__ = ["Reinforce"]

FloatArray = npt.NDArray[np.float64]

#: Draws of one proposal until the policy is taken to have no valid architecture left.
_TRIES = 1000

#: Adam's constants, arXiv:1412.6980, algorithm 1.
_BETA1, _BETA2, _EPSILON = 0.9, 0.999, 1e-8

# D decisions, A choices of the decision that has most.


@dataclass
class _Policy:
    """Logits [D, A] and what the updates carry along; choices that a decision does not have stay at -inf."""

    logits: FloatArray
    first: FloatArray
    second: FloatArray
    steps: int = 0
    rewards: float = 0.0
    weight: float = 0.0
    _softmax: FloatArray | None = None

    def probabilities(self) -> FloatArray:
        """Return the policy [D, A]; each row sums to one. Do not change it."""
        if self._softmax is None:
            self._softmax = np.exp(self.logits - self.logits.max(axis=1, keepdims=True))
            self._softmax /= self._softmax.sum(axis=1, keepdims=True)
        return self._softmax

    def ascend(self, gradient: FloatArray, *, lr: float, adam: bool) -> None:
        """Move the logits along `gradient` [D, A], by one step."""
        self._softmax = None
        if not adam:
            self.logits += lr * gradient
            return
        self.steps += 1
        self.first += (1.0 - _BETA1) * (gradient - self.first)
        self.second += (1.0 - _BETA2) * (gradient * gradient - self.second)
        mean = self.first / (1.0 - _BETA1**self.steps)
        spread = np.sqrt(self.second / (1.0 - _BETA2**self.steps))
        self.logits += lr * mean / (spread + _EPSILON)


@dataclass(frozen=True)
class Reinforce:
    """Draws each decision from a softmax of its own and makes what scored above average more likely.

    After each finished trial in turn, logits move along the gradient of log P(arch) times (score - baseline), where
    the baseline is the exponential moving average of the scores, bias corrected, this score included. Failed
    trials teach nothing. With several workers, a trial is learned from with the policy of the moment at which it
    finished, not of the one at which it was drawn.

    Args:
        space: Where architectures come from.
        lr: Learning rate. NAS-Bench-201's code 0.001 to 0.01, TEG-NAS 0.04.
        optimizer: `adam`, which ignores the scale of scores, or `sgd`, which does not.
        momentum: Share of the old baseline that stays, 0 <= momentum < 1.
        valid: What else a proposal must satisfy besides the space's own rules (`Limits`, for example). Then, as
            in TabNAS, what is not valid is drawn again, and the gradient is the one of log P(arch | valid).
        samples: Draws by which P(valid) is estimated at each update, where there is a `valid`.
        batch: Proposals per question, all from one policy.
        fidelity: Epochs of each proposal; None means the evaluator's full amount.

    Raises:
        SearchError: if a number is out of its range, the optimizer is neither of the two, or `valid` no function.

    Source: Williams 1992; NAS-Bench-201, arXiv:2001.00326, section 5, and its code; TEG-NAS, arXiv:2108.11939,
    section 5.2.1; rejection: TabNAS, arXiv:2204.07615, section 3. The EMA's momentum 0.9 is from the first two.
    Differs: logits begin at zero, where the code draws them with deviation 0.001. An architecture that the space
    itself rules out is also drawn again, without a correction.
    """

    space: Space
    lr: float = 0.01
    optimizer: Literal["adam", "sgd"] = "adam"
    momentum: float = 0.9
    valid: Callable[[Arch], bool] | None = None
    samples: int = 256
    batch: int = 1
    fidelity: int | None = None
    _policy: Replay[_Policy] = field(init=False, repr=False, compare=False)
    _verdicts: dict[tuple[int, ...], bool] = field(default_factory=dict, init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        require_whole("reinforce", samples=self.samples, batch=self.batch, fidelity=self.fidelity)
        if not self.lr > 0 or not 0 <= self.momentum < 1:
            raise SearchError(
                f"reinforce needs lr > 0 and 0 <= momentum < 1, but {self.lr} and {self.momentum} were given"
            )
        if self.valid is not None and not callable(self.valid):
            raise SearchError(f"reinforce needs a function of an architecture as valid, but {self.valid!r} was given")
        if self.optimizer not in ("adam", "sgd"):
            raise SearchError(f"reinforce moves by 'adam' or by 'sgd', but {self.optimizer!r} was given")
        object.__setattr__(self, "_policy", Replay(self._start, self._learn))

    def propose(self, history: History, n: int, *, rng: np.random.Generator) -> Sequence[Proposal]:
        """Return `n` draws of the policy.

        Raises:
            SearchError: if a thousand draws brought nothing valid.
        """
        bounds = self._bounds(self._policy.at(history).probabilities())
        return [Proposal(self._draw(bounds, rng), self.fidelity) for _ in range(n)]

    def probabilities(self, history: History) -> list[FloatArray]:
        """Return the policy after `history`: for each decision, the probability of each choice."""
        rows = self._policy.at(history).probabilities()
        return [row[:arity].copy() for row, arity in zip(rows, self.space.arities, strict=True)]

    def _bounds(self, probabilities: FloatArray) -> FloatArray:
        """Return cumulated probabilities [D, A], without the last of each decision: it may miss one by rounding."""
        bounds = np.cumsum(probabilities, axis=1)
        bounds[np.arange(bounds.shape[1])[None, :] >= np.array(self.space.arities)[:, None] - 1] = np.inf
        return bounds

    def _draw(self, bounds: FloatArray, rng: np.random.Generator) -> Arch:
        for _ in range(_TRIES):
            genes = _chosen(bounds, rng.random((1, len(bounds))))[0].tolist()
            arch = Arch(self.space.name, tuple(genes))
            if self.space.check(arch) is None and (self.valid is None or self._allows(arch.genes)):
                return arch
        raise SearchError(
            f"none of {_TRIES} architectures that reinforce drew from space {self.space.name!r} is valid; "
            "loosen the limits, or lower the learning rate"
        )

    def _allows(self, genes: tuple[int, ...]) -> bool:
        """Return what `valid` says; it is asked once per architecture."""
        assert self.valid is not None
        if (verdict := self._verdicts.get(genes)) is None:
            verdict = self._verdicts[genes] = bool(self.valid(Arch(self.space.name, genes)))
        return verdict

    def _start(self) -> _Policy:
        arities = np.array(self.space.arities)
        exists = np.arange(arities.max())[None, :] < arities[:, None]
        logits = np.where(exists, 0.0, -np.inf)
        return _Policy(logits, np.zeros(logits.shape), np.zeros(logits.shape))

    def _learn(self, policy: _Policy, trial: Trial) -> None:
        """Move the logits by one finished trial."""
        score = trial.result.score
        if score is None:
            return
        policy.rewards = self.momentum * policy.rewards + (1.0 - self.momentum) * score
        policy.weight = self.momentum * policy.weight + (1.0 - self.momentum)
        advantage = score - policy.rewards / policy.weight
        genes = np.array(trial.proposal.arch.genes)
        # The gradient of log softmax is "one-hot minus what was to be expected".
        gradient = -self._expected(policy, trial.id)
        gradient[np.arange(len(genes)), genes] += 1.0
        policy.ascend(advantage * gradient, lr=self.lr, adam=self.optimizer == "adam")

    def _expected(self, policy: _Policy, trial_id: int) -> FloatArray:
        """Return how often each choice [D, A] is made by the policy, or by what is valid of it."""
        probabilities = policy.probabilities()
        if self.valid is None:
            return probabilities
        # log P(arch | valid) = log P(arch) - log P(valid). The gradient of the second term, estimated by draws, is
        # the mean over the valid ones of (one-hot - p), so p cancels and their mean one-hot remains.
        rng = derive(trial_id, "reinforce", "valid")
        drawn = _chosen(self._bounds(probabilities), rng.random((self.samples, len(probabilities))))
        kept = drawn[[self._allows(tuple(genes)) for genes in drawn.tolist()]]
        if not len(kept):
            return probabilities
        counts = np.zeros_like(probabilities)
        np.add.at(counts, (np.arange(len(probabilities))[None, :], kept), 1.0)
        counts /= len(kept)
        return counts


def _chosen(bounds: FloatArray, uniform: FloatArray) -> npt.NDArray[np.int64]:
    """Return choices [B, D] for uniform numbers [B, D]: how many bounds [D, A] they reach."""
    picked: npt.NDArray[np.int64] = (uniform[:, :, None] >= bounds[None, :, :]).sum(axis=2)
    return picked
