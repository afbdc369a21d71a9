"""A small benchmark of tabular MLPs, and proxies whose every call is counted, for tests of proxy studies."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from archwright.bench.table import Outcome, Provenance, write_bench
from archwright.core.rng import derive
from archwright.core.trial import Proposal, Result
from archwright.spaces.tabular_mlp import TabularMlp

SPACE = TabularMlp((8, 16, 32, 64), layers=3)


def heights() -> np.ndarray:
    """Sum of the widths' places of each of the 64 architectures."""
    return np.array([arch.genes for arch in SPACE.enumerate()]).sum(axis=1)


def written(folder: Path, *, known: int = 64, name: str | None = None) -> Path:
    """Write a benchmark whose `data` has validation and test, `half` only the first `known` values, `loss` an error."""
    height = heights()[:, None, None] + derive(1, "height").random((64, 1, 1))
    half = np.where(np.arange(64)[:, None, None] < known, height, np.nan)
    outcomes = [
        Outcome("data", "accuracy", "percent", (9,), 80.0 + height, 79.0 + 2 * height),
        Outcome("half", "accuracy", "percent", (9,), half),
        Outcome("loss", "log_loss", "nats", (9,), 10.0 - height, higher_is_better=False),
    ]
    return write_bench(
        folder,
        name=name or folder.name,
        space=SPACE,
        archs=list(SPACE.enumerate()),
        outcomes=outcomes,
        measures={},
        provenance=Provenance("made by a test", "Apache-2.0"),
    )


@dataclass
class CountingEvaluator:
    """`sum` is right, `noise` depends on the seed, `picky` is not defined for the smallest networks."""

    names: tuple[str, ...]
    seed: int
    log: Path

    def evaluate(self, proposal: Proposal, *, rng: np.random.Generator, limit_s: float | None = None) -> Result:
        height = float(sum(proposal.arch.genes))
        values = {"sum": height, "noise": height + 3 * derive(self.seed, *proposal.arch.genes).normal()}
        if height >= 2:
            values["picky"] = -height
        with self.log.open("a") as file:
            file.write(f"{self.seed} {proposal.arch} {','.join(self.names)}\n")
        measures = {name: values[name] for name in self.names if name in values}
        measures |= {f"seconds:{name}": 0.25 for name in self.names if name in values}
        missing = [f"{name}: too small; said so" for name in self.names if name not in values]
        return Result(0.0, 0.01, measures=measures, error="\n".join(missing))

    def expect(self, archs: object) -> None:
        """Nothing follows from it."""

    def network(self, arch: object) -> None:
        """Nothing is built."""
