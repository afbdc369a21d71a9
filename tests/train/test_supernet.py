"""Weight sharing: one training, and a score for each architecture."""

import numpy as np
import pytest
import torch

from archwright.core.arch import Arch
from archwright.core.errors import RunError
from archwright.core.rng import derive
from archwright.core.trial import Proposal
from archwright.nets.inputs import Inputs
from archwright.nets.recipe import Recipe
from archwright.nets.shared_mlp import SharedMlp
from archwright.spaces.tabular_mlp import TabularMlp
from archwright.train.supernet import SharedWeights, train_supernet
from archwright.train.tensors import Rows

SPACE = TabularMlp((2, 8, 16), layers=2)
RECIPE = Recipe(encoding="linear", batch=64, lr=0.01, max_epochs=8, dropout=0.0)


def rows(n: int, seed: int) -> Rows:
    rng = np.random.default_rng(seed)
    num, cat = rng.normal(size=(n, 2)).astype(np.float32), rng.integers(0, 4, (n, 1)).astype(np.int32)
    y = (num[:, 0] * num[:, 1] + (cat[:, 0] > 1) + 0.3 * rng.normal(size=n) > 0.5).astype(np.float32)
    return Rows(torch.from_numpy(num), torch.from_numpy(cat), torch.from_numpy(y))


def trained(sampling: str) -> SharedMlp:
    rng = derive(0, "supernet")
    return train_supernet(SPACE, Inputs(2, (4,), 1), RECIPE, rows(600, 0), kind="binary", rng=rng, sampling=sampling)


def scores(net: SharedMlp, *, recalibrated: bool = False) -> dict[tuple[int, ...], float]:
    train = rows(600, 0) if recalibrated else None
    evaluator = SharedWeights(net, SPACE, rows(400, 1), "binary", "auc", train)
    results = {arch: evaluator.evaluate(Proposal(arch), rng=derive(0)) for arch in SPACE.enumerate()}
    assert all(result.score is not None for result in results.values())
    return {SPACE.widths_of(arch): result.score for arch, result in results.items()}


def test_the_whole_network_has_learned_and_cuts_from_it_are_worse() -> None:
    found = scores(trained("largest"))
    assert found[16, 16] > 0.8
    assert found[2, 2] < found[16, 16]


def test_training_random_widths_makes_narrow_networks_better() -> None:
    whole, uniform = scores(trained("largest")), scores(trained("uniform"))
    narrow = [(2, 8), (8, 2), (8, 8), (2, 16)]
    assert sum(uniform[widths] for widths in narrow) > sum(whole[widths] for widths in narrow)


def test_fresh_statistics_help_what_was_never_trained_as_such() -> None:
    net = trained("largest")
    kept, fresh = scores(net), scores(net, recalibrated=True)
    assert fresh[8, 8] > kept[8, 8] - 0.05
    assert fresh != kept
    assert kept == scores(net), "scoring must not change the supernet"


def test_the_same_seed_trains_the_same_supernet() -> None:
    one, two = trained("uniform"), trained("uniform")
    assert all(torch.equal(a, b) for a, b in zip(one.parameters(), two.parameters(), strict=True))


def test_what_cannot_be_scored_is_an_error_and_no_number() -> None:
    evaluator = SharedWeights(trained("largest"), SPACE, rows(400, 1), "binary", "auc")
    other = evaluator.evaluate(Proposal(Arch("other", (0, 0))), rng=derive(0))
    assert (other.score, "not in space" in other.error) == (None, True)
    late = evaluator.evaluate(Proposal(SPACE.at(0)), rng=derive(0), limit_s=0.0)
    assert late.score is None
    assert "cut short" in late.error


@pytest.mark.parametrize("sampling", ["largest", "uniform"])
def test_a_supernet_ends_with_all_its_widths_in_use(sampling: str) -> None:
    net = trained(sampling)
    assert net.active == net.widths == (16, 16)


def test_what_a_step_trains_is_one_of_two() -> None:
    with pytest.raises(RunError, match="sampling must be one of largest, uniform, but"):
        trained("smallest")
