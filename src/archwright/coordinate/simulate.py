"""One seeded run of an experiment, from a table, in virtual time; resumed exactly where it was cut."""

# P proposals, K answers of the searcher, D genes

from __future__ import annotations

import time
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import accumulate, pairwise
from pathlib import Path

import numpy as np

from archwright.bench.evaluator import TableEvaluator
from archwright.bench.table import Bench
from archwright.coordinate.chunks import as_result
from archwright.coordinate.experiment import Case, Cell, Experiment, ExperimentFolder
from archwright.coordinate.trial_file import Trials, write_trials
from archwright.core.arch import Arch
from archwright.core.errors import BenchError
from archwright.core.files import replacing
from archwright.core.history import History
from archwright.core.protocols import Searcher
from archwright.core.trial import Proposal, Result
from archwright.run.loop import run
from archwright.run.simulated import SimulatedExecutor
from archwright.study.study import Study

__all__ = ["CellEvaluator", "Recorder", "contestant", "opened", "simulate", "work"]

#: Seconds of a run after which its searcher's answers so far are written down, again and again.
_CHECKPOINT_S = 1.0


@dataclass
class Recorder:
    """A searcher that is asked only what is not known yet: the first answers come from an earlier session.

    On a table everything but the searcher is quick and repeatable, so the answers are all that a checkpoint of a
    run needs, and a resumed run is the uninterrupted one, whatever its number of workers.

    Args:
        searcher: Who answers the rest.
        space: Name of its space.
        path: Where answers are kept; nothing is written within the first second.
    """

    searcher: Searcher
    space: str
    path: Path
    answers: list[Sequence[Proposal]] = field(default_factory=list)
    _asked: int = 0
    _written_s: float = field(default_factory=time.monotonic)

    def __post_init__(self) -> None:
        if self.path.exists():
            self.answers = _read_answers(self.path, self.space)

    @property
    def batch(self) -> int:
        """How many proposals the loop asks for at once."""
        return self.searcher.batch

    def propose(self, history: History, n: int, *, rng: np.random.Generator) -> Sequence[Proposal]:
        """Return the answer of an earlier session to this question, or the searcher's own."""
        if self._asked == len(self.answers):
            self.answers.append(self.searcher.propose(history, n, rng=rng))
            if time.monotonic() - self._written_s > _CHECKPOINT_S:
                _write_answers(self.path, self.answers)
                self._written_s = time.monotonic()
        self._asked += 1
        return self.answers[self._asked - 1]


@dataclass(frozen=True)
class CellEvaluator:
    """Does whole runs where a pool expects evaluations: the "architecture" is (cell, seed, seed, ...).

    Args:
        folder: Of the experiment.
        experiment: What is done; cells are numbered in its order.
    """

    folder: Path
    experiment: Experiment

    def evaluate(self, proposal: Proposal, *, rng: np.random.Generator, limit_s: float | None = None) -> Result:
        """Return the number of runs as the score and their seconds as the cost; they are in a file by then."""
        place, *seeds = proposal.arch.genes
        cell = list(self.experiment.cells())[place]
        return as_result(lambda: work(ExperimentFolder(self.folder), self.experiment, cell, seeds), len(seeds))


def work(folder: ExperimentFolder, experiment: Experiment, cell: Cell, seeds: Sequence[int]) -> None:
    """Do the runs of some seeds and write them into a part file; then forget their checkpoints.

    Raises:
        NasError: if the benchmark cannot be opened, or the searcher cannot be made.
        RunError: if the file cannot be written (exit code 1).
    """
    runs = []
    for seed in seeds:
        study = simulate(experiment, cell, seed=seed, answers=folder.answers(cell, seed))
        runs.append(_trials(study, opened(cell.case.folder), cell.case, seed=seed))
    write_trials(folder.part(cell, seeds), Trials.joined(runs))
    for seed in seeds:
        folder.answers(cell, seed).unlink(missing_ok=True)


def simulate(experiment: Experiment, cell: Cell, *, seed: int, answers: Path) -> Study:
    """Return the study of one run.

    Args:
        experiment: Says the budget, the workers, and what a training costs.
        cell: What is searched, by whom.
        seed: Of the run.
        answers: File of the searcher's answers; read if it is there, written while the run takes long.

    Raises:
        NasError: if the benchmark cannot be opened, or the searcher cannot be made.
    """
    case = cell.case
    recorder = Recorder(contestant(cell), opened(case.folder).space.name, answers)
    # An evaluator that continues trainings remembers them, so each run needs its own.
    evaluator = _evaluator.__wrapped__(case, True) if experiment.continued else _evaluator(case, False)
    executor = SimulatedExecutor(evaluator, workers=experiment.workers)
    return run(recorder, executor, experiment.budget_of(case), seed=seed)


def contestant(cell: Cell) -> Searcher:
    """Return the searcher of a cell, on what its benchmark knows.

    Raises:
        NasError: if the benchmark cannot be opened, or the searcher cannot be made.
    """
    space = opened(cell.case.folder).space_of_rows()
    return cell.contestant.make(space, epochs=(cell.case.least_epochs, cell.case.full_epochs))


@lru_cache(maxsize=8)
def opened(folder: str) -> Bench:
    """Return the benchmark in a folder; the same object each time.

    Raises:
        BenchError: if there is none, or it is damaged.
    """
    return Bench.open(folder)


@lru_cache(maxsize=8)
def _evaluator(case: Case, continued: bool) -> TableEvaluator:
    return TableEvaluator(opened(case.folder), case.outcome, split=case.searched, continued=continued)


def _trials(study: Study, bench: Bench, case: Case, *, seed: int) -> Trials:
    trials = study.trials
    archs = [trial.proposal.arch for trial in trials]
    scores = [trial.result.score for trial in trials]
    fidelities = [trial.proposal.fidelity for trial in trials]
    rows = bench.rows(archs)
    return Trials(
        (seed,),
        seed=np.full(len(trials), seed, np.int32),
        trial=np.array([trial.id for trial in trials], np.int32),
        arch=np.array([str(arch) for arch in archs], np.object_),
        epochs=np.array([case.full_epochs if each is None else each for each in fidelities], np.int32),
        score=np.array([np.nan if score is None else score for score in scores], np.float64),
        cost_s=np.array([trial.result.cost_s for trial in trials], np.float64),
        finished_s=np.array([trial.finished_s for trial in trials], np.float64),
        value=bench.values(case.report, rows, split=case.split),
    )


def _write_answers(path: Path, answers: Sequence[Sequence[Proposal]]) -> None:
    proposals = [proposal for answer in answers for proposal in answer]
    with replacing(path) as beside, beside.open("wb") as file:
        np.savez(
            file,
            lengths=np.array([len(answer) for answer in answers], np.int64),
            genes=np.array([proposal.arch.genes for proposal in proposals], np.int64),
            is_full=np.array([proposal.fidelity is None for proposal in proposals], np.bool_),
            epochs=np.array([proposal.fidelity or 0 for proposal in proposals], np.int64),
            notes=np.array([proposal.note for proposal in proposals], np.str_),
        )


def _read_answers(path: Path, space: str) -> list[Sequence[Proposal]]:
    try:
        # numpy leaves a damaged file open that it opened itself.
        with path.open("rb") as raw, np.load(raw, allow_pickle=False) as file:
            columns = [file[name].tolist() for name in ("genes", "is_full", "epochs", "notes")]
            lengths: list[int] = file["lengths"].tolist()
    except (OSError, ValueError, KeyError, zipfile.BadZipFile) as error:
        raise BenchError(f"{path} is damaged ({error}); remove it, and that run begins anew") from error
    proposals = [
        Proposal(Arch(space, tuple(genes)), None if is_full else epochs, note)
        for genes, is_full, epochs, note in zip(*columns, strict=True)
    ]
    return [proposals[start:stop] for start, stop in pairwise(accumulate(lengths, initial=0))]
