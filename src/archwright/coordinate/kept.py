"""Files in which work is kept: a record in JSON, results in Parquet. Each says its format, and damage is named."""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Generic, Protocol, Self, TypeVar

from archwright.core.errors import NasError, RunError
from archwright.core.files import replacing, write_atomically

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["Plan", "PlanFolder", "make_folders", "read_record", "read_results", "require_free", "write_results"]

T = TypeVar("T")


class Plan(Protocol):
    """What work is: many parts, of which more can be asked for later."""

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON values, `format` among them."""
        ...

    def joined(self, wanted: Self) -> Self:
        """Return this with what is `wanted` beyond it."""
        ...


P = TypeVar("P", bound=Plan)


@dataclass(frozen=True, slots=True)
class PlanFolder(ABC, Generic[P]):
    """The folder of work that takes long: a file says what the work is, others what is done of it.

    Args:
        path: The folder.
    """

    path: Path

    #: What the work is called, and the command whose folder this is.
    noun: ClassVar[str] = "study"
    command: ClassVar[str]
    #: Number of the format of its files.
    format: ClassVar[int]
    #: Folders that are made in it.
    inner: ClassVar[tuple[str, ...]]
    #: What to do where there is nothing to load.
    advice: ClassVar[str] = ""

    @staticmethod
    @abstractmethod
    def plan(said: dict[str, Any]) -> P:
        """Return the plan of JSON values."""

    @property
    def record(self) -> Path:
        """What the work is."""
        return self.path / f"{self.noun}.json"

    @property
    def lock(self) -> Path:
        """Held by the process that works in the folder."""
        return self.path / ".lock"

    def load(self) -> P:
        """Return the plan that the folder keeps.

        Raises:
            RunError: if there is none, or its record is damaged.
        """
        missing = f"{self.path} must be the folder of `{self.command}`, but holds no {self.noun}{self.advice}"
        return read_record(self.record, self.plan, format=self.format, missing=missing)

    def joined(self, wanted: P) -> P:
        """Return the plan that is here together with `wanted`. Changes nothing.

        Raises:
            RunError: if the folder holds something else, or another plan.
        """
        if self.record.exists():
            return self.load().joined(wanted)
        require_free(self.path, self.lock, what=f"a new {self.noun}")
        return wanted

    def write(self, plan: P) -> None:
        """Make the folder and say what the plan is.

        Raises:
            RunError: if it cannot be written (exit code 1).
        """
        make_folders(self.path, *self.inner)
        write_atomically(self.record, json.dumps(plan.to_json(), indent=1).encode())


def require_free(path: Path, lock: Path, *, what: str) -> None:
    """Accept a folder that is new, or empty but for the lock.

    Args:
        path: The folder.
        lock: File that whoever works in it holds.
        what: What is to be kept there: `a new study`.

    Raises:
        RunError: if it holds something, or is no folder.
    """
    if path.exists() and not (path.is_dir() and all(file == lock for file in path.iterdir())):
        raise RunError(f"{what} needs a new or empty folder, but {path} holds something else")


def make_folders(path: Path, *inner: str) -> None:
    """Make the folders of this name in a folder, and the folder itself.

    Raises:
        RunError: if they cannot be made (exit code 1).
    """
    try:
        for name in inner:
            (path / name).mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise RunError.of_system(f"{path} must be writable, but: {error.strerror or error}") from None


def read_record(path: Path, make: Callable[[dict[str, Any]], T], *, format: int, missing: str) -> T:
    """Return what `make` makes of a record.

    Args:
        path: JSON file.
        make: Makes something of its values.
        format: Number that its `format` must have.
        missing: What to say if there is no such file.

    Raises:
        RunError: if there is no such file, it has another format, or it is damaged.
        NasError: what `make` raises of these.
    """
    try:
        said: dict[str, Any] = json.loads(path.read_bytes())
        if said["format"] != format:
            raise RunError(f"{path} has format {said['format']}, but this version reads {format}")
        return make(said)
    except FileNotFoundError:
        raise RunError(missing) from None
    except NasError:
        raise
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise RunError(f"{path} is damaged: {_cause(error)}") from error


def write_results(path: Path, table: pa.Table, said: Mapping[str, Any], *, key: bytes) -> None:
    """Write a table in one step.

    Args:
        path: Parquet file.
        table: Its columns.
        said: JSON values that are kept beside the columns; `format` must be one.
        key: Under which they are kept.

    Raises:
        RunError: if it cannot be written (exit code 1).
    """
    import pyarrow.parquet as pq

    with replacing(path) as beside:
        pq.write_table(
            table.replace_schema_metadata({key: json.dumps(dict(said)).encode()}), beside, compression="zstd"
        )


def read_results(path: Path, make: Callable[[pa.Table, dict[str, Any]], T], *, key: bytes, format: int, lost: str) -> T:
    """Return what `make` makes of a table and of what is kept beside its columns.

    Args:
        path: Parquet file that `write_results` wrote.
        make: Makes something of both.
        key: Under which the values beside the columns are kept.
        format: Number that their `format` must have.
        lost: What happens after a damaged file is removed: "its runs are done again".

    Raises:
        RunError: if the file is damaged, no such file, or has another format.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        table = pq.read_table(path)
        said: dict[str, Any] = json.loads((table.schema.metadata or {})[key])
        if said["format"] != format:
            raise RunError(f"{path} has format {said['format']}, but this version reads {format}: update archwright")
        return make(table, said)
    except (pa.ArrowException, OSError, ValueError, KeyError, TypeError) as error:
        raise RunError(f"{path} is damaged ({_cause(error)}); remove it, and {lost}") from error


def _cause(error: Exception) -> str:
    return " ".join(str(error).split())[:100]
