"""Evaluators for tests on a cluster; importable by its workers."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from archwright.core.protocols import Evaluator
from archwright.core.trial import Proposal, Result


@dataclass(frozen=True)
class Marked:
    """Another evaluator that takes its time; while it does, a file says that its node is at work."""

    inner: Evaluator
    folder: str
    seconds: float = 0.4

    def evaluate(self, proposal: Proposal, *, rng: np.random.Generator, limit_s: float | None = None) -> Result:
        import ray

        mark = Path(self.folder) / f"{ray.get_runtime_context().get_node_id()}.{os.getpid()}"
        mark.touch()
        time.sleep(self.seconds)
        result = self.inner.evaluate(proposal, rng=rng, limit_s=limit_s)
        mark.unlink()
        return result


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
