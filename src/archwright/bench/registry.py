"""The published benchmarks: how large they are, what can be asked, where they come from, and which are here."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from archwright.bench.home import bench_home

__all__ = ["PUBLISHED", "Found", "Published", "found_benches", "listing"]


@dataclass(frozen=True, slots=True)
class Published:
    """One published benchmark.

    Args:
        name: As its paper calls it.
        size: Architectures of its search space, as text: `423,624`, `10^18`.
        tasks: Number of tasks, and what they are.
        queries: What the official files answer: `table` (trained results), `surrogate` (predictions of a model),
            `curves` (results after epochs in between), `hardware` (measured latency or energy).
        official: Where the official files come from.
        importer: Kind for `archwright bench import`; empty if there is none.
        benches: Pattern of the names that imported benchmarks have.
        note: What to know; why there is no importer, if there is none.
    """

    name: str
    size: str
    tasks: str
    queries: tuple[str, ...]
    official: str
    importer: str
    benches: str = ""
    note: str = ""


@dataclass(frozen=True, slots=True)
class Found:
    """A benchmark that is on this machine."""

    name: str
    folder: Path
    rows: int
    outcomes: tuple[str, ...]


_X11 = "https://github.com/automl/nas-bench-x11"
_MODEL = "its files are fitted models, not results; no importer"

#: The table of the tutorial on neural architecture search at AAAI 2023 (White and Debnath), in its order, and
#: NAS-Bench-Tabular. Differs: sizes are exact where they are known; for cells of NAS-Bench-201 those that were
#: trained, where the tutorial counts the 6,466 that differ.
PUBLISHED = (
    Published(
        "NAS-Bench-101",
        "423,624",
        "1 image classification",
        ("table",),
        "https://github.com/google-research/nasbench",
        "nb101",
        "nb101",
        "results after 4, 12, 36 and 108 epochs, each a training of its own",
    ),
    Published(
        "NATS-Bench-TSS (NAS-Bench-201)",
        "15,625",
        "3 image classification",
        ("table", "curves"),
        "https://github.com/D-X-Y/NATS-Bench",
        "nats_bench",
        "nats_tss|nb201",
        "the older files of https://github.com/D-X-Y/NAS-Bench-201 have the kind nb201",
    ),
    Published(
        "NATS-Bench-SSS",
        "32,768",
        "3 image classification",
        ("table", "curves"),
        "https://github.com/D-X-Y/NATS-Bench",
        "nats_bench",
        "nats_sss",
    ),
    Published(
        "NAS-Bench-NLP",
        "> 10^53",
        "1 language modelling",
        ("table", "curves"),
        "https://github.com/fmsnew/nas-bench-nlp-release",
        "nlp",
        "nlp",
        "some 14,000 networks were trained",
    ),
    Published(
        "NAS-Bench-1Shot1",
        "364,627",
        "1 image classification",
        ("table",),
        "https://github.com/automl/nasbench-1shot1",
        "nb1shot1",
        r"nb1shot1.*",
        "three subsets of NAS-Bench-101, made from its file",
    ),
    Published(
        "Surr-NAS-Bench-DARTS (NAS-Bench-301)",
        "10^18",
        "1 image classification",
        ("surrogate", "table", "curves"),
        "https://github.com/automl/nasbench301",
        "nb301",
        "nb301",
        "the importer reads the 60,000 trainings behind it, not the surrogate",
    ),
    Published(
        "Surr-NAS-Bench-FBNet",
        "10^21",
        "1 image classification",
        ("surrogate",),
        "https://github.com/automl/nasbench301",
        "",
        note=_MODEL,
    ),
    Published(
        "NAS-Bench-ASR",
        "8,242",
        "1 speech recognition",
        ("table", "curves", "hardware"),
        "https://github.com/SamsungLabs/nb-asr",
        "asr",
        "asr",
    ),
    Published(
        "TransNAS-Bench-101-Micro",
        "4,096",
        "7 computer vision",
        ("table", "curves"),
        "https://github.com/yawen-d/TransNASBench",
        "transnas",
        "transnas_micro",
    ),
    Published(
        "TransNAS-Bench-101-Macro",
        "3,256",
        "7 computer vision",
        ("table", "curves"),
        "https://github.com/yawen-d/TransNASBench",
        "transnas",
        "transnas_macro",
        "--option space=macro",
    ),
    Published("NAS-Bench-111", "423,624", "1 image classification", ("surrogate", "curves"), _X11, "", note=_MODEL),
    Published("NAS-Bench-311", "10^18", "1 image classification", ("surrogate", "curves"), _X11, "", note=_MODEL),
    Published("NAS-Bench-NLP11", "> 10^53", "1 language modelling", ("surrogate", "curves"), _X11, "", note=_MODEL),
    Published(
        "NAS-Bench-MR",
        "10^23",
        "9 computer vision",
        ("table",),
        "https://github.com/dingmyu/NCP",
        "mr",
        "mr",
        "some 2,500 networks were trained in each setting",
    ),
    Published(
        "NAS-Bench-360",
        "15,625",
        "10 of many kinds",
        ("table", "curves"),
        "https://github.com/rtu715/NAS-Bench-360",
        "nb360",
        "nb360",
        "two of its tasks have precomputed results; the tutorial counts 30 tasks with the spaces",
    ),
    Published(
        "NAS-Bench-Macro",
        "6,561",
        "1 image classification",
        ("table",),
        "https://github.com/xiusu/NAS-Bench-Macro",
        "nb_macro",
        "nb_macro",
    ),
    Published(
        "HW-NAS-Bench-201",
        "15,625",
        "3 image classification",
        ("hardware",),
        "https://github.com/GATECH-EIC/HW-NAS-Bench",
        "hw_nas",
        "hw_nb201",
        "--option bench=FOLDER adds the measures to a benchmark with accuracies",
    ),
    Published(
        "HW-NAS-Bench-FBNet",
        "10^21",
        "1 image classification",
        ("hardware",),
        "https://github.com/GATECH-EIC/HW-NAS-Bench",
        "hw_nas",
        "hw_fbnet",
        "--option space=fbnet",
    ),
    Published(
        "NAS-Bench-Tabular",
        "160,000 and 10,000",
        "3 tables",
        ("table", "curves"),
        "https://github.com/nusdbsystem/Trails",
        "nb_tabular",
        r"nb_tabular_.*",
        "one's own: archwright bench build",
    ),
)


def found_benches(folders: Iterable[Path] = ()) -> list[Found]:
    """Return the benchmarks in the folder of imported ones and in `folders`, or right below; damaged ones are left out.

    Looks at descriptions only, not at the arrays.
    """
    places = [place for folder in (bench_home(), *folders) for place in (folder, *sorted(folder.glob("*")))]
    found = {}
    for place in places:
        meta = _described(place / "bench.json")
        if meta is not None:
            rows = int(meta["files"]["genes"]["shape"][0])
            outcomes = tuple(str(outcome["name"]) for outcome in meta["outcomes"])
            found[place.resolve()] = Found(str(meta["name"]), place, rows, outcomes)
    return list(found.values())


def listing(folders: Iterable[Path] = ()) -> list[dict[str, Any]]:
    """Return one entry per published benchmark, and one per benchmark here that is none of them.

    Each has the fields of `Published`, and `here`: the folders that hold it.
    """
    found, rows = found_benches(folders), []
    for published in PUBLISHED:
        mine = [each for each in found if published.benches and re.fullmatch(published.benches, each.name)]
        found = [each for each in found if each not in mine]
        rows.append(asdict(published) | {"here": [str(each.folder) for each in mine]})
    for each in found:
        own = Published(each.name, f"{each.rows:,}", f"{len(each.outcomes)}: {', '.join(each.outcomes)}", (), "", "")
        rows.append(asdict(own) | {"here": [str(each.folder)]})
    for row in rows:
        row.pop("benches")
    return rows


def _described(path: Path) -> dict[str, Any] | None:
    try:
        meta = json.loads(path.read_bytes())
        _ = meta["name"], meta["files"]["genes"]["shape"][0], meta["outcomes"]
    except (OSError, ValueError, KeyError, TypeError, IndexError):
        return None
    return dict(meta)
