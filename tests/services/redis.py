"""A private redis-server for tests."""

import shutil
import socket
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from redis import Redis

from tests.services.process import Child, free_port, program
from tests.services.server import PrivateServer


class RedisServer(PrivateServer):
    """A redis-server of our own on 127.0.0.1, without persistence.

    A restart loses everything and has a new ``run_id``. ``options`` are added to its command line.
    """

    def __init__(self, *, folder: Path, port: int, options: Mapping[str, str] | None = None) -> None:
        self.port = port
        self.folder = folder
        every = {
            "--bind": "127.0.0.1",
            "--port": str(port),
            "--dir": str(folder),
            "--save": "",
            "--appendonly": "no",
            "--daemonize": "no",
            "--databases": "16",
            "--loglevel": "warning",
            "--repl-diskless-sync-delay": "0",
            **(options or {}),
        }
        command = [
            program("redis-server", package="redis-server"),
            *(part for pair in every.items() for part in pair),
        ]
        child = Child(command, log=folder / "redis.log", answers=lambda: listens(port))
        super().__init__(child, folder=folder)

    @classmethod
    def start_private(cls, options: Mapping[str, str] | None = None) -> "RedisServer":
        """Start one on a free port in a new temporary folder."""
        folder = Path(tempfile.mkdtemp(prefix="houzhen-redis-"))
        try:
            server = cls(folder=folder, port=free_port(), options=options)
            server._child.start()
        except BaseException:
            shutil.rmtree(folder, ignore_errors=True)
            raise
        return server

    @property
    def address(self) -> str:
        """``host:port``."""
        return f"127.0.0.1:{self.port}"

    @property
    def url(self) -> str:
        """For ``redis.asyncio.from_url``; database 0."""
        return f"redis://{self.address}/0"

    @property
    def urls(self) -> tuple[str, ...]:
        """For ``broker.url``."""
        return (self.url,)

    def say(self, *command: str | int) -> Any:
        """One command of an administrator, and its answer."""
        return said(self.port, *command)

    def empty(self) -> None:
        """Forget every key of every database."""
        self.say("FLUSHALL")


def listens(port: int) -> bool:
    """Whether a server answers at the port; one that wants a password does too."""
    with socket.create_connection(("127.0.0.1", port), timeout=5) as connection:
        connection.sendall(b"PING\r\n")
        return connection.recv(64)[:1] in (b"+", b"-")


def said(port: int, *command: str | int) -> Any:
    """What the server at a port says to a command (``"CLUSTER INFO"`` is one word)."""
    with Redis(port=port, socket_timeout=5, decode_responses=True) as client:
        return client.execute_command(*command)
