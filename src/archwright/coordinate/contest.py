"""Does the runs of an experiment that are not done yet, on several processes; may be killed anywhere."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from archwright.coordinate.chunks import Chunk, in_pool, inline, on_executor, only_one
from archwright.coordinate.experiment import Cell, Experiment, ExperimentFolder
from archwright.coordinate.session import cores
from archwright.coordinate.simulate import CellEvaluator, contestant, work
from archwright.coordinate.trial_file import Trials, read_trials, write_trials
from archwright.core.errors import RunError
from archwright.run.executors import require_executor

__all__ = ["Progress", "run_experiment"]

#: A process gets about so many seconds of work at a time; what it has not written down is lost when it is killed.
_CHUNK_S = 1.0
#: Parts that may pile up before they are gathered into the file of their cell.
_PARTS = 64


@dataclass(frozen=True, slots=True)
class Progress:
    """What a watcher is told after every chunk: runs done and wanted, and of which cell the last ones were."""

    done: int
    wanted: int
    cell: str


@dataclass(slots=True)
class _Cell:
    """A cell with the seeds that are left, and what one run takes."""

    place: int
    cell: Cell
    left: list[int]
    run_s: float | None = None

    def take(self, jobs: int) -> list[int]:
        """Return the seeds of the next chunk: one to time it, then about a second's worth."""
        fair = -(-len(self.left) // jobs)
        n = 1 if self.run_s is None else max(1, min(fair, int(_CHUNK_S / max(self.run_s, 1e-6))))
        taken, self.left[:n] = self.left[:n], []
        return taken


#: A cell and some of its seeds.
_Runs = tuple[_Cell, list[int]]


@dataclass
class _Contest:
    """The state of one session."""

    folder: ExperimentFolder
    experiment: Experiment
    watch: Callable[[Progress], None]
    jobs: int = 1
    cells: list[_Cell] = field(default_factory=list)
    done: int = 0

    def here(self, jobs: int) -> None:
        """Do what is left in so many processes."""
        self.jobs = jobs
        if jobs == 1:
            inline(self.todo(), self.do, self.note)
        else:
            in_pool(self.todo(), CellEvaluator(self.folder.path, self.experiment), self.note, jobs=jobs)

    def on_cluster(self, jobs: int | None, address: str | None) -> None:
        """Do what is left on a Ray cluster."""
        from archwright.run.ray import RayExecutor

        evaluator = CellEvaluator(self.folder.path, self.experiment)
        with RayExecutor(evaluator, address=address, workers=jobs) as cluster:
            self.jobs = cluster.free()
            # It gives lost work out once more by itself.
            on_executor(self.todo(), cluster, self.note)

    def todo(self) -> Iterator[Chunk[_Runs]]:
        """Yield chunks until nothing is left."""
        for cell in self.cells:
            while cell.left:
                seeds = cell.take(self.jobs)
                yield Chunk((cell, seeds), f"a run of {cell.cell.name}", (cell.place, *seeds))

    def do(self, chunk: Chunk[_Runs]) -> None:
        """Do a chunk in this process."""
        cell, seeds = chunk.what
        work(self.folder, self.experiment, cell.cell, seeds)

    def note(self, chunk: Chunk[_Runs], took_s: float) -> None:
        """Take note of a finished chunk."""
        cell, seeds = chunk.what
        cell.run_s = took_s / len(seeds)
        self.done += len(seeds)
        if not cell.left or len(self.folder.parts_of(cell.cell)) >= _PARTS:
            _gather(self.folder, cell.cell)
        self.tell(cell.cell.name)

    def tell(self, name: str) -> None:
        """Tell the watcher."""
        total = sum(1 for _ in self.experiment.cells()) * self.experiment.seeds
        self.watch(Progress(self.done, total, name))


def run_experiment(
    path: Path,
    wanted: Experiment,
    *,
    jobs: int | None = 1,
    executor: str = "pool",
    address: str | None = None,
    watch: Callable[[Progress], None] | None = None,
) -> Experiment:
    """Do what is not done yet of an experiment, and return it with all that its folder holds.

    A finished run is never done again; one that was cut goes on. `wanted` may add seeds, contestants and cases to
    an experiment that is there.

    Args:
        path: Folder of the experiment; made if it is not there.
        wanted: What shall be there in the end.
        jobs: Processes, of one thread each. With one in the pool, all is done in this process. None takes one per core
            of this machine, or of the cluster.
        executor: `pool`, worker processes of this machine, or `ray`, whose machines must find the experiment and its
            benchmarks at the same paths. Runs that are lost with a machine are begun once more, with the same seeds.
        address: Of a running Ray cluster; None starts one here.
        watch: Told after every chunk of runs.

    Raises:
        RunError: if the folder holds something else, another experiment, or a damaged file; or runs fail.
        MissingExtraError: if Ray is wanted and not installed.
    """
    require_executor(executor, address=address, what="an experiment", among=("pool", "ray"))
    if jobs is not None and jobs < 1:
        raise RunError(f"an experiment needs at least one job, but {jobs} were given")
    # Machines of a cluster work in folders of their own.
    folder = ExperimentFolder(path.absolute())
    folder.joined(wanted)
    for cell in wanted.cells():
        contestant(cell)
    with only_one(folder.path, folder.lock):
        joined = folder.joined(wanted)
        folder.write(joined)
        for leftover in folder.parts.glob(".*.tmp"):
            leftover.unlink(missing_ok=True)
        contest = _Contest(folder, wanted, watch or (lambda progress: None))
        for place, cell in enumerate(wanted.cells()):
            done = set(_gather(folder, cell).seeds)
            contest.done += len(done.intersection(range(wanted.seeds)))
            contest.cells.append(_Cell(place, cell, [seed for seed in range(wanted.seeds) if seed not in done]))
        contest.tell("")
        try:
            if executor == "ray":
                contest.on_cluster(jobs, address)
            else:
                contest.here(cores() if jobs is None else jobs)
        finally:
            for cell in wanted.cells():
                _gather(folder, cell)
    return joined


def _gather(folder: ExperimentFolder, cell: Cell) -> Trials:
    """Put what is in parts into the file of the cell; return all its finished runs."""
    parts, whole = folder.parts_of(cell), folder.trials(cell)
    if not parts:
        return read_trials(whole) if whole.exists() else Trials.none()
    trials = folder.read(cell)
    write_trials(whole, trials)
    for part in parts:
        part.unlink(missing_ok=True)
    return trials
