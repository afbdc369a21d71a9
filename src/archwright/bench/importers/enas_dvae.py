"""The networks of ENAS that D-VAE learned from: six layers, and their accuracy with shared weights."""

from __future__ import annotations

import json
from pathlib import Path

from archwright.bench.importers.official import Curves, Rows, reading, refusal
from archwright.bench.importing import Imported
from archwright.bench.outcome import Provenance
from archwright.bench.restricted import open_file
from archwright.core.arch import Arch
from archwright.core.errors import ArchError, BenchError
from archwright.spaces.enas_dvae import EnasDvae
from archwright.spaces.literal import integers

__all__ = ["read"]

_WHAT = "D-VAE's file final_structures6.txt"
_BURN_IN = 1000

_PROVENANCE = Provenance(
    source="https://github.com/muhanzhang/D-VAE, data/final_structures6.txt",
    licence="MIT",
    citation="Zhang, Jiang, Cui, Garnett, Chen: D-VAE, NeurIPS 2019, arXiv:1904.11088",
    note=(
        "accuracies on CIFAR-10 with the weights that ENAS shares between all networks, not of trainings of their own;"
        " lines are in the order in which ENAS drew them, so those at the beginning had weights that were trained less;"
        " a network that was drawn several times has several values, as seeds; counted as one epoch"
    ),
)


def read(path: Path, *, burn_in: int = _BURN_IN) -> Imported:
    """Return the networks of the file, a row each, with their accuracy (a fraction) as outcome `cifar10-shared`.

    Args:
        path: `final_structures6.txt`, 20,020 lines `[[1], [4, 0], ...], 0.7302`.
        burn_in: Lines to leave out at the beginning: 1,000, as the authors do, leaves their 19,020.

    Raises:
        BenchError: if it is no such file, a line of it is damaged, or nothing is left of it.
    Source: arXiv:1904.11088, sec. 5.1.
    """
    if burn_in < 0:
        raise BenchError(f"burn_in must be 0 or more lines, but {burn_in} was given")
    with reading(path, _WHAT), open_file(path) as file:
        lines = file.read().decode("utf-8").splitlines()
    space, rows, curves = EnasDvae(), Rows(), Curves()
    for number, line in enumerate(lines, start=1):
        if number > burn_in and line.strip():
            arch, accuracy = _network(space, path, number, line)
            curves.add(rows.row(arch.genes), {"valid": [accuracy]})
    if not len(rows):
        raise refusal(path, _WHAT, f"nothing is left of its {len(lines)} lines after the first {burn_in} (burn_in)")
    outcome = curves.outcome("cifar10-shared", "accuracy", "fraction", len(rows))
    return Imported("enas_dvae", space, rows.genes(), [outcome], _PROVENANCE)


def _network(space: EnasDvae, path: Path, number: int, line: str) -> tuple[Arch, float]:
    """Return the network and the accuracy of one line."""
    try:
        # 20,020 lists, read as JSON and not as Python's literals: 10 times as fast.
        structure, accuracy = json.loads(f"[{line}]")
        layers = [integers(layer) or () for layer in structure]
        if [len(layer) for layer in layers] != [*range(1, space.n_layers + 1)]:
            raise ValueError(f"layers of {[len(layer) for layer in layers]} numbers")
        genes = tuple(gene for layer in layers for gene in layer)
        arch, value = space.require(Arch(space.name, genes)), float(accuracy)
    except (ValueError, TypeError, RecursionError, ArchError) as error:
        problem = " ".join(str(error).split())[:120]
        raise refusal(path, _WHAT, f"line {number} is not `[[op], [op, link], ...], accuracy` ({problem})") from error
    if not 0 <= value <= 1:
        raise refusal(path, _WHAT, f"line {number} has an accuracy of {value}, outside 0 to 1")
    return arch, value
