"""Networks handed over through files."""

from pathlib import Path

import numpy as np
import pytest

from archwright.core.errors import RunError
from archwright.nets.frozen import FrozenNet
from archwright.nets.inputs import Inputs
from archwright.train.offers import Known, Offer, known, offered, read_offer, write_known, write_offer

INPUTS = Inputs(1, (3,), 1, ((0.0, 1.0),))


def offer(score: float) -> Offer:
    return Offer(FrozenNet.constant([0.25], INPUTS), "tabular_mlp:1.2", score, 1.5, np.float32([[0.25], [0.5]]))


def test_what_is_offered_is_read(tmp_path: Path) -> None:
    found = read_offer(write_offer(tmp_path, offer(-0.125)))
    assert (found.arch, found.score, found.epochs) == ("tabular_mlp:1.2", -0.125, 1.5)
    assert found.net.inputs == INPUTS
    assert found.logits.tolist() == [[0.25], [0.5]]
    assert found.net.forward(np.zeros((1, 1)), np.zeros((1, 1), np.int32)).tolist() == [[0.25]]


@pytest.mark.parametrize("scores", [(0.5, 0.9, 0.7), (-0.5, -2.0, -10.0), (-1.0, 0.0, 1e-9)])
def test_the_best_offer_comes_first(tmp_path: Path, scores: tuple[float, ...]) -> None:
    for score in scores:
        write_offer(tmp_path, offer(score))
    assert [read_offer(path).score for path in offered(tmp_path)] == sorted(scores, reverse=True)


def test_an_unfinished_offer_is_not_seen(tmp_path: Path) -> None:
    path = write_offer(tmp_path, offer(0.5))
    (tmp_path / f".{path.name}.1.tmp").write_bytes(b"half")
    assert offered(tmp_path) == [path]


def test_a_damaged_offer_is_refused(tmp_path: Path) -> None:
    path = write_offer(tmp_path, offer(0.5))
    path.write_bytes(path.read_bytes()[:50])
    with pytest.raises(RunError, match="damaged"):
        read_offer(path)


def test_what_the_driver_knows_is_what_was_written_and_nothing_before(tmp_path: Path) -> None:
    assert known(tmp_path) == Known()
    write_known(tmp_path, Known(0.75, -np.inf))
    assert known(tmp_path) == Known(0.75, -np.inf)
    (tmp_path / "best.json").write_text("[")
    assert known(tmp_path) == Known()
