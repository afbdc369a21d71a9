"""ARCHITECTURE.md says what is: packages and layers."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "src" / "archwright"
PAGE = (ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8")


def _block(heading: str) -> list[str]:
    found = re.search(rf"^## {heading}$.*?^```text\n(.*?)^```", PAGE, flags=re.DOTALL | re.MULTILINE)
    assert found is not None
    return found[1].splitlines()


def _contract() -> list[str]:
    with (ROOT / "pyproject.toml").open("rb") as file:
        contracts = tomllib.load(file)["tool"]["importlinter"]["contracts"]
    layers: list[str] = next(contract["layers"] for contract in contracts if contract["type"] == "layers")
    return layers


def test_every_package_named_exists_and_every_package_is_named() -> None:
    named = {line.split("/")[0].strip() for line in _block("Packages")[1:]}
    there = {path.parent.name for path in PACKAGE.glob("*/__init__.py")}
    assert named == there


def test_the_order_of_layers_is_the_contract() -> None:
    assert _block("Layers") == _contract()


def test_layers_in_parentheses_are_not_written_yet_and_the_others_are() -> None:
    for line in _contract():
        for layer in line.split(" | "):
            planned = layer.startswith("(")
            exists = any((PACKAGE / f"{layer.strip('()')}{suffix}").exists() for suffix in ("", ".py"))
            assert exists != planned, layer


def test_files_named_on_the_page_exist() -> None:
    for name in re.findall(r"`((?:core|nets|tests|benchmarks|docs)/[\w./]*)`", PAGE):
        assert (ROOT / name).exists() or (PACKAGE / name).exists(), name


def test_every_file_of_the_coordinator_is_in_its_table_and_no_other() -> None:
    table = PAGE.partition("## The coordinator, file by file")[2]
    named = {
        name for line in re.findall(r"^\| (`[a-z_`, ]+`) \|", table, flags=re.MULTILINE) for name in line.split("`")
    }
    there = {path.stem for path in (PACKAGE / "coordinate").glob("*.py")} - {"__init__"}
    assert named - {"", ", "} == there
