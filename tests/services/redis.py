"""A private redis-server for tests."""

import shutil
import socket
import tempfile
from pathlib import Path

from tests.services.process import Child, free_port, program


class RedisServer:
    """A redis-server of our own on 127.0.0.1, without persistence.

    Fault handles: ``kill()`` (SIGKILL), ``restart()`` (same port, empty, new ``run_id``), ``pause()`` and
    ``resume()`` (a server that stalls with open sockets), ``stop()`` / ``ensure_running()``.
    """

    def __init__(self, *, folder: Path, port: int, owns_folder: bool = False) -> None:
        self.port = port
        self._folder = folder
        self._owns_folder = owns_folder
        options = {
            "--bind": "127.0.0.1",
            "--port": str(port),
            "--dir": str(folder),
            "--save": "",
            "--appendonly": "no",
            "--daemonize": "no",
            "--databases": "16",
            "--loglevel": "warning",
        }
        command = [
            program("redis-server", package="redis-server"),
            *(part for pair in options.items() for part in pair),
        ]
        self._child = Child(
            command, log=folder / "redis.log", answers=lambda: self._say(b"PING") == b"+PONG\r\n"
        )

    @classmethod
    def start_private(cls) -> "RedisServer":
        """Start one on a free port in a new temporary folder."""
        folder = Path(tempfile.mkdtemp(prefix="houzhen-redis-"))
        try:
            server = cls(folder=folder, port=free_port(), owns_folder=True)
            server._child.start()
        except BaseException:
            shutil.rmtree(folder, ignore_errors=True)
            raise
        return server

    @property
    def url(self) -> str:
        """For ``redis.asyncio.from_url``; database 0."""
        return f"redis://127.0.0.1:{self.port}/0"

    @property
    def pid(self) -> int:
        return self._child.pid

    def empty(self) -> None:
        """Forget every key of every database."""
        assert self._say(b"FLUSHALL") == b"+OK\r\n"

    def ensure_running(self) -> None:
        """Bring it back after a test that killed or paused it."""
        if self._child.running:
            self._child.resume()
        else:
            self._child.start()

    def kill(self) -> None:
        """End it as a power cut would."""
        self._child.kill()

    def restart(self) -> None:
        """Kill it and start it again on the same port, empty."""
        self._child.kill()
        self._child.start()

    def pause(self) -> None:
        """Make it stall: connections stay open, nothing is answered."""
        self._child.pause()

    def resume(self) -> None:
        """End the stall."""
        self._child.resume()

    def stop(self) -> None:
        """End it and remove its folder."""
        self._child.stop()
        if self._owns_folder:
            shutil.rmtree(self._folder, ignore_errors=True)

    def _say(self, command: bytes) -> bytes:
        with socket.create_connection(("127.0.0.1", self.port), timeout=5) as connection:
            connection.sendall(command + b"\r\n")
            return connection.recv(64)
