"""A user's own function, searched."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from objective_functions import height, noisy

import archwright
from archwright.coordinate.objective import Objective, search
from archwright.core.arch import Arch
from archwright.core.budget import Budget
from archwright.core.errors import BudgetError, RunError, UnknownNameError
from archwright.core.rng import derive, numbered
from archwright.core.trial import Proposal, Result
from archwright.spaces.tabular_mlp import TabularMlp
from archwright.study.study import Study

SPACE = TabularMlp((8, 16, 32, 64), layers=3)


def test_three_lines_are_enough() -> None:
    study = archwright.search("nb201", evaluate=lambda arch: -sum(arch.genes), budget=60)
    assert len(study.trials) == 60
    assert study.best().result.score > -8


def test_the_package_of_searchers_keeps_its_modules() -> None:
    from archwright.search.random import RandomSearch

    assert archwright.search.random.RandomSearch is RandomSearch
    assert callable(archwright.search)


def test_a_search_on_disk_is_resumed_and_evaluates_nothing_again(tmp_path: Path) -> None:
    calls: list[Arch] = []

    def counted(arch: Arch) -> float:
        calls.append(arch)
        return float(sum(arch.genes))

    first = search(SPACE, counted, 10, study=tmp_path / "s.db", seed=3)
    again = search(SPACE, counted, 25, study=tmp_path / "s.db", seed=3)
    whole = search(SPACE, counted, 25, seed=3)
    assert len(calls) == 10 + 15 + 25
    assert [trial.proposal for trial in again.trials] == [trial.proposal for trial in whole.trials]
    assert again.trials[:10] == first.trials


def test_a_study_of_another_search_is_refused(tmp_path: Path) -> None:
    search(SPACE, height, 5, study=tmp_path / "s.db", seed=3)
    for other in ({"seed": 4}, {"searcher": "random", "seed": 3}):
        with pytest.raises(RunError, match="use another file"):
            search(SPACE, height, 9, study=tmp_path / "s.db", **other)


def test_workers_give_the_results_of_one_process() -> None:
    study = search(SPACE, noisy, 12, searcher="random", executor="pool", workers=2, seed=1)
    assert len(study.trials) == 12
    for trial in study.trials:
        alone = noisy(trial.proposal.arch, rng=numbered(1, "trial", trial.id))
        assert trial.result.score == alone["score"]
        assert trial.result.measures == {"params": alone["params"]}


def test_a_function_gets_what_it_asks_for() -> None:
    seen: dict[str, Any] = {}

    def asked(arch: Arch, epochs: int | None, rng: np.random.Generator) -> float:
        seen.update(epochs=epochs, rng=rng)
        return 1.0

    Objective(SPACE, asked).evaluate(Proposal(SPACE.at(0), 7), rng=derive(0))
    assert seen["epochs"] == 7
    assert isinstance(seen["rng"], np.random.Generator)


def test_a_result_is_taken_as_it_is() -> None:
    given = Result(0.5, 3.0, hidden={"test": 0.4})
    assert Objective(SPACE, lambda arch: given).evaluate(Proposal(SPACE.at(0)), rng=derive(0)) is given


def test_a_composed_space_gives_the_function_its_values() -> None:
    from archwright.spaces.compose import Chain, Choice, Composed, Ints

    space = Composed("own", Chain({"depth": Ints(1, 3), "act": Choice(["relu", "tanh"])}))
    study = search(space, lambda value: value["depth"] + (value["act"] == "tanh"), 30)
    assert space.value(study.best().proposal.arch) == {"depth": 3, "act": "tanh"}


def test_what_a_function_raises_is_a_failed_trial() -> None:
    def broken(arch: Arch) -> float:
        raise OSError("no power")

    study = search(SPACE, broken, 3)
    assert [trial.result.error for trial in study.trials] == ["OSError: no power"] * 3
    study = search(SPACE, lambda arch: {"accuracy": 1.0}, 1)
    assert "must have 'score'" in study.trials[0].result.error


@pytest.mark.parametrize("budget", [0, -3, "0s", "abc", True, 1.5])
def test_a_budget_that_is_none_is_refused(budget: Any) -> None:
    with pytest.raises(BudgetError):
        search(SPACE, height, budget)


def test_budgets_may_be_counts_durations_or_both() -> None:
    assert len(search(SPACE, height, "7").trials) == 7
    assert len(search(SPACE, height, Budget(trials=4, seconds=60)).trials) == 4
    assert search(SPACE, height, "0.2s").trials


def test_unknown_names_say_what_was_meant() -> None:
    with pytest.raises(UnknownNameError, match="evolution"):
        search(SPACE, height, 1, searcher="evolutoin")
    with pytest.raises(UnknownNameError, match="pool"):
        search(SPACE, height, 1, executor="pol")
    with pytest.raises(UnknownNameError, match="nb201"):
        search("nb200", height, 1)
    with pytest.raises(RunError, match="inline, pool, ray"):
        search(SPACE, height, 1, executor="simulated")


def test_a_function_of_the_running_script_cannot_go_to_workers(monkeypatch: pytest.MonkeyPatch) -> None:
    def own(arch: Arch) -> float:
        return 0.0

    own.__module__ = "__main__"
    with pytest.raises(RunError, match="module of its own"):
        search(SPACE, own, 1, executor="pool", workers=1)
    with pytest.raises(RunError, match="picklable"):
        search(SPACE, lambda arch: 0.0, 1, executor="pool", workers=1)


def test_an_open_study_stays_open() -> None:
    with Study() as study:
        assert search(SPACE, height, 3, study=study) is study
        assert len(search(SPACE, height, 5, study=study).trials) == 5
