"""NAS-Bench-201 from its own files of torch.save."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from archwright.bench.importers.nats_bench import imported
from archwright.bench.importers.nats_records import Records
from archwright.bench.importers.official import reading, refusal
from archwright.bench.importing import Imported
from archwright.bench.outcome import Provenance
from archwright.bench.torch_archive import read_torch
from archwright.core.catalog import find

__all__ = ["read"]

_WHAT = "NAS-Bench-201's file NAS-Bench-201-...pth"
_FULL_EPOCHS = 200
_VERSION = re.compile(r"NAS-Bench-201-(v[0-9_]+-[0-9a-f]+)")
_NOTE = (
    "Results of 12 and of 200 epochs are trainings of their own. Versions 1.0, 1.1 and NATS-Bench differ in a sixth of"
    " the cells. Outcome cifar10 validates on half of the training images and tests the training on all of them."
)


def read(path: Path) -> Imported:
    """Return NAS-Bench-201: four trainings' data sets, schedules of 12 and 200 epochs, with full curves.

    The file of 4.7 GB is read one record at a time, without torch: about five minutes, and about 2 GB of memory.
    Version 1.0 is read as well.

    Args:
        path: `NAS-Bench-201-v1_1-096897.pth`.

    Raises:
        UnsafeFileError: if the file asks for code to be run.
        BenchError: if it is no such file, or damaged.
    Source: arXiv:2001.00326; layout as in the official package nas_201_api.
    """
    with reading(path, _WHAT):
        records = Records(full=_FULL_EPOCHS)
        content = read_torch(path, each_dict=records.take)
        texts = content.get("meta_archs") if isinstance(content, Mapping) else None
        if not isinstance(texts, list) or not texts or not all(isinstance(text, str) for text in texts):
            raise refusal(path, _WHAT, "it has no list of architectures")
        return imported(records, texts, "nb201", find("space", "nb201")(), path, _provenance(path))


def _provenance(path: Path) -> Provenance:
    found = _VERSION.search(path.name)
    return Provenance(
        source="https://github.com/D-X-Y/NAS-Bench-201",
        licence="MIT",
        version=found.group(1) if found else "",
        citation="Dong, Yang: NAS-Bench-201, ICLR 2020, arXiv:2001.00326",
        note=_NOTE,
    )
