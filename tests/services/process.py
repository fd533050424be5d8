"""One child process of the tests: started, awaited, stopped by its own id, never left behind."""

import contextlib
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Sequence
from pathlib import Path

START_SECONDS = 30.0
STOP_SECONDS = 10.0


class ProgramIsMissing(Exception):
    """A server program is not installed; the text says what to install."""


class DidNotStart(Exception):
    """A server ended, or did not answer in time; the text holds the end of its log."""


def program(*names: str, package: str) -> str:
    """Find the first of the programs on this machine, also outside a user's PATH."""
    for name in names:
        found = shutil.which(name) or shutil.which(name, path="/usr/sbin:/usr/local/sbin:/usr/libexec:/sbin")
        if found:
            return found
    raise ProgramIsMissing(f"{names[0]} is not installed (apt-get install {package})")


def free_port() -> int:
    """A TCP port of 127.0.0.1 that was free a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Child:
    """A server process with its log file. ``answers`` tells whether it serves; it may raise ``OSError``."""

    def __init__(self, command: Sequence[str], *, log: Path, answers: Callable[[], bool]) -> None:
        # The kernel ends the server when the test process dies, even by kill -9.
        setpriv = shutil.which("setpriv")
        self._command = [setpriv, "--pdeathsig", "KILL", *command] if setpriv else list(command)
        self._log = log
        self._answers = answers
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        """The process id; the child must have been started."""
        assert self._process is not None
        return self._process.pid

    @property
    def running(self) -> bool:
        """Whether the process lives (it may be paused)."""
        return self._process is not None and self._process.poll() is None

    def start(self) -> None:
        """Start and wait until it answers; raises ``DidNotStart`` with the end of its log."""
        assert not self.running
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                self._command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
            )
        until = time.monotonic() + START_SECONDS
        while time.monotonic() < until and self._process.poll() is None:
            with contextlib.suppress(OSError):
                if self._answers():
                    return
            time.sleep(0.02)
        self.kill()
        raise DidNotStart(f"{self._command}: {self._log.read_text(errors='replace')[-2000:]}")

    def stop(self) -> None:
        """End politely (SIGTERM), then by force after ``STOP_SECONDS``. Harmless when it is not running."""
        if self._process is None or self._process.poll() is not None:
            return
        self.resume()
        self._process.terminate()
        try:
            self._process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.kill()

    def kill(self) -> None:
        """End as a power cut would (SIGKILL) and wait until it is gone."""
        if self._process is not None and self._process.poll() is None:
            self._process.kill()
        if self._process is not None:
            self._process.wait(STOP_SECONDS)

    def pause(self) -> None:
        """Stop it from running while its sockets stay open; returns when it stands still."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)
        until = time.monotonic() + STOP_SECONDS
        while time.monotonic() < until and not self._stands_still():
            time.sleep(0.005)

    def _stands_still(self) -> bool:
        threads = Path(f"/proc/{self.pid}/task").glob("*/stat")
        try:
            return all(stat.read_text().rpartition(")")[2].split()[0] == "T" for stat in threads)
        except OSError:  # a thread ended while we looked
            return False

    def resume(self) -> None:
        """Let a paused process run again."""
        assert self._process is not None
        self._process.send_signal(signal.SIGCONT)
