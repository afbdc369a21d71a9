"""Parameters and multiply-adds are those that the benchmarks have recorded."""

from __future__ import annotations

import gzip
import itertools
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from archwright.core.arch import Arch
from archwright.core.graph import Graph
from archwright.core.rng import derive
from archwright.data.shapes import ImageShape
from archwright.nets.build import build
from archwright.nets.counting import count_flops, count_params
from archwright.nets.nb101 import vertex_channels
from archwright.spaces.base import Space
from archwright.spaces.nats_sss import NatsSizes
from archwright.spaces.nb101 import NasBench101
from archwright.spaces.nb201 import NasBench201
from archwright.spaces.nb_macro import NasBenchMacro

NB201 = NasBench201()
SHAPES = {
    "cifar10": ImageShape(),
    "cifar10-valid": ImageShape(),
    "cifar100": ImageShape(classes=100),
    "ImageNet16-120": ImageShape(3, 16, 16, 120),
}
#: Parameters and multiply-adds of a network of NAS-Bench-201 without convolutions in its cells, then more for each
#: 3x3 and each 1x1 convolution of the cell. Source: README of the data; exact on the official records.
NB201_COUNTS = {
    "cifar10": ((73_306, 243_040, 28_000), (7_783_050, 35_389_440, 3_932_160)),
    "cifar100": ((79_156, 243_040, 28_000), (7_788_900, 35_389_440, 3_932_160)),
    "ImageNet16-120": ((80_456, 243_040, 28_000), (1_953_400, 8_847_360, 983_040)),
}


def _counts(arch: Arch, space: Space, shape: ImageShape, *, biases: bool = True, **size: int) -> tuple[int, int]:
    model = build(arch, space, shape, rng=derive(0, "network"), **size)
    return count_params(model), count_flops(model, shape, biases=biases)


def _linear(counts: tuple[int, int, int], genes: tuple[int, ...]) -> int:
    return counts[0] + counts[1] * genes.count(3) + counts[2] * genes.count(2)


@pytest.mark.parametrize("dataset", sorted(NB201_COUNTS))
def test_nb201_counts_follow_the_formulas_of_the_benchmark(dataset: str) -> None:
    params, flops = NB201_COUNTS[dataset]
    for arch in [NB201.random(rng=derive(0, dataset, k)) for k in range(3)]:
        assert _counts(arch, NB201, SHAPES[dataset]) == (_linear(params, arch.genes), _linear(flops, arch.genes))


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_nb201_counts_follow_the_formulas_for_every_cell() -> None:
    # With one cell in a stage for five, what belongs to cells is a fifth; what does not is the same.
    params, flops = ((fixed, n3 // 5, n1 // 5) for fixed, n3, n1 in NB201_COUNTS["cifar10"])
    for arch in NB201.enumerate():
        expected = _linear(params, arch.genes), _linear(flops, arch.genes)
        assert _counts(arch, NB201, ImageShape(), cells=1) == expected


def test_nb201_counts_are_those_of_the_accuracy_table(shared_data: Path) -> None:
    import pandas as pd

    columns = ["arch_str", "params_m", "flops_m_c10"]
    table = pd.read_parquet(shared_data / "nb201" / "nb201_accuracy.parquet", columns=columns)
    params, flops = NB201_COUNTS["cifar10"]
    genes = [NB201.parse(text).genes for text in table["arch_str"]]
    assert np.allclose([_linear(params, each) for each in genes], table["params_m"] * 1e6, atol=0.5)
    assert np.allclose([_linear(flops, each) for each in genes], table["flops_m_c10"] * 1e6, atol=0.5)


@pytest.mark.parametrize(("kind", "space"), [("tss", NB201), ("sss", NatsSizes())])
def test_counts_are_those_of_the_official_records_of_nats_bench(shared_data: Path, kind: str, space: Space) -> None:
    file = shared_data / "nb201" / "nats_bench_3_full_records.json.gz"
    records = json.loads(gzip.decompress(file.read_bytes()))[kind]
    recorded = {
        (run["arch_str"], key.split("|")[0]): (run["params_m"], run["flops_m"])
        for schedules in records.values()
        for runs in schedules.values()
        for key, run in runs.items()
    }
    assert len(recorded) == 12
    for (text, dataset), expected in recorded.items():
        params, flops = _counts(space.parse(text), space, SHAPES[dataset])
        assert (params / 1e6, flops / 1e6) == pytest.approx(expected, abs=1e-9)


def test_nb_macro_counts_are_those_of_the_benchmark(shared_data: Path) -> None:
    _check_macro(shared_data, 6)


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_nb_macro_counts_are_those_of_the_benchmark_for_every_network(shared_data: Path) -> None:
    _check_macro(shared_data, None)


def test_nb_macro_counts_of_every_network_add_up_from_single_layers(shared_data: Path) -> None:
    # A layer's channels and its place do not depend on the other layers: networks that differ from the first in one
    # layer give the counts of all.
    import pandas as pd

    space, layers = NasBenchMacro(), 8
    table = pd.read_parquet(shared_data / "misc_nas" / "nas_bench_macro_cifar10.parquet")

    def counts(layer: int, choice: int) -> np.ndarray:
        text = "".join(str(choice) if place == layer else "0" for place in range(layers))
        return np.array(_counts(space.parse(text), space, ImageShape(), biases=False))

    first = counts(0, 0)
    more = np.array([[counts(layer, choice) - first for choice in range(3)] for layer in range(layers)])
    chosen = np.array([[int(digit) for digit in str(arch)] for arch in table["arch"]])
    assert len(table) == 3**layers
    found = first + more[np.arange(layers), chosen].sum(axis=1)
    assert (found == table[["params", "flops"]].to_numpy()).all()


def _check_macro(shared_data: Path, n: int | None) -> None:
    import pandas as pd

    space = NasBenchMacro()
    table = pd.read_parquet(shared_data / "misc_nas" / "nas_bench_macro_cifar10.parquet")
    for row in (table if n is None else table.sample(n, random_state=0)).itertuples():
        found = _counts(space.parse(str(row.arch)), space, ImageShape(), biases=False)
        assert found == (row.params, row.flops)


def test_nb101_parameters_are_those_of_the_benchmark(shared_data: Path) -> None:
    for cell, _, params in itertools.islice(_nb101_cells(shared_data, 40), 4):
        assert count_params(_nb101_network(cell)) == _nb101_params(cell) == params or params in _reordered(cell)


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_nb101_parameters_are_those_of_a_thousand_rows(shared_data: Path) -> None:
    exact = 0
    for cell, divides, params in _nb101_cells(shared_data, 1000):
        found = _nb101_params(cell)
        assert found == count_params(_nb101_network(cell))
        # Where the channels do not divide among the vertices that the output joins, parameters depend on the order of
        # the vertices, which the table does not keep: then some order must give the recorded number.
        assert found == params or (not divides and params in _reordered(cell))
        exact += found == params
    assert exact >= 950


def _nb101_cells(shared_data: Path, n: int) -> Iterator[tuple[Graph, bool, int]]:
    """Yield cells, whether 128 channels divide among the vertices that their output joins, and their parameters."""
    import pandas as pd

    numbers = {"0": 0, "1": 1, "2": 2, "I": 3, "O": 4}
    table = pd.read_parquet(shared_data / "nb101" / "nb101_20k.parquet").sample(n, random_state=0)
    for row in table.itertuples():
        size = int(row.vertices)
        links = frozenset(divmod(place, size) for place, bit in enumerate(row.adj) if bit == "1")
        cell = Graph(tuple(numbers[op] for op in row.ops), links)
        joined = sum(target == size - 1 and source != 0 for source, target in links)
        yield cell, 128 % max(1, joined) == 0, int(row.params)


def _nb101_network(cell: Graph) -> Any:
    space, size = NasBench101(), len(cell.ops)
    rows = "/".join("".join("01"[(i, j) in cell.edges] for j in range(size)) for i in range(size))
    arch = space.parse(f"{rows}|{','.join(space.op_names[op] for op in cell.ops)}")
    return build(arch, space, ImageShape(), rng=derive(0, "network"))


def _nb101_params(cell: Graph) -> int:
    """Return the parameters by arithmetic: kernels, and two numbers for each channel of a BatchNorm."""
    total, c_in, last = 3 * 128 * 9 + 2 * 128, 128, len(cell.ops) - 1
    for c_out in (128, 128, 128, 256, 256, 256, 512, 512, 512):
        widths = vertex_channels(cell, c_in, c_out)
        total += sum(c_in * widths[target] + 2 * widths[target] for source, target in cell.edges if source == 0)
        areas = {0: 9, 1: 1}
        for vertex in range(1, last):
            if cell.ops[vertex] in areas:
                total += widths[vertex] ** 2 * areas[cell.ops[vertex]] + 2 * widths[vertex]
        c_in = c_out
    return total + 512 * 10 + 10


def _reordered(cell: Graph) -> set[int]:
    """Return the parameters of the cell for every order of its vertices in which edges go forward."""
    size = len(cell.ops)
    found = set()
    for inner in itertools.permutations(range(1, size - 1)):
        place = {0: 0, size - 1: size - 1} | {vertex: new for new, vertex in enumerate(inner, start=1)}
        links = frozenset((place[i], place[j]) for i, j in cell.edges)
        if all(i < j for i, j in links):
            ops = sorted(range(size), key=place.__getitem__)
            found.add(_nb101_params(Graph(tuple(cell.ops[vertex] for vertex in ops), links)))
    return found
