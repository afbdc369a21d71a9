"""The columnar format: what is written is read, quickly, and damage is noticed."""

import json
import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from small_bench import EPOCHS, SPACE, numbers, opened, outcome, written

from archwright.bench.rows import RowIndex
from archwright.bench.table import Bench, Outcome, Provenance, write_bench
from archwright.core.arch import Arch
from archwright.core.catalog import find
from archwright.core.errors import BenchError, RunError
from archwright.core.rng import derive
from archwright.spaces.four_nodes import FourNodeSpace
from archwright.spaces.tabular_mlp import TabularMlp
from archwright.spaces.yaml_space import parse_space


def test_what_is_written_is_read(tmp_path):
    bench = opened(tmp_path / "b", units={"params": "weights"})
    assert (bench.name, len(bench), bench.space, bench.units) == ("small", 27, SPACE, {"params": "weights"})
    assert bench.provenance == Provenance("made by a test", "Apache-2.0", note="no training was done")
    assert np.array_equal(bench.outcome("data").valid, numbers(27).astype(np.float32))
    assert bench.outcome("data").train is None
    assert bench.outcome("data").epochs == EPOCHS
    assert bench.archs(range(27)) == list(SPACE.enumerate())
    assert "27 architectures" in repr(bench)


def test_values_are_means_over_the_seeds_that_have_one(tmp_path):
    valid = numbers(27)
    valid[3, 0, 2] = valid[4, :, 2] = np.nan
    bench = opened(tmp_path / "b", outcomes=[outcome(27, valid=valid)])
    values = bench.values("data", [0, 3, 4, -1])
    assert values[:2].tolist() == [(2 + 12) / 2, 312.0]
    assert np.isnan(values[2:]).all()
    assert bench.values("data", [5], split="test").tolist() == [507.5]
    assert bench.values("data", slice(None), epoch=1)[:2].tolist() == [5.0, 105.0]
    assert bench.curve("data", 2).tolist() == [205.0, 206.0, 207.0]


@pytest.mark.parametrize(("epoch", "place"), [(1, 0), (3, 0), (4, 1), (15, 1), (16, 2), (None, 2)])
def test_the_latest_recorded_epoch_answers(tmp_path, epoch, place):
    bench = opened(tmp_path / "b")
    assert bench.values("data", [7], epoch).tolist() == [705.0 + place]


@pytest.mark.parametrize("epoch", [0, 17, -1])
def test_an_epoch_outside_the_record_is_refused(tmp_path, epoch):
    with pytest.raises(BenchError, match=r"epochs 1\.\.16, but epoch"):
        opened(tmp_path / "b").values("data", [0], epoch)


def test_the_best_row_follows_the_direction(tmp_path):
    up = opened(tmp_path / "up")
    down = opened(tmp_path / "down", outcomes=[outcome(27, higher_is_better=False)])
    assert (up.best("data"), down.best("data")) == (26, 0)


def test_an_unknown_outcome_has_a_suggestion(tmp_path):
    bench = opened(tmp_path / "b", outcomes=[outcome(27, "cifar10"), outcome(27, "svhn")])
    with pytest.raises(BenchError, match="Did you mean 'cifar10'"):
        bench.values("cifar", [0])
    with pytest.raises(BenchError, match="no 'train' values; it has valid, test, seconds"):
        bench.values("cifar10", [0], split="train")


def test_measures_of_a_data_set_come_before_general_ones(tmp_path):
    n = np.arange(27.0)
    bench = opened(
        tmp_path / "b",
        outcomes=[outcome(27, name) for name in ("a", "a-e12", "ab", "a-x-e12")],
        measures={"flops": n, "ms": n, "flops@a": n + 1, "flops@a-x": n + 2},
    )
    first = {name: {key: column[0] for key, column in bench.measures_of(name).items()} for name in bench.outcomes}
    assert first["a"] == first["a-e12"] == {"flops": 1.0, "ms": 0.0}
    assert first["ab"] == {"flops": 0.0, "ms": 0.0}
    assert first["a-x-e12"] == {"flops": 2.0, "ms": 0.0}


def test_the_frame_tells_everything_at_the_last_epoch(tmp_path):
    frame = opened(tmp_path / "b").frame()
    assert list(frame.columns) == ["arch", "params", "data.valid", "data.test", "data.seconds"]
    assert frame.iloc[3].tolist() == ["tabular_mlp:0.1.0", 30.0, 307.0, 307.5, 32.0]


class TestRows:
    def test_rows_and_archs_are_inverse_in_any_order(self, tmp_path):
        archs = list(SPACE.enumerate())
        derive(0, "order").shuffle(archs)
        bench = opened(tmp_path / "b", archs)
        assert bench.rows(archs).tolist() == list(range(27))
        assert bench.archs(bench.rows(archs)) == archs

    @settings(max_examples=25, deadline=None)
    @given(data=st.data())
    def test_an_index_finds_what_is_there_and_nothing_else(self, data):
        arities = data.draw(st.sampled_from([(3, 4, 2), (200, 300, 400, 500), (7,) * 40]))
        draw = st.tuples(*(st.integers(0, arity - 1) for arity in arities))
        known = data.draw(st.lists(draw, min_size=1, max_size=20, unique=True))
        asked = known + data.draw(st.lists(draw, max_size=20))
        genes = np.array(known)
        index = RowIndex(arities, len(known), RowIndex.build(arities, genes), genes)
        rows = index.find(np.array(asked)).tolist()
        assert rows == [known.index(each) if each in known else -1 for each in asked]

    def test_genes_out_of_range_are_not_taken_for_others(self, tmp_path):
        # 0, 0, 3 would be the place of 0, 1, 0 in a grid of threes.
        assert opened(tmp_path / "b").rows(np.array([[0, 0, 3], [0, 1, 0], [-1, 0, 0]])).tolist() == [-1, 3, -1]

    def test_another_space_is_refused(self, tmp_path):
        bench = opened(tmp_path / "b")
        with pytest.raises(BenchError, match=r"of space 'tabular_mlp' with 3 genes, but nb201:0\.0\.0 is not"):
            bench.rows([Arch("nb201", (0, 0, 0))])
        with pytest.raises(BenchError, match=r"genes must be \[B, 3\]"):
            bench.rows(np.zeros((2, 5), dtype=np.int64))

    def test_other_forms_of_a_network_are_found_where_rows_are_unique(self, tmp_path):
        space = find("space", "nb201")()
        form = next(arch for arch in space.enumerate() if space.canonical(arch) != arch)
        archs = sorted({space.canonical(form), space.canonical(space.at(6111))})
        settings = {"space": space, "archs": archs, "outcomes": [outcome(2)]}
        assert opened(tmp_path / "unique", unique=True, **settings).rows([form]).tolist() == [
            archs.index(space.canonical(form))
        ]
        assert opened(tmp_path / "each", **settings).rows([form]).tolist() == [-1]


class TestRefused:
    def test_the_same_architecture_twice(self, tmp_path):
        archs = list(SPACE.enumerate())
        with pytest.raises(BenchError, match="rows 2 and 27 are the same"):
            written(tmp_path / "b", [*archs, archs[2]])

    def test_an_architecture_out_of_range(self, tmp_path):
        with pytest.raises(BenchError, match="row 1 is not in space 'tabular_mlp'"):
            written(tmp_path / "b", np.array([[0, 0, 0], [0, 3, 0]]))

    def test_forms_that_are_not_canonical(self, tmp_path):
        space = find("space", "nb201")()
        form = next(arch for arch in space.enumerate() if space.canonical(arch) != arch)
        with pytest.raises(BenchError, match="must be canonical forms"):
            written(tmp_path / "b", [form], space=space, unique=True)

    def test_nothing(self, tmp_path):
        with pytest.raises(BenchError, match="must have architectures and outcomes"):
            written(tmp_path / "b", np.zeros((0, 3), dtype=np.int64), outcomes=[outcome(27)])

    @pytest.mark.parametrize("name", ["", "a/b", "..", "a b", "ä", "a\n"])
    def test_names_that_are_no_file_names(self, name):
        with pytest.raises(BenchError, match="must be letters, digits"):
            outcome(2, name)

    def test_shapes_that_do_not_fit(self, tmp_path):
        with pytest.raises(BenchError, match=r"must all be \[architectures, seeds, 3\]"):
            outcome(2, test=numbers(2, epochs=2))
        with pytest.raises(BenchError, match="epochs of outcome 'x' must ascend"):
            Outcome("x", "accuracy", "", (4, 4), valid=numbers(2, epochs=2))
        with pytest.raises(BenchError, match="must have 27 rows, but has 5"):
            written(tmp_path / "b", outcomes=[outcome(5)])
        with pytest.raises(BenchError, match=r"measure 'params' must be \[27\]"):
            written(tmp_path / "b", measures={"params": np.zeros(3)})

    def test_outcomes_of_one_name(self, tmp_path):
        with pytest.raises(BenchError, match="names of outcomes must differ"):
            written(tmp_path / "b", outcomes=[outcome(27), outcome(27)])

    def test_a_folder_with_other_files(self, tmp_path):
        (tmp_path / "thesis.tex").write_text("dear reader")
        with pytest.raises(BenchError, match="must be a new or empty folder"):
            written(tmp_path)
        assert [each.name for each in tmp_path.iterdir()] == ["thesis.tex"]

    def test_a_folder_that_is_a_file(self, tmp_path):
        (tmp_path / "b").write_text("")
        with pytest.raises((BenchError, RunError), match="must be a new or empty folder"):
            written(tmp_path / "b")

    def test_a_space_that_cannot_be_made_again(self, tmp_path):
        class Mine(FourNodeSpace):
            pass

        with pytest.raises(BenchError, match="space must be in the catalogue"):
            written(tmp_path / "b", [Arch("mine", (0,) * 6)], space=Mine("mine", ("none", "skip_connect")))


@pytest.mark.parametrize(
    "space",
    [
        TabularMlp((5, 7), layers=2, name="own"),
        TabularMlp((5, 7), layers=2, name="frappe"),
        FourNodeSpace("own", ("zero", "same", "x"), none="zero", skip="same"),
        parse_space("name: tiny\nspace: {chain: {stem: {choice: [a, b]}, width: {ints: [8, 16, 8]}}}"),
    ],
    ids=lambda space: f"{type(space).__name__}-{space.name}",
)
def test_spaces_are_made_again(tmp_path, space):
    archs = sorted({space.random(rng=derive(0, "arch", k)) for k in range(5)})
    again = opened(tmp_path / "b", archs, space=space).space
    assert (again.name, again.arities, again.op_names) == (space.name, space.arities, space.op_names)
    assert [again.text(arch) for arch in archs] == [space.text(arch) for arch in archs]


class TestDamage:
    @pytest.fixture
    def folder(self, tmp_path):
        return written(tmp_path / "b")

    def test_a_truncated_array_is_noticed(self, folder):
        path = folder / "data.valid.npy"
        path.write_bytes(path.read_bytes()[:-4])
        with pytest.raises(BenchError, match=r"data\.valid\.npy must have \d+ bytes, but has"):
            Bench.open(folder)

    def test_a_missing_array_is_noticed(self, folder):
        (folder / "genes.npy").unlink()
        with pytest.raises(BenchError, match=r"genes\.npy is missing"):
            Bench.open(folder)

    def test_a_changed_number_is_noticed_by_default(self, folder):
        path = folder / "data.test.npy"
        content = bytearray(path.read_bytes())
        content[-3] ^= 1
        path.write_bytes(content)
        with pytest.raises(BenchError, match="its checksum differs"):
            Bench.open(folder)

    def test_verify_does_not_trust_the_times_of_files(self, folder):
        import os

        path = folder / "data.test.npy"
        before = path.stat()
        content = bytearray(path.read_bytes())
        content[-3] ^= 1
        path.write_bytes(content)
        os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
        with pytest.raises(BenchError, match="its checksum differs"):
            Bench.open(folder, verify=True)

    def test_a_changed_description_is_noticed(self, folder):
        meta = json.loads((folder / "bench.json").read_text())
        meta["outcomes"][0]["higher_is_better"] = False
        (folder / "bench.json").write_text(json.dumps(meta))
        with pytest.raises(BenchError, match=r"bench\.json was changed"):
            Bench.open(folder)

    @pytest.mark.parametrize("content", ["", "{", "[]", "{}", '{"format": 1}', "null"])
    def test_a_description_that_is_none_is_noticed(self, folder, content):
        (folder / "bench.json").write_text(content)
        with pytest.raises(BenchError, match=r"bench\.json is damaged"):
            Bench.open(folder)

    def test_a_newer_format_is_refused(self, folder):
        meta = json.loads((folder / "bench.json").read_text())
        (folder / "bench.json").write_text(json.dumps(meta | {"format": 99}))
        with pytest.raises(BenchError, match="has format 99, but this version reads 1"):
            Bench.open(folder)

    def test_an_interrupted_writing_leaves_no_benchmark(self, folder):
        (folder / "bench.json").unlink()
        with pytest.raises(BenchError, match=r"must be a folder with bench\.json"):
            Bench.open(folder)

    def test_nothing_in_a_folder_is_unpickled(self, folder):
        import hashlib

        array = np.array([{"a": 1}], dtype=object)
        np.save(folder / "genes.npy", array, allow_pickle=True)
        meta = json.loads((folder / "bench.json").read_text())
        content = (folder / "genes.npy").read_bytes()
        meta["files"]["genes"] |= {"bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}
        meta.pop("checksum")
        meta["checksum"] = hashlib.sha256(json.dumps(meta, sort_keys=True).encode()).hexdigest()
        (folder / "bench.json").write_text(json.dumps(meta))
        with pytest.raises(BenchError, match=r"genes\.npy is damaged"):
            Bench.open(folder)


def test_a_benchmark_is_written_over_an_older_one(tmp_path):
    written(tmp_path / "b", outcomes=[outcome(27, "old")])
    written(tmp_path / "b")
    assert not list((tmp_path / "b").glob("old*"))
    assert list(Bench.open(tmp_path / "b", verify=True).outcomes) == ["data"]


def test_benchmarks_are_found_by_name(tmp_path, monkeypatch):
    monkeypatch.setenv("ARCHWRIGHT_HOME", str(tmp_path))
    written(tmp_path / "bench" / "mine")
    assert Bench.open("mine").name == "small"
    with pytest.raises(BenchError, match=r"no benchmark 'mime'.*Did you mean 'mine'"):
        Bench.open("mime")


@pytest.fixture(scope="module")
def large(tmp_path_factory):
    space = find("space", "nb201")()
    rng = derive(0, "curves")
    curves = rng.random((space.size(), 1, 100), dtype=np.float32)
    return write_bench(
        tmp_path_factory.mktemp("large") / "b",
        name="large",
        space=space,
        archs=list(space.enumerate()),
        outcomes=[Outcome("data", "accuracy", "percent", tuple(range(1, 101)), valid=curves, test=curves)],
        measures={},
        provenance=Provenance("random numbers", "none"),
    )


class TestSpeed:
    def test_it_opens_at_once(self, large):
        assert min(_seconds(lambda: Bench.open(large)) for _ in range(5)) < 0.05

    def test_it_answers_a_million_look_ups_a_second(self, large):
        bench = Bench.open(large)
        genes = derive(0, "genes").integers(0, 5, (200_000, 6))
        bench.values("data", [0])
        rows = bench.rows(genes)
        assert min(_seconds(lambda: bench.values("data", rows)) for _ in range(5)) < 0.2
        assert min(_seconds(lambda: bench.rows(genes)) for _ in range(5)) < 0.2


def _seconds(action):
    began_s = time.process_time()
    action()
    return time.process_time() - began_s
