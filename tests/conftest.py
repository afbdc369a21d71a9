"""Settings and fixtures of all tests."""

from __future__ import annotations

import os

# Before anything imports numpy or torch: more threads than cores make tests slow and uneven.
os.environ["OMP_NUM_THREADS"] = "1"

from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real data sets, from ARCHWRIGHT_DATA or beside the repository."""
    beside = Path(__file__).resolve().parents[2] / "shared" / "data"
    folder = Path(os.environ.get("ARCHWRIGHT_DATA", beside))
    if not folder.is_dir():
        pytest.skip("needs the real data sets: set ARCHWRIGHT_DATA to their folder")
    return folder
