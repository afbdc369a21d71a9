"""An ensemble is the mean of its members, and as unsure as they disagree."""

import numpy as np
import pytest

from archwright.core.catalog import find
from archwright.core.errors import PredictorError, UnknownNameError
from archwright.core.rng import derive
from archwright.core.trial import Evidence
from archwright.predict.ensemble import Ensemble
from archwright.predict.storage import load_predictor, save_predictor

SPACE = find("space", "nb201")()
NEURAL = {"settings": {"embedding": 8, "widths": [8, 8]}, "head": [8], "training": {"epochs": 20, "lr": 0.01}}


def drawn(n: int) -> tuple[list[Evidence], np.ndarray]:
    rng = derive(0, "ensemble")
    archs = [SPACE.random(rng=rng) for _ in range(n)]
    return [Evidence(arch) for arch in archs], np.array([90.0 + np.isin(arch.genes, (2, 3)).sum() for arch in archs])


def test_it_is_the_mixture_of_its_members() -> None:
    evidence, scores = drawn(30)
    made = Ensemble(SPACE, of="random_forest", settings={"trees": 5}, members=3).fit(evidence, scores, rng=derive(0))
    parts, whole = [member.predict(evidence) for member in made._members], made.predict(evidence)
    means, stds = np.stack([each.mean for each in parts]), np.stack([each.std for each in parts])
    assert not np.array_equal(means[0], means[1]), "each member has a seed of its own"
    assert np.allclose(whole.mean, means.mean(axis=0))
    assert np.allclose(whole.std**2, (stds**2 + means**2).mean(axis=0) - means.mean(axis=0) ** 2)


def test_members_that_learn_an_order_get_the_unit_of_the_scores() -> None:
    evidence, scores = drawn(30)
    made = Ensemble(SPACE, of="gates", settings=NEURAL, members=2).fit(evidence, scores, rng=derive(0))
    found = made.predict(evidence)
    assert found.mean.mean() == pytest.approx(scores.mean())
    assert (found.std < 3 * scores.std()).all(), "members do not differ by an offset that means nothing"


def test_it_can_be_kept_with_all_its_members(tmp_path) -> None:
    evidence, scores = drawn(20)
    made = Ensemble(SPACE, of="gates", settings=NEURAL, members=2).fit(evidence, scores, rng=derive(0))
    save_predictor(made, tmp_path / "two.predictor")
    back, wanted = load_predictor(tmp_path / "two.predictor").predict(evidence), made.predict(evidence)
    assert np.array_equal(back.mean, wanted.mean)
    assert np.array_equal(back.std, wanted.std)


def test_it_needs_what_its_members_need() -> None:
    assert Ensemble(SPACE, of="omni", members=1).needs == {"curve", "proxies"}
    assert Ensemble(SPACE, of="svr").needs == frozenset()


def test_what_is_no_ensemble_is_refused() -> None:
    with pytest.raises(PredictorError, match="a member or more, but 0"):
        Ensemble(SPACE, members=0)
    with pytest.raises(UnknownNameError, match="no predictor 'forest'"):
        Ensemble(SPACE, of="forest")
    with pytest.raises(PredictorError, match=r"ensemble of 'svr' cannot be made: .*depth"):
        Ensemble(SPACE, of="svr", settings={"depth": 3})
