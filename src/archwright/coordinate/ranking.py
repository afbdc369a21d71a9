"""Scores architectures of any space by proxies, on a user's data, and ranks them; may be killed anywhere."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from archwright.coordinate.chunks import only_one
from archwright.coordinate.contest import Progress
from archwright.coordinate.objective import space_of
from archwright.coordinate.options import TaskOptions
from archwright.coordinate.rank_inputs import RankInputs, load_inputs, of_images, of_table, of_text, save_inputs
from archwright.coordinate.rank_options import RankFolder, RankOptions, as_settings, proxy_names
from archwright.coordinate.ranked import Ranking, left_out, ranking_of
from archwright.coordinate.remote import Remote
from archwright.coordinate.session import cores
from archwright.coordinate.source import place_of
from archwright.coordinate.weights import SHARED, Weights, chosen_weights
from archwright.core.arch import Arch
from archwright.core.budget import Budget
from archwright.core.catalog import find, names
from archwright.core.errors import ProxyError, RunError
from archwright.core.protocols import Executor
from archwright.core.rng import derive
from archwright.data.images import Split
from archwright.proxies.networks import NetworkProxies
from archwright.run.inline import InlineExecutor
from archwright.run.loop import run
from archwright.run.pool import PoolExecutor
from archwright.search.in_order import InOrder
from archwright.spaces.base import Space
from archwright.spaces.distinct import distinct
from archwright.spaces.tabular_mlp import TabularMlp
from archwright.study.study import Study

if TYPE_CHECKING:
    from archwright.nets.initialise import Scheme

__all__ = ["load_ranking", "rank", "resume_ranking"]

#: Architectures after which a proxy that failed on each of them is left out.
_PROBES = 5
#: Proposals that are recorded at once.
_BATCH = 64
#: Files that are read as text.
_TEXTS = (".txt", ".tokens")
#: Who scores networks with weights of their own, and those that share them.
_EVALUATORS = {
    "own": "archwright.proxies.networks:NetworkProxies",
    "shared": "archwright.proxies.shared_networks:SharedNetworkProxies",
}
#: Modules that workers import while the data is being read.
_PRELOAD = ("archwright.proxies.networks", "archwright.nets.build", "archwright.nets.initialise")


def rank(
    space: Space | str | Path,
    data: object,
    *,
    proxies: str | Sequence[str] = "all",
    sample: int | None = 1000,
    batch: int = 64,
    balanced: bool = False,
    repeats: int = 1,
    size: Mapping[str, int | float | bool] | None = None,
    init: Scheme = "torch",
    weights: Weights = "auto",
    target: str = "target",
    task: TaskOptions | None = None,
    split: Split = None,
    resize: int | tuple[int, int] | None = None,
    seed: int = 0,
    workers: int | None = None,
    out: Path | None = None,
    watch: Callable[[Progress], None] | None = None,
) -> Ranking:
    """Score architectures of a space by zero-cost proxies, and rank them. Nothing is trained.

    With `out` everything is kept in that folder, and the same call continues a ranking that was interrupted or killed:
    what is scored is not scored again, and the data is not read again. Scores depend on the seed, not on the workers.

    Args:
        space: A space, a name of the catalogue, or a YAML file. Tabular MLPs are ranked on a table, others on images.
        data: Images (see `archwright.data.images.load_images`), a table (see `read_table`), or for language models a
            text file, `.txt` or `.tokens`.
        proxies: Names, or `"all"`: what cannot be computed on these networks is named in `left_out`.
        sample: Architectures to score, no two the same network; None, or more than there are, scores all.
        batch: Images or rows of a batch.
        balanced: Draw equally many of each class.
        repeats: Networks and batches per architecture; scores are means over them.
        size: Sizes of the networks by name, `{"channels": 16, "cells": 5}`; by default the benchmark's full networks.
        init: How parameters are drawn, see `archwright.nets.initialise`.
        weights: `"shared"`: networks of a width space share one draw of weights and are scored together, many times
            faster, see `archwright.proxies.tabular`. `"own"`: each has its own. By default shared where it can be.
        target: Column to predict, of a table.
        task: How the table becomes a task.
        split: Part of the images.
        resize: Height and width that image files are scaled to.
        seed: Of everything random.
        workers: Worker processes; None takes one per core, 0 scores inside this process.
        out: Folder of the ranking.
        watch: Told after each architecture, and at least once a second.

    Raises:
        SpaceError: if the space has no networks, or its networks no such size.
        DataError: if the data cannot be read, or is not what the space's networks take.
        UnknownNameError: if there is no such space, proxy, initialisation or choice of weights.
        ProxyError: if no proxy gives a score.
        RunError: if the folder holds something else, or cannot be written (exit code 1).
        KeyboardInterrupt: what is scored by then is kept.

    Example:
        >>> ranking = rank("nb201", "sklearn:digits", proxies="params,synflow", sample=20, size={"cells": 1}, workers=0)
        >>> [ranking.space.text(arch) for arch in ranking.top(3)]
    """
    space, text = space_of(space), _space_text(space)
    shared = chosen_weights(weights, [space], init=init, size=size or {})
    sizes = tuple(sorted((size or {}).items()))
    options = RankOptions(proxy_names(proxies), sample, batch, balanced, repeats, sizes, init, seed, shared)
    work = _Work(space, text, options)
    source = _Source(data, target, task or TaskOptions(), split, resize)
    n_workers = cores() if workers is None else workers
    if out is None:
        return work.scored(work.draw(source), Study(), n_workers, watch)
    folder = RankFolder(out)
    if not folder.exists():
        folder.require_free()
    with only_one(out, folder.lock):
        inputs = work.prepared(folder, source)
        try:
            with Study.open(folder.study, name="scores") as study:
                ranking = work.scored(inputs, study, n_workers, watch)
        except ProxyError:
            folder.forget_scores()
            raise
        ranking.write(out)
        folder.save(folder.load() | {"status": "finished", "left_out": dict(ranking.left_out)})
        return ranking


def resume_ranking(
    out: Path, *, workers: int | None = None, watch: Callable[[Progress], None] | None = None
) -> Ranking:
    """Continue the ranking in a folder with its own settings; one that is finished is returned as it is.

    Raises:
        RunError: if the folder holds no ranking, a damaged one, or one whose space was made in Python.
    """
    folder = RankFolder(out)
    said = folder.load()
    space, settings = _known_space(folder, said), said["settings"]
    return rank(
        space,
        settings["data"],
        proxies=tuple(settings["proxies"]),
        sample=settings["sample"],
        batch=settings["batch"],
        balanced=settings["balanced"],
        repeats=settings["repeats"],
        size=settings["size"],
        init=settings["init"],
        weights=settings["weights"],
        target=settings.get("target", "target"),
        task=TaskOptions.from_json(settings.get("task", {})),
        split=settings.get("split"),
        resize=settings.get("resize"),
        seed=settings["seed"],
        workers=workers,
        out=out,
        watch=watch,
    )


def load_ranking(folder: RankFolder, *, space: Space | None = None) -> Ranking:
    """Return what a folder holds; it may be going on, or have been killed.

    Args:
        folder: Of a ranking.
        space: The space, where it was made in Python and cannot be made again by its name.

    Raises:
        RunError: if the folder holds no ranking, or a damaged one.
    """
    said = folder.load()
    space = _known_space(folder, said) if space is None else space
    inputs = load_inputs(folder.inputs, said["about"])
    with Study.open(folder.study, name="scores", create=False) as study:
        asked = tuple(said["settings"]["proxies"])
        return ranking_of(study.trials, inputs.archs, space, asked, _directions(asked))


@dataclass(frozen=True)
class _Source:
    """The data, as the user named it."""

    data: object
    target: str
    task: TaskOptions
    split: Split
    resize: int | tuple[int, int] | None


class _Work:
    """One call of `rank`."""

    def __init__(self, space: Space, text: str | None, options: RankOptions) -> None:
        from archwright.nets.build import builder_of

        builder_of(space)
        self.space, self.text, self.options = space, text, options
        self.is_tabular = isinstance(space, TabularMlp)

    def prepared(self, folder: RankFolder, source: _Source) -> RankInputs:
        """Return what the folder keeps, or draw and keep it.

        Raises:
            RunError: if it keeps a ranking with other settings.
        """
        settings = self._settings(source)
        if folder.exists():
            return load_inputs(folder.inputs, folder.require_same(settings)["about"])
        inputs = self.draw(source)
        save_inputs(folder.inputs, inputs)
        folder.save({"status": "running", "space": self.text, "settings": settings, "about": dict(inputs.about)})
        return inputs

    def draw(self, source: _Source) -> RankInputs:
        """Return architectures and batches; the first network is built, so that what cannot be is refused now."""
        options = self.options
        archs = distinct(self.space, options.sample, rng=derive(options.seed, "sample"))
        inputs = self._inputs(source, archs)
        evaluator = self._evaluator(inputs, options.proxies).made()
        assert isinstance(evaluator, NetworkProxies)
        evaluator.network(archs[0])
        return inputs

    def _inputs(self, source: _Source, archs: Sequence[Arch]) -> RankInputs:
        options, data = self.options, source.data
        drawn = {"batch": options.batch, "repeats": options.repeats, "seed": options.seed}
        if self.is_tabular:
            return of_table(data, source.target, archs, balanced=options.balanced, options=source.task, **drawn)
        if isinstance(data, str | Path) and Path(data).suffix.lower() in _TEXTS:
            return of_text(data, archs, **drawn)
        return of_images(data, archs, balanced=options.balanced, split=source.split, resize=source.resize, **drawn)

    def scored(
        self, inputs: RankInputs, study: Study, workers: int, watch: Callable[[Progress], None] | None
    ) -> Ranking:
        """Return the ranking after every architecture is scored."""
        n, before = len(inputs.archs), len(study.trials)
        order = self._order(inputs.archs)
        searcher = InOrder(order, batch=_BATCH)
        with _executors(0 if self._is_quick() else min(workers, n - before)) as executor_of:
            proxies = self.options.proxies
            for goal in (min(_PROBES, n), n):
                executor = executor_of(self._evaluator(inputs, proxies, order[len(study.trials) : goal]))
                turn = _turn(study, n, watch)
                run(searcher, executor, Budget(trials=goal), seed=self.options.seed, study=study, stop=turn)
                missing = left_out(study.trials[:_PROBES], self.options.proxies)
                proxies = tuple(name for name in self.options.proxies if name not in missing)
                if not proxies:
                    raise ProxyError(f"no proxy gives a score on networks of {self.space.name!r}: {_why(missing)}")
            turn()
        asked = self.options.proxies
        return ranking_of(study.trials, inputs.archs, self.space, asked, _directions(asked))

    def _is_quick(self) -> bool:
        """Return whether all is computed for many networks together: then other processes would do the same again."""
        if self.options.weights != SHARED:
            return False
        from archwright.proxies.shared_networks import SHARED as QUICK

        return set(self.options.proxies) <= set(QUICK)

    def _order(self, archs: Sequence[Arch]) -> tuple[Arch, ...]:
        """Return the order of scoring: that of the draw, or neighbours after one another where these share work."""
        if self.options.weights != SHARED:
            return tuple(archs)
        # The first ones decide which proxies are left out, so they must be like any others.
        return (*archs[:_PROBES], *sorted(archs[_PROBES:], key=lambda arch: arch.genes))

    def _evaluator(self, inputs: RankInputs, proxies: Sequence[str], ahead: Sequence[Arch] = ()) -> Remote:
        options = self.options
        arguments: dict[str, Any] = {
            "space": self.space,
            "shape": inputs.shape,
            "batches": inputs.batches,
            "proxies": tuple(proxies),
            "seed": options.seed,
            "repeats": options.repeats,
        }
        if options.weights == SHARED:
            arguments["ahead"] = tuple(ahead)
        else:
            arguments |= {"size": dict(options.size), "init": options.init}
        return Remote(_EVALUATORS[options.weights], arguments)

    def _settings(self, source: _Source) -> dict[str, Any]:
        """Return what must be equal for a ranking to go on; how many workers there are may change."""
        about_table = {"target": source.target, "task": source.task.to_json()}
        about_images = {"split": source.split, "resize": source.resize}
        return {
            "space": {"name": self.space.name, "arities": list(self.space.arities)},
            "data": place_of(source.data) or "in memory",
            **(about_table if self.is_tabular else about_images),
            **as_settings(self.options),
        }


@contextmanager
def _executors(workers: int) -> Iterator[Callable[[Remote], Executor]]:
    """Give a function that makes an executor of an evaluator: on one pool, or in this process."""
    if workers < 1:
        yield lambda evaluator: InlineExecutor(evaluator.made())
        return
    with PoolExecutor(workers, preload=_PRELOAD) as pool:

        def executor_of(evaluator: Remote) -> Executor:
            pool.use(evaluator)
            return pool

        yield executor_of


def _turn(study: Study, total: int, watch: Callable[[Progress], None] | None) -> Callable[[], bool]:
    """Return what the loop asks at every turn: tells the watcher, and never ends the loop."""

    def turn() -> bool:
        if watch is not None:
            watch(Progress(len(study.trials), total, ""))
        return False

    return turn


def _why(missing: Mapping[str, str]) -> str:
    """Return the reasons in a line; one that all proxies share once."""
    reasons = set(missing.values())
    return reasons.pop() if len(reasons) == 1 else "; ".join(f"{name}: {said}" for name, said in missing.items())


def _directions(proxies: Sequence[str]) -> dict[str, int]:
    return {name: int(find("proxy", name).direction) for name in proxies}


def _known_space(folder: RankFolder, said: Mapping[str, Any]) -> Space:
    if said["space"] is None:
        raise RunError(f"the space of {folder.path} was made in Python: call `rank` again with the object")
    return space_of(said["space"])


def _space_text(given: Space | str | Path) -> str | None:
    """Return the text by which a space can be made again; None where only Python can."""
    if isinstance(given, Space):
        is_known = given.name in names("space") and find("space", given.name)().arities == given.arities
        return given.name if is_known else None
    path = Path(given)
    return str(path.resolve()) if path.suffix in (".yaml", ".yml") else str(given)
