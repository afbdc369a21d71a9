"""Scales, numbers as text, and the drawings."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from report_runs import SPACE, bare_run, full_run

from archwright.coordinate.record import RunFolder
from archwright.core.trial import Proposal, Result, Trial
from archwright.report import accounts, figures, text
from archwright.report.checklist import checklist
from archwright.report.network import blocks, network
from archwright.report.rungs import rungs
from archwright.report.svg import Frame, Scale, span, standalone, steps
from archwright.report.view import RunView
from archwright.study.study import Study


@pytest.fixture(scope="module")
def view(tmp_path_factory: pytest.TempPathFactory) -> RunView:
    return RunView.load(full_run(tmp_path_factory.mktemp("finished")))


@given(st.floats(-1e6, 1e6), st.floats(1e-6, 1e6))
def test_ticks_lie_inside_the_scale_and_differ_as_text(lo: float, width: float) -> None:
    scale = Scale(lo, lo + width, 0.0, 400.0)
    ticks = scale.ticks()
    assert 1 <= len(ticks) <= 12
    assert all(lo - width * 1e-3 <= tick <= lo + width * 1.001 for tick in ticks)
    assert len(scale.names(ticks)) == len(ticks)


@given(st.floats(1e-3, 1e6), st.floats(1.5, 1e6))
def test_ticks_of_a_logarithmic_scale_lie_inside(lo: float, factor: float) -> None:
    scale = Scale(lo, lo * factor, 0.0, 400.0, log=True)
    assert scale.ticks()
    assert all(lo * 0.99 <= tick <= lo * factor * 1.01 for tick in scale.ticks())


@given(st.lists(st.floats(-1e9, 1e9), max_size=10))
def test_limits_hold_all_values(values: list[float]) -> None:
    lo, hi = span(values)
    assert lo < hi
    assert all(lo <= value <= hi for value in values)


def test_values_beyond_the_scale_are_drawn_at_its_edge() -> None:
    frame = Frame.of((0.0, 1.0), (0.0, 1.0), width=400, height=300)
    assert frame.x(5.0) == frame.x.stop
    assert frame.y(-5.0) == frame.y.start


def test_steps_keep_their_height_until_the_next_point() -> None:
    assert steps([(0, 1), (2, 3)]) == [(0, 1), (2, 1), (2, 3)]


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0.237, "0.24 s"), (58.94, "58.9 s"), (185, "3 min 05 s"), (7800, "2 h 10 min"), (None, text.DASH)],
)
def test_durations_read_well(seconds: float | None, words: str) -> None:
    assert text.duration(seconds) == words


def test_numbers_read_well() -> None:
    assert text.count(160_000) == "160,000"
    assert [text.short_count(n) for n in (950, 12_500, 999_950, 2.5e9)] == ["950", "12.5k", "1M", "2.5G"]
    assert [text.score(v) for v in (0.91236, -0.5, 36_123.4)] == ["0.9124", "\N{MINUS SIGN}0.5000", "36,123"]


def test_spearman_agrees_with_scipy() -> None:
    from scipy.stats import spearmanr

    rng = np.random.default_rng(0)
    a = rng.integers(0, 6, 40).astype(float)
    b = a + rng.normal(0, 2, 40).round()
    assert figures.spearman(a, b) == pytest.approx(spearmanr(a, b).statistic)
    assert figures.spearman(np.ones(5), b[:5]) is None


def test_the_correlation_compares_networks_at_equal_epochs(view: RunView) -> None:
    rho, n, epochs = figures.proxy_correlation(view)
    first = [step for c in view.ok for step in c.steps if step.epochs == 2 and step.score is not None]
    assert (epochs, n) == (2, len(first))
    assert rho is not None
    assert -1 <= rho <= 1


@pytest.mark.parametrize("name", ["progress", "proxy_against_score", "filter_scores", "ecdf", "size_against_score"])
def test_each_chart_is_valid_xml_with_a_dot_or_bar_per_value(view: RunView, name: str) -> None:
    svg = getattr(figures, name)(view)
    root = ET.fromstring(svg)
    n = len([e for e in root.iter() if e.tag.endswith(("circle", "rect")) and len(e)])
    expected = {"progress": len(view.record.incumbents), "proxy_against_score": figures.proxy_correlation(view)[1]}
    assert n >= expected.get(name, len(view.ok) if name != "filter_scores" else 10)
    assert "nan" not in re.sub(r"<title>.*?</title>", "", svg)


def test_the_rungs_show_every_scored_step(view: RunView) -> None:
    svg = rungs(view)
    assert svg is not None
    scored = [step for candidate in view.ok for step in candidate.steps if step.score is not None]
    assert svg.count("<circle") == len(scored)
    assert "session 2, bracket 1" in svg


def test_the_network_drawing_counts_the_parameters_of_the_file(view: RunView) -> None:
    best = view.record.best
    assert best is not None
    found = blocks(view)
    assert [block.width for block in found] == [9, 90, *view.ok[0].widths, 1]
    assert found[1].params == 6 * 10 + 6 * 32 * 10 + 40 * 10
    assert found[2].params == 90 * found[2].width + found[2].width
    svg = network(view)
    assert svg is not None
    ET.fromstring(svg)


def test_the_accounts_add_up_to_the_time_used(view: RunView) -> None:
    lines = accounts.lines(view.record)
    for number, session in enumerate(view.record.sessions, start=1):
        used = sum(line.used_s or 0.0 for line in lines if line.session == number)
        assert used == pytest.approx(session["used_s"])
    svg = accounts.bars(view.record)
    assert svg is not None
    ET.fromstring(svg)


def test_a_drawing_can_stand_alone(view: RunView) -> None:
    svg = figures.progress(view)
    assert svg is not None
    root = ET.fromstring(standalone(svg))
    assert root[0].tag.endswith("style")


def test_the_checklist_is_answered_from_the_run(view: RunView) -> None:
    answers = {answer.question: answer for answer in checklist(view)}
    assert len(answers) == 17
    assert {answer.answer for answer in answers.values()} == {"yes", "no", "not applicable"}
    assert answers["Comparison with random search"].answer == "no"
    settings = answers["Hyperparameters of the search method, and seeds"].evidence
    # Also what nobody chose.
    assert all(words in settings for words in ("Seed 7", "eta ", "members "))
    assert "88.1 s" in answers["Time of the whole method, from end to end"].evidence
    # The test split was looked at after each of two sessions: not once.
    assert answers["Same evaluation protocol, with a test split kept apart"].answer == "no"


def test_one_session_with_a_test_split_follows_the_protocol(tmp_path: Path) -> None:
    view = RunView.load(full_run(tmp_path, resumed=False))
    answers = {answer.question: answer for answer in checklist(view)}
    protocol = answers["Same evaluation protocol, with a test split kept apart"]
    assert protocol.answer == "yes"
    assert "9,768 test" in protocol.evidence


def test_an_empty_record_answers_no_question_with_yes_without_evidence(tmp_path: Path) -> None:
    folder: RunFolder = bare_run(tmp_path)
    yes = {answer.question for answer in checklist(RunView.load(folder)) if answer.answer == "yes"}
    assert yes == {"All details of the experimental setup"} or not yes


def test_training_without_halving_has_no_rungs(tmp_path: Path) -> None:
    folder = full_run(tmp_path, resumed=False)
    for beside in tmp_path.glob("study.db*"):
        beside.unlink()
    with Study.open(folder.study, name="refine-1") as study:
        study.append(Trial(0, Proposal(SPACE.at(5)), Result(0.9, 1.0, measures={"epochs": 20.0}), 1.0))
    view = RunView.load(folder)
    assert len(view.ok) == 1
    assert rungs(view) is None
