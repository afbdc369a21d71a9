"""Who answers together."""

from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pytest

from archwright.coordinate.seats import Seats
from archwright.core.rng import derive
from archwright.data.metrics import auc
from archwright.nets.committee import Committee
from archwright.nets.frozen import FrozenNet
from archwright.nets.inputs import Inputs
from archwright.train.offers import Offer

INPUTS = Inputs(1, (), 1, ((0.0, 1.0),))
TRUTH = np.arange(400) % 2


def score(logits: npt.NDArray[np.float32]) -> float:
    return auc(logits[:, 0], TRUTH)


def offer(name: str, *, noise: float) -> Offer:
    rng = derive(0, name)
    logits = (TRUTH + noise * rng.standard_normal(len(TRUTH))).astype(np.float32)[:, None]
    return Offer(FrozenNet.constant([0.0], INPUTS), name, score(logits), 1.0, logits)


def seated(offers: list[Offer], most: int = 8) -> Seats:
    seats = Seats(most, score)
    for each in offers:
        seats.take(each)
    return seats


def test_nobody_seated_gives_nothing() -> None:
    assert seated([]).best() is None
    assert seated([]).together() is None


def test_equally_good_networks_with_errors_of_their_own_are_better_together() -> None:
    seats = seated([offer(f"a{k}", noise=2.0) for k in range(8)])
    alone, together = seats.best(), seats.together()
    assert alone is not None
    assert together is not None
    assert together.score > alone.score + 0.05
    assert isinstance(together.net(), Committee)


def test_networks_much_worse_than_the_best_are_not_heard() -> None:
    seats = seated([offer("good", noise=0.2), *(offer(f"bad{k}", noise=30.0) for k in range(5))])
    together = seats.together()
    assert together is not None
    assert [member.arch for member in together.members] == ["good"]
    assert together == seats.best()


def test_together_is_never_worse_on_validation_than_the_best_alone() -> None:
    for k in range(20):
        offers = [offer(f"{k}-{i}", noise=0.5 + i) for i in range(6)]
        seats = seated(offers)
        together = seats.together()
        assert together is not None
        assert together.score >= max(each.score for each in offers)
        assert together.score == pytest.approx(
            score(np.mean([each.logits for each in together.members], axis=0)), abs=1e-6
        )


def test_only_the_best_are_seated_whatever_the_order() -> None:
    offers = [offer(f"x{k}", noise=1.0 + k) for k in range(12)]
    best = sorted(offers, key=lambda each: -each.score)[:4]
    for order in (offers, offers[::-1]):
        seats = seated(order, most=4)
        assert seats.lowest == best[-1].score
    assert seated(offers[:3], most=4).lowest == -np.inf


def test_an_architecture_has_one_seat_with_its_best_network() -> None:
    first, better = offer("a", noise=3.0), offer("a", noise=0.5)
    seats = seated([first, better, first])
    together = seats.together()
    assert together is not None
    assert together.members == (better,)


def test_large_networks_leave_room_for_fewer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("archwright.coordinate.seats.MOST_BYTES", 30)
    seats = seated([offer(f"a{k}", noise=2.0) for k in range(8)])
    together = seats.together()
    assert together is not None
    assert 1 <= len(together.members) < 4


def test_outputs_of_many_rows_count_as_well(monkeypatch: pytest.MonkeyPatch) -> None:
    one = offer("a", noise=2.0)
    monkeypatch.setattr("archwright.coordinate.seats.MOST_BYTES", 3 * one.logits.nbytes)
    seats = seated([offer(f"a{k}", noise=2.0) for k in range(8)])
    together = seats.together()
    assert together is not None
    assert len(together.members) <= 2


def test_who_finds_no_room_is_told_the_score_to_beat(monkeypatch: pytest.MonkeyPatch) -> None:
    # Else every training of a huge table would write a file that nobody takes.
    monkeypatch.setattr("archwright.coordinate.seats.MOST_BYTES", 30)
    offers = [offer(f"a{k}", noise=2.0) for k in range(8)]
    seats = seated(offers)
    assert seats.lowest == max(each.score for each in offers)


def test_among_equals_the_order_of_arrival_does_not_matter() -> None:
    one = offer("a", noise=2.0)
    equals = [replace(one, arch=name) for name in "bacd"]
    found = [seated(order, most=2) for order in (equals, equals[::-1])]
    names = [[each.arch for each in seats._taken.values()] for seats in found]
    assert names == [["a", "b"]] * 2
