"""NAS-Bench-301: runs in the official layout, from cells of the space and back."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from refusals import refusal

from archwright.bench.importers.nb301 import read
from archwright.bench.table import Bench, write_bench
from archwright.core.arch import Arch
from archwright.core.rng import derive
from archwright.spaces.darts import Darts

SPACE = Darts()
CELL = "NetworkSelectorDatasetInfo:darts:"


def config(arch: Arch, *, epochs: int = 100, channels: int = 32, layers: int = 8) -> dict[str, Any]:
    """The configuration of an architecture as the official files have it: edges in use only."""
    found: dict[str, Any] = {
        "SimpleLearningrateSchedulerSelector:cosine_annealing:T_max": epochs,
        f"{CELL}init_channels": channels,
        f"{CELL}layers": layers,
        "OptimizerSelector:optimizer": "sgd",
    }
    for kind, cell in zip(("normal", "reduce"), SPACE.nodes(arch), strict=True):
        for node, (one, op_1, two, op_2) in enumerate(cell, start=2):
            first = sum(range(2, node))
            found[f"{CELL}edge_{kind}_{first + one}"] = SPACE.operations[op_1]
            found[f"{CELL}edge_{kind}_{first + two}"] = SPACE.operations[op_2]
            if node > 2:
                found[f"{CELL}inputs_node_{kind}_{node}"] = f"{min(one, two)}_{max(one, two)}"
    return found


def run(arch: Arch, *, final: float = 93.0, curve: int = 98, **setting: int) -> dict[str, Any]:
    valid = np.linspace(40, final, curve).tolist()
    return {
        "final_metric_score": -final,
        "optimized_hyperparamater_config": config(arch, **setting),
        "budget": setting.get("epochs", 100),
        "info": [{"val_accuracy": final, "train_accuracy": 99.0, "epochs": curve, "model_parameters": 3_000_000}],
        "learning_curves": {"Train/val_accuracy": valid, "Train/train_accuracy": valid, "Train/train_loss": valid},
        "test_accuracy": final - 1,
        "runtime": 9800,
    }


def write(folder: Path, runs: list[dict[str, Any]], optimiser: str = "rs") -> Path:
    (folder / optimiser).mkdir(parents=True, exist_ok=True)
    for n, content in enumerate(runs):
        (folder / optimiser / f"results_{n:05d}.json").write_text(json.dumps(content))
    return folder


def random_archs(n: int) -> list[Arch]:
    rng = derive(0, "archs")
    return [SPACE.canonical(SPACE.random(rng=rng)) for _ in range(n)]


def test_the_published_example_is_the_pair_of_cells_that_it_describes(tmp_path: Path) -> None:
    # Edges and inputs as in the result file that the official repository tests with.
    normal = {0: "skip_connect", 1: "sep_conv_3x3", 2: "sep_conv_3x3", 3: "skip_connect", 5: "dil_conv_3x3"}
    normal |= {7: "dil_conv_5x5", 10: "sep_conv_3x3", 11: "skip_connect"}
    reduce = {0: "max_pool_3x3", 1: "avg_pool_3x3", 2: "skip_connect", 3: "dil_conv_5x5", 6: "sep_conv_3x3"}
    reduce |= {7: "sep_conv_5x5", 11: "sep_conv_3x3", 12: "dil_conv_3x3"}
    content = run(random_archs(1)[0])
    told = {key: value for key, value in content["optimized_hyperparamater_config"].items() if "edge_" not in key}
    for kind, ops in (("normal", normal), ("reduce", reduce)):
        told |= {f"{CELL}edge_{kind}_{n}": op for n, op in ops.items()}
    inputs = {"normal": ("0_1", "0_2", "1_2"), "reduce": ("0_1", "1_2", "2_3")}
    told |= {f"{CELL}inputs_node_{kind}_{n}": pair for kind, pairs in inputs.items() for n, pair in enumerate(pairs, 3)}
    found = read(write(tmp_path, [{**content, "optimized_hyperparamater_config": told}]))
    wanted = SPACE.parse(
        "Genotype(normal=[('skip_connect', 0), ('sep_conv_3x3', 1), ('sep_conv_3x3', 0), ('skip_connect', 1),"
        " ('dil_conv_3x3', 0), ('dil_conv_5x5', 2), ('sep_conv_3x3', 1), ('skip_connect', 2)],"
        " normal_concat=[2, 3, 4, 5],"
        " reduce=[('max_pool_3x3', 0), ('avg_pool_3x3', 1), ('skip_connect', 0), ('dil_conv_5x5', 1),"
        " ('sep_conv_3x3', 1), ('sep_conv_5x5', 2), ('sep_conv_3x3', 2), ('dil_conv_3x3', 3)],"
        " reduce_concat=[2, 3, 4, 5])"
    )
    assert [tuple(genes) for genes in found.archs] == [SPACE.canonical(wanted).genes]


@settings(deadline=None, max_examples=25)
@given(seed=st.integers(0, 10_000))
def test_every_pair_of_cells_comes_back(seed: int, tmp_path_factory: pytest.TempPathFactory) -> None:
    arch = SPACE.random(rng=derive(seed, "arch"))
    found = read(write(tmp_path_factory.mktemp("nb301"), [run(arch)]))
    assert [tuple(genes) for genes in found.archs] == [SPACE.canonical(arch).genes]


def test_curves_final_values_and_costs_are_kept(tmp_path: Path) -> None:
    archs = random_archs(3)
    runs = [run(arch, final=90.0 + n) for n, arch in enumerate(archs)]
    found = read(write(tmp_path / "nb_301_v13", runs))
    bench = Bench.open(write_bench(tmp_path / "bench", **vars(found)))
    outcome = bench.outcomes["cifar10"]
    assert outcome.epochs == tuple(range(1, 99))
    np.testing.assert_allclose(bench.values("cifar10", bench.rows(archs)), [90, 91, 92])
    np.testing.assert_allclose(bench.values("cifar10", bench.rows(archs), split="test"), [89, 90, 91])
    np.testing.assert_allclose(bench.values("cifar10", bench.rows(archs), epoch=1), 40)
    np.testing.assert_allclose(outcome.array("seconds")[0, 0, [0, 97]], [100, 9800], rtol=1e-6)
    assert np.isnan(outcome.array("test")[:, :, :-1]).all()
    assert bench.measures["params@cifar10"].tolist() == [3_000_000] * 3
    assert found.provenance.version == "nb_301_v13"


def test_an_architecture_written_with_its_inputs_exchanged_has_the_same_row(tmp_path: Path) -> None:
    arch = random_archs(1)[0]
    bench = Bench.open(write_bench(tmp_path / "bench", **vars(read(write(tmp_path / "runs", [run(arch)])))))
    one, op_1, two, op_2, *rest = arch.genes
    assert bench.rows([Arch("darts", (two, op_2, one, op_1, *rest))]).tolist() == [0]


def test_repeated_trainings_are_seeds_and_other_settings_are_outcomes_of_their_own(tmp_path: Path) -> None:
    one, other = random_archs(2)
    write(tmp_path, [run(one, final=90.0), run(one, final=92.0), run(other, final=94.0)])
    write(tmp_path, [run(one, final=70.0, curve=10, epochs=50, channels=8, layers=5)], "fidelity_0")
    found = read(tmp_path)
    main, small = sorted(found.outcomes, key=lambda outcome: len(outcome.name))
    assert (main.name, small.name) == ("cifar10", "cifar10-e50-c8-l5")
    rows = {tuple(genes): row for row, genes in enumerate(found.archs.tolist())}
    last = main.array("valid")[:, :, -1]
    np.testing.assert_allclose(last[rows[one.genes]], [90, 92])
    np.testing.assert_allclose(last[rows[other.genes]], [94, np.nan])
    assert small.epochs == tuple(range(1, 11))
    np.testing.assert_allclose(small.array("valid")[rows[one.genes], :, -1], [70])
    assert np.isnan(small.array("valid")[rows[other.genes]]).all()


def test_runs_without_curves_have_their_last_epoch_only(tmp_path: Path) -> None:
    content = run(random_archs(1)[0], final=97.68, curve=1488)
    del content["learning_curves"]
    outcome = read(write(tmp_path, [content])).outcomes[0]
    assert outcome.epochs[-1] == 1488
    assert outcome.array("valid")[0, 0, -1] == pytest.approx(97.68)
    assert np.isnan(outcome.array("valid")[0, 0, :-1]).all()


def test_other_files_are_refused_in_one_line(tmp_path: Path) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    assert "no such file in it" in refusal("nb301", empty)
    arch = random_archs(1)[0]
    damaged = [
        ({"final_metric_score": 1}, "another form"),
        ({**run(arch), "optimized_hyperparamater_config": {}}, "another form"),
        ({**run(arch), "info": []}, "another form"),
        ({**run(arch), "learning_curves": {"Train/val_accuracy": ["a"]}}, "another form"),
    ]
    for key, value, problem in (
        (f"{CELL}inputs_node_normal_3", "3_0", "reads node 3"),
        (f"{CELL}inputs_node_normal_4", "0-2", "are '0-2'"),
        (f"{CELL}edge_normal_0", "conv_9x9", "not of the space"),
        (f"{CELL}inputs_node_normal_4", "2_2", "not of the space"),
    ):
        told = {**config(arch), f"{CELL}edge_normal_7": "skip_connect", key: value}
        damaged.append(({**run(arch), "optimized_hyperparamater_config": told}, problem))
    for n, (content, problem) in enumerate(damaged):
        folder = write(tmp_path / f"damaged_{n}", [content])
        message = refusal("nb301", folder)
        assert problem in message
        assert "results_00000.json" in message
    cut = write(tmp_path / "cut", [run(arch)]) / "rs" / "results_00000.json"
    cut.write_text(cut.read_text()[:-100])
    assert "truncated" in refusal("nb301", cut.parent)
