from __future__ import annotations

import subprocess
import sys
import tracemalloc

import numpy as np
import pytest
import torch
from expressflow_twin import expressflow_by_definition, layers_of
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import spearmanr
from torch import nn

from archwright.core.errors import ArchError, NasError, ProxyError, SpaceError
from archwright.core.rng import derive
from archwright.proxies import whole_space
from archwright.proxies.expressflow import expressflow
from archwright.proxies.whole_space import WholeSpace
from archwright.spaces.tabular_mlp import TabularMlp, frappe

SPACES = st.builds(
    TabularMlp,
    st.lists(st.integers(1, 40), min_size=1, max_size=4, unique=True),
    layers=st.integers(1, 4),
)


def twin(whole: WholeSpace, arch, *, reference: bool = False) -> float:
    x = torch.ones(4, whole.d, dtype=torch.float64)
    directions = torch.tensor(whole.directions(), dtype=torch.float64)
    return expressflow_by_definition(layers_of(whole.weights(arch)), x, directions, reference=reference)


def sample(space: TabularMlp, n: int) -> list[int]:
    return derive(7, "sample").choice(space.size(), n, replace=False).tolist()


@pytest.mark.parametrize("reference", [False, True])
def test_whole_space_equals_the_definition_with_the_same_weights(reference: bool) -> None:
    space = frappe()
    exact = WholeSpace(space, 100, seed=3, reference=reference, dtype=np.float64)
    fast = WholeSpace(space, 100, seed=3, reference=reference)
    chosen = sample(space, 500)
    slow = np.array([twin(exact, space.at(index), reference=reference) for index in chosen])
    assert np.abs(exact.scores()[chosen] / slow - 1).max() < 1e-9
    assert np.abs(fast.scores()[chosen] / slow - 1).max() < 1e-4
    assert spearmanr(fast.scores()[chosen], slow).statistic >= 0.9999


@pytest.mark.parametrize("reference", [False, True])
def test_torch_function_equals_whole_space_with_the_same_weights(reference: bool) -> None:
    space = TabularMlp((4, 9, 30), layers=3)
    whole = WholeSpace(space, 12, n_outputs=2, seed=1, reference=reference, dtype=np.float64)
    directions = torch.tensor(whole.directions())
    for index in sample(space, 10):
        arch = space.at(index)
        parts: list[nn.Module] = []
        for matrix in whole.weights(arch):
            linear = nn.Linear(matrix.shape[1], matrix.shape[0], bias=False, dtype=torch.float64)
            linear.weight.data = torch.tensor(matrix)
            parts += [linear, nn.ReLU()]
        model = nn.Sequential(*parts[:-1])
        score = expressflow(model, reference=reference, probes=directions, init=None)
        assert score == pytest.approx(whole.scores()[index], rel=1e-9)


@settings(max_examples=40)
@given(space=SPACES, d=st.integers(1, 20), outputs=st.integers(1, 3), reference=st.booleans(), data=st.data())
def test_any_space_equals_the_definition(space, d, outputs, reference, data) -> None:
    whole = WholeSpace(space, d, n_outputs=outputs, seed=5, probes=2, reference=reference, dtype=np.float64)
    index = data.draw(st.integers(0, space.size() - 1))
    assert whole.scores().shape == (space.size(),)
    assert whole.scores()[index] == pytest.approx(twin(whole, space.at(index), reference=reference), rel=1e-8)


@settings(max_examples=40)
@given(space=SPACES, draws=st.integers(1, 3), reference=st.booleans())
def test_one_score_equals_its_place_in_the_whole(space, draws, reference) -> None:
    whole = WholeSpace(space, 6, seed=2, draws=draws, reference=reference, dtype=np.float64)
    one_by_one = [whole.score(space.at(index)) for index in range(space.size())]
    assert whole.scores() == pytest.approx(one_by_one, rel=1e-10)


def test_many_layers_go_on_one_by_one_and_agree() -> None:
    space = TabularMlp((3, 5), layers=11)
    whole = WholeSpace(space, 4, seed=0, dtype=np.float64)
    for index in (0, 1, 2, 1023, 1024, 2047):
        assert whole.scores()[index] == pytest.approx(whole.score(space.at(index)), rel=1e-10)


def test_deep_wide_networks_do_not_overflow() -> None:
    space = TabularMlp((512,), layers=30)
    scores = WholeSpace(space, 100, seed=0).scores()
    assert np.isfinite(scores).all()
    assert (scores > 0).all()


def test_more_inputs_than_one_block_use_the_same_weights() -> None:
    space = TabularMlp((2, 6), layers=2)
    whole = WholeSpace(space, whole_space.DRAW_COLUMNS + 7, seed=0, dtype=np.float64)
    arch = space.at(2)
    assert whole.score(arch) == pytest.approx(twin(whole, arch), rel=1e-8)


def test_equal_seeds_give_equal_scores_and_others_nearly_equal_ranks() -> None:
    space = frappe()
    first, again, other = (WholeSpace(space, 100, seed=seed).scores() for seed in (0, 0, 1))
    chosen = sample(space, 500)
    assert (first == again).all()
    assert (first != other).any()
    assert spearmanr(first[chosen], other[chosen]).statistic > 0.99


def test_more_draws_are_nearer_to_their_mean() -> None:
    space = TabularMlp((4, 8, 16), layers=3)
    mean = np.log(WholeSpace(space, 10, seed=99, draws=64).scores())

    def spread(draws: int) -> float:
        logs = np.log([WholeSpace(space, 10, seed=seed, draws=draws).scores() for seed in range(8)])
        return float(np.std(logs - mean))

    assert spread(16) < 0.6 * spread(1)


def test_reference_ranks_differ_from_equation_one() -> None:
    space = frappe()
    paper = WholeSpace(space, 100, seed=0).scores()[::97]
    code = WholeSpace(space, 100, seed=0, reference=True).scores()[::97]
    assert 0.5 < spearmanr(paper, code).statistic < 0.999


def test_scores_are_kept_and_cannot_be_changed() -> None:
    whole = WholeSpace(TabularMlp((2, 3), layers=2), 4, seed=0)
    assert whole.scores() is whole.scores()
    with pytest.raises(ValueError, match="read-only"):
        whole.scores()[0] = 1.0


def test_top_is_the_best_first() -> None:
    space = TabularMlp((2, 5, 9), layers=3)
    whole = WholeSpace(space, 7, seed=0)
    top = [space.index(arch) for arch in whole.top(27)]
    assert (np.diff(whole.scores()[top]) <= 0).all()
    assert sorted(top) == list(range(27))
    assert len(whole.top(100)) == 27
    assert whole.top(0) == []
    assert whole.top(4) == whole.top(27)[:4]


def test_top_takes_only_what_the_mask_allows() -> None:
    space = TabularMlp((2, 5, 9), layers=3)
    whole = WholeSpace(space, 7, seed=0)
    mask = np.zeros(27, dtype=bool)
    mask[[3, 8, 20]] = True
    top = [space.index(arch) for arch in whole.top(5, mask=mask)]
    assert set(top) == {3, 8, 20}
    assert (np.diff(whole.scores()[top]) <= 0).all()


def test_a_space_too_large_says_what_to_do_and_still_scores_one() -> None:
    space = TabularMlp(tuple(range(1, 31)), layers=6)
    whole = WholeSpace(space, 4, seed=0)
    with pytest.raises(SpaceError, match="explore='sampled'"):
        whole.scores()
    with pytest.raises(SpaceError, match="explore='sampled'"):
        whole.top(3)
    assert whole.score(space.arch((1, 2, 30, 4, 5, 6))) > 0


def test_a_space_too_deep_and_wide_is_refused_before_it_takes_minutes() -> None:
    with pytest.raises(SpaceError, match=r"multiply-adds.*explore='sampled'"):
        WholeSpace(TabularMlp((64, 512), layers=22), 4, seed=0).scores()


def test_a_foreign_architecture_is_refused() -> None:
    whole = WholeSpace(TabularMlp((2, 3), layers=2), 4, seed=0)
    stranger = TabularMlp((2, 3, 4), layers=3).at(5)
    with pytest.raises(ArchError):
        whole.score(stranger)


@pytest.mark.parametrize("wrong", [{"d": 0}, {"probes": 0}, {"draws": 0}, {"n_outputs": 0}])
def test_numbers_below_one_are_refused(wrong: dict[str, int]) -> None:
    arguments = {"d": 4, "seed": 0} | wrong
    with pytest.raises(ProxyError, match=f"{next(iter(wrong))} must be at least 1") as caught:
        WholeSpace(TabularMlp((2, 3), layers=2), **arguments)
    assert isinstance(caught.value, NasError)


def test_memory_stays_small_beside_the_scores() -> None:
    whole = WholeSpace(frappe(), 100, seed=0)
    tracemalloc.start()
    try:
        scores = whole.scores()
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < scores.nbytes + 32e6


def test_scoring_a_space_imports_no_torch() -> None:
    code = (
        "import sys\n"
        "from archwright.proxies.evaluator import ExpressFlowEvaluator\n"
        "from archwright.proxies.closed_form import closed_form\n"
        "from archwright.proxies.whole_space import WholeSpace\n"
        "from archwright.spaces.tabular_mlp import TabularMlp\n"
        "space = TabularMlp((2, 4), layers=2)\n"
        "WholeSpace(space, 3, seed=0).top(1), closed_form(space, 3), ExpressFlowEvaluator(space, 3, seed=0)\n"
        "assert sys.modules.keys().isdisjoint({'torch', 'scipy', 'sklearn', 'pandas'})\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
