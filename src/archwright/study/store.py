"""Where a study is kept: SQLite by default, PostgreSQL by URL. Only the driver process writes."""

from __future__ import annotations

import io
import json
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from itertools import groupby
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
import numpy.typing as npt
import sqlalchemy as sa
from sqlalchemy.exc import ArgumentError, OperationalError, SQLAlchemyError

from archwright.core.arch import Arch
from archwright.core.errors import MissingExtraError, StoreError
from archwright.core.trial import Proposal, Result, Trial
from archwright.study import schema
from archwright.study.events import Event, Mark, Proposed

__all__ = ["Store"]

#: At most so many events, or events of so many seconds, are lost when the machine stops.
_FLUSH_EVENTS = 1000
_FLUSH_S = 0.1

#: A trial that took longer is written at once.
_DEAR_S = 0.01

#: How long to wait for another process that writes.
_LOCK_S = 5.0

_NOTHING: Mapping[str, float] = MappingProxyType({})

_Row = tuple[Any, ...]


class Store:
    """The events, marks and arrays of one study in a database that holds many.

    Events are buffered and written together, in order: by count, by time, and at once where a trial was dear. A
    searcher's answer is never split over two transactions.

    Raises:
        StoreError: if the database is missing, damaged, locked, of a newer schema, or no study store.
        MissingExtraError: if the database's driver is not installed.
    """

    def __init__(self, target: str | Path, *, name: str, create: bool) -> None:
        self._buffer: list[Event] = []
        self._flushed_s = time.monotonic()
        url = _url(target, create=create)
        self._where = url.render_as_string(hide_password=True).removeprefix("sqlite:///")
        self._engine = _engine(url)
        self._connection: sa.Connection | None = None
        try:
            with self._guarded("opened"):
                self._connection = self._engine.connect()
                self._check_schema(create=create)
                self._study = self._find_study(name, create=create)
                self._n_asks = self._count(schema.proposals, schema.proposals.c.ask)
                self._n_trials = self._count(schema.trials, schema.trials.c.position)
                self._n_marks = self._count(schema.marks, schema.marks.c.position)
        except StoreError:
            self._release()
            raise

    def events(self) -> Iterator[Event]:
        """Yield what the study holds: all answers of the searcher, then all trials in completion order."""
        proposed: dict[int, Proposal] = {}
        with self._guarded("read"):
            asks = groupby(self._rows(schema.proposals, "id"), key=lambda row: row.ask)
            for _, rows in asks:
                items = [(row.id, Proposal(Arch.parse(row.arch), row.fidelity, row.note)) for row in rows]
                proposed.update(items)
                yield Proposed(tuple(items))
            for row in self._rows(schema.trials, "position"):
                yield Trial(row.id, proposed[row.id], _result(row), row.finished_s)

    def append(self, event: Event) -> None:
        """Take one event; it is in the database at the latest after the next flush."""
        self._buffer.append(event)
        dear = isinstance(event, Trial) and event.result.cost_s >= _DEAR_S
        if dear or len(self._buffer) >= _FLUSH_EVENTS or time.monotonic() - self._flushed_s >= _FLUSH_S:
            self.flush()

    def flush(self) -> None:
        """Write the buffered events in one transaction. After an error they are still buffered."""
        if not self._buffer:
            return
        proposals: list[_Row] = []
        trials: list[_Row] = []
        ask = self._n_asks
        for event in self._buffer:
            if isinstance(event, Trial):
                trials.append(_trial_row(self._study, self._n_trials + len(trials), event))
                continue
            proposals += [_proposal_row(self._study, ask, trial_id, proposal) for trial_id, proposal in event.items]
            ask += 1
        with self._transaction() as connection:
            _insert_many(connection, schema.proposals, proposals)
            _insert_many(connection, schema.trials, trials)
        self._n_asks, self._n_trials = ask, self._n_trials + len(trials)
        self._buffer.clear()
        self._flushed_s = time.monotonic()

    def put_array(self, key: str, array: npt.NDArray[Any]) -> None:
        """Write one array, in place of one of the same key."""
        file = io.BytesIO()
        np.save(file, array, allow_pickle=False)
        table = schema.arrays
        with self._transaction() as connection:
            connection.execute(sa.delete(table).where(table.c.study == self._study, table.c.key == key))
            connection.execute(sa.insert(table), {"study": self._study, "key": key, "npy": file.getvalue()})

    def array(self, key: str) -> npt.NDArray[Any] | None:
        """Return the array under `key`, or None."""
        table = schema.arrays
        with self._transaction() as connection:
            query = sa.select(table.c.npy).where(table.c.study == self._study, table.c.key == key)
            npy = connection.execute(query).scalar()
        if npy is None:
            return None
        array: npt.NDArray[Any] = np.load(io.BytesIO(npy), allow_pickle=False)
        return array

    def put_mark(self, mark: Mark) -> None:
        """Write one mark, and the events before it."""
        self.flush()
        row = {"study": self._study, "position": self._n_marks, "kind": mark.kind, "at_s": mark.at_s}
        with self._transaction() as connection:
            connection.execute(sa.insert(schema.marks), {**row, "data": json.dumps(dict(mark.data))})
        self._n_marks += 1

    def marks(self) -> list[Mark]:
        """Return the marks, oldest first."""
        with self._guarded("read"):
            return [Mark(row.kind, row.at_s, json.loads(row.data)) for row in self._rows(schema.marks, "position")]

    def names(self) -> tuple[str, ...]:
        """Return the names of all studies in the database, sorted."""
        with self._transaction() as connection:
            return tuple(sorted(connection.execute(sa.select(schema.studies.c.name)).scalars()))

    def close(self) -> None:
        """Write the rest and disconnect. Safe to call twice."""
        if self._connection is None:
            return
        try:
            self.flush()
        finally:
            self._release()

    def _release(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()
        self._engine.dispose()

    @contextmanager
    def _guarded(self, what: str) -> Iterator[None]:
        """Turn the database's errors into one line."""
        try:
            yield
        except SQLAlchemyError as error:
            cause = str(getattr(error, "orig", None) or error).strip().splitlines()
            told = f"the study store {self._where} cannot be {what}: {cause[0] if cause else error}"
            # Full disk, lock, no connection: the system failed. What is no database, or a damaged one, was given so.
            failed = isinstance(error, OperationalError)
            raise (StoreError.of_system(told) if failed else StoreError(told)) from error
        except (KeyError, ValueError) as error:
            raise StoreError(f"the study store {self._where} is damaged: {error}") from error

    @contextmanager
    def _transaction(self) -> Iterator[sa.Connection]:
        with self._guarded("used"):
            if self._connection is None:
                raise StoreError(f"the study store {self._where} is closed")
            with self._connection.begin():
                yield self._connection

    def _rows(self, table: sa.Table, order: str) -> list[sa.Row[Any]]:
        with self._transaction() as connection:
            query = sa.select(table).where(table.c.study == self._study).order_by(table.c[order])
            return list(connection.execute(query))

    def _count(self, table: sa.Table, column: sa.Column[Any]) -> int:
        """Return one more than the largest value of a counting column of this study."""
        with self._transaction() as connection:
            last = connection.execute(sa.select(sa.func.max(column)).where(table.c.study == self._study)).scalar()
        return 0 if last is None else int(last) + 1

    def _check_schema(self, *, create: bool) -> None:
        with self._transaction() as connection:
            tables = set(sa.inspect(connection).get_table_names())
            if not tables and create:
                schema.metadata.create_all(connection)
                connection.execute(sa.insert(schema.version), {"version": schema.VERSION})
                return
            if schema.version.name not in tables:
                raise StoreError(f"{self._where} is not a study store: it has no table {schema.version.name}")
            found = connection.execute(sa.select(schema.version.c.version)).scalar()
        if found != schema.VERSION:
            raise StoreError(
                f"the study store {self._where} has schema version {found}, but this archwright reads version "
                f"{schema.VERSION}; use the archwright that wrote it, or a newer one"
            )

    def _find_study(self, name: str, *, create: bool) -> int:
        table = schema.studies
        with self._transaction() as connection:
            found = connection.execute(sa.select(table.c.id).where(table.c.name == name)).scalar()
            if found is None and create:
                connection.execute(sa.insert(table), {"name": name})
                found = connection.execute(sa.select(table.c.id).where(table.c.name == name)).scalar()
        if found is None:
            raise StoreError(f"the study store {self._where} has no study {name!r}; it has: {', '.join(self.names())}")
        return int(found)


def _url(target: str | Path, *, create: bool) -> sa.URL:
    if "://" in str(target):
        try:
            url = sa.make_url(str(target))
        except ArgumentError as error:
            raise StoreError(f"a study store must be a file or a database URL, but {target!r} was given") from error
        # SQLAlchemy's own default for PostgreSQL is an older driver.
        return url.set(drivername="postgresql+psycopg") if url.drivername in {"postgresql", "postgres"} else url
    path = Path(target)
    if not create and not path.is_file():
        raise StoreError(f"there is no study store {path}")
    # SQLite takes an empty file for a new database, which would hide that everything is gone.
    if path.is_file() and path.stat().st_size == 0 and (not create or Path(f"{path}-wal").exists()):
        raise StoreError(f"the study store {path} is damaged: the file is empty")
    return sa.URL.create("sqlite", database=str(path))


def _engine(url: sa.URL) -> sa.Engine:
    is_sqlite = url.get_backend_name() == "sqlite"
    try:
        engine = sa.create_engine(url, poolclass=sa.NullPool, connect_args={"timeout": _LOCK_S} if is_sqlite else {})
    except ImportError as error:
        raise MissingExtraError(
            f"a study store on {url.get_backend_name()} needs a driver: pip install 'archwright[postgres]' ({error})"
        ) from error
    except SQLAlchemyError as error:
        raise StoreError(f"there is no database of kind {url.drivername!r}: {error}") from error
    if is_sqlite:
        sa.event.listen(engine, "connect", _set_up_sqlite)
    return engine


def _set_up_sqlite(connection: Any, _record: Any) -> None:
    # WAL: readers (a dashboard) and the writer do not wait for each other. NORMAL: after a power cut the file is
    # whole and may lack the last transactions; after a crash of the process it lacks none.
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=NORMAL")
    connection.execute("PRAGMA foreign_keys=ON")


def _insert_many(connection: sa.Connection, table: sa.Table, rows: list[_Row]) -> None:
    """Insert rows given in the order of the table's columns."""
    if not rows:
        return
    # Straight to the driver: SQLAlchemy's own handling of parameters costs more than the insert itself.
    statement = str(sa.insert(table).compile(dialect=connection.dialect))
    if connection.dialect.positional:
        connection.exec_driver_sql(statement, rows)
    else:
        names = table.columns.keys()
        connection.exec_driver_sql(statement, [dict(zip(names, row, strict=True)) for row in rows])


def _proposal_row(study: int, ask: int, id: int, proposal: Proposal) -> _Row:
    return (study, id, ask, str(proposal.arch), proposal.fidelity, proposal.note)


def _trial_row(study: int, position: int, trial: Trial) -> _Row:
    result = trial.result
    return (
        study,
        trial.id,
        position,
        result.score,
        result.cost_s,
        trial.finished_s,
        json.dumps(result.curve) if result.curve else None,
        json.dumps(dict(result.measures)) if result.measures else None,
        json.dumps(dict(result.hidden)) if result.hidden else None,
        result.error or None,
    )


def _result(row: sa.Row[Any]) -> Result:
    return Result(
        score=row.score,
        cost_s=row.cost_s,
        curve=tuple(json.loads(row.curve)) if row.curve else (),
        measures=json.loads(row.measures) if row.measures else _NOTHING,
        hidden=json.loads(row.hidden) if row.hidden else _NOTHING,
        error=row.error or "",
    )
