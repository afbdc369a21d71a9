"""NATS-Bench: the published records of three architectures, written in the official layouts and read again."""

from __future__ import annotations

import bz2
import pickle
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from nats_layout import dump, records, small_records, whole, write_folder

from archwright.bench.importers.nats_bench import read
from archwright.bench.importing import Imported
from archwright.bench.table import Bench, write_bench
from archwright.core.catalog import find
from archwright.core.errors import BenchError, UnsafeFileError

INDICES = [0, 11, 284]
TEXTS = {
    0: "|avg_pool_3x3~0|+|nor_conv_1x1~0|skip_connect~1|+|nor_conv_1x1~0|skip_connect~1|skip_connect~2|",
    1: "|nor_conv_3x3~0|+|none~0|skip_connect~1|+|none~0|skip_connect~1|nor_conv_1x1~2|",
}


@pytest.fixture(scope="module")
def topology(shared_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Imported:
    found = records(shared_data, "tss")
    texts = pd.read_parquet(shared_data / "nb201" / "nb201_accuracy.parquet")["arch_str"].tolist()
    return read(write_folder(tmp_path_factory.mktemp("nats") / "NATS-tss-v1_0-3ffb9-simple", found, texts))


@pytest.fixture(scope="module")
def table(shared_data: Path) -> pd.DataFrame:
    return pd.read_parquet(shared_data / "nb201" / "nb201_accuracy.parquet").set_index("arch_index").loc[INDICES]


@pytest.fixture
def small(tmp_path: Path) -> Path:
    return write_folder(tmp_path / "NATS-tss-v1_0-3ffb9-simple", small_records(TEXTS), list(TEXTS.values()))


def final(found: Imported, outcome: str, split: str) -> np.ndarray:
    """Mean over the seeds, at the last epoch."""
    (array,) = [getattr(each, split) for each in found.outcomes if each.name == outcome]
    return np.nanmean(array[:, :, -1], axis=1)


@pytest.mark.parametrize(
    ("outcome", "split", "column"),
    [
        ("cifar10", "test", "c10_test_e200"),
        ("cifar10", "valid", "c10_valid_e200"),
        ("cifar10-valid", "test", "c10valid_test_e200"),
        ("cifar10-e12", "test", "c10_test_e12"),
        ("cifar10-e12", "valid", "c10_valid_e12"),
        ("cifar100-e12", "test", "c100_test_e12"),
        ("cifar100-e12", "valid", "c100_valid_e12"),
        ("imagenet16-120-e12", "test", "in16_test_e12"),
        ("imagenet16-120-e12", "valid", "in16_valid_e12"),
    ],
)
def test_means_over_the_seeds_are_the_published_ones(
    topology: Imported, table: pd.DataFrame, outcome: str, split: str, column: str
) -> None:
    np.testing.assert_allclose(final(topology, outcome, split), table[column], atol=1e-5)


def test_parameters_and_multiplications_are_the_published_ones(topology: Imported, table: pd.DataFrame) -> None:
    np.testing.assert_array_equal(topology.measures["params@cifar10"], np.rint(table["params_m"] * 1e6))
    for name, column in (("cifar10", "c10"), ("cifar100", "c100"), ("imagenet16-120", "in16")):
        np.testing.assert_array_equal(topology.measures[f"flops@{name}"], np.rint(table[f"flops_m_{column}"] * 1e6))
    np.testing.assert_allclose(topology.measures["latency_s@cifar10"][0], 0.0139359758611311)


def test_architectures_are_those_of_the_official_list(topology: Imported, table: pd.DataFrame) -> None:
    assert [topology.space.text(arch) for arch in topology.archs] == table["arch_str"].tolist()


def test_curves_and_seconds_are_recorded_at_every_epoch(topology: Imported) -> None:
    outcomes = {outcome.name: outcome for outcome in topology.outcomes}
    full = outcomes["cifar10"]
    assert full.epochs == tuple(range(1, 201))
    assert full.valid is not None
    assert full.seconds is not None
    assert full.train is not None
    assert full.valid.shape == (3, 3, 200)
    assert not np.isnan(full.valid).any()
    # Seconds of the training on half of the images, 7.221 an epoch, as the search would have paid them.
    np.testing.assert_allclose(full.seconds[0, 0, [0, 199]], [7.221092998981476, 200 * 7.221092998981476], rtol=1e-6)
    np.testing.assert_allclose(outcomes["cifar10-full"].seconds[0, 0, 0], 14.442185997962952, rtol=1e-6)


def test_what_was_recorded_only_at_the_end_is_missing_before(topology: Imported) -> None:
    outcomes = {outcome.name: outcome for outcome in topology.outcomes}
    short = outcomes["cifar100"].valid
    assert short is not None
    assert np.isnan(short[:, :, :-1]).all()
    assert not np.isnan(short[:, :, -1]).any()
    assert not np.isnan(outcomes["cifar100-ori"].test).any()


def test_the_short_schedule_has_the_seeds_that_it_was_trained_with(topology: Imported) -> None:
    (short,) = [outcome for outcome in topology.outcomes if outcome.name == "cifar10-e12"]
    # Seeds 111 and 777; the training on all images was done with 111 only.
    assert short.valid is not None
    assert short.test is not None
    assert not np.isnan(short.valid[:, :, -1]).any()
    assert np.isnan(short.test[:, :, -1]).any(axis=0).tolist() == [False, True]


def test_the_size_space_is_read_with_its_three_schedules(shared_data: Path, tmp_path: Path) -> None:
    found = records(shared_data, "sss")
    space = find("space", "nats_sss")()
    texts = [space.text(space.at(index)) for index in range(285)]
    read_again = read(write_folder(tmp_path / "NATS-sss-v1_0-50262-simple", found, texts))
    assert [outcome.name for outcome in read_again.outcomes if "cifar100" in outcome.name] == [
        *("cifar100", "cifar100-ori", "cifar100-e12", "cifar100-ori-e12", "cifar100-e1", "cifar100-ori-e1")
    ]
    assert [space.text(arch) for arch in read_again.archs] == ["8:8:8:8:8", "8:8:8:16:32", "8:8:40:32:40"]
    assert read_again.measures["params@cifar10"][0] == 11_714
    assert read_again.provenance.version == "v1_0-50262"
    bench = Bench.open(write_bench(tmp_path / "bench", **vars(read_again)))
    assert bench.outcomes["cifar10-e12"].array("valid").shape == (3, 3, 12)


def test_the_single_file_gives_the_same_as_the_folder(small: Path, tmp_path: Path) -> None:
    folder = read(small)
    content = whole(small_records(TEXTS), list(TEXTS.values()))
    single = read(dump(tmp_path / "NATS-tss-v1_0-3ffb9.pickle.pbz2", content))
    assert [outcome.name for outcome in single.outcomes] == [outcome.name for outcome in folder.outcomes]
    for ours, theirs in zip(single.outcomes, folder.outcomes, strict=True):
        for split, array in theirs.arrays().items():
            np.testing.assert_array_equal(ours.array(split), array)
    for name, column in folder.measures.items():
        np.testing.assert_array_equal(single.measures[name], column)


def test_a_part_of_the_architectures_is_told(small: Path) -> None:
    assert "Only 2 of 15,625 architectures" in read(small).provenance.note


def test_a_folder_without_its_list_is_refused(small: Path) -> None:
    (small / "meta.pickle.pbz2").unlink()
    with pytest.raises(BenchError, match=r"has no meta\.pickle\.pbz2"):
        read(small)


def test_a_truncated_record_is_refused_in_one_line(small: Path) -> None:
    file = small / "000001.pickle.pbz2"
    file.write_bytes(file.read_bytes()[:-40])
    with pytest.raises(BenchError, match=r"000001\.pickle\.pbz2 must be") as caught:
        read(small)
    assert "\n" not in str(caught.value)


def test_a_record_under_a_wrong_number_is_refused(small: Path) -> None:
    (small / "000001.pickle.pbz2").rename(small / "000007.pickle.pbz2")
    with pytest.raises(BenchError, match="another architecture than number 7"):
        read(small)


def test_a_record_of_an_architecture_that_is_not_in_the_list_is_refused(tmp_path: Path) -> None:
    folder = write_folder(tmp_path / "x", small_records(TEXTS), [TEXTS[1], TEXTS[0]])
    with pytest.raises(BenchError, match="must be in the list"):
        read(folder)


def test_a_pickle_that_asks_for_code_is_refused_by_name(small: Path) -> None:
    with bz2.open(small / "000001.pickle.pbz2", "wb") as file:
        file.write(b"cos\nsystem\n(S'true'\ntR.")
    with pytest.raises(UnsafeFileError, match=r"'os\.system'"):
        read(small)


def test_another_pickle_is_refused(tmp_path: Path) -> None:
    for content in ([1, 2], {"a": 1}, {"meta_archs": []}, {"meta_archs": ["|x|"], "arch2infos": {}}):
        with pytest.raises(BenchError, match="must be NATS-Bench's"):
            read(dump(tmp_path / "other.pickle.pbz2", content))
    (tmp_path / "plain.pickle").write_bytes(pickle.dumps({"meta_archs": 3}))
    with pytest.raises(BenchError, match="no list of architectures"):
        read(tmp_path / "plain.pickle")
