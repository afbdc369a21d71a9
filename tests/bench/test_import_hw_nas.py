"""HW-NAS-Bench: the published measures in the official layout, and FBNet's networks as sums of their layers."""

from __future__ import annotations

import ast
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import shared_benches
from refusals import refusal, truncated

from archwright.bench.importers.fbnet_costs import costs
from archwright.bench.importers.hw_nas import read
from archwright.bench.importing import import_bench
from archwright.bench.outcome import Outcome, Provenance
from archwright.bench.table import Bench, write_bench
from archwright.core.catalog import find
from archwright.core.errors import BenchError

SETS = ("cifar10", "cifar100", "ImageNet16-120")
BLOCKS = ((1, 3, 1), (1, 3, 2), (3, 3, 1), (6, 3, 1), (1, 5, 1), (1, 5, 2), (3, 5, 1), (6, 5, 1), None)
STAGES = ((1, 16), (4, 24), (4, 32), (4, 64), (4, 112), (4, 184), (1, 352))
FBNET = {
    "cifar100": (32, 1, (1, 1, 2, 2, 1, 2, 1), 1504, 100),
    "ImageNet": (224, 2, (1, 2, 2, 2, 1, 2, 1), 1984, 1000),
}


def layers_of(genes: list[int], dataset: str) -> list[str]:
    """Keys of all layers of one network, layer by layer: the slow twin."""
    size, stem, strides, head, classes = FBNET[dataset]
    keys = [f"ConvNorm_H{size}_W{size}_Cin3_Cout16_kernel3_stride{stem}_group1"]
    size, n_in, genes = size // stem, 16, list(genes)
    for (n_layers, n_out), first in zip(STAGES, strides, strict=True):
        for stride in (first, *(1,) * (n_layers - 1)):
            block = BLOCKS[genes.pop(0)]
            where = f"H{size}_W{size}_Cin{n_in}_Cout{n_out}"
            if block is None:
                keys.append(f"Skip_{where}_stride{stride}")
            else:
                keys.append(f"ConvBlock_{where}_exp{block[0]}_kernel{block[1]}_stride{stride}_group{block[2]}")
            size, n_in = size // stride, n_out
    keys.append(f"ConvNorm_H{size}_W{size}_Cin352_Cout{head}_kernel1_stride1_group1")
    keys.append(f"AvgP_H{size}_W{size}_Cin{head}_Cout{head}_kernel{size}_stride1")
    return [*keys, f"FC_Cin{head}_Cout{classes}"]


def fbnet_table(seed: int) -> dict[str, float]:
    """A cost of every layer that occurs, in the official form."""
    rng = np.random.default_rng(seed)
    keys = {key for dataset in FBNET for op in range(9) for key in layers_of([op] * 22, dataset)}
    return {key: float(rng.uniform(0.01, 2)) for key in sorted(keys)}


def write(path: Path, cells: list[dict[str, Any]], columns: dict[str, dict[str, Any]]) -> Path:
    """The official file: measures of the cells by data set, and tables of FBNet's layers by measure."""
    content = {
        "nasbench201": {name: {**columns[name], "config": cells} for name in SETS},
        "fbnet": {
            "edgegpu_latency": fbnet_table(1),
            "edgegpu_energy": fbnet_table(2),
            "raspi4_latency": fbnet_table(3),
        },
    }
    path.write_bytes(pickle.dumps(content, protocol=4))
    return path


def small_file(folder: Path) -> Path:
    texts = [
        "|none~0|+|none~0|none~1|+|none~0|none~1|none~2|",
        "|skip_connect~0|+|none~0|none~1|+|none~0|none~1|none~2|",
    ]
    cells = [{"name": "infer.tiny", "C": 16, "N": 5, "arch_str": text, "num_classes": 10} for text in texts]
    # Numbers as lists, as arrays, and as numpy scalars: the official file mixes them.
    columns = {
        "edgegpu_latency": [1.5, 2.5],
        "edgetpu_latency": np.array([-1, 3.0]),
        "edgegpu_energy": [np.float64(7), np.float32(8)],
    }
    return write(folder / "HW-NAS-Bench-v1_0.pickle", cells, dict.fromkeys(SETS, columns))


@pytest.fixture
def small(tmp_path: Path) -> Path:
    return small_file(tmp_path)


@pytest.fixture(scope="module")
def published(shared_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    table = pd.read_parquet(shared_data / "nb201" / "nb201_hw.parquet")
    texts = pd.read_parquet(shared_data / "nb201" / "nb201_accuracy.parquet")["arch_str"]
    cells = [{"name": "infer.tiny", "C": 16, "N": 5, "arch_str": text, "num_classes": 10} for text in texts]
    parts = {name: table[table["dataset"] == name].sort_values("arch_index") for name in SETS}
    columns = {name: {column: part[column].tolist() for column in part.columns[2:]} for name, part in parts.items()}
    return write(tmp_path_factory.mktemp("hw") / "HW-NAS-Bench-v1_0.pickle", cells, columns)


def test_published_measures_of_all_cells_come_back(published: Path, shared_data: Path) -> None:
    found = read(published)
    table = pd.read_parquet(shared_data / "nb201" / "nb201_hw.parquet")
    assert len(found.archs) == 15_625
    for dataset in SETS:
        part = table[table["dataset"] == dataset].sort_values("arch_index")
        for column, name in (
            ("edgegpu_latency", "edgegpu_latency_ms"),
            ("fpga_energy", "fpga_energy_mj"),
            ("eyeriss_arithmetic_intensity", "eyeriss_arithmetic_intensity"),
        ):
            np.testing.assert_array_equal(found.measures[f"{name}@{dataset.lower()}"], part[column])
        # -1 means not measurable: 4,699 cells on each data set.
        assert np.isnan(found.measures[f"edgetpu_latency_ms@{dataset.lower()}"]).sum() == 4699
    assert found.units["edgegpu_latency_ms@cifar10"] == "ms"
    assert found.units["fpga_energy_mj@cifar10"] == "mJ"


def test_measures_are_added_to_a_benchmark_cell_by_cell(published: Path, shared_data: Path, tmp_path: Path) -> None:
    base = Bench.open(shared_benches.nb201(shared_data, tmp_path / "nb201"))
    out = import_bench("hw_nas", published, tmp_path / "both", bench=str(base.folder))
    both = Bench.open(out)
    for name, column in base.measures.items():
        np.testing.assert_array_equal(both.measures[name], column, err_msg=name)
    np.testing.assert_array_equal(both.outcomes["cifar10"].array("test"), base.outcomes["cifar10"].array("test"))
    assert "hardware: https://github.com/GATECH-EIC/HW-NAS-Bench" in both.provenance.source


def test_cells_that_the_file_lacks_have_no_measures(small: Path, tmp_path: Path) -> None:
    space = find("space", "nb201")()
    archs = [space.parse("|skip_connect~0|+|none~0|none~1|+|none~0|none~1|none~2|"), space.at(77)]
    valid = np.array([[[90.0]], [[80.0]]])
    folder = write_bench(
        tmp_path / "base",
        name="nb201",
        space=space,
        archs=archs,
        outcomes=[Outcome("cifar10", "accuracy", "percent", (200,), valid=valid)],
        measures={"params": [1, 2]},
        provenance=Provenance("here", "none"),
    )
    found = read(small, bench=str(folder))
    np.testing.assert_array_equal(found.measures["edgegpu_latency_ms@cifar10"], [2.5, np.nan])
    np.testing.assert_array_equal(found.measures["params"], [1, 2])
    # The benchmark itself may be what is written.
    bench = Bench.open(import_bench("hw_nas", small, folder, bench=str(folder)), verify=True)
    np.testing.assert_array_equal(bench.measures["edgegpu_latency_ms@cifar10"], [2.5, np.nan])
    np.testing.assert_array_equal(bench.values("cifar10", bench.rows(archs)), [90, 80])


def test_without_a_benchmark_the_measure_is_what_a_search_minimises(small: Path) -> None:
    found = read(small, metric="edgetpu_latency_ms")
    assert [outcome.name for outcome in found.outcomes] == ["cifar10", "cifar100", "imagenet16-120"]
    outcome = found.outcomes[0]
    assert (outcome.metric, outcome.unit, outcome.higher_is_better) == ("edgetpu_latency_ms", "ms", False)
    np.testing.assert_array_equal(outcome.array("valid")[:, 0, 0], [np.nan, 3.0])
    np.testing.assert_array_equal(found.measures["edgegpu_energy_mj@cifar10"], [7, 8])


@pytest.mark.parametrize("dataset", FBNET)
def test_a_network_costs_the_sum_of_its_layers(dataset: str) -> None:
    table = fbnet_table(5)
    genes = np.random.default_rng(0).integers(9, size=(50, 22))
    wanted = [sum(table[key] for key in layers_of(row, dataset)) for row in genes.tolist()]
    np.testing.assert_allclose(costs(table, dataset, genes), wanted)


def test_a_layer_that_could_not_be_measured_leaves_its_networks_without_a_cost() -> None:
    table = fbnet_table(5)
    genes = np.zeros((2, 22), dtype=np.int64)
    genes[1, 21] = 8
    table[layers_of(genes[1].tolist(), "cifar100")[22]] = -1
    assert np.isnan(costs(table, "cifar100", genes)).tolist() == [False, True]


def test_published_latencies_of_networks_are_sums_over_these_layers(shared_data: Path) -> None:
    """Latencies of 5,000 networks: a cost of each layer, fitted on 500 of them, gives all others to six digits."""
    table = pd.read_parquet(shared_data / "misc_nas" / "fbnet_device_latency.parquet").iloc[:1500]
    keys: dict[str, int] = {}
    counts = np.zeros((len(table), 200))
    for row, text in enumerate(table["arch"]):
        for key in layers_of(ast.literal_eval(text), "cifar100"):
            counts[row, keys.setdefault(key, len(keys))] += 1
    for device in ("eyeriss", "fpga", "raspi4", "pixel3"):
        latency = table[device].to_numpy(dtype=np.float64)
        layer_costs, *_ = np.linalg.lstsq(counts[:500], latency[:500], rcond=None)
        np.testing.assert_allclose(counts[500:] @ layer_costs, latency[500:], rtol=1e-5)


def test_networks_of_fbnet_are_drawn_and_measured(small: Path) -> None:
    found = read(small, space="fbnet", sample=20, seed=3)
    assert found.name == "hw_fbnet"
    assert len(set(found.archs)) == 20
    assert list(found.archs) == list(read(small, space="fbnet", sample=20, seed=3).archs)
    assert list(found.archs) != list(read(small, space="fbnet", sample=20, seed=4).archs)
    genes = list(found.archs[7].genes)
    wanted = sum(fbnet_table(3)[key] for key in layers_of(genes, "ImageNet"))
    assert found.measures["raspi4_latency_ms@imagenet"][7] == pytest.approx(wanted)
    assert [outcome.name for outcome in found.outcomes] == ["cifar100", "imagenet"]


def test_networks_of_a_benchmark_are_measured(small: Path, tmp_path: Path) -> None:
    base = import_bench("hw_nas", small, tmp_path / "base", space="fbnet", sample=6)
    found = read(small, space="fbnet", bench=str(base))
    np.testing.assert_array_equal(
        found.measures["edgegpu_energy_mj@cifar100"], Bench.open(base).measures["edgegpu_energy_mj@cifar100"]
    )


def test_wrong_options_are_refused(small: Path, tmp_path: Path) -> None:
    for options, problem in (
        ({"space": "nb101"}, "must be nb201 or fbnet"),
        ({"metric": "tpu"}, "must be one of edgegpu_energy_mj"),
        ({"space": "fbnet", "sample": 0}, "at least one network"),
    ):
        with pytest.raises(BenchError, match=problem):
            read(small, **options)
    folder = import_bench("hw_nas", small, tmp_path / "fbnet", space="fbnet", sample=3)
    with pytest.raises(BenchError, match="must go to a benchmark of that space"):
        read(small, bench=str(folder))


def test_other_files_are_refused_in_one_line(small: Path, tmp_path: Path) -> None:
    assert "must be" in refusal("hw_nas", truncated(small))
    other = tmp_path / "other.pickle"
    for content, problem in (([1], "no entry 'nasbench201'"), ({"nasbench201": {"cifar10": {}}}, "another form")):
        other.write_bytes(pickle.dumps(content))
        assert problem in refusal("hw_nas", other)
    other.write_bytes(b"cbuiltins\neval\n(S'1'\ntR.")
    assert "'builtins.eval'" in refusal("hw_nas", other)
    other.write_bytes(pickle.dumps({"fbnet": {"edgegpu_latency": {"FC_Cin1504_Cout100": 1.0}}}))
    assert "lacks" in refusal("hw_nas", other, space="fbnet")
