"""What a study of predictors is said to show is what its trainings came to."""

import csv
import xml.etree.ElementTree as ET
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import archwright.coordinate.predictors.work as work_module
import archwright.report.comparison_figures as figures_module
from archwright.coordinate.experiment import open_cases
from archwright.coordinate.predictors.entrant import Entrant
from archwright.coordinate.predictors.running import all_cells, run_predictors
from archwright.coordinate.predictors.study import PredictorFolder, PredictorStudy, Rules
from archwright.core.errors import MissingExtraError, RunError
from archwright.report.comparison_figures import write_panels_png
from archwright.report.comparison_panels import Panel, Series
from archwright.report.comparison_svg import panel_svg
from archwright.report.predictor_findings import Section, load_predictors
from archwright.report.predictor_html import write_predictors
from archwright.report.predictor_panels import agreement_panel, precision_panel
from archwright.report.predictor_search import write_search
from archwright.report.predictor_tables import paired, spread_text, summaries
from predictor_doubles import Oracle, written

WHO = ("good", "poor", "bad")


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return written(tmp_path_factory.mktemp("bench") / "small")


def done(bench: Path, folder: Path, **changed) -> Path:
    """Run a study of oracles; `bad` fails with fewer than ten architectures."""
    given = {"sizes": ("5", "20"), "seeds": 4, "rules": Rules(sets=2)} | changed
    who = tuple(Entrant(label, "gp") for label in WHO)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(work_module, "make", lambda entrant, space, **_: Oracle(entrant.label, folder.parent / "log"))
        run_predictors(folder, PredictorStudy(open_cases(bench, ["data"]), who, **given))
    return folder


@pytest.fixture(scope="module")
def study(bench: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return done(bench, tmp_path_factory.mktemp("study") / "s")


@pytest.fixture(scope="module")
def section(study: Path) -> Section:
    (section,) = load_predictors(PredictorFolder(study)).sections
    return section


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def test_means_and_spreads_are_those_of_the_files(study: Path, section: Section) -> None:
    folder = PredictorFolder(study)
    found = [(cell, folder.read(cell)) for cell in all_cells(folder.load())]
    for row in summaries(section, ["kendall", "precision@5"]):
        values = [
            each.values[row.metric]
            for cell, each in found
            if (cell.entrant.label, cell.size) == (row.predictor, row.train) and not each.error
        ]
        assert row.n == len(values)
        if values:
            assert row.mean == pytest.approx(np.mean(values))
            assert row.std == pytest.approx(np.std(values, ddof=1))
            assert (row.low, row.high) == (min(values), max(values))
        else:
            assert (row.predictor, row.train, row.mean) == ("bad", 5, None)


def test_differences_are_between_trainings_with_the_same_set_and_seed(section: Section) -> None:
    good, poor, _ = section.entries
    pairs = {(row.other, row.train): row for row in paired(section)}
    assert pairs.keys() == {("poor", 5), ("poor", 20), ("bad", 20)}
    differences = (section.values(good, "kendall") - section.values(poor, "kendall"))[0]
    row = pairs["poor", 5]
    assert (row.first, row.n, row.wins) == ("good", 4, int((differences > 0).sum()))
    assert row.mean == pytest.approx(differences.mean())
    assert row.std == pytest.approx(differences.std(ddof=1))
    assert row.mean > 0


def test_charts_show_means_over_sizes_and_over_k(section: Section) -> None:
    panel = agreement_panel(section)
    assert [line.name for line in panel.series] == list(WHO)
    assert [line.colour for line in panel.series] == [0, 1, 2]
    assert panel.series[0].x.tolist() == [5, 20]
    assert panel.series[2].x.tolist() == [20], "nothing is known of bad at 5"
    assert panel.series[0].y.tolist() == section.values(section.entries[0], "kendall").mean(axis=1).tolist()
    precision = precision_panel(section, 20)
    assert precision.series[0].x.tolist() == [5, 10, 20]
    best = section.values(section.entries[0], "precision@10")[1].mean()
    assert precision.series[0].y.tolist()[1] == best
    assert [line.name for line in precision_panel(section, 5).series] == ["good", "poor"]


def test_drawings_have_a_mark_for_each_value(section: Section) -> None:
    drawn = ET.fromstring(panel_svg(agreement_panel(section)))
    marks = [each for each in drawn.iter() if each.tag.endswith("circle")]
    assert len(marks) == 2 + 2 + 1
    said = ["".join(each.itertext()) for each in marks]
    assert any(line.startswith("good: ") and line.endswith(" at 20") for line in said)


def test_a_report_has_tables_charts_and_a_page(study: Path) -> None:
    made = write_predictors(study)
    names = {path.name for path in made.files}
    assert names == {"report.html", "summary.csv", "paired.csv", "trainings.csv", "small.data.png"}
    assert all(path.stat().st_size > 0 for path in made.files)
    assert (study / "report" / "small.data.png").read_bytes().startswith(b"\x89PNG")
    page = made.files[0].read_text()
    assert "good" in page
    assert "too few to learn from" in page
    assert page.count("<svg") == 3
    assert "http" not in page.replace("http://www.w3.org/2000/svg", "")
    trainings = rows(study / "report" / "trainings.csv")
    assert len(trainings) == 3 * 2 * 4 - 4
    assert {(row["set"], row["seed"]) for row in trainings} == {("0", "0"), ("1", "0"), ("0", "1"), ("1", "1")}
    assert any("trainings failed and are left out: bad 4" in line for line in made.notes)


def test_an_unfinished_study_says_what_is_missing(bench: Path, tmp_path: Path) -> None:
    folder = done(bench, tmp_path / "s")
    for path in (folder / "results" / "small.data" / "poor").glob("20-*.json"):
        path.unlink()
    made = write_predictors(folder, png=False)
    assert any("not finished yet: poor 4" in line for line in made.notes)
    assert {row.train for row in paired(made.sections[0]) if row.other == "poor"} == {5}
    for path in (folder / "results").rglob("*.json"):
        path.unlink()
    with pytest.raises(RunError, match="holds no finished training yet"):
        write_predictors(folder)


def test_several_signals_have_a_section_each(bench: Path, tmp_path: Path) -> None:
    folder = done(bench, tmp_path / "s", rules=Rules(signals=("half", "final"), sets=1), seeds=1)
    made = write_predictors(folder, png=False)
    assert [section.signal for section in made.sections] == ["half", "final"]
    half, final = ({row["metric"] for row in rows(folder / "report" / "summary.csv") if row["signal"] == name}
                   for name in ("half", "final"))  # fmt: skip
    assert half == final >= {"kendall", "fit_s", "n@5"}
    page = made.files[0].read_text()
    assert "validation of data after 12 epochs" in page


def test_without_matplotlib_the_page_is_there(study: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def missing() -> None:
        raise MissingExtraError("PNG files need matplotlib")

    monkeypatch.setattr(figures_module, "figure_class", missing)
    made = write_predictors(study)
    assert "PNG files need matplotlib" in made.notes
    assert made.files[0].exists()


@pytest.mark.parametrize("n_names", [1, 24])
def test_names_with_many_settings_leave_room_for_the_charts(tmp_path: Path, n_names: int) -> None:
    # A warning, which is an error here, says that a layout did not fit.
    x = np.array([5.0, 10.0])
    names = [f"ta_gates:symmetry=none:contact=message:detach=true:mask_fixed=true:steps={k}" for k in range(n_names)]
    lines = tuple(Series(name, k, x, x / 20) for k, name in enumerate(names))
    panel = Panel("p", "Precision@K", "K", "share", lines, (5, 10), (0, 1), log_x=True, is_stepped=False)
    write_panels_png(tmp_path / "many.png", [panel], n_names=n_names, title="nb201: cifar10", caption="A caption.")
    with Image.open(tmp_path / "many.png") as image:
        assert image.width < 1200, "names are broken into lines"
        assert image.height >= (660 if n_names == 1 else 1000), "and all lines have their place"


def test_a_search_is_shown_beside_random_search_and_the_best(bench: Path, tmp_path: Path) -> None:
    folder = done(bench, tmp_path / "s", rules=Rules(sets=None, candidates=30), sizes=("20",))
    made = write_search(folder)
    ((title, table),) = made.tables
    assert title == "small: data: test accuracy (percent) of what is found"
    kinds = {(row.label, row.kind): row for row in table}
    assert next(iter(kinds)) == ("good", "found")
    assert kinds["best of the benchmark", "space"].mean == pytest.approx(open_cases(bench, ["data"])[0].best)
    random = kinds["random search, 21 queries", "random"]
    assert random.n == 4
    assert kinds["good", "found"].mean <= kinds["best of 30 candidates", "candidates"].mean + 0.03
    lines = rows(folder / "report" / "searches.csv")
    assert len(lines) == 3 * 4
    found = [float(line["found"]) for line in lines if line["predictor"] == "good"]
    assert kinds["good", "found"].mean == pytest.approx(np.mean(found))


def test_spreads_are_written_as_people_read_them() -> None:
    assert spread_text(0.77314, 0.0049) == "0.7731 ± 0.0049"
    assert spread_text(-0.5, None) == "\N{MINUS SIGN}0.5000"
    assert spread_text(0.01, 0.002, decimals=2, is_signed=True) == "+0.01 ± 0.00"
    assert spread_text(None, None) == "\N{EN DASH}"
