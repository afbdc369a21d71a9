"""What earlier sessions of a run have trained."""

from pathlib import Path

import pytest

from archwright.coordinate.earlier import Earlier
from archwright.coordinate.record import RunFolder
from archwright.core.arch import Arch
from archwright.core.trial import Proposal, Result, Trial
from archwright.study.study import Study

A, B, C = (Arch("tabular_mlp", (k,)) for k in range(3))
CUT = "cut short at the deadline after 2 epochs"


def trial(number: int, arch: Arch, epochs: int, result: Result) -> Trial:
    return Trial(number, Proposal(arch, epochs), result, float(number))


def test_the_furthest_epochs_and_the_best_score_count() -> None:
    earlier = Earlier()
    earlier.add([trial(0, A, 5, Result(0.7, 1.0, (0.6, 0.7))), trial(1, A, 20, Result(0.9, 1.0, (0.6, 0.7, 0.9)))])
    earlier.add([trial(2, A, 5, Result(0.7, 0.0, (0.6, 0.7))), trial(3, B, 20, Result(0.8, 1.0))])
    assert earlier.epochs == {A: 20, B: 20}
    assert earlier.scores == {A: 0.9, B: 0.8}
    assert earlier.best(1) == [A]
    assert earlier.best(9) == [A, B]


def test_what_was_cut_counts_as_far_as_it_was_validated() -> None:
    earlier = Earlier()
    earlier.add([trial(0, A, 20, Result(None, 1.0, (0.6, 0.5), error=CUT)), trial(1, B, 20, Result(None, 1.0))])
    assert (earlier.epochs, earlier.scores) == ({A: 2}, {A: 0.6})


@pytest.mark.parametrize(("session", "known"), [(1, set()), (2, {A}), (3, {A, B})])
def test_sessions_before_are_read_from_the_store(tmp_path: Path, session: int, known: set[Arch]) -> None:
    folder = RunFolder(tmp_path)
    assert Earlier.read(folder, session=2) == Earlier()
    for number, arch in enumerate((A, B, C), start=1):
        with Study.open(folder.study, name=f"refine-{number}") as study:
            study.append(trial(0, arch, 5, Result(0.5, 1.0, (0.5,))))
    assert set(Earlier.read(folder, session=session).scores) == known
