"""The contract suites of predictors and encoders catch those that break a law."""

from collections.abc import Sequence

import numpy as np
import pytest

from archwright.core.arch import Arch
from archwright.core.protocols import Encoder, Predictor
from archwright.core.trial import Evidence, Prediction
from archwright.encode.fixed import OneHot
from archwright.predict.svr import Svr
from archwright.spaces.base import Space
from archwright.testing import EncoderContract, PredictorContract
from archwright.testing.generators import left_alone


class Global(Svr):
    """Draws from everybody's generator."""

    def fit(self, evidence, scores, *, rng):
        np.random.rand()  # noqa: NPY002 - that is its fault
        return super().fit(evidence, scores, rng=rng)


class Relative(Svr):
    """Predicts against the others that it is asked about."""

    def predict(self, evidence: Sequence[Evidence]) -> Prediction:
        mean = super().predict(evidence).mean
        return Prediction(mean - mean.mean() if len(mean) else mean)


class Greedy(Svr):
    """Changes what it is given."""

    def fit(self, evidence, scores, *, rng):
        super().fit(evidence, scores, rng=rng)
        scores.sort()
        return self


class Backwards(Svr):
    """Takes the worst for the best."""

    def predict(self, evidence: Sequence[Evidence]) -> Prediction:
        return Prediction(-super().predict(evidence).mean)


class Credulous(Svr):
    """Learns from anything."""

    def fit(self, evidence, scores, *, rng):
        return self


@pytest.mark.parametrize(
    ("predictor", "law"),
    [
        (Global, "test_it_leaves_global_generators_alone"),
        (Relative, "test_a_prediction_depends_on_its_own_evidence_alone"),
        (Greedy, "test_what_it_is_given_stays_as_it_was_and_may_change_afterwards"),
        (Backwards, "test_it_ranks_an_easy_task"),
        (Credulous, "test_what_cannot_be_learned_is_refused_in_one_line"),
    ],
)
def test_a_predictor_that_breaks_a_law_is_caught(predictor: type[Svr], law: str) -> None:
    class Contract(PredictorContract):
        def make(self, space: Space) -> Predictor:
            return predictor(space)

    with pytest.raises(AssertionError):
        getattr(Contract(), law)()


class Kept(OneHot):
    """Gives away what it keeps."""

    def encode(self, archs: Sequence[Arch]):
        if not hasattr(self, "kept"):
            self.kept = super().encode(archs)
        return self.kept


class Double(OneHot):
    """In double precision."""

    def encode(self, archs: Sequence[Arch]):
        return super().encode(archs).astype(float)


class Trusting(OneHot):
    """Asks for no space."""

    def encode(self, archs: Sequence[Arch]):
        return self.space.one_hot(archs)


@pytest.mark.parametrize(
    ("encoder", "law"),
    [
        (Kept, "test_vectors_are_the_callers_own"),
        (Kept, "test_no_architectures_have_no_vectors"),
        (Double, "test_there_is_a_finite_float32_vector_of_length_dim_for_each_architecture"),
        (Trusting, "test_an_architecture_of_another_space_is_refused_in_one_line"),
    ],
)
def test_an_encoder_that_breaks_a_law_is_caught(encoder: type[OneHot], law: str) -> None:
    class Contract(EncoderContract):
        def make(self, space: Space) -> Encoder:
            made = encoder(space)
            if law == "test_no_architectures_have_no_vectors":
                made.encode([space.at(0)])
            return made

        def spaces(self) -> Sequence[Space]:
            return [PredictorContract().space()]

    with pytest.raises(AssertionError):
        getattr(Contract(), law)()


def test_seeding_torch_is_noticed() -> None:
    import torch

    with torch.random.fork_rng(devices=[]), pytest.raises(AssertionError, match="drawn from or seeded"), left_alone():
        torch.manual_seed(12345)
