"""Rankings: what is scored, kept, resumed and refused."""

import json

import numpy as np
import pandas as pd
import pytest
import torch

from archwright.coordinate.rank_inputs import load_inputs, of_table, save_inputs
from archwright.coordinate.rank_options import RankFolder, default_folder, proxy_names
from archwright.coordinate.ranking import load_ranking, rank, resume_ranking
from archwright.coordinate.weights import chosen_weights
from archwright.core.catalog import find, names
from archwright.core.errors import DataError, NasError, ProxyError, RunError, SpaceError, UnknownNameError
from archwright.core.ranks import ranks
from archwright.core.rng import derive
from archwright.data.shapes import VectorShape
from archwright.proxies.base import Batch
from archwright.proxies.ensemble import mean_rank
from archwright.proxies.tabular_draw import SharedDraw
from archwright.spaces.nb201 import NasBench201
from archwright.spaces.tabular_mlp import TabularMlp
from rank_doubles import CALLS, doubles

__all__ = ["doubles"]

SMALL = {"channels": 4, "cells": 1}
SPACE = TabularMlp((4, 16, 64), layers=2)


def images(n=40):
    rng = derive(0, "images")
    return rng.integers(0, 256, (n, 8, 8, 3), dtype=np.uint8), np.arange(n) % 2


def ranked(**options):
    given = {"proxies": "size,tiny,weights,picky", "sample": 12, "batch": 8, "size": SMALL, "workers": 0}
    return rank("nb201", images(), **given | options)


def table(tmp_path, kind="binary"):
    rng = derive(0, "table")
    x = rng.standard_normal((60, 2))
    frame = pd.DataFrame({"a": x[:, 0], "b": x[:, 1], "c": rng.choice(["u", "v", "w"], 60)})
    total = x.sum(axis=1)
    frame["y"] = {"binary": total > 0, "classes": frame["c"] + "!", "real": total}[kind]
    path = tmp_path / f"{kind}.csv"
    frame.to_csv(path, index=False)
    return path


# What comes out


def test_each_architecture_has_a_score_by_each_proxy_and_a_rank(doubles):
    ranking = ranked()
    assert len(ranking) == len(set(ranking.archs)) == ranking.wanted == 12
    assert ranking.proxies == ("size", "tiny", "weights", "picky")
    assert ranking.directions == (1, -1, 1, 1)
    size, tiny = ranking.values[:, 0], ranking.values[:, 1]
    assert np.array_equal(size, tiny)
    assert doubles["size"] == doubles["weights"] == 12
    best, smallest = ranking.top(1, "size")[0], ranking.top(1, "tiny")[0]
    assert size[ranking.archs.index(best)] == size.max()
    assert size[ranking.archs.index(smallest)] == size.min()
    np.testing.assert_allclose(ranking.ranks[:, 0], 13 - ranking.ranks[:, 1])
    assert (ranking.seconds[np.isfinite(ranking.values)] >= 0).all()


def test_a_missing_score_has_the_last_rank_and_its_reason(doubles):
    ranking = ranked(sample=40)
    missing = np.isnan(ranking.values[:, 3])
    assert 0 < missing.sum() < 40
    assert (ranking.ranks[missing, 3] > ranking.ranks[~missing, 3].max()).all()
    assert all(
        ("picky: a network must have" in error) == bool(gone)
        for error, gone in zip(ranking.errors, missing, strict=True)
    )
    assert ranking.left_out == {}


def test_the_mean_rank_is_that_of_the_ensemble(doubles):
    ranking = ranked(sample=40)
    scores = {name: ranking.values[:, k] for k, name in enumerate(ranking.proxies)}
    np.testing.assert_allclose(ranking.overall, mean_rank(scores))


def test_ranks_are_those_of_the_definition():
    rng = derive(0, "values")
    values = np.where(rng.random(60) < 0.2, np.nan, rng.integers(0, 12, 60).astype(float))
    for direction in (1, -1):
        keyed = np.where(np.isnan(values), -np.inf, direction * values)
        twin = [(keyed > key).sum() + ((keyed == key).sum() + 1) / 2 for key in keyed]
        assert ranks(values, higher_is_better=direction > 0).tolist() == twin


def test_a_proxy_that_gives_no_score_is_left_out_by_name_and_not_tried_for_all(doubles):
    ranking = ranked(proxies="all", sample=20)
    assert set(ranking.left_out) == {"broken", "endless"}
    assert ranking.left_out["broken"] == "RuntimeError: matrices do not fit"
    assert set(ranking.proxies) == set(names("proxy")) - {"broken", "endless"}
    assert doubles["broken"] == 5
    assert doubles["size"] == 20
    assert not any("broken" in error for error in ranking.errors)
    with pytest.raises(ProxyError, match="by 'broken': RuntimeError"):
        ranking.order("broken")
    with pytest.raises(ProxyError, match="Did you mean 'size'"):
        ranking.order("sise")


def test_all_of_a_small_space_are_scored(doubles):
    rows = derive(0, "rows").standard_normal((30, 3))
    frame = pd.DataFrame(rows, columns=["a", "b", "target"])
    for sample in (None, 1000):
        ranking = rank(SPACE, frame, proxies="size", sample=sample, batch=8, workers=0)
        assert sorted(map(str, ranking.archs)) == sorted(map(str, SPACE.enumerate()))
    assert SPACE.widths_of(ranking.top(1)[0]) == (64, 64)


def test_scores_follow_from_the_seed(doubles):
    first, again, other = (ranked(seed=seed, sample=6) for seed in (0, 0, 1))
    assert first.archs == again.archs != other.archs
    assert first.values.tobytes() == again.values.tobytes()


def test_workers_change_nothing():
    options = {"proxies": "params,synflow,nwot", "sample": 4}
    one, two = ranked(**options), ranked(**options, workers=1)
    assert one.archs == two.archs
    np.testing.assert_allclose(one.values, two.values, rtol=1e-6)


def test_repeats_draw_networks_and_batches_anew(doubles):
    once, thrice = ranked(proxies="weights,drawn", sample=3), ranked(proxies="weights,drawn", sample=3, repeats=3)
    assert once.archs == thrice.archs
    assert not np.isclose(once.values, thrice.values).any()


def test_the_table_can_be_read_by_anything(doubles, tmp_path):
    ranking = ranked(out=tmp_path / "r", sample=30)
    csv, parquet = pd.read_csv(tmp_path / "r" / "scores.csv"), pd.read_parquet(tmp_path / "r" / "scores.parquet")
    assert list(csv.columns) == list(parquet.columns)
    wanted = ["arch", "overall", "size", "rank:size", "seconds:size", "seconds:build", "error"]
    assert set(wanted) <= set(csv.columns)
    assert csv["overall"].is_monotonic_increasing
    space = NasBench201()
    assert [space.parse(text) for text in csv["arch"]] == ranking.top(30)
    np.testing.assert_allclose(csv["size"], ranking.values[ranking.order(), 0])
    assert parquet["picky"].isna().sum() == np.isnan(ranking.values[:, 3]).sum()


# Networks that share one draw of weights

FAST = "params,synflow,snip,nwot,expressflow,ntk_trace"


def rows_frame():
    return pd.DataFrame(derive(0, "rows").standard_normal((60, 4)), columns=["a", "b", "c", "target"])


def rows_ranked(**options):
    return rank(SPACE, rows_frame(), **{"proxies": FAST, "batch": 16, "workers": 0} | options)


def test_networks_of_a_table_are_scored_together_with_the_values_that_each_has_by_itself():
    ranking = rows_ranked()
    inputs = of_table(rows_frame(), "target", ranking.archs, batch=16, repeats=1, balanced=False, seed=0)
    x, y = (torch.from_numpy(part) for part in inputs.batches[0])
    draw = SharedDraw(SPACE, inputs.shape.features, seed=0)
    for k, name in enumerate(ranking.proxies):
        for arch, value in zip(ranking.archs, ranking.values[:, k], strict=True):
            if name == "expressflow":
                assert value == pytest.approx(draw.expressflow.score(arch), rel=1e-5)
            elif np.isfinite(value):
                assert value == pytest.approx(find("proxy", name)(draw.network(arch), Batch(x, y)), rel=1e-4), name


def test_who_shares_weights_ranks_nearly_as_who_has_its_own():
    shared, own = rows_ranked(), rows_ranked(weights="own")
    assert shared.archs == own.archs
    assert shared.proxies == own.proxies
    for name in ("params", "synflow", "expressflow"):
        k = shared.proxies.index(name)
        assert np.corrcoef(shared.ranks[:, k], own.ranks[:, k])[0, 1] > 0.9, name
    np.testing.assert_array_equal(shared.values[:, 0], own.values[:, 0])
    assert not np.isclose(shared.values[:, 2], own.values[:, 2]).any()


def test_a_ranking_of_shared_weights_says_so_and_goes_on_where_it_was_cut(tmp_path):
    whole = rows_ranked()
    with pytest.raises(StopError):
        rows_ranked(out=tmp_path / "r", watch=cut_after(7))
    assert json.loads((tmp_path / "r" / "ranking.json").read_text())["settings"]["weights"] == "shared"
    ranking = rows_ranked(out=tmp_path / "r")
    assert ranking.archs == whole.archs
    np.testing.assert_allclose(ranking.values, whole.values, rtol=1e-5)
    with pytest.raises(RunError, match="another weights"):
        rows_ranked(out=tmp_path / "r", weights="own")


def test_a_folder_from_before_there_was_a_choice_has_weights_of_its_own(tmp_path):
    before = rows_ranked(out=tmp_path / "r", weights="own")
    path = tmp_path / "r" / "ranking.json"
    said = json.loads(path.read_text())
    del said["settings"]["weights"]
    path.write_text(json.dumps(said))
    np.testing.assert_array_equal(rows_ranked(out=tmp_path / "r", weights="own").values, before.values)


@pytest.mark.parametrize(("weights", "chosen"), [("auto", "shared"), ("shared", "shared"), ("own", "own")])
def test_weights_are_shared_where_they_can_be(weights, chosen):
    assert chosen_weights(weights, [SPACE], init="torch", size={}) == chosen


def test_weights_that_cannot_be_shared_are_refused_in_one_line():
    assert chosen_weights("auto", [SPACE, NasBench201()], init="torch", size={}) == "own"
    assert chosen_weights("auto", [SPACE], init="kaiming", size={}) == "own"
    for options in ({"init": "kaiming", "size": {}}, {"init": "torch", "size": {"batchnorm": False}}):
        with pytest.raises(RunError, match="leave out --weights") as caught:
            chosen_weights("shared", [SPACE], **options)
        assert "\n" not in str(caught.value)
    with pytest.raises(UnknownNameError, match="auto, shared or own"):
        chosen_weights("common", [SPACE], init="torch", size={})


# Going on


class StopError(Exception):
    pass


def cut_after(n):
    def watch(progress):
        if progress.done >= n:
            raise StopError

    return watch


@pytest.mark.parametrize("n", [0, 3, 5, 9])
def test_a_ranking_that_was_cut_goes_on_without_scoring_anything_twice(doubles, tmp_path, n):
    whole = ranked()
    CALLS.clear()
    with pytest.raises(StopError):
        ranked(out=tmp_path / "r", watch=cut_after(n))
    kept = load_ranking(RankFolder(tmp_path / "r"))
    assert (len(kept), kept.wanted) == (n, 12)
    ranking = ranked(out=tmp_path / "r")
    assert doubles["size"] == 12
    assert ranking.archs == whole.archs
    assert ranking.values.tobytes() == whole.values.tobytes()


def test_a_ranking_goes_on_by_its_folder_alone(doubles, tmp_path):
    x, y = images()
    np.savez(tmp_path / "images.npz", x=x, y=y)
    options = {"sample": 9, "batch": 8, "size": SMALL, "workers": 0, "out": tmp_path / "r"}
    with pytest.raises(StopError):
        rank("nb201", tmp_path / "images.npz", proxies="size,weights", watch=cut_after(4), **options)
    # The data is not read again.
    (tmp_path / "images.npz").unlink()
    ranking = resume_ranking(tmp_path / "r", workers=0)
    assert doubles["weights"] == 9
    assert len(ranking) == 9
    assert json.loads((tmp_path / "r" / "ranking.json").read_text())["status"] == "finished"
    assert len(resume_ranking(tmp_path / "r", workers=0)) == 9
    assert doubles["weights"] == 9


def test_a_watcher_hears_of_every_architecture(doubles):
    heard = []
    ranked(watch=lambda progress: heard.append((progress.done, progress.wanted)))
    assert heard[0] == (0, 12)
    assert heard[-1] == (12, 12)
    assert {done for done, _ in heard} == set(range(13))


def test_another_ranking_in_the_folder_is_refused(doubles, tmp_path):
    ranked(out=tmp_path / "r", sample=3)
    for options, said in (
        ({"sample": 4}, "another sample"),
        ({"seed": 1}, "another seed"),
        ({"batch": 9}, "another batch"),
    ):
        with pytest.raises(RunError, match=said):
            ranked(out=tmp_path / "r", **{"sample": 3} | options)
    assert len(ranked(out=tmp_path / "r", sample=3, workers=0)) == 3


def test_a_folder_with_other_files_is_refused(doubles, tmp_path):
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(RunError, match="other files"):
        ranked(out=tmp_path)
    with pytest.raises(RunError, match="is a file"):
        ranked(out=tmp_path / "notes.txt")
    with pytest.raises(RunError, match="holds no ranking"):
        resume_ranking(tmp_path)


@pytest.mark.parametrize("file", ["ranking.json", "inputs.npz"])
def test_a_damaged_folder_is_refused_in_one_line(doubles, tmp_path, file):
    ranked(out=tmp_path / "r", sample=3)
    path = tmp_path / "r" / file
    path.write_bytes(path.read_bytes()[:40])
    with pytest.raises(RunError, match="damaged") as error:
        resume_ranking(tmp_path / "r", workers=0)
    assert "\n" not in str(error.value)


def test_two_processes_do_not_work_on_one_folder(doubles, tmp_path):
    from archwright.coordinate.chunks import only_one

    with only_one(tmp_path / "r", tmp_path / "r" / ".lock"), pytest.raises(RunError, match="another process"):
        ranked(out=tmp_path / "r")


def test_a_space_made_in_python_goes_on_by_the_same_call(doubles, tmp_path):
    frame = pd.DataFrame(derive(0, "rows").standard_normal((30, 3)), columns=["a", "b", "target"])
    options = {"proxies": "size", "batch": 8, "workers": 0, "out": tmp_path / "r"}
    with pytest.raises(StopError):
        rank(SPACE, frame, watch=cut_after(4), **options)
    with pytest.raises(RunError, match="made in Python"):
        resume_ranking(tmp_path / "r")
    assert len(rank(SPACE, frame, **options)) == 9
    assert doubles["size"] == 9
    assert len(load_ranking(RankFolder(tmp_path / "r"), space=SPACE)) == 9


# What is refused


@pytest.mark.parametrize(
    ("space", "options", "error", "said"),
    [
        ("nb210", {}, UnknownNameError, "Did you mean"),
        ("asr", {}, SpaceError, "no network"),
        ("nb201", {"proxies": "sise"}, UnknownNameError, "Did you mean 'size'"),
        ("nb201", {"proxies": " , "}, RunError, "none was named"),
        ("nb201", {"size": {"chanels": 4}}, SpaceError, "Did you mean 'channels'"),
        ("nb201", {"size": {"channels": 0}}, NasError, "channels"),
        ("nb201", {"init": "he"}, UnknownNameError, "kaiming"),
        ("nb201", {"sample": 0}, RunError, "one or more"),
        ("nb201", {"batch": 41}, DataError, "1 to 40"),
        ("nlp", {}, NasError, "TokenShape"),
    ],
)
def test_bad_input_is_refused_before_anything_is_kept(doubles, tmp_path, space, options, error, said):
    given = {"proxies": "size", "sample": 3, "batch": 8, "workers": 0, "out": tmp_path / "r"}
    with pytest.raises(error, match=said) as caught:
        rank(space, images(), **given | options)
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "r" / "ranking.json").exists()
    assert not doubles


def test_where_no_proxy_gives_a_score_it_is_said_and_can_be_tried_again(doubles, tmp_path):
    for _ in range(2):
        with pytest.raises(ProxyError, match=r"'nb201': broken: RuntimeError.*endless: the value is inf"):
            ranked(proxies="broken,endless", out=tmp_path / "r")
        assert not (tmp_path / "r" / "study.db").exists()


# What networks see


@pytest.mark.parametrize(
    ("kind", "classes", "dtype"), [("binary", 1, "int64"), ("classes", 3, "int64"), ("real", 1, "float32")]
)
def test_rows_of_a_table_are_embedded_as_networks_embed_them(tmp_path, kind, classes, dtype):
    archs = [SPACE.at(0)]
    inputs = of_table(table(tmp_path, kind), "y", archs, batch=10, repeats=2, balanced=False, seed=0)
    assert inputs.shape == VectorShape(features=30, classes=classes)
    for x, y in inputs.batches:
        assert (x.shape, x.dtype, y.shape, y.dtype) == ((10, 30), np.float32, (10,), dtype)
    assert not np.array_equal(inputs.batches[0][0], inputs.batches[1][0])
    assert inputs.about["kind"] == kind


def test_balanced_rows_hold_as_many_of_each_class(tmp_path):
    for batch in (10, 11):
        inputs = of_table(table(tmp_path, "classes"), "y", [SPACE.at(0)], batch=batch, repeats=1, balanced=True, seed=0)
        assert np.ptp(np.bincount(inputs.batches[0][1], minlength=3)) == 1


def test_inputs_are_kept_as_they_are(tmp_path):
    archs = list(SPACE.enumerate())
    inputs = of_table(table(tmp_path), "y", archs, batch=10, repeats=2, balanced=False, seed=0)
    save_inputs(tmp_path / "inputs.npz", inputs)
    kept = load_inputs(tmp_path / "inputs.npz", inputs.about)
    assert (kept.shape, kept.archs) == (inputs.shape, tuple(archs))
    for (x, y), (kept_x, kept_y) in zip(inputs.batches, kept.batches, strict=True):
        assert np.array_equal(x, kept_x)
        assert np.array_equal(y, kept_y)


def test_tables_need_their_target(tmp_path):
    with pytest.raises(DataError, match="no column 'target'"):
        rank(SPACE, table(tmp_path), proxies="params", workers=0)
    with pytest.raises(DataError, match="1 to"):
        rank(SPACE, table(tmp_path), proxies="params", target="y", batch=900, workers=0)


def test_language_models_are_ranked_on_text(tmp_path):
    words = derive(0, "words").integers(0, 30, 400)
    (tmp_path / "train.txt").write_text(" ".join(f"w{word}" for word in words))
    size = {"embedding": 8, "hidden": 8, "layers": 1}
    options = {"proxies": "params,grad_norm", "sample": 2, "batch": 4, "size": size, "workers": 0}
    ranking = rank("nlp", tmp_path / "train.txt", out=tmp_path / "r", **options)
    assert ranking.proxies == ("params", "grad_norm")
    assert np.isfinite(ranking.values).all()
    (x, y), *_ = load_inputs(tmp_path / "r" / "inputs.npz", {}).batches
    assert (x.shape, y.shape, x.max() < 31) == ((4, 35), (4, 35), True)


def test_names_of_proxies_are_read_from_text():
    assert proxy_names("a, b,a") == ("a", "b") == proxy_names(["a", "b"])
    assert proxy_names("all") == names("proxy")


def test_a_folder_is_named_after_the_space():
    assert default_folder("spaces/my space.yaml").name.startswith("rank-my-space-")
