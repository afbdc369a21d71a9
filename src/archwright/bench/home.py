"""Where imported benchmarks live: the folder `bench` of ARCHWRIGHT_HOME, or of the user's data folder."""

from __future__ import annotations

import os
from pathlib import Path

from archwright.core.errors import BenchError

__all__ = ["bench_home", "folder_of"]


def bench_home() -> Path:
    """Return the folder in which benchmarks are found by name; it need not exist."""
    home = os.environ.get("ARCHWRIGHT_HOME")
    if home:
        return Path(home) / "bench"
    from platformdirs import user_data_path

    return user_data_path("archwright") / "bench"


def folder_of(bench: str | Path) -> Path:
    """Return the folder of a benchmark, given as a path or by name.

    Raises:
        BenchError: if there is none.
    """
    path, home = Path(bench), bench_home()
    if path.is_dir():
        return path
    if isinstance(bench, str) and path.name == bench and (home / bench).is_dir():
        return home / bench
    from archwright.core.catalog import suggestion

    there = sorted(each.parent.name for each in home.glob("*/bench.json"))
    hint = suggestion(str(bench), there) if there else "None is imported yet"
    raise BenchError(
        f"no benchmark {str(bench)!r}, neither as a folder nor in {home}. {hint}; see `archwright bench list`"
    )
