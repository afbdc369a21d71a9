"""What recording a cheap trial costs: in memory, in SQLite gathered and one by one, and in the loop.

    python benchmarks/store.py

Prints medians of three rounds that alternate, and ratios within this run. Times are of the whole process, so that
other load on the machine counts little.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from archwright.core.budget import Budget
from archwright.core.trial import Proposal, Result, Trial
from archwright.run.inline import InlineExecutor
from archwright.run.loop import run
from archwright.search.evolution import Evolution
from archwright.spaces.tabular_mlp import frappe
from archwright.study.study import Study
from archwright.testing.toy import Toy

TRIALS = 20_000
ROUNDS = 3
SPACE = frappe()
PROPOSALS = [Proposal(SPACE.at(k % SPACE.size())) for k in range(TRIALS)]
#: Searches are said to lose what recording adds to a candidate of 100 us.
CANDIDATE_US = 100.0


def record(study: Study, *, trials: int, batch: int, cost_s: float) -> None:
    """Record `trials` trials, asked for in batches."""
    for start in range(0, trials, batch):
        for trial_id, proposal in study.propose(PROPOSALS[start : start + batch]):
            study.append(Trial(trial_id, proposal, Result(trial_id / 7, cost_s), trial_id * 1e-4))
    study.close()


def search() -> None:
    """Run a whole search whose evaluations cost nothing."""
    run(Evolution(SPACE), InlineExecutor(Toy(full=1)), Budget(trials=3000), seed=0)


def us_per_trial(trials: int, action: Callable[[], object]) -> float:
    """Return microseconds of processor time per trial."""
    started_s = time.process_time()
    action()
    return (time.process_time() - started_s) / trials * 1e6


def main() -> None:
    """Measure and print."""
    times: dict[str, list[float]] = {}

    def note(what: str, trials: int, action: Callable[[], object]) -> None:
        times.setdefault(what, []).append(us_per_trial(trials, action))

    with tempfile.TemporaryDirectory() as folder:
        for turn in range(ROUNDS):
            path = Path(folder) / f"{turn}.db"
            many, few = Study.open(path, name="gathered"), Study.open(path, name="single")
            note("memory", TRIALS, lambda: record(Study(), trials=TRIALS, batch=100, cost_s=0.0))
            note("gathered", TRIALS, lambda study=many: record(study, trials=TRIALS, batch=100, cost_s=0.0))
            note("single", 500, lambda study=few: record(study, trials=500, batch=1, cost_s=1.0))
            note("loop", 3000, search)
    median = {what: statistics.median(values) for what, values in times.items()}
    gathered = median["gathered"] - median["memory"]
    single = median["single"] - median["memory"]
    print(f"study in memory                          {median['memory']:8.1f} us per trial")
    print(f"SQLite on top, 1,000 events at once      {gathered:8.1f} us per trial (proposal and result: two rows)")
    print(f"SQLite on top, one transaction per trial {single:8.1f} us per trial, {single / gathered:.0f} x gathered")
    print(f"loop, Evolution and a toy evaluator      {median['loop']:8.1f} us per trial")
    print(f"lost of a search of 10,000 candidates/s  {gathered / (gathered + CANDIDATE_US):8.1%} to the store")


if __name__ == "__main__":
    main()
