from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from archwright.core.arch import Arch
from archwright.core.budget import Budget
from archwright.core.errors import SearchError
from archwright.core.history import History
from archwright.core.rng import derive
from archwright.core.trial import Proposal, Result, Trial
from archwright.run.loop import run
from archwright.run.simulated import SimulatedExecutor
from archwright.search.local import LocalSearch
from archwright.spaces.tabular_mlp import TabularMlp
from archwright.study.study import Study

SPACE = TabularMlp((1, 2, 3), layers=3)


@dataclass(frozen=True)
class Landscape:
    """A fixed score per architecture; by default the place in the grid, so that there is one optimum."""

    scores: Mapping[Arch, float | None] = field(default_factory=dict)

    def evaluate(self, proposal: Proposal, *, rng: np.random.Generator, limit_s: float | None = None) -> Result:
        arch = proposal.arch
        return Result(self.scores.get(arch, float(SPACE.index(arch))), 1.0)


def search(searcher: LocalSearch, landscape: Landscape, trials: int = 1000, seed: int = 0, workers: int = 1) -> Study:
    return run(searcher, SimulatedExecutor(landscape, workers=workers), Budget(trials=trials), seed=seed)


def walk(landscape: Landscape, start: Arch) -> list[Arch]:
    """What a plain loop visits from `start`."""
    visited = [start]
    score = {arch: landscape.evaluate(Proposal(arch), rng=derive(0)).score for arch in SPACE.enumerate()}
    while (best := max(SPACE.neighbours(visited[-1]), key=lambda arch: score[arch])) and (
        score[best] > score[visited[-1]]
    ):
        visited.append(best)
    return visited


@pytest.mark.parametrize("seed", range(5))
def test_it_walks_as_a_plain_loop_does(seed: int) -> None:
    landscape = Landscape({arch: float(derive(seed, arch.genes).random()) for arch in SPACE.enumerate()})
    study = search(LocalSearch(SPACE), landscape, seed=seed)
    visited = walk(landscape, study.trials[0].proposal.arch)
    looked_at = {visited[0]} | {near for arch in visited for near in SPACE.neighbours(arch)}
    restart = next(trial.id for trial in study.trials[1:] if trial.proposal.note == "start")
    assert {trial.proposal.arch for trial in study.trials[:restart]} == looked_at


@given(seed=st.integers(0, 10**6), move=st.sampled_from(["best", "first"]), starts=st.integers(1, 3))
def test_it_evaluates_everything_once_and_ends(seed: int, move: str, starts: int) -> None:
    study = search(LocalSearch(SPACE, move=move, starts=starts), Landscape(), seed=seed)  # type: ignore[arg-type]
    assert sorted(SPACE.index(trial.proposal.arch) for trial in study.trials) == list(range(27))


@pytest.mark.parametrize("workers", [2, 5])
def test_it_evaluates_nothing_twice_with_many_workers(workers: int) -> None:
    for move in ("best", "first"):
        study = search(LocalSearch(SPACE, move=move), Landscape(), workers=workers)  # type: ignore[arg-type]
        assert len(study.trials) == len({trial.proposal.arch for trial in study.trials}) == 27


def test_it_waits_for_the_last_neighbours() -> None:
    start = Trial(0, Proposal(SPACE.at(0), note="start"), Result(0.0, 1.0), 1.0)
    near = [Proposal(arch) for arch in SPACE.neighbours(SPACE.at(0))]
    assert LocalSearch(SPACE).propose(History([start], near), 3, rng=derive(0)) == []
    assert set(LocalSearch(SPACE).propose(History([start], near[1:]), 3, rng=derive(0))) == {near[0]}


def test_to_the_first_better_it_moves_at_once() -> None:
    start = Trial(0, Proposal(SPACE.at(0), note="start"), Result(0.0, 1.0), 1.0)
    better = Trial(1, Proposal(SPACE.at(1)), Result(5.0, 1.0), 2.0)
    asked = LocalSearch(SPACE, move="first").propose(History([start, better]), 30, rng=derive(0))
    known = {SPACE.at(0), SPACE.at(1)}
    assert {proposal.arch for proposal in asked} == set(SPACE.neighbours(SPACE.at(1))) - known


def test_a_walk_begins_at_the_best_of_its_starts() -> None:
    trials = [Trial(k, Proposal(SPACE.at(13 * k), note="start"), Result(float(-k), 1.0), 1.0) for k in range(2)]
    asked = LocalSearch(SPACE, starts=2).propose(History(trials), 30, rng=derive(0))
    assert {proposal.arch for proposal in asked} == set(SPACE.neighbours(SPACE.at(0)))


def test_failed_starts_are_replaced_and_failed_neighbours_are_no_way_up() -> None:
    scores: dict[Arch, float | None] = {arch: None for arch in SPACE.enumerate() if arch.genes[0] == 2}
    study = search(LocalSearch(SPACE), Landscape(scores))
    assert len(study.trials) == 27
    best = study.best()
    assert best is not None
    assert best.proposal.arch == SPACE.at(17)


def test_results_at_other_fidelities_are_no_results() -> None:
    start = Trial(0, Proposal(SPACE.at(0), 3, "start"), Result(0.0, 1.0), 1.0)
    (asked,) = LocalSearch(SPACE, fidelity=9).propose(History([start]), 2, rng=derive(0))
    assert (asked.fidelity, asked.note) == (9, "start")


class Mirrored(TabularMlp):
    """The same network, read from either end."""

    def canonical(self, arch: Arch) -> Arch:
        return Arch(arch.space, min(arch.genes, arch.genes[::-1]))


def test_equal_networks_count_once_if_wanted() -> None:
    space = Mirrored((1, 2, 3), layers=3)
    study = search(LocalSearch(space, canonical=True), Landscape())
    assert len(study.trials) == len({space.canonical(trial.proposal.arch) for trial in study.trials}) == 18


@pytest.mark.parametrize("settings", [{"starts": 0}, {"batch": 0}, {"fidelity": 0}, {"move": "worst"}])
def test_wrong_settings_are_refused(settings: dict) -> None:
    with pytest.raises(SearchError, match="local search"):
        LocalSearch(SPACE, **settings)
