"""A private redis-server for tests."""

import shutil
import socket
import tempfile
from pathlib import Path

from tests.services.process import Child, free_port, program
from tests.services.server import PrivateServer


class RedisServer(PrivateServer):
    """A redis-server of our own on 127.0.0.1, without persistence.

    A restart loses everything and has a new ``run_id``.
    """

    def __init__(self, *, folder: Path, port: int) -> None:
        self.port = port
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
        child = Child(command, log=folder / "redis.log", answers=lambda: self._say(b"PING") == b"+PONG\r\n")
        super().__init__(child, folder=folder)

    @classmethod
    def start_private(cls) -> "RedisServer":
        """Start one on a free port in a new temporary folder."""
        folder = Path(tempfile.mkdtemp(prefix="houzhen-redis-"))
        try:
            server = cls(folder=folder, port=free_port())
            server._child.start()
        except BaseException:
            shutil.rmtree(folder, ignore_errors=True)
            raise
        return server

    @property
    def url(self) -> str:
        """For ``redis.asyncio.from_url``; database 0."""
        return f"redis://127.0.0.1:{self.port}/0"

    def empty(self) -> None:
        """Forget every key of every database."""
        assert self._say(b"FLUSHALL") == b"+OK\r\n"

    def _say(self, command: bytes) -> bytes:
        with socket.create_connection(("127.0.0.1", self.port), timeout=5) as connection:
            connection.sendall(command + b"\r\n")
            return connection.recv(64)
