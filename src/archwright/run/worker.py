"""A worker process: takes evaluations from the driver, one at a time, until the driver goes away.

Started as `python -m archwright.run.worker FD`, where FD is its end of a socket pair. Messages to the worker are
`("hello", path, preload)`, `("use", pickled evaluator)`, `("task", id, proposal, seed, deadline_s)`, `("cancel",)`;
from it `("ready",)`, `("result", id, Result)`, `("broken", text)`.
"""

from __future__ import annotations

import os
import pickle
import sys
import threading
import time
import traceback
from importlib import import_module
from multiprocessing.connection import Connection
from queue import SimpleQueue
from typing import Any

from archwright.core.protocols import Evaluator
from archwright.core.trial import Proposal
from archwright.run.outcome import evaluate

__all__ = ["main", "stopping"]

#: Added to the process's niceness. The driver, which keeps the time, must get a processor at once when it needs one.
NICENESS = 5
#: Set while the driver wants running evaluations to end soon; a long evaluation may look at it.
stopping = threading.Event()


def main(descriptor: int) -> None:
    """Serve the driver at the other end of the socket `descriptor`; return never."""
    os.set_inheritable(descriptor, False)
    os.nice(NICENESS)
    driver = Connection(descriptor)
    messages: SimpleQueue[tuple[Any, ...]] = SimpleQueue()
    # The receiver starts before the first import: a driver that dies must not leave a loading worker behind.
    threading.Thread(target=_receive, args=(driver, messages), daemon=True).start()
    evaluator: Evaluator | None = None
    while True:
        kind, *rest = messages.get()
        if kind == "hello":
            _prepare(*rest)
            driver.send(("ready",))
        elif kind == "use":
            evaluator = _load(rest[0], driver)
        elif kind == "task" and evaluator is not None:
            _work(evaluator, driver, *rest)


def _receive(driver: Connection, messages: SimpleQueue[tuple[Any, ...]]) -> None:
    """Pass messages on in order; end the process when the driver is gone."""
    while True:
        try:
            message = driver.recv()
        except (EOFError, OSError):
            os._exit(1)
        if message[0] == "cancel":
            stopping.set()
            continue
        if message[0] == "task":
            # Cleared here and not where the task starts: a cancel that follows at once must not be lost.
            stopping.clear()
        messages.put(message)


def _prepare(path: list[str], preload: tuple[str, ...]) -> None:
    sys.path[:] = path
    for module in preload:
        import_module(module)


def _load(payload: bytes, driver: Connection) -> Evaluator | None:
    try:
        evaluator: Evaluator = pickle.loads(payload)  # noqa: S301 - from our own driver, over a private socket
    except Exception:  # noqa: BLE001 - whatever it is, the driver must hear of it
        driver.send(("broken", traceback.format_exc().strip().splitlines()[-1]))
        return None
    return evaluator


def _work(
    evaluator: Evaluator, driver: Connection, id: int, proposal: Proposal, seed: int, deadline_s: float | None
) -> None:
    # The monotonic clock is the machine's, so a deadline means the same here as in the driver.
    limit_s = None if deadline_s is None else max(0.0, deadline_s - time.monotonic())
    result = evaluate(evaluator, proposal, id=id, seed=seed, limit_s=limit_s)
    driver.send(("result", id, result))


if __name__ == "__main__":
    # Run under its real name: evaluators look at `archwright.run.worker.stopping`, not at a copy in `__main__`.
    from archwright.run.worker import main as serve

    serve(int(sys.argv[1]))
