"""A benchmark as an evaluator: the answer of a training without the training."""

# N architectures, S seeds, E recorded epochs

from __future__ import annotations

from collections.abc import Iterable, Mapping
from math import isnan
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np

from archwright.bench.outcome import Outcome
from archwright.bench.table import Bench, mean_over_seeds
from archwright.core.arch import Arch
from archwright.core.errors import BenchError
from archwright.core.trial import Proposal, Result, Trial

__all__ = ["SEED_POLICIES", "TableEvaluator", "load"]

#: `mean` of all recorded trainings of an architecture, or one of them drawn at `random`.
SEED_POLICIES = ("mean", "random")

#: Benchmarks of up to so many recorded numbers per split are turned into Python lists at once, which answer fastest.
_LISTED = 1 << 20


class TableEvaluator:
    """Answers from a benchmark, at once.

    A proposal's fidelity is in epochs; None is the full training. The latest recorded epoch that is not after it
    answers, and its training seconds are the cost. An epoch outside the recorded range, an architecture that the
    benchmark does not have, or a gap in it is a failed result.

    Results: `score` and `curve` are of the outcome and split that is searched on, higher is better: a metric that is
    better when lower is negated. `measures` holds the benchmark's measures and `epochs`. `hidden` holds `test` and
    `valid`, in the same direction: what `report` says after its last epoch.

    One evaluation takes about 0.3 us if it was asked before, else about 10 us.

    Args:
        bench: Benchmark, or its folder or name.
        outcome: What is searched on; the only one by default.
        report: Outcome whose test is kept in `hidden`; by default `outcome` itself.
        split: Split that is searched on: `valid`, or `test` for benchmarks that have nothing else.
        seed_policy: One of `SEED_POLICIES`.
        continued: A later proposal for an architecture continues its training: only the added epochs cost anything,
            and it stays with the seed it was given. This is memory of one object: it holds within one process.
        epoch_s: Seconds of an epoch where the benchmark recorded none; a training of 12 epochs costs 12 of these.

    Raises:
        BenchError: if there is no such outcome or split.

    Example:
        >>> evaluator = TableEvaluator("nb201", "cifar10-e12", report="cifar10")    # doctest: +SKIP
        >>> evaluator.evaluate(Proposal(arch), rng=rng).score                        # doctest: +SKIP
        84.16
    """

    def __init__(
        self,
        bench: Bench | str | Path,
        outcome: str | None = None,
        *,
        report: str | None = None,
        split: str = "valid",
        seed_policy: str = "mean",
        continued: bool = False,
        epoch_s: float = 1.0,
    ) -> None:
        if seed_policy not in SEED_POLICIES:
            raise BenchError(f"the seed policy must be one of {', '.join(SEED_POLICIES)}, but is {seed_policy!r}")
        self.bench = bench if isinstance(bench, Bench) else Bench.open(bench)
        self.outcome = self.bench.outcome(_only(self.bench) if outcome is None else outcome)
        self.report = self.outcome if report is None else self.bench.outcome(report)
        self.split, self.seed_policy, self.continued, self.epoch_s = split, seed_policy, continued, epoch_s
        _require_split(self.bench, self.outcome, split)
        self._sign = 1.0 if self.outcome.higher_is_better else -1.0
        self._space = self.bench.space.name
        self._rows: dict[tuple[int, ...], int] = _rows(self.bench)
        self._results: dict[tuple[tuple[int, ...], int | None, int | None], Result] = {}
        self._trained: dict[tuple[int, ...], tuple[float, int | None]] = {}
        self._scores = _Table(self.outcome, split, self._sign)
        self._seconds = _Table(self.outcome, "seconds", 1.0) if self.outcome.seconds is not None else None
        self._hidden = _hidden_columns(self.bench, self.report)
        measures = self.bench.measures_of(self.outcome.name)
        self._measures = {name: column.tolist() for name, column in measures.items()}

    @property
    def space(self) -> Any:
        """The space of the benchmark's architectures, those without a row included."""
        return self.bench.space

    @property
    def cost_is_measured(self) -> bool:
        """Whether the benchmark recorded training seconds; else epochs are counted as `epoch_s` each."""
        return self._seconds is not None

    def __reduce__(self) -> tuple[Any, ...]:
        # Another process opens the folder itself: the arrays are mapped, not sent.
        settings = (self.split, self.seed_policy, self.continued, self.epoch_s)
        return (_reopened, (str(self.bench.folder), self.outcome.name, self.report.name, *settings))

    def evaluate(self, proposal: Proposal, *, rng: np.random.Generator, limit_s: float | None = None) -> Result:
        """Return what the benchmark recorded. `limit_s` is not looked at: the answer takes no time."""
        arch = proposal.arch
        if arch.space != self._space:
            return Result(None, 0.0, error=f"{arch} is not of space {self._space!r}")
        seed = self._seed(arch.genes, rng) if self.seed_policy == "random" else None
        key = (arch.genes, proposal.fidelity, seed)
        result = self._results.get(key)
        if result is None:
            result = self._results[key] = self._looked_up(arch, proposal.fidelity, seed)
        return self._added(arch, result, seed) if self.continued else result

    def remember(self, trials: Iterable[Trial]) -> None:
        """Take note of trainings that another process made, so that a resumed run with `continued` pays no more."""
        for trial in trials:
            genes, result = trial.proposal.arch.genes, trial.result
            epochs = result.measures.get("epochs", 0.0)
            if result.score is not None and epochs > self._trained.get(genes, (0.0, None))[0]:
                self._trained[genes] = (epochs, self._seed_of(genes, result))

    def _looked_up(self, arch: Arch, fidelity: int | None, seed: int | None) -> Result:
        row = self._row(arch)
        if row is None:
            return Result(None, 0.0, error=f"benchmark {self.bench.name!r} has no architecture {arch}")
        try:
            place = self.outcome.place(fidelity)
        except BenchError as error:
            return Result(None, 0.0, error=str(error))
        curve = self._scores.curve(row, seed, place)
        score, cost_s = curve[-1], self._cost_s(row, place, seed)
        epoch = self.outcome.epochs[place]
        measures = MappingProxyType({**_numbers(self._measures, row), "epochs": float(epoch)})
        if isnan(score):
            gap = f"benchmark {self.bench.name!r} has no {self.split} value of {arch} at epoch {epoch}"
            return Result(None, cost_s, measures=measures, error=gap)
        return Result(score, cost_s, curve, measures, MappingProxyType(_numbers(self._hidden, row)))

    def _row(self, arch: Arch) -> int | None:
        row = self._rows.get(arch.genes)
        if row is None:
            known = len(arch.genes) == len(self.bench.space.arities)
            row = self._rows[arch.genes] = int(self.bench.rows([arch])[0]) if known else -1
        return None if row < 0 else row

    def _cost_s(self, row: int, place: int, seed: int | None) -> float:
        epochs = self.outcome.epochs[place]
        if self._seconds is None:
            return self.epoch_s * epochs
        seconds = self._seconds.at(row, seed, place)
        if isnan(seconds):
            # Trained, but nobody noted for how long: as long as the others.
            column = self.bench.values(self.outcome.name, slice(None), epochs, "seconds")
            seconds = float(np.nanmean(column)) if not np.isnan(column).all() else self.epoch_s * epochs
        return seconds

    def _seed(self, genes: tuple[int, ...], rng: np.random.Generator) -> int | None:
        """Return one of the seeds that this architecture was trained with; the one it was given, if it continues."""
        if self.continued and genes in self._trained:
            return self._trained[genes][1]
        row = self._row(Arch(self._space, genes))
        if row is None:
            return None
        there = self._scores.seeds(row)
        return there[int(rng.integers(len(there)))] if there else None

    def _seed_of(self, genes: tuple[int, ...], result: Result) -> int | None:
        """Return the seed whose curve `result` tells; None if it is a mean."""
        row = self._row(Arch(self._space, genes))
        if self.seed_policy == "mean" or row is None:
            return None
        place = len(result.curve) - 1
        return next((s for s in self._scores.seeds(row) if self._scores.curve(row, s, place) == result.curve), None)

    def _added(self, arch: Arch, result: Result, seed: int | None) -> Result:
        """Return `result` at the cost of what it adds to the training so far."""
        if result.score is None:
            return result
        before, _ = self._trained.get(arch.genes, (0.0, None))
        epochs = result.measures["epochs"]
        if epochs > before:
            self._trained[arch.genes] = (epochs, seed)
        row = self._row(arch)
        assert row is not None
        paid_s = self._cost_s(row, self.outcome.place(int(before)), seed) if before else 0.0
        cost_s = max(0.0, result.cost_s - paid_s)
        return Result(result.score, cost_s, result.curve, result.measures, result.hidden)


class _Table:
    """Curves of one split by row: of a seed, or the mean over seeds."""

    def __init__(self, outcome: Outcome, split: str, sign: float) -> None:
        # A plain view of the mapped file: slices of numpy's own memmap class cost several times as much.
        self._array, self._sign = np.asarray(outcome.array(split)), sign
        self._means: list[list[float]] | None = None
        if self._array.size <= _LISTED:
            columns = [mean_over_seeds(self._array[:, :, place]) * sign for place in range(len(outcome.epochs))]
            self._means = np.stack(columns, axis=1).tolist()

    def curve(self, row: int, seed: int | None, place: int) -> tuple[float, ...]:
        """Return the numbers up to the recorded epoch at `place`, NaN where nothing was recorded."""
        if self._means is not None and seed is None:
            return tuple(self._means[row][: place + 1])
        if seed is None and self._array.shape[1] > 1:
            return tuple((mean_over_seeds(self._array[row, :, : place + 1].T) * self._sign).tolist())
        numbers = self._array[row, seed or 0, : place + 1].tolist()
        return tuple(numbers) if self._sign > 0 else tuple([-number for number in numbers])

    def at(self, row: int, seed: int | None, place: int) -> float:
        """Return one number of the curve."""
        if self._means is not None and seed is None:
            return self._means[row][place]
        if seed is None and self._array.shape[1] > 1:
            return float(mean_over_seeds(self._array[row, :, place][None])[0]) * self._sign
        return self._sign * float(self._array[row, seed or 0, place])

    def seeds(self, row: int) -> list[int]:
        """Return the seeds that have a number of this row."""
        there = ~np.isnan(self._array[row]).all(axis=1)
        return [int(seed) for seed in np.flatnonzero(there)]


def _numbers(columns: Mapping[str, list[float]], row: int) -> dict[str, float]:
    """Return the numbers of a row by the name of their column, without those that are not known."""
    return {name: number for name, column in columns.items() if not isnan(number := column[row])}


def load(bench: str | Path, outcome: str | None = None, **settings: Any) -> TableEvaluator:
    """Return a benchmark as an evaluator; see `TableEvaluator` for the settings.

    Args:
        bench: Folder, or name of one that was imported.
        outcome: What is searched on; the only one by default.

    Raises:
        BenchError: if there is no such benchmark or outcome, or it is damaged.
    """
    return TableEvaluator(Bench.open(bench), outcome, **settings)


def _reopened(
    folder: str, outcome: str, report: str, split: str, seed_policy: str, continued: bool, epoch_s: float
) -> TableEvaluator:
    return TableEvaluator(
        Bench.open(folder, verify=False),
        outcome,
        report=report,
        split=split,
        seed_policy=seed_policy,
        continued=continued,
        epoch_s=epoch_s,
    )


def _rows(bench: Bench) -> dict[tuple[int, ...], int]:
    """Return the row of each architecture of a small benchmark: asked one by one, a dictionary is 50 times as fast."""
    if bench.genes.size > _LISTED:
        return {}
    return {tuple(genes): row for row, genes in enumerate(bench.genes.tolist())}


def _only(bench: Bench) -> str:
    if len(bench.outcomes) != 1:
        raise BenchError(f"benchmark {bench.name!r} has outcomes {', '.join(bench.outcomes)}: name one of them")
    return next(iter(bench.outcomes))


def _require_split(bench: Bench, outcome: Outcome, split: str) -> None:
    if split == "valid" and outcome.valid is None:
        raise BenchError(
            f"outcome {outcome.name!r} of benchmark {bench.name!r} has no validation values; to search on its "
            "test values, say so: split='test'"
        )
    if split not in ("valid", "test"):
        raise BenchError(f"a search needs the split valid or test, but {split!r} was given")
    outcome.array(split)


def _hidden_columns(bench: Bench, report: Outcome) -> Mapping[str, list[float]]:
    sign = 1.0 if report.higher_is_better else -1.0
    splits = [split for split in ("test", "valid") if split in report.arrays()]
    return {split: (bench.values(report.name, slice(None), split=split) * sign).tolist() for split in splits}
