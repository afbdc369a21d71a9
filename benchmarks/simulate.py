"""What answering from a table costs: opening, look-ups, searches one by one and in lockstep, simulated workers.

    python benchmarks/simulate.py

Everything is made here: a table in the shape of NAS-Bench-201 (15,625 architectures, 200 epochs) with invented
numbers. Baselines are written in this file in the shape of the public tools: results of an architecture as nested
dictionaries with text keys, looked up by the architecture's text. Product and baseline alternate in one process; a line
gives the median of the rounds [smallest - largest]. Times are of the process, so that other load counts little.
"""

from __future__ import annotations

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

import gc
import json
import random
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from archwright.bench.evaluator import TableEvaluator
from archwright.bench.lockstep import LockstepTable
from archwright.bench.lockstep_halving import LockstepCurves
from archwright.bench.table import Bench, Outcome, Provenance, write_bench
from archwright.core.budget import Budget
from archwright.core.rng import derive
from archwright.core.trial import Proposal
from archwright.run.loop import run
from archwright.run.simulated import SimulatedExecutor
from archwright.search.evolution import Evolution
from archwright.search.hyperband import Hyperband, brackets
from archwright.search.random import RandomSearch
from archwright.spaces.nb201 import NasBench201

SPACE = NasBench201()
N, EPOCHS, QUERIES, SEEDS = 15_625, 200, 107, 500
ROUNDS = 5
#: Runs of the slow forms; their time is given for one query, so that fewer are enough.
FEW = 20

Nested = dict[str, dict[str, Any]]


def made(folder: Path) -> tuple[Path, np.ndarray[Any, np.dtype[np.float32]]]:
    """Write a benchmark with full curves; return its folder and the curves [N, E]."""
    rng = derive(0, "table")
    archs = list(SPACE.enumerate())
    height = np.array([arch.genes for arch in archs]) @ np.array([1.0, 0.7, 1.1, 0.9, 1.3, 0.8])
    final = 70 + height + rng.normal(0, 0.5, N)
    curves = final[:, None] * (1 - np.exp(-np.arange(1, EPOCHS + 1) / 30)) + rng.normal(0, 0.2, (N, EPOCHS))
    curves = curves.astype(np.float32)
    seconds = rng.uniform(5, 20, (N, 1, 1)) * np.arange(1, EPOCHS + 1)
    outcome = Outcome(
        "data",
        "accuracy",
        "percent",
        tuple(range(1, EPOCHS + 1)),
        curves[:, None, :],
        curves[:, None, :],
        seconds=seconds,
    )
    final_only = Outcome("final", "accuracy", "percent", (EPOCHS,), curves[:, None, -1:], seconds=seconds[:, :, -1:])
    bench = write_bench(
        folder / "bench",
        name="simulated",
        space=SPACE,
        archs=archs,
        outcomes=[outcome, final_only],
        measures={},
        provenance=Provenance("invented", "Apache-2.0"),
    )
    return bench, curves


def nested(curves: np.ndarray[Any, np.dtype[np.float32]]) -> Nested:
    """Return results as the public tools hold them: text of the architecture -> data set -> number by `split@epoch`.

    The seconds of each epoch are one dictionary for all, which saves memory and changes no look-up.
    """
    texts = [SPACE.text(arch) for arch in SPACE.enumerate()]
    seconds = {f"valid@{epoch}": 5.0 for epoch in range(EPOCHS)}
    return {
        text: {"data": {"valid": {"valid@199": float(score)}, "seconds": seconds}}
        for text, score in zip(texts, curves[:, -1].tolist(), strict=True)
    }


def asked(table: Nested, text: str) -> tuple[float, float]:
    """Return accuracy and training seconds as the public tools do: a sum over the formatted key of every epoch."""
    found = table[text]["data"]
    return found["valid"][f"valid@{EPOCHS - 1}"], sum(found["seconds"][f"valid@{epoch}"] for epoch in range(EPOCHS))


def naive(table: Nested, texts: list[str], *, evolve: bool, seed: int, queries: int) -> float:
    """Random search or evolution as the public tools do it: architectures are texts, parsed and joined anew."""
    draw = random.Random(seed)
    history: list[dict[str, Any]] = []
    ops = ["none", "skip_connect", "nor_conv_1x1", "nor_conv_3x3", "avg_pool_3x3"]
    while len(history) < queries:
        if evolve and len(history) >= 10:
            alive = [dict(each) for each in history[-10:]]
            parent = max((draw.choice(alive) for _ in range(3)), key=lambda each: each["score"])
            nodes = [[edge.split("~") for edge in node.split("|") if edge] for node in parent["arch"].split("+")]
            edge = draw.choice([edge for node in nodes for edge in node])
            edge[0] = draw.choice([op for op in ops if op != edge[0]])
            text = "+".join("|" + "|".join("~".join(edge) for edge in node) + "|" for node in nodes)
        else:
            text = draw.choice(texts)
        score, seconds = asked(table, text)
        history.append({"arch": text, "score": score, "seconds": seconds})
    return float(max(each["score"] for each in history))


class Rows:
    """Times of alternating rounds."""

    def __init__(self) -> None:
        self.taken: dict[str, list[float]] = {}

    def note(self, what: str, units: int, action: Callable[[], object], clock: Callable[[], float]) -> None:
        """Add seconds per unit."""
        # Else the baseline's half a million objects are looked through in the middle of whoever comes next.
        gc.collect()
        started_s = clock()
        action()
        self.taken.setdefault(what, []).append((clock() - started_s) / units)

    def __getitem__(self, what: str) -> float:
        return statistics.median(self.taken[what])

    def said(self, what: str, *, scale: float, unit: str) -> str:
        """Return a line."""
        values = [value * scale for value in self.taken[what]]
        middle, low, high = (f"{value:,.4g}" for value in (statistics.median(values), min(values), max(values)))
        return f"{what:58s} {middle:>9s} {unit}  [{low} - {high}]"


def opening(rows: Rows, folder: Path, bench: Path, curves: np.ndarray[Any, np.dtype[np.float32]]) -> None:
    """Time until the first answer, against a Parquet file and a JSON file of the same content, once each."""
    import pandas as pd

    if not (folder / "c.json").exists():
        texts = [SPACE.text(arch) for arch in SPACE.enumerate()]
        pd.DataFrame(curves, index=texts, columns=[str(e) for e in range(EPOCHS)]).to_parquet(folder / "c.parquet")
        (folder / "c.json").write_text(json.dumps(dict(zip(texts, curves.tolist(), strict=True))))
    text = SPACE.text(SPACE.at(6111))
    rows.note("open: folder", 1, lambda: _answer(Bench.open(bench)), time.perf_counter)
    rows.note("open: Parquet", 1, lambda: pd.read_parquet(folder / "c.parquet").loc[text, "199"], time.perf_counter)
    rows.note("open: JSON", 1, lambda: json.loads((folder / "c.json").read_bytes())[text][199], time.perf_counter)


def _answer(bench: Bench) -> float:
    return float(bench.values("data", bench.rows([SPACE.at(6111)]))[0])


def looking_up(rows: Rows, bench: Bench, table: Nested) -> None:
    """Single and vector look-ups."""
    draw = derive(1, "queries")
    places = draw.integers(N, size=20_000)
    archs = [SPACE.at(int(place)) for place in places]
    texts = [SPACE.text(arch) for arch in archs]
    evaluator = TableEvaluator(bench, "final")
    proposals = [Proposal(arch) for arch in archs]
    for proposal in proposals:
        evaluator.evaluate(proposal, rng=draw)
    many = np.array([arch.genes for arch in archs] * 50)
    bench.values("data", slice(None))
    clock = time.process_time
    rows.note("look-up: evaluator, one by one, asked before", 20_000, lambda: _all(evaluator, proposals, draw), clock)
    rows.note(
        "look-up: a million at once, from genes", len(many), lambda: bench.values("data", bench.rows(many)), clock
    )
    rows.note(
        "look-up: a million at once, from rows", len(many), lambda: bench.values("data", places.repeat(50)), clock
    )
    rows.note("look-up: baseline, accuracy only", 20_000, lambda: _texts(table, texts), clock)
    rows.note("look-up: baseline, accuracy and seconds", 2_000, lambda: [asked(table, t) for t in texts[:2_000]], clock)


def _all(evaluator: TableEvaluator, proposals: list[Proposal], rng: np.random.Generator) -> None:
    for proposal in proposals:
        evaluator.evaluate(proposal, rng=rng)


def _texts(table: Nested, texts: list[str]) -> None:
    for text in texts:
        table[text]["data"]["valid"][f"valid@{EPOCHS - 1}"]


def searching(rows: Rows, bench: Bench, table: Nested, lockstep: LockstepTable, turn: int) -> None:
    """Random search and evolution: baseline, loop, lockstep."""
    evaluator = TableEvaluator(bench, "final")
    texts = list(table)
    clock = time.process_time

    def loop(searcher: Any) -> None:
        for seed in range(FEW):
            run(searcher, SimulatedExecutor(evaluator), Budget(trials=QUERIES), seed=1000 * turn + seed)

    for name, evolve, searcher in (("random", False, RandomSearch(SPACE)), ("evolution", True, Evolution(SPACE))):
        rows.note(
            f"{name}: baseline",
            FEW * QUERIES,
            lambda evolve=evolve: [naive(table, texts, evolve=evolve, seed=s, queries=QUERIES) for s in range(FEW)],
            clock,
        )
        rows.note(f"{name}: run()", FEW * QUERIES, lambda searcher=searcher: loop(searcher), clock)
        advance = lockstep.evolution if evolve else lockstep.random
        rng = derive(turn, "lockstep")
        rows.note(
            f"{name}: lockstep, {SEEDS} seeds",
            SEEDS * QUERIES,
            lambda advance=advance, rng=rng: advance(runs=SEEDS, trials=QUERIES, rng=rng).incumbents(),
            clock,
        )


def halving(rows: Rows, bench: Bench, curves: LockstepCurves, turn: int) -> None:
    """Trials of successive halving (Hyperband's brackets) with real fidelities: loop, lockstep."""
    searcher = Hyperband(SPACE, max_epochs=EPOCHS)
    evaluator = TableEvaluator(bench, "data")
    for workers in (1, 4):
        rows.note(
            f"halving: run(), {workers} simulated worker{'s' if workers > 1 else ''}, 200 epochs",
            2000,
            lambda workers=workers: run(
                searcher, SimulatedExecutor(evaluator, workers=workers), Budget(trials=2000), seed=turn
            ),
            time.process_time,
        )
    rng = derive(turn, "lockstep")
    rows.note(
        f"halving: lockstep, {SEEDS} seeds",
        SEEDS * 300,
        lambda: curves.hyperband(brackets(max_epochs=EPOCHS), runs=SEEDS, trials=300, rng=rng).incumbents(),
        time.process_time,
    )


def main() -> None:
    """Measure and print."""
    rows = Rows()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        path, curves = made(folder)
        table = nested(curves)
        bench = Bench.open(path)
        lockstep = LockstepTable.of(bench, "final")
        fidelities = sorted({rung.epochs for rungs in brackets(max_epochs=EPOCHS) for rung in rungs})
        halved = LockstepCurves.of(bench, "data", epochs=fidelities)
        for turn in range(ROUNDS):
            opening(rows, folder, path, curves)
            looking_up(rows, bench, table)
            searching(rows, bench, table, lockstep, turn)
            halving(rows, bench, halved, turn)
    for what in rows.taken:
        ms = what.startswith("open")
        print(rows.said(what, scale=1e3 if ms else 1e6, unit="ms" if ms else "us"))
    print()
    for slow, quick in [
        ("open: Parquet", "open: folder"),
        ("open: JSON", "open: folder"),
        ("look-up: baseline, accuracy only", "look-up: evaluator, one by one, asked before"),
        ("look-up: baseline, accuracy and seconds", "look-up: evaluator, one by one, asked before"),
        ("look-up: baseline, accuracy and seconds", "look-up: a million at once, from genes"),
        *((f"{name}: baseline", f"{name}: run()") for name in ("random", "evolution")),
        *((f"{name}: baseline", f"{name}: lockstep, {SEEDS} seeds") for name in ("random", "evolution")),
        *((f"{name}: run()", f"{name}: lockstep, {SEEDS} seeds") for name in ("random", "evolution")),
        ("halving: run(), 1 simulated worker, 200 epochs", f"halving: lockstep, {SEEDS} seeds"),
    ]:
        pairs = [a / b for a, b in zip(rows.taken[slow], rows.taken[quick], strict=True)]
        print(f"{slow} / {quick}: {statistics.median(pairs):,.3g} [{min(pairs):,.3g} - {max(pairs):,.3g}]")
    print()
    for what in (
        "evolution: run()",
        f"evolution: lockstep, {SEEDS} seeds",
        "halving: run(), 4 simulated workers, 200 epochs",
        f"halving: lockstep, {SEEDS} seeds",
    ):
        print(f"{what}: {1 / rows[what]:,.0f} trials per second")


if __name__ == "__main__":
    main()
