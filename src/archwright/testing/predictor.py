"""The laws of a performance predictor."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar, cast

import numpy as np
import numpy.typing as npt

from archwright.core.arch import Arch
from archwright.core.errors import NasError, PredictorError
from archwright.core.protocols import Predictor
from archwright.core.rng import derive
from archwright.core.trial import Evidence, Prediction
from archwright.predict.ranks import kendall
from archwright.predict.storage import StorablePredictor, load_predictor, save_predictor
from archwright.spaces.base import Space
from archwright.spaces.tabular_mlp import TabularMlp
from archwright.testing.generators import left_alone

__all__ = ["PredictorContract"]

#: Architectures that predictors learn from, are asked about, and learn from where only sameness counts.
_LEARNED, _ASKED, _FEW = 60, 80, 12

Floats = npt.NDArray[np.float64]


class PredictorContract:
    """Inherit, set `name` to the catalogue's name, and give `make`; `space` and `score` may be replaced.

    The task is an easy one: a sum of what each decision is worth. What a predictor `needs` it gets with every
    architecture: a learning curve that rises to the score, and proxies that follow it with noise.
    """

    name = ""
    #: Kendall's tau that it must reach after 60 architectures, on 80 others.
    tau = 0.4
    #: Whether it gives a standard deviation.
    has_std = False
    _known: ClassVar[Predictor | None] = None
    #: Proxies that an architecture comes with, where the predictor needs proxies.
    proxies: tuple[str, ...] = ("jacov", "synflow", "params")

    def make(self, space: Space) -> Predictor:
        """Return a fresh predictor for `space`, quick to fit; equal each time."""
        raise NotImplementedError

    def space(self) -> Space:
        """Return the space of the architectures."""
        return TabularMlp((8, 16, 32, 64), layers=4)

    def score(self, space: Space, arch: Arch) -> float:
        """Return what `arch` is worth."""
        steps = (gene / max(1, arity - 1) for gene, arity in zip(arch.genes, space.arities, strict=True))
        return 10 + sum(step * (1 + place % 3) for place, step in enumerate(steps))

    def evidence(self, n: int, *, seed: int = 0) -> list[Evidence]:
        """Return `n` random architectures, with what the predictor needs."""
        space, rng = self.space(), derive(seed, "predictor")
        needs = self.make(space).needs
        archs = [space.random(rng=rng) for _ in range(n)]
        found: list[Evidence] = []
        for arch in archs:
            end, noise = self.score(space, arch), rng.normal(size=len(self.proxies))
            curve = tuple(end - 4.0 / epoch for epoch in range(1, 9)) if "curve" in needs else ()
            noisy = {name: end + float(each) for name, each in zip(self.proxies, noise, strict=True)}
            proxies = noisy if "proxies" in needs else {}
            found.append(Evidence(arch, curve, proxies))
        return found

    def scores(self, evidence: Sequence[Evidence]) -> Floats:
        """Return what the architectures are worth."""
        space = self.space()
        return np.array([self.score(space, each.arch) for each in evidence])

    def fitted(self, n: int = _FEW, *, seed: int = 0) -> Predictor:
        """Return a predictor that has learned from `n` architectures, of other ones for another seed."""
        evidence = self.evidence(n, seed=seed)
        return self.make(self.space()).fit(evidence, self.scores(evidence), rng=derive(seed, "fit"))

    def known(self) -> Predictor:
        """Return what `fitted` gave once, for questions alone: fitting is what costs time."""
        kept = type(self).__dict__.get("_known")
        if kept is None:
            kept = self.fitted()
            type(self)._known = kept
        return kept

    def test_it_ranks_an_easy_task(self) -> None:
        predictor, asked = self.fitted(_LEARNED), self.evidence(_ASKED, seed=1)
        found = predictor.predict(asked)
        assert kendall(found.mean, self.scores(asked)) >= self.tau
        _assert_form(found, _ASKED, has_std=self.has_std)

    def test_it_says_what_it_needs(self) -> None:
        predictor = self.make(self.space())
        assert isinstance(predictor, Predictor)
        assert predictor.needs <= {"curve", "proxies"}

    def test_fitting_gives_the_predictor_itself(self) -> None:
        predictor, evidence = self.make(self.space()), self.evidence(_FEW)
        assert predictor.fit(evidence, self.scores(evidence), rng=derive(0)) is predictor

    def test_the_same_generator_gives_the_same_predictions(self) -> None:
        asked = self.evidence(_FEW, seed=1)
        _assert_equal(self.fitted().predict(asked), self.known().predict(asked))

    def test_asking_changes_nothing(self) -> None:
        predictor, asked = self.known(), self.evidence(_FEW, seed=1)
        first = predictor.predict(asked)
        predictor.predict(self.evidence(5, seed=2))
        _assert_equal(predictor.predict(asked), first)

    def test_a_prediction_depends_on_its_own_evidence_alone(self) -> None:
        predictor, asked = self.known(), self.evidence(_FEW, seed=1)
        together = predictor.predict(asked)
        _assert_close(predictor.predict(asked[::-1]), _part(together, slice(None, None, -1)))
        for k in (0, 5):
            _assert_close(predictor.predict([asked[k]]), _part(together, slice(k, k + 1)))

    def test_nothing_asked_is_nothing_predicted(self) -> None:
        assert self.known().predict([]).mean.shape == (0,)

    def test_fitting_again_begins_anew(self) -> None:
        predictor, asked = self.fitted(seed=3), self.evidence(_FEW, seed=1)
        evidence = self.evidence(_FEW)
        again = predictor.fit(evidence, self.scores(evidence), rng=derive(0, "fit"))
        _assert_equal(again.predict(asked), self.known().predict(asked))

    def test_what_it_is_given_stays_as_it_was_and_may_change_afterwards(self) -> None:
        asked, evidence = self.evidence(_FEW, seed=1), self.evidence(_FEW)
        scores = self.scores(evidence)
        given, kept = list(evidence), scores.copy()
        predictor = self.make(self.space()).fit(given, scores, rng=derive(0, "fit"))
        assert given == evidence
        assert np.array_equal(scores, kept)
        scores.fill(0)
        given.clear()
        _assert_equal(predictor.predict(asked), self.known().predict(asked))
        _assert_equal(self._saved(predictor).predict(asked), self.known().predict(asked))

    def test_what_was_saved_predicts_the_same(self) -> None:
        predictor, asked = self.known(), self.evidence(_FEW, seed=1)
        wanted = predictor.predict(asked)
        found = self._saved(predictor)
        assert type(found) is type(predictor)
        _assert_equal(found.predict(asked), wanted)
        _assert_equal(self._saved(found).predict(asked), wanted)

    def test_equal_scores_give_finite_predictions(self) -> None:
        evidence = self.evidence(_FEW)
        predictor = self.make(self.space()).fit(evidence, np.full(_FEW, 3.0), rng=derive(0))
        assert np.isfinite(predictor.predict(evidence).mean).all()

    def test_it_leaves_global_generators_alone(self) -> None:
        asked = self.evidence(_FEW, seed=1)
        self.known().predict(asked)  # imports what it needs
        with left_alone():
            self.fitted().predict(asked)

    def test_before_it_is_fitted_it_predicts_and_keeps_nothing(self) -> None:
        predictor, evidence = self.make(self.space()), self.evidence(3)
        _assert_refused(lambda: predictor.predict(evidence), PredictorError)
        _assert_refused(lambda: cast("StorablePredictor", predictor).state(), PredictorError)

    def test_what_cannot_be_learned_is_refused_in_one_line(self) -> None:
        predictor, evidence = self.make(self.space()), self.evidence(5)
        scores = self.scores(evidence)
        wrong: list[tuple[list[Evidence], Floats]] = [
            (evidence[:4], scores),
            (evidence, scores[:4]),
            ([], scores[:0]),
            (evidence[:1], scores[:1]),
            (evidence, np.append(scores[:4], np.nan)),
            (evidence, np.append(scores[:4], np.inf)),
        ]
        for given, truth in wrong:
            _assert_refused(lambda given=given, truth=truth: predictor.fit(given, truth, rng=derive(0)), PredictorError)

    def test_architectures_of_another_space_are_refused_in_one_line(self) -> None:
        evidence = self.evidence(5)
        foreign = [*evidence[:4], Evidence(Arch("no-such-space", evidence[0].arch.genes))]
        scores, predictor = self.scores(evidence), self.known()
        _assert_refused(lambda: self.make(self.space()).fit(foreign, scores, rng=derive(0)), NasError)
        _assert_refused(lambda: predictor.predict(foreign), NasError)

    def test_a_state_that_is_none_is_refused_in_one_line(self) -> None:
        predictor = cast("StorablePredictor", self.known())
        values, _ = predictor.state()
        _assert_refused(lambda: type(predictor).from_state(self.space(), {}, {}), PredictorError)
        _assert_refused(lambda: type(predictor).from_state(self.space(), values, {}), PredictorError)

    def _saved(self, predictor: Predictor) -> Predictor:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "predictor.safetensors"
            save_predictor(predictor, path)
            return load_predictor(path)


def _part(prediction: Prediction, part: slice) -> Prediction:
    return Prediction(prediction.mean[part], None if prediction.std is None else prediction.std[part])


def _assert_form(found: Prediction, n: int, *, has_std: bool) -> None:
    assert found.mean.shape == (n,)
    assert found.mean.dtype == np.float64
    assert np.isfinite(found.mean).all()
    assert (found.std is not None) == has_std
    if found.std is not None:
        assert found.std.shape == (n,)
        assert np.isfinite(found.std).all()
        assert (found.std >= 0).all()
        assert (found.std > 0).any()


def _assert_equal(one: Prediction, other: Prediction) -> None:
    assert np.array_equal(one.mean, other.mean)
    assert (one.std is None) == (other.std is None)
    assert one.std is None or other.std is None or np.array_equal(one.std, other.std)


def _assert_close(one: Prediction, other: Prediction) -> None:
    """Assert equality up to rounding, which depends on the size of a batch."""
    assert np.allclose(one.mean, other.mean, rtol=1e-4, atol=1e-5)
    assert one.std is None or other.std is None or np.allclose(one.std, other.std, rtol=1e-3, atol=1e-4)


def _assert_refused(action: Any, kind: type[NasError]) -> None:
    message = ""
    try:
        action()
    except kind as error:
        message = str(error)
    assert message, f"it must be refused by a {kind.__name__}"
    assert "\n" not in message
