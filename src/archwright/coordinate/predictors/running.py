"""Does the trainings of a study of predictors that are missing, on several processes; may be killed anywhere."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from archwright.coordinate.chunks import Chunk, as_result, in_pool, inline, only_one
from archwright.coordinate.contest import Progress
from archwright.coordinate.experiment import Case
from archwright.coordinate.predictors.study import Cell, PredictorFolder, PredictorStudy, Rules
from archwright.coordinate.predictors.task import task_of
from archwright.coordinate.predictors.work import do_cell, make_entrant, measure, rows_of
from archwright.core.errors import RunError
from archwright.core.trial import Proposal, Result
from archwright.predict.saliency import OperationSaliencies

__all__ = ["CellEvaluator", "all_cells", "run_predictors"]


#: Architectures whose saliencies are measured at a time.
_MEASURED = 256


@dataclass(frozen=True)
class CellEvaluator:
    """Does trainings where a pool expects evaluations: the "architecture" is the number of a cell.

    Further numbers are rows whose saliencies are measured for the predictor of that cell, in place of training it.

    Args:
        folder: Of the study.
        study: What is done; its cells are numbered in their order.
    """

    folder: Path
    study: PredictorStudy

    def evaluate(self, proposal: Proposal, *, rng: object, limit_s: float | None = None) -> Result:
        """Return 1 as the score and the seconds as the cost; what was found is in a file by then."""
        place, *rows = proposal.arch.genes
        cell = all_cells(self.study)[place]
        return as_result(lambda: _do(PredictorFolder(self.folder), self.study, cell, rows), 1)


@dataclass
class _Session:
    """The state of one session."""

    folder: PredictorFolder
    study: PredictorStudy
    watch: Callable[[Progress], None]
    cells: list[Cell]
    left: list[int] = field(default_factory=list)

    def todo(self) -> Iterator[Chunk[Cell]]:
        """Yield a chunk for each training that is left, and first those that measure what several of them read."""
        for place, rows in self._unmeasured():
            for start in range(0, len(rows), _MEASURED):
                some = (place, *rows[start : start + _MEASURED])
                yield Chunk(self.cells[place], "measuring saliencies of operations", some)
        for place in tuple(self.left):
            cell = self.cells[place]
            yield Chunk(cell, f"a training of {cell.entrant.label}", (place,))

    def _unmeasured(self) -> Iterator[tuple[int, list[int]]]:
        """Yield, for each benchmark, a cell whose predictor reads saliencies, and the rows that all such cells need."""
        reads: dict[tuple[str, str], bool] = {}
        first: dict[str, int] = {}
        rows: dict[str, dict[int, None]] = {}
        for place in self.left:
            cell = self.cells[place]
            key = (cell.case.folder, cell.entrant.label)
            if key not in reads:
                made = make_entrant(self.folder, self.study, cell)
                reads[key] = isinstance(getattr(made, "saliency", None), OperationSaliencies)
            if reads[key]:
                first.setdefault(cell.case.folder, place)
                needed = (row for part in rows_of(self.study, cell) for row in part.tolist())
                rows.setdefault(cell.case.folder, {}).update(dict.fromkeys(needed))
        yield from ((place, list(rows[folder])) for folder, place in first.items())

    def do(self, chunk: Chunk[Cell]) -> None:
        """Do a chunk in this process."""
        _do(self.folder, self.study, chunk.what, chunk.numbers[1:])

    def note(self, chunk: Chunk[Cell], took_s: float) -> None:
        """Take note of a finished chunk."""
        place, *rows = chunk.numbers
        if not rows:
            self.left.remove(place)
        self.tell("saliencies of operations" if rows else f"{chunk.what.entrant.label}, {chunk.what.size:,}")

    def tell(self, name: str) -> None:
        """Tell the watcher."""
        self.watch(Progress(len(self.cells) - len(self.left), len(self.cells), name))


def all_cells(study: PredictorStudy) -> list[Cell]:
    """Return all trainings of a study.

    Raises:
        NasError: if a benchmark cannot be opened, or has not what the study asks for.
    """
    return list(study.cells(lambda case: _n_pool(case, study.rules)))


def run_predictors(
    path: Path, wanted: PredictorStudy, *, jobs: int = 1, watch: Callable[[Progress], None] | None = None
) -> PredictorStudy:
    """Do what is not done yet of a study of predictors, and return it with all that its folder holds.

    A finished training is never done again. `wanted` may add predictors, sizes, seeds and cases to a study that is
    there.

    Args:
        path: Folder of the study; made if it is not there.
        wanted: What shall be there in the end.
        jobs: Processes, of one thread each. With one, all is done in this process.
        watch: Told after every training, and while saliencies of operations are measured, which several of them share.

    Raises:
        RunError: if the folder holds something else, another study, or a damaged file; or a training fails.
        NasError: if a benchmark, a predictor or the training sets cannot be had.
    """
    if jobs < 1:
        raise RunError(f"a study needs at least one worker, but {jobs} were given")
    folder = PredictorFolder(path)
    _refuse_early(folder, folder.joined(wanted))
    with only_one(folder.path, folder.lock):
        study = folder.joined(wanted)
        folder.write(study)
        for leftover in folder.results.glob("*/*/.*.tmp"):
            leftover.unlink(missing_ok=True)
        session = _Session(folder, study, watch or (lambda progress: None), all_cells(study))
        session.left = [place for place, cell in enumerate(session.cells) if folder.read(cell) is None]
        session.tell("")
        if jobs == 1:
            inline(session.todo(), session.do, session.note)
        elif session.left:
            in_pool(session.todo(), CellEvaluator(path, study), session.note, jobs=jobs, preload=("torch",))
    return study


def _do(folder: PredictorFolder, study: PredictorStudy, cell: Cell, rows: Sequence[int]) -> None:
    if rows:
        measure(folder, study, cell, rows)
    else:
        do_cell(folder, study, cell)


def _refuse_early(folder: PredictorFolder, study: PredictorStudy) -> None:
    """Refuse what cannot be made before anything is written."""
    seen = set()
    for cell in all_cells(study):
        if (cell.case.folder, cell.entrant.label) not in seen:
            seen.add((cell.case.folder, cell.entrant.label))
            make_entrant(folder, study, cell)


def _n_pool(case: Case, rules: Rules) -> int:
    task = task_of(case, rules)
    return len(task.rows) - rules.candidates if rules.candidates else len(task.pool)
