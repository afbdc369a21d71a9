"""A run may be killed at any moment: what it had found can be used, and the run can be continued."""

import json
import os
import signal
import subprocess
import sys
import time

import pytest

from archwright.core.rng import derive


def killed_after(table, folder, seconds, *, with_signal=signal.SIGKILL):
    """Start a run, send a signal after so many seconds, and return the exit code."""
    command = [sys.executable, "-m", "archwright", "fit", str(table), "--target", "y"]
    command += ["--budget", "60s", "--out", str(folder)]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as process:
        time.sleep(seconds)
        os.kill(process.pid, with_signal)
        process.communicate(timeout=20)
        return process.returncode


def survives(archwright, table, folder, score_before=None):
    """Check that predictions and a resume work on a folder; return whether it had a model."""
    if not (folder / "run.json").exists():
        return False
    if not (folder / "model.safetensors").exists():
        resumed = archwright("resume", folder, "--budget", "5s")
        assert resumed.returncode == 0, resumed.stderr
        assert (folder / "model.safetensors").exists()
        return False
    predicted = archwright("predict", folder, table, "--json")
    assert predicted.returncode == 0, predicted.stderr
    assert json.loads(predicted.stdout)["rows"] == 400
    before = json.loads((folder / "run.json").read_text())["incumbents"]
    resumed = archwright("resume", folder, "--budget", "5s", "--json")
    assert resumed.returncode == 0, resumed.stderr
    assert json.loads(resumed.stdout)["best"]["score"] >= before[-1]["score"]
    return True


@pytest.mark.parametrize("seconds", [1.5, 4.0, 7.0])
def test_a_killed_run_predicts_and_resumes(archwright, table, tmp_path, seconds):
    assert killed_after(table, tmp_path / "run", seconds) == -signal.SIGKILL
    had_model = survives(archwright, table, tmp_path / "run")
    # Reading this table takes well under a second, so there is an incumbent before the first kill but one.
    assert had_model or seconds < 4


@pytest.mark.slow
def test_thirty_kills_at_random_moments(archwright, table, tmp_path):
    rng = derive(0, "kills")
    moments = rng.uniform(0.3, 15.0, size=30)
    had_model = []
    for number, seconds in enumerate(moments):
        folder = tmp_path / str(number)
        killed_after(table, folder, seconds)
        had_model.append(survives(archwright, table, folder))
    assert sum(had_model) >= 25


def workers_of(folder):
    """Return the processes whose command line names the worker module and that map this folder's arrays."""
    import psutil

    found = []
    for process in psutil.process_iter(["cmdline"]):
        try:
            is_worker = "archwright.run.worker" in " ".join(process.info["cmdline"] or [])
            if is_worker and any(str(folder) in region.path for region in process.memory_maps()):
                found.append(process.pid)
        except psutil.Error:
            continue
    return found


def test_no_worker_outlives_its_killed_driver(table, tmp_path):
    killed_after(table, tmp_path / "run", 6.0)
    deadline = time.monotonic() + 5
    while workers_of(tmp_path / "run") and time.monotonic() < deadline:
        time.sleep(0.1)
    assert workers_of(tmp_path / "run") == []


def test_ctrl_c_ends_cleanly_with_the_best_network_so_far(archwright, table, tmp_path):
    folder = tmp_path / "run"
    assert killed_after(table, folder, 6.0, with_signal=signal.SIGINT) == 130
    record = json.loads((folder / "run.json").read_text())
    assert record["status"] == "interrupted"
    assert record["test"]
    assert (folder / "report.html").exists()
    assert survives(archwright, table, folder)
