"""A study: everything that was asked and came back, in memory or in a store."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import numpy.typing as npt

from archwright.core.errors import RunError
from archwright.core.history import History
from archwright.core.protocols import Searcher
from archwright.core.rng import numbered
from archwright.core.trial import Proposal, Result, Trial
from archwright.study.events import Event, Mark, Proposed
from archwright.study.pareto import front

if TYPE_CHECKING:
    import pandas as pd

    from archwright.study.store import Store

__all__ = ["Study"]


class Study:
    """The record of one search. `Study()` lives in memory; `Study.open` keeps it in a store as well.

    Cheap trials reach the store within 0.1 s or 1,000 of them, dear ones at once; `flush` and `close` write the
    rest. Use it as a context manager, or call `close`.

    Example:
        >>> study = Study()
        >>> study.best() is None, len(study.history)
        (True, 0)
    """

    def __init__(self, *, name: str = "main", store: Store | None = None) -> None:
        self.name = name
        self.history = History()
        #: All finished trials in completion order, hidden test metrics included; `history` has none of those.
        self.trials: list[Trial] = []
        #: Answers of the searcher so far; the next one draws from `numbered(seed, "propose", n_asks)`.
        self.n_asks = 0
        self._n_proposed = 0
        self._elapsed_s = 0.0
        self._open: dict[int, Proposal] = {}
        self._marks: list[Mark] = []
        self._arrays: dict[str, npt.NDArray[Any]] = {}
        self._store: Store | None = None
        if store is not None:
            for event in store.events():
                self.append(event)
            self._marks = store.marks()
            self._store = store

    @classmethod
    def open(cls, target: str | Path | None, *, name: str = "main", create: bool = True) -> Self:
        """Return the study `name` of a store, with all it holds.

        Args:
            target: Path of a SQLite file, a SQLAlchemy URL (`postgresql://...`), or None for memory.
            name: Which study of the store.
            create: Whether a store or a study that does not exist is made.

        Raises:
            StoreError: if the store is missing, damaged, locked, of a newer schema, or cannot be written.
            MissingExtraError: if the database's driver is not installed.
        """
        if target is None:
            return cls(name=name)
        from archwright.study.store import Store

        store = Store(target, name=name, create=create)
        try:
            return cls(name=name, store=store)
        except BaseException:
            store.close()
            raise

    def append(self, event: Event) -> None:
        """Record one event. A trial that nobody proposed (an imported one) is recorded as proposed as well.

        Raises:
            RunError: if the trial is finished already, or an id is proposed twice.
            StoreError: if the store cannot be written.
        """
        if isinstance(event, Trial):
            if event.id >= self._n_proposed:
                self.append(Proposed(((event.id, event.proposal),)))
            self._finish(event)
        else:
            self._begin(event)
        if self._store is not None:
            self._store.append(event)

    def propose(self, proposals: Sequence[Proposal]) -> list[tuple[int, Proposal]]:
        """Record one answer of a searcher; return it with the ids of the trials to come."""
        items = list(enumerate(proposals, self._n_proposed))
        self.append(Proposed(tuple(items)))
        return items

    def waiting(self) -> list[tuple[int, Proposal]]:
        """Return what was proposed and is not finished, oldest first."""
        return list(self._open.items())

    def ask(self, searcher: Searcher, *, seed: int) -> list[tuple[int, Proposal]]:
        """Return the next proposals of `searcher` with their ids; empty means wait for results, or finished."""
        history = self.history
        history.pending = tuple(self._open.values())
        proposals = searcher.propose(history, searcher.batch, rng=numbered(seed, "propose", self.n_asks))
        history.pending = ()
        return self.propose(proposals) if proposals else []

    def tell(self, id: int, result: Result, *, finished_s: float | None = None) -> Trial:
        """Record the result of an asked proposal. By default it finished `cost_s` after the last one.

        Raises:
            RunError: if `id` is not waiting for a result.
        """
        if id not in self._open:
            raise RunError(f"tell needs the id of a proposal that waits for a result, but {id} does not")
        finished_s = self.elapsed_s + result.cost_s if finished_s is None else finished_s
        trial = Trial(id, self._open[id], result, finished_s)
        self.append(trial)
        return trial

    @property
    def elapsed_s(self) -> float:
        """Seconds from the start of the run to its latest trial; 0 before there is one."""
        return self._elapsed_s

    def best(self) -> Trial | None:
        """Return the trial with the highest score, the first of equals; None before any has one."""
        return self.history.best()

    def trace(self) -> list[tuple[float, float]]:
        """Return (finished_s, best score so far) for each trial that was better than all before it."""
        steps: list[tuple[float, float]] = []
        for trial in self.history.ok():
            score = trial.result.score
            if score is not None and (not steps or score > steps[-1][1]):
                steps.append((trial.finished_s, score))
        return steps

    def pareto(self, *smaller: str) -> list[Trial]:
        """Return the trials that no other beats, highest score first.

        Args:
            smaller: Measures where less is better (`"params"`, `"flops"`); trials without them do not take part.
        """
        return front(self.history.ok(), smaller)

    def table(self) -> pd.DataFrame:
        """Return one row per finished trial; measures and test metrics as columns `measures.x` and `hidden.x`."""
        import pandas as pd

        fixed = ["id", "arch", "fidelity", "note", "score", "cost_s", "finished_s", "error"]
        rows = [_row(trial) for trial in self.trials]
        frame = pd.DataFrame(rows) if rows else pd.DataFrame(columns=fixed)
        return frame.astype({"fidelity": "Int64", "score": "float64"})

    def put_array(self, key: str, array: npt.NDArray[Any]) -> None:
        """Keep a numpy array (scores of a whole space) under `key`; one of that key before is replaced."""
        if self._store is not None:
            self._store.put_array(key, array)
        self._arrays[key] = np.array(array)

    def array(self, key: str) -> npt.NDArray[Any]:
        """Return the array under `key`.

        Raises:
            KeyError: if there is none.
        """
        if key not in self._arrays:
            found = None if self._store is None else self._store.array(key)
            if found is None:
                raise KeyError(key)
            self._arrays[key] = found
        return self._arrays[key]

    def mark(self, kind: str, at_s: float, data: Mapping[str, Any] | None = None) -> Mark:
        """Record a small remark, `data` being JSON-able; return it. Written at once."""
        mark = Mark(kind, float(at_s), dict(data or {}))
        if self._store is not None:
            self._store.put_mark(mark)
        self._marks.append(mark)
        return mark

    def marks(self, kind: str | None = None) -> list[Mark]:
        """Return the marks of a kind, or all, oldest first."""
        return [mark for mark in self._marks if kind is None or mark.kind == kind]

    def names(self) -> tuple[str, ...]:
        """Return the names of all studies of the store, sorted."""
        return (self.name,) if self._store is None else self._store.names()

    def flush(self) -> None:
        """Write what is not in the store yet."""
        if self._store is not None:
            self._store.flush()

    def close(self) -> None:
        """Write the rest and let the store go; the study stays readable in memory. Safe to call twice."""
        store, self._store = self._store, None
        if store is not None:
            store.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def _finish(self, trial: Trial) -> None:
        """Note a finished trial in memory."""
        if self._open.pop(trial.id, None) is None:
            raise RunError(f"trial {trial.id} of study {self.name!r} is finished already")
        self.trials.append(trial)
        self.history.add(trial)
        if trial.finished_s > self._elapsed_s:
            self._elapsed_s = trial.finished_s

    def _begin(self, proposed: Proposed) -> None:
        """Note an answer of the searcher in memory."""
        for trial_id, proposal in proposed.items:
            if trial_id < self._n_proposed:
                raise RunError(f"trial {trial_id} of study {self.name!r} is proposed already")
            self._open[trial_id] = proposal
            self._n_proposed = trial_id + 1
        self.n_asks += 1


def _row(trial: Trial) -> dict[str, Any]:
    proposal, result = trial.proposal, trial.result
    return {
        "id": trial.id,
        "arch": str(proposal.arch),
        "fidelity": proposal.fidelity,
        "note": proposal.note,
        "score": result.score,
        "cost_s": result.cost_s,
        "finished_s": trial.finished_s,
        "error": result.error,
        **{f"measures.{name}": value for name, value in result.measures.items()},
        **{f"hidden.{name}": value for name, value in result.hidden.items()},
    }
