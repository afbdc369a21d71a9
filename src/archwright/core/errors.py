"""The error tree. Every message says what must hold, what was given and what to do."""

from __future__ import annotations

__all__ = [
    "ArchError",
    "BudgetError",
    "DataError",
    "ExportError",
    "MissingExtraError",
    "NasError",
    "ProxyError",
    "RunError",
    "SpaceError",
    "StoreError",
    "UnknownNameError",
]


class NasError(Exception):
    """Root of all errors that archwright raises on purpose.

    The command line prints the message as one line and exits with `exit_code`: 2 where the input is at
    fault, 1 where the system is.
    """

    exit_code = 2


class ArchError(NasError, ValueError):
    """An architecture that its space does not contain, or text that is no architecture."""


class SpaceError(NasError, ValueError):
    """A search space that cannot be built from what was given."""


class BudgetError(NasError, ValueError):
    """A budget that is not a positive amount, or cannot be read."""


class DataError(NasError, ValueError):
    """A table that cannot be read or learned from."""


class ProxyError(NasError, ValueError):
    """A proxy that is not defined for this network or batch."""


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
