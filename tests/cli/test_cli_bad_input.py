"""Bad input gets one clear line and exit code 2, or 1 where the system failed; nothing is lost."""

import os
import shutil
import subprocess

import pytest

from archwright.core.rng import derive


def one_line(done, code, *words):
    assert done.returncode == code, (done.returncode, done.stderr)
    lines = [line for line in done.stderr.strip().splitlines() if line.startswith("archwright:")]
    assert len(lines) == 1, done.stderr
    assert "Traceback" not in done.stderr
    for word in words:
        assert word in lines[0], lines[0]


CASES = {
    "empty file": ("", ("empty",)),
    "no rows": ("a,b,y\n", ("row",)),
    "one class": ("a,y\n" + "1,no\n2,no\n3,no\n" * 20, ("class",)),
    "target missing": ("a,b\n1,2\n3,4\n", ("'y'",)),
    "target all missing": ("a,y\n1,\n2,\n3,\n", ("missing",)),
    "ragged": ("a,y\n1,0\n2,1,7\n3,0\n", ("3",)),
    "duplicate names": ("a,a,y\n1,2,0\n3,4,1\n", ("'a'",)),
}


@pytest.mark.parametrize("name", CASES)
def test_a_bad_table_is_one_clear_line(archwright, tmp_path, name):
    text, words = CASES[name]
    path = tmp_path / "bad.csv"
    path.write_text(text)
    done = archwright("fit", path, "--target", "y", "--budget", "5s", "--out", tmp_path / "run")
    one_line(done, 2, *words)
    assert not (tmp_path / "run" / "run.json").exists()


def test_a_wrong_encoding_is_one_clear_line(archwright, tmp_path):
    path = tmp_path / "latin.csv"
    path.write_bytes("name,y\nMüller,1\nMeier,0\n".encode("latin-1") * 20)
    one_line(archwright("fit", path, "--target", "y", "--budget", "5s", "--out", tmp_path / "run"), 2, "UTF-8")


def test_only_missing_columns_leave_nothing_to_learn_from(archwright, tmp_path):
    path = tmp_path / "void.csv"
    path.write_text("a,y\n" + ",1\n,0\n" * 30)
    one_line(archwright("fit", path, "--target", "y", "--budget", "5s", "--out", tmp_path / "run"), 2, "a")


@pytest.mark.parametrize("budget", ["abc", "0", "-5s", "5 parsecs", ""])
def test_a_bad_budget_is_one_clear_line(archwright, table, tmp_path, budget):
    done = archwright("fit", table, "--target", "y", f"--budget={budget}", "--out", tmp_path / "run")
    one_line(done, 2, "budget")


def test_a_missing_file_is_one_clear_line(archwright, tmp_path):
    one_line(archwright("fit", tmp_path / "none.csv", "--budget", "5s", "--out", tmp_path / "run"), 2, "none.csv")


def test_a_folder_is_no_table(archwright, tmp_path):
    one_line(archwright("fit", tmp_path, "--budget", "5s", "--out", tmp_path / "run"), 2, str(tmp_path))


@pytest.mark.skipif(os.geteuid() == 0, reason="the superuser may read and write everything")
def test_an_unreadable_file_is_one_clear_line(archwright, table, tmp_path):
    path = tmp_path / "secret.csv"
    shutil.copy(table, path)
    path.chmod(0)
    one_line(archwright("fit", path, "--target", "y", "--budget", "5s", "--out", tmp_path / "run"), 2, "secret.csv")


def test_a_folder_that_cannot_be_made_is_the_systems_failure(archwright, table):
    done = archwright("fit", table, "--target", "y", "--budget", "5s", "--out", "/proc/run")
    one_line(done, 1, "/proc/run")


def test_an_unknown_option_is_exit_code_two(archwright, table):
    done = archwright("fit", table, "--targt", "y")
    assert done.returncode == 2
    assert "--target" in done.stderr


def test_infinite_values_are_missing_values(archwright, tmp_path):
    path = tmp_path / "inf.csv"
    rows = "".join(f"{'inf' if i % 7 == 0 else i * 37 % 101},{i % 2}\n" for i in range(120))
    path.write_text("a,y\n" + rows)
    done = archwright("fit", path, "--target", "y", "--budget", "5s", "--out", tmp_path / "run", "--json")
    assert done.returncode == 0, done.stderr
    assert "infinite" in done.stderr


@pytest.mark.slow
def test_ten_thousand_columns_are_read_and_predicted_from(archwright, tmp_path):
    rng = derive(0, "wide")
    path = tmp_path / "wide.csv"
    values = rng.normal(size=(300, 10_000)).round(3)
    lines = [",".join([*(f"x{i}" for i in range(10_000)), "y"])]
    lines += [",".join([*map(str, row), "yes" if row[0] > 0 else "no"]) for row in values]
    path.write_text("\n".join(lines) + "\n")
    done = archwright("fit", path, "--target", "y", "--budget", "30s", "--out", tmp_path / "run", "--json")
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr
    assert archwright("predict", tmp_path / "run", path, "--json").returncode == 0


def test_an_identifier_that_leaks_the_target_is_told(archwright, tmp_path):
    path = tmp_path / "leak.csv"
    path.write_text("a,given,y\n" + "".join(f"{i * 37 % 101},{i + 1000 * (i % 2)},{i % 2}\n" for i in range(120)))
    done = archwright("fit", path, "--target", "y", "--budget", "1s", "--out", tmp_path / "run", "--json")
    assert done.returncode == 0, done.stderr
    assert "'given' looks like the target itself" in done.stderr


def test_a_full_disk_is_the_systems_failure_and_nothing_is_lost(archwright, table, tmp_path):
    small = tmp_path / "small"
    small.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", str(small)], capture_output=True, text=True, check=False
    )
    if mounted.returncode:
        pytest.skip(f"needs a small file system, which only the superuser can mount: {mounted.stderr.strip()}")
    try:
        done = archwright("fit", table, "--target", "y", "--budget", "10s", "--out", small / "run")
        if done.returncode:
            # SQLite has words of its own for it.
            one_line(done, 1, "full" if "study.db" in done.stderr else "space")
    finally:
        subprocess.run(["umount", str(small)], check=True)
    assert done.returncode in (0, 1)


@pytest.mark.parametrize("what", ["run.json", "study.db", "model.safetensors"])
def test_a_damaged_run_is_one_clear_line_or_is_repaired(archwright, finished_run, tmp_path, what):
    folder = tmp_path / "run"
    shutil.copytree(finished_run, folder)
    path = folder / what
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    done = archwright("resume", folder, "--budget", "6s")
    if what == "model.safetensors":
        assert done.returncode == 0, done.stderr
        assert archwright("show", folder).returncode == 0
    else:
        one_line(done, 2 if what == "run.json" else done.returncode, what)
        assert done.returncode in (1, 2)


def test_a_run_without_its_model_file_resumes(archwright, finished_run, tmp_path):
    folder = tmp_path / "run"
    shutil.copytree(finished_run, folder)
    (folder / "model.safetensors").unlink()
    done = archwright("resume", folder, "--budget", "6s")
    assert done.returncode == 0, done.stderr
    assert (folder / "model.safetensors").exists()


def test_a_changed_table_is_not_resumed_on(archwright, table, tmp_path):
    mine = tmp_path / "mine.csv"
    shutil.copy(table, mine)
    assert archwright("fit", mine, "--target", "y", "--budget", "5s", "--out", tmp_path / "run").returncode == 0
    before = (tmp_path / "run" / "run.json").read_bytes()
    mine.write_text(mine.read_text() + "40,red,0.5,yes\n")
    one_line(archwright("resume", tmp_path / "run", "--budget", "5s"), 2, "changed")
    assert (tmp_path / "run" / "run.json").read_bytes() == before


def test_a_device_that_is_not_there_is_one_clear_line(archwright, table, tmp_path):
    # No build of torch has a hundredth GPU here; worker processes need seconds to find out.
    done = archwright(
        "fit", table, "--target", "y", "--budget", "20s", "--device", "cuda:99", "--out", tmp_path / "run"
    )
    one_line(done, 2, "cuda:99")


def test_a_time_too_short_for_any_network_says_what_the_result_is(archwright, table, tmp_path):
    done = archwright("fit", table, "--target", "y", "--budget", "0.5s", "--out", tmp_path / "run", "--json")
    assert done.returncode == 0, done.stderr
    assert "a constant prediction" in done.stderr
    assert archwright("predict", tmp_path / "run", table, "--json").returncode == 0
