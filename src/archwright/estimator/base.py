"""What both estimators share: the run, its folder, its results, copies without them."""

from __future__ import annotations

import logging
import os
import shutil
import sys
import tempfile
import weakref
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.base import BaseEstimator
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted, validate_data

from archwright.coordinate.fit import fit, resume
from archwright.coordinate.options import SearchOptions, TaskOptions
from archwright.coordinate.progress import Progress, Watch
from archwright.coordinate.record import RunFolder, RunRecord
from archwright.core.budget import seconds
from archwright.core.errors import RunError
from archwright.data.tables import Table, read_table
from archwright.nets.export import export
from archwright.nets.model import Model
from archwright.report.table import Row, leaderboard
from archwright.study.study import Study

if TYPE_CHECKING:
    from archwright.nets.recipe import Recipe

__all__ = ["TabularNas"]

logger = logging.getLogger(__name__)

#: Rows of the training table that are kept for checking exports.
_SAMPLE_ROWS = 500
#: What a copy or a pickle does not take along: the run folder (it belongs to one object) and the training table.
_NOT_COPIED = ("_folder", "_cleanup", "_table")
_COLUMNS = list(Row.__dataclass_fields__)


class TabularNas(BaseEstimator):  # type: ignore[misc]  # scikit-learn publishes no types
    """What both estimators share; `NasClassifier` describes the parameters."""

    _folder: RunFolder | None
    _table: Table | None
    _sample: pd.DataFrame
    _cleanup: weakref.finalize[Any, Any] | None = None

    def __init__(
        self,
        time_budget: float | str = 60,
        *,
        metric: str | None = None,
        explore: str = "whole",
        space: str | None = None,
        layers: int = 4,
        widths: Sequence[int] | None = None,
        preset: str = "default",
        recipe: Recipe | None = None,
        validation_fraction: float = 0.2,
        workers: int | None = None,
        device: str = "auto",
        run_folder: str | os.PathLike[str] | None = None,
        max_trials: int | None = None,
        max_epochs: int | None = None,
        members: int | None = None,
        random_state: Any = None,
        verbose: int = 0,
    ) -> None:
        self.time_budget = time_budget
        self.metric = metric
        self.explore = explore
        self.space = space
        self.layers = layers
        self.widths = widths
        self.preset = preset
        self.recipe = recipe
        self.validation_fraction = validation_fraction
        self.workers = workers
        self.device = device
        self.run_folder = run_folder
        self.max_trials = max_trials
        self.max_epochs = max_epochs
        self.members = members
        self.random_state = random_state
        self.verbose = verbose

    def continue_fit(self, time_budget: float | str) -> Self:
        """Search and train for `time_budget` more seconds; the network can only get better on validation.

        Raises:
            RunError: if the run folder is gone, as it is for a copy or an unpickled object.
        """
        check_is_fitted(self)
        if self._folder is None or self._table is None or not self._folder.record.exists():
            raise RunError(
                "continue_fit needs the run folder and the table of this object's own fit, but copies and "
                "unpickled objects do not have them: call fit"
            )
        with _torch_threads_kept():
            record = resume(self._folder, budget_s=seconds(time_budget), table=self._table, watch=_watch(self.verbose))
        self._take(self._folder, record)
        return self

    def export(self, path: str | os.PathLike[str], format: str | None = None) -> dict[str, Any]:
        """Write the network with its preprocessing, and return what was written and checked.

        Args:
            path: File to write.
            format: `onnx`, `torch`, `torchscript` or `safetensors`; None reads it from the suffix
                (`.onnx`, `.pt2`, `.pt`, `.safetensors`).
        Raises:
            ExportError: if the suffix says no format, or the file's predictions differ from this object's.
            MissingExtraError: if the packages for ONNX are not installed.
        """
        check_is_fitted(self)
        return export(self.model_, path=Path(path), format=format, check_frame=self._sample)

    @property
    def study_(self) -> Study:
        """The trainings of the run (of its last session, if there were several), read from the run folder.

        Raises:
            AttributeError: if the run folder is gone, as it is for a copy or an unpickled object.
        """
        check_is_fitted(self)
        if self._folder is not None and self._folder.record.exists() and not self._folder.study.exists():
            # The time was over before anything was trained.
            return Study()
        if self._folder is None or not self._folder.study.exists():
            raise AttributeError("study_ went with the run folder of the object that was fitted; see leaderboard_")
        with Study.open(self._folder.study, name="filter") as scores:
            sessions = [int(name.removeprefix("refine-")) for name in scores.names() if name.startswith("refine-")]
        with Study.open(self._folder.study, name=f"refine-{max(sessions, default=1)}") as trainings:
            return trainings

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "model_")

    def __getstate__(self) -> dict[str, Any]:
        state: dict[str, Any] = super().__getstate__()
        return {name: None if name in _NOT_COPIED else value for name, value in state.items()}

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        # The clock decides how far training gets, unless max_trials ends the run before it does.
        tags.non_deterministic = self.max_trials is None
        return tags

    def _search(self, frame: pd.DataFrame, added: Mapping[str, pd.Series], *, kind: str) -> None:
        """Run the search on the columns of `frame` and `added` (`target`, and maybe `weight` and `group`)."""
        columns = {str(column.name): column.to_numpy() for column in added.values()}
        names = {role: str(column.name) for role, column in added.items()}
        table = Table(frame.assign(**columns), "the data given to fit")
        folder = self._new_folder()
        task = TaskOptions(
            test_fraction=0.0,
            valid_fraction=self.validation_fraction,
            group=names.get("group"),
            weight=names.get("weight"),
            kind=kind,
            metric=self.metric,
        )
        with _torch_threads_kept():
            record = fit(
                table,
                names["target"],
                budget_s=seconds(self.time_budget),
                folder=folder,
                task=task,
                search=self._search_options(),
                recipe=self.recipe,
                watch=_watch(self.verbose),
            )
        self._table, self._sample = table, frame.head(_SAMPLE_ROWS)
        self._take(folder, record)

    def _search_options(self) -> SearchOptions:
        return SearchOptions(
            explore=self.explore,
            space=self.space,
            layers=self.layers,
            widths=None if self.widths is None else tuple(map(int, self.widths)),
            preset=self.preset,
            workers=self.workers,
            device=self.device,
            seed=int(check_random_state(self.random_state).randint(np.iinfo(np.int32).max)),
            max_trials=self.max_trials,
            max_epochs=self.max_epochs,
            members=self.members,
        )

    def _new_folder(self) -> RunFolder:
        """Return an empty folder: in `run_folder`, or a temporary one that goes with this object."""
        if self._cleanup is not None:
            self._cleanup()
        self._cleanup = None
        if self.run_folder is None:
            path = Path(tempfile.mkdtemp(prefix="archwright-"))
            self._cleanup = weakref.finalize(self, shutil.rmtree, path, ignore_errors=True)
        else:
            path = _numbered(Path(self.run_folder))
        self._folder = RunFolder(path)
        return self._folder

    def _take(self, folder: RunFolder, record: RunRecord) -> None:
        self.run_ = record
        self.run_folder_ = folder.path
        self.model_ = Model.load(folder.model)
        self.leaderboard_ = pd.DataFrame([asdict(row) for row in leaderboard(folder)], columns=_COLUMNS)
        for line in record.warnings:
            logger.warning("%s", line)

    def _columns(self, X: Any, *, reset: bool) -> pd.DataFrame:
        """Return the columns of `X`: a table keeps its names and kinds, an array must hold numbers."""
        if hasattr(X, "columns") or hasattr(X, "__arrow_c_stream__"):
            validate_data(self, X, reset=reset, skip_check_array=True)
            return read_table(X).frame
        least = 2 if reset else 1
        array = validate_data(self, X, reset=reset, ensure_all_finite="allow-nan", ensure_min_samples=least)
        return pd.DataFrame(array, columns=[f"x{i}" for i in range(array.shape[1])])

    def _values(self, X: Any) -> NDArray[np.float64]:
        check_is_fitted(self)
        values: NDArray[np.float64] = self.model_.predict_values(self._columns(X, reset=False))
        return values


def _numbered(parent: Path) -> Path:
    """Make and return the first folder `fit-N` that is not there; safe where several processes do so at once."""
    number = 1
    while True:
        path = parent / f"fit-{number}"
        try:
            path.mkdir(parents=True)
        except FileExistsError:
            number += 1
        except OSError as error:
            raise RunError.of_system(f"the run folder {path} must be writable, but: {error.strerror}") from error
        else:
            return path


@contextmanager
def _torch_threads_kept() -> Iterator[None]:
    """Give torch's number of threads back: training inside this process may set it."""
    torch = sys.modules.get("torch")
    before = None if torch is None else torch.get_num_threads()
    try:
        yield
    finally:
        if torch is not None:
            torch.set_num_threads(before)


def _watch(verbose: int) -> Watch | None:
    """Return what writes a line every two seconds, or None."""
    if not verbose:
        return None
    last_s = -np.inf

    def tell(progress: Progress) -> None:
        nonlocal last_s
        if progress.used_s - last_s < 2.0:
            return
        last_s = progress.used_s
        used = f"{progress.used_s:5.1f} of {progress.budget_s:g} s"
        sys.stderr.write(f"archwright: {used}  {progress.phase:8} {progress.detail}  {progress.best}\n")

    return tell
