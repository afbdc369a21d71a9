"""What an experiment is said to show is what its trials show."""

import csv
import re
import xml.etree.ElementTree as ET
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import f, friedmanchisquare, rankdata

import archwright.report.comparison_figures as figures_module
from archwright.bench.table import Outcome, Provenance, write_bench
from archwright.coordinate.contest import run_experiment
from archwright.coordinate.contestant import Contestant
from archwright.coordinate.experiment import Case, Experiment, ExperimentFolder, open_cases
from archwright.core.budget import Budget
from archwright.core.errors import MissingExtraError, RunError
from archwright.core.ranks import ranks
from archwright.core.rng import derive
from archwright.report import comparison_html
from archwright.report.comparison import Contest, Entry, Run, incumbents, load_comparison
from archwright.report.comparison_html import write_comparison
from archwright.report.comparison_panels import panels
from archwright.report.significance import holm, nemenyi_difference, overall, pairs
from archwright.spaces.tabular_mlp import TabularMlp

SPACE = TabularMlp((8, 16, 32, 64), layers=3)
SEARCHERS = ("random", "evolution:population=4", "hyperband")


def bench(folder: Path, seed: int) -> Path:
    rng = derive(seed, "bench")
    genes = np.array([arch.genes for arch in SPACE.enumerate()])
    height = genes.sum(axis=1)[:, None, None] + rng.random((64, 1, 1))
    epochs = (1, 3, 9)
    valid = 80.0 + height - 5.0 / np.sqrt(epochs) + rng.normal(0, 0.4, (64, 1, 3))
    accuracy = Outcome("acc", "accuracy", "percent", epochs, valid, valid - 1, seconds=(1 + height) * np.array(epochs))
    loss = Outcome("a-b", "log_loss", "nats", (9,), 10.0 - height / 10)
    return write_bench(
        folder,
        name=folder.name,
        space=SPACE,
        archs=list(SPACE.enumerate()),
        outcomes=[accuracy, replace(loss, higher_is_better=False)],
        measures={},
        provenance=Provenance("made by a test", "Apache-2.0"),
    )


@pytest.fixture(scope="module")
def experiment(tmp_path_factory) -> Path:
    home = tmp_path_factory.mktemp("report")
    cases = [*open_cases(bench(home / "one", 1), ["all"]), *open_cases(bench(home / "two", 2), ["acc"])]
    wanted = Experiment(tuple(cases), tuple(map(Contestant.parse, SEARCHERS)), 6, None, trainings=15.0)
    run_experiment(home / "e", wanted)
    return home / "e"


def case(**changed) -> Case:
    values = {
        "bench": "b", "folder": "", "checksum": "", "outcome": "o", "searched": "valid", "report": "o", "split": "test",
        "metric": "accuracy", "unit": "percent", "higher_is_better": True, "best": 10.0, "median": 5.0, "n": 100,
        "least_epochs": 1, "full_epochs": 9, "training_s": 1.0, "has_seconds": True, "score_sign": 1,
        "score_metric": "accuracy", "score_unit": "percent",
    }  # fmt: skip
    return Case(**(values | changed))


def entry(name: str, *runs: list[float], of: Case | None = None) -> Entry:
    made = [Run(k, np.array(run, dtype=float), np.arange(1.0, len(run) + 1)) for k, run in enumerate(runs)]
    return Entry(name, of or case(), tuple(made))


@given(st.lists(st.tuples(st.sampled_from([1, 3, 9]), st.sampled_from([np.nan, 0.0, 1.0, 2.0, 3.0])), max_size=12))
def test_the_incumbent_is_the_first_best_at_the_most_epochs(trials: list[tuple[int, float]]) -> None:
    found = incumbents([epochs for epochs, _ in trials], [score for _, score in trials]).tolist()
    for t in range(len(trials)):
        known = [(e, s, -k) for k, (e, s) in enumerate(trials[: t + 1]) if not np.isnan(s)]
        assert found[t] == (-max(known)[2] if known else -1)


@given(st.lists(st.sampled_from([0.5, 1.0, 2.0, 7.0]), min_size=1, max_size=8))
def test_ranks_are_those_of_scipy(values: list[float]) -> None:
    assert ranks(np.array(values), higher_is_better=False).tolist() == rankdata(values).tolist()
    assert ranks(np.array(values), higher_is_better=True).tolist() == rankdata(-np.array(values)).tolist()


def test_curves_are_means_and_quartiles_of_all_runs() -> None:
    one = entry("x", [1, 2, 3], [3, 4, 5, 6], [5, 9, 10])
    curve = one.over_trials()
    assert curve.x.tolist() == [1, 2, 3]
    assert curve.mean.tolist() == [3, 5, 6]
    assert curve.low.tolist() == [2, 3, 4]
    time = one.over_time()
    assert (time.x[0], time.x[-1]) == (1.0, 3.0)
    assert time.mean[0] == 3
    assert time.mean[-1] == 6


def test_a_curve_over_time_begins_when_every_run_has_an_incumbent() -> None:
    late = Run(1, np.array([np.nan, 4.0, 5.0]), np.array([2.0, 5.0, 9.0]))
    early = Run(0, np.array([1.0, 2.0]), np.array([1.0, 8.0]))
    curve = Entry("x", case(), (early, late)).over_time()
    assert curve.x[0] == 5.0
    assert curve.mean[0] == (1.0 + 4.0) / 2
    assert curve.x[-1] == pytest.approx(8.0)


def test_regret_is_a_distance_in_either_direction() -> None:
    assert entry("x", [4.0], [10.0]).regrets.tolist() == [6.0, 0.0]
    loss = case(higher_is_better=False, best=0.5)
    assert entry("x", [0.7], [0.5], of=loss).regrets.tolist() == pytest.approx([0.2, 0.0])


def test_runs_that_found_nothing_are_counted_and_left_out_of_means() -> None:
    contest = Contest(case(), (entry("x", [4.0], [np.nan], []), entry("y", [5.0], [6.0], [7.0])))
    assert contest.means.tolist() == [4.0, 6.0]
    assert contest.ranks.tolist() == [2.0, 1.0]
    (pair,) = pairs(contest)
    assert (pair.a, pair.b, pair.n) == ("y", "x", 1)


def test_pairs_are_found_where_runs_differ_and_not_where_they_are_equal() -> None:
    rng = derive(0, "pairs")
    base = rng.normal(size=30)
    entries = [
        entry("low", *[[x] for x in base]),
        entry("same", *[[x] for x in base]),
        entry("high", *[[x + 1 + e] for x, e in zip(base, rng.normal(0, 0.1, 30), strict=True)]),
    ]
    found = {(pair.a, pair.b): pair for pair in pairs(Contest(case(), tuple(entries)))}
    assert found["high", "low"].is_found
    assert found["high", "low"].difference == pytest.approx(1.0, abs=0.1)
    assert found["low", "same"].p == 1.0
    assert not found["low", "same"].is_found


def test_friedman_is_that_of_scipy_in_the_form_of_iman_and_davenport() -> None:
    values = np.round(derive(0, "friedman").normal(size=(9, 5)) + np.arange(5) * 0.4, 1)
    chi = friedmanchisquare(*values.T).statistic
    table = np.stack([ranks(row, higher_is_better=False) for row in values])
    p = f.sf(8 * chi / (9 * 4 - chi), 4, 32)
    assert overall(table).p == pytest.approx(p)


def test_the_critical_difference_is_that_of_demsar() -> None:
    """Section 3.2.2 of his paper: q = 2.569, four classifiers, 14 data sets."""
    assert nemenyi_difference(4, 14) == pytest.approx(2.569 * np.sqrt(4 * 5 / (6 * 14)), abs=2e-3)


def test_alike_contestants_are_not_told_apart_and_one_benchmark_proves_nothing() -> None:
    assert overall(np.full((5, 3), 2.0)).p == 1.0
    assert overall(np.array([[1.0, 2.0, 3.0]])).p is None
    assert overall(np.array([[1.0, 2.0, 3.0]])).difference is None
    assert overall(np.tile([1.0, 2.0, 3.0], (6, 1))).p == 0.0
    assert overall(np.empty((0, 3))) is None


def test_holm_is_monotone_and_at_most_one() -> None:
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert holm([0.9, 0.8]) == [1.0, 1.0]
    assert holm([]) == []


def test_final_results_are_those_of_the_trials(experiment: Path, tmp_path: Path) -> None:
    made = write_comparison(experiment, out=tmp_path, png=False)
    with (tmp_path / "final.csv").open() as file:
        rows = {(row["case"], row["searcher"]): row for row in csv.DictReader(file)}
    assert len(rows) == 9
    for name in ("one.acc", "two.acc"):
        (case_,) = (c for c in ExperimentFolder(experiment).load().cases if c.name == name)
        for searcher in SEARCHERS:
            file = experiment / "trials" / f"{name}.{searcher.replace(':', ',')}.parquet"
            frame = pd.read_parquet(file)
            ordered = frame.sort_values(["epochs", "score"], ascending=False, kind="stable")
            best = ordered.groupby("seed", observed=True)["value"].first()
            row = rows[name, searcher]
            assert float(row["mean"]) == pytest.approx(best.mean())
            assert float(row["std"]) == pytest.approx(best.std())
            assert float(row["regret"]) == pytest.approx(case_.best - best.mean())
            assert float(row["trials"]) == pytest.approx(len(frame) / 6)
            assert int(row["n"]) == 6
    assert made.files[0] == tmp_path / "report.html"


def test_ranks_are_written_for_every_benchmark(experiment: Path, tmp_path: Path) -> None:
    made = write_comparison(experiment, out=tmp_path, png=False)
    frame = pd.read_csv(tmp_path / "ranks.csv")
    assert list(frame.columns[:2]) == ["searcher", "mean rank"]
    assert frame.iloc[:, 2:].mean(axis=1).to_numpy() == pytest.approx(frame["mean rank"].to_numpy())
    assert frame.iloc[:, 2:].sum().tolist() == [6.0, 6.0, 6.0]
    assert sorted(frame["searcher"]) == sorted(SEARCHERS)
    assert made.overall.n == 3


def test_the_page_needs_nothing_else_and_says_what_it_shows(experiment: Path, tmp_path: Path) -> None:
    write_comparison(experiment, out=tmp_path, png=False)
    page = (tmp_path / "report.html").read_text()
    assert not re.search(r"<script|<link|<img|@import|url\(", page)
    for said in ("54 runs", "Mean of 6 seeded runs", "middle half", "simulated time of 15 full trainings", "Nemenyi"):
        assert said in page
    assert page.count("<svg") == 1 + 3 + 2 + 3
    for drawing in re.findall(r"<svg.*?</svg>", page, re.DOTALL):
        ET.fromstring(drawing)


def test_names_cannot_put_markup_into_the_page(experiment: Path) -> None:
    contest = load_comparison(ExperimentFolder(experiment)).contests[0]
    from archwright.report.comparison_svg import panel_svg

    evil = replace(contest.case, metric="<script>alert(1)</script>")
    entries = tuple(replace(each, case=evil) for each in contest.entries)
    drawn = "".join(panel_svg(panel) for panel in panels(Contest(evil, entries), SEARCHERS))
    assert "<script" not in drawn
    assert "&lt;script" in drawn


def test_charts_have_the_best_inside_and_limits_that_hold_the_lines(experiment: Path) -> None:
    comparison = load_comparison(ExperimentFolder(experiment))
    for contest in comparison.contests:
        drawn = {panel.key: panel for panel in panels(contest, comparison.names)}
        assert set(drawn) == ({"trials", "seconds", "regret"} if contest.case.has_seconds else {"trials", "regret"})
        for panel in drawn.values():
            assert panel.y[0] < panel.y[1]
            assert panel.best is None or panel.y[0] <= panel.best <= panel.y[1]
            assert all(panel.y[0] <= line.y[-1] <= panel.y[1] for line in panel.series)
        for line in drawn["regret"].series:
            assert line.y[-1] == 1.0
            assert (np.diff(line.y) >= 0).all()


def test_pngs_are_written_for_every_benchmark_and_for_the_ranks(experiment: Path, tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    made = write_comparison(experiment, out=tmp_path)
    images = [path for path in made.files if path.suffix == ".png"]
    assert [path.name for path in images] == ["one.acc.png", "one.a-b.png", "two.acc.png", "ranks.png"]
    for path in images:
        assert path.read_bytes().startswith(b"\x89PNG")


def test_without_matplotlib_the_rest_is_written_and_it_is_said(
    experiment: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def lacking() -> None:
        raise MissingExtraError("PNG files need matplotlib")

    monkeypatch.setattr(figures_module, "figure_class", lacking)
    made = write_comparison(experiment, out=tmp_path)
    assert "PNG files need matplotlib" in made.notes
    assert {path.suffix for path in made.files} == {".html", ".csv"}


def test_notes_say_what_a_reader_should_know(experiment: Path, tmp_path: Path) -> None:
    notes = write_comparison(experiment, out=tmp_path, png=False).notes
    assert any("one.a-b reports the validation values" in note for note in notes)


def test_runs_without_a_reported_value_are_counted_in_a_note(experiment: Path, tmp_path: Path, monkeypatch) -> None:
    comparison = load_comparison(ExperimentFolder(experiment))
    first = comparison.contests[0]
    runs = tuple(replace(run, value=run.value * np.nan) for run in first.entries[0].runs[:1])
    entries = (replace(first.entries[0], runs=runs + first.entries[0].runs[1:]), *first.entries[1:])
    shown = replace(comparison, contests=(replace(first, entries=entries), *comparison.contests[1:]))
    monkeypatch.setattr(comparison_html, "load_comparison", lambda _: shown)
    notes = write_comparison(experiment, out=tmp_path, png=False).notes
    said = f"{first.case.name}: runs that end without a reported value are left out of the means ({entries[0].name} 1)."
    assert said in notes


def test_an_experiment_that_goes_on_is_reported_as_far_as_it_is(tmp_path: Path) -> None:
    cases = open_cases(bench(tmp_path / "b", 3), ["acc"])
    some = Experiment(cases, (Contestant.parse("random"),), 2, Budget(trials=5))
    run_experiment(tmp_path / "e", some)
    more = replace(some, contestants=(*some.contestants, Contestant.parse("local")), seeds=4)
    folder = ExperimentFolder(tmp_path / "e")
    folder.write(folder.joined(more))
    made = write_comparison(tmp_path / "e", png=False)
    assert [(row.searcher, row.n) for row in made.rows] == [("random", 2)]
    assert "2 runs of 8 planned ones" in made.files[0].read_text()


def test_an_experiment_without_a_finished_run_has_no_report(tmp_path: Path) -> None:
    folder = ExperimentFolder(tmp_path / "e")
    folder.write(
        Experiment(open_cases(bench(tmp_path / "b", 3), ["acc"]), (Contestant.parse("random"),), 1, Budget(trials=1))
    )
    with pytest.raises(RunError, match="no finished run"):
        write_comparison(tmp_path / "e")
    with pytest.raises(RunError, match="bench run"):
        write_comparison(tmp_path / "nothing")
