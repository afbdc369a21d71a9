"""README and docs: Python blocks run, commands exist, links lead somewhere."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[1]
PAGES = sorted([ROOT / "README.md", ROOT / "ARCHITECTURE.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").glob("*.md")])
#: Seconds in place of the budgets that the pages show.
BUDGET_S = 5


def _blocks(page: Path, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", page.read_text(encoding="utf-8"), flags=re.DOTALL | re.MULTILINE)


def _shortened(code: str) -> str:
    code = re.sub(r"time_budget=\d+", f"time_budget={BUDGET_S}", code)
    return re.sub(r"continue_fit\(\d+\)", f"continue_fit({BUDGET_S})", code)


@pytest.mark.parametrize("page", [page for page in PAGES if _blocks(page, "python")], ids=lambda page: page.stem)
def test_python_blocks_run(page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("onnxruntime")
    monkeypatch.chdir(tmp_path)
    names: dict[str, object] = {"__name__": "page"}
    for block in _blocks(page, "python"):
        exec(compile(_shortened(block), str(page), "exec"), names)
    assert len(names) > 2


@pytest.mark.parametrize("program", sorted((ROOT / "examples").glob("*.py")), ids=lambda program: program.stem)
def test_examples_run(program: Path, tmp_path: Path) -> None:
    command = [sys.executable, "-W", "error", str(program), str(BUDGET_S)]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout


def _commands() -> list[tuple[str, str]]:
    return [
        (page.name, line)
        for page in PAGES
        for block in _blocks(page, "sh")
        for line in block.replace("\\\n", " ").splitlines()
        if line.startswith("archwright ")
    ]


@pytest.mark.parametrize(("page", "line"), _commands(), ids=lambda value: value if value.endswith(".md") else None)
def test_commands_have_the_options_shown(page: str, line: str) -> None:
    import typer

    from archwright.cli.main import app

    words = shlex.split(line, comments=True)[1:]
    command = typer.main.get_command(app)
    while hasattr(command, "commands"):
        assert words
        assert words[0] in command.commands
        command = command.commands[words.pop(0)]
    known = {option for parameter in command.params for option in parameter.opts}
    assert {word for word in words if word.startswith("--")} <= known


def _options(command: Any) -> set[str]:
    """Return the options of a command and of all commands in it."""
    own = {option for parameter in command.params for option in parameter.opts}
    return own.union(*(_options(inner) for inner in getattr(command, "commands", {}).values()))


def test_options_in_tables_exist() -> None:
    import typer

    from archwright.cli.main import app

    known = _options(typer.main.get_command(app))
    known |= {"--help", "--index-url", "--strict"}
    # Benchmarks are scripts with options of their own.
    pages = [re.sub(r"`python benchmarks/[^`]*`", "", page.read_text("utf-8")) for page in PAGES]
    shown = {option for page in pages for option in re.findall(r"(?<![\w-])--[a-z][a-z-]+", page)}
    assert shown <= known


def test_links_lead_somewhere() -> None:
    broken = [
        f"{page.name}: {target}"
        for page in PAGES
        for target in re.findall(r"\]\((?!https?://)([^)#]+)", page.read_text(encoding="utf-8"))
        if not (page.parent / target).exists()
    ]
    assert not broken


def test_the_site_lists_every_page() -> None:
    index = (ROOT / "docs" / "index.md").read_text(encoding="utf-8")
    pages = {page.stem for page in (ROOT / "docs").glob("*.md")} - {"index"}
    assert pages == {name for name in pages if re.search(rf"^{name}$", index, flags=re.MULTILINE)}
