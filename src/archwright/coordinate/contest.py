"""Does the runs of an experiment that are not done yet, on several processes; may be killed anywhere."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from archwright.coordinate.experiment import Cell, Experiment, ExperimentFolder
from archwright.coordinate.simulate import REFUSED, CellEvaluator, contestant, work
from archwright.coordinate.trial_file import Trials, read_trials, write_trials
from archwright.core.arch import Arch
from archwright.core.errors import RunError
from archwright.core.trial import Proposal
from archwright.run.clock import Clock
from archwright.run.pool import PoolExecutor

__all__ = ["Progress", "run_experiment"]

#: A process gets about so many seconds of work at a time; what it has not written down is lost when it is killed.
_CHUNK_S = 1.0
#: Parts that may pile up before they are gathered into the file of their cell.
_PARTS = 64
#: Times that a chunk of runs is tried when its process dies.
_TRIES = 2


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


@dataclass
class _Contest:
    """The state of one session."""

    folder: ExperimentFolder
    experiment: Experiment
    jobs: int
    watch: Callable[[Progress], None]
    cells: list[_Cell] = field(default_factory=list)
    done: int = 0

    def todo(self) -> Iterator[tuple[_Cell, list[int]]]:
        """Yield chunks until nothing is left."""
        for cell in self.cells:
            while cell.left:
                yield cell, cell.take(self.jobs)

    def note(self, cell: _Cell, seeds: list[int], took_s: float) -> None:
        """Take note of a finished chunk."""
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
    jobs: int = 1,
    watch: Callable[[Progress], None] | None = None,
) -> Experiment:
    """Do what is not done yet of an experiment, and return it with all that its folder holds.

    A finished run is never done again; one that was cut goes on. `wanted` may add seeds, contestants and cases to
    an experiment that is there.

    Args:
        path: Folder of the experiment; made if it is not there.
        wanted: What shall be there in the end.
        jobs: Processes, of one thread each. With one, all is done in this process.
        watch: Told after every chunk of runs.

    Raises:
        RunError: if the folder holds something else, another experiment, or a damaged file; or runs fail.
    """
    if jobs < 1:
        raise RunError(f"an experiment needs at least one job, but {jobs} were given")
    folder = ExperimentFolder(path)
    folder.joined(wanted)
    for cell in wanted.cells():
        contestant(cell)
    with _only_one(folder):
        joined = folder.joined(wanted)
        folder.write(joined)
        for leftover in folder.parts.glob(".*.tmp"):
            leftover.unlink(missing_ok=True)
        contest = _Contest(folder, wanted, jobs, watch or (lambda progress: None))
        for place, cell in enumerate(wanted.cells()):
            done = set(_gather(folder, cell).seeds)
            contest.done += len(done.intersection(range(wanted.seeds)))
            contest.cells.append(_Cell(place, cell, [seed for seed in range(wanted.seeds) if seed not in done]))
        contest.tell("")
        try:
            _inline(contest) if jobs == 1 else _pooled(contest)
        finally:
            for cell in wanted.cells():
                _gather(folder, cell)
    return joined


def _inline(contest: _Contest) -> None:
    clock = Clock.starting_now()
    for cell, seeds in contest.todo():
        started_s = clock.now()
        work(contest.folder, contest.experiment, cell.cell, seeds)
        contest.note(cell, seeds, clock.now() - started_s)


def _pooled(contest: _Contest) -> None:
    chunks = contest.todo()
    running: dict[int, tuple[_Cell, list[int]]] = {}
    tries: Counter[int] = Counter()
    with PoolExecutor(contest.jobs) as pool:
        pool.use(CellEvaluator(contest.folder.path, contest.experiment))

        def submit(number: int) -> None:
            cell, seeds = running[number]
            tries[number] += 1
            pool.submit(number, Proposal(Arch("experiment", (cell.place, *seeds))), seed=0)

        exhausted = False
        while True:
            while not exhausted and pool.free():
                chunk = next(chunks, None)
                exhausted = chunk is None
                if chunk is not None:
                    running[number := len(tries)] = chunk
                    submit(number)
            trial = pool.next()
            if trial is None:
                return
            if trial.result.score is not None:
                cell, seeds = running.pop(trial.id)
                contest.note(cell, seeds, trial.result.cost_s)
            elif trial.result.error.startswith(REFUSED):
                raise RunError(trial.result.error.removeprefix(REFUSED))
            elif tries[trial.id] < _TRIES:
                submit(trial.id)
            else:
                raise RunError.of_system(f"runs of {running[trial.id][0].cell.name} fail: {trial.result.error}")


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


@contextmanager
def _only_one(folder: ExperimentFolder) -> Iterator[None]:
    """Hold the folder's lock, where the system has such locks."""
    try:
        import fcntl
    except ImportError:
        yield
        return
    try:
        folder.path.mkdir(parents=True, exist_ok=True)
        lock = folder.lock.open("w")
    except OSError as error:
        raise RunError.of_system(f"{folder.path} must be writable, but: {error.strerror or error}") from None
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise RunError(f"another process works on {folder.path}; wait for it, or choose another folder") from None
        yield
