"""The page of a run: what it says is what the run recorded, whatever is missing."""

from __future__ import annotations

import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

import pytest
from report_runs import bare_run, full_run

from archwright.coordinate.record import Phase, RunFolder
from archwright.core.errors import RunError
from archwright.report.html import render, write_report
from archwright.report.view import RunView

_VOID = {"meta", "br", "img", "hr", "link", "input"}


class _Page(HTMLParser):
    """Checks that tags nest, and collects the text."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.words: list[str] = []
        self.tags: list[str] = []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        if tag not in _VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open, f"</{tag}> closes nothing"
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.words.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.words).split())


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    return full_run(tmp_path_factory.mktemp("finished"))


def test_the_page_says_what_the_run_recorded(finished: RunFolder) -> None:
    record, page = finished.load(), _Page(render(finished))
    best = record.best
    assert best is not None
    assert page.open == []
    for words in (
        f"{best['score']:.4f}",
        "-".join(map(str, best["widths"])),
        f"{best['params']:,} parameters",
        "0.9121",
        "accuracy 0.8702",
        "88.1 s",
        "of 90.0 s in 2 sessions",
        "48,842 rows, 15 columns",
        "row_id",
        "every value occurs once",
        "Example CPU at 2.5 GHz",
        "3.1e-07",
        "2\N{MULTIPLICATION SIGN}24, 4\N{MULTIPLICATION SIGN}12",
        "Spearman's rank correlation",
    ):
        assert words in page.text, words


def test_a_committee_with_the_very_first_network_is_counted_well(tmp_path: Path) -> None:
    # The first network is trained before there are candidates, so members may be more than these.
    folder = full_run(tmp_path)
    record = folder.load()
    assert record.best is not None
    first = {"arch": record.best["arch"], "widths": record.best["widths"], "score": 0.9, "epochs": 2.0}
    record.incumbents[-1] |= {"what": "committee", "members": [first] * 40}
    folder.save(record)
    page = _Page(render(folder))
    assert page.open == []
    assert "40 of 40 trained networks, which answer together," in page.text
    assert "The 40 networks that answer together" in page.text
    assert "drawn from the best thirtieth" in page.text


def test_the_page_needs_nothing_else(finished: RunFolder) -> None:
    html = write_report(finished).read_text(encoding="utf-8")
    page = _Page(html)
    assert not {"script", "link", "img", "iframe"} & set(page.tags)
    assert "url(" not in html
    assert "@import" not in html
    assert "prefers-color-scheme:dark" in html
    assert page.tags.count("svg") == 8


def test_text_of_the_user_is_escaped(finished: RunFolder) -> None:
    html = render(finished)
    assert "<b>bold" not in html
    assert "&lt;b&gt;bold &amp; co&lt;/b&gt;" in html


def test_an_error_metric_is_shown_in_its_own_sign(tmp_path: Path) -> None:
    folder = full_run(tmp_path, metric="rmse", whole=False, resumed=False)
    best = folder.load().best
    assert best is not None
    page = _Page(render(folder))
    assert f"{-best['score']:,.0f}" in page.text
    assert "lower is better" in page.text
    assert "36,123" in page.text
    assert f"{best['score']:,.0f}" not in page.text


def test_failed_candidates_are_listed_with_their_reason(finished: RunFolder) -> None:
    view = RunView.load(finished)
    failed = [candidate for candidate in view.candidates if candidate.score is None]
    assert failed
    text = _Page(render(finished)).text
    assert f"Without a score: {len(failed)}" in text
    assert failed[0].error in text


def test_an_empty_record_gives_a_page(tmp_path: Path) -> None:
    page = _Page(render(bare_run(tmp_path)))
    assert "There is no prediction yet." in page.text
    assert "svg" not in page.tags


def test_a_constant_prediction_gives_a_page(tmp_path: Path) -> None:
    constant = {"at_s": 1.2, "score": 0.5, "arch": "", "widths": [], "epochs": 0.0, "params": 1, "what": "constant"}
    folder = bare_run(
        tmp_path,
        status="interrupted",
        task={"kind": "binary", "metric": "auc", "target": "y"},
        incumbents=[constant],
        phases=[Phase(1, "read", None, None, 0.2)],
        sessions=[{"budget_s": 2.0, "used_s": None, "started": "2026-01-02", "status": "running"}],
    )
    page = _Page(render(folder))
    assert "interrupted" in page.text
    assert "constant prediction" in page.text
    assert "0.5000" in page.text
    assert "no test split was given" in page.text


def test_a_damaged_store_is_said_on_the_page(tmp_path: Path) -> None:
    folder = full_run(tmp_path, resumed=False)
    for beside in tmp_path.glob("study.db*"):
        beside.unlink()
    folder.study.write_bytes(b"no database " * 100)
    folder.model.write_bytes(b"no model")
    page = _Page(render(folder))
    assert "The trial store could not be read" in page.text
    assert "Leaderboard" not in page.text


def test_a_missing_record_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(RunError, match=r"run\.json"):
        write_report(RunFolder(tmp_path))


def test_the_report_loads_no_heavy_package(finished: RunFolder) -> None:
    code = (
        "import sys; from pathlib import Path; from archwright.coordinate.record import RunFolder;"
        "from archwright.report.html import write_report; write_report(RunFolder(Path(sys.argv[1])));"
        "heavy = {'torch', 'sklearn', 'matplotlib', 'pandas', 'scipy'} & set(sys.modules); assert not heavy, heavy"
    )
    done = subprocess.run([sys.executable, "-c", code, str(finished.path)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_a_run_that_is_going_on_has_a_page_with_its_time_so_far(tmp_path: Path) -> None:
    folder = full_run(tmp_path, resumed=False)
    record = folder.load()
    record.phases[-1].used_s = None
    record.sessions[-1] |= {"used_s": 58.5, "status": "running"}
    record.status = "running"
    record.warnings = [f"warning {k}" for k in range(12)]
    folder.save(record)
    page = _Page(render(folder))
    assert "58.5 s" in page.text
    assert "7 more notes" in page.text
    assert all(f"warning {k}" in page.text for k in range(12))
