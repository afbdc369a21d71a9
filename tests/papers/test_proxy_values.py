"""Proxies of cells of NAS-Bench-201 agree with the values that others published."""

import importlib.util
import json
import math
import sys
from pathlib import Path
from types import ModuleType

import pytest

PAPER = json.loads((Path(__file__).parent / "proxies.json").read_text())
SCRIPT = Path(__file__).parents[2] / "benchmarks" / "proxy_agreement.py"


@pytest.fixture(scope="module")
def script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("benchmark_proxy_agreement", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(sys.modules, spec.name, module)
        spec.loader.exec_module(module)
        yield module


def check(script: ModuleType, data: Path, out: Path, form: dict) -> None:
    """Compute the sample, or the part of it that is not in the file yet, and hold it against the claims."""
    setting, cells = script.Setting(**form["setting"]), script.draw_cells(data, form["sample"])
    images = script.read_images(data)
    script.measure(out, cells, images, list(form["claims"]), setting, seed=0)
    rows = {row.proxy: row for row in script.compare(out, cells)}
    assert {row.n + row.failed for row in rows.values()} == {form["sample"]}
    missed = [
        rows[name].line()
        for name, claim in form["claims"].items()
        if rows[name].failed
        or rows[name].peer < claim["peer"]
        or abs(rows[name].accuracy - rows[name].accuracy_published) > claim["accuracy"]
    ]
    assert not missed, "\n".join(missed)


def test_what_no_draw_changes_agrees_on_thin_networks(script: ModuleType, shared_data: Path, tmp_path: Path) -> None:
    check(script, shared_data, tmp_path / "agreement.csv", PAPER["thin"])


def test_a_run_that_was_cut_off_goes_on(script: ModuleType, shared_data: Path, tmp_path: Path) -> None:
    path, setting = tmp_path / "agreement.csv", script.Setting(batch=4, channels=2, cells=1)
    cells, images = script.draw_cells(shared_data, 5), script.read_images(shared_data)
    script.measure(path, cells[:3], images, ["params", "snip"], setting, seed=0)
    begun = path.read_text()
    script.measure(path, cells, images, ["params", "snip"], setting, seed=0)
    assert path.read_text().startswith(begun)
    assert len(script.read(path)) == 10
    finished = path.read_text()
    script.measure(path, cells, images, ["snip", "params"], setting, seed=0)
    assert path.read_text() == finished
    (_, snip) = script.compare(path, cells)
    assert math.isnan(snip.itself)
    script.measure(path, cells, images, ["snip"], setting, seed=1)
    (_, snip) = script.compare(path, cells)
    assert snip.n == 5
    assert -1 <= snip.itself <= 1


@pytest.mark.slow
@pytest.mark.timeout(7200)
@pytest.mark.parametrize("name", PAPER["full"]["claims"])
def test_values_agree_on_the_full_networks(
    name: str, script: ModuleType, shared_data: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    claim = PAPER["full"]["claims"][name]
    form = {"sample": PAPER["full"]["sample"], "claims": {name: claim}}
    form["setting"] = PAPER["full"]["setting"] | claim.get("setting", {})
    check(script, shared_data, tmp_path_factory.mktemp(name) / "agreement.csv", form)
