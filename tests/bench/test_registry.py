"""The list of published benchmarks."""

import pytest
from small_bench import outcome, written

from archwright.bench.importing import importer_names
from archwright.bench.registry import PUBLISHED, found_benches, listing
from archwright.core.catalog import find, names

#: The tutorial's table, and NAS-Bench-Tabular.
TUTORIAL = 18


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("ARCHWRIGHT_HOME", str(tmp_path / "home"))
    return tmp_path / "home" / "bench"


def test_it_holds_the_eighteen_of_the_tutorial_and_nas_bench_tabular():
    assert len({each.name for each in PUBLISHED}) == len(PUBLISHED) == TUTORIAL + 1
    assert PUBLISHED[-1].name == "NAS-Bench-Tabular"


@pytest.mark.parametrize("published", PUBLISHED, ids=lambda each: each.name)
def test_each_can_be_imported_or_says_why_not(published):
    assert published.official.startswith("https://")
    assert published.queries
    if published.importer:
        assert published.importer in importer_names()
        assert published.benches
    else:
        assert "no importer" in published.note


def test_sizes_are_those_of_the_spaces():
    spaces = {
        "NAS-Bench-101": "nb101",
        "NATS-Bench-TSS (NAS-Bench-201)": "nb201",
        "NATS-Bench-SSS": "nats_sss",
        "TransNAS-Bench-101-Micro": "transnas_micro",
        "TransNAS-Bench-101-Macro": "transnas_macro",
        "NAS-Bench-Macro": "nb_macro",
        "NAS-Bench-ASR": "asr",
    }
    sizes = {each.name: each.size for each in PUBLISHED}
    checked = {name: space for name, space in spaces.items() if space in names("space")}
    assert len(checked) >= 4
    for name, space in checked.items():
        made = find("space", space)()
        count = made.count() if hasattr(made, "count") else made.size()
        assert sizes[name] == f"{count:,}"


def test_what_was_imported_is_found_below_its_published_name(home, tmp_path):
    folder = written(home / "mine")
    space = find("space", "nb201")()
    official = written(tmp_path / "elsewhere" / "b", [space.at(0)], [outcome(1, "cifar10")], space=space, measures={})
    (home / "broken").mkdir()
    (home / "broken" / "bench.json").write_text("{")
    assert [each.folder for each in found_benches([tmp_path / "elsewhere"])] == [folder, official]
    rows = listing([official])
    assert rows[-1]["name"] == "small"
    assert rows[-1]["here"] == [str(folder), str(official)] or [row["here"] for row in rows[-2:]] == [
        [str(folder)],
        [str(official)],
    ]
    assert all(row["here"] == [] for row in rows[: len(PUBLISHED)])


def test_an_official_benchmark_is_here_once_it_is_imported(home):
    import numpy as np

    from archwright.bench.table import Outcome, Provenance, write_bench

    space = find("space", "nb201")()
    one = Outcome("cifar10", "accuracy", "percent", (200,), valid=np.ones((1, 1, 1)))
    write_bench(
        home / "nats_tss",
        name="nats_tss",
        space=space,
        archs=[space.at(0)],
        outcomes=[one],
        measures={},
        provenance=Provenance("a test", "none"),
    )
    here = {row["name"]: row["here"] for row in listing()}
    assert here.pop("NATS-Bench-TSS (NAS-Bench-201)") == [str(home / "nats_tss")]
    assert not any(here.values())
