"""NAS-Bench-Graph, from its light and its full files."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from refusals import refusal

from archwright.bench.importers.nb_graph import read
from archwright.bench.importing import import_bench
from archwright.bench.table import Bench
from archwright.spaces.nb_graph import NasBenchGraph, proteins

#: The official number of the README's architecture, Arch([0, 1, 2, 1], ['gcn', 'gin', 'fc', 'cheb']).
EXAMPLE = NasBenchGraph().parse("Arch([0, 1, 2, 1], ['gcn', 'gin', 'fc', 'cheb'])")
NUMBER = 61237
OTHER = 1111


def light(valid: float, test: float) -> dict[str, float]:
    return {"valid_perf": valid, "perf": test, "latency": 0.01, "para": 0.12}


def full(*valid: float) -> dict[str, Any]:
    rows = [[value + 0.1, value, value - 0.1, 1.0, 1.1, 1.2, max(valid)] for value in valid]
    return {"dur": rows, "latency": 0.02, "para": 0.12, "perf": 0.5, "valid_perf": max(valid)}


def write(path: Path, content: Any) -> Path:
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(pickle.dumps(content))
    return path


def test_light_files_give_one_result_per_network(tmp_path: Path) -> None:
    write(tmp_path / "light" / "cora.bench", {NUMBER: light(0.83, 0.81), OTHER: light(0.7, 0.69)})
    write(tmp_path / "light" / "proteins.bench", {NUMBER: light(0.8, 0.79)})
    bench = Bench.open(import_bench("nb_graph", tmp_path / "light", tmp_path / "out"))
    rows = bench.rows([EXAMPLE])
    assert bench.values("cora-light", rows) == pytest.approx([0.83])
    assert bench.values("cora-light", rows, split="test") == pytest.approx([0.81])
    assert bench.outcomes["cora-light"].metric == "accuracy"
    assert bench.outcomes["proteins-light"].metric == "roc_auc"
    assert bench.measures_of("cora-light")["params"][rows].tolist() == [0.12]


def test_full_files_give_the_curves_of_three_seeds(tmp_path: Path) -> None:
    for seed, values in enumerate([(0.1, 0.5, 0.4), (0.2, 0.6, 0.5), (0.3, 0.7, 0.6)]):
        write(tmp_path / f"cora{seed}.bench", {NUMBER: full(*values)})
    bench = Bench.open(import_bench("nb_graph", tmp_path, tmp_path / "out"))
    (row,) = bench.rows([EXAMPLE])
    outcome = bench.outcomes["cora"]
    assert outcome.epochs == (1, 2, 3)
    np.testing.assert_allclose(outcome.array("valid")[row, :, 1], [0.5, 0.6, 0.7])
    assert bench.values("cora", [row]) == pytest.approx([0.5])
    assert bench.values("cora", [row], split="test") == pytest.approx([0.4])
    assert bench.values("cora", [row], epoch=1, split="train") == pytest.approx([0.3])


def test_all_forms_of_a_network_are_found(tmp_path: Path) -> None:
    write(tmp_path / "cora.bench", {NUMBER: light(0.83, 0.81)})
    bench = Bench.open(import_bench("nb_graph", tmp_path / "cora.bench", tmp_path / "out"))
    same = [
        bench.space.parse(f"Arch([0, 1, {links}], ['gcn', {ops}])")
        for links, ops in (
            ("1, 2", "'gin', 'cheb', 'fc'"),
            ("1, 3", "'cheb', 'gin', 'fc'"),
        )
    ]
    assert (bench.rows(same) == 0).all()


def test_one_data_set_of_a_folder_can_be_chosen(tmp_path: Path) -> None:
    write(tmp_path / "cora.bench", {NUMBER: light(0.83, 0.81)})
    write(tmp_path / "cs.bench", {OTHER: light(0.9, 0.9)})
    assert [outcome.name for outcome in read(tmp_path, dataset="cs").outcomes] == ["cs-light"]
    assert "'pubmed'" in refusal("nb_graph", tmp_path, dataset="pubmed")


def test_proteins_may_be_numbered_by_its_five_operations(tmp_path: Path) -> None:
    small = proteins()
    arch = small.parse("Arch([0, 1, 2, 3], ['sage', 'arma', 'fc', 'gcn'])")
    found = read(write(tmp_path / "proteins.bench", {small.number(arch): light(0.7, 0.7)}))
    expected = found.space.parse("Arch([0, 1, 2, 3], ['sage', 'arma', 'fc', 'gcn'])")
    assert np.asarray(found.archs).tolist() == [list(expected.genes)]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ([1], "list"),
        ({}, "dict"),
        ({NUMBER: {"perf": 0.5}}, "valid_perf"),
        ({91234: light(0.5, 0.5)}, "gene 0"),
        ({8888: light(0.5, 0.5)}, "skip"),
        ({"x": light(0.5, 0.5)}, "of another form"),
        ({NUMBER: {"dur": [1.0, 2.0]}}, "of another form"),
    ],
)
def test_other_contents_are_refused(tmp_path: Path, content: Any, said: str) -> None:
    assert said in refusal("nb_graph", write(tmp_path / "cora.bench", content))


def test_other_names_and_truncated_files_are_refused(tmp_path: Path) -> None:
    path = write(tmp_path / "cora.bench", {NUMBER: light(0.83, 0.81)})
    assert "no file of that name" in refusal("nb_graph", write(tmp_path / "cora.pickle", {}))
    path.write_bytes(path.read_bytes()[:-20])
    refusal("nb_graph", path)
