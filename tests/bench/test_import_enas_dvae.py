"""The networks of D-VAE, from their text file."""

from __future__ import annotations

from pathlib import Path

import pytest
from refusals import refusal, truncated

from archwright.bench.importing import import_bench
from archwright.bench.table import Bench

FIRST = "[[1], [4, 0], [5, 0, 0], [0, 1, 1, 1], [2, 1, 1, 1, 1], [3, 0, 0, 0, 0, 1]]"
SECOND = "[[5], [3, 1], [2, 1, 1], [3, 1, 1, 0], [5, 0, 0, 0, 1], [2, 0, 1, 1, 1, 0]]"


def write(path: Path, *lines: str) -> Path:
    path.write_text("\n".join(lines) + "\n")
    return path


def test_a_network_drawn_twice_has_two_values_and_one_row(tmp_path: Path) -> None:
    file = write(tmp_path / "s.txt", f"{FIRST}, 0.5", f"{FIRST}, 0.7302", f"{SECOND}, 0.7234", f"{FIRST}, 0.75")
    bench = Bench.open(import_bench("enas_dvae", file, tmp_path / "out", burn_in=1))
    rows = bench.rows([bench.space.parse(FIRST), bench.space.parse(SECOND)])
    assert rows.tolist() == [0, 1]
    assert bench.values("cifar10-shared", rows).tolist() == pytest.approx([(0.7302 + 0.75) / 2, 0.7234], abs=1e-6)
    assert bench.outcomes["cifar10-shared"].array("valid").shape == (2, 2, 1)
    assert (bench.name, bench.provenance.licence, "shares" in bench.provenance.note) == ("enas_dvae", "MIT", True)


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (f"{FIRST}", "line 2"),
        (f"{FIRST}, best", "line 2"),
        (f"{FIRST}, 73.02", "accuracy of 73.02"),
        (f"{FIRST}, NaN", "accuracy of nan"),
        ("[[1], [4, 0]], 0.7", "line 2"),
        (FIRST.replace("[1]", "[6]", 1) + ", 0.7", "line 2"),
        ("[" * 5000, "line 2"),
        ("__import__('os').abort()", "line 2"),
    ],
)
def test_a_line_that_is_no_network_is_named(tmp_path: Path, line: str, said: str) -> None:
    file = write(tmp_path / "s.txt", f"{SECOND}, 0.7", line)
    message = refusal("enas_dvae", file, burn_in=0)
    assert said in message
    assert len(message) < 500


def test_a_file_that_ends_in_the_burn_in_is_refused(tmp_path: Path) -> None:
    assert "nothing is left of its 1 lines" in refusal("enas_dvae", write(tmp_path / "s.txt", f"{FIRST}, 0.7"))
    assert "burn_in must be" in refusal("enas_dvae", write(tmp_path / "s.txt", f"{FIRST}, 0.7"), burn_in=-1)


def test_other_and_truncated_files_are_refused(tmp_path: Path) -> None:
    file = write(tmp_path / "s.txt", f"{SECOND}, 0.7", f"{FIRST}, 0.7")
    assert "line 2" in refusal("enas_dvae", truncated(file, 0.9), burn_in=0)
    file.write_bytes(bytes(range(256)))
    assert "D-VAE's file" in refusal("enas_dvae", file, burn_in=0)


def test_the_published_networks(shared_data: Path, tmp_path: Path) -> None:
    import pandas as pd

    table = pd.read_parquet(shared_data / "misc_nas" / "enas_dvae_structures6.parquet")
    file = write(tmp_path / "s.txt", *(f"{row.arch}, {row.ws_acc}" for row in table.itertuples()))
    bench = Bench.open(import_bench("enas_dvae", file, tmp_path / "out"))
    trained = bench.outcomes["cifar10-shared"].array("valid")
    # Source: arXiv:1904.11088, sec. 5.1: 19,020 networks.
    assert (trained == trained).sum() == 19_020
    kept = table[1000:]
    assert len(bench) == kept.arch.nunique()
    best = kept.loc[kept.ws_acc.idxmax()]
    assert bench.space.text(bench.archs([bench.best("cifar10-shared")])[0]) == best.arch
