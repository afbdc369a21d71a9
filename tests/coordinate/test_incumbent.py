"""The best network so far: taken from offers, kept in the model file, found again by the next session."""

import json
import logging
import math
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from archwright.coordinate.incumbent import Incumbent
from archwright.coordinate.record import RunFolder, RunRecord
from archwright.core.arch import Arch
from archwright.core.rng import derive
from archwright.data.metrics import ranking_score, score
from archwright.data.tables import read_table
from archwright.data.task import Task, make_task
from archwright.nets.committee import Committee
from archwright.nets.frozen import FrozenNet
from archwright.nets.inputs import Inputs
from archwright.nets.link import predictions
from archwright.nets.model import Model
from archwright.nets.recipe import Recipe
from archwright.nets.storage import write_arrays
from archwright.train.offers import Offer, known, offered, write_offer

RECIPE = Recipe(encoding="linear")


@pytest.fixture(scope="module")
def task() -> Task:
    rng = derive(0, "table")
    columns = {name: rng.normal(size=400) for name in "abc"}
    total = sum(columns.values()) + 0.1 * rng.normal(size=400)
    frame = pd.DataFrame(columns | {"y": np.where(total > 0, "yes", "no"), "w": rng.uniform(0.5, 2.0, 400)})
    return make_task(read_table(frame), "y", weight="w", test_fraction=0.0, seed=0)


def inputs(task: Task) -> Inputs:
    return Inputs.of(task, RECIPE)


def offer(task: Task, name: str, weights: list[float]) -> Offer:
    """Return a linear network of these weights, with the score that a worker would find."""
    net = FrozenNet(
        {
            "num.vector": np.ones((3, 1), np.float32),
            "head.weight": np.float32([weights]),
            "head.bias": np.zeros(1, np.float32),
        },
        inputs(task),
        (),
        "linear",
    )
    logits = net.forward(task.valid.num, task.valid.cat)
    found = ranking_score(task.metric, task.valid.y, predictions(task.kind, logits), task.valid.weight)
    return Offer(net, name, found, 1.0, logits)


def begun(task: Task, path: Path, *, record: RunRecord | None = None, eager: bool = True) -> Incumbent:
    folder = RunFolder(path)
    for each in (folder.offers, folder.checkpoints):
        each.mkdir(exist_ok=True)
    record = RunRecord() if record is None else record
    incumbent = Incumbent(folder, record, task=task, recipe=RECIPE, now=lambda: 1.0, members=4, eager=eager)
    incumbent.begin(inputs(task))
    return incumbent


def keep(folder: RunFolder, offer: Offer) -> None:
    """Write the part of a checkpoint that a next session reads."""
    space, _, genes = offer.arch.partition(":")
    path = folder.checkpoints / f"{space}-{genes}.safetensors"
    arrays = {f"best.{name}": array for name, array in offer.net.arrays.items()} | {"best_logits": offer.logits}
    meta = {"widths": [], "recipe": RECIPE.to_json(), "best_score": offer.score, "best_epochs": offer.epochs}
    write_arrays(path, arrays, meta)


def pair(task: Task) -> list[Offer]:
    """Return two networks that are better together than alone."""
    return [offer(task, "s:0", [1.0, 1.0, 0.0]), offer(task, "s:1", [0.0, 1.0, 1.0])]


def committee(task: Task, path: Path) -> tuple[RunFolder, RunRecord, float]:
    """Leave a run whose best is a committee, as a session does that ends."""
    folder, record = RunFolder(path), RunRecord()
    incumbent = begun(task, path, record=record)
    for each in pair(task):
        keep(folder, each)
        write_offer(folder.offers, each)
    assert incumbent.poll()
    assert isinstance(incumbent.net, Committee)
    return folder, record, incumbent.score


def test_it_begins_with_the_constant_prediction(task: Task, tmp_path: Path) -> None:
    incumbent = begun(task, tmp_path)
    assert incumbent.score == pytest.approx(0.5, abs=1e-5)
    assert Model.load(tmp_path / "model.safetensors").arch is None
    assert known(tmp_path / "offers").best == incumbent.score


def test_the_best_offers_answer_together_and_workers_are_told(task: Task, tmp_path: Path) -> None:
    folder, record, best = committee(task, tmp_path)
    assert record.best is not None
    assert (record.best["what"], len(record.best["members"])) == ("committee", 2)
    assert best > max(each.score for each in pair(task))
    assert known(folder.offers).best == best
    assert offered(folder.offers) == []
    assert json.loads(folder.record.read_text())["incumbents"][-1]["score"] == best


def test_the_score_is_that_of_the_model_file_weights_included(task: Task, tmp_path: Path) -> None:
    folder, _, best = committee(task, tmp_path)
    net = Model.load(folder.model).net
    predicted = predictions(task.kind, net.forward(task.valid.num, task.valid.cat))
    assert score(task.metric, task.valid.y, predicted, task.valid.weight) == pytest.approx(best, abs=1e-5)


def test_a_committee_and_a_network_alone_are_scored_alike(task: Task, tmp_path: Path) -> None:
    # Both order the rows in the same way; the first is more certain, and right to be so: the second adds nothing.
    certain, same = offer(task, "s:0", [4.0, 4.0, 4.0]), offer(task, "s:1", [0.4, 0.4, 0.4])
    incumbent = begun(task, tmp_path)
    for each in (certain, same):
        write_offer(tmp_path / "offers", each)
    incumbent.poll()
    assert incumbent.combine() is False
    assert incumbent.score == certain.score
    assert isinstance(incumbent.net, FrozenNet)


def test_only_something_better_replaces_it(task: Task, tmp_path: Path) -> None:
    folder, _, best = committee(task, tmp_path)
    before = folder.model.read_bytes()
    incumbent = begun(task, tmp_path, record=folder.load())
    write_offer(folder.offers, offer(task, "s:2", [0.0, 0.0, -1.0]))
    assert incumbent.poll() is False
    assert (incumbent.score, folder.model.read_bytes()) == (best, before)


def test_without_eagerness_the_order_of_offers_does_not_matter(task: Task, tmp_path: Path) -> None:
    found = []
    weights = ([1.0, 1.0, 0.0], [0.0, 1.0, 1.0], [1.0, 0.0, 1.0], [0.5, 0.1, 0.0])
    offers = [offer(task, f"s:{k}", each) for k, each in enumerate(weights)]
    for number, order in enumerate((offers, offers[::-1])):
        path = tmp_path / str(number)
        path.mkdir()
        incumbent = begun(task, path, eager=False)
        for each in order:
            write_offer(path / "offers", each)
            incumbent.poll()
        incumbent.combine()
        found.append((path / "model.safetensors").read_bytes())
    assert found[0] == found[1]


def test_a_damaged_offer_is_left_out(task: Task, tmp_path: Path) -> None:
    incumbent = begun(task, tmp_path)
    path = write_offer(tmp_path / "offers", pair(task)[0])
    path.write_bytes(b"half")
    assert incumbent.poll() is False
    assert offered(tmp_path / "offers") == []


def test_the_next_session_hears_the_members_again(task: Task, tmp_path: Path) -> None:
    folder, _, best = committee(task, tmp_path)
    incumbent = begun(task, tmp_path, record=folder.load())
    assert incumbent.score == best
    write_offer(folder.offers, offer(task, "s:3", [1.0, 0.0, 1.0]))
    assert incumbent.poll()
    assert isinstance(incumbent.net, Committee)
    assert len(incumbent.net.members) == 3
    assert incumbent.score > best


def test_the_next_session_also_hears_who_was_no_member(task: Task, tmp_path: Path) -> None:
    folder, _, best = committee(task, tmp_path)
    third = offer(task, "s:3", [1.0, 0.0, 1.0])
    keep(folder, third)
    incumbent = begun(task, tmp_path, record=folder.load())
    incumbent.hear([Arch.parse(third.arch)], inputs(task))
    assert incumbent.combine()
    assert incumbent.score > best
    assert incumbent.net is not None
    assert len(incumbent.net.members) == 3


@pytest.mark.parametrize("what", ["missing", "damaged"])
def test_a_lost_model_file_is_made_again_from_its_members(task: Task, tmp_path: Path, what: str) -> None:
    folder, _, best = committee(task, tmp_path)
    if what == "missing":
        folder.model.unlink()
    else:
        folder.model.write_bytes(folder.model.read_bytes()[:100])
    incumbent = begun(task, tmp_path, record=folder.load())
    assert incumbent.score == pytest.approx(best, abs=1e-9)
    assert isinstance(Model.load(folder.model).net, Committee)


def test_a_lost_model_without_checkpoints_begins_anew(task: Task, tmp_path: Path) -> None:
    folder, _, _ = committee(task, tmp_path)
    folder.model.unlink()
    for path in folder.checkpoints.iterdir():
        path.unlink()
    assert begun(task, tmp_path, record=folder.load()).score == pytest.approx(0.5, abs=1e-5)


def test_members_without_checkpoints_stay_in_the_model_without_a_word(
    task: Task, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    folder, _, best = committee(task, tmp_path)
    for path in folder.checkpoints.iterdir():
        path.unlink()
    assert begun(task, tmp_path, record=folder.load()).score == best
    assert not [record for record in caplog.records if record.levelno >= logging.WARNING]


def test_a_model_that_the_record_does_not_know_yet_is_noted(task: Task, tmp_path: Path) -> None:
    # A kill between the two writes leaves the model of one incumbent and the record of the one before.
    folder, record, best = committee(task, tmp_path)
    record.incumbents.pop()
    incumbent = begun(task, tmp_path, record=record)
    assert record.best is not None
    assert (record.best["score"], record.best["what"]) == (best, "committee")
    assert "and 1 other" in incumbent.text
    begun(task, tmp_path, record=record)
    assert [each["score"] for each in folder.load().incumbents].count(best) == 1


def test_a_metric_that_is_not_defined_on_these_rows_has_no_line(task: Task, tmp_path: Path) -> None:
    record = RunRecord()
    one_class = task.valid.y.copy()
    try:
        task.valid.y[:] = 0
        incumbent = begun(task, tmp_path, record=record)
        again = begun(task, tmp_path, record=record)
    finally:
        task.valid.y[:] = one_class
    assert incumbent.score == again.score == -math.inf
    assert record.incumbents == []
    assert incumbent.text == ""
