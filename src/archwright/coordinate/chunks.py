"""Work in chunks that write their own results: in this process or on several ones, and by one driver at a time."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, TypeVar

from archwright.core.arch import Arch
from archwright.core.errors import NasError, RunError
from archwright.core.protocols import Evaluator, Executor
from archwright.core.trial import Proposal, Result
from archwright.run.pool import PoolExecutor

__all__ = ["Chunk", "as_result", "in_pool", "inline", "on_executor", "only_one"]

T = TypeVar("T")

#: Times that a chunk is tried when its process dies.
_TRIES = 2
#: Begins the error of work that would be refused again.
_REFUSED = "refused: "


@dataclass(frozen=True)
class Chunk(Generic[T]):
    """Some work: `what` it is to the driver, and the `numbers` by which a worker knows it; `name` is for messages."""

    what: T
    name: str
    numbers: tuple[int, ...]


def as_result(work: Callable[[], None], n: int) -> Result:
    """Return `n` as the score of finished work and its seconds as the cost; an error of ours as a refusal."""
    started_s = time.monotonic()
    try:
        work()
    except NasError as error:
        return Result(None, time.monotonic() - started_s, error=f"{_REFUSED}{error}")
    return Result(float(n), time.monotonic() - started_s)


def inline(
    chunks: Iterator[Chunk[T]], work: Callable[[Chunk[T]], None], note: Callable[[Chunk[T], float], None]
) -> None:
    """Do all chunks in this process, and tell `note` of each with its seconds."""
    for chunk in chunks:
        started_s = time.monotonic()
        work(chunk)
        note(chunk, time.monotonic() - started_s)


def in_pool(
    chunks: Iterator[Chunk[T]],
    evaluator: Evaluator,
    note: Callable[[Chunk[T], float], None],
    *,
    jobs: int,
    preload: Sequence[str] = (),
) -> None:
    """Do all chunks on worker processes, where the evaluator gets a chunk's numbers as an architecture.

    Raises:
        RunError: if a chunk is refused, or its process dies twice (exit code 1).
    """
    with PoolExecutor(jobs, preload=preload) as pool:
        pool.use(evaluator)
        on_executor(chunks, pool, note, tries=_TRIES)


def on_executor(
    chunks: Iterator[Chunk[T]], executor: Executor, note: Callable[[Chunk[T], float], None], *, tries: int = 1
) -> None:
    """Do all chunks on an executor, whose evaluator gets a chunk's numbers as an architecture.

    Args:
        chunks: Asked for one more as soon as there is a free place.
        executor: Must be idle; it is not closed.
        note: Told of each finished chunk, with its seconds.
        tries: Times that a chunk is given out when what does it dies.

    Raises:
        RunError: if a chunk is refused, or fails so often (exit code 1).
    """
    running: dict[int, Chunk[T]] = {}
    given: Counter[int] = Counter()

    def submit(number: int) -> None:
        given[number] += 1
        executor.submit(number, Proposal(Arch("chunk", running[number].numbers)), seed=0)

    exhausted = False
    while True:
        while not exhausted and executor.free():
            chunk = next(chunks, None)
            exhausted = chunk is None
            if chunk is not None:
                running[number := len(given)] = chunk
                submit(number)
        trial = executor.next()
        if trial is None:
            return
        if trial.result.score is not None:
            note(running.pop(trial.id), trial.result.cost_s)
        elif trial.result.error.startswith(_REFUSED):
            raise RunError(trial.result.error.removeprefix(_REFUSED))
        elif given[trial.id] < tries:
            submit(trial.id)
        else:
            raise RunError.of_system(f"{running[trial.id].name} fails: {trial.result.error}")


@contextmanager
def only_one(folder: Path, lock: Path) -> Iterator[None]:
    """Make a folder and hold its lock, where the system has such locks.

    Raises:
        RunError: if another process holds it, or the folder cannot be written (exit code 1).
    """
    try:
        import fcntl
    except ImportError:
        yield
        return
    try:
        folder.mkdir(parents=True, exist_ok=True)
        file = lock.open("w")
    except OSError as error:
        raise RunError.of_system(f"{folder} must be writable, but: {error.strerror or error}") from None
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise RunError(f"another process works on {folder}; wait for it, or choose another folder") from None
        yield
