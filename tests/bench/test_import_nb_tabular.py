"""NAS-Bench-Tabular, from JSON and CSV."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from refusals import refusal, truncated

from archwright.bench.importers.nb_tabular import read
from archwright.bench.importing import import_bench
from archwright.bench.table import Bench


def epochs(*aucs: float) -> dict[str, dict[str, float]]:
    """Return the official record of one training."""
    return {
        str(k): {
            "train_auc": auc + 0.01,
            "valid_auc": auc,
            "train_loss": 0.5,
            "valid_loss": 0.6,
            "train_val_total_time": 2.0 * (k + 1),
        }
        for k, auc in enumerate(aucs)
    }


def write(path: Path, table: Any) -> Path:
    path.write_text(json.dumps(table))
    return path


TABLE = {"frappe": {"8-16-24-512": epochs(0.9, 0.95, 0.97), "512-8-8-8": epochs(0.8, 0.81, 0.82)}}


def test_epoch_numbers_become_numbers_of_epochs(tmp_path: Path) -> None:
    source = write(tmp_path / "all_train_baseline_frappe.json", TABLE)
    bench = Bench.open(import_bench("nb_tabular", source, tmp_path / "out"))
    assert (bench.name, bench.space.name, bench.space.size()) == ("nb_tabular_frappe", "frappe", 160_000)
    rows = bench.rows([bench.space.arch((8, 16, 24, 512)), bench.space.arch((512, 8, 8, 8))])  # type: ignore[attr-defined]
    assert bench.outcomes["frappe"].epochs == (1, 2, 3)
    assert bench.values("frappe", rows) == pytest.approx([0.97, 0.82])
    # The official number 1 is the result after two epochs.
    assert bench.values("frappe", rows, epoch=2) == pytest.approx([0.95, 0.81])
    assert bench.values("frappe", rows, epoch=2, split="train") == pytest.approx([0.96, 0.82])
    assert bench.values("frappe", rows, epoch=2, split="seconds") == pytest.approx([4.0, 4.0])


def test_widths_that_the_paper_does_not_have_make_a_space_of_their_own(tmp_path: Path) -> None:
    source = write(tmp_path / "c.json", {"criteo": {"8-96-16-32": epochs(0.8), "384-8-8-8": epochs(0.7)}})
    bench = Bench.open(import_bench("nb_tabular", source, tmp_path / "out"))
    assert bench.space.name == "nb_tabular_criteo"
    assert bench.space.widths == (8, 16, 32, 96, 384)  # type: ignore[attr-defined]
    assert len(bench.archs([0, 1])) == 2


def test_csv_is_read_in_any_order_of_rows(tmp_path: Path) -> None:
    source = tmp_path / "all_train_baseline_uci_160k_40epoch.csv"
    source.write_text(
        "arch_id,epoch,train_auc,valid_auc,train_loss,valid_loss,train_val_total_time\n"
        "8-8-8-8,1,0.7,0.66,0.1,0.2,3.5\n8-8-8-16,0,0.6,0.61,0.1,0.2,\n8-8-8-8,0,0.6,0.65,0.1,0.2,1.5\n"
    )
    found = read(source)
    (outcome,) = found.outcomes
    assert (outcome.name, found.space.name) == ("uci_diabetes", "diabetes")
    np.testing.assert_allclose(outcome.array("valid")[:, 0], [[0.65, 0.66], [0.61, np.nan]], rtol=1e-6)
    np.testing.assert_allclose(outcome.array("seconds")[:, 0], [[1.5, 3.5], [np.nan, np.nan]])


def test_a_csv_of_another_name_needs_the_data_set(tmp_path: Path) -> None:
    source = tmp_path / "mine.csv"
    source.write_text("arch_id,epoch,train_auc,valid_auc,train_val_total_time\n8-8-8-8,0,0.6,0.65,1\n")
    assert "dataset" in refusal("nb_tabular", source)
    assert read(source, dataset="frappe").space.name == "frappe"


def test_results_of_searches_are_told_apart_from_trainings(tmp_path: Path) -> None:
    source = write(tmp_path / "tabNAS_benchmark_frappe_epoch_13.json", {"sys_time_budget": [[1]], "sys_acc": [[0.9]]})
    assert "result of searches" in refusal("nb_tabular", source)


@pytest.mark.parametrize(
    ("table", "said"),
    [
        ({}, "no architecture"),
        ({"frappe": {"8-8-8": epochs(0.5)}}, "4 widths"),
        ({"frappe": {"8-8-8-8": epochs(0.5)}, "criteo": {"8-8-8-8": epochs(0.5)}}, "two data sets"),
        ({"frappe": {"8-8-8-8": {"0": {"auc": 1.0}}}}, "valid_auc"),
        ([1, 2], "truncated or of another form"),
        ({"frappe": {"8-8-8-8": {"-1": epochs(0.5)["0"]}}}, "numbered"),
        ({"frappe": {"8-8-8-8": {"99999": epochs(0.5)["0"]}}}, "numbered"),
        ({"frappe": {"8-8-8-8": {}}}, "numbered"),
    ],
)
def test_other_contents_are_refused(tmp_path: Path, table: Any, said: str) -> None:
    assert said in refusal("nb_tabular", write(tmp_path / "x.json", table))


def test_a_truncated_file_is_refused(tmp_path: Path) -> None:
    assert "truncated" in refusal("nb_tabular", truncated(write(tmp_path / "x.json", TABLE)))
