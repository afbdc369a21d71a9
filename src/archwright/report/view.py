"""What a report needs of a run, read once; whatever is missing or damaged is empty, never an error."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from archwright.coordinate.record import RunFolder, RunRecord
from archwright.core.arch import Arch
from archwright.core.errors import NasError, StoreError
from archwright.core.trial import Trial
from archwright.report.metric import Shown, shown_metric
from archwright.study.study import Study

__all__ = ["Candidate", "RunView", "Step", "tensor_shapes", "widths_of"]

_NOTE = re.compile(r"bracket (\d+) rung (\d+)")
#: Names of the studies that hold trainings: one per session.
_TRAININGS = re.compile(r"refine(?:-(\d+))?")


@dataclass(frozen=True, slots=True)
class Step:
    """One training of a candidate: its place in the halving, epochs in total, score (None: failed)."""

    session: int
    bracket: int
    rung: int
    epochs: int
    score: float | None


@dataclass(frozen=True, slots=True)
class Candidate:
    """One architecture that was trained: its best score, and what it cost in all rungs together."""

    arch: str
    widths: tuple[int, ...]
    score: float | None
    epochs: int
    params: float | None
    cost_s: float
    expressflow: float | None
    error: str
    steps: tuple[Step, ...]

    @property
    def label(self) -> str:
        """Widths as `128-64-32`; the architecture's own text where it has none."""
        return "-".join(map(str, self.widths)) or self.arch


@dataclass(frozen=True)
class RunView:
    """A run as a report sees it.

    Args:
        record: The run's record.
        shown: How scores are shown.
        candidates: Trained architectures, best first; those without a score last.
        scores: ExpressFlow scores that the filter computed, of finite value; may be empty.
        shapes: Tensor shapes of the saved network, by name; empty where there is none.
        notes: What could not be read, as sentences.
    """

    record: RunRecord
    shown: Shown
    candidates: tuple[Candidate, ...]
    scores: npt.NDArray[np.float64]
    shapes: Mapping[str, tuple[int, ...]]
    notes: tuple[str, ...] = ()

    @property
    def ok(self) -> tuple[Candidate, ...]:
        """Candidates with a score, best first."""
        return tuple(candidate for candidate in self.candidates if candidate.score is not None)

    @classmethod
    def load(cls, folder: RunFolder) -> RunView:
        """Read the folder.

        Raises:
            RunError: if its record is missing or damaged.
        """
        record = folder.load()
        notes: list[str] = []
        trials: list[tuple[int, Trial]] = []
        scored: dict[str, float] = {}
        table: npt.NDArray[np.float64] | None = None
        try:
            trials, scored, table = _stores(folder.study)
        except (NasError, OSError) as error:
            notes.append(f"The trial store could not be read: {error}")
        candidates = _candidates(trials, record.space, scored, table)
        values = table if table is not None else np.array(list(scored.values()), dtype=np.float64)
        values = values[np.isfinite(values)]
        return cls(record, shown_metric(record.task), candidates, values, tensor_shapes(folder.model), tuple(notes))


def _stores(path: Path) -> tuple[list[tuple[int, Trial]], dict[str, float], npt.NDArray[np.float64] | None]:
    """Return trainings with their session, ExpressFlow scores by architecture, and the whole-space scores."""
    trials: list[tuple[int, Trial]] = []
    scored: dict[str, float] = {}
    table = None
    for name in _names(path) if path.is_file() else ():
        with Study.open(path, name=name, create=False) as study:
            if place := _TRAININGS.fullmatch(name):
                trials += [(int(place[1] or 1), trial) for trial in study.history.done]
            if name != "filter":
                continue
            for trial in study.history.ok():
                scored[str(trial.proposal.arch)] = float(trial.result.score or 0.0)
            try:
                table = np.asarray(study.array("scores"), dtype=np.float64).ravel()
            except KeyError:
                table = None
    return sorted(trials, key=lambda pair: (pair[0], pair[1].id)), scored, table


def _names(path: Path) -> Sequence[str]:
    """Return the names of the studies in a store. One of them must be opened to ask; any of ours will do."""
    failure: StoreError | None = None
    for name in ("filter", "refine-1", "refine"):
        try:
            with Study.open(path, name=name, create=False) as study:
                return study.names()
        except StoreError as error:
            failure = failure or error
    raise failure or StoreError(f"{path} holds no study")


def widths_of(arch: Arch, space: Mapping[str, Any]) -> tuple[int, ...]:
    """Return an architecture's layer widths by the record of its space; empty where it has none."""
    widths = sorted(space.get("widths") or ())
    if not widths or any(gene >= len(widths) for gene in arch.genes):
        return ()
    return tuple(int(widths[gene]) for gene in arch.genes)


def _space_index(arch: Arch, space: Mapping[str, Any]) -> int:
    """Return the position of an architecture in the whole-space scores: mixed radix, first gene slowest."""
    base = len(space.get("widths") or ())
    index = 0
    for gene in arch.genes:
        index = index * base + gene
    return index


def _candidates(
    trials: Sequence[tuple[int, Trial]],
    space: Mapping[str, Any],
    scored: Mapping[str, float],
    table: npt.NDArray[np.float64] | None,
) -> tuple[Candidate, ...]:
    groups: dict[Arch, list[tuple[int, Trial]]] = {}
    for session, trial in trials:
        groups.setdefault(trial.proposal.arch, []).append((session, trial))
    found = []
    for arch, own in groups.items():
        proxy = scored.get(str(arch))
        if table is not None and (index := _space_index(arch, space)) < len(table):
            proxy = float(table[index])
        found.append(_candidate(arch, own, widths_of(arch, space), proxy))
    return tuple(sorted(found, key=lambda c: (c.score is None, -(c.score or 0.0), c.params or 0.0, c.arch)))


def _candidate(arch: Arch, own: Sequence[tuple[int, Trial]], widths: tuple[int, ...], proxy: float | None) -> Candidate:
    steps = tuple(_step(session, trial) for session, trial in own)
    trials = [trial for _, trial in own]
    # A training that the deadline cut has no score to compare by, but it was validated after each of its epochs.
    validated = [score for trial in trials for score in trial.result.curve if math.isfinite(score)]
    scores = [step.score for step in steps if step.score is not None] + validated
    measures: dict[str, float] = {}
    for trial in trials:
        measures.update(trial.result.measures)
    proxy = measures.get("expressflow", proxy)
    epochs = [int(measures.get("epochs") or 0), *(step.epochs for step in steps if step.score is not None)]
    return Candidate(
        arch=str(arch),
        widths=widths,
        score=max(scores, default=None),
        epochs=max(epochs),
        params=measures.get("params"),
        cost_s=sum(trial.result.cost_s for trial in trials),
        expressflow=proxy if proxy is not None and math.isfinite(proxy) else None,
        error=next((trial.result.error for trial in reversed(trials) if trial.result.error), ""),
        steps=steps,
    )


def _step(session: int, trial: Trial) -> Step:
    place = _NOTE.search(trial.proposal.note)
    epochs = int(trial.proposal.fidelity or trial.result.measures.get("epochs") or 0)
    bracket, rung = (int(place[1]), int(place[2])) if place else (0, epochs)
    score = trial.result.score
    return Step(session, bracket, rung, epochs, score if score is not None and math.isfinite(score) else None)


def tensor_shapes(path: Path) -> dict[str, tuple[int, ...]]:
    """Return the shapes in a safetensors file, from its header alone; empty if there is no readable file."""
    try:
        with path.open("rb") as file:
            size = int.from_bytes(file.read(8), "little")
            header = json.loads(file.read(min(size, 100_000_000)))
        return {name: tuple(entry["shape"]) for name, entry in header.items() if name != "__metadata__"}
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        return {}
