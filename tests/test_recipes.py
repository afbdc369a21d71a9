"""Every recipe is documented, runs on any space, and has its paper's numbers."""

import inspect

import pytest

from archwright import recipes
from archwright.core.budget import Budget
from archwright.core.errors import UnknownNameError
from archwright.run.loop import run
from archwright.run.simulated import SimulatedExecutor
from archwright.search.constrained import Limits
from archwright.spaces.tabular_mlp import TabularMlp
from archwright.testing import Toy

SPACE = TabularMlp((1, 2, 3, 4), layers=3)


@pytest.mark.parametrize("max_epochs", [None, 9])
@pytest.mark.parametrize("name", recipes.RECIPES)
def test_every_recipe_searches(name: str, max_epochs: int | None) -> None:
    searcher = recipes.build(name, SPACE, max_epochs=max_epochs)
    study = run(searcher, SimulatedExecutor(Toy(full=3)), Budget(trials=25), seed=0)
    assert len(study.history.ok()) == 25


def test_tabnas_keeps_its_limits() -> None:
    limits = Limits(lambda arch: {"params": float(sum(arch.genes))}, {"params": 4})
    searcher = recipes.tabnas(SPACE, limits, samples=32)
    study = run(searcher, SimulatedExecutor(Toy()), Budget(trials=25), seed=0)
    assert all(limits(trial.proposal.arch) for trial in study.trials)


def test_every_recipe_names_its_source() -> None:
    functions = [fn for name, fn in inspect.getmembers(recipes, inspect.isfunction) if name in recipes.__all__]
    missing = [fn.__name__ for fn in functions if fn is not recipes.build and not _cites(fn.__doc__ or "")]
    assert len(functions) > 15
    assert not missing


def _cites(text: str) -> bool:
    return any(word in text for word in ("arXiv:", "NATS-Bench", "NAS-Bench", "naszilla", "Deb et al."))


def test_the_numbers_are_the_papers() -> None:
    evolution = recipes.regularized_evolution(SPACE)
    assert (evolution.population, evolution.sample, evolution.dies) == (10, 3, "oldest")
    wide = recipes.wide_evolution(SPACE)
    assert (wide.population, wide.sample) == (100, 25)
    assert [recipe(SPACE).lr for recipe in (recipes.reinforce, recipes.reinforce_slow, recipes.reinforce_teg)] == [
        0.01,
        0.001,
        0.04,
    ]
    tpe = recipes.bohb_nasbench(SPACE).tpe
    assert tpe is not None
    assert (tpe.random_fraction, tpe.samples, tpe.min_bandwidth, tpe.bandwidth_factor) == (0.0, 4, 0.3, 3.0)


def test_a_misspelt_recipe_is_named_with_its_nearest_neighbour() -> None:
    with pytest.raises(UnknownNameError, match=r"no searcher 'evolutoin'. Did you mean 'evolution'\?"):
        recipes.build("evolutoin", SPACE)


def test_a_searcher_that_needs_more_than_a_space_says_so() -> None:
    with pytest.raises(UnknownNameError, match="'halving' needs more than a space"):
        recipes.build("halving", SPACE)
