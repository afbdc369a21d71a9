"""NAS-Bench-NLP: recurrent cells on Penn Treebank and WikiText-2, losses after every epoch."""

# E epochs

from __future__ import annotations

import json
import zipfile
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np

from archwright.bench.importers.official import Curves, Rows, numbers_of, reading, refusal
from archwright.bench.importing import Imported
from archwright.bench.outcome import Provenance
from archwright.core.catalog import find
from archwright.core.errors import ArchError
from archwright.spaces.base import Space

__all__ = ["read"]

_WHAT = "a logs.zip of NAS-Bench-NLP, or a folder of its logs (one JSON file per training)"
_SPLITS = {"valid": "val_losses", "test": "test_losses", "train": "train_losses"}

_SOURCE = "https://github.com/fmsnew/nas-bench-nlp-release, train_logs_*/logs.zip"
_CITATION = "Klyuchnikov et al., NAS-Bench-NLP, IEEE Access 2022, arXiv:2006.07116"
_NOTE = (
    "values are mean negative log-likelihoods in nats per token, lower is better, perplexity = exp(value); epoch E is"
    " after E epochs; seconds are training without evaluation; a training that ended with NaN has no values from there"
    " on; several logs of one cell are its seeds"
)


def read(path: Path) -> Imported:
    """Read one `logs.zip`, or all logs below a folder, zipped or not.

    An outcome per data set (`ptb`, `wikitext-2`); the trainings of one cell are its seeds, and recipes that differ in
    names and order only are one cell. Recipes that the space does not hold, because they have more nodes, are left
    out and counted in the note.

    Raises:
        BenchError: if there are no such logs, or one is damaged.
    """
    space: Space = find("space", "nlp")()
    rows, outcomes = Rows(), dict[str, Curves]()
    with reading(path, _WHAT):
        n_logs, left_out = _take(_logs(path), space, rows, outcomes)
    if not outcomes:
        raise refusal(path, _WHAT, "it holds no log" + (f" of a recipe in space {space.name!r}" if left_out else ""))
    note = _NOTE
    if left_out:
        note += f"; {left_out} of {n_logs} logs are left out: space {space.name!r} does not hold their recipes"
    return Imported(
        name="nlp",
        space=space,
        archs=rows.genes(),
        outcomes=[
            curves.outcome(name, "log_loss", "nats", len(rows), higher_is_better=False)
            for name, curves in outcomes.items()
        ],
        measures=numbers_of(outcomes, len(rows)),
        unique=True,
        provenance=Provenance(_SOURCE, "Apache-2.0", version="2020", citation=_CITATION, note=note),
    )


def _take(logs: Iterable[Mapping[str, Any]], space: Space, rows: Rows, outcomes: dict[str, Curves]) -> tuple[int, int]:
    """Add all logs and return their number, and the number of those whose recipe the space does not hold."""
    n_logs = left_out = 0
    for log in logs:
        n_logs += 1
        try:
            arch = space.canonical(space.parse(_recipe(log)))
        except ArchError:
            left_out += 1
            continue
        dataset = PurePosixPath(str(log["data"])).name
        _add(outcomes.setdefault(dataset, Curves()), rows.row(arch.genes), log)
    return n_logs, left_out


def _add(curves: Curves, row: int, log: Mapping[str, Any]) -> None:
    splits = {split: np.array(log[field], dtype=np.float64) for split, field in _SPLITS.items()}
    seconds = np.cumsum(np.array(log["wall_times"], dtype=np.float64))
    lengths = {len(curve) for curve in (*splits.values(), seconds)}
    if len(lengths) != 1:
        raise ValueError(f"the curves of recipe {log['recepie_id']} have lengths {sorted(lengths)}")
    curves.add(row, splits | {"seconds": seconds})
    curves.note(row, params=log["num_params"])


def _recipe(log: Mapping[str, Any]) -> str:
    """Return the recipe as the text of a JSON object, which is how official logs hold it."""
    recipe = log["recepie"]
    return recipe if isinstance(recipe, str) else json.dumps(recipe)


def _logs(path: Path) -> Iterator[Mapping[str, Any]]:
    """Yield every log, in the order of the names of files."""
    if path.is_dir():
        files = sorted(each for each in path.rglob("*") if each.suffix in (".json", ".zip") and each.is_file())
        for file in files:
            yield from _logs(file)
    elif path.suffix == ".json":
        log = json.loads(path.read_bytes())
        if _is_log(log):
            yield log
    else:
        with zipfile.ZipFile(path) as archive:
            for name in sorted(archive.namelist()):
                # What a Mac adds to an archive is no log.
                if name.endswith(".json") and not name.startswith("__MACOSX"):
                    log = json.loads(archive.read(name))
                    if _is_log(log):
                        yield log


def _is_log(content: Any) -> bool:
    """Return whether a JSON file is the log of a training: the repository holds lists of recipes, too."""
    return isinstance(content, Mapping) and "recepie" in content
