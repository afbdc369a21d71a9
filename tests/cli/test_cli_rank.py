"""`archwright rank`, as a user calls it."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from archwright.cli.main import app
from archwright.core.errors import NasError
from archwright.core.rng import derive
from rank_doubles import doubles

__all__ = ["doubles"]

SMALL = ("--size", "channels=4,cells=1", "--batch", "8")


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("images") / "images.npz"
    pixels = derive(0, "images").integers(0, 256, (40, 8, 8, 3), dtype=np.uint8)
    np.savez(path, x=pixels, y=np.arange(40) % 2)
    return path


@pytest.fixture
def rank():
    """The command `archwright rank` in this process, as a function that gives what it did; errors are raised."""

    def call(*words: object):
        done = CliRunner().invoke(app, ["rank", *map(str, words)])
        if done.exception is not None:
            raise done.exception
        return done

    return call


def test_it_prints_the_best_and_where_everything_is(doubles, rank, images, tmp_path):
    words = ("--space", "nb201", "--data", images, *SMALL, "--sample", 9, "--workers", 0, "--out", tmp_path / "r")
    done = rank(*words, "--proxies", "size,picky", "--top", 3)
    lines = done.stdout.splitlines()
    assert lines[0].startswith("The best of 9 architectures of nb201")
    assert lines[1].split() == ["place", "mean", "rank", "size", "picky", "architecture"]
    best = pd.read_csv(tmp_path / "r" / "scores.csv")["arch"]
    assert [line.split()[-1] for line in lines[2:5]] == best[:3].tolist()
    assert str(tmp_path / "r" / "ranking.html") in done.stdout
    assert (tmp_path / "r" / "ranking.html").exists()
    assert (tmp_path / "r" / "scores.parquet").exists()


def test_it_tells_what_is_left_out_and_what_is_missing(doubles, rank, images, tmp_path):
    words = ("--space", "nb201", "--data", images, *SMALL, "--sample", 30, "--workers", 0, "--out", tmp_path / "r")
    done = rank(*words)
    assert "note: broken is left out: RuntimeError: matrices do not fit" in done.stderr
    assert "lack a score by some proxy" in done.stderr
    assert "broken" not in done.stdout


def test_json_holds_the_same(doubles, rank, images, tmp_path):
    words = ("--space", "nb201", "--data", images, *SMALL, "--sample", 30, "--workers", 0, "--out", tmp_path / "r")
    said = json.loads(rank(*words, "--json", "--top", 4).stdout)
    assert (said["space"], said["scored"]) == ("nb201", 30)
    assert [row["place"] for row in said["best"]] == [1, 2, 3, 4]
    assert set(said["left_out"]) == {"broken", "endless"}
    (tiny,) = [row for row in said["proxies"] if row["name"] == "tiny"]
    assert tiny["higher_is_better"] is False
    assert said["failed"] > 0
    assert Path(said["report"]).exists()


def test_networks_of_a_table_share_weights_and_the_command_says_so(rank, table, tmp_path):
    words = ("--space", "criteo", "--data", table, "--target", "y", "--proxies", "params,synflow", "--sample", 30)
    words += ("--batch", 16, "--workers", 2)
    done = rank(*words, "--out", tmp_path / "shared")
    assert "share one draw of weights" in done.stderr
    own = rank(*words, "--weights", "own", "--workers", 0, "--json", "--out", tmp_path / "own")
    assert json.loads(own.stdout)["weights"] == "own"
    shared, own = (pd.read_csv(tmp_path / name / "scores.csv").set_index("arch") for name in ("shared", "own"))
    assert (shared["params"] == own["params"][shared.index]).all()
    assert shared["synflow"].corr(own["synflow"], method="spearman") > 0.95


def test_a_table_ranks_a_space_of_tabular_mlps(doubles, rank, table, tmp_path):
    words = ("--space", "criteo", "--data", table, "--target", "y", "--proxies", "size", "--sample", 5, "--batch", 16)
    done = rank(*words, "--workers", 0, "--out", tmp_path / "r")
    first = done.stdout.splitlines()[2].split()
    assert first[-2].startswith("criteo:")
    assert len(first[-1].strip("()").split("-")) == 4


def test_a_ranking_is_gone_on_with_by_its_folder(doubles, rank, images, tmp_path):
    words = ("--space", "nb201", "--data", images, *SMALL, "--sample", 6, "--workers", 0, "--out", tmp_path / "r")
    first = rank(*words, "--proxies", "size")
    assert rank("--resume", tmp_path / "r", "--workers", 0).stdout == first.stdout
    assert rank(*words, "--proxies", "size").stdout == first.stdout
    assert doubles["size"] == 6


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ((), "--space and --data"),
        (("--space", "nb201"), "--space and --data"),
        (("--space", "nb210", "--data", "sklearn:digits"), "Did you mean 'nb201'"),
        (("--space", "asr", "--data", "sklearn:digits"), "no network"),
        (("--space", "nb201", "--data", "sklearn:digits", "--proxies", "sise"), "Did you mean 'size'"),
        (("--space", "nb201", "--data", "sklearn:iris"), "sklearn:digits"),
        (("--space", "nb201", "--data", "nowhere"), "no file 'nowhere'"),
        (("--space", "nb201", "--data", "empty"), "holds no images"),
        (("--space", "nb201", "--data", "table.csv"), "no image data"),
        (("--space", "criteo", "--data", "table.csv"), "no column 'target'"),
        (("--space", "criteo", "--data", "empty"), "is a folder"),
        (("--space", "nb201", "--data", "sklearn:digits", "--sample", "many"), "a number of architectures or all"),
        (("--space", "nb201", "--data", "sklearn:digits", "--size", "channels"), "NAME=NUMBER"),
        (("--space", "nb201", "--data", "sklearn:digits", "--size", "depth=3"), "no size 'depth'"),
        (("--space", "nb201", "--data", "sklearn:digits", "--init", "kaimin"), "Did you mean 'kaiming'"),
        (("--space", "nb201", "--data", "sklearn:digits", "--split", "valid"), "train or test"),
        (("--space", "nb201", "--data", "sklearn:digits", "--resize", "big"), "32x48"),
        (("--space", "darts", "--data", "sklearn:digits", "--sample", "all"), "at most 5,000,000"),
        (("--resume", "empty"), "holds no ranking"),
    ],
)
def test_bad_input_is_refused_in_one_line(doubles, rank, tmp_path, monkeypatch, words, said):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "empty").mkdir()
    (tmp_path / "table.csv").write_text("a,b\n1,2\n3,4\n5,6\n")
    with pytest.raises(NasError) as error:
        rank(*words)
    assert said in str(error.value)
    assert "\n" not in str(error.value)
    assert error.value.exit_code == 2


def test_an_unknown_proxy_ends_with_code_2(archwright):
    done = archwright("rank", "--space", "nb201", "--data", "sklearn:digits", "--proxies", "synflw")
    assert done.returncode == 2
    assert done.stderr.splitlines() == ["archwright: no proxy 'synflw'. Did you mean 'synflow'?"]
    assert done.stdout == ""


def test_an_interrupted_ranking_is_kept_and_goes_on(images, archwright, tmp_path):
    words = ["rank", "--space", "nb201", "--data", images, "--size", "channels=16,cells=2", "--proxies", "synflow"]
    words += ["--sample", 150, "--batch", 8, "--workers", 0, "--out", tmp_path / "r"]
    command = [sys.executable, "-m", "archwright", *map(str, words)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        until_s = time.monotonic() + 60
        while not (tmp_path / "r" / "study.db").exists() and process.poll() is None and time.monotonic() < until_s:
            time.sleep(0.05)
        time.sleep(0.5)
        os.kill(process.pid, signal.SIGINT)
        _, stderr = process.communicate(timeout=30)
    assert process.returncode == 130
    assert f"go on with archwright rank --resume {tmp_path / 'r'}" in stderr
    assert "Traceback" not in stderr

    from archwright.coordinate.rank_options import RankFolder
    from archwright.coordinate.ranking import load_ranking

    kept = load_ranking(RankFolder(tmp_path / "r"))
    assert 0 < len(kept) < kept.wanted == 150
    done = archwright("rank", "--resume", tmp_path / "r", "--workers", "0", "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["scored"] == 150
    whole = load_ranking(RankFolder(tmp_path / "r"))
    assert whole.archs[: len(kept)] == kept.archs
    assert np.array_equal(whole.values[: len(kept)], kept.values, equal_nan=True)
    assert np.array_equal(whole.seconds[: len(kept)], kept.seconds, equal_nan=True)
