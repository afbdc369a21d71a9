"""Times of an architecture, and the starter."""

from collections.abc import Callable
from dataclasses import fields

import numpy as np
import pytest

from archwright.core.arch import Arch
from archwright.core.protocols import Evaluator
from archwright.core.trial import Proposal
from archwright.train.evaluator import TrainEvaluator
from archwright.train.offers import offered, read_offer
from archwright.train.profile import STARTER, ProfileEvaluator

Make = Callable[..., TrainEvaluator]
ARCH = Arch("tabular_mlp", (0, 0))


def profiler_of(trainer: TrainEvaluator) -> ProfileEvaluator:
    return ProfileEvaluator(**{field.name: getattr(trainer, field.name) for field in fields(trainer) if field.init})


def test_times_add_up_and_nothing_is_offered(trainer: Make) -> None:
    profiler = profiler_of(trainer())
    assert isinstance(profiler, Evaluator)
    result = profiler.evaluate(Proposal(ARCH), rng=np.random.default_rng(0))
    times = result.measures
    assert times["epoch_s"] == pytest.approx(5 * times["step_s"] + times["valid_s"])
    assert result.score == -times["epoch_s"] < 0
    assert not offered(profiler.offers)
    assert not list(profiler.checkpoints.iterdir())


def test_a_starter_is_offered_with_its_score(trainer: Make) -> None:
    profiler = profiler_of(trainer())
    result = profiler.evaluate(Proposal(ARCH, note=STARTER), rng=np.random.default_rng(0))
    offer = read_offer(offered(profiler.offers)[0])
    assert offer.score == result.measures["valid"] > 0.7
    assert offer.epochs > 0


def test_no_time_gives_no_score(trainer: Make) -> None:
    result = profiler_of(trainer()).evaluate(Proposal(ARCH), rng=np.random.default_rng(0), limit_s=0.0)
    assert result.score is None
    assert "limit" in result.error
