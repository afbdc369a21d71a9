"""Studies of proxies: nothing is scored twice, nothing is lost, and scores of others are read with care."""

import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import archwright.coordinate.proxy_scoring as scoring_module
from archwright.bench.table import Bench, Outcome, Provenance, write_bench
from archwright.coordinate.contest import Progress
from archwright.coordinate.experiment import open_cases
from archwright.coordinate.proxy_scores import Score, foreign, joined, read_scores, table_of, write_scores
from archwright.coordinate.proxy_scoring import import_scores, score_study
from archwright.coordinate.proxy_study import Inputs, ProxyStudy, StudyFolder, known_rows, sampled_rows
from archwright.coordinate.rank_inputs import load_inputs
from archwright.core.errors import BenchError, NasError, ProxyError, RunError, SpaceError, UnknownNameError
from archwright.core.rng import derive
from archwright.spaces.nb201 import NasBench201
from proxy_doubles import SPACE, CountingEvaluator, written


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return written(tmp_path_factory.mktemp("bench") / "small", known=20)


def wanted(bench: Path, *proxies: str, outcomes: str = "data", seeds: int = 2, sample: int | None = 10) -> ProxyStudy:
    cases = open_cases(bench, outcomes.split(","))
    return ProxyStudy(cases, proxies or ("sum", "noise"), seeds, sample, Inputs(batch=4))


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A file with a line per evaluation, and studies that evaluate by counting."""
    log = tmp_path / "calls"
    log.touch()

    def made(drawn, space, inputs, names, *, seed):
        return CountingEvaluator(tuple(names), seed, log)

    scoring_module._evaluator.cache_clear()
    monkeypatch.setattr(scoring_module, "make_evaluator", made)
    yield log
    scoring_module._evaluator.cache_clear()


def read(folder: Path, study: ProxyStudy) -> pd.DataFrame:
    (group,) = study.groups()
    return StudyFolder(folder).read(group)


def test_every_architecture_of_the_sample_is_scored_once_with_every_seed(calls, bench, tmp_path) -> None:
    study = score_study(tmp_path / "s", wanted(bench))
    scores = read(tmp_path / "s", study)
    assert len(scores) == 10 * 2 * 2
    assert not scores.duplicated(["seed", "row", "proxy"]).any()
    assert set(scores["row"]) == set(sampled_rows(Bench.open(bench), study.cases, 10).tolist())
    right = [sum(SPACE.parse(arch).genes) for arch in scores[scores["proxy"] == "sum"]["arch"]]
    assert scores[scores["proxy"] == "sum"]["value"].tolist() == right
    assert len(calls.read_text().splitlines()) == 20


def test_a_study_takes_more_proxies_seeds_and_architectures_and_repeats_nothing(calls, bench, tmp_path) -> None:
    score_study(tmp_path / "s", wanted(bench))
    first = read(tmp_path / "s", wanted(bench))
    study = score_study(tmp_path / "s", wanted(bench, "picky", seeds=3, sample=25))
    assert (study.proxies, study.seeds, study.sample) == (("sum", "noise", "picky"), 3, 25)
    scores = read(tmp_path / "s", study)
    assert len(scores) == 25 * 3 * 3
    merged = first.merge(scores, on=["seed", "row", "proxy"], suffixes=("", "_now"))
    assert len(merged) == len(first)
    assert (merged["value"] == merged["value_now"]).all()
    asked = Counter()
    for line in calls.read_text().splitlines():
        seed, arch, names = line.split(" ")
        asked.update((seed, arch, name) for name in names.split(","))
    assert set(asked.values()) == {1}


def test_what_a_proxy_refuses_is_kept_with_its_reason_and_not_asked_again(calls, bench, tmp_path) -> None:
    study = wanted(bench, "picky", "sum", sample=None, seeds=1)
    score_study(tmp_path / "s", study)
    scores = read(tmp_path / "s", study)
    refused = scores[(scores["proxy"] == "picky") & scores["value"].isna()]
    assert len(refused) == 4  # heights 0 and 1: one and three of them
    assert set(refused["error"]) == {"too small; said so"}
    assert refused["seconds"].isna().all()
    assert (scores[scores["proxy"] == "sum"]["error"] == "").all()
    n = len(calls.read_text().splitlines())
    score_study(tmp_path / "s", study)
    assert len(calls.read_text().splitlines()) == n


def test_outcomes_on_the_same_data_share_their_scores(calls, bench, tmp_path) -> None:
    study = score_study(tmp_path / "s", wanted(bench, outcomes="data,loss"))
    assert [group.cases for group in study.groups()] == [("small.data", "small.loss")]
    assert len(calls.read_text().splitlines()) == 20
    split = replace(study, sources=(("small.loss", "other"),))
    assert [(group.data, group.cases) for group in split.groups()] == [
        ("", ("small.data",)),
        ("other", ("small.loss",)),
    ]


def test_a_watcher_is_told_how_far_it_is(calls, bench, tmp_path) -> None:
    told: list[Progress] = []
    score_study(tmp_path / "s", wanted(bench), watch=told.append)
    assert (told[0].done, told[0].wanted) == (0, 20)
    assert (told[-1].done, told[-1].wanted) == (20, 20)
    assert [each.done for each in told] == sorted(each.done for each in told)
    told.clear()
    score_study(tmp_path / "s", wanted(bench, sample=12), watch=told.append)
    assert (told[0].done, told[0].wanted) == (20, 24)


def test_a_larger_sample_holds_the_smaller_one(bench) -> None:
    opened, cases = Bench.open(bench), open_cases(bench, ["data"])
    small, large = (set(sampled_rows(opened, cases, n).tolist()) for n in (7, 30))
    assert small < large
    assert len(large) == 30
    assert sampled_rows(opened, cases, 1000).tolist() == list(range(64))


def test_only_architectures_with_an_outcome_are_drawn(bench) -> None:
    opened, cases = Bench.open(bench), open_cases(bench, ["half"])
    assert known_rows(opened, cases).tolist() == list(range(20))
    assert max(sampled_rows(opened, cases, 15)) < 20


def test_another_kind_of_network_is_another_study(calls, bench, tmp_path) -> None:
    study = score_study(tmp_path / "s", wanted(bench))
    for changed in (Inputs(batch=8), Inputs(batch=4, size=(("channels", 8),)), Inputs(batch=4, data="x")):
        with pytest.raises(RunError, match="choose another folder with --out"):
            study.joined(replace(study, inputs=changed))
    with pytest.raises(RunError, match="is not the one of this study"):
        study.joined(replace(study, cases=(replace(study.cases[0], checksum="other"),)))
    moved = replace(study, cases=(replace(study.cases[0], folder="/elsewhere"),))
    assert study.joined(moved).cases[0].folder == "/elsewhere"


def test_a_study_is_what_its_folder_says(calls, bench, tmp_path) -> None:
    inputs = Inputs("d", "t", 4, (("channels", 8), ("affine", False)), True, "kaiming")
    changed = {"inputs": inputs, "sources": (("small.half", "x"),), "lower": ("sum",)}
    study = replace(wanted(bench, outcomes="data,half"), **changed)
    StudyFolder(tmp_path / "s").write(study)
    assert StudyFolder(tmp_path / "s").load() == study
    record = StudyFolder(tmp_path / "s").record
    for text in ("{", json.dumps({"format": 99}), json.dumps({"format": 1}), json.dumps([])):
        record.write_text(text)
        with pytest.raises(RunError, match=r"study\.json"):
            StudyFolder(tmp_path / "s").load()


def test_a_folder_with_something_else_is_left_alone(calls, bench, tmp_path) -> None:
    (tmp_path / "s").mkdir()
    (tmp_path / "s" / "letter.txt").write_text("dear")
    with pytest.raises(RunError, match="holds something else"):
        score_study(tmp_path / "s", wanted(bench))
    with pytest.raises(RunError, match="holds no study"):
        StudyFolder(tmp_path / "s").load()
    assert [path.name for path in (tmp_path / "s").iterdir()] == ["letter.txt"]


@pytest.mark.parametrize("changed", [{"seeds": 0}, {"sample": 0}, {"cases": ()}, {"proxies": ()}])
def test_a_study_of_nothing_is_refused(bench, changed) -> None:
    with pytest.raises(RunError, match="a study needs"):
        replace(wanted(bench), **changed)


@pytest.mark.parametrize(
    ("proxies", "inputs", "error"),
    [
        (("expresflow",), Inputs(batch=4), UnknownNameError),
        (("expressflow",), Inputs(batch=4, size=(("depth", 3),)), SpaceError),
        (("expressflow",), Inputs(batch=4, data="nowhere.csv", target="y"), NasError),
        (("expressflow",), Inputs(batch=4, data="sklearn:iris"), NasError),
        (("expressflow", "expressflow"), Inputs(batch=4), ProxyError),
    ],
)
def test_what_cannot_be_scored_is_refused_before_anything_is_written(bench, tmp_path, proxies, inputs, error) -> None:
    with pytest.raises(error):
        score_study(tmp_path / "s", replace(wanted(bench), proxies=proxies, inputs=inputs))
    assert not (tmp_path / "s").exists()


def test_real_networks_score_alike_in_this_process_and_in_others(bench, tmp_path) -> None:
    study = wanted(bench, "expressflow", sample=6)
    score_study(tmp_path / "here", study)
    score_study(tmp_path / "there", study, jobs=2)
    here, there = (read(tmp_path / name, study) for name in ("here", "there"))
    keys = ["seed", "row", "proxy", "value"]
    pd.testing.assert_frame_equal(here[keys], there[keys])
    assert (here["value"] > 0).all()
    assert here.groupby("row")["value"].nunique().min() == 2


def test_a_killed_study_goes_on_where_it_was(bench, tmp_path) -> None:
    out = tmp_path / "s"
    words = ["--bench", f"{bench}:data", "--proxies", "expressflow", "--seeds", 40, "--workers", 1, "--out", out]
    command = [sys.executable, "-m", "archwright", "bench", "proxies", *map(str, words)]
    process = subprocess.Popen(command, stderr=subprocess.DEVNULL, start_new_session=True)
    try:
        until_s = time.monotonic() + 60
        while not list(out.glob("parts/*.parquet")) and time.monotonic() < until_s:
            time.sleep(0.02)
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    study = StudyFolder(out).load()
    there = read(out, study)
    assert 0 < len(there) < 64 * 40
    (group,) = study.groups()
    small = replace(study, seeds=1)
    StudyFolder(out).write(small)
    before = there[there["seed"] == 0]
    score_study(out, small)
    after = read(out, small)
    assert len(after[after["seed"] == 0]) == 64
    merged = before.merge(after, on=["seed", "row", "proxy", "value", "seconds"])
    assert len(merged) == len(before)
    assert not StudyFolder(out).parts_of(group)


def test_scores_survive_the_file(tmp_path) -> None:
    scores = table_of([Score(0, 3, "a", "p", float("nan"), error="why"), Score(1, 2, "b", "q", -np.inf, 0.5)])
    write_scores(tmp_path / "f.parquet", scores)
    pd.testing.assert_frame_equal(read_scores(tmp_path / "f.parquet"), scores)
    write_scores(tmp_path / "empty.parquet", table_of([]))
    assert len(read_scores(tmp_path / "empty.parquet")) == 0
    (tmp_path / "g.parquet").write_bytes(b"PAR1")
    with pytest.raises(RunError, match=r"g\.parquet is damaged"):
        read_scores(tmp_path / "g.parquet")


def test_of_two_scores_of_the_same_the_first_stays() -> None:
    parts = [table_of([Score(0, 1, "a", "p", value)]) for value in (1.0, 2.0)]
    assert joined(parts)["value"].tolist() == [1.0]


def table(path: Path, text: str) -> Path:
    path.write_text(text)
    return path


def test_a_table_of_somebody_else_is_read_with_seeds_data_sets_and_seconds(bench, tmp_path) -> None:
    text = (
        "arch,seed,dataset,mine,seconds:mine,note\n"
        "tabular_mlp:0.0.0,7,data,1.5,0.1,x\ntabular_mlp:0.0.0,9,data,2.5,0.2,x\ntabular_mlp:3.0.0,7,data,,0.1,x\ntabular_mlp:0.0.0,7,loss,9,0.1,x\n"
    )
    found = foreign(table(tmp_path / "t.csv", text), Bench.open(bench))
    assert (found.proxies, found.datasets) == (("mine",), ("data", "loss"))
    data = found.parts["data"]
    assert data[["seed", "row", "value"]].fillna(-1).values.tolist() == [[0, 0, 1.5], [0, 48, -1], [1, 0, 2.5]]
    assert data["seconds"].tolist() == [0.1, 0.1, 0.2]
    assert data["error"].tolist() == ["", "missing in the table", ""]
    assert found.parts["loss"]["value"].tolist() == [9.0]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("name,mine\ntabular_mlp:0.0.0,1\n", "no column 'arch'"),
        ("arch,mine\ntabular_mlp:0.0.9,1\n", "line 2"),
        ("arch,note\ntabular_mlp:0.0.0,x\n", "a column of numbers for each proxy"),
        ("arch,mine\ntabular_mlp:0.0.0,1\ntabular_mlp:0.0.0,2\n", "line 3 repeats an architecture"),
        ("arch,seed,mine\ntabular_mlp:0.0.0,,2\n", "line 2 has no seed"),
        ("", "CSV or Parquet"),
    ],
)
def test_a_table_that_does_not_fit_is_refused_by_line(bench, tmp_path, text, said) -> None:
    with pytest.raises(BenchError, match=said):
        foreign(table(tmp_path / "t.csv", text), Bench.open(bench))


def test_architectures_that_the_benchmark_lacks_are_counted(tmp_path) -> None:
    part = written(tmp_path / "whole")
    opened = Bench.open(part)
    some = list(SPACE.enumerate())[:5]
    values = np.arange(5.0)[:, None, None]
    folder = write_bench(
        tmp_path / "part",
        name="part",
        space=SPACE,
        archs=some,
        outcomes=[Outcome("o", "accuracy", "", (1,), values)],
        measures={},
        provenance=Provenance("made by a test", "Apache-2.0"),
    )
    text = "arch,mine\n" + "".join(f"{SPACE.text(arch)},1\n" for arch in opened.archs([0, 1, 60, 61]))
    with pytest.raises(BenchError, match=r"2 of 4 lines name others, the first in line 4"):
        foreign(table(tmp_path / "t.csv", text), Bench.open(folder))


def test_a_foreign_study_names_the_columns_and_the_data_set_of_each_outcome(bench, tmp_path) -> None:
    path = table(tmp_path / "t.csv", "arch,dataset,a,b\ntabular_mlp:0.0.0,data,1,2\ntabular_mlp:0.0.0,loss,3,4\n")
    study = import_scores(tmp_path / "s", wanted(bench, "all", outcomes="data,loss"), path)
    assert study.proxies == ("a", "b")
    assert {group.data: group.cases for group in study.groups()} == {"data": ("small.data",), "loss": ("small.loss",)}
    assert StudyFolder(tmp_path / "s").load() == study
    with pytest.raises(BenchError, match=r"has no scores for outcome 'half'"):
        import_scores(tmp_path / "t", wanted(bench, "all", outcomes="half"), path)
    with pytest.raises(BenchError, match=r"has no proxy 'c'\. There are: a, b"):
        import_scores(tmp_path / "t", wanted(bench, "c"), path)


def test_a_foreign_table_does_not_replace_scores_computed_here(calls, bench, tmp_path) -> None:
    score_study(tmp_path / "s", wanted(bench))
    path = table(tmp_path / "t.csv", "arch,a\ntabular_mlp:0.0.0,1\n")
    with pytest.raises(RunError, match="holds another study"):
        import_scores(tmp_path / "s", wanted(bench, "a"), path)
    import_scores(tmp_path / "t", wanted(bench, "a"), path)
    path.write_text("arch,a\ntabular_mlp:0.0.0,5\n")
    study = import_scores(tmp_path / "t", wanted(bench, "a"), path)
    assert read(tmp_path / "t", study)["value"].tolist() == [5.0]


def test_networks_for_images_see_the_images_and_go_on_with_them(tmp_path) -> None:
    space = NasBench201()
    archs = [space.at(index) for index in (11, 284, 6111)]
    values = np.arange(3.0)[:, None, None]
    folder = write_bench(
        tmp_path / "cells",
        name="cells",
        space=space,
        archs=archs,
        outcomes=[Outcome(name, "accuracy", "", (1,), values) for name in ("digits", "other")],
        measures={},
        provenance=Provenance("made by a test", "Apache-2.0"),
    )
    images = tmp_path / "images.npz"
    rng = derive(0, "images")
    np.savez(images, x=rng.integers(256, size=(40, 8, 8, 3), dtype=np.uint8), y=np.arange(40) % 4)
    inputs = Inputs(data=str(images), batch=6, size=(("channels", 4), ("cells", 1)), balanced=False)
    cases = open_cases(folder, ["all"])
    study = ProxyStudy(cases, ("expressflow",), 1, None, inputs, sources=(("cells.other", "sklearn:digits"),))
    score_study(tmp_path / "s", study)
    ours, digits = study.groups()
    kept = [load_inputs(StudyFolder(tmp_path / "s").batch(group, 0), {}) for group in (ours, digits)]
    assert [each.batches[0][0].shape for each in kept] == [(6, 3, 8, 8), (6, 1, 8, 8)]
    first = StudyFolder(tmp_path / "s").read(ours)
    assert first["value"].max() > 0
    # The batch is kept, so the study can go on without the source.
    images.unlink()
    StudyFolder(tmp_path / "s").scores(ours).unlink()
    score_study(tmp_path / "s", study)
    assert StudyFolder(tmp_path / "s").read(ours)["value"].equals(first["value"])


def test_networks_for_a_table_see_its_embedded_rows(bench, tmp_path) -> None:
    rng = derive(0, "rows")
    lines = [f"{a:.3f},{'rgb'[int(3 * b)]},{'yes' if a > 0 else 'no'}" for a, b in rng.random((60, 2)) - [0.5, 0]]
    data = table(tmp_path / "data.csv", "\n".join(["size,colour,y", *lines]) + "\n")
    study = replace(wanted(bench, "expressflow", sample=3, seeds=1), inputs=Inputs(str(data), "y", 5))
    score_study(tmp_path / "s", study)
    (group,) = study.groups()
    ((x, y),) = load_inputs(StudyFolder(tmp_path / "s").batch(group, 0), {}).batches
    assert x.shape[0] == len(y) == 5
    assert set(y.tolist()) <= {0, 1}
    assert (read(tmp_path / "s", study)["value"] > 0).all()
    with pytest.raises(NasError, match=r"needs? .*target"):
        score_study(tmp_path / "t", replace(study, inputs=Inputs(str(data), "", 5)))
