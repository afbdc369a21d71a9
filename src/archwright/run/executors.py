"""Where evaluations run: in this process, in worker processes of this machine, or on a Ray cluster."""

from __future__ import annotations

from archwright.core.catalog import find
from archwright.core.errors import RunError

__all__ = ["EXECUTORS", "require_executor"]

#: Executors by name for what takes real time; `simulated` has no use there, as it believes the time a result claims.
EXECUTORS = ("inline", "pool", "ray")


def require_executor(name: str, *, address: str | None, what: str, among: tuple[str, ...] = EXECUTORS) -> None:
    """Accept the name of an executor, and an address where it is that of a cluster.

    Args:
        name: Of the executor.
        address: Of a running Ray cluster, or None.
        what: Runs on it; begins the message.
        among: Names that are accepted.

    Raises:
        UnknownNameError: if the catalogue has no such executor.
        RunError: if it is none of these, or an address is given without `ray`.
    """
    if name not in among:
        find("executor", name)  # says what there is, and what was meant
        raise RunError(f"{what} runs on {', '.join(among)}, but {name!r} was given")
    if address is not None and name != "ray":
        raise RunError(f"an address is that of a Ray cluster, but the executor is {name!r}; say ray, or leave it out")
