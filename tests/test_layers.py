"""Rules of the source, held by tests."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import archwright

SOURCE = Path(archwright.__file__).parent
FILES = sorted(SOURCE.rglob("*.py"))
HEAVY = {"torch", "sklearn", "scipy", "ray", "pandas", "pyarrow", "sqlalchemy", "psycopg", "matplotlib", "onnx"}


def loaded_after(code: str) -> set[str]:
    """Return the top-level modules that a fresh interpreter has loaded after `code`."""
    tell = "import sys; sys.stdout.write(' '.join({name.partition('.')[0] for name in sys.modules}))"
    done = subprocess.run([sys.executable, "-c", f"{code}\n{tell}"], capture_output=True, text=True, check=True)
    return set(done.stdout.split())


def modules(package: str) -> list[str]:
    folder = SOURCE / package
    return [f"archwright.{package}.{path.stem}" for path in sorted(folder.glob("*.py")) if path.stem != "__init__"]


def test_import_archwright_loads_next_to_nothing() -> None:
    assert loaded_after("import archwright; dir(archwright)").isdisjoint(HEAVY | {"numpy"})


@pytest.mark.parametrize("package", ["core", "study", "run", "spaces", "search"])
def test_what_chooses_and_records_loads_no_learning_library(package: str) -> None:
    code = "\n".join(f"import {module}" for module in modules(package))
    assert loaded_after(code).isdisjoint({"torch", "sklearn", "scipy", "ray", "pandas"})


def test_a_run_in_memory_loads_no_database() -> None:
    code = """
from archwright.core.budget import Budget
from archwright.run.inline import InlineExecutor
from archwright.run.loop import run
from archwright.search.evolution import Evolution
from archwright.spaces.tabular_mlp import frappe
from archwright.testing.toy import Toy
run(Evolution(frappe()), InlineExecutor(Toy()), Budget(trials=3), seed=0)
"""
    assert loaded_after(code).isdisjoint(HEAVY)


def test_the_proof_sees_what_is_loaded() -> None:
    assert "sqlalchemy" in loaded_after("import archwright.study.store")


@pytest.mark.parametrize("name", archwright.__all__)
def test_every_public_name_exists(name: str) -> None:
    assert getattr(archwright, name) is not None
    assert name in dir(archwright)


def test_an_unknown_public_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        archwright.nothing  # noqa: B018


def calls(path: Path) -> Iterator[str]:
    """Yield the dotted name of every call in a file."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Call):
            yield ast.unparse(node.func)


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(SOURCE)))
def test_a_file_keeps_the_rules(path: Path) -> None:
    called = set(calls(path))
    place = path.relative_to(SOURCE)
    assert called.isdisjoint({"np.random.seed", "numpy.random.seed", "random.seed", "random.random"})
    # Seeding torch's own generator is allowed only where it is given back afterwards.
    if place.parts[0] not in {"train", "nets", "predict", "testing"}:
        assert "torch.manual_seed" not in called
    if place.parts[0] != "cli":
        assert "print" not in called
    assert called.isdisjoint({"pickle.load", "torch.load", "joblib.load"})
    if place != Path("run/worker.py") and place.parts[0] != "testing":
        assert "pickle.loads" not in called
    assert path.name != "utils.py"


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(SOURCE)))
def test_a_file_has_less_than_400_lines(path: Path) -> None:
    assert len(path.read_text().splitlines()) < 400
