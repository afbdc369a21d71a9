"""Our own benchmarks: trains every architecture of a space of tabular MLPs, or a sample, and keeps all curves."""

# N architectures, S seeds, E epochs

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from archwright.bench.outcome import require_name
from archwright.bench.table import write_bench
from archwright.coordinate.bench_trials import outcome_of, provenance_of
from archwright.coordinate.options import TaskOptions
from archwright.coordinate.remote import Remote
from archwright.coordinate.session import cores
from archwright.coordinate.source import task_of
from archwright.core.arch import Arch
from archwright.core.budget import Budget
from archwright.core.errors import BenchError
from archwright.core.files import write_atomically
from archwright.core.history import History
from archwright.core.protocols import Executor
from archwright.core.rng import derive
from archwright.core.trial import Proposal
from archwright.data.arrays import Arrays, Split, save_arrays
from archwright.data.tables import Table, read_table
from archwright.data.task import Task
from archwright.nets.inputs import Inputs
from archwright.nets.recipe import Recipe
from archwright.run.executors import require_executor
from archwright.run.inline import InlineExecutor
from archwright.run.loop import run
from archwright.run.pool import PoolExecutor
from archwright.spaces.base import Space
from archwright.spaces.tabular_mlp import TabularMlp
from archwright.study.study import Study

__all__ = ["BuildOptions", "BuildProgress", "BuildResult", "build_bench"]

#: Modules that workers import while the table is being read.
_PRELOAD = ("archwright.train.warm", "archwright.train.curves")
_EVALUATOR = "archwright.train.curves:CurveEvaluator"

#: Options that may change when a build goes on.
_FREE = ("workers", "executor", "address")

#: Times that a training is begun: one that failed is tried once more.
_ATTEMPTS = 2


@dataclass(frozen=True, slots=True)
class BuildOptions:
    """What is trained, and how.

    Args:
        sample: Architectures to draw; None trains all.
        epochs: Epochs of every training; the rate of learning falls over these.
        seeds: Trainings of every architecture.
        rows: Rows of the table to draw before it is split; None takes all. The test split of an extra table stays.
        batch: Rows of a training step; None as in the preset.
        epoch_steps: Most steps of an epoch: an epoch is then a part of the table; None makes it a whole pass.
        preset: `default` or `atlas`, the training settings.
        workers: Worker processes; None takes one per core, of this machine or of the cluster; 0 trains inside this
            process.
        seed: Of everything random.
        executor: `pool`, worker processes of this machine, or `ray`, whose machines must find the folder of the build
            at the same path. A training that is lost with a machine is begun once more, with the same numbers.
        address: Of a running Ray cluster; None starts one here.

    Raises:
        BenchError: if a number is out of its range.
        UnknownNameError: if there is no such executor.
        RunError: if a build does not run on it, or an address is given without `ray`.
    """

    sample: int | None = None
    epochs: int = 10
    seeds: int = 1
    rows: int | None = None
    batch: int | None = None
    epoch_steps: int | None = None
    preset: str = "default"
    workers: int | None = None
    seed: int = 0
    executor: str = "pool"
    address: str | None = None

    def __post_init__(self) -> None:
        require_executor(self.executor, address=self.address, what="a build", among=("pool", "ray"))
        for name in ("sample", "epochs", "seeds", "rows", "batch", "epoch_steps"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise BenchError(f"{name.replace('_', ' ')} must be 1 or more, but {value} was given")
        least = 1 if self.executor == "ray" else 0
        if self.workers is not None and self.workers < least:
            raise BenchError(f"workers must be {least} or more, but {self.workers} was given")
        if self.preset not in ("default", "atlas"):
            raise BenchError(f"the preset must be default or atlas, but {self.preset!r} was given")

    def recipe(self) -> Recipe:
        """Return the training settings."""
        base = Recipe.atlas() if self.preset == "atlas" else Recipe()
        # A whole pass has fewer steps than this, whatever the table.
        steps = 10**9 if self.epoch_steps is None else self.epoch_steps
        batch = base.batch if self.batch is None else self.batch
        return replace(base, max_epochs=self.epochs, patience=0, batch=batch, epoch_steps=steps)


@dataclass(frozen=True, slots=True)
class BuildProgress:
    """Where a build stands: trainings finished, in all, those of this call, and seconds of this call."""

    done: int
    total: int
    here: int
    used_s: float


@dataclass(frozen=True, slots=True)
class BuildResult:
    """What was built: the benchmark's folder, its trainings, how many of them failed, and warnings about the table."""

    folder: Path
    trainings: int
    failed: int
    warnings: tuple[str, ...]


def build_bench(
    out: Path,
    source: str,
    target: str,
    space: Space,
    *,
    task: TaskOptions | None = None,
    options: BuildOptions | None = None,
    name: str | None = None,
    overwrite: bool = False,
    watch: Callable[[BuildProgress], None] | None = None,
) -> BuildResult:
    """Train the architectures, and write the benchmark to `out`.

    Trials are kept in the folder `OUT.build` until the benchmark is written; the same call continues a build that was
    interrupted or killed, at most one training per worker being lost. What a training gives depends on the seed and
    its number only, not on the workers.

    Args:
        out: Folder for the benchmark.
        source: Table, as for `fit`.
        target: Column to predict.
        space: A space of tabular MLPs.
        task: How the table becomes a task.
        options: What is trained.
        name: Of the benchmark and its outcome; by default that of the table's file.
        overwrite: Replace a benchmark that is there, and forget an unfinished build.
        watch: Told after each training, and at least once a second.

    Raises:
        BenchError: if the space cannot be trained, a benchmark is there already, or the unfinished build in
            `OUT.build` has other settings.
        DataError: if the table cannot be learned from.
        RunError: if the folder cannot be written, or workers cannot be started (exit code 1).
        KeyboardInterrupt: what is trained by then is kept.
    """
    build = _Build(out, source, target, space, task or TaskOptions(), options or BuildOptions(), name)
    build.begin(overwrite=overwrite)
    return build.finish(build.train(watch))


class _Build:
    """One call of `build_bench`."""

    def __init__(
        self,
        out: Path,
        source: str,
        target: str,
        space: Space,
        task: TaskOptions,
        options: BuildOptions,
        name: str | None,
    ) -> None:
        if not isinstance(space, TabularMlp):
            raise BenchError(f"only spaces of tabular MLPs can be trained here, but {space.name!r} is none of them")
        self.out = out = out.absolute()
        self.source, self.target, self.space = source, target, space
        self.task, self.options, self.recipe = task, options, options.recipe()
        self.name = require_name(name or Path(source.partition(":")[2] or source).stem, "a benchmark")
        self.folder = out.with_name(f"{out.name}.build")
        self.archs = _chosen(space, options)
        self.described: dict[str, Any] = {}
        self.warnings: tuple[str, ...] = ()

    def begin(self, *, overwrite: bool) -> None:
        """Check what is there before anything long begins."""
        if (self.out / "bench.json").exists() and not overwrite:
            raise BenchError(f"{self.out} holds a benchmark already; replace it with --overwrite, or choose another")
        if (
            self.out.exists()
            and not (self.out / "bench.json").exists()
            and (self.out.is_file() or any(self.out.iterdir()))
        ):
            raise BenchError(f"{self.out} must be a new or empty folder; choose another one")
        if overwrite:
            shutil.rmtree(self.folder, ignore_errors=True)
        settings = self._settings()
        path = self.folder / "build.json"
        if not path.exists():
            self.folder.mkdir(parents=True, exist_ok=True)
            write_atomically(path, json.dumps(settings, indent=1).encode())
            return
        before = json.loads(path.read_bytes())
        changed = [key for key in settings if before.get(key) != settings[key]]
        if changed:
            raise BenchError(
                f"{self.folder} holds an unfinished build with another {changed[0]} ({before.get(changed[0])}, now "
                f"{settings[changed[0]]}); continue it with its own settings, or begin anew with --overwrite"
            )

    def train(self, watch: Callable[[BuildProgress], None] | None) -> Study:
        """Return the study after every training."""
        with (
            self._executor() as executor,
            Study.open(self.folder / "study.db", name="trainings") as study,
        ):
            self._walk(study, executor, watch)
            return study

    @contextmanager
    def _executor(self) -> Iterator[Executor]:
        """Give an executor of the trainings, and close it in the end."""
        workers = self.options.workers
        if self.options.executor == "ray":
            from archwright.run.ray import RayExecutor

            with RayExecutor(self._evaluator(), address=self.options.address, workers=workers) as cluster:
                yield cluster
        elif workers == 0:
            yield InlineExecutor(self._evaluator().made())
        else:
            # Workers import their modules while the table is being read.
            with PoolExecutor(min(workers or cores(), len(self._plan())), preload=_PRELOAD) as pool:
                pool.use(self._evaluator())
                yield pool

    def finish(self, study: Study) -> BuildResult:
        """Write the benchmark and remove the folder of the build."""
        found = outcome_of(
            study.trials, self.archs, name=self.name, metric=self.described["metric"], options=self.options
        )
        write_bench(
            self.out,
            name=self.name,
            space=self.space,
            archs=self.archs,
            outcomes=[found.outcome],
            measures=found.measures,
            provenance=provenance_of(self._settings() | {"task": self.described}, failed=found.failed),
        )
        shutil.rmtree(self.folder, ignore_errors=True)
        return BuildResult(self.out, len(self._plan()), found.failed, self.warnings)

    def _walk(self, study: Study, executor: Executor, watch: Callable[[BuildProgress], None] | None) -> None:
        searcher, before = _Planned(self._plan()), len(study.trials)
        began_s = executor.now()

        def turn() -> bool:
            if watch is not None:
                here = len(study.trials) - before
                watch(BuildProgress(len(study.trials), len(searcher.plan), here, executor.now() - began_s))
            return False

        turn()
        run(
            searcher,
            executor,
            Budget(trials=_ATTEMPTS * len(searcher.plan)),
            seed=self.options.seed,
            study=study,
            stop=turn,
        )
        turn()

    def _plan(self) -> list[Proposal]:
        """Return the trainings in the order in which they are made: a random one, so that the time left can be told."""
        pairs = [
            Proposal(arch, self.options.epochs, f"seed {seed}")
            for arch in self.archs
            for seed in range(self.options.seeds)
        ]
        order = derive(self.options.seed, "order").permutation(len(pairs))
        return [pairs[int(place)] for place in order]

    def _evaluator(self) -> Remote:
        """Read the table, write the arrays that workers map, and return what they evaluate by."""
        task = self._task()
        inputs = Inputs.of(task, self.recipe)
        arrays, tested = self.folder / "arrays", self.folder / "tested"
        task.save_arrays(arrays)
        if task.has_test:
            test = task.open_test()
            save_arrays(tested, Arrays(_first(test, 0), test))
        arguments = {
            "arrays": arrays.absolute(),
            "tested": tested.absolute() if task.has_test else None,
            "space": self.space,
            "inputs": inputs,
            "recipe": self.recipe,
            "kind": task.kind,
            "metric": task.metric,
        }
        return Remote(_EVALUATOR, arguments)

    def _task(self) -> Task:
        options = self.task
        table = read_table(self.source, encoding=options.encoding)
        if self.options.rows is not None and self.options.rows < len(table.frame):
            table = _some_rows(table, self.options.rows, seed=self.options.seed)
        test = None if options.test is None else read_table(options.test, encoding=options.encoding)
        task = task_of(table, self.target, options, test=test, seed=self.options.seed)
        self.described, self.warnings = task.describe(), (*table.warnings, *task.warnings)
        return task

    def _settings(self) -> dict[str, Any]:
        """Return what must be equal for a build to go on; who trains may change."""
        options = {key: value for key, value in asdict(self.options).items() if key not in _FREE}
        return {
            "table": _identity(self.source),
            "target": self.target,
            "name": self.name,
            "space": {"name": self.space.name, "widths": list(self.space.widths), "layers": self.space.layers},
            "split": json.loads(json.dumps(self.task.to_json())),
            "options": options,
        }


class _Planned:
    """Asks for the trainings of a plan, one after the other, and once more for those that failed."""

    batch = 1

    def __init__(self, plan: Sequence[Proposal]) -> None:
        self.plan = plan

    def propose(self, history: History, n: int, *, rng: np.random.Generator) -> list[Proposal]:
        """Return the next `n` trainings."""
        begun, planned = len(history) + len(history.pending), len(self.plan)
        if begun < planned:
            return list(self.plan[begun : begun + n])
        if len(history) < planned:
            return []
        failed = [trial.proposal for trial in history.done[:planned] if trial.result.score is None]
        return failed[begun - planned :][:n]


def _chosen(space: TabularMlp, options: BuildOptions) -> list[Arch]:
    """Return the architectures to train, in the order of the space."""
    size = space.size()
    if options.sample is None or options.sample >= size:
        return list(space.enumerate())
    rng, chosen = derive(options.seed, "sample"), set[int]()
    while len(chosen) < options.sample:
        chosen.add(int(rng.integers(size)))
    return [space.at(index) for index in sorted(chosen)]


def _some_rows(table: Table, n: int, *, seed: int) -> Table:
    kept = np.sort(derive(seed, "rows").permutation(len(table.frame))[:n])
    return replace(table, frame=table.frame.iloc[kept].reset_index(drop=True))


def _first(split: Split, n: int) -> Split:
    weight = None if split.weight is None else split.weight[:n]
    return Split(split.num[:n], split.cat[:n], split.y[:n], weight)


def _identity(source: str) -> str:
    """Return the table's name, and what its content hashes to where it is a file."""
    path = Path(source)
    if not path.is_file():
        return source
    with path.open("rb") as file:
        return f"{path.name} sha256:{hashlib.file_digest(file, 'sha256').hexdigest()}"
