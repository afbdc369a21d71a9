"""A PostgreSQL server of our own, for one test session."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

__all__ = ["server"]

_OPTIONS = "-c fsync=off -c full_page_writes=off -c synchronous_commit=off -c shared_buffers=16MB"


@contextmanager
def server() -> Iterator[str]:
    """Give the URL of a fresh server on the loopback; skip where PostgreSQL is not installed."""
    initdb, postgres = _program("initdb"), _program("postgres")
    become = _become_unprivileged()
    with tempfile.TemporaryDirectory(prefix="archwright-pg-", ignore_cleanup_errors=True) as folder:
        data = Path(folder) / "data"
        data.mkdir()
        if os.getuid() == 0:
            user = pwd.getpwnam("postgres")
            for path in (Path(folder), data):
                os.chown(path, user.pw_uid, user.pw_gid)
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.STDOUT, "cwd": folder, "preexec_fn": become}
        prepare = [initdb, "-D", data, "-A", "trust", "-U", "tester", "-N", "-E", "UTF8", "--locale=C"]
        subprocess.run(prepare, check=True, timeout=60, **quiet)
        port = _free_port()
        command = f"{postgres} -D {data} -h 127.0.0.1 -p {port} -k {folder} {_OPTIONS}".split()
        process = subprocess.Popen(command, **quiet)
        try:
            _wait_for(port, process)
            yield f"postgresql://tester@127.0.0.1:{port}/postgres"
        finally:
            process.send_signal(signal.SIGINT)  # does not wait for clients, as SIGTERM would
            try:
                process.wait(timeout=5)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _program(name: str) -> str:
    """Return the path of a program of the newest PostgreSQL."""
    packaged = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"))
    found = str(packaged[-1]) if packaged else shutil.which(name)
    if found is None:
        pytest.skip(f"needs PostgreSQL: {name} is neither on PATH nor in /usr/lib/postgresql")
    return found


def _become_unprivileged() -> Callable[[], None] | None:
    """Return what makes a child process run as `postgres`: the server refuses to run as root."""
    if os.getuid() != 0:
        return None
    try:
        user = pwd.getpwnam("postgres")
    except KeyError:
        pytest.skip("needs a user `postgres`: the server refuses to run as root")

    def become() -> None:
        os.setgid(user.pw_gid)
        os.setgroups([])
        os.setuid(user.pw_uid)

    return become


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait_for(port: int, process: subprocess.Popen[bytes]) -> None:
    import psycopg

    until_s = time.monotonic() + 20
    while time.monotonic() < until_s and process.poll() is None:
        with suppress(psycopg.OperationalError):
            psycopg.connect(host="127.0.0.1", port=port, user="tester", dbname="postgres").close()
            return
        time.sleep(0.05)
    pytest.fail("the PostgreSQL server of the test did not start")
