"""NATS-Bench, both spaces, from the folder of small files or from the single file."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from archwright.bench.importers.nats_records import Records
from archwright.bench.importers.official import reading, refusal
from archwright.bench.importing import Imported
from archwright.bench.outcome import Provenance
from archwright.bench.restricted import read_pickle
from archwright.core.catalog import find
from archwright.core.errors import BenchError
from archwright.spaces.base import Space

__all__ = ["imported", "read"]

_WHAT = "NATS-Bench's folder NATS-...-simple or its file NATS-...pickle.pbz2"
#: Name of the benchmark, its space, its full schedule, and its size.
_TOPOLOGY = ("nats_tss", "nb201", 200, 15_625)
_SIZE = ("nats_sss", "nats_sss", 90, 32_768)
_VERSION = re.compile(r"NATS-[a-z]{3}-(v[0-9_]+-[0-9a-f]+)")
_UNITS = {"params": "", "flops": "", "latency_s": "s"}
_NOTE = (
    "Schedules of 1, 12, 90 and 200 epochs are trainings of their own, not beginnings of each other. Seconds are the"
    " training's, evaluations not counted; the authors estimated them from a few machines. Outcome cifar10 validates"
    " on half of the training images and tests the training on all of them."
)


def read(path: Path) -> Imported:
    """Return NATS-Bench's topology or size space: all data sets, schedules and seeds, with full curves.

    Which space it is says the list of architectures inside. A folder may hold a part of the architectures. The single
    file is read one record at a time: about five minutes, and about 2 GB of memory for the topology space.

    Args:
        path: `NATS-tss-v1_0-3ffb9-simple`, `NATS-tss-v1_0-3ffb9.pickle.pbz2`, or the same with `sss`.

    Raises:
        UnsafeFileError: if a pickle asks for code to be run.
        BenchError: if it is no such folder or file, or damaged.
    Source: arXiv:2009.00437; layout as in the official package nats_bench 1.8.
    """
    with reading(path, _WHAT):
        return _read_folder(path) if path.is_dir() else _read_file(path)


def imported(
    records: Records, texts: Sequence[str], name: str, space: Space, path: Path, provenance: Provenance
) -> Imported:
    """Return what records hold as a benchmark; rows are in the official order.

    Raises:
        BenchError: if a record is of another architecture than the list says, or there is none at all.
    """
    indexes = records.indexes()
    if not indexes:
        raise refusal(path, _WHAT, "there is no record of an architecture in it")
    for index in indexes:
        if not 0 <= index < len(texts) or texts[index] != records.texts[index]:
            raise BenchError(
                f"{path}: architecture {index} must be in the list, but its record says {records.texts[index]!r}"
            )
    archs = [space.parse(texts[index]) for index in indexes]
    measures = records.measures()
    units = {key: _UNITS[key.partition("@")[0]] for key in measures}
    return Imported(name, space, archs, records.outcomes(), provenance, measures, units)


def _read_folder(path: Path) -> Imported:
    meta = path / "meta.pickle.pbz2"
    if not meta.is_file():
        raise refusal(path, _WHAT, "the folder has no meta.pickle.pbz2")
    texts = _texts(read_pickle(meta), path)
    name, space_name, full, size = _TOPOLOGY if texts[0].startswith("|") else _SIZE
    records = Records(full=full)
    for file in sorted(path.glob("*.pickle.pbz2")):
        stem = file.name.partition(".")[0]
        if not stem.isdigit():
            continue
        before = len(records.indexes())
        for record in _schedules(read_pickle(file), file):
            if not records.take(record):
                raise refusal(file, _WHAT, "it holds no record of an architecture")
        if len(records.indexes()) != before + 1 or int(stem) not in records.texts:
            raise refusal(file, _WHAT, f"it holds another architecture than number {int(stem)}")
    return imported(
        records, texts, name, find("space", space_name)(), path, _provenance(path, len(records.texts), size)
    )


def _schedules(content: Any, file: Path) -> list[dict[Any, Any]]:
    if not isinstance(content, dict) or not all(isinstance(record, dict) for record in content.values()):
        raise refusal(file, _WHAT, f"it holds a {type(content).__name__} and not one record of each schedule")
    return list(content.values())


def _read_file(path: Path) -> Imported:
    # Which space it is is known only after the last record, so the full schedule is told afterwards.
    records = Records(full=0)
    texts = _texts(read_pickle(path, each_dict=records.take), path)
    name, space_name, records.full, size = _TOPOLOGY if texts[0].startswith("|") else _SIZE
    return imported(
        records, texts, name, find("space", space_name)(), path, _provenance(path, len(records.texts), size)
    )


def _texts(content: Any, path: Path) -> list[str]:
    texts = content.get("meta_archs") if isinstance(content, Mapping) else None
    if not isinstance(texts, list) or not texts or not all(isinstance(text, str) for text in texts):
        raise refusal(path, _WHAT, "it has no list of architectures")
    return texts


def _provenance(path: Path, count: int, size: int) -> Provenance:
    found = _VERSION.search(path.name)
    part = "" if count == size else f" Only {count:,} of {size:,} architectures were in what was imported."
    return Provenance(
        source="https://github.com/D-X-Y/NATS-Bench",
        licence="MIT",
        version=found.group(1) if found else "",
        citation="Dong, Liu, Musial, Gabrys: NATS-Bench, IEEE TPAMI 2021, arXiv:2009.00437",
        note=_NOTE + part,
    )
