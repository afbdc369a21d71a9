"""Writes NATS-Bench's published records in the official layouts."""

from __future__ import annotations

import bz2
import gzip
import json
import pickle
from collections import OrderedDict
from pathlib import Path
from typing import Any

SCHEDULES = {"12": "less", "200": "full"}


def records(shared_data: Path, space: str) -> dict[int, dict[str, Any]]:
    """Return index -> schedule -> the state of `ArchResults`, of the three published architectures."""
    path = shared_data / "nb201" / "nats_bench_3_full_records.json.gz"
    with gzip.open(path) as file:
        content = json.load(file)[space]
    return {
        int(index): {schedule: _state(int(index), trials) for schedule, trials in schedules.items()}
        for index, schedules in content.items()
    }


def small_records(texts: dict[int, str], *, epochs: int = 12) -> dict[int, dict[str, Any]]:
    """Return made-up records of the same form: one training on each of two data sets."""
    made = {}
    for index, text in texts.items():
        curve = [[epoch, 10.0 + index + epoch] for epoch in range(epochs)]
        trial = {
            "arch_str": text,
            "params_m": 0.5 + index,
            "flops_m": 2.0,
            "epochs": epochs,
            "latency": [0.25],
            "train_acc1es": [value for _, value in curve],
            "train_losses": [1.0] * epochs,
            "train_times": [2.0] * epochs,
            "eval": {
                name: {"x-valid": curve, "ori-test": curve} for name in ("eval_acc1es", "eval_losses", "eval_times")
            },
        }
        made[index] = {str(epochs): _state(index, {"cifar10-valid|777": trial, "cifar10|777": trial})}
    return made


def write_folder(folder: Path, found: dict[int, dict[str, Any]], texts: list[str]) -> Path:
    """Write `NATS-...-simple`: a list of architectures, and a file for each of them."""
    folder.mkdir()
    dump(folder / "meta.pickle.pbz2", {"meta_archs": texts, "total_archs": len(texts)})
    for index, schedules in found.items():
        dump(folder / f"{index:06d}.pickle.pbz2", OrderedDict(schedules))
    return folder


def whole(found: dict[int, dict[str, Any]], texts: list[str]) -> dict[str, Any]:
    """Return the content of the single file."""
    return {"meta_archs": texts, "arch2infos": OrderedDict(found), "evaluated_indexes": set(found)}


def dump(path: Path, content: Any) -> Path:
    """Write a compressed pickle as the official package does."""
    with bz2.open(path, "wb") as file:
        pickle.dump(content, file, protocol=4)
    return path


def _state(index: int, trials: dict[str, Any]) -> dict[str, Any]:
    results = {}
    seeds: dict[str, list[int]] = {}
    for key, trial in trials.items():
        dataset, seed = key.split("|")
        seeds.setdefault(dataset, []).append(int(seed))
        results[dataset, int(seed)] = _trial(dataset, int(seed), trial)
    text = next(iter(trials.values()))["arch_str"]
    return {
        "arch_index": index,
        "arch_str": text,
        "all_results": results,
        "dataset_seed": seeds,
        "clear_net_done": True,
    }


def _trial(dataset: str, seed: int, trial: dict[str, Any]) -> dict[str, Any]:
    evaluated = trial["eval"]
    return {
        "name": "infer.tiny",
        "net_state_dict": None,
        "train_acc1es": OrderedDict(enumerate(trial["train_acc1es"])),
        "train_acc5es": OrderedDict(enumerate(trial["train_acc1es"])),
        "train_losses": OrderedDict(enumerate(trial["train_losses"])),
        "train_times": OrderedDict(enumerate(trial["train_times"])),
        "arch_config": {"channel": 16, "num_cells": 5, "arch_str": trial["arch_str"], "class_num": 10},
        "params": trial["params_m"],
        "flop": trial["flops_m"],
        "seed": seed,
        "epochs": trial["epochs"],
        "latency": trial["latency"],
        "eval_names": list(evaluated["eval_acc1es"]),
        **{name: _flat(curves) for name, curves in evaluated.items()},
    }


def _flat(curves: dict[str, list[tuple[int, float]]]) -> dict[str, float]:
    return {f"{name}@{epoch}": value for name, curve in curves.items() for epoch, value in curve}
