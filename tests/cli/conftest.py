"""Runs the command line as a user does: in a process of its own."""

import os
import subprocess
import sys

import pytest

from archwright.core.rng import derive

#: Big enough to learn from, small enough to be quick.
ROWS = 400


@pytest.fixture(scope="session")
def table(tmp_path_factory):
    """A small CSV with numbers, categories, missing values and a learnable target."""
    rng = derive(0, "table")
    path = tmp_path_factory.mktemp("table") / "small.csv"
    lines = ["age,colour,size,y"]
    for _ in range(ROWS):
        age, size = rng.normal(40, 10), rng.normal()
        colour = ("red", "green", "blue")[int(rng.integers(3))]
        label = "yes" if age / 20 + size + (colour == "red") + rng.normal() * 0.5 > 2.3 else "no"
        lines.append(f"{'' if rng.random() < 0.1 else f'{age:.2f}'},{colour},{size:.3f},{label}")
    path.write_text("\n".join(lines) + "\n")
    return path


def cli(*arguments, cwd=None, timeout=90, **environment):
    """Run `archwright` and return the finished process."""
    return subprocess.run(
        [sys.executable, "-m", "archwright", *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
        cwd=cwd,
        env=os.environ | environment,
    )


@pytest.fixture(scope="session")
def archwright():
    """The command line as a function."""
    return cli


@pytest.fixture(scope="session")
def finished_run(table, tmp_path_factory):
    """A run that has ended well."""
    folder = tmp_path_factory.mktemp("runs") / "run"
    done = cli("fit", table, "--target", "y", "--budget", "8s", "--out", folder, "--json")
    assert done.returncode == 0, done.stderr
    return folder
