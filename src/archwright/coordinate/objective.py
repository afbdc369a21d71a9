"""A user's own objective: any function that scores an architecture, searched by any searcher, on any executor."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from archwright.core.budget import Budget, seconds
from archwright.core.catalog import find
from archwright.core.errors import BudgetError, RunError, SpaceError
from archwright.core.protocols import Executor, Searcher
from archwright.core.trial import Proposal, Result
from archwright.run.executors import require_executor
from archwright.run.loop import run
from archwright.spaces.base import Space
from archwright.study.study import Study

__all__ = ["Objective", "search", "space_of"]

#: Mark of a study: which search it belongs to.
_SEARCH = "search"


@dataclass
class Objective:
    """A function as an evaluator.

    Args:
        space: Where architectures come from.
        function: Called with what `space.value(arch)` gives (lists and dicts of choices) where the space has that, else
            with the `Arch`; and with `epochs=` and `rng=` where it has parameters of these names. It returns the
            score, higher is better, or a mapping with `score` and further measures, or a `Result`.
            What it raises becomes a failed trial.
    """

    space: Space
    function: Callable[..., Any]
    _asks: frozenset[str] = field(default=frozenset(), init=False)

    def __post_init__(self) -> None:
        try:
            parameters = inspect.signature(self.function).parameters
        except (TypeError, ValueError):
            return  # a function of another language: it gets the architecture only
        self._asks = frozenset({"epochs", "rng"} & parameters.keys())

    def evaluate(self, proposal: Proposal, *, rng: np.random.Generator, limit_s: float | None = None) -> Result:
        """Return what the function says of `proposal`, with the seconds that it took."""
        from archwright.run.clock import Clock

        clock = Clock.starting_now()
        value_of = getattr(self.space, "value", None)
        subject = proposal.arch if value_of is None else value_of(proposal.arch)
        wanted = {"epochs": proposal.fidelity, "rng": rng}
        answer = self.function(subject, **{name: wanted[name] for name in self._asks})
        if isinstance(answer, Result):
            return answer
        if isinstance(answer, Mapping):
            measures = {str(name): float(value) for name, value in answer.items() if name != "score"}
            if "score" not in answer:
                raise RunError(
                    f"an objective's mapping must have 'score', but it has {', '.join(measures) or 'nothing'}"
                )
            return Result(float(answer["score"]), clock.now(), measures=measures)
        return Result(float(answer), clock.now())


def search(
    space: Space | str | Path,
    evaluate: Callable[..., Any],
    budget: int | str | Budget = 100,
    *,
    searcher: Searcher | str = "evolution",
    study: Study | str | Path | None = None,
    executor: str = "inline",
    workers: int | None = None,
    address: str | None = None,
    seed: int = 0,
    stop: Callable[[], bool] | None = None,
) -> Study:
    """Search `space` for the architecture that `evaluate` scores highest; return the study.

    With a `study` on disk the search is resumed by calling this again: what is finished is not evaluated again, and
    `budget` is the total.

    Args:
        space: A space, a name of the catalogue, or a YAML file.
        evaluate: Scores one architecture, higher is better; see `Objective`.
        budget: Number of evaluations, a duration such as `"10m"`, or a `Budget`.
        searcher: A searcher, or its name in the catalogue; by name it is made of the space alone.
        study: A path or URL to keep the record in, an open study, or None for memory only.
        executor: `inline` (this process), `pool` (worker processes) or `ray` (a cluster).
        workers: Evaluations at once, for `pool` (by default one per core) and `ray` (by default one per processor).
        address: Of a Ray cluster; None starts one here.
        seed: Seed of everything random.
        stop: Asked at every turn; the search ends when it says True.

    Raises:
        SpaceError: if there is no such space, or the searcher needs more than a space.
        BudgetError: if the budget is not above zero.
        UnknownNameError: if there is no such searcher or executor.
        RunError: if the study belongs to another search, or the function cannot travel to workers.

    Example:
        >>> study = search("nb201", lambda arch: -sum(arch.genes), budget=20)
        >>> len(study.trials)
        20
    """
    space = space_of(space)
    limits = _budget(budget)
    chosen = _searcher(searcher, space)
    objective = Objective(space, evaluate)
    opened = study if isinstance(study, Study) else Study.open(study)
    try:
        _claim(opened, space=space, searcher=chosen, seed=seed)
        doer = _executor(executor, objective, workers=workers, address=address)
        try:
            return run(chosen, doer, limits, seed=seed, study=opened, stop=stop)
        finally:
            doer.close()
    finally:
        if opened is not study:
            opened.close()


def space_of(given: Space | str | Path) -> Space:
    """Return a space from itself, a name of the catalogue, or a YAML file.

    Raises:
        SpaceError: if it cannot be made.
        UnknownNameError: if the catalogue has no such name.
    """
    if isinstance(given, Space):
        return given
    if isinstance(given, Path) or Path(given).suffix in (".yaml", ".yml"):
        from archwright.spaces.yaml_space import load_space

        return load_space(Path(given))
    made = find("space", given)
    try:
        space = made()
    except TypeError:
        raise SpaceError(f"the space {given!r} needs arguments: make it in Python and give the object") from None
    assert isinstance(space, Space)
    return space


def _budget(given: int | str | Budget) -> Budget:
    if isinstance(given, Budget):
        return given
    if isinstance(given, bool) or not isinstance(given, int | str):
        raise BudgetError(f"a budget must be a number of evaluations, a duration or a Budget, but {given!r} was given")
    if isinstance(given, str) and not given.strip().isdigit():
        return Budget(seconds=seconds(given))
    return Budget(trials=int(given))


def _searcher(given: Searcher | str, space: Space) -> Searcher:
    if not isinstance(given, str):
        return given
    try:
        made: Searcher = find("searcher", given)(space)
    except TypeError as error:
        raise SpaceError(f"the searcher {given!r} needs more than a space ({error}): make it in Python") from None
    return made


def _executor(name: str, objective: Objective, *, workers: int | None, address: str | None) -> Executor:
    require_executor(name, address=address, what="an objective")
    if name == "inline":
        from archwright.run.inline import InlineExecutor

        return InlineExecutor(objective)
    if name == "ray":
        from archwright.run.ray import RayExecutor

        return RayExecutor(objective, address=address, workers=workers)
    from archwright.coordinate.session import cores
    from archwright.run.pool import PoolExecutor

    if getattr(objective.function, "__module__", "") == "__main__":
        raise RunError(
            "worker processes must be able to import the objective, but it is defined in the script that runs: move it "
            "to a module of its own, or use the executor inline or ray"
        )
    pool = PoolExecutor(workers or cores())
    try:
        pool.use(objective)
    except RunError:
        pool.close()
        raise
    return pool


def _claim(study: Study, *, space: Space, searcher: Searcher, seed: int) -> None:
    """Note in a study what it is the record of; refuse to continue another one.

    Raises:
        RunError: if it is the record of something else.
    """
    mine = {"space": space.name, "searcher": type(searcher).__name__, "seed": seed}
    marks = study.marks(_SEARCH)
    if not marks and not study.trials:
        study.mark(_SEARCH, 0.0, mine)
    elif not marks or dict(marks[0].data) != mine:
        known = dict(marks[0].data) if marks else "trials of another kind"
        raise RunError(f"the study {study.name!r} holds {known}, and cannot be continued with {mine}: use another file")
