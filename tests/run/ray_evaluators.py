"""Evaluators for tests on a cluster; importable by its workers."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from archwright.core.trial import Proposal, Result


@dataclass(frozen=True)
class Noted:
    """Takes its time, and leaves a file for every time that a trial is begun."""

    folder: str
    seconds: float = 0.3

    def evaluate(self, proposal: Proposal, *, rng: np.random.Generator, limit_s: float | None = None) -> Result:
        name = f"{'-'.join(map(str, proposal.arch.genes))}.{os.getpid()}.{time.monotonic_ns()}"
        (Path(self.folder) / name).touch()
        time.sleep(self.seconds)
        return Result(float(sum(proposal.arch.genes)) + float(rng.random()), self.seconds)


@dataclass(frozen=True)
class Dies:
    """Kills its worker: always, or only the first time that a file is not there."""

    once: str = ""

    def evaluate(self, proposal: Proposal, *, rng: np.random.Generator, limit_s: float | None = None) -> Result:
        if not self.once or not Path(self.once).exists():
            if self.once:
                Path(self.once).touch()
            os.kill(os.getpid(), 9)
        return Result(float(rng.random()), 0.0)
