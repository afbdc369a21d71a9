"""The error tree. Every message says what must hold, what was given and what to do."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Self

__all__ = [
    "ArchError",
    "BenchError",
    "BudgetError",
    "DataError",
    "EncodingError",
    "ExportError",
    "MissingExtraError",
    "NasError",
    "PredictorError",
    "ProxyError",
    "RunError",
    "SearchError",
    "SpaceError",
    "StoreError",
    "UnknownNameError",
    "UnsafeFileError",
    "WorkerError",
    "require_one_of",
]


class NasError(Exception):
    """Root of all errors that archwright raises on purpose.

    The command line prints the message as one line and exits with `exit_code`: 2 where the input is at
    fault, 1 where the system is.
    """

    exit_code = 2

    @classmethod
    def of_system(cls, message: str) -> Self:
        """Return an error for which the system is at fault, not the input: exit code 1."""
        error = cls(message)
        error.exit_code = 1
        return error


class ArchError(NasError, ValueError):
    """An architecture that its space does not contain, or text that is no architecture."""


class SpaceError(NasError, ValueError):
    """A search space that cannot be built from what was given."""


class SearchError(NasError, ValueError):
    """A searcher whose settings contradict each other, or that has nothing it could propose."""


class BudgetError(NasError, ValueError):
    """A budget that is not a positive amount, or cannot be read."""


class DataError(NasError, ValueError):
    """A table that cannot be read or learned from."""


class BenchError(NasError, ValueError):
    """A benchmark that cannot be opened, imported, built or asked."""


class UnsafeFileError(DataError):
    """A data file that asks for code to be run; it was refused, and nothing was run."""


class ProxyError(NasError, ValueError):
    """A proxy that is not defined for this network or batch."""


class EncodingError(NasError, ValueError):
    """An encoder that cannot encode what it is given."""


class PredictorError(NasError, ValueError):
    """A predictor that cannot be made, fitted, asked or read."""


class ExportError(NasError, ValueError):
    """A model that cannot be written in the format asked for."""


class UnknownNameError(NasError, LookupError):
    """A name that the catalogue does not hold."""


class MissingExtraError(NasError, ImportError):
    """An optional dependency is needed and not installed."""

    exit_code = 1


class StoreError(NasError, OSError):
    """A study store that cannot be opened, read or written."""


class RunError(NasError, RuntimeError):
    """A run folder that cannot be used: damaged, missing, or not writable."""


class WorkerError(RunError):
    """Worker processes that cannot be started, or that die before they are ready."""

    exit_code = 1


def require_one_of(allowed: Sequence[str], error: type[NasError], **settings: str) -> None:
    """Check that each of `settings`, under the name of its argument, is one of the words `allowed`.

    Raises:
        NasError: of the type `error`, if one is not.
    """
    for name, given in settings.items():
        if given not in allowed:
            raise error(f"{name} must be one of {', '.join(allowed)}, but {given!r} was given")
