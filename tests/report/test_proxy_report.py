"""What a study of proxies is said to show is what its scores show."""

import csv
import re
import xml.etree.ElementTree as ET
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import archwright.report.proxy_figures as figures_module
from archwright.coordinate.experiment import open_cases
from archwright.coordinate.proxy_scoring import import_scores
from archwright.coordinate.proxy_study import ProxyStudy, StudyFolder
from archwright.core.errors import MissingExtraError, RunError, UnknownNameError
from archwright.core.rng import derive
from archwright.report.correlation import kendall, spearman
from archwright.report.proxy_findings import Findings, Section, load_findings
from archwright.report.proxy_html import seconds_text, write_study
from archwright.report.proxy_panels import bars, scatters
from archwright.report.proxy_tables import rows_of
from proxy_doubles import SPACE, heights, written


@pytest.fixture(scope="module")
def few(study: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two proxies on two outcomes: fewer charts to draw."""
    folder = tmp_path_factory.mktemp("few") / "s"
    cases = open_cases(study.parent / "small", ["data", "half"])
    import_scores(folder, ProxyStudy(cases, ("good", "holes"), 1, None), study.parent / "scores.csv")
    return folder


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """64 architectures, two seeds: `good` and `bad` follow the truth, `loss_like` falls with it, `holes` lacks some."""
    home = tmp_path_factory.mktemp("report")
    bench = written(home / "small", known=40)
    rng = derive(0, "scores")
    height = heights()
    lines = ["arch,seed,good,bad,loss_like,holes,seconds:good"]
    for seed in (3, 8):
        for arch, true in zip(SPACE.enumerate(), height.tolist(), strict=True):
            good, bad = true + 0.5 * rng.normal(), true + 8 * rng.normal()
            holes = "" if true == 9 or (true == 0 and seed == 8) else str(true)
            lines.append(f"{arch},{seed},{good:.4f},{bad:.4f},{-good:.4f},{holes},{0.1 * (seed + 1):.3f}")
    table = home / "scores.csv"
    table.write_text("\n".join(lines) + "\n")
    wanted = ProxyStudy(open_cases(bench, ["all"]), ("all",), 1, None, lower=("loss_like",))
    import_scores(home / "s", wanted, table)
    return home / "s"


@pytest.fixture(scope="module")
def findings(study: Path) -> Findings:
    return load_findings(StudyFolder(study), n_resamples=100)


def section_of(findings: Findings, outcome: str) -> Section:
    (section,) = (each for each in findings.sections if each.case.outcome == outcome)
    return section


def test_correlations_are_those_of_the_scores_in_the_file(findings: Findings) -> None:
    section = section_of(findings, "data")
    assert [target.split for target in section.targets] == ["valid", "test"]
    for entry in section.entries[:3]:
        for target, found in zip(section.targets, entry.agreements, strict=True):
            assert found.rhos.tolist() == [spearman(row, target.values) for row in entry.scores]
            assert found.taus.tolist() == [kendall(row, target.values) for row in entry.scores]
            assert found.n == 64


def test_an_error_is_turned_around_so_that_positive_is_good(findings: Findings) -> None:
    data, loss = section_of(findings, "data"), section_of(findings, "loss")
    for ours, theirs in zip(data.entries, loss.entries, strict=True):
        assert ours.agreements[0].rho == theirs.agreements[0].rho
    assert loss.targets[0].values.min() < 10 < data.targets[0].values.min()


def test_a_proxy_counts_in_the_direction_that_it_has(findings: Findings) -> None:
    section = section_of(findings, "data")
    rho = {entry.proxy: entry.agreements[0].rho.value for entry in section.entries}
    assert rho["loss_like"] == pytest.approx(-rho["good"])
    ranked = dict(zip(findings.names, section.ranks().tolist(), strict=True))
    assert ranked["loss_like"] == ranked["good"] < ranked["bad"] == 4.0
    assert section.ordered[-1].proxy == "bad"
    assert findings.rank_table.shape == (3, 4)


def test_architectures_without_a_score_for_every_seed_are_counted(findings: Findings) -> None:
    (entry,) = (each for each in section_of(findings, "data").entries if each.proxy == "holes")
    # One network of height 9 lacks both seeds, and one of height 0 the second.
    assert entry.left_out == (("missing in the table", 2),)
    assert entry.agreements[0].n == 62


def test_architectures_without_an_outcome_are_counted_apart(findings: Findings) -> None:
    (rows,) = rows_of(section_of(findings, "half"))
    good = {row.proxy: row for row in rows}["good"]
    assert (good.n, good.left_out, good.unknown) == (40, 0, 24)


def test_seconds_are_means_over_all_scores(findings: Findings) -> None:
    seconds = {entry.proxy: entry.seconds for entry in findings.sections[0].entries}
    assert seconds["good"] == pytest.approx((0.4 + 0.9) / 2)
    assert seconds["bad"] is None


def test_a_report_has_its_tables_charts_and_page(few: Path) -> None:
    made = write_study(few, n_resamples=50)
    names = {path.name for path in made.files}
    outcomes = ("data", "half")
    assert names == {
        "report.html", "correlations.csv", "seeds.csv", "scores.csv", "ranks.csv", "ranks.png",
        *(f"small.{name}.png" for name in outcomes), *(f"small.{name}.scatter.png" for name in outcomes),
    }  # fmt: skip
    assert made.files[0].name == "report.html"
    assert all(path.stat().st_size > 0 for path in made.files)
    with (few / "report" / "correlations.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 3 * 2
    first = rows[0]
    assert first["case"] == "small.data"
    assert float(first["spearman_low"]) <= float(first["spearman"]) <= float(first["spearman_high"])
    with (few / "report" / "scores.csv").open() as file:
        lines = list(csv.DictReader(file))
    assert len(lines) == 2 * 2 * 64
    assert {line["valid"] for line in lines if line["case"] == "small.half"} > {""}


def test_the_page_says_what_was_left_out_and_its_drawings_are_well_formed(study: Path) -> None:
    made = write_study(study, png=False, n_resamples=20)
    page = made.files[0].read_text(encoding="utf-8")
    assert "small.data: of 64 architectures are left out, as a score is missing: holes 2." in page
    assert "small.half: 24 of 64 architectures have no validation accuracy (percent)." in page
    assert "missing in the table" in page
    assert "All 64 architectures of small, scored with 2 seeds each; scores from scores.csv." in page
    drawings = re.findall(r"<svg.*?</svg>", page, flags=re.DOTALL)
    assert len(drawings) == 1 + 3 * (1 + 4)
    for drawing in drawings:
        ET.fromstring(drawing)
    assert "http://" not in page.replace("http://www.w3.org/2000/svg", "")


def test_without_matplotlib_there_is_a_page_and_a_word(study: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def lacking():
        raise MissingExtraError("PNG files need matplotlib")

    monkeypatch.setattr(figures_module, "figure_class", lacking)
    made = write_study(study, n_resamples=20)
    assert "PNG files need matplotlib" in made.notes
    assert not any(path.suffix == ".png" for path in made.files)


def test_a_scatter_plot_shows_ranks_or_values(findings: Findings) -> None:
    section = section_of(findings, "data")
    ranked = {plot.title: plot for plot in scatters(section)}
    assert sorted(ranked["good"].x.tolist()) == pytest.approx([(k + 0.5) / 64 for k in range(64)])
    # The better one is to the right, whatever the direction of the proxy.
    assert spearman(ranked["loss_like"].x, ranked["loss_like"].y) > 0.9
    valued = {plot.title: plot for plot in scatters(section, axis="value")}
    assert spearman(valued["loss_like"].x, valued["loss_like"].y) < -0.9
    assert "better to the left" in valued["loss_like"].x_label
    assert valued["holes"].n == 62
    assert bars(section).names[-1] == "bad"


def test_a_few_architectures_at_chance_level_do_not_press_the_others_together(findings: Findings) -> None:
    section = section_of(findings, "data")
    values = section.targets[0].values.copy()
    values[:2] = 10.0
    crowded = replace(section, targets=(replace(section.targets[0], values=values), *section.targets[1:]))
    plot = scatters(crowded)[0]
    assert plot.y_limits[0] > 75
    assert 2 <= plot.n_beyond <= 4
    assert plot.y.min() == plot.y_limits[0]
    assert plot.caption.endswith(f"architectures, {plot.n_beyond} beyond the edge")
    assert scatters(section)[0].n_beyond == 0


def test_many_points_are_thinned_and_counted(findings: Findings, monkeypatch: pytest.MonkeyPatch) -> None:
    import archwright.report.proxy_panels as panels_module

    monkeypatch.setattr(panels_module, "_POINTS", 10)
    plot = {each.title: each for each in scatters(section_of(findings, "data"))}["good"]
    assert len(plot.x) == len(plot.y) == 10
    assert plot.caption == "10 of 64 architectures"


def test_wide_positive_scores_have_a_logarithmic_axis(findings: Findings) -> None:
    section = section_of(findings, "data")
    wide = replace(section.entries[0], scores=np.exp(3 * section.entries[0].scores))
    (plot,) = scatters(replace(section, entries=(wide,)), axis="value")
    assert plot.log_x
    assert plot.x_limits[0] > 0


def test_a_study_without_scores_has_no_report(study: Path, tmp_path: Path) -> None:
    empty = StudyFolder(tmp_path / "s")
    empty.write(StudyFolder(study).load())
    with pytest.raises(RunError, match="holds no score yet"):
        load_findings(empty)


def test_a_direction_of_an_unknown_proxy_is_refused(study: Path) -> None:
    with pytest.raises(UnknownNameError, match="Did you mean 'good'"):
        replace(StudyFolder(study).load(), lower=("goood",))


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(None, "\N{EN DASH}"), (0.0, "0"), (0.01234, "0.0123"), (1.5, "1.50"), (123.4, "123"), (2e-5, "0.0000200")],
)
def test_seconds_have_three_figures(seconds: float | None, said: str) -> None:
    assert seconds_text(seconds) == said
