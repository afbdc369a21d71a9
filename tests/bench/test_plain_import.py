"""Anybody's table becomes a benchmark, or one line says which line of it is wrong."""

import numpy as np
import pandas as pd
import pytest

from archwright.bench.importing import import_bench
from archwright.bench.table import Bench
from archwright.core.errors import BenchError, NasError, SpaceError, UnknownNameError

CURVES = """arch,score,epoch,cost,seed,test,params,who
tabular_mlp:0.1,0.5,1,1.5,7,,100,me
tabular_mlp:0.1,0.6,2,3.0,7,0.61,100,me
tabular_mlp:0.1,0.55,1,1.5,9,,100,you
tabular_mlp:1.1,0.45,1,2,8,,200,me
"""


@pytest.fixture
def imported(tmp_path):
    """Import a text and return the benchmark."""

    def run(text, *, suffix=".csv", **options):
        path = tmp_path / f"mine{suffix}"
        path.write_text(text)
        settings = {"space": "tabular_mlp", "layers": 2, "widths": (8, 16)} | options
        return Bench.open(import_bench("table", path, tmp_path / "out", **settings))

    return run


def test_a_table_with_curves_seeds_and_costs(imported):
    bench = imported(CURVES, unit="fraction", metric="accuracy", licence="CC0", source="my thesis")
    found = bench.outcome("score")
    assert (bench.name, len(bench), list(bench.outcomes)) == ("mine", 2, ["score"])
    assert (found.epochs, found.metric, found.unit) == ((1, 2), "accuracy", "fraction")
    nan = np.nan
    assert np.array_equal(
        found.valid, np.float32([[[0.5, 0.6], [0.55, nan]], [[0.45, nan], [nan, nan]]]), equal_nan=True
    )
    assert np.array_equal(found.seconds[0, 0], np.float32([1.5, 3.0]))
    assert bench.values("score", [0], split="test").tolist() == [pytest.approx(0.61)]
    assert {name: column.tolist() for name, column in bench.measures.items()} == {"params": [100.0, 200.0]}
    assert (bench.provenance.licence, bench.provenance.source) == ("CC0", "my thesis")


def test_the_smallest_table(imported):
    bench = imported("arch,score\ntabular_mlp:0.0,1\ntabular_mlp:1.0,2\n")
    assert bench.outcome("score").epochs == (1,)
    assert bench.values("score", bench.rows([bench.space.parse("tabular_mlp:1.0")])).tolist() == [2.0]


def test_native_texts_of_a_community(imported):
    text = "|nor_conv_3x3~0|+|none~0|skip_connect~1|+|avg_pool_3x3~0|none~1|none~2|"
    bench = imported(f"arch,score\n{text},93.5\n", space="nb201", layers=None, widths=None)
    assert bench.space.text(bench.archs([0])[0]) == text


def test_architectures_that_look_like_numbers_stay_texts(imported):
    bench = imported("arch,score\n00120120,93.5\n", space="nb_macro", layers=None, widths=None)
    assert bench.space.text(bench.archs([0])[0]) == "00120120"


def test_columns_by_other_names(imported):
    text = "net,val acc,test acc,ep,time,run\ntabular_mlp:0.1,0.5,0.4,3,9,1\n"
    names = {"arch": "net", "score": "val acc", "test": "test acc", "epoch": "ep", "cost": "time", "seed": "run"}
    with pytest.raises(BenchError, match="the name of an outcome must be letters"):
        imported(text, **names)
    bench = imported(text.replace("val acc", "val_acc"), **(names | {"score": "val_acc"}))
    assert bench.outcome("val_acc").epochs == (3,)
    assert bench.values("val_acc", [0], split="test").tolist() == [pytest.approx(0.4)]


@pytest.mark.parametrize(
    ("header", "options"),
    [("g0,g1", {}), ("first,second", {"genes": ("first", "second")})],
    ids=["by default", "named"],
)
def test_a_column_per_gene(imported, header, options):
    bench = imported(f"{header},score\n0,1,0.5\n1,1,0.6\n", **options)
    assert bench.genes.tolist() == [[0, 1], [1, 1]]
    assert not bench.measures


def test_a_data_set_per_outcome(imported):
    bench = imported("arch,dataset,score\ntabular_mlp:0.0,b,1\ntabular_mlp:0.0,a,2\ntabular_mlp:1.0,a,3\n")
    assert {name: bench.values(name, slice(None)).tolist()[0] for name in bench.outcomes} == {"a": 2.0, "b": 1.0}
    assert np.isnan(bench.values("b", [1])).all()


def test_losses_and_gaps(imported):
    bench = imported("arch,score\ntabular_mlp:0.0,2.5\ntabular_mlp:1.0,inf\ntabular_mlp:1.1,\n", lower_is_better=True)
    assert bench.best("score") == 0
    assert np.isnan(bench.values("score", [1, 2])).all()


def test_parquet_and_csv_are_the_same(imported, tmp_path):
    from_csv = imported(CURVES)
    pd.read_csv(tmp_path / "mine.csv").to_parquet(tmp_path / "mine.parquet")
    options = {"space": "tabular_mlp", "layers": 2, "widths": (8, 16)}
    from_parquet = Bench.open(import_bench("table", tmp_path / "mine.parquet", tmp_path / "out2", **options))
    assert from_csv.frame().equals(from_parquet.frame())


def test_several_forms_of_one_network(imported):
    # What nothing reads may be anything.
    ops = ("none", "nor_conv_3x3")
    lines = [f"|{op}~0|+|none~0|none~1|+|nor_conv_3x3~0|none~1|none~2|,9" for op in ops]
    settings = {"space": "nb201", "layers": None, "widths": None, "unique": True}
    assert len(imported("arch,score\n" + lines[0] + "\n", **settings)) == 1
    bench = imported("arch,score\n" + lines[0] + "\n", **settings)
    assert bench.is_unique


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "must be a CSV or Parquet file"),
        ("arch,score\n", "must have a row per result"),
        ("arch\ntabular_mlp:0.0\n", "no column 'score'"),
        ("arch,scores\ntabular_mlp:0.0,1\n", "no column 'score'.*Did you mean 'scores'"),
        ("score\n1\n", "no column 'arch'.*nor 'g0'"),
        ("g0,score\n1,1\n", "no column 'arch'.*nor 'g1'"),
        ("arch,score\ntabular_mlp:0.0,good\n", "line 2: score must be a number, but is 'good'"),
        ("arch,score\ntabular_mlp:0.0,1\nnb201:0.0,1\n", "line 3: .*space is 'nb201'"),
        ("arch,score\ntabular_mlp:0.0,1\nnonsense,1\n", "line 3: an architecture must read"),
        ("arch,score\ntabular_mlp:0.7,1\n", r"line 2: .*gene 1 must be 0\.\.1, but is 7"),
        ("arch,score\n,1\n", "line 2 has no architecture"),
        ("arch,score\ntabular_mlp:0.0,1\ntabular_mlp:0.0,2\n", "line 3 repeats"),
        ("arch,score,epoch\ntabular_mlp:0.0,1,1.5\n", "line 2: epoch must be a whole number"),
        ("arch,score,epoch\ntabular_mlp:0.0,1,\n", "line 2: epoch must be a whole number"),
        ("arch,score,seed\ntabular_mlp:0.0,1,\n", "line 2 has no seed"),
        (
            "arch,score,seed,ms\ntabular_mlp:0.0,1,1,5\ntabular_mlp:0.0,1,2,6\n",
            "column 'ms' has several values for one architecture",
        ),
        ("arch,score\ntabular_mlp:0.0,1,2,3\nx,y\n", "must be a CSV or Parquet file|line 3"),
    ],
)
def test_what_is_wrong_is_said_in_one_line(imported, tmp_path, text, message):
    with pytest.raises(NasError, match=message) as raised:
        imported(text)
    assert raised.value.exit_code == 2
    assert not (tmp_path / "out" / "bench.json").exists()


def test_a_binary_file_is_no_table(tmp_path):
    for name in ("t.csv", "t.parquet"):
        (tmp_path / name).write_bytes(bytes(range(256)) * 10)
        with pytest.raises(BenchError, match="must be a CSV or Parquet file"):
            import_bench("table", tmp_path / name, tmp_path / "out", space="nb201")


def test_a_column_that_was_asked_for_must_be_there(imported):
    with pytest.raises(BenchError, match=r"no column 'sec' \(cost\)"):
        imported("arch,score\ntabular_mlp:0.0,1\n", cost="sec")
    with pytest.raises(BenchError, match="has 2 genes, but"):
        imported("a,score\n0,1\n", genes=("a",))


def test_spaces_by_name_or_file(imported, tmp_path):
    file = tmp_path / "space.yaml"
    file.write_text("name: tiny\nspace: {chain: {stem: {choice: [a, b]}, width: {ints: [8, 16, 8]}}}")
    own = {"layers": None, "widths": None}
    assert len(imported("arch,score\ntiny:0.1\n".replace("1\n", "1,5\n"), space=str(file), **own)) == 1
    with pytest.raises(UnknownNameError, match="Did you mean 'nb201'"):
        imported("arch,score\nx,1\n", space="nb210", **own)
    with pytest.raises(SpaceError, match="layers and widths belong to the space 'tabular_mlp'"):
        imported("arch,score\nx,1\n", space="nb201")
