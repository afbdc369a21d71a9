"""The driver's handle on one worker process."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from multiprocessing.connection import Connection
from typing import IO, Any

from archwright.core.errors import WorkerError

__all__ = ["WorkerProcess"]

#: One thread per process: oversubscription costs up to 20x on small machines.
_ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")


class WorkerProcess:
    """A started worker: its connection, what says that it died, and what it wrote to stderr.

    Raises:
        WorkerError: if the system cannot start a process.
    """

    def __init__(self, preload: Sequence[str], env: Mapping[str, str]) -> None:
        ours, theirs = socket.socketpair()
        self._stderr: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 - lives as long as the worker
        try:
            # -P keeps the current folder off the path: a user's random.py there must not shadow the library's.
            # A process group of its own keeps Ctrl-C in the terminal away from workers. Not a session of its own:
            # Linux gives each session an equal share of the processor, so workers would starve their driver.
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-m", "archwright.run.worker", str(theirs.fileno())],
                stdin=subprocess.DEVNULL,
                stdout=self._stderr,
                stderr=self._stderr,
                pass_fds=[theirs.fileno()],
                env={**os.environ, **_ONE_THREAD, **env},
                process_group=0,
            )
        except OSError as error:
            ours.close()
            self._stderr.close()
            raise WorkerError(f"a worker process cannot be started: {error}") from error
        finally:
            theirs.close()
        self.connection = Connection(ours.detach())
        self._sentinel = _sentinel(self._process.pid)
        self.send(("hello", list(sys.path), tuple(preload)))

    @property
    def pid(self) -> int:
        """The worker's process id."""
        return self._process.pid

    def signals(self) -> list[Any]:
        """Return what becomes readable when the worker says something or dies."""
        return [self.connection] if self._sentinel is None else [self.connection, self._sentinel]

    def send(self, message: tuple[Any, ...]) -> None:
        """Send one message. To a dead worker it goes nowhere: its death shows at the next `receive`."""
        with contextlib.suppress(OSError):
            self.connection.send(message)

    def receive(self) -> list[tuple[Any, ...]] | None:
        """Return the messages that wait; None once there are none and the worker is dead."""
        messages: list[tuple[Any, ...]] = []
        try:
            while self.connection.poll(0):
                messages.append(self.connection.recv())
        except (EOFError, OSError):
            return messages or None
        if messages or self._process.poll() is None:
            return messages
        return None

    def kill(self) -> None:
        """End the worker and its own children now, and give back what it held. Safe to call twice."""
        if self._process.returncode is None:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self._process.pid, signal.SIGKILL)
            self._process.kill()
            self._process.wait()
        if self._sentinel is not None:
            os.close(self._sentinel)
            self._sentinel = None
        if not self.connection.closed:
            self.connection.close()
        self._stderr.close()

    def cause_of_death(self) -> str:
        """Return how the worker ended, and the last thing it wrote. Waits for it to be gone."""
        try:
            code = self._process.wait(timeout=5)
        except subprocess.TimeoutExpired:
            return "worker closed its connection"
        said = self.last_words(lines=1)
        how = f"worker killed by signal {-code}" if code < 0 else f"worker exited with code {code}"
        return f"{how}: {said}" if said else how

    def last_words(self, *, lines: int) -> str:
        """Return the last lines that the worker wrote to stdout or stderr."""
        size = self._stderr.seek(0, os.SEEK_END)
        self._stderr.seek(max(0, size - 8192))
        return "\n".join(self._stderr.read().decode(errors="replace").strip().splitlines()[-lines:])


def _sentinel(pid: int) -> int | None:
    """Return a descriptor that becomes readable when `pid` dies; None where the system has no such thing."""
    # The connection's end of file says the same, unless a child of the worker still holds the socket.
    try:
        return os.pidfd_open(pid)
    except (AttributeError, OSError):
        return None
