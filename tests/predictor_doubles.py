"""A small benchmark of NAS-Bench-201 cells with invented outcomes, and predictors whose every fit is written down."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from archwright.bench.table import Outcome, Provenance, write_bench
from archwright.core.arch import Arch
from archwright.core.catalog import find
from archwright.core.errors import PredictorError
from archwright.core.rng import derive
from archwright.core.trial import Evidence, Prediction

SPACE = find("space", "nb201")()
N = 80
EPOCHS = (4, 12, 36)


def quality(archs: Sequence[Arch]) -> np.ndarray:
    """What training reaches: convolutions count, on the direct way to the output more."""
    weights = np.array([1.0, 1.2, 0.8, 2.0, 1.1, 1.05])
    return np.isin(np.array([arch.genes for arch in archs]), (2, 3)) @ weights


def written(folder: Path, *, name: str | None = None) -> Path:
    """Write a benchmark of N cells.

    `data` has validation at three epochs, early ones blurred, and a test; `loss` is an error; `half` is known for 30 of
    the rows; `short` has one epoch.
    """
    rng = derive(0, "predictor bench")
    archs = [SPACE.at(int(place)) for place in rng.permutation(SPACE.size())[:N]]
    true = quality(archs)[:, None, None] + 0.01 * rng.random((N, 1, 1))
    blur = np.array([3.0, 1.0, 0.0]) * rng.normal(size=(N, 1, 3))
    known = np.where(np.arange(N)[:, None, None] < 30, true, np.nan)
    outcomes = [
        Outcome("data", "accuracy", "percent", EPOCHS, 80 + true + blur, 70 + np.repeat(2 * true, 3, axis=2)),
        Outcome("loss", "log_loss", "nats", (9,), 20.0 - true, higher_is_better=False),
        Outcome("half", "accuracy", "percent", (9,), known),
        Outcome("short", "accuracy", "percent", (3,), 40 + true),
    ]
    return write_bench(
        folder,
        name=name or folder.name,
        space=SPACE,
        archs=archs,
        outcomes=outcomes,
        measures={"params": np.where(np.arange(N) == 7, np.nan, np.arange(N)), "latency_ms": np.ones(N)},
        provenance=Provenance("made by a test", "Apache-2.0"),
    )


class Oracle:
    """Knows the quality, with noise that falls with the number of architectures it was fitted to.

    `bad` fails with few of them; `wild` has numbers only for the fourth architecture that it predicts.

    Args:
        label: Its name in the log.
        log: File with a line per fit: label, architectures, and the sum of the scores.
    """

    needs: frozenset[str] = frozenset()

    def __init__(self, label: str, log: Path) -> None:
        self.label, self.log, self.noise, self.rng = label, log, 0.0, derive(0)

    def fit(self, evidence: Sequence[Evidence], scores: np.ndarray, *, rng: np.random.Generator) -> "Oracle":
        with self.log.open("a") as file:
            file.write(f"{self.label} {len(evidence)} {scores.sum():.6f}\n")
        if self.label == "bad" and len(evidence) < 10:
            raise PredictorError("too few\nto learn from")
        self.noise = (0.5 if self.label.startswith("good") else 4.0) / len(evidence)
        self.rng = rng
        return self

    def predict(self, evidence: Sequence[Evidence]) -> Prediction:
        true = quality([each.arch for each in evidence])
        if self.label == "wild":
            return Prediction(np.where(np.arange(len(true)) == 3, true, np.nan))
        return Prediction(true + self.noise * self.rng.normal(size=len(true)))
