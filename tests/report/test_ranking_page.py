"""The page of a ranking."""

from html.parser import HTMLParser
from xml.etree import ElementTree

import numpy as np
import pytest

from archwright.coordinate.rank_options import RankFolder
from archwright.coordinate.ranked import Ranking
from archwright.core.arch import Arch
from archwright.core.rng import derive
from archwright.report.ranking import best_rows, number, proxy_rows, write_ranking
from archwright.report.ranking_figures import alike, alike_svg, size_svg
from archwright.report.text import DASH
from archwright.spaces.nb201 import NasBench201
from archwright.spaces.tabular_mlp import TabularMlp

SPACE = NasBench201()


def made(n=40, names=("params", "synflow", "ntk_cond", "nwot"), directions=(1, 1, -1, 1), space=SPACE, **changes):
    """A ranking in which synflow grows with params, ntk_cond falls with it, and nwot is noise, without a tenth."""
    archs = tuple(space.at(int(index)) for index in derive(0, "archs").permutation(space.size())[:n])
    size = derive(0, "size").permutation(n) + 1.0
    noise = derive(0, "noise").standard_normal(n)
    noise[: n // 10] = np.nan
    columns = {"params": 1000 * size, "synflow": size**2, "ntk_cond": -size, "nwot": noise}
    values = np.stack([columns[name] for name in names], axis=1)
    errors = tuple("nwot: <b>equal</b>" if np.isnan(value) else "" for value in noise)
    given = {"left_out": {"zen": "no <i>BatchNorm</i>"}, "wanted": n} | changes
    seconds = np.where(np.isnan(values), np.nan, 0.25)
    return Ranking(space, archs, names, directions, values, seconds, np.full(n, 0.01), errors, **given)


def page_of(ranking, tmp_path, **record):
    folder = RankFolder(tmp_path)
    folder.save({"space": "nb201", "settings": {"batch": 64}, "about": {"origin": "<cifar>"}} | record)
    return write_ranking(folder, ranking).read_text()


class Balanced(HTMLParser):
    """Raises where an element is closed that is not open."""

    def __init__(self):
        super().__init__()
        self.open = []

    def handle_starttag(self, tag, attrs):
        if tag not in ("meta", "br"):
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        pass

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def test_the_page_holds_tables_charts_drawings_and_notes(tmp_path):
    ranking = made()
    text = page_of(ranking, tmp_path)
    parser = Balanced()
    parser.feed(text)
    assert parser.open == []
    # Two charts, and the three best cells.
    assert text.count("<svg") == 5
    assert SPACE.text(ranking.top(1)[0]) in text
    assert "zen is left out: no &lt;i&gt;BatchNorm&lt;/i&gt;" in text
    assert "4 of 40 architectures lack a score" in text
    assert "&lt;cifar&gt;" in text
    assert "<cifar>" not in text
    assert "http" not in text.replace("http://www.w3.org/2000/svg", "")
    assert "<script" not in text


def test_an_interrupted_ranking_says_so(tmp_path):
    assert "40 of 100 untrained networks" in page_of(made(wanted=100), tmp_path)


@pytest.mark.parametrize("n", [1, 2])
def test_a_page_of_next_to_nothing_has_no_charts(tmp_path, n):
    ranking = made(n)
    assert alike_svg(ranking) is size_svg(ranking) is None
    assert page_of(ranking, tmp_path).count("<svg") == n


def test_one_proxy_needs_no_comparison(tmp_path):
    ranking = made(names=("params",), directions=(1,))
    assert alike_svg(ranking) is size_svg(ranking) is None
    assert "by 1 proxy in" in page_of(ranking, tmp_path)


def test_agreement_of_proxies_is_in_their_own_directions():
    table = alike(made())
    assert table[0, 1] == pytest.approx(1)
    # Falling with the size, and lower is better: it favours large networks as well.
    assert table[0, 2] == pytest.approx(1)
    assert abs(table[0, 3]) < 0.5
    np.testing.assert_allclose(table, table.T)
    np.testing.assert_allclose(np.diag(table), 1)


def test_agreement_is_spearmans():
    from scipy.stats import spearmanr

    ranking = made(names=("params", "nwot"), directions=(1, 1))
    known = ~np.isnan(ranking.values[:, 1])
    filled = np.where(known, ranking.values[:, 1], ranking.values[known, 1].min() - 1)
    assert alike(ranking)[0, 1] == pytest.approx(spearmanr(ranking.values[:, 0], filled).statistic)


def test_a_proxy_that_tells_none_apart_has_no_agreement():
    ranking = made()
    ranking.values[:, 1] = 5.0
    assert np.isnan(alike(ranking)[1]).all()
    assert proxy_rows(ranking)[1].agreement is None
    assert "all equal" in alike_svg(ranking)


def test_charts_are_well_formed():
    for svg in (alike_svg(made()), size_svg(made())):
        ElementTree.fromstring(svg)


def test_a_chart_of_many_architectures_stays_small():
    svg = size_svg(made(6000))
    assert svg.count("<circle") < 1600


def test_rows_say_who_is_best():
    ranking = made()
    rows = {row.name: row for row in proxy_rows(ranking)}
    largest = ranking.archs[int(np.argmax(ranking.values[:, 0]))]
    assert rows["params"].best == rows["ntk_cond"].best == SPACE.text(largest)
    assert (rows["params"].value, rows["ntk_cond"].value) == (40_000, -40)
    assert (rows["params"].n, rows["nwot"].n) == (40, 36)
    assert rows["params"].seconds == 0.25
    best = best_rows(ranking, 3)
    assert [row.place for row in best] == [1, 2, 3]
    assert best[0].arch == SPACE.text(ranking.top(1)[0])
    places = [row for row in best_rows(ranking, 40) if row.ranks["params"] == 1]
    assert [row.place for row in places] == [rows["params"].place]
    assert "params" in places[0].first_by


def test_tabular_networks_are_shown_with_their_widths():
    ranking = made(9, names=("params",), directions=(1,), space=TabularMlp((8, 16, 32), layers=2))
    (row,) = best_rows(ranking, 1)
    assert row.shown == f"{row.arch} ({'-'.join(map(str, ranking.space.widths_of(Arch.parse(row.arch))))})"


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (None, DASH),
        (float("nan"), DASH),
        (1531546.0, "1,531,546"),
        (-18.588, "\N{MINUS SIGN}18.59"),
        (2.71e13, "2.71e+13"),
    ],
)
def test_scores_are_shown_as_people_read_them(value, shown):
    assert number(value) == shown
