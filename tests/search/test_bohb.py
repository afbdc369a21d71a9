import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from archwright.core.budget import Budget
from archwright.core.errors import SearchError
from archwright.core.history import History
from archwright.core.rng import derive
from archwright.core.trial import Proposal, Result, Trial
from archwright.run.loop import run
from archwright.run.simulated import SimulatedExecutor
from archwright.search.bohb import Bohb, Tpe
from archwright.search.hyperband import Hyperband
from archwright.search.kde import Kde, bandwidths
from archwright.search.random import RandomSearch
from archwright.spaces.tabular_mlp import TabularMlp, frappe
from archwright.testing import Toy

SPACE = TabularMlp((1, 2, 3, 4), layers=3)


@st.composite
def kdes(draw: st.DrawFn) -> Kde:
    arities = np.array(draw(st.lists(st.integers(1, 4), min_size=1, max_size=3)))
    row = st.tuples(*(st.integers(0, int(arity) - 1) for arity in arities))
    genes = np.array(draw(st.lists(row, min_size=1, max_size=8)))
    return Kde(genes, arities, bandwidths(genes, arities))


def everything(kde: Kde) -> np.ndarray:
    return np.array(list(itertools.product(*map(range, kde.arities))))


@given(kde=kdes())
def test_the_density_of_all_points_sums_to_one(kde: Kde) -> None:
    assert np.exp(kde.log_density(everything(kde))).sum() == pytest.approx(1.0)


@given(kde=kdes())
def test_the_density_equals_the_mean_of_products_of_kernels(kde: Kde) -> None:
    for point, value in zip(everything(kde), kde.log_density(everything(kde)), strict=True):
        kernels = [
            np.prod(
                [
                    1 - h if same else h / (a - 1)
                    for same, h, a in zip(row == point, kde.widths, kde.arities, strict=True)
                ]
            )
            for row in kde.genes
        ]
        assert np.exp(value) == pytest.approx(np.mean(kernels))


def test_draws_follow_the_density() -> None:
    genes = np.array([[0, 1], [0, 2], [2, 2], [0, 2]])
    kde = Kde(genes, np.array([3, 4]), np.array([0.2, 0.5]))
    points = kde.draw(100_000, rng=derive(0))
    counts = np.bincount(points[:, 0] * 4 + points[:, 1], minlength=12) / len(points)
    assert counts == pytest.approx(np.exp(kde.log_density(everything(kde))), abs=0.006)


def test_a_factor_widens_what_is_drawn_to_uniform_at_most() -> None:
    kde = Kde(np.array([[1]]), np.array([4]), np.array([0.5]))
    shares = np.bincount(kde.draw(100_000, rng=derive(0), factor=100.0)[:, 0], minlength=4) / 100_000
    assert shares == pytest.approx(np.full(4, 0.25), abs=0.006)


@given(kde=kdes(), seed=st.integers(0, 1000))
def test_the_numbering_of_choices_does_not_matter(kde: Kde, seed: int) -> None:
    orders = [derive(seed, k).permutation(arity) for k, arity in enumerate(kde.arities)]
    renamed = np.stack([order[column] for order, column in zip(orders, kde.genes.T, strict=True)], axis=1)
    assert bandwidths(renamed, kde.arities) == pytest.approx(kde.widths)


def test_the_reference_bandwidth_can_make_what_was_seen_unlikely() -> None:
    genes = np.array([[0], [4], [0], [4], [0], [4], [2]])
    arities = np.array([5])
    widths = bandwidths(genes, arities, reference=True)
    assert widths[0] == pytest.approx(1.06 * genes.std() * 7 ** (-1 / 5))
    assert widths[0] > 1.0
    density = Kde(genes, arities, widths).log_density(np.arange(5)[:, None])
    assert density[0] < density[1]


def test_a_decision_that_never_differs_keeps_the_least_bandwidth() -> None:
    assert bandwidths(np.zeros((9, 1), dtype=np.int64), np.array([3]), least=0.01)[0] == 0.01


def test_densities_of_long_architectures_do_not_vanish() -> None:
    genes = np.zeros((20, 400), dtype=np.int64)
    arities = np.full(400, 5)
    kde = Kde(genes, arities, bandwidths(genes, arities))
    there, away = kde.log_density(np.stack([genes[0], genes[0] + 1]))
    assert np.isfinite(away)
    assert there - away == pytest.approx(400 * np.log(0.999 / 0.00025))


def trials(scores: list[float | None], fidelity: int | None = None, first: int = 0) -> list[Trial]:
    return [
        Trial(first + k, Proposal(SPACE.at(5 * k % 64), fidelity), Result(score, 0.0), 0.0)
        for k, score in enumerate(scores)
    ]


def test_with_few_observations_it_draws_at_random() -> None:
    # Three decisions: four points per density, six in total.
    history = History(trials([1.0] * 5))
    tpe = Tpe(SPACE, random_fraction=0.0)
    expected = derive(0)
    expected.random()
    assert tpe(history, derive(0)) == SPACE.random(rng=expected)


def test_the_model_is_of_the_largest_fidelity_with_enough_points() -> None:
    history = History([*trials([1.0] * 9, 1), *trials([2.0] * 6, 3, 9), *trials([3.0] * 5, 9, 15)])
    assert {trial.proposal.fidelity for trial in Tpe(SPACE)._observations(history)} == {3}


def test_failed_trials_are_the_worst() -> None:
    scores: list[float | None] = [None, 1.0, None, 2.0, 3.0, 4.0, None, None]
    good, bad = Tpe(SPACE)._densities(trials(scores))
    assert good.genes.tolist() == [list(SPACE.at(5 * k).genes) for k in (5, 4, 3, 1)]
    assert bad.genes.tolist() == [list(SPACE.at(5 * k).genes) for k in (0, 2, 6, 7)]


def test_the_good_are_the_top_share_and_never_too_few() -> None:
    good, bad = Tpe(SPACE, top=0.15)._densities(trials([float(k) for k in range(60)]))
    assert (len(good.genes), len(bad.genes)) == (9, 51)
    good, bad = Tpe(SPACE)._densities(trials([float(k) for k in range(6)]))
    assert (len(good.genes), len(bad.genes)) == (4, 4)


def test_its_candidates_are_better_than_random_ones() -> None:
    space = frappe()
    past = run(RandomSearch(space), SimulatedExecutor(Toy()), Budget(trials=200), seed=0).history
    tpe = Tpe(space, random_fraction=0.0)
    drawn = [sum(tpe(past, derive(seed)).genes) for seed in range(100)]
    blind = [sum(space.random(rng=derive(seed)).genes) for seed in range(100)]
    assert np.mean(drawn) > np.mean(blind) + 5


def test_bohb_is_hyperband_with_other_candidates() -> None:
    settings = {"max_epochs": 9, "eta": 3}
    study = run(Bohb(SPACE, **settings), SimulatedExecutor(Toy()), Budget(trials=40), seed=0)
    other = run(Hyperband(SPACE, **settings), SimulatedExecutor(Toy()), Budget(trials=40), seed=0)
    rungs = [[(trial.proposal.note, trial.proposal.fidelity) for trial in s.trials] for s in (study, other)]
    assert rungs[0] == rungs[1]
    assert [t.proposal.arch for t in study.trials] != [t.proposal.arch for t in other.trials]


@pytest.mark.parametrize(
    "settings",
    [
        {"random_fraction": 1.5},
        {"samples": 0},
        {"bandwidth_factor": 0.0},
        {"min_bandwidth": 0.0},
        {"top": 1.0},
        {"min_points": 1},
    ],
)
def test_wrong_settings_are_refused(settings: dict) -> None:
    with pytest.raises(SearchError, match="bohb needs"):
        Tpe(SPACE, **settings)


def test_something_else_than_a_tpe_is_refused() -> None:
    with pytest.raises(SearchError, match="needs a Tpe"):
        Bohb(SPACE, tpe="default")  # type: ignore[arg-type]
