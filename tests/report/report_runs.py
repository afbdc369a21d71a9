"""Run folders for the report's tests, written by the real classes."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import numpy as np

from archwright.coordinate.record import Phase, RunFolder, RunRecord
from archwright.core.arch import Arch
from archwright.core.trial import Proposal, Result, Trial
from archwright.spaces.tabular_mlp import TabularMlp, frappe
from archwright.study.study import Study

__all__ = ["SPACE", "bare_run", "full_run", "write_model"]

SPACE = frappe()
RUNGS = ((2, 24), (4, 12), (8, 6), (16, 3))


def full_run(path: Path, *, metric: str = "auc", whole: bool = True, resumed: bool = True) -> RunFolder:
    """Return a finished run of 24 candidates in four rungs, and of 6 more in a second session."""
    path.mkdir(parents=True, exist_ok=True)
    folder = RunFolder(path)
    rng = np.random.default_rng(3)
    scores = _filter(folder, rng, whole=whole)
    ranked = sorted(scores, key=lambda arch: -scores[arch])
    record = _record(metric)
    best = _bracket(folder, record, ranked[:24], RUNGS, session=1, metric=metric, rng=rng)
    if resumed:
        _resume(record)
        again = [best, *ranked[24:30]]
        best = _bracket(folder, record, again, ((4, 7), (8, 3), (20, 1)), session=2, metric=metric, rng=rng)
    write_model(folder, SPACE.widths_of(best))
    folder.save(record)
    return folder


def bare_run(path: Path, **values: object) -> RunFolder:
    """Return a run folder that holds a record and nothing else."""
    path.mkdir(parents=True, exist_ok=True)
    folder = RunFolder(path)
    folder.save(RunRecord(**values))  # type: ignore[arg-type]
    return folder


def _filter(folder: RunFolder, rng: np.random.Generator, *, whole: bool) -> dict[Arch, float]:
    space: TabularMlp = SPACE
    widths = np.array(space.widths, dtype=np.float64)
    genes = np.stack(np.unravel_index(np.arange(space.size()), space.arities), axis=1)
    values = np.exp(np.log(widths[genes]).sum(axis=1) * 0.9 + rng.normal(0, 0.3, len(genes)))
    with Study.open(folder.study, name="filter") as study:
        if whole:
            study.put_array("scores", values)
            chosen = np.argsort(-values)[1000:1030]
        else:
            chosen = rng.choice(len(values), 300, replace=False)
            for k, index in enumerate(chosen):
                study.append(Trial(k, Proposal(space.at(int(index))), Result(float(values[index]), 1e-4), 0.01 * k))
    return {space.at(int(index)): float(values[index]) for index in chosen}


def _bracket(
    folder: RunFolder,
    record: RunRecord,
    archs: list[Arch],
    rungs: tuple[tuple[int, int], ...],
    *,
    session: int,
    metric: str,
    rng: np.random.Generator,
) -> Arch:
    quality = {arch: float(rng.normal(0.0, 0.004)) for arch in archs}
    alive, clock = list(archs), 3.0 + 60.0 * (session - 1)
    with Study.open(folder.study, name=f"refine-{session}") as study:
        for number, (epochs, count) in enumerate(rungs, start=1):
            alive, scores = alive[:count], {}
            for arch in alive:
                result = _training(arch, epochs, quality[arch], metric, rng)
                clock += result.cost_s / 2
                note = f"bracket 1 rung {number}"
                study.append(Trial(len(study.history), Proposal(arch, epochs, note), result, clock))
                scores[arch] = result.score
                _offer(record, arch, result, at_s=clock)
            alive = sorted((a for a in alive if scores[a] is not None), key=lambda a: -(scores[a] or 0.0))
    return alive[0]


def _training(arch: Arch, epochs: int, quality: float, metric: str, rng: np.random.Generator) -> Result:
    widths = SPACE.widths_of(arch)
    params = float(140 * widths[0] + sum(a * b for a, b in pairwise(widths)) + widths[-1])
    if quality < -0.0075:
        return Result(None, 0.2, error="the loss is not finite in epoch 1")
    base = 0.915 - 0.02 / epochs + quality + float(rng.normal(0.0, 0.0006))
    score = base if metric == "auc" else -(1.0 - base) * 400_000
    measures = {"epochs": float(epochs), "params": params, "flops": 2 * params, "epoch_s": 0.3}
    return Result(score, 0.15 * epochs + params / 4e5, measures=measures)


def _offer(record: RunRecord, arch: Arch, result: Result, *, at_s: float) -> None:
    best = record.best
    if result.score is None or (best is not None and result.score <= best["score"]):
        return
    record.incumbents.append(
        {
            "at_s": round(at_s, 3),
            "score": result.score,
            "arch": str(arch),
            "widths": list(SPACE.widths_of(arch)),
            "epochs": result.measures["epochs"],
            "params": int(result.measures["params"]),
            "what": "network",
        }
    )


def _record(metric: str) -> RunRecord:
    worst = 0.5 if metric == "auc" else -115_000.0
    phases = [("read", 18.0, 0.41), ("prepare", None, 0.62), ("profile", None, 1.9), ("filter", None, 0.21)]
    record = RunRecord(status="finished", warnings=["dropped 'row_id': every value occurs once"])
    at_s = 0.31
    for name, planned, used in phases:
        record.phases.append(Phase(1, name, planned, used, round(at_s, 3)))
        at_s += used
    record.phases.append(Phase(1, "refine", 54.8, 54.3, round(at_s, 3)))
    record.phases.append(Phase(1, "finish", 1.5, 0.86, round(at_s + 54.3, 3)))
    record.sessions = [{"budget_s": 60.0, "used_s": 58.9, "started": "2026-01-02T03:04:05+00:00", "status": "finished"}]
    record.incumbents = [
        {"at_s": 1.4, "score": worst, "arch": "", "widths": [], "epochs": 0.0, "params": 1, "what": "constant"}
    ]
    record.data = {"name": "census.parquet", "source": "census.parquet", "rows": 48_842, "columns": 15}
    record.data |= {"truncated": False, "options": {"test_fraction": 0.2, "valid_fraction": 0.2, "ignore": []}}
    kind = "binary" if metric == "auc" else "real"
    record.task = {"kind": kind, "metric": metric, "target": "income", "classes": ["<=50K", ">50K"]}
    record.task |= {"train_rows": 31_259, "valid_rows": 7_815, "test_rows": 9_768}
    features = [{"name": f"number {k}", "kind": "numeric", "dtype": "float", "categories": []} for k in range(4)]
    features.append({"name": "<b>bold & co</b>", "kind": "category", "dtype": "string", "categories": list("abcdefg")})
    features.append(
        {"name": "joined", "kind": "datetime", "dtype": "string", "categories": [], "parts": ["year", "month"]}
    )
    record.schema = {"features": features, "dropped": [{"name": "row_id", "reason": "every value occurs once"}]}
    record.space = {"name": "frappe", "layers": 4, "widths": list(SPACE.widths), "size": SPACE.size()}
    record.recipe = {"encoding": "ple", "embedding": 10, "lr": 1e-3, "batch": 512, "max_epochs": 20}
    record.settings = {"seed": 7, "explore": "whole", "unit": 2, "eta": 2, "workers": 2, "device": "auto"}
    record.plans = [
        {"at_s": 3.2, "score": 160_000, "rungs": [list(r) for r in RUNGS], "seconds": 53.1, "why": "bracket 1"}
    ]
    record.test = {"auc": 0.9121, "accuracy": 0.8702} if metric == "auc" else {"rmse": 36_123.4, "r2": 0.81}
    record.exports = {"onnx": {"path": "model.onnx", "max_difference": 3.1e-7}}
    record.hardware = {"processor": "Example CPU at 2.5 GHz", "cores": 2, "memory_gb": 15.6, "system": "Linux 6.1"}
    record.versions = {"python": "3.11.9", "archwright": "0.1.0", "torch": "2.6.0", "numpy": "2.1.0"}
    return record


def _resume(record: RunRecord) -> None:
    record.sessions.append(
        {"budget_s": 30.0, "used_s": 29.2, "started": "2026-01-02T04:00:00+00:00", "status": "finished"}
    )
    for name, began, planned, used in (
        ("read", 59.2, 9.0, 0.4),
        ("refine", 59.6, 27.0, 27.4),
        ("finish", 87.0, 1.4, 0.9),
    ):
        record.phases.append(Phase(2, name, planned, used, began))


def write_model(folder: RunFolder, widths: tuple[int, ...]) -> None:
    """Write a model file of these widths: 6 numeric and 3 categorical fields, embedding 10."""
    from safetensors.numpy import save_file

    arrays = {
        "num.vector": np.zeros((6, 10), np.float32),
        "num.table": np.zeros((6, 32, 10), np.float32),
        "num.slope": np.zeros((6, 32), np.float32),
        "cat.table": np.zeros((40, 10), np.float32),
        "cat.offset": np.zeros(3, np.int64),
    }
    before = 90
    for k, width in enumerate(widths):
        arrays[f"layers.{k}.weight"] = np.zeros((width, before), np.float32)
        arrays[f"layers.{k}.bias"] = np.zeros(width, np.float32)
        before = width
    arrays["head.weight"], arrays["head.bias"] = np.zeros((1, before), np.float32), np.zeros(1, np.float32)
    save_file(arrays, folder.model)
