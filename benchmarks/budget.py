"""Does `archwright fit` keep its time budget? 30 budgets from 3 s to 120 s on three tables, one beside a CPU hog.

    python benchmarks/budget.py [--data DIR] [--quick]

Each run is a process of its own, timed from outside: from its start to its exit. A run is over its budget when it
takes longer than the budget plus max(0.5 s, 3 %). Needs the folder of real tables (ARCHWRIGHT_DATA, or --data).
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path

QUICK_S = (3, 6, 12)
RESULTS = Path(__file__).parent / "results" / "budget.jsonl"


@dataclass(frozen=True)
class Case:
    """One table, how it is fitted, and whether a CPU hog runs beside it."""

    name: str
    file: str
    options: tuple[str, ...]
    budgets_s: tuple[int, ...]
    hog: bool = False


CASES = (
    Case(
        "adult",
        "adult.parquet",
        ("--target", "income", "--split-column", "split"),
        (3, 4, 5, 7, 10, 14, 20, 30, 60, 120),
    ),
    Case(
        "california",
        "california_housing.parquet",
        ("--target", "median_house_value"),
        (3, 4, 5, 6, 8, 10, 13, 17, 22, 40),
    ),
    Case(
        "diabetes130 + hog",
        "diabetes130.parquet",
        ("--target", "readmitted", "--positive", "<30", "--group", "patient_nbr", "--ignore", "encounter_id"),
        (3, 4, 5, 7, 9, 12, 16, 22, 35, 60),
        hog=True,
    ),
)


@dataclass(frozen=True)
class Row:
    """One run: seconds allowed and taken, and what came of it."""

    case: str
    budget_s: float
    wall_s: float
    over_s: float
    kept: bool
    valid: float
    what: str
    trained: int


def allowed_s(budget_s: float) -> float:
    """Return the longest time that counts as keeping the budget."""
    return budget_s + max(0.5, 0.03 * budget_s)


def measured(case: Case, budget_s: float, data: Path) -> Row:
    """Fit once in a process of its own and return what its clock on the wall said."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "archwright", "fit", str(data / "tabular" / case.file), *case.options]
        command += ["--budget", f"{budget_s}s", "--out", f"{folder}/run", "--json"]
        began = time.monotonic()
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        wall_s = time.monotonic() - began
        if done.returncode:
            sys.exit(f"{' '.join(command)}\n{done.stderr}")
        result = json.loads(done.stdout)
        record = json.loads((Path(folder) / "run" / "run.json").read_text())
    best = result["best"]
    return Row(
        case.name,
        budget_s,
        round(wall_s, 2),
        round(wall_s - budget_s, 2),
        wall_s <= allowed_s(budget_s),
        best["metric_value"],
        "-".join(map(str, best["widths"])) or best["what"],
        sum(1 for each in record["incumbents"] if each["what"] == "network"),
    )


def hog() -> None:
    """Keep one core busy for ever."""
    number = 1.0
    while True:
        number = number * 1.0000001 % 10


def main() -> None:
    """Run every case and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    default = os.environ.get("ARCHWRIGHT_DATA") or Path(__file__).resolve().parents[2] / "shared" / "data"
    parser.add_argument("--data", type=Path, default=Path(default))
    parser.add_argument("--quick", action="store_true", help="three budgets per table")
    arguments = parser.parse_args()
    if not (arguments.data / "tabular").is_dir():
        sys.exit(f"no tables in {arguments.data / 'tabular'}: give their folder with --data")
    RESULTS.parent.mkdir(exist_ok=True)
    rows = []
    print(f"{'table':<18}{'budget s':>9}{'wall s':>8}{'over s':>8}{'kept':>6}{'valid':>8}  network")
    for case in CASES:
        neighbour = multiprocessing.get_context("spawn").Process(target=hog, daemon=True)
        if case.hog:
            neighbour.start()
        for budget_s in QUICK_S if arguments.quick else case.budgets_s:
            row = measured(case, budget_s, arguments.data)
            rows.append(row)
            with RESULTS.open("a") as file:
                file.write(json.dumps(asdict(row)) + "\n")
            kept = "yes" if row.kept else "NO"
            print(
                f"{row.case:<18}{row.budget_s:>9g}{row.wall_s:>8.2f}{row.over_s:>+8.2f}{kept:>6}{row.valid:>8.4f}  "
                f"{row.what}",
                flush=True,
            )
        if case.hog:
            neighbour.kill()
    late = sum(not row.kept for row in rows)
    print(f"{len(rows)} runs, {late} over budget by more than max(0.5 s, 3 %)")
    sys.exit(1 if late else 0)


if __name__ == "__main__":
    main()
