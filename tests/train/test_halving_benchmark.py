"""The speed figures can be printed."""

import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "halving.py"


@pytest.mark.slow
def test_the_quick_run_prints_every_row() -> None:
    out = subprocess.run([sys.executable, str(SCRIPT), "--quick"], check=True, capture_output=True, text=True).stdout
    for name in ("successive halving of 6", "rate, mixed widths", "rate, width 512", "two workers / one"):
        assert name in out
