"""What a budget buys: test AUC and RMSE on three tables at 10, 60 and 180 s, beside what one would use otherwise.

    python benchmarks/tabular.py [--data DIR] [--seeds 3] [--budgets 10,60,180] [--explore whole,sampled,random]
                                 [--jobs 1] [--workers N]

Rows: logistic or linear regression, scikit-learn's MLP, LightGBM with its defaults, random search with the same
trainer and the same budget, and archwright. All see the same encoded columns and the same test rows; those without
a time budget are trained on training and validation rows together. Finished cells are kept in
`benchmarks/results/tabular.jsonl` and not run again. With `--jobs 2 --workers 1` two runs share the machine.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")

RESULTS = Path(__file__).parent / "results" / "tabular.jsonl"
BASELINES = ("linear", "mlp", "lightgbm")


@dataclass(frozen=True)
class Problem:
    """One table and how it is fitted; `metric` is what the benchmark reports."""

    name: str
    file: str
    target: str
    metric: str
    options: tuple[str, ...] = ()


PROBLEMS = (
    Problem("adult", "adult.parquet", "income", "auc", ("--split-column", "split")),
    Problem(
        "diabetes130",
        "diabetes130.parquet",
        "readmitted",
        "auc",
        ("--positive", "<30", "--group", "patient_nbr", "--ignore", "encounter_id"),
    ),
    Problem("california", "california_housing.parquet", "median_house_value", "rmse"),
)


@dataclass(frozen=True)
class Cell:
    """One measurement."""

    problem: str
    arm: str
    budget_s: float
    seed: int
    workers: int
    test: float
    wall_s: float
    network: str = ""
    valid: float = float("nan")


def searched(problem: Problem, explore: str, budget_s: float, seed: int, *, data: Path, workers: int) -> Cell:
    """Return the test result of one `archwright fit`."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "archwright", "fit", str(data / "tabular" / problem.file)]
        command += ["--target", problem.target, *problem.options, "--budget", f"{budget_s}s", "--seed", str(seed)]
        command += ["--explore", explore, "--workers", str(workers), "--out", f"{folder}/run", "--json"]
        began = time.monotonic()
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        wall_s = time.monotonic() - began
    if done.returncode:
        sys.exit(f"{' '.join(command)}\n{done.stderr}")
    result = json.loads(done.stdout)
    network = "-".join(map(str, result["best"]["widths"]))
    valid, test = result["best"]["metric_value"], result["test"][problem.metric]
    return Cell(problem.name, explore, budget_s, seed, workers, test, wall_s, network, valid)


def baselines(problem: Problem, seed: int, *, data: Path) -> Iterator[Cell]:
    """Yield the test results of what needs no search, on the same columns and rows."""
    import lightgbm
    import numpy as np
    from sklearn.compose import make_column_transformer
    from sklearn.linear_model import LogisticRegression, Ridge
    from sklearn.neural_network import MLPClassifier, MLPRegressor
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder

    from archwright.data.metrics import auc, rmse
    from archwright.data.tables import read_table
    from archwright.data.task import make_task

    task = make_task(
        read_table(data / "tabular" / problem.file),
        problem.target,
        test_fraction=0.2,
        split_column="split" if problem.name == "adult" else None,
        group="patient_nbr" if problem.name == "diabetes130" else None,
        ignore=("encounter_id",) if problem.name == "diabetes130" else (),
        positive="<30" if problem.name == "diabetes130" else None,
        seed=seed,
    )
    test = task.open_test()
    x = np.concatenate([np.concatenate([s.num, s.cat.astype(np.float32)], axis=1) for s in (task.train, task.valid)])
    y = np.concatenate([task.train.y, task.valid.y])
    x_test = np.concatenate([test.num, test.cat.astype(np.float32)], axis=1)
    n_numeric, n_columns = test.num.shape[1], x.shape[1]
    categories = list(range(n_numeric, n_columns))
    one_hot = make_column_transformer(
        (OneHotEncoder(handle_unknown="ignore"), categories), remainder="passthrough", sparse_threshold=1.0
    )
    real = task.kind == "real"
    models = {
        "linear": make_pipeline(one_hot, Ridge() if real else LogisticRegression(max_iter=1000)),
        "mlp": make_pipeline(one_hot, MLPRegressor(random_state=seed) if real else MLPClassifier(random_state=seed)),
        "lightgbm": (lightgbm.LGBMRegressor if real else lightgbm.LGBMClassifier)(
            random_state=seed, n_jobs=1, verbosity=-1
        ),
    }
    for name, model in models.items():
        began = time.monotonic()
        model.fit(x, y, **({"categorical_feature": categories} if name == "lightgbm" else {}))
        wall_s = time.monotonic() - began
        predicted = model.predict(x_test) if real else model.predict_proba(x_test)[:, 1]
        scale = task.schema.target.std
        value = rmse(test.y, predicted) * scale if real else auc(predicted, test.y)
        yield Cell(problem.name, name, 0, seed, 1, value, wall_s)


def known() -> list[Cell]:
    """Return the cells measured before."""
    if not RESULTS.exists():
        return []
    return [Cell(**json.loads(line)) for line in RESULTS.read_text().splitlines()]


def keep(cell: Cell) -> None:
    """Append one cell to the results."""
    with RESULTS.open("a") as file:
        file.write(json.dumps(asdict(cell)) + "\n")


def table(cells: list[Cell], *, workers: int) -> str:
    """Return mean and standard deviation over seeds, one line per arm and budget."""
    lines = [f"{'table':<12} {'method':<10} {'budget':>7}  {'test':>10} {'+-':>8}  {'valid':>10}  seeds  networks"]
    groups: dict[tuple[str, str, float], list[Cell]] = {}
    for cell in cells:
        if cell.arm in BASELINES or cell.workers == workers:
            groups.setdefault((cell.problem, cell.arm, cell.budget_s), []).append(cell)
    order = {problem.name: i for i, problem in enumerate(PROBLEMS)}
    for key, group in sorted(groups.items(), key=lambda item: (order[item[0][0]], item[0][2], item[0][1])):
        tests = [cell.test for cell in group]
        spread = statistics.stdev(tests) if len(tests) > 1 else 0.0
        digits = 0 if tests[0] > 100 else 4
        valid = statistics.mean(cell.valid for cell in group)
        networks = ", ".join(cell.network for cell in group if cell.network)
        budget = f"{key[2]:g} s" if key[2] else ""
        lines.append(
            f"{key[0]:<12} {key[1]:<10} {budget:>7}  {statistics.mean(tests):>10.{digits}f} {spread:>8.{digits}f}"
            f"  {valid:>10.4f}  {len(tests):>5}  {networks}"
        )
    return "\n".join(lines)


def main() -> None:
    """Measure what is missing, then print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    default = os.environ.get("ARCHWRIGHT_DATA") or Path(__file__).resolve().parents[2] / "shared" / "data"
    parser.add_argument("--data", type=Path, default=Path(default))
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--budgets", default="10,60,180")
    parser.add_argument("--explore", default="whole,random")
    parser.add_argument("--problems", default=",".join(problem.name for problem in PROBLEMS))
    parser.add_argument("--jobs", type=int, default=1, help="runs at the same time")
    parser.add_argument("--workers", type=int, default=len(os.sched_getaffinity(0)), help="workers of one run")
    parser.add_argument("--no-baselines", action="store_true")
    parser.add_argument("--table", action="store_true", help="measure nothing, print what is known")
    arguments = parser.parse_args()
    if not (arguments.data / "tabular").is_dir():
        sys.exit(f"no tables in {arguments.data / 'tabular'}: give their folder with --data")
    RESULTS.parent.mkdir(exist_ok=True)
    if not arguments.table:
        measure(arguments)
    print(table(known(), workers=arguments.workers))


def measure(arguments: argparse.Namespace) -> None:
    """Run every cell that is not known yet."""
    done = {(cell.problem, cell.arm, cell.budget_s, cell.seed, cell.workers) for cell in known()}
    problems = [problem for problem in PROBLEMS if problem.name in arguments.problems.split(",")]
    jobs = [
        (problem, explore, float(budget_s), seed)
        for budget_s in arguments.budgets.split(",")
        for seed in range(arguments.seeds)
        for problem in problems
        for explore in arguments.explore.split(",")
        if (problem.name, explore, float(budget_s), seed, arguments.workers) not in done
    ]

    def go(job: tuple[Problem, str, float, int]) -> None:
        cell = searched(*job, data=arguments.data, workers=arguments.workers)
        keep(cell)
        print(
            f"{cell.problem} {cell.arm} {cell.budget_s:g} s seed {cell.seed}: {cell.test:.4f} {cell.network}",
            flush=True,
        )

    with ThreadPoolExecutor(arguments.jobs) as pool:
        list(pool.map(go, jobs))
    if arguments.no_baselines:
        return
    for problem in problems:
        for seed in range(arguments.seeds):
            if (problem.name, "lightgbm", 0, seed, 1) not in done:
                for cell in baselines(problem, seed, data=arguments.data):
                    keep(cell)
                    print(
                        f"{cell.problem} {cell.arm} seed {cell.seed}: {cell.test:.4f} in {cell.wall_s:.1f} s",
                        flush=True,
                    )


if __name__ == "__main__":
    main()
