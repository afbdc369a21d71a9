"""Evaluators that misbehave in worker processes; importable there, since the pool passes its path on."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from dataclasses import dataclass

import numpy as np

from archwright.core.trial import Proposal, Result
from archwright.run import worker


@dataclass(frozen=True)
class Suicide:
    """Kills its worker where the first gene is 0."""

    signal: int = 9

    def evaluate(self, proposal: Proposal, *, rng: np.random.Generator, limit_s: float | None = None) -> Result:
        if proposal.arch.genes[0] == 0:
            os.kill(os.getpid(), self.signal)
        return Result(float(sum(proposal.arch.genes)), 0.0)


@dataclass(frozen=True)
class Exits:
    """Ends its worker after some last words, with a child left behind that holds the socket."""

    def evaluate(self, proposal: Proposal, *, rng: np.random.Generator, limit_s: float | None = None) -> Result:
        if os.fork() == 0:
            time.sleep(30)
        print("out of paper", file=sys.stderr, flush=True)  # noqa: T201 - what a crash leaves behind
        os._exit(3)


@dataclass(frozen=True)
class Sleeps:
    """Sleeps until asked to stop."""

    seconds: float = 30.0

    def evaluate(self, proposal: Proposal, *, rng: np.random.Generator, limit_s: float | None = None) -> Result:
        stopped = worker.stopping.wait(self.seconds)
        return Result(1.0 if stopped else 0.0, 0.0, measures={"limit_s": -1.0 if limit_s is None else limit_s})


@dataclass(frozen=True)
class Environment:
    """Tells what its worker sees."""

    def evaluate(self, proposal: Proposal, *, rng: np.random.Generator, limit_s: float | None = None) -> Result:
        print("a worker may print")  # noqa: T201 - must not reach the driver's output
        asked = {name: float(os.environ.get(name, -1)) for name in ("OMP_NUM_THREADS", "ARCHWRIGHT_TEST")}
        own = {"group": float(os.getpgrp()), "pid": float(os.getpid()), "niceness": float(os.nice(0))}
        return Result(0.0, 0.0, measures={**asked, **own})


class Unloadable:
    """Can be pickled, and not loaded."""

    def __reduce__(self) -> tuple[object, ...]:
        return (_refuse, ())

    def evaluate(self, proposal: Proposal, *, rng: np.random.Generator, limit_s: float | None = None) -> Result:
        return Result(0.0, 0.0)


def _refuse() -> None:
    raise ValueError("not in this process")


def is_alive(pid: int) -> bool:
    """Return whether a process runs (a zombie does not)."""
    state = subprocess.run(["ps", "-o", "stat=", "-p", str(pid)], capture_output=True, text=True, check=False).stdout
    return bool(state.strip()) and not state.strip().startswith("Z")
